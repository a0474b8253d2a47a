"""A change of many certificates of several batches, struck at one instant after another: in the end, all and once."""

import json
import signal
from collections import Counter
from pathlib import Path

import pytest

from api.wiring import Home
from registry.anchor.history import BatchChanged, Record, StatusChanged
from registry.anchor.progress import RequestState
from registry.ports.storage import StoredCertificate
from registry.status import Status
from registry.workflows.chain.follow import follow
from registry.workflows.lineage.present import present_status
from tests.faults.demo_stage import INTERRUPTED, Stage

pytestmark = pytest.mark.slow

REVOKE = ("cert", "revoke", "--reason", "misconduct", "--as", "maker-1", "--approve-as", "approver-1", "--skip-done")
STRIKES = (
    "commit status_requests.add",
    "committed status_requests.add",
    "committed status_requests.approve",
    "commit status_requests.sign",
    "committed status_requests.sign",
    "before send",
    "after send",
    "committed status_requests.move sent",
    "before block",
    "commit status_requests.move final",
    "committed status_requests.move final",
    "after send",
    "commit status_requests.move final",
)
"""In the order in which the same command, given again and again, comes by them; from the eleventh on in the second of
two batches."""


def listed(home: Path, to: Path) -> list[str]:
    """Name twenty valid certificates of one batch and ten of another, and write them down."""
    found = Home(home)
    chosen: list[str] = []
    with found.store.read() as unit:
        for batch, count in zip(unit.batches.batches()[:2], (20, 10), strict=True):
            valid = [
                one for one in unit.batches.certificates(batch_id=batch.id) if present_status(unit, one) is Status.VALID
            ]
            chosen += [str(one.reservation.number) for one in valid[-count:]]
    found.store.close()
    to.write_text("number\n" + "\n".join(chosen), "utf-8")
    return chosen


def violations(home: Path, chosen: list[str], before: dict[str, Status]) -> list[str]:
    """Name everything that is not as it must be once `chosen` are revoked and nothing else was done."""
    found = Home(home)
    try:
        with found.chain() as ledger:
            follow(found.store, ledger, found.clock)
            records = list(ledger.records(0, ledger.head().number))
            wrong = [f"fsck: {one.code} {one.subject}" for one in found.auditor(ledger).fsck().differences]
            sent = ledger.next_nonce(found.account("sender").address)
        after = statuses(found)
        with found.store.read() as unit:
            requests = unit.status_requests.requests()
        expected = before | dict.fromkeys(chosen, Status.REVOKED)
        wrong += [f"{number} is {after[number].word}" for number in expected if after[number] is not expected[number]]
        wrong += [f"{one.id} left at {one.state}" for one in requests if one.state is not RequestState.FINAL]
        wrong += [f"{one} revoked {times} times" for one, times in _revocations(records).items() if times != 1]
        sender = found.account("sender").address
        effects = {record.position.transaction for record in records if record.position.by == sender}
        if len(effects) != sent:
            wrong.append(f"{sent} transactions for {len(effects)} effects")
        return wrong
    finally:
        found.store.close()


def statuses(home: Home) -> dict[str, Status]:
    """Every certificate's own status."""
    with home.store.read() as unit:
        certificates: list[StoredCertificate] = list(unit.batches.certificates())
        return {str(one.reservation.number): present_status(unit, one) for one in certificates}


def _revocations(records: list[Record]) -> Counter[str]:
    """Count how often the chain revoked each certificate."""
    counted: Counter[str] = Counter()
    for record in records:
        content = record.content
        if isinstance(content, StatusChanged) and content.code == Status.REVOKED:
            for change in content.changes:
                word, mask = change >> 128, change & (1 << 128) - 1
                counted.update(f"{content.batch.hex()[:8]}#{word * 128 + bit}" for bit in range(128) if mask >> bit & 1)
    return counted


def test_killed_at_one_instant_after_another_all_are_revoked_once(stage: Stage, finished: Path, tmp_path: Path) -> None:
    chosen, before = listed(finished, tmp_path / "numbers.csv"), statuses(Home(finished))
    command = (*REVOKE, "--from", str(tmp_path / "numbers.csv"))
    for strike in STRIKES:
        played = stage.play(*command, home=finished, strike=strike)
        assert played.killed, (strike, played)
    last = stage.play(*command, "--json", home=finished)
    assert last.exit_code == 0, last
    assert violations(finished, chosen, before) == []
    again = stage.play(*command, home=finished)
    assert (again.exit_code, again.stdout) == (0, "there is nothing to change\n")


def test_interrupted_it_says_how_to_go_on(stage: Stage, finished: Path, tmp_path: Path) -> None:
    chosen, before = listed(finished, tmp_path / "numbers.csv"), statuses(Home(finished))
    command = (*REVOKE, "--from", str(tmp_path / "numbers.csv"))
    for strike in ("after send", "committed status_requests.move final"):
        stopped = stage.play(*command, home=finished, strike=strike, how=signal.SIGINT)
        assert stopped.exit_code == INTERRUPTED, stopped
        assert "Nothing is lost. Go on with: the same command with --skip-done" in stopped.stderr
        assert "Traceback" not in stopped.stderr
    assert stage.play(*command, home=finished).exit_code == 0
    assert violations(finished, chosen, before) == []


def test_control_a_change_that_is_sent_before_it_is_kept_is_found_out(
    stage: Stage, finished: Path, tmp_path: Path
) -> None:
    chosen, before = listed(finished, tmp_path / "numbers.csv"), statuses(Home(finished))
    command = (*REVOKE, "--from", str(tmp_path / "numbers.csv"))
    naive = "send a change then keep"
    assert stage.play(*command, home=finished, naive=naive, strike="naive sent").killed
    stage.play(*command, "--wait", "3", home=finished, naive=naive)
    found = violations(finished, chosen, before)
    assert any("left at" in one for one in found), found
    assert any("fsck/foreign-change" in one for one in found), found


@pytest.mark.parametrize(
    "strike",
    [
        "committed status_requests.add",
        "committed status_requests.sign",
        "after send",
        "commit status_requests.move final",
    ],
)
def test_a_batch_is_suspended_once_whenever_it_is_killed(stage: Stage, finished: Path, strike: str) -> None:
    name = str(json.loads(stage.play("batch", "list", "--json", home=finished).stdout)[0]["id"])
    assert stage.play("batch", "suspend", name, home=finished, strike=strike).killed
    done = json.loads(stage.play("batch", "suspend", name, "--json", home=finished).stdout)
    assert (done["state"], done["batches"], done["certificates"]) == ("final", [name], 0)
    home = Home(finished)
    with home.chain() as ledger:
        records = list(ledger.records(0, ledger.head().number))
        assert home.auditor(ledger).fsck().differences == ()
    assert sum(isinstance(record.content, BatchChanged) for record in records) == 1
    home.store.close()
