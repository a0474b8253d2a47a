"""Questions 1 and 3: the receipt against credential and ledger, and whether the record is where the credential says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from registry.anchor.history import BallotKind
from registry.anchor.receipt import AnchorReceipt
from registry.kernel.identifiers import (
    BatchId,
    BlockHash,
    CertificateNumber,
    ContractAddress,
    Digest,
    RootHash,
    ScopeCode,
    TransactionHash,
)
from registry.kernel.merkle import InclusionProof, MerkleTree, leaf_hash, node_hash
from registry.verification import Outcome, Submission
from registry.verification.model import Question
from tests.unit.registry.verification.scene import (
    GENESIS,
    INDEX,
    ISSUED,
    KEY,
    LATER,
    NOW,
    OTHER_BATCH,
    OTHER_ISSUER,
    ROOT,
    TERMS,
    Chain,
    account,
    answers,
    chain_in_order,
    finding,
    fixed,
    issue,
)

Change = Callable[[AnchorReceipt], AnchorReceipt]


def path(change: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]) -> Change:
    return lambda receipt: replace(receipt, proof=replace(receipt.proof, path=change(receipt.proof.path)))


SIGNED: dict[str, Change] = {
    "licenseNumber": lambda receipt: replace(receipt, license_number=CertificateNumber("LNSEC-2026-0000000000")),
    "revision": lambda receipt: replace(receipt, revision=2),
    "digest": lambda receipt: replace(receipt, digest=Digest(fixed("x"))),
    "issuer": lambda receipt: replace(receipt, issuer=OTHER_ISSUER),
    "contract": lambda receipt: replace(receipt, contract=ContractAddress(chain_id=1, address=account("contract"))),
    "contract address": lambda receipt: replace(
        receipt, contract=ContractAddress(chain_id=20268, address=account("another contract"))
    ),
    "genesis": lambda receipt: replace(receipt, genesis=BlockHash(fixed("x"))),
    "batch": lambda receipt: replace(receipt, batch=BatchId(fixed("x"))),
    "index": lambda receipt: replace(receipt, proof=replace(receipt.proof, index=INDEX - 1)),
}
"""Members that the credential says too, under its signature."""
LEDGER: dict[str, Change] = {
    "merkleRoot": lambda receipt: replace(receipt, merkle_root=RootHash(fixed("x"))),
    "treeSize": lambda receipt: replace(receipt, proof=replace(receipt.proof, size=6)),
    "treeSize smaller": lambda receipt: replace(receipt, proof=replace(receipt.proof, size=4)),
    "inclusionProof bit": path(lambda items: (bytes([items[0][0] ^ 1]) + items[0][1:], *items[1:])),
    "inclusionProof short": path(lambda items: items[:-1]),
    "inclusionProof long": path(lambda items: (*items, items[0])),
    "inclusionProof empty": path(lambda _: ()),
    "transaction": lambda receipt: replace(receipt, transaction=TransactionHash(fixed("x"))),
    "blockNumber": lambda receipt: replace(receipt, block_number=receipt.block_number + 1),
    "blockHash": lambda receipt: replace(receipt, block_hash=BlockHash(fixed("x"))),
    "blockTime": lambda receipt: replace(receipt, block_time=receipt.block_time + timedelta(seconds=1)),
}
"""Members that the ledger says too, or that must lead from the one to the other."""


@pytest.mark.parametrize("member", [*SIGNED, *LEDGER])
def test_receipt_with_any_member_changed_is_altered(chain: Chain, member: str) -> None:
    receipt = (SIGNED | LEDGER)[member](chain.receipt())
    report = chain.judge(replace(chain.submission(), receipt=receipt))
    assert (report.outcome, answers(report)) == (Outcome.ALTERED, "f????")
    named = finding(report, Question.UNALTERED).evidence["member"]
    assert named in (member.split(maxsplit=1)[0], None)


@pytest.mark.parametrize("member", SIGNED)
def test_what_the_credential_says_is_compared_without_any_knowledge(chain: Chain, member: str) -> None:
    receipt = SIGNED[member](chain.receipt())
    assert chain.judge(replace(chain.submission(), receipt=receipt), knowledge=None).outcome is Outcome.ALTERED


@pytest.mark.parametrize("member", LEDGER)
def test_what_only_the_ledger_says_is_never_taken_on_trust(chain: Chain, member: str) -> None:
    receipt = LEDGER[member](chain.receipt())
    report = chain.judge(replace(chain.submission(), receipt=receipt), knowledge=None)
    assert report.outcome in {Outcome.ALTERED, Outcome.CANNOT_CONFIRM}
    old = chain.knowledge(read_at=NOW - timedelta(days=9))
    report = chain.judge(replace(chain.submission(), receipt=receipt), knowledge=old)
    assert report.outcome is Outcome.ALTERED


def test_receipt_of_a_neighbour_is_altered(chain: Chain) -> None:
    report = chain.judge(replace(chain.submission(), receipt=chain.receipt(index=1)))
    assert report.outcome is Outcome.ALTERED


def test_consistent_receipt_for_a_tree_that_the_ledger_does_not_have_is_altered(chain: Chain) -> None:
    """Everything fits together but the root on the chain."""
    leaves = [leaf_hash(fixed(f"stranger {index}")) for index in range(5)]
    leaves[INDEX] = ISSUED.presentation().leaf
    tree = MerkleTree(leaves)
    receipt = replace(chain.receipt(), proof=tree.proof(INDEX), merkle_root=tree.root)
    report = chain.judge(replace(chain.submission(), receipt=receipt))
    assert report.code == "altered/receipt-disagrees"
    assert finding(report, Question.UNALTERED).evidence["member"] == "merkleRoot"


def test_certificate_never_put_into_the_batch_is_never_valid(chain: Chain) -> None:
    """Signed by the right key, for the right batch and an index of it, with whatever path can be had."""
    extra = issue(replace(TERMS, place="上海"))
    for receipt in (chain.receipt(), None):
        report = chain.judge(Submission(credential=extra.presentation(), receipt=receipt, key=KEY.public_key()))
        assert report.outcome in {Outcome.ALTERED, Outcome.CANNOT_CONFIRM}
    receipt = replace(chain.receipt(), digest=extra.presentation().digest)
    report = chain.judge(Submission(credential=extra.presentation(), receipt=receipt, key=KEY.public_key()))
    assert report.code == "altered/receipt-proof"


def test_inner_node_as_leaf_proves_nothing(chain: Chain) -> None:
    """The path from the parent, in a tree of the parents: without the leaf's tag it would lead to the root."""
    leaves = [ISSUED.tree.leaf(index) for index in range(4)]
    parents = [node_hash(leaves[0], leaves[1]), node_hash(leaves[2], leaves[3]), bytes(ISSUED.tree.leaf(4))]
    assert node_hash(node_hash(parents[0], parents[1]), parents[2]) == ISSUED.tree.root
    proof = InclusionProof(index=1, size=3, path=(parents[0], parents[2]))
    receipt = replace(chain.receipt(), proof=proof)
    assert chain.judge(replace(chain.submission(), receipt=receipt)).outcome is Outcome.ALTERED
    moved = issue(replace(TERMS, place="上海")).presentation(1)
    receipt = replace(receipt, digest=moved.digest, license_number=moved.entry.license_number)
    report = chain.judge(Submission(credential=moved, receipt=receipt, key=KEY.public_key()))
    assert report.code == "altered/receipt-proof"


# Where it says


def test_batch_that_is_not_on_the_chain_is_not_registered() -> None:
    chain = Chain()
    chain.accredit()
    chain.add_keys()
    report = chain.judge(chain_in_order().submission())
    assert (report.code, answers(report)) == ("not-registered/no-such-batch", "p?f?p")
    assert finding(report, Question.ISSUERS_KEY).reason == "not-anchored"
    assert finding(report, Question.STANDING).reason == "not-recorded"
    assert report.last_known is None


def test_batch_of_another_issuer_under_the_same_id_is_not_ours() -> None:
    chain = Chain()
    chain.accredit()
    chain.add_keys()
    chain.accredit(OTHER_ISSUER)
    chain.anchor(issuer=OTHER_ISSUER)
    assert chain.judge(chain_in_order().submission()).code == "not-registered/no-such-batch"


@pytest.mark.parametrize(
    ("contract", "genesis"),
    [
        (ContractAddress(chain_id=1, address=TERMS.contract.address), GENESIS),
        (ContractAddress(chain_id=20268, address=account("another contract")), GENESIS),
        (TERMS.contract, BlockHash(fixed("another genesis"))),
    ],
    ids=["chain", "contract", "genesis"],
)
def test_credential_of_another_chain_contract_or_genesis_is_not_registered_here(
    contract: ContractAddress, genesis: BlockHash
) -> None:
    """Also when a batch of the same issuer, id and root is on the chain that we know."""
    elsewhere = issue(replace(TERMS, contract=contract, genesis=genesis))
    chain = chain_in_order(elsewhere)
    chain.change(1)
    report = chain.judge_document(chain.bundle(elsewhere))
    assert (report.code, answers(report)) == ("not-registered/other-chain", "p?f?p")
    assert report.notices == ()
    own = replace(ROOT, contract=contract, genesis=genesis)
    assert chain.judge_document(chain.bundle(elsewhere), knowledge=chain.knowledge(trust_root=own)).code == "revoked/33"


@pytest.mark.parametrize("scope", ["AIGC-APP/4", "AIGC-APP/-", "AIGC-DEV/3", "AIGC-APP/33"])
def test_other_scope_than_programme_and_level_is_not_registered(scope: str) -> None:
    chain = Chain()
    chain.accredit()
    chain.add_keys()
    chain.anchor(scope=ScopeCode(scope))
    report = chain.judge()
    assert (report.code, answers(report)) == ("not-registered/other-scope", "ppf?p")
    assert finding(report, Question.ON_CHAIN).evidence["scope_recorded"] == scope


def test_level_is_part_of_the_scope_also_where_there_is_none() -> None:
    issued = issue(replace(TERMS, level=None))
    assert chain_in_order(issued).judge(chain_in_order(issued).submission(issued)).outcome is Outcome.VALID
    chain = Chain()
    chain.accredit()
    chain.add_keys()
    chain.anchor(issued, scope=ScopeCode("AIGC-APP/3"))
    assert chain.judge(chain.submission(issued)).code == "not-registered/other-scope"


@pytest.mark.parametrize("size", [1, INDEX])
def test_index_beyond_the_recorded_size_is_not_registered(chain: Chain, size: int) -> None:
    other = Chain()
    other.accredit()
    other.add_keys()
    other.anchor(size=size)
    report = other.judge(replace(chain.submission(), receipt=None))
    assert (report.code, answers(report)) == ("not-registered/index-beyond-size", "ppf?p")


def test_todays_windows_are_not_asked_again(chain: Chain) -> None:
    """The contract looked at scope and state when the batch came."""
    chain.decide(BallotKind.REVOKE_SCOPE, LATER, ref=b"AIGC-APP/3".ljust(32, b"\0"))
    chain.decide(BallotKind.WITHDRAW, LATER)
    assert chain.judge().outcome is Outcome.VALID


# The same credential anchored again


def anchored_again(chain: Chain, **changes: object) -> AnchorReceipt:
    """Put the very same credentials into another batch, and give the receipt of that place."""
    record = chain.anchor(ISSUED, LATER, batch=OTHER_BATCH.terms.batch, **changes)
    position = record.position
    return replace(
        chain.receipt(),
        batch=OTHER_BATCH.terms.batch,
        transaction=position.transaction,
        block_number=position.block_number,
        block_hash=position.block_hash,
        block_time=position.block_time,
    )


def test_second_anchoring_in_another_batch_proves_nothing(chain: Chain) -> None:
    receipt = anchored_again(chain)
    assert chain.judge(replace(chain.submission(), receipt=receipt)).code == "altered/receipt-disagrees"
    assert chain.judge().outcome is Outcome.VALID


def test_revocation_here_stays_whatever_is_anchored_elsewhere(chain: Chain) -> None:
    chain.change(1)
    receipt = anchored_again(chain)
    assert chain.judge().code == "revoked/33"
    assert chain.judge(replace(chain.submission(), receipt=receipt)).outcome is Outcome.ALTERED
    chain.change(1, 0, 1, 2, batch=OTHER_BATCH.terms.batch)
    assert chain.judge(chain.submission(index=0)).outcome is Outcome.VALID


def test_second_anchoring_in_another_contract_proves_nothing(chain: Chain) -> None:
    chain.change(1)
    there = replace(ROOT, contract=ContractAddress(chain_id=20268, address=account("sibling")))
    copy = chain_in_order()
    report = copy.judge(knowledge=copy.knowledge(trust_root=there))
    assert report.code == "not-registered/other-chain"
