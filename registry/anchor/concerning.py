"""Which records concern one certificate: its anchor, what became of it, and what became of its whole batch."""

from collections.abc import Iterable, Iterator

from registry.anchor.history import (
    Anchored,
    Ballot,
    BallotKind,
    BatchChanged,
    Enacted,
    Record,
    StatusChanged,
    Superseded,
    Voted,
)
from registry.kernel.identifiers import BatchId, IssuerCode
from registry.status import concerns

_OF_BATCH = frozenset(
    {
        BallotKind.SUSPEND_BATCH,
        BallotKind.LIFT_BATCH_SUSPENSION,
        BallotKind.REVOKE_BATCH,
        BallotKind.REAFFIRM_BATCH,
        BallotKind.REVOKE_WORD,
    }
)


def records_of_certificate(
    records: Iterable[Record], issuer: IssuerCode, batch: BatchId, index: int
) -> Iterator[Record]:
    """Yield what concerns the certificate at `index` of a batch, votes about it among them."""
    for record in records:
        content = record.content
        match content:
            case Anchored() | BatchChanged() | StatusChanged() | Superseded():
                found = (content.issuer, content.batch) == (issuer, batch) and _touches(content, index)
            case Voted(ballot=ballot) | Enacted(ballot=ballot):
                found = _is_about(ballot, issuer, batch, index)
            case _:
                found = False
        if found:
            yield record


def _touches(content: Anchored | BatchChanged | StatusChanged | Superseded, index: int) -> bool:
    match content:
        case StatusChanged():
            return any(concerns(change, index) for change in content.changes)
        case Superseded():
            return index in content.indices
        case _:
            return True


def _is_about(ballot: Ballot, issuer: IssuerCode, batch: BatchId, index: int) -> bool:
    if (
        ballot.kind not in _OF_BATCH
        or ballot.ref != batch
        or ballot.subject != issuer.encode("latin-1").ljust(32, b"\0")
    ):
        return False
    # The argument of a word's revocation: reason << 192 | word << 128 | mask.
    return ballot.kind is not BallotKind.REVOKE_WORD or concerns(ballot.arg & (1 << 192) - 1, index)
