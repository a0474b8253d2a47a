"""Controls: issuing as one would write it who trusts that nothing ever stops half-way.

Each variant takes one of the rules away; the same questions must find what it loses or does twice.
"""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

Reach = Callable[[str], None]
"""Names an instant, at which a test may strike."""


def send_then_keep(reach: Reach) -> None:
    """Send first, keep the bytes afterwards; another try takes the next nonce and believes its own receipt alone."""
    _naive(reach, fresh_id=False)


def another_id_each_try(reach: Reach) -> None:
    """Draw the batch id anew at each try and send before anything is kept, as if a try were the request."""
    _naive(reach, fresh_id=True)


def _naive(reach: Reach, *, fresh_id: bool) -> None:
    from dataclasses import replace

    from api.settings import find_home
    from api.wiring import Home
    from registry.workflows.chain import anchor

    looked_up = anchor._recorded
    unsure = ("approved", "sent")
    anchor._recorded = lambda desk, batch: None if batch.state in unsure else looked_up(desk, batch)

    def sign_batch(desk: Any, sequencer: Any, batch: Any) -> None:
        operation = anchor.anchoring(batch)
        if fresh_id:
            asked = replace(operation.asked, batch=os.urandom(32))
            home = Home(find_home(Path(sys.argv[sys.argv.index("--home") + 1])))
            operation = replace(operation, asked=asked, approval=home.approver().approve(asked))
        transaction = desk.sender.sign(operation, nonce=desk.ledger.next_nonce(desk.sender.address))
        _send_and_wait(desk, transaction)
        reach("naive sent")
        with desk.store.write() as unit:
            unit.batches.sign(batch.id, transaction, desk.clock.now())

    anchor._sign_batch = sign_batch


def send_change_then_keep(reach: Reach) -> None:
    """Send a change of status first and keep the bytes afterwards."""
    from registry.workflows.chain import status_sending

    def sign_request(desk: Any, sequencer: Any, request: Any) -> None:
        operation = status_sending.operation_of(request)
        transaction = desk.sender.sign(operation, nonce=desk.ledger.next_nonce(desk.sender.address))
        _send_and_wait(desk, transaction)
        reach("naive sent")
        with desk.store.write() as unit:
            unit.status_requests.sign(request.id, transaction, desk.clock.now())

    status_sending._sign_request = sign_request


def _send_and_wait(desk: Any, transaction: Any) -> None:
    from registry.ports import FateKind

    desk.ledger.broadcast(transaction)
    while desk.ledger.fate(transaction.hash).kind is FateKind.WAITING:
        desk.pause(0.1)


def nonce_of_the_node(reach: Reach) -> None:
    """Hold no lease, take the next nonce of the node, and keep it whoever has it already: two at once get the same."""
    from registry.workflows.chain import anchor

    def sign_batch(desk: Any, sequencer: Any, batch: Any) -> None:
        nonce = desk.ledger.next_nonce(desk.sender.address)
        transaction = desk.sender.sign(anchor.anchoring(batch), nonce=nonce)
        reach("naive signed")
        with desk.store.write() as unit:
            unit.batches._session.connection.exec_driver_sql("DROP INDEX IF EXISTS uq_outbox_nonce")
            unit.batches.sign(batch.id, transaction, desk.clock.now())

    anchor._sign_batch = sign_batch


def believes_every_node(reach: Reach) -> None:
    """Follow whatever head a node shows, and keep what it shows up to there: none is ever behind."""
    from registry.store import projection
    from registry.workflows.chain import follow

    for owner, guard in ((follow, "_require_known"), (follow, "_require_all"), (projection, "_require_onward")):
        assert callable(getattr(owner, guard))
        setattr(owner, guard, lambda *parts: None)


def another_key_each_try(reach: Reach) -> None:
    """Propose under a key of this try instead of one of the task."""
    from registry.workflows.desk import work_off

    propose = work_off.propose
    work_off.propose = lambda *parts, **named: propose(*parts, **{**named, "idempotency_key": os.urandom(8).hex()})


def no_lease(reach: Reach) -> None:
    """Let whoever claims a task have it for ever."""
    from registry.workflows.desk import claimed

    claimed.LEASE = timedelta(days=365)  # type: ignore[misc]


def signs_in_a_pause(reach: Reach) -> None:
    """Sign an approved batch without asking whether the contract takes any just now."""
    from registry.workflows.chain import anchor

    def sign_batch(desk: Any, sequencer: Any, batch: Any) -> None:
        sequencer.sign(anchor.anchoring(batch), lambda unit, one, at: unit.batches.sign(batch.id, one, at))

    anchor._sign_batch = sign_batch


VARIANTS: dict[str, Callable[[Reach], None]] = {
    "send then keep": send_then_keep,
    "another id each try": another_id_each_try,
    "send a change then keep": send_change_then_keep,
    "nonce of the node": nonce_of_the_node,
    "another key each try": another_key_each_try,
    "no lease": no_lease,
    "believes every node": believes_every_node,
    "signs in a pause": signs_in_a_pause,
}
