"""Opens and writes rows of pieces of a batch, in whatever process: all it needs is the rows and the keys.

Rows come as the driver gives them, with the columns in the order of their tables; each one's seal is checked here.
"""

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any

from registry.batch import SALT_LENGTH, Reservation
from registry.kernel.identifiers import CertificateKey, CertificateNumber, Digest, normal_number
from registry.ports.issuing import Material, Opened, Written
from registry.ports.storage import Application, Mark, Marked, Sheet, SignedCredential
from registry.store.candidates import candidate_of
from registry.store.sealing import SealBroken, Sealer
from registry.store.vault import DataKeys, decrypt, decrypt_json, encrypt, encrypt_json, unwrap_person_key

RowValues = tuple[Any, ...]
_TAKEN = {
    "application": (
        *("admission", "roster", "line", "person", "level", "programme"),
        *("eligible", "rule", "decided_by", "evidence"),
    ),
    "person": ("id", "wrapped_key"),
    "score": ("id", "sheet", "admission", "paper", "hundredths"),
    "correction": ("confirmed_at", "id", "sheet", "admission", "paper", "hundredths"),
    "portrait": ("admission", "image"),
    "certificate": (
        *("id", "number", "revision", "key", "jti", "leaf", "person", "admission", "sheet"),
        *("status_list", "status_index", "salts"),
    ),
    "credential": ("certificate", "jwt", "digest", "disclosures"),
}
"""What is taken of the rows of each table, in this order."""


class _Layout:
    """How the rows of one table lie, and what checks and makes their seals."""

    __slots__ = ("sealer", "table", "take")

    def __init__(self, table: str, columns: Sequence[str], key: bytes) -> None:
        self.table, self.sealer = table, Sealer(key, table, columns)
        self.take: Any = itemgetter(*(columns.index(name) for name in _TAKEN[table]))

    def opened(self, row: RowValues) -> Any:
        """Take what is wanted of a row, once its seal is checked. Raises SealBroken."""
        if not self.sealer.is_sealed(row, row[-1]):
            raise SealBroken(self.table, str(row[0]))
        return self.take(row)


class Bench:
    """Implements registry.ports.issuing.Workbench."""

    def __init__(self, keys: DataKeys, columns: Mapping[str, Sequence[str]], sheets: Sequence[Sheet] = ()) -> None:
        """`columns`: of each table in their order; `sheets`: those that are confirmed, oldest first."""
        self._keys, self._columns = keys, columns
        self._sheets = {one.id: (place, one) for place, one in enumerate(sheets)}
        self._layouts: dict[str, _Layout] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Bench, (self._keys, self._columns, tuple(one for _, one in self._sheets.values()))

    def _of(self, table: str) -> _Layout:
        found = self._layouts.get(table)
        if found is None:
            found = self._layouts[table] = _Layout(table, self._columns[table], self._keys.seal)
        return found

    # — opening —

    def enrolled(self, material: Material) -> Iterator[Opened]:
        """Open applications with all their confirmed marks, and those up to each sheet; not the unmarked or erased."""
        marks = self._marks(material)
        images = dict(self._images(material))
        for row, of in zip(material.rows["application"], material.rows["person"], strict=True):
            counted = sorted(
                (self._sheets[name] for name in marks.get(row[0], ()) if name in self._sheets), key=itemgetter(0)
            )
            if not counted:
                continue
            found = self._application(row, of)
            if found is not None:
                one, key = found
                sheets, given = [sheet for _, sheet in counted], marks[one.admission]
                marked = marked_of(one, sheets, given)
                image = images.get(one.admission)
                yield Opened(
                    marked=marked,
                    key=key,
                    image=None if image is None else self._image(one, key, image),
                    row_id=0,
                    reservation=None,
                    signed=None,
                    earlier=tuple(marked_of(one, sheets[:some], given) for some in range(1, len(sheets))),
                )

    def reserved(self, material: Material) -> Iterator[Opened]:
        """Open what a batch holds, in the order of ids, with the marks that each was reserved on; as `enrolled`."""
        marks, images = self._marks(material), dict(self._images(material))
        rows, certificates, signed = material.rows, material.rows["certificate"], self._signed(material)
        sheets = [one.sheet for one in material.claims] or [
            self._of("certificate").take(one)[8] for one in certificates
        ]
        for place, (row, of, sheet) in enumerate(zip(rows["application"], rows["person"], sheets, strict=True)):
            found, given = self._application(row, of), marks.get(row[0], {})
            if found is None or sheet not in given or sheet not in self._sheets:
                continue
            one, key = found
            last = self._sheets[sheet][0]
            earlier = sorted((self._sheets[name] for name in given if name in self._sheets), key=itemgetter(0))
            marked = marked_of(one, [counted for at, counted in earlier if at <= last], given)
            image = images.get(one.admission)
            opened = Opened(
                marked=marked,
                key=key,
                image=None if image is None else self._image(one, key, image),
                row_id=0,
                reservation=None,
                signed=None,
            )
            if certificates:
                opened.row_id, opened.reservation = self._reservation(certificates[place], key)
                opened.signed = self._credential(signed.get(opened.row_id), opened.reservation, key)
            yield opened

    def _application(self, row: RowValues, of: RowValues) -> tuple[Application, bytes] | None:
        """Open an application; None = the person was erased."""
        opened = self._of("application").opened(row)
        admission, roster, line, person_id, level, programme, eligible, rule, decided_by, evidence = opened
        owner, wrapped = self._of("person").opened(of)
        if wrapped is None or evidence is None:
            return None
        key = unwrap_person_key(self._keys, owner, wrapped)
        stated = decrypt_json(key, person_id, f"application.evidence/{admission}", evidence)
        return (
            Application(
                admission=admission,
                roster=roster,
                line=line,
                person=person_id,
                candidate=candidate_of(stated),
                level=level,
                programme=programme,
                eligible=None if eligible is None else bool(eligible),
                rule=rule,
                decided_by=decided_by,
            ),
            key,
        )

    def _marks(self, material: Material) -> dict[str, dict[str, list[Mark]]]:
        """Read all marks: admission number → sheet → marks in the order of entry, corrections among them."""
        right: dict[tuple[str, str, str], int | None] = {}
        opened = sorted(map(self._of("correction").opened, material.rows["correction"]))
        for _, _, sheet, admission, paper, hundredths in opened:
            right[sheet, admission, paper] = hundredths
        found: dict[str, dict[str, list[Mark]]] = {}
        for _, sheet, admission, paper, entered in map(self._of("score").opened, sorted(material.rows["score"])):
            hundredths = right.get((sheet, admission, paper), entered) if right else entered
            mark = Mark(admission=admission, paper=paper, hundredths=hundredths)
            found.setdefault(admission, {}).setdefault(sheet, []).append(mark)
        return found

    def _images(self, material: Material) -> Iterator[tuple[str, bytes]]:
        """Find photographs by admission number, encrypted as they are."""
        for admission, image in map(self._of("portrait").opened, material.rows["portrait"]):
            if image is not None:
                yield admission, image

    @staticmethod
    def _image(of: Application, key: bytes, image: bytes) -> bytes:
        return decrypt(key, of.person, f"portrait.image/{of.admission}", image)

    def _reservation(self, row: RowValues, key: bytes) -> tuple[int, Reservation]:
        opened = self._of("certificate").opened(row)
        row_id, number, revision, secret, jti, leaf, owner, admission, sheet, *place, salts = opened
        plain = b"" if salts is None else decrypt(key, owner, salts_field(row_id), salts)
        return row_id, Reservation(
            number=CertificateNumber(number),
            revision=revision,
            key=CertificateKey(secret),
            jti=jti,
            leaf=leaf,
            person=owner,
            admission=admission,
            sheet=sheet,
            status_list=place[0],
            status_index=place[1],
            roster_salt=plain[:SALT_LENGTH],
            score_salt=plain[SALT_LENGTH:],
        )

    def _signed(self, material: Material) -> Mapping[int, RowValues]:
        return {row[0]: row for row in material.rows["credential"]}

    def _credential(self, row: RowValues | None, of: Reservation, key: bytes) -> SignedCredential | None:
        if row is None:
            return None
        row_id, jwt, digest, disclosures = self._of("credential").opened(row)
        opened = decrypt_json(key, of.person, disclosures_field(row_id), disclosures)
        return SignedCredential(leaf=of.leaf, jwt=jwt, digest=Digest(digest), disclosures=opened)

    # — writing —

    def certificates(self, batch: str, reserved: Sequence[tuple[int, Reservation, bytes]]) -> Written:
        """Write rows of certificates: of each its id, what was reserved, and the person's key."""
        seals = self._of("certificate").sealer
        rows = []
        for row_id, one, key in reserved:
            salts = encrypt(key, one.person, salts_field(row_id), one.roster_salt + one.score_salt)
            values = (
                row_id,
                one.number,
                normal_number(one.number),
                one.revision,
                one.key,
                one.jti,
                batch,
                one.leaf,
                one.person,
                one.admission,
                one.sheet,
                one.status_list,
                one.status_index,
                salts,
                None,
            )
            rows.append((*values[:-1], seals.seal(values)))
        return Written(table="certificate", first_id=reserved[0][0] if reserved else 0, rows=rows)

    def credentials(self, signed: Sequence[tuple[int, str, SignedCredential, bytes]]) -> Written:
        """Write rows of credentials: of each its id, the person, what was signed, and the person's key."""
        seals = self._of("credential").sealer
        rows = []
        for row_id, owner, one, key in signed:
            disclosures = encrypt_json(key, owner, disclosures_field(row_id), one.disclosures)
            values = (row_id, one.jwt, one.digest, disclosures, None)
            rows.append((*values[:-1], seals.seal(values)))
        return Written(table="credential", first_id=signed[0][0] if signed else 0, rows=rows)


def marked_of(one: Application, counted: Sequence[Sheet], marks: Mapping[str, Sequence[Mark]]) -> Marked:
    """Put the marks of confirmed sheets together, the oldest first: of each paper the latest counts, as in a retake."""
    by_paper = {mark.paper: mark for of in counted for mark in marks[of.id]}
    return Marked(application=one, sheet=counted[-1], marks=tuple(by_paper.values()))


def salts_field(row_id: int) -> str:
    """Name the field that a certificate's salts are encrypted as."""
    return f"certificate.salts/{row_id}"


def disclosures_field(row_id: int) -> str:
    """Name the field that a credential's disclosures are encrypted as."""
    return f"credential.disclosures/{row_id}"
