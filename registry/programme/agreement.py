"""What the keys of one programme file must say about each other; asked only of a file whose keys are each good."""

import string
from collections import Counter
from collections.abc import Iterable, Iterator

from registry.programme.conditions import (
    CompletedTraining,
    EligibilityRule,
    HasHoursCertificate,
    HoldsLevel,
    Judged,
)
from registry.programme.examination import Paper
from registry.programme.keys import KeyFault
from registry.programme.model import CertificateField, CertificateType, Level, Programme
from registry.programme.terms import Bilingual, StatedBy

WHOLE = 100
"""What the weights of a column sum to, in percent."""


def disagreements(programme: Programme) -> list[KeyFault]:
    """Find everything in a programme that contradicts something else in it."""
    return [
        *_levels(programme),
        *_rules(programme),
        *_choices(programme),
        *_training(programme),
        *_papers(programme),
        *_grades(programme),
        *_weights(programme),
        *_staff(programme),
        *_certificate(programme),
        *_notes(programme),
    ]


def _repeats(keys: Iterable[tuple[str, str]]) -> Iterator[KeyFault]:
    """Report each (key, word) whose word has been seen before."""
    seen: set[str] = set()
    for key, word in keys:
        if word in seen:
            yield KeyFault(key=key, reason=f"{word} stands twice")
        seen.add(word)


def _levels(programme: Programme) -> Iterator[KeyFault]:
    levels = programme.levels
    yield from _repeats((f"level[{index}].code", level.code) for index, level in enumerate(levels))
    yield from _repeats((f"level[{index}].name.zh", level.name.zh) for index, level in enumerate(levels))
    if len(levels) > 1 and programme.level("-") is not None:
        yield KeyFault(key="level", reason="expected one level alone where its code is - (no levels)")
    if programme.certificate_type is CertificateType.COMPETITION_AWARD and programme.level("-") is None:
        yield KeyFault(key="level", reason="expected the one level - : an award has no levels")


def _rules(programme: Programme) -> Iterator[KeyFault]:
    codes = [level.code for level in programme.levels]
    names: dict[str, Bilingual] = {}
    every = list(_every_rule(programme))
    yield from _repeats((f"{key}.id", f"{rule.id}") for key, _, rule in every if not key.startswith("requirement"))
    for key, level, rule in every:
        if not key.startswith("requirement") and rule.id.rstrip(string.ascii_lowercase) != level.code:
            yield KeyFault(key=f"{key}.id", reason=f"expected the level's code {level.code} and a letter")
        for index, condition in enumerate(rule.conditions):
            place = f"{key}.conditions[{index}]"
            match condition:
                case HoldsLevel(level=held) if held not in codes:
                    yield KeyFault(key=f"{place}.level", reason="no such level in this file")
                case HoldsLevel(level=held) if codes.index(held) >= codes.index(level.code):
                    yield KeyFault(key=f"{place}.level", reason="expected a lower level")
                case HasHoursCertificate() | CompletedTraining() if level.training_hours is None:
                    yield KeyFault(key=place, reason=f"level {level.code} has no training_hours")
                case Judged(subject=subject, name=name) if names.setdefault(subject, name) != name:
                    yield KeyFault(key=f"{place}.name", reason=f"{subject} has another name elsewhere in this file")
                case _:
                    pass
    for level in programme.levels:
        yield from _repeats(("requirement", f"{rule.id} at level {level.code}") for rule in level.requirements)


def _every_rule(programme: Programme) -> Iterator[tuple[str, Level, EligibilityRule]]:
    for position, level in enumerate(programme.levels):
        for index, rule in enumerate(level.rules):
            yield f"level[{position}].rule[{index}]", level, rule
        for rule in level.requirements:
            yield f"requirement {rule.id}", level, rule


def _choices(programme: Programme) -> Iterator[KeyFault]:
    """Directions and sectors: each findable by code and by name, and a choice is one of several."""
    for table, things in (("direction", programme.directions), ("sector", programme.sectors)):
        for part, words in (
            ("code", [one.code for one in things]),
            ("name.zh", [one.name.zh for one in things]),
            ("name.en", [one.name.en for one in things]),
        ):
            yield from _repeats((f"{table}[{index}].{part}", word) for index, word in enumerate(words))
    for level in programme.levels:
        if len(programme.directions_of(level.code)) == 1:
            yield KeyFault(key="direction", reason=f"one direction at level {level.code} is no choice")


def _training(programme: Programme) -> Iterator[KeyFault]:
    for level in programme.levels:
        units = programme.units_of(level.code)
        total = sum(unit.hours for unit in units)
        if units and total != level.training_hours:
            yield KeyFault(
                key="unit", reason=f"the units of level {level.code} sum to {total}, not to its training_hours"
            )
    for index, rule in enumerate(programme.teachers):
        if programme.level(rule.holds_level) is None:
            yield KeyFault(key=f"teacher[{index}].holds_level", reason="no such level in this file")
    yield from _repeats(
        (f"teacher[{index}].levels", f"level {level}")
        for index, rule in enumerate(programme.teachers)
        for level in rule.levels
    )
    of_hours = programme.certificate_type is CertificateType.TRAINING_HOURS
    if of_hours != (programme.hours_of is not None):
        yield KeyFault(key="hours_of", reason="expected with the certificate_type training-hours and only there")
    elif programme.hours_of is not None and programme.code != f"{programme.hours_of}-HOURS":
        yield KeyFault(key="code", reason=f"expected {programme.hours_of}-HOURS")


def _papers(programme: Programme) -> Iterator[KeyFault]:
    papers = programme.papers
    yield from _repeats(
        (f"paper[{index}].{part}", f"{word} at level {level}")
        for index, paper in enumerate(papers)
        for part, word in (("key", paper.key), ("name.zh", paper.name.zh), ("name.en", paper.name.en))
        for level in paper.levels
    )
    examined = programme.certificate_type not in {CertificateType.COMPETITION_AWARD, CertificateType.TRAINING_HOURS}
    for level in programme.levels:
        if examined and not programme.papers_of(level.code):
            yield KeyFault(key="paper", reason=f"no paper for level {level.code}")
    if papers and not examined:
        yield KeyFault(key="paper", reason="expected none: an award and a certificate of hours examine nothing")
    own = [(f"paper[{index}].marking", paper.marking) for index, paper in enumerate(papers)]
    whole = [("marking", programme.marking)] if programme.marking is not None else []
    for key, marking in (*whole, *((key, marking) for key, marking in own if marking is not programme.marking)):
        if not 0 < marking.pass_hundredths <= marking.full_hundredths:
            yield KeyFault(key=f"{key}.pass", reason="expected more than 0 and at most the full mark")
    retake = programme.retake
    if retake is not None and retake.papers_at_most > len({paper.key for paper in papers}):
        yield KeyFault(key="retake.papers_at_most", reason="expected no more than there are papers")


def _grades(programme: Programme) -> Iterator[KeyFault]:
    bands = programme.grades
    yield from _repeats((f"grade[{index}].code", band.code) for index, band in enumerate(bands))
    if not bands:
        return
    for level in programme.levels:
        if len(programme.papers_of(level.code)) != 1:
            # the source places one score into the bands; over several papers nobody has said which score that is
            yield KeyFault(key="grade", reason=f"grades need exactly one paper, level {level.code} has others")
    bounds = [band.from_hundredths for band in bands]
    full = min(paper.marking.full_hundredths for paper in programme.papers)
    if bounds != sorted(set(bounds), reverse=True) or bounds[0] > full or bounds[-1]:
        yield KeyFault(key="grade", reason="expected lower bounds that fall from the full mark or less to 0")
    if not {paper.marking.pass_hundredths for paper in programme.papers} <= set(bounds):
        yield KeyFault(key="grade", reason="expected a grade that begins at the pass mark")


def _weights(programme: Programme) -> Iterator[KeyFault]:
    functions = [one.code for one in programme.functions]
    yield from _repeats((f"function[{index}].code", code) for index, code in enumerate(functions))
    used: set[str] = set()
    for column in programme.weights:
        key = f"weights of {column.paper} at {column.level}" + (f", {column.direction}" if column.direction else "")
        used.update(code for code, _ in column.percent)
        if column.paper not in {paper.key for paper in programme.papers_of(column.level)}:
            yield KeyFault(key=key, reason="no such paper at that level")
        for code, _ in column.percent:
            if code not in functions:
                yield KeyFault(key=key, reason=f"no function {code} in this file")
        total = sum(percent for _, percent in column.percent)
        if total != WHOLE:
            yield KeyFault(key=key, reason=f"sums to {total}, not to {WHOLE}")
    for code in functions:
        if code not in used:
            yield KeyFault(key="function", reason=f"no paper is weighted by {code}")
    for weighted in dict.fromkeys(column.paper for column in programme.weights):
        papers = [paper for paper in programme.papers if paper.key == weighted]
        if papers:
            yield from _columns(programme, papers)
    if bool(programme.weights) != (programme.rounding is not None):
        yield KeyFault(key="rounding", reason="expected with weights and only there")


def _columns(programme: Programme, papers: list[Paper]) -> Iterator[KeyFault]:
    """Find what a weighted paper lacks: each level and direction has exactly one column."""
    found = Counter((column.level, column.direction) for column in programme.weights if column.paper == papers[0].key)
    expected: set[tuple[str, str | None]] = set()
    for level in (code for paper in papers for code in paper.levels):
        if found[level, None]:
            expected.add((level, None))
        else:
            directions = programme.directions_of(level)
            expected |= {(level, one.code) for one in directions} or {(level, None)}
    if found.keys() != expected or max(found.values()) > 1:
        yield KeyFault(
            key=f"weights of {papers[0].key}",
            reason="expected one column for each level, or for each of its directions",
        )


def _staff(programme: Programme) -> Iterator[KeyFault]:
    papers = {paper.key for paper in programme.papers}
    for index, staff in enumerate(programme.staffing):
        if not staff.papers or not set(staff.papers) <= papers:
            yield KeyFault(key=f"staffing[{index}].papers", reason="expected papers of this file")
    yield from _repeats(
        (f"staffing[{index}].role", f"{staff.role} of {paper}")
        for index, staff in enumerate(programme.staffing)
        for paper in staff.papers
    )


def _certificate(programme: Programme) -> Iterator[KeyFault]:
    form, rules = programme.form, programme.certificate
    if form is not None and set(form.required) & set(form.optional):
        yield KeyFault(key="form.optional", reason="expected only what is not required")
    if rules is None:
        return
    for field, present in (
        (CertificateField.REGISTRATION_NUMBER, rules.registration_number is not None),
        (CertificateField.STATEMENT, rules.statement is not None),
    ):
        if (field in rules.fields) != present:
            yield KeyFault(key="certificate.fields", reason=f"expected {field} with its text and only then")
    if set(rules.fields) & set(rules.own_additions):
        yield KeyFault(key="certificate.own_additions", reason="expected only what the source does not name")


def _notes(programme: Programme) -> Iterator[KeyFault]:
    for name, notes in (
        ("silence", programme.silences),
        ("conflict", programme.conflicts),
        ("note", programme.notes),
    ):
        yield from _repeats((f"{name}[{index}].subject", note.subject) for index, note in enumerate(notes))
    silent = {note.subject for note in programme.silences}
    for subject, missing in _left_out(programme):
        # a figure that is left out, or not the source's, is never passed over in silence
        if missing and subject not in silent:
            yield KeyFault(key="silence", reason=f"expected an entry with subject {subject}")


def _left_out(programme: Programme) -> Iterator[tuple[str, bool]]:
    """Name what must stand among the silences, and whether it must."""
    ours = StatedBy.ISSUING_BODY
    papers, session = programme.papers, programme.session
    yield "validity", programme.validity.stated_by is ours
    yield "standard", programme.standard is None
    yield "eligibility", any(rule.stated_by is ours for _, _, rule in _every_rule(programme))
    if programme.certificate_type is CertificateType.COMPETITION_AWARD:
        return
    yield "training-hours", any(level.training_hours is None for level in programme.levels)
    yield "papers", any(paper.stated_by is ours for paper in papers)
    yield "marking", any(paper.marking.stated_by is ours for paper in papers)
    yield "minutes", any(paper.minutes is None for paper in papers)
    yield "rounding", programme.rounding is not None and programme.rounding.stated_by is ours
    if papers:
        yield "retake", programme.retake is None or programme.retake.stated_by is ours
        yield "publication", session is None or session.publication_working_days is None
        yield "staffing", not programme.staffing
