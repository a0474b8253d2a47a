"""What the doors make of our errors: exit code, and the remedy in both languages by stable code.

HTTP status and problem documents are in `api.problems`; both read the same tree. The contract's refusals are no
classes: their texts are the contract's own published table, read from `contracts`, so that each text stands in one
place.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from contracts import faults
from registry.kernel.errors import (
    IntegrityFault,
    MalformedInput,
    RegistryError,
    Unavailable,
)
from registry.workflows.chain.govern import ContractRefused

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
    facts_zh: str = ""
    """What the English message says of this very case, the error's attributes in braces; empty = nobody wrote it."""


@cache
def advice() -> Mapping[str, Advice]:
    """Read the texts of all codes: those of `advice.toml`, and those of the contract's table of refusals."""
    document = tomllib.loads(files("api").joinpath("advice.toml").read_text(encoding="utf-8"))
    ours = {code: Advice(**texts) for code, texts in document.items()}
    refusals = {
        fault.slug: Advice(
            cause_zh=fault.cause.zh, cause_en=fault.cause.en, remedy_zh=fault.remedy.zh, remedy_en=fault.remedy.en
        )
        for fault in faults().values()
    }
    return MappingProxyType({**ours, **refusals})


def code_of(error: RegistryError) -> str:
    """Give the stable code that people are told; of a refusal by the contract it is the contract's own."""
    return error.fault if isinstance(error, ContractRefused) else error.code


def exit_code(error: RegistryError) -> int:
    """Give the exit code: 1 refused, 2 wrong input, 3 cannot be done or said now."""
    return next(code for kind, code in _EXITS if isinstance(error, kind))
