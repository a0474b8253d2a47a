"""Issue: from confirmed results to a sealed batch that a second person can approve.

1. Reserve: batch id, numbers, keys, a random permutation of leaves, salts; lint every credential; keep the intent.
2. Sign the credentials and keep them, piece by piece; what is kept already is not signed again.
3. Build the tree over their digests and the manifest over the salted rows; keep both: sealed, immutable.
"""

import hashlib
import json
import secrets
from calendar import monthrange
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from uuid import UUID, uuid4

from registry.anchor.facts import certificate_life
from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.assessment import LISTED, Mark, Result, assess, format_score
from registry.batch import SALT_LENGTH, BatchManifest, Reservation, RosterRow, ScoreRow, draw_indices, require_size
from registry.credential import (
    Altered,
    BatchIssuer,
    BatchTerms,
    CertificateEntry,
    HolderClaims,
    IssuedCredential,
    Unreadable,
    credential_digest,
    credential_leaf,
    full_presentation,
    lint_entry,
    lint_holder,
    lint_terms,
    parse,
)
from registry.credential.v1 import (
    STATUS_LIST_SIZE,
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
from registry.kernel.encoding import canonical_json
from registry.kernel.errors import IntegrityFault, RuleRefusal
from registry.kernel.identifiers import (
    BatchId,
    BlockHash,
    ContractAddress,
    Digest,
    IssuerCode,
    batch_id,
    new_certificate_key,
    new_certificate_number,
    scope_code,
)
from registry.kernel.merkle import MerkleTree, leaf_hash, root_hash
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock, StatementSigner
from registry.ports.storage import KeyReused, Marked, SignedCredential, Store, UnitOfWork
from registry.programme import CERTIFICATE_TYPE_NAMES, Catalogue, LevelCode, PaperKey, Programme, version_order
from registry.programme import Bilingual as Named
from registry.status import Status
from registry.workflows.photographs import portraits_of
from registry.workflows.stated import award_of, direction_of, form_number_of, hours_of, sector_of

_SIGN_AT_ONCE = 2_000


class NothingToIssue(RuleRefusal):
    """No confirmed pass waits for a certificate of this scope."""

    code = "batch/nothing-to-issue"

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"no confirmed pass of {scope} waits for a certificate")


class BatchInconsistent(IntegrityFault):
    """What is kept of a batch does not lead to what is to be approved."""

    code = "batch/inconsistent"

    def __init__(self, batch: str, what: str) -> None:
        self.batch, self.what = batch, what
        super().__init__(f"batch {batch}: the kept {what} does not follow from the kept rows")


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
    progress: Progress = unheard,
) -> Batch:
    """Reserve, sign and seal a batch of everybody who has passed and waits. The same key gives the same batch.

    Raises NothingToIssue, KeyReused, ClaimRefused (then nothing was kept).
    """
    reserved = _reserve(
        store, clock, catalogue, body, signer, programme=programme, level=level, person=person, key=idempotency_key
    )
    return seal(store, catalogue, signer, reserved.id, progress=progress)


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
) -> Batch:
    # 1
    scope = scope_code(f"{programme}/{level}")
    request = Digest(hashlib.sha256(canonical_json({"scope": scope, "issuer": body.code})).digest())
    with store.write() as unit:
        if key is not None and (earlier := unit.batches.of_key(key)) is not None:
            if earlier.request_digest != request:
                raise KeyReused(key, earlier.id)
            return earlier
        unfinished = [one for one in unit.batches.batches(AnchorState.RESERVED) if one.scope == scope]
        if key is None and unfinished:
            return unfinished[0]
        passed = list(_passed(unit, catalogue, body.code, programme, level))
        if not passed:
            raise NothingToIssue(scope)
        # A batch is of one programme version: the oldest that waits goes first.
        version = min((one for one, _, _ in passed), key=lambda one: version_order(one.version))
        chosen = [(marked, result) for of, marked, result in passed if of.digest == version.digest]
        require_size(len(chosen))
        now = clock.now().replace(microsecond=0)
        name = unit.next_name("B", now)
        chosen_key = key if key is not None else name
        terms = _terms(body, version, LevelCode(level), batch_id(body.code, chosen_key), now)
        lint_terms(terms)
        batch = Batch(
            id=name,
            batch=terms.batch,
            idempotency_key=chosen_key,
            request_digest=request,
            issuer=body.code,
            scope=scope,
            size=len(chosen),
            programme_version=version.version,
            programme_digest=version.digest,
            credential_key=signer.thumbprint(),
            intent=canonical_json(
                {
                    "baseUrl": body.base_url,
                    "issuerName": {"zh": body.name.zh, "en": body.name.en},
                    "issuedAt": int(now.timestamp()),
                    "place": body.place,
                    "contract": str(body.contract),
                    "genesis": body.genesis.hex(),
                }
            ),
            state=AnchorState.RESERVED,
            proposed_by=person,
            proposed_at=now,
        )
        reservations = _draw(unit, batch, [marked for marked, _ in chosen], now.astimezone(CHINA_TIME).year)
        portraits = portraits_of(unit, [marked.application.admission for marked, _ in chosen])
        for reservation, (marked, result) in zip(reservations, chosen, strict=True):
            holder = _holder(version, reservation, marked, result, portraits.get(reservation.admission))
            lint_entry(terms, holder.entry)
            lint_holder(terms, holder.claims)
        unit.batches.reserve(batch, reservations)
        unit.journal.write(
            at=now, person=person, action="batch.propose", subject=name, certificates=len(chosen), scope=scope
        )
    return batch


def _passed(
    unit: UnitOfWork, catalogue: Catalogue, issuer: IssuerCode, programme: str, level: str
) -> Iterator[tuple[Programme, Marked, Result]]:
    digests = {roster.id: roster.programme_digest for roster in unit.enrolments.rosters()}
    certified = unit.batches.people_with(f"{programme}/{level}")
    seen = set[str]()
    for marked in unit.marks.confirmed(programme, level):
        # One certificate a person and level, however often somebody was enrolled; another only once the first fell.
        person = marked.application.person
        if person in seen or (person in certified and _still_certified(unit, issuer, person, programme, level)):
            continue
        version = catalogue.by_digest(digests[marked.application.roster])
        result = _result(version, marked)
        if result.passed:
            seen.add(person)
            yield version, marked, result


def waiting_for_batch(
    unit: UnitOfWork, catalogue: Catalogue, issuer: IssuerCode, programme: str, level: str, *, most: int
) -> int:
    """Count who has passed a level, has confirmed marks and waits for a certificate; `most` + 1 where it is more.

    Reads each of them: a quarter of a millisecond a person.
    """
    return sum(1 for _ in islice(_passed(unit, catalogue, issuer, programme, level), most + 1))


def _still_certified(unit: UnitOfWork, issuer: IssuerCode, person: str, programme: str, level: str) -> bool:
    """Tell whether a person's certificate of a level stands, or is on its way; only a revoked one may be followed."""
    places = [(batch, leaf) for held, batch, leaf in unit.batches.held_by(person, programme) if held == level]
    if not places:
        return True  # in a batch that is not final yet
    for batch, leaf in places:
        life = tuple(certificate_life(unit.projection.concerning(issuer, batch, leaf), issuer, batch, leaf))
        if not life or life[-1].status is not Status.REVOKED:
            return True
    return False


def _result(programme: Programme, marked: Marked) -> Result:
    marks = [Mark(paper=PaperKey(mark.paper), score_hundredths=mark.hundredths) for mark in marked.marks]
    return assess(programme, marked.application.level, marks)


def _draw(unit: UnitOfWork, batch: Batch, passed: list[Marked], year: int) -> list[Reservation]:
    places = _status_places(unit, len(passed))
    return [
        Reservation(
            number=new_certificate_number(batch.issuer, year),
            revision=1,
            key=new_certificate_key(),
            jti=f"urn:uuid:{uuid4()}",
            leaf=leaf,
            person=marked.application.person,
            admission=marked.application.admission,
            sheet=marked.sheet.id,
            status_list=place[0],
            status_index=place[1],
            roster_salt=secrets.token_bytes(SALT_LENGTH),
            score_salt=secrets.token_bytes(SALT_LENGTH),
        )
        for marked, leaf, place in zip(passed, draw_indices(len(passed)), places, strict=True)
    ]


def _status_places(unit: UnitOfWork, wanted: int) -> list[tuple[int, int]]:
    """Draw unused entries of the status lists at random, list by list."""
    places: list[tuple[int, int]] = []
    status_list = 0
    while len(places) < wanted:
        used = unit.batches.used_status_indices(status_list)
        if len(used) < STATUS_LIST_SIZE:
            free = [index for index in range(STATUS_LIST_SIZE) if index not in used]
            drawn = secrets.SystemRandom().sample(free, min(len(free), wanted - len(places)))
            places.extend((status_list, index) for index in drawn)
        status_list += 1
    return places


def _terms(body: IssuingBody, programme: Programme, level: LevelCode, chain_id: BatchId, now: datetime) -> BatchTerms:
    day = now.astimezone(CHINA_TIME).date()
    found = programme.level(level)
    standard, occupation = programme.standard, programme.occupation
    return BatchTerms(
        base_url=body.base_url,
        issuer=body.code,
        issuer_name=body.name,
        issued_at=now,
        valid_from=datetime(day.year, day.month, day.day, tzinfo=CHINA_TIME),
        last_valid_day=_last_valid_day(day, programme.validity.months),
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
        awarded_date=day,
        place=body.place,
        result_count=len(programme.papers_of(level)),
    )


def _last_valid_day(first: date, months: int | None) -> date | None:
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
    return _terms(from_intent, programme, level, batch.batch, issued_at)


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


def _holder(
    programme: Programme, reservation: Reservation, marked: Marked, result: Result, portrait: Portrait | None
) -> Holder:
    candidate = marked.application.candidate
    grade = result.grade
    return Holder(
        reservation=reservation,
        entry=CertificateEntry(
            id=UUID(reservation.jti.removeprefix("urn:uuid:")),
            index=reservation.leaf,
            status=StatusEntry(list_number=reservation.status_list, index=reservation.status_index),
            license_number=reservation.number,
            revision=reservation.revision,
            activity_end_date=marked.sheet.examined_on,
            registration_number=form_number_of(programme, candidate),
            direction=direction_of(programme, candidate),
            sector=sector_of(programme, candidate),
            training_hours=hours_of(programme, candidate),
            award=award_of(candidate),
        ),
        claims=HolderClaims(
            name=candidate.name,
            name_latin=candidate.name_latin,
            identity_type=IdentityType(candidate.identity_type.value),
            identity_number=candidate.identity_number,
            results=tuple(
                None
                if paper.score_hundredths is None
                else ShownResult(paper=paper.paper, name=_shown(paper.name), value=format_score(paper.score_hundredths))
                for paper in result.papers
            ),
            grade=None if grade is None else Coded(code=grade.code, name=_shown(grade.name)),
            portrait=portrait,
        ),
        roster_row=RosterRow(
            jti=reservation.jti,
            name=candidate.name,
            identity_type=candidate.identity_type.value,
            identity_number=candidate.identity_number,
            rule=marked.application.rule or "",
            decision="overridden" if marked.application.overridden else "eligible",
            portrait=None if portrait is None else portrait.digest,
        ),
        score_row=ScoreRow(
            jti=reservation.jti,
            papers=tuple((mark.paper, mark.hundredths or 0) for mark in marked.marks if mark.paper != LISTED),
            entered_by=marked.sheet.entered_by,
            confirmed_by=marked.sheet.confirmed_by or "",
        ),
    )


def holders(unit: UnitOfWork, catalogue: Catalogue, batch: Batch) -> Iterator[Holder]:
    """Give a batch's certificates in leaf order, computed from what is kept; without those of erased people."""
    marked = unit.marks.marked(batch.id)
    programme = catalogue.by_digest(batch.programme_digest)
    # Photographs do not change from reservation on. Once the batch is cancelled they may, for the next one.
    cancelled = batch.state is AnchorState.CANCELLED
    portraits = _signed_portraits(unit, batch) if cancelled else portraits_of(unit, list(marked))
    for reservation in unit.batches.reservations(batch.id):
        of = marked.get(reservation.admission)
        if of is not None:
            portrait = portraits.get(reservation.admission)
            yield _holder(programme, reservation, of, _result(programme, of), portrait)


def seal(
    store: Store,
    catalogue: Catalogue,
    signer: StatementSigner,
    name: str,
    *,
    progress: Progress = unheard,
) -> Batch:
    """Sign what is not signed yet and seal; a batch that is sealed already stays as it is."""
    with store.read() as unit:
        batch = unit.batches.batch(name)
        if batch.state is not AnchorState.RESERVED:
            return batch
        if signer.thumbprint() != batch.credential_key:
            raise BatchInconsistent(name, "credential key")
        signed = unit.batches.signed_leaves(name)
        everybody = list(holders(unit, catalogue, batch))
    # 2
    issuer = BatchIssuer(terms_of(batch, catalogue.by_digest(batch.programme_digest)), signer)
    waiting = [holder for holder in everybody if holder.reservation.leaf not in signed]
    for start in range(0, len(waiting), _SIGN_AT_ONCE):
        piece = [_sign(issuer, holder) for holder in waiting[start : start + _SIGN_AT_ONCE]]
        with store.write() as unit:
            # Another run of the same command may have signed some of them meanwhile: the first bytes kept are the ones.
            kept = unit.batches.signed_leaves(name)
            unit.batches.add_credentials(name, [one for one in piece if one.leaf not in kept])
        progress(len(signed) + start + len(piece), batch.size)
    # 3
    with store.write() as unit:
        batch = unit.batches.batch(name)
        if batch.state is not AnchorState.RESERVED:
            return batch
        tree = MerkleTree(credential_leaf(digest) for digest in unit.batches.digests(name))
        manifest = manifest_of(batch, everybody)
        unit.batches.seal(name, root=tree.root, manifest=manifest.document(), levels=tree.levels)
        return unit.batches.batch(name)


def _sign(issuer: BatchIssuer, holder: Holder) -> SignedCredential:
    issued = issuer.issue(holder.entry, holder.claims)
    return SignedCredential(
        leaf=holder.reservation.leaf,
        jwt=issued.jwt,
        digest=credential_digest(issued.jwt),
        disclosures=issued.disclosures,
    )


def manifest_of(batch: Batch, everybody: Iterable[Holder]) -> BatchManifest:
    """Compute a batch's manifest from its rows and salts, in leaf order."""
    rows = list(everybody)
    return BatchManifest(
        issuer=batch.issuer,
        batch=batch.batch,
        scope=batch.scope,
        size=batch.size,
        programme_version=batch.programme_version,
        programme_digest=batch.programme_digest,
        roster_root=root_hash(leaf_hash(one.roster_row.commitment(one.reservation.roster_salt)) for one in rows),
        scores_root=root_hash(leaf_hash(one.score_row.commitment(one.reservation.score_salt)) for one in rows),
    )


def evidence_of(manifest: bytes) -> Digest:
    """Give what the contract records of a manifest: its SHA-256."""
    return Digest(hashlib.sha256(manifest).digest())
