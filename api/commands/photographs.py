"""`vermilion enrol photos`: candidates' photographs, from a ZIP file or a folder."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from api.commands.failures import error_document, print_error
from api.commands.options import FileUnreadable, HomeOption, JsonOption, PersonOption, person
from api.errors import exit_code
from api.terminal import ERR, OUT, counted, note, print_json, print_table, progress, said
from api.wiring import Home
from registry.enrolment import FileProblem, PhotographArchive, PhotographFolder
from registry.ports.storage import NotHere
from registry.programme import Programme
from registry.workflows.enrolment.photographs import PhotographsRefused, PhotographsTaken, take_photographs


def photos(
    source: Annotated[
        Path, typer.Argument(help="ZIP file or folder of photographs, each named by admission or identity number.")
    ],
    roster: Annotated[str, typer.Option("--roster", help="The roster of the candidates.")],
    accept_good_photos: Annotated[
        bool, typer.Option("--accept-good-photos", help="Take the good photographs and leave the bad ones out.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Find everything wrong; store nothing.")] = False,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take candidates' photographs (JPEG, one inch). One bad file refuses all, unless --accept-good-photos."""
    found = Home.find(home)
    programme = _programme_of(found, roster)
    with ExitStack() as opened:
        if source.is_dir():
            photographs: PhotographArchive | PhotographFolder = PhotographFolder(source)
        else:
            photographs = PhotographArchive(opened.enter_context(_opened(source)))
        update = opened.enter_context(progress(said("核对照片", "checking photographs")))
        try:
            taken = take_photographs(
                found.store,
                found.clock,
                programme,
                roster,
                photographs,
                person=person(by),
                good_only=accept_good_photos,
                trial=dry_run,
                progress=update,
            )
        except PhotographsRefused as refused:
            if as_json:
                problems = [_file_problem_document(one) for one in refused.problems]
                print_json({"problems": problems, "error": error_document(refused)})
                print_error(refused)
                raise typer.Exit(exit_code(refused)) from refused
            _print_file_problems(refused.problems)
            raise
    if as_json:
        print_json(
            {
                "roster": roster,
                "taken": taken.taken,
                "unchanged": taken.unchanged,
                "without": taken.without,
                "problems": [_file_problem_document(one) for one in taken.problems],
                "notices": [_file_problem_document(one) for one in taken.notices],
            }
        )
    else:
        _print_taken(taken, trial=dry_run)
    if dry_run and taken.problems:
        raise typer.Exit(1)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise FileUnreadable(path, (error.strerror or "cannot be read").lower()) from error


def _programme_of(home: Home, roster: str) -> Programme:
    with home.store.read() as unit:
        of = next((one for one in unit.enrolments.rosters() if one.id == roster), None)
    if of is None:
        raise NotHere("roster", roster)
    return home.catalogue.by_digest(of.programme_digest)


def _print_taken(taken: PhotographsTaken, *, trial: bool) -> None:
    _print_file_problems(taken.problems)
    if taken.notices:
        note(said("请留意（不影响导入）：", "worth a look (refuses nothing):"))
        _print_file_problems(taken.notices)
    OUT.print(
        said(
            f"照片：{'可收' if trial else '收下'}{taken.taken}张，{taken.unchanged}张与已有的相同；"
            f"名册中还有{taken.without}人没有照片",
            f"photographs: {taken.taken} {'can be taken' if trial else 'taken'}, {taken.unchanged} were here already; "
            f"{counted(taken.without, 'candidate')} of the roster without",
        )
    )


def _print_file_problems(problems: Sequence[FileProblem]) -> None:
    if problems:
        print_table(
            [said("文件", "file"), said("问题", "problem"), said("怎么办", "what to do"), "code"],
            [
                [one.file, said(one.reason.zh, one.reason.en), said(one.remedy.zh, one.remedy.en), one.code]
                for one in problems
            ],
            console=ERR,
        )


def _file_problem_document(one: FileProblem) -> dict[str, Any]:
    return {
        "file": one.file,
        "code": one.code,
        "reason": {"zh": one.reason.zh, "en": one.reason.en},
        "remedy": {"zh": one.remedy.zh, "en": one.remedy.en},
    }
