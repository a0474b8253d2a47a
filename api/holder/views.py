"""What the holder's templates set: certificates, choices and links, already in words."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from api.pages.catalogue import Catalogue
from api.pages.fields import paper_of, validity_of
from api.pages.verdict import NoticeView, notices_of
from registry.kernel.calendar import CHINA_TIME
from registry.ports.access import Share
from registry.verification import NoticeKind, Outcome
from registry.workflows.holders.hold import Held
from registry.workflows.holders.share import (
    BY_LINK,
    LONGEST_TERM,
    MOST_DAYS,
    SHOWABLE,
    USUAL,
    USUAL_DAYS,
    Field,
    fields_in,
    form_key,
    last_day,
)

_LONGEST_SHOWN: Final = 200
"""Characters of what was typed and refused."""
DUE_DAYS: Final = 90
"""So many days before its end a certificate is marked."""
_TONES: Final[Mapping[Outcome, str]] = {
    Outcome.VALID: "jade",
    Outcome.SUPERSEDED: "indigo",
    Outcome.SUSPENDED: "ochre",
    Outcome.EXPIRED: "ochre",
    Outcome.NOT_YET_VALID: "ochre",
    Outcome.REVOKED: "dead",
    Outcome.CANNOT_CONFIRM: "slate",
    Outcome.PENDING: "slate",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One revision of a certificate."""

    number: str
    key: str
    title: str
    level: str
    issuer: str
    until: str
    """Last valid day, or the word for life; empty where it is not known."""
    mark: str
    """How it stands, in one word; near its end the day."""
    tone: str
    revision: int
    state: str
    """The judge's outcome."""
    state_word: str
    due: bool
    showable: bool
    portrait: bool
    """The certificate names a photograph, which its own address shows."""
    notices: tuple[NoticeView, ...]
    """The same as beside the verdict: test chain, one node, age of what is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One field that may be shown or not."""

    name: str
    label: str
    code: str
    """What of the identity number stays visible."""
    ticked: bool
    grave: bool
    """Shown with a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A form of terms: what was typed, what may be."""

    key: str
    """Drawn for this form: sent twice it makes one link."""
    audience: str
    purpose: str
    until: str
    first: str
    """The first day that may be chosen."""
    last: str
    longest: int
    """Characters of audience and purpose."""
    purposes: tuple[str, ...]
    """Usual ones, to choose from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareView:
    """One link of the holder's."""

    id: str
    audience: str
    terms: str
    opened: str
    ended: str
    """When and why it ended; empty while it is open."""


def card_of(held: Held, words: Catalogue, now: datetime) -> Card:
    """Lay out one revision; what it says comes from the judged content."""
    report, reservation = held.report, held.certificate.reservation
    content = report.content or {}
    paper = paper_of(content, words, replaced=report.outcome is Outcome.SUPERSEDED)
    validity = validity_of(content, {})
    word = words.text(f"outcomes.{report.outcome}.word")
    valid = report.outcome is Outcome.VALID
    due = valid and validity.until is not None and _is_near(validity.until, now)
    mark, tone = word, _TONES.get(report.outcome, "dead")
    if due:
        mark, tone = words.text("holder.due", date=str(validity.until)), "ochre"
    if valid and any(one.kind is NoticeKind.TEST_CHAIN for one in report.notices):
        # As on the verdict's own page: what stands on a test chain is never green.
        mark, tone = words.text("holder.on_test", mark=mark), "plain"
    return Card(
        number=reservation.number,
        key=reservation.key,
        title=paper.achievement or reservation.number,
        level=paper.level,
        issuer=paper.issuer,
        until=validity.until or (words.text("holder.for_life") if validity.known else ""),
        mark=mark,
        tone=tone,
        revision=reservation.revision,
        state=report.outcome.value,
        state_word=word,
        due=due,
        showable=report.outcome in SHOWABLE,
        portrait="portrait" in content and report.outcome is not Outcome.PENDING,
        notices=notices_of(report, words),
    )


def choices_of(held: Held, words: Catalogue, ticked: Collection[str] | None, *, by_link: bool) -> tuple[Choice, ...]:
    """Give what a certificate has to show; `ticked` None = as it is usual."""
    content = held.report.content or {}
    has = fields_in(held.certificate)
    mask = str(content.get(Field.MASKED_NUMBER.value) or "")
    found = []
    for one in Field:
        if one not in has or (by_link and one not in BY_LINK):
            continue
        is_mask = one is Field.MASKED_NUMBER
        label = words.text(f"holder.fields.{one}_bare" if is_mask and not mask else f"holder.fields.{one}", shown="{}")
        found.append(
            Choice(
                name=one.value,
                label=label,
                code=mask if is_mask else "",
                ticked=one in USUAL if ticked is None else one.value in ticked,
                grave=one is Field.WHOLE_NUMBER,
            )
        )
    return tuple(found)


def share_views(shares: Sequence[Share], words: Catalogue, now: datetime) -> tuple[ShareView, ...]:
    """Lay out links."""
    return tuple(_share_view(one, words, now) for one in shares)


def entry_of(typed: Mapping[str, str] | None, words: Catalogue, now: datetime) -> Entry:
    """Give what a form of terms holds; `typed` None = nobody has typed yet."""
    today = _today(now)
    known = {"until": (today + timedelta(days=USUAL_DAYS)).isoformat()} if typed is None else typed
    return Entry(
        key=form_key(known.get("key", "")),
        audience=known.get("audience", "")[:_LONGEST_SHOWN],
        purpose=known.get("purpose", "")[:_LONGEST_SHOWN],
        until=known.get("until", "")[:_LONGEST_SHOWN],
        first=today.isoformat(),
        last=(today + timedelta(days=MOST_DAYS)).isoformat(),
        longest=LONGEST_TERM,
        purposes=tuple(words.lines("holder.terms.purposes")),
    )


def _share_view(share: Share, words: Catalogue, now: datetime) -> ShareView:
    last, ended = last_day(share).isoformat(), ""
    if share.withdrawn_at is not None:
        ended = words.text("holder.share.withdrawn_on", date=_today(share.withdrawn_at).isoformat())
    elif now >= share.expires_at:
        ended = words.text("holder.share.over_on", date=last)
    if share.opened_at is None:
        opened = words.text("holder.share.unopened_ended" if ended else "holder.share.unopened")
    elif ended:
        opened = words.text("holder.share.opened_times", n=share.opened)
    else:
        opened = words.text("holder.share.opened", n=share.opened, when=_when(share.opened_at, words, now))
    return ShareView(
        id=share.id,
        audience=share.audience,
        terms=words.text("holder.share.terms", purpose=share.purpose, until=last),
        opened=opened,
        ended=ended,
    )


def _when(moment: datetime, words: Catalogue, now: datetime) -> str:
    local = moment.astimezone(CHINA_TIME)
    clock = local.strftime("%H:%M")
    match (_today(now) - local.date()).days:
        case 0:
            return words.text("holder.share.today", time=clock)
        case 1:
            return words.text("holder.share.yesterday", time=clock)
        case _:
            return local.strftime("%Y-%m-%d %H:%M")


def _today(now: datetime) -> date:
    return now.astimezone(CHINA_TIME).date()


def _is_near(until: str, now: datetime) -> bool:
    return date.fromisoformat(until) - _today(now) < timedelta(days=DUE_DAYS)
