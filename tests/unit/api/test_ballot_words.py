"""Ballots in plain words: every kind, in both languages, nothing left out."""

from datetime import timedelta

from hypothesis import given

from api.commands.ballots import Names, ballot_words, effect_words, window_words
from registry.anchor.ballots import Motion
from registry.anchor.council import DELAYED_KINDS
from registry.anchor.history import Ballot, BallotKind
from registry.programme import load_catalogue
from tests.unit.registry.anchor.drawn_motions import motions


@given(motion=motions())
def test_every_ballot_has_words_in_both_languages(motion: Motion) -> None:
    ballot = motion.ballot()
    for text in ballot_words(ballot, Names(whole=True, catalogue=load_catalogue(None))):
        assert text
        assert "None" not in text
        assert not set(text) & set("{}")
    zh, en = effect_words(ballot, threshold=3, members=5, delay=timedelta(hours=72))
    assert ("等待3天" in zh) is ("waits 3 days" in en) is (ballot.kind in DELAYED_KINDS)


def test_a_ballot_without_meaning_is_shown_as_such() -> None:
    ballot = Ballot(kind=BallotKind.ADMIT, subject=b"\xff" * 32, arg=2, ref=bytes(32), salt=bytes(32))
    assert "mean nothing" in ballot_words(ballot, Names())[1]


def test_a_window_of_whole_days_is_told_by_its_days() -> None:
    zh, en = window_words(1_796_054_400, 1_827_590_400)
    assert zh == "自2026-12-01至2027-11-30（含当日）"
    assert en == "from 2026-12-01 until the end of 2027-11-30"
    assert window_words(0, 1_827_590_401)[1] == "from when it takes effect until 2027-12-01 00:00:01 +08:00"
