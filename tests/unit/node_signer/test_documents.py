"""Typed data as wallets exchange it: theirs and our signatures agree, and what is read is what is signed."""

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account

from node.client.operations import typed_data
from node.signer import (
    AccountKey,
    ApproverSigner,
    DocumentDiffers,
    DocumentMalformed,
    PolicyRefusal,
    SignatureMalformed,
    WalletSignature,
    approver_by,
    document_bytes,
    read_document,
    signature_of,
)
from registry.anchor.operations import AnchorApproval
from registry.kernel.encoding import parse_json
from registry.kernel.errors import Conflict, MalformedInput, RuleRefusal
from registry.kernel.identifiers import Address, ContractAddress
from registry.ports import ApprovalSigner
from tests.unit.node_signer.samples import BY_WALLETS, CONTRACT, SAMPLES, SECRET

ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
KEY = AccountKey(SECRET)
OTHER = ContractAddress(chain_id=20268, address=Address("0x" + "ba" * 20))
each = pytest.mark.parametrize("kind", SAMPLES)


def changed(value: Any) -> Any:
    """Give another value of the same type."""
    if isinstance(value, list):
        return [*value[:-1], changed(value[-1])]
    if not value.startswith("0x"):
        return str(int(value) + 1) if value.isdecimal() else value[:-1] + ("2" if value[-1] == "3" else "3")
    return value[:-1] + ("0" if value[-1] != "0" else "1")


# Wallets


@each
def test_wallets_sign_what_we_sign(kind: str) -> None:
    ours = ApproverSigner(KEY, CONTRACT).approve(SAMPLES[kind])
    assert signature_of(BY_WALLETS[kind]) == ours.signature
    by_account = Account.sign_typed_data(SECRET, full_message=json.loads(document_bytes(SAMPLES[kind], CONTRACT)))
    assert bytes(by_account.signature) == ours.signature
    assert approver_by(ours.signature, SAMPLES[kind], CONTRACT) == KEY.address


@each
def test_no_number_of_a_message_is_one_that_javascript_rounds(kind: str) -> None:
    def numbers(value: Any) -> bool:
        return any(map(numbers, value)) if isinstance(value, list) else isinstance(value, int)

    assert not any(map(numbers, typed_data(SAMPLES[kind], CONTRACT)["message"].values()))


@each
def test_document_is_read_back_as_it_was_written(kind: str) -> None:
    assert read_document(parse_json(document_bytes(SAMPLES[kind], CONTRACT)), CONTRACT) == SAMPLES[kind]


@each
def test_every_changed_member_is_named(kind: str) -> None:
    asked = SAMPLES[kind]
    document = typed_data(asked, CONTRACT)
    for member, value in document["message"].items():
        tampered = {**document, "message": {**document["message"], member: changed(value)}}
        signed = read_document(tampered, CONTRACT)
        assert signed != asked
        signature = ApproverSigner(KEY, CONTRACT).approve(signed).signature
        with pytest.raises(DocumentDiffers) as differs:
            WalletSignature(signed, signature, CONTRACT).approve(asked)
        assert (differs.value.member, differs.value.code) == (member, "signer/document-differs")
        assert isinstance(differs.value, Conflict)


def test_another_structure_is_named() -> None:
    signed = SAMPLES["Revoke"]
    signature = ApproverSigner(KEY, CONTRACT).approve(signed).signature
    with pytest.raises(DocumentDiffers) as differs:
        WalletSignature(signed, signature, CONTRACT).approve(SAMPLES["Anchor"])
    assert differs.value.member == "primaryType"


# Documents that are not ours


@pytest.mark.parametrize(
    ("member", "value", "what"),
    [
        ("verifyingContract", OTHER.address, "contract"),
        ("chainId", 1, "contract"),
        ("name", "Another Registry", "domain name"),
        ("version", "2", "domain version"),
    ],
)
def test_another_domain_is_beyond_the_policy(member: str, value: object, what: str) -> None:
    document = typed_data(SAMPLES["Anchor"], CONTRACT)
    document["domain"] = {**document["domain"], member: value}
    with pytest.raises(PolicyRefusal) as refused:
        read_document(document, CONTRACT)
    assert refused.value.what == what


@pytest.mark.parametrize("kind", ["Permit", "anchor", "", None, 7, "EIP712Domain"])
def test_unknown_structure_is_beyond_the_policy(kind: object) -> None:
    document = {**typed_data(SAMPLES["Anchor"], CONTRACT), "primaryType": kind}
    with pytest.raises(PolicyRefusal) as refused:
        read_document(document, CONTRACT)
    assert isinstance(refused.value, RuleRefusal)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("size", -1),
        ("size", "-1"),
        ("size", "01"),
        ("size", True),
        ("size", None),
        ("size", str(2**256)),
        ("size", "1e3"),
        ("size", "1\u0663"),
        ("size", "\uff11"),
        ("root", "0x" + "02" * 31),
        ("root", "02" * 32),
        ("root", 2),
        ("issuer", "demo"),
        ("issuer", "DEMO\n"),
        ("scope", "AIGC"),
        ("scope", 3),
    ],
)
def test_malformed_members_are_named(member: str, value: object) -> None:
    document = typed_data(SAMPLES["Anchor"], CONTRACT)
    document["message"] = {**document["message"], member: value}
    with pytest.raises(DocumentMalformed) as malformed:
        read_document(document, CONTRACT)
    assert (malformed.value.member, malformed.value.code) == (member, "signer/document-malformed")
    assert isinstance(malformed.value, MalformedInput)


@pytest.mark.parametrize(("kind", "member"), [("Revoke", "changes"), ("Supersede", "indices")])
def test_lists_are_lists_of_what_a_call_takes(kind: str, member: str) -> None:
    document = typed_data(SAMPLES[kind], CONTRACT)
    for value in ("1", {"0": "1"}, ["1"] * 129, [["1"]]):
        document["message"] = {**document["message"], member: value}
        with pytest.raises(DocumentMalformed) as malformed:
            read_document(document, CONTRACT)
        assert malformed.value.member == member


def test_parts_and_types_are_just_the_structures() -> None:
    good = typed_data(SAMPLES["ApproverKey"], CONTRACT)
    assert read_document(good, CONTRACT) == SAMPLES["ApproverKey"]
    bad: list[object] = [None, [], "text", {}]
    bad += [{key: value for key, value in good.items() if key != missing} for missing in good]
    more = deepcopy(good)
    more["message"]["note"] = "1"
    less = deepcopy(good)
    del less["message"]["until"]
    other_type = deepcopy(good)
    other_type["types"]["ApproverKey"][1]["type"] = "string"
    without_domain = deepcopy(good)
    del without_domain["types"]["EIP712Domain"]
    salted = deepcopy(good)
    salted["domain"]["salt"] = "0x" + "00" * 32
    for document in [*bad, more, less, other_type, without_domain, salted, {**good, "more": 1}]:
        with pytest.raises(DocumentMalformed):
            read_document(document, CONTRACT)


def test_numbers_and_addresses_may_be_written_as_other_tools_do() -> None:
    document = typed_data(SAMPLES["ApproverKey"], CONTRACT)
    message = {**document["message"], "until": "0x77359400", "from": 0, "key": "0x" + "EF" * 20}
    domain = {**document["domain"], "chainId": "0x4f2c", "verifyingContract": "0x" + "AB" * 20}
    assert read_document({**document, "message": message, "domain": domain}, CONTRACT) == SAMPLES["ApproverKey"]


# Signatures


def test_handed_in_signature_is_an_approval_by_whoever_made_it() -> None:
    asked = SAMPLES["Anchor"]
    given = WalletSignature(asked, signature_of(BY_WALLETS["Anchor"]), CONTRACT)
    signer: ApprovalSigner = given
    assert signer.address == KEY.address
    approval = signer.approve(asked)
    assert approval == ApproverSigner(KEY, CONTRACT).approve(asked)
    assert given.deadline == asked.deadline


def test_signature_over_something_else_leads_to_another_account() -> None:
    asked = SAMPLES["Anchor"]
    assert isinstance(asked, AnchorApproval)
    larger = replace(asked, size=asked.size + 1)
    signature = signature_of(BY_WALLETS["Anchor"])
    assert WalletSignature(larger, signature, CONTRACT).address != KEY.address
    assert approver_by(signature, asked, OTHER) != KEY.address
    assert approver_by(signature, asked, replace(CONTRACT, chain_id=1)) != KEY.address


@pytest.mark.parametrize("v", [0, 1, 27, 28])
def test_recovery_byte_is_brought_to_ethereums(v: int) -> None:
    text = BY_WALLETS["Revoke"][:-2] + f"{v:02x}"
    assert signature_of(text)[64] == (v if v >= 27 else v + 27)
    assert signature_of(text.removeprefix("0x").upper() + "\n") == signature_of(text)


def test_second_form_of_a_signature_is_refused() -> None:
    good = signature_of(BY_WALLETS["Anchor"])
    s = int.from_bytes(good[32:64], "big")
    high = good[:32] + (ORDER - s).to_bytes(32, "big") + bytes([55 - good[64]])
    with pytest.raises(SignatureMalformed) as refused:
        signature_of("0x" + high.hex())
    assert refused.value.code == "signer/signature-malformed"
    assert signature_of("0x" + good.hex()) == good


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0x",
        BY_WALLETS["Anchor"][:-2],
        BY_WALLETS["Anchor"] + "00",
        BY_WALLETS["Anchor"][:-2] + "02",
        BY_WALLETS["Anchor"][:-2] + "1d",
        BY_WALLETS["Anchor"][:-1] + "g",
    ],
)
def test_other_texts_are_no_signatures(text: str) -> None:
    with pytest.raises(SignatureMalformed):
        signature_of(text)


def test_signature_that_leads_nowhere_is_refused() -> None:
    nowhere = b"\xff" * 32 + b"\x01" * 32 + b"\x1b"  # r is beyond the curve's order
    with pytest.raises(SignatureMalformed):
        approver_by(signature_of("0x" + nowhere.hex()), SAMPLES["Anchor"], CONTRACT)
