"""Issue: from confirmed results to a sealed batch that a second person can approve.

1. Find everybody who has passed and waits, and lint what each would get; nobody's turn at writing is held for it.
2. Reserve: in one short transaction keep the batch with who is in it, at which leaf and place of the status lists.
3. Seal (`registry.workflows.issuance.seal`), piece by piece: draw numbers, keys and salts and keep them; sign; build
   the tree.
"""

import hashlib
import secrets
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from registry.anchor.differences import CLOCKS_MAY_DIFFER
from registry.anchor.facts import batch_facts
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.assessment import Result
from registry.batch import SALT_LENGTH, Reservation, draw_indices, require_size
from registry.credential import BatchWriter, lint_terms
from registry.credential.v1 import STATUS_LIST_SIZE
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import canonical_json
from registry.kernel.errors import Conflict, RuleRefusal, Unavailable
from registry.kernel.identifiers import (
    CertificateNumber,
    Digest,
    IssuerCode,
    ScopeCode,
    batch_id,
    new_certificate_key,
    new_certificate_number,
    scope_code,
)
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock, StatementSigner
from registry.ports.issuing import Claim
from registry.ports.replacements import Replacement
from registry.ports.storage import KeyReused, Marked, Store, UnitOfWork
from registry.programme import Catalogue, LevelCode, Programme, version_order
from registry.status import Status
from registry.workflows.certificates.contents import Contents, IssuingBody, Term, batch_terms, intent_of, terms_of
from registry.workflows.enrolment.photographs import portraits_of
from registry.workflows.examination.exam_records import not_passed
from registry.workflows.issuance.crew import Crew, Job
from registry.workflows.issuance.pieces import Passed, Spent, Tools, add_spent, crew_for, find_passed
from registry.workflows.issuance.seal import seal
from registry.workflows.lineage.present import standing_at
from registry.workflows.lineage.succession import given_up

_AT_ONCE: Final = 2_000
"""Certificates of a piece: what is drawn, signed and kept at once."""
_PHOTOGRAPHS_AT_ONCE: Final = 200
"""The same where photographs are hashed: of at most 120,000 bytes each, and each process holds a piece or two."""


class NothingToIssue(RuleRefusal):
    """No confirmed pass waits for a certificate of this scope."""

    code = "batch/nothing-to-issue"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"no confirmed pass of {scope} waits for a certificate")


class ClockBehind(Unavailable):
    """The machine's clock is behind the chain: what is dated now would be dated before what is recorded."""

    code = "batch/clock-behind"

    def __init__(self, now: datetime, block_time: datetime) -> None:
        self.now, self.block_time = now, block_time
        super().__init__(f"the clock says {now:%Y-%m-%d %H:%M} UTC, the chain's last block {block_time:%Y-%m-%d %H:%M}")


class KeyRecorded(Conflict):
    """The chain has a batch under an idempotency key that is unknown here: this database is older than the chain."""

    code = "batch/key-recorded"

    def __init__(self, key: str, seq: int) -> None:
        self.key, self.seq = key, seq
        super().__init__(f"the chain has a batch under this idempotency key that is unknown here, record {seq}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """One who goes into a batch."""

    marked: Marked
    result: Result
    number: CertificateNumber | None = None
    """The one that is kept, of a corrected certificate; None = a new one."""
    revision: int = 1
    replacement: Replacement | None = None
    """What the certificate comes of; None = it replaces none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """Everybody who goes into a batch, found outside any turn at writing: what is kept must still be as it was then."""

    version: Programme
    admissions: Sequence[str]
    """In ascending order."""
    sheets: Sequence[str]
    """Of each, the sheet that the result is taken from."""
    of_scope: Sequence[tuple[str, bool]]
    """The batches of the scope as they stood (`_batches_of`): another one may have taken the same people."""
    at_once: int
    """Certificates of a piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Places:
    """What is drawn at random for a batch before it is reserved: good as long as no other batch is reserved."""

    next_id: int
    leaves: Sequence[int]
    status: Sequence[int]
    """Status list × 2^17 + index in it."""


def propose(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    body: IssuingBody,
    signer: StatementSigner,
    *,
    programme: str,
    level: str,
    person: str,
    idempotency_key: str | None = None,
    finding: Progress = unheard,
    progress: Progress = unheard,
    spent: Spent | None = None,
) -> Batch:
    """Reserve, sign and seal a batch of everybody who has passed and waits. The same key gives the same batch.

    `finding` hears of applications that were looked at, `progress` of certificates that are signed; `spent` is told
    what was spent on what. Raises NothingToIssue, KeyReused, KeyRecorded, ClaimRefused (then nothing was kept),
    ReservationVoid, BatchInconsistent, WorkerLost.
    """
    with store.read() as unit:
        crew = crew_for(unit)
    with crew:
        reserved = _reserve(
            store,
            clock,
            catalogue,
            body,
            signer,
            programme=programme,
            level=level,
            person=person,
            key=idempotency_key,
            crew=crew,
            finding=finding,
            spent=spent,
        )
        return seal(store, catalogue, signer, reserved.id, progress=progress, spent=spent, crew=crew)


def _reserve(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    body: IssuingBody,
    signer: StatementSigner,
    *,
    programme: str,
    level: str,
    person: str,
    key: str | None,
    crew: Crew | None = None,
    finding: Progress = unheard,
    spent: Spent | None = None,
) -> Batch:
    scope = scope_code(f"{programme}/{level}")
    request = _request_of(scope, body.code)
    found: _Waiting | None = None
    while True:
        with store.read() as unit:
            if (earlier := _asked_before(unit, scope, key, request)) is not None:
                return earlier
            unit.alarms.require_none()
            _require_key_free(unit, body.code, key)
            unit.require_room()
            _require_clock(unit, clock.now())
            # 1
            if found is None or found.of_scope != _batches_of(unit, scope):
                now = clock.now().replace(microsecond=0)
                draft = _DraftOf(unit, catalogue, body, signer, LevelCode(level), now)
                found = _find_waiting(unit, draft, scope, programme, crew or crew_for(unit), finding, spent)
            places = _draw_places(unit, len(found.admissions))
        # 2
        now = clock.now().replace(microsecond=0)
        with store.write() as unit:
            if (earlier := _asked_before(unit, scope, key, request)) is not None:
                return earlier
            unit.alarms.require_none()
            _require_key_free(unit, body.code, key)
            unit.require_room()
            if _batches_of(unit, scope) != found.of_scope or unit.pieces.next_id() != places.next_id:
                continue  # others have reserved meanwhile
            batch = _new_batch(
                unit,
                body,
                signer,
                found.version,
                LevelCode(level),
                len(found.admissions),
                now=now,
                person=person,
                request=request,
                key=key,
                term=None,
            )
            unit.batches.reserve(batch, claims=_claims(found, places))
            _tell(unit, batch)
            return batch


def _require_clock(unit: UnitOfWork, now: datetime) -> None:
    head = unit.projection.head()
    if head is not None and now < head.block.time - CLOCKS_MAY_DIFFER:
        raise ClockBehind(now, head.block.time)


def _request_of(scope: ScopeCode, issuer: IssuerCode) -> Digest:
    return Digest(hashlib.sha256(canonical_json({"scope": scope, "issuer": issuer})).digest())


def left_reserved(unit: UnitOfWork, scope: ScopeCode) -> Batch | None:
    """Find a batch of all who waited for a scope that is not sealed: whoever made it was cut off, or is at it still.

    Its people wait for no other. A correction's or renewal's has the scope too; that goes on by its own name.
    """
    reserved = unit.batches.batches(AnchorState.RESERVED)
    return next((one for one in reserved if one.request_digest == _request_of(scope, one.issuer)), None)


def _asked_before(unit: UnitOfWork, scope: ScopeCode, key: str | None, request: Digest) -> Batch | None:
    """Find the batch that the same request led to, or without a key one for the same that was cut off.

    Raises KeyReused.
    """
    if key is not None:
        earlier = unit.batches.of_key(key)
        if earlier is not None and earlier.request_digest != request:
            raise KeyReused(key, earlier.id)
        return earlier
    left = left_reserved(unit, scope)
    return left if left is not None and left.request_digest == request else None


def _require_key_free(unit: UnitOfWork, issuer: IssuerCode, key: str | None) -> None:
    """Check that the chain has no batch under a key that led to none here. Raises KeyRecorded."""
    if key is not None and (seq := _recorded_under(unit, issuer, key)) is not None:
        raise KeyRecorded(key, seq)


def _recorded_under(unit: UnitOfWork, issuer: IssuerCode, key: str) -> int | None:
    """Find the batch that the chain has under a key, as far as it was read: the sequence of its record; None = none."""
    batch = batch_id(issuer, key)
    facts = batch_facts(unit.projection.of_batch(issuer, batch), issuer, batch)
    return None if facts is None else facts.position.seq


def _batches_of(unit: UnitOfWork, scope: ScopeCode) -> list[tuple[str, bool]]:
    """Name the batches of a scope that keep people from being chosen, and whether each is final.

    Whoever is in one waits until it is cancelled, or final and the certificate fell; nothing else alters who is chosen.
    """
    there = [one for one in unit.batches.batches() if one.scope == scope and one.state is not AnchorState.CANCELLED]
    return [(one.id, one.state is AnchorState.FINAL) for one in there]


def _claims(found: _Waiting, places: _Places) -> Iterator[Sequence[Claim]]:
    for start in range(0, len(found.admissions), found.at_once):
        yield [
            Claim(
                found.admissions[at], found.sheets[at], places.leaves[at], *divmod(places.status[at], STATUS_LIST_SIZE)
            )
            for at in range(start, min(start + found.at_once, len(found.admissions)))
        ]


def _tell(unit: UnitOfWork, batch: Batch) -> None:
    unit.journal.write(
        at=batch.proposed_at,
        person=batch.proposed_by,
        action="batch.propose",
        subject=batch.id,
        certificates=batch.size,
        scope=batch.scope,
    )


class _DraftOf:
    """Makes the tools by which people are found and what they would get is linted, for one programme version."""

    def __init__(
        self,
        unit: UnitOfWork,
        catalogue: Catalogue,
        body: IssuingBody,
        signer: StatementSigner,
        level: LevelCode,
        now: datetime,
    ) -> None:
        self.unit, self.catalogue, self.body, self.level = unit, catalogue, body, level
        self._signer, self._now = signer, now

    def tools(self, version: Programme) -> Tools:
        """Make them. Raises ClaimRefused."""
        batch = _new_batch(
            self.unit,
            self.body,
            self._signer,
            version,
            self.level,
            1,
            now=self._now,
            person="",
            request=Digest(bytes(32)),
            key=None,
            term=None,
        )
        return Tools.of(self.unit, batch, version)


def _find_waiting(
    unit: UnitOfWork,
    draft: _DraftOf,
    scope: ScopeCode,
    programme: str,
    crew: Crew,
    finding: Progress,
    spent: Spent | None,
) -> _Waiting:
    """Find everybody who has passed and waits, of one programme version: the oldest that anybody waits under.

    Raises NothingToIssue, ClaimRefused, WorkerLost.
    """
    of_scope = _batches_of(unit, scope)
    waiting = unit.enrolments.tally(level=draft.level)[True]
    for version, rosters in _versions(unit, draft.catalogue, programme):
        found = _Finding(unit, draft.body.code, version, draft.level, finding, waiting)
        pages = unit.pieces.waiting(programme, draft.level, rosters, at_once=_AT_ONCE)
        jobs: Iterator[Job[Passed]] = ((find_passed, (page,)) for page in pages)
        crew.run(draft.tools(version), jobs, lambda asked: asked, found.add, size=waiting)
        if spent is not None:
            add_spent(spent, found.spent)
        admissions, sheets = found.in_order()
        if admissions:
            require_size(len(admissions))
            photographed = unit.pieces.photographed(programme, draft.level)
            return _Waiting(
                version=version,
                admissions=admissions,
                sheets=sheets,
                of_scope=of_scope,
                at_once=_PHOTOGRAPHS_AT_ONCE if photographed else _AT_ONCE,
            )
    raise NothingToIssue(scope)


def _versions(unit: UnitOfWork, catalogue: Catalogue, programme: str) -> list[tuple[Programme, list[str]]]:
    """List a programme's versions that rosters were taken under, the oldest first, each with its rosters."""
    rosters: dict[Digest, list[str]] = {}
    for roster in unit.enrolments.rosters():
        if roster.programme == programme:
            rosters.setdefault(roster.programme_digest, []).append(roster.id)
    found = [(catalogue.by_digest(digest), names) for digest, names in rosters.items()]
    return sorted(found, key=lambda one: version_order(one[0].version))


class _Finding:
    """Gathers who waits: one certificate a person and level, however often somebody was enrolled."""

    def __init__(
        self,
        unit: UnitOfWork,
        issuer: IssuerCode,
        version: Programme,
        level: str,
        progress: Progress = unheard,
        expected: int = 0,
    ) -> None:
        """`expected`: how many applications there are to be looked at, at most."""
        self.spent: Spent = {}
        self._progress, self._looked_at, self._expected = progress, 0, expected
        self._unit, self._issuer, self._version, self._level = unit, issuer, version, level
        self._programme = version.code
        self._doubled = unit.pieces.doubled(version.code, level)
        self._first: dict[str, str] = {}
        """Of people with several applications: person → the first of those that have passed."""
        self._names: dict[str, str] = {}
        """Names of sheets, each kept once."""
        self._sheets: dict[str, str] = {}

    def add(self, passed: Passed) -> None:
        """Take what was found on a page."""
        add_spent(self.spent, passed.spent)
        certified = self._unit.pieces.certified(
            f"{self._programme}/{self._level}", [person for _, person, _ in passed.people]
        )
        failed = not_passed(self._unit, self._version, passed.several) if passed.several else set()
        for admission, person, sheet in passed.people:
            if admission in failed:
                continue
            # Another one only once the first fell.
            if person in certified and _still_certified(self._unit, self._issuer, person, self._programme, self._level):
                continue
            if person in self._doubled:
                earlier = self._first.get(person)
                if earlier is not None and earlier < admission:
                    continue
                if earlier is not None:
                    del self._sheets[earlier]
                self._first[person] = admission
            self._sheets[admission] = self._names.setdefault(sheet, sheet)
        self._looked_at += passed.looked_at
        self._progress(self._looked_at, max(self._expected, self._looked_at))

    def __len__(self) -> int:
        return len(self._sheets)

    def in_order(self) -> tuple[list[str], Sequence[str]]:
        """Give the admission numbers in ascending order, and the sheet of each."""
        admissions = sorted(self._sheets)
        return admissions, [self._sheets[one] for one in admissions]


def reserve_chosen(
    unit: UnitOfWork,
    body: IssuingBody,
    signer: StatementSigner,
    version: Programme,
    level: LevelCode,
    chosen: Sequence[Chosen],
    *,
    now: datetime,
    person: str,
    request: Digest,
    key: str | None = None,
    term: Term | None = None,
) -> Batch:
    """Reserve a batch of those who are named, once every credential of it is found fit. Raises ClaimRefused."""
    batch = _new_batch(
        unit,
        body,
        signer,
        version,
        level,
        len(chosen),
        now=now,
        person=person,
        request=request,
        key=key,
        term=term,
    )
    writer = BatchWriter(terms_of(batch, version), batch.credential_key)
    reservations = _draw(unit, batch, chosen, now.astimezone(CHINA_TIME).year)
    contents, portraits = Contents(version), portraits_of(unit, [one.marked.application.admission for one in chosen])
    for reservation, one in zip(reservations, chosen, strict=True):
        portrait = portraits.get(reservation.admission)
        holder = contents.holder(reservation, one.marked, contents.judged(one.marked), portrait, one.replacement)
        writer.lint(holder.entry, holder.claims)
    unit.batches.reserve(batch, reservations)
    for reservation, one in zip(reservations, chosen, strict=True):
        if one.replacement is not None:
            unit.replacements.place(one.replacement.id, batch.id, reservation.leaf)
    _tell(unit, batch)
    return batch


def _new_batch(
    unit: UnitOfWork,
    body: IssuingBody,
    signer: StatementSigner,
    version: Programme,
    level: LevelCode,
    size: int,
    *,
    now: datetime,
    person: str,
    request: Digest,
    key: str | None,
    term: Term | None,
) -> Batch:
    """Make a batch that is not kept yet, under the next free name. Raises ClaimRefused, BatchSizeRefused.

    A name is a key too. One that stands for a batch already, here or on the chain, is passed over: a database that is
    older than the chain would draw it again, and the contract takes each batch once.
    """
    require_size(size)

    def taken(name: str) -> bool:
        return unit.batches.of_key(name) is not None or _recorded_under(unit, body.code, name) is not None

    name = unit.next_name("B", now, taken=taken)
    chosen_key = key if key is not None else name
    terms = batch_terms(body, version, level, batch_id(body.code, chosen_key), now, term)
    lint_terms(terms)
    return Batch(
        id=name,
        batch=terms.batch,
        idempotency_key=chosen_key,
        request_digest=request,
        issuer=body.code,
        scope=scope_code(f"{version.code}/{level}"),
        size=size,
        programme_version=version.version,
        programme_digest=version.digest,
        credential_key=signer.thumbprint(),
        intent=intent_of(body, now, term),
        state=AnchorState.RESERVED,
        proposed_by=person,
        proposed_at=now,
    )


def waiting_for_batch(
    unit: UnitOfWork, catalogue: Catalogue, issuer: IssuerCode, programme: str, level: str, *, most: int
) -> int:
    """Count who has passed a level, has confirmed marks and waits for a certificate; `most` + 1 where it is more.

    Reads each of them: a quarter of a millisecond a person.
    """
    count = 0
    for version, rosters in _versions(unit, catalogue, programme):
        found, bench = _Finding(unit, issuer, version, level), unit.pieces.workbench()
        contents = Contents(version)
        for page in unit.pieces.waiting(programme, level, rosters, at_once=min(most + 1, _AT_ONCE)):
            opened = ((bool(one.earlier), *contents.decisive(one)) for one in bench.enrolled(page))
            passed = [(several, of, of.application) for several, of, judgement in opened if judgement.passed]
            people = [(one.admission, one.person, of.sheet.id) for _, of, one in passed]
            retaken = [one.admission for several, _, one in passed if several]
            found.add(Passed(looked_at=len(page.rows["application"]), people=people, several=retaken))
            if count + len(found) > most:
                return most + 1
        count += len(found)
    return count


def _still_certified(unit: UnitOfWork, issuer: IssuerCode, person: str, programme: str, level: str) -> bool:
    """Tell whether a person's certificate of a level stands, or is on its way; only a revoked one may be followed."""
    places = [(batch, leaf) for held, batch, leaf in unit.batches.held_by(person, programme) if held == level]
    if not places:
        return True  # in a batch that is not final yet
    for batch, leaf in places:
        ours = unit.batches.of_chain(batch)
        if ours is not None and leaf in given_up(unit, ours):
            continue
        # One that was replaced stands no more itself; what replaced it is among the others.
        if standing_at(unit, issuer, batch, leaf) not in (Status.REVOKED, Status.SUPERSEDED):
            return True
    return bool(unit.pieces.on_their_way(f"{programme}/{level}", [person]))


def _draw(unit: UnitOfWork, batch: Batch, chosen: Sequence[Chosen], year: int) -> list[Reservation]:
    places = _draw_places(unit, len(chosen))
    return [
        Reservation(
            number=one.number if one.number is not None else new_certificate_number(batch.issuer, year),
            revision=one.revision,
            key=new_certificate_key(),
            jti=f"urn:uuid:{uuid4()}",
            leaf=leaf,
            person=one.marked.application.person,
            admission=one.marked.application.admission,
            sheet=one.marked.sheet.id,
            status_list=place // STATUS_LIST_SIZE,
            status_index=place % STATUS_LIST_SIZE,
            roster_salt=secrets.token_bytes(SALT_LENGTH),
            score_salt=secrets.token_bytes(SALT_LENGTH),
        )
        for one, leaf, place in zip(chosen, places.leaves, places.status, strict=True)
    ]


def _draw_places(unit: UnitOfWork, wanted: int) -> _Places:
    """Draw leaves, and unused entries of the status lists at random, list by list."""
    chance, status, status_list = secrets.SystemRandom(), array("Q"), 0
    while len(status) < wanted:
        used = unit.batches.used_status_indices(status_list)
        if len(used) < STATUS_LIST_SIZE:
            free = [index for index in range(STATUS_LIST_SIZE) if index not in used]
            drawn = chance.sample(free, min(len(free), wanted - len(status)))
            status.extend(status_list * STATUS_LIST_SIZE + index for index in drawn)
        status_list += 1
    return _Places(next_id=unit.pieces.next_id(), leaves=array("L", draw_indices(wanted)), status=status)
