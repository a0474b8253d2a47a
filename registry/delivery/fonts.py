"""The fonts that certificates are set in: which are here, and whether they have the rare characters of names."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typst

SERIF: Final = ("Noto Serif CJK SC", "Noto Serif SC", "Source Han Serif SC")
"""Families for the page, the first one here is taken; the same order stands in `templates/type.typ`."""
KAI: Final = ("LXGW WenKai", "LXGW WenKai GB", "AR PL UKai CN", "KaiTi")
"""Families for the holder's name; without any of them it is set in the serif."""
MONO: Final = ("DejaVu Sans Mono", "Noto Sans Mono CJK SC")
"""Families for numbers and codes."""
RARE_CHARACTERS: Final = "䶮㛃𬱖𬭼𨱏〇·"
"""Characters of real names that common fonts lack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FontsHere:
    """What was found."""

    serif: str | None
    bold: bool
    """Whether the serif comes in bold, which the title wants."""
    kai: str | None
    mono: str | None
    missing: tuple[str, ...]
    """Those of RARE_CHARACTERS that no font here has."""


def found_fonts(folder: Path | None = None) -> typst.Fonts:
    """Look for the machine's fonts and those of a folder."""
    return typst.Fonts(font_paths=[] if folder is None else [str(folder)])
