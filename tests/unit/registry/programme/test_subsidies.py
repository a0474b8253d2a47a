"""Subsidies as data: what the source states, the answer's reasons, files that are refused."""

import re
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from importlib.resources import files
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.programme import RoundingMode, load_catalogue
from registry.programme.subsidies import (
    ConditionKind,
    OtherCondition,
    Rules,
    SubsidyMalformed,
    SubsidyQuestion,
    SubsidyRuleUnknown,
    Verdict,
    amount_in,
    calculate,
    in_yuan,
    load_subsidies,
    plain_name,
    read_subsidy,
)

FILE = files("registry.programme.subsidies").joinpath("data/AI-TRAINER/guangdong.2026.1.toml").read_bytes()
RULES = load_subsidies()
RULE = RULES.all[0]
LEVELS = ("5", "4", "3", "2", "1")
INSURED = frozenset({ConditionKind.INSURED_THERE})
ON = date(2026, 11, 22)


def asked(**changes) -> SubsidyQuestion:
    question = SubsidyQuestion(programme="AI-TRAINER", level="3", region="深圳", on=ON, met=INSURED)
    return replace(question, **changes)


def answered(**changes):
    return calculate(RULES, asked(**changes))


def changed(old: str, new: str) -> bytes:
    """The file with one passage replaced; the passage must be there, or the test would test nothing."""
    text = FILE.decode()
    assert old in text
    return text.replace(old, new, 1).encode()


def faults_of(data: bytes) -> dict[str, str]:
    with pytest.raises(SubsidyMalformed) as malformed:
        read_subsidy(data, file="f.toml")
    assert malformed.value.code == "subsidy/malformed"
    assert "f.toml" in str(malformed.value)
    return {fault.key: fault.reason for fault in malformed.value.faults}


# — what the source states —


@pytest.mark.parametrize(
    ("level", "region", "yuan"),
    [
        ("5", "广东", "1000"),
        ("4", "广东", "1500"),
        ("3", "广东", "2400"),
        ("5", "广州", "1300"),
        ("4", "佛山", "1950"),
        ("3", "广州", "3120"),
        ("3", "深圳", "3120"),
        ("3", "佛山", "3120"),
        ("3", "东莞", "2400"),
    ],
)
def test_amounts_are_those_of_the_source(level, region, yuan):
    answer = answered(level=level, region=region)
    assert answer.verdict is Verdict.YES
    assert answer.fen is not None
    assert in_yuan(answer.fen) == yuan


@pytest.mark.parametrize("level", ["2", "1"])
@pytest.mark.parametrize("region", ["广东", "深圳", "东莞"])
def test_where_the_source_is_silent_there_is_no_figure(level, region):
    answer = answered(level=level, region=region)
    assert (answer.verdict, answer.fen) == (Verdict.JUDGEMENT, None)
    said = " ".join(one.text.zh + one.text.en + one.source.zh + one.source.en for one in answer.reasons)
    assert "来源没有写这一级的数额" in said
    assert not re.search(r"\d{3,}", said)


def test_rule_levels_are_the_programmes_and_places_have_one_name():
    programme = load_catalogue().programme("AI-TRAINER")
    assert [one.level for one in RULE.amounts] == [one.code for one in programme.levels]
    assert programme.occupation is not None
    assert RULE.paid_before.occupation == programme.occupation.code
    assert len(RULE.places) == 21
    assert {one.name.zh for one in RULE.places if one.more_percent} == {"广州", "深圳", "佛山"}


def test_days_are_not_the_sources_and_said_to_be_the_issuing_bodys():
    assert (RULE.period.stated_by.value, RULE.period.last) == ("issuing-body", None)
    assert "来源未写明" in RULE.period.source.zh
    assert "不能抵扣所得税" in RULE.remarks[0].text.zh


@pytest.mark.parametrize("name", ["深圳", "深圳市", " 深圳 ", "Shenzhen", "shenzhen", "SHENZHEN"])
def test_a_place_is_found_under_each_of_its_names(name):
    assert answered(region=name).fen == 312_000


def test_names_lose_only_the_word_for_their_kind():
    assert [plain_name(one) for one in ("广东省", "内蒙古自治区", "市")] == ["广东", "内蒙古", "市"]


# — days and unknown things —


def test_first_and_last_day_count():
    limited = replace(RULE, period=replace(RULE.period, last=date(2028, 2, 29)))
    rules = Rules((limited,))
    for day in (date(2026, 1, 1), date(2028, 2, 29)):
        assert calculate(rules, asked(on=day)).verdict is Verdict.YES
    for day in (date(2025, 12, 31), date(2028, 3, 1)):
        with pytest.raises(SubsidyRuleUnknown, match=day.isoformat()):
            calculate(rules, asked(on=day))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"programme": "EDGE-AI"}, "EDGE-AI"),
        ({"region": "北京"}, "北京"),
        ({"level": "6"}, "level 6"),
        ({"paid": frozenset({"9"})}, "level 9"),
    ],
)
def test_nothing_is_said_where_no_rule_is_known(changes, named):
    with pytest.raises(SubsidyRuleUnknown, match=named):
        answered(**changes)


# — conditions and earlier subsidies —


def test_any_one_condition_suffices_and_both_are_named():
    for met in (INSURED, frozenset({ConditionKind.REGISTERED_THERE})):
        assert answered(met=met).verdict is Verdict.YES
    both = answered(met=frozenset({ConditionKind.REGISTERED_THERE, ConditionKind.INSURED_THERE}))
    assert [one.text.zh for one in both.reasons][-2:] == ["本地户籍", "在本地参加社会保险"]


def test_list_of_conditions_is_open_so_none_met_is_no_refusal():
    answer = answered(met=frozenset())
    assert (answer.verdict, answer.fen) == (Verdict.JUDGEMENT, 312_000)
    assert answered(met=frozenset({ConditionKind.JUDGED})).verdict is Verdict.JUDGEMENT


@pytest.mark.parametrize(("met", "verdict", "fen"), [(True, Verdict.YES, 312_000), (False, Verdict.NO, None)])
def test_a_person_judges_with_a_reason_that_is_repeated(met, verdict, fen):
    answer = answered(met=frozenset(), other=OtherCondition(met=met, reason="持本地居住证"))
    assert (answer.verdict, answer.fen) == (verdict, fen)
    assert "持本地居住证" in answer.reasons[-1].text.zh
    assert "持本地居住证" in answer.reasons[-1].text.en


def test_a_list_that_is_not_open_refuses():
    closed = replace(RULE, open_list=False, conditions=RULE.conditions[:2])
    answer = calculate(Rules((closed,)), asked(met=frozenset()))
    assert (answer.verdict, answer.fen) == (Verdict.NO, None)


@pytest.mark.parametrize(("paid", "level"), [(paid, level) for paid in LEVELS for level in LEVELS])
def test_after_a_higher_level_no_lower_one_is_paid(paid, level):
    answer = answered(level=level, paid=frozenset({paid}))
    higher = LEVELS.index(paid) > LEVELS.index(level)
    assert (answer.verdict is Verdict.NO) is higher
    if paid == level:
        assert answer.verdict is Verdict.JUDGEMENT
    if LEVELS.index(paid) < LEVELS.index(level) and level in "543":
        assert answer.verdict is Verdict.YES


# — properties —


questions = st.builds(
    SubsidyQuestion,
    programme=st.just("AI-TRAINER"),
    level=st.sampled_from(LEVELS),
    region=st.sampled_from(["广东", *(one.name.zh for one in RULE.places)]),
    on=st.dates(min_value=date(2026, 1, 1), max_value=date(2040, 1, 1)),
    met=st.frozensets(st.sampled_from(ConditionKind)),
    paid=st.frozensets(st.sampled_from(LEVELS)),
    other=st.none() | st.builds(OtherCondition, met=st.booleans(), reason=st.just("a reason")),
)


@given(questions)
def test_verdict_and_amount_go_together(question):
    answer = calculate(RULES, question)
    found = {one.verdict for one in answer.reasons}
    assert answer.verdict in found
    assert (answer.verdict is Verdict.NO) is (Verdict.NO in found)
    assert (answer.verdict is Verdict.YES) is (found == {Verdict.YES})
    assert answer.verdict is not Verdict.YES or answer.fen is not None
    assert answer.verdict is not Verdict.NO or answer.fen is None
    assert answer.fen is None or (isinstance(answer.fen, int) and answer.fen % 100 == 0)
    assert all(one.text.zh and one.text.en and one.source.zh and one.source.en for one in answer.reasons)


@given(questions, st.randoms(use_true_random=False))
def test_order_of_conditions_and_places_means_nothing(question, chance):
    conditions, places = list(RULE.conditions), list(RULE.places)
    chance.shuffle(conditions)
    chance.shuffle(places)
    other = calculate(Rules((replace(RULE, conditions=tuple(conditions), places=tuple(places)),)), question)
    answer = calculate(RULES, question)
    assert (other.verdict, other.fen) == (answer.verdict, answer.fen)
    assert set(other.reasons) == set(answer.reasons)


@given(questions, st.sampled_from(ConditionKind))
def test_one_more_condition_met_never_harms(question, kind):
    better = replace(question, met=question.met | {kind})
    order = [Verdict.NO, Verdict.JUDGEMENT, Verdict.YES]
    before, after = calculate(RULES, question), calculate(RULES, better)
    assert order.index(after.verdict) >= order.index(before.verdict)


@given(
    st.integers(1, 100_000_000), st.integers(0, 1000), st.sampled_from(RoundingMode), st.sampled_from([1, 10, 100, 500])
)
def test_rounding_is_exact_and_to_the_unit(fen, percent, mode, unit):
    amounts = (replace(RULE.amounts[0], fen=fen),)
    place = replace(RULE.places[0], more_percent=percent)
    rule = replace(RULE, amounts=amounts, places=(place,), fraction=replace(RULE.fraction, mode=mode, unit_fen=unit))
    found = amount_in(rule, "5", place.name.zh)
    assert found is not None
    assert found % unit == 0
    difference = found * 100 - fen * (100 + percent)  # in hundredths of a fen
    if mode is RoundingMode.DOWN:
        assert -100 * unit < difference <= 0
    else:
        assert -50 * unit < difference <= 50 * unit


# — files —


@pytest.mark.parametrize(
    ("old", "new", "key", "reason"),
    [
        ("fen = 240000", "fen = 240000.0", "amount[2].fen", "whole number"),
        ("fen = 240000", 'fen = "2400"', "amount[2].fen", "whole number"),
        ("fen = 240000", "fen = 0", "amount[2].fen", "expected 1 to"),
        ("fen = 240000", "fen = 240000\nby_local_rule = true", "amount[2].fen", "either"),
        ("by_local_rule = true", "", "amount[3].fen", "either"),
        ("fen = 240000", "yuan = 2400", "amount[2].yuan", "unknown key"),
        ("from = 2026-01-01", 'from = "2026-01-01"', "period.from", "a date"),
        ("from = 2026-01-01", "from = 2026-01-01\nuntil = 2025-12-31", "period.until", "not before"),
        ("from = 2026-01-01", "", "period.from", "missing"),
        ('place = "佛山"', 'place = "福州"', "example[2].place", "one of the places"),
        ("more_percent = 30", "more_percent = 29", "example[0].fen", "the rule gives 309600, not 312000"),
        ('level = "4"', 'level = "5"', "amount[1]", "twice"),
        ("open_list = true", "open_list = false", "open_list", "exactly where"),
        ('kind = "registered-there"', 'kind = "born-there"', "condition[0].kind", "one of"),
        ('occupation = "4-04-05-05"', 'occupation = "40405"', "paid_before.occupation", "form"),
        ('zh = "广东"', 'zh = ""', "region.zh", "printable"),
        ("format = 1", "format = 2", "format", "expected 1 to 1"),
    ],
)
def test_a_mistake_is_named_by_its_key(old, new, key, reason):
    assert reason in faults_of(changed(old, new))[key]


def test_every_mistake_is_named_at_once():
    data = changed("fen = 100000", "fen = -1").replace(b"fen = 150000", b"fen = true", 1)
    assert {"amount[0].fen", "amount[1].fen"} <= faults_of(data).keys()


@pytest.mark.parametrize("data", [b"\xff", b"a = [", b"#" * 70_000, b"a = " + b"[" * 5_000])
def test_what_is_no_toml_is_refused(data):
    assert list(faults_of(data)) == [""]


@given(st.data())
def test_a_broken_file_is_refused_or_read_and_nothing_else(data):
    cut = data.draw(st.integers(0, len(FILE)))
    extra = data.draw(st.binary(max_size=8))
    end = data.draw(st.integers(cut, min(len(FILE), cut + 40)))
    with suppress(SubsidyMalformed):
        read_subsidy(FILE[:cut] + extra + FILE[end:], file="f.toml")


def test_two_rules_never_hold_on_one_day(tmp_path):
    folder = tmp_path / "AI-TRAINER"
    folder.mkdir()
    second = changed('id = "guangdong.2026.1"', 'id = "guangdong.2027.1"').decode()
    (folder / "guangdong.2027.1.toml").write_text(second.replace("from = 2026-01-01", "from = 2027-01-01"), "utf-8")
    with pytest.raises(SubsidyMalformed, match="period: overlaps"):
        load_subsidies(tmp_path)


def test_a_region_adds_its_own_file(tmp_path):
    folder = tmp_path / "AI-TRAINER"
    folder.mkdir()
    text = FILE.decode().replace("guangdong.2026.1", "fujian.2026.1").replace('zh = "广东"', 'zh = "福建"', 1)
    text = text.replace('en = "Guangdong"', 'en = "Fujian"', 1)
    kept = [one for one in text.split("\n\n") if "[[place]]" not in one and "[[example]]" not in one]
    (folder / "fujian.2026.1.toml").write_text("\n\n".join(kept), "utf-8")
    rules = load_subsidies(tmp_path)
    assert [one.id for one in rules.all] == ["fujian.2026.1", "guangdong.2026.1"]
    assert calculate(rules, asked(region="福建")).fen == 240_000
    (folder / "fujian.2026.1.toml").rename(folder / "fujian.2026.2.toml")
    with pytest.raises(SubsidyMalformed, match="expected the file to be called"):
        load_subsidies(tmp_path)


@given(st.dates(), st.none() | st.dates(), st.dates(), st.none() | st.dates())
def test_overlap_is_the_same_from_both_sides_and_true_to_the_days(first, last, other_first, other_last):
    one = replace(RULE.period, first=first, last=last)
    other = replace(RULE.period, first=other_first, last=other_last)
    assert one.overlaps(other) is other.overlaps(one)
    far = date.max
    shared = max(first, other_first) <= min(last or far, other_last or far)
    if (last is None or first <= last) and (other_last is None or other_first <= other_last):
        assert one.overlaps(other) is shared


def test_files_that_come_with_the_package_are_read_whatever_their_order():
    pairs = combinations(RULES.all, 2)
    assert all(not a.period.overlaps(b.period) or a.programme != b.programme or a.region != b.region for a, b in pairs)
    assert RULE.period.holds_on(date(2026, 1, 1) + timedelta(days=5_000))
