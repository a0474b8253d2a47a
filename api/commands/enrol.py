"""`vermilion enrol`: rosters in, decisions with reasons out."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from api.commands import admission, judging
from api.commands.failures import error_document, print_error
from api.commands.options import HomeOption, JsonOption, PersonOption, note_later_left_out, person, read_file
from api.commands.photographs import photos
from api.errors import exit_code
from api.settings import HomeMissing
from api.terminal import ERR, OUT, counted, next_command, note, print_json, print_table, progress, said
from api.wiring import Home
from registry.enrolment import RosterReading, RosterUnreadable, RowProblem, RowsRefused, blank_roster
from registry.enrolment.roster_cells import word
from registry.enrolment.workbook import as_text
from registry.kernel.errors import MalformedInput, RegistryError
from registry.ports.storage import Application, NotHere
from registry.programme import Level, Programme, load_catalogue
from registry.workflows.enrolment.enrol import check_roster, decide_applications, import_roster

app = typer.Typer(no_args_is_help=True, help="Rosters, candidates, eligibility.")
app.command(epilog="Example: vermilion enrol photos 照片.zip --roster R-2026-11-001 --as clerk-1")(photos)
app.command(epilog="Example: vermilion enrol step first-review-passed --roster R-2026-11-0001 --as reviewer-1")(
    admission.step
)
app.command(epilog="Example: vermilion enrol steps 26110001000007")(admission.steps)
app.command("to-judge", epilog="Example: vermilion enrol to-judge")(judging.to_judge)
app.command(epilog="Example: vermilion enrol judge 26110001000007 related-major --reason 专业相关 --as reviewer-1")(
    judging.judge
)
app.command("confirm-judgement", epilog="Example: vermilion enrol confirm-judgement J-2026-11-0001 --as reviewer-2")(
    judging.confirm
)
app.command(epilog="Example: vermilion enrol override 26110001000007 --reason 名册漏填学历 --as reviewer-1")(
    judging.override
)

_MOST_BYTES = 256 * 1024 * 1024
FileArgument = Annotated[Path, typer.Argument(help="Roster as CSV (UTF-8 or GBK) or XLSX.")]
_SAID_AT_MOST: Final = 40
ProgrammeOption = Annotated[
    str | None, typer.Option("--programme", help="Programme code; needed where more than one is issued.")
]


class ProgrammeUnnamed(MalformedInput):
    """Several programmes are issued here, and nothing says which is meant."""

    code = "programme/unnamed"

    def __init__(self, programmes: Sequence[str]) -> None:
        self.programmes = tuple(programmes)
        super().__init__(f"expected --programme, one of {', '.join(self.programmes) or 'those of the catalogue'}")


class LevelUnknown(MalformedInput):
    """A programme has no level of that name."""

    code = "programme/level-unknown"

    def __init__(self, named: str, levels: Sequence[str]) -> None:
        self.named, self.levels = named, tuple(levels)
        super().__init__(f"expected a level, one of {', '.join(self.levels)}; got {named[:_SAID_AT_MOST]!r}")


@app.command(epilog="Example: vermilion enrol check 2026-11-名单.csv")
def check(
    file: FileArgument, programme: ProgrammeOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Find everything wrong with a roster; stores nothing. Exit 1 where a row cannot be taken."""
    found = Home.find(home)
    reading = check_roster(
        found.store, found.clock, chosen(found, programme), as_text(read_file(file, most=_MOST_BYTES))
    )
    if as_json:
        print_json(reading_document(reading))
    else:
        _print_reading(file, reading)
        if not reading.problems:
            OUT.print(said(f"{reading.rows}行都可以导入", f"{counted(reading.rows, 'row')}: all can be taken"))
    if reading.problems:
        raise typer.Exit(1)


@app.command("import", epilog="Example: vermilion enrol import 2026-11-名单.csv --as clerk-1")
def import_(
    file: FileArgument,
    programme: ProgrammeOption = None,
    accept_good_rows: Annotated[
        bool, typer.Option("--accept-good-rows", help="Take the good rows and leave the bad ones out.")
    ] = False,
    unit: Annotated[
        str | None, typer.Option("--unit", help="Code of the applying unit that registers these people.")
    ] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a roster. One bad row refuses the whole file, unless --accept-good-rows."""
    found = Home.find(home)
    data = as_text(read_file(file, most=_MOST_BYTES))
    of = chosen(found, programme)
    try:
        with progress(said("导入名册", "importing")) as update:
            imported = import_roster(
                found.store,
                found.clock,
                of,
                data,
                person=person(by),
                good_rows_only=accept_good_rows,
                by_unit=unit,
                progress=update,
            )
    except (RowsRefused, RosterUnreadable) as refused:
        reading = check_roster(found.store, found.clock, of, data)
        if not as_json:
            _print_reading(file, reading)
            raise
        print_json({**reading_document(reading), "error": error_document(refused)})
        print_error(refused)
        raise typer.Exit(exit_code(refused)) from refused
    roster, reading = imported.roster, imported.reading
    if as_json:
        print_json(
            {"roster": roster.id, "rows": roster.rows, "repeated": imported.repeated, **reading_document(reading)}
        )
        return
    if reading.problems:
        _print_reading(file, reading)
    if imported.repeated:
        candidates = counted(roster.rows, "candidate")
        OUT.print(
            said(
                f"这份名册已经导入过：{roster.id}，{roster.rows}人；没有重复导入",
                f"this roster was taken before: {roster.id}, {candidates}; nothing was stored twice",
            )
        )
    else:
        taken = counted(roster.rows, "candidate")
        OUT.print(said(f"名册{roster.id}：导入{roster.rows}人", f"roster {roster.id}: {taken} taken"))
    if unit is None:
        next_command(f"vermilion enrol decide --as {person(by)}")
    else:  # nobody is decided on before another person has reviewed what the unit handed in
        next_command(f"vermilion enrol step first-review-passed --roster {roster.id} --as SOMEBODY-ELSE")


@app.command(epilog="Example: vermilion enrol decide --as clerk-1")
def decide(
    roster: Annotated[str | None, typer.Option("--roster", help="Only this roster.")] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide who may sit, by the programme's rules, with the reason for each."""
    found = Home.find(home)
    _require_roster(found, roster)
    with progress(said("审核资格", "deciding")) as update:
        decided = decide_applications(
            found.store,
            found.clock,
            found.catalogue,
            found.issuer,
            person=person(by),
            roster=roster,
            progress=update,
        )
    if as_json:
        print_json({"eligible": decided.eligible, "refused": decided.refused, "toJudge": decided.to_judge})
        return
    OUT.print(
        said(
            f"符合条件{decided.eligible}人，不符合{decided.refused}人",
            f"{decided.eligible} eligible, {decided.refused} refused",
        )
    )
    if decided.to_judge:
        OUT.print(
            said(
                f"{decided.to_judge}人待人工认定，没有下结论",
                f"{decided.to_judge} not decided: a person has to judge something first",
            )
        )
        note(said("待认定的事项：vermilion enrol to-judge", "what to judge: vermilion enrol to-judge"))
    if decided.refused:
        note(said("名单：vermilion enrol list --refused", "see why: vermilion enrol list --refused"))
    if decided.eligible:
        next_command(f"vermilion exam template{naming(found.installation.programmes)} --output scores.csv")


@app.command(epilog="Example: vermilion enrol template --programme SMART-MFG > roster.csv")
def template(programme: ProgrammeOption = None, home: HomeOption = None) -> None:
    """Write the heading of an empty roster: the columns that the programme asks for, a star on those required."""
    try:
        of = chosen(Home.find(home), programme)
    except HomeMissing:
        if programme is None:
            raise
        of = load_catalogue().programme(programme)
    sys.stdout.write(f"\ufeff{blank_roster(of)}")


@app.command("list", epilog="Example: vermilion enrol list --refused")
def list_applications(
    roster: Annotated[str | None, typer.Option("--roster", help="Only this roster.")] = None,
    level: Annotated[str | None, typer.Option("--level", help="Only this level, by code or name.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only those refused, with reasons.")] = False,
    limit: Annotated[int, typer.Option("--limit", help="Most rows to print; 0 = all.", min=0)] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List applications with admission number, roster, line and decision; names are not shown."""
    found = Home.find(home)
    _require_roster(found, roster)
    level = _required_level(found, level)
    with found.store.read() as unit:
        applications = list(
            unit.enrolments.applications(
                roster=roster, level=level, eligible=False if refused else None, most=limit + 1 if limit else None
            )
        )
        more = 0 < limit < len(applications)
        listed = applications[:limit] if limit else applications
        rows = [(one, unit.enrolments.findings(one.admission) if refused else []) for one in listed]
    words = {None: said("未审核", "undecided"), True: said("符合", "eligible"), False: said("不符合", "refused")}
    if as_json:
        print_json(
            [
                {
                    "admission": one.admission,
                    "roster": one.roster,
                    "line": one.line,
                    "level": one.level,
                    "eligible": one.eligible,
                    "overridden": one.overridden,
                    "rule": one.rule,
                    "findings": findings,
                }
                for one, findings in rows
            ]
        )
        note_later_left_out(more=more)
        return
    if not rows:
        OUT.print(said("没有符合条件的报名", "no such applications"))
        return
    print_table(
        [
            said("准考证号", "admission"),
            said("名册", "roster"),
            said("行", "line"),
            said("级别", "level"),
            said("结论", "decision"),
            said("规则", "rule"),
        ],
        [
            [one.admission, one.roster, str(one.line), one.level, words[one.eligible], _by(one) or _why(findings)]
            for one, findings in rows
        ],
    )
    note_later_left_out(more=more)


def _require_roster(home: Home, roster: str | None) -> None:
    if roster is None:
        return
    with home.store.read() as unit:
        if roster not in {one.id for one in unit.enrolments.rosters()}:
            raise NotHere("roster", roster)


def _required_level(home: Home, level: str | None) -> str | None:
    if level is None:
        return None
    with home.store.read() as unit:
        known = [home.catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()]
    known += [version for code in home.installation.programmes for version in home.catalogue.versions(code)]
    return required_level(level, known)


def required_level(text: str, programmes: Iterable[Programme]) -> str:
    """Give the code of the level that a text names. Raises LevelUnknown, with all that it may mean."""
    levels = [one for programme in programmes for one in programme.levels]
    meant = _meant(text, levels)
    if len(meant) != 1:
        raise LevelUnknown(text, sorted(meant or {one.code for one in levels}))
    return meant.pop()


def level_code(text: str, programmes: Iterable[Programme]) -> str:
    """Give the code of the level that a text names; the text itself where it names none, or several."""
    meant = _meant(text, [one for programme in programmes for one in programme.levels])
    return meant.pop() if len(meant) == 1 else text


def _meant(text: str, levels: Sequence[Level]) -> set[str]:
    """Find the codes of the levels that a text names: by code, or as people write them on rosters."""
    by_code: set[str] = {one.code for one in levels if one.code == text}
    return by_code or {one.code for one in levels if word(text) in map(word, one.spellings)}


def _by(one: Application) -> str:
    """Say by what somebody is admitted: a rule, or two people against the rules."""
    return said("人工特批", "override") if one.overridden else one.rule or ""


def _why(findings: Sequence[dict[str, Any]]) -> str:
    return said("；", "; ").join(
        said(f"{one['rule']}：{one['zh']}", f"{one['rule']}: {one['en']}") for one in findings if not one["held"]
    )


def chosen(home: Home, named: str | None) -> Any:
    """Choose the programme: the named one, or the only one that is issued here. Raises ProgrammeUnnamed, -Unknown."""
    codes = home.installation.programmes
    if named is None and len(codes) != 1:
        raise ProgrammeUnnamed(codes)
    return home.catalogue.programme(named or codes[0])


def naming(issued: Sequence[str], programme: str = "PROGRAMME") -> str:
    """Give the option that names a programme, with a blank before it; nothing where only one is issued."""
    return "" if len(issued) == 1 else f" --programme {programme}"


def _print_reading(file: Path, reading: RosterReading) -> None:
    encoding = reading.encoding or said("编码不明", "no known encoding")
    ERR.print(
        said(
            f"{file.name}：{encoding}，{reading.rows}行，{len(reading.columns)}列",
            f"{file.name}: {encoding}, {counted(reading.rows, 'row')}, {counted(len(reading.columns), 'column')}",
        )
    )
    if reading.problems:
        print_problems(reading.problems)
    if reading.notices:
        note(said("请留意（不影响导入）：", "worth a look (refuses nothing):"))
        print_problems(reading.notices)


def refuse_rows(problems: Sequence[RowProblem], refused: RegistryError, *, as_json: bool) -> NoReturn:
    """Tell a refused file's problems, as one document with the error where `as_json`, and end as the error does."""
    if not as_json:
        print_problems(problems)
        raise refused
    print_json({"problems": [problem_document(one) for one in problems], "error": error_document(refused)})
    print_error(refused)
    raise typer.Exit(exit_code(refused)) from refused


def print_problems(problems: Sequence[RowProblem]) -> None:
    """Print every problem with its place, its reason, its remedy and its code."""
    print_table(
        [said("行", "line"), said("列", "column"), said("问题", "problem"), said("怎么办", "what to do"), "code"],
        [
            [
                str(one.line) if one.line else "–",
                one.column or "–",
                said(one.reason.zh, one.reason.en),
                said(one.remedy.zh, one.remedy.en),
                one.code,
            ]
            for one in problems
        ],
        console=ERR,
    )


def reading_document(reading: RosterReading) -> dict[str, Any]:
    """Write a reading as plain values."""
    return {
        "encoding": reading.encoding,
        "rows": reading.rows,
        "good": len(reading.candidates),
        "columns": list(reading.columns),
        "problems": [problem_document(one) for one in reading.problems],
        "notices": [problem_document(one) for one in reading.notices],
    }


def problem_document(one: RowProblem) -> dict[str, Any]:
    """Write a problem as plain values; it never holds what a cell says."""
    return {
        "line": one.line,
        "column": one.column,
        "code": one.code,
        "reason": {"zh": one.reason.zh, "en": one.reason.en},
        "remedy": {"zh": one.remedy.zh, "en": one.remedy.en},
    }
