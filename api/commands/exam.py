"""`vermilion exam`: marks entered by one person, confirmed by another."""

import shlex
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands import exam_marks, exam_session
from api.commands.enrol import ProgrammeOption, chosen, naming, print_problems, refuse_rows
from api.commands.options import (
    HomeOption,
    JsonOption,
    LatestOption,
    PersonOption,
    note_earlier_left_out,
    person,
    read_file,
    write_new_file,
)
from api.terminal import OUT, counted, next_command, note, print_json, print_table, said
from api.wiring import Home
from registry.assessment import ScoresRefused, format_score
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import Conflict
from registry.ports.storage import Mark, Sheet
from registry.workflows.examination.assess import blank_sheet, check_scores, confirm_sheet, record_scores, return_sheet
from registry.workflows.examination.exam_records import result_on_sheet

app = typer.Typer(no_args_is_help=True, help="Sessions, marks and results.")
app.add_typer(exam_session.app, name="session")
app.command(
    epilog="Example: vermilion exam correct S-2026-12-0001 26110001000001 --paper theory --score 61 "
    "--reason '合分有误' --as clerk-1"
)(exam_marks.correct)
app.command("confirm-correction", epilog="Example: vermilion exam confirm-correction K-2026-12-0001 --as clerk-2")(
    exam_marks.confirm_correction
)
app.command(epilog="Example: vermilion exam corrections S-2026-12-0001")(exam_marks.corrections)
_MOST_BYTES = 64 * 1024 * 1024


class NobodyWaits(Conflict):
    """Every eligible candidate has marks, or there is none."""

    code = "exam/nobody-waits"

    def __init__(self, programme: str) -> None:
        self.programme = programme
        super().__init__(f"no eligible candidate of {programme} waits for marks")


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
    except ScoresRefused as refused:
        refuse_rows(check_scores(found.store, of, data).problems, refused, as_json=as_json)
    sheet = recorded.sheet
    missing = len(recorded.reading.missing) if recorded.reading else 0
    if as_json:
        print_json(
            {
                **_sheet(sheet),
                "examined_on_given": examined_on is not None,
                "repeated": recorded.reading is None,
                "missing": missing,
            }
        )
        return
    if recorded.reading is None:
        OUT.print(
            said(
                f"这份成绩单已经录入过：{sheet.id}，考核日期{sheet.examined_on}",
                f"this sheet was entered before: {sheet.id}, examined on {sheet.examined_on}",
            )
        )
    else:
        OUT.print(
            said(
                f"成绩单{sheet.id}：{sheet.rows}人，考核日期{sheet.examined_on}",
                f"score sheet {sheet.id}: {counted(sheet.rows, 'candidate')}, examined on {sheet.examined_on}",
            )
        )
        if examined_on is None:
            note(
                said(
                    f"没有写--examined-on，考核日期按今天（{day}）算，会写进证书。若不是今天，请退回后重新录入：",
                    f"no --examined-on: the day of the examination is taken to be today, {day}, and goes into the "
                    "certificates. If it was another day, return the sheet and enter it again:",
                )
            )
            note(f"vermilion exam return {sheet.id} --reason WHY --as {sheet.entered_by}")
        if recorded.reading.notices:
            note(said("请留意（不影响录入）：", "worth a look (refuses nothing):"))
            print_problems(recorded.reading.notices)
        if missing:
            note(said(f"另有{missing}人还没有成绩", f"{counted(missing, 'eligible candidate')} without marks yet"))
    if sheet.confirmed_by is None:
        note(
            said(
                f"须由另一人核对：vermilion exam confirm {sheet.id} --as SOMEBODY-ELSE",
                f"a second person must confirm it: vermilion exam confirm {sheet.id} --as SOMEBODY-ELSE",
            )
        )


@app.command(epilog="Example: vermilion exam template --output scores.csv")
def template(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a new file there; else print it.")
    ] = None,
    programme: ProgrammeOption = None,
    home: HomeOption = None,
) -> None:
    """Write a score sheet to fill in: every eligible candidate without marks, one column a paper; holds names.

    UTF-8 with a byte order mark, so that a spreadsheet shows Chinese; `exam record` takes it back. Where nobody waits,
    nothing is written, exit 1.
    """
    found = Home.find(home)
    of = chosen(found, programme)
    data, rows = blank_sheet(found.store, of)
    if not rows:
        raise NobodyWaits(of.code)
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_new_file(output, data)
        note(said(f"已写出{output}（{rows}人）", f"wrote {output} ({counted(rows, 'candidate')})"))
    note(said("缺考的写“缺考”，填好后录入。", "Write `absent` for a paper that was not sat, then enter it."))
    file, issued = shlex.quote(str(output or "FILE")), found.installation.programmes
    next_command(f"vermilion exam record {file}{naming(issued, of.code)} --as NAME")


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
            f"成绩单{sheet}：{confirmed.entered_by}录入，{confirmed.confirmed_by}核对，考核日期{confirmed.examined_on}",
            f"score sheet {sheet}: entered by {confirmed.entered_by}, confirmed by {confirmed.confirmed_by}, "
            f"examined on {confirmed.examined_on}",
        )
    )
    with found.store.read() as unit:
        scopes = unit.marks.scopes(sheet)
    for programme, level in scopes:
        next_command(f"vermilion batch propose --programme {programme} --level {level} --as NAME")


@app.command(
    "return", epilog="Example: vermilion exam return S-2026-11-0001 --reason '第12行与原始成绩不符' --as clerk-2"
)
def return_(
    sheet: Annotated[str, typer.Argument(help="Score sheet.")],
    reason: Annotated[str, typer.Option("--reason", help="Why, in 1 to 200 characters; kept encrypted.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a score sheet back before it is confirmed, or take back one's own; its candidates wait for another."""
    found = Home.find(home)
    returned = return_sheet(found.store, found.clock, sheet, reason=reason, person=person(by))
    if as_json:
        print_json(_sheet(returned))
        return
    OUT.print(
        said(
            f"成绩单{sheet}已退回，{returned.rows}人等待重新录入",
            f"score sheet {sheet} was returned: {counted(returned.rows, 'candidate')} wait for another",
        )
    )
    note(said("改好后再录入。", "Enter it again once it is right."))
    next_command(f"vermilion exam record FILE{naming(found.installation.programmes)} --as {returned.entered_by}")


@app.command("list", epilog="Example: vermilion exam list")
def list_sheets(limit: LatestOption = 50, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List score sheets, oldest first, with who entered each and whether a second person has confirmed it."""
    found = Home.find(home)
    with found.store.read() as unit:
        total = unit.marks.count_sheets()
        sheets = unit.marks.newest_sheets(most=limit or total)[::-1]
    if as_json:
        print_json([_sheet(one) for one in sheets])
        note_earlier_left_out(len(sheets), total)
        return
    if not sheets:
        OUT.print(said("还没有成绩单", "no score sheets yet"))
        return
    print_table(
        [
            said("成绩单", "sheet"),
            said("考核日期", "examined on"),
            said("人数", "candidates"),
            said("录入", "entered by"),
            said("状态", "state"),
        ],
        [[one.id, one.examined_on.isoformat(), f"{one.rows:,}", one.entered_by, _sheet_state(one)] for one in sheets],
    )
    note_earlier_left_out(len(sheets), total)


def _sheet_state(sheet: Sheet) -> str:
    if sheet.confirmed_by is not None:
        return said(f"{sheet.confirmed_by}已核对", f"confirmed by {sheet.confirmed_by}")
    if sheet.returned is not None:
        return said(f"{sheet.returned.by}已退回", f"returned by {sheet.returned.by}")
    return said("待另一人核对", "waits for a second person")


@app.command(epilog="Example: vermilion exam results S-2026-11-0001")
def results(
    sheet: Annotated[str, typer.Argument(help="Score sheet.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List the results of a sheet, with the reason for each fail; names are not shown, nor results of the erased."""
    found = Home.find(home)
    erased: list[str] = []
    rows: list[dict[str, Any]] = []
    grades: dict[str, str] = {}
    with found.store.read() as unit:
        unit.marks.sheet(sheet)
        versions = {one.id: found.catalogue.by_digest(one.programme_digest) for one in unit.enrolments.rosters()}
        of_admission: dict[str, list[Mark]] = {}
        for mark in unit.marks.marks(sheet):
            of_admission.setdefault(mark.admission, []).append(mark)
        applications = {one.admission: one for one in unit.enrolments.of_admissions(list(of_admission))}
        for admission, marks in of_admission.items():
            application = applications.get(admission)
            if application is None:
                erased.append(admission)
                continue
            result = result_on_sheet(unit, versions[application.roster], application, sheet, marks)
            if result.grade is not None:
                grades[admission] = said(result.grade.name.zh, result.grade.name.en)
            rows.append(
                {
                    "admission": admission,
                    "level": application.level,
                    "passed": result.passed,
                    "grade": result.grade.code if result.grade else None,
                    "papers": {
                        one.paper: None if one.score_hundredths is None else format_score(one.score_hundredths)
                        for one in result.papers
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
                said("；", "; ").join(said(one["zh"], one["en"]) for one in row["failures"])
                or grades.get(row["admission"], ""),
            ]
            for row in rows
        ],
    )
    if erased:
        left_out = counted(len(erased), "candidate")
        note(said(f"未列出{len(erased):,}名已删除的考生", f"{left_out} left out: erased since"))


def _sheet(sheet: Sheet) -> dict[str, Any]:
    return {
        "sheet": sheet.id,
        "rows": sheet.rows,
        "examined_on": sheet.examined_on.isoformat(),
        "entered_by": sheet.entered_by,
        "confirmed_by": sheet.confirmed_by,
        "returned_by": sheet.returned.by if sheet.returned is not None else None,
    }
