"""What waits for somebody: each entry with who can do it, so that nobody is sent to what is not theirs to do."""

from collections.abc import Iterator
from dataclasses import dataclass

from fastapi import Request

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import called, same_person
from api.pages.rendering import words_of
from api.sign_in.session import Visit
from registry.access import ALLOWED, Action, may
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.ports.storage import UnitOfWork
from registry.ports.tasks import TaskKind
from registry.status import needs_approval


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that waits."""

    text: str
    path: str
    yours: bool
    """Who reads this can do it."""
    waits_for: str
    """Who can, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wait:
    """One thing that waits, before its reader is known."""

    key: str
    values: dict[str, str | int]
    path: str
    action: Action
    not_by: str | None = None
    """Who did the other half."""


def entries(request: Request, visit: Visit, desk: ConsoleDesk, unit: UnitOfWork) -> list[Entry]:
    """Say what waits, in the order of the work."""
    words = words_of(request)
    found = []
    for one in _waiting(desk, unit):
        roles = [words.text(f"roles.{role}") for role, actions in ALLOWED.items() if one.action in actions]
        others = words.text("todo.joint").join(roles)
        theirs = same_person(one.not_by, visit)
        waits_for = others
        if one.not_by:
            waits_for = words.text("todo.other_than", who=others, person=called(unit, one.not_by))
        found.append(
            Entry(
                text=words.text(f"todo.{one.key}", **one.values),
                path=one.path,
                yours=may(visit.account.roles, one.action) and not theirs,
                waits_for=waits_for,
            )
        )
    return found


def _waiting(desk: ConsoleDesk, unit: UnitOfWork) -> Iterator[_Wait]:
    undecided = unit.enrolments.tally()[None]
    if undecided:
        yield _Wait(key="decide", values={"n": undecided}, path="/console/rosters", action=Action.DECIDE)
    unmarked = sum(len(unit.marks.awaited(code)) for code in desk.programmes)
    if unmarked:
        yield _Wait(key="enter", values={"n": unmarked}, path="/console/scores", action=Action.ENTER_SCORES)
    for sheet in unit.marks.sheets():
        if sheet.waits:
            yield _Wait(
                key="confirm",
                values={"sheet": sheet.id, "person": called(unit, sheet.entered_by)},
                path=f"/console/scores/{sheet.id}",
                action=Action.CONFIRM_SCORES,
                not_by=sheet.entered_by,
            )
    yield from _batches(desk, unit)
    yield from _requests(unit)


def _batches(desk: ConsoleDesk, unit: UnitOfWork) -> Iterator[_Wait]:
    now = desk.clock.now()
    for one in unit.batches.batches(AnchorState.SEALED, AnchorState.APPROVED, AnchorState.FAILED):
        path = f"/console/batches/{one.id}"
        lapsed = one.approval is not None and one.approval.has_lapsed(now)
        if one.state is AnchorState.SEALED or (one.state is AnchorState.APPROVED and lapsed):
            yield _Wait(
                key="approve_batch",
                values={"batch": one.id, "person": called(unit, one.proposed_by)},
                path=f"{path}/approve" if desk.approvals is not None else path,
                action=Action.APPROVE,
                not_by=one.proposed_by,
            )
        elif one.state is AnchorState.FAILED:
            yield _Wait(key="failed_batch", values={"batch": one.id}, path=path, action=Action.ISSUE_BATCH)
        elif one.state is AnchorState.APPROVED and unit.tasks.open_for(TaskKind.SEND_BATCH, one.id) is None:
            yield _Wait(key="send_batch", values={"batch": one.id}, path=path, action=Action.ISSUE_BATCH)


def _requests(unit: UnitOfWork) -> Iterator[_Wait]:
    for one in unit.status_requests.requests(RequestState.REQUESTED, RequestState.APPROVED):
        path = f"/console/requests/{one.id}"
        if one.state is RequestState.REQUESTED and one.wanted in needs_approval:
            yield _Wait(
                key="approve_request",
                values={"request": one.id, "person": called(unit, one.requested_by)},
                path=path,
                action=Action.APPROVE_CHANGE,
                not_by=one.requested_by,
            )
        elif unit.tasks.open_for(TaskKind.SEND_REQUEST, one.id) is None:
            yield _Wait(key="send_request", values={"request": one.id}, path=path, action=Action.SEND_CHANGE)
