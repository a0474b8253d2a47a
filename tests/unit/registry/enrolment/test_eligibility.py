from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment import Candidate, HeldCertificate, IdentityType, age, anniversary, decide
from registry.programme import Education, LevelCode, ProgrammeUnknown

ON = date(2026, 11, 1)


def candidate(**changes) -> Candidate:
    return replace(
        Candidate(
            line=2,
            level=LevelCode("1"),
            name="安小雨",
            name_latin=None,
            identity_type=IdentityType.PASSPORT,
            identity_number="X0000001",
            birth_date=date(1990, 1, 1),
            sex=None,
            education=None,
            work_months=None,
            held=None,
            employer=None,
            phone=None,
            email=None,
        ),
        **changes,
    )


def years_before(years: int, days: int = 0) -> date:
    return date(ON.year - years, ON.month, ON.day) + timedelta(days=days)


def test_first_level_is_open_to_everyone(programme):
    decision = decide(candidate(birth_date=ON), programme, "1", on=ON)
    assert decision.eligible
    assert decision.rule == "1"
    assert [(finding.condition, finding.held) for finding in decision.findings] == [("open", True)]


@pytest.mark.parametrize(
    ("level", "changes", "held", "rules"),
    [
        ("2", {}, {"1"}, ("2a",)),
        (
            "2",
            {"birth_date": years_before(18), "education": Education.SENIOR_SECONDARY, "work_months": 12},
            set(),
            ("2b",),
        ),
        ("2", {"birth_date": years_before(18), "education": Education.DOCTOR, "work_months": 12}, {"1"}, ("2a", "2b")),
        ("3", {}, {"2"}, ("3a",)),
        ("3", {"birth_date": years_before(20), "work_months": 24}, set(), ("3b",)),
        ("3", {"birth_date": years_before(20), "education": Education.ASSOCIATE}, set(), ("3c",)),
        (
            "3",
            {"birth_date": years_before(20), "education": Education.MASTER, "work_months": 24},
            {"2"},
            ("3a", "3b", "3c"),
        ),
    ],
)
def test_each_rule_lets_in_whom_it_should(programme, level, changes, held, rules):
    decision = decide(candidate(**changes), programme, level, on=ON, held=frozenset(held))
    assert decision.eligible
    assert decision.rule == rules[0]
    assert decision.rules_held == rules


@pytest.mark.parametrize(
    ("level", "changes", "held", "failing"),
    [
        ("2", {}, {"2", "3"}, {"2a", "2b"}),
        (
            "2",
            {"birth_date": years_before(18, 1), "education": Education.BACHELOR, "work_months": 12},
            set(),
            {"2a", "2b"},
        ),
        ("2", {"education": Education.JUNIOR_SECONDARY, "work_months": 120}, set(), {"2a", "2b"}),
        ("2", {"education": Education.BACHELOR, "work_months": 11}, set(), {"2a", "2b"}),
        (
            "3",
            {"birth_date": years_before(20, 1), "education": Education.DOCTOR, "work_months": 36},
            set(),
            {"3a", "3b", "3c"},
        ),
        ("3", {"education": Education.SENIOR_SECONDARY, "work_months": 23}, {"1"}, {"3a", "3b", "3c"}),
        ("3", {}, set(), {"3a", "3b", "3c"}),
    ],
)
def test_nobody_else_is_let_in_and_every_rule_says_why(programme, level, changes, held, failing):
    decision = decide(candidate(**changes), programme, level, on=ON, held=frozenset(held))
    assert not decision.eligible
    assert decision.rule is None
    assert {finding.rule for finding in decision.findings if not finding.held} == failing
    assert all(finding.reason.zh and finding.reason.en for finding in decision.findings)


def test_a_claimed_certificate_counts_only_when_verified(programme):
    claiming = candidate(held=HeldCertificate(level=LevelCode("1"), number=None))
    unseen = decide(claiming, programme, "2", on=ON)
    assert (unseen.eligible, unseen.to_judge) == (False, ("held-certificate",))
    assert unseen.findings[0].reason.zh == "需持有初级证书：待人工认定"
    refused = decide(candidate(held=HeldCertificate(level=LevelCode("3"), number=None)), programme, "2", on=ON)
    assert (refused.eligible, refused.open) == (False, False)
    assert refused.findings[0].reason.zh == "需持有初级证书，所填证书不是该级别"
    assert decide(claiming, programme, "2", on=ON, held=frozenset({LevelCode("1")})).eligible


def test_reasons_name_what_is_needed_and_what_is_there(programme):
    decision = decide(
        candidate(birth_date=date(2009, 1, 1), education=Education.JUNIOR_SECONDARY, work_months=18),
        programme,
        "2",
        on=ON,
    )
    assert [finding.reason.zh for finding in decision.findings] == [
        "需持有初级证书，名册未填",
        "需年满18周岁，2026-11-01时为17周岁",
        "需高中及以上学历，所填为初中",
        "需工作满1年，所填为1年6个月",
    ]
    assert decision.findings[3].reason.en == "needs 1 year of work, states 1 year 6 months"


def test_unknown_level_is_refused(programme):
    with pytest.raises(ProgrammeUnknown):
        decide(candidate(), programme, "4", on=ON)


@pytest.mark.parametrize(
    ("born", "on", "years"),
    [
        (date(2008, 11, 1), date(2026, 10, 31), 17),
        (date(2008, 11, 1), date(2026, 11, 1), 18),
        (date(2008, 2, 29), date(2026, 2, 27), 17),
        (date(2008, 2, 29), date(2026, 2, 28), 18),
        (date(2008, 2, 29), date(2026, 3, 1), 18),
        (date(2008, 2, 29), date(2028, 2, 28), 19),
        (date(2008, 2, 29), date(2028, 2, 29), 20),
        (date(2008, 12, 31), date(2026, 12, 31), 18),
        (date(2008, 11, 1), date(2008, 11, 1), 0),
    ],
)
def test_age_is_reached_on_the_birthday(born, on, years):
    assert age(born, on) == years


def test_birthday_of_29_february_is_the_last_of_the_month_in_other_years():
    assert anniversary(date(2008, 2, 29), 18) == date(2026, 2, 28)
    assert anniversary(date(2008, 2, 29), 20) == date(2028, 2, 29)


CANDIDATES = st.builds(
    candidate,
    birth_date=st.dates(date(1950, 1, 1), ON),
    education=st.none() | st.sampled_from(Education),
    work_months=st.none() | st.integers(0, 600),
)
HELD = st.frozensets(st.sampled_from([LevelCode("1"), LevelCode("2"), LevelCode("3")]))


@given(one=CANDIDATES, held=HELD, data=st.data())
def test_decision_never_depends_on_the_order_of_rules(programme, one, held, data):
    shuffled = replace(
        programme,
        levels=tuple(
            replace(level, rules=tuple(data.draw(st.permutations(level.rules)))) for level in programme.levels
        ),
    )
    for level in programme.levels:
        assert decide(one, programme, level.code, on=ON, held=held) == decide(
            one, shuffled, level.code, on=ON, held=held
        )


@given(one=CANDIDATES, held=HELD)
def test_decision_agrees_with_the_rules_written_out(programme, one, held):
    years, education, months = age(one.birth_date, ON), one.education, one.work_months or 0
    rank = education.rank if education else -1
    middle = "1" in held or (years >= 18 and rank >= Education.SENIOR_SECONDARY.rank and months >= 12)
    high = "2" in held or (years >= 20 and (months >= 24 or rank >= Education.ASSOCIATE.rank))
    assert decide(one, programme, "2", on=ON, held=held).eligible == middle
    assert decide(one, programme, "3", on=ON, held=held).eligible == high


@given(one=CANDIDATES, held=HELD, days=st.integers(0, 4000))
def test_nobody_loses_eligibility_by_growing_older(programme, one, held, days):
    if decide(one, programme, "3", on=ON, held=held).eligible:
        assert decide(one, programme, "3", on=ON + timedelta(days=days), held=held).eligible
