"""Sheets of a session, and corrections: `vermilion exam session template|record`, `exam correct|confirm-correction`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.enrol import level_code, refuse_rows
from api.commands.exam_session import SessionArgument
from api.commands.exam_session import app as session_app
from api.commands.options import HomeOption, JsonOption, PersonOption, person, read_file, write_new_file
from api.terminal import OUT, counted, next_command, note, print_json, print_table, said
from api.wiring import Home
from registry.assessment import ABSENT, LISTED, TAKEN_OFF, ScoresRefused, format_score, parse_score
from registry.ports.examinations import ScoreCorrection
from registry.workflows.examination.correct import confirm_correction as confirm_score_correction
from registry.workflows.examination.correct import correct_score
from registry.workflows.examination.mark_session import Choice, blank_session_sheet, parts_of, record_session_scores
from registry.workflows.replacement.ask_replacement import with_another_result

_MOST_BYTES = 64 * 1024 * 1024
_LISTED_AGAIN = frozenset({"listed", "在名单上"})
LevelOption = Annotated[
    str | None, typer.Option("--level", help="With it the sheet is by function: the level, by code or name.")
]
DirectionOption = Annotated[str | None, typer.Option("--direction", help="Direction, where the level has any.")]
PapersOption = Annotated[
    list[str] | None, typer.Option("--paper", help="Only these papers, as in a retake; as often as needed.")
]


def _choice(home: Home, session: str, level: str, direction: str | None, papers: list[str] | None) -> Choice:
    with home.store.read() as unit:
        of = home.catalogue.by_digest(unit.exam_sessions.session(session).programme_digest)
    return Choice(level=level_code(level, [of]), direction=direction, papers=tuple(papers) if papers else None)


@session_app.command(
    epilog="Example: vermilion exam session template E-2026-12-0001 --level 1 --direction processing -o scores.csv"
)
def template(
    session: SessionArgument,
    level: Annotated[str, typer.Option("--level", help="Level, by code or name.")],
    direction: DirectionOption = None,
    papers: PapersOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write a new file there; else print it.")
    ] = None,
    home: HomeOption = None,
) -> None:
    """Write a sheet by function to fill in: who is registered and has no marks, a column a function; holds names."""
    found = Home.find(home)
    choice = _choice(found, session, level, direction, papers)
    data, rows = blank_session_sheet(found.store, found.catalogue, session, choice)
    if output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_new_file(output, data)
        note(said(f"已写出{output}（{rows}人）", f"wrote {output} ({counted(rows, 'candidate')})"))
    if not rows:
        with found.store.read() as unit:
            parts = parts_of(unit, session)
        for part in parts:
            note(
                said(
                    f"等待成绩：级别{part.level}，方向{part.direction or '–'}，科目{' '.join(part.papers)}，"
                    f"{part.candidates}人",
                    f"waiting: level {part.level}, direction {part.direction or '–'}, papers {' '.join(part.papers)}: "
                    f"{counted(part.candidates, 'candidate')}",
                )
            )


@session_app.command(epilog="Example: vermilion exam session record E-2026-12-0001 scores.csv --as clerk-1")
def record(
    session: SessionArgument,
    file: Annotated[Path, typer.Argument(help="Score sheet as CSV; by function also XLSX.")],
    level: LevelOption = None,
    direction: DirectionOption = None,
    papers: PapersOption = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter the scores of a session, by paper or (with --level) by function; a second person must confirm them."""
    found = Home.find(home)
    marked = record_session_scores(
        found.store,
        found.clock,
        found.catalogue,
        session,
        read_file(file, most=_MOST_BYTES),
        person=person(by),
        by_function=None if level is None else _choice(found, session, level, direction, papers),
    )
    if marked.sheet is None:
        refuse_rows(marked.problems, ScoresRefused(len(marked.problems)), as_json=as_json)
    sheet = marked.sheet
    if as_json:
        print_json({"sheet": sheet.id, "session": session, "rows": sheet.rows, "repeated": marked.repeated})
        return
    OUT.print(said(f"成绩单{sheet.id}：{sheet.rows}人", f"score sheet {sheet.id}: {counted(sheet.rows, 'candidate')}"))
    if sheet.confirmed_by is None:
        note(
            said(
                f"须由另一人核对：vermilion exam confirm {sheet.id} --as SOMEBODY-ELSE",
                f"a second person must confirm it: vermilion exam confirm {sheet.id} --as SOMEBODY-ELSE",
            )
        )


def correct(
    sheet: Annotated[str, typer.Argument(help="Score sheet.")],
    admission: Annotated[str, typer.Argument(help="Admission number.")],
    paper: Annotated[str, typer.Option("--paper", help="Paper whose score was wrong; - where the sheet is a list.")],
    score: Annotated[
        str, typer.Option("--score", help="The right score, or “absent”; on a list “absent” or “listed”.")
    ],
    reason: Annotated[str, typer.Option("--reason", help="Why, in 1 to 200 characters; kept encrypted.")],
    function: Annotated[
        str | None,
        typer.Option("--function", help="The function whose score was wrong, where it is scored by function."),
    ] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set a confirmed score right by a new row; it counts once a second person has confirmed it."""
    found = Home.find(home)
    given = score.strip().casefold()
    listed_again = paper == LISTED and given in _LISTED_AGAIN
    hundredths = None if listed_again or given in ABSENT else parse_score(given)
    made = correct_score(
        found.store,
        found.clock,
        found.catalogue,
        sheet,
        admission,
        paper=paper,
        score_hundredths=hundredths,
        reason=reason,
        person=person(by),
        function=function,
        listed_again=listed_again,
    )
    if as_json:
        print_json(_document(made))
        return
    OUT.print(said(f"更正{made.id}：{_score(made)}", f"correction {made.id}: {_score(made)}"))
    note(
        said(
            f"须由另一人核对：vermilion exam confirm-correction {made.id} --as SOMEBODY-ELSE",
            f"a second person must confirm it: vermilion exam confirm-correction {made.id} --as SOMEBODY-ELSE",
        )
    )


def confirm_correction(
    correction: Annotated[str, typer.Argument(help="Correction, such as K-2026-11-0001.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm a correction as the second person: from now on it counts."""
    found = Home.find(home)
    confirmed = confirm_score_correction(found.store, found.clock, correction, person=person(by))
    with found.store.read() as unit:
        certified = with_another_result(unit, found.catalogue, confirmed.admission)
    if as_json:
        print_json({**_document(confirmed), "certificates_to_correct": certified})
        return
    OUT.print(
        said(
            f"更正{correction}：{confirmed.entered_by}录入，{confirmed.confirmed_by}核对，{_score(confirmed)}",
            f"correction {correction}: entered by {confirmed.entered_by}, confirmed by {confirmed.confirmed_by}, "
            f"{_score(confirmed)}",
        )
    )
    for number in certified:
        if confirmed.paper == LISTED:
            note(said(f"证书{number}的持有人已不在名单上。", f"the holder of certificate {number} is not on the list."))
            next_command(f"vermilion cert revoke {number} --reason issued-in-error --as NAME")
            continue
        note(
            said(
                f"证书{number}仍写着原来的成绩。",
                f"certificate {number} still says the earlier score.",
            )
        )
        next_command(f"vermilion cert correct {number} --reason REASON --as NAME")


def corrections(
    sheet: Annotated[str, typer.Argument(help="Score sheet.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List the corrections of a score sheet with their reasons, those that wait among them."""
    found = Home.find(home)
    with found.store.read() as unit:
        unit.marks.sheet(sheet)
        made = unit.corrections.corrections(sheet_id=sheet)
    if as_json:
        print_json([{**_document(one), "reason": one.reason} for one in made])
        return
    print_table(
        [
            said("更正", "correction"),
            said("准考证号", "admission"),
            said("科目", "paper"),
            said("成绩", "score"),
            said("录入", "entered by"),
            said("核对", "confirmed by"),
            said("原因", "reason"),
        ],
        [
            [
                one.id,
                one.admission,
                one.paper,
                _score(one),
                one.entered_by,
                one.confirmed_by or said("待核对", "waits"),
                one.reason or said("已遗忘", "forgotten"),
            ]
            for one in made
        ],
    )


def _score(one: ScoreCorrection) -> str:
    if one.paper == LISTED:
        is_off = one.hundredths == TAKEN_OFF
        return said("移出名单", "taken off the list") if is_off else said("在名单上", "on the list")
    return said("缺考", "absent") if one.hundredths is None else format_score(one.hundredths)


def _document(one: ScoreCorrection) -> dict[str, Any]:
    return {
        "correction": one.id,
        "sheet": one.sheet,
        "admission": one.admission,
        "paper": one.paper,
        "score": None if one.hundredths is None or one.paper == LISTED else format_score(one.hundredths),
        "listed": one.hundredths != TAKEN_OFF if one.paper == LISTED else None,
        "function": one.function,
        "function_score": None if one.function_hundredths is None else format_score(one.function_hundredths),
        "entered_by": one.entered_by,
        "confirmed_by": one.confirmed_by,
    }
