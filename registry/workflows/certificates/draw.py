"""Draw: certificates as PDF, one by one or a batch in one ZIP; only final ones, and the same bytes every time.

A ZIP is what is handed out: certificates that do not stand are left out of it, and named.

1. Draw what is not drawn yet into a folder beside the ZIP, each file whole or not at all.
2. Write the ZIP from the folder in the order of numbers, under another name; then give it its name.
3. Remove the folder.

What is cut off goes on where it stopped when it is run again.
"""

import hashlib
import os
import shutil
import zipfile
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from registry.anchor.facts import batch_flags, joint_status, own_status
from registry.anchor.receipt import AnchorReceipt
from registry.anchor.states import AnchorState
from registry.credential import Presentation, parse
from registry.delivery.certificate_pdf import PDF_SUFFIX, Press, certificate_pdf, edition_of
from registry.delivery.typesetting import GlyphMissing
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import CertificateKey
from registry.kernel.merkle import MerkleTree
from registry.kernel.progress import Progress, unheard
from registry.kernel.signing import PublicKey
from registry.ports import KeyOf
from registry.ports.storage import NotHere, Store, StoredCertificate, UnitOfWork
from registry.status import Status
from registry.workflows.certificates.deliver import (
    ContentErased,
    NoDocument,
    NotDeliverable,
    photograph_of,
    presentation_of,
    receipt_of,
    require_in_place,
)
from registry.workflows.lineage.succession import awaiting_succession

NAMED: Final = 200
"""Certificates that a ZIP lacks and that it names in its comment."""
_END: Final = b"PK\x05\x06"
_END_BYTES: Final = 22
_MOST_COMMENT: Final = 0xFFFF
"""The end record of a ZIP file (APPNOTE 4.3.16): its mark, its bytes, the most bytes of the comment behind it."""
_AT_ONCE: Final = 50
"""Certificates that are read together, with their photographs; to draw them takes far longer than a reading may last,
which keeps what others write from being put away."""
_AHEAD: Final = 4
"""Certificates read ahead for each worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Printable:
    """All that a certificate's paper is drawn from."""

    credential: Presentation
    anchor: AnchorReceipt
    key: PublicKey
    certificate_key: CertificateKey
    photograph: bytes | None = None
    """The kept photograph; None = none was handed in."""

    @property
    def file_name(self) -> str:
        """Name of its PDF."""
        return self.credential.entry.license_number + PDF_SUFFIX

    def draw(self, press: Press) -> bytes:
        """Draw it. Raises GlyphMissing."""
        return certificate_pdf(
            press, self.credential, self.anchor, self.key, self.certificate_key, photograph=self.photograph
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A certificate that cannot be drawn."""

    number: str
    error: GlyphMissing


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnBatch:
    """What became of a batch's certificates."""

    drawn: int
    erased: int
    """Left out: their holders' data was erased."""
    not_standing: tuple[str, ...]
    """Left out, by number: revoked, superseded, suspended, or waiting for what they are to replace."""
    refused: tuple[Refused, ...]
    """Left out: with characters that no font here has."""


def printable(
    unit: UnitOfWork, certificate: StoredCertificate, key_of: KeyOf, *, tree: MerkleTree | None = None
) -> Printable:
    """Gather what a certificate's paper is drawn from. Raises NotDeliverable, ContentErased."""
    batch = certificate.batch
    if batch.state is not AnchorState.FINAL:
        raise NotDeliverable(certificate.reservation.number, batch.state)
    credential = parse(presentation_of(certificate))
    return Printable(
        credential=credential,
        anchor=receipt_of(unit, certificate, tree),
        key=key_of(batch.credential_key),
        certificate_key=certificate.reservation.key,
        photograph=photograph_of(unit, certificate, credential),
    )


def draw_certificate(store: Store, key_of: KeyOf, press: Press, number: str) -> tuple[str, bytes]:
    """Draw the current revision under a number: name of its file, and the PDF.

    Raises NotHere, NotDeliverable, ContentErased, GlyphMissing.
    """
    with store.read() as unit:
        certificate = unit.batches.by_number(number)
        if certificate is None:
            raise NotHere("certificate", number)
        require_in_place(unit, certificate)
        found = printable(unit, certificate, key_of)
    return found.file_name, found.draw(press)


def draw_by_key(store: Store, key_of: KeyOf, press: Press, key: CertificateKey) -> tuple[str, bytes]:
    """Draw the certificate that a QR code leads to: name of its file, and the PDF. Raises NoDocument, GlyphMissing."""
    with store.read() as unit:
        certificate = unit.batches.by_key(key)
        if certificate is None:
            raise NoDocument
        try:
            require_in_place(unit, certificate)
            found = printable(unit, certificate, key_of)
        except (NotDeliverable, ContentErased) as error:
            raise NoDocument from error
    return found.file_name, found.draw(press)


def draw_batch(
    store: Store, key_of: KeyOf, press: Press, name: str, target: Path, *, progress: Progress = unheard
) -> DrawnBatch:
    """Draw a final batch into the ZIP file `target`, with as many threads as there are cores.

    Certificates that do not stand, or cannot be drawn, are left out and named. Raises NotDeliverable, NotHere, OSError.
    """
    with store.read() as unit:
        batch = unit.batches.batch(name)
        if batch.state is not AnchorState.FINAL:
            raise NotDeliverable(name, batch.state)
    place = hashlib.sha256(f"{edition_of(press)} {batch.id}".encode()).hexdigest()[:12]
    folder = target.with_name(f".{target.name}.{place}")
    folder.mkdir(mode=0o700, exist_ok=True)  # names and marks are nobody else's to read
    # 1
    refused: list[Refused] = []
    erased: list[str] = []
    not_standing: list[str] = []
    done = 0
    under_way: dict[Future[None], Printable] = {}
    workers = os.cpu_count() or 1

    def settle(finished: set[Future[None]]) -> None:
        nonlocal done
        for one in finished:
            what = under_way.pop(one)
            try:
                one.result()
            except GlyphMissing as error:
                refused.append(Refused(number=what.credential.entry.license_number, error=error))
            done += 1
            progress(done, batch.size)

    # The typesetter works outside Python's lock, so that threads use all cores.
    with ThreadPoolExecutor(workers, thread_name_prefix="draw") as pool:
        for number, what in _printables(store, key_of, name):
            if isinstance(what, _Lack) or (folder / what.file_name).exists():
                if isinstance(what, _Lack):
                    (erased if what is _Lack.ERASED else not_standing).append(number)
                    (folder / f"{number}{PDF_SUFFIX}").unlink(missing_ok=True)  # drawn before it fell
                done += 1
                progress(done, batch.size)
                continue
            under_way[pool.submit(_draw_into, folder, press, what)] = what
            if len(under_way) >= workers * _AHEAD:
                settle(wait(under_way, return_when=FIRST_COMPLETED).done)
        settle(wait(under_way).done)
    # 2
    assert batch.placement is not None  # it is final
    recorded = batch.placement.block_time.astimezone(CHINA_TIME)
    moment = (recorded.year, recorded.month, recorded.day, recorded.hour, recorded.minute, recorded.second)
    new = folder / "new.zip"
    drawn = 0
    with zipfile.ZipFile(new, "w") as archive:
        for path in sorted(folder.glob(f"*{PDF_SUFFIX}")):
            entry = zipfile.ZipInfo(path.name, date_time=moment)
            entry.create_system, entry.external_attr = 3, 0o600 << 16
            archive.writestr(entry, path.read_bytes())
            drawn += 1
        lacking = sorted({*erased, *not_standing, *(one.number for one in refused)})[:NAMED]
        # A page reads this at once; the directory is as long as the batch.
        archive.comment = "\n".join(lacking).encode("ascii")
    new.chmod(0o600)
    os.replace(new, target)
    # 3
    shutil.rmtree(folder)
    return DrawnBatch(
        drawn=drawn,
        erased=len(erased),
        not_standing=tuple(sorted(not_standing)),
        refused=tuple(sorted(refused, key=lambda one: one.number)),
    )


def lacking_in(path: Path) -> tuple[str, ...]:
    """Name the certificates that a drawn ZIP lacks, `NAMED` at most; reads its last bytes alone. Raises OSError."""
    with path.open("rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - _END_BYTES - _MOST_COMMENT))
        end = file.read()
    at = end.rfind(_END)
    return tuple(end[at + _END_BYTES :].decode("ascii", "replace").split()) if at >= 0 else ()


class _Lack(Enum):
    """Why a certificate is not drawn."""

    ERASED = "erased"
    NOT_STANDING = "not-standing"


def _printables(store: Store, key_of: KeyOf, name: str) -> Iterator[tuple[str, Printable | _Lack]]:
    """Give a batch's certificates by number."""
    with store.read() as unit:
        batch = unit.batches.batch(name)
        tree = MerkleTree(unit.batches.leaves(name))
        awaiting = awaiting_succession(unit, batch)
        records = unit.projection.of_batch(batch.issuer, batch.batch)
        pieces = unit.pieces.drawn(name, _AT_ONCE)
    flags = batch_flags(records, batch.issuer, batch.batch)

    def stands(leaf: int) -> bool:
        own = own_status(records, batch.issuer, batch.batch, leaf)
        return leaf not in awaiting and joint_status(own, flags) is Status.VALID

    for piece in pieces:
        found: list[tuple[str, Printable | _Lack]] = []
        with store.read() as unit:
            for one in unit.batches.of_piece(name, piece):
                what: Printable | _Lack
                if one.disclosures is None:
                    what = _Lack.ERASED
                elif not stands(one.reservation.leaf):
                    what = _Lack.NOT_STANDING
                else:
                    what = printable(unit, one, key_of, tree=tree)
                found.append((one.reservation.number, what))
        yield from found


def _draw_into(folder: Path, press: Press, what: Printable) -> None:
    data = what.draw(press)
    new = folder / f".{what.file_name}"
    new.write_bytes(data)
    os.replace(new, folder / what.file_name)
