"""From the bytes of a programme file to a `Programme`: everything is checked, and every fault is reported at once.

1. decode and parse the TOML;
2. read every key by its type; a key that is missing, unknown or of another type is a fault;
3. check what keys say about each other (only when step 2 found nothing, so that one mistake is one fault);
4. take the digest of the bytes.
"""

import hashlib
import re
from dataclasses import replace
from functools import partial

from registry.kernel.identifiers import Digest, IdentifierMalformed, ScopeCode, scope_code
from registry.programme.agreement import disagreements
from registry.programme.keys import SLUG, KeyFault, ProgrammeMalformed, Table, parsed
from registry.programme.model import (
    CertificateField,
    CertificateRules,
    CertificateType,
    Direction,
    Form,
    FormField,
    Level,
    NumberScheme,
    Occupation,
    Programme,
    Sector,
    Standard,
    Validity,
)
from registry.programme.reading_conditions import LEVEL, read_rule
from registry.programme.reading_examination import (
    read_function,
    read_grade,
    read_levels,
    read_marking,
    read_paper,
    read_retake,
    read_rounding,
    read_session,
    read_staffing,
    read_venue,
    read_weights,
)
from registry.programme.terms import (
    Bilingual,
    DirectionCode,
    LevelCode,
    ProgrammeCode,
    SectorCode,
    SourceNote,
    StatedBy,
)
from registry.programme.training import TeacherRule, TitleGrade, Training, TrainingUnit, WorkFunction

FORMAT = 1
"""The form of programme files that is read here; another form is a sibling module."""
MAX_BYTES = 256 * 1024
"""Largest programme file."""

_CODE = re.compile(r"[A-Z0-9][A-Z0-9-]{1,29}")
_VERSION = re.compile(r"[0-9]{4}\.[1-9][0-9]{0,2}")
_OCCUPATION = re.compile(r"[0-9]-[0-9]{2}-[0-9]{2}-[0-9]{2}")


def read_programme(data: bytes, *, file: str) -> Programme:
    """Read one programme file (TOML, UTF-8). `file` is its name for errors. Raises ProgrammeMalformed."""
    values = parsed(data, partial(ProgrammeMalformed, file), most=MAX_BYTES)  # 1
    faults: list[KeyFault] = []
    top = Table(values, "", faults)
    programme = _programme(top, data, Digest(hashlib.sha256(data).digest()))  # 2 and 4
    top.close()
    if not faults:
        faults += disagreements(programme)  # 3
    if faults:
        raise ProgrammeMalformed(file, tuple(faults))
    return programme


def _programme(top: Table, data: bytes, digest: Digest) -> Programme:
    top.integer("format", FORMAT, FORMAT)
    code = ProgrammeCode(top.text("code", _CODE))
    levels = top.each("level", lambda table: _level(table, code), at_least=1)
    every_level = tuple(level.code for level in levels)
    certificate_type = top.choice("certificate_type", CertificateType)
    examined = certificate_type not in {CertificateType.COMPETITION_AWARD, CertificateType.TRAINING_HOURS}
    # a missing table is one fault where everything depends on it; papers may each have their own instead
    marking = top.optional_table("marking", read_marking)
    if examined and marking is None and not top.has("paper"):
        top.fault("marking", "missing: expected a table")
    return Programme(
        code=code,
        version=top.text("version", _VERSION),
        document=data,
        digest=digest,
        effective_from=top.day("effective_from"),
        name=top.bilingual("name"),
        authority=top.bilingual("authority"),
        certificate_type=certificate_type,
        number_scheme=top.choice("number_scheme", NumberScheme),
        occupation=top.optional_table("occupation", _occupation),
        standard=top.optional_table("standard", _standard),
        source=top.bilingual("source"),
        hours_of=ProgrammeCode(top.text("hours_of", _CODE)) if top.has("hours_of") else None,
        levels=_with_requirements(top, levels, every_level),
        directions=top.each("direction", lambda table: _direction(table, every_level)),
        sectors=top.each("sector", _sector),
        form=top.optional_table("form", _form),
        training=top.each("training", lambda table: _training(table, every_level)),
        units=top.each("unit", lambda table: _unit(table, every_level)),
        teachers=top.each("teacher", lambda table: _teacher(table, every_level)),
        papers=top.each("paper", lambda table: read_paper(table, every_level, marking), at_least=int(examined)),
        marking=marking,
        grades=top.each("grade", read_grade),
        functions=top.each("function", read_function),
        weights=tuple(column for columns in top.each("weights", read_weights) for column in columns),
        rounding=top.optional_table("rounding", read_rounding),
        retake=top.optional_table("retake", read_retake),
        session=top.optional_table("session", read_session),
        staffing=top.each("staffing", read_staffing),
        venues=top.each("venue", read_venue),
        certificate=top.optional_table("certificate", _certificate),
        validity=top.required_table("validity", _validity),
        silences=top.each("silence", _note),
        conflicts=top.each("conflict", _note),
        notes=top.each("note", _note),
    )


def _occupation(table: Table) -> Occupation:
    return Occupation(code=table.text("code", _OCCUPATION), name=table.bilingual("name"))


def _standard(table: Table) -> Standard:
    return Standard(
        name=table.bilingual("name"),
        number=table.optional_text("number"),
        version=table.optional_text("version"),
        in_force_from=table.optional_day("in_force_from"),
    )


def _level(table: Table, programme: ProgrammeCode) -> Level:
    code = LevelCode(table.text("code", LEVEL))
    return Level(
        code=code,
        scope=_scope(table, programme, code),
        name=table.bilingual("name"),
        rules=table.each("rule", read_rule, at_least=1),
        requirements=(),
        training_hours=table.optional_integer("training_hours", 1, 2000),
        work=table.each("work", _work),
    )


def _scope(table: Table, programme: ProgrammeCode, code: LevelCode) -> ScopeCode:
    try:
        return scope_code(f"{programme}/{code}")
    except IdentifierMalformed as malformed:
        table.fault("code", str(malformed))
        return ScopeCode("")


def _work(table: Table) -> WorkFunction:
    return WorkFunction(name=table.bilingual("function"), items=table.bilinguals("items"))


def _with_requirements(top: Table, levels: tuple[Level, ...], every_level: tuple[LevelCode, ...]) -> tuple[Level, ...]:
    """Give each level what must hold besides its rules; it is written once for all levels that it is for."""
    read = top.each("requirement", lambda table: (read_levels(table, every_level), read_rule(table, SLUG)))
    return tuple(
        replace(level, requirements=tuple(rule for codes, rule in read if level.code in codes)) for level in levels
    )


def _direction(table: Table, every_level: tuple[LevelCode, ...]) -> Direction:
    return Direction(
        code=DirectionCode(table.text("code", SLUG)),
        name=table.bilingual("name"),
        levels=read_levels(table, every_level),
    )


def _sector(table: Table) -> Sector:
    return Sector(code=SectorCode(table.text("code", SLUG)), name=table.bilingual("name"))


def _form(table: Table) -> Form:
    return Form(
        required=table.choices("required", FormField),
        optional=table.choices("optional", FormField),
        photograph=table.optional_bilingual("photograph"),
        source=table.bilingual("source"),
    )


def _training(table: Table, every_level: tuple[LevelCode, ...]) -> Training:
    return Training(
        levels=read_levels(table, every_level), text=table.bilingual("text"), source=table.bilingual("source")
    )


def _unit(table: Table, every_level: tuple[LevelCode, ...]) -> TrainingUnit:
    return TrainingUnit(
        name=table.bilingual("name"), levels=read_levels(table, every_level), hours=table.integer("hours", 1, 2000)
    )


def _teacher(table: Table, every_level: tuple[LevelCode, ...]) -> TeacherRule:
    return TeacherRule(
        levels=read_levels(table, every_level),
        holds_level=LevelCode(table.text("holds_level", LEVEL)),
        title=table.choice("title", TitleGrade),
        text=table.bilingual("text"),
        source=table.bilingual("source"),
    )


def _certificate(table: Table) -> CertificateRules:
    return CertificateRules(
        fields=table.choices("fields", CertificateField),
        own_additions=table.choices("own_additions", CertificateField),
        registration_number=table.optional_bilingual("registration_number"),
        statement=table.optional_bilingual("statement"),
        after_training=table.flag("after_training"),
        lookup=table.optional_bilingual("lookup"),
        talent_database=table.optional_bilingual("talent_database"),
        source=table.bilingual("source"),
    )


def _validity(table: Table) -> Validity:
    for_life = table.flag("for_life")
    months = table.optional_integer("months", 1, 1200)
    if for_life == (months is not None):
        table.fault("months", "expected either for_life = true or months")
    return Validity(months=months, stated_by=table.choice("stated_by", StatedBy))


def _note(table: Table) -> SourceNote:
    used: Bilingual | None = table.optional_bilingual("used")
    return SourceNote(subject=table.text("subject", SLUG), text=table.bilingual("text"), used=used)
