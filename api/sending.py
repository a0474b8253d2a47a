"""Taking what is approved to the chain, for commands and for the demonstration alike."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta

from api.terminal import progress, said
from api.wiring import Home
from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.errors import RuleRefusal
from registry.status import needs_approval
from registry.workflows.certificates.deliver import PredecessorStands, deliver, deliver_successors
from registry.workflows.chain.anchor import Desk, anchor_batch
from registry.workflows.chain.status_operations import BatchChangeOpen
from registry.workflows.chain.status_sending import change_status
from registry.workflows.chain.supersede import send_supersessions
from registry.workflows.desk.work_off import writing_bundles
from registry.workflows.status.approve_change import approve_change


def untold(subject: str, state: str) -> None:
    """Tell nobody."""


def issue_batch(
    home: Home, name: str, *, wait: int, node: str | None = None, told: Callable[[str, str], None] = untold
) -> Batch:
    """Anchor and deliver one batch; `told` hears of each state that it reaches.

    Of a batch of successors each is delivered once what it replaces is superseded; where that waits for its approver,
    or is held, or patience ended, the batch stays undelivered. Raises WritingHalted while an alarm about it is open:
    nothing is delivered; BundlesUnwritable where it is recorded and its files cannot be written.
    """
    with home.chain(writing=True, node=node) as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock, told=told)
        batch = anchor_batch(desk, name, patience=timedelta(seconds=wait))
        if batch.state is AnchorState.FINAL:
            try:
                send_supersessions(desk, name, patience=timedelta(seconds=wait))
            except (RuleRefusal, BatchChangeOpen):
                _deliver(home, name)
                raise
    if batch.state is AnchorState.FINAL:
        _deliver(home, name)
    with home.store.read() as unit:
        return unit.batches.batch(name)


def _deliver(home: Home, name: str) -> None:
    """Write the bundles of a final batch, but for those that wait for what they replace to fall."""
    with progress(said("写出凭证", "deliver")) as update, writing_bundles(), suppress(PredecessorStands):
        deliver(home.store, home.clock, home.shelf, home.key_of, name, progress=update)


def take_to_chain(
    home: Home,
    asked: Sequence[StatusRequest],
    approver: str | None,
    *,
    wait: int,
    node: str | None = None,
    told: Callable[[str, str], None] = untold,
) -> list[StatusRequest]:
    """Send requests and wait for each until it is final; `told` hears of each state.

    `approver`: who approves those that are not approved yet, if somebody does. Raises BundlesUnwritable where a request
    is recorded and the files of the batch that waited for it cannot be written.
    """
    taken = []
    with home.chain(writing=True, node=node) as ledger:
        desk = Desk(store=home.store, ledger=ledger, sender=home.sender(), clock=home.clock, told=told)
        for one in asked:
            if approver is not None and one.state is RequestState.REQUESTED and one.wanted in needs_approval:
                approve_change(home.store, home.clock, ledger, home.approver(), one.id, person=approver)
            taken.append(change_status(desk, one.id, patience=timedelta(seconds=wait)))
            with writing_bundles():
                deliver_successors(home.store, home.clock, home.shelf, home.key_of, taken[-1])
    return taken
