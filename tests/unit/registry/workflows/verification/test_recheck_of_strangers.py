"""Receipts that strangers hand in keep no site from its other readers, however slow the node is."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace

import pytest

from registry.ports import LedgerUnavailable
from registry.verification.rechecking import RecheckOutcome
from registry.workflows.verification.recheck import FewAtOnce, RecheckFromStore
from registry.workflows.verification.verify import NODE_UNREACHABLE
from tests.http.kept_receipts import SceneClock, kept


class Node:
    """Counts who is asking it, and who has asked."""

    def __init__(self) -> None:
        self.asking = self.asked = 0

    def block(self, number: int) -> None:
        """Know no block."""

    @contextmanager
    def __call__(self) -> Iterator[object]:
        self.asked += 1
        self.asking += 1
        try:
            yield self
        finally:
            self.asking -= 1


class EmptyStore:
    """A store that has read nothing of the chain."""

    @contextmanager
    def read(self) -> Iterator[object]:
        yield SimpleNamespace(projection=SimpleNamespace(head=lambda: None))


def test_a_few_ask_at_a_time_and_the_next_one_is_not_kept_waiting() -> None:
    node = Node()
    reach = FewAtOnce(node, most=2)
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(reach())
        with pytest.raises(LedgerUnavailable), reach():
            pass
        assert node.asking == 2
    for _ in range(3):  # one after the other, and after an error, there is room
        with pytest.raises(KeyError), reach():
            raise KeyError
    assert (node.asking, node.asked) == (0, 5)


@pytest.mark.parametrize(("cause", "asked"), [(NODE_UNREACHABLE, 0), (None, 1)])
def test_a_node_that_is_known_not_to_answer_is_not_asked(cause: str | None, asked: int) -> None:
    node = Node()
    rechecker = RecheckFromStore(store=EmptyStore(), ledger=node, clock=SceneClock(), cause=lambda: cause)
    assert rechecker.by_document(kept().to_bytes()).outcome is RecheckOutcome.CANNOT_CONFIRM
    assert node.asked == asked
