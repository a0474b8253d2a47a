"""One accepted by each rule of P2 to P7 and of the award, one refused for each condition, boundaries to the day."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment import (
    AwardWon,
    Candidate,
    Engagement,
    Evidence,
    HeldCertificate,
    HeldTitle,
    IdentityType,
    Judgement,
    decide,
)
from registry.enrolment.dates import months_later, whole_months
from registry.programme import Degree, Education, HoldsLevel, LevelCode, Title, WorkProof, load_catalogue

ON = date(2026, 11, 1)
CATALOGUE = load_catalogue()
PROOFS = (WorkProof.SOCIAL_INSURANCE, WorkProof.EMPLOYMENT_RECORD)
NATIONAL = ("SMART-MFG", "BIG-DATA", "BLOCKCHAIN")
E, D, T = Education, Degree, Title


def candidate(evidence: dict | None = None, **changes) -> Candidate:
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
            evidence=Evidence(**(evidence or {})),
        ),
        **changes,
    )


def judged(*subjects: str, favourable: bool = True) -> tuple[Judgement, ...]:
    return tuple(
        Judgement(
            subject=subject,
            favourable=favourable,
            reason="看过原件",
            person="reviewer-1",
            confirmed_by="reviewer-2",
            on=ON,
        )
        for subject in subjects
    )


def titled(title: Title, months: int | None = None, obtained: date | None = None):
    return (HeldTitle(title=title, obtained=obtained, worked_months=months),)


MAJOR = judged("related-major")
# level, rule, evidence, changes of the candidate, levels held; then what, taken away or lowered by one, refuses
NATIONAL_CASES = [
    ("1", "1a", {"titles": titled(T.TECHNICIAN)}, {}, set(), {"titles": titled(T.ENGINEER)}),
    ("1", "1b", {"judgements": MAJOR}, {"education": E.BACHELOR}, set(), {"judgements": ()}),
    ("1", "1b", {"judgements": MAJOR, "final_year_of": E.BACHELOR}, {}, set(), {"final_year_of": E.ASSOCIATE}),
    (
        "1",
        "1c",
        {"judgements": MAJOR, "occupation_months": 12},
        {"education": E.ASSOCIATE},
        set(),
        {"occupation_months": 11},
    ),
    ("1", "1d", {"judgements": judged("technical-school-graduate")}, {}, set(), {"judgements": ()}),
    ("2", "2a", {"titles": titled(T.ASSISTANT_ENGINEER, 24)}, {}, set(), {"titles": titled(T.ASSISTANT_ENGINEER, 23)}),
    ("2", "2b", {"months_since_held": 36}, {"education": E.ASSOCIATE}, {"1"}, {"months_since_held": 35}),
    ("2", "2b", {"months_since_held": 36, "degrees": (D.BACHELOR,)}, {}, {"1"}, {"degrees": ()}),
    ("2", "2c", {"months_since_held": 12, "degrees": (D.MASTER,)}, {}, {"1"}, {"months_since_held": 11}),
    ("2", "2c", {"months_since_held": 12, "degrees": (D.SECOND_BACHELOR,)}, {}, {"1"}, {"degrees": (D.BACHELOR,)}),
    ("2", "2d", {"degrees": (D.DOCTOR,), "judgements": MAJOR}, {}, set(), {"degrees": (D.MASTER,)}),
    ("2", "2e", {"judgements": judged("technical-school-graduate")}, {}, set(), {"judgements": ()}),
    ("3", "3a", {"titles": titled(T.ENGINEER, 36)}, {}, set(), {"titles": titled(T.ENGINEER, 35)}),
    ("3", "3b", {"months_since_held": 48}, {"education": E.BACHELOR}, {"2"}, {"months_since_held": 47}),
    ("3", "3b", {"months_since_held": 48, "degrees": (D.SECOND_BACHELOR,)}, {}, {"2"}, {"degrees": ()}),
    ("3", "3c", {"months_since_held": 12, "degrees": (D.DOCTOR,)}, {}, {"2"}, {"months_since_held": 11}),
    ("3", "3d", {"judgements": judged("technical-school-graduate")}, {}, set(), {"judgements": ()}),
]


@pytest.mark.parametrize("code", NATIONAL)
@pytest.mark.parametrize(("level", "rule", "evidence", "changes", "held", "spoilt"), NATIONAL_CASES)
def test_each_rule_of_the_national_standards(code, level, rule, evidence, changes, held, spoilt):
    programme, hours = CATALOGUE.programme(code), frozenset({LevelCode(level)})
    one = candidate(evidence, **changes)
    decision = decide(one, programme, level, on=ON, held=held, hours=hours)
    assert (decision.eligible, decision.rule, decision.rules_held) == (True, rule, (rule,))
    lacking = candidate({**evidence, **spoilt}, **changes)
    refused = decide(lacking, programme, level, on=ON, held=held, hours=hours)
    assert not refused.eligible
    assert refused.rule is None
    assert not decide(one, programme, level, on=ON, held=held).eligible  # without the certificate of hours
    if held:
        assert not decide(one, programme, level, on=ON, hours=hours).eligible  # a claim counts for nothing


@pytest.mark.parametrize("code", NATIONAL)
def test_a_certificate_of_hours_of_another_level_does_not_count(code):
    one = candidate({"titles": titled(T.TECHNICIAN)})
    decision = decide(one, CATALOGUE.programme(code), "1", on=ON, hours=frozenset({LevelCode("2")}))
    assert (decision.eligible, decision.rules_held) == (False, ("1a",))
    assert [finding.reason.zh for finding in decision.findings if finding.rule == "hours-certificate"] == [
        "需初级学时证明，名册未填"
    ]


def test_a_certificate_of_hours_on_paper_is_judged_by_a_person():
    programme = CATALOGUE.programme("BLOCKCHAIN")
    claimed = {"titles": titled(T.TECHNICIAN), "hours_certificate": "HX-2026-0001"}
    waiting = decide(candidate(claimed), programme, "1", on=ON)
    assert (waiting.eligible, waiting.open, waiting.to_judge) == (False, True, ("hours-certificate",))
    seen = decide(candidate({**claimed, "judgements": judged("hours-certificate")}), programme, "1", on=ON)
    assert seen.eligible
    refused = candidate({**claimed, "judgements": judged("hours-certificate", favourable=False)})
    decision = decide(refused, programme, "1", on=ON)
    assert (decision.eligible, decision.open) == (False, False)


def test_what_a_person_must_judge_leaves_the_decision_open_only_where_it_is_claimed():
    programme, hours = CATALOGUE.programme("SMART-MFG"), frozenset({LevelCode("1")})
    nothing = decide(candidate(), programme, "1", on=ON, hours=hours)
    assert (nothing.eligible, nothing.open) == (False, False)
    major = decide(candidate({"major": "机械工程"}, education=E.BACHELOR), programme, "1", on=ON, hours=hours)
    assert major.to_judge == ("related-major",)
    school = decide(candidate({"claims": ("technical-school-graduate",)}), programme, "1", on=ON, hours=hours)
    assert school.to_judge == ("technical-school-graduate",)
    too_young_in_work = candidate({"major": "机械工程", "occupation_months": 11}, education=E.ASSOCIATE)
    decision = decide(too_young_in_work, programme, "1", on=ON, hours=hours)
    assert not decision.open, "no judgement can help where a figure fails"


def test_the_last_judgement_counts():
    programme = CATALOGUE.programme("AIGC-POST")
    both = (*judged("admission"), *judged("admission", favourable=False))
    assert not decide(candidate({"judgements": both}), programme, "GENERAL", on=ON).eligible
    assert decide(candidate({"judgements": both[::-1]}), programme, "GENERAL", on=ON).eligible


@pytest.mark.parametrize("level", ["GENERAL", "PROFESSIONAL", "MENTOR", "EXPERT"])
def test_the_post_assessment_admits_by_judgement_alone(level):
    programme = CATALOGUE.programme("AIGC-POST")
    assert decide(candidate(), programme, level, on=ON).to_judge == ("admission",)
    decision = decide(candidate({"judgements": judged("admission")}), programme, level, on=ON)
    assert (decision.eligible, decision.rule) == (True, level)


@pytest.mark.parametrize("level", ["2", "3"])
def test_edge_computing_asks_for_senior_secondary_school(level):
    programme = CATALOGUE.programme("EDGE-AI")
    trained = {"attended_hours": 40}
    assert decide(candidate(trained, education=E.SENIOR_SECONDARY), programme, level, on=ON).rule == level
    assert not decide(candidate(trained, education=E.JUNIOR_SECONDARY), programme, level, on=ON).eligible
    assert decide(candidate(), programme, "1", on=ON).to_judge == ("admission",)


@pytest.mark.parametrize(("level", "hours", "eligible"), [("2", 40, True), ("2", 39, False), ("3", None, False)])
def test_what_is_issued_after_training_asks_for_its_hours(level, hours, eligible):
    one = candidate({"attended_hours": hours}, education=E.SENIOR_SECONDARY)
    decision = decide(one, CATALOGUE.programme("EDGE-AI"), level, on=ON)
    assert (decision.eligible, decision.rules_held) == (eligible, (level,))
    (finding,) = [finding for finding in decision.findings if finding.rule == "after-training"]
    assert (finding.condition, finding.held) == ("completed-training", eligible)


TRAINER = {"unit": "某科技公司", "work_proofs": PROOFS}
TRAINER_CASES = [
    ("5", "5", {"engagement": Engagement.INTENDED}, {}, set(), {"engagement": None}),
    ("5", "5", {"engagement": Engagement.WORKING}, {}, set(), {"unit": None}),
    ("4", "4a", {"occupation_months": 60}, {}, set(), {"occupation_months": 59}),
    ("4", "4a", {"occupation_months": 60}, {}, set(), {"work_proofs": PROOFS[:1]}),
    ("4", "4b", {"months_since_held": 36}, {}, {"5"}, {"months_since_held": 35}),
    ("4", "4b", {"months_since_held": 36}, {}, {"5"}, {"work_proofs": PROOFS[1:]}),
    ("4", "4c", {"judgements": MAJOR}, {}, set(), {"judgements": ()}),
    ("3", "3a", {"occupation_months": 120}, {}, set(), {"occupation_months": 119}),
    ("3", "3b", {"months_since_held": 48}, {}, {"4"}, {"months_since_held": 47}),
    ("3", "3c", {"judgements": MAJOR}, {"education": E.ASSOCIATE}, set(), {"judgements": ()}),
    ("2", "2a", {"months_since_held": 60}, {}, {"3"}, {"months_since_held": 59}),
    ("2", "2b", {"judgements": judged("corresponding-title")}, {}, set(), {"judgements": ()}),
    ("1", "1a", {"months_since_held": 60}, {}, {"2"}, {"months_since_held": 59}),
    ("1", "1b", {"judgements": judged("corresponding-title")}, {}, set(), {"unit": None}),
]


@pytest.mark.parametrize(("level", "rule", "evidence", "changes", "held", "spoilt"), TRAINER_CASES)
def test_each_rule_of_the_trainers(level, rule, evidence, changes, held, spoilt):
    programme = CATALOGUE.programme("AI-TRAINER")
    changes = {"education": E.JUNIOR_SECONDARY, **changes}
    decision = decide(candidate({**TRAINER, **evidence}, **changes), programme, level, on=ON, held=held)
    assert (decision.eligible, decision.rule) == (True, rule)
    assert not decide(
        candidate({**TRAINER, **evidence, **spoilt}, **changes), programme, level, on=ON, held=held
    ).eligible
    primary = candidate({**TRAINER, **evidence}, **{**changes, "education": E.PRIMARY})
    assert not decide(primary, programme, level, on=ON, held=held).eligible


@pytest.mark.parametrize(
    ("born", "eligible"),
    [
        (date(2010, 11, 1), True),
        (date(2010, 11, 2), False),
        (date(2008, 2, 29), True),
    ],
)
def test_the_trainers_are_sixteen_on_their_birthday(born, eligible):
    one = candidate({**TRAINER, "engagement": Engagement.INTENDED}, birth_date=born, education=E.JUNIOR_SECONDARY)
    assert decide(one, CATALOGUE.programme("AI-TRAINER"), "5", on=ON).eligible is eligible


def test_born_on_29_february_is_sixteen_on_the_day_itself_and_otherwise_on_the_28th():
    one = candidate(
        {**TRAINER, "engagement": Engagement.WORKING}, birth_date=date(2012, 2, 29), education=E.JUNIOR_SECONDARY
    )
    programme = CATALOGUE.programme("AI-TRAINER")
    assert not decide(one, programme, "5", on=date(2028, 2, 28)).eligible
    assert decide(one, programme, "5", on=date(2028, 2, 29)).eligible


def test_one_level_at_a_time_for_the_two_highest():
    programme = CATALOGUE.programme("AI-TRAINER")
    one = candidate({**TRAINER, "judgements": judged("corresponding-title")}, education=E.BACHELOR)
    assert decide(one, programme, "1", on=ON, applied=frozenset({LevelCode("1")})).eligible
    refused = decide(one, programme, "1", on=ON, applied=frozenset({LevelCode("2")}))
    assert not refused.eligible
    assert "每次只能申报一个等级，已申报二级/技师" in {finding.reason.zh for finding in refused.findings}


def test_nobody_has_worked_longer_since_a_certificate_than_it_is_old():
    programme = CATALOGUE.programme("AI-TRAINER")
    one = candidate({**TRAINER, "months_since_held": 60}, education=E.SENIOR_SECONDARY)
    held, level = frozenset({LevelCode("3")}), LevelCode("3")
    for obtained, eligible in ((date(2021, 11, 1), True), (date(2021, 11, 2), False)):
        decision = decide(one, programme, "2", on=ON, held=held, obtained={level: obtained})
        assert decision.eligible is eligible


def test_nobody_has_worked_longer_since_a_title_than_it_is_old():
    programme, hours = CATALOGUE.programme("SMART-MFG"), frozenset({LevelCode("3")})
    for obtained, eligible in ((date(2023, 11, 1), True), (date(2023, 11, 2), False)):
        one = candidate({"titles": titled(T.ENGINEER, 400, obtained)})
        assert decide(one, programme, "3", on=ON, hours=hours).eligible is eligible


def test_months_since_another_certificate_do_not_count():
    programme = CATALOGUE.programme("AI-TRAINER")
    other = HeldCertificate(level=LevelCode("5"), number=None)
    one = candidate({**TRAINER, "months_since_held": 60}, education=E.SENIOR_SECONDARY, held=other)
    assert not decide(one, programme, "2", on=ON, held=frozenset({LevelCode("3")})).eligible


def test_a_certificate_of_another_body_counts_once_a_person_has_seen_it():
    programme = CATALOGUE.programme("AI-TRAINER")
    claim = HeldCertificate(level=LevelCode("3"), number=None)
    evidence = {**TRAINER, "months_since_held": 60}
    assert not decide(candidate(evidence, education=E.MASTER, held=claim), programme, "2", on=ON).eligible
    seen = candidate({**evidence, "judgements": judged("held-certificate")}, education=E.MASTER, held=claim)
    assert decide(seen, programme, "2", on=ON).rule == "2a"


@pytest.mark.parametrize(
    "claim", [{"level": LevelCode("3"), "number": None}, {"level": None, "number": "GDSZ-0012345"}]
)
def test_a_certificate_of_another_body_is_left_to_judge_where_the_months_suffice(claim):
    programme, held = CATALOGUE.programme("AI-TRAINER"), HeldCertificate(**claim)

    def found(months: int, *judgements):
        evidence = {**TRAINER, "months_since_held": months, "judgements": judgements}
        return decide(candidate(evidence, education=E.MASTER, held=held), programme, "2", on=ON)

    assert (found(60).eligible, found(60).to_judge) == (False, ("held-certificate",))
    assert found(60, *judged("held-certificate")).rule == "2a"
    fails = found(60, *judged("held-certificate", favourable=False))
    assert (fails.eligible, fails.open) == (False, False)
    assert (found(59).eligible, found(59).open) == (False, False)  # no judgement can help


def test_of_a_number_that_may_be_of_several_levels_the_judgement_names_the_level():
    programme, one = CATALOGUE.programme("AIGC-APP-ENG"), {"level": None, "number": "GDSZ-2024-0012345"}
    levels = list(programme.levels)
    rule = replace(levels[2].rules[0], id="3z", conditions=(HoldsLevel(level=LevelCode("1")),))
    levels[2] = replace(levels[2], rules=(*levels[2].rules, rule))
    either = replace(programme, levels=tuple(levels))
    claiming = candidate(held=HeldCertificate(**one))
    assert decide(claiming, either, "3", on=ON).to_judge == ("held-certificate-1", "held-certificate-2")
    for subject, way in (("held-certificate-1", "3z"), ("held-certificate-2", "3a"), ("held-certificate", None)):
        seen = replace(claiming, evidence=replace(claiming.evidence, judgements=judged(subject)))
        assert decide(seen, either, "3", on=ON).rule == way


def test_an_award_needs_to_have_been_won():
    programme = CATALOGUE.programme("EDGE-AI-CONTEST")
    assert not decide(candidate(), programme, "-", on=ON).eligible
    award = AwardWon(contest="边缘计算竞赛", edition="第二届", event="应用开发", rank="一等奖", organisers=None)
    assert decide(candidate({"award": award}), programme, "-", on=ON).rule == "-"


@pytest.mark.parametrize("code", NATIONAL)
@pytest.mark.parametrize("level", ["1", "2", "3"])
def test_a_certificate_of_hours_needs_all_its_hours(code, level):
    programme = CATALOGUE.programme(f"{code}-HOURS")
    hours = programme.level(level).training_hours
    assert decide(candidate({"attended_hours": hours}), programme, level, on=ON).eligible
    short = decide(candidate({"attended_hours": hours - 1}), programme, level, on=ON)
    assert not short.eligible
    assert short.findings[0].reason.zh == f"需完成培训{hours}学时，所填为{hours - 1}学时"
    assert not decide(candidate(), programme, level, on=ON).eligible


EVIDENCE = st.builds(
    dict,
    degrees=st.lists(st.sampled_from(Degree), unique=True, max_size=2).map(tuple),
    major=st.none() | st.just("机械工程"),
    final_year_of=st.none() | st.sampled_from(Education),
    occupation_months=st.none() | st.integers(0, 150),
    months_since_held=st.none() | st.integers(0, 70),
    work_proofs=st.sampled_from([(), PROOFS[:1], PROOFS]),
    engagement=st.none() | st.sampled_from(Engagement),
    titles=st.none().map(lambda _: ()) | st.builds(titled, st.sampled_from(Title), st.none() | st.integers(0, 60)),
    hours_certificate=st.none() | st.just("HX-1"),
    attended_hours=st.none() | st.integers(60, 170),
    unit=st.none() | st.just("某公司"),
    claims=st.sampled_from([(), ("technical-school-graduate",), ("corresponding-title",)]),
    judgements=st.sampled_from([(), MAJOR, judged("admission"), judged("technical-school-graduate", favourable=False)]),
)
SCOPES = [(code, level.code) for code in CATALOGUE.codes() for level in CATALOGUE.programme(code).levels]


@given(
    scope=st.sampled_from(SCOPES), evidence=EVIDENCE, education=st.none() | st.sampled_from(Education), data=st.data()
)
def test_the_decision_never_depends_on_the_order_of_rules_requirements_or_conditions(scope, evidence, education, data):
    code, target = scope
    programme = CATALOGUE.programme(code)

    def shuffled(rules):
        return tuple(
            replace(rule, conditions=tuple(data.draw(st.permutations(rule.conditions))))
            for rule in data.draw(st.permutations(rules))
        )

    other = replace(
        programme,
        levels=tuple(
            replace(level, rules=shuffled(level.rules), requirements=shuffled(level.requirements))
            for level in programme.levels
        ),
    )
    held = data.draw(st.frozensets(st.sampled_from([level.code for level in programme.levels])))
    one = candidate(evidence, education=education)
    first = decide(one, programme, target, on=ON, held=held, hours=held)
    second = decide(one, other, target, on=ON, held=held, hours=held)
    assert (first.eligible, first.rule, first.rules_held, first.to_judge) == (
        *(second.eligible, second.rule, second.rules_held, second.to_judge),
    )
    assert {(one.rule, one.condition, one.reason) for one in first.findings} == {
        (one.rule, one.condition, one.reason) for one in second.findings
    }
    assert not (first.eligible and first.open)


@given(scope=st.sampled_from(SCOPES), evidence=EVIDENCE, education=st.none() | st.sampled_from(Education))
def test_an_open_decision_is_a_yes_once_everything_is_judged_so_and_a_no_otherwise(scope, evidence, education):
    code, level = scope
    programme, one = CATALOGUE.programme(code), candidate(evidence, education=education)
    first = decide(one, programme, level, on=ON)
    if first.eligible:
        return
    more = {**evidence, "judgements": (*evidence["judgements"], *judged(*first.to_judge))}
    after = decide(candidate(more, education=education), programme, level, on=ON)
    assert after.eligible is first.open


@given(since=st.dates(date(1990, 1, 1), date(2026, 1, 1)), months=st.integers(0, 400))
def test_months_are_completed_on_the_same_day_of_the_month(since, months):
    day = months_later(since, months)
    assert whole_months(since, day) >= months
    assert whole_months(since, day - timedelta(days=1)) < months
