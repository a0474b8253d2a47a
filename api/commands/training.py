"""`vermilion training`: training bodies, applying units, courses, attendance, certificates of hours."""

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from api.commands.admission import admissions_of
from api.commands.enrol import level_code, refuse_rows
from api.commands.failures import error_document, print_error
from api.commands.options import HomeOption, JsonOption, PersonOption, person, read_file
from api.errors import exit_code
from api.terminal import OUT, counted, next_command, print_fields, print_json, print_table, said
from api.wiring import Home
from registry.enrolment import CourseUnit
from registry.enrolment.attendance import AttendanceRefused
from registry.kernel.errors import MalformedInput
from registry.ports.training import AttendanceList, Course, Organisation, OrganisationKind, Teacher
from registry.programme import Bilingual, Title
from registry.workflows.enrolment.admit import add_organisation, end_organisation
from registry.workflows.enrolment.hours import attended_hours, hours_needed
from registry.workflows.enrolment.train import (
    NothingToCertify,
    add_participants,
    add_teacher,
    certify_hours,
    check_attendance,
    enter_attendance,
    make_course,
    settle_attendance,
)

_MOST_BYTES = 64 * 1024 * 1024
CourseArgument = Annotated[str, typer.Argument(help="Course, such as H-2026-11-0001.")]
ListArgument = Annotated[str, typer.Argument(help="Attendance list, such as A-2026-11-0001.")]
CodeArgument = Annotated[str, typer.Argument(help="Code of the organisation.")]

app = typer.Typer(no_args_is_help=True, help="Training bodies, applying units, courses, hours.")
body = typer.Typer(no_args_is_help=True, help="Training bodies.")
unit = typer.Typer(no_args_is_help=True, help="Units that register their people.")
course = typer.Typer(no_args_is_help=True, help="Courses: units, teachers, participants.")
app.add_typer(body, name="body")
app.add_typer(unit, name="unit")
app.add_typer(course, name="course")


class CourseUnitMalformed(MalformedInput):
    """A unit of a course is not written as NAME=HOURS."""

    code = "training/unit-malformed"

    def __init__(self) -> None:
        super().__init__("expected a unit as 'name=hours' or 'name/name in English=hours'")


# — organisations —


def _add(kind: OrganisationKind) -> Any:
    def add(
        code: CodeArgument,
        name: Annotated[str, typer.Option("--name", help="Name in Chinese.")],
        name_en: Annotated[str, typer.Option("--name-en", help="Name in English.")],
        contact: Annotated[str, typer.Option("--contact", help="The organisation's own address or number.")],
        since: Annotated[str | None, typer.Option("--since", help="First day, YYYY-MM-DD. Default: today.")] = None,
        until: Annotated[str | None, typer.Option("--until", help="Last day, YYYY-MM-DD.")] = None,
        by: PersonOption = None,
        home: HomeOption = None,
        as_json: JsonOption = False,
    ) -> None:
        """Keep an organisation."""
        found = Home.find(home)
        made = add_organisation(
            found.store,
            found.clock,
            code=code,
            kind=kind,
            name=Bilingual(zh=name, en=name_en),
            contact=contact,
            since=_day(since),
            until=_day(until),
            person=person(by),
        )
        _show(made, as_json=as_json)

    return add


def _list_of(kind: OrganisationKind) -> Any:
    def list_all(home: HomeOption = None, as_json: JsonOption = False) -> None:
        """List the organisations."""
        with Home.find(home).store.read() as kept:
            found = kept.admissions.organisations(kind)
        if as_json:
            print_json([_organisation(one) for one in found])
            return
        print_table(
            [said("代码", "code"), said("名称", "name"), said("起", "since"), said("止", "until")],
            [
                [
                    one.code,
                    said(one.name.zh, one.name.en),
                    one.since.isoformat(),
                    one.until.isoformat() if one.until else "–",
                ]
                for one in found
            ],
        )

    return list_all


def show_organisation(code: CodeArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show one organisation."""
    with Home.find(home).store.read() as kept:
        found = kept.admissions.organisation(code)
    _show(found, as_json=as_json)


def end(
    code: CodeArgument,
    until: Annotated[str, typer.Option("--until", help="Last day, YYYY-MM-DD.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write down an organisation's last day."""
    found = Home.find(home)
    _show(end_organisation(found.store, found.clock, code, until=date_of(until), person=person(by)), as_json=as_json)


for _group, _word, _kind in (
    (body, "body", OrganisationKind.TRAINING_BODY),
    (unit, "unit", OrganisationKind.APPLYING_UNIT),
):
    _example = f"vermilion training {_word}"
    _said = "--name 某单位 --name-en 'Some Organisation' --contact 0755-00000000"
    _group.command("add", epilog=f"Example: {_example} add SZ-01 {_said} --as clerk-1")(_add(_kind))
    _group.command("list", epilog=f"Example: {_example} list")(_list_of(_kind))
    _group.command("show", epilog=f"Example: {_example} show SZ-01")(show_organisation)
    _group.command("end", epilog=f"Example: {_example} end SZ-01 --until 2027-12-31 --as clerk-1")(end)


# — courses —


@course.command(
    "add", epilog="Example: vermilion training course add SZ-01 --programme SMART-MFG --level 1 --as clerk-1"
)
def add_course(
    of: Annotated[str, typer.Argument(help="Code of the training body.")],
    programme: Annotated[str, typer.Option("--programme", help="Programme code.")],
    level: Annotated[str, typer.Option("--level", help="Level, by code or name.")],
    units: Annotated[
        list[str] | None, typer.Option("--unit", help="A unit as 名称=学时 or 名称/name=hours; again for each.")
    ] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a course for a level; its units have the hours of the level together."""
    found = Home.find(home)
    programme_of = found.catalogue.programme(programme)
    made = make_course(
        found.store,
        found.clock,
        programme_of,
        body=of,
        level=level_code(level, [programme_of]),
        units=[_unit(text) for text in units or []],
        person=person(by),
    )
    if as_json:
        print_json(_course(made))
        return
    hours = sum(one.hours for one in made.units)
    OUT.print(
        said(
            f"培训班{made.id}：{len(made.units)}个单元，{hours}学时",
            f"course {made.id}: {counted(len(made.units), 'unit')}, {counted(hours, 'standard hour')}",
        )
    )
    next_command(f"vermilion training course teach {made.id} TEACHER --level LEVEL --as {person(by)}")


@course.command("list", epilog="Example: vermilion training course list")
def list_courses(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the courses."""
    with Home.find(home).store.read() as kept:
        found = kept.courses.courses()
    if as_json:
        print_json([_course(one) for one in found])
        return
    print_table(
        [said("培训班", "course"), said("培训机构", "body"), said("等级", "level"), said("学时", "hours")],
        [[one.id, one.body, f"{one.programme}/{one.level}", str(sum(of.hours for of in one.units))] for one in found],
    )


@course.command("show", epilog="Example: vermilion training course show H-2026-11-0001")
def show_course(id: CourseArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show a course with units, teachers, attendance lists, and each participant's hours; names are not shown."""
    found = Home.find(home)
    with found.store.read() as kept:
        one = kept.courses.course(id)
        teachers, lists = kept.courses.teachers(id), kept.courses.lists(id)
        hours = attended_hours(kept, kept.courses.participants(id))
    needed = hours_needed(found.catalogue.by_digest(one.programme_digest), one.level)
    if as_json:
        print_json(
            {
                **_course(one),
                "teachers": [_teacher(of) for of in teachers],
                "lists": [_list(of) for of in lists],
                "needed": needed,
                "participants": [
                    {"admission": admission, "hours": got, "complete": got >= needed}
                    for admission, got in sorted(hours.items())
                ],
            }
        )
        return
    print_fields({said("培训班", "course"): one.id, said("等级", "level"): f"{one.programme}/{one.level}"})
    print_table(
        [said("单元", "unit"), said("名称", "name"), said("学时", "hours")],
        [[str(place), said(of.name.zh, of.name.en), str(of.hours)] for place, of in enumerate(one.units, start=1)],
    )
    print_table(
        [said("教师", "teacher"), said("等级", "level"), said("职称", "title"), said("核对", "checked by")],
        [[of.person, of.holds_level or "–", of.title or "–", of.added_by] for of in teachers],
    )
    print_table(
        [said("准考证号", "admission"), said("学时", "hours"), said("完成", "complete")],
        [[one, f"{got}/{needed}", "✓" if got >= needed else "–"] for one, got in sorted(hours.items())],
    )


@course.command(
    "teach", epilog="Example: vermilion training course teach H-2026-11-0001 teacher-1 --level 2 --as clerk-1"
)
def teach(
    id: CourseArgument,
    teacher: Annotated[str, typer.Argument(help="The teacher's account name.")],
    level: Annotated[
        str | None, typer.Option("--level", help="Level of the occupation that the teacher holds.")
    ] = None,
    title: Annotated[Title | None, typer.Option("--title", help="Title of a related profession.")] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let somebody teach; whoever runs this has seen the certificate or the title."""
    found = Home.find(home)
    if level is not None:
        with found.store.read() as unit:
            of = found.catalogue.by_digest(unit.courses.course(id).programme_digest)
        level = level_code(level, [of])
    added = add_teacher(
        found.store,
        found.clock,
        found.catalogue,
        id,
        teacher=teacher,
        holds_level=level,
        title=title,
        person=person(by),
    )
    if as_json:
        print_json(_teacher(added))
        return
    OUT.print(said(f"{id}：教师{teacher}", f"{id}: taught by {teacher}"))


@course.command("join", epilog="Example: vermilion training course join H-2026-11-0001 --roster R-2026-11-0002")
def join(
    id: CourseArgument,
    admissions: Annotated[list[str] | None, typer.Argument(help="Admission numbers.")] = None,
    roster: Annotated[str | None, typer.Option("--roster", help="Everybody of this roster.")] = None,
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put undecided applications into a course, all or none."""
    found = Home.find(home)
    joined = add_participants(found.store, found.clock, id, admissions_of(found, admissions, roster), person=person(by))
    if as_json:
        print_json({"course": id, "participants": list(joined)})
        return
    OUT.print(said(f"{id}：{len(joined)}人", f"{id}: {counted(len(joined), 'participant')}"))


# — hours —


@app.command(epilog="Example: vermilion training attend 出勤.csv --course H-2026-11-0001 --as clerk-1")
def attend(
    file: Annotated[Path, typer.Argument(help="Attendance list as CSV: 准考证号, 单元, 日期, 学时.")],
    of: Annotated[str, typer.Option("--course", help="The course.")],
    by: PersonOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter an attendance list; its hours count once a second person has confirmed it."""
    found = Home.find(home)
    data = read_file(file, most=_MOST_BYTES)
    try:
        entered = enter_attendance(found.store, found.clock, of, data, person=person(by))
    except AttendanceRefused as refused:
        refuse_rows(check_attendance(found.store, found.clock, of, data).problems, refused, as_json=as_json)
    _say_list(entered.list, as_json=as_json)
    if not as_json:
        next_command(f"vermilion training confirm {entered.list.id} --as SOMEBODY-ELSE")


@app.command(epilog="Example: vermilion training confirm A-2026-11-0001 --as clerk-2")
def confirm(id: ListArgument, by: PersonOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Confirm an attendance list as the second person."""
    found = Home.find(home)
    settled = settle_attendance(found.store, found.clock, id, confirmed=True, person=person(by))
    _say_list(settled, as_json=as_json)


@app.command("return", epilog="Example: vermilion training return A-2026-11-0001 --as clerk-2")
def return_(id: ListArgument, by: PersonOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Send an attendance list back before it is confirmed: it counts for nothing."""
    found = Home.find(home)
    settled = settle_attendance(found.store, found.clock, id, confirmed=False, person=person(by))
    _say_list(settled, as_json=as_json)


@app.command(epilog="Example: vermilion training certify H-2026-11-0001 --as clerk-1")
def certify(id: CourseArgument, by: PersonOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Put everybody with the hours of the level on a list for certificates of hours; names are not shown."""
    found = Home.find(home)
    try:
        made = certify_hours(found.store, found.clock, found.catalogue, found.issuer, id, person=person(by))
    except NothingToCertify as none:
        if as_json:
            print_json({"short": dict(none.short), "needed": none.needed, "error": error_document(none)})
            print_error(none)
            raise typer.Exit(exit_code(none)) from none
        raise
    if as_json:
        print_json(
            {
                "sheet": made.sheet.id,
                "complete": list(made.complete),
                "short": dict(made.short),
                "needed": made.needed,
            }
        )
        return
    listed, short = len(made.complete), len(made.short)
    OUT.print(
        said(
            f"名单{made.sheet.id}：{listed}人完成{made.needed}学时，{short}人学时未满",
            f"list {made.sheet.id}: {listed} with {made.needed} hours, {short} with hours to go",
        )
    )
    next_command(f"vermilion exam confirm {made.sheet.id} --as SOMEBODY-ELSE")


def date_of(text: str) -> date:
    """Read a day as it is typed."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(said("日期写成2026-03-15", "write a day as 2026-03-15")) from error


def _day(text: str | None) -> date | None:
    return None if text is None else date_of(text)


def _unit(text: str) -> CourseUnit:
    names, _, hours = text.rpartition("=")
    zh, _, en = names.partition("/")
    if not zh.strip() or not hours.isascii() or not hours.isdigit() or not names.isprintable():
        raise CourseUnitMalformed
    return CourseUnit(name=Bilingual(zh=zh.strip(), en=en.strip() or zh.strip()), hours=int(hours))


def _show(one: Organisation, *, as_json: bool) -> None:
    if as_json:
        print_json(_organisation(one))
        return
    print_fields(
        {
            said("代码", "code"): one.code,
            said("名称", "name"): said(one.name.zh, one.name.en),
            said("联系方式", "contact"): one.contact,
            said("起", "since"): one.since.isoformat(),
            said("止", "until"): one.until.isoformat() if one.until else "–",
            said("登记人", "made by"): one.made_by,
        }
    )


def _say_list(one: AttendanceList, *, as_json: bool) -> None:
    if as_json:
        print_json(_list(one))
        return
    states = {None: said("待核对", "waits"), True: said("已核对", "confirmed"), False: said("已退回", "returned")}
    OUT.print(
        said(
            f"出勤表{one.id}：{one.rows}行，{states[one.confirmed]}",
            f"attendance list {one.id}: {counted(one.rows, 'row')}, {states[one.confirmed]}",
        )
    )


def _organisation(one: Organisation) -> dict[str, Any]:
    return {
        "code": one.code,
        "kind": one.kind.value,
        "name": {"zh": one.name.zh, "en": one.name.en},
        "contact": one.contact,
        "since": one.since.isoformat(),
        "until": None if one.until is None else one.until.isoformat(),
        "madeBy": one.made_by,
    }


def _course(one: Course) -> dict[str, Any]:
    return {
        "course": one.id,
        "body": one.body,
        "programme": one.programme,
        "version": one.programme_version,
        "level": one.level,
        "units": [{"name": {"zh": of.name.zh, "en": of.name.en}, "hours": of.hours} for of in one.units],
        "madeBy": one.made_by,
    }


def _teacher(one: Teacher) -> dict[str, Any]:
    return {
        "teacher": one.person,
        "level": one.holds_level,
        "title": None if one.title is None else one.title.value,
        "checkedBy": one.added_by,
    }


def _list(one: AttendanceList) -> dict[str, Any]:
    return {
        "list": one.id,
        "course": one.course,
        "rows": one.rows,
        "enteredBy": one.entered_by,
        "settledBy": one.settled_by,
        "confirmed": one.confirmed,
    }
