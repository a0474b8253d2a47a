"""Whatever a few people do in whatever order, nobody stands on both sides of a check that needs two.

Some of them are known by several spellings. What is looked at afterwards is the database and the journal, with a list
of who is who that the registry knows nothing of. The control takes names as they are spelled, and is caught.
"""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from api.demo_data import NEXT_SEED, sample_roster, sample_scores
from registry.access import FourEyes
from registry.anchor.facts import code_key
from registry.anchor.history import Ballot, BallotKind, BallotOutcome, Record, Voted
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.enrolment import TRANSITIONS, AdmissionState
from registry.enrolment.admission import BY_ANOTHER, ENDED
from registry.kernel.errors import RegistryError
from registry.ports.storage import Application, UnitOfWork
from registry.ports.training import OrganisationKind
from registry.programme import Bilingual, load_catalogue
from registry.status import Reason, Status
from registry.store import open_database
from registry.workflows.certificates import contents
from registry.workflows.chain import supersede
from registry.workflows.enrolment import judge, train
from registry.workflows.enrolment.admit import add_organisation, take_step
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination import assess, correct
from registry.workflows.issuance import approve, issue
from registry.workflows.replacement import ask_replacement, replace
from registry.workflows.status import approve_change, ask_changes
from tests.unit.registry.store.filled import (
    BODY,
    ISSUER,
    KEYS,
    NOW,
    PROGRAMME,
    Approver,
    CredentialKey,
    SettableClock,
    fill,
    head,
    position,
)

pytestmark = pytest.mark.slow

WHO = {
    "wang.li": "Wang",
    "WANG.LI": "Wang",
    "ｗａｎｇ．ｌｉ": "Wang",
    " wang.li ": "Wang",
    "zhao.min": "Zhao",
    "Zhao.Min": "Zhao",
    "sun.yu": "Sun",
}
"""Every spelling that somebody acts under, and who that is. It says nothing of how spellings are compared."""
OTHERS = {"alice": "Alice", "bob": "Bob", "carol": "Carol", "dave": "Dave", "erin": "Erin", "frank": "Frank"}
CATALOGUE = load_catalogue()
ENGINEER, POST = CATALOGUE.programme(PROGRAMME), CATALOGUE.programme("AIGC-POST")
REACHED: Counter[str] = Counter()
"""How often both halves were done by these people, by kind."""
DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"


@cache
def template() -> Path:
    """A registry in which every flow can begin; made once and copied."""
    path = Path(tempfile.mkdtemp()) / "registry.db"
    with pytest.MonkeyPatch.context() as patch:  # certificates whose term is over, though the programme's never does
        patch.setattr(contents, "last_valid_day", lambda first, months: first)
        filled = fill(path, settle=False)
    store, clock = open_database(path, KEYS), SettableClock()
    lift = Ballot(
        kind=BallotKind.LIFT_BATCH_SUSPENSION, subject=code_key(ISSUER), arg=1, ref=filled.chain_id, salt=bytes(32)
    )
    with store.write() as unit:  # its batch was suspended by the members, and nothing of it could be replaced
        seq = unit.projection.size()
        lifted = Voted(ballot=lift, votes=1, outcome=BallotOutcome.ENACTED)
        unit.projection.extend(head(seq + 1), [Record(position=position(seq), content=lifted)])
    post = "姓名,证件号码,级别,细分行业\n安小雨,110105199003070025,通用级,\n安小晴,11010519900307005X,专业级,设计\n"
    import_roster(store, clock, POST, post.encode(), person="alice")
    import_roster(store, clock, ENGINEER, sample_roster(seed=NEXT_SEED, count=8), person="alice")
    decide_applications(store, clock, CATALOGUE, ISSUER, person="alice")
    for code, kind in (("U1", OrganisationKind.APPLYING_UNIT), ("T1", OrganisationKind.TRAINING_BODY)):
        named = Bilingual(zh="某单位", en="Some Unit")
        add_organisation(
            store,
            clock,
            code=code,
            kind=kind,
            name=named,
            contact="0755-00000000",
            since=None,
            until=None,
            person="alice",
        )
    store.settle()
    store.close()
    return path


class Office:
    """A registry of its own, in which anybody does anything."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        shutil.copy(template(), self.folder / "registry.db")
        self.store = open_database(self.folder / "registry.db", KEYS)
        self.clock, self.key = SettableClock(), CredentialKey()
        self.clock.time = NOW + timedelta(days=1)
        self.made = 0

    def close(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    def does(self, deed: "Deed", by: str, pick: int, way: int) -> None:
        """What is refused is refused, and what there is nothing to do with is left."""
        self.made += 1
        with suppress(RegistryError, StopIteration):
            deed(self, by, pick, way)

    def first_of(self, found: Callable[[UnitOfWork], Iterable[Any]], pick: int = 0) -> Any:
        """One of the first that there are; StopIteration where there is none."""
        with self.store.read() as unit:
            every = list(found(unit))[:3]
        if not every:
            raise StopIteration
        return every[pick % len(every)]

    def require_two_people(self) -> None:
        """Nobody stands on both sides of anything; rows and entries are never taken away, so that once is enough."""
        with self.store.read() as unit:
            for first, second, kind, named in (*kept_pairs(unit), *journal_pairs(unit)):
                if second is None:
                    continue
                assert person_of(first) != person_of(second), (kind, named, first, second)
                if {first.strip(), second.strip()} <= {one.strip() for one in WHO}:
                    REACHED[kind] += 1


Deed = Callable[[Office, str, int, int], object]


# — candidates —


def of_post(applications: Iterable[Application]) -> list[Application]:
    return [one for one in applications if one.programme == POST.code]


def judges(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(
        lambda unit: [two for two in unit.enrolments.applications(undecided=True) if two.programme == POST.code], pick
    )
    judge.judge_application(
        office.store, office.clock, CATALOGUE, one.admission,
        subject="admission", favourable=way > 0, reason="看过原件", person=by,
    )  # fmt: skip


def overrides(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(lambda unit: unit.enrolments.applications(eligible=False), pick)
    judge.override_refusal(office.store, office.clock, one.admission, reason="同等学力", person=by)


def confirms_a_judgement(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(lambda unit: reversed(unit.judgements.judgements(waiting=True)), pick)
    judge.confirm_judgement(office.store, office.clock, one.id, person=by)


def registers_through_a_unit(office: Office, by: str, pick: int, way: int) -> None:
    data = f"姓名,证件类型,证件号码,出生日期,级别\n安宁,护照,E{office.made:08d},1999-05-06,初级\n".encode()
    import_roster(office.store, office.clock, ENGINEER, data, person=by, by_unit="U1")


def takes_a_step(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(lambda unit: sorted(unit.admissions.trails(), reverse=True)[:-1], pick)
    with office.store.read() as unit:
        state = unit.admissions.trails([one])[one].state
    following = sorted(TRANSITIONS[state] - ENDED) or sorted(TRANSITIONS[state])
    take_step(office.store, office.clock, [one], following[way % len(following)], reason="因故", person=by)
    decide_applications(office.store, office.clock, CATALOGUE, ISSUER, person=by)


# — training —


def lets_somebody_teach(office: Office, by: str, pick: int, way: int) -> None:
    course = office.first_of(lambda unit: unit.courses.courses()).id
    teacher = sorted(WHO)[(pick * 4 + way) % len(WHO)]
    train.add_teacher(
        office.store, office.clock, CATALOGUE, course, teacher=teacher, holds_level="1", title=None, person=by
    )


def enters_attendance(office: Office, by: str, pick: int, way: int) -> None:
    course = office.first_of(lambda unit: unit.courses.courses()).id
    admission = office.first_of(lambda unit: unit.courses.participants(course))
    data = f"准考证号,单元,日期,学时\n{admission},1,{NOW.date() - timedelta(days=office.made)},1\n"
    train.enter_attendance(office.store, office.clock, course, data.encode(), person=by)


def settles_attendance(office: Office, by: str, pick: int, way: int) -> None:
    course = office.first_of(lambda unit: unit.courses.courses()).id
    one = office.first_of(lambda unit: [two for two in unit.courses.lists(course) if two.confirmed is None], pick)
    train.settle_attendance(office.store, office.clock, one.id, confirmed=way > 0, person=by)


# — scores —


def enters_scores(office: Office, by: str, pick: int, way: int) -> None:
    waiting = office.first_of(lambda unit: filter(None, [sorted(unit.marks.awaited(PROGRAMME))]))
    data = sample_scores(waiting, seed=office.made)
    assess.record_scores(office.store, office.clock, ENGINEER, data, examined_on=NOW.date(), person=by)


def settles_a_sheet(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(lambda unit: [sheet for sheet in unit.marks.sheets() if sheet.waits], pick)
    if way:
        assess.confirm_sheet(office.store, office.clock, one.id, person=by)
    else:
        assess.return_sheet(office.store, office.clock, one.id, reason="有误", person=by)


def corrects_a_score(office: Office, by: str, pick: int, way: int) -> None:
    def corrigible(unit: UnitOfWork) -> Iterator[tuple[str, str]]:
        for sheet in reversed(unit.marks.sheets()):
            if sheet.confirmed_by is not None:
                admissions = {mark.admission for mark in unit.marks.marks(sheet.id)}
                yield from ((sheet.id, one) for one in sorted(admissions - set(unit.batches.reserved(admissions))))

    sheet, admission = office.first_of(corrigible, pick)
    correct.correct_score(
        office.store, office.clock, CATALOGUE, sheet, admission,
        paper="comprehensive", score_hundredths=(5999, 6000, 8000, None)[way], reason="合分有误", person=by,
    )  # fmt: skip


def confirms_a_correction(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(
        lambda unit: [two for two in reversed(unit.corrections.corrections()) if not two.confirmed_by]
    )
    correct.confirm_correction(office.store, office.clock, one.id, person=by)


# — certificates —


def proposes(office: Office, by: str, pick: int, way: int) -> None:
    issue.propose(
        office.store, office.clock, CATALOGUE, BODY, office.key, programme=PROGRAMME, level=str(pick + 1), person=by
    )


def approves(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(lambda unit: unit.batches.batches(AnchorState.SEALED), pick)
    approve.approve(
        office.store, office.clock, CATALOGUE, lambda thumbprint: office.key.public_key, Approver(), one.id, person=by
    )


def cancels(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(lambda unit: unit.batches.batches(AnchorState.SEALED, AnchorState.APPROVED), pick)
    approve.cancel(office.store, office.clock, one.id, person=by)


def asks_for_a_change(office: Office, by: str, pick: int, way: int) -> None:
    batch = office.first_of(lambda unit: unit.batches.batches(AnchorState.FINAL))
    leaf = 1 + pick * 4 + way
    number = office.first_of(lambda unit: filter(None, [unit.batches.by_leaf(batch.batch, leaf)])).reservation.number
    ask_changes.request_changes(office.store, office.clock, [number], Status.REVOKED, Reason.MISCONDUCT, person=by)


def approves_a_change(office: Office, by: str, pick: int, way: int) -> None:
    one = office.first_of(lambda unit: unit.status_requests.requests(RequestState.REQUESTED), pick)
    approve_change.approve_change(office.store, office.clock, None, Approver(), one.id, person=by)


def final_number(unit: UnitOfWork, leaf: int) -> list[str]:
    found = unit.batches.by_leaf(unit.batches.batches(AnchorState.FINAL)[0].batch, leaf)
    return [] if found is None else [found.reservation.number]


def asks_for_a_correction(office: Office, by: str, pick: int, way: int) -> None:
    number = office.first_of(lambda unit: final_number(unit, 13 + pick))
    particulars = ask_replacement.Particulars(name=f"安{chr(0x4E00 + office.made)}")
    ask_replacement.ask_correction(
        office.store, office.clock, CATALOGUE, number, particulars, reason="名册有误", person=by
    )  # fmt: skip


def asks_for_a_renewal(office: Office, by: str, pick: int, way: int) -> None:
    number = office.first_of(lambda unit: final_number(unit, 16 + pick))
    ask_replacement.ask_renewals(office.store, office.clock, CATALOGUE, [number], person=by)


def proposes_replacements(office: Office, by: str, pick: int, way: int) -> None:
    # Whoever does it has proposed them, for those who asked.
    with office.store.read() as unit:
        names = [one.id for one in unit.replacements.every(unplaced=True)]
    for name in names:
        with suppress(RegistryError):
            replace.propose_replacements(office.store, office.clock, CATALOGUE, BODY, office.key, [name], person=by)


def approves_a_replacement(office: Office, by: str, pick: int, way: int) -> None:
    """With its batch, or the supersession alone."""
    one = office.first_of(lambda unit: [two for two in reversed(unit.replacements.every()) if two.batch], pick)
    if way % 2:
        approve.approve(
            office.store, office.clock, CATALOGUE, lambda thumbprint: office.key.public_key, Approver(),
            one.batch, person=by,
        )  # fmt: skip
        return
    with office.store.read() as unit:
        (request, *_) = unit.status_requests.onto(unit.batches.batch(one.batch).batch)
    approve_change.approve_change(office.store, office.clock, None, Approver(), request.id, person=by)


DEEDS: tuple[Deed, ...] = (
    *(judges, overrides, confirms_a_judgement, registers_through_a_unit, takes_a_step),
    *(lets_somebody_teach, enters_attendance, settles_attendance),
    *(enters_scores, settles_a_sheet, corrects_a_score, confirms_a_correction),
    *(proposes, approves, cancels, asks_for_a_change, approves_a_change),
    *(asks_for_a_correction, asks_for_a_renewal, proposes_replacements, approves_a_replacement),
)


def person_of(spelled: str) -> str:
    return (WHO | OTHERS)[spelled if spelled in WHO else spelled.strip()]


def kept_pairs(unit: UnitOfWork) -> Iterator[tuple[str, str | None, str, str]]:
    """Who did the one half and who the other, of all that the database holds; None = nobody yet."""
    yield from ((one.entered_by, one.confirmed_by, "sheet", one.id) for one in unit.marks.sheets())
    yield from ((one.entered_by, one.confirmed_by, "correction", one.id) for one in unit.corrections.corrections())
    yield from ((one.entered_by, one.confirmed_by, "judgement", one.id) for one in unit.judgements.judgements())
    yield from ((one.proposed_by, one.approved_by, "batch", one.id) for one in unit.batches.batches())
    yield from ((one.requested_by, one.approved_by, "request", one.id) for one in unit.status_requests.requests())
    for one in unit.replacements.every():
        if one.batch is not None:
            batch = unit.batches.batch(one.batch)
            yield one.asked_by, batch.approved_by, f"{one.kind} of a certificate", one.id
            superseding = unit.status_requests.onto(batch.batch)
            makers = (one.asked_by, batch.proposed_by)
            yield from ((by, two.approved_by, "supersession", one.id) for by in makers for two in superseding)
    for admission, trail in unit.admissions.trails().items():
        registered = [one.by for one in trail.steps if one.state is AdmissionState.PRE_REGISTERED]
        reviewed = [one.by for one in trail.steps if one.state in BY_ANOTHER]
        yield from ((one, two, "admission", admission) for one in registered for two in reviewed)
    for course in unit.courses.courses():
        yield from ((one.person, one.added_by, "teacher", course.id) for one in unit.courses.teachers(course.id))
        settled = [one for one in unit.courses.lists(course.id) if one.confirmed]
        yield from ((one.entered_by, one.settled_by, "attendance", one.id) for one in settled)


HALVES = {
    "exam.confirm": ("exam.record", "training.certify"),
    "training.confirm": ("training.attend",),
    "batch.approve": ("batch.propose",),
    "status.approve": ("status.request",),
}
"""Journal entries of a second half, each with those of the first; both name the same subject."""
NUMBERED = {
    "exam.confirm-correction": ("correction", "exam.correct"),
    "enrol.confirm-judgement": ("judgement", "enrol."),
}


def journal_pairs(unit: UnitOfWork) -> Iterator[tuple[str, str, str, str]]:
    """The same as the journal tells it."""
    entries = list(unit.journal.entries())
    for second in entries:
        for first in entries:
            if first.action in HALVES.get(second.action, ()) and first.subject == second.subject:
                yield first.person, second.person, second.action, second.subject
        if second.action in NUMBERED:
            member, prefix = NUMBERED[second.action]
            for first in entries:
                same = first.detail.get(member) == second.detail[member] and first.seq < second.seq
                if same and first.action.startswith(prefix):
                    yield first.person, second.person, second.action, str(second.detail[member])


STEPS = st.tuples(st.sampled_from(DEEDS), st.sampled_from(sorted(WHO)), st.integers(0, 2), st.integers(0, 3))
AFTERNOON = st.lists(STEPS, min_size=120, max_size=160)
FEW = settings(
    max_examples=300 if DEEP else 5,
    deadline=None,
    derandomize=not DEEP,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink] if DEEP else [Phase.generate],
)


def gone_through(steps: list[tuple[Deed, str, int, int]]) -> None:
    office = Office()
    try:
        for deed, by, pick, way in steps:
            office.does(deed, by, pick, way)
        office.require_two_people()
    finally:
        office.close()


def test_no_path_leads_one_person_to_both_sides():
    REACHED.clear()
    FEW(given(AFTERNOON)(gone_through))()
    kinds = {"sheet", "correction", "judgement", "batch", "request", "admission", "teacher", "attendance"}
    kinds |= {"correction of a certificate", "renewal of a certificate", "supersession"}
    assert {*kinds, *HALVES, *NUMBERED} - set(REACHED) == set(), "some flow was never gone to its end"


def test_a_naive_comparison_of_names_is_caught(monkeypatch):
    def naive(first: str, second: str, step: str) -> None:
        if first == second:
            raise FourEyes(step)

    for module in (assess, approve_change, correct, judge, supersede, train):
        monkeypatch.setattr(module, "require_second_person", naive)
    with pytest.raises(AssertionError, match=r"wang|zhao|ｗａｎｇ"):
        settings(FEW, phases=[Phase.generate])(given(AFTERNOON)(gone_through))()
