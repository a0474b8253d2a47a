"""From the bytes of a programme file to a `Programme`: everything is checked, and every fault is reported at once.

1. decode and parse the TOML;
2. read every key by its type; a key that is missing, unknown or of another type is a fault;
3. check what keys say about each other (only when step 2 found nothing, so that one mistake is one fault);
4. take the digest of the bytes.
"""

import hashlib
import re
import string
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Digest, IdentifierMalformed, ScopeCode, scope_code
from registry.programme.marks import ScoreMalformed, parse_score
from registry.programme.model import (
    AgeAtLeast,
    Bilingual,
    Book,
    CertificateType,
    Condition,
    Delivery,
    Education,
    EducationAtLeast,
    EligibilityRule,
    GradeBand,
    HoldsLevel,
    Level,
    LevelCode,
    Marking,
    NumberScheme,
    Occupation,
    Paper,
    PaperKey,
    Programme,
    ProgrammeCode,
    QuestionType,
    SourceNote,
    Standard,
    StatedBy,
    Validity,
    WorkAtLeast,
)

FORMAT = 1
"""The form of programme files that is read here; another form is a sibling module."""
MAX_BYTES = 256 * 1024
"""Largest programme file."""
MAX_TEXT = 200
"""Longest text, as in a certificate."""

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,29}")
_LEVEL = re.compile(r"[A-Z0-9]{1,16}|-")
_VERSION = re.compile(r"[0-9]{4}\.[1-9][0-9]{0,2}")
_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_RULE_ID = re.compile(r"(?:[A-Z0-9]{1,16}|-)[a-z]?")
_OCCUPATION = re.compile(r"[0-9]-[0-9]{2}-[0-9]{2}-[0-9]{2}")

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


class _Table:
    """One TOML table, read key by key; faults go to the shared list, and a stand-in value goes on."""

    def __init__(self, values: Mapping[str, object], path: str, faults: list[KeyFault]) -> None:
        self._values, self._path, self._faults = values, path, faults
        self._read: set[str] = set()

    def key(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def fault(self, name: str, reason: str) -> None:
        self._faults.append(KeyFault(key=self.key(name), reason=reason))

    def has(self, name: str) -> bool:
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
        value = self._typed(name, str, "a text", "")
        if isinstance(self._values.get(name), str):
            if not value.strip() or value != value.strip() or not value.isprintable() or len(value) > MAX_TEXT:
                self.fault(name, f"expected 1 to {MAX_TEXT} printable characters without space at either end")
            elif pattern is not None and not pattern.fullmatch(value):
                self.fault(name, f"expected the form {pattern.pattern}")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.has(name) else None

    def integer(self, name: str, low: int, high: int) -> int:
        value = self._typed(name, int, "a whole number", low)
        if not low <= value <= high:
            self.fault(name, f"expected {low} to {high}")
        return value

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        return self.integer(name, low, high) if self.has(name) else None

    def boolean(self, name: str) -> bool:
        return self._typed(name, bool, "true or false", False)

    def day(self, name: str) -> date:
        return self._typed(name, date, "a date YYYY-MM-DD", date.min)

    def choice(self, name: str, kind: type[_E]) -> _E:
        return self._chosen(name, self._typed(name, str, "a text", ""), kind, name in self._values)

    def _chosen(self, name: str, value: object, kind: type[_E], present: bool) -> _E:
        members = {member.value: member for member in kind}
        if isinstance(value, str) and value in members:
            return members[value]
        if present:
            self.fault(name, f"expected one of {', '.join(members)}")
        return next(iter(members.values()))

    def score(self, name: str) -> int:
        text = self._typed(name, str, 'a score in quotes, such as "79.5"', "0")
        try:
            return parse_score(text)
        except ScoreMalformed as malformed:
            self.fault(name, str(malformed))
            return 0

    def bilingual(self, name: str) -> Bilingual:
        table = self.table(name)
        if table is None:
            return Bilingual(zh="", en="")
        both = Bilingual(zh=table.text("zh"), en=table.text("en"))
        table.close()
        return both

    def table(self, name: str) -> "_Table | None":
        nothing: dict[str, object] = {}
        value = self._typed(name, dict, "a table", nothing)
        return None if value is nothing else _Table(value, self.key(name), self._faults)

    def each(self, name: str, read: Callable[["_Table"], _T], *, at_least: int = 0) -> tuple[_T, ...]:
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
            table = _Table(value, self.key(f"{name}[{index}]"), self._faults)
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
        nothing: list[object] = []
        values = self._typed(name, list, "a list of texts", nothing)
        if not all(isinstance(value, str) for value in values):
            self.fault(name, "expected a list of texts")
        return tuple(value for value in values if isinstance(value, str))


def read_programme(data: bytes, *, file: str) -> Programme:
    """Read one programme file (TOML, UTF-8). `file` is its name for errors. Raises ProgrammeMalformed."""
    values = _parse(data, file)  # 1
    faults: list[KeyFault] = []
    top = _Table(values, "", faults)
    programme = _programme(top, data, Digest(hashlib.sha256(data).digest()))  # 2 and 4
    top.close()
    if not faults:
        _check_levels(programme, faults)  # 3
        _check_marks(programme, faults)
        _check_notes(programme, faults)
    if faults:
        raise ProgrammeMalformed(file, tuple(faults))
    return programme


def _parse(data: bytes, file: str) -> dict[str, object]:
    def refuse(reason: str) -> ProgrammeMalformed:
        return ProgrammeMalformed(file, (KeyFault(key="", reason=reason),))

    if len(data) > MAX_BYTES:
        raise refuse(f"larger than {MAX_BYTES} bytes")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise refuse("not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise refuse(f"not TOML: {error}") from error
    except (RecursionError, ValueError) as error:  # nested too deeply; a number too long for Python to read
        raise refuse("not TOML that can be read") from error


def _programme(top: _Table, data: bytes, digest: Digest) -> Programme:
    top.integer("format", FORMAT, FORMAT)
    code = ProgrammeCode(top.text("code", _CODE))
    levels = top.each("level", lambda table: _level(table, code), at_least=1)
    every_level = tuple(level.code for level in levels)
    return Programme(
        code=code,
        version=top.text("version", _VERSION),
        document=data,
        digest=digest,
        effective_from=top.day("effective_from"),
        name=top.bilingual("name"),
        authority=top.bilingual("authority"),
        certificate_type=top.choice("certificate_type", CertificateType),
        number_scheme=top.choice("number_scheme", NumberScheme),
        occupation=_optional(top, "occupation", _occupation),
        standard=_optional(top, "standard", _standard),
        source=top.bilingual("source"),
        levels=levels,
        papers=top.each("paper", lambda table: _paper(table, every_level), at_least=1),
        marking=_marking(top),
        grades=top.each("grade", _grade),
        validity=_validity(top),
        silences=top.each("silence", _note),
        conflicts=top.each("conflict", _note),
    )


def _optional(top: _Table, name: str, read: Callable[[_Table], _T]) -> _T | None:
    table = top.table(name) if top.has(name) else None
    if table is None:
        return None
    value = read(table)
    table.close()
    return value


def _occupation(table: _Table) -> Occupation:
    return Occupation(code=table.text("code", _OCCUPATION), name=table.bilingual("name"))


def _standard(table: _Table) -> Standard:
    return Standard(
        name=table.bilingual("name"), number=table.optional_text("number"), version=table.optional_text("version")
    )


def _level(table: _Table, programme: ProgrammeCode) -> Level:
    code = LevelCode(table.text("code", _LEVEL))
    return Level(
        code=code,
        scope=_scope(table, programme, code),
        name=table.bilingual("name"),
        rules=table.each("rule", _rule, at_least=1),
        training_hours=table.optional_integer("training_hours", 1, 2000),
    )


def _scope(table: _Table, programme: ProgrammeCode, code: LevelCode) -> ScopeCode:
    try:
        return scope_code(f"{programme}/{code}")
    except IdentifierMalformed as malformed:
        table.fault("code", str(malformed))
        return ScopeCode("")


def _rule(table: _Table) -> EligibilityRule:
    # a rule that is open to everyone says so with an empty list, never by leaving the key out
    if not table.has("conditions"):
        table.fault("conditions", "missing: expected a list of tables (empty = open to everyone)")
    conditions = table.each("conditions", _condition)
    return EligibilityRule(
        id=table.text("id", _RULE_ID),
        text=table.bilingual("text"),
        conditions=tuple(condition for condition in conditions if condition is not None),
        source=table.bilingual("source"),
    )


def _condition(table: _Table) -> Condition | None:
    match table.text("kind"):
        case "holds-level":
            return HoldsLevel(level=LevelCode(table.text("level", _LEVEL)))
        case "age-at-least":
            return AgeAtLeast(years=table.integer("years", 1, 120))
        case "education-at-least":
            return EducationAtLeast(education=table.choice("education", Education))
        case "work-at-least":
            return WorkAtLeast(months=table.integer("months", 1, 600))
        case _:
            table.fault("kind", "expected one of holds-level, age-at-least, education-at-least, work-at-least")
            table.leave()
            return None


def _paper(table: _Table, every_level: tuple[LevelCode, ...]) -> Paper:
    return Paper(
        key=PaperKey(table.text("key", _SLUG)),
        name=table.bilingual("name"),
        levels=tuple(LevelCode(code) for code in table.texts("levels")) if table.has("levels") else every_level,
        minutes=table.optional_integer("minutes", 1, 600),
        book=table.choice("book", Book) if table.has("book") else None,
        delivery=table.choices("delivery", Delivery),
        question_types=table.choices("question_types", QuestionType),
        source=table.bilingual("source"),
    )


def _marking(top: _Table) -> Marking:
    table = top.table("marking") or _Table({}, "marking", [])  # a missing table is one fault, not four
    marking = Marking(
        full_hundredths=table.score("full"),
        pass_hundredths=table.score("pass"),
        stated_by=table.choice("stated_by", StatedBy),
        source=table.bilingual("source"),
    )
    table.close()
    return marking


def _grade(table: _Table) -> GradeBand:
    return GradeBand(code=table.text("code", _SLUG), name=table.bilingual("name"), from_hundredths=table.score("from"))


def _validity(top: _Table) -> Validity:
    table = top.table("validity") or _Table({}, "validity", [])  # as above
    for_life = table.has("for_life") and table.boolean("for_life")
    months = table.optional_integer("months", 1, 1200)
    if for_life == (months is not None):
        table.fault("months", "expected either for_life = true or months")
    validity = Validity(months=months, stated_by=table.choice("stated_by", StatedBy))
    table.close()
    return validity


def _note(table: _Table) -> SourceNote:
    return SourceNote(
        subject=table.text("subject", _SLUG),
        text=table.bilingual("text"),
        used=table.bilingual("used") if table.has("used") else None,
    )


def _fault_repeats(keys: Iterable[tuple[str, str]], faults: list[KeyFault]) -> None:
    """Report each (key, word) whose word has been seen before."""
    seen: set[str] = set()
    for key, word in keys:
        if word in seen:
            faults.append(KeyFault(key=key, reason=f"{word} stands twice"))
        seen.add(word)


def _check_levels(programme: Programme, faults: list[KeyFault]) -> None:
    codes = [level.code for level in programme.levels]
    _fault_repeats(((f"level[{index}].code", code) for index, code in enumerate(codes)), faults)
    _fault_repeats(((f"level[{index}].name.zh", level.name.zh) for index, level in enumerate(programme.levels)), faults)
    rules = [
        (f"level[{position}].rule[{index}]", level, rule)
        for position, level in enumerate(programme.levels)
        for index, rule in enumerate(level.rules)
    ]
    _fault_repeats(((f"{key}.id", rule.id) for key, _, rule in rules), faults)
    for key, level, rule in rules:
        if rule.id.rstrip(string.ascii_lowercase) != level.code:
            faults.append(KeyFault(key=f"{key}.id", reason=f"expected the level's code {level.code} and a letter"))
        for index, condition in enumerate(rule.conditions):
            if isinstance(condition, HoldsLevel) and condition.level not in codes:
                faults.append(KeyFault(key=f"{key}.conditions[{index}].level", reason="no such level in this file"))
            elif isinstance(condition, HoldsLevel) and codes.index(condition.level) >= codes.index(level.code):
                faults.append(KeyFault(key=f"{key}.conditions[{index}].level", reason="expected a lower level"))


def _check_marks(programme: Programme, faults: list[KeyFault]) -> None:
    codes = {level.code for level in programme.levels}
    for index, paper in enumerate(programme.papers):
        if not paper.levels or not set(paper.levels) <= codes or len(set(paper.levels)) != len(paper.levels):
            faults.append(KeyFault(key=f"paper[{index}].levels", reason="expected levels of this file, each once"))
    _fault_repeats(
        (
            (f"paper[{index}].{part}", f"{word} at level {level}")
            for index, paper in enumerate(programme.papers)
            for part, word in (("key", paper.key), ("name.zh", paper.name.zh), ("name.en", paper.name.en))
            for level in paper.levels
        ),
        faults,
    )
    for level in programme.levels:
        if not programme.papers_of(level.code):
            faults.append(KeyFault(key="paper", reason=f"no paper for level {level.code}"))
        if programme.grades and len(programme.papers_of(level.code)) != 1:
            # the source places one score into the bands; over several papers nobody has said which score that is
            faults.append(KeyFault(key="grade", reason=f"grades need exactly one paper, level {level.code} has others"))
    marking = programme.marking
    if not 0 < marking.pass_hundredths <= marking.full_hundredths:
        faults.append(KeyFault(key="marking.pass", reason="expected more than 0 and at most the full mark"))
    bounds = [band.from_hundredths for band in programme.grades]
    if bounds and (bounds != sorted(set(bounds), reverse=True) or bounds[0] > marking.full_hundredths or bounds[-1]):
        faults.append(KeyFault(key="grade", reason="expected lower bounds that fall from the full mark or less to 0"))
    if bounds and marking.pass_hundredths not in bounds:
        faults.append(KeyFault(key="grade", reason="expected a grade that begins at the pass mark"))
    _fault_repeats(((f"grade[{index}].code", band.code) for index, band in enumerate(programme.grades)), faults)


def _check_notes(programme: Programme, faults: list[KeyFault]) -> None:
    for name, notes in (("silence", programme.silences), ("conflict", programme.conflicts)):
        _fault_repeats(((f"{name}[{index}].subject", note.subject) for index, note in enumerate(notes)), faults)
    silent = {note.subject for note in programme.silences}
    for subject, missing in (
        ("training-hours", any(level.training_hours is None for level in programme.levels)),
        ("validity", programme.validity.stated_by is StatedBy.ISSUING_BODY),
        ("marking", programme.marking.stated_by is StatedBy.ISSUING_BODY),
        ("standard", programme.standard is None),
    ):
        # a figure that is left out, or not the source's, is never passed over in silence
        if missing and subject not in silent:
            faults.append(KeyFault(key="silence", reason=f"expected an entry with subject {subject}"))
