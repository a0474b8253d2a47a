"""The words of the pages: both languages complete, and complete for every value of the verdict."""

import re
import string
import tomllib
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue, day, moment
from registry.kernel.identifiers import certificate_key, check_character
from registry.verification.model import NoticeKind, Outcome
from registry.verification.rechecking import RecheckOutcome


def leaves(words: dict[str, Any], prefix: str = "") -> dict[str, str | list[str]]:
    found: dict[str, str | list[str]] = {}
    for key, value in words.items():
        if isinstance(value, dict):
            found |= leaves(value, f"{prefix}{key}.")
        else:
            found[prefix + key] = value
    return found


def read(language: Language) -> dict[str, str | list[str]]:
    return leaves(tomllib.loads(files("api.pages").joinpath(f"{language}.toml").read_text("utf-8")))


def placeholders(text: str | list[str]) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name} if isinstance(text, str) else set()


def test_both_languages_have_the_same_keys_and_placeholders() -> None:
    chinese, english = read("zh"), read("en")
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert placeholders(text) == placeholders(english[key]), key
        assert type(text) is type(english[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty(language: Language) -> None:
    assert [key for key, text in read(language).items() if not text] in ([], ["age.joint"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_outcome_and_notice_has_words(language: Language) -> None:
    words = catalogue(language)
    for outcome in Outcome:
        for part in ("word", "headline", "sentence"):
            assert words.text(f"outcomes.{outcome}.{part}", **dict.fromkeys(_PLACEHOLDERS, "x"))
        if outcome is not Outcome.VALID:
            assert words.lines(f"outcomes.{outcome}.steps")
    for kind in NoticeKind:
        assert words.has(f"notices.{kind}")
    for recheck in RecheckOutcome:
        for part in ("outcomes", "sentences"):
            assert words.text(f"recheck.{part}.{recheck}")
        assert words.lines(f"recheck.steps.{recheck}")


_PLACEHOLDERS = ("since", "reason", "begin", "until", "revision", "successor", "what")


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_with_values_have_a_form_without_them(language: Language) -> None:
    found = read(language)
    families = ("outcomes.", "past.", "notices.", "verdict.because.", "verdict.facts.known")
    for key, text in found.items():
        if key.startswith(families) and placeholders(text) and not key.endswith(("_bare", "-lapsed", "_member")):
            assert f"{key}_bare" in found


def test_chinese_has_no_typed_spaces_beside_latin() -> None:
    spaced = re.compile(r"[\u4e00-\u9fff] [A-Za-z0-9]|[A-Za-z0-9] [\u4e00-\u9fff]")
    assert [key for key, text in read("zh").items() if spaced.search(str(text))] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_tone_has_no_exclamation_marks(language: Language) -> None:
    assert not [key for key, text in read(language).items() if re.search(r"[!！]", str(text))]


def test_every_key_of_the_templates_exists() -> None:
    templates = Path(str(files("api.pages"))) / "templates"
    words = catalogue("zh")
    for template in templates.iterdir():
        for key in re.findall(r"""\b(?:t|phrase)\((?:"|')([a-z_.\-0-9]+)(?:"|')[,)]""", template.read_text("utf-8")):
            assert words.has(key), (template.name, key)


def test_a_text_says_one_or_many_by_its_number() -> None:
    words = catalogue("en")
    for n in (1, "1"):
        assert words.text("console.batch_title.sealed", n=n) == "1 certificate waits for approval"
    for n in (0, 2, "1,000"):
        assert words.text("console.batch_title.sealed", n=n) == f"{n} certificates wait for approval"
    assert catalogue("zh").text("console.batch_title.sealed", n=1) == "1张证书等待批准"


def test_no_english_text_of_the_console_has_a_number_before_a_bare_plural() -> None:
    plural = re.compile(
        r"\{(?:n|of|size|rows|days)\} (?:certificates|candidates|rows|batches|score sheets|days|problems)\b"
    )
    words = leaves(tomllib.loads(files("api.issuer").joinpath("en.toml").read_text("utf-8")))
    assert [key for key, text in words.items() if plural.search(str(text))] == []


def test_samples_of_numbers_and_links_are_of_the_right_form() -> None:
    """Whoever copies an example finds nothing, rather than being told that it is mistyped."""
    root = Path(str(files("api"))).parent
    number = re.compile(r"\b[A-Z]+(?:-[A-Z]+)*-20\d\d-[0-9A-Z]{11}\b")
    found = 0
    for name in ("api/pages/zh.toml", "api/pages/en.toml", "api/employer/zh.toml", "api/employer/en.toml",
                 "docs/bulk.md", "docs/openapi.json"):  # fmt: skip
        text = (root / name).read_text("utf-8")
        for sample in number.findall(text):
            assert check_character(sample[:-1]) == sample[-1], (name, sample)
            found += 1
        for key in re.findall(r"/C/([A-Z0-9]{20,})", text):
            assert certificate_key(key) == key, (name, key)
            found += 1
    assert found >= 8
    # The control: the last character is what is checked.
    assert check_character("LNSEC-2026-7K3Q9V0X4M") != "C"


def test_ages_are_said_in_one_or_two_units() -> None:
    english, chinese = catalogue("en"), catalogue("zh")
    said = [english.age(seconds) for seconds in (0, 1, 60, 425, 3600, 7260, 49 * 3600)]
    assert said == ["0 seconds", "1 second", "1 minute", "7 minutes 5 seconds", "1 hour", "2 hours 1 minute", "2 days"]
    assert chinese.age(425) == "7分5秒"
    assert all(first != second for first, second in pairwise(said))


def test_times_are_said_in_chinas_zone() -> None:
    assert moment("2026-11-19T20:30:00+00:00") == "2026-11-20 04:30"
    assert day("2026-11-19T20:30:00Z") == "2026-11-20"
    assert moment("2026-11-20") == day("2026-11-20") == "2026-11-20"
    assert moment("soon") is day(None) is moment(7) is None


def test_missing_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        catalogue("zh").text("outcomes.nonsense.word")
    with pytest.raises(KeyError):
        catalogue("zh").text("outcomes.valid")
    with pytest.raises(KeyError):
        catalogue("zh").lines("site.name")


def test_value_without_english_is_said_in_chinese() -> None:
    assert catalogue("en").pick({"zh": "高级"}) == "高级"
    assert catalogue("en").pick({"zh": "高级", "en": "Senior"}) == "Senior"
    assert catalogue("en").pick(None) is None
