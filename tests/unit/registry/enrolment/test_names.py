import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment import normal_name
from registry.enrolment.names import latin_name_fault, name_fault


@pytest.mark.parametrize(
    "name",
    [
        "李知行",
        "欧阳䶮",
        "㛃",
        "安𬱖",
        "𰻝麵",
        "买买提·示例",
        "阿卜杜拉·A·汗",
        "李々",
        "〇一",
        "Ada Muster",
        "Zoë O'Neill-Ñu",
        "Nguyễn Ánh",
    ],
)
def test_names_that_people_have_are_taken(name):
    assert name_fault(normal_name(name)) is None


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("李 知行", "name-space"),
        ("李　行", "name-space"),
        ("李1", "name-characters"),
        ("李?", "name-characters"),
        ("李(示例)", "name-characters"),
        ("·李", "name-characters"),
        ("李·", "name-characters"),
        ("李··行", "name-characters"),
        ("½", "name-characters"),
        ("Мария", "name-characters"),
        ("ＬＩ", "name-characters"),
        ("李\U000e0100行", "name-characters"),
        ("李" * 101, "name-characters"),
    ],
)
def test_names_that_are_typing_errors_are_refused(name, fault):
    assert name_fault(normal_name(name)) == fault


@pytest.mark.parametrize("dot", "·•‧・∙⋅･")
def test_all_middle_dots_are_one(dot):
    assert normal_name(f"买买提{dot}示例") == "买买提·示例"


def test_name_is_composed():
    assert normal_name("Zoe\u0308  Muster ") == "Zoë Muster"


@given(st.text(max_size=30))
def test_normal_form_is_stable(text):
    assert normal_name(normal_name(text)) == normal_name(text)


@pytest.mark.parametrize(("name", "good"), [("LI Zhixing", True), ("Muster, Ada", True), ("李", False), ("Li2", False)])
def test_latin_names(name, good):
    assert (latin_name_fault(name) is None) == good
