"""What takes the place of what, before and after, as the pages show it: whole to who decides about the certificate,
covered for everybody else.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import Request

from api.issuer.covering import COVER, covered_name, covered_number
from api.issuer.framing import shown_moment
from api.issuer.paging import Paged, page_number
from api.pages.catalogue import Catalogue
from api.pages.rendering import words_of
from api.sign_in.session import Visit
from registry.access import Action, Role, may
from registry.anchor.progress import Batch, StatusRequest
from registry.credential import Presentation
from registry.ports.replacements import Corrected, Replacement, ReplacementKind
from registry.ports.storage import UnitOfWork
from registry.workflows.replacement.ask_replacement import said_of_holder
from registry.workflows.replacement.revisions import Change, changes_of_replacement, successor_asked

PER_PAGE: Final = 20
_SCORE: Final = "result."
_GRADE: Final = "grade"
_NONE: Final = "–"
_KNOWN_TO: Final = (Action.REQUEST_STATUS, Action.APPROVE, Action.APPROVE_CHANGE)
_OPEN: Final = frozenset[str]({"licenseNumber", "validUntil", Corrected.IDENTITY_TYPE})
"""Members that everybody of the house may read; any other that is not named here or below is covered whole."""
_COVERED: Final[Mapping[str, Callable[[str], str]]] = {
    Corrected.NAME: covered_name,
    Corrected.NAME_LATIN: covered_name,
    Corrected.IDENTITY_NUMBER: covered_number,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeView:
    """One thing that is said otherwise."""

    what: str
    before: str
    after: str
    photograph: bool = False
    """Before and after are pictures; the page shows them to who may see them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementView:
    """A replacement as the pages show it."""

    id: str
    kind: ReplacementKind
    number: str
    revision: int
    new_number: str
    """Of the successor; empty = it has no place yet."""
    new_revision: int
    reason: str
    """Empty where there is none, or who reads this need not know it."""
    asked_by: str
    asked_at: str
    batch: str
    """Empty = it waits for the desk."""
    cancelled: bool
    changes: tuple[ChangeView, ...]
    whole: bool
    """Nothing is covered."""


def sees_whole(visit: Visit) -> bool:
    """Tell whether somebody decides about certificates, and so sees what a correction says of people."""
    return any(may(visit.account.roles, action) for action in _KNOWN_TO)


def read_by(roles: Collection[Role], member: str, text: str) -> str:
    """Give what a certificate says under a member as people of these roles may read it: whole, or covered."""
    known_to: tuple[Action, ...] = _KNOWN_TO
    if member == _GRADE or member.startswith(_SCORE):
        known_to = (*_KNOWN_TO, Action.SEE_REGISTRY)  # as the pages of score sheets
    if member in _OPEN or any(may(roles, action) for action in known_to):
        return text
    cover = _COVERED.get(member)
    return COVER if cover is None else cover(text)


def replacement_view(request: Request, visit: Visit, unit: UnitOfWork, of: Replacement) -> ReplacementView:
    """Write a replacement in the words of the page, with what it says before and after."""
    words, whole, new = words_of(request), sees_whole(visit), successor_asked(unit, of)
    return ReplacementView(
        id=of.id,
        kind=of.kind,
        number=of.number,
        revision=of.revision,
        new_number="" if new is None else new.reservation.number,
        new_revision=0 if new is None else new.reservation.revision,
        reason=(of.reason or "") if whole else "",
        asked_by=of.asked_by,
        asked_at=shown_moment(of.asked_at),
        batch=of.batch or "",
        cancelled=of.cancelled_at is not None,
        changes=tuple(_change(words, visit, one) for one in changes_of_replacement(unit, of)),
        whole=whole,
    )


def present_particulars(request: Request, visit: Visit, shown: Presentation) -> dict[str, str]:
    """Give what a certificate says of its holder now, by member, as who asks may read it; of a photograph, whether."""
    words, said = words_of(request), said_of_holder(shown)
    texts = {one: _said(words, visit, one, said.get(one)) for one in Corrected if one is not Corrected.PORTRAIT}
    there = words.text("replacing.with_photograph") if Corrected.PORTRAIT in said else _NONE
    return texts | {Corrected.PORTRAIT: there}


def replacements_into(
    request: Request, visit: Visit, unit: UnitOfWork, batch: Batch
) -> tuple[list[ReplacementView], Paged]:
    """Show what the certificates of a batch take the place of, one page of it; nothing for most batches."""
    paged = Paged(number=page_number(request), total=unit.replacements.count_into(batch.id), size=PER_PAGE)
    if not paged.total:
        return [], paged
    found = unit.replacements.into(batch.id, first=paged.first, most=PER_PAGE).values()
    return [replacement_view(request, visit, unit, one) for one in found], paged


def replacements_of(
    request: Request, visit: Visit, unit: UnitOfWork, of: StatusRequest
) -> tuple[list[ReplacementView], Paged]:
    """Show what the successors of a supersession say otherwise, one page of it; nothing for other changes."""
    new = None if of.new_batch is None else unit.batches.of_chain(of.new_batch)
    leaves = () if new is None else of.new_leaves
    paged = Paged(number=page_number(request), total=len(leaves), size=PER_PAGE)
    if new is None:
        return [], paged
    made = _made(unit, new, leaves[paged.first : paged.last])
    return [replacement_view(request, visit, unit, one) for one in made], paged


def _made(unit: UnitOfWork, batch: Batch, leaves: Iterable[int]) -> Iterable[Replacement]:
    return (one for leaf in leaves if (one := unit.replacements.that_made(batch.id, leaf)) is not None)


def _change(words: Catalogue, visit: Visit, of: Change) -> ChangeView:
    if of.member.startswith(_SCORE):
        code, named = of.member.removeprefix(_SCORE), of.paper
        paper = code if named is None else words.pick({"zh": named.zh, "en": named.en})
        what = words.text("replacing.score", paper=paper or code)
    else:
        what = words.text(f"replacing.members.{of.member}")
    if of.member == Corrected.PORTRAIT:
        before, after = (words.text("replacing.photograph") if one else _NONE for one in (of.before, of.after))
        return ChangeView(what=what, before=before, after=after, photograph=sees_whole(visit))
    sides = ((of.before, of.before_en), (of.after, of.after_en))
    before, after = (_said(words, visit, of.member, words.pick({"zh": zh, "en": en})) for zh, en in sides)
    return ChangeView(what=what, before=before, after=after)


def _said(words: Catalogue, visit: Visit, member: str, text: str | None) -> str:
    if not text:
        return _NONE
    shown = read_by(visit.account.roles, member, text)
    return words.text(f"replacing.types.{shown}") if member == Corrected.IDENTITY_TYPE else shown
