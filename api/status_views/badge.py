"""The badge: one word on how a certificate stands, for other people's pages. It tells nothing else.

Its address is the place in the status list that the certificate itself names; from there no way leads to the
certificate's key, number or holder. A place that is not used, one of a certificate whose content was erased and one
about which nothing can be said at the moment look alike.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from html import escape
from typing import Final, Literal

from registry.kernel.calendar import CHINA_TIME
from registry.verification.model import NoticeKind, Outcome, Report

Language = Literal["zh", "en"]


class Standing(StrEnum):
    """The words of a badge."""

    VALID = "valid"
    SUPERSEDED = "superseded"
    SUSPENDED = "suspended"
    EXPIRED = "expired"
    NOT_YET_VALID = "not-yet-valid"
    REVOKED = "revoked"
    NOT_RELIABLE = "not-reliable"
    """Altered, not the issuer's, or not recorded: details are for those who have the certificate."""
    CANNOT_SAY = "cannot-say"


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """What a badge says."""

    standing: Standing
    as_of: datetime
    """When this was true: the last reading of the chain; where nothing is said, the moment of asking."""
    test_chain: bool


_NOT_RELIABLE: Final = frozenset({Outcome.ALTERED, Outcome.NOT_RECOGNISED, Outcome.NOT_REGISTERED})
_WORDS: Final[Mapping[Standing, tuple[str, str]]] = {
    Standing.VALID: ("有效", "Valid"),
    Standing.SUPERSEDED: ("已有新版代替", "Replaced"),
    Standing.SUSPENDED: ("暂停使用", "Suspended"),
    Standing.EXPIRED: ("已过期", "Expired"),
    Standing.NOT_YET_VALID: ("未到生效日期", "Not valid yet"),
    Standing.REVOKED: ("已被撤销", "Revoked"),
    Standing.NOT_RELIABLE: ("请勿采信", "Do not rely on it"),
    Standing.CANNOT_SAY: ("现在无法确认", "Cannot say now"),
}
_ABOUT: Final = ("证书状态", "Certificate")
_TEST: Final = ("测试链，不是真实证书", "test chain: not a real certificate")
# Filled = settled, outline = may change or leads on, dashed = not known; on a field of 24 units.
_SHAPES: Final[Mapping[Standing, str]] = {
    Standing.VALID: (
        '<circle cx="12" cy="12" r="11" class="solid"/><path d="m6.500 12.500 3.500 3.500 7.500-8" class="knock"/>'
    ),
    Standing.SUPERSEDED: '<path d="M5 16H3V2h11v3"/><path d="M8 7h13v15H8zm3 7.500h7m-3-3 3 3-3 3"/>',
    Standing.SUSPENDED: '<rect x="2" y="2" width="20" height="20" rx="4.500"/><path d="M9.500 8v8m5-8v8"/>',
    Standing.EXPIRED: '<path d="M5 2h14M5 22h14M7 2v4c0 3 5 4 5 6s-5 3-5 6v4M17 2v4c0 3-5 4-5 6s5 3 5 6v4"/>',
    Standing.NOT_YET_VALID: '<path d="M2 5h20v17H2zm0 6h20M7 2v5m10-5v5m-9 9h7m-3-3 3 3-3 3"/>',
    Standing.REVOKED: (
        '<path d="M7.500 1h9L23 7.500v9L16.500 23h-9L1 16.500v-9z" class="solid"/>'
        '<path d="m8 8 8 8m0-8-8 8" class="knock"/>'
    ),
    Standing.NOT_RELIABLE: (
        '<path d="M12 0 24 12 12 24 0 12z" class="solid"/><path d="M12 6v7.500m0 3v1.500" class="knock"/>'
    ),
    Standing.CANNOT_SAY: (
        '<circle cx="12" cy="12" r="10.500" stroke-dasharray="4.200 2.400"/>'
        '<path d="M9 10a3 3 0 1 1 4.500 2.600c-1 .6-1.500 1.200-1.500 2.200m0 2.200v.9"/>'
    ),
}
_TONES: Final[Mapping[Standing, str]] = {
    Standing.VALID: "jade",
    Standing.SUPERSEDED: "indigo",
    Standing.SUSPENDED: "ochre",
    Standing.EXPIRED: "ochre",
    Standing.NOT_YET_VALID: "ochre",
    Standing.REVOKED: "ink",
    Standing.NOT_RELIABLE: "ink",
    Standing.CANNOT_SAY: "slate",
}
# The colours of the pages (pages/README); a badge is a document of its own and cannot use their style sheet.
_STYLE: Final = (
    ".sheet{fill:#fffdf7;stroke:#8a806f}.ink{color:#1f1b17}.jade{color:#1b6148}.indigo{color:#27457b}"
    ".ochre{color:#7d5000}.slate{color:#445364}.word{font:700 16px sans-serif;fill:currentColor}"
    ".more{font:12px sans-serif;fill:#50493f}.test{font:700 11px sans-serif;fill:#7d5000}"
    ".shape{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}"
    ".solid{fill:currentColor;stroke:none}.knock{stroke:#fffdf7;stroke-width:3}"
    "@media (prefers-color-scheme:dark){.sheet{fill:#1f1b16}.ink{color:#f2ebde}.jade{color:#82c7a5}"
    ".indigo{color:#a5c0f2}.ochre{color:#e3b45c}.slate{color:#b1bfce}.more{fill:#c9bfae}.test{fill:#e3b45c}"
    ".knock{stroke:#1f1b16}}"
)
BADGE_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'"
)
"""Content-Security-Policy of a badge that is opened by itself: its one style sheet, by digest."""
_WIDTH: Final = 264


def badge_of(report: Report | None, now: datetime) -> Badge:
    """Keep of a verdict what a badge may tell; None = there is nothing at that place."""
    if report is None:
        return Badge(standing=Standing.CANNOT_SAY, as_of=now, test_chain=False)
    standing = Standing.NOT_RELIABLE if report.outcome in _NOT_RELIABLE else Standing.CANNOT_SAY
    if report.outcome.value in {one.value for one in Standing}:
        standing = Standing(report.outcome.value)
    read = [one.freshness.read_at for one in report.findings if one.freshness is not None]
    return Badge(
        standing=standing,
        as_of=max(read) if read and standing is not Standing.CANNOT_SAY else now,
        test_chain=any(notice.kind is NoticeKind.TEST_CHAIN for notice in report.notices),
    )


def badge_address(public_base_url: str, issuer: str, number: int, index: int) -> str:
    """Give the address of a badge without its ending `.svg` or `.json`."""
    return f"{public_base_url}/badge/{issuer}/{number}/{index}"


def badge_json(badge: Badge) -> bytes:
    """Write a badge for programs: `status as_of test_chain label`, the label in both languages."""
    zh, en = _WORDS[badge.standing]
    document = {
        "status": badge.standing.value,
        "as_of": badge.as_of.astimezone(CHINA_TIME).isoformat(timespec="seconds"),
        "test_chain": badge.test_chain,
        "label": {"zh": zh, "en": en},
    }
    return json.dumps(document, ensure_ascii=False).encode()


def badge_svg(badge: Badge, language: Language) -> bytes:
    """Draw a badge: shape, word, date; no script, no link, nothing from elsewhere."""
    place = 0 if language == "zh" else 1
    word, about = _WORDS[badge.standing][place], _ABOUT[place]
    day = badge.as_of.astimezone(CHINA_TIME).date().isoformat()
    dated = f"截至{day}" if language == "zh" else f"as of {day}"
    test, height = (_TEST[place], 76) if badge.test_chain else ("", 56)
    comma = "，" if language == "zh" else ", "
    told = comma.join(part for part in (about, word, dated, test) if part)
    marked = f'<text class="test" x="12" y="66">{escape(test)}</text>' if test else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" viewBox="0 0 {_WIDTH} {height}"'
        f' role="img" lang="{"zh-CN" if language == "zh" else "en"}"><title>{escape(told)}</title>'
        f"<style>{_STYLE}</style>"
        f'<rect class="sheet" x=".5" y=".5" width="{_WIDTH - 1}" height="{height - 1}" rx="6"/>'
        f'<g class="{_TONES[badge.standing]}"><g class="shape" transform="translate(12 14) scale(1.167)">'
        f"{_SHAPES[badge.standing]}</g>"
        f'<text class="word" x="52" y="27">{escape(word)}</text></g>'
        f'<text class="more" x="52" y="45">{escape(about + comma + dated)}</text>{marked}</svg>'
    ).encode()
