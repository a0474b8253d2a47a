"""Claim links for a whole batch: everybody who has no way in gets one, in a file of their own, or nothing is made."""

import csv
import io
import json
import stat
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.claiming import ClaimUnclear
from api.commands.options import FileUnreadable
from benchmarks.loading import Loaded, loaded, reserved
from registry.access import WayIn
from registry.kernel.errors import RegistryError
from registry.ports.storage import StoredCertificate
from registry.workflows.access.sign_in import InvitationRefused, invite_holder, invited
from registry.workflows.holders.claim_links import BatchNotFinal, ClaimLinks, invite_holders_of

SIZE = 30


@dataclass
class Office:
    """A registry with two final batches, and the names of both."""

    made: Loaded
    batches: tuple[str, str]

    def run(self, *words: str) -> str:
        result = CliRunner().invoke(app, ["cert", "claim", *words, "--home", str(self.made.home.path)])
        if isinstance(result.exception, RegistryError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    def certificates(self, batch: str) -> list[StoredCertificate]:
        with self.made.home.store.read() as unit:
            return list(unit.batches.certificates(batch_id=batch))

    def journalled(self) -> list[str]:
        with self.made.home.store.read() as unit:
            assert list(unit.journal.broken_entries()) == []
            return [one.subject for one in unit.journal.entries() if one.action == "account.invite"]

    def opens(self, link: str) -> str:
        """Whose link it is; raises where it opens nothing."""
        home = self.made.home
        return invited(home.store, home.clock, link.rpartition("/")[2]).name


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Office:
    made = loaded(tmp_path_factory.mktemp("claims") / "home", SIZE)
    with made.home.store.read() as unit:
        first, second = unit.batches.names()
    return Office(made=made, batches=(first, second))


def rows_of(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_every_holder_of_a_batch_gets_one_link_and_a_second_run_none(office: Office, tmp_path: Path) -> None:
    batch, out = office.batches[1], tmp_path / "links.csv"
    one, erased, *others = office.certificates(batch)
    home = office.made.home
    earlier = invite_holder(home.store, home.clock, number=one.reservation.number, by="maker-1")
    with home.store.write() as unit:
        unit.enrolments.erase(erased.person, home.clock.now())
    before = office.journalled()

    said = json.loads(office.run("--batch", batch, "--out", str(out), "--as", "maker-1", "--json"))
    assert said == {
        "batch": batch,
        "links": len(others),
        "file": str(out),
        "left_out": {"link": 1, "erased": 1},
        "days": 30,
    }
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sorted(tmp_path.iterdir()) == [out]
    heading, *rows = rows_of(out)
    assert heading == ["编号 number", "姓名 name", "链接 link"]
    assert [number for number, _, _ in rows] == [each.reservation.number for each in others]
    names = dict(zip(office.made.numbers, office.made.names, strict=True))
    assert [name for _, name, _ in rows] == [names[each.reservation.number] for each in others]
    assert [office.opens(link) for _, _, link in rows] == [each.person for each in others]
    assert office.opens(earlier) == one.person
    assert office.journalled() == [*before, *(each.person for each in others)]

    again = tmp_path / "again.csv"
    said = json.loads(office.run("--batch", batch, "--out", str(again), "--as", "maker-1", "--json"))
    assert (said["links"], said["file"], said["left_out"]) == (0, None, {"link": len(others) + 1, "erased": 1})
    assert not again.exists()


def test_where_the_links_cannot_be_written_none_is_made(office: Office, tmp_path: Path) -> None:
    batch, home, before = office.batches[0], office.made.home, office.journalled()
    there = tmp_path / "there.csv"
    there.write_bytes(b"mine")
    nowhere = tmp_path / "no" / "links.csv"
    for out in (there, nowhere):
        with pytest.raises(FileUnreadable):
            office.run("--batch", batch, "--out", str(out), "--as", "maker-1")
    assert there.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [there]
    assert office.journalled() == before
    people = [one.person for one in office.certificates(batch)]
    with home.store.read() as unit:
        assert set(unit.accounts.ways_in(people, home.clock.now()).values()) == {WayIn.NONE}


def test_file_of_links_that_were_not_kept_is_taken_away(office: Office, tmp_path: Path, monkeypatch) -> None:
    kept: list[str] = []

    def failing(*given, hand_over, **named) -> ClaimLinks:
        def then_fail(links) -> None:
            hand_over(links)
            kept.extend(link for _, _, link in rows_of(tmp_path / "links.csv")[1:])
            raise BatchNotFinal("B", "sealed")

        return invite_holders_of(*given, hand_over=then_fail, **named)

    monkeypatch.setattr("api.commands.claiming.invite_holders_of", failing)
    with pytest.raises(BatchNotFinal):
        office.run("--batch", office.batches[0], "--out", str(tmp_path / "links.csv"), "--as", "maker-1")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InvitationRefused):
        office.opens(kept[0])


def test_batch_that_is_not_final_and_unclear_words_are_refused(office: Office, tmp_path: Path) -> None:
    with office.made.home.store.read() as unit:
        like = unit.batches.batch(office.batches[0])
    waiting = reserved(office.made.home, like, "B-2003-01-0001", "waiting", 1)
    out = str(tmp_path / "links.csv")
    with pytest.raises(BatchNotFinal):
        office.run("--batch", waiting.id, "--out", out)
    number = office.made.numbers[0]
    for words in ([], ["--batch", waiting.id], [number, "--batch", waiting.id, "--out", out], [number, "--out", out]):
        with pytest.raises(ClaimUnclear):
            office.run(*words)
    assert list(tmp_path.iterdir()) == []
