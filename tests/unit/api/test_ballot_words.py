"""Ballots in plain words: every kind, in both languages, nothing left out."""

from datetime import timedelta

from hypothesis import given

from api.commands.ballots import RECORDED, Names, ballot_words, effect_words, instant, reason_of, window_words
from api.commands.words import places
from registry.anchor.ballots import Motion
from registry.anchor.council import DELAYED_KINDS
from registry.anchor.history import Ballot, BallotKind
from registry.kernel.encoding import b64url
from registry.programme import load_catalogue
from tests.unit.registry.anchor.drawn_motions import motions


def parts(motion: Motion, place: int) -> dict[str, str]:
    """What must stand in the words, for each part that the motion has."""
    rendered: dict[str, str | None] = {
        "member": motion.member,
        "controller": motion.controller,
        "contract": motion.contract,
        "issuer": motion.issuer,
        "scope": motion.scope,
        "threshold": None if motion.threshold is None else str(motion.threshold),
        "chain_id": None if motion.chain_id is None else str(motion.chain_id),
        "key": None if motion.key is None else Names(whole=True).key(motion.key)[0],
        "batch": None if motion.batch is None else b64url(motion.batch),
        "digest": None if motion.digest is None else motion.digest.hex(),
        "reason": None if motion.reason is None else reason_of(motion.reason)[place],
        "leaves": None if motion.leaves is None else places(motion.leaves),
        "window": None if motion.until is None else window_words(motion.valid_from or 0, motion.until)[place],
        "since": None if motion.since is None else instant(motion.since),
        "recorded": None if motion.recorded is None else RECORDED[motion.recorded][place],
    }
    return {part: text for part, text in rendered.items() if text is not None}


@given(motion=motions())
def test_every_ballot_has_words_in_both_languages(motion: Motion) -> None:
    ballot = motion.ballot()
    for place, text in enumerate(ballot_words(ballot, Names(whole=True, catalogue=load_catalogue(None)))):
        assert not set(text) & set("{}")
        for part, rendered in parts(motion, place).items():
            assert rendered in text, part
    zh, en = effect_words(ballot, threshold=3, members=5, delay=timedelta(hours=72))
    assert ("等待3天" in zh) is ("waits 3 days" in en) is (ballot.kind in DELAYED_KINDS)


def test_a_ballot_without_meaning_is_shown_as_such() -> None:
    ballot = Ballot(kind=BallotKind.ADMIT, subject=b"\xff" * 32, arg=2, ref=bytes(32), salt=bytes(32))
    assert "mean nothing" in ballot_words(ballot, Names())[1]


def test_a_window_of_whole_days_is_told_by_its_days() -> None:
    zh, en = window_words(1_796_054_400, 1_827_590_400)
    assert zh == "自2026-12-01（生效更晚则自生效时）至2027-11-30（含当日）"
    assert en == "from 2026-12-01 (or when it takes effect, if that is later) until the end of 2027-11-30"
    assert window_words(0, 1_827_590_401)[1] == "from when it takes effect until 2027-12-01 00:00:01 +08:00"
