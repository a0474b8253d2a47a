"""`vermilion programme`: what it shows, and what it finds wrong with a file or different between two."""

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from registry.enrolment import columns_of, read_roster
from registry.programme import ProgrammeMalformed, load_catalogue

BIG_DATA = load_catalogue().programme("BIG-DATA").document


@pytest.fixture(autouse=True)
def surroundings(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VERMILION_LANG", "zh")


def run(*words: str):
    return CliRunner().invoke(app, ["programme", *words])


def test_every_programme_is_listed():
    listed = json.loads(run("list", "--json").stdout)
    assert [one["code"] for one in listed] == list(load_catalogue().codes())


@pytest.mark.parametrize("code", load_catalogue().codes())
def test_every_silence_and_conflict_is_shown_with_whose_figure_is_used(code):
    programme = load_catalogue().programme(code)
    text = run("show", code).stdout
    for note in (*programme.silences, *programme.conflicts):
        used = note.used.zh if note.used else "不设此项规则"
        assert f"{note.subject}: {note.text.zh} → {used}" in text
    for level in programme.levels:
        for rule in (*level.rules, *level.requirements):
            assert rule.text.zh in text


def test_weights_are_shown_as_a_table_of_the_level_that_is_asked_for():
    text = run("show", "BIG-DATA", "--level", "3").stdout
    assert "BIG-DATA/3" in text
    assert "BIG-DATA/1" not in text
    row = next(line for line in text.splitlines() if line.startswith("大数据分析与挖掘 = 大数据分析与管理"))
    assert row.split()[-1] == "15"
    assert "60 / 100（来源未规定，由发证机构确定）" in run("show", "AI-TRAINER", "--level", "1").stdout


def test_a_level_is_asked_for_by_its_name_as_well():
    asked = [run("show", "BIG-DATA", "--level", one, "--json").stdout for one in ("3", "高级", "senior", "BIG-DATA/3")]
    assert {json.loads(one)["levels"][0]["code"] for one in asked} == {"3"}
    assert len({*asked}) == 1
    (one,) = json.loads(run("show", "AI-TRAINER", "--level", "高级工", "--json").stdout)["levels"]
    assert one["name"]["zh"] == "三级/高级工"


def test_a_level_that_is_not_there_is_missing():
    assert getattr(run("show", "BIG-DATA", "--level", "4").exception, "code", None) == "programme/unknown"


def test_json_holds_rules_weights_and_notes():
    document = json.loads(run("show", "BIG-DATA", "--level", "1", "--json").stdout)
    assert [level["code"] for level in document["levels"]] == ["1"]
    assert document["weights"][0]["percent"]["ethics"] == 5
    assert document["conflicts"][0]["subject"] == "function-name"
    assert len(document["digest"]) == 43


def test_check_lists_every_fault_and_exits_with_one(tmp_path: Path):
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_bytes(BIG_DATA.replace(b'"2026.1"', b'"2026.2"', 1))
    assert "没有错误" in run("check", str(good)).stdout
    bad.write_bytes(BIG_DATA.replace(b"minutes = 90", b"minutes = 0").replace(b"decimals = 2", b"decimals = 3"))
    refused = run("check", str(bad), "--json")
    assert refused.exit_code == 1
    faults = json.loads(refused.stdout)["faults"]
    assert {fault["key"] for fault in faults} == {"paper[0].minutes", "rounding.decimals"}
    told = run("check", str(bad))
    assert "paper[0].minutes" in told.stderr
    assert "rounding.decimals" in told.stderr


def test_other_bytes_for_a_version_that_is_there_are_refused(tmp_path: Path):
    file = tmp_path / "again.toml"
    file.write_bytes(BIG_DATA + b"\n# changed\n")
    assert getattr(run("check", str(file)).exception, "code", None) == "programme/version-twice"


def test_diff_names_what_changed(tmp_path: Path):
    old, new = tmp_path / "old.toml", tmp_path / "new.toml"
    old.write_bytes(BIG_DATA)
    new.write_bytes(BIG_DATA.replace(b"training_hours = 160", b"training_hours = 168"))
    assert run("diff", str(old), str(new)).stdout == "改动  levels[3].trainingHours：160 → 168\n"
    assert run("diff", str(old), str(old)).stdout == "规则没有不同\n"
    assert json.loads(run("diff", str(old), str(new), "--json").stdout) == [
        {"key": "levels[3].trainingHours", "old": 160, "new": 168}
    ]
    new.write_bytes(b"format = 1")
    assert isinstance(run("diff", str(old), str(new)).exception, ProgrammeMalformed)


@pytest.mark.parametrize("code", load_catalogue().codes())
def test_a_template_has_the_columns_of_its_programme_and_can_be_read_back(code):
    written = CliRunner().invoke(app, ["enrol", "template", "--programme", code]).stdout
    programme = load_catalogue().programme(code)
    assert written.startswith("\ufeff姓名*,")
    reading = read_roster(written.encode(), programme=programme, today=date(2026, 11, 1))
    assert [one.code for one in reading.problems] == ["enrol/no-rows"]
    assert len(reading.columns) == len(columns_of(programme))
    assert reading.notices == ()
