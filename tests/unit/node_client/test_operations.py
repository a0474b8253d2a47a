"""Calldata and typed data against the interface that is fixed, and against an independent library."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from eth_account import Account
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import given
from hypothesis import strategies as st

from contracts import artefact
from node.client.abi import FAULT_SELECTOR, constructor_inputs, events, functions
from node.client.operations import call_of, domain_separator, signing_hash, typed_data
from node.signer import CONTROLLER_FUNCTIONS, MEMBER_FUNCTIONS, SENDER_FUNCTIONS, AccountKey, ApproverSigner
from registry.anchor.facts import address_key, code_key
from registry.anchor.history import Ballot, BallotKind, KeyKind
from registry.anchor.operations import (
    AddKey,
    AnchorApproval,
    AnchorBatch,
    Approvable,
    Approval,
    ApproverKeyApproval,
    BatchReinstatementApproval,
    CastVote,
    ControllerOperation,
    EnactBallot,
    MemberOperation,
    Operation,
    PauseAnchoring,
    RecordDigest,
    RecordForeignAnchor,
    ReinstateBatches,
    ReinstateCertificates,
    ReinstatementApproval,
    ReportCompromise,
    RetireKey,
    RevocationApproval,
    RevokeCertificates,
    SenderOperation,
    SupersedeCertificates,
    SupersessionApproval,
    SuspendBatch,
    SuspendCertificates,
    WithdrawVote,
)
from registry.kernel.identifiers import Address, ContractAddress, IssuerCode, ScopeCode

CONTRACT = ContractAddress(chain_id=20268, address=Address("0x" + "ab" * 20))
KEY = AccountKey(b"\x01" * 32)
ISSUER = IssuerCode("CETTIC-01")

words = st.binary(min_size=32, max_size=32)
numbers = st.integers(0, 2**256 - 1)
codes = st.from_regex(r"[A-Z0-9-]{2,31}", fullmatch=True)
scopes = st.from_regex(r"[A-Z0-9][A-Z0-9-]{0,20}/[A-Z0-9]{1,9}", fullmatch=True)
changes = st.lists(numbers, max_size=5).map(tuple)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: Address("0x" + raw.hex()))
approvables = st.one_of(
    st.builds(
        AnchorApproval,
        issuer=codes,
        batch=words,
        root=words,
        size=numbers,
        scope=scopes,
        evidence=words,
        credential_key=words,
        deadline=numbers,
    ),
    st.builds(
        RevocationApproval,
        issuer=codes,
        batch=words,
        changes=changes,
        count=numbers,
        reason=numbers,
        deadline=numbers,
    ),
    st.builds(
        ReinstatementApproval,
        issuer=codes,
        batch=words,
        changes=changes,
        count=numbers,
        reason=numbers,
        status_nonce=numbers,
        deadline=numbers,
    ),
    st.builds(
        SupersessionApproval,
        issuer=codes,
        batch=words,
        indices=changes,
        target_contract=addresses,
        target_issuer=codes,
        new_batch=words,
        new_indices=changes,
        reason=numbers,
        deadline=numbers,
    ),
    st.builds(
        BatchReinstatementApproval,
        issuer=codes,
        batches=st.lists(words, max_size=5).map(tuple),
        reason=numbers,
        status_nonces=changes,
        deadline=numbers,
    ),
    st.builds(ApproverKeyApproval, issuer=codes, key=addresses, valid_from=numbers, until=numbers, deadline=numbers),
)


@given(asked=approvables)
def test_typed_data_hashes_as_an_independent_library_does(asked: Approvable) -> None:
    message = encode_typed_data(full_message=typed_data(asked, CONTRACT))
    assert signing_hash(asked, CONTRACT) == bytes(_hash_eip191_message(message))
    assert domain_separator(CONTRACT) == message.header


@given(asked=approvables)
def test_approval_recovers_to_its_approver(asked: Approvable) -> None:
    approval = ApproverSigner(KEY, CONTRACT).approve(asked)
    message = encode_typed_data(full_message=typed_data(asked, CONTRACT))
    assert Account.recover_message(message, signature=approval.signature).lower() == KEY.address == approval.approver
    assert approval.deadline == asked.deadline
    assert approval.signature[64] in (27, 28)
    assert int.from_bytes(approval.signature[32:64], "big") < 2**255


def test_every_member_is_signed() -> None:
    asked = ReinstatementApproval(
        issuer=ISSUER, batch=b"b" * 32, changes=(1, 2), count=2, reason=3, status_nonce=4, deadline=5
    )
    other: dict[str, Any] = {
        "issuer": "OTHER",
        "batch": b"c" * 32,
        "changes": (1, 3),
        "count": 9,
        "reason": 9,
        "status_nonce": 9,
        "deadline": 9,
    }
    hashes = {signing_hash(replace(asked, **{name: value}), CONTRACT) for name, value in other.items()}
    assert len(hashes | {signing_hash(asked, CONTRACT)}) == len(other) + 1


APPROVAL = Approval(
    approver=KEY.address, deadline=77, signature=b"\x05".rjust(32, b"\0") + b"\x06".rjust(32, b"\0") + b"\x1b"
)
APPROVAL_WORDS = [77, 27, 5, 6]


BALLOT = Ballot(kind=BallotKind.ACCREDIT, subject=code_key(ISSUER), arg=0, ref=b"c" * 32, salt=b"s" * 32)
BALLOT_WORDS = [4, code_key(ISSUER), 0, b"c" * 32, b"s" * 32]


def word(value: int | bytes) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value


CASES = {
    "anchorBatch": (
        AnchorBatch(
            asked=AnchorApproval(
                issuer=ISSUER,
                batch=b"b" * 32,
                root=b"r" * 32,
                size=300,
                scope=ScopeCode("AIGC/3"),
                evidence=b"e" * 32,
                credential_key=b"k" * 32,
                deadline=77,
            ),
            approval=APPROVAL,
        ),
        [
            code_key(ISSUER),
            b"b" * 32,
            b"r" * 32,
            300,
            b"AIGC/3".ljust(32, b"\0"),
            b"e" * 32,
            b"k" * 32,
            *APPROVAL_WORDS,
        ],
    ),
    "suspend": (
        SuspendCertificates(issuer=ISSUER, batch=b"b" * 32, changes=(8, 9), reason=35),
        [code_key(ISSUER), b"b" * 32, 4 * 32, 35, 2, 8, 9],
    ),
    "revoke": (
        RevokeCertificates(
            asked=RevocationApproval(issuer=ISSUER, batch=b"b" * 32, changes=(8,), count=1, reason=33, deadline=77),
            approval=APPROVAL,
        ),
        [code_key(ISSUER), b"b" * 32, 9 * 32, 1, 33, *APPROVAL_WORDS, 1, 8],
    ),
    "reinstate": (
        ReinstateCertificates(
            asked=ReinstatementApproval(
                issuer=ISSUER, batch=b"b" * 32, changes=(8,), count=1, reason=36, status_nonce=2, deadline=77
            ),
            approval=APPROVAL,
        ),
        [code_key(ISSUER), b"b" * 32, 9 * 32, 1, 36, *APPROVAL_WORDS, 1, 8],
    ),
    "supersede": (
        SupersedeCertificates(
            asked=SupersessionApproval(
                issuer=ISSUER,
                batch=b"b" * 32,
                indices=(8,),
                target_contract=CONTRACT.address,
                target_issuer=IssuerCode("OTHER"),
                new_batch=b"n" * 32,
                new_indices=(9,),
                reason=37,
                deadline=77,
            ),
            approval=APPROVAL,
        ),
        [
            code_key(ISSUER),
            b"b" * 32,
            12 * 32,
            address_key(CONTRACT.address),
            code_key("OTHER"),
            b"n" * 32,
            14 * 32,
            37,
            *APPROVAL_WORDS,
            1,
            8,
            1,
            9,
        ],
    ),
    "suspendBatch": (
        SuspendBatch(issuer=ISSUER, batch=b"b" * 32, reason=35),
        [code_key(ISSUER), b"b" * 32, 35],
    ),
    "reinstateBatches": (
        ReinstateBatches(
            asked=BatchReinstatementApproval(
                issuer=ISSUER, batches=(b"b" * 32, b"n" * 32), reason=36, status_nonces=(1, 2), deadline=77
            ),
            approval=APPROVAL,
        ),
        [code_key(ISSUER), 7 * 32, 36, *APPROVAL_WORDS, 2, b"b" * 32, b"n" * 32],
    ),
    "recordDigest": (RecordDigest(issuer=ISSUER, kind=2, digest=b"d" * 32), [code_key(ISSUER), 2, b"d" * 32]),
    "vote": (CastVote(ballot=BALLOT), BALLOT_WORDS),
    "withdrawVote": (WithdrawVote(ballot=BALLOT), BALLOT_WORDS),
    "enact": (EnactBallot(ballot=BALLOT), BALLOT_WORDS),
    "pause": (PauseAnchoring(), []),
    "recordForeignAnchor": (
        RecordForeignAnchor(chain_id=1, size=7, root=b"r" * 32, reference=b"t" * 32),
        [1, 7, b"r" * 32, b"t" * 32],
    ),
    "retireKey": (RetireKey(issuer=ISSUER, key=b"k" * 32), [code_key(ISSUER), b"k" * 32]),
    "reportCompromise": (ReportCompromise(issuer=ISSUER, key=b"k" * 32), [code_key(ISSUER), b"k" * 32]),
    "addKey, by an approver too": (
        AddKey(
            issuer=ISSUER,
            kind=KeyKind.APPROVER,
            key=address_key(KEY.address),
            valid_from=1,
            until=2,
            approval=APPROVAL,
        ),
        [code_key(ISSUER), 2, address_key(KEY.address), 1, 2, *APPROVAL_WORDS],
    ),
    "addKey": (
        AddKey(issuer=ISSUER, kind=KeyKind.SENDER, key=address_key(KEY.address), valid_from=1, until=2),
        [code_key(ISSUER), 1, address_key(KEY.address), 1, 2, 0, 0, 0, 0],
    ),
}


def test_every_operation_has_a_case() -> None:
    assert {type(operation) for operation, _ in CASES.values()} == set(get_args(Operation))


@pytest.mark.parametrize(
    ("role", "functions_of_role"),
    [
        (MemberOperation, MEMBER_FUNCTIONS),
        (ControllerOperation, CONTROLLER_FUNCTIONS),
        (SenderOperation, SENDER_FUNCTIONS),
    ],
)
def test_each_role_is_allowed_its_operations_and_no_other(role: Any, functions_of_role: frozenset[str]) -> None:
    own = {call_of(operation).function for operation, _ in CASES.values() if isinstance(operation, get_args(role))}
    assert own == functions_of_role


@pytest.mark.parametrize("case", CASES)
def test_calldata_is_the_words_of_the_interface(case: str) -> None:
    operation, expected = CASES[case]
    function = case.partition(",")[0]
    call = call_of(operation)
    assert call.function == function
    assert call.data[:4] == functions()[function].selector
    assert call.data[4:] == b"".join(map(word, expected))


def test_interface_is_the_one_that_was_fixed() -> None:
    approval = "(uint256,uint256,uint256,uint256)"
    signatures = {name: ",".join(function.inputs) for name, function in functions().items()}
    assert signatures["anchorBatch"] == f"bytes32,bytes32,bytes32,uint256,bytes32,bytes32,bytes32,{approval}"
    assert signatures["suspend"] == "bytes32,bytes32,uint256[],uint256"
    assert signatures["revoke"] == f"bytes32,bytes32,uint256[],uint256,uint256,{approval}"
    assert signatures["reinstate"] == signatures["revoke"]
    assert signatures["vote"] == "uint256,bytes32,uint256,bytes32,bytes32"
    assert signatures["addKey"] == f"bytes32,uint256,bytes32,uint256,uint256,{approval}"
    assert functions()["checkpoint"].outputs == ("uint256", "bytes32")
    assert "statusNonce" in functions()["batch"].output_names
    assert constructor_inputs() == ("address[]", "uint256", "uint256", "(address,uint256,bytes32)")
    assert len(FAULT_SELECTOR) == 4


def test_both_artefacts_have_one_interface() -> None:
    assert artefact("london").abi == artefact("cancun").abi


def test_only_issuer_and_batch_are_indexed() -> None:
    for event in events().values():
        assert event.indexed in ((), ("bytes32",), ("bytes32", "bytes32"))
        assert event.data[-2:] == ("address", "uint256")


def test_a_result_that_does_not_decode_is_refused() -> None:
    with pytest.raises(ValueError, match="checkpoint"):
        functions()["checkpoint"].results(b"\0" * 31)
