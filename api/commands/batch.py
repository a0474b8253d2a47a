"""`vermilion batch`: propose, approve, issue; every step can be run again."""

from pathlib import Path
from typing import Annotated, Final

import typer

from api.commands.approvals import Approving, approver_of, write_for_wallet
from api.commands.batch_shown import (
    batch_document,
    flag_words,
    show_batch,
    show_unfinished,
    standing_of,
    undelivered_word,
)
from api.commands.enrol import ProgrammeOption, chosen, naming, required_level
from api.commands.options import (
    DryRunOption,
    FileUnreadable,
    HomeOption,
    JsonOption,
    LatestOption,
    NodeOption,
    PersonOption,
    WaitOption,
    expanded,
    note_earlier_left_out,
    person,
    stoppable,
)
from api.commands.rehearsal import rehearse_batch
from api.commands.replacing_shown import tell_replacements, tell_waiting_supersessions
from api.commands.requests import ApproverOption, ChangeOptions, change, reason_option, tell_state
from api.commands.words import state_word
from api.errors import advice
from api.reconciling import halt_where_due
from api.sending import issue_batch
from api.situations import command_for
from api.terminal import OUT, counted, next_command, note, print_json, print_table, progress, said, steps
from api.wiring import Home
from registry.anchor.states import AnchorState
from registry.kernel.errors import MalformedInput
from registry.ports import LedgerUnavailable
from registry.status import Reason, Status
from registry.workflows.desk.work_off import BundlesUnwritable
from registry.workflows.issuance.approve import approve as approve_batch
from registry.workflows.issuance.approve import cancel as cancel_batch
from registry.workflows.issuance.approve import to_be_approved
from registry.workflows.issuance.issue import NothingToIssue
from registry.workflows.issuance.issue import propose as propose_batch
from registry.workflows.lineage.present import present_flags
from registry.workflows.status.ask_changes import plan_batch_changes, request_batch_changes

app = typer.Typer(no_args_is_help=True, help="Batches of certificates.")

_LONGEST_KEY: Final = 200
BatchArgument = Annotated[str, typer.Argument(help="Batch, such as B-2026-11-0001.")]


class KeyMalformed(MalformedInput):
    """An idempotency key is empty, too long, or holds what cannot be shown."""

    code = "batch/key-malformed"

    def __init__(self) -> None:
        super().__init__(f"an idempotency key has 1 to {_LONGEST_KEY} printable characters")


@app.command(epilog="Example: vermilion batch propose --level 3 --as maker-1")
def propose(
    level: Annotated[str, typer.Option("--level", help="Level, by code or name; `-` where the programme has none.")],
    programme: ProgrammeOption = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Idempotency key: the same key gives the same batch.")
    ] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reserve numbers for everybody who passed and waits, sign the credentials, seal the batch. Sends nothing.

    What the chain has recorded is read first, where a node answers: a database that is an older copy halts.
    """
    found = Home.find(home)
    of = chosen(found, programme)
    level = required_level(level, found.catalogue.versions(of.code))
    if key is not None and (not key.strip() or len(key) > _LONGEST_KEY or not key.isprintable()):
        raise KeyMalformed
    if not halt_where_due(found):
        note(
            said(
                "没有节点应答：没有与链比对，这里若是较早的备份也看不出来",
                "no node answers: the chain was not compared, and a database that is an older copy is not noticed",
            )
        )
    again = said("再运行同一条命令", "the same command")
    try:
        with stoppable(again), steps(said("查找", "find"), said("签署", "sign and store")) as (finding, update):
            batch = propose_batch(
                found.store,
                found.clock,
                found.catalogue,
                found.body,
                found.credential_signer(),
                programme=of.code,
                level=level,
                person=person(by),
                idempotency_key=key,
                finding=finding,
                progress=update,
            )
    except NothingToIssue as nothing:
        _name_waiting(found, nothing.scope)
        raise
    show_batch(found, batch, as_json=as_json)


@app.command(epilog="Example: vermilion batch approve B-2026-11-0001 --as approver-1")
@expanded
def approve(
    batch: BatchArgument,
    how: Approving,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a sealed batch as the second person: everything is computed again before the key signs."""
    found = Home.find(home)
    signer, deadline = approver_of(found, how)
    with found.store.read() as unit:
        before = unit.batches.batch(batch)
        if how.typed_data is None and before.state in (AnchorState.SEALED, AnchorState.FAILED):
            unit.alarms.require_none()  # said before anything is shown and asked, and not after it
    parts = found.store, found.clock, found.catalogue, found.key_of
    if how.typed_data is not None:
        asked = to_be_approved(*parts, batch)
        write_for_wallet(found, asked, how.typed_data, command=f"vermilion batch approve {batch}", as_json=as_json)
        return
    tell_replacements(found, batch)
    with progress(said("核对", "check")) as update:
        approved = approve_batch(*parts, signer, batch, person=person(by), deadline=deadline, progress=update)
    show_batch(found, approved, as_json=as_json)
    if approved.approval is not None and approved.approval == before.approval:
        state = state_word(approved.state)
        note(
            said(
                f"批次{batch}先前已经批准，现在{state}；这次没有再签。",
                f"batch {batch} was approved before and is {state} now; nothing was signed.",
            )
        )


@app.command(epilog="Example: vermilion batch issue B-2026-11-0001")
def issue(
    batch: BatchArgument,
    wait: WaitOption = 60,
    node: NodeOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an approved batch to the chain, wait until it is final, deliver its bundles. May be run again."""
    found = Home.find(home)
    if dry_run:
        rehearse_batch(found, batch, as_json=as_json)
        return
    with found.store.read() as unit:
        if unit.batches.batch(batch).state in (AnchorState.RESERVED, AnchorState.SEALED):
            unit.alarms.require_none()  # else it would be told to have it approved, which an alarm refuses
    try:
        with stoppable(f"vermilion batch issue {batch}"):
            issued = issue_batch(found, batch, wait=wait, node=node, told=tell_state)
    except LedgerUnavailable:
        note(
            said(
                f"批次{batch}原样保留；有节点应答后再运行同一条命令即可完成，不会重复。",
                f"batch {batch} stays as it is; the same command finishes it, once, when a node answers.",
            )
        )
        raise
    except BundlesUnwritable:
        note(
            said(
                f"批次{batch}已登记，不可更改；写过的凭证都在。",
                f"batch {batch} is recorded for good; written bundles stay.",
            )
        )
        next_command(f"vermilion batch issue {batch}")
        raise
    show_batch(found, issued, as_json=as_json)
    tell_waiting_supersessions(found, issued)
    if issued.state is not AnchorState.FINAL:
        raise typer.Exit(1 if issued.state in (AnchorState.FAILED, AnchorState.CANCELLED) else 3)


@app.command(epilog="Example: vermilion batch pdf B-2026-11-0001 --out certificates.zip")
def pdf(
    batch: BatchArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write there. Default: BATCH.zip here.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a recorded batch's certificates into one ZIP. May be run again: what is drawn is not drawn twice."""
    from registry.delivery.typesetting import GlyphMissing
    from registry.workflows.certificates.draw import draw_batch

    found = Home.find(home)
    target = out or Path(f"{batch}.zip")
    again = f"vermilion batch pdf {batch} --out {target}"
    try:
        with stoppable(again), progress(said("绘制", "draw")) as update:
            drawn = draw_batch(found.store, found.key_of, found.press(), batch, target, progress=update)
    except OSError as error:
        raise FileUnreadable(target, error.strerror or said("写不了", "cannot be written")) from error
    refused = [
        {"number": one.number, "characters": [f"U+{ord(each):04X}" for each in one.error.characters]}
        for one in drawn.refused
    ]
    if as_json:
        print_json(
            {
                "file": str(target),
                "drawn": drawn.drawn,
                "erased": drawn.erased,
                "notStanding": list(drawn.not_standing),
                "refused": refused,
            }
        )
    else:
        note(
            said(
                f"已写出{target}：{drawn.drawn:,}张" + (f"，已删除内容的{drawn.erased}张略去" if drawn.erased else ""),
                f"wrote {target}: {counted(drawn.drawn, 'certificate')}"
                + (f", without {drawn.erased} whose content was erased" if drawn.erased else ""),
            )
        )
        if drawn.not_standing:
            note(
                said(
                    f"现在不是有效状态的{len(drawn.not_standing)}张略去，要单独打印用 vermilion cert pdf 编号：",
                    f"left out, since they do not stand now ({len(drawn.not_standing)}); print one by itself with"
                    " vermilion cert pdf NUMBER:",
                )
            )
        for number in drawn.not_standing:
            OUT.print(number)
        for one in drawn.refused:
            OUT.print(f"{one.number}  {', '.join(f'U+{ord(each):04X}' for each in one.error.characters)}")
    if refused:
        texts = advice()[GlyphMissing.code]
        note(said(f"{texts.cause_zh}{texts.remedy_zh}", f"{texts.cause_en} {texts.remedy_en}"))
        raise typer.Exit(1)


@app.command(epilog="Example: vermilion batch suspend B-2026-11-0001 --reason investigation")
@expanded
def suspend(
    batch: BatchArgument,
    reason: Annotated[str, reason_option(Status.SUSPENDED)] = "investigation",
    *,
    options: ChangeOptions,
) -> None:
    """Suspend a recorded batch with every certificate in it; one person may, and it can be undone."""
    _change([batch], Status.SUSPENDED, reason, None, options)


@app.command(epilog="Example: vermilion batch reinstate B-2026-11-0001 --as maker-1")
@expanded
def reinstate(
    batches: Annotated[list[str], typer.Argument(help="Batches, such as B-2026-11-0001.")],
    reason: Annotated[str, reason_option(Status.VALID)] = "investigation-closed",
    approve_as: ApproverOption = None,
    *,
    options: ChangeOptions,
) -> None:
    """Lift the suspension of batches as a whole; a second person must approve. Single suspensions stay."""
    _change(batches, Status.VALID, reason, approve_as, options)


def _change(names: list[str], wanted: Status, reason: str, approve_as: str | None, options: ChangeOptions) -> None:
    found = Home.find(options.home)
    ground = Reason.parse(reason)
    change(
        found,
        [(name, None) for name in names],
        lambda unit, maker: plan_batch_changes(unit, found.clock.now(), names, wanted, ground, person=maker),
        lambda maker: request_batch_changes(found.store, found.clock, names, wanted, ground, person=maker),
        options,
        wanted=wanted,
        approve_as=approve_as,
        listed=len(names) > 1,
        again=said("再运行同一条命令", "the same command"),
    )


@app.command(epilog="Example: vermilion batch cancel B-2026-11-0001 --as maker-1")
def cancel(batch: BatchArgument, by: PersonOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Give up a batch that is not signed for the chain yet, or that the contract refused; its candidates wait again."""
    found = Home.find(home)
    given_up = cancel_batch(found.store, found.clock, batch, person=person(by), ledger=found.chain)
    show_batch(found, given_up, as_json=as_json)


def _name_waiting(home: Home, scope: str) -> None:
    """Say which batches of a scope hold those who passed, so that nobody looks for them in vain."""
    with home.store.read() as unit:
        waiting = [
            one
            for one in unit.batches.batches()
            if one.scope == scope and one.state not in (AnchorState.FINAL, AnchorState.CANCELLED)
        ]
    for one in waiting:
        following = command_for(standing_of(home, one).next)
        note(
            said(
                f"批次{one.id}（{state_word(one.state)}）正等待：{following}",
                f"batch {one.id} of this scope waits ({one.state}): {following}",
            )
        )


@app.command(epilog="Example: vermilion batch status B-2026-11-0001")
def status(
    batch: Annotated[str | None, typer.Argument(help="Batch, such as B-2026-11-0001. Default: all unfinished.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say where a batch stands, what is safe, and the one next command."""
    found = Home.find(home)
    if batch is None:
        show_unfinished(found, as_json=as_json)
        return
    with found.store.read() as unit:
        one = unit.batches.batch(batch)
    if one.state is AnchorState.FAILED:
        found.catch_up()  # what hindered it may be over, by what the chain says now
    show_batch(found, one, as_json=as_json, with_flags=True)


@app.command("list", epilog="Example: vermilion batch list")
def list_batches(limit: LatestOption = 50, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List batches, oldest first."""
    found = Home.find(home)
    with found.store.read() as unit:
        names = unit.batches.names()
        listed = [unit.batches.batch(one) for one in (names[-limit:] if limit else names)]
        batches = [(one, present_flags(unit, one)) for one in listed]
    if as_json:
        print_json([batch_document(found, one, flags=flags) for one, flags in batches])
        note_earlier_left_out(len(batches), len(names))
        return
    if not batches:
        OUT.print(said("还没有批次", "no batches yet"))
        next_command(f"vermilion batch propose{naming(found.installation.programmes)} --level LEVEL --as NAME")
        return
    print_table(
        [
            said("批次", "batch"),
            said("范围", "scope"),
            said("张数", "size"),
            said("状态", "state"),
            said("区块", "block"),
        ],
        [
            [
                one.id,
                one.scope,
                f"{one.size:,}",
                "  ".join((state_word(one.state), *undelivered_word(one), *flag_words(flags))),
                str(one.placement.block_number) if one.placement else "–",
            ]
            for one, flags in batches
        ],
    )
    note_earlier_left_out(len(batches), len(names))
