"""What is shown before signing is read back from the very words that are signed."""

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.anchor.ballots import (
    PARTS,
    BallotUnreadable,
    KindUnknown,
    Motion,
    MotionMalformed,
    Recorded,
    kind_slug,
    motion_of,
    parse_kind,
)
from registry.anchor.history import Ballot, BallotKind
from tests.unit.registry.anchor.drawn_motions import ANY, motions, words


@given(motion=motions(), salt=st.binary(min_size=32, max_size=32))
def test_a_motion_is_read_back_from_its_ballot(motion: Motion, salt: bytes) -> None:
    ballot = motion.ballot(salt)
    assert motion_of(ballot) == motion
    assert ballot.salt == salt


@given(
    kind=st.sampled_from(BallotKind),
    subject=words,
    arg=st.integers(0, 2**256 - 1),
    ref=words,
    salt=st.binary(min_size=32, max_size=32),
)
def test_words_that_mean_nothing_are_named_as_such(
    kind: BallotKind, subject: bytes, arg: int, ref: bytes, salt: bytes
) -> None:
    ballot = Ballot(kind=kind, subject=subject, arg=arg, ref=ref, salt=salt)
    try:
        assert motion_of(ballot).ballot(salt) == ballot
    except BallotUnreadable as unreadable:
        named = unreadable.kind
    else:
        named = kind
    assert named is kind


@given(motion=motions(), part=st.sampled_from(sorted(ANY)), data=st.data())
def test_a_part_too_few_or_too_many_is_named(motion: Motion, part: str, data: st.DataObject) -> None:
    parts = {one.name: getattr(motion, one.name) for one in fields(motion)}
    parts[part] = None if part in PARTS[motion.kind] else data.draw(ANY[part])
    with pytest.raises(MotionMalformed) as caught:
        Motion(**parts)
    assert caught.value.part == part


@pytest.mark.parametrize(
    ("kind", "parts", "named"),
    [
        (BallotKind.THRESHOLD, {"threshold": 0}, "threshold"),
        (BallotKind.THRESHOLD, {"threshold": 129}, "threshold"),
        (BallotKind.GRANT_SCOPE, {"issuer": "AB", "scope": "P/1", "valid_from": 9, "until": 9}, "until"),
        (BallotKind.ADD_APPROVER, {"issuer": "AB", "key": b"\xff" * 32, "valid_from": 0, "until": 9}, "key"),
        (BallotKind.RECORD, {"recorded": Recorded.CHARTER, "digest": bytes(32)}, "digest"),
        (BallotKind.REVOKE_WORD, {"issuer": "AB", "batch": b"b" * 32, "leaves": (), "reason": 0}, "leaves"),
        (BallotKind.REVOKE_WORD, {"issuer": "AB", "batch": b"b" * 32, "leaves": (127, 128), "reason": 0}, "leaves"),
        (BallotKind.REVOKE_WORD, {"issuer": "AB", "batch": b"b" * 32, "leaves": (5, 5), "reason": 0}, "leaves"),
        (BallotKind.REVOKE_WORD, {"issuer": "AB", "batch": b"b" * 32, "leaves": (2**24,), "reason": 0}, "leaves"),
        (BallotKind.WITHDRAW, {"issuer": "AB", "reason": 65_536}, "reason"),
        (BallotKind.MIGRATE, {"contract": "0x" + "11" * 20, "chain_id": 2**64}, "chain_id"),
    ],
)
def test_values_outside_their_range_are_refused(kind: BallotKind, parts: dict[str, Any], named: str) -> None:
    with pytest.raises(MotionMalformed) as caught:
        Motion(kind=kind, **parts)
    assert caught.value.part == named
    assert named.replace("_", "-") in str(caught.value)


def test_kinds_are_named_as_they_are_typed() -> None:
    assert [parse_kind(kind_slug(kind).upper()) for kind in BallotKind] == list(BallotKind)
    with pytest.raises(KindUnknown):
        parse_kind("abolish")
