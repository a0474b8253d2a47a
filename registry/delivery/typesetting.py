"""Sets typst templates as PDF/A-3a: the same template, values, files and time give the same bytes.

Values reach a template as JSON beside its source (`sys.inputs`), never inside it: whatever a text holds, it is set as
text. A character that no font has refuses the document by name, since a blank box on a certificate is a wrong name.
"""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import typst

from registry.delivery.fonts import found_fonts
from registry.kernel.encoding import JsonObject, JsonValue
from registry.kernel.errors import IntegrityFault, RuleRefusal

TEMPLATES: Final = Path(__file__).parent / "templates"
_STANDARD: Final = "a-3a"
_UNSHOWN: Final = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_ESCAPE: Final = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}|\\(.)")
_STEPS: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


class GlyphMissing(RuleRefusal):
    """A text holds characters that no font here has."""

    code = "delivery/glyph-missing"

    def __init__(self, characters: tuple[str, ...], field: str | None) -> None:
        self.characters, self.field = characters, field
        named = ", ".join(f"U+{ord(one):04X}" for one in characters)
        where = "" if field is None else f"{field}: "
        super().__init__(f"{where}expected characters that a font here has, got {named}")


class TemplateBroken(IntegrityFault):
    """A template of ours cannot be set."""

    code = "delivery/template"

    def __init__(self, template: str, reason: str) -> None:
        self.template, self.reason = template, reason
        super().__init__(f"template {template}: {reason}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file inside a PDF."""

    name: str
    media_type: str
    relationship: Literal["source", "data", "alternative", "supplement"]
    """What the file is to the page (PDF/A-3, AFRelationship)."""
    description: str
    data: bytes


def typeset(
    template: str,
    values: JsonObject,
    *,
    attachments: tuple[Attachment, ...] = (),
    at: datetime,
    fonts: Path | None = None,
) -> bytes:
    """Set a template of `registry/delivery/templates/` as PDF/A-3a.

    `at` is the time that the file carries, aware, whole seconds. `fonts` is a folder of fonts beside the machine's.
    Raises GlyphMissing.
    """
    inputs = {"values": _json(values), "attachments": _json([_plain(one) for one in attachments])}
    try:
        data = _compiler(fonts).compile(
            input=str(TEMPLATES / f"{template}.typ"),
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=[_STANDARD],
            timestamp=int(at.timestamp()),
        )
    except typst.TypstError as error:
        characters = tuple(dict.fromkeys(_unshown(error.diagnostic)))
        if characters:
            raise GlyphMissing(characters, _field_of(characters, values)) from error
        raise TemplateBroken(template, error.message) from error
    if not isinstance(data, bytes):
        raise TemplateBroken(template, "expected one PDF")
    return data


_own = threading.local()


def _compiler(fonts: Path | None) -> typst.Compiler:
    """Give this thread's compiler: it keeps fonts and pictures warm, and is not shared between threads."""
    kept: dict[Path | None, typst.Compiler] = _own.__dict__.setdefault("compilers", {})
    if fonts not in kept:
        kept[fonts] = typst.Compiler(root=str(TEMPLATES), font_paths=_fonts(fonts))
    return kept[fonts]


@lru_cache(maxsize=8)
def _fonts(folder: Path | None) -> typst.Fonts:
    return found_fonts(folder)


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _plain(attachment: Attachment) -> JsonObject:
    try:
        data: JsonValue = attachment.data.decode("utf-8")
    except UnicodeDecodeError:
        data = list(attachment.data)
    return {
        "name": attachment.name,
        "mediaType": attachment.media_type,
        "relationship": attachment.relationship,
        "description": attachment.description,
        "data": data,
    }


def _unshown(diagnostic: str) -> Iterator[str]:
    for quoted in _UNSHOWN.findall(diagnostic):
        yield from _ESCAPE.sub(_unescaped, quoted)


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else _STEPS.get(escape[2], escape[2])


def _field_of(characters: tuple[str, ...], values: JsonValue, path: str = "") -> str | None:
    """Find the first field whose text holds one of the characters, as `holder.name`."""
    if isinstance(values, str):
        return path if any(one in values for one in characters) else None
    members = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for name, member in members:
        found = _field_of(characters, member, f"{path}.{name}" if path else str(name))
        if found is not None:
            return found
    return None
