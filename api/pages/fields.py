"""A certificate's content as the rows of the paper."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from api.pages.catalogue import Catalogue, day
from registry.kernel.calendar import CHINA_TIME

Content = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One label with its value."""

    label: str
    value: str
    hint: str = ""
    mono: bool = False
    """The value is a code, set in a fixed-width face."""
    mono_hint: bool = False
    field: str = ""
    """Member of the credential, on a paper that the reader's browser fills in; `hint` is a second one then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a paper says: the head with the holder, and the rows below."""

    name: str
    name_latin: str
    achievement: str
    level: str
    number: str
    issuer: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """First and last valid day as printed; `until` is None for life."""

    begin: str | None
    until: str | None
    known: bool
    """False where nothing says when it ends."""


def paper_of(content: Content, words: Catalogue, *, replaced: bool) -> Paper:
    """Lay out the disclosed claims; what is absent is left out. `replaced`: a newer revision stands."""
    number = _text(content.get("licenseNumber"))
    return Paper(
        name=_text(content.get("name")),
        name_latin=_text(content.get("nameLatin")),
        achievement=_named(content.get("achievement"), "name", words),
        level=_named(content.get("level"), "targetName", words),
        number=number,
        issuer=words.pick(content.get("issuerName")) or "",
        rows=tuple(row for row in _rows(content, words, replaced=replaced) if row.value),
    )


def blank_paper(words: Catalogue) -> tuple[Row, ...]:
    """Give all rows that a paper may have, for the reader's browser to fill in; it takes away those without value."""
    second = {"nationalIdentityNumberMasked": "identityType"}
    order = (*_LABELS[:3], "contest", "edition", "event", "rank", *_LABELS[3:])
    return tuple(
        Row(
            label=words.text(f"fields.{name}"),
            value="",
            field=second.get(name, name),
            hint=name if name in second else "",
            mono=name in {"licenseNumber", "registrationNumber"},
            mono_hint=True,
        )
        for name in order
    )


def paper_words(words: Catalogue, *, replaced: bool) -> str:
    """Give the words that a browser needs to fill in a paper, as JSON; formats keep their placeholders."""
    kinds = ("resident-identity-card", "passport", "hk-macau-permit", "taiwan-permit", "other")
    return json.dumps(
        {
            "language": words.language,
            "list": words.text("punctuation.list"),
            "hours": words.text("fields.hours", n="{n}"),
            "score": words.text("fields.score", name="{name}", value="{value}"),
            "versioned": words.text("fields.versioned", name="{name}", version="{version}"),
            "forLife": words.text("fields.for_life"),
            "revision": words.text("fields.revision_replaced" if replaced else "fields.revision_n", n="{n}"),
            "types": {kind: words.text(f"identity_types.{kind}") for kind in kinds},
        },
        ensure_ascii=False,
    )


def validity_of(content: Content | None, evidence: Mapping[str, object]) -> Validity:
    """Give the validity from the claims (`nbf`, `exp` in seconds, the end exclusive), else from the evidence."""
    begin = None if content is None else _local_day(content.get("nbf"), 0)
    if content is not None and begin is not None:
        # `exp` is the first moment after the last valid day.
        return Validity(begin=begin, until=_local_day(content.get("exp"), -1), known=True)
    return Validity(
        begin=day(evidence.get("valid_from")),
        until=day(evidence.get("valid_until")),
        known="valid_until" in evidence,
    )


def _rows(content: Content, words: Catalogue, *, replaced: bool) -> list[Row]:
    label = {name: words.text(f"fields.{name}") for name in _LABELS}
    award = content.get("award")
    place = _text(content.get("place"))
    awarded = _text(content.get("awardedDate"))
    hours = content.get("trainingHours")
    revision = content.get("revision")
    revision_text = ""
    if isinstance(revision, int):
        revision_text = words.text("fields.revision_replaced" if replaced else "fields.revision_n", n=revision)
    rows = [
        Row(label=label["licenseNumber"], value=_text(content.get("licenseNumber")), mono=True),
        Row(label=label["registrationNumber"], value=_text(content.get("registrationNumber")), mono=True),
        Row(label=label["certificateType"], value=_named(content.get("certificateType"), "targetName", words)),
        _identity_row(content, label["nationalIdentityNumberMasked"], words),
        Row(label=label["specification"], value=_specification(content.get("achievement"), words)),
        *(
            Row(label=label[name], value=_named(content.get(name), "targetName", words))
            for name in ("occupation", "direction", "sector")
        ),
        Row(label=label["trainingHours"], value=words.text("fields.hours", n=hours) if isinstance(hours, int) else ""),
        Row(label=label["result"], value=_results(content, words)),
        Row(label=label["activityEndDate"], value=_text(content.get("activityEndDate"))),
        Row(label=label["awardedDate"], value=words.text("punctuation.list").join(filter(None, (awarded, place)))),
        Row(label=label["validUntil"], value=_end(content, words)),
        Row(label=label["issuerName"], value=words.pick(content.get("issuerName")) or ""),
        Row(label=label["revision"], value=revision_text),
    ]
    if isinstance(award, dict):
        rows[3:3] = [
            Row(label=words.text(f"fields.{name}"), value=_text(award.get(name)))
            for name in ("contest", "edition", "event", "rank")
        ]
    return rows


_LABELS = (
    "licenseNumber",
    "registrationNumber",
    "certificateType",
    "nationalIdentityNumberMasked",
    "specification",
    "occupation",
    "direction",
    "sector",
    "trainingHours",
    "result",
    "activityEndDate",
    "awardedDate",
    "validUntil",
    "issuerName",
    "revision",
)


def _identity_row(content: Content, label: str, words: Catalogue) -> Row:
    number = _text(content.get("nationalIdentityNumberMasked"))
    kind = _known(words, "identity_types", content.get("identityType"))
    if not kind:
        return Row(label=label, value=number, mono=True)
    return Row(label=label, value=kind, hint=number, mono_hint=True)


def _end(content: Content, words: Catalogue) -> str:
    if not isinstance(content.get("nbf"), int):
        return ""
    return _local_day(content.get("exp"), -1) or words.text("fields.for_life")


def _results(content: Content, words: Catalogue) -> str:
    results = content.get("result")
    parts = []
    for one in results if isinstance(results, list) else []:
        if isinstance(one, dict) and isinstance(one.get("value"), str):
            parts.append(words.text("fields.score", name=words.pick(one.get("name")) or "", value=one["value"]).strip())
    parts.append(_named(content.get("grade"), "targetName", words))
    return words.text("punctuation.list").join(filter(None, parts))


def _specification(achievement: object, words: Catalogue) -> str:
    if not isinstance(achievement, dict):
        return ""
    standard = achievement.get("standard")
    if isinstance(standard, dict):
        parts = (_named(standard, "name", words), _text(standard.get("number")), _text(standard.get("version")))
        return words.text("punctuation.list").join(filter(None, parts))
    version = _text(achievement.get("version"))
    name = _named(achievement, "name", words)
    return words.text("fields.versioned", name=name, version=version) if version else name


def _named(value: object, member: str, words: Catalogue) -> str:
    return (words.pick(value.get(member)) or "") if isinstance(value, dict) else ""


def _known(words: Catalogue, table: str, code: object) -> str:
    key = f"{table}.{code}"
    return words.text(key) if isinstance(code, str) and "." not in code and words.has(key) else ""


def _text(value: object) -> str:
    return value if isinstance(value, str) else str(value) if type(value) is int else ""


def _local_day(seconds: object, shift: int) -> str | None:
    if type(seconds) is not int or not 0 < seconds < 2**40:
        return None
    try:
        return datetime.fromtimestamp(seconds + shift, UTC).astimezone(CHINA_TIME).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):  # beyond the calendar
        return None
