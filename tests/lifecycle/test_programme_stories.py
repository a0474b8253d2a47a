"""P1 to P7, each from a roster to certificates that verify: who may sit and who may not, marks, issue, bundles.

Every way into every level lets somebody in, and somebody is refused for want of what it asks, by a day, a month or a
hundredth. One chain and one installation serve all; the enrolments happen on days of their own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from types import MappingProxyType

import pytest

from api.commands.setup import demo_installation, running_node
from api.founding import make_installation
from api.sending import issue_batch
from api.wiring import Home
from registry.anchor.states import AnchorState
from registry.credential import full_presentation, parse
from registry.credential.v1 import IssuedCredential
from registry.delivery.bundle import BUNDLE_SUFFIX
from registry.ports.storage import Application, StoredCertificate
from registry.programme import Programme, load_catalogue
from registry.verification import Outcome
from registry.workflows.approve import approve
from registry.workflows.assess import confirm_sheet, record_scores
from registry.workflows.enrol import decide_applications, import_roster
from registry.workflows.issue import propose
from registry.workflows.judge import confirm_judgement, judge_application, override_refusal

PROGRAMMES = ("AIGC-APP-ENG", "AIGC-POST", "EDGE-AI", "SMART-MFG", "BIG-DATA", "BLOCKCHAIN", "AI-TRAINER")
DAY = date(2026, 2, 28)
"""Somebody born on 29 February 2008 comes of age on this day, and not on the day before."""
PROOFS = "社保记录、就业记录"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One person of a story; `rule` is the one that lets them in, None = refused."""

    level: str
    rule: str | None
    cells: Mapping[str, str] = field(default_factory=dict)
    judged: Mapping[str, bool] = field(default_factory=dict)
    score: str = "80"
    born: str = "1990-03-07"
    on: date = DAY
    overridden: bool = False


def case(level: str, rule: str | None, *judged: str, no: tuple[str, ...] = (), **more) -> Case:
    kept = {name: more.pop(name) for name in ("score", "born", "on", "overridden") if name in more}
    found = {**dict.fromkeys(judged, True), **dict.fromkeys(no, False)}
    return Case(level=level, rule=rule, cells=more, judged=found, **kept)


HELD, MAJOR, SCHOOL, HOURS = "held-certificate", "related-major", "technical-school-graduate", "hours-certificate"


def application_engineer() -> Iterator[Case]:
    """P1: one paper with grades; ages to the day, also for a birthday that most years lack."""
    for score in ("59.99", "60", "79.5", "80", "缺考"):
        yield case("初级", "1", score=score)
    yield case("中级", "2a", HELD, 已持证书="初级", 文化程度="初中")
    yield case("中级", None, 已持证书="初级", 文化程度="初中")  # nobody has seen it
    yield case("中级", None, no=(HELD,), 已持证书="初级", 文化程度="初中")
    yield case("中级", "2b", 文化程度="高中", 从业年限="1", born="2008-02-29", score="59.99")
    yield case("中级", None, 文化程度="高中", 从业年限="1", born="2008-02-29", on=date(2026, 2, 27))
    yield case("中级", "2b", 文化程度="高中", 从业年限="12个月", born="2008-02-28", score="60")
    yield case("中级", None, 文化程度="高中", 从业年限="1", born="2008-03-01")
    yield case("中级", None, 文化程度="初中", 从业年限="1")
    yield case("中级", None, 文化程度="高中", 从业年限="11个月")
    yield case("高级", "3a", HELD, 已持证书="中级")
    yield case("高级", None, HELD, 已持证书="初级")
    yield case("高级", "3b", 从业年限="2", born="2006-02-28", score="79.5")
    yield case("高级", None, 从业年限="2", born="2006-03-01")
    yield case("高级", None, 从业年限="23个月")
    yield case("高级", "3c", 文化程度="大专", born="2006-02-28", score="79.99")
    yield case("高级", None, 文化程度="高中", born="2006-02-28")
    yield case("高级", None, 文化程度="大专", born="2006-03-01")
    yield case("高级", None, 文化程度="高中", overridden=True)


def post_adaptation() -> Iterator[Case]:
    """P2: nobody states who may sit, so a person admits each; a sector or none."""
    for level, sector, score in (
        ("通用级", "", "60"),
        ("专业级", "设计", "79.5"),
        ("导师级", "动漫", "80"),
        ("专家级", "", "100"),
    ):
        rule = {"通用级": "GENERAL", "专业级": "PROFESSIONAL", "导师级": "MENTOR", "专家级": "EXPERT"}[level]
        yield case(level, rule, "admission", 细分行业=sector, score=score)
        yield case(level, None, no=("admission",), 细分行业=sector)
    yield case("通用级", "GENERAL", "admission", 细分行业="", score="59.99")


def edge_computing() -> Iterator[Case]:
    """P3: a form that is filled in, 40 hours of training for the higher levels, two papers."""
    form = {"单位": "某科技公司", "电话": "13800000000", "邮箱": "an@example.cn", "编号": "GXB-2026-000318"}
    yield case("初级", "1", "admission", **form)
    yield case("初级", None, no=("admission",), **form)
    for level, rule in (("中级", "2"), ("高级", "3")):
        yield case(level, rule, 文化程度="高中", 完成学时="40", score="60", **form)
        yield case(level, rule, 文化程度="高中", 完成学时="40", score="59.99", **form)
        yield case(level, None, 文化程度="初中", 完成学时="40", **form)
        yield case(level, None, 文化程度="高中", 完成学时="39", **form)
        yield case(level, None, 文化程度="高中", 完成学时="", **form)


def national(directions: Mapping[str, str]) -> Iterator[Case]:
    """P4 to P6: the certificate of hours, and any one way in; directions where the level has any."""

    def one(level: str, rule: str | None, *judged: str, hours: bool = True, **more) -> Case:
        if directions.get(level):
            more["职业方向"] = directions[level]
        if hours:
            more["学时证明编号"] = "HX-2026-0001"
        return case(level, rule, *judged, *((HOURS,) if hours else ()), **more)

    yield one("初级", "1a", 职称="技术员", score="60")
    yield one("初级", "1a", 职称="技术员", score="59.99")
    yield one("初级", "1a", 职称="技术员", score="缺考")
    yield one("初级", None, 职称="技术员", hours=False)
    yield case("初级", None, no=(HOURS,), 职称="技术员", 学时证明编号="HX-9", 职业方向=directions.get("初级", ""))
    yield one("初级", None, 职称="工程师")
    yield one("初级", "1b", MAJOR, 文化程度="本科", 所学专业="机械工程")
    yield one("初级", "1b", MAJOR, 应届毕业学历="本科", 所学专业="机械工程")
    yield one("初级", None, MAJOR, 应届毕业学历="大专", 所学专业="机械工程")
    yield one("初级", None, no=(MAJOR,), 文化程度="本科", 所学专业="历史")
    yield one("初级", "1c", MAJOR, 文化程度="大专", 所学专业="机械工程", 本职业从业年限="1")
    yield one("初级", None, MAJOR, 文化程度="大专", 所学专业="机械工程", 本职业从业年限="11个月")
    yield one("初级", "1d", SCHOOL, 申请认定="技工院校毕业生")
    yield one("初级", None, no=(SCHOOL,), 申请认定="技工院校毕业生")
    since, title = "取得证书后从业年限", {"职称": "助理工程师", "取得职称后从业年限": "2"}
    yield one("中级", "2a", **title, 取得职称日期="2024-02-28", score="79.5")
    yield one("中级", None, **title, 取得职称日期="2024-03-01")
    yield one("中级", None, 职称="助理工程师", 取得职称后从业年限="23个月")
    yield one("中级", "2b", HELD, 文化程度="大专", 已持证书="初级", **{since: "3"})
    yield one("中级", None, HELD, 文化程度="大专", 已持证书="初级", **{since: "35个月"})
    yield one("中级", "2c", HELD, 学位="硕士学位", 已持证书="初级", **{since: "1"})
    yield one("中级", None, HELD, 学位="硕士学位", 已持证书="初级", **{since: "11个月"})
    yield one("中级", "2d", MAJOR, 学位="博士学位", 所学专业="机械工程")
    yield one("中级", None, MAJOR, 学位="硕士学位", 所学专业="机械工程")
    yield one("中级", "2e", SCHOOL, 申请认定="技工院校毕业生")
    yield one("中级", None, no=(SCHOOL,), 申请认定="技工院校毕业生")
    yield one("高级", "3a", 职称="工程师", 取得职称后从业年限="3", score="60")
    yield one("高级", None, 职称="工程师", 取得职称后从业年限="35个月")
    yield one("高级", "3b", HELD, 文化程度="本科", 已持证书="中级", **{since: "4"})
    yield one("高级", None, HELD, 文化程度="本科", 已持证书="中级", **{since: "47个月"})
    yield one("高级", "3c", HELD, 学位="博士学位", 已持证书="中级", **{since: "1"})
    yield one("高级", None, HELD, 学位="博士学位", 已持证书="中级", **{since: "11个月"})
    yield one("高级", "3d", SCHOOL, 申请认定="技工院校毕业生")
    yield one("高级", None, no=(SCHOOL,), 申请认定="技工院校毕业生")


def trainer() -> Iterator[Case]:
    """P7: five levels, registered by a unit, work proven by insurance and record; three papers for the highest two."""

    def one(level: str, rule: str | None, *judged: str, **more) -> Case:
        return case(level, rule, *judged, **{"文化程度": "初中", "申报单位": "某科技公司", "从业证明": PROOFS, **more})

    worked, since, title = "本职业从业年限", "取得证书后从业年限", "相应职称及规定年限"
    yield one("五级", "5", 从业状态="准备从事", born="2010-02-28", score="60")
    yield one("五级", "5", 从业状态="从事", score="59.99")
    yield one("五级", "5", 从业状态="从事", score="缺考")
    yield one("五级", None, 从业状态="准备从事", born="2010-03-01")
    yield one("五级", None)
    yield one("五级", None, 从业状态="从事", 申报单位="")
    yield one("五级", None, 从业状态="从事", 文化程度="小学")
    yield one("四级", "4a", **{worked: "5"}, score="79.5")
    yield one("四级", None, **{worked: "59个月"})
    yield one("四级", None, 从业证明="社保记录", **{worked: "5"})
    yield one("四级", "4b", HELD, 已持证书="五级", **{since: "3"})
    yield one("四级", None, HELD, 已持证书="五级", **{since: "35个月"})
    yield one("四级", "4c", MAJOR, 所学专业="人工智能")
    yield one("四级", None, no=(MAJOR,), 所学专业="历史")
    yield one("三级", "3a", **{worked: "10"})
    yield one("三级", None, **{worked: "119个月"})
    yield one("三级", "3b", HELD, 已持证书="四级", **{since: "4"})
    yield one("三级", None, HELD, 已持证书="四级", **{since: "47个月"})
    yield one("三级", "3c", MAJOR, 文化程度="大专", 所学专业="人工智能", score="60")
    yield one("三级", None, MAJOR, 文化程度="高中", 所学专业="人工智能")
    for level, lower in (("二级", "三级"), ("一级", "二级")):
        code = {"二级": "2", "一级": "1"}[level]
        yield one(level, f"{code}a", HELD, 已持证书=lower, **{since: "5"})
        yield one(level, None, HELD, 已持证书=lower, **{since: "59个月"})
        yield one(level, f"{code}b", "corresponding-title", 申请认定=title, score="60")
        yield one(level, f"{code}b", "corresponding-title", 申请认定=title, score="59.99")
        yield one(level, None, no=("corresponding-title",), 申请认定=title)


ALL_LEVELS = {"初级": "智能生产管控", "中级": "智能生产管控", "高级": "智能制造系统架构构建"}
STORIES = MappingProxyType(
    {
        "AIGC-APP-ENG": list(application_engineer()),
        "AIGC-POST": list(post_adaptation()),
        "EDGE-AI": list(edge_computing()),
        "SMART-MFG": list(national(ALL_LEVELS)),
        "BIG-DATA": list(national({"初级": "大数据处理", "中级": "大数据分析"})),
        "BLOCKCHAIN": list(national({})),
        "AI-TRAINER": list(trainer()),
    }
)
ISSUED = {"AIGC-APP-ENG": "1", "AIGC-POST": "PROFESSIONAL", "EDGE-AI": "2", "AI-TRAINER": "2"}
"""The level that is issued in every run; the others in the deep one. Of the national standards the intermediate."""


class OnDay:
    """Tells one moment (implements registry.ports.Clock)."""

    def __init__(self, day: date) -> None:
        self._now = datetime(day.year, day.month, day.day, 4, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now


@dataclass
class Told:
    """A story up to its confirmed marks."""

    programme: Programme
    cases: dict[str, Case]
    """By admission number."""
    applications: dict[str, Application]


class Stage:
    """One installation for all programmes."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._people = count(1)
        self._told: dict[str, Told] = {}

    def tell(self, code: str) -> Told:
        """Enrol, decide and examine the people of a programme, once."""
        if code not in self._told:
            self._told[code] = self._enrolled(code, STORIES[code])
            self._examine(self._told[code])
        return self._told[code]

    def _enrolled(self, code: str, cases: list[Case]) -> Told:
        programme, by_admission = self.home.catalogue.programme(code), dict[str, Case]()
        for day in sorted({one.on for one in cases}):
            today = [one for one in cases if one.on == day]
            clock = OnDay(day)
            data = self._roster(today)
            roster = import_roster(self.home.store, clock, programme, data, person="clerk-1").roster
            with self.home.store.read() as unit:
                found = {one.line: one.admission for one in unit.enrolments.applications(roster=roster.id)}
            here = {found[line]: one for line, one in enumerate(today, start=2)}
            self._judge(clock, here)
            decide_applications(
                self.home.store, clock, self.home.catalogue, self.home.issuer, person="clerk-1", roster=roster.id
            )
            self._override(clock, here)
            by_admission |= here
        with self.home.store.read() as unit:
            applications = {one: unit.enrolments.application(one) for one in by_admission}
        return Told(programme=programme, cases=by_admission, applications=applications)

    def _roster(self, cases: list[Case]) -> bytes:
        columns = sorted({name for one in cases for name in one.cells})
        lines = [",".join(["姓名", "证件号码", "级别", *columns])]
        for one in cases:
            cells = [one.cells.get(name, "") for name in columns]
            lines.append(",".join(["安小雨", identity_number(one.born, next(self._people)), one.level, *cells]))
        return "\n".join(lines).encode()

    def _judge(self, clock: OnDay, cases: Mapping[str, Case]) -> None:
        for admission, one in cases.items():
            for subject, holds in one.judged.items():
                judged = judge_application(
                    self.home.store, clock, self.home.catalogue, admission,
                    subject=subject, favourable=holds, reason="看过原件", person="reviewer-1",
                )  # fmt: skip
                confirm_judgement(self.home.store, clock, judged.id, person="reviewer-2")

    def _override(self, clock: OnDay, cases: Mapping[str, Case]) -> None:
        for admission, one in cases.items():
            if one.overridden:
                asked = override_refusal(self.home.store, clock, admission, reason="同等学力", person="reviewer-1")
                confirm_judgement(self.home.store, clock, asked.id, person="reviewer-2")

    def _examine(self, told: Told) -> None:
        lines = ["准考证号,科目,成绩"]
        for admission, one in told.applications.items():
            papers = told.programme.papers_of(one.level)
            if one.eligible:
                first, *others = [paper.name.zh for paper in papers]
                lines.append(f"{admission},{first},{told.cases[admission].score}")
                lines += [f"{admission},{name},60" for name in others]
        sheet = record_scores(
            self.home.store,
            OnDay(date(2026, 3, 20)),
            told.programme,
            "\n".join(lines).encode(),
            examined_on=date(2026, 3, 15),
            person="clerk-1",
        ).sheet
        confirm_sheet(self.home.store, OnDay(date(2026, 3, 21)), sheet.id, person="clerk-2")

    def issue(self, code: str, level: str) -> list[StoredCertificate]:
        """Propose, approve, anchor and deliver one level."""
        home = self.home
        batch = propose(
            home.store, home.clock, home.catalogue, home.body, home.credential_signer(),
            programme=code, level=level, person="maker-1",
        )  # fmt: skip
        approve(home.store, home.clock, home.catalogue, home.key_of, home.approver(), batch.id, person="approver-1")
        assert issue_batch(home, batch.id, wait=60).state is AnchorState.FINAL
        home.catch_up()
        with home.store.read() as unit:
            return list(unit.batches.certificates(batch_id=batch.id))


def identity_number(born: str, serial: int) -> str:
    """Make up a resident identity number with its check character (GB 11643)."""
    body = f"110105{born.replace('-', '')}{serial:03d}"
    total = sum(int(digit) * pow(2, 17 - at, 11) for at, digit in enumerate(body))
    return body + "10X98765432"[total % 11]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    path = tmp_path_factory.mktemp("stories") / "home"
    wanted = demo_installation().model_copy(update={"programmes": PROGRAMMES})
    make_installation(Home(path), wanted, lambda what, text: None)
    home = Home(path)
    with running_node(home, 0):
        yield Stage(home)


@pytest.mark.parametrize("code", PROGRAMMES)
def test_each_way_in_admits_somebody_and_refuses_somebody(stage, code):
    told = stage.tell(code)
    for admission, one in told.cases.items():
        found = told.applications[admission]
        assert found.overridden == one.overridden, one
        if not one.overridden:
            assert (found.eligible, found.rule) == (one.rule is not None, one.rule), one
    every = {rule.id for level in told.programme.levels for rule in level.rules}
    assert every == {one.rule for one in told.cases.values() if one.rule}, "each rule lets somebody in"
    open_to_all = {level.code for level in told.programme.levels if any(not one.conditions for one in level.rules)}
    refused = {told.applications[admission].level for admission, one in told.cases.items() if one.rule is None}
    assert refused == {level.code for level in told.programme.levels} - open_to_all


def passes(one: Case) -> bool:
    return one.score != "缺考" and float(one.score) >= 60


LEVELS = [
    pytest.param(code, level.code, marks=() if level.code == ISSUED.get(code, "2") else (pytest.mark.deep,))
    for code in PROGRAMMES
    for level in load_catalogue().programme(code).levels
]


@pytest.mark.parametrize(("code", "level"), LEVELS)
def test_who_passed_holds_a_certificate_that_verifies_and_names_all_of_it(stage, code, level):
    told = stage.tell(code)
    expected = {
        admission
        for admission, one in told.applications.items()
        if one.level == level and one.eligible and passes(told.cases[admission])
    }
    certificates = stage.issue(code, level)
    assert {one.reservation.admission for one in certificates} == expected
    assert expected
    judge, of = stage.home.verifier(), told.programme.level(level)
    assert of is not None
    for one in certificates:
        bundle = (stage.home.path / "delivered" / (one.reservation.number + BUNDLE_SUFFIX)).read_bytes()
        assert judge.by_document(bundle).outcome is Outcome.VALID
        shown = parse(full_presentation(IssuedCredential(jwt=one.jwt, disclosures=one.disclosures)))
        terms, entry, cells = shown.terms, shown.entry, told.cases[one.reservation.admission].cells
        assert (terms.achievement.programme, terms.achievement.version) == (code, told.programme.version)
        assert terms.achievement.digest == told.programme.digest
        assert terms.level.code == level
        assert entry.training_hours == of.training_hours
        assert (entry.direction and entry.direction.name.zh) == (cells.get("职业方向") or None)
        assert (entry.sector and entry.sector.name.zh) == (cells.get("细分行业") or None)
        assert entry.registration_number == cells.get("编号")
        standard = told.programme.standard
        named = terms.achievement.standard
        assert (named and (named.number, named.version)) == (standard and (standard.number, standard.version))
        score = told.cases[one.reservation.admission].score
        assert next(result.value for result in shown.disclosed.results) == score
        grade = shown.disclosed.grade
        if code == "AIGC-APP-ENG":
            assert grade.name.zh == ("优秀" if float(score) >= 80 else "合格")
        else:
            assert grade is None


@pytest.mark.deep
def test_who_holds_our_certificate_is_let_in_by_it_without_anybodys_judgement(stage):
    """Runs after every level was issued: 初级 that we issued ourselves opens 中级."""
    told = stage.tell("AIGC-APP-ENG")
    holder = next(
        one for admission, one in told.applications.items() if one.level == "1" and passes(told.cases[admission])
    )
    number = holder.candidate.identity_number
    data = f"姓名,证件号码,级别\n安小雨,{number},中级\n".encode()
    home = stage.home
    roster = import_roster(home.store, home.clock, told.programme, data, person="clerk-1").roster.id
    decide_applications(home.store, home.clock, home.catalogue, home.issuer, person="clerk-1", roster=roster)
    with home.store.read() as unit:
        (one,) = unit.enrolments.applications(roster=roster)
    assert (one.eligible, one.rule) == (True, "2a")
