"""Comparing the database with the chain, for the command and for a desk that starts."""

from contextlib import ExitStack
from dataclasses import replace

from api.wiring import Home
from registry.anchor.differences import Name, Rule
from registry.ports import Ledger, LedgerUnavailable
from registry.workflows.desk.reconcile import Reconciled, Reconciler, look, mend


def reconcile_here(home: Home, *, node: str | None = None, files: bool = False, only_look: bool = False) -> Reconciled:
    """Look at what differs and mend it. Asks for no passphrase, unless kept bytes have to be sent again.

    `files`: delivered bundles are looked for one by one. Raises as `registry.workflows.desk.reconcile` does.
    """
    with ExitStack() as stack:
        found = look(_reconciler(home, stack.enter_context(home.chain(node=node))), files=files)
        if only_look or not found.found:
            return found
        sends = any(one.name is Name.UNSENT for one in found.found)
        if sends:  # to send, the embedded chain's own lock is needed
            stack.pop_all().close()
        return mend(_reconciler(home, stack.enter_context(home.chain(writing=sends, node=node))), found)


def halt_where_due(home: Home) -> bool:
    """Read the chain and raise the alarms that are due, before anything new is made; False = no node answers.

    A database that is older than the chain would make certificates twice: it lacks batches that are recorded. Mends
    nothing. Raises LedgerForeign, HistoryBroken.
    """
    try:
        with home.chain() as ledger:
            place = _reconciler(home, ledger)
            found = look(place)
            due = tuple(one for one in found.found if one.rule is Rule.HALTS and not one.lifted)
            mend(place, replace(found, found=due))
    except LedgerUnavailable:
        return False
    return True


def _reconciler(home: Home, ledger: Ledger) -> Reconciler:
    return Reconciler(
        store=home.store,
        ledger=ledger,
        clock=home.clock,
        issuer=home.issuer,
        key_of=home.key_of,
        shelf=home.shelf,
    )
