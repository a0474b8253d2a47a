"""Candidates' photographs of a roster: a ZIP file or some JPEG files, each named by a number; every refusal by file.

A file may be named by an identity number: a page covers it, and no address or log has it.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.responses import Response

from api.bodies import read_form
from api.issuer.covering import covered_name, covered_number
from api.issuer.desk import ConsoleDesk
from api.issuer.framing import Desk, onward, told_of
from api.issuer.rosters import MAX_PHOTOGRAPHS, PhotographsView, RefusedFile, shown_roster
from api.pages.rendering import add_page, words_of
from api.sign_in.session import Visit, allowed, require_own_form
from registry.access import Action
from registry.enrolment import ArchiveRefused, FileProblem, PhotographArchive
from registry.enrolment.workbook import is_workbook
from registry.workflows.enrolment.photographs import PhotographsRefused, take_photographs

router = APIRouter(include_in_schema=False)
Importer = Annotated[Visit, Depends(allowed(Action.IMPORT_ROSTER))]
_MOST_FILES: Final = 500
_OVERHEAD: Final = 256 * 1024
_ADMISSION: Final = re.compile(r"[0-9]{14}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Upload:
    """What came in a form: photographs one by one, or an archive of them."""

    files: Sequence[tuple[str, bytes]]
    good_only: bool


async def photographs_answer(id: str, request: Request, visit: Importer, desk: Desk) -> Response:
    """Take photographs for the candidates of a roster: all of them, or the good ones where that is wished."""
    form = await read_form(request, most=MAX_PHOTOGRAPHS + _OVERHEAD, files=_MOST_FILES)
    if form is None:
        view = PhotographsView(error=words_of(request).text("rosters.photos_too_large"))
        return await run_in_threadpool(shown_roster, request, visit, desk, id, photographs=view, status=422)
    try:
        fields = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        require_own_form(request, visit, fields)
        files = [
            (one.filename or "", await one.read())
            for _, one in form.multi_items()
            if isinstance(one, UploadFile) and one.filename
        ]
    finally:
        await form.close()
    upload = _Upload(files=files, good_only="good_only" in fields)
    return await run_in_threadpool(_taken, request, visit, desk, id, upload)


def _taken(request: Request, visit: Visit, desk: ConsoleDesk, id: str, upload: _Upload) -> Response:
    if not upload.files:
        view = PhotographsView(error=words_of(request).text("rosters.photos_nothing"))
        return shown_roster(request, visit, desk, id, photographs=view, status=422)
    with desk.store.read() as unit:
        programme = desk.catalogue.by_digest(unit.enrolments.roster(id).programme_digest)
    try:
        taken = take_photographs(
            desk.store,
            desk.clock,
            programme,
            id,
            _photographs(upload.files),
            person=visit.account.name,
            good_only=upload.good_only,
        )
    except ArchiveRefused as refused:
        view = PhotographsView(error=" ".join(told_of(request, refused.code)))
        return shown_roster(request, visit, desk, id, photographs=view, status=422)
    except PhotographsRefused as refused:
        error = words_of(request).text("rosters.photos_refused", n=refused.refused, total=refused.total)
        view = PhotographsView(error=error, refused=_views(request, refused.problems))
        return shown_roster(request, visit, desk, id, photographs=view, status=422)
    if not taken.problems and not taken.notices:
        return onward(request, f"/console/rosters/{id}?photographs={taken.taken}&unchanged={taken.unchanged}")
    view = PhotographsView(
        done=words_of(request).text("rosters.photos_taken", n=taken.taken, same=taken.unchanged),
        refused=_views(request, taken.problems),
        noticed=_views(request, taken.notices),
    )
    return shown_roster(request, visit, desk, id, photographs=view)


def _photographs(files: Sequence[tuple[str, bytes]]) -> PhotographArchive | Sequence[tuple[str, bytes]]:
    """Open the one archive, or give the files as they are."""
    if len(files) == 1 and is_workbook(files[0][1]):  # ZIP files begin alike
        return PhotographArchive(io.BytesIO(files[0][1]))
    return files


def _views(request: Request, problems: Sequence[FileProblem]) -> tuple[RefusedFile, ...]:
    chinese = words_of(request).language == "zh"
    return tuple(
        RefusedFile(
            name=_covered(one.file),
            reason=one.reason.zh if chinese else one.reason.en,
            remedy=one.remedy.zh if chinese else one.remedy.en,
            code=one.code,
        )
        for one in problems
    )


def _covered(name: str) -> str:
    path = PurePath(name)
    if _ADMISSION.fullmatch(path.stem):
        return name
    stem = covered_number(path.stem) if path.stem.isascii() else covered_name(path.stem)
    return stem + path.suffix[:5]


add_page(router, "/console/rosters/{id}/photographs", photographs_answer, ["POST"])
