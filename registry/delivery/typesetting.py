"""Sets typst templates as PDF/A-3a: the same template, values, files and time give the same bytes.

Values reach a template as JSON beside its source (`sys.inputs`), never inside it: whatever a text holds, it is set as
text. A character that no font has refuses the document by name, since a blank box on a certificate is a wrong name.
"""

import json
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

import pylopdf_fonts_zh_cn
import typst

from registry.kernel.encoding import JsonObject, JsonValue
from registry.kernel.errors import IntegrityFault, RuleRefusal

TEMPLATES: Final = Path(__file__).parent / "templates"
_NAMED: Final = 12
"""Most characters that an error names."""
_STANDARD: Final = "a-3a"
_UNSHOWN: Final = re.compile(r'the text `"((?:[^"\\]|\\.)+)"` could not be displayed')
_PRIVATE: Final = re.compile("[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_ESCAPE: Final = re.compile(r"\\u\{([0-9a-fA-F]{1,6})\}|\\(.)")
_STEPS: Final = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}


class GlyphMissing(RuleRefusal):
    """A text holds characters that no font here has."""

    code = "delivery/glyph-missing"

    def __init__(self, characters: tuple[str, ...], field: str | None) -> None:
        self.characters, self.field = characters, field
        self.points = tuple(f"U+{ord(one):04X}" for one in characters)
        named = ", ".join(self.points[:_NAMED])
        if len(characters) > _NAMED:
            named += f" and {len(characters) - _NAMED} more"
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
    text = _json(values)
    private = tuple(dict.fromkeys(_PRIVATE.findall(text)))
    if private:
        # Every font means something else by them: what is printed would be a matter of chance.
        raise GlyphMissing(private, _field_of(private, values))
    inputs = {"values": text, "attachments": _json([_plain(one) for one in attachments])}
    try:
        with _compiler(fonts) as compiler:
            data = compiler.compile(
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


_places = threading.BoundedSemaphore(os.cpu_count() or 1)
_idle: dict[Path | None, list[typst.Compiler]] = {}


@contextmanager
def _compiler(fonts: Path | None) -> Iterator[typst.Compiler]:
    """Lend a compiler: each keeps fonts and pictures warm in some 60 MB, so there are at most as many as cores."""
    with _places:
        idle = _idle.setdefault(fonts, [])
        try:
            compiler = idle.pop()
        except IndexError:
            compiler = typst.Compiler(root=str(TEMPLATES), font_paths=fonts_of(fonts))
        try:
            yield compiler
        finally:
            idle.append(compiler)


@lru_cache(maxsize=8)
def fonts_of(folder: Path | None) -> typst.Fonts:
    """Look for the machine's fonts, those of a folder, and the two that are installed with us; once a process.

    Ours have regular weight alone and come last: a machine without any Chinese font can print too.
    """
    ours = str(pylopdf_fonts_zh_cn.serif_path().parent)
    return typst.Fonts(font_paths=[ours] if folder is None else [str(folder), ours])


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
