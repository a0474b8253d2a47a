"""`vermilion reconcile`: the database against the chain; mends what has a rule, names the rest."""

from typing import Annotated, Any, Final

import typer

from api.commands.fact_words import fact_word
from api.commands.options import HomeOption, JsonOption, NodeOption
from api.errors import EXIT_REFUSED, advice
from api.reconciling import reconcile_here
from api.terminal import OUT, counted, note, print_json, said, shown, with_home
from api.wiring import Home
from registry.anchor.differences import Rule
from registry.workflows.desk.reconcile import Found, Reconciled

_RULES: Final = {
    Rule.MENDED: ("已改正", "mended"),
    Rule.HELD: ("等人处理", "waits for a person"),
    Rule.HALTS: ("已停止上链", "writing is halted"),
}
_LIFTED: Final = ("已有人看过", "looked at before")
_NOT_YET: Final = {
    Rule.MENDED: ("可自动改正", "will be mended"),
    Rule.HELD: ("等人处理", "waits for a person"),
    Rule.HALTS: ("将停止上链", "would halt writing"),
}


def reconcile(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Name the differences; mend nothing, halt nothing.")
    ] = False,
    node: NodeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare the database with the chain: mend what has a rule, hold or halt the rest, write all of it down.

    The desk does the same when it starts. Exit 1 where something waits for a person.

    Example: vermilion reconcile
    """
    found = Home.find(home)
    looked = reconcile_here(found, node=node, files=True, only_look=dry_run)
    if as_json:
        print_json(_document(looked))
    else:
        _print(looked, dry_run=dry_run)
    if looked.waits:
        raise typer.Exit(EXIT_REFUSED)


def _document(looked: Reconciled) -> dict[str, Any]:
    return {
        "reconciled": not looked.waits,
        "batches": looked.batches,
        "records": looked.records,
        "block": looked.block.number,
        "differences": [
            {
                "code": one.name.value,
                "subject": one.subject,
                "here": one.here,
                "there": one.there,
                "rule": one.rule.value,
                "done": one.done,
                "lifted": one.lifted,
            }
            for one in looked.found
        ],
    }


def _print(looked: Reconciled, *, dry_run: bool) -> None:
    if not looked.found:
        OUT.print(said("数据库与链一致", "database and chain agree"))
    for one in looked.found:
        texts = advice()[one.name]
        what = said(*_told(one, dry_run=dry_run))
        OUT.print(f"[bold]{shown(one.subject)}[/bold]  {what}   [dim]\\[{shown(one.name)}][/dim]")
        OUT.print(f"  {shown(said(texts.cause_zh, texts.cause_en))}")
        OUT.print(
            f"  [dim]{said('这里：', 'here: ')}{shown(fact_word(one.here))}{said('；链上：', '; there: ')}"
            f"{shown(fact_word(one.there))}[/dim]"
        )
        if one.rule is not Rule.MENDED and not one.lifted:
            OUT.print(f"  → {shown(with_home(said(texts.remedy_zh, texts.remedy_en)))}")
    note(
        said(
            f"比对了{looked.batches}个批次、{looked.records}条链上记录，到区块{looked.block.number}",
            f"compared {counted(looked.batches, 'batch', 'batches')} and {counted(looked.records, 'record')} "
            f"of the chain, up to block {looked.block.number}",
        )
    )


def _told(one: Found, *, dry_run: bool) -> tuple[str, str]:
    if one.lifted:
        return _LIFTED
    return (_NOT_YET if dry_run or (one.rule is Rule.MENDED and not one.done) else _RULES)[one.rule]
