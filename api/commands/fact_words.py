"""What an error, an alarm or a difference says of this very case, in Chinese; in English its own message does."""

import re
import string
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from api.commands.access_words import ACTIONS, STATES
from api.commands.phrases import PATTERNS, WORDS
from api.commands.sentences import KEY_KINDS
from api.commands.words import REPLACEMENTS, STATUSES_ZH
from api.errors import advice, code_of
from api.terminal import moment, said
from registry.anchor.history import Checkpoint, KeyKind
from registry.anchor.proofs import head_text
from registry.enrolment.admission import STATE_NAMES, AdmissionState
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.errors import RegistryError
from registry.ports.replacements import ReplacementKind
from registry.status import Status

_ACTIONS: Final[Mapping[str, str]] = MappingProxyType({en: zh for zh, en in ACTIONS.values()})
AS_THEY_ARE: Final = frozenset(
    {"name", "named", "path", "where", "person", "account", "group", "field", "file", "row", "option", "issuer"}
)
"""Attributes that hold names: whatever they are, they are not said in other words."""
_MOST_LISTED: Final = 10
"""Of more things, the rest is counted."""
_WHERE_KNOWN: Final = re.compile(r"\[([^][]*)\]")
"""A part of `facts_zh` that is left out where an attribute in it has no value."""


def in_chinese(fact: str) -> str:
    """Say a fact in Chinese; what it is not known by is left as it is."""
    if fact in WORDS:
        return WORDS[fact]
    if fact in _ACTIONS:
        return _ACTIONS[fact]
    if fact in STATES and fact:
        return STATES[fact][0]
    for pattern, chinese in PATTERNS:
        found = pattern.fullmatch(fact)
        if found is not None:
            return chinese.format(*map(in_chinese, found.groups()))
    return fact


def fact_word(fact: str) -> str:
    """Say a fact in the reader's language."""
    return said(in_chinese(fact), fact)


def facts_zh(error: RegistryError) -> str:
    """Say in Chinese what an error's message says of this very case: empty where that is nothing but the case itself.

    Where nobody has written it yet, the message as it is.
    """
    code = code_of(error)
    texts, named = advice().get(code), vars(error)
    if texts is None or not texts.facts_zh:
        return str(error) if named and code == error.code else ""
    told = {one: at if one in AS_THEY_ARE else _told(at) for one, at in named.items()}

    def kept(found: re.Match[str]) -> str:
        parts = [one for _, one, _, _ in string.Formatter().parse(found[1]) if one]
        return found[1] if all(told[one.split(".")[0]] != "" for one in parts) else ""

    return _Facts().vformat(_WHERE_KNOWN.sub(kept, texts.facts_zh), (), told)


class _Facts(string.Formatter):
    """Writes moments as everywhere, where a text asks for no other form."""

    def format_field(self, value: object, format_spec: str) -> str:
        return moment(value) if isinstance(value, datetime) and not format_spec else format(value, format_spec)


def _told(at: object) -> object:
    """Say one attribute: phrases and states in Chinese, moments at +08:00, several things one after the other."""
    match at:
        case None:
            return ""
        case AdmissionState():
            return STATE_NAMES[at].zh
        case ReplacementKind():
            return REPLACEMENTS[at][0]
        case Status():
            return STATUSES_ZH[at.word]
        case str():
            return in_chinese(at)
        case KeyKind():
            return KEY_KINDS[at][0]
        case Checkpoint():
            return in_chinese(head_text(at))
        case bytes():
            return f"0x{at.hex()}"
        case datetime():
            return at.astimezone(CHINA_TIME)
        case dict():
            return "；".join(f"{one}：{_told(fact)}" for one, fact in at.items())
        case tuple():
            several = "、".join(_listed(one) for one in at[:_MOST_LISTED]) or "没有"
            return several if len(at) <= _MOST_LISTED else f"{several}等{len(at):,}项"
        case _:
            return at


def _listed(one: object) -> str:
    if isinstance(one, AdmissionState):
        return STATE_NAMES[one].zh
    # What is listed can be typed, so it stands as it is.
    return " ".join(map(str, one)) if isinstance(one, tuple) else str(one)
