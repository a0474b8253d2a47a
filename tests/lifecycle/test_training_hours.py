"""Ninety hours of training, the certificate of hours on the chain, and what its holder may enrol for with it."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from api.commands.setup import demo_installation
from api.founding import make_installation
from api.wiring import Home
from registry.kernel.calendar import CHINA_TIME
from tests.lifecycle.conftest import World

HOURS = "SMART-MFG-HOURS"
CLERK, OTHER = ("--as", "clerk-1"), ("--as", "clerk-2")
COMPLETE, SHORT = "安小雨,110105199003070025", "卫子安,110101199003074135"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[World]:
    path = tmp_path / "home"
    wanted = demo_installation().model_copy(update={"programmes": (HOURS, "SMART-MFG")})
    make_installation(Home(path), wanted, lambda what, text: None)
    home = Home(path)
    from api.commands.setup import running_node

    with running_node(home, 0) as node:
        yield World(home=home, node=node)


def asked(house: World, *words: str, exit_code: int = 0):
    return json.loads(house.run(*words, "--json", exit_code=exit_code))


def enrolled(house: World, path: Path, programme: str, text: str) -> list[str]:
    path.write_text(text, encoding="utf-8")
    roster = asked(house, "enrol", "import", str(path), "--programme", programme, *CLERK)["roster"]
    return [one["admission"] for one in asked(house, "enrol", "list", "--roster", roster)]


def attendance(admission: str, hours: int) -> Iterator[str]:
    """Rows of at most 10 hours a day, the last one yesterday."""
    day = datetime.now(CHINA_TIME).date() - timedelta(days=1)
    while hours > 0:
        yield f"{admission},{day.isoformat()},{min(hours, 10)}"
        day, hours = day - timedelta(days=1), hours - 10


def corrected_list(house: World, sheet: str, admission: str, score: str):
    """Take somebody off a confirmed list, or put them back, by two people."""
    where = (sheet, admission, "--paper", "-", "--score", score, "--reason", "名单有误")
    entered = asked(house, "exam", "correct", *where, *CLERK)
    return asked(house, "exam", "confirm-correction", entered["correction"], *OTHER)


def test_ninety_hours_become_a_certificate_that_opens_the_examination(house: World, tmp_path: Path) -> None:
    body = ("--name", "某培训学校", "--name-en", "Some School", "--contact", "0755-00000000", "--since", "2026-01-01")
    assert asked(house, "training", "body", "add", "SZ-01", *body, *CLERK)["kind"] == "training-body"
    course = asked(house, "training", "course", "add", "SZ-01", "--programme", "SMART-MFG", "--level", "初级", *CLERK)
    assert sum(one["hours"] for one in course["units"]) == 90
    course_id = course["course"]
    teach = ("training", "course", "teach", course_id, "teacher-1")
    house.run(*teach, "--level", "1", *CLERK, exit_code=1)
    asked(house, *teach, "--level", "中级", *CLERK)

    people = f"姓名,证件号码,级别\n{COMPLETE},初级\n{SHORT},初级\n"
    complete, short = enrolled(house, tmp_path / "hours.csv", HOURS, people)
    house.run("training", "course", "join", course_id, complete, short, *CLERK)
    file = tmp_path / "came.csv"
    rows = "\n".join((*attendance(complete, 90), *attendance(short, 89)))
    file.write_text(f"准考证号,日期,学时\n{rows}\n", encoding="utf-8")
    came = asked(house, "training", "attend", str(file), "--course", course_id, *CLERK)["list"]
    house.run("training", "certify", course_id, *CLERK, exit_code=1)  # nothing is confirmed yet
    house.run("training", "confirm", came, *CLERK, exit_code=1)
    assert asked(house, "training", "confirm", came, *OTHER)["confirmed"] is True

    made = asked(house, "training", "certify", course_id, *CLERK)
    assert (made["complete"], made["short"], made["needed"]) == ([complete], {short: 89}, 90)
    house.run("exam", "confirm", made["sheet"], *CLERK, exit_code=1)
    house.run("exam", "confirm", made["sheet"], *OTHER)
    assert [one["passed"] for one in asked(house, "exam", "results", made["sheet"])] == [True]
    assert asked(house, "enrol", "decide", *CLERK)["refused"] == 0  # who has hours to go waits

    taken_off = corrected_list(house, made["sheet"], complete, "absent")
    assert (taken_off["listed"], taken_off["score"]) == (False, None)
    assert [one["passed"] for one in asked(house, "exam", "results", made["sheet"])] == [False]
    house.run("batch", "propose", "--programme", HOURS, "--level", "1", "--as", "maker-1", exit_code=1)
    assert corrected_list(house, made["sheet"], complete, "listed")["listed"] is True
    assert [one["passed"] for one in asked(house, "exam", "results", made["sheet"])] == [True]

    batch = asked(house, "batch", "propose", "--programme", HOURS, "--level", "1", "--as", "maker-1")["id"]
    house.run("batch", "approve", batch, "--as", "approver-1")
    assert asked(house, "batch", "issue", batch)["state"] == "final"
    with house.home.store.read() as unit:
        (certificate,) = unit.batches.certificates(batch_id=batch)
    verdict = asked(house, "verify", str(house.bundle(certificate)))
    assert verdict["outcome"] == "valid"
    assert certificate.reservation.admission == complete

    stated = "姓名,证件号码,级别,职业方向,职称,所学专业,学位,文化程度"
    rows = f"{stated}\n{COMPLETE},初级,智能生产管控,技术员,,,大专\n{SHORT},初级,智能生产管控,技术员,,,大专\n"
    admissions = enrolled(house, tmp_path / "examination.csv", "SMART-MFG", rows)
    decided = asked(house, "enrol", "decide", *CLERK)
    assert (decided["eligible"], decided["refused"]) == (1, 1)
    found = {one["admission"]: one["eligible"] for one in asked(house, "enrol", "list", "--level", "1")}
    assert [found[one] for one in admissions] == [True, False]
    assert found[short] is None
    number = certificate.reservation.number
    assert corrected_list(house, made["sheet"], complete, "absent")["certificates_to_correct"] == [number]
    house.run("cert", "correct", number, "--reason", "没有参加培训", "--as", "maker-1", exit_code=1)
    assert certificate.batch.proposed_at.astimezone(CHINA_TIME).date() >= date(2026, 1, 1)
