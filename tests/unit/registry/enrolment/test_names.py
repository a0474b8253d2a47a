import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment import folded_name, normal_name
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


# — folded for comparing —


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("李知行", "李 知行"),
        ("李知行", "李\u3000知 行"),
        ("李知行", "\u00a0李知行\t"),
        ("买买提·示例", "买买提 · 示例"),
        ("买买提·示例", "买买提•示例"),
        ("买买提·示例", "买买提・示例"),
        ("买买提·示例", "买买提･ 示例"),
        ("阿卜杜拉·A·汗", "阿卜杜拉·a·汗"),
        ("Ada Muster", "  ada   MUSTER "),
        ("Ada Muster", "ＡＤＡ\u3000Ｍｕｓｔｅｒ"),
        ("Zoë O'Neill", "zoe\u0308 o\u2019NEILL"),
        ("李知行", "李知行\n"),
    ],
)
def test_one_name_typed_in_two_ways_folds_alike(kept, typed):
    assert folded_name(typed) == folded_name(kept)


@pytest.mark.parametrize(
    ("kept", "typed"),
    [
        ("李知行", "李知"),
        ("李知行", "李行知"),
        ("李知行", "李知形"),
        ("買买提", "买买提"),
        ("买买提·示例", "买买提示例"),
        ("Ada Muster", "AdaMuster"),
        ("Ada Muster", "Muster Ada"),
        ("Weiß", "Weiss"),
        ("José", "Jose"),
        ("O'Neill", "ONeill"),
        ("李知行", ""),
    ],
)
def test_two_names_never_fold_alike(kept, typed):
    assert folded_name(typed) != folded_name(kept)


_LETTERS = st.sampled_from("李知行王芳买提示例阿汗䶮𬱖々〇ABCXYZabcxyzßéÑöđ")
_NAMES = st.lists(_LETTERS, min_size=1, max_size=12).map("".join)
_SPACES = st.sampled_from(["", " ", "  ", "\u3000", "\u00a0", "\t"])


def letters(name):
    """What a name is told by: its letters in order, in one width and case."""
    plain = unicodedata.normalize("NFKC", name).lower()
    return [one for one in plain if unicodedata.category(one)[0] in "LMN"]


@given(
    st.lists(st.sampled_from("李知行王芳买提·䶮𬱖"), min_size=1, max_size=8), st.lists(_SPACES, min_size=8, max_size=8)
)
def test_spaces_beside_chinese_characters_tell_nothing(name, spaces):
    spaced = "".join(space + one for space, one in zip(spaces, name, strict=False))
    assert folded_name(spaced) == "".join(name)


@given(_NAMES, _NAMES)
def test_names_that_differ_in_letters_never_fold_alike(one, other):
    if letters(one) != letters(other):
        assert folded_name(one) != folded_name(other)


@given(_NAMES, st.integers(0, 11), _LETTERS)
def test_one_letter_changed_left_out_or_added_is_another_name(name, place, letter):
    place %= len(name)
    for other in (
        name[:place] + letter + name[place + 1 :],
        name[:place] + name[place + 1 :],
        name[:place] + letter + name[place:],
    ):
        # The control: where only the case changed, it is the same name.
        assert (folded_name(other) == folded_name(name)) == (letters(other) == letters(name))


@given(st.text(max_size=30))
def test_folding_again_changes_nothing(text):
    assert folded_name(folded_name(text)) == folded_name(text)


@given(st.text(max_size=30))
def test_folding_drops_no_letter(text):
    assert letters(folded_name(text)) == letters(
        unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).lower())
    )
