"""The way out of a broken reading, by the commands that are told: from the alarm to writing again."""

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.terminal import repeat_home
from registry.kernel.identifiers import BlockHash
from tests.lifecycle.batch_house import make_examined
from tests.lifecycle.house_accounts import open_house
from tests.lifecycle.test_following_commands import Desk

PEOPLE = {"NAME": "operator-1", "…": "looked into"}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("VERMILION_LANG", "en")
    desk = Desk(make_examined(tmp_path / "home"))
    open_house(desk.home)
    desk.home.store.close()
    yield desk
    repeat_home(None, None)


def broken(desk: Desk, *, number: int, other: bool = False) -> None:
    """Leave a registry as one that followed a node that was behind, or (`other`) one of another branch."""
    home = desk.home
    assert home.read_chain() is None
    with home.store.write() as unit:
        head, size = unit.projection.head(), unit.projection.size()
        assert head is not None
        with home.chain() as ledger:
            block = ledger.block(head.block.number - number)
        assert block is not None
        found = replace(block, hash=BlockHash(b"\x01" * 32)) if other else block
        unit.projection.replace(replace(head, block=found), [], after=size)
    home.store.close()


def run_as_told(desk: Desk, telling: str, command: str) -> str:
    (told,) = re.findall(rf"→ (vermilion {command}.*)", telling)
    words = [PEOPLE.get(word, word) for word in shlex.split(told)]
    return desk.say(*words[1:])


def test_from_the_alarm_to_writing_again_by_what_is_told(desk: Desk) -> None:
    broken(desk, number=2)
    desk.say("reconcile", exit_code=3)
    shown = desk.say("halt", "show", exit_code=3)
    came = run_as_told(desk, shown, "halt reread")
    assert re.search(r"records the same, 0 added, 0 dropped", came)
    lifted = desk.follow(came.replace("…", "looked-into"), NAME="operator-1")
    assert "lifted" in lifted
    assert "no alarm" in desk.say("halt", "show")
    desk.say("reconcile")
    home = desk.home
    with home.store.read() as unit:
        (entry,) = [one for one in unit.journal.entries() if one.action == "chain.reread"]
    home.store.close()
    assert entry.person == "operator-1"
    assert not list(desk.path.glob("rereading-*"))


def test_what_differs_is_said_and_dropped_only_when_told_so(desk: Desk) -> None:
    broken(desk, number=0, other=True)
    desk.say("reconcile", exit_code=3)
    desk.say("halt", "reread", "--as", "operator-1", exit_code=1)
    asked = ("halt", "reread", "--drop", "--as", "operator-1", "--json")
    came = json.loads(desk.run(*asked))
    assert came["dropped"] == came["added"] == 0
    assert came["difference"]["here"].endswith("(0x" + "01" * 32 + ")")
    desk.say("reconcile")


def test_only_who_runs_the_registry_reads_anew(desk: Desk) -> None:
    desk.say("halt", "reread", "--as", "maker-1", exit_code=1)
