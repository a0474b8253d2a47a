"""Succession: which certificates were issued in the place of others that still stand, by the records read so far."""

from registry.anchor.progress import Batch
from registry.ports.storage import UnitOfWork


def awaiting_succession(unit: UnitOfWork, batch: Batch) -> set[int]:
    """Which certificates of a batch were issued in the place of others that still stand."""
    issued = unit.replacements.leaves(batch.id)
    return issued.keys() - unit.projection.successors(batch.issuer, batch.batch) if issued else set()


def given_up(unit: UnitOfWork, batch: Batch) -> set[int]:
    """Which certificates of a batch were to take the place of others and never will: those stay pending for good."""
    cancelled = {leaf for leaf, is_cancelled in unit.replacements.leaves(batch.id).items() if is_cancelled}
    return cancelled & awaiting_succession(unit, batch) if cancelled else set()


def is_held_back(unit: UnitOfWork, batch: Batch) -> bool:
    """Tell whether certificates of a batch are still to take the place of others; given up, they never are."""
    return bool(awaiting_succession(unit, batch) - given_up(unit, batch))
