"""Anything that members can propose, drawn at random."""

from typing import Any

from hypothesis import strategies as st

from registry.anchor.ballots import PARTS, Motion, Recorded
from registry.anchor.history import BallotKind
from registry.kernel.identifiers import Address, BatchId, Digest, IssuerCode, ScopeCode

words = st.binary(min_size=32, max_size=32).filter(any)
accounts = st.binary(min_size=20, max_size=20).filter(any).map(lambda raw: Address("0x" + raw.hex()))
seconds = st.integers(1, 2**40 - 2)
ANY: dict[str, st.SearchStrategy[Any]] = {
    "member": accounts,
    "threshold": st.integers(1, 128),
    "issuer": st.from_regex(r"[A-Z0-9-]{2,31}", fullmatch=True).map(IssuerCode),
    "controller": accounts,
    "scope": st.from_regex(r"[A-Z0-9][A-Z0-9-]{0,20}/[A-Z0-9]{1,9}", fullmatch=True).map(ScopeCode),
    "key": words,
    "valid_from": st.just(0),
    "until": seconds,
    "since": seconds,
    "batch": words.map(BatchId),
    "leaves": st.tuples(st.integers(0, 131_071), st.sets(st.integers(0, 127), min_size=1)).map(
        lambda drawn: tuple(drawn[0] * 128 + bit for bit in sorted(drawn[1]))
    ),
    "reason": st.integers(0, 65_535),
    "contract": accounts,
    "chain_id": st.integers(1, 2**64 - 1),
    "recorded": st.sampled_from(Recorded),
    "digest": words.map(Digest),
}


@st.composite
def motions(draw: st.DrawFn) -> Motion:
    kind = draw(st.sampled_from(BallotKind))
    parts = {part: draw(ANY[part]) for part in PARTS[kind]}
    if kind is BallotKind.ADD_APPROVER:
        parts["key"] = bytes(12) + bytes.fromhex(draw(accounts)[2:])
    return Motion(kind=kind, **parts)
