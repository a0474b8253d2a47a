"""Corrections under kill -9: struck at one instant after another, the same command goes on, and one of the two stands.

After every strike, before anything is mended, a reader must find exactly one of the certificate and its successor
valid; after the command was run again the successor, once. The control judges without the rule that a successor waits
for its record: the same question must then find two.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from api.wiring import Home
from registry.ports.storage import StoredCertificate
from registry.verification import Outcome, judging
from registry.workflows.certificates.deliver import bundle_of, presentation_of
from tests.faults.demo_stage import Played, Stage

WHY = "the roster had another character"
INSTANTS = (
    "committed batches.reserve",
    "commit batches.seal",
    "commit batches.approve",
    "committed batches.approve",
    "committed batches.sign",
    "after send",
    "committed batches.place",
    "commit status_requests.sign",
    "committed status_requests.sign",
    "after send#2",
    "committed status_requests.move final",
    "before file bundle",
)

pytestmark = pytest.mark.slow
FEW = ("committed batches.place", "committed status_requests.sign", "before file bundle")


@dataclass
class Correcting:
    """The certificates of a registry, one after the other, each corrected by a command that is struck."""

    stage: Stage
    path: Path

    def numbers(self) -> list[str]:
        home = Home(self.path)
        home.catch_up()  # or what is known of the chain may be too old to call anything valid
        with home.store.read() as unit:
            judge = home.verifier()
            found = [
                one.reservation.number
                for one in unit.batches.certificates()
                if judge.by_key(one.reservation.key).outcome is Outcome.VALID
            ]
        home.store.close()
        assert len(found) >= len(INSTANTS)
        return found

    def correct(self, number: str, name: str, **how: object) -> Played:
        return self.stage.play(
            *("cert", "correct", number, "--name", name, "--reason", WHY),
            *("--as", "maker-1", "--approve-as", "two", "--wait", "20", "--json"),
            home=self.path,
            **how,
        )

    def valid(self, number: str, *, look: Callable[[Home, StoredCertificate], Outcome]) -> list[int]:
        """Which revisions of a certificate somebody finds valid now who got at all that is kept."""
        home = Home(self.path)
        home.catch_up()
        with home.store.read() as unit:
            every = [one for one in unit.batches.certificates() if one.reservation.number == number]
        found = [one.reservation.revision for one in every if one.jwt and look(home, one) is Outcome.VALID]
        home.store.close()
        return found


def by_document(home: Home, one: StoredCertificate) -> Outcome:
    with home.store.read() as unit:
        final = one.batch.state.value == "final"
        data = bundle_of(unit, one, home.key_of) if final else presentation_of(one).encode()
    return home.verifier().by_document(data).outcome


def by_key(home: Home, one: StoredCertificate) -> Outcome:
    return home.verifier().by_key(one.reservation.key).outcome


def by_number(home: Home, one: StoredCertificate) -> Outcome:
    report = home.verifier().by_number(one.reservation.number)
    shown = (report.content or {}).get("revision")
    return report.outcome if shown == one.reservation.revision else Outcome.NOT_FOUND


LOOKS = (by_document, by_key, by_number)


def struck_and_taken_up(correcting: Correcting, number: str, instant: str) -> None:
    name = "欧阳子夏"
    played = correcting.correct(number, name, strike=instant)
    assert played.killed, (instant, played)
    for look in LOOKS:
        assert len(correcting.valid(number, look=look)) == 1, (instant, look.__name__)
    again = correcting.correct(number, name)
    assert again.exit_code == 0, (instant, again)
    (batch,) = json.loads(again.stdout)["batches"]
    assert (batch["state"], batch["delivered"]) == ("final", True)
    for look in LOOKS:
        assert correcting.valid(number, look=look) == [2], (instant, look.__name__)
    once_more = correcting.correct(number, name)
    assert "replace/same-as-before" in once_more.stderr


@pytest.fixture
def correcting(stage: Stage, finished: Path) -> Correcting:
    return Correcting(stage, finished)


def test_a_correction_struck_anywhere_leaves_one_valid_and_is_taken_up(correcting: Correcting) -> None:
    for number, instant in zip(correcting.numbers(), FEW, strict=False):
        struck_and_taken_up(correcting, number, instant)
    assert fsck(correcting) == []


@pytest.mark.deep
def test_a_correction_struck_at_every_instant_there_is(correcting: Correcting) -> None:
    for number, instant in zip(correcting.numbers(), INSTANTS, strict=False):
        struck_and_taken_up(correcting, number, instant)
    assert fsck(correcting) == []


def fsck(correcting: Correcting) -> list[str]:
    played = correcting.stage.play("audit", "fsck", "--json", home=correcting.path)
    return [one["code"] for one in json.loads(played.stdout)["differences"]]


def test_control_without_the_rule_a_strike_between_leaves_two_valid(correcting: Correcting, monkeypatch) -> None:
    number = correcting.numbers()[0]
    assert correcting.correct(number, "欧阳子夏", strike="commit status_requests.sign").killed
    assert len(correcting.valid(number, look=by_document)) == 1
    monkeypatch.setattr(judging, "succession", lambda *arguments: arguments)
    assert correcting.valid(number, look=by_document) == [1, 2]
