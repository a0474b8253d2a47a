from importlib.resources import files

import pytest

from registry.programme import Difference, differences, load_catalogue, plain, read_programme
from registry.programme.differences import _leaves

FILE = files("registry.programme").joinpath("data/BIG-DATA/2026.1.toml").read_bytes()
OLD = read_programme(FILE, file="old.toml")


def changed(*pairs: tuple[str, str]) -> bytes:
    text = FILE.decode()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text.encode()


def test_what_changed_is_named_by_code_and_id():
    new = read_programme(
        changed(
            ('version = "2026.1"', 'version = "2026.2"'),
            ("training_hours = 160", "training_hours = 168"),
            ("worked_months = 48", "worked_months = 36"),
            ("for_life = true", "months = 36"),
        ),
        file="new.toml",
    )
    assert differences(OLD, new) == (
        Difference(key="levels[3].rules[3b].conditions[holds-level 2].workedMonths", old=48, new=36),
        Difference(key="levels[3].trainingHours", old=160, new=168),
        Difference(key="validity.months", old=None, new=36),
        Difference(key="version", old="2026.1", new="2026.2"),
    )


def test_a_weight_is_named_by_paper_level_direction_and_function():
    rows = [("ethics ", "[ 5,", "[ 6,"), ("foundations ", "[20, 20,", "[19, 20,")]
    text = FILE.decode()
    for name, old, new in rows:
        start = text.index(f"\n{name}")
        text = text[:start] + text[start:].replace(old, new, 1)
    assert [
        (one.key, one.old, one.new) for one in differences(OLD, read_programme(text.encode(), file="new.toml"))
    ] == [
        ("weights[theory 1 processing].percent.ethics", 5, 6),
        ("weights[theory 1 processing].percent.foundations", 20, 19),
    ]


def test_comments_and_the_order_of_tables_are_no_difference():
    text = FILE.decode()
    first, second = text.index("[[direction]]"), text.index('[[direction]]\ncode = "analysis"')
    third = text.index('[[direction]]\ncode = "management"')
    swapped = text[:first] + text[second:third] + text[first:second] + text[third:] + "\n# another\n"
    new = read_programme(swapped.encode(), file="new.toml")
    assert new.digest != OLD.digest
    assert differences(OLD, new) == ()


@pytest.mark.parametrize("code", load_catalogue().codes())
def test_every_key_of_a_programme_is_one_key(code):
    keys = [key for key, _ in _leaves("", plain(load_catalogue().programme(code)))]
    assert len(keys) == len(set(keys))
    assert "document" not in keys
