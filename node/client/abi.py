"""The contract's interface, read once from the committed artefact: selectors, topics and types."""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_hash.auto import keccak

from contracts import artefact

FAULT_SELECTOR: Final = keccak(b"Fault(uint256)")[:4]
"""First bytes of the revert data of every refusal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One external function."""

    name: str
    selector: bytes
    """4 bytes."""
    inputs: tuple[str, ...]
    """Types as the ABI writes them, structs as tuples."""
    outputs: tuple[str, ...]
    output_names: tuple[str, ...]
    """Of a struct that is returned alone, the names of its members."""

    def calldata(self, *arguments: object) -> bytes:
        """Encode a call."""
        return self.selector + encode(self.inputs, arguments)

    def results(self, data: bytes) -> tuple[Any, ...]:
        """Decode what a call returned; the members of a struct that is returned alone. Raises ValueError."""
        try:
            values = decode(self.outputs, data)
        except DecodingError as error:
            raise ValueError(f"{self.name} returned {len(data)} bytes that do not decode") from error
        return tuple(values[0]) if len(values) == 1 and isinstance(values[0], tuple) else tuple(values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; its indexed members stand first."""

    name: str
    topic: bytes
    """32 bytes."""
    indexed: tuple[str, ...]
    """Types of the members in topics."""
    data: tuple[str, ...]
    """Types of the members in the data."""


@functools.cache
def functions() -> Mapping[str, Function]:
    """All functions by name."""
    found = {}
    for entry in artefact("cancun").abi:
        if entry["type"] != "function":
            continue
        inputs = tuple(_type(one) for one in entry["inputs"])
        outputs: Sequence[Mapping[str, Any]] = entry["outputs"]
        alone = outputs[0]["components"] if len(outputs) == 1 and "components" in outputs[0] else outputs
        found[entry["name"]] = Function(
            name=entry["name"],
            selector=keccak(f"{entry['name']}({','.join(inputs)})".encode())[:4],
            inputs=inputs,
            outputs=tuple(_type(one) for one in outputs),
            output_names=tuple(one["name"] for one in alone),
        )
    return found


@functools.cache
def events() -> Mapping[bytes, Event]:
    """All events by topic."""
    found = {}
    for entry in artefact("cancun").abi:
        if entry["type"] != "event":
            continue
        topic = keccak(f"{entry['name']}({','.join(_type(one) for one in entry['inputs'])})".encode())
        found[topic] = Event(
            name=entry["name"],
            topic=topic,
            indexed=tuple(_type(one) for one in entry["inputs"] if one["indexed"]),
            data=tuple(_type(one) for one in entry["inputs"] if not one["indexed"]),
        )
    return found


@functools.cache
def constructor_inputs() -> tuple[str, ...]:
    """Types of the constructor's arguments."""
    for entry in artefact("cancun").abi:
        if entry["type"] == "constructor":
            return tuple(_type(one) for one in entry["inputs"])
    return ()


def _type(entry: Mapping[str, Any]) -> str:
    kind = str(entry["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_type(one) for one in entry['components'])}){kind.removeprefix('tuple')}"
