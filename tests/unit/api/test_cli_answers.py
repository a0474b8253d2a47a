"""What the command line answers with: exit codes of what is no verdict, errors as JSON, Ctrl-C, widths, words."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from api.commands.verify import NameUnneeded
from api.commands.words import REASONS_ZH, reason_word, state_word, status_word
from api.errors import advice
from api.terminal import counted, moment, padded, print_fields, print_table
from registry.anchor.progress import RequestState
from registry.anchor.states import AnchorState
from registry.status import Reason, Status
from tests.unit.api.conftest import Done

ROOT = Path(__file__).parents[3]
MAIN = [sys.executable, "-c", "from api.cli import main; main()"]
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # jobs that a shell runs in the background ignore it
from api.cli import main
print('ready', flush=True)
main()
"""


def surroundings(**more: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("VERMILION", "LC_", "LANG"))}
    return {**plain, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **more}


def run(*words: str | bytes, at: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*MAIN, *words],
        capture_output=True,
        encoding="utf-8",
        cwd=at,
        env=surroundings(**more),
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["verify", "X"], "verify/trust-root-needed"),
        (["verify", "X", "--node", "http://127.0.0.1:9"], "verify/trust-root-needed"),
        (["verify", ""], "verify/nothing-named"),
        (["verify", " "], "verify/nothing-named"),
        (["verify", "X", "--node", "nonsense"], "identifier/malformed"),
        (["verify", "X", "--home", "nowhere"], "home/missing"),
        (["verify", "nosuch.json"], "input/file-unreadable"),
        (["verify", "file.json", "--name", "某"], NameUnneeded.code),
        (["verify", "-", "--name", "某"], NameUnneeded.code),
        (["verify", "A" * 26, "--name", "某"], NameUnneeded.code),
    ],
)
def test_what_is_no_verdict_leaves_with_two(
    tmp_path: Path, vermilion: Callable[..., Done], words: list[str], code: str
) -> None:
    (tmp_path / "file.json").write_text("{}")
    require_no_verdict(vermilion(*words), code)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["verify", "nosuch.json"], "input/file-unreadable"),
        (["verify", b"\xff\xfe"], "input/not-text"),
        (["cert", "list", "--home", b"\xff"], "input/not-text"),
    ],
)
def test_a_process_leaves_with_two_as_well(tmp_path: Path, words: list[str | bytes], code: str) -> None:
    require_no_verdict(run(*words, at=tmp_path), code)


def require_no_verdict(done: subprocess.CompletedProcess[str] | Done, code: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.rstrip().endswith(f"[{code}]")
    assert "Traceback" not in done.stderr


def test_without_a_data_folder_both_options_are_named() -> None:
    texts = advice()["verify/trust-root-needed"]
    for text in (texts.remedy_zh, texts.remedy_en):
        assert "--node" in text
        assert "--trust-root" in text


@pytest.mark.parametrize("words", [["verify", "X"], ["cert", "list", "--home", "nowhere"]])
def test_an_error_is_one_json_value_too(vermilion: Callable[..., Done], words: list[str]) -> None:
    done = vermilion(*words, "--json")
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"code", "message", "cause", "remedy"}
    assert error["remedy"]["zh"]
    assert done.stderr.rstrip().endswith(f"[{error['code']}]")


def test_what_the_system_refuses_is_one_line_and_exit_three(tmp_path: Path) -> None:
    done = run("demo", "--no-serve", "--home", "/proc/nowhere", at=tmp_path)
    assert (done.returncode, done.stdout) == (3, "")
    message, remedy = done.stderr.splitlines()
    assert message.startswith("error: /proc/nowhere: ")
    assert remedy.endswith("[system/file]")


def test_what_nobody_foresaw_is_no_verdict_either(tmp_path: Path) -> None:
    broken = "import api.cli, api.commands.verify; api.commands.verify._judged = None; api.cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", broken, "verify", "X", "--json"],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env=surroundings(),
        timeout=60,
        check=False,
    )
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (3, "internal")
    assert done.stderr.rstrip().endswith("[internal]")


def test_ctrl_c_ends_with_130_and_a_sentence(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "verify", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        cwd=tmp_path,
        env=surroundings(),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)  # until it reads standard input
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 130
    assert printed == "Stopped. Nothing is lost; run it again to go on.\n"


def test_columns_are_as_wide_as_they_look(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["编号", "state"], [["甲", "已终局"], ["A-1", "final"]])
    lines = capsys.readouterr().out.splitlines()
    assert [cell_len(line[: line.index(end)]) for line, end in zip(lines, ["state", "已", "final"], strict=True)] == [
        6
    ] * 3
    print_fields({"批次": "B-1", "id": "x"})
    lines = capsys.readouterr().out.splitlines()
    assert [cell_len(line[: line.index(end)]) for line, end in zip(lines, ["B-1", "x"], strict=True)] == [6] * 2
    assert padded("链", 4) == "链  "


def test_numbers_and_moments_are_written_in_one_way() -> None:
    assert [counted(n, "batch", "batches") for n in (0, 1, 2, 1200)] == [
        "0 batches",
        "1 batch",
        "2 batches",
        "1,200 batches",
    ]
    assert moment(datetime(2026, 11, 20, 2, 31, 7, tzinfo=UTC)) == "2026-11-20 10:31:07 +08:00"


@pytest.mark.parametrize(("language", "final", "gone"), [("zh", "已终局", "已撤销"), ("en", "final", "revoked")])
def test_states_statuses_and_reasons_have_fixed_words(
    monkeypatch: pytest.MonkeyPatch, language: str, final: str, gone: str
) -> None:
    monkeypatch.setenv("VERMILION_LANG", language)
    assert state_word(AnchorState.FINAL) == final
    assert status_word(Status.REVOKED.word) == gone
    for word in (*map(state_word, (*AnchorState, *RequestState)), *(status_word(one.word) for one in Status)):
        assert word.isascii() is (language == "en")
    assert set(REASONS_ZH) == set(Reason)
    assert reason_word(Reason.HOLDERS_REQUEST) == ("持证人要求" if language == "zh" else "holder's request")


def test_help_names_the_grounds_of_each_command(vermilion: Callable[..., Done]) -> None:
    told = {
        name: vermilion("cert", name, "--help", COLUMNS="200").stdout for name in ("suspend", "reinstate", "revoke")
    }
    assert "misconduct" in told["revoke"]
    assert "misconduct" not in told["suspend"]
    assert "investigation-closed" in told["reinstate"]


def test_a_rule_stands_with_its_source(vermilion: Callable[..., Done]) -> None:
    document = json.loads(vermilion("programme", "show", "AIGC-APP-ENG", "--json").stdout)
    rules = [rule for level in document["levels"] for rule in level["rules"]]
    assert all(rule["source"]["zh"] and rule["source"]["en"] for rule in rules)
    text = vermilion("programme", "show", "AIGC-APP-ENG").stdout
    assert all(f"source: {rule['source']['en']}" in text for rule in rules)
