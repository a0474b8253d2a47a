"""A programme as text: every rule with its source, and whose figure stands where the source is silent."""

from collections.abc import Iterable, Iterator, Sequence

from api.terminal import OUT, counted, print_fields, print_table, said, shown
from registry.kernel.encoding import b64url
from registry.programme import (
    CERTIFICATE_TYPE_NAMES,
    Bilingual,
    EligibilityRule,
    Level,
    LevelCode,
    Paper,
    Programme,
    RetakeFee,
    RoundingMode,
    SourceNote,
    StaffRole,
    StatedBy,
    WeightColumn,
    format_score,
)

_DELIVERY = {
    "computer-on-site": ("上机（现场）", "on computer, on site"),
    "computer-online": ("上机（在线）", "on computer, online"),
    "computer": ("上机", "on computer"),
    "written": ("笔试", "written"),
    "on-machines": ("实际操作设备", "on machines"),
    "design": ("方案设计", "design"),
    "simulation": ("模拟操作", "simulated operation"),
    "thesis": ("论文", "thesis"),
    "defence": ("答辩", "defence"),
}
_VENUE = {
    "theory-training": ("理论培训场地", "place of theory training"),
    "practice-training": ("实训场地", "place of practical training"),
    "theory-examination": ("理论考场", "place of the theory paper"),
    "practice-examination": ("实操考场", "place of the practical paper"),
}
_BOOK = {"closed": ("闭卷", "closed book"), "open": ("开卷", "open book")}


def both(text: Bilingual) -> str:
    """Give a text in the reader's language, safe to print."""
    return shown(said(text.zh, text.en))


def print_programme(of: Programme, levels: Sequence[Level]) -> None:
    """Print a programme, of its levels only `levels`."""
    print_fields(dict(_head(of)))
    for level in levels:
        _print_level(of, level)
    _print_weights(of, [level.code for level in levels])
    _print_lines(said("培训", "training"), _training(of))
    _print_lines(said("考试安排", "examination"), _examination(of))
    _print_lines(said("证书", "certificate"), _certificate(of))
    _print_notes(
        said("来源没有说明", "where the source is silent"), of.silences, said("不设此项规则", "no rule is applied")
    )
    _print_notes(
        said("来源自相矛盾或有两种读法", "where the source contradicts itself or reads two ways"), of.conflicts, "–"
    )
    _print_notes(said("来源所述，未设规则", "what the source says and no rule is made of"), of.notes, "")


def _head(of: Programme) -> Iterator[tuple[str, str]]:
    yield said("名称", "name"), f"{of.name.zh} · {of.name.en}"
    yield said("版本", "version"), f"{of.version}  sha-256 {b64url(of.digest)}"
    yield said("主管机构", "authority"), said(of.authority.zh, of.authority.en)
    kind = CERTIFICATE_TYPE_NAMES[of.certificate_type]
    yield said("证书种类", "certificate"), said(kind.zh, kind.en)
    if of.occupation is not None:
        yield said("职业", "occupation"), f"{of.occupation.code} {said(of.occupation.name.zh, of.occupation.name.en)}"
    if of.standard is not None:
        parts = [said(of.standard.name.zh, of.standard.name.en), of.standard.number, of.standard.version]
        if of.standard.in_force_from is not None:
            day = of.standard.in_force_from.isoformat()
            parts.append(said(f"{day}起施行", f"in force from {day}"))
        yield said("标准", "standard"), ", ".join(part for part in parts if part)
    if of.marking is not None:
        marks = f"{format_score(of.marking.pass_hundredths)} / {format_score(of.marking.full_hundredths)}"
        yield said("合格线", "pass mark"), f"{marks}{_whose(of.marking.stated_by)}"
    months = of.validity.months
    term = said("终身有效", "for life") if months is None else said(f"{months}个月", counted(months, "month"))
    yield said("有效期", "validity"), f"{term}{_whose(of.validity.stated_by)}"
    yield said("来源", "source"), said(of.source.zh, of.source.en)


def _whose(stated_by: StatedBy) -> str:
    if stated_by is StatedBy.SOURCE:
        return ""
    return said("（来源未规定，由发证机构确定）", " (source silent; set by the issuing body)")


def _silent() -> str:
    return said("来源未规定", "source silent")


def _print_level(of: Programme, level: Level) -> None:
    OUT.print(f"\n[bold]{level.scope}  {shown(level.name.zh)} · {shown(level.name.en)}[/bold]")
    hours = level.training_hours
    if of.papers or hours is not None:
        told = _silent() if hours is None else said(f"{hours}标准学时", counted(hours, "standard hour"))
        OUT.print(f"  [dim]{said('培训学时', 'training')}[/dim] {told}")
    directions = of.directions_of(level.code)
    if directions:
        names = said("、", ", ").join(both(one.name) for one in directions)
        OUT.print(f"  [dim]{said('职业方向（选一）', 'direction, exactly one')}[/dim] {names}")
    if level.requirements:
        OUT.print(f"  [dim]{said('必须同时符合', 'must hold in any case')}[/dim]")
        _print_rules(level.requirements)
        OUT.print(f"  [dim]{said('并符合其中任一条', 'and any one of')}[/dim]")
    _print_rules(level.rules)
    for paper in of.papers_of(level.code):
        OUT.print(f"  [dim]{said('科目', 'paper')}[/dim] {_paper(paper)}")
    for work in level.work:
        items = said("；", "; ").join(both(item) for item in work.items)
        OUT.print(f"  [dim]{said('工作内容', 'work items')}[/dim] {both(work.name)}{said('：', ': ')}{items}")


def _print_rules(rules: Iterable[EligibilityRule]) -> None:
    for rule in rules:
        source = said(f"来源：{rule.source.zh}", f"source: {rule.source.en}")
        OUT.print(f"  {rule.id}  {both(rule.text)}{_whose(rule.stated_by)}")
        OUT.print(f"  {' ' * len(rule.id)}  [dim]{shown(source)}[/dim]")


def _paper(paper: Paper) -> str:
    minutes = _silent()
    if paper.minutes is not None:
        minutes = said(f"{paper.minutes}分钟", counted(paper.minutes, "minute"))
        if paper.minutes_least:
            minutes = said(f"不少于{minutes}", f"at least {minutes}")
    parts = [minutes]
    if paper.book is not None:
        parts.append(said(*_BOOK[paper.book]))
    if paper.delivery:
        parts.append(said("、", " or ").join(said(*_DELIVERY[one]) for one in paper.delivery))
    marks = f"{format_score(paper.marking.pass_hundredths)} / {format_score(paper.marking.full_hundredths)}"
    parts.append(f"{marks}{_whose(paper.marking.stated_by)}")
    return f"{paper.key}  {both(paper.name)}{_whose(paper.stated_by)}  {said('，', ', ').join(parts)}"


def _print_weights(of: Programme, levels: Sequence[LevelCode]) -> None:
    names = {one.code: one for one in of.functions}
    papers = dict.fromkeys(column.paper for column in of.weights)
    for key in papers:
        columns = [column for column in of.weights if column.paper == key and column.level in levels]
        if not columns:
            continue
        name = next(paper.name for paper in of.papers if paper.key == key)
        OUT.print(f"\n[bold]{both(name)}{said('：各职业功能的权重（%）', ': weights by function (%)')}[/bold]")
        rows = []
        for code, function in names.items():
            percents = [dict(column.percent).get(code) for column in columns]
            if any(percents):
                also = "".join(f" = {said(other.zh, other.en)}" for other in function.also)
                label = f"{said(function.name.zh, function.name.en)}{also}"
                rows.append([label, *("–" if one is None else str(one) for one in percents)])
        print_table([said("职业功能", "function"), *(_column(of, column) for column in columns)], rows)


def _column(of: Programme, column: WeightColumn) -> str:
    level = of.level(column.level)
    assert level is not None  # the file was refused otherwise
    direction = next((one.name for one in of.directions if one.code == column.direction), None)
    name = said(level.name.zh, level.name.en)
    return name if direction is None else f"{name} {said(direction.zh, direction.en)}"


def _training(of: Programme) -> Iterator[str]:
    for one in of.training:
        yield f"{_levels(of, one.levels)}{both(one.text)}"
    for unit in of.units:
        hours = said(f"{unit.hours}学时", counted(unit.hours, "hour"))
        yield f"{_levels(of, unit.levels)}{both(unit.name)}  {hours}"
    for teacher in of.teachers:
        yield f"{_levels(of, teacher.levels)}{said('教师：', 'teachers: ')}{both(teacher.text)}"
    if of.form is not None:
        required = ", ".join(of.form.required)
        optional = ", ".join(of.form.optional)
        yield said(f"登记表必填：{required}；可填：{optional}", f"form, required: {required}; optional: {optional}")
        if of.form.photograph is not None:
            yield f"{said('照片：', 'photograph: ')}{both(of.form.photograph)}"


def _examination(of: Programme) -> Iterator[str]:
    if len({paper.key for paper in of.papers}) > 1:
        yield said("每个科目都须合格", "every paper must be passed")
    for band in of.grades:
        yield f"{both(band.name)}{said('：', ': ')}≥ {format_score(band.from_hundredths)}"
    for staff in of.staffing:
        role = (
            said("监考人员", "invigilators") if staff.role is StaffRole.INVIGILATOR else said("考评人员", "assessors")
        )
        ratio = said(f"每{staff.candidates_each}名考生1人", f"1 for {staff.candidates_each} candidates")
        ratio = ratio if staff.exactly else said(f"{ratio}以上", f"at least {ratio}")
        where = said("每考场", " a room") if staff.each_room else ""
        least = said(f"{where}不少于{staff.least}人", f"at least {staff.least}{where}")
        odd = said("，单数", ", an odd number") if staff.odd else ""
        yield f"{role} ({', '.join(staff.papers)}){said('：', ': ')}{ratio}{said('，', ', ')}{least}{odd}"
    for venue in of.venues:
        yield f"{said(*_VENUE[venue.use])}{said('：', ': ')}{both(venue.text)}"
    if of.rounding is not None:
        mode = said("四舍五入", "half up") if of.rounding.mode is RoundingMode.HALF_UP else said("舍去尾数", "down")
        places = said(f"保留{of.rounding.decimals}位小数", counted(of.rounding.decimals, "decimal"))
        whose = _whose(of.rounding.stated_by)
        yield f"{said('折算成绩：', 'computed scores: ')}{mode}{said('，', ', ')}{places}{whose}"
    yield from _retake(of)
    yield from _session(of)


def _retake(of: Programme) -> Iterator[str]:
    if of.retake is None:
        return
    retake = of.retake
    yield said(
        f"补考{retake.attempts}次，不超过{retake.papers_at_most}科"
        + ("，限下一场次" if retake.next_session_only else "")
        + ("，合格科目保留" if retake.keeps_passed else "")
        + ("，只缴评价费" if retake.fee is RetakeFee.ASSESSMENT_ONLY else ""),
        f"retake: {counted(retake.attempts, 'time')}, at most {counted(retake.papers_at_most, 'paper')}"
        + (", in the next session" if retake.next_session_only else "")
        + (", passed papers are kept" if retake.keeps_passed else "")
        + (", for the assessment fee only" if retake.fee is RetakeFee.ASSESSMENT_ONLY else ""),
    ) + _whose(retake.stated_by)


def _session(of: Programme) -> Iterator[str]:
    session = of.session
    if session is None:
        return
    if session.registration_closes_days is not None:
        days = session.registration_closes_days
        yield said(f"考前{days}天截止报名", f"registration closes {days} days before the session")
    if session.late_minutes is not None:
        minutes, admits = session.late_minutes, session.late_admits_limit
        yield said(
            f"迟到{minutes}分钟{'以上' if admits else '及以上'}不得入场",
            f"not admitted when late by {f'more than {minutes} minutes' if admits else f'{minutes} minutes or more'}",
        )
    if session.publication_working_days is not None:
        days = session.publication_working_days
        yield said(f"合格后约{days}个工作日可查询", f"can be looked up about {days} working days after passing")
    if session.absent_pays_again:
        yield said("缺考须重新缴评价费", "an absentee pays the assessment fee again")
    for title, text in (
        (said("签到：", "sign-in: "), session.identity_check),
        (said("频次：", "how often: "), session.frequency),
        (said("地点：", "places: "), session.places),
    ):
        if text is not None:
            yield f"{title}{both(text)}"


def _certificate(of: Programme) -> Iterator[str]:
    rules = of.certificate
    if of.sectors:
        yield f"{said('细分行业：', 'sectors: ')}{said('、', ', ').join(both(one.name) for one in of.sectors)}"
    if rules is None:
        return
    if rules.fields:
        yield f"{said('来源所列内容：', 'named by the source: ')}{', '.join(rules.fields)}"
    if rules.own_additions:
        yield f"{said('发证机构增加：', 'added by the issuing body: ')}{', '.join(rules.own_additions)}"
    for title, text in (
        (said("第二编号：", "second number: "), rules.registration_number),
        (said("证明内容：", "statement: "), rules.statement),
        (said("查询：", "looked up: "), rules.lookup),
        (said("人才库：", "talent database: "), rules.talent_database),
    ):
        if text is not None:
            yield f"{title}{both(text)}"
    if rules.after_training:
        yield said("完成培训后发证", "issued after the training is completed")


def _levels(of: Programme, codes: Sequence[LevelCode]) -> str:
    if len(codes) == len(of.levels):
        return ""
    names = [level.name for level in of.levels if level.code in codes]
    return said("、", ", ").join(both(name) for name in names) + said("：", ": ")


def _print_lines(title: str, lines: Iterable[str]) -> None:
    told = list(lines)
    if told:
        OUT.print(f"\n[bold]{title}[/bold]")
    for line in told:
        OUT.print(f"  {line}")


def _print_notes(title: str, notes: Sequence[SourceNote], nothing: str) -> None:
    if notes:
        OUT.print(f"\n[bold]{title}[/bold]")
    for one in notes:
        used = both(one.used) if one.used else nothing
        OUT.print(f"  {one.subject}: {both(one.text)}" + (f" → {used}" if used else ""))
