"""A node that is behind, or syncs anew, says less than it should; that is no contradiction, and passes."""

from typing import Any

import pytest

from node.client.history import HistoryUnreadable
from node.client.in_process import InProcessChain
from node.client.ledger import Web3Ledger
from node.client.rpc import Node
from registry.anchor.trust import TrustRoot
from registry.ports import LedgerForeign, LedgerUnavailable
from tests.unit.node_client.test_node_faults import Altering, altering, chain, ledger, root

__all__ = ["altering", "chain", "ledger", "root"]
"""Fixtures."""


def test_a_block_that_is_missing_right_after_its_event_was_read_is_unavailable(
    ledger: Web3Ledger, altering: Altering, chain: InProcessChain
) -> None:
    chain.seal_block()
    asked = []

    def behind_after_the_event(which: str, whole: bool) -> Any:
        if "eth_getLogs" in altering.asked and which == "0x1":
            asked.append(which)
            return None
        return chain.node.call("eth_getBlockByNumber", which, whole)

    altering.answers["eth_getBlockByNumber"] = behind_after_the_event
    with pytest.raises(LedgerUnavailable, match="does not have block 1 yet"):
        list(ledger.records(0, ledger.head().number))
    assert asked
    altering.answers.clear()
    assert len(list(ledger.records(0, ledger.head().number))) == 1


def test_an_event_of_another_block_is_still_no_history(
    ledger: Web3Ledger, altering: Altering, chain: InProcessChain
) -> None:
    def of_another_block(asked: dict[str, str]) -> Any:
        return [{**one, "blockHash": "0x" + "99" * 32} for one in chain.node.call("eth_getLogs", asked)]

    altering.answers["eth_getLogs"] = of_another_block
    with pytest.raises(HistoryUnreadable):
        list(ledger.records(0, ledger.head().number))


def as_at_block_0(altering: Altering, chain: InProcessChain) -> None:
    """Answer as a node that has the first block and nothing more yet."""

    def block(which: str, whole: bool) -> Any:
        return chain.node.call("eth_getBlockByNumber", "0x0", whole) if which in ("latest", "0x0") else None

    altering.answers |= {"eth_getCode": lambda *_: "0x", "eth_getBlockByNumber": block}


@pytest.mark.parametrize("made_by", [None, 1], ids=["unknown", "below"])
def test_a_node_that_syncs_anew_is_unavailable_until_it_has_the_contract(
    altering: Altering, chain: InProcessChain, root: TrustRoot, made_by: int | None
) -> None:
    syncing = Web3Ledger(Node(altering, where="altered:1"), root, may_lag=True, made_by=lambda: made_by)
    as_at_block_0(altering, chain)
    for ask in (syncing.head, lambda: syncing.nodes):
        with pytest.raises(LedgerUnavailable, match="has not come to the contract yet: its newest block is 0"):
            ask()
    altering.answers.clear()
    assert syncing.head().number == 1


def test_a_node_that_has_the_contracts_block_and_not_the_contract_is_foreign(
    altering: Altering, chain: InProcessChain, root: TrustRoot
) -> None:
    of_another_chain = Web3Ledger(Node(altering, where="altered:1"), root, may_lag=True, made_by=lambda: 1)
    altering.answers["eth_getCode"] = lambda *_: "0x"
    with pytest.raises(LedgerForeign, match="contract code"):
        of_another_chain.head()


def test_nodes_of_which_only_one_is_behind_are_not_taken_for_another_chain(
    altering: Altering, chain: InProcessChain, root: TrustRoot
) -> None:
    """Behind one address one node has no code yet, and another tells the height and the code there."""
    both = Web3Ledger(Node(altering, where="altered:1"), root, may_lag=True, made_by=lambda: 1)

    def code(address: str, at: str) -> Any:
        return "0x" if at == "latest" else chain.node.call("eth_getCode", address, "latest")

    altering.answers["eth_getCode"] = code
    assert both.head().number == 1


def test_a_chains_own_file_without_the_contract_is_foreign(ledger: Web3Ledger, altering: Altering) -> None:
    altering.answers["eth_getCode"] = lambda *_: "0x"
    with pytest.raises(LedgerForeign, match="contract code"):
        ledger.head()


def test_a_block_is_shown_before_it_is_final_and_none_beyond_the_newest(
    altering: Altering, chain: InProcessChain, root: TrustRoot
) -> None:
    waiting = Web3Ledger(Node(altering, where="altered:1"), root, confirmations=1)
    shown = waiting.shown(1)
    assert shown is not None
    assert shown.number == 1
    assert waiting.block(1) is None
    assert waiting.shown(2) is None
    chain.seal_block()
    assert waiting.block(1) == shown
