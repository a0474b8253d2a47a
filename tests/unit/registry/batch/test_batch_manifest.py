"""What stands behind a batch: commitments, the manifest's bytes, the permutation."""

import hashlib
import json
import random
from collections import Counter
from dataclasses import fields, replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.batch import SALT_LENGTH, BatchManifest, BatchSizeRefused, RosterRow, ScoreRow, draw_indices, require_size
from registry.kernel.encoding import NotCanonical, b64url
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import BatchId, Digest, IssuerCode, RootHash, ScopeCode

SALT = bytes(range(32))
NO_HASH = "A" * 43
"""32 zero bytes in base64url."""
ROSTER = RosterRow(
    jti="urn:uuid:0a3f2c58-5f0e-4c1c-9f0a-000000000001",
    name="李知行",
    identity_type="resident-identity-card",
    identity_number="11010519491231002X",
    rule="graduate",
    decision="eligible",
)
SCORES = ScoreRow(
    jti="urn:uuid:0a3f2c58-5f0e-4c1c-9f0a-000000000001",
    papers=(("computer", 8650), ("practice", 9100)),
    entered_by="chen",
    confirmed_by="liu",
)
MANIFEST = BatchManifest(
    issuer=IssuerCode("LNSEC"),
    batch=BatchId(bytes(32)),
    scope=ScopeCode("AIGC-APP/3"),
    size=5,
    programme_version="2026",
    programme_digest=Digest(bytes([1]) * 32),
    roster_root=RootHash(bytes([2]) * 32),
    scores_root=RootHash(bytes([3]) * 32),
)

# Commitments


def test_roster_commitment_is_the_published_formula() -> None:
    row = (
        '{"decision":"eligible","identityNumber":"11010519491231002X","identityType":"resident-identity-card",'
        '"jti":"urn:uuid:0a3f2c58-5f0e-4c1c-9f0a-000000000001","name":"李知行","rule":"graduate"}'
    )
    expected = hashlib.sha256(b"vermilion/roster-row/1" + b"\0" + SALT + row.encode()).digest()
    assert ROSTER.commitment(SALT) == expected
    assert expected.hex() == "2ae3a0b43bb29f1d21edb7ba69d16e328d92352e3949e17387553a34f08a7c3f"


def test_score_commitment_is_the_published_formula() -> None:
    row = (
        '{"confirmedBy":"liu","enteredBy":"chen","jti":"urn:uuid:0a3f2c58-5f0e-4c1c-9f0a-000000000001",'
        '"papers":[{"hundredths":8650,"paper":"computer"},{"hundredths":9100,"paper":"practice"}]}'
    )
    expected = hashlib.sha256(b"vermilion/score-row/1" + b"\0" + SALT + row.encode()).digest()
    assert SCORES.commitment(SALT) == expected
    assert expected.hex() == "d932f3da871dfce657874b3b67fd7c65d49de265221cc32755aab627640bb69a"


@pytest.mark.parametrize("member", [one.name for one in fields(RosterRow)])
def test_every_member_of_a_roster_row_is_committed(member: str) -> None:
    other = Digest(bytes(32)) if member == "portrait" else "x"
    assert replace(ROSTER, **{member: other}).commitment(SALT) != ROSTER.commitment(SALT)


def test_a_photograph_is_committed_by_its_digest() -> None:
    row = (
        '{"decision":"eligible","identityNumber":"11010519491231002X","identityType":"resident-identity-card",'
        f'"jti":"{ROSTER.jti}","name":"{ROSTER.name}","portrait":"{NO_HASH}","rule":"{ROSTER.rule}"}}'
    )
    expected = hashlib.sha256(b"vermilion/roster-row/1" + b"\0" + SALT + row.encode()).digest()
    assert replace(ROSTER, portrait=Digest(bytes(32))).commitment(SALT) == expected


@pytest.mark.parametrize(
    "changed",
    [
        replace(SCORES, jti="x"),
        replace(SCORES, papers=SCORES.papers[::-1]),
        replace(SCORES, papers=SCORES.papers[:1]),
        replace(SCORES, papers=(("computer", 8651), ("practice", 9100))),
        replace(SCORES, entered_by="liu"),
        replace(SCORES, confirmed_by="chen"),
    ],
)
def test_every_member_of_a_score_row_is_committed(changed: ScoreRow) -> None:
    assert changed.commitment(SALT) != SCORES.commitment(SALT)


def test_salt_hides_equal_rows_and_the_tag_keeps_kinds_apart() -> None:
    assert SALT_LENGTH == 32
    assert ROSTER.commitment(SALT) != ROSTER.commitment(bytes(32))
    assert len(ROSTER.commitment(SALT)) == 32


# The manifest


def test_bytes_of_the_manifest_are_pinned() -> None:
    assert MANIFEST.document() == (
        b'{"batch":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","issuer":"LNSEC",'
        b'"programme":{"digest":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE","version":"2026"},'
        b'"rosterRoot":"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI","scope":"AIGC-APP/3",'
        b'"scoresRoot":"AwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwM","size":5,"type":"BatchManifest","version":1}'
    )
    assert MANIFEST.digest() == hashlib.sha256(MANIFEST.document()).digest()
    assert MANIFEST.digest().hex() == "0a9b629cc9678d50be1e291f985eb1c61def5944a6e4b9b668ab64d5323f70d3"


@pytest.mark.parametrize("member", [one.name for one in fields(BatchManifest)])
def test_every_member_of_the_manifest_is_bound(member: str) -> None:
    value: Any = getattr(MANIFEST, member)
    other: Any = value + 1 if isinstance(value, int) else bytes([9]) * 32 if isinstance(value, bytes) else "X/9"
    changed = replace(MANIFEST, **{member: other})
    assert changed.digest() != MANIFEST.digest()
    assert json.loads(changed.document()).keys() == json.loads(MANIFEST.document()).keys()


# Size and permutation


@pytest.mark.parametrize("size", [1, 2, 2**24 - 1])
def test_sizes_that_the_contract_counts(size: int) -> None:
    require_size(size)


@pytest.mark.parametrize("size", [-1, 0, 2**24])
def test_sizes_that_it_does_not(size: int) -> None:
    with pytest.raises(BatchSizeRefused) as caught:
        require_size(size)
    assert caught.value.size == size
    assert isinstance(caught.value, RuleRefusal)


@given(st.integers(0, 300))
@settings(max_examples=60, deadline=None)
def test_indices_are_a_permutation(size: int) -> None:
    assert sorted(draw_indices(size)) == list(range(size))


def test_every_permutation_is_equally_likely() -> None:
    """All 24 orders of four, drawn 24,000 times: chi-square with 23 degrees of freedom, 0.1 per mille at 55."""
    draw = random.Random(20268)
    counts = Counter(tuple(draw_indices(4, draw.randrange)) for _ in range(24_000))
    assert len(counts) == 24
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 55


def test_position_tells_nothing_of_the_leaf() -> None:
    """Each of ten candidates comes to each of ten leaves equally often: 81 degrees of freedom, 0.1 per mille at 136."""
    draw = random.Random(1)
    rounds = 10_000
    counts = Counter(place for _ in range(rounds) for place in enumerate(draw_indices(10, draw.randrange)))
    expected = rounds / 10
    assert len(counts) == 100
    assert sum((count - expected) ** 2 / expected for count in counts.values()) < 136


def test_indices_come_from_a_secret_source_unless_told_otherwise() -> None:
    assert draw_indices(200) != draw_indices(200)
    asked: list[int] = []

    def least(below: int) -> int:
        asked.append(below)
        return 0

    draw_indices(5, least)
    assert asked == [5, 4, 3, 2]


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    texts=st.lists(ANY_TEXT, min_size=6, max_size=6),
    portrait=st.none() | st.binary(min_size=32, max_size=32).map(Digest),
    papers=st.lists(st.tuples(ANY_TEXT, st.integers(0, 100_000)), max_size=4).map(tuple),
)
def test_rows_are_committed_to_as_canonical_json(texts, portrait, papers):
    jti, name, identity_type, identity_number, rule, decision = texts
    roster = RosterRow(
        jti=jti,
        name=name,
        identity_type=identity_type,
        identity_number=identity_number,
        rule=rule,
        decision=decision,
        portrait=portrait,
    )
    said = {
        "jti": jti,
        "name": name,
        "identityType": identity_type,
        "identityNumber": identity_number,
        "rule": rule,
        "decision": decision,
        **({} if portrait is None else {"portrait": b64url(portrait)}),
    }
    tag = b"vermilion/roster-row/1\0"
    assert roster.commitment(SALT) == hashlib.sha256(tag + SALT + rfc8785.dumps(said)).digest()
    scores = ScoreRow(jti=jti, papers=papers, entered_by=name, confirmed_by=rule)
    said = {
        "jti": jti,
        "papers": [{"paper": paper, "hundredths": hundredths} for paper, hundredths in papers],
        "enteredBy": name,
        "confirmedBy": rule,
    }
    tag = b"vermilion/score-row/1\0"
    assert scores.commitment(SALT) == hashlib.sha256(tag + SALT + rfc8785.dumps(said)).digest()


def test_a_lone_surrogate_is_not_committed_to():
    with pytest.raises(NotCanonical):
        replace(ROSTER, name="\ud800").commitment(SALT)
    with pytest.raises(NotCanonical):
        replace(SCORES, entered_by="\udfff").commitment(SALT)
