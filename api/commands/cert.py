"""`vermilion cert`: certificates, their bundles, and changes of their status."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.batch import WaitOption, tell_state
from api.commands.options import (
    DryRunOption,
    HomeOption,
    JsonOption,
    NodeOption,
    PersonOption,
    person,
    stoppable,
    write_file,
)
from api.commands.rehearsal import rehearse_change
from api.commands.words import reason_word, state_word, status_word
from api.errors import advice
from api.sending import take_to_chain
from api.terminal import OUT, counted, moment, note, print_fields, print_json, print_table, said
from api.wiring import Home
from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.assessment import require_second_person
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.ports import LedgerUnavailable
from registry.ports.storage import NotHere, StoredCertificate
from registry.status import Reason, Status, grounds, needs_approval
from registry.workflows.change_status import approve_change, cancel_change, present_status, request_change
from registry.workflows.deliver import bundle_of

app = typer.Typer(no_args_is_help=True, help="Certificates.")

NumberArgument = Annotated[str, typer.Argument(help="Certificate number.")]


def _reason_option(wanted: Status) -> Any:
    fit = ", ".join(f"{one.slug} ({one.value})" for one in sorted(grounds[wanted]))
    return typer.Option("--reason", help=f"Ground, by word or number: {fit}.")


ApproverOption = Annotated[
    str | None,
    typer.Option("--approve-as", help="Approve at once as this second person, where the approver's key is at hand."),
]


class ApproverApart(RuleRefusal):
    """The approver's key is not opened in the maker's process, but where both passphrases lie beside their keys."""

    code = "status/approver-apart"

    def __init__(self) -> None:
        super().__init__("--approve-as is for demonstrations: the approver approves in a session of their own")


class StatusUnknown(MalformedInput):
    """No status has that name."""

    code = "status/unknown"

    def __init__(self) -> None:
        super().__init__(f"expected one of {', '.join(status.word for status in Status)}, pending")


@app.command("list", epilog="Example: vermilion cert list --status revoked")
def list_certificates(
    status: Annotated[
        str | None, typer.Option("--status", help="valid, suspended, revoked, superseded or pending.")
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Only this batch.")] = None,
    limit: Annotated[int, typer.Option("--limit", help="Most rows to print; 0 = all.", min=0)] = 50,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List certificates with their status by the chain as read last; names are not shown."""
    found = Home.find(home)
    wanted = _wanted(status)
    rows: list[dict[str, Any]] = []
    more = False
    with found.store.read() as unit:
        if batch is not None:
            unit.batches.batch(batch)
        for one in unit.batches.certificates(batch_id=batch):
            word = present_status(unit, one).word if one.batch.state is AnchorState.FINAL else "pending"
            if wanted is not None and word != wanted:
                continue
            if limit and len(rows) == limit:
                more = True
                break
            rows.append(_brief(one, word))
    if as_json:
        print_json(rows)
        return
    if not rows:
        OUT.print(said("没有这样的证书", "no such certificates"))
        return
    print_table(
        [
            said("编号", "number"),
            said("版次", "revision"),
            said("批次", "batch"),
            said("范围", "scope"),
            said("状态", "status"),
        ],
        [[row["number"], str(row["revision"]), row["batch"], row["scope"], status_word(row["status"])] for row in rows],
    )
    if more:
        note(said("还有更多：--limit 0 全部列出", "there are more: --limit 0 prints all"))


def _wanted(text: str | None) -> str | None:
    if text is not None and text not in {"pending", *(status.word for status in Status)}:
        raise StatusUnknown
    return text


@app.command(epilog="Example: vermilion cert show DEMO-EEC-2026-7M3K9QX2TA4")
def show(number: NumberArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what is kept of a certificate, and its link for the QR code."""
    found = Home.find(home)
    with found.store.read() as unit:
        one = unit.batches.by_number(number)
        if one is None:
            raise NotHere("certificate", number)
        final, placement = one.batch.state is AnchorState.FINAL, one.batch.placement
        document = {
            **_brief(one, present_status(unit, one).word if final else "pending"),
            "link": f"{found.installation.public_base_url}/C/{one.reservation.key}",
            "leaf": one.reservation.leaf,
            "digest": b64url(one.digest) if one.digest else None,
            "jti": one.reservation.jti,
            "bundle": str(found.shelf.path(f"{one.reservation.number}.bundle.json")) if final else None,
        }
    if as_json:
        print_json(document)
    else:
        words = {
            "number": said("编号", "number"),
            "revision": said("版次", "revision"),
            "batch": said("批次", "batch"),
            "scope": said("范围", "scope"),
            "status": said("状态", "status"),
            "key": said("编码", "key"),
            "recorded": said("登记时间", "recorded"),
            "link": said("链接", "link"),
            "leaf": said("位置", "leaf"),
            "digest": said("数字指纹", "digest"),
            "jti": "jti",
            "bundle": said("证书文件", "bundle"),
        }
        texts = {
            **document,
            "status": status_word(document["status"]),
            "recorded": moment(placement.block_time) if placement else None,
        }
        print_fields({word: "–" if texts[name] is None else texts[name] for name, word in words.items()})


@app.command(epilog="Example: vermilion cert bundle DEMO-EEC-2026-7M3K9QX2TA4 --output copy.bundle.json")
def bundle(
    number: NumberArgument,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write there; else print it.")] = None,
    full: Annotated[bool, typer.Option("--full", help="With everything disclosed: for the holder alone.")] = False,
    home: HomeOption = None,
) -> None:
    """Write a certificate's bundle: credential, receipt and key, all that a verifier needs beside the chain."""
    found = Home.find(home)
    with found.store.read() as unit:
        one = unit.batches.by_number(number)
        if one is None:
            raise NotHere("certificate", number)
        data = bundle_of(unit, one, found.key_of, full=full)
    if output is None:
        OUT.file.write(data.decode("utf-8"))
        return
    write_file(output, data)
    note(said(f"已写出{output}（{len(data)}字节）", f"wrote {output} ({counted(len(data), 'byte')})"))


@app.command(epilog="Example: vermilion cert suspend DEMO-EEC-2026-7M3K9QX2TA4 --reason investigation")
def suspend(
    number: NumberArgument,
    reason: Annotated[str, _reason_option(Status.SUSPENDED)] = "investigation",
    by: PersonOption = None,
    wait: WaitOption = 60,
    node: NodeOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Suspend a certificate; one person may, and it can be undone."""
    _change(number, Status.SUSPENDED, reason, by, None, wait, node, home, dry_run=dry_run, as_json=as_json)


@app.command(epilog="Example: vermilion cert reinstate DEMO-EEC-2026-7M3K9QX2TA4 --as maker-1 --approve-as approver-1")
def reinstate(
    number: NumberArgument,
    reason: Annotated[str, _reason_option(Status.VALID)] = "investigation-closed",
    by: PersonOption = None,
    approve_as: ApproverOption = None,
    wait: WaitOption = 60,
    node: NodeOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lift a suspension; a second person must approve."""
    _change(number, Status.VALID, reason, by, approve_as, wait, node, home, dry_run=dry_run, as_json=as_json)


@app.command(epilog="Example: vermilion cert revoke DEMO-EEC-2026-7M3K9QX2TA4 --reason misconduct --as maker-1")
def revoke(
    number: NumberArgument,
    reason: Annotated[str, _reason_option(Status.REVOKED)],
    by: PersonOption = None,
    approve_as: ApproverOption = None,
    wait: WaitOption = 60,
    node: NodeOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a certificate for good; a second person must approve."""
    _change(number, Status.REVOKED, reason, by, approve_as, wait, node, home, dry_run=dry_run, as_json=as_json)


@app.command(epilog="Example: vermilion cert approve C-2026-11-0001 --as approver-1")
def approve(
    request: Annotated[str, typer.Argument(help="Request, such as C-2026-11-0001.")],
    by: PersonOption = None,
    wait: WaitOption = 60,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a revocation or reinstatement as the second person.

    Where the passphrases lie beside the keys, as in the demonstration, it is sent at once; else the maker sends it.
    """
    found = Home.find(home)
    with found.chain(node=node) as ledger:
        approved = approve_change(found.store, found.clock, ledger, found.approver(), request, person=person(by))
    if found.installation.machine_passphrases:
        _take(found, approved, None, wait, node, as_json=as_json)
        return
    if as_json:
        print_json(request_document(approved))
    else:
        OUT.print(said(f"申请{approved.id}已批准", f"request {approved.id} is approved"))
        note(said(f"下一步：vermilion cert send {approved.id}", f"next: vermilion cert send {approved.id}"))


@app.command(epilog="Example: vermilion cert send C-2026-11-0001")
def send(
    request: Annotated[str, typer.Argument(help="Request, such as C-2026-11-0001.")],
    wait: WaitOption = 60,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a request to the chain: an approved one, or one that was interrupted. May be run again."""
    found = Home.find(home)
    with found.store.read() as unit:
        asked = unit.status_requests.request(request)
    _take(found, asked, None, wait, node, as_json=as_json)


@app.command(epilog="Example: vermilion cert cancel C-2026-11-0001 --as maker-1")
def cancel(
    request: Annotated[str, typer.Argument(help="Request, such as C-2026-11-0001.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give up a request that is not signed for the chain yet."""
    found = Home.find(home)
    cancelled = cancel_change(found.store, found.clock, request, person=person(by))
    if as_json:
        print_json(request_document(cancelled))
    else:
        OUT.print(said(f"申请{cancelled.id}已取消", f"request {cancelled.id} is cancelled"))


@app.command(epilog="Example: vermilion cert requests")
def requests(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List requests to change a status, oldest first."""
    found = Home.find(home)
    with found.store.read() as unit:
        all_of_them = unit.status_requests.requests()
    if as_json:
        print_json([request_document(one) for one in all_of_them])
        return
    if not all_of_them:
        OUT.print(said("还没有申请", "no requests yet"))
        return
    print_table(
        [
            said("申请", "request"),
            said("编号", "number"),
            said("改为", "to"),
            said("原因", "reason"),
            said("状态", "state"),
        ],
        [
            [one.id, one.number, status_word(one.wanted.word), reason_word(one.reason), state_word(one.state)]
            for one in all_of_them
        ],
    )


def _change(
    number: str,
    wanted: Status,
    reason: str,
    by: str | None,
    approve_as: str | None,
    wait: int,
    node: str | None,
    home: Path | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    found = Home.find(home)
    ground = Reason.parse(reason)
    maker = person(by)
    if dry_run:
        rehearse_change(found, number, wanted, ground, maker, as_json=as_json)
        return
    if approve_as is not None and not found.installation.machine_passphrases:
        raise ApproverApart
    if approve_as is not None and wanted in needs_approval:
        require_second_person(maker, person(approve_as), "approving a change of status")  # before anything is kept
    found.read_chain(node)  # a chain that is not ours halts us before anything is kept
    asked = request_change(found.store, found.clock, number, wanted, ground, person=maker)
    if asked.state is RequestState.REQUESTED and wanted in needs_approval and approve_as is None:
        if as_json:
            print_json(request_document(asked))
        else:
            OUT.print(
                said(
                    f"申请{asked.id}已记下：{number}改为“{status_word(wanted.word)}”，须由另一人批准",
                    f"request {asked.id} is kept: {number} to become {wanted.word}; a second person must approve it",
                )
            )
            note(
                said(
                    f"下一步：vermilion cert approve {asked.id} --as 另一人",
                    f"next: vermilion cert approve {asked.id} --as SOMEBODY-ELSE",
                )
            )
        return
    approver = person(approve_as) if approve_as is not None and asked.state is RequestState.REQUESTED else None
    _take(found, asked, approver, wait, node, as_json=as_json)


def _take(
    home: Home, asked: StatusRequest, approver: str | None, wait: int, node: str | None, *, as_json: bool
) -> None:
    try:
        with stoppable(said("再运行同一条命令", "the same command")):
            final = take_to_chain(home, asked, approver, wait=wait, node=node, told=tell_state)
    except LedgerUnavailable:
        note(
            said(
                f"申请{asked.id}已记下，尚未上链；有节点应答后再运行同一条命令即可完成，不会重复。",
                f"request {asked.id} is kept and not on the chain yet; "
                "the same command finishes it, once, when a node answers.",
            )
        )
        raise
    if as_json:
        print_json(request_document(final))
    elif final.state is RequestState.FINAL:
        OUT.print(
            said(
                f"{final.number}现为“{status_word(final.wanted.word)}”，原因：{reason_word(final.reason)}（历史记录{final.seq}）",
                f"{final.number} is now {final.wanted.word}: {reason_word(final.reason)} (history record {final.seq})",
            )
        )
    else:
        OUT.print(said(f"申请{final.id}：{state_word(final.state)}", f"request {final.id}: {final.state}"))
        if final.failure is not None:
            texts = advice().get(final.failure)
            note(final.failure if texts is None else said(texts.cause_zh, texts.cause_en))
            if texts is not None:
                note(said(texts.remedy_zh, texts.remedy_en))
    if final.state is not RequestState.FINAL:
        raise typer.Exit(1 if final.state in (RequestState.FAILED, RequestState.CANCELLED) else 3)


def _brief(one: StoredCertificate, word: str) -> dict[str, Any]:
    placement = one.batch.placement
    return {
        "number": one.reservation.number,
        "revision": one.reservation.revision,
        "batch": one.batch.id,
        "scope": one.batch.scope,
        "status": word,
        "key": one.reservation.key,
        "recorded": placement.block_time.astimezone(CHINA_TIME).isoformat() if placement else None,
    }


def request_document(one: StatusRequest) -> dict[str, Any]:
    """Write a request as plain values."""
    return {
        "id": one.id,
        "number": one.number,
        "revision": one.revision,
        "wanted": one.wanted.word,
        "reason": one.reason.slug,
        "state": one.state.value,
        "requested_by": one.requested_by,
        "approved_by": one.approved_by,
        "seq": one.seq,
        "failure": one.failure,
    }
