"""Holders' names: which characters they may have, and the one form in which they are stored and looked up."""

import re
import unicodedata

MAX_NAME = 100
"""Longest name in characters."""

# Unified and compatibility ideographs of all planes, 〇 and 々; also those added after this Python's Unicode tables.
_HAN = "\u3007\u3005\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff"
_NAME = re.compile(rf"[{_HAN}{_LATIN}][{_HAN}{_LATIN}\u0300-\u036f·' .\u2019-]*")
_LATIN_NAME = re.compile(rf"[{_LATIN}][{_LATIN}\u0300-\u036f' .,\u2019-]*")
_SPACE_AT_HAN = re.compile(rf"[{_HAN}·]\s+[{_HAN}·]")
# Look-alikes of the middle dot from input methods and old tables: bullet, hyphenation point, katakana dot, operators.
_DOTS = str.maketrans(dict.fromkeys("\u2022\u2027\u30fb\u2219\u22c5\uff65", "·"))
_APOSTROPHES = str.maketrans("\u2018\u2019\u02bc", "'''")
_SPACE_BESIDE_HAN = re.compile(rf"(?<=[{_HAN}·]) +| +(?=[{_HAN}·])")


def normal_name(text: str) -> str:
    """Bring a name to the form it is stored and compared in: NFC, one kind of middle dot, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_DOTS).split())


def folded_name(text: str) -> str:
    """Fold what people type differently in one and the same name, for comparing; shown and stored it never is.

    1. Width and form of the letters (NFKC), the kind of middle dot, of apostrophe and of space, letter case.
    2. Of spaces: none beside a Chinese character or a middle dot, one between words in Latin letters.
    No letter is dropped, added or taken for another one: ß stays ß, é stays é, and a middle dot is not left out.
    """
    plain = normal_name(unicodedata.normalize("NFKC", text)).translate(_APOSTROPHES).lower()
    return _SPACE_BESIDE_HAN.sub("", unicodedata.normalize("NFC", plain))


def name_fault(name: str) -> str | None:
    """Check a name in normal form (Han, also rare ones; Latin letters; middle dot); gives the slug of what is wrong."""
    if _SPACE_AT_HAN.search(name):
        return "name-space"
    if len(name) > MAX_NAME or not _NAME.fullmatch(name) or name.endswith("·") or "··" in name:
        return "name-characters"
    return None


def latin_name_fault(name: str) -> str | None:
    """Check a name in Latin letters in normal form; gives the slug of what is wrong."""
    return None if len(name) <= MAX_NAME and _LATIN_NAME.fullmatch(name) else "name-latin"
