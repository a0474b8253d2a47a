"""A signed receipt as a page: one sheet, Chinese and English, with the statement inside the file.

Drawn from the signed statement alone, so that the page says nothing which is not signed: the same receipt gives the
same bytes. What counts is the statement; whoever draws another page around it changes no re-check.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from api.pages.catalogue import LANGUAGES, Catalogue, catalogue
from api.pages.verdict import Panel, verdict_page
from registry.delivery.typesetting import Attachment, typeset
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonObject, JsonValue, b64url
from registry.kernel.statements import Statement
from registry.verification.model import Freshness
from registry.verification.receipts import (
    RECEIPT_NAME,
    AskedBy,
    VerificationReceipt,
    parse_verification_receipt,
    report_of,
)

_TEMPLATE: Final = "receipt"
_INKS: Final[Mapping[Panel, tuple[str, str]]] = {
    "valid": ("#1b6148", "#fffdf7"),
    "plain": ("#50493f", "#fffdf7"),
    "indigo": ("#27457b", "#e7ecf3"),
    "ochre": ("#7d5000", "#f8ecd0"),
    "slate": ("#445364", "#ebedeb"),
    "dead": ("#fdf9f0", "#221e1a"),
}
"""Ink and ground of each panel, as on the pages in their light form."""
_TONES: Final = {"passed": "#1b6148", "grey": "#6a6256", "failed": "#221e1a", "unknown": "#445364"}
_SHEET: Final = "#fffdf7"
_KNOCKED_OUT: Final = re.compile(r'class="knock"')
_UNWANTED: Final = re.compile(r'\s(?:class|focusable|aria-hidden)="[^"]*"')


def receipt_pdf(signed: Statement) -> bytes:
    """Draw a receipt as PDF/A-3a with the statement attached. Raises GlyphMissing for what no font can set."""
    data = signed.to_bytes()
    read = parse_verification_receipt(data)
    return typeset(
        _TEMPLATE,
        _values(read),
        attachments=(
            Attachment(
                name=RECEIPT_NAME,
                media_type="application/json",
                relationship="source",
                description="The signed verification receipt, for re-checking",
                data=data,
            ),
        ),
        at=signed.issued_at,
    )


def _values(read: VerificationReceipt) -> JsonObject:
    signed = read.statement
    return {
        "title": _both("receipt.title_list" if read.is_of_list else "receipt.title"),
        "host": signed.iss.partition("://")[2].partition("/")[0],
        "issuer": signed.issuer,
        "id": signed.jti.removeprefix("urn:uuid:"),
        "signed": _clock(read),
        "key": b64url(signed.key.thumbprint()),
        "purpose": read.purpose,
        "digest": None if signed.digest is None else signed.digest.hex(),
        "labels": {name: _both(f"receipt.labels.{name}") for name in _LABELS},
        "subject": _subject(read),
        "sources": _sources(read),
        "steps": _pairs("receipt.steps"),
        "word": _both("receipt.words_list" if read.is_of_list else "receipt.words"),
        "verdict": None if read.is_of_list else _verdict(read),
        "counts": [
            {
                "icon": _icon("outcome", outcome.value, "#50493f"),
                "count": f"{count:,}",
                **_both(f"outcomes.{outcome}.word"),
            }
            for outcome, count in read.counts.items()
        ],
        "rows": f"{read.rows or 0:,}",
    }


_LABELS: Final = (
    "certificate",
    "revision",
    "asked",
    "digest",
    "file_digest",
    "checks",
    "notices",
    "chain_state",
    "block",
    "block_hash",
    "read",
    "chain",
    "trust_root",
    "purpose",
    "no_purpose",
    "recheck",
    "signed",
    "key",
    "rows",
    "outcomes",
)


def _verdict(read: VerificationReceipt) -> JsonObject:
    report = report_of(read)
    zh, en = (verdict_page(report, catalogue(language), entrance="document", contacts={}) for language in LANGUAGES)
    ink, ground = _INKS[zh.panel]
    stamp_zh, stamp_en = zh.stamp, en.stamp
    return {
        "headline": {"zh": zh.headline, "en": en.headline},
        "sentence": {"zh": zh.sentence, "en": en.sentence},
        "ink": ink,
        "ground": ground,
        "panel": zh.panel,
        "stamp": None
        if stamp_zh is None or stamp_en is None
        else {"zh": stamp_zh.word, "en": stamp_en.word, "date": stamp_zh.date, "test": stamp_zh.test},
        "icon": _icon("outcome", zh.icon, ink, ground),
        "questions": [
            {
                "number": one.number,
                "deciding": one.deciding,
                "tone": _TONES[one.tone],
                "icon": _icon("answer", one.tone, _TONES[one.tone], _SHEET),
                "question": {"zh": one.question, "en": other.question},
                "word": {"zh": one.word, "en": other.word},
                "text": {"zh": one.text, "en": other.text},
            }
            for one, other in zip(zh.questions, en.questions, strict=True)
        ],
        "notices": [
            {"zh": one.text, "en": other.text, "warning": one.warning, "icon": _icon("notice", one.warning, "#7d5000")}
            for one, other in zip(zh.notices, en.notices, strict=True)
        ],
        "code": read.code,
    }


def _subject(read: VerificationReceipt) -> JsonObject:
    digest = read.asked.digest
    return {
        "number": read.number,
        "revision": read.revision,
        "asked": {
            language: catalogue(language).text(
                f"receipt.asked.{read.asked.by.value}", number=read.asked.number or "", rows=f"{read.rows or 0:,}"
            )
            for language in LANGUAGES
        },
        "asked_digest": digest.hex() if digest is not None and read.asked.by is AskedBy.DOCUMENT else None,
    }


def _sources(read: VerificationReceipt) -> JsonObject:
    freshness, chain = read.freshness, read.chain
    return {
        "block": None if freshness is None else f"{freshness.block:,}",
        "hash": None if freshness is None or freshness.block_hash is None else "0x" + freshness.block_hash.hex(),
        "time": None if freshness is None else _time(freshness),
        "read": None
        if freshness is None
        else {language: _read_line(freshness, catalogue(language)) for language in LANGUAGES},
        "chain": str(chain.contract),
        "trust_root": chain.trust_root.hex(),
    }


def _read_line(freshness: Freshness, words: Catalogue) -> str:
    read_at = freshness.read_at.astimezone(CHINA_TIME)
    return words.text(
        "receipt.read_one" if freshness.nodes == 1 else "receipt.read",
        time=f"{read_at:%Y-%m-%d %H:%M:%S}",
        age=words.age(freshness.age_seconds),
        nodes=freshness.nodes,
    )


def _clock(read: VerificationReceipt) -> str:
    return f"{read.statement.issued_at.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S} +08:00"


def _time(freshness: Freshness) -> str:
    return f"{freshness.time.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S} +08:00"


def _both(key: str) -> JsonObject:
    zh, en = (catalogue(language).text(key) for language in LANGUAGES)
    return {"zh": zh, "en": en}


def _pairs(key: str) -> list[JsonValue]:
    zh, en = (catalogue(language).lines(key) for language in LANGUAGES)
    return [{"zh": one, "en": other} for one, other in zip(zh, en, strict=True)]


@cache
def _icons() -> Environment:
    return Environment(loader=PackageLoader("api.pages"), undefined=StrictUndefined, autoescape=True)


def _icon(macro: str, name: object, ink: str, ground: str = _SHEET) -> str:
    """Take a shape from the pages' own, with the colours of paper in it."""
    shape = str(getattr(_icons().get_template("icons.html").module, macro)(name))
    shape = _KNOCKED_OUT.sub(f'stroke="{ground}" fill="none"', shape)
    shape = _UNWANTED.sub("", shape).replace("currentColor", ink).strip()
    return shape.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
