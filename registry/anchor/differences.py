"""What may differ between the database and the chain: each difference has a name, and each name one rule.

docs/operations.md has the same table in words; `registry.workflows.desk.reconcile` finds and mends.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

CLOCKS_MAY_DIFFER: Final = timedelta(hours=1)
"""A chain whose blocks come fast is a little ahead of every clock, or behind; a day of award must not be."""


class Rule(StrEnum):
    """What is done about a difference."""

    MENDED = "mended"
    """At once, by what the chain says or by what is kept; nobody is asked."""
    HELD = "held"
    """Nothing is changed: one person has to do something; all else goes on."""
    HALTS = "halts"
    """An alarm: nothing goes to the chain until a person has looked."""


class Name(StrEnum):
    """The differences."""

    RECORDED = "reconcile/recorded"
    """The chain has the batch with our root; here it is still on its way, or failed. → final, by the event."""
    RECORDED_UNAPPROVED = "reconcile/recorded-unapproved"
    """The chain has the batch with our root; here nobody has approved it: the database is older than the chain."""
    RECORDED_UNSEALED = "reconcile/recorded-unsealed"
    """The chain has a batch under our id of which the credentials are not kept here."""
    RECORDED_RELEASED = "reconcile/recorded-released"
    """The chain has a batch that was given up here: its candidates may have got another certificate."""
    ROOT_TAKEN = "anchor/root-taken"
    """The chain has another root under our batch id."""
    FOREIGN_ANCHOR = "reconcile/foreign-anchor"
    """The chain has a batch under our code that this database does not know."""
    ANCHOR_MISSING = "reconcile/anchor-missing"
    """Final here, and the chain has no such record at that place."""
    DATED_AHEAD = "reconcile/dated-ahead"
    """Proposed here later than the block that recorded it: the clock here was ahead, and what it dated is too."""
    FOREIGN_CHANGE = "reconcile/foreign-change"
    """The chain has a change of status under our code by a transaction that was not signed here."""
    REQUEST_RECORDED = "reconcile/request-recorded"
    """The chain has what a request's transaction did; here it is still on its way, or failed. → final."""
    NONCE_AHEAD = "reconcile/nonce-ahead"
    """The sender's account has sent more than was signed here."""
    NONCE_TAKEN = "anchor/nonce-taken"
    """A kept transaction can never be taken: another one stands where it was to stand."""
    UNSENT = "reconcile/unsent"
    """A kept transaction that no node knows. → its bytes are sent again."""
    UNDELIVERED = "reconcile/undelivered"
    """Final, and its bundles were never all written. → they are."""
    BUNDLES_MISSING = "reconcile/bundles-missing"
    """Delivered, and files of it are gone. → the same bytes are written again."""
    LEFT_RESERVED = "reconcile/left-reserved"
    """Numbers are reserved, and nothing works on signing the credentials."""
    SOMEBODY_ERASED = "reconcile/somebody-erased"
    """A batch waits to be signed or approved and never can be: somebody in it was erased."""
    TASK_WAITS = "reconcile/task-waits"
    """A task waits for a desk for longer than ten minutes."""


RULES: Final[Mapping[Name, Rule]] = MappingProxyType(
    {
        Name.RECORDED: Rule.MENDED,
        Name.RECORDED_UNAPPROVED: Rule.HELD,
        Name.RECORDED_UNSEALED: Rule.HALTS,
        Name.RECORDED_RELEASED: Rule.HALTS,
        Name.ROOT_TAKEN: Rule.HALTS,
        Name.FOREIGN_ANCHOR: Rule.HALTS,
        Name.ANCHOR_MISSING: Rule.HALTS,
        Name.DATED_AHEAD: Rule.HALTS,
        Name.FOREIGN_CHANGE: Rule.HALTS,
        Name.REQUEST_RECORDED: Rule.MENDED,
        Name.NONCE_AHEAD: Rule.HALTS,
        Name.NONCE_TAKEN: Rule.HALTS,
        Name.UNSENT: Rule.MENDED,
        Name.UNDELIVERED: Rule.MENDED,
        Name.BUNDLES_MISSING: Rule.MENDED,
        Name.LEFT_RESERVED: Rule.HELD,
        Name.SOMEBODY_ERASED: Rule.HELD,
        Name.TASK_WAITS: Rule.HELD,
    }
)


def both_sides(here: str, there: str) -> str:
    """Give what the database says and what the chain says, or the disk, in one line, as an alarm keeps them."""
    return f"here {here}; there {there}"


def dated_ahead(proposed_at: datetime, recorded_at: datetime) -> tuple[str, str] | None:
    """Say what the clock here and the block said, where a batch was proposed after the block that recorded it.

    None = it was not, as far as clocks may differ. Only a block made since tells anything: an idle chain's last one is
    old by right.
    """
    if proposed_at <= recorded_at + CLOCKS_MAY_DIFFER:
        return None
    return f"proposed {proposed_at:%Y-%m-%d %H:%M} UTC", f"recorded {recorded_at:%Y-%m-%d %H:%M} UTC"
