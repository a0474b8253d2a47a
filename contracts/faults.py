"""The published table of refusals: fault code → cause and remedy, in Chinese and English."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from contracts.codes import FaultCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """A text in both languages."""

    zh: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One way in which the contract refuses."""

    code: FaultCode
    cause: Bilingual
    remedy: Bilingual

    @property
    def slug(self) -> str:
        """Stable code of our error tree, such as `contract/not-a-member`."""
        return self.code.slug


@cache
def faults() -> Mapping[FaultCode, Fault]:
    """Every fault by its code, in the order of the codes."""
    tables = tomllib.loads(files("contracts").joinpath("faults.toml").read_text(encoding="utf-8"))
    found = {
        code: Fault(code=code, cause=Bilingual(**table["cause"]), remedy=Bilingual(**table["remedy"]))
        for table in sorted(tables.values(), key=lambda table: int(table["code"]))
        for code in (FaultCode(table["code"]),)
    }
    return MappingProxyType(found)
