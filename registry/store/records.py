"""The chain's records as text: each content value as JSON by the names of its fields.

Bytes are base64url, numbers decimal strings (arguments go beyond 2^53), enumerations their numbers. Reading follows
the field types and writes the value again: a text that is not what would have been written is refused.
"""

import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum, IntFlag
from functools import cache
from typing import Any, NewType, cast, get_args, get_origin, get_type_hints

from registry.anchor.history import Content, type_of_op
from registry.kernel.encoding import b64url, unb64url
from registry.kernel.errors import IntegrityFault, MalformedInput

_op_of_type = {content_type: op for op, content_type in type_of_op.items()}


class RecordUnreadable(IntegrityFault):
    """A kept record does not have the shape of its kind."""

    code = "store/record-unreadable"

    def __init__(self, op: int, cause: str) -> None:
        self.op, self.cause = op, cause
        super().__init__(f"a kept record of op {op} cannot be read: {cause}")


def op_of(content: Content) -> int:
    """Tell the op word of a content."""
    return _op_of_type[type(content)]


def write_content(content: Content) -> str:
    """Write a content as JSON text."""
    return json.dumps(_written(content), separators=(",", ":"), sort_keys=True)


def read_content(op: int, text: str) -> Content:
    """Read what `write_content` wrote. Raises RecordUnreadable."""
    if op not in type_of_op:
        raise RecordUnreadable(op, "unknown op")
    try:
        content = cast(Content, _read(type_of_op[op], json.loads(text)))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, MalformedInput) as error:
        raise RecordUnreadable(op, type(error).__name__) from error
    if write_content(content) != text:
        raise RecordUnreadable(op, "another spelling")
    return content


def _written(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _written(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, bytes):
        return b64url(value)
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, tuple):
        return [_written(one) for one in value]
    return value


@cache
def _hints(content_type: type) -> Mapping[str, Any]:
    return get_type_hints(content_type)


def _plain(kind: Any) -> Any:
    while isinstance(kind, NewType):
        kind = kind.__supertype__
    return kind


def _read(kind: Any, value: Any) -> Any:
    kind = _plain(kind)
    if get_origin(kind) is tuple:
        return tuple(_read(get_args(kind)[0], one) for one in value)
    if isinstance(kind, types.GenericAlias):
        raise TypeError(str(kind))
    if is_dataclass(kind):
        hints = _hints(cast(type, kind))
        if set(value) != set(hints):
            raise ValueError("other members")
        return cast(Any, kind)(**{name: _read(hint, value[name]) for name, hint in hints.items()})
    if kind is bytes:
        return unb64url(value)
    if issubclass(kind, IntEnum | IntFlag):
        return kind(int(value))
    return kind(value)
