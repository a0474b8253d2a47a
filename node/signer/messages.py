"""JSON-RPC 2.0 with a signer: messages over a Unix socket, one JSON value each, and the numbers of its errors."""

import json
import socket
import time
from enum import IntEnum
from typing import Any, Final

LARGEST_MESSAGE: Final = 1 << 20
"""Bytes."""
_PIECE: Final = 1 << 16


class RpcError(IntEnum):
    """Errors of JSON-RPC 2.0, EIP-1474 (below zero) and EIP-1193 that a signer answers with."""

    NOT_JSON = -32700
    NOT_A_REQUEST = -32600
    UNKNOWN_METHOD = -32601
    WRONG_PARAMETERS = -32602
    LIMIT_EXCEEDED = -32005
    DECLINED = 4001
    """The person said no."""
    UNAUTHORIZED = 4100


def send_message(connection: socket.socket, value: object) -> None:
    """Send one message, ended by a line break. Raises OSError."""
    connection.sendall(json.dumps(value).encode() + b"\n")


def receive_message(connection: socket.socket, seconds: float) -> bytes:
    """Receive one message whole: to its line break, or to the end of a JSON value, as some programs leave that out.

    Empty, or cut off, where the other side ended before. Raises OSError; TimeoutError after `seconds`, or where it
    is larger than LARGEST_MESSAGE.
    """
    until = time.monotonic() + seconds
    received = b""
    while len(received) <= LARGEST_MESSAGE:
        remaining = until - time.monotonic()
        if remaining <= 0:  # whoever sends a little at a time is given no more than the whole time
            raise TimeoutError("a message of a signer does not end in time")
        connection.settimeout(remaining)
        piece = connection.recv(_PIECE)
        received += piece
        if not piece or received.endswith(b"\n") or (received.endswith((b"}", b"]")) and _is_whole(received)):
            return received
    raise TimeoutError("a message of a signer has no end")


def _is_whole(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def error_answer(identifier: Any, number: RpcError, text: str, code: str | None = None) -> dict[str, Any]:
    """Write an answer that refuses; `code` is our own stable slug."""
    error: dict[str, Any] = {"code": int(number), "message": text}
    if code is not None:
        error["data"] = {"code": code}
    return {"jsonrpc": "2.0", "id": identifier, "error": error}
