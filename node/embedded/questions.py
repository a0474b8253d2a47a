"""The larger parameters of JSON-RPC methods: messages to call, filters of logs."""

from collections.abc import Sequence

from node.embedded.model import Call
from node.embedded.wire import (
    RpcError,
    RpcErrorCode,
    invalid,
    read_address,
    read_data,
    read_digest,
    read_quantity,
    read_slot,
)

MAX_FILTER_ALTERNATIVES = 1_000
"""Addresses, or alternatives of one topic, in one question at most."""
_TOPICS = 4


def read_bound(value: object, head: int, name: str) -> int:
    """Read one end of a range of blocks: a number, or a tag."""
    if value is None or value in ("latest", "safe", "finalized", "pending"):
        return head
    return 0 if value == "earliest" else min(read_quantity(value, name), 2**63 - 1)


def read_addresses(value: object) -> tuple[bytes, ...]:
    """Read the addresses of a log filter: one, several, or none for any. Raises RpcError."""
    if value is None:
        return ()
    given = value if isinstance(value, list) else [value]
    _require_few(given, "addresses")
    return tuple(read_address(one) for one in given)


def read_topics(value: object) -> tuple[tuple[bytes, ...], ...]:
    """Read the topics of a log filter: for each position one, several, or none for any. Raises RpcError."""
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > _TOPICS:
        raise invalid(f"topics: expected a list of at most {_TOPICS}")
    read = []
    for position in value:
        given = [] if position is None else position if isinstance(position, list) else [position]
        _require_few(given, "topics")
        # A null among the alternatives allows anything, and so does an empty list.
        read.append(() if None in given else tuple(read_digest(one, "topic") for one in given))
    return tuple(read)


def _require_few(given: Sequence[object], name: str) -> None:
    if len(given) > MAX_FILTER_ALTERNATIVES:
        raise RpcError(RpcErrorCode.LIMIT_EXCEEDED, f"{name}: at most {MAX_FILTER_ALTERNATIVES}")


def read_call(message: object, *, default_gas: int) -> Call:
    """Read the message of a call; gas is `default_gas` unless less is named. Raises RpcError."""
    if not isinstance(message, dict):
        raise invalid("call: expected an object")
    given = {name: value for name, value in message.items() if value is not None}
    payload = read_data(given.get("input", given.get("data", "0x")), "input")
    if "input" in given and "data" in given and read_data(given["data"], "data") != payload:
        raise invalid('both "data" and "input" are set and not equal')
    gas = read_quantity(given["gas"], "gas") if "gas" in given else default_gas
    return Call(
        sender=read_address(given.get("from", "0x" + "00" * 20), "from"),
        to=read_address(given["to"], "to") if "to" in given else None,
        data=payload,
        value=read_quantity(given.get("value", "0x0"), "value"),
        gas=min(gas, default_gas),
        access_list=_read_access_list(given.get("accessList", [])),
    )


def _read_access_list(value: object) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise invalid("accessList: expected a list of objects")
    return tuple(
        (read_address(entry.get("address")), tuple(read_slot(slot) for slot in entry.get("storageKeys") or []))
        for entry in value
    )
