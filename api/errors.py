"""What the doors make of our errors: exit code, and the remedy in both languages by stable code.

HTTP status and problem documents are in `api.problems`; both read the same tree.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from registry.kernel.errors import (
    IntegrityFault,
    MalformedInput,
    RegistryError,
    Unavailable,
)

EXIT_REFUSED: Final = 1
EXIT_USAGE: Final = 2
EXIT_NOT_NOW: Final = 3

_EXITS: Final[tuple[tuple[type[RegistryError], int], ...]] = (
    (MalformedInput, EXIT_USAGE),
    (Unavailable, EXIT_NOT_NOW),
    (IntegrityFault, EXIT_NOT_NOW),
    (RegistryError, EXIT_REFUSED),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One error for people: what happened and what to do."""

    cause_zh: str
    cause_en: str
    remedy_zh: str
    remedy_en: str


@cache
def advice() -> dict[str, Advice]:
    """Read the table of all codes."""
    document = tomllib.loads(files("api").joinpath("advice.toml").read_text(encoding="utf-8"))
    return {code: Advice(**texts) for code, texts in document.items()}


def exit_code(error: RegistryError) -> int:
    """Give the exit code: 1 refused, 2 wrong input, 3 cannot be done or said now."""
    return next(code for kind, code in _EXITS if isinstance(error, kind))
