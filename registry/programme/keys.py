"""TOML read key by key: each by its type, every fault kept, so that all of a file's faults are reported at once."""

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from registry.kernel.errors import MalformedInput
from registry.programme.marks import ScoreMalformed, parse_score
from registry.programme.terms import Bilingual

MAX_TEXT = 200
"""Longest text, as in a certificate."""

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
"""Codes of things that only the file itself names."""

_E = TypeVar("_E", bound=StrEnum)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyFault:
    """One thing wrong in a programme file."""

    key: str
    """Where: `level[1].rule[0].conditions`; empty for the whole file."""
    reason: str


class ProgrammeMalformed(MalformedInput):
    """A programme file cannot be taken; `faults` lists everything that is wrong with it."""

    code = "programme/malformed"

    def __init__(self, file: str, faults: tuple[KeyFault, ...]) -> None:
        self.file, self.faults = file, faults
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"programme file {file}: {first.key or 'whole file'}: {first.reason}{more}")


def parsed(data: bytes, malformed: Callable[[tuple[KeyFault, ...]], MalformedInput], *, most: int) -> dict[str, object]:
    """Parse a file of at most `most` bytes of TOML in UTF-8. Raises what `malformed` makes of its one fault."""

    def refused(reason: str) -> MalformedInput:
        return malformed((KeyFault(key="", reason=reason),))

    if len(data) > most:
        raise refused(f"larger than {most} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise refused("not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise refused(f"not TOML: {error}") from error
    except (RecursionError, ValueError) as error:  # nested too deeply; a number too long for Python to read
        raise refused("not TOML that can be read") from error


class Table:
    """One TOML table, read key by key; faults go to the shared list, and a stand-in value goes on."""

    def __init__(self, values: Mapping[str, object], path: str, faults: list[KeyFault]) -> None:
        self._values, self._path, self._faults = values, path, faults
        self._read: set[str] = set()

    def key(self, name: str) -> str:
        """Give the whole path of a key."""
        return f"{self._path}.{name}" if self._path else name

    def fault(self, name: str, reason: str) -> None:
        """Keep what is wrong with a key."""
        self._faults.append(KeyFault(key=self.key(name), reason=reason))

    def has(self, name: str) -> bool:
        """Tell whether the file has the key."""
        return name in self._values

    def close(self) -> None:
        """Report the keys that nothing has read: a misspelt key must not be passed over."""
        for name in sorted(self._values.keys() - self._read):
            self.fault(name, "unknown key")

    def leave(self) -> None:
        """Take the keys not read yet as known: the table's kind is not, so nothing can be said about them."""
        self._read.update(self._values)

    def _typed(self, name: str, kind: type[_T], word: str, stand_in: _T) -> _T:
        self._read.add(name)
        if name not in self._values:
            self.fault(name, f"missing: expected {word}")
            return stand_in
        value = self._values[name]
        # bool is an int to Python and datetime a date, to TOML they are not
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)) or isinstance(value, datetime):
            self.fault(name, f"expected {word}")
            return stand_in
        return value

    def text(self, name: str, pattern: re.Pattern[str] | None = None) -> str:
        """Read a text."""
        value = self._typed(name, str, "a text", "")
        if isinstance(self._values.get(name), str):
            if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > MAX_TEXT:
                self.fault(name, f"expected 1 to {MAX_TEXT} printable characters without space at either end")
            elif pattern is not None and not pattern.fullmatch(value):
                self.fault(name, f"expected the form {pattern.pattern}")
        return value

    def optional_text(self, name: str) -> str | None:
        """Read a text that may be left out."""
        return self.text(name) if self.has(name) else None

    def integer(self, name: str, low: int, high: int) -> int:
        """Read a whole number within bounds."""
        value = self._typed(name, int, "a whole number", low)
        if not low <= value <= high:
            self.fault(name, f"expected {low} to {high}")
        return value

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        """Read a whole number that may be left out."""
        return self.integer(name, low, high) if self.has(name) else None

    def boolean(self, name: str) -> bool:
        """Read true or false."""
        return self._typed(name, bool, "true or false", False)

    def day(self, name: str) -> date:
        """Read a date."""
        return self._typed(name, date, "a date YYYY-MM-DD", date.min)

    def choice(self, name: str, kind: type[_E]) -> _E:
        """Read one word of a list."""
        return self._chosen(name, self._typed(name, str, "a text", ""), kind, name in self._values)

    def _chosen(self, name: str, value: object, kind: type[_E], present: bool) -> _E:
        members = {member.value: member for member in kind}
        if isinstance(value, str) and value in members:
            return members[value]
        if present:
            self.fault(name, f"expected one of {', '.join(members)}")
        return next(iter(members.values()))

    def score(self, name: str) -> int:
        """Read a score in quotes, into whole hundredths."""
        text = self._typed(name, str, 'a score in quotes, such as "79.5"', "0")
        try:
            return parse_score(text)
        except ScoreMalformed as malformed:
            self.fault(name, str(malformed))
            return 0

    def bilingual(self, name: str) -> Bilingual:
        """Read a text in both languages."""
        table = self.table(name)
        if table is None:
            return Bilingual(zh="", en="")
        both = Bilingual(zh=table.text("zh"), en=table.text("en"))
        table.close()
        return both

    def table(self, name: str) -> "Table | None":
        """Give a table within this one; the caller closes it."""
        nothing: dict[str, object] = {}
        value = self._typed(name, dict, "a table", nothing)
        return None if value is nothing else Table(value, self.key(name), self._faults)

    def each(self, name: str, read: Callable[["Table"], _T], *, at_least: int = 0) -> tuple[_T, ...]:
        """Read a list of tables; a missing list is an empty one where `at_least` is 0."""
        if not self.has(name) and at_least == 0:
            return ()
        nothing: list[object] = []
        values: list[object] = self._typed(name, list, "a list of tables", nothing)
        if values is not nothing and len(values) < at_least:
            self.fault(name, f"expected at least {at_least}")
        items = []
        for index, value in enumerate(values):
            if not isinstance(value, dict):
                self.fault(f"{name}[{index}]", "expected a table")
                continue
            table = Table(value, self.key(f"{name}[{index}]"), self._faults)
            items.append(read(table))
            table.close()
        return tuple(items)

    def choices(self, name: str, kind: type[_E]) -> tuple[_E, ...]:
        """Read a list of words without repeats; a missing list is an empty one."""
        if not self.has(name):
            return ()
        nothing: list[object] = []
        values = self._typed(name, list, "a list of texts", nothing)
        chosen = tuple(self._chosen(f"{name}[{index}]", value, kind, True) for index, value in enumerate(values))
        if len(set(chosen)) != len(chosen):
            self.fault(name, "the same word twice")
        return chosen

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of texts."""
        nothing: list[object] = []
        values = self._typed(name, list, "a list of texts", nothing)
        if not all(isinstance(value, str) for value in values):
            self.fault(name, "expected a list of texts")
        return tuple(value for value in values if isinstance(value, str))

    def names(self) -> tuple[str, ...]:
        """List the keys in the order of the file."""
        return tuple(self._values)

    def integers(self, name: str, low: int, high: int) -> tuple[int, ...]:
        """Read a list of whole numbers within bounds."""
        nothing: list[object] = []
        values = self._typed(name, list, "a list of whole numbers", nothing)
        numbers = tuple(one for one in values if isinstance(one, int) and not isinstance(one, bool))
        if len(numbers) != len(values) or not all(low <= one <= high for one in numbers):
            self.fault(name, f"expected whole numbers from {low} to {high}")
        return numbers

    def flag(self, name: str) -> bool:
        """Read true or false; left out is false."""
        return self.has(name) and self.boolean(name)

    def optional_bilingual(self, name: str) -> Bilingual | None:
        """Read a text in both languages that may be left out."""
        return self.bilingual(name) if self.has(name) else None

    def bilinguals(self, name: str) -> tuple[Bilingual, ...]:
        """Read a list of texts in both languages; a missing list is an empty one."""
        return self.each(name, lambda table: Bilingual(zh=table.text("zh"), en=table.text("en")))

    def optional_choice(self, name: str, kind: type[_E], otherwise: _E) -> _E:
        """Read one word of a list; left out is `otherwise`."""
        return self.choice(name, kind) if self.has(name) else otherwise

    def optional_day(self, name: str) -> date | None:
        """Read a date that may be left out."""
        return self.day(name) if self.has(name) else None

    def required_table(self, name: str, read: Callable[["Table"], _T]) -> _T:
        """Read a table within this one; a missing one is one fault, not one for each of its keys."""
        table = self.table(name) or Table({}, name, [])
        value = read(table)
        table.close()
        return value

    def optional_table(self, name: str, read: Callable[["Table"], _T]) -> _T | None:
        """Read a table that may be left out."""
        return self.required_table(name, read) if self.has(name) else None
