"""`vermilion exam`: marks entered by one person, confirmed by another."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.enrol import ProgrammeOption, chosen, print_problems, problem_document
from api.commands.options import HomeOption, JsonOption, PersonOption, person, read_file
from api.terminal import OUT, note, print_json, print_table, said
from api.wiring import Home
from registry.assessment import Mark as PaperMark
from registry.assessment import ScoresRefused, assess, format_score
from registry.kernel.calendar import CHINA_TIME
from registry.ports.storage import Sheet
from registry.programme import PaperKey
from registry.workflows.assess import check_scores, confirm_sheet, record_scores

app = typer.Typer(no_args_is_help=True, help="Marks and results.")
_MOST_BYTES = 64 * 1024 * 1024


@app.command(epilog="Example: vermilion exam record scores.csv --examined-on 2026-11-08 --as clerk-1")
def record(
    file: Annotated[Path, typer.Argument(help="Score sheet as CSV: admission number, paper, score.")],
    examined_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the examination; today unless named.")
    ] = None,
    programme: ProgrammeOption = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a score sheet. One bad row refuses it; the same file again changes nothing."""
    found = Home.find(home)
    data, of = read_file(file, most=_MOST_BYTES), chosen(found, programme)
    day = (examined_on or found.clock.now().astimezone(CHINA_TIME)).date()
    try:
        recorded = record_scores(found.store, found.clock, of, data, examined_on=day, person=person(by))
    except ScoresRefused:
        reading = check_scores(found.store, of, data)
        if as_json:
            print_json({"problems": [problem_document(one) for one in reading.problems]})
        else:
            print_problems(reading.problems)
        raise
    sheet = recorded.sheet
    missing = len(recorded.reading.missing) if recorded.reading else 0
    if as_json:
        print_json({**_sheet(sheet), "repeated": recorded.reading is None, "missing": missing})
        return
    if recorded.reading is None:
        OUT.print(said(f"这份成绩单已经录入过：{sheet.id}", f"this sheet was entered before: {sheet.id}"))
    else:
        OUT.print(said(f"成绩单{sheet.id}：{sheet.rows}人", f"score sheet {sheet.id}: {sheet.rows} candidates"))
        if missing:
            note(said(f"另有{missing}人还没有成绩", f"{missing} eligible candidates have no marks yet"))
    if sheet.confirmed_by is None:
        note(
            said(
                f"须由另一人核对：vermilion exam confirm {sheet.id} --as 另一人",
                f"a second person must confirm it: vermilion exam confirm {sheet.id} --as SOMEBODY-ELSE",
            )
        )


@app.command(epilog="Example: vermilion exam confirm S-2026-11-0001 --as clerk-2")
def confirm(
    sheet: Annotated[str, typer.Argument(help="Score sheet.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm a score sheet as the second person."""
    found = Home.find(home)
    confirmed = confirm_sheet(found.store, found.clock, sheet, person=person(by))
    if as_json:
        print_json(_sheet(confirmed))
        return
    OUT.print(
        said(
            f"成绩单{sheet}：{confirmed.entered_by}录入，{confirmed.confirmed_by}核对",
            f"score sheet {sheet}: entered by {confirmed.entered_by}, confirmed by {confirmed.confirmed_by}",
        )
    )
    note(said("下一步：vermilion batch propose", "next: vermilion batch propose"))


@app.command(epilog="Example: vermilion exam results S-2026-11-0001")
def results(
    sheet: Annotated[str, typer.Argument(help="Score sheet.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List the results of a sheet, with the reason for each fail; names are not shown."""
    found = Home.find(home)
    rows: list[dict[str, Any]] = []
    with found.store.read() as unit:
        unit.marks.sheet(sheet)
        versions = {one.id: found.catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()}
        of_admission: dict[str, list[PaperMark]] = {}
        for mark in unit.marks.marks(sheet):
            of_admission.setdefault(mark.admission, []).append(
                PaperMark(paper=PaperKey(mark.paper), score_hundredths=mark.hundredths)
            )
        for admission, marks in of_admission.items():
            application = unit.enrolments.application(admission)
            result = assess(versions[application.roster], application.level, marks)
            rows.append(
                {
                    "admission": admission,
                    "level": application.level,
                    "passed": result.passed,
                    "grade": result.grade.code if result.grade else None,
                    "papers": {
                        mark.paper: None if mark.score_hundredths is None else format_score(mark.score_hundredths)
                        for mark in marks
                    },
                    "failures": [{"zh": one.zh, "en": one.en} for one in result.failures],
                }
            )
    if as_json:
        print_json(rows)
        return
    print_table(
        [said("准考证号", "admission"), said("级别", "level"), said("结果", "result"), said("说明", "why")],
        [
            [
                row["admission"],
                row["level"],
                said("合格", "passed") if row["passed"] else said("不合格", "failed"),
                "; ".join(said(one["zh"], one["en"]) for one in row["failures"]) or (row["grade"] or ""),
            ]
            for row in rows
        ],
    )


def _sheet(sheet: Sheet) -> dict[str, Any]:
    return {
        "sheet": sheet.id,
        "rows": sheet.rows,
        "examined_on": sheet.examined_on.isoformat(),
        "entered_by": sheet.entered_by,
        "confirmed_by": sheet.confirmed_by,
    }
