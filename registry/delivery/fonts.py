"""The fonts that certificates are set in: which are here, and whether they have the rare characters of names."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from registry.delivery.typesetting import GlyphMissing, fonts_of, typeset

SERIF: Final = ("Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC")
"""Families for the page; the first one here is taken. The same lists stand in `templates/type.typ`."""
KAI: Final = ("LXGW WenKai", "LXGW WenKai GB", "AR PL UKai CN", "KaiTi")
"""Families for the holder's name; without any of them it is set in the serif."""
MONO: Final = ("DejaVu Sans Mono", "Noto Sans Mono CJK SC")
"""Families for numbers and codes."""
RARE_CHARACTERS: Final = "䶮㛃𬱖𬭼𨱏〇·"
"""Characters of real names that common fonts lack."""
_BOLD: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class FontsHere:
    """What was found; None = no family of that kind."""

    serif: str | None
    bold: bool
    """Whether the serif comes in bold, which titles want."""
    kai: str | None
    mono: str | None
    missing: str
    """Those of RARE_CHARACTERS that no font here has."""


def fonts_here(folder: Path | None = None) -> FontsHere:
    """Look at the machine's fonts and those of a folder, and try the rare characters."""
    variants = fonts_of(folder).fonts()
    families = {one.family for one in variants}

    def first(wanted: tuple[str, ...]) -> str | None:
        return next((family for family in wanted if family in families), None)

    serif = first(SERIF)
    return FontsHere(
        serif=serif,
        bold=any(one.family == serif and one.weight >= _BOLD for one in variants),
        kai=first(KAI),
        mono=first(MONO),
        missing=missing_characters(RARE_CHARACTERS, folder),
    )


def missing_characters(text: str, folder: Path | None = None) -> str:
    """Give the characters of a text that no font here has, each once, in their order."""
    try:
        typeset("characters", {"text": text}, at=datetime(2026, 1, 1, tzinfo=UTC), fonts=folder)
    except GlyphMissing as error:
        return "".join(error.characters)
    return ""
