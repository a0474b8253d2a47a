"""`vermilion subsidy`: what is paid for a certificate, by which rule of which region, and who says so."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from api.clock import SystemClock
from api.commands.enrol import level_code
from api.commands.failures import NoVerdict, error_document, print_error
from api.commands.options import HomeOption, JsonOption, read_file
from api.errors import EXIT_NOT_NOW, exit_code
from api.settings import HomeMissing
from api.terminal import OUT, counted, print_json, print_table, said, shown
from api.wiring import Home
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import b64url
from registry.kernel.errors import MalformedInput
from registry.programme import Bilingual, Programme, StatedBy, load_catalogue, plain
from registry.programme.subsidies import (
    ConditionKind,
    OtherCondition,
    Rules,
    SubsidyAnswer,
    SubsidyMalformed,
    SubsidyQuestion,
    SubsidyRule,
    SubsidyRuleUnknown,
    Verdict,
    calculate,
    in_yuan,
    load_subsidies,
    plain_name,
    read_subsidy,
)

app = typer.Typer(no_args_is_help=True, help="Subsidies: dated rules of regions, and what they give.")

_MOST_BYTES = 1024 * 1024
_LONGEST_REASON = 200
_EXITS = {Verdict.YES: 0, Verdict.NO: 1, Verdict.JUDGEMENT: EXIT_NOT_NOW}
_MARKS = {Verdict.YES: "✓", Verdict.NO: "✗", Verdict.JUDGEMENT: "?"}


class ReasonRefused(MalformedInput):
    """What a person judged has no reason, two at once, or one that is no line of text."""

    code = "subsidy/reason"

    def __init__(self) -> None:
        super().__init__(
            f"expected one judgement, met or not met, with a reason of 1 to {_LONGEST_REASON} printable characters"
        )


def _rules(home: HomeOption) -> Rules:
    """Read the installation's rules; without an installation those that come with the package."""
    try:
        return Home.find(home).subsidies
    except HomeMissing:
        return load_subsidies()


def _versions(home: HomeOption, programme: str) -> Sequence[Programme]:
    try:
        catalogue = Home.find(home).catalogue
    except HomeMissing:
        catalogue = load_catalogue()
    return catalogue.versions(programme) if programme in catalogue.codes() else ()


@app.command("show", epilog="Example: vermilion subsidy show --region 深圳")
def show(
    programme: Annotated[str | None, typer.Option("--programme", help="Only this programme, by its code.")] = None,
    region: Annotated[str | None, typer.Option("--region", help="Only what covers this region or city.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the rules: days, amounts, places, conditions, each with its source and where that is silent."""
    found = [
        one for one in _rules(home).all if programme in {None, one.programme} and (region is None or one.covers(region))
    ]
    if not found and (programme or region):
        raise SubsidyRuleUnknown(" ".join(one[:40] for one in (programme, region) if one))
    if as_json:
        print_json([_document(one) for one in found])
        return
    for rule in found:
        _print_rule(rule)


@app.command("check", epilog="Example: vermilion subsidy check guangdong.2027.1.toml")
def check(file: Annotated[Path, typer.Argument(help="Subsidy file.")], as_json: JsonOption = False) -> None:
    """Find everything wrong with a subsidy file; stores nothing. Exit 2 where there is anything."""
    data = read_file(file, most=_MOST_BYTES)
    try:
        rule = read_subsidy(data, file=file.name)
    except SubsidyMalformed as malformed:
        if as_json:
            faults = [{"key": fault.key, "reason": fault.reason} for fault in malformed.faults]
            print_json({"faults": faults, "error": error_document(malformed)})
        print_error(malformed)
        raise typer.Exit(exit_code(malformed)) from malformed
    if as_json:
        print_json({"faults": [], "id": rule.id, "digest": b64url(rule.digest)})
        return
    places = len(rule.places)
    OUT.print(
        said(
            f"{shown(file.name)}没有错误：{rule.id}，{len(rule.amounts)}个级别，{places}个城市",
            f"{shown(file.name)} has no fault: {rule.id}, {counted(len(rule.amounts), 'level')}, "
            f"{counted(places, 'city', 'cities')}",
        )
    )
    OUT.print(f"sha-256 {b64url(rule.digest)}")


@app.command(
    "calculate",
    epilog="Example: vermilion subsidy calculate --programme AI-TRAINER --level 3 --region 深圳 --insured-there",
)
def calculate_subsidy(
    programme: Annotated[str, typer.Option("--programme", help="Programme code.")],
    level: Annotated[str, typer.Option("--level", help="Level of the certificate, by code or name.")],
    region: Annotated[str, typer.Option("--region", help="Province or city, such as 深圳.")],
    on: Annotated[
        datetime | None, typer.Option("--on", formats=["%Y-%m-%d"], help="Day of asking for it. Default: today.")
    ] = None,
    registered: Annotated[bool, typer.Option("--registered-there", help="The person is registered locally.")] = False,
    insured: Annotated[bool, typer.Option("--insured-there", help="The person pays social insurance there.")] = False,
    paid: Annotated[
        list[str] | None, typer.Option("--paid", help="A level of the occupation that was paid for before; repeatable.")
    ] = None,
    met: Annotated[
        str | None, typer.Option("--other-met", help="Your judgement that another condition is met: the reason.")
    ] = None,
    not_met: Annotated[
        str | None, typer.Option("--other-not-met", help="Your judgement that no other condition is met: the reason.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is paid for a certificate, by which rule and why. Keeps nothing of what is asked.

    Exit 0 = it is paid, 1 = it is not, 3 = a person has to judge, 2 = no rule is known.
    """
    known = _versions(home, programme)
    kinds = {ConditionKind.REGISTERED_THERE: registered, ConditionKind.INSURED_THERE: insured}
    try:
        question = SubsidyQuestion(
            programme=programme,
            level=level_code(level, known),
            region=region,
            on=(on or SystemClock().now().astimezone(CHINA_TIME)).date(),
            met=frozenset(kind for kind, given in kinds.items() if given),
            paid=frozenset(level_code(one, known) for one in paid or ()),
            other=_other(met, not_met),
        )
        answer = calculate(_rules(home), question)
    except SubsidyRuleUnknown as unknown:
        raise NoVerdict(unknown) from unknown
    if as_json:
        print_json(_answer_document(question, answer))
    else:
        _print_answer(answer)
    raise typer.Exit(_EXITS[answer.verdict])


def _other(met: str | None, not_met: str | None) -> OtherCondition | None:
    if met is None and not_met is None:
        return None
    reason = " ".join((met or not_met or "").split())
    if (met is not None and not_met is not None) or not 1 <= len(reason) <= _LONGEST_REASON or not reason.isprintable():
        raise ReasonRefused
    return OtherCondition(met=met is not None, reason=reason)


def _both(text: Bilingual) -> str:
    return shown(said(text.zh, text.en))


def _whose(stated_by: StatedBy) -> str:
    return "" if stated_by is StatedBy.SOURCE else said("（发证机构确定）", " (set by the issuing body)")


def _print_answer(answer: SubsidyAnswer) -> None:
    yuan = None if answer.fen is None else in_yuan(answer.fen)
    words = {
        Verdict.YES: said(f"发给：{yuan}元", f"Paid: {yuan} yuan"),
        Verdict.NO: said("不发给", "Not paid"),
        Verdict.JUDGEMENT: said("须由经办人认定", "A person has to judge"),
    }
    headline = words[answer.verdict]
    if answer.verdict is Verdict.JUDGEMENT:
        headline += (
            said("；来源没有写数额", "; the source states no figure")
            if yuan is None
            else said(f"；符合的发给{yuan}元", f"; {yuan} yuan where it is met")
        )
    OUT.print(f"[bold]{headline}[/bold]")
    for reason in answer.reasons:
        OUT.print(f"  {_MARKS[reason.verdict]} {_both(reason.text)}")
        OUT.print(f"    [dim]{said('来源：', 'source: ')}{_both(reason.source)}[/dim]")
    for remark in answer.rule.remarks:
        OUT.print(f"  · {_both(remark.text)}")
        OUT.print(f"    [dim]{said('来源：', 'source: ')}{_both(remark.source)}[/dim]")
    rule = answer.rule
    OUT.print(f"{said('依据：', 'rule: ')}{rule.id}  {_both(rule.region)}  {_period(rule)}")


def _period(rule: SubsidyRule) -> str:
    first, last = rule.period.first.isoformat(), rule.period.last
    days = (
        said(f"{first}起", f"from {first}")
        if last is None
        else said(f"{first}至{last.isoformat()}", f"{first} to {last.isoformat()}")
    )
    return f"{days}{_whose(rule.period.stated_by)}"


def _print_rule(rule: SubsidyRule) -> None:
    OUT.print(f"[bold]{rule.programme}  {_both(rule.region)}[/bold]  {rule.id}")
    OUT.print(f"  {_period(rule)}  [dim]{_both(rule.period.source)}[/dim]")
    more = [one for one in rule.places if one.more_percent]
    headings = [
        said("级别", "level"),
        said("元", "yuan"),
        *(said(f"{one.name.zh}+{one.more_percent}%", f"{one.name.en} +{one.more_percent}%") for one in more),
        said("来源", "source"),
    ]
    print_table(
        headings,
        [
            [
                one.level,
                *(
                    _yuan_in(rule, one.level, name, one.stated_by)
                    for name in (rule.region.zh, *(place.name.zh for place in more))
                ),
                said(one.source.zh, one.source.en),
            ]
            for one in rule.amounts
        ],
    )
    OUT.print(said("符合一项即可：", "any one suffices:"))
    for condition in rule.conditions:
        OUT.print(f"  {_both(condition.text)}  [dim]{_both(condition.source)}[/dim]")
    OUT.print(f"{_both(rule.paid_before.text)}  [dim]{_both(rule.paid_before.source)}[/dim]")
    for remark in rule.remarks:
        OUT.print(f"{_both(remark.text)}  [dim]{_both(remark.source)}[/dim]")


def _yuan_in(rule: SubsidyRule, level: str, name: str, stated_by: StatedBy) -> str:
    from registry.programme.subsidies import amount_in

    fen = amount_in(rule, level, name)
    return said("按当地规定", "by local rule") if fen is None else f"{in_yuan(fen)}{_whose(stated_by)}"


def _document(rule: SubsidyRule) -> dict[str, Any]:
    document: dict[str, Any] = plain(rule)
    return {**document, "digest": b64url(rule.digest)}


def _answer_document(question: SubsidyQuestion, answer: SubsidyAnswer) -> dict[str, Any]:
    rule = answer.rule
    return {
        "verdict": answer.verdict.value,
        "fen": answer.fen,
        "programme": question.programme,
        "level": question.level,
        "region": plain_name(question.region),
        "on": question.on.isoformat(),
        "rule": {
            "id": rule.id,
            "digest": b64url(rule.digest),
            "from": rule.period.first.isoformat(),
            "until": None if rule.period.last is None else rule.period.last.isoformat(),
            "period_stated_by": rule.period.stated_by.value,
            "source": {"zh": rule.source.zh, "en": rule.source.en},
        },
        "reasons": [
            {
                "verdict": one.verdict.value,
                "zh": one.text.zh,
                "en": one.text.en,
                "source": {"zh": one.source.zh, "en": one.source.en},
            }
            for one in answer.reasons
        ],
        "remarks": [{"zh": one.text.zh, "en": one.text.en} for one in rule.remarks],
    }
