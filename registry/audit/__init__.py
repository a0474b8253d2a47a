"""What an audit finds: named differences between the database, the chain and the arithmetic that binds them.

Pure: the workflow fetches, this compares. A difference names what it is about, never what personal data says.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from registry.anchor.facts import BatchFacts
from registry.anchor.history import (
    Anchored,
    BatchChanged,
    BatchFlag,
    Checkpoint,
    Record,
    StatusChanged,
    Superseded,
)
from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.batch import Reservation
from registry.credential import (
    Altered,
    CertificateEntry,
    HolderClaims,
    Presentation,
    Unreadable,
    parse,
    verify_signature,
)
from registry.credential.v1 import IssuedCredential, full_presentation
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import BatchId, Digest, IssuerCode, TransactionHash
from registry.kernel.merkle import Frontier
from registry.kernel.signing import PublicKey
from registry.status import Status, changes_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where two things that must agree do not."""

    code: str
    """Stable slug, such as `fsck/root`."""
    subject: str
    """What it is about: a table row, a batch, a certificate number, a record."""
    expected: str
    found: str


def history_differences(records: Iterable[Record], checkpoint: Checkpoint | None) -> Iterator[Difference]:
    """Rebuild the history log from the kept records and compare it with the contract's own checkpoint."""
    frontier, size = Frontier(), 0
    for record in records:
        if record.position.seq != size:
            yield Difference(
                code="fsck/record-missing", subject=f"record {size}", expected=str(size), found=str(record.position.seq)
            )
            return
        frontier, size = frontier.append(record.position.leaf), size + 1
    if checkpoint is None:
        return
    if size != checkpoint.size:
        yield Difference(code="fsck/history-size", subject="history", expected=str(checkpoint.size), found=str(size))
    elif frontier.root != checkpoint.root:
        yield Difference(
            code="fsck/history-root",
            subject="history",
            expected=b64url(checkpoint.root),
            found=b64url(frontier.root),
        )


def record_differences(kept: Sequence[Record], on_chain: Sequence[Record]) -> Iterator[Difference]:
    """Compare the kept records with those that the node shows, one by one."""
    for mine, theirs in zip(kept, on_chain, strict=False):
        if mine != theirs:
            yield Difference(
                code="fsck/record",
                subject=f"record {theirs.position.seq}",
                expected="as on the chain",
                found="edited in the database",
            )
    if len(kept) != len(on_chain):
        yield Difference(code="fsck/record-count", subject="history", expected=str(len(on_chain)), found=str(len(kept)))


def batch_differences(
    batch: Batch, facts: BatchFacts | None, *, digests: int, root: bytes, stored_root: bytes, manifest: bytes
) -> Iterator[Difference]:
    """Compare a sealed batch with what its rows lead to, and with the chain once it is final.

    `root` is computed from the credentials' digests, `stored_root` is the kept tree's, `manifest` the rows'.
    """
    if digests != batch.size:
        yield Difference(code="fsck/batch-size", subject=batch.id, expected=str(batch.size), found=str(digests))
    for code, found in (("fsck/root", root), ("fsck/tree", stored_root)):
        if batch.root is None or found != batch.root:
            yield Difference(code=code, subject=batch.id, expected=b64url(batch.root or b""), found=b64url(found))
    if batch.manifest != manifest:
        yield Difference(
            code="fsck/manifest",
            subject=batch.id,
            expected=_digest(batch.manifest or b""),
            found=_digest(manifest),
        )
    if batch.state is AnchorState.FINAL:
        yield from _against_chain(batch, facts)
    elif facts is not None and facts.anchored.root != batch.root:
        yield _root_differs(batch, facts)
    elif facts is not None and batch.state not in (AnchorState.SENT, AnchorState.INCLUDED, AnchorState.SIGNED):
        yield Difference(code="fsck/state", subject=batch.id, expected=AnchorState.FINAL.value, found=batch.state.value)


def _root_differs(batch: Batch, facts: BatchFacts) -> Difference:
    here, there = b64url(batch.root or b""), b64url(facts.anchored.root)
    return Difference(code="fsck/anchor-root", subject=batch.id, expected=there, found=here)


def _against_chain(batch: Batch, facts: BatchFacts | None) -> Iterator[Difference]:
    if facts is None:
        yield Difference(code="fsck/not-anchored", subject=batch.id, expected="an anchor", found="none")
        return
    anchored, position = facts.anchored, facts.position
    placement = batch.placement
    for what, kept, recorded in (
        ("root", b64url(batch.root or b""), b64url(anchored.root)),
        ("size", str(batch.size), str(anchored.size)),
        ("scope", batch.scope, anchored.scope),
        ("evidence", _digest(batch.manifest or b""), b64url(anchored.evidence)),
        ("credential-key", b64url(batch.credential_key), b64url(anchored.credential_key)),
        ("approver", batch.approval.approver if batch.approval else "", anchored.approver),
        ("transaction", (batch.transaction or b"").hex(), position.transaction.hex()),
        ("seq", str(placement.seq if placement else None), str(position.seq)),
        ("block", str(placement.block_number if placement else None), str(position.block_number)),
        ("block-hash", placement.block_hash.hex() if placement else "", position.block_hash.hex()),
        ("block-time", str(placement.block_time if placement else None), str(position.block_time)),
    ):
        if kept != recorded:
            yield Difference(code=f"fsck/anchor-{what}", subject=batch.id, expected=recorded, found=kept)


def foreign_anchors(records: Iterable[Record], issuer: IssuerCode, known: AbstractSet[BatchId]) -> Iterator[Difference]:
    """Find batches that the chain holds under our code and that we do not know: somebody used our keys."""
    for record in records:
        content = record.content
        if isinstance(content, Anchored) and content.issuer == issuer and content.batch not in known:
            yield Difference(
                code="fsck/foreign-anchor",
                subject=f"record {record.position.seq}",
                expected="a batch of ours",
                found=b64url(content.batch),
            )


def request_differences(request: StatusRequest, ours: Sequence[Record]) -> Iterator[Difference]:
    """Compare a request with the records of its transaction: none before it is final here, then just what was asked."""
    if request.state is not RequestState.FINAL:
        if ours:
            yield Difference(
                code="fsck/request-state", subject=request.id, expected="not on the chain", found="recorded there"
            )
        return
    seq = ours[0].position.seq if ours else None
    if seq != request.seq:
        yield Difference(
            code="fsck/request-record", subject=request.id, expected=f"record {request.seq}", found=f"record {seq}"
        )
    elif [_done(one) for one in ours] != list(_asked(request)):
        yield Difference(
            code="fsck/request-effect", subject=request.id, expected="what was asked for", found="something else"
        )


def _asked(request: StatusRequest) -> Iterator[tuple[object, ...]]:
    """Say what a request changes, one tuple a record."""
    reason = int(request.reason)
    if request.wanted is Status.SUPERSEDED:
        yield request.issuer, request.batch, request.leaves, request.new_batch, request.new_leaves, reason
        return
    if request.certificates:
        yield request.issuer, request.batch, int(request.wanted), changes_of(request.leaves), reason
        return
    for batch in request.batches:
        yield request.issuer, batch, request.wanted is Status.SUSPENDED, reason


def _done(record: Record) -> tuple[object, ...]:
    """Say what a record changed, as `_asked` does."""
    match record.content:
        case StatusChanged() as change:
            return change.issuer, change.batch, change.code, change.changes, change.reason
        case Superseded() as change:
            return change.issuer, change.batch, change.indices, change.new_batch, change.new_indices, change.reason
        case BatchChanged() as change:
            suspended = bool(change.flags & BatchFlag.SUSPENDED_BY_ISSUER)
            return change.issuer, change.batch, suspended, change.reason
        case _:
            return ()


def foreign_changes(
    records: Iterable[Record], issuer: IssuerCode, known: AbstractSet[TransactionHash]
) -> Iterator[Difference]:
    """Find changes of status under our code by transactions that are not ours: somebody used our keys."""
    for record in records:
        content, position = record.content, record.position
        if (
            isinstance(content, StatusChanged | Superseded | BatchChanged)
            and content.issuer == issuer
            and position.transaction not in known
        ):
            yield Difference(
                code="fsck/foreign-change",
                subject=f"record {position.seq}",
                expected="a change that was asked for here",
                found="0x" + position.transaction.hex(),
            )


def certificate_differences(
    batch: Batch,
    reservation: Reservation,
    signed: IssuedCredential,
    digest: Digest,
    *,
    key: PublicKey,
    entry: CertificateEntry,
    claims: HolderClaims,
) -> Iterator[Difference]:
    """Compare one certificate's row with the bytes that were signed, and these with its holder's enrolment and marks.

    `key` is the batch's; `entry` and `claims` are what it should say by what is kept.
    """
    number = reservation.number
    computed = Digest(hashlib.sha256(signed.jwt.encode("ascii", "replace")).digest())
    if computed != digest:
        yield Difference(code="fsck/digest", subject=number, expected=b64url(computed), found=b64url(digest))
    try:
        credential = parse(full_presentation(signed))
    except (Unreadable, Altered) as error:
        yield Difference(code="fsck/credential", subject=number, expected="a credential of ours", found=error.code)
        return
    for what, row, said in _said(batch, reservation, credential):
        if row != said:
            yield Difference(code=f"fsck/{what}", subject=number, expected=said, found=row)
    try:
        verify_signature(credential, key)
    except Altered as error:
        yield Difference(code="fsck/signature", subject=number, expected="the batch's key over it", found=error.code)
    if credential.entry != entry:
        yield Difference(code="fsck/entry", subject=number, expected="as enrolled and examined", found="another entry")
    disclosed = credential.disclosed
    if (disclosed.name, disclosed.name_latin, disclosed.identity_number) != (
        claims.name,
        claims.name_latin,
        claims.identity_number,
    ) or disclosed.identity_type != claims.identity_type:
        yield Difference(code="fsck/holder", subject=number, expected="as enrolled", found="another person")
    if disclosed.portrait != claims.portrait:
        yield Difference(code="fsck/portrait", subject=number, expected="as handed in", found="another photograph")
    if (disclosed.results, disclosed.grade) != (claims.results, claims.grade):
        yield Difference(code="fsck/result", subject=number, expected="as confirmed", found="other marks")


def _said(batch: Batch, row: Reservation, credential: Presentation) -> tuple[tuple[str, str, str], ...]:
    entry, terms = credential.entry, credential.terms
    return (
        ("number", row.number, entry.license_number),
        ("revision", str(row.revision), str(entry.revision)),
        ("jti", row.jti, f"urn:uuid:{entry.id}"),
        ("leaf", str(row.leaf), str(entry.index)),
        ("status-list", str(row.status_list), str(entry.status.list_number)),
        ("status-index", str(row.status_index), str(entry.status.index)),
        ("batch", b64url(batch.batch), b64url(terms.batch)),
        ("scope", batch.scope, terms.scope),
        ("issuer", batch.issuer, terms.issuer),
        ("signer", b64url(batch.credential_key), b64url(credential.signer)),
        ("programme", b64url(batch.programme_digest), b64url(terms.achievement.digest)),
    )


def _digest(data: bytes) -> str:
    return b64url(hashlib.sha256(data).digest())
