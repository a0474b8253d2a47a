"""`vermilion subsidy`: what it prints, what it answers with, in both languages and as JSON."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api.cli import app
from api.commands.failures import NoVerdict
from registry.programme.subsidies import SubsidyRuleUnknown

FILE = files("registry.programme.subsidies").joinpath("data/AI-TRAINER/guangdong.2026.1.toml")
ASKED = ("calculate", "--programme", "AI-TRAINER", "--level", "3", "--region", "深圳", "--on", "2026-11-22")
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VERMILION_HOME", raising=False)

    def go(*words: str, language: str = "en") -> Result:
        monkeypatch.setenv("VERMILION_LANG", language)
        return CliRunner().invoke(app, ["subsidy", *words])

    return go


@pytest.mark.parametrize(("language", "said"), [("en", "Paid: 3120 yuan"), ("zh", "发给：3120元")])
def test_what_is_paid_is_said_with_rule_and_sources(run: Run, language: str, said: str) -> None:
    result = run(*ASKED, "--insured-there", language=language)
    assert result.exit_code == 0
    assert result.stdout.startswith(said)
    assert "guangdong.2026.1" in result.stdout
    assert ("广州、深圳、佛山上浮30%" in result.stdout) is (language == "zh")


@pytest.mark.parametrize(
    ("words", "code", "verdict", "fen"),
    [
        (["--registered-there"], 0, "yes", 312_000),
        ([], 3, "needs-judgement", 312_000),
        (["--other-met", "holds a residence permit"], 0, "yes", 312_000),
        (["--other-not-met", "lives elsewhere"], 1, "no", None),
        (["--insured-there", "--paid", "2"], 1, "no", None),
        (["--insured-there", "--paid", "4", "--paid", "5"], 0, "yes", 312_000),
        (["--insured-there", "--level", "2"], 3, "needs-judgement", None),
        (["--insured-there", "--level", "高级工", "--paid", "技师"], 1, "no", None),
        (["--insured-there", "--region", "Dongguan"], 0, "yes", 240_000),
    ],
)
def test_exit_code_is_the_verdict(run: Run, words: list[str], code: int, verdict: str, fen: int | None) -> None:
    result = run(*ASKED, *words, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["verdict"], document["fen"]) == (code, verdict, fen)
    assert all(one["zh"] and one["en"] and one["source"]["zh"] for one in document["reasons"])
    assert document["rule"]["period_stated_by"] == "issuing-body"


def test_where_no_rule_is_known_nothing_is_answered(run: Run) -> None:
    for words in (["--region", "北京"], ["--on", "2025-12-31"], ["--programme", "EDGE-AI"]):
        result = run(*ASKED, "--insured-there", *words)
        assert isinstance(result.exception, NoVerdict)
        assert result.exception.exit_code == 2
        assert isinstance(result.exception.error, SubsidyRuleUnknown)
        assert result.stdout == ""


@pytest.mark.parametrize(
    "words", [["--other-met", ""], ["--other-met", "a", "--other-not-met", "b"], ["--other-not-met", "x" * 201]]
)
def test_a_judgement_needs_one_reason(run: Run, words: list[str]) -> None:
    assert getattr(run(*ASKED, *words).exception, "code", "") == "subsidy/reason"


def test_levels_without_a_figure_are_shown_without_one(run: Run) -> None:
    shown = run("show", language="zh").stdout
    assert shown.count("按当地规定") >= 2
    assert "3120" in shown
    assert "来源未写明" in shown
    (document,) = json.loads(run("show", "--region", "佛山", "--json").stdout)
    assert [one.get("fen") for one in document["amounts"]] == [100_000, 150_000, 240_000, None, None]
    assert run("show", "--region", "北京").exit_code == 1


def test_a_file_is_checked_key_by_key(run: Run, tmp_path: Path) -> None:
    good = tmp_path / "good.toml"
    good.write_bytes(FILE.read_bytes())
    assert run("check", str(good)).exit_code == 0
    bad = tmp_path / "bad.toml"
    bad.write_bytes(FILE.read_bytes().replace(b"fen = 240000", b"fen = -1", 1))
    result = run("check", str(bad), "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["faults"][0]["key"] == "amount[2].fen"
