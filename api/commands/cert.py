"""`vermilion cert`: certificates, their bundles, and changes of their status."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands import replacing
from api.commands.account import print_link
from api.commands.approvals import Approving, approver_of, write_for_wallet
from api.commands.claiming import ClaimUnclear, claim_batch
from api.commands.numbers import named_numbers
from api.commands.options import (
    HomeOption,
    JsonOption,
    LatestOption,
    NodeOption,
    PersonOption,
    WaitOption,
    expanded,
    note_earlier_left_out,
    note_later_left_out,
    person,
    write_file,
)
from api.commands.replacing_shown import (
    line_document,
    line_words,
    replacement_words,
    tell_superseded_by,
    under_way_of,
)
from api.commands.requests import (
    ApproverOption,
    ChangeOptions,
    change,
    command_of,
    covered,
    reason_option,
    request_document,
    require_on_its_own,
    show_request,
    take,
    tell,
    wanted_word,
)
from api.commands.words import reason_word, state_word, status_word
from api.terminal import OUT, counted, moment, next_command, note, print_fields, print_json, print_table, said
from api.wiring import Home
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.kernel.errors import MalformedInput
from registry.ports.storage import NotHere, StoredCertificate
from registry.status import Reason, Status
from registry.workflows.access.sign_in import invite_holder
from registry.workflows.certificates.deliver import bundle_name, bundle_of, require_in_place
from registry.workflows.lineage.present import present_standing
from registry.workflows.replacement.revisions import PENDING, status_word_of
from registry.workflows.status.approve_change import approve_change, cancel_change, change_to_be_approved
from registry.workflows.status.ask_changes import plan_changes, request_changes

app = typer.Typer(no_args_is_help=True, help="Certificates.")
app.command(epilog="Example: vermilion cert correct DEMO-EEC-2026-7M3K9QX2TA4 --name 欧阳子夏 --reason 误写")(
    replacing.correct
)
app.command(epilog="Example: vermilion cert renew --from expiring.csv --as maker-1")(replacing.renew)
app.command(epilog="Example: vermilion cert propose X-2026-11-0001 X-2026-11-0002 --as maker-1")(replacing.propose)
app.command(epilog="Example: vermilion cert withdraw X-2026-11-0001 --as maker-1")(replacing.withdraw)
app.command("replacements", epilog="Example: vermilion cert replacements --waiting")(replacing.list_)
app.command("replacement", epilog="Example: vermilion cert replacement X-2026-11-0001")(replacing.show)

NumberArgument = Annotated[str, typer.Argument(help="Certificate number.")]


RequestArgument = Annotated[str, typer.Argument(help="Request, such as C-2026-11-0001.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatesNamed:
    """Which certificates a change is about."""

    numbers: Annotated[list[str] | None, typer.Argument(help="Certificate numbers.")] = None
    numbers_from: Annotated[
        Path | None,
        typer.Option("--from", help="Also those of a file: one number a line, or a CSV; - reads standard input."),
    ] = None
    skip_done: Annotated[
        bool, typer.Option("--skip-done", help="Leave out certificates that have the status already.")
    ] = False


class StatusUnknown(MalformedInput):
    """No status has that name."""

    code = "status/unknown"

    def __init__(self, named: str) -> None:
        self.named = named
        known = ", ".join(status.word for status in Status)
        super().__init__(f"no status is called {named[:40]!a}: expected one of {known}, pending")


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
            word = status_word_of(unit, one)
            if wanted is not None and word != wanted:
                continue
            if limit and len(rows) == limit:
                more = True
                break
            rows.append(_brief(one, word))
    if as_json:
        print_json(rows)
        note_later_left_out(more=more)
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
    note_later_left_out(more=more)


def _wanted(text: str | None) -> str | None:
    if text is not None and text not in {"pending", *(status.word for status in Status)}:
        raise StatusUnknown(text)
    return text


@app.command(epilog="Example: vermilion cert show DEMO-EEC-2026-7M3K9QX2TA4")
def show(
    number: NumberArgument,
    revision: Annotated[
        int | None, typer.Option("--revision", help="This revision; else the one that stands, or the latest.", min=1)
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is kept of a certificate, its link for the QR code, and the line of those that replaced each other."""
    found = Home.find(home)
    with found.store.read() as unit:
        one = unit.batches.by_number(number, revision)
        if one is None:
            raise NotHere("certificate", number)
        word, placement = status_word_of(unit, one), one.batch.placement
        delivered = one.batch.state is AnchorState.FINAL and word != PENDING
        document = {
            **_brief(one, word),
            "link": f"{found.installation.public_base_url}/C/{one.reservation.key}",
            "leaf": one.reservation.leaf,
            "digest": b64url(one.digest) if one.digest else None,
            "jti": one.reservation.jti,
            "bundle": str(found.shelf.path(bundle_name(one.reservation))) if delivered else None,
            "line": line_document(unit, one),
            "replacement": None if (of := under_way_of(unit, one)) is None else of.id,
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
            "line": said("更替", "line"),
        }
        texts = {
            **document,
            "status": status_word(document["status"]),
            "recorded": moment(placement.block_time) if placement else None,
            "line": line_words(document["line"]),
        }
        if of is not None:
            words["replacement"], texts["replacement"] = said("更替中", "being replaced"), replacement_words(of)
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
        require_in_place(unit, one)
        data = bundle_of(unit, one, found.key_of, full=full)
    if output is None:
        OUT.file.write(data.decode("utf-8"))
        return
    write_file(output, data)
    note(said(f"已写出{output}（{len(data)}字节）", f"wrote {output} ({counted(len(data), 'byte')})"))


@app.command(epilog="Example: vermilion cert pdf DEMO-EEC-2026-7M3K9QX2TA4 --out certificate.pdf")
def pdf(
    number: NumberArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write there. Default: NUMBER.pdf in this folder.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a recorded certificate as PDF, in its public presentation; its bundle is attached."""
    from registry.workflows.certificates.draw import draw_certificate

    found = Home.find(home)
    name, data = draw_certificate(found.store, found.key_of, found.press(), number)
    with found.store.read() as unit:
        certificate = unit.batches.by_number(number)
        standing = Status.VALID if certificate is None else present_standing(unit, certificate)
    target = out or Path(name)
    write_file(target, data)
    if as_json:
        print_json({"file": str(target), "bytes": len(data), "standing": standing.word})
    else:
        if standing is not Status.VALID:
            word = status_word(standing.word)
            note(
                said(
                    f"注意：证书现在的状态是“{word}”，纸面上不会写明，核验时会显示",
                    f"mind: the certificate is {word}; its paper does not say so, whoever verifies it is told",
                )
            )
        note(said(f"已写出{target}（{len(data):,}字节）", f"wrote {target} ({len(data):,} bytes)"))


@app.command(epilog="Example: vermilion cert claim --batch B-2026-11-0001 --out links.csv --as maker-1")
def claim(
    number: Annotated[str | None, typer.Argument(help="Certificate number; its holder's earlier link ends.")] = None,
    batch: Annotated[
        str | None,
        typer.Option("--batch", help="Each holder of this batch without password and open link, all or none."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="With --batch: a new CSV of number, name, link; only you may read it."),
    ] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a link with which a holder chooses a password, once: of one certificate, printed, or of a whole batch."""
    found = Home.find(home)
    if batch is not None and out is not None and number is None:
        claim_batch(found, batch, out, by=person(by), as_json=as_json)
        return
    if number is None or batch is not None or out is not None:
        raise ClaimUnclear
    token = invite_holder(found.store, found.clock, number=number, by=person(by))
    print_link(found, number, token, as_json=as_json)


@app.command(epilog="Example: vermilion cert suspend DEMO-EEC-2026-7M3K9QX2TA4 --reason investigation")
@expanded
def suspend(
    named: CertificatesNamed,
    reason: Annotated[str, reason_option(Status.SUSPENDED)] = "investigation",
    *,
    options: ChangeOptions,
) -> None:
    """Suspend certificates; one person may, and it can be undone."""
    _change(named, Status.SUSPENDED, reason, None, options)


@app.command(epilog="Example: vermilion cert reinstate DEMO-EEC-2026-7M3K9QX2TA4 --as maker-1 --approve-as approver-1")
@expanded
def reinstate(
    named: CertificatesNamed,
    reason: Annotated[str, reason_option(Status.VALID)] = "investigation-closed",
    approve_as: ApproverOption = None,
    *,
    options: ChangeOptions,
) -> None:
    """Lift suspensions; a second person must approve."""
    _change(named, Status.VALID, reason, approve_as, options)


@app.command(epilog="Example: vermilion cert revoke --from numbers.csv --reason misconduct --as maker-1")
@expanded
def revoke(
    named: CertificatesNamed,
    reason: Annotated[str, reason_option(Status.REVOKED)],
    approve_as: ApproverOption = None,
    *,
    options: ChangeOptions,
) -> None:
    """Revoke certificates for good; a second person must approve."""
    _change(named, Status.REVOKED, reason, approve_as, options)


def _change(
    named: CertificatesNamed, wanted: Status, reason: str, approve_as: str | None, options: ChangeOptions
) -> None:
    found = Home.find(options.home)
    ground = Reason.parse(reason)
    listed = named_numbers(named.numbers, named.numbers_from)
    numbers = [one.text for one in listed]
    change(
        found,
        [(one.text, one.line) for one in listed],
        lambda unit, maker: plan_changes(
            unit, found.clock.now(), numbers, wanted, ground, person=maker, skip_done=named.skip_done
        ),
        lambda maker: request_changes(
            found.store, found.clock, numbers, wanted, ground, person=maker, skip_done=named.skip_done
        ),
        options,
        wanted=wanted,
        approve_as=approve_as,
        listed=len(numbers) > 1 or named.numbers_from is not None,
        again=said("再运行同一条命令", "the same command")
        if len(numbers) == 1
        else said("加上--skip-done再运行同一条命令", "the same command with --skip-done"),
    )


@app.command(epilog="Example: vermilion cert approve C-2026-11-0001 --as approver-1")
@expanded
def approve(
    request: RequestArgument,
    how: Approving,
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
    with found.store.read() as unit:
        asked_for = unit.status_requests.request(request)
        if how.typed_data is None and asked_for.state is RequestState.REQUESTED:
            unit.alarms.require_none()  # said before anything is shown and asked, and not after it
    numbers = [target.number for target in asked_for.certificates]
    signer, deadline = approver_of(found, how, numbers)
    parts = found.store, found.clock
    tell_superseded_by(found, asked_for)
    with found.chain(node=node) as ledger:
        if how.typed_data is not None:
            asked = change_to_be_approved(*parts, ledger, request)
            command = f"vermilion cert approve {request}"
            write_for_wallet(found, asked, how.typed_data, command=command, numbers=numbers, as_json=as_json)
            return
        approved = approve_change(*parts, ledger, signer, request, person=person(by), deadline=deadline)
    with found.store.read() as unit:
        with_batch = command_of(unit, approved)
    if found.installation.machine_passphrases and with_batch is None:
        again = f"vermilion cert send {approved.id}"
        tell(found, take(found, [approved], None, wait=wait, node=node, again=again), listed=False, as_json=as_json)
        return
    if as_json:
        with found.store.read() as unit:
            print_json(request_document(unit, approved))
    else:
        OUT.print(said(f"申请{approved.id}已批准", f"request {approved.id} is approved"))
        command = with_batch or f"vermilion cert send {approved.id}"
        next_command(command)


@app.command(epilog="Example: vermilion cert send C-2026-11-0001")
def send(
    requests: Annotated[list[str], typer.Argument(help="Requests, such as C-2026-11-0001.")],
    wait: WaitOption = 60,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take requests to the chain: approved ones, or those that were interrupted. May be run again."""
    found = Home.find(home)
    with found.store.read() as unit:
        asked = [unit.status_requests.request(name) for name in requests]
    taken = take(found, asked, None, wait=wait, node=node, again=f"vermilion cert send {' '.join(requests)}")
    tell(found, taken, listed=len(asked) > 1, as_json=as_json)


@app.command(epilog="Example: vermilion cert cancel C-2026-11-0001 --as maker-1")
def cancel(
    request: RequestArgument,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give up a request that is not signed for the chain yet; one that goes with a batch is given up with the batch."""
    found = Home.find(home)
    with found.store.read() as unit:
        require_on_its_own(unit, unit.status_requests.request(request))
    cancelled = cancel_change(found.store, found.clock, request, person=person(by))
    if as_json:
        with found.store.read() as unit:
            print_json(request_document(unit, cancelled))
    else:
        OUT.print(said(f"申请{cancelled.id}已取消", f"request {cancelled.id} is cancelled"))


@app.command(epilog="Example: vermilion cert request C-2026-11-0001")
def request(request: RequestArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a request with every certificate that it covers, for whoever is to approve it."""
    show_request(Home.find(home), request, as_json=as_json)


@app.command(epilog="Example: vermilion cert requests")
def requests(limit: LatestOption = 50, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List requests to change a status, of certificates or of whole batches, oldest first."""
    found = Home.find(home)
    with found.store.read() as unit:
        names = unit.status_requests.names()
        listed = [unit.status_requests.request(one) for one in (names[-limit:] if limit else names)]
        documents = [request_document(unit, one) for one in listed]
        texts = [said(*covered(unit, one)) for one in listed]
    if as_json:
        print_json(documents)
        note_earlier_left_out(len(listed), len(names))
        return
    if not listed:
        OUT.print(said("还没有申请", "no requests yet"))
        return
    print_table(
        [
            said("申请", "request"),
            said("涉及", "covers"),
            said("改为", "to"),
            said("原因", "reason"),
            said("状态", "state"),
        ],
        [
            [one.id, text, wanted_word(one), reason_word(one.reason), state_word(one.state)]
            for one, text in zip(listed, texts, strict=True)
        ],
    )
    note_earlier_left_out(len(listed), len(names))


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
