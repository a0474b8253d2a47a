"""Ethereum JSON-RPC on the wire: hexadecimal quantities and data, errors with their codes.

Source: the execution API's rules for hex encoding; error codes of JSON-RPC 2.0, EIP-1474, and geth for reverts (3).
"""

import re
from enum import IntEnum
from typing import Any, NewType

JsonObject = dict[str, Any]
"""A decoded JSON object; its values are checked where they are read."""
Hex = NewType("Hex", str)

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]*)")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_WORD_DIGITS = 64


class RpcErrorCode(IntEnum):
    """What kind of refusal an answer is."""

    PARSE = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL = -32603
    SERVER = -32000
    UNAVAILABLE = -32002
    LIMIT_EXCEEDED = -32005
    REVERTED = 3


class RpcError(Exception):
    """A JSON-RPC error: what a caller sees instead of a result."""

    def __init__(self, code: RpcErrorCode, message: str, data: str | None = None) -> None:
        self.code, self.message, self.data = code, message, data
        super().__init__(message)

    def as_json(self) -> JsonObject:
        """Give the error object of the response."""
        shape: JsonObject = {"code": int(self.code), "message": self.message}
        if self.data is not None:
            shape["data"] = self.data
        return shape


def invalid(message: str) -> RpcError:
    """Make the refusal of a parameter."""
    return RpcError(RpcErrorCode.INVALID_PARAMS, message)


def quantity(number: int) -> Hex:
    """Write a number: hexadecimal, no leading zeros."""
    return Hex(hex(number))


def data(content: bytes) -> Hex:
    """Write bytes: two hexadecimal digits each."""
    return Hex("0x" + content.hex())


def word(number: int) -> Hex:
    """Write a number as 32 bytes."""
    return data(number.to_bytes(32, "big"))


def read_quantity(value: object, name: str) -> int:
    """Read a number below 2^256. Raises RpcError."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value) or len(value) > _WORD_DIGITS + 2:
        raise invalid(f"{name}: expected a hexadecimal quantity without leading zeros")
    return int(value, 16)


def read_data(value: object, name: str, size: int | None = None) -> bytes:
    """Read bytes, of `size` if given. Raises RpcError."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise invalid(f"{name}: expected 0x and pairs of hexadecimal digits")
    content = bytes.fromhex(value[2:])
    if size is not None and len(content) != size:
        raise invalid(f"{name}: expected {size} bytes, got {len(content)}")
    return content


def read_address(value: object, name: str = "address") -> bytes:
    """Read an account address, in any letter case. Raises RpcError."""
    return read_data(value, name, 20)


def read_digest(value: object, name: str = "hash") -> bytes:
    """Read 32 bytes. Raises RpcError."""
    return read_data(value, name, 32)


def read_slot(value: object, name: str = "storage key") -> int:
    """Read a storage slot, which callers write as a quantity or as a word, with leading zeros or without."""
    if not isinstance(value, str) or not re.fullmatch(r"0x[0-9a-fA-F]{1,64}", value):
        raise invalid(f"{name}: expected up to 32 bytes in hexadecimal")
    return int(value, 16)
