"""The pages' words, Chinese and English: in each room with pages two TOML files with the same keys."""

import string
import tomllib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from registry.kernel.calendar import CHINA_TIME

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")
PACKAGES: tuple[str, ...] = ("api.pages", "api.sign_in", "api.issuer", "api.holder", "api.employer")
"""The rooms with pages; each has a folder `templates`, and no two a template or a table of words of one name."""
HTML_LANG: dict[Language, str] = {"zh": "zh-CN", "en": "en"}

Words = dict[str, "str | list[str] | Words"]
Value = str | int | None


class _Counting(string.Formatter):
    """Fills placeholders; of `{n:certificate|certificates}` it takes the first where `n` is one."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, choice, many = format_spec.partition("|")
        if not choice:
            return str(super().format_field(value, format_spec))
        return one if str(value) == "1" else many


_COUNTING: Final = _Counting()


class Catalogue:
    """One language's words. Keys are dotted paths; texts hold `{placeholders}`, and `{n:one|many}` by a number."""

    def __init__(self, language: Language, words: Words) -> None:
        self.language = language
        self._words = words

    def text(self, key: str, **values: str | int) -> str:
        """Give the text at `key` with its placeholders filled. Raises KeyError when either is missing."""
        found = self._find(key)
        if not isinstance(found, str):
            raise KeyError(key)
        return _COUNTING.format(found, **values) if "|" in found else found.format(**values)

    def lines(self, key: str) -> list[str]:
        """Give the list of texts at `key`. Raises KeyError."""
        found = self._find(key)
        if not isinstance(found, list):
            raise KeyError(key)
        return found

    def has(self, key: str) -> bool:
        """Tell whether there is anything at `key`."""
        try:
            self._find(key)
        except KeyError:
            return False
        return True

    def phrase(self, key: str, **values: Value) -> str:
        """Give the text at `key`, or the one at `<key>_bare` where one of its values is not known."""
        known = {name: value for name, value in values.items() if value is not None and value != ""}
        return self.text(key if len(known) == len(values) else f"{key}_bare", **known)

    def pick(self, bilingual: object) -> str | None:
        """Give a bilingual value in this language, else in Chinese; a plain string as it is; None for anything else."""
        if isinstance(bilingual, str):
            return bilingual
        if isinstance(bilingual, dict):
            for language in (self.language, "zh"):
                if isinstance(bilingual.get(language), str):
                    return str(bilingual[language])
        return None

    def age(self, seconds: int) -> str:
        """Say a span of time in one or two units."""
        minutes, rest = divmod(max(0, seconds), 60)
        if minutes == 0:
            return self._count("second", rest)
        if minutes < 60:
            return self._count("minute", minutes) + (
                self.text("age.joint") + self._count("second", rest) if rest else ""
            )
        hours, minutes = divmod(minutes, 60)
        if hours < 48:
            return self._count("hour", hours) + (
                self.text("age.joint") + self._count("minute", minutes) if minutes else ""
            )
        return self._count("day", hours // 24)

    def _count(self, unit: str, number: int) -> str:
        return self.text(f"age.{unit}" if number == 1 else f"age.{unit}s", n=number)

    def _find(self, key: str) -> "str | list[str] | Words":
        here: str | list[str] | Words = self._words
        for part in key.split("."):
            if not isinstance(here, dict):
                raise KeyError(key)
            here = here[part]
        return here


@cache
def catalogue(language: Language) -> Catalogue:
    """Read the words of one language, once."""
    words: Words = {}
    for package in PACKAGES:
        words |= tomllib.loads(files(package).joinpath(f"{language}.toml").read_text("utf-8"))
    return Catalogue(language, words)


def preferred_language(accept_language: str) -> Language:
    """Choose from an Accept-Language header: English only when it is wanted more than Chinese; zh-CN is the default."""
    wish: dict[str, float] = {"zh": 0.0, "en": 0.0}
    for entry in accept_language[:1000].split(","):
        tag, _, parameters = entry.strip().partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in wish:
            wish[language] = max(wish[language], _quality(parameters))
    return "en" if wish["en"] > wish["zh"] else "zh"


def _quality(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def moment(text: object) -> str | None:
    """Write an RFC 3339 time as `YYYY-MM-DD HH:MM` in China's zone; a plain date stays; None where it is neither."""
    parsed = _parsed(text)
    if parsed is None:
        return None
    return parsed.strftime("%Y-%m-%d") if _is_date(text) else parsed.strftime("%Y-%m-%d %H:%M")


def day(text: object) -> str | None:
    """Write the day of an RFC 3339 time or date in China's zone; None where it is neither."""
    parsed = _parsed(text)
    return None if parsed is None else parsed.strftime("%Y-%m-%d")


def _is_date(text: object) -> bool:
    return isinstance(text, str) and len(text) == len("2026-11-20")


def _parsed(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=CHINA_TIME) if parsed.tzinfo is None else parsed.astimezone(CHINA_TIME)
