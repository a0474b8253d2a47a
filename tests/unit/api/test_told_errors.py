"""Errors in the words of whoever reads them: what somebody may not do, what cannot be written, what is not here."""

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest

import registry
from api.commands.access_words import ACTIONS, STATES
from api.commands.batch import KeyMalformed
from api.commands.cert import StatusUnknown
from api.commands.enrol import LevelUnknown, ProgrammeUnnamed, level_code, required_level
from api.commands.failures import LISTS, advice_on, error_document, print_error
from api.commands.setup import InstallationMalformed
from api.errors import advice, exit_code
from registry.access import POLICY, Action, NotAllowed, NotInState, Role
from registry.access.policy import SUBJECT_STATES, Subject
from registry.enrolment import PhotographRefused
from registry.ports.replacements import Corrected
from registry.ports.storage import NotHere
from registry.programme import load_catalogue
from registry.status import Status
from registry.workflows.access.act import AccountNotOpen
from registry.workflows.enrolment.enrol import UnitDiffers, UnitMissing
from registry.workflows.replacement.ask_replacement import ParticularMalformed
from tests.unit.api.test_next_commands import fault_of, printed_in

ROOT = Path(registry.__file__).parents[1]
SLUG = re.compile(r"[a-z]+-[a-z-]+|nationalIdentityNumber|nameLatin")
NOT_TYPED = {
    *("leaf", "tree", "tree node", "reserved piece", "person", "task", "status", "record", "final block", "photograph"),
    *("record up to block", "bulk verification", "share", "talent entry", "talent database", "contact", "request"),
}
"""Kinds of things that no command line names, or of which there is no list."""


def told(error, language, capsys, monkeypatch):
    monkeypatch.setenv("VERMILION_LANG", language)
    print_error(error)
    return capsys.readouterr().err


def kinds():
    """Every kind of thing that the sources say is not here."""
    for room in ("registry", "api"):
        for path in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "NotHere":
                    kind = node.args[0]
                    if isinstance(kind, ast.Constant):
                        yield str(kind.value)


def test_every_kind_of_thing_has_its_list_or_is_not_typed():
    found = set(kinds())
    assert "batch" in found
    assert sorted(found - LISTS.keys() - NOT_TYPED) == []
    assert sorted(LISTS.keys() & NOT_TYPED) == []


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("batch", "vermilion batch list"),
        ("score sheet", "vermilion exam list"),
        ("status request", "vermilion cert requests"),
        ("replacement", "vermilion cert replacements"),
        ("session", "vermilion exam session list"),
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_not_here_points_to_the_list_of_its_kind(kind, command, language, capsys, monkeypatch):
    text = told(NotHere(kind, "X-1"), language, capsys, monkeypatch)
    assert f"`{command}`" in text
    assert "cert list" not in text
    assert command in error_document(NotHere(kind, "X-1"))["remedy"][language]


def test_of_another_kind_the_usual_lists_are_named():
    assert advice_on(NotHere("tree", "B-1")) == advice()["store/not-here"]


def test_every_action_and_state_has_words():
    assert set(ACTIONS) == set(Action)
    assert {state for states in SUBJECT_STATES.values() for state in states} <= set(STATES)
    assert {state for rule in POLICY.values() for state in rule.states | rule.again} <= set(STATES)


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "error",
    [
        *(NotAllowed(action, (Role.CLERK, Role.MAKER)) for action in Action),
        NotAllowed(Action.VOTE),
        AccountNotOpen("nobody", Action.REQUEST_STATUS),
        NotInState(Action.CONFIRM_SCORES, "S-2026-11-0001", "confirmed", ["entered"]),
        NotInState(Action.REVIEW_ADMISSION, "26110001", "first-review-passed", ["pre-registered", "fee-paid"]),
        *(ParticularMalformed(one, "identity-check") for one in Corrected),
        ParticularMalformed(Corrected.NAME, "name-characters"),
        PhotographRefused("not-jpeg"),
    ],
    ids=lambda error: f"{type(error).__name__}-{getattr(error, 'action', getattr(error, 'member', ''))}",
)
def test_what_may_not_be_done_or_written_is_said_without_internal_words(error, language, capsys, monkeypatch):
    headline = told(error, language, capsys, monkeypatch).splitlines()[0]
    allowed = {*Role, "one-s", "pre-registered"}
    assert [word for word in SLUG.findall(headline) if word not in allowed] == []
    assert headline.isascii() is (language == "en")
    assert len(headline) <= 160


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "code",
    [
        *("access/not-allowed", "access/not-in-state", "anchor/not-approved", "anchor/nonce-taken"),
        *("batch/nothing-to-issue", "batch/reservation-void", "batch/not-waiting", "desk/bundles-unwritable"),
        *(one for one in advice() if one.startswith(("halt/", "reconcile/"))),
    ],
)
def test_what_a_remedy_of_a_held_up_batch_names_can_be_run_as_it_stands(code, language):
    commands = re.findall(r"`(vermilion [^`]*)`", getattr(advice()[code], f"remedy_{language}"))
    assert [fault for one in commands if (fault := fault_of(one))] == []


@pytest.mark.parametrize("subject", Subject)
def test_what_cannot_be_done_now_is_told_with_what_shows_how_it_stands(subject):
    action = next(one for one, rule in POLICY.items() if rule.subject is subject)
    error = NotInState(action, "X-1", "confirmed", ["entered"])
    texts = advice_on(error)
    for told in (texts.remedy_zh, texts.remedy_en):
        (command, *_) = printed_in(told.replace("`", " "))
        assert fault_of(command) is None


def test_only_what_was_confirmed_of_scores_is_told_to_be_corrected():
    confirmed = advice_on(NotInState(Action.CONFIRM_SCORES, "S-1", "confirmed", ["entered"]))
    assert "exam correct" in confirmed.remedy_en
    assert "exam correct" not in advice_on(NotInState(Action.CANCEL_BATCH, "B-1", "cancelled", ["sealed"])).remedy_en


def test_a_role_that_would_do_is_named_as_the_pages_name_it(capsys, monkeypatch):
    text = told(NotAllowed(Action.REQUEST_STATUS, (Role.MAKER,)), "zh", capsys, monkeypatch)
    assert "不能申请变更或更替证书：须有角色“经办”（maker）。" in text


def test_what_cannot_stand_on_a_certificate_is_told_with_its_own_remedy(capsys, monkeypatch):
    text = told(ParticularMalformed(Corrected.IDENTITY_NUMBER, "identity-check"), "en", capsys, monkeypatch)
    assert "identity number: the check character does not match" in text
    assert "two digits are exchanged" in text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UnitDiffers([2]), "in line 2"),
        (UnitDiffers([2, 5]), "in lines 2, 5"),
        (UnitMissing([2]), "that line 2 names"),
        (UnitMissing(range(2, 14)), "lines 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, … name"),
    ],
)
def test_one_line_is_a_line_and_several_are_lines(error, said):
    assert said in str(error)


def test_values_that_are_allowed_are_listed():
    assert all(f" {one.word}" in str(StatusUnknown("foo")) for one in Status)
    texts = advice()["status/unknown"]
    for one in (*(status.word for status in Status), "pending"):
        assert one in texts.remedy_zh
        assert one in texts.remedy_en
    assert "one of 1, 2, 3" in str(LevelUnknown("9", ["1", "2", "3"]))
    assert str(LevelUnknown("特级\x1b", ["1"])).endswith("got '特级\\x1b'")


def test_a_level_is_known_by_code_and_name_and_refused_where_it_is_none_or_several():
    catalogue = load_catalogue()
    one, other = catalogue.programme("BIG-DATA"), catalogue.programme("AI-TRAINER")
    assert [required_level(text, [one]) for text in ("3", "高 级", "Senior", "big-data/3")] == ["3"] * 4
    assert required_level("技师", [one, other]) == "2"
    with pytest.raises(LevelUnknown) as unknown:
        required_level("特级", [one])
    assert unknown.value.levels == ("1", "2", "3")
    named = replace(other, levels=(replace(other.levels[0], name=one.levels[0].name), *other.levels[1:]))
    with pytest.raises(LevelUnknown) as several:  # one name of two levels, where the programme is not named
        required_level("初级", [one, named])
    assert several.value.levels == ("1", "5")
    assert (level_code("初级", [one, named]), level_code("特级", [one])) == ("初级", "特级")


@pytest.mark.parametrize(
    "error",
    [
        StatusUnknown("foo"),
        LevelUnknown("9", ["1"]),
        ProgrammeUnnamed(["AIGC-APP-ENG", "SMART-MFG"]),
        InstallationMalformed("--issuer", "capital letters"),
        KeyMalformed(),
        PhotographRefused("damaged"),
        ParticularMalformed(Corrected.NAME, "name-space"),
    ],
    ids=lambda error: error.code,
)
def test_what_was_typed_or_handed_in_wrong_leaves_with_two(error):
    assert exit_code(error) == 2
