"""Replace a transaction that waits: another one with the same nonce that offers more, kept beside the first.

1. Look: the batch or request is signed or sent, this account signed it, and no block holds any transaction of it.
2. Offer: what is asked for; of fees that are not named an eighth more than the last ones (pools ask for a tenth). The
   signer's cap bounds both: nothing is paid beyond it, and what would need more waits. An approval that has lapsed is
   no bar: the contract then refuses the call, which spends the nonce that all later ones wait behind, and what failed
   is approved anew.
3. Sign the same operation under the same nonce and keep it beside the others, under the lease, with a line in the
   journal. One block can hold one of them: whichever it takes wins, and the others are void from then on.
4. Send.
"""

from datetime import datetime

from registry.anchor.operations import Operation
from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict
from registry.ports import FateKind, Offer
from registry.ports.sending import KeptTransaction
from registry.ports.storage import NotHere, UnitOfWork
from registry.workflows.chain.anchor import Desk, anchoring
from registry.workflows.chain.halt import halting
from registry.workflows.chain.sequence import Sequencer
from registry.workflows.chain.status_operations import operation_of

_ON_THE_WAY = (AnchorState.SIGNED, AnchorState.SENT, AnchorState.ORPHANED, RequestState.SIGNED, RequestState.SENT)


class NotReplaceable(Conflict):
    """A transaction cannot be replaced by another one."""

    code = "anchor/not-replaceable"

    def __init__(self, subject: str, why: str) -> None:
        self.subject, self.why = subject, why
        super().__init__(f"the transaction of {subject} cannot be replaced: {why}")


def replace_transaction(
    desk: Desk,
    name: str,
    *,
    person: str,
    gas: int | None = None,
    ceiling: int | None = None,
    tip: int | None = None,
) -> KeptTransaction:
    """Replace the transaction of a batch or a status request and send it; fees in wei for a unit of gas.

    Raises NotHere, NotReplaceable, SenderBusy, WritingHalted, LedgerUnavailable, LedgerForeign, TransactionRefused, and
    the signer's refusal where the offer is beyond its cap.
    """
    with (
        halting(desk.store, desk.clock),
        Sequencer(desk.store, desk.ledger, desk.sender, desk.clock) as sequencer,
    ):
        # 1
        with desk.store.read() as unit:
            subject = _found(unit, name)
        rivals = _rivals(sequencer, subject)
        last = rivals[-1]
        # 2
        offered = desk.sender.offer_of(last.transaction)
        offer = Offer(
            gas=offered.gas if gas is None else gas,
            ceiling=_more(offered.ceiling) if ceiling is None else ceiling,
            tip=_more(offered.tip) if tip is None else tip,
        )
        if offer in [desk.sender.offer_of(one.transaction) for one in rivals]:
            raise NotReplaceable(name, "one that offers the same is kept already")

        def note(unit: UnitOfWork, now: datetime) -> None:
            if _found(unit, name).state is not subject.state:
                raise NotReplaceable(name, "it has gone on meanwhile")
            terms = {"gas": offer.gas, "ceiling": offer.ceiling, "tip": offer.tip}
            nonce = last.transaction.nonce
            unit.journal.write(at=now, person=person, action="sender.replace", subject=name, nonce=nonce, **terms)

        # 3
        sequencer.replace(last, _operation(subject), offer, note)
        # 4
        sequencer.send(last.transaction.hash)
        return sequencer.rivals(last.transaction.hash)[-1]


def _found(unit: UnitOfWork, name: str) -> Batch | StatusRequest:
    try:
        return unit.batches.batch(name)
    except NotHere:
        return unit.status_requests.request(name)


def _rivals(sequencer: Sequencer, subject: Batch | StatusRequest) -> list[KeptTransaction]:
    if subject.transaction is None or subject.state not in _ON_THE_WAY:
        raise NotReplaceable(subject.id, f"it is {subject.state}")
    rivals = list(sequencer.rivals(subject.transaction))
    if rivals[-1].transaction.sender != sequencer.account:
        raise NotReplaceable(subject.id, f"{rivals[-1].transaction.sender} signed it, another account than this one")
    if sequencer.fate(subject.transaction).kind not in (FateKind.UNKNOWN, FateKind.WAITING):
        raise NotReplaceable(subject.id, "a block holds it")
    if sequencer.is_displaced(subject.transaction):
        raise NotReplaceable(subject.id, "its nonce was used by another one")
    return rivals


def _operation(subject: Batch | StatusRequest) -> Operation:
    """Give what the transaction does, the same as before."""
    return anchoring(subject) if isinstance(subject, Batch) else operation_of(subject)


def _more(fee: int) -> int:
    return fee + fee // 8 + 1
