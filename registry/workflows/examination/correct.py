"""Correct: a score that was confirmed is set right by a new row, with a reason and a second person; the old one stays.

On a confirmed list, which has no scores, it takes somebody off or puts them back. It counts from the moment of the
second confirmation. Of several for the same score only the newest can be confirmed.
While a batch with a certificate on the score is on its way none can be entered or confirmed. Once it is recorded one
can: the certificate stays as it was signed, and is replaced by one that says the new score
(`registry.workflows.replacement.replace`), or revoked where that is no pass.
"""

from datetime import datetime, timedelta

from registry.access import require_named, require_second_person
from registry.anchor.states import AnchorState
from registry.assessment import (
    LISTED,
    TAKEN_OFF,
    FunctionScore,
    MarksIncomplete,
    MarkUnknown,
    SheetNotOpen,
    SheetState,
    mark_of_functions,
    require_reason,
)
from registry.kernel.errors import Conflict, RuleRefusal
from registry.ports import Clock
from registry.ports.examinations import ScoreCorrection
from registry.ports.storage import Application, Sheet, Store, UnitOfWork
from registry.programme import Catalogue, FunctionCode, PaperKey, Programme
from registry.workflows.examination.mark_session import AttendanceDiffers


class CertificateReserved(Conflict):
    """A certificate on the score is on its way to the chain: what it is made of may not change now."""

    code = "exam/certificate-reserved"

    def __init__(self, admission: str) -> None:
        self.admission = admission
        super().__init__(f"a certificate of candidate {admission} is on its way, made of this score")


class CorrectionConfirmed(Conflict):
    """The correction was confirmed before."""

    code = "exam/correction-confirmed"

    def __init__(self, correction: str) -> None:
        self.correction = correction
        super().__init__(f"correction {correction} was confirmed before")


class CorrectionSuperseded(Conflict):
    """A newer correction of the same score was entered."""

    code = "exam/correction-superseded"

    def __init__(self, correction: str, newer: str) -> None:
        self.correction, self.newer = correction, newer
        super().__init__(f"correction {correction} was followed by {newer}, which counts in its place")


class NoScoreOnLists(RuleRefusal):
    """The sheet is a confirmed list of a programme without papers: somebody is on it or not, and has no score."""

    code = "exam/no-score-on-lists"

    def __init__(self, sheet: str) -> None:
        self.sheet = sheet
        super().__init__(f"sheet {sheet} is a list without scores: one is on it or taken off it")


def correct_score(
    store: Store,
    clock: Clock,
    catalogue: Catalogue,
    sheet_id: str,
    admission: str,
    *,
    paper: str,
    score_hundredths: int | None,
    reason: str,
    person: str,
    function: str | None = None,
    listed_again: bool = False,
) -> ScoreCorrection:
    """Enter a correction; `function` where the paper is scored by function, and the score is then that function's.

    None = absent; of LISTED: taken off the list, or with `listed_again` put back on it. Raises NotHere, SheetNotOpen,
    MarkUnknown, MarksIncomplete, FunctionsDiffer, ReasonMissing, CertificateReserved, AttendanceDiffers,
    NoScoreOnLists.
    """
    now = clock.now()
    by, why = require_named(person, "a correction"), require_reason(reason)
    with store.write() as unit:
        require_open(unit.marks.sheet(sheet_id))
        if not any(one.admission == admission and one.paper == paper for one in unit.marks.marks(sheet_id)):
            raise MarkUnknown("candidate or paper")
        _require_settled(unit, admission, now)
        if score_hundredths is not None:
            _require_came(unit, sheet_id, admission, paper)
        application = unit.enrolments.application(admission)
        programme = catalogue.by_digest(unit.enrolments.roster(application.roster).programme_digest)
        score = score_hundredths
        if paper == LISTED:
            if score is not None or function is not None:
                raise NoScoreOnLists(sheet_id)
            score = None if listed_again else TAKEN_OFF
        elif function is not None or _is_by_function(unit, sheet_id, admission, paper):
            score = _computed(unit, programme, application, sheet_id, paper, function, score_hundredths)
        else:
            _require_in_scale(programme, application.level, paper, score)
        correction = ScoreCorrection(
            id=unit.next_name("K", now),
            sheet=sheet_id,
            admission=admission,
            paper=paper,
            hundredths=score,
            function=function,
            function_hundredths=None if function is None else score_hundredths,
            reason=why,
            entered_by=by,
            entered_at=now,
        )
        unit.corrections.add(correction)
        unit.journal.write(at=now, person=by, action="exam.correct", subject=sheet_id, correction=correction.id)
    return correction


def confirm_correction(store: Store, clock: Clock, correction_id: str, *, person: str) -> ScoreCorrection:
    """Let a correction count, as the second person.

    Raises NotHere, FourEyes, PersonUnnamed, CorrectionConfirmed, CorrectionSuperseded, CertificateReserved,
    AttendanceDiffers.
    """
    with store.write() as unit:
        correction = unit.corrections.correction(correction_id)
        require_second_person(correction.entered_by, person, "confirming a correction")
        if correction.confirmed_by is not None:
            raise CorrectionConfirmed(correction_id)
        newest = _of_score(unit, correction.sheet, correction.admission, correction.paper)[-1]
        if newest.id != correction_id:
            raise CorrectionSuperseded(correction_id, newest.id)
        now = clock.now()
        _require_settled(unit, correction.admission, now)
        if correction.hundredths is not None:
            _require_came(unit, correction.sheet, correction.admission, correction.paper)
        unit.corrections.confirm(correction_id, person.strip(), now)
        unit.journal.write(
            at=now, person=person, action="exam.confirm-correction", subject=correction.sheet, correction=correction_id
        )
        return unit.corrections.correction(correction_id)


def require_open(sheet: Sheet) -> None:
    """Let only a confirmed sheet be corrected. Raises SheetNotOpen."""
    if sheet.returned is not None:
        raise SheetNotOpen(SheetState.RETURNED)
    if sheet.confirmed_by is None:
        raise SheetNotOpen(SheetState.ENTERED)


def _require_came(unit: UnitOfWork, sheet_id: str, admission: str, paper: str) -> None:
    """Let nobody have a score who was not let in to the paper: who came was settled when the session was closed."""
    session = unit.corrections.session_of(sheet_id)
    came = () if session is None else unit.exam_sessions.attendance(session, admission)
    if any(one.paper == paper and not one.admitted for one in came):
        raise AttendanceDiffers([admission])


def _require_settled(unit: UnitOfWork, admission: str, now: datetime) -> None:
    # Not in the second either in which the batch was proposed: what is confirmed by its end counts for that batch.
    if not unit.batches.reserved([admission]):
        return
    made_of_it = [
        one.batch
        for one in unit.batches.of_person(unit.enrolments.application(admission).person)
        if one.reservation.admission == admission and one.batch.state is not AnchorState.CANCELLED
    ]
    settled = (
        batch.state is AnchorState.FINAL and now >= batch.proposed_at.replace(microsecond=0) + timedelta(seconds=1)
        for batch in made_of_it
    )
    if not made_of_it or not all(settled):
        raise CertificateReserved(admission)


def _require_in_scale(programme: Programme, level: str, paper: str, score: int | None) -> None:
    full = next((one.marking.full_hundredths for one in programme.papers_of(level) if one.key == paper), 0)
    if score is not None and not 0 <= score <= full:
        raise MarksIncomplete(level, (paper,))


def _of_score(unit: UnitOfWork, sheet_id: str, admission: str, paper: str) -> list[ScoreCorrection]:
    every = unit.corrections.corrections(sheet_id=sheet_id, admission=admission)
    return [one for one in every if one.paper == paper]


def _is_by_function(unit: UnitOfWork, sheet_id: str, admission: str, paper: str) -> bool:
    return any(one.paper == paper for one in unit.corrections.function_marks(sheet_id, admission))


def _computed(
    unit: UnitOfWork,
    programme: Programme,
    application: Application,
    sheet_id: str,
    paper: str,
    function: str | None,
    score: int | None,
) -> int | None:
    """Compute the paper's score anew from its functions, one of which is set right."""
    entered = unit.corrections.function_marks(sheet_id, application.admission)
    scores = {one.function: one.hundredths for one in entered if one.paper == paper}
    if function is None or function not in scores:
        raise MarkUnknown("function of that paper")
    for one in _of_score(unit, sheet_id, application.admission, paper):
        if one.confirmed_by is not None and one.function is not None:
            scores[one.function] = one.function_hundredths
    scores[function] = score
    key = PaperKey(paper)
    return mark_of_functions(
        programme,
        application.level,
        application.candidate.direction,
        key,
        [FunctionScore(paper=key, function=FunctionCode(code), score_hundredths=one) for code, one in scores.items()],
    ).score_hundredths
