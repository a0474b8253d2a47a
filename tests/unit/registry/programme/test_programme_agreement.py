"""What the keys of a file must say about each other; each fault is made in a file that is good without it."""

import hashlib
from contextlib import suppress
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.programme import ProgrammeMalformed, load_catalogue, read_programme

CODES = load_catalogue().codes()
FILES = {code: files("registry.programme").joinpath(f"data/{code}/2026.1.toml").read_bytes() for code in CODES}
NOTE = 'text = { zh = "无", en = "none" }\n'
SOURCE = 'source = { zh = "无", en = "none" }\n'


def changed(code: str, *pairs: tuple[str, str], more: str = "") -> bytes:
    text = FILES[code].decode()
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return (text + more).encode()


def faults_of(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(ProgrammeMalformed) as malformed:
        read_programme(data, file="f.toml")
    return [(fault.key, fault.reason) for fault in malformed.value.faults]


@pytest.mark.parametrize("code", CODES)
def test_the_files_themselves_are_good(code):
    assert read_programme(FILES[code], file=code).code == code


@pytest.mark.parametrize(
    ("code", "pairs", "more", "key", "reason"),
    [
        ("SMART-MFG", [("[25, 20, 10]", "[25, 20, 11]")], "", "weights of theory at 3", "sums to 101"),
        ("SMART-MFG", [("[25, 20, 10]", "[25, 20]")], "", "weights[0].percent.foundations", "each of the 3 columns"),
        ("SMART-MFG", [("[25, 20, 10]", "[25, 20, 101]")], "", "weights[0].percent.foundations", "from 0 to 100"),
        ("SMART-MFG", [("[25, 20, 10]", "[25, 20, true]")], "", "weights[0].percent.foundations", "from 0 to 100"),
        ("SMART-MFG", [("foundations       =", "foundation        =")], "", "weights of theory at 1", "no function"),
        ("SMART-MFG", [('code = "foundations"', 'code = "ethics"')], "", "function[1].code", "ethics stands twice"),
        ("SMART-MFG", [('paper = "theory"', 'paper = "thesis"')], "", "weights of thesis at 1", "no such paper"),
        (
            "SMART-MFG",
            [('    { level = "2" },\n', '    { level = "1" },\n')],
            "",
            "weights of theory",
            "one column for each level",
        ),
        (
            "BIG-DATA",
            [('{ level = "1", direction = "analysis" }', '{ level = "1", direction = "processing" }')],
            "",
            "weights of theory",
            "or for each of its directions",
        ),
        ("SMART-MFG", [("[rounding]", "[roundin]")], "", "roundin", "unknown key"),
        (
            "AIGC-APP-ENG",
            [],
            '\n[rounding]\nmode = "down"\ndecimals = 2\nstated_by = "source"\n',
            "rounding",
            "expected with weights",
        ),
        ("SMART-MFG", [('levels = ["3"]\n', 'levels = ["4"]\n')], "", "direction[4].levels", "levels of this file"),
        (
            "SMART-MFG",
            [('code = "production-control"', 'code = "equipment-application"')],
            "",
            "direction[2].code",
            "stands twice",
        ),
        (
            "BLOCKCHAIN",
            [],
            '\n[[direction]]\ncode = "a"\nname = { zh = "甲", en = "A" }\n',
            "direction",
            "is no choice",
        ),
        ("EDGE-AI", [("hours = 6", "hours = 7")], "", "unit", "sum to 41, not to its training_hours"),
        ("SMART-MFG", [('holds_level = "2"', 'holds_level = "9"')], "", "teacher[0].holds_level", "no such level"),
        (
            "SMART-MFG",
            [('levels = ["1", "2"]', 'levels = ["1", "3"]')],
            "",
            "teacher[1].levels",
            "level 3 stands",
        ),
        (
            "SMART-MFG",
            [('papers = ["practice"]', 'papers = ["thesis"]')],
            "",
            "staffing[1].papers",
            "papers of this",
        ),
        (
            "SMART-MFG",
            [("training_hours = 90\n", "")],
            "",
            "requirement hours-certificate.conditions[0]",
            "no training_",
        ),
        ("SMART-MFG-HOURS", [('hours_of = "SMART-MFG"\n', "")], "", "hours_of", "expected with the certificate_type"),
        ("SMART-MFG-HOURS", [('hours_of = "SMART-MFG"', 'hours_of = "BIG-DATA"')], "", "code", "BIG-DATA-HOURS"),
        ("AI-TRAINER", [("late_admits_limit = true\n", "")], "", "session.late_admits_limit", "with late_minutes"),
        ("AI-TRAINER", [("papers_at_most = 1", "papers_at_most = 4")], "", "retake.papers_at_most", "than there are"),
        ("AI-TRAINER", [('name = { zh = "相关专业"', 'name = { zh = "别的"')], "", None, "has another name"),
        ("AI-TRAINER", [('level = "5", worked', 'level = "3", worked')], "", None, "expected a lower level"),
        ("AI-TRAINER", [('subject = "minutes"', 'subject = "time"')], "", "silence", "subject minutes"),
        ("AI-TRAINER", [('subject = "marking"', 'subject = "marks"')], "", "silence", "subject marking"),
        ("AI-TRAINER", [('subject = "staffing"', 'subject = "staff"')], "", "silence", "subject staffing"),
        ("AIGC-POST", [('subject = "eligibility"', 'subject = "entry"')], "", "silence", "subject eligibility"),
        ("AIGC-POST", [('subject = "papers"', 'subject = "paper"')], "", "silence", "subject papers"),
        ("SMART-MFG", [('subject = "rounding"', 'subject = "round"')], "", "silence", "subject rounding"),
        ("SMART-MFG", [('subject = "retake"', 'subject = "again"')], "", "silence", "subject retake"),
        ("SMART-MFG", [('subject = "publication"', 'subject = "public"')], "", "silence", "subject publication"),
        ("EDGE-AI", [('"registration-number", "statement"', '"statement"')], "", "certificate.fields", "registration"),
        (
            "EDGE-AI",
            [('own_additions = ["portrait"]', 'own_additions = ["name"]')],
            "",
            "certificate.own_additions",
            "not",
        ),
        ("EDGE-AI", [('optional = ["sex"', 'optional = ["email", "sex"')], "", "form.optional", "not required"),
        ("EDGE-AI-CONTEST", [('code = "-"', 'code = "1"'), ('id = "-"', 'id = "1"')], "", "level", "no levels"),
        (
            "EDGE-AI-CONTEST",
            [],
            f'\n[[paper]]\nkey = "a"\nname = {{ zh = "甲", en = "A" }}\n{SOURCE}[paper.marking]\nfull = "100"\n'
            f'pass = "60"\nstated_by = "source"\n{SOURCE}',
            "paper",
            "examine nothing",
        ),
        ("SMART-MFG", [('[marking]\nfull = "100"', '[marking]\nfull = "50"')], "", "marking.pass", "at most the full"),
        (
            "SMART-MFG",
            [("\n[marking]", "\n[[note]]"), ('full = "100"\npass = "60"\nstated_by = "source"\n', "")],
            "",
            "paper[0].marking",
            "missing: expected a table here or for the whole file",
        ),
        (
            "AIGC-APP-ENG",
            [],
            f'\n[[level]]\ncode = "-"\nname = {{ zh = "无", en = "none" }}\n[[level.rule]]\nid = "-"\n{NOTE}{SOURCE}'
            "conditions = []\n",
            "level",
            "one level alone",
        ),
        (
            "SMART-MFG",
            [('degrees = ["doctor-degree"] }', "degrees = [] }")],
            "",
            None,
            "at least one education",
        ),
    ],
)
def test_a_contradiction_names_its_key_and_reason(code, pairs, more, key, reason):
    faults = faults_of(changed(code, *pairs, more=more))
    assert any(key in {None, found} and (reason or "") in why for found, why in faults), faults


def test_the_order_of_levels_and_requirements_of_a_rule_means_nothing_to_its_reading():
    text = FILES["AI-TRAINER"].decode()
    first, second = text.index('[[requirement]]\nid = "education"'), text.index('[[requirement]]\nid = "unit"')
    third = text.index('[[requirement]]\nid = "one-level"')
    swapped = text[:first] + text[second:third] + text[first:second] + text[third:]
    one, other = (read_programme(data.encode(), file="f") for data in (text, swapped))
    assert {rule.id for rule in one.level("2").requirements} == {rule.id for rule in other.level("2").requirements}


@settings(max_examples=300)
@given(data=st.data())
def test_any_change_of_a_file_is_refused_or_changes_the_digest(data):
    original = FILES[data.draw(st.sampled_from(CODES))]
    start = data.draw(st.integers(0, len(original)))
    length = data.draw(st.integers(0, 60))
    inserted = data.draw(st.binary(max_size=8) | st.sampled_from([b"0", b"1", b'"', b"\n", b"true", b"[", b"9"]))
    mutated = original[:start] + inserted + original[start + length :]
    with suppress(ProgrammeMalformed):
        programme = read_programme(mutated, file="f.toml")
        assert programme.digest == hashlib.sha256(mutated).digest()
        assert (programme.digest == hashlib.sha256(original).digest()) == (mutated == original)


@settings(max_examples=200)
@given(data=st.data())
def test_no_line_can_be_dropped_unseen(data):
    """A file without one line is refused, or says something else, unless the line was blank or a comment."""
    code = data.draw(st.sampled_from(CODES))
    lines = FILES[code].decode().splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    whole = read_programme(FILES[code], file="f.toml")
    with suppress(ProgrammeMalformed):
        found = read_programme("".join(lines[:at] + lines[at + 1 :]).encode(), file="f.toml")
        told = lines[at].strip()
        assert not told or told.startswith("#") or _said(found) != _said(whole), lines[at]


def _said(programme):
    return {name: getattr(programme, name) for name in programme.__slots__ if name not in {"document", "digest"}}
