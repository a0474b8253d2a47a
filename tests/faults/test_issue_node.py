"""A node that does not answer, answers for another chain, or goes and comes back: writes wait, verdicts say so."""

import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.demo_stage import Playing, Stage, copied
from tests.faults.demo_truth import violations

pytestmark = pytest.mark.slow

DEAD = "http://127.0.0.1:9"


def use_node(home: Path, url: str | None) -> None:
    """Name the node in the configuration, as an operator would."""
    path = home / "vermilion.toml"
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("node_url")]
    if url is not None:
        lines.insert(lines.index("[chain]") + 1, f'node_url = "{url}"')
    path.write_text("\n".join(lines) + "\n", "utf-8")


def valid_number(stage: Stage, home: Path) -> str:
    listed = json.loads(stage.play("cert", "list", "--status", "valid", "--limit", "1", "--json", home=home).stdout)
    return str(listed[0]["number"])


def requests_of(stage: Stage, home: Path, number: str) -> list[dict[str, str]]:
    listed = json.loads(stage.play("cert", "requests", "--json", home=home).stdout)
    return [one for one in listed if one["number"] == number]


@contextmanager
def node_of(stage: Stage, home: Path) -> Iterator[tuple[str, Playing]]:
    """Run the node of a folder on a port of its own."""
    playing = stage.start("node", "run", "--port", "0", home=home)
    try:
        yield announced(home), playing
    finally:
        with_end(playing, signal.SIGTERM)


def announced(home: Path) -> str:
    until = time.monotonic() + 20
    while not (home / "node.json").exists():
        assert time.monotonic() < until, "the node does not say where it answers"
        time.sleep(0.05)
    return str(json.loads((home / "node.json").read_text("utf-8"))["url"])


def with_end(playing: Playing, how: signal.Signals) -> None:
    try:
        os.kill(playing.pid, how)
    except ProcessLookupError:
        return
    playing.wait()


def test_a_suspension_waits_for_a_dead_node_and_is_done_once_when_it_is_back(stage: Stage, finished: Path) -> None:
    number = valid_number(stage, finished)
    use_node(finished, DEAD)
    began = time.monotonic()
    refused = stage.play("cert", "suspend", number, "--wait", "2", home=finished)
    assert refused.exit_code == 3
    assert time.monotonic() - began >= 2
    assert "[ledger/unavailable]" in refused.stderr
    assert "127.0.0.1:9" in refused.stderr
    (kept,) = requests_of(stage, finished, number)
    assert kept["state"] == "requested"
    assert f"request {kept['id']} is kept" in refused.stderr
    again = stage.play("cert", "suspend", number, "--wait", "0", "--json", home=finished)
    assert (again.exit_code, json.loads(again.stdout)["error"]["code"]) == (3, "ledger/unavailable")
    use_node(finished, None)
    done = stage.play("cert", "suspend", number, "--json", home=finished)
    assert json.loads(done.stdout)["state"] == "final"
    assert [one["id"] for one in requests_of(stage, finished, number)] == [kept["id"]]
    once_more = stage.play("cert", "suspend", number, home=finished)
    assert once_more.exit_code == 1
    assert "[status/" in once_more.stderr
    assert violations(finished, suspended=2) == []


@pytest.mark.parametrize(("age", "exit_code", "outcome"), [("1h", 0, "valid"), ("1s", 3, "cannot-confirm")])
def test_a_dead_node_is_no_verdict_and_old_knowledge_none_either(
    stage: Stage, finished_home: Path, age: str, exit_code: int, outcome: str
) -> None:
    number = valid_number(stage, finished_home)
    for target in (number, str(finished_home / "delivered" / f"{number}.bundle.json")):
        if age == "1s":
            time.sleep(1.1)
        played = stage.play("verify", target, "--node", DEAD, "--max-age", age, "--json", home=finished_home)
        report = json.loads(played.stdout)
        assert (played.exit_code, report["outcome"]) == (exit_code, outcome)
        assert report["last_known"] == ("valid" if exit_code else None)


def test_a_dead_node_leaves_a_revoked_certificate_revoked(stage: Stage, finished_home: Path) -> None:
    revoked = json.loads(stage.play("cert", "list", "--status", "revoked", "--json", home=finished_home).stdout)
    played = stage.play("verify", revoked[0]["number"], "--node", DEAD, "--max-age", "1h", home=finished_home)
    assert played.exit_code == 1
    assert played.stdout.startswith("REVOKED")


def test_another_chain_behind_the_address_raises_the_alarm_and_nothing_is_written(
    stage: Stage, finished: Path, examined_home: Path, tmp_path: Path
) -> None:
    number = valid_number(stage, finished)
    other = copied(examined_home, tmp_path / "other")
    with node_of(stage, other) as (url, _):
        use_node(finished, url)
        for words in (
            ("cert", "suspend", number, "--wait", "1"),
            ("verify", number, "--max-age", "0s"),
            ("node", "status"),
        ):
            played = stage.play(*words, home=finished)
            assert played.exit_code == 3, (words, played)
            assert "[ledger/foreign]" in played.stderr or "[ledger-foreign]" in played.stderr, (words, played)
        known = stage.play("verify", number, "--max-age", "1h", "--json", home=finished)
        assert json.loads(known.stdout)["outcome"] == "valid"
        assert "warning: the node answers for another chain" in known.stderr
        history = stage.play("audit", "timeline", "--json", home=finished)
        assert len(json.loads(history.stdout)) == 20
        assert "warning: the node answers for another chain" in history.stderr
        compared = stage.play("audit", "fsck", "--json", home=finished)
        assert compared.exit_code == 1
        assert [one["code"] for one in json.loads(compared.stdout)["differences"]] == ["fsck/chain"]
    use_node(finished, None)
    assert requests_of(stage, finished, number) == []
    assert violations(finished) == []
    assert stage.play("audit", "timeline", "--limit", "1", "--json", home=other).stdout.count('"seq"') == 1


def test_the_node_is_killed_and_started_again_between_the_steps(stage: Stage, examined: Path) -> None:
    batch = json.loads(
        stage.play(
            "batch",
            "propose",
            "--level",
            "1",
            "--key",
            "demo/AIGC-APP-ENG/1",
            "--as",
            "maker-1",
            "--json",
            home=examined,
        ).stdout
    )["id"]
    assert stage.play("batch", "approve", batch, "--as", "approver-1", home=examined).exit_code == 0
    with node_of(stage, examined) as (_, node):
        assert stage.play("batch", "issue", batch, home=examined, strike="committed batches.sign").killed
        with_end(node, signal.SIGKILL)
    with node_of(stage, examined) as (_, node):
        assert stage.play("batch", "issue", batch, home=examined, strike="after send").killed
        with_end(node, signal.SIGKILL)
    with node_of(stage, examined):
        issued = stage.play("batch", "issue", batch, "--json", home=examined)
        assert json.loads(issued.stdout)["state"] == "final"
        assert stage.demo(examined).exit_code == 0  # the rest, through the node that runs
    assert violations(examined) == []


def test_what_a_killed_node_announced_leads_nobody_astray(stage: Stage, finished: Path) -> None:
    with node_of(stage, finished) as (url, node):
        with_end(node, signal.SIGKILL)
    assert announced(finished) == url
    # A number of the dead process is given to another one some day.
    (finished / "node.json").write_text(json.dumps({"url": url, "pid": os.getpid()}), "utf-8")
    number = valid_number(stage, finished)
    both = [
        stage.start("cert", "suspend", number, home=finished),
        stage.start("demo", "--no-serve", home=finished),
    ]
    assert [one.wait().exit_code for one in both] == [0, 0]
    assert not (finished / "node.json").exists()


def test_the_server_is_killed_and_started_again(stage: Stage, finished: Path) -> None:
    port = free_port()
    for how in (signal.SIGKILL, signal.SIGTERM):
        playing = stage.start("serve", "--port", str(port), home=finished)
        try:
            assert b"<html" in fetched(f"http://127.0.0.1:{port}/")
            number = valid_number(stage, finished)
            key = json.loads(stage.play("cert", "show", number, "--json", home=finished).stdout)["key"]
            verdict = json.loads(fetched(f"http://127.0.0.1:{port}/v1/certificates/{key}/verdict"))
            assert verdict["outcome"] == "valid"
            # Beside the server the folder's chain is reached through it.
            assert stage.play("cert", "suspend", number, home=finished).exit_code == 0
        finally:
            with_end(playing, how)


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetched(url: str) -> bytes:
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own loopback address
                return bytes(answer.read())
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


@pytest.mark.deep
def test_two_demonstrations_at_once_share_one_folder(stage: Stage, examined: Path) -> None:
    both = [stage.start("demo", "--no-serve", home=examined) for _ in range(2)]
    ends = [one.wait() for one in both]
    assert all("Traceback" not in end.stderr for end in ends)
    assert 0 in [end.exit_code for end in ends]
    for end in ends:
        # The slower one either finishes too, or says what is in its way and that running it again is safe.
        assert end.exit_code == 0 or "[" in end.stderr.splitlines()[-1], end
    assert stage.demo(examined).exit_code == 0
    assert violations(examined) == []


def test_one_batch_issued_by_two_commands_through_a_node_is_anchored_once(stage: Stage, examined: Path) -> None:
    batch = json.loads(
        stage.play(
            "batch",
            "propose",
            "--level",
            "1",
            "--key",
            "demo/AIGC-APP-ENG/1",
            "--as",
            "maker-1",
            "--json",
            home=examined,
        ).stdout
    )["id"]
    assert stage.play("batch", "approve", batch, "--as", "approver-1", home=examined).exit_code == 0
    with node_of(stage, examined):
        ends = [one.wait() for one in [stage.start("batch", "issue", batch, home=examined) for _ in range(4)]]
        assert [end.exit_code for end in ends] == [0, 0, 0, 0], ends
    found = violations(examined)
    assert not [one for one in found if "anchored" in one or "transactions" in one or "fsck" in one], found
