"""`vermilion programme`: what can be issued, and by which rules."""

from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.enrol import level_code
from api.commands.failures import error_document, print_error
from api.commands.options import HomeOption, JsonOption, PersonOption, person, read_file, write_new_file
from api.errors import exit_code
from api.settings import HomeMissing
from api.terminal import OUT, counted, note, print_json, print_table, said, shown
from api.wiring import Home
from registry.kernel.encoding import b64url
from registry.programme import (
    Catalogue,
    Difference,
    Programme,
    ProgrammeMalformed,
    ProgrammeUnknown,
    differences,
    load_catalogue,
    plain,
    read_programme,
)

app = typer.Typer(no_args_is_help=True, help="Programmes and their rules.")

_MOST_BYTES = 1024 * 1024


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


@app.command("show", epilog="Example: vermilion programme show SMART-MFG --level 3")
def show(
    code: Annotated[str, typer.Argument(help="Programme code.")],
    version: Annotated[str | None, typer.Option(help="Version; the latest unless named.")] = None,
    level: Annotated[str | None, typer.Option("--level", help="Only this level, by code or name.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a programme: every rule with its source, and where the source is silent."""
    found = _catalogue(home).programme(code, version)
    code_of = None if level is None else level_code(level, [found])
    levels = [one for one in found.levels if code_of in {None, one.code}]
    if not levels:
        raise ProgrammeUnknown(f"{code}/{level}")
    if as_json:
        document = _full(found)
        shown_levels = {one.code for one in levels}
        print_json({**document, "levels": [one for one in document["levels"] if one["code"] in shown_levels]})
        return
    from api.commands.programme_shown import print_programme

    print_programme(found, levels)


@app.command("check", epilog="Example: vermilion programme check EIGHTH/2026.1.toml")
def check(
    file: Annotated[Path, typer.Argument(help="Programme file.")], home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Find everything wrong with a programme file; stores nothing. Exit 1 where there is anything."""
    data = read_file(file, most=_MOST_BYTES)
    try:
        found = read_programme(data, file=file.name)
        Catalogue([*_every(_catalogue(home)), found])
    except ProgrammeMalformed as malformed:
        if as_json:
            faults = [{"key": fault.key, "reason": fault.reason} for fault in malformed.faults]
            print_json({"faults": faults, "error": error_document(malformed)})
        print_error(malformed)
        raise typer.Exit(1 if exit_code(malformed) else 0) from malformed
    if as_json:
        print_json({"faults": [], **_brief(found)})
        return
    OUT.print(
        said(
            f"{shown(file.name)}没有错误：{found.code} {found.version}，{len(found.levels)}个等级，"
            f"{len(found.papers)}个科目",
            f"{shown(file.name)} has no fault: {found.code} {found.version}, {counted(len(found.levels), 'level')}, "
            f"{counted(len(found.papers), 'paper')}",
        )
    )
    OUT.print(f"sha-256 {b64url(found.digest)}")


@app.command("add", epilog="Example: vermilion programme add EIGHTH/2026.1.toml --as editor-1")
def add(
    file: Annotated[Path, typer.Argument(help="Programme file.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a programme file that has no fault among the installation's own. A version that is there never changes."""
    found = Home.find(home)
    data = read_file(file, most=_MOST_BYTES)
    programme = read_programme(data, file=file.name)
    every = _every(found.catalogue)
    known = programme.digest in {one.digest for one in every}
    if not known:
        Catalogue([*every, programme])  # refuses another file for a version that is there
        with found.store.write() as unit:  # before the file: cut off in between, it is written down twice, never not
            unit.journal.write(
                at=found.clock.now(),
                person=person(by),
                action="programme.add",
                subject=f"{programme.code}/{programme.version}",
                file=programme.digest.hex(),
            )
        place = found.path / "programmes" / programme.code
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_new_file(place / f"{programme.version}.toml", data)
    if as_json:
        print_json({**_brief(programme), "repeated": known})
        return
    named = f"{programme.code} {programme.version}"
    OUT.print(said(f"{named}已有，没有重复加入", f"{named} is there already") if known else named)
    note(
        said(
            f"签发还须：在vermilion.toml的programmes中列出{programme.code}，并取得联盟认可",
            f"to issue it: list {programme.code} under programmes in vermilion.toml, and have it accredited",
        )
    )


def _every(catalogue: Catalogue) -> list[Programme]:
    return [one for code in catalogue.codes() for one in catalogue.versions(code)]


@app.command("diff", epilog="Example: vermilion programme diff 2026.1.toml 2026.2.toml")
def diff(
    old: Annotated[Path, typer.Argument(help="The older programme file.")],
    new: Annotated[Path, typer.Argument(help="The newer one.")],
    as_json: JsonOption = False,
) -> None:
    """Say what differs between two programme files, key by key; comments and the order of tables do not count."""
    before, after = (read_programme(read_file(file, most=_MOST_BYTES), file=file.name) for file in (old, new))
    found = differences(before, after)
    if as_json:
        print_json([{"key": one.key, "old": one.old, "new": one.new} for one in found])
        return
    for one in found:
        OUT.print(_told(one))
    if not found:
        OUT.print(said("规则没有不同", "no rule differs"))


def _told(one: Difference) -> str:
    key, old, new = shown(one.key), shown(str(one.old)), shown(str(one.new))
    if one.old is None:
        return said(f"增加  {key}：{new}", f"added    {key}: {new}")
    if one.new is None:
        return said(f"删去  {key}：{old}", f"removed  {key}: {old}")
    return said(f"改动  {key}：{old} → {new}", f"changed  {key}: {old} → {new}")


def _brief(one: Programme) -> dict[str, Any]:
    return {
        "code": one.code,
        "version": one.version,
        "digest": b64url(one.digest),
        "name": {"zh": one.name.zh, "en": one.name.en},
        "levels": [{"scope": level.scope, "name": {"zh": level.name.zh, "en": level.name.en}} for level in one.levels],
    }


def _full(one: Programme) -> dict[str, Any]:
    document: dict[str, Any] = plain(one)
    return {**document, "digest": b64url(one.digest)}
