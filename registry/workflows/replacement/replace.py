"""Replace: a certificate with a mistake on it, or whose term ends, gets a successor; the old one stands until then.

1. Ask (`registry.workflows.replacement.ask_replacement`): what is wrong, or that the term is to go on, with a reason.
2. Reserve the successors of one old batch, or of one new term, as a batch of their own: a correction keeps its number
   and its dates and is the next revision, a renewal gets a number and a term of its own. In the same transaction the
   supersession is asked for, one request for at most 128 certificates of one old batch.
3. Seal as every batch. The second person approves batch and supersession together
   (`registry.workflows.issuance.approve`).
4. The batch is anchored and final, then the supersession; only then anything is delivered. The record of the
   supersession is the one moment at which the old certificate falls and the new one stands: whoever judges asks for it
   (`registry.verification.judging`), so that a crash between any two steps leaves exactly one that is valid.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from registry.access import require_named
from registry.anchor.progress import Batch, RequestState, StatusRequest, Target
from registry.anchor.states import AnchorState
from registry.assessment import Result
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import canonical_json
from registry.kernel.identifiers import CertificateNumber, Digest
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock, StatementSigner
from registry.ports.replacements import Replacement, ReplacementKind
from registry.ports.storage import Marked, Store, StoredCertificate, UnitOfWork
from registry.programme import Catalogue, LevelCode, Programme
from registry.status import Reason, Status
from registry.workflows.certificates.contents import (
    IssuingBody,
    Term,
    last_valid_day,
    place_of,
)
from registry.workflows.issuance.issue import Chosen, reserve_chosen
from registry.workflows.issuance.seal import seal
from registry.workflows.replacement.ask_replacement import (
    NotReplaceable,
    ReplacementPlaced,
    marked_now,
    require_renewable,
    standing_certificate,
)
from registry.workflows.status.ask_changes import Asked, keep_requests

MOST_AT_ONCE: Final = 128
"""Most certificates that one call of the contract supersedes."""
_REASONS: Final = {ReplacementKind.CORRECTION: Reason.CORRECTION, ReplacementKind.RENEWAL: Reason.RENEWAL}


def propose_replacements(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    body: IssuingBody,
    signer: StatementSigner,
    names: Iterable[str],
    *,
    person: str,
    progress: Progress = unheard,
) -> list[Batch]:
    """Reserve and seal the batches of these successors; `person` proposes them, whoever asked for them.

    What was cut off goes on, and a supersession that the chain refused is asked for anew. Raises NotHere,
    ReplacementPlaced where one was given up, PersonUnnamed, and as asking where a certificate stands no longer.
    """
    by = require_named(person, "proposing a replacement")
    with store.write() as unit:
        wanted = [unit.replacements.replacement(name) for name in dict.fromkeys(names)]
        for one in wanted:
            if one.cancelled_at is not None:
                raise ReplacementPlaced(one.id, None)
        now = clock.now().replace(microsecond=0)
        batches = [one.batch for one in wanted if one.batch is not None]
        for name in dict.fromkeys(batches):
            _ask_supersession_again(unit, unit.batches.batch(name), by, clock.now())
        # 2
        groups: dict[tuple[object, ...], list[_Prepared]] = {}
        for one in wanted:
            if one.batch is None:
                prepared = _prepared(unit, catalogue, one, now)
                groups.setdefault(prepared.group, []).append(prepared)
        batches.extend(_reserve(unit, body, signer, group, by, now).id for group in groups.values())
    # 3
    return [seal(store, catalogue, signer, name, progress=progress) for name in dict.fromkeys(batches)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A certificate with what its successor is made of."""

    old: StoredCertificate
    of: Replacement
    programme: Programme
    marked: Marked
    result: Result
    term: Term

    @property
    def group(self) -> tuple[object, ...]:
        """What those have in common that go into one batch."""
        old_batch = self.old.batch.id if self.of.kind is ReplacementKind.CORRECTION else None
        return self.of.kind, self.old.batch.scope, self.programme.digest, self.term, self.of.asked_by, old_batch


def _prepared(unit: UnitOfWork, catalogue: Catalogue, of: Replacement, now: datetime) -> _Prepared:
    old, shown = standing_certificate(unit, of.number)
    if old.reservation.revision != of.revision:
        raise NotReplaceable(of.number, Status.SUPERSEDED, f"{of.number}#{old.reservation.revision}")
    programme = catalogue.by_digest(old.batch.programme_digest)
    marked, result = marked_now(unit, programme, old)
    terms, today = shown.terms, now.astimezone(CHINA_TIME).date()
    if of.kind is ReplacementKind.CORRECTION:
        begin = terms.valid_from.astimezone(CHINA_TIME).date()
        term = Term(awarded=terms.awarded_date, valid_from=begin, last_valid_day=terms.last_valid_day)
    else:
        require_renewable(of.number, terms, now)
        term = renewed_term(terms.last_valid_day, programme.validity.months, today)
    return _Prepared(old=old, of=of, programme=programme, marked=marked, result=result, term=term)


def renewed_term(last_day: date | None, months: int | None, today: date) -> Term:
    """Give the term of a certificate renewed today: at once, and to the end of a whole term after the present one.

    Who renews early loses no day of the present term; one that has ended gives none away.
    """
    following = today if last_day is None else max(today, last_day + timedelta(days=1))
    return Term(awarded=today, valid_from=today, last_valid_day=last_valid_day(following, months))


def _reserve(
    unit: UnitOfWork, body: IssuingBody, signer: StatementSigner, group: Sequence[_Prepared], person: str, now: datetime
) -> Batch:
    first = group[0]
    request = canonical_json({"replacements": [one.of.id for one in group], "issuer": body.code})
    batch = reserve_chosen(
        unit,
        body,
        signer,
        first.programme,
        LevelCode(first.old.batch.scope.partition("/")[2]),
        [_chosen(unit, one) for one in group],
        now=now,
        person=person,
        request=Digest(hashlib.sha256(request).digest()),
        term=first.term,
    )
    _ask_supersession(unit, batch, person, now)
    return batch


def _chosen(unit: UnitOfWork, one: _Prepared) -> Chosen:
    number: CertificateNumber | None = None
    revision = 1
    if one.of.kind is ReplacementKind.CORRECTION:
        number, revision = one.old.reservation.number, _next_revision(unit, one.old)
    return Chosen(
        marked=one.marked,
        result=one.result,
        number=number,
        revision=revision,
        replacement=one.of,
    )


def _next_revision(unit: UnitOfWork, old: StoredCertificate) -> int:
    """Give the next revision that was never used, not by one that was given up either."""
    revision = old.reservation.revision + 1
    while unit.batches.by_number(old.reservation.number, revision) is not None:
        revision += 1
    return revision


def _ask_supersession(unit: UnitOfWork, batch: Batch, person: str, now: datetime) -> None:
    """Ask that the old certificates be superseded by those of a batch; what is asked for already stays as it is."""
    asked = {
        (request.batch, leaf)
        for request in unit.status_requests.onto(batch.batch)
        if request.state not in (RequestState.FAILED, RequestState.CANCELLED)
        for leaf in request.leaves
    }
    of_old: dict[str, list[tuple[StoredCertificate, int]]] = {}
    kind = ReplacementKind.CORRECTION
    for new_leaf, one in unit.replacements.into(batch.id).items():
        old = unit.batches.by_number(one.number, one.revision)
        if old is not None and one.cancelled_at is None and (old.batch.batch, old.reservation.leaf) not in asked:
            of_old.setdefault(old.batch.id, []).append((old, new_leaf))
            kind = one.kind
    requests: list[StatusRequest] = []
    for name in sorted(of_old):
        pairs = sorted(of_old[name], key=lambda pair: pair[0].reservation.leaf)
        for start in range(0, len(pairs), MOST_AT_ONCE):
            piece = pairs[start : start + MOST_AT_ONCE]
            requests.append(
                StatusRequest(
                    id="",
                    issuer=batch.issuer,
                    batches=(piece[0][0].batch.batch,),
                    certificates=tuple(
                        Target(
                            number=old.reservation.number,
                            revision=old.reservation.revision,
                            leaf=old.reservation.leaf,
                            successor=new_leaf,
                        )
                        for old, new_leaf in piece
                    ),
                    wanted=Status.SUPERSEDED,
                    reason=_REASONS[kind],
                    state=RequestState.REQUESTED,
                    requested_by=person,
                    requested_at=now,
                    new_batch=batch.batch,
                    new_contract=place_of(batch)[0].address,
                )
            )
    keep_requests(unit, Asked(requests=tuple(requests)), person)


def _ask_supersession_again(unit: UnitOfWork, batch: Batch, person: str, now: datetime) -> None:
    if batch.state is not AnchorState.CANCELLED:
        _ask_supersession(unit, batch, person, now)
