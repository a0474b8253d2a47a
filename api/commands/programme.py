"""`vermilion programme`: what can be issued, and by which rules."""

from typing import Annotated, Any

import typer

from api.commands.options import HomeOption, JsonOption
from api.settings import HomeMissing
from api.terminal import OUT, counted, print_fields, print_json, print_table, said, shown
from api.wiring import Home
from registry.kernel.encoding import b64url
from registry.programme import Catalogue, Programme, format_score, load_catalogue

app = typer.Typer(no_args_is_help=True, help="Programmes and their rules.")


def _catalogue(home: HomeOption) -> Catalogue:
    """Read the installation's catalogue; without an installation the one that comes with the package."""
    try:
        return Home.find(home).catalogue
    except HomeMissing:
        return load_catalogue()


@app.command("list", epilog="Example: vermilion programme list")
def list_programmes(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List all programmes and their versions."""
    catalogue = _catalogue(home)
    programmes = [one for code in catalogue.codes() for one in catalogue.versions(code)]
    if as_json:
        print_json([_brief(one) for one in programmes])
        return
    print_table(
        [said("代码", "code"), said("版本", "version"), said("名称", "name"), said("等级", "levels")],
        [
            [
                one.code,
                one.version,
                said(one.name.zh, one.name.en),
                ", ".join(f"{level.code} {said(level.name.zh, level.name.en)}" for level in one.levels),
            ]
            for one in programmes
        ],
    )


@app.command("show", epilog="Example: vermilion programme show AIGC-APP-ENG")
def show(
    code: Annotated[str, typer.Argument(help="Programme code.")],
    version: Annotated[str | None, typer.Option(help="Version; the latest unless named.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a programme: every rule with its source, and where the source is silent."""
    found = _catalogue(home).programme(code, version)
    if as_json:
        print_json(_full(found))
        return
    print_fields(
        {
            said("名称", "name"): f"{found.name.zh} · {found.name.en}",
            said("版本", "version"): f"{found.version}  sha-256 {b64url(found.digest)}",
            said("主管机构", "authority"): said(found.authority.zh, found.authority.en),
            said("合格线", "pass mark"): f"{format_score(found.marking.pass_hundredths)} / "
            f"{format_score(found.marking.full_hundredths)}",
            said("有效期", "validity"): said("终身有效", "for life")
            if found.validity.months is None
            else said(f"{found.validity.months}个月", counted(found.validity.months, "month")),
        }
    )
    for level in found.levels:
        OUT.print(f"\n[bold]{level.scope}  {level.name.zh} · {level.name.en}[/bold]")
        for rule in level.rules:
            source = said(f"来源：{rule.source.zh}", f"source: {rule.source.en}")
            OUT.print(f"  {rule.id}  {shown(said(rule.text.zh, rule.text.en))}")
            OUT.print(f"  {' ' * len(rule.id)}  [dim]{shown(source)}[/dim]")
        for paper in found.papers_of(level.code):
            minutes = said(f"{paper.minutes}分钟", counted(paper.minutes, "minute")) if paper.minutes else ""
            OUT.print(
                f"  [dim]{said('科目', 'paper')}[/dim] {paper.key}  {said(paper.name.zh, paper.name.en)}  {minutes}"
            )
    for title, notes in (
        (said("来源没有说明", "where the source is silent"), found.silences),
        (said("来源自相矛盾", "where the source contradicts itself"), found.conflicts),
    ):
        if notes:
            OUT.print(f"\n[bold]{title}[/bold]")
        for one in notes:
            used = said(one.used.zh, one.used.en) if one.used else said("不设此项规则", "no rule is applied")
            OUT.print(f"  {one.subject}: {said(one.text.zh, one.text.en)} → {used}")


def _brief(one: Programme) -> dict[str, Any]:
    return {
        "code": one.code,
        "version": one.version,
        "digest": b64url(one.digest),
        "name": {"zh": one.name.zh, "en": one.name.en},
        "levels": [{"scope": level.scope, "name": {"zh": level.name.zh, "en": level.name.en}} for level in one.levels],
    }


def _full(one: Programme) -> dict[str, Any]:
    return {
        **_brief(one),
        "authority": {"zh": one.authority.zh, "en": one.authority.en},
        "certificateType": one.certificate_type.value,
        "passHundredths": one.marking.pass_hundredths,
        "fullHundredths": one.marking.full_hundredths,
        "grades": [{"code": band.code, "fromHundredths": band.from_hundredths} for band in one.grades],
        "validityMonths": one.validity.months,
        "rules": [
            {
                "id": rule.id,
                "scope": level.scope,
                "text": {"zh": rule.text.zh, "en": rule.text.en},
                "source": {"zh": rule.source.zh, "en": rule.source.en},
            }
            for level in one.levels
            for rule in level.rules
        ],
        "papers": [{"key": paper.key, "minutes": paper.minutes, "levels": list(paper.levels)} for paper in one.papers],
        "silences": [
            {"subject": note.subject, "text": {"zh": note.text.zh, "en": note.text.en}} for note in one.silences
        ],
        "conflicts": [
            {"subject": note.subject, "text": {"zh": note.text.zh, "en": note.text.en}} for note in one.conflicts
        ],
    }
