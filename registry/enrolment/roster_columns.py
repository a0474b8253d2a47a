"""The columns of a roster: those that every programme reads, and those that its rules, choices and form ask for."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from registry.enrolment.table import Column
from registry.enrolment.trying import RELATED_MAJOR
from registry.programme import (
    CompletedTraining,
    Condition,
    EducationAtLeast,
    FormField,
    HasHoursCertificate,
    HoldsLevel,
    HoldsTitle,
    InOccupation,
    Judged,
    Programme,
    QualificationAmong,
    RegisteredByUnit,
    WonAward,
    WorkAtLeast,
)

COLUMNS = (
    Column(key="name", headings=("姓名", "name", "full name"), required=True),
    Column(key="identity_type", headings=("证件类型", "identity type", "document type")),
    Column(
        key="identity_number",
        headings=("证件号码", "身份证号码", "身份证号", "证件号", "identity number", "id number"),
        required=True,
    ),
    Column(key="level", headings=("级别", "等级", "申报级别", "报考级别", "level"), required=True),
    Column(key="birth_date", headings=("出生日期", "出生年月", "birth date", "date of birth")),
    Column(key="education", headings=("文化程度", "学历", "education")),
    Column(
        key="work",
        headings=("从业年限", "工作年限", "从业年限（年）", "工作年限（年）", "years of work", "work years"),
    ),
    Column(key="held", headings=("已持证书", "已持证书编号", "held certificate")),
    Column(key="sex", headings=("性别", "sex", "gender")),
    Column(key="employer", headings=("单位", "单位名称", "工作单位", "employer")),
    Column(key="phone", headings=("电话", "手机", "手机号", "手机号码", "联系电话", "phone")),
    Column(key="email", headings=("邮箱", "电子邮箱", "电子邮件", "email", "e-mail")),
    Column(key="name_latin", headings=("拼音姓名", "姓名拼音", "name in latin letters", "nameLatin")),
)
"""What is read for every programme; a column that is not asked for is named in a notice and passed over."""

MORE_COLUMNS = (
    Column(key="direction", headings=("职业方向", "申报方向", "方向", "direction")),
    Column(key="sector", headings=("细分行业", "行业", "sector")),
    Column(key="degrees", headings=("学位", "degrees", "degree")),
    Column(key="major", headings=("所学专业", "major")),
    Column(key="final_year", headings=("应届毕业学历", "在读学历", "final year of")),
    Column(
        key="occupation_work",
        headings=("本职业从业年限", "本专业从业年限", "从事本职业年限", "years in the occupation"),
    ),
    Column(key="since_held", headings=("取得证书后从业年限", "years since the certificate")),
    Column(key="work_proofs", headings=("从业证明", "proof of work")),
    Column(key="engagement", headings=("从业状态", "in the occupation")),
    Column(key="title", headings=("职称", "professional title")),
    Column(key="title_date", headings=("取得职称日期", "职称取得日期", "date of the title")),
    Column(key="since_title", headings=("取得职称后从业年限", "years since the title")),
    Column(key="hours_certificate", headings=("学时证明编号", "学时证明", "certificate of hours")),
    Column(key="attended_hours", headings=("完成学时", "已完成学时", "hours attended")),
    Column(key="unit", headings=("申报单位", "registering unit")),
    Column(key="claims", headings=("申请认定", "to be judged")),
    Column(key="contest", headings=("赛事", "赛事名称", "contest")),
    Column(key="edition", headings=("届次", "edition")),
    Column(key="event", headings=("赛项", "event")),
    Column(key="rank", headings=("名次", "奖项", "rank")),
    Column(key="organisers", headings=("主办单位", "organisers")),
    Column(key="registration_number", headings=("编号", "登记表编号", "form number")),
    Column(key="position", headings=("职称/职务", "职务", "position")),
    Column(key="address", headings=("联系地址", "地址", "address")),
    Column(key="history", headings=("个人简历", "个人简历及参加培训情况", "history")),
)
"""What is read only where a programme asks for it."""

_FORM_FIELDS = {
    FormField.SEX: "sex",
    FormField.BIRTH_DATE: "birth_date",
    FormField.EDUCATION: "education",
    FormField.POSITION: "position",
    FormField.EMPLOYER: "employer",
    FormField.PHONE: "phone",
    FormField.EMAIL: "email",
    FormField.ADDRESS: "address",
    FormField.HISTORY: "history",
    FormField.REGISTRATION_NUMBER: "registration_number",
}
"""Columns by field of a registration form; a photograph is handed in as a file."""


def columns_of(programme: Programme) -> tuple[Column, ...]:
    """List the columns that a roster of this programme has: first those of all rosters, then what it asks for."""
    asked, required = set(_asked(programme)), {"level"} if len(programme.levels) > 1 else set()
    if programme.form is not None:
        asked |= {_FORM_FIELDS[one] for one in programme.form.optional if one in _FORM_FIELDS}
        required |= {_FORM_FIELDS[one] for one in programme.form.required if one in _FORM_FIELDS}
    if any(_conditions(programme, WonAward)):
        required |= {"contest", "edition", "event", "rank"}
    return tuple(
        replace(column, required=column.key in required or (column.required and column.key != "level"))
        for column in (*COLUMNS, *MORE_COLUMNS)
        if column in COLUMNS or column.key in asked | required
    )


def blank_roster(programme: Programme) -> str:
    """Write the heading line of an empty roster as CSV, with a star on the columns that are required."""
    return ",".join(f"{one.headings[0]}{'*' if one.required else ''}" for one in columns_of(programme)) + "\n"


def _conditions(programme: Programme, *kinds: type[Condition]) -> Iterator[Condition]:
    for level in programme.levels:
        for rule in (*level.requirements, *level.rules):
            yield from (one for one in rule.conditions if isinstance(one, kinds))


def _asked(programme: Programme) -> Iterator[str]:
    if programme.directions:
        yield "direction"
    if programme.sectors:
        yield "sector"
    if programme.certificate is not None and programme.certificate.registration_number is not None:
        yield "registration_number"
    if programme.certificate is not None and programme.certificate.after_training:
        yield "attended_hours"
    for one in _conditions(programme, *_ASKED_BY):
        yield from _ASKED_BY[type(one)](one)


def _asked_by_held(condition: HoldsLevel) -> Iterator[str]:
    if condition.worked_months:
        yield "since_held"
    if condition.proofs:
        yield "work_proofs"


def _asked_by_work(condition: WorkAtLeast) -> Iterator[str]:
    if condition.in_occupation:
        yield "occupation_work"
    if condition.proofs:
        yield "work_proofs"


def _asked_by_title(condition: HoldsTitle) -> Iterator[str]:
    yield "title"
    if condition.worked_months:
        yield from ("title_date", "since_title")


def _asked_by_judged(condition: Judged) -> Iterator[str]:
    if condition.subject == RELATED_MAJOR:
        yield "major"
    elif condition.on_claim:
        yield "claims"


# Each function takes the condition under which it stands; the type of the table cannot say so.
_ASKED_BY: dict[type[Condition], Callable[..., Iterator[str]]] = {
    HoldsLevel: _asked_by_held,
    WorkAtLeast: _asked_by_work,
    HoldsTitle: _asked_by_title,
    Judged: _asked_by_judged,
    EducationAtLeast: lambda one: iter(("final_year",) if one.final_year else ()),
    QualificationAmong: lambda one: iter(("degrees",) if one.degrees else ()),
    InOccupation: lambda _: iter(("engagement",)),
    HasHoursCertificate: lambda _: iter(("hours_certificate",)),
    CompletedTraining: lambda _: iter(("attended_hours",)),
    RegisteredByUnit: lambda _: iter(("unit",)),
    WonAward: lambda _: iter(("contest", "edition", "event", "rank", "organisers")),
}
