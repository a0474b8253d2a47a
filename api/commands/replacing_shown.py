"""Replacements of certificates as commands print them: what is said before and after, and how far each is."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

from api.commands.failures import MEMBERS
from api.commands.options import note_earlier_left_out
from api.commands.words import REPLACEMENTS, state_word, status_word
from api.situations import command_for
from api.terminal import (
    OUT,
    counted,
    moment,
    next_command,
    note,
    print_fields,
    print_json,
    print_table,
    said,
    with_home,
)
from api.wiring import Home
from registry.anchor.progress import Batch, StatusRequest
from registry.anchor.situations import Act, Step
from registry.ports.replacements import Replacement, ReplacementKind
from registry.ports.storage import StoredCertificate, UnitOfWork
from registry.workflows.chain.supersede import supersessions_to_approve
from registry.workflows.lineage.succession import ways_of
from registry.workflows.replacement.revisions import (
    PENDING,
    Change,
    changes_of_replacement,
    line_of,
    status_word_of,
    successor_asked,
)

_MEMBERS: Final = {
    **MEMBERS,
    "portrait": ("照片摘要", "photograph, its digest"),
    "licenseNumber": ("证书编号", "number"),
    "validUntil": ("有效期至", "valid until"),
    "grade": ("等次", "grade"),
}
_MOST_SUPERSEDED: Final = 20
"""Rows of a batch's supersessions that are printed; of more, the rest is counted."""


class Stage(StrEnum):
    """How far a replacement is."""

    ASKED = "asked"
    UNDER_WAY = "under-way"
    DONE = "done"
    GIVEN_UP = "given-up"


_STAGES: Final = {
    Stage.ASKED: ("待组成批次", "waits for a batch"),
    Stage.UNDER_WAY: ("办理中", "under way"),
    Stage.DONE: ("已代替", "has taken its place"),
    Stage.GIVEN_UP: ("已取消", "given up"),
}


def stage_of(unit: UnitOfWork, of: Replacement) -> Stage:
    """Say how far a replacement is, by the records read so far."""
    if of.cancelled_at is not None:
        return Stage.GIVEN_UP
    new = successor_asked(unit, of)
    if new is None:
        return Stage.ASKED
    return Stage.UNDER_WAY if status_word_of(unit, new) == PENDING else Stage.DONE


def commands_of(unit: UnitOfWork, of: Replacement, stage: Stage) -> tuple[str, str] | None:
    """Name what takes a replacement on and what gives it up, empty where nothing does; None = it is at its end."""
    if stage in (Stage.DONE, Stage.GIVEN_UP):
        return None
    ways = ways_of(unit, of)
    return command_for(ways.on), "" if ways.off is None else command_for(ways.off)


def propose_command(waiting: Sequence[Replacement]) -> str:
    """Name what makes the batches of several replacements that wait for one."""
    askers = {one.asked_by for one in waiting}
    by = askers.pop() if len(askers) == 1 else "NAME"
    return command_for(Step(act=Act.PROPOSE_SUCCESSOR, replacement=" ".join(one.id for one in waiting), person=by))


def list_replacements(home: Home, *, waiting: bool, batch: str | None, limit: int, as_json: bool) -> None:
    """Print replacements, the newest last: `waiting` those that have no batch, `batch` those of one. Raises NotHere."""
    with home.store.read() as unit:
        if batch is not None:
            unit.batches.batch(batch)
            into = unit.replacements.into(batch)
            found = [into[leaf] for leaf in sorted(into)]
        else:
            found = unit.replacements.every(unplaced=waiting)
        listed = found[-limit:] if limit else found
        stages = {one.id: stage_of(unit, one) for one in listed}
        documents = [replacement_document(unit, one, with_changes=False) for one in listed] if as_json else []
    if as_json:
        print_json(documents)
        note_earlier_left_out(len(listed), len(found))
        return
    if not listed:
        OUT.print(
            said("没有等着组成批次的更正或换发", "no correction or renewal waits for a batch")
            if waiting
            else said("还没有更正或换发", "no corrections or renewals yet")
        )
        return
    print_table(
        [
            said("更替", "replacement"),
            said("种类", "kind"),
            said("证书", "certificate"),
            said("进度", "stage"),
            said("批次", "batch"),
            said("申请人", "asked by"),
            said("申请时间", "asked at"),
        ],
        [
            [
                one.id,
                said(*REPLACEMENTS[one.kind]),
                f"{one.number}#{one.revision}",
                said(*_STAGES[stages[one.id]]),
                one.batch or "–",
                one.asked_by,
                moment(one.asked_at),
            ]
            for one in listed
        ],
    )
    note_earlier_left_out(len(listed), len(found))
    unplaced = [one for one in listed if stages[one.id] is Stage.ASKED]
    if unplaced:
        command = propose_command(unplaced)
        note(said(f"组成批次：{command}", f"to make their batches: {command}"))


def show_replacement(home: Home, name: str, *, as_json: bool) -> None:
    """Print one replacement with what it changes, and what takes it on or gives it up. Raises NotHere."""
    with home.store.read() as unit:
        one = unit.replacements.replacement(name)
        document, stage = replacement_document(unit, one), stage_of(unit, one)
        changes, commands = changes_of_replacement(unit, one), commands_of(unit, one, stage)
    if as_json:
        print_json(document)
        return
    print_fields(
        {
            said("更替", "replacement"): f"{one.id}  {said(*REPLACEMENTS[one.kind])}",
            said("证书", "certificate"): f"{one.number}#{one.revision}",
            said("进度", "stage"): said(*_STAGES[stage]),
            said("批次", "batch"): one.batch or "–",
            said("原因", "reason"): one.reason or "–",
            said("申请人", "asked by"): f"{one.asked_by}  {moment(one.asked_at)}",
        }
    )
    _print_changes(changes)
    tell_next(commands)


def tell_next(commands: tuple[str, str] | None) -> None:
    """Name what takes a replacement on, and what gives it up."""
    if commands is None:
        return
    on, off = commands
    next_command(on)
    if off:
        note(said(f"放弃：{off}", f"to give it up: {off}"))


def tell_replacements(home: Home, batch: str) -> None:
    """Show beside the data what each certificate of a batch says otherwise than the one that it replaces."""
    with home.store.read() as unit:
        changes = [(one, changes_of_replacement(unit, one)) for one in unit.replacements.into(batch).values()]
    _note_changes(changes)


def tell_superseded_by(home: Home, request: StatusRequest) -> None:
    """Show beside the data what the successors that a request names say otherwise than what they replace."""
    with home.store.read() as unit:
        changes = [(one, changes_of_replacement(unit, one)) for one in replacements_of(unit, request)]
    _note_changes(changes)


def replacements_of(unit: UnitOfWork, request: StatusRequest) -> list[Replacement]:
    """List the replacements that a request to supersede carries out; empty for every other request."""
    new = None if request.new_batch is None else unit.batches.of_chain(request.new_batch)
    made = {} if new is None else unit.replacements.into(new.id)
    return [made[leaf] for leaf in request.new_leaves if leaf in made] if made else []


def tell_waiting_supersessions(home: Home, batch: Batch) -> None:
    """Name what must be approved before a batch's certificates take the place of those they were issued for."""
    with home.store.read() as unit:
        waiting = supersessions_to_approve(unit, batch)
    for one in waiting:
        note(
            said(
                f"代替原证书的申请{one.id}待批准，此前不交付：vermilion cert approve {one.id} --as SOMEBODY-ELSE",
                f"the supersession {one.id} waits for its approver; until then nothing is delivered: "
                f"vermilion cert approve {one.id} --as SOMEBODY-ELSE",
            )
        )


def supersessions(unit: UnitOfWork, batch: Batch) -> list[dict[str, Any]]:
    """Write what a batch's certificates take the place of: one row a certificate, with the request and its state."""
    requests: dict[tuple[str, int], StatusRequest] = {
        (target.number, target.revision): one
        for one in unit.status_requests.onto(batch.batch)
        for target in one.certificates
    }
    rows = []
    for leaf, one in sorted(unit.replacements.into(batch.id).items()):
        request, new = requests.get((one.number, one.revision)), unit.batches.by_leaf(batch.batch, leaf)
        rows.append(
            {
                "replacement": one.id,
                "kind": one.kind.value,
                "number": one.number,
                "revision": one.revision,
                "successor": None
                if new is None
                else {"number": new.reservation.number, "revision": new.reservation.revision},
                "request": None if request is None else request.id,
                "state": None if request is None else request.state.value,
            }
        )
    return rows


def print_supersessions(rows: Sequence[dict[str, Any]], batch: str) -> None:
    """Print what a batch's certificates take the place of."""
    if not rows:
        return
    print_table(
        [
            said("原证书", "replaces"),
            said("新证书", "by"),
            said("种类", "kind"),
            said("申请", "request"),
            said("代替", "supersession"),
        ],
        [
            [
                f"{row['number']}#{row['revision']}",
                "–" if row["successor"] is None else f"{row['successor']['number']}#{row['successor']['revision']}",
                said(*REPLACEMENTS[ReplacementKind(row["kind"])]),
                row["request"] or "–",
                "–" if row["state"] is None else state_word(row["state"]),
            ]
            for row in rows[:_MOST_SUPERSEDED]
        ],
    )
    if len(rows) > _MOST_SUPERSEDED:
        more, command = len(rows) - _MOST_SUPERSEDED, f"vermilion cert replacements --batch {batch} --limit 0"
        note(said(f"另有{more:,}张：{command}", f"and {counted(more, 'more certificate')}: {command}"))


def _note_changes(changes: Sequence[tuple[Replacement, list[Change]]]) -> None:
    for one, of in changes:
        tell_changes(one, of, tell=note)


def tell_changes(of: Replacement, changes: list[Change], tell: Callable[[str], None] | None = None) -> None:
    """Print a replacement with what is said before and after; `tell` prints a line, else it goes to the data."""
    title = f"{of.id}  {said(*REPLACEMENTS[of.kind])}  {of.number}#{of.revision}"
    if tell is not None:
        tell(said(f"{title}：{of.reason}", f"{title}: {of.reason}") if of.reason else title)
        for one in changes:
            before, after = _sides(one)
            tell(f"  {member_word(one)}: {before} → {after}")
        return
    OUT.print(title, highlight=False)
    _print_changes(changes)


def _print_changes(changes: Sequence[Change]) -> None:
    if not changes:  # its holder was erased, or it takes over what was confirmed since
        return
    print_table(
        [said("内容", "what"), said("原为", "before"), said("改为", "after")],
        [[member_word(one), *_sides(one)] for one in changes],
    )


def _sides(change: Change) -> tuple[str, str]:
    """Give what is said before and after, in the language of the command where there is a name in it."""
    sides = ((change.before, change.before_en), (change.after, change.after_en))
    before, after = (said(zh or "–", en or zh or "–") for zh, en in sides)
    return before, after


def member_word(change: Change) -> str:
    """Name what a certificate says otherwise, as people do."""
    if change.member.startswith("result."):
        code, named = change.member.removeprefix("result."), change.paper
        paper = code if named is None else said(named.zh, named.en or named.zh)
        return said(f"成绩（{paper}）", f"score ({paper})")
    return said(*_MEMBERS.get(change.member, (change.member, change.member)))


def replacement_document(unit: UnitOfWork, one: Replacement, *, with_changes: bool = True) -> dict[str, Any]:
    """Write a replacement as plain values; `with_changes`: with what is said before and after, which names people."""
    stage = stage_of(unit, one)
    commands = commands_of(unit, one, stage)
    changes = changes_of_replacement(unit, one) if with_changes else []
    said_otherwise = [{"member": each.member, "before": each.before, "after": each.after} for each in changes]
    return {
        "id": one.id,
        "kind": one.kind.value,
        "number": one.number,
        "revision": one.revision,
        "reason": one.reason,
        "asked_by": one.asked_by,
        "asked_at": one.asked_at.isoformat(),
        "batch": one.batch,
        "cancelled": one.cancelled_at is not None,
        "stage": stage.value,
        "next": None if commands is None else with_home(commands[0]),
        **({"changes": said_otherwise} if with_changes else {}),
    }


def under_way_of(unit: UnitOfWork, certificate: StoredCertificate) -> Replacement | None:
    """Find what is to take a certificate's place and has not done so yet."""
    of = unit.replacements.of_certificate(certificate.reservation.number, certificate.reservation.revision)
    return None if of is None or stage_of(unit, of) in (Stage.DONE, Stage.GIVEN_UP) else of


def replacement_words(of: Replacement) -> str:
    """Say in one row what is to take a certificate's place."""
    return f"{of.id}  {said(*REPLACEMENTS[of.kind])}  {of.batch or said(*_STAGES[Stage.ASKED])}"


def line_document(unit: UnitOfWork, certificate: StoredCertificate) -> list[dict[str, Any]]:
    """Write the line of certificates that took each other's place, the first one first."""
    return [
        {
            "number": one.number,
            "revision": one.revision,
            "batch": one.batch,
            "status": one.status,
            "replacement": None if one.replacement is None else one.replacement.id,
            "kind": None if one.replacement is None else one.replacement.kind.value,
        }
        for one in line_of(unit, certificate)
    ]


def line_words(line: list[dict[str, Any]]) -> str:
    """Say the line in one row, where it has more than one certificate."""
    return " → ".join(f"{one['number']}#{one['revision']} ({status_word(one['status'])})" for one in line)
