"""Whatever is handed in gets a verdict, and nothing but the issued document gets the good one."""

import json
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from registry.anchor.history import KeyKind
from registry.credential import Altered, Unreadable, full_presentation, parse
from registry.kernel.encoding import NotCanonical, b64url, canonical_json, unb64url
from registry.verification import Outcome, Report, Submission
from tests.unit.registry.verification.scene import (
    ANCHORED,
    FOREVER,
    ISSUED,
    KEY,
    LATER,
    Chain,
    chain_in_order,
    full_bundle,
    public_text,
    slot,
)

CHAIN = chain_in_order()
CIRCUMSTANCES = CHAIN.circumstances()
BUNDLE = CHAIN.bundle()
FULL_BUNDLE = full_bundle(CHAIN)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def judged(data: bytes) -> Report:
    report = CHAIN.judge_document(data)
    assert len(report.findings) == 5
    assert report.code.split("/")[0] == report.outcome
    if report.outcome in {Outcome.UNREADABLE, Outcome.ALTERED}:
        assert report.content is None
    return report


def require_never_valid(data: bytes) -> None:
    assert judged(data).outcome in {Outcome.UNREADABLE, Outcome.ALTERED}, data


def with_byte(data: bytes, position: int, mask: int) -> bytes:
    return data[:position] + bytes([data[position] ^ mask]) + data[position + 1 :]


def test_what_is_changed_below_is_valid_before() -> None:
    assert judged(BUNDLE).outcome is Outcome.VALID
    assert judged(FULL_BUNDLE).outcome is Outcome.VALID


@given(position=st.integers(0, len(BUNDLE) - 1), mask=st.integers(1, 255))
@settings(max_examples=400, deadline=None)
def test_one_byte_changed_anywhere(position: int, mask: int) -> None:
    require_never_valid(with_byte(BUNDLE, position, mask))


@pytest.mark.deep
@given(position=st.integers(0, len(FULL_BUNDLE) - 1), mask=st.integers(1, 255))
@settings(max_examples=20_000, deadline=None)
def test_one_byte_changed_anywhere_many_times(position: int, mask: int) -> None:
    require_never_valid(with_byte(FULL_BUNDLE, position, mask))


@pytest.mark.deep
@pytest.mark.parametrize("mask", [0x01, 0x02, 0x20, 0x80])
def test_every_byte_changed(mask: int) -> None:
    for position in range(len(BUNDLE)):
        require_never_valid(with_byte(BUNDLE, position, mask))


@given(position=st.integers(0, len(BUNDLE) - 1), length=st.integers(1, 8), put=st.binary(max_size=8))
@settings(max_examples=300, deadline=None)
def test_bytes_cut_out_or_put_in(position: int, length: int, put: bytes) -> None:
    changed = BUNDLE[:position] + put + BUNDLE[position + length :]
    if changed != BUNDLE:
        require_never_valid(changed)
    if put:
        require_never_valid(BUNDLE[:position] + put + BUNDLE[position:])


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_any_member_replaced_by_anything(data: st.DataObject) -> None:
    """Also in canonical form, so that the spelling alone does not give it away."""
    whole: dict[str, Any] = json.loads(BUNDLE)
    part = data.draw(st.sampled_from([whole, whole["anchor"], whole["key"]]))
    name = data.draw(st.sampled_from(sorted(part)))
    before, after = part[name], data.draw(JSON)
    part[name] = after
    try:
        changed = canonical_json(whole)
    except NotCanonical:
        return
    if after != before or type(after) is not type(before):
        require_never_valid(changed)


@given(st.binary(max_size=3000))
@settings(max_examples=300, deadline=None)
@example(b"\xef\xbb\xbf" + BUNDLE)
@example(b"{" + b'"a":' * 5000)
@example(b"[" * 20_000)
@example(b'{"credential":' + b"[" * 20_000)
@example(b"~" * 20_000)
@example(b"." * 10 + b"~" * 30)
@example(BUNDLE * 3)
@example(BUNDLE[: len(BUNDLE) // 2])
def test_no_bytes_whatever_make_the_judge_raise(data: bytes) -> None:
    require_never_valid(data)


@given(st.text(max_size=200), st.integers(0, 4000))
@settings(max_examples=200, deadline=None)
def test_no_text_pushed_into_a_presentation_makes_the_judge_raise(text: str, position: int) -> None:
    shown = public_text()
    changed = shown[:position] + text + shown[position:]
    if text and changed != shown:
        assert judged(changed.encode("utf-8", "replace")).outcome is not Outcome.VALID


def signed(payload: dict[str, Any]) -> str:
    """Whatever the issuer's own key may sign."""
    header = json.dumps({"alg": "ES256", "typ": "dc+sd-jwt", "kid": b64url(KEY.thumbprint())}, separators=(",", ":"))
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    message = f"{b64url(header.encode())}.{b64url(body.encode('utf-8', 'surrogatepass'))}"
    return f"{message}.{b64url(KEY.sign(message.encode()))}~"


PAYLOAD: dict[str, Any] = json.loads(unb64url(ISSUED.presentation().jwt.split(".")[1]))
EXTREMES = st.sampled_from([0, -1, 1, 2**31, 2**40 - 1, 2**53 - 1, 253_402_300_799, 253_402_214_400, "", "x" * 200])


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_nothing_that_an_issuer_signs_makes_the_judge_raise(data: st.DataObject) -> None:
    """A key in order says strange things: the document was never put into the batch, so it is never valid."""
    payload = json.loads(json.dumps(PAYLOAD))
    part = data.draw(st.sampled_from([payload, payload["anchor"], payload["status"], payload["achievement"]]))
    name = data.draw(st.sampled_from(sorted(part)))
    before, after = part[name], data.draw(EXTREMES | JSON)
    part[name] = after
    text = signed(payload)
    if after == before:
        return
    assert judged(text.encode()).outcome is not Outcome.VALID
    try:
        credential = parse(text)
    except (Unreadable, Altered):
        return
    for receipt in (CHAIN.receipt(), None):
        for awaits in (True, False):
            submission = Submission(credential=credential, receipt=receipt, key=KEY.public_key(), awaits_chain=awaits)
            for knowledge in (CHAIN.knowledge(), None):
                assert CHAIN.judge(submission, knowledge=knowledge).outcome is not Outcome.VALID


@given(
    kind=st.sampled_from(KeyKind),
    start=st.integers(0, FOREVER),
    until=st.integers(0, FOREVER),
    since=st.integers(0, FOREVER),
)
@settings(max_examples=300, deadline=None)
@example(kind=KeyKind.CREDENTIAL, start=FOREVER, until=FOREVER, since=FOREVER)
@example(kind=KeyKind.CREDENTIAL, start=0, until=FOREVER, since=0)
def test_every_registration_of_a_key_gets_a_verdict(kind: KeyKind, start: int, until: int, since: int) -> None:
    chain = chain_in_order()
    chain.key(KEY.thumbprint(), slot(kind, start=start, until=until, since=since), LATER)
    anchored = int(ANCHORED.timestamp())
    good = kind is KeyKind.CREDENTIAL and start <= anchored < until and not 0 < since <= anchored
    assert (chain.judge().outcome is Outcome.VALID) == good


def test_only_the_disclosures_that_were_signed_may_be_shown() -> None:
    """Any choice of them, in any order, is the document; one more is not."""
    jwt = ISSUED.presentation().jwt
    texts = list(ISSUED.presentation().disclosures.values())
    draw = random.Random(20268)
    for _ in range(30):
        chosen = draw.sample(texts, draw.randrange(len(texts) + 1))
        shown = "~".join((jwt, *chosen, ""))
        data = BUNDLE.replace(public_text().encode(), shown.encode())
        assert judged(data).outcome is Outcome.VALID
        if chosen:
            require_never_valid(data.replace(shown.encode(), f"{shown}{chosen[0]}~".encode()))
    neighbour = full_presentation(ISSUED.presentation(0)).split("~")[1]
    require_never_valid(BUNDLE.replace(public_text().encode(), f"{jwt}~{neighbour}~".encode()))


def test_parts_of_two_genuine_bundles_make_no_third() -> None:
    chain = Chain()
    chain.accredit()
    chain.add_keys()
    chain.anchor()
    one, two = (json.loads(chain.bundle(index=index)) for index in (0, 1))
    for name in ("credential", "anchor"):
        mixed = canonical_json({**one, name: two[name]})
        assert chain.judge_document(mixed).outcome is Outcome.ALTERED
    mixed = canonical_json({**one, "anchor": {**one["anchor"], "inclusionProof": two["anchor"]["inclusionProof"]}})
    assert chain.judge_document(mixed).outcome is Outcome.ALTERED
    jwt, disclosure, *_ = two["credential"].split("~")
    head, _, signature = jwt.rpartition(".")
    other = one["credential"].split("~")[0].rpartition(".")[2]
    assert signature != other
    swapped = canonical_json({**one, "credential": f"{head}.{other}~{disclosure}~"})
    assert chain.judge_document(swapped).outcome is Outcome.ALTERED
