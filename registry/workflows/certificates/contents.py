"""What the certificates of a batch say: its terms, its holders, the rows that its manifest commits to.

Computed from what is kept, and the same whenever it is computed: when a batch is reserved, signed, approved, audited.
"""

import hashlib
import json
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.assessment import LISTED, Mark, Result, assess, format_score
from registry.batch import BatchManifest, Reservation, RosterRow, ScoreRow
from registry.credential import (
    Altered,
    BatchTerms,
    CertificateEntry,
    HolderClaims,
    IssuedCredential,
    Unreadable,
    full_presentation,
    parse,
)
from registry.credential.v1 import (
    Achievement,
    Bilingual,
    Coded,
    IdentityType,
    Portrait,
    Standard,
    StatusEntry,
)
from registry.credential.v1 import Result as ShownResult
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonObject, JsonValue, canonical_json
from registry.kernel.errors import Conflict, IntegrityFault
from registry.kernel.identifiers import BatchId, BlockHash, ContractAddress, Digest, IssuerCode, RootHash
from registry.kernel.merkle import leaf_hash, root_hash
from registry.ports.issuing import Opened
from registry.ports.replacements import Replacement
from registry.ports.storage import Marked, UnitOfWork
from registry.programme import CERTIFICATE_TYPE_NAMES, Catalogue, LevelCode, PaperKey, Programme
from registry.programme import Bilingual as Named
from registry.workflows.certificates.stated import Stated, award_of
from registry.workflows.enrolment.photographs import portraits_of
from registry.workflows.lineage.overlay import corrected_candidate, corrected_portrait

_REMEMBERED: Final = 10_000
"""Most combinations of marks that a judgement is remembered of."""


class BatchInconsistent(IntegrityFault):
    """What is kept of a batch does not lead to what is to be approved."""

    code = "batch/inconsistent"

    def __init__(self, batch: str, what: str) -> None:
        self.batch, self.what = batch, what
        super().__init__(f"batch {batch}: the kept {what} does not follow from the kept rows")


class ReservationVoid(Conflict):
    """Somebody in a batch has been erased, or has no pass any more, before it was approved; it can only be given up."""

    code = "batch/reservation-void"

    def __init__(self, batch: str, why: str) -> None:
        self.batch, self.why = batch, why
        super().__init__(f"batch {batch} can only be given up: somebody in it {why}")


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingBody:
    """Who issues, and from where: the same for every batch."""

    code: IssuerCode
    name: Bilingual
    base_url: str
    place: str | None
    contract: ContractAddress
    genesis: BlockHash


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """One certificate before it is signed, in every form that something is computed from."""

    reservation: Reservation
    entry: CertificateEntry
    claims: HolderClaims
    roster_row: RosterRow
    score_row: ScoreRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """The dates of a batch whose certificates do not begin on the day of issue."""

    awarded: date
    """As printed."""
    valid_from: date
    last_valid_day: date | None
    """None = for life."""

    def document(self) -> JsonObject:
        """Write it as the intent keeps it."""
        last = None if self.last_valid_day is None else self.last_valid_day.isoformat()
        return {"awarded": self.awarded.isoformat(), "validFrom": self.valid_from.isoformat(), "lastValidDay": last}

    @classmethod
    def read(cls, document: dict[str, str | None]) -> "Term":
        """Read what `document` wrote."""
        last = document["lastValidDay"]
        return cls(
            awarded=date.fromisoformat(document["awarded"] or ""),
            valid_from=date.fromisoformat(document["validFrom"] or ""),
            last_valid_day=None if last is None else date.fromisoformat(last),
        )


def result_of(programme: Programme, marked: Marked) -> Result:
    """Judge an application by its confirmed marks."""
    marks = [Mark(paper=PaperKey(mark.paper), score_hundredths=mark.hundredths) for mark in marked.marks]
    return assess(programme, marked.application.level, marks)


def intent_of(body: IssuingBody, now: datetime, term: Term | None) -> bytes:
    """Write down what `terms_of` reads."""
    intent: dict[str, JsonValue] = {
        "baseUrl": body.base_url,
        "issuerName": {"zh": body.name.zh, "en": body.name.en},
        "issuedAt": int(now.timestamp()),
        "place": body.place,
        "contract": str(body.contract),
        "genesis": body.genesis.hex(),
    }
    if term is not None:
        intent["term"] = term.document()
    return canonical_json(intent)


def batch_terms(
    body: IssuingBody, programme: Programme, level: LevelCode, chain_id: BatchId, now: datetime, term: Term | None
) -> BatchTerms:
    """Say what all certificates of a batch say alike; no term = it begins today and lasts as the programme has it."""
    day = now.astimezone(CHINA_TIME).date()
    if term is None:
        term = Term(awarded=day, valid_from=day, last_valid_day=last_valid_day(day, programme.validity.months))
    begin = term.valid_from
    found = programme.level(level)
    standard, occupation = programme.standard, programme.occupation
    return BatchTerms(
        base_url=body.base_url,
        issuer=body.code,
        issuer_name=body.name,
        issued_at=now,
        valid_from=datetime(begin.year, begin.month, begin.day, tzinfo=CHINA_TIME),
        last_valid_day=term.last_valid_day,
        contract=body.contract,
        genesis=body.genesis,
        batch=chain_id,
        certificate_type=Coded(
            code=programme.certificate_type.value, name=_shown(CERTIFICATE_TYPE_NAMES[programme.certificate_type])
        ),
        achievement=Achievement(
            programme=programme.code,
            name=_shown(programme.name),
            version=programme.version,
            digest=programme.digest,
            standard=None
            if standard is None
            else Standard(name=_shown(standard.name), number=standard.number, version=standard.version),
        ),
        level=Coded(code=level, name=_shown(found.name)) if found is not None and level != "-" else None,
        occupation=None if occupation is None else Coded(code=occupation.code, name=_shown(occupation.name)),
        awarded_date=term.awarded,
        place=body.place,
        result_count=len(programme.papers_of(level)),
    )


def last_valid_day(first: date, months: int | None) -> date | None:
    """The day before the same day `months` months later; the last day of a shorter month stands for a day it lacks."""
    if months is None:
        return None
    year, month = divmod(first.year * 12 + first.month - 1 + months, 12)
    return date(year, month + 1, min(first.day, monthrange(year, month + 1)[1])) - timedelta(days=1)


def _shown(name: Named) -> Bilingual:
    return Bilingual(zh=name.zh, en=name.en)


def terms_of(batch: Batch, programme: Programme) -> BatchTerms:
    """Give the terms again that a batch was reserved with, from its kept intent."""
    intent, (contract, genesis) = json.loads(batch.intent), place_of(batch)
    from_intent = IssuingBody(
        code=batch.issuer,
        name=Bilingual(**intent["issuerName"]),
        base_url=intent["baseUrl"],
        place=intent["place"],
        contract=contract,
        genesis=genesis,
    )
    level = LevelCode(batch.scope.partition("/")[2])
    issued_at = datetime.fromtimestamp(intent["issuedAt"], CHINA_TIME)
    term = Term.read(intent["term"]) if "term" in intent else None
    return batch_terms(from_intent, programme, level, batch.batch, issued_at, term)


def place_of(batch: Batch) -> tuple[ContractAddress, BlockHash]:
    """Name the contract and the genesis block that a batch was reserved for."""
    intent = json.loads(batch.intent)
    return ContractAddress.parse(intent["contract"]), BlockHash(bytes.fromhex(intent["genesis"]))


def _signed_portraits(unit: UnitOfWork, batch: Batch) -> dict[str, Portrait]:
    """Name the photographs as a batch's credentials do, those that can be read."""
    named: dict[str, Portrait] = {}
    for one in unit.batches.certificates(batch_id=batch.id):
        if one.jwt is not None and one.disclosures is not None:
            issued = IssuedCredential(jwt=one.jwt, disclosures=one.disclosures)
            with suppress(Unreadable, Altered):
                portrait = parse(full_presentation(issued)).disclosed.portrait
                if portrait is not None:
                    named[one.reservation.admission] = portrait
    return named


@dataclass(frozen=True, slots=True)
class Judged:
    """A result, and how certificates show it; the same for everybody with the same marks."""

    passed: bool
    results: tuple[ShownResult | None, ...]
    grade: Coded | None


def shown_results(result: Result) -> tuple[ShownResult | None, ...]:
    """Give the scores as a certificate shows them."""
    return tuple(
        None
        if paper.score_hundredths is None
        else ShownResult(paper=paper.paper, name=_shown(paper.name), value=format_score(paper.score_hundredths))
        for paper in result.papers
    )


def shown_grade(result: Result) -> Coded | None:
    """Give the grade as a certificate shows it."""
    return None if result.grade is None else Coded(code=result.grade.code, name=_shown(result.grade.name))


class Contents:
    """Says what certificates of one programme version state; what many have alike is worked out once."""

    def __init__(self, programme: Programme) -> None:
        self._programme, self._stated = programme, Stated(programme)
        self._judged: dict[tuple[str | tuple[str, int | None], ...], Judged] = {}

    def judged(self, marked: Marked) -> Judged:
        """Judge an application by its confirmed marks; few marks differ from all that were seen before."""
        marks = tuple([(mark.paper, mark.hundredths) for mark in marked.marks])
        found = self._judged.get((marked.application.level, *marks))
        if found is None:
            if len(self._judged) >= _REMEMBERED:
                self._judged.clear()
            result = result_of(self._programme, marked)
            found = Judged(result.passed, shown_results(result), shown_grade(result))
            self._judged[marked.application.level, *marks] = found
        return found

    def decisive(self, of: Opened) -> tuple[Marked, Judged]:
        """Find the marks that a candidate's result is taken from, and judge them: what was sat after a pass is no part.

        Those up to the first sheet that they are a pass with; all of them where they never are.
        """
        for marked in of.earlier:
            whole = len(marked.marks) == len(of.marked.marks)  # each stands for another paper
            if whole and (judgement := self.judged(marked)).passed:
                return marked, judgement
        return of.marked, self.judged(of.marked)

    def holder(
        self,
        reservation: Reservation,
        marked: Marked,
        judgement: Judged,
        portrait: Portrait | None,
        replacement: Replacement | None,
    ) -> Holder:
        """Say what one certificate states, and what the manifest commits to of its holder."""
        application, sheet = marked.application, marked.sheet
        candidate = corrected_candidate(application.candidate, replacement)
        portrait = corrected_portrait(portrait, replacement)
        applied_for = self._stated.applied_for(candidate)
        return Holder(
            reservation=reservation,
            entry=CertificateEntry(
                id=UUID(reservation.jti.removeprefix("urn:uuid:")),
                index=reservation.leaf,
                status=StatusEntry(list_number=reservation.status_list, index=reservation.status_index),
                license_number=reservation.number,
                revision=reservation.revision,
                replaces=None if replacement is None else UUID(replacement.jti.removeprefix("urn:uuid:")),
                activity_end_date=sheet.examined_on,
                registration_number=self._stated.form_number(candidate),
                direction=applied_for.direction,
                sector=applied_for.sector,
                training_hours=applied_for.training_hours,
                award=award_of(candidate),
            ),
            claims=HolderClaims(
                name=candidate.name,
                name_latin=candidate.name_latin,
                identity_type=IdentityType(candidate.identity_type.value),
                identity_number=candidate.identity_number,
                results=judgement.results,
                grade=judgement.grade,
                portrait=portrait,
            ),
            roster_row=RosterRow(
                jti=reservation.jti,
                name=candidate.name,
                identity_type=candidate.identity_type.value,
                identity_number=candidate.identity_number,
                rule=application.rule or "",
                decision="overridden" if application.overridden else "eligible",
                portrait=None if portrait is None else portrait.digest,
            ),
            score_row=ScoreRow(
                jti=reservation.jti,
                papers=tuple([(mark.paper, mark.hundredths or 0) for mark in marked.marks if mark.paper != LISTED]),
                entered_by=sheet.entered_by,
                confirmed_by=sheet.confirmed_by or "",
            ),
        )


def holders(unit: UnitOfWork, catalogue: Catalogue, batch: Batch) -> Iterator[Holder]:
    """Give a batch's certificates in leaf order, computed from what is kept; without those of erased people."""
    contents, replacements = Contents(catalogue.by_digest(batch.programme_digest)), unit.replacements.into(batch.id)
    yield from holders_of(unit, contents, batch, unit.batches.reservations(batch.id), replacements)


def holders_of(
    unit: UnitOfWork,
    contents: Contents,
    batch: Batch,
    reservations: Sequence[Reservation],
    replacements: Mapping[int, Replacement],
) -> Iterator[Holder]:
    """Give some of a batch's certificates, as they come; `replacements`: those that are placed in it, by leaf."""
    marked = unit.marks.marked(batch.id, {one.admission: one.sheet for one in reservations})
    # Photographs do not change from reservation on. Once the batch is cancelled they may, for the next one.
    cancelled = batch.state is AnchorState.CANCELLED
    portraits = _signed_portraits(unit, batch) if cancelled else portraits_of(unit, list(marked))
    for reservation in reservations:
        of = marked.get(reservation.admission)
        if of is not None:
            portrait, replacement = portraits.get(reservation.admission), replacements.get(reservation.leaf)
            yield contents.holder(reservation, of, contents.judged(of), portrait, replacement)


def manifest_over(batch: Batch, roster: RootHash, scores: RootHash) -> BatchManifest:
    """Give a batch's manifest over the roots of its rows."""
    return BatchManifest(
        issuer=batch.issuer,
        batch=batch.batch,
        scope=batch.scope,
        size=batch.size,
        programme_version=batch.programme_version,
        programme_digest=batch.programme_digest,
        roster_root=roster,
        scores_root=scores,
    )


def manifest_of(batch: Batch, everybody: Iterable[Holder]) -> BatchManifest:
    """Compute a batch's manifest from its rows and salts, in leaf order."""
    rows = list(everybody)
    return manifest_over(
        batch,
        root_hash(leaf_hash(one.roster_row.commitment(one.reservation.roster_salt)) for one in rows),
        root_hash(leaf_hash(one.score_row.commitment(one.reservation.score_salt)) for one in rows),
    )


def evidence_of(manifest: bytes) -> Digest:
    """Give what the contract records of a manifest: its SHA-256."""
    return Digest(hashlib.sha256(manifest).digest())
