"""`vermilion desk` and what tells of it: the doctor, the server, the demonstration with its accounts."""

import errno
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from api import desk as desk_room
from api.cli import app
from api.commands.setup import DemoElsewhere, PortTaken, demo_installation
from api.demo_accounts import DEMO_ACCOUNTS, PASSWORDS_FILE, open_accounts
from api.desk import DeskBeside, desk_is_running, seen_as_running
from api.errors import advice
from api.examination import examine
from api.founding import make_installation
from api.settings import read_installation, write_installation
from api.wiring import Home, NoTerminal, passphrase_from
from registry.kernel.errors import RegistryError
from registry.ports.tasks import Task, TaskKind, TaskState
from registry.workflows.access.sign_in import change_password, close_account, sign_in, signed_in
from registry.workflows.certificates.deliver import NotDeliverable
from registry.workflows.desk.hand_over import PAPERS_KEPT
from registry.workflows.desk.work_off import BundlesUnwritable, PapersUnwritable, discard_papers
from registry.workflows.issuance.issue import NothingToIssue

SCOPE = "AIGC-APP-ENG/1"


@pytest.fixture(scope="module")
def founded_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation in which nobody is enrolled; made once and then only copied."""
    path = tmp_path_factory.mktemp("founded") / "home"
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    return path


@pytest.fixture
def home(founded_home: Path, tmp_path: Path) -> Iterator[Home]:
    found = Home(shutil.copytree(founded_home, tmp_path / "home"))
    yield found
    found.store.close()


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "en")


def run(home: Home, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--home", str(home.path)])


def add_task(home: Home) -> str:
    """Keep a task that was right when somebody asked for it; nobody waits any more."""
    with home.store.write() as unit:
        name = unit.next_name("T", home.clock.now())
        unit.tasks.add(
            Task(
                id=name,
                kind=TaskKind.PROPOSE,
                subject=SCOPE,
                asked_by="maker-1",
                asked_at=home.clock.now(),
                state=TaskState.QUEUED,
            )
        )
    return name


def task(home: Home, name: str) -> Task:
    with home.store.read() as unit:
        return unit.tasks.task(name)


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


# --- the command


def test_once_works_off_what_waits_says_so_and_ends(home: Home) -> None:
    name = add_task(home)
    result = run(home, "desk", "--once")
    assert result.exit_code == 1
    assert "it never approves anything" in result.stderr
    assert f"{name} propose {SCOPE}, asked for by maker-1" in result.stderr
    assert f"{name} propose: cannot be done." in result.stderr
    assert task(home, name).failure == NothingToIssue.code
    again = run(home, "desk", "--once")
    assert (again.exit_code, again.stdout) == (0, "")


def test_whatever_a_comparison_raises_is_said_tried_again_only_where_it_may_pass_and_ends_no_desk(home: Home) -> None:
    raised: list[RegistryError] = [BundlesUnwritable("full"), NotDeliverable("N1", "sent"), NothingToIssue(SCOPE)]
    said: list[RegistryError] = []
    calls: list[float] = []

    def first() -> None:
        calls.append(time.monotonic())
        raise raised[len(calls) - 1]

    worker = desk_room.new_worker(threading.Event(), lambda _: None, patience=timedelta(0))

    def untold(error: RegistryError) -> None:
        said.append(error)
        if len(said) == 2:
            worker.stopping.set()

    desk_room.work_on(desk_room.workplace(home), worker, untold, first)
    assert said == raised[:2]
    assert calls[1] - calls[0] >= 1
    worker.stopping.clear()
    desk_room.work_off(desk_room.workplace(home), worker, untold, first)
    assert said == raised


def test_a_paper_that_cannot_be_deleted_is_said_and_holds_no_task_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    home.papers.mkdir()
    for one in (".half-drawn", "B-2026-01-0001.zip"):
        path = home.papers / one
        path.mkdir() if one.startswith(".") else path.write_bytes(b"")
        os.utime(path, (0, 0))
    monkeypatch.setattr(shutil, "rmtree", refuse)
    name = add_task(home)
    result = run(home, "desk", "--once")
    assert task(home, name).failure == NothingToIssue.code
    assert advice()[PapersUnwritable.code].cause_en in result.stderr
    assert [one.name for one in home.papers.iterdir()] == [".half-drawn"]


def test_old_papers_are_deleted_and_nothing_that_a_link_leads_to(tmp_path: Path) -> None:
    papers, kept = tmp_path / "papers", tmp_path / "kept"
    assert discard_papers(papers, datetime.now(UTC)) == []
    papers.mkdir()
    kept.mkdir()
    (papers / "folder").symlink_to(kept)
    (papers / "nowhere").symlink_to(tmp_path / "nothing")
    assert discard_papers(papers, datetime.now(UTC)) == []
    assert sorted(discard_papers(papers, datetime.now(UTC) + PAPERS_KEPT * 2)) == ["folder", "nowhere"]
    assert kept.is_dir()


def test_as_json_it_prints_one_value_a_line(home: Home) -> None:
    name = add_task(home)
    lines = [json.loads(line) for line in run(home, "desk", "--once", "--json").stdout.splitlines()]
    assert lines[0]["approves"] is False
    assert set(lines[0]) == {"desk", "credential_key", "sender", "approves"}
    assert [(one["task"], one["state"], one["failure"]) for one in (lines[1], lines[-1])] == [
        (name, "running", None),
        (name, "failed", NothingToIssue.code),
    ]


def test_it_opens_neither_the_approvers_key_nor_any_other_but_its_two(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    for one in ("approver.json", "approver.passphrase", "controller.json", "member-1.json", "statement.pem"):
        (home.keys / one).unlink()
    add_task(home)
    assert "cannot be done" in run(home, "desk", "--once").stderr
    (home.keys / "sender.json").unlink()
    assert run(home, "desk", "--once").exit_code != 0


def test_without_a_terminal_its_passphrase_comes_over_a_file_descriptor_and_opens_nothing_else(home: Home) -> None:
    secret = (home.keys / "registry.passphrase").read_text(encoding="utf-8").strip()
    write_installation(home.path, home.installation.model_copy(update={"machine_passphrases": False}))
    for one in ("registry.passphrase", "approver.passphrase"):
        (home.keys / one).unlink()
    name = add_task(home)
    assert isinstance(run(home, "desk", "--once").exception, NoTerminal)
    reading, writing = os.pipe()
    os.write(writing, secret.encode() + b"\n")
    os.close(writing)
    run(home, "desk", "--once", "--passphrase-fd", str(reading))
    assert task(home, name).state is TaskState.FAILED
    with pytest.raises(NoTerminal):
        passphrase_from(99)("approver")


def test_it_runs_until_it_is_told_to_stop_and_others_see_that_it_runs(home: Home) -> None:
    assert not desk_is_running(home)
    words = [sys.executable, "-c", "from api.cli import main; main()", "desk", "--home", str(home.path)]
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: desk_is_running(home))
        name = add_task(home)
        wait_until(lambda: task(home, name).state is TaskState.FAILED)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, said
    assert "Traceback" not in said
    assert not desk_is_running(home)


def test_several_desks_are_seen_as_running_until_the_last_one_ends(home: Home) -> None:
    with seen_as_running(home):
        with seen_as_running(home):
            assert desk_is_running(home)
        assert desk_is_running(home)
    assert not desk_is_running(home)


def test_beside_a_server_it_is_started_again_when_it_dies_and_ends_with_the_server(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_room, "_RESTART_SECONDS", 0.05)
    died: list[int] = []
    with DeskBeside(home, died.append) as beside:
        wait_until(lambda: desk_is_running(home))
        assert beside._process is not None
        first = beside._process.pid
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: bool(died) and desk_is_running(home))
        assert beside._process.pid != first
    assert died == [-signal.SIGKILL]
    assert not desk_is_running(home)


# --- who tells of it


def test_the_doctor_says_whether_a_desk_runs_and_what_waits_for_one(home: Home) -> None:
    def says() -> tuple[str, str, str]:
        (found,) = [one for one in examine(home) if one.what == "desk"]
        return found.state, found.en, found.remedy

    assert says() == ("good", "none runs, and no task waits", "")
    name = add_task(home)
    assert says() == ("note", f"none runs, and 1 task waiting: {name}", "vermilion desk")
    with seen_as_running(home):
        assert says() == ("good", "it runs; 1 task waiting", "")


def test_the_server_says_that_tasks_wait_while_no_desk_runs_and_that_links_lead_elsewhere(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(host: str, port: int) -> None:
        raise PortTaken(host, port)  # far enough: nothing is to be served here

    monkeypatch.setattr("api.commands.setup._require_free", taken)
    quiet = run(home, "serve")
    assert quiet.stderr == ""
    assert isinstance(quiet.exception, PortTaken)
    assert quiet.exception.port == 8000
    add_task(home)
    assert "1 task waiting, and no desk is running: vermilion desk" in run(home, "serve").stderr
    with seen_as_running(home):
        assert run(home, "serve").stderr == ""
        assert "lead to http://localhost:8000; this is port 8001" in run(home, "serve", "--port", "8001").stderr


# --- the demonstration


def test_demo_accounts_open_with_the_passwords_that_are_shown_each_in_its_role(home: Home) -> None:
    opened = open_accounts(home)
    assert [one for one, _ in opened] == list(DEMO_ACCOUNTS)
    for one, password in opened:
        assert password is not None
        visitor = signed_in(home.store, home.clock, sign_in(home.store, home.clock, name=one.name, password=password))
        assert visitor is not None
        assert (visitor.account.display, visitor.account.roles) == (one.display, {one.role})
    assert len({password for _, password in opened}) == len(opened)
    assert stat.S_IMODE((home.path / PASSWORDS_FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize("written", ["", "{", "5", "[1]", "{}", '{"clerk-1": ""}', '{"clerk-1": 1, "maker-1": "a"}'])
def test_passwords_that_somebody_wrote_over_are_drawn_anew(home: Home, written: str) -> None:
    (home.path / PASSWORDS_FILE).write_text(written, encoding="utf-8")
    for one, password in open_accounts(home):
        assert password is not None
        sign_in(home.store, home.clock, name=one.name, password=password)


def test_run_again_they_are_the_same_and_no_password_is_shown_that_does_not_open(home: Home) -> None:
    first = open_accounts(home)
    assert open_accounts(home) == first
    with home.store.read() as unit:
        assert len(unit.accounts.all()) == len(DEMO_ACCOUNTS)
    (clerk, known), (reviewer, _), *others = first
    assert known is not None
    change_password(home.store, home.clock, name=clerk.name, current=known, new="one that is mine alone")
    close_account(home.store, home.clock, name=reviewer.name, by="demo")
    assert open_accounts(home) == [(clerk, None), (reviewer, None), *others]


def test_cut_off_at_any_step_they_are_finished_by_the_next_run(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    class Cut(BaseException):
        """As a process ends that is killed."""

    def cut(*_: object, **__: object) -> None:
        raise Cut

    for step in ("add_account", "accept", "sign_out"):
        with monkeypatch.context() as patched:
            patched.setattr(f"api.demo_accounts.{step}", cut)
            with pytest.raises(Cut):
                open_accounts(home)
    for one, password in open_accounts(home):
        assert password is not None
        sign_in(home.store, home.clock, name=one.name, password=password)


@pytest.mark.parametrize(
    "changed",
    [
        {"public_base_url": "https://v.example.cn"},
        {"machine_passphrases": False},
        {"chain": demo_installation().chain.model_copy(update={"test_chain": False})},
    ],
)
def test_an_installation_that_is_not_for_trying_gets_none(home: Home, changed: dict[str, object]) -> None:
    write_installation(home.path, home.installation.model_copy(update=changed))
    real = Home(home.path)
    assert open_accounts(real) == []
    assert not (home.path / PASSWORDS_FILE).exists()


def test_a_demonstration_is_founded_with_its_port_and_keeps_it(home: Home, tmp_path: Path) -> None:
    assert demo_installation(8123).public_base_url == "http://localhost:8123"
    refused = run(home, "demo", "--no-serve", "--port", "8123")
    assert isinstance(refused.exception, DemoElsewhere)
    assert (refused.exception.founded, refused.exception.port) == (8000, 8123)
    assert read_installation(home.path).public_base_url == "http://localhost:8000"


def test_nothing_is_founded_under_a_port_that_another_program_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken(host: str, port: int) -> None:
        raise PortTaken(host, port)

    monkeypatch.setattr("api.commands.setup._require_free", taken)
    path = tmp_path / "fresh"
    result = CliRunner().invoke(app, ["demo", "--port", "8124", "--home", str(path)])
    assert isinstance(result.exception, PortTaken)
    assert not path.exists()
