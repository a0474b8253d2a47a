"""From the bytes of a subsidy file to a `SubsidyRule`: everything is checked, and every fault is reported at once.

1. decode and parse the TOML;
2. read every key by its type; a key that is missing, unknown or of another type is a fault;
3. check what keys say about each other, and that the examples of the source come out (only when step 2 found nothing).
"""

import hashlib
import re
from collections.abc import Hashable, Iterable
from functools import partial
from importlib.resources import files
from pathlib import Path

from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Digest
from registry.programme.examination import RoundingMode
from registry.programme.keys import KeyFault, Table, parsed
from registry.programme.subsidies.calculating import Rules, amount_in
from registry.programme.subsidies.model import (
    Amount,
    ConditionKind,
    Example,
    Fraction,
    PaidBefore,
    Period,
    Place,
    Remark,
    SubsidyCondition,
    SubsidyRule,
    plain_name,
)
from registry.programme.terms import LevelCode, ProgrammeCode, StatedBy

FORMAT = 1
"""The form of subsidy files that is read here."""
MAX_BYTES = 64 * 1024
"""Largest subsidy file."""
MOST_FEN = 100_000_000
"""A million yuan: what is above it is a mistake of writing."""

_ID = re.compile(r"[a-z]+(?:-[a-z]+)*\.[0-9]{4}\.[1-9][0-9]{0,2}")
_PROGRAMME = re.compile(r"[A-Z0-9][A-Z0-9-]{1,29}")
_LEVEL = re.compile(r"[A-Z0-9]{1,16}|-")
_OCCUPATION = re.compile(r"[0-9]-[0-9]{2}-[0-9]{2}-[0-9]{2}")


class SubsidyMalformed(MalformedInput):
    """A subsidy file cannot be taken; `faults` lists everything that is wrong with it."""

    code = "subsidy/malformed"

    def __init__(self, file: str, faults: tuple[KeyFault, ...]) -> None:
        self.file, self.faults = file, faults
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"subsidy file {file}: {first.key or 'whole file'}: {first.reason}{more}")


def read_subsidy(data: bytes, *, file: str) -> SubsidyRule:
    """Read one subsidy file (TOML, UTF-8). `file` is its name for errors. Raises SubsidyMalformed."""
    values = parsed(data, partial(SubsidyMalformed, file), most=MAX_BYTES)  # 1
    faults: list[KeyFault] = []
    top = Table(values, "", faults)
    rule = _rule(top, Digest(hashlib.sha256(data).digest()))  # 2
    top.close()
    if not faults:
        faults += _disagreements(rule)  # 3
    if faults:
        raise SubsidyMalformed(file, tuple(faults))
    return rule


def load_subsidies(extra_folder: Path | None = None) -> Rules:
    """Read the files that come with the package, and those of `extra_folder`, laid out as `PROGRAMME/ID.toml`.

    Raises SubsidyMalformed, also where folder or file name differ from the content, or two rules hold on one day.
    """
    found: list[tuple[str, str, bytes]] = []
    for folder in files("registry.programme.subsidies").joinpath("data").iterdir():
        if folder.is_dir():
            found += [(folder.name, one.name, one.read_bytes()) for one in folder.iterdir()]
    if extra_folder is not None:
        found += [(path.parent.name, path.name, path.read_bytes()) for path in extra_folder.glob("*/*.toml")]
    rules: list[SubsidyRule] = []
    for place, name, data in sorted(found):
        if name.endswith(".toml"):
            rules.append(_placed(place, name, data, rules))
    return Rules(tuple(rules))


def _placed(folder: str, name: str, data: bytes, earlier: Iterable[SubsidyRule]) -> SubsidyRule:
    file = f"{folder}/{name}"
    rule = read_subsidy(data, file=file)
    expected = f"{rule.programme}/{rule.id}.toml"
    if file != expected:
        raise SubsidyMalformed(file, (KeyFault(key="id", reason=f"expected the file to be called {expected}"),))
    for one in earlier:
        same = one.programme == rule.programme and _names(one) & _names(rule)
        if same and one.period.overlaps(rule.period):
            raise SubsidyMalformed(file, (KeyFault(key="period", reason=f"overlaps that of {one.id}"),))
    return rule


def _names(rule: SubsidyRule) -> set[str]:
    return {plain_name(rule.region.zh), *(plain_name(one.name.zh) for one in rule.places)}


def _rule(top: Table, digest: Digest) -> SubsidyRule:
    top.integer("format", FORMAT, FORMAT)
    return SubsidyRule(
        id=top.text("id", _ID),
        programme=ProgrammeCode(top.text("programme", _PROGRAMME)),
        digest=digest,
        region=top.bilingual("region"),
        source=top.bilingual("source"),
        period=top.required_table("period", _period),
        amounts=top.each("amount", _amount, at_least=1),
        places=top.each("place", _place),
        conditions=top.each("condition", _condition, at_least=1),
        open_list=top.flag("open_list"),
        paid_before=top.required_table("paid_before", _paid_before),
        fraction=top.required_table("fraction", _fraction),
        examples=top.each("example", _example),
        remarks=top.each("remark", _remark),
    )


def _period(table: Table) -> Period:
    return Period(
        first=table.day("from"),
        last=table.optional_day("until"),
        stated_by=table.choice("stated_by", StatedBy),
        source=table.bilingual("source"),
    )


def _amount(table: Table) -> Amount:
    by_local_rule = table.flag("by_local_rule")
    fen = table.optional_integer("fen", 1, MOST_FEN)
    if by_local_rule == (fen is not None):
        table.fault("fen", "expected either fen or by_local_rule = true")
    return Amount(
        level=LevelCode(table.text("level", _LEVEL)),
        fen=fen,
        stated_by=table.choice("stated_by", StatedBy),
        source=table.bilingual("source"),
    )


def _place(table: Table) -> Place:
    return Place(
        name=table.bilingual("name"),
        more_percent=table.integer("more_percent", 0, 1000),
        source=table.bilingual("source"),
    )


def _condition(table: Table) -> SubsidyCondition:
    return SubsidyCondition(
        kind=table.choice("kind", ConditionKind), text=table.bilingual("text"), source=table.bilingual("source")
    )


def _paid_before(table: Table) -> PaidBefore:
    return PaidBefore(
        occupation=table.text("occupation", _OCCUPATION), text=table.bilingual("text"), source=table.bilingual("source")
    )


def _fraction(table: Table) -> Fraction:
    return Fraction(
        mode=table.choice("mode", RoundingMode),
        unit_fen=table.integer("unit_fen", 1, 100_000),
        stated_by=table.choice("stated_by", StatedBy),
    )


def _example(table: Table) -> Example:
    return Example(
        place=table.text("place"),
        level=LevelCode(table.text("level", _LEVEL)),
        fen=table.integer("fen", 1, MOST_FEN),
    )


def _remark(table: Table) -> Remark:
    return Remark(text=table.bilingual("text"), source=table.bilingual("source"))


def _disagreements(rule: SubsidyRule) -> list[KeyFault]:
    faults = [
        KeyFault(key=f"{name}[{index}]", reason="the same one twice")
        for name, values in (
            ("amount", [one.level for one in rule.amounts]),
            ("place", [plain_name(one.name.zh) for one in rule.places]),
            ("condition", [one.kind for one in rule.conditions]),
        )
        for index in _repeats(values)
    ]
    if rule.period.last is not None and rule.period.last < rule.period.first:
        faults.append(KeyFault(key="period.until", reason="expected a day not before from"))
    if rule.open_list != any(one.kind is ConditionKind.JUDGED for one in rule.conditions):
        faults.append(KeyFault(key="open_list", reason="expected true exactly where a condition is judged"))
    for index, example in enumerate(rule.examples):
        if not rule.covers(example.place):
            faults.append(KeyFault(key=f"example[{index}].place", reason="expected the region or one of the places"))
            continue
        found = amount_in(rule, example.level, example.place)
        if found != example.fen:
            faults.append(KeyFault(key=f"example[{index}].fen", reason=f"the rule gives {found}, not {example.fen}"))
    return faults


def _repeats(values: Iterable[Hashable]) -> list[int]:
    seen: set[Hashable] = set()
    found = []
    for index, one in enumerate(values):
        if one in seen:
            found.append(index)
        seen.add(one)
    return found
