"""Compare what replaced certificates with the journal, with the supersessions asked for, and with the chain's word.

1. Every replacement that the journal tells of is kept, and no other.
2. One whose successor has its place was asked to be superseded by just that, unless it was given up.
3. A certificate of ours that the chain calls the successor of another came of the replacement of that other.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress

from registry.anchor.history import Record, Superseded
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.audit import Difference
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import IssuerCode
from registry.ports.replacements import Replacement
from registry.ports.storage import UnitOfWork


def replacement_differences(unit: UnitOfWork, records: Sequence[Record], issuer: IssuerCode) -> Iterator[Difference]:
    """Yield every difference; rows and entries that cannot be read are named elsewhere."""
    with suppress(RegistryError):
        every = unit.replacements.every()
        told = {entry.subject for entry in unit.journal.entries() if entry.action == "replace.ask"}
        # 1
        kept = {one.id for one in every}
        yield from (_difference(one, "kept, as the journal tells", "missing") for one in sorted(told - kept))
        yield from (_difference(one, "an entry of the journal", "none") for one in sorted(kept - told))
        # 2
        for one in every:
            if one.batch is not None and one.cancelled_at is None and not _is_asked(unit, one):
                yield _difference(one.id, "its supersession asked for", "no such request")
        # 3
        for record in records:
            if isinstance(record.content, Superseded):
                yield from _unexpected(unit, record.content, issuer)


def _is_asked(unit: UnitOfWork, one: Replacement) -> bool:
    assert one.batch is not None
    batch = unit.batches.batch(one.batch)
    if batch.state is AnchorState.CANCELLED:
        return True
    for request in unit.status_requests.onto(batch.batch):
        if request.state is not RequestState.CANCELLED and any(
            (target.number, target.revision, target.successor) == (one.number, one.revision, one.leaf)
            for target in request.certificates
        ):
            return True
    return False


def _unexpected(unit: UnitOfWork, content: Superseded, issuer: IssuerCode) -> Iterator[Difference]:
    """Compare the pairs of a supersession whose two sides are ours with what was asked for."""
    if content.issuer != issuer or content.target_issuer != issuer:
        return
    new = unit.batches.of_chain(content.new_batch)
    for leaf, new_leaf in zip(content.indices, content.new_indices, strict=True):
        old = unit.batches.by_leaf(content.batch, leaf)
        made_by = None if new is None else unit.replacements.that_made(new.id, new_leaf)
        if old is None:
            continue  # foreign_anchors names the batch
        if made_by is None or (made_by.number, made_by.revision) != (old.reservation.number, old.reservation.revision):
            yield _difference(
                f"{old.reservation.number}#{old.reservation.revision}",
                "superseded by what was issued for it",
                f"by leaf {new_leaf} of {'an unknown batch' if new is None else new.id}",
            )


def _difference(subject: str, expected: str, found: str) -> Difference:
    return Difference(code="fsck/replacement", subject=subject, expected=expected, found=found)
