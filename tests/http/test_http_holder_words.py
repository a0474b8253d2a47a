"""The words of the holder's pages: both languages complete, in the house's typing, used and never missing."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue
from registry.workflows.holders.share import Field
from tests.http.test_http_catalogues import leaves, placeholders


def read(language: Language) -> dict[str, str | list[str]]:
    return leaves(tomllib.loads(files("api.holder").joinpath(f"{language}.toml").read_text("utf-8")))


def test_both_languages_say_the_same_things_with_the_same_values() -> None:
    chinese, english = read("zh"), read("en")
    assert chinese.keys() == english.keys()
    for key, text in chinese.items():
        assert placeholders(text) == placeholders(english[key]), key
        assert type(text) is type(english[key]), key


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_is_empty_or_shouts(language: Language) -> None:
    assert [key for key, text in read(language).items() if not text or re.search(r"[!！]", str(text))] == []


def test_chinese_has_no_typed_spaces_beside_latin() -> None:
    spaced = re.compile(r"[\u4e00-\u9fff] [A-Za-z0-9{]|[A-Za-z0-9}] [\u4e00-\u9fff]")
    assert [key for key, text in read("zh").items() if spaced.search(str(text))] == []


def test_the_foot_of_a_copy_is_said_alike_to_readers_of_both_languages() -> None:
    for key in ("for_whom", "for_what", "english"):
        assert read("zh")[f"holder.copy.{key}"] == read("en")[f"holder.copy.{key}"]


def test_every_word_is_used_and_every_used_word_is_there() -> None:
    room = Path(str(files("api.holder")))
    sources = "".join(one.read_text("utf-8") for one in (*room.glob("templates/*.html"), *room.glob("*.py")))
    used = set(re.findall(r"[\"'](holder\.[a-z_.]+)[\"']", sources))
    used |= {f"holder.fields.{one}" for one in Field} | {"holder.fields.nationalIdentityNumberMasked_bare"}
    used |= {f"holder.terms.refused_{one}" for one in ("audience", "purpose", "until")}
    used |= {f"holder.talent.answer_{one}" for one in ("asked", "agreed", "refused")}
    used |= {f"holder.talent.refused_{one}" for one in ("wish", "until", "agree", "region", "contact")}
    used -= {
        "holder.talent.answer_",
        "holder.talent.refused_",
        "holder.css",
        "holder.js",
        "holder.html",
    }  # files, not words
    assert {one for one in used if not catalogue("zh").has(one)} == set()
    assert set(read("zh")) - used == set()
