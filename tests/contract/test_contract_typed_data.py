"""What approvers sign, against an implementation that is not ours."""

import pytest
from eth_account.messages import encode_typed_data
from eth_utils import keccak, to_checksum_address

from contracts import DOMAIN_NAME, DOMAIN_VERSION, TYPE_FIELDS, artefact, type_string, typed_data
from tests.contract.world import CHAIN_ID, World

SPECIFIED = [
    "Anchor(string issuer,bytes32 batchId,bytes32 root,uint256 size,string scope,bytes32 evidence,"
    "bytes32 credentialKey,uint256 deadline)",
    "Revoke(string issuer,bytes32 batchId,uint256[] changes,uint256 count,uint256 reason,uint256 deadline)",
    "Reinstate(string issuer,bytes32 batchId,uint256[] changes,uint256 count,uint256 reason,uint256 statusNonce,"
    "uint256 deadline)",
    "Supersede(string issuer,bytes32 batchId,uint256[] indices,address targetContract,string targetIssuer,"
    "bytes32 newBatchId,uint256[] newIndices,uint256 reason,uint256 deadline)",
    "ReinstateBatch(string issuer,bytes32[] batchIds,uint256 reason,uint256[] statusNonces,uint256 deadline)",
    "ApproverKey(string issuer,address key,uint256 from,uint256 until,uint256 deadline)",
]


def test_types_are_the_specified_ones() -> None:
    assert [type_string(name) for name in TYPE_FIELDS] == SPECIFIED


@pytest.mark.parametrize("text", SPECIFIED)
def test_contract_holds_each_type_hash(text: str) -> None:
    assert keccak(text=text) in artefact("cancun").runtime
    assert keccak(text=text) in artefact("london").runtime


def test_domain_is_the_standards(founded: World) -> None:
    document = typed_data(
        primary_type="ApproverKey",
        message={"issuer": "A", "key": founded.STRANGER.address, "from": 0, "until": 1, "deadline": 2},
        chain_id=CHAIN_ID,
        contract=to_checksum_address(founded.address),
    )
    assert founded.call("domainSeparator") == encode_typed_data(full_message=document).header
    assert (DOMAIN_NAME, DOMAIN_VERSION) == ("Vermilion Certificate Registry", "1")
    assert founded.call("version") == 1
