"""Text forms with exactly one spelling: base64url (RFC 4648 §5) of bytes, canonical JSON (RFC 8785) of values.

Reading is strict, because what we read is hashed or signed: another spelling of the same value is another document.
"""

import binascii
import json
import re
from collections import Counter
from typing import TypeAlias

import rfc8785

from registry.kernel.errors import MalformedInput

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | bool | None"
"""A JSON value without floating point numbers."""
JsonObject: TypeAlias = dict[str, JsonValue]

MAX_INTEGER = 2**53 - 1
"""Largest magnitude of an integer that every JSON implementation reads alike (RFC 8785 §3.2.2.3)."""
_MAX_INTEGER_TEXT = len(f"-{MAX_INTEGER}")
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"')
_WHITE_SPACE = re.compile(r"[ \t\r\n]")
_BETWEEN_TOKENS = re.compile(r'[ \t\r\n](?:(?=[{}\[\],:"]|\Z)|(?<=[{}\[\],:"].)|(?<=\A.))', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_FROM_URL = bytes.maketrans(b"-_", b"+/")
_BYTE_ORDER_MARK = "\ufeff"


class Base64Refused(MalformedInput):
    """Text is not base64url in its one canonical spelling without padding."""

    code = "encoding/base64url"

    def __init__(self, length: int) -> None:
        self.length = length
        super().__init__(f"expected canonical base64url without padding, got other text of {length} characters")


class JsonRefused(MalformedInput):
    """Bytes are not the strict JSON that we read."""

    code = "encoding/json"


class NotUtf8(JsonRefused):
    """The bytes are not UTF-8, or begin with a byte order mark."""

    code = "encoding/not-utf-8"

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(f"expected UTF-8 without a byte order mark, which byte {position} is not")


class NotJson(JsonRefused):
    """The text breaks the grammar of RFC 8259."""

    code = "encoding/not-json"

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(f"expected JSON, which breaks off at character {position}")


class TrailingText(JsonRefused):
    """Something follows the JSON value."""

    code = "encoding/trailing-text"

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(f"expected the end after the JSON value, got more from character {position}")


class DuplicateMember(JsonRefused):
    """A JSON object names a member twice."""

    code = "encoding/duplicate-member"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"expected each member once, got {member[:40]!a} twice")


class NumberRefused(JsonRefused):
    """A number is not a plain integer below 2^53 in magnitude."""

    code = "encoding/number"

    def __init__(self) -> None:
        super().__init__("expected an integer below 2^53 in magnitude, got another number")


class LoneSurrogate(JsonRefused):
    """A string holds half of a surrogate pair."""

    code = "encoding/lone-surrogate"

    def __init__(self) -> None:
        super().__init__("expected Unicode text, got a lone surrogate")


class TooDeep(JsonRefused):
    """Objects and arrays are nested deeper than allowed."""

    code = "encoding/too-deep"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"expected at most {limit} levels of nesting, got more")


class WhiteSpace(JsonRefused):
    """There is white space between the tokens of compact JSON."""

    code = "encoding/white-space"

    def __init__(self) -> None:
        super().__init__("expected JSON without white space between its tokens")


class NotCanonical(MalformedInput):
    """A value has no canonical JSON, or bytes are not the canonical JSON of what they say."""

    code = "encoding/not-canonical"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"expected canonical JSON (RFC 8785): {reason}")


def b64url(data: bytes) -> str:
    """Encode bytes as base64url without padding."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def unb64url(text: str) -> bytes:
    """Decode base64url without padding. Raises Base64Refused for any spelling that `b64url` would not have written."""
    try:
        data = binascii.a2b_base64((text + "=" * (-len(text) % 4)).encode("ascii").translate(_FROM_URL))
    except ValueError as error:  # also what binascii and the ASCII codec raise
        raise Base64Refused(len(text)) from error
    # The decoder skips foreign characters and ignores spare bits; writing the bytes again finds both.
    if b64url(data) != text:
        raise Base64Refused(len(text))
    return data


def canonical_json(value: JsonValue) -> bytes:
    """Write a value as RFC 8785 canonical JSON. Raises NotCanonical for floats, wide integers and lone surrogates."""
    plain = _require_canonical(value)
    try:
        # With ASCII names alone, the standard library writes the same bytes many times faster.
        return _PLAIN.encode(value).encode() if plain else rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical("a lone surrogate") from error


def parse_json(data: bytes, *, max_depth: int = 32, compact: bool = False) -> JsonValue:
    """Read strict JSON.

    UTF-8 without byte order mark, no repeated members, integers only and below 2^53, no lone surrogates, at most
    `max_depth` objects and arrays inside each other; with `compact`, no white space between tokens.
    Raises a JsonRefused.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotUtf8(error.start) from error
    if text.startswith(_BYTE_ORDER_MARK):
        raise NotUtf8(0)
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise (TrailingText if error.msg == "Extra data" else NotJson)(error.pos) from error
    except RecursionError as error:
        raise TooDeep(max_depth) from error
    if text.count("[") + text.count("{") > max_depth:
        _require_depth(value, max_depth)
    if "\\u" in text:  # only an escape can bring a surrogate into what was UTF-8
        _require_text(value)
    # Between tokens white space has a mark or an end beside it; whether that is so inside a string takes longer to see.
    if compact and _BETWEEN_TOKENS.search(text) and _WHITE_SPACE.search(_STRING.sub("", text)):
        raise WhiteSpace
    return value


def parse_canonical_json(data: bytes, *, max_depth: int = 32) -> JsonValue:
    """Read JSON that must be its own RFC 8785 form, byte for byte. Raises a JsonRefused or NotCanonical."""
    value = parse_json(data, max_depth=max_depth)
    if canonical_json(value) != data:
        raise NotCanonical("the bytes are another spelling of the same value")
    return value


def _members(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        [(name, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise DuplicateMember(name)
    return members


def _integer(text: str) -> int:
    if len(text) > _MAX_INTEGER_TEXT or text == "-0" or abs(int(text)) > MAX_INTEGER:
        raise NumberRefused
    return int(text)


def _refuse_number(_: str) -> JsonValue:
    raise NumberRefused


_PLAIN = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
_DECODER = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_refuse_number, parse_constant=_refuse_number
)


def _require_depth(value: JsonValue, max_depth: int) -> None:
    level: list[JsonValue] = [value]
    for _ in range(max_depth + 1):
        below: list[JsonValue] = []
        nested = False
        for item in level:
            if isinstance(item, dict):
                nested = True
                below.extend(item.values())
            elif isinstance(item, list):
                nested = True
                below.extend(item)
        if not nested:
            return
        level = below
    raise TooDeep(max_depth)


def _require_text(value: JsonValue) -> None:
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise LoneSurrogate
    elif isinstance(value, dict):
        for name, member in value.items():
            _require_text(name)
            _require_text(member)
    elif isinstance(value, list):
        for item in value:
            _require_text(item)


def _require_canonical(value: object) -> bool:
    """Refuse numbers that have no canonical form; tell whether all names of members are ASCII."""
    if isinstance(value, str | bool | None):
        return True
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise NotCanonical("an integer of 2^53 or more in magnitude")
        return True
    if isinstance(value, dict):
        plain = [_require_canonical(member) for member in value.values()]
        return all(plain) and all(isinstance(name, str) and name.isascii() for name in value)
    if isinstance(value, list | tuple):
        return all([_require_canonical(item) for item in value])
    raise NotCanonical(f"a {type(value).__name__}")
