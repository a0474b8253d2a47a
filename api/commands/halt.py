"""`vermilion halt`: why nothing goes to the chain, and letting it go on."""

from typing import Annotated, Any

import typer

from api.commands.fact_words import fact_word
from api.commands.options import HomeOption, JsonOption, NodeOption, PersonOption, person
from api.errors import EXIT_NOT_NOW, advice
from api.terminal import OUT, counted, moment, next_command, note, print_json, said, shown, with_home
from api.wiring import Home
from registry.ports.alarms import Alarm
from registry.workflows.chain.follow import HistoryBroken
from registry.workflows.chain.halt import lift as lift_alarms
from registry.workflows.chain.reread import Reread
from registry.workflows.chain.reread import reread as reread_chain

app = typer.Typer(no_args_is_help=True, help="Why nothing goes to the chain, and letting it go on.")


@app.command(epilog="Example: vermilion halt show")
def show(
    past: Annotated[bool, typer.Option("--all", help="With those that were lifted.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what halts writing; exit 3 where something does."""
    found = Home.find(home)
    with found.store.read() as unit:
        alarms = unit.alarms.alarms() if past else unit.alarms.open()
    if as_json:
        print_json([_document(one) for one in alarms])
    elif not alarms:
        OUT.print(said("没有警报：照常上链", "no alarm: nothing is halted"))
    for one in () if as_json else alarms:
        _print(one)
    if any(one.lifted_at is None for one in alarms):
        raise typer.Exit(EXIT_NOT_NOW)


@app.command(
    epilog="Example: vermilion halt lift L-2026-11-0001 --reason 'the address of the node was wrong' --as operator-1"
)
def lift(
    alarms: Annotated[list[str], typer.Argument(help="Alarms, such as L-2026-11-0001.")],
    reason: Annotated[str, typer.Option("--reason", help="What you found; it is kept. No names of holders.")],
    by: PersonOption = None,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let writing go on after you have looked; an alarm about the chain as it is now must be over."""
    found = Home.find(home)
    with found.store.read() as unit:
        before = {one.id for one in map(unit.alarms.alarm, dict.fromkeys(alarms)) if one.lifted_at is not None}
    with found.chain(node=node) as ledger:
        lifted = lift_alarms(found.store, found.clock, ledger, alarms, person=person(by), reason=reason)
    if as_json:
        print_json([_document(one) for one in lifted])
        return
    for one in lifted:
        _print(one)
    if before:
        names = ", ".join(one.id for one in lifted if one.id in before)
        note(said(f"{names}先前已解除，这次没有改动", f"lifted before, and left as it was: {names}"))
    if len(before) == len(lifted):
        note(said("没有警报可解除", "no alarm was open: nothing was lifted"))


@app.command(epilog="Example: vermilion halt reread --as operator-1")
def reread(
    by: PersonOption = None,
    drop: Annotated[
        bool, typer.Option("--drop", help="Also drop what is kept here and is not on the chain; see the error first.")
    ] = False,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the chain's records anew from its first block, and say what was kept otherwise; then lift the alarm.

    For a registry whose own reading of the chain is broken. It works while writing is halted; cut off, run it again.
    Readers have what was read before until all of it is read.
    """
    found = Home.find(home)
    note(said("正在从链的第一个区块重新读取", "reading the chain anew from its first block"))
    with found.chain(node=node) as ledger, found.blank_store() as blank:
        came = reread_chain(found.store, blank, ledger, found.clock, person=person(by), drop=drop)
    if as_json:
        print_json(_compared(came))
    else:
        _print_compared(came)
    if came.dropped:
        next_command("vermilion reconcile")
    with found.store.read() as unit:
        broken = [one.id for one in unit.alarms.open() if one.code == HistoryBroken.code]
    for one in broken:
        next_command(f"vermilion halt lift {one} --reason … --as NAME")


def _compared(came: Reread) -> dict[str, Any]:
    return {
        "block_before": came.before.number if came.before else None,
        "block": came.block.number,
        "same": came.same,
        "added": came.added,
        "dropped": came.dropped,
        "difference": {"here": came.difference[0], "there": came.difference[1]} if came.difference else None,
    }


def _print_compared(came: Reread) -> None:
    was = said("从未读过", "never read") if came.before is None else str(came.before.number)
    OUT.print(
        said(
            f"读到区块{came.block.number}（先前：{shown(was)}）：{came.same}条记录相同，补上{came.added}条，去掉{came.dropped}条",
            f"read up to block {came.block.number} (before: {shown(was)}): {counted(came.same, 'record')} the same, "
            f"{came.added} added, {came.dropped} dropped",
        )
    )
    if came.difference is not None:
        here, there = map(shown, came.difference)
        OUT.print(f"  [dim]{said('先前', 'before')}: {here}; {said('链上', 'there')}: {there}[/dim]")


def _document(alarm: Alarm) -> dict[str, Any]:
    return {
        "id": alarm.id,
        "code": alarm.code,
        "subject": alarm.subject,
        "detail": alarm.detail,
        "raised_at": alarm.raised_at.isoformat(),
        "lifted_at": alarm.lifted_at.isoformat() if alarm.lifted_at else None,
        "lifted_by": alarm.lifted_by,
        "reason": alarm.reason,
    }


def _print(alarm: Alarm) -> None:
    texts = advice()[alarm.code]
    told = f"{alarm.subject}  {moment(alarm.raised_at)}"
    OUT.print(f"[bold]{alarm.id}[/bold]  {shown(told)}   [dim]\\[{shown(alarm.code)}][/dim]")
    OUT.print(f"  {shown(said(texts.cause_zh, texts.cause_en))}")
    OUT.print(f"  [dim]{shown(fact_word(alarm.detail))}[/dim]")
    if alarm.lifted_at is None:
        OUT.print(f"  → {shown(with_home(said(texts.remedy_zh, texts.remedy_en)))}")
        if alarm.code == HistoryBroken.code:
            OUT.print(f"  → {shown(with_home('vermilion halt reread --as NAME'))}")
        OUT.print(f"  → {shown(with_home(f'vermilion halt lift {alarm.id} --reason … --as NAME'))}")
    else:
        lifted = f"{moment(alarm.lifted_at)} {alarm.lifted_by}"
        OUT.print(f"  {said('已解除', 'lifted')}: {shown(lifted)}: {shown(alarm.reason or '')}")
