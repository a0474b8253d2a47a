"""What waits for somebody: each entry with who can do it, so that nobody is sent to what is not theirs to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from fastapi import Request

from api.issuer.desk import ConsoleDesk
from api.issuer.framing import called
from api.issuer.makers import Makers, made_by, makers_of_batches, makers_of_changes
from api.issuer.requests import is_to_be_approved, sent_with
from api.pages.rendering import words_of
from api.sign_in.session import Visit
from registry.access import ALLOWED, Action, may
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.ports.storage import UnitOfWork
from registry.ports.tasks import TaskKind
from registry.workflows.issuance.issue import waiting_for_batch

MOST_JUDGED: Final = 400
"""People of a programme who are judged for a page that is opened often: a quarter of a millisecond each."""


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
    by: str = ""
    """Whose work it is that waits, for its text; empty = nobody's."""
    not_by: Makers = frozenset()
    """Who did the other half, or any part of it."""


def entries(request: Request, visit: Visit, desk: ConsoleDesk, unit: UnitOfWork) -> list[Entry]:
    """Say what waits, in the order of the work: what its reader can do before what waits for others."""
    words = words_of(request)
    waiting: dict[bool, list[_Wait]] = {True: [], False: []}
    for one in _waiting(desk, unit):
        waiting[may(visit.account.roles, one.action) and not made_by(one.not_by, visit)].append(one)

    @cache
    def who(name: str) -> str:
        return called(unit, name)

    @cache
    def who_can(action: Action, makers: Makers) -> str:
        roles = [words.text(f"roles.{role}") for role, actions in ALLOWED.items() if action in actions]
        others, joint = words.text("todo.joint").join(roles), words.text("todo.joint")
        if not makers:
            return others
        return words.text("todo.other_than", who=others, person=joint.join(map(who, sorted(makers))))

    return [
        Entry(
            text=words.text(f"todo.{one.key}", **one.values, **({"person": who(one.by)} if one.by else {})),
            path=one.path,
            yours=yours,
            waits_for=who_can(one.action, one.not_by),
        )
        for yours, found in waiting.items()
        for one in found
    ]


def _waiting(desk: ConsoleDesk, unit: UnitOfWork) -> Iterator[_Wait]:
    undecided = unit.enrolments.tally()[None]
    if undecided:
        yield _Wait(key="decide", values={"n": undecided}, path="/console/rosters", action=Action.DECIDE)
    unmarked = sum(map(unit.marks.count_awaited, desk.programmes))
    if unmarked:
        yield _Wait(key="enter", values={"n": unmarked}, path="/console/scores", action=Action.ENTER_SCORES)
    for sheet in unit.marks.waiting_sheets():
        yield _Wait(
            key="confirm",
            values={"sheet": sheet.id},
            path=f"/console/scores/{sheet.id}",
            action=Action.CONFIRM_SCORES,
            by=sheet.entered_by,
            not_by=frozenset({sheet.entered_by}),
        )
    yield from _to_propose(desk, unit)
    yield from _batches(desk, unit)
    yield from _requests(desk, unit)


def _to_propose(desk: ConsoleDesk, unit: UnitOfWork) -> Iterator[_Wait]:
    """Say how many passed and wait for a batch; of many, who may have passed, since to judge each takes time."""
    passed, unread = 0, 0
    for code in desk.programmes:
        marked = unit.marks.count_unbatched(code)
        many = sum(marked.values()) + unit.marks.count_awaited(code) > MOST_JUDGED
        for level, count in marked.items():
            if unit.tasks.open_for(TaskKind.PROPOSE, f"{code}/{level}") is not None:
                continue
            if many:
                unread += count
            else:
                passed += waiting_for_batch(unit, desk.catalogue, desk.issuer, code, level, most=count)
    for key, n in (("propose", passed), ("propose_unread", unread)):
        if n:
            yield _Wait(key=key, values={"n": n}, path="/console/propose", action=Action.PROPOSE_BATCH)


def _batches(desk: ConsoleDesk, unit: UnitOfWork) -> Iterator[_Wait]:
    now = desk.clock.now()
    found = unit.batches.batches(AnchorState.SEALED, AnchorState.APPROVED, AnchorState.FAILED)
    lapsed = {one.id for one in found if one.approval is not None and one.approval.has_lapsed(now)}
    to_approve = [
        one
        for one in found
        if one.state is AnchorState.SEALED or (one.state is AnchorState.APPROVED and one.id in lapsed)
    ]
    makers = makers_of_batches(unit, to_approve)
    for one in found:
        path = f"/console/batches/{one.id}"
        if one.id in makers:
            yield _Wait(
                key="approve_batch",
                values={"batch": one.id},
                path=f"{path}/approve" if desk.approvals is not None else path,
                action=Action.APPROVE,
                by=one.proposed_by,
                not_by=makers[one.id],
            )
        elif one.state is AnchorState.FAILED:
            yield _Wait(key="failed_batch", values={"batch": one.id}, path=path, action=Action.ISSUE_BATCH)
        elif unit.tasks.open_for(TaskKind.SEND_BATCH, one.id) is None:
            yield _Wait(key="send_batch", values={"batch": one.id}, path=path, action=Action.ISSUE_BATCH)


def _requests(desk: ConsoleDesk, unit: UnitOfWork) -> Iterator[_Wait]:
    now = desk.clock.now()
    found = unit.status_requests.requests(RequestState.REQUESTED, RequestState.APPROVED)
    makers = makers_of_changes(unit, [one for one in found if is_to_be_approved(one, now)])
    for one in found:
        path = f"/console/requests/{one.id}"
        if one.id in makers:
            yield _Wait(
                key="approve_request",
                values={"request": one.id},
                path=path,
                action=Action.APPROVE_CHANGE,
                by=one.requested_by,
                not_by=makers[one.id],
            )
        elif not sent_with(unit, one) and unit.tasks.open_for(TaskKind.SEND_REQUEST, one.id) is None:
            yield _Wait(key="send_request", values={"request": one.id}, path=path, action=Action.SEND_CHANGE)
