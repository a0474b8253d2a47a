"""What a reader sends by a form: a file, or a number and a name; for which day, and for what."""

import base64
import binascii
from dataclasses import dataclass
from datetime import date
from typing import Final

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from api.bodies import DOCUMENT_BYTES, FORM_OVERHEAD_BYTES, SMALL_BYTES, read_form
from api.problems import NothingSent

NUMBER_CHARACTERS: Final = 64
NAME_CHARACTERS: Final = 200
_TEXT_BYTES: Final = 2 * DOCUMENT_BYTES
"""A file in base64, percent-encoded, and a few short fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form as it was read. Texts are stripped, and empty where nothing was typed."""

    document: bytes | None = None
    """The file: uploaded, or sent again in base64 by a page that showed its verdict."""
    too_large: bool = False
    """There was a file, larger than any of ours; it was not kept."""
    number: str = ""
    name: str = ""
    rows: str = ""
    """Several numbers with their names, one a line."""
    purpose: str = ""
    form: str = ""
    """`pdf` or `json`, of a receipt."""
    as_of: date | None = None
    """The past day that the page showed the verdict for."""
    day: date | None = None
    """The past day that is asked about now."""

    @property
    def has_file(self) -> bool:
        """Tell whether a file was sent."""
        return self.document is not None or self.too_large

    @property
    def is_lookup(self) -> bool:
        """Tell whether there is a number with a name, neither too long to be one."""
        return 0 < len(self.number) <= NUMBER_CHARACTERS and 0 < len(self.name) <= NAME_CHARACTERS


async def read_sent(request: Request, *, with_file: bool = True) -> Sent:
    """Read a form within its limits. Raises NothingSent when it is no form, or holds what is no file and no day."""
    multipart = request.headers.get("Content-Type", "").startswith("multipart/")
    most = SMALL_BYTES if not with_file else DOCUMENT_BYTES + FORM_OVERHEAD_BYTES if multipart else _TEXT_BYTES
    form = await read_form(request, most=most, files=1, fields=10)
    if form is None:
        return Sent(too_large=True)
    try:
        document = await _document(form) if with_file else None
        too_large = document is not None and len(document) > DOCUMENT_BYTES
        return Sent(
            document=None if too_large else document,
            too_large=too_large,
            number=_typed(form, "number"),
            name=_typed(form, "name"),
            rows=_typed(form, "rows"),
            purpose=_typed(form, "purpose"),
            form=_typed(form, "form"),
            as_of=_day(form, "as_of"),
            # Of the two buttons beside the field one asks for today.
            day=None if _typed(form, "do") == "today" else _day(form, "day"),
        )
    except (binascii.Error, ValueError) as error:
        raise NothingSent from error
    finally:
        await form.close()


async def _document(form: FormData) -> bytes | None:
    upload = form.get("document")
    if isinstance(upload, UploadFile) and upload.filename:
        return await upload.read()
    text = _typed(form, "document_text")
    return base64.b64decode(text, validate=True) if text else None


def _day(form: FormData, name: str) -> date | None:
    text = _typed(form, name)
    return date.fromisoformat(text) if text else None


def _typed(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""
