import hashlib
import re
from contextlib import suppress
from datetime import date
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.programme import (
    AgeAtLeast,
    Book,
    CertificateType,
    Education,
    EducationAtLeast,
    HoldsLevel,
    ProgrammeMalformed,
    QuestionType,
    StatedBy,
    WorkAtLeast,
    read_programme,
)

P1 = files("registry.programme").joinpath("data/AIGC-APP-ENG/2026.1.toml").read_bytes()


def changed(old: str, new: str) -> bytes:
    """The file with one passage replaced; the passage must be there, or the test would test nothing."""
    text = P1.decode()
    assert old in text
    return text.replace(old, new, 1).encode()


def faults_of(data: bytes) -> list[tuple[str, str]]:
    with pytest.raises(ProgrammeMalformed) as malformed:
        read_programme(data, file="f.toml")
    assert malformed.value.code == "programme/malformed"
    assert malformed.value.file == "f.toml"
    return [(fault.key, fault.reason) for fault in malformed.value.faults]


def test_p1_says_what_its_source_says():
    programme = read_programme(P1, file="f.toml")
    assert (programme.code, programme.version, programme.name.zh) == ("AIGC-APP-ENG", "2026.1", "AIGC应用工程师")
    assert programme.authority.zh == "工业和信息化部教育与考试中心"
    assert programme.certificate_type is CertificateType.VOCATIONAL_TECHNOLOGY
    assert programme.effective_from == date(2026, 1, 1)
    assert [(level.code, level.name.zh, level.scope) for level in programme.levels] == [
        ("1", "初级", "AIGC-APP-ENG/1"),
        ("2", "中级", "AIGC-APP-ENG/2"),
        ("3", "高级", "AIGC-APP-ENG/3"),
    ]
    assert {rule.id: rule.conditions for level in programme.levels for rule in level.rules} == {
        "1": (),
        "2a": (HoldsLevel(level="1"),),
        "2b": (
            AgeAtLeast(years=18),
            EducationAtLeast(education=Education.SENIOR_SECONDARY),
            WorkAtLeast(months=12),
        ),
        "3a": (HoldsLevel(level="2"),),
        "3b": (AgeAtLeast(years=20), WorkAtLeast(months=24)),
        "3c": (AgeAtLeast(years=20), EducationAtLeast(education=Education.ASSOCIATE)),
    }
    (paper,) = programme.papers
    assert (paper.minutes, paper.book, paper.levels) == (120, Book.CLOSED, ("1", "2", "3"))
    assert set(paper.question_types) == set(QuestionType)
    assert (programme.marking.full_hundredths, programme.marking.pass_hundredths) == (10_000, 6000)
    assert programme.marking.stated_by is StatedBy.SOURCE
    assert [(band.code, band.from_hundredths) for band in programme.grades] == [
        ("excellent", 8000),
        ("pass", 6000),
        ("fail", 0),
    ]
    assert programme.validity.months is None
    assert programme.validity.stated_by is StatedBy.ISSUING_BODY
    assert (programme.occupation, programme.standard) == (None, None)
    assert {"training-hours", "validity", "standard", "retake"} <= {note.subject for note in programme.silences}
    assert {note.subject for note in programme.conflicts} == {"experience", "rounding"}
    assert all(level.training_hours is None for level in programme.levels)


def test_digest_is_that_of_the_files_bytes():
    assert read_programme(P1, file="f.toml").digest == hashlib.sha256(P1).digest()
    assert read_programme(P1 + b"\n", file="f.toml").digest != hashlib.sha256(P1).digest()


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("format = 1", "format = 2", "format", "expected 1 to 1"),
        ("format = 1", "format = true", "format", "expected a whole number"),
        ("format = 1\n", "", "format", "missing: expected a whole number"),
        ('code = "AIGC-APP-ENG"', 'code = "aigc"', "code", "expected the form"),
        ('code = "AIGC-APP-ENG"', 'code = ""', "code", "expected 1 to 200 printable"),
        ('version = "2026.1"', 'version = "1"', "version", "expected the form"),
        ("2026-01-01", "2026-01-01T00:00:00", "effective_from", "expected a date"),
        ('"vocational-technology"', '"diploma"', "certificate_type", "expected one of vocational-technology"),
        ('en = "AIGC Application Engineer"\n', "", "name.en", "missing: expected a text"),
        ('zh = "AIGC应用工程师"', 'zh = "AIGC\\u202e"', "name.zh", "printable characters"),
        ("[authority]", "[authorty]", "authority", "missing: expected a table"),
        ("number_scheme", "numberscheme", "numberscheme", "unknown key"),
        ("minutes = 120", "minutes = 0", "paper[0].minutes", "expected 1 to 600"),
        ("minutes = 120", "minutes = 120.0", "paper[0].minutes", "expected a whole number"),
        ('book = "closed"', 'book = "shut"', "paper[0].book", "expected one of closed, open"),
        ('"true-false", ', '"single-choice", ', "paper[0].question_types", "the same word twice"),
        ('"true-false", ', '"riddle", ', "paper[0].question_types[2]", "expected one of"),
        ('pass = "60"', "pass = 60", "marking.pass", "expected a score in quotes"),
        ('pass = "60"', 'pass = "60.0"', "marking.pass", "not a score"),
        ('pass = "60"', 'pass = "100.5"', "marking.pass", "at most the full mark"),
        ('pass = "60"', 'pass = "61"', "grade", "begins at the pass mark"),
        ('from = "80"', 'from = "50"', "grade", "lower bounds that fall"),
        ('from = "0"', 'from = "1"', "grade", "lower bounds that fall"),
        ('["computer-on-site", "computer-online"]', '"written"', "paper[0].delivery", "expected a list of texts"),
        ("minutes = 120", "minutes = 120\nlevels = [1]", "paper[0].levels", "expected a list of texts"),
        ('from = "0"', "from = 0", "grade[2].from", "expected a score in quotes"),
        ("for_life = true\n", "", "validity.months", "either for_life = true or months"),
        ("for_life = true\n", "for_life = true\nmonths = 36\n", "validity.months", "either for_life = true or months"),
        ("conditions = []", "", "level[0].rule[0].conditions", "empty = open to everyone"),
        ("conditions = []", "conditions = [1]", "level[0].rule[0].conditions[0]", "expected a table"),
        ("years = 18", "years = 0", "level[1].rule[1].conditions[0].years", "expected 1 to 120"),
        (
            '"age-at-least", years = 18',
            '"clever", years = 18',
            "level[1].rule[1].conditions[0].kind",
            "expected one of",
        ),
        ('"senior-secondary"', '"school"', "level[1].rule[1].conditions[1].education", "expected one of primary"),
        ('level = "1" }', 'level = "9" }', "level[1].rule[0].conditions[0].level", "no such level"),
        ('level = "1" }', 'level = "2" }', "level[1].rule[0].conditions[0].level", "expected a lower level"),
        ('id = "2b"', 'id = "2a"', "level[1].rule[1].id", "2a stands twice"),
        ('id = "2b"', 'id = "3b"', "level[1].rule[1].id", "expected the level's code 2"),
        ('code = "2"', 'code = "1"', "level[1].code", "1 stands twice"),
        ('code = "2"', 'code = "AVERYLONGLEVEL"', "level[1].code", None),
        ('code = "2"', 'code = "AVERYLONGLEVELCODE"', "level[1].code", "expected the form"),
        ('name = { zh = "中级"', 'name = { zh = "初级"', "level[1].name.zh", "初级 stands twice"),
        ('key = "comprehensive"', 'key = "Comprehensive"', "paper[0].key", "expected the form"),
        ("minutes = 120", 'minutes = 120\nlevels = ["1", "2"]', "paper", "no paper for level 3"),
        ("minutes = 120", 'minutes = 120\nlevels = ["1", "2", "3", "4"]', "paper[0].levels", "levels of this file"),
        ('subject = "training-hours"', 'subject = "hours"', "silence", "expected an entry with subject training-hours"),
        ('subject = "validity"', 'subject = "standard"', "silence[2].subject", "standard stands twice"),
        ('subject = "rounding"', 'subject = "experience"', "conflict[1].subject", "experience stands twice"),
    ],
)
def test_a_fault_names_its_key_and_reason(old, new, key, reason):
    if reason is None:
        reason = "expected the level's code"
        key = "level[1].rule[0].id"
    faults = faults_of(changed(old, new))
    assert any(fault_key == key and reason in fault_reason for fault_key, fault_reason in faults), faults


def test_all_faults_are_reported_at_once():
    data = changed("minutes = 120", "minutes = 0").decode().replace('pass = "60"', 'pass = "x"').encode()
    assert sorted(key for key, _ in faults_of(data)) == ["marking.pass", "paper[0].minutes"]


def test_a_missing_table_is_one_fault():
    data = re.sub(rb"\[validity\].*?\n\n", b"", P1, flags=re.DOTALL)
    assert faults_of(data) == [("validity", "missing: expected a table")]


def test_several_papers_with_grades_are_refused_and_without_are_taken():
    second = (
        '\n[[paper]]\nkey = "practice"\nname = { zh = "实操", en = "Practice" }\n'
        'minutes = 60\nsource = { zh = "无", en = "none" }\n'
    )
    both = P1 + second.encode()
    assert ("grade", "grades need exactly one paper, level 1 has others") in faults_of(both)
    without_grades = re.sub(rb"\[\[grade\]\].*?\n\n", b"", both, flags=re.DOTALL)
    programme = read_programme(without_grades, file="f.toml")
    assert [paper.key for paper in programme.papers_of("3")] == ["comprehensive", "practice"]
    assert programme.papers[1].minutes == 60
    assert programme.grades == ()


def test_papers_may_differ_by_level():
    split = changed("minutes = 120", 'minutes = 120\nlevels = ["1"]').decode() + (
        '\n[[paper]]\nkey = "comprehensive"\nname = { zh = "综合考试", en = "Comprehensive examination" }\n'
        'levels = ["2", "3"]\nminutes = 150\nsource = { zh = "无", en = "none" }\n'
    )
    programme = read_programme(split.encode(), file="f.toml")
    assert [programme.papers_of(level.code)[0].minutes for level in programme.levels] == [120, 150, 150]


def test_occupation_standard_hours_and_a_term_of_validity_are_read():
    more = (
        '[occupation]\ncode = "2-02-10-15"\nname = { zh = "甲", en = "A" }\n'
        '[standard]\nname = { zh = "乙", en = "B" }\nversion = "2021"\n'
    )
    data = changed("[name]", f"{more}[name]").decode()
    data = data.replace("for_life = true", "months = 36").replace('code = "3"', 'code = "3"\ntraining_hours = 40')
    programme = read_programme(data.encode(), file="f.toml")
    assert programme.occupation is not None
    assert programme.occupation.code == "2-02-10-15"
    assert programme.standard is not None
    assert (programme.standard.number, programme.standard.version) == (None, "2021")
    assert programme.validity.months == 36
    assert [level.training_hours for level in programme.levels] == [None, None, 40]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff", "not UTF-8"),
        (b"a = ", "not TOML"),
        (b"# " + b"x" * (256 * 1024), "larger than 262144 bytes"),
        (b"a = " + b"[" * 100_000, "not TOML that can be read"),
        (b"a = " + b"9" * 10_000, "not TOML that can be read"),
    ],
)
def test_files_that_are_no_toml_are_refused(data, reason):
    ((key, found),) = faults_of(data)
    assert key == ""
    assert reason in found


def test_a_level_may_have_no_name_of_a_number():
    programme = read_programme(
        P1.replace(b'code = "3"', b'code = "EXPERT"').replace(b'id = "3', b'id = "EXPERT'), file="f.toml"
    )
    assert programme.levels[2].scope == "AIGC-APP-ENG/EXPERT"
    assert programme.level("EXPERT") is programme.levels[2]
    assert programme.level("3") is None
    assert programme.scope_of("EXPERT") == "AIGC-APP-ENG/EXPERT"


@settings(max_examples=200)
@given(place=st.integers(0, len(P1) - 1), byte=st.integers(0, 255))
def test_any_changed_byte_gives_a_programme_or_our_error(place, byte):
    data = P1[:place] + bytes([byte]) + P1[place + 1 :]
    try:
        programme = read_programme(data, file="f.toml")
    except ProgrammeMalformed:
        return
    assert programme.digest == hashlib.sha256(data).digest()


@settings(max_examples=100)
@given(start=st.integers(0, len(P1)), length=st.integers(1, 200))
def test_any_cut_gives_a_programme_or_our_error(start, length):
    with suppress(ProgrammeMalformed):
        read_programme(P1[:start] + P1[start + length :], file="f.toml")
