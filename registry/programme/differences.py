"""A programme as plain values, and what differs between two versions: key by key, whatever the order of the file."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import TypeAlias, cast

from registry.programme.conditions import CONDITION_KINDS
from registry.programme.model import Programme

Plain: TypeAlias = "str | int | bool | list[Plain] | dict[str, Plain] | None"

_KINDS: Mapping[type[object], str] = dict(CONDITION_KINDS.items())
_NAMED_BY = ("code", "id", "key", "subject", "kind", "use", "role", "paper", "level", "direction")
"""Members by which an item of a list is named in a key, all that it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One key that two versions do not share alike."""

    key: str
    """Where, by code or id instead of position: `levels[2].rules[2b].text.zh`."""
    old: str | int | bool | None
    """None = only the new one has it."""
    new: str | int | bool | None


def plain(described: object) -> dict[str, Plain]:
    """Write a programme, or another file's rules, as plain values, members in camel case; without bytes and blanks."""
    return cast(dict[str, Plain], _plain(described))


def differences(old: Programme, new: Programme) -> tuple[Difference, ...]:
    """List what differs, in the order of keys. Comments and the order of tables make no difference."""
    before, after = dict(_leaves("", plain(old))), dict(_leaves("", plain(new)))
    return tuple(
        Difference(key=key, old=before.get(key), new=after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    )


def _plain(value: object) -> Plain:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = _KINDS.get(type(value))
        members: dict[str, Plain] = {} if kind is None else {"kind": kind}
        for field in dataclasses.fields(value):
            content = getattr(value, field.name)
            if not isinstance(content, bytes) and content is not None and content != ():
                members[_camel(field.name)] = _plain(content)
        return members
    match value:
        case Enum():
            return str(value.value)
        case date():
            return value.isoformat()
        case tuple() if value and isinstance(value[0], tuple):  # weights: function and percent
            return {str(name): _plain(content) for name, content in value}
        case tuple():
            return [_plain(one) for one in value]
        case _:
            return cast(Plain, value)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _leaves(path: str, value: Plain) -> Iterator[tuple[str, str | int | bool | None]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(f"{path}.{name}" if path else name, member)
    elif isinstance(value, list):
        for index, (called, item) in enumerate(zip(_names(value), value, strict=True)):
            yield from _leaves(f"{path}[{index if called is None else called}]", item)
    else:
        yield path, value


def _names(items: list[Plain]) -> list[str | None]:
    """Name the items of a list: words by themselves, tables by what they are called, all else by position."""
    names = [_name(item) for item in items]
    return names if len(set(names)) == len(names) else [None] * len(names)


def _name(item: Plain) -> str | None:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        return None
    words = [str(item[name]) for name in _NAMED_BY if name in item]
    called = item.get("name")
    if not words and isinstance(called, dict):
        words = [str(called["zh"])]
    levels = item.get("levels")
    if isinstance(levels, list) and "code" not in item:  # a paper or a teacher is told from others by its levels too
        words.append(",".join(str(level) for level in levels))
    return " ".join(words) or None
