"""Reads the committed artefacts, which are package data."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, TypeAlias

Target: TypeAlias = Literal["cancun", "london"]
"""The rule set that an artefact is compiled for: cancun and later, or engines without PUSH0."""

TARGETS: Final[tuple[Target, ...]] = ("cancun", "london")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """The compiled contract of one target, as committed."""

    target: Target
    """The rule set that it needs."""
    compiler: str
    """Name and version of the compiler."""
    integrity: str
    """Hash over all sources, in hex without prefix, as the compiler states it."""
    abi: Sequence[Mapping[str, Any]]
    """Functions, events and the error `Fault`, in the usual JSON form."""
    bytecode: bytes
    """Deployment code without constructor arguments."""
    runtime: bytes
    """Runtime code as compiled; on chain the 32 bytes of the immutable `DELAY` follow it."""
    layout: Mapping[str, Any]
    """Storage slots by module and variable, and the immutables behind the code."""

    def deployed_code(self, *, delay: int) -> bytes:
        """The code that `eth_getCode` shows for a contract deployed with this delay in seconds."""
        return self.runtime + delay.to_bytes(32, "big")


@cache
def artefact(target: Target = "cancun") -> Artefact:
    """Read the committed artefact of a target; the same object every time."""
    resource = files("contracts").joinpath("artefacts", f"{target}.json")
    document = json.loads(resource.read_text(encoding="utf-8"))
    return Artefact(
        target=document["target"],
        compiler=document["compiler"],
        integrity=document["integrity"],
        abi=document["abi"],
        bytecode=bytes.fromhex(document["bytecode"].removeprefix("0x")),
        runtime=bytes.fromhex(document["runtime"].removeprefix("0x")),
        layout=document["layout"],
    )
