"""Row seals: an HMAC over a table's name and all other columns of a row, so that an edit past the software shows.

Sealed bytes: `vermilion/row-seal/1`, the table's name, then for each column that is not null, in the order of the
names: its name and its value; every part behind its length (4 bytes). A value is one letter for its type (`i` decimal
digits, `s` UTF-8, `b` bytes) and its body, so no two rows have the same bytes, and a nullable column that a later
version adds leaves old seals as they are. The key lies apart from the database. A seal finds edits; rows that were
taken out whole are found by what stands elsewhere.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, lru_cache
from hashlib import sha256
from operator import itemgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final

from registry.kernel.errors import IntegrityFault

if TYPE_CHECKING:
    from sqlalchemy import Table

_TAG = b"vermilion/row-seal/1"
_BLOCK: Final = 64
"""Bytes of a block of SHA-256, which HMAC fills its key up to (RFC 2104)."""
_INNER: Final = bytes(one ^ 0x36 for one in range(256))
_OUTER: Final = bytes(one ^ 0x5C for one in range(256))
_LENGTHS: Final = tuple(length.to_bytes(4, "big") for length in range(4_096))


class SealBroken(IntegrityFault):
    """A row does not carry the seal of its content."""

    code = "store/seal-broken"

    def __init__(self, table: str, row: str) -> None:
        self.table, self.row = table, row
        super().__init__(f"{table} {row} was changed outside the registry: its seal does not match")


def _length(body: bytes) -> bytes:
    return _LENGTHS[len(body)] if len(body) < len(_LENGTHS) else len(body).to_bytes(4, "big")


def _part(body: bytes) -> bytes:
    return _length(body) + body


_Layout = tuple[bytes, tuple[tuple[str, bytes], ...]]
"""What every seal of a table begins with, and each column a seal covers with its name as it is written."""


def _layout(table: str, columns: Iterable[str]) -> _Layout:
    names = sorted(name for name in columns if name != "seal")
    return _part(_TAG) + _part(table.encode()), tuple((name, _part(name.encode())) for name in names)


@cache
def _layout_of(table: "Table") -> _Layout:
    return _layout(table.name, (column.name for column in table.columns))


def _taker(places: Sequence[int]) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Make what takes the values at these places, as a tuple, for one place as well."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


class Sealer:
    """Seals rows of one table that are given as values in a fixed order of columns, as a driver takes and gives them.

    The key's two halves of HMAC are worked out once, and what stands between the values once for all rows whose values
    are of the same types; only the values and their lengths are left.
    """

    __slots__ = ("_beginning", "_forms", "_inner", "_outer", "_parts", "_take")

    def __init__(self, key: bytes, table: str, columns: Sequence[str]) -> None:
        """`columns` names the values' places; a column called `seal` among them is passed over."""
        self._beginning, named = _layout(table, columns)
        self._parts = tuple(part for _, part in named)
        self._take = _taker([columns.index(name) for name, _ in named])
        self._forms: dict[tuple[type, ...], bytes] = {}
        block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner, self._outer = sha256(block.translate(_INNER)), sha256(block.translate(_OUTER))

    def seal(self, values: Sequence[Any]) -> bytes:
        """Compute the seal over a row's values: as `seal` over the same row."""
        taken, lengths, most = self._take(values), _LENGTHS, len(_LENGTHS)
        filled: list[bytes] = []
        for value in taken:
            # As `written` does it, without a call for each value.
            if type(value) is str:
                body = value.encode()
            elif type(value) is bytes:
                body = value
            elif value is None:
                continue
            else:
                body = written(value)[1:]
            size = len(body) + 1
            filled += (lengths[size] if size < most else size.to_bytes(4, "big"), body)
        types = tuple(map(type, taken))
        form = self._forms.get(types)
        if form is None:
            form = self._forms[types] = self._form(types)
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(form % tuple(filled))
        outer.update(inner.digest())
        return outer.digest()

    def _form(self, types: tuple[type, ...]) -> bytes:
        """Write what stands around the values of these types: `%b` for each length and each body."""
        form = self._beginning.replace(b"%", b"%%")
        for part, kind in zip(self._parts, types, strict=True):
            if kind is not NoneType:
                letter = b"s" if issubclass(kind, str) else b"i" if issubclass(kind, int) else b"b"
                form += part.replace(b"%", b"%%") + b"%b" + letter + b"%b"
        return form

    def is_sealed(self, values: Sequence[Any], kept: bytes) -> bool:
        """Tell whether a row that was read carries its seal."""
        return hmac.compare_digest(self.seal(values), kept)


@lru_cache(maxsize=256)
def sealer(key: bytes, table: "Table") -> Sealer:
    """Give what seals a table's rows under a key, with the values in the order of the table's columns."""
    return Sealer(key, table.name, tuple(column.name for column in table.columns))


def written(value: int | str | bytes) -> bytes:
    """Write a value with its type, as it is sealed."""
    if isinstance(value, str):
        return b"s" + value.encode()
    if isinstance(value, int):
        return b"i%d" % value
    return b"b" + bytes(value)


def seal(key: bytes, table: "Table", row: Mapping[str, Any]) -> bytes:
    """Compute a row's seal, 32 bytes; a column that `row` leaves out counts as null."""
    return sealer(key, table).seal([row.get(column.name) for column in table.columns])


def seal_of_written(key: bytes, table: "Table", row: Mapping[str, bytes]) -> bytes:
    """Compute the seal over values that are `written` already."""
    return _seal(key, _layout_of(table), row)


def seal_of_columns(key: bytes, table: str, row: Mapping[str, Any]) -> bytes:
    """Compute a row's seal by the columns that it has itself, for tables as they were or will be: migrations."""
    values = {name: written(value) for name, value in row.items() if value is not None and name != "seal"}
    return _seal(key, _layout(table, row), values)


def _seal(key: bytes, layout: _Layout, row: Mapping[str, bytes]) -> bytes:
    beginning, columns = layout
    parts = [beginning]
    for name, name_part in columns:
        value = row.get(name)
        if value is not None:
            parts += (name_part, _length(value), value)
    return hmac.digest(key, b"".join(parts), "sha256")
