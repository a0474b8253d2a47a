"""Deliver: one bundle a certificate, only after its batch is final, and while no alarm is open about it.

The same bytes every time. One that takes the place of another is delivered once that has fallen, whether or not others
of its batch still wait for theirs; the batch is delivered when none does.
"""

from contextlib import suppress
from hashlib import sha256
from typing import Protocol

from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.receipt import AnchorReceipt
from registry.anchor.states import AnchorState
from registry.batch import Reservation
from registry.credential import Presentation, full_presentation, parse, public_presentation
from registry.credential.v1 import IssuedCredential
from registry.delivery.bundle import BUNDLE_SUFFIX, bundle_bytes
from registry.kernel.errors import Missing
from registry.kernel.identifiers import CertificateKey
from registry.kernel.merkle import MerkleTree
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock, KeyOf
from registry.ports.alarms import WritingHalted
from registry.ports.storage import Store, StoredCertificate, UnitOfWork
from registry.workflows.certificates.contents import place_of
from registry.workflows.lineage.succession import awaiting_succession, is_held_back


class Shelf(Protocol):
    """Where delivered files lie."""

    def put(self, name: str, data: bytes) -> None:
        """Keep a file under a name, whole or not at all; the same bytes again change nothing."""
        ...

    def settle(self) -> None:
        """Bring everything put to the disk."""
        ...


class ContentErased(Missing):
    """The holder's data was erased; nothing is left to deliver."""

    code = "delivery/erased"

    def __init__(self, number: str) -> None:
        self.number = number
        super().__init__(f"certificate {number}: the holder's data was erased")


class NotDeliverable(Missing):
    """The certificate's batch is not final: nothing may be delivered."""

    code = "delivery/not-final"

    def __init__(self, number: str, state: str) -> None:
        self.number, self.state = number, state
        super().__init__(f"certificate {number} cannot be delivered: its batch is {state}")


class PredecessorStands(NotDeliverable):
    """The certificate is recorded, and the one that it replaces still stands: nothing is delivered before it falls."""

    code = "delivery/predecessor-stands"

    def __init__(self, number: str) -> None:
        super().__init__(number, "final, and the certificate that it replaces still stands")


class NoDocument(Missing):
    """No document goes out under a certificate key: unknown, not final yet, erased; one answer for all of them."""

    code = "delivery/no-document"

    def __init__(self) -> None:
        super().__init__("there is no document under this certificate key")


def require_in_place(unit: UnitOfWork, certificate: StoredCertificate) -> None:
    """Let nothing out of a certificate whose predecessor stands. Raises PredecessorStands."""
    if certificate.reservation.leaf in awaiting_succession(unit, certificate.batch):
        raise PredecessorStands(certificate.reservation.number)


def receipt_of(unit: UnitOfWork, certificate: StoredCertificate, tree: MerkleTree | None = None) -> AnchorReceipt:
    """Make a certificate's anchor receipt from the kept tree. Raises NotDeliverable."""
    batch, reservation = certificate.batch, certificate.reservation
    placement, transaction, root, digest = batch.placement, batch.transaction, batch.root, certificate.digest
    if placement is None or transaction is None or root is None or digest is None:
        raise NotDeliverable(reservation.number, batch.state)
    contract, genesis = place_of(batch)
    return AnchorReceipt(
        license_number=reservation.number,
        revision=reservation.revision,
        digest=digest,
        issuer=batch.issuer,
        contract=contract,
        genesis=genesis,
        batch=batch.batch,
        proof=tree.proof(reservation.leaf) if tree is not None else unit.batches.proof(batch.id, reservation.leaf),
        merkle_root=root,
        transaction=transaction,
        block_number=placement.block_number,
        block_hash=placement.block_hash,
        block_time=placement.block_time,
    )


def presentation_of(certificate: StoredCertificate, *, full: bool = False) -> str:
    """Write a certificate's public presentation, or the holder's full one. Raises ContentErased, NotDeliverable."""
    if certificate.jwt is None:
        raise NotDeliverable(certificate.reservation.number, certificate.batch.state)
    if certificate.disclosures is None:
        raise ContentErased(certificate.reservation.number)
    issued = IssuedCredential(jwt=certificate.jwt, disclosures=certificate.disclosures)
    return full_presentation(issued) if full else public_presentation(issued)


def photograph_of(unit: UnitOfWork, certificate: StoredCertificate, shown: Presentation) -> bytes | None:
    """Give the kept photograph that a presentation discloses the digest of; None = it discloses none, or it is gone."""
    portrait = shown.disclosed.portrait
    if portrait is None:
        return None
    admission = certificate.reservation.admission
    kept = unit.portraits.of([admission]).get(admission)
    if kept is not None and sha256(kept.image).digest() == portrait.digest:
        return kept.image
    made_by = unit.replacements.that_made(certificate.batch.id, certificate.reservation.leaf)
    image = None if made_by is None else unit.replacements.image(made_by.id)
    return image if image is not None and sha256(image).digest() == portrait.digest else None


def bundle_of(
    unit: UnitOfWork,
    certificate: StoredCertificate,
    key_of: KeyOf,
    *,
    full: bool = False,
    tree: MerkleTree | None = None,
) -> bytes:
    """Write a certificate's bundle. Raises NotDeliverable, ContentErased."""
    if certificate.batch.state is not AnchorState.FINAL:
        raise NotDeliverable(certificate.reservation.number, certificate.batch.state)
    return bundle_bytes(
        presentation_of(certificate, full=full),
        receipt_of(unit, certificate, tree),
        key_of(certificate.batch.credential_key),
    )


def photograph_by_key(store: Store, key: CertificateKey) -> bytes:
    """Give the photograph on the paper that a certificate's QR code leads to, as JPEG. Raises NoDocument.

    Only of a final certificate whose public presentation names it: what the paper shows, and nothing beside it.
    """
    with store.read() as unit:
        certificate = unit.batches.by_key(key)
        if certificate is None or certificate.batch.state is not AnchorState.FINAL:
            raise NoDocument
        try:
            require_in_place(unit, certificate)
            image = photograph_of(unit, certificate, parse(presentation_of(certificate)))
        except (NotDeliverable, ContentErased) as error:
            raise NoDocument from error
    if image is None:
        raise NoDocument
    return image


def public_bundle(store: Store, key_of: KeyOf, key: CertificateKey) -> bytes:
    """Write the bundle that a certificate's QR code leads to, as its paper shows it. Raises NoDocument."""
    with store.read() as unit:
        certificate = unit.batches.by_key(key)
        if certificate is None:
            raise NoDocument
        try:
            require_in_place(unit, certificate)
            return bundle_of(unit, certificate, key_of)
        except (NotDeliverable, ContentErased) as error:
            raise NoDocument from error


def bundle_name(reservation: Reservation) -> str:
    """Name a certificate's bundle: by its number, and from the second revision on by that too."""
    later = f".r{reservation.revision}" if reservation.revision > 1 else ""
    return f"{reservation.number}{later}{BUNDLE_SUFFIX}"


def deliver(
    store: Store,
    clock: Clock,
    shelf: Shelf,
    key_of: KeyOf,
    name: str,
    *,
    again: bool = False,
    progress: Progress = unheard,
) -> int:
    """Write the bundles of a final batch; what lies there already stays. Returns how many; 0 = delivered before.

    `again` puts back what is missing of a batch that was delivered before. Raises NotDeliverable, WritingHalted while
    an alarm is open about this batch; PredecessorStands, after the rest is written, where certificates still wait.
    """
    with store.read() as unit:
        batch = unit.batches.batch(name)
        if batch.state is not AnchorState.FINAL:
            raise NotDeliverable(name, batch.state)
        delivered_before = batch.delivered_at is not None
        if delivered_before and not again:
            return 0
        _require_no_alarm(unit, name)
        awaiting, held_back = awaiting_succession(unit, batch), is_held_back(unit, batch)
        if held_back and len(awaiting) == batch.size:
            raise PredecessorStands(name)
        tree = MerkleTree(unit.batches.leaves(name))
        pieces = unit.pieces.of_batch(name)
    written = 0
    # A final batch does not change: read piece by piece, it keeps nothing that others write from being put away.
    for piece in pieces:
        with store.read() as unit:
            _require_no_alarm(unit, name)
            bundles = [
                (bundle_name(one.reservation), bundle_of(unit, one, key_of, tree=tree))
                if one.disclosures is not None and one.reservation.leaf not in awaiting
                else None
                for one in unit.batches.of_piece(name, piece)
            ]
        for bundle in bundles:
            if bundle is not None:
                shelf.put(*bundle)
            written += 1
            progress(written, batch.size)
    shelf.settle()
    if held_back:
        raise PredecessorStands(name)
    if delivered_before:
        return written
    with store.write() as unit:
        if unit.batches.batch(name).delivered_at is not None:
            return written  # another command wrote the same files meanwhile
        now = clock.now()
        unit.batches.deliver(name, now)
        unit.journal.write(at=now, person="system", action="batch.deliver", subject=name, bundles=written)
    return written


def _require_no_alarm(unit: UnitOfWork, name: str) -> None:
    for alarm in unit.alarms.open():
        if alarm.subject == name:
            raise WritingHalted(alarm)


def deliver_successors(store: Store, clock: Clock, shelf: Shelf, key_of: KeyOf, request: StatusRequest) -> int:
    """Deliver what a supersession was the last to wait for. Returns how many where that ends its batch; else 0."""
    if request.new_batch is None or request.state is not RequestState.FINAL:
        return 0
    with store.read() as unit:
        batch = unit.batches.of_chain(request.new_batch)
    if batch is None:
        return 0
    with suppress(PredecessorStands):
        return deliver(store, clock, shelf, key_of, batch.id)
    return 0
