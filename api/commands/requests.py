"""Requests to change statuses: how the commands of certificates and of batches show them and carry them out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from api.commands.failures import error_document, happened_zh, print_error
from api.commands.options import (
    DryRunOption,
    HomeOption,
    JsonOption,
    NodeOption,
    PersonOption,
    WaitOption,
    person,
    stoppable,
)
from api.commands.rehearsal import rehearse_requests
from api.commands.replacing_shown import replacements_of, tell_changes
from api.commands.words import reason_word, state_word, status_word
from api.errors import EXIT_NOT_NOW, EXIT_REFUSED, advice, exit_code
from api.sending import take_to_chain
from api.situations import command_for
from api.terminal import (
    ERR,
    OUT,
    counted,
    moment,
    next_command,
    note,
    print_fields,
    print_json,
    print_table,
    said,
    watched,
)
from api.wiring import Home
from registry.access import require_second_person
from registry.anchor.progress import Batch, RequestState, StatusRequest
from registry.anchor.situations import Act, Step
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict, RuleRefusal
from registry.ports import LedgerUnavailable
from registry.ports.storage import UnitOfWork
from registry.status import Status, changes_of, grounds, needs_approval
from registry.workflows.lineage.succession import batch_may_be_cancelled, request_may_be_cancelled
from registry.workflows.replacement.revisions import changes_of_replacement
from registry.workflows.status.approve_change import certificates_of
from registry.workflows.status.ask_changes import Asked, ChangesRefused, batch_names


class ApproverApart(RuleRefusal):
    """The approver's key is not opened in the maker's process, but where both passphrases lie beside their keys."""

    code = "status/approver-apart"

    def __init__(self) -> None:
        super().__init__("--approve-as is for demonstrations: the approver approves in a session of their own")


class GoesWithBatch(Conflict):
    """A request to supersede is given up with the batch of its successors, as long as that can be cancelled."""

    code = "status/goes-with-batch"

    def __init__(self, request: str, batch: str) -> None:
        self.request, self.batch = request, batch
        super().__init__(f"request {request} goes with batch {batch}: give that up with `batch cancel {batch}`")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOptions:
    """The options that every change of status takes."""

    by: PersonOption = None
    wait: WaitOption = 60
    node: NodeOption = None
    dry_run: DryRunOption = False
    home: HomeOption = None
    as_json: JsonOption = False


def reason_option(wanted: Status) -> Any:
    """Make the option for the ground of a move, with the grounds that fit it."""
    fit = ", ".join(f"{one.slug} ({one.value})" for one in sorted(grounds[wanted]))
    return typer.Option("--reason", help=f"Ground, by word or number: {fit}.")


ApproverOption = Annotated[
    str | None,
    typer.Option("--approve-as", help="Approve at once as this second person, where the approver's key is at hand."),
]


def second_person(home: Home, maker: str, approve_as: str | None, wanted: Status) -> str | None:
    """Say who approves at once, before anything is kept. Raises ApproverApart, FourEyes, PersonMalformed."""
    if approve_as is None or wanted not in needs_approval:
        return None
    if not home.installation.machine_passphrases:
        raise ApproverApart
    approver = person(approve_as)
    require_second_person(maker, approver, "approving a change of status")
    return approver


@contextmanager
def refusals_told(named: Sequence[tuple[str, int | None]], *, as_json: bool) -> Iterator[None]:
    """Tell of each certificate or batch that cannot make the move, where several were named."""
    try:
        yield
    except ChangesRefused as refused:
        if as_json:
            problems = [
                {"line": named[one.place][1], "name": one.name, **error_document(one.error)} for one in refused.refusals
            ]
            print_json({"problems": problems, "error": error_document(refused)})
            print_error(refused)
            raise typer.Exit(exit_code(refused)) from refused
        rows = [
            [
                "–" if (line := named[one.place][1]) is None else str(line),
                one.name,
                said(happened_zh(one.error), str(one.error)),
                one.error.code,
            ]
            for one in refused.refusals
        ]
        print_table(
            [said("行", "line"), said("名称", "named"), said("问题", "problem"), said("代码", "code")],
            rows,
            console=ERR,
        )
        raise


def change(
    found: Home,
    named: Sequence[tuple[str, int | None]],
    plan: Callable[[UnitOfWork, str], Asked],
    ask: Callable[[str], Asked],
    options: ChangeOptions,
    *,
    wanted: Status,
    approve_as: str | None,
    listed: bool,
    again: str,
) -> None:
    """Rehearse a change, or ask for it and take it to the chain; where a second person must approve first, say so.

    `named`: what was named, each with its line in a file; `plan` and `ask` get the maker. `listed`: a JSON list, also
    of one request. `again` goes on where it stops half-way.
    """
    maker = person(options.by)
    if options.dry_run:
        with found.store.read() as unit, refusals_told(named, as_json=options.as_json):
            planned = plan(unit, maker)
            rehearse_requests(found, unit, planned, listed=listed, as_json=options.as_json)
        return
    approver = second_person(found, maker, approve_as, wanted)
    found.read_chain(options.node)  # a chain that is not ours halts us before anything is kept
    with refusals_told(named, as_json=options.as_json):
        asked = ask(maker)
    waiting = [one for one in asked.requests if approver is None and _awaits_approval(one)]
    ready = [one for one in asked.requests if one not in waiting]
    taken = take(found, ready, approver, wait=options.wait, node=options.node, again=again)
    if asked.done:
        note(
            said(
                f"另有{len(asked.done):,}张已是这一状态，未动",
                f"{counted(len(asked.done), 'certificate')} had that status already: left as they are",
            )
        )
    tell(found, [*waiting, *taken], listed=listed, as_json=options.as_json)


def _awaits_approval(request: StatusRequest) -> bool:
    return request.state is RequestState.REQUESTED and request.wanted in needs_approval


def take(
    home: Home, requests: Sequence[StatusRequest], approver: str | None, *, wait: int, node: str | None, again: str
) -> list[StatusRequest]:
    """Take requests to the chain, one after the other, and wait for each."""
    if not requests:
        return []
    try:
        with stoppable(again):
            return take_to_chain(home, requests, approver, wait=wait, node=node, told=tell_state)
    except LedgerUnavailable:
        names = ", ".join(one.id for one in requests)
        kept = f"request {names} is" if len(requests) == 1 else f"requests {names} are"
        note(
            said(
                f"申请{names}已记下，尚未上链完毕；有节点应答后{again}即可完成，不会重复。",
                f"{kept} kept and not on the chain yet; when a node answers, {again} finishes it, once.",
            )
        )
        raise


def tell(home: Home, requests: Sequence[StatusRequest], *, listed: bool, as_json: bool) -> None:
    """Print where requests stand; leave with 1 where one failed, with 3 where one is still on its way."""
    with home.store.read() as unit:
        texts = {one.id: covered(unit, one) for one in requests}
        documents = [request_document(unit, one) for one in requests]
        commands = {one.id: command_of(unit, one) for one in requests}
    if as_json:
        print_json(documents if listed or not documents else documents[0])
    elif not requests:
        OUT.print(said("没有要改的", "there is nothing to change"))
    else:
        for one in requests:
            _tell_one(one, texts[one.id])
        _tell_next([one for one in requests if _awaits_approval(one)], commands)
    ends = {one.state for one in requests if not _awaits_approval(one)}
    if ends & {RequestState.FAILED, RequestState.CANCELLED}:
        raise typer.Exit(EXIT_REFUSED)
    if ends - {RequestState.FINAL}:
        raise typer.Exit(EXIT_NOT_NOW)


def wanted_word(request: StatusRequest) -> str:
    """Name what certificates or batches are to become."""
    if request.wanted is Status.VALID and not request.certificates:
        return said("已恢复", "reinstated")  # single certificates of them may be suspended or revoked all the same
    return status_word(request.wanted.word)


def _tell_one(one: StatusRequest, what: tuple[str, str]) -> None:
    ground, status = reason_word(one.reason), wanted_word(one)
    many = len(one.certificates or one.batches) > 1
    if one.state is RequestState.FINAL:
        OUT.print(
            said(
                f"{what[0]}现为“{status}”，原因：{ground}（历史记录{one.seq}）",
                f"{what[1]} {'are' if many else 'is'} now {status}: {ground} (history record {one.seq})",
            )
        )
    elif _awaits_approval(one):
        OUT.print(
            said(
                f"申请{one.id}已记下：{what[0]}改为“{status}”，原因：{ground}，须由另一人批准",
                f"request {one.id} is kept: {what[1]} to become {status}: {ground}; a second person must approve it",
            )
        )
    else:
        OUT.print(said(f"申请{one.id}：{state_word(one.state)}", f"request {one.id}: {one.state}"))
        tell_failure(one.failure)


def require_on_its_own(unit: UnitOfWork, request: StatusRequest) -> None:
    """Refuse to give up a request without the batch that it goes with. Raises GoesWithBatch."""
    batch = _goes_with(unit, request)
    if batch is not None and batch_may_be_cancelled(batch) and request_may_be_cancelled(request):
        raise GoesWithBatch(request.id, batch.id)


def _goes_with(unit: UnitOfWork, request: StatusRequest) -> Batch | None:
    """Find the batch of successors that is not on the chain yet."""
    batch = None if request.new_batch is None else unit.batches.of_chain(request.new_batch)
    return None if batch is None or batch.state is AnchorState.FINAL else batch


def command_of(unit: UnitOfWork, request: StatusRequest) -> str | None:
    """Name what takes a request on that goes with a batch of successors; None = it stands for itself."""
    batch = _goes_with(unit, request)
    if batch is None:
        return None
    if batch.state is AnchorState.SEALED:
        return command_for(Step(act=Act.APPROVE, batch=batch.id))
    return command_for(Step(act=Act.ISSUE, batch=batch.id))


def _tell_next(waiting: Sequence[StatusRequest], commands: Mapping[str, str | None]) -> None:
    for one in waiting:
        command = commands[one.id]
        if command is not None:
            next_command(command)
            continue
        note(said(f"先看：vermilion cert request {one.id}", f"look first: vermilion cert request {one.id}"))
        next_command(f"vermilion cert approve {one.id} --as SOMEBODY-ELSE")


def tell_failure(failure: str | None) -> None:
    """Say why a request failed, and what to do."""
    if failure is None:
        return
    texts = advice().get(failure)
    note(failure if texts is None else said(texts.cause_zh, texts.cause_en))
    if texts is not None:
        note(said(texts.remedy_zh, texts.remedy_en))


def covered(unit: UnitOfWork, request: StatusRequest) -> tuple[str, str]:
    """Say what a request covers, in Chinese and English: a number, or how many certificates or batches."""
    if len(request.certificates) == 1:
        number = str(request.certificates[0].number)
        return number, number
    names = batch_names(unit, request)
    if request.certificates:
        count = len(request.certificates)
        return f"批次{names[0]}的{count:,}张证书", f"{counted(count, 'certificate')} of {names[0]}"
    if len(names) == 1:
        return f"批次{names[0]}", f"batch {names[0]}"
    return f"{len(names)}个批次", counted(len(names), "batch", "batches")


def request_document(unit: UnitOfWork, one: StatusRequest, *, whole: bool = False) -> dict[str, Any]:
    """Write a request as plain values; `whole`: with every certificate, and what an approver signs."""
    only = one.certificates[0] if len(one.certificates) == 1 else None
    document: dict[str, Any] = {
        "id": one.id,
        "batches": batch_names(unit, one),
        "certificates": len(one.certificates),
        "number": only.number if only else None,
        "revision": only.revision if only else None,
        "wanted": one.wanted.word,
        "reason": one.reason.slug,
        "state": one.state.value,
        "requested_by": one.requested_by,
        "approved_by": one.approved_by,
        "transaction": "0x" + one.transaction.hex() if one.transaction else None,
        "seq": one.seq,
        "failure": one.failure,
    }
    if whole:
        document["targets"] = [
            {"number": target.number, "revision": target.revision, "leaf": target.leaf, "status": status.word}
            for target, status in certificates_of(unit, one)
        ]
        document["changes"] = [f"0x{change:x}" for change in changes_of(one.leaves)]
    return document


def show_request(home: Home, name: str, *, as_json: bool) -> None:
    """Print a request with everything it covers, for who is to approve it. Raises NotHere."""
    with home.store.read() as unit:
        one = unit.status_requests.request(name)
        what, document = covered(unit, one), request_document(unit, one, whole=True)
        command = command_of(unit, one)
        replaced = [(of, changes_of_replacement(unit, of)) for of in replacements_of(unit, one)]
    if as_json:
        print_json(document)
        return
    fields: dict[str, object] = {
        said("申请", "request"): one.id,
        said("涉及", "covers"): said(*what),
        said("批次", "batch"): " ".join(document["batches"]),
        said("改为", "to become"): wanted_word(one),
        said("原因", "reason"): reason_word(one.reason),
        said("状态", "state"): state_word(one.state),
        said("申请人", "asked by"): f"{one.requested_by}  {moment(one.requested_at)}",
    }
    if one.approved_by is not None and one.approved_at is not None:
        fields[said("批准人", "approved by")] = f"{one.approved_by}  {moment(one.approved_at)}"
    if one.seq is not None:
        fields[said("历史记录", "history record")] = one.seq
    print_fields(fields)
    tell_failure(one.failure)
    if document["targets"]:
        print_table(
            [said("位置", "leaf"), said("编号", "number"), said("版次", "revision"), said("现状", "stands")],
            [
                [str(row["leaf"]), row["number"], str(row["revision"]), status_word(row["status"])]
                for row in document["targets"]
            ],
        )
    for of, changes in replaced:
        tell_changes(of, changes)
    _tell_next([one] if _awaits_approval(one) else [], {one.id: command})


def tell_state(subject: str, state: str) -> None:
    """Tell a person who watches which state a batch or request has reached."""
    watched(f"{subject}  {state_word(state)}")
