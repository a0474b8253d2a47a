"""The trust root: one spelling, pinned bytes, and everything else refused."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.anchor.trust import Engine, TrustRoot, TrustRootMalformed
from registry.kernel.encoding import canonical_json
from registry.kernel.identifiers import Address, BlockHash, ContractAddress, Digest

ROOT = TrustRoot(
    genesis=BlockHash(bytes(range(32))),
    contract=ContractAddress(chain_id=20268, address=Address("0x" + "5f" * 20)),
    code_hash=Digest(bytes(range(32, 64))),
    engine=Engine.QBFT,
    signers=(Address("0x" + "0a" * 20), Address("0x" + "0b" * 20)),
)
DOCUMENT = (
    b'{"chainId":20268,"codeHash":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8",'
    b'"contract":"eip155:20268:0x5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f5f","engine":"qbft",'
    b'"genesis":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","signers":['
    b'"0x0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a","0x0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"],'
    b'"type":"TrustRoot","version":1}'
)


def test_canonical_bytes_are_pinned() -> None:
    assert ROOT.document() == DOCUMENT
    assert ROOT.digest().hex() == "f9fb801193608f34a7c303280d87a02747a7ab872b7b9b4ede2a90933d9d2f88"
    assert TrustRoot.parse(DOCUMENT) == ROOT


def test_signers_are_sorted_whatever_order_they_came_in() -> None:
    assert replace(ROOT, signers=ROOT.signers[::-1]).document() == DOCUMENT


@pytest.mark.parametrize(
    "change",
    [
        {"type": "Root"},
        {"version": 2},
        {"version": True},
        {"chainId": 1},
        {"contract": "eip155:1:0x" + "5f" * 20},
        {"genesis": "AAEC"},
        {"codeHash": "0x00"},
        {"engine": "aura"},
        {"signers": ["0x" + "0b" * 20, "0x" + "0a" * 20]},
        {"signers": ["0x" + "0A" * 20, "0x" + "0b" * 20]},
        {"signers": "0x" + "0a" * 20},
        {"signers": [["0x"]]},
        {"note": "x"},
        {"genesis": None},
    ],
    ids=str,
)
def test_other_members_and_spellings_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(TrustRootMalformed):
        TrustRoot.parse(canonical_json({**json.loads(DOCUMENT), **change}))


@pytest.mark.parametrize("data", [b"", b"[]", b"null", DOCUMENT + b"\n", b" " + DOCUMENT, b"[" * 5000])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(TrustRootMalformed):
        TrustRoot.parse(data)


@given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 255))
@settings(max_examples=200, deadline=None)
def test_one_byte_changed_is_refused_or_another_root(position: int, mask: int) -> None:
    changed = DOCUMENT[:position] + bytes([DOCUMENT[position] ^ mask]) + DOCUMENT[position + 1 :]
    try:
        root = TrustRoot.parse(changed)
    except TrustRootMalformed:
        return
    assert root != ROOT
    assert root.digest() != ROOT.digest()
