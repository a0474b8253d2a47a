"""The command line as a whole: every command is there, with help and an example; what goes where; language; colour."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from api.cli import app, main
from api.commands.failures import NoVerdict
from api.terminal import is_attended, said
from tests.unit.api.conftest import Done

ROOT = Path(__file__).parents[3]
PROMISED = (
    *("init", "node run", "serve", "programme list", "programme show", "programme check", "programme diff"),
    *("enrol check", "enrol import", "enrol decide", "enrol to-judge", "enrol judge", "enrol template"),
    *("enrol confirm-judgement", "enrol override"),
    *("exam record", "exam confirm", "batch propose", "batch approve", "batch issue", "batch status"),
    *("cert list", "cert show", "cert bundle", "cert suspend", "cert reinstate", "cert revoke"),
    *("verify", "audit timeline", "audit fsck", "audit checkpoint", "audit prove", "audit check", "doctor", "demo"),
)
# What runs until it is stopped, or writes files and no data.
WITHOUT_JSON = {
    "init",
    "demo",
    "serve",
    "node run",
    "signer run",
    "cert bundle",
    "cert pdf",
    "exam template",
    "exam session template",
    "enrol template",
    "db upgrade",
    "db check",
    "config check",
}


def commands(group: object, before: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        if hasattr(command, "commands"):
            yield from commands(command, (*before, name))
        else:
            yield " ".join((*before, name)), command


ALL = dict(commands(typer.main.get_command(app)))


def run(*words: str, **surroundings: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does whose output goes into a pipe."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("VERMILION", "LC_", "LANG"))}
    return subprocess.run(
        [sys.executable, "-c", "from api.cli import main; main()", *words],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        env={**plain, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1", **surroundings},
        timeout=60,
        check=False,
    )


def test_every_promised_command_is_there() -> None:
    assert set(PROMISED) <= set(ALL)


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_has_help_with_an_example_of_itself(name: str) -> None:
    result = CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0
    assert f"Example: vermilion {name}" in " ".join(result.output.split())


@pytest.mark.parametrize("name", sorted(set(ALL) - WITHOUT_JSON))
def test_every_command_that_tells_something_has_json(name: str) -> None:
    options = {option for parameter in ALL[name].params for option in parameter.opts}  # type: ignore[attr-defined]
    assert "--json" in options


@pytest.mark.parametrize("words", ["nosuch", "verify", "cert show", "cert list --limit many", "batch issue --nosuch"])
def test_wrong_usage_is_exit_two(words: str) -> None:
    result = CliRunner().invoke(app, words.split())
    error = result.exception
    assert (error.exit_code if isinstance(error, NoVerdict) else result.exit_code) == 2
    assert result.stdout == ""


def test_json_is_one_value_and_goes_to_stdout_alone(tmp_path: Path) -> None:
    done = run("programme", "list", "--json", "--home", str(tmp_path))
    assert done.returncode == 0
    assert json.loads(done.stdout)[0]["code"]
    assert done.stderr == ""


def test_an_error_goes_to_stderr_with_remedy_and_code(tmp_path: Path) -> None:
    refused = run("cert", "list", "--home", str(tmp_path))
    assert (refused.returncode, refused.stdout) == (1, "")
    message, remedy = refused.stderr.splitlines()
    assert message.startswith("error: no installation at ")
    assert remedy.endswith("[home/missing]")


@pytest.mark.parametrize(
    "surroundings",
    [{"LANG": "zh_CN.UTF-8"}, {"LC_ALL": "zh_CN.UTF-8", "LANG": "en_GB.UTF-8"}, {"VERMILION_LANG": "zh"}],
)
def test_it_speaks_chinese_where_the_surroundings_do(
    tmp_path: Path, vermilion: Callable[..., Done], surroundings: dict[str, str]
) -> None:
    require_chinese(vermilion("cert", "list", "--home", str(tmp_path), **surroundings), tmp_path)


def test_a_process_speaks_chinese_as_well(tmp_path: Path) -> None:
    require_chinese(run("cert", "list", "--home", str(tmp_path), LANG="zh_CN.UTF-8"), tmp_path)


def require_chinese(refused: subprocess.CompletedProcess[str] | Done, tmp_path: Path) -> None:
    assert refused.stderr.startswith("错误：这里没有数据文件夹")
    assert f"\n  （{tmp_path}）" in refused.stderr
    assert "请用`--home`指明数据文件夹" in refused.stderr


def test_nobody_is_asked_on_a_closed_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert not is_attended()
    # Every question goes through it: nothing else looks at standard input's terminal.
    looking = [path for path in (ROOT / "api").rglob("*.py") if "stdin.isatty" in path.read_text("utf-8")]
    assert [path.name for path in looking] == ["terminal.py"]


def test_it_speaks_english_where_nothing_says_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VERMILION_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert said("中文", "English") == "English"
    monkeypatch.setenv("VERMILION_LANG", "zh")
    assert said("中文", "English") == "中文"


def test_nothing_is_coloured_in_a_pipe(tmp_path: Path, vermilion: Callable[..., Done]) -> None:
    refused = run("cert", "list", "--home", str(tmp_path), TERM="xterm-256color")
    shown = vermilion("programme", "show", "AIGC-APP-ENG", TERM="xterm-256color")
    for done in (refused, shown):
        assert done.stdout + done.stderr
        assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(("surroundings", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_has_colour_unless_it_is_not_wanted(
    tmp_path: Path, surroundings: dict[str, str], coloured: bool
) -> None:
    ours, theirs = pty.openpty()
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-c", "from api.cli import main; main()", "cert", "list", "--home", str(tmp_path)],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env={**plain, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", **surroundings},
    )
    os.close(theirs)
    printed = b""
    try:
        while chunk := os.read(ours, 4096):
            printed += chunk
    except OSError:  # how a terminal whose other side is closed ends
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=30) == 1
    assert (b"\x1b[31m" in printed or b"\x1b[1;31m" in printed) is coloured


def test_a_closed_pipe_is_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from api.cli import main; main()", "programme", "show", "AIGC-APP-ENG", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert "Traceback" not in process.stderr.read()
    process.wait(timeout=30)


def test_main_turns_errors_into_exit_codes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["vermilion", "doctor", "--home", str(tmp_path)])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 1
    assert "Traceback" not in capsys.readouterr().err
