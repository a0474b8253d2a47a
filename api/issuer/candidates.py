"""Candidates: who applied, what each rule said of them, and what came of it; names and numbers are covered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.issuer.covering import covered_name, covered_number
from api.issuer.framing import NAME_SHOWN, READ, Desk, Reader, page
from api.issuer.judging import judgements_of, subjects_to_judge
from api.issuer.paging import Paged, page_number
from api.pages.rendering import add_page, words_of
from registry.assessment.sheet import MAX_REASON
from registry.enrolment.trying import duration
from registry.kernel.identifiers import Digest
from registry.ports.storage import Application, NotHere, StoredCertificate, UnitOfWork
from registry.programme import EDUCATION_NAMES, Bilingual, Catalogue, PaperKey, Programme, version_order

PER_PAGE: Final = 50
MOST_OFFERED: Final = 100
"""Rosters that the list can be narrowed to by choosing one; the page of an older one leads to its candidates."""
ANSWERS: Final[Mapping[str, bool | None]] = {"eligible": True, "refused": False, "undecided": None}
_ANSWER_OF: Final = {answer: name for name, answer in ANSWERS.items()}

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateView:
    """One candidate in a list."""

    admission: str
    name: str
    number: str
    level: str
    roster: str
    line: int
    answer: str
    """`eligible`, `refused` or `undecided`."""
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionView:
    """One condition that was tried."""

    held: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """One rule with its conditions."""

    id: str
    held: bool
    admitted: bool
    """This is the rule by which the candidate was let in."""
    conditions: tuple[ConditionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateView:
    """A certificate, or the place of one, that rests on an application."""

    number: str
    revision: int
    batch: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SittingView:
    """One session that the candidate is registered for or sat."""

    session: str
    on: str
    kind: str
    """`first`, `retake` or `anew`."""
    papers: tuple[str, ...]


def candidates(request: Request, visit: Reader, desk: Desk) -> Response:
    """List candidates, of one roster, one level or one answer where the address says so."""
    asked = {name: request.query_params.get(name, "")[:NAME_SHOWN] for name in ("roster", "level", "answer")}
    with desk.store.read() as unit:
        levels = _levels(request, desk.catalogue, unit.enrolments.programme_digests())
        rosters = [one.id for one in unit.enrolments.newest_rosters(most=MOST_OFFERED)]
        unlisted = unit.enrolments.count_rosters() - len(rosters)
        roster = asked["roster"] if asked["roster"] in rosters or _there_is(unit, asked["roster"]) else ""
        level = asked["level"] if asked["level"] in levels else ""
        answer = asked["answer"] if asked["answer"] in ANSWERS else ""
        tally = unit.enrolments.tally(roster=roster or None, level=level or None)
        total = tally[ANSWERS[answer]] if answer else sum(tally.values())
        paged = Paged(number=page_number(request), total=total, size=PER_PAGE)
        listed = unit.enrolments.applications(
            roster=roster or None,
            level=level or None,
            eligible=ANSWERS[answer] if answer else None,
            undecided=answer == "undecided",
            first=paged.first,
            most=PER_PAGE,
        )
        found = list(listed)
        versions = versions_of(unit, desk.catalogue, found)
        views = [_view(request, one, versions) for one in found]
    kept = {name: value for name, value in (("roster", roster), ("level", level)) if value}
    return page(
        request,
        visit,
        "console_candidates.html",
        "rosters",
        candidates=views,
        rosters=rosters if roster in {"", *rosters} else [*rosters, roster],
        unlisted=unlisted,
        levels=levels,
        roster=roster,
        level=level,
        answer=answer,
        counts=[("", sum(tally.values())), *((name, tally[key]) for name, key in ANSWERS.items())],
        kept=urlencode(kept),
        narrowed=urlencode(kept | ({"answer": answer} if answer else {})),
        paged=paged,
    )


def versions_of(unit: UnitOfWork, catalogue: Catalogue, applications: Iterable[Application]) -> dict[str, Programme]:
    """Give the programme version of every roster that some of these applications are on."""
    rosters = {one.roster for one in applications}
    return {one: catalogue.by_digest(unit.enrolments.roster(one).programme_digest) for one in rosters}


def _levels(request: Request, catalogue: Catalogue, digests: Iterable[Digest]) -> dict[str, str]:
    """Name the levels of programme versions, by their codes; where versions name one differently, as the latest."""
    programmes = sorted(map(catalogue.by_digest, digests), key=lambda one: (one.code, version_order(one.version)))
    return {level.code: _said(request, level.name) for one in programmes for level in one.levels}


def _there_is(unit: UnitOfWork, roster: str) -> bool:
    try:
        return bool(unit.enrolments.roster(roster))
    except NotHere:
        return False


def candidate_page(admission: str, request: Request, visit: Reader, desk: Desk) -> Response:
    """Show one candidate: what was stated, each rule that was tried, what came of it."""
    with desk.store.read() as unit:
        one = unit.enrolments.application(admission)
        programme = desk.catalogue.by_digest(unit.enrolments.roster(one.roster).programme_digest)
        rules = _rules(request, one, unit.enrolments.findings(admission))
        certificates = _certificates(unit, one)
        sittings = _sittings(request, unit, programme, one)
        photograph = admission in unit.portraits.of([admission])
        judgements = judgements_of(request, visit, unit, programme, one)
        subjects = subjects_to_judge(request, desk, unit, programme, one)
    return page(
        request,
        visit,
        "console_candidate.html",
        "rosters",
        candidate=_view(request, one, {one.roster: programme}),
        stated=_stated(request, one),
        programme=_said(request, programme.name),
        version=programme.version,
        decided_by=one.decided_by or "",
        rules=rules,
        certificates=certificates,
        sittings=sittings,
        photograph=photograph,
        overridden=one.overridden,
        judgements=judgements,
        subjects=subjects,
        most=MAX_REASON,
        told=next((name for name in ("judged", "confirmed") if name in request.query_params), ""),
    )


def _view(request: Request, one: Application, versions: Mapping[str, Programme]) -> CandidateView:
    level = versions[one.roster].level(one.level)
    return CandidateView(
        admission=one.admission,
        name=covered_name(one.candidate.name),
        number=covered_number(one.candidate.identity_number),
        level=one.level if level is None else _said(request, level.name),
        roster=one.roster,
        line=one.line,
        answer=_ANSWER_OF[one.eligible],
        rule=one.rule or "",
    )


def _stated(request: Request, one: Application) -> list[tuple[str, str]]:
    """Say what the roster states that rules look at: words of the catalogue, and what was written."""
    words, of = words_of(request), one.candidate
    told = [("identity_type", words.text(f"identity_types.{of.identity_type}"))]
    told.append(("birth_year", str(of.birth_date.year)))
    if of.education is not None:
        told.append(("education", _said(request, EDUCATION_NAMES[of.education])))
    if of.work_months is not None:
        told.append(("work", duration(of.work_months)[words.language != "zh"]))
    if of.held is not None:
        told.append(("held", covered_number(of.held.number) if of.held.number else str(of.held.level)))
    return [(words.text(f"candidate.{key}"), value) for key, value in told]


def _rules(request: Request, one: Application, findings: list[dict[str, Any]]) -> list[RuleView]:
    """Put what was found together rule by rule, the rule that admitted first."""
    language = words_of(request).language
    by_rule: dict[str, list[ConditionView]] = {}
    for found in findings:
        view = ConditionView(held=bool(found["held"]), reason=str(found[language]))
        by_rule.setdefault(str(found["rule"]), []).append(view)
    rules = [
        RuleView(
            id=rule,
            held=all(condition.held for condition in conditions),
            admitted=rule == one.rule,
            conditions=tuple(conditions),
        )
        for rule, conditions in by_rule.items()
    ]
    return sorted(rules, key=lambda rule: (not rule.admitted, not rule.held))


def _sittings(request: Request, unit: UnitOfWork, programme: Programme, one: Application) -> tuple[SittingView, ...]:
    """Say when a candidate sat, the earlier first: of a retake both days."""
    names = {paper.key: _said(request, paper.name) for paper in programme.papers_of(one.level)}
    seats = [(unit.exam_sessions.session(seat.session), seat) for seat in unit.exam_sessions.seats_of([one.admission])]
    return tuple(
        SittingView(
            session=session.id,
            on=session.held_on.isoformat(),
            kind=seat.kind.value,
            papers=tuple(names.get(PaperKey(key), key) for key in seat.papers),
        )
        for session, seat in sorted(seats, key=lambda found: found[0].held_on)
    )


def _certificates(unit: UnitOfWork, one: Application) -> list[CertificateView]:
    ours: list[StoredCertificate] = [
        stored for stored in unit.batches.of_person(one.person) if stored.reservation.admission == one.admission
    ]
    return [
        CertificateView(
            number=stored.reservation.number,
            revision=stored.reservation.revision,
            batch=stored.batch.id,
            state=stored.batch.state,
        )
        for stored in ours
    ]


def _said(request: Request, text: Bilingual) -> str:
    return text.zh if words_of(request).language == "zh" else text.en or text.zh


add_page(router, "/console/candidates", candidates, READ)
add_page(router, "/console/candidates/{admission}", candidate_page, READ)
