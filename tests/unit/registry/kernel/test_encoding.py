import base64
import contextlib

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from registry.kernel.encoding import (
    MAX_INTEGER,
    Base64Refused,
    DuplicateMember,
    JsonRefused,
    LoneSurrogate,
    NotCanonical,
    NotJson,
    NotUtf8,
    NumberRefused,
    TooDeep,
    TrailingText,
    WhiteSpace,
    b64url,
    canonical_json,
    parse_canonical_json,
    parse_json,
    unb64url,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary())
def test_base64url_comes_back_and_agrees_with_the_standard_library(data: bytes) -> None:
    assert b64url(data) == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert unb64url(b64url(data)) == data


@given(st.binary(min_size=1), st.data())
def test_each_value_has_one_spelling(data: bytes, draw: st.DataObject) -> None:
    text = b64url(data)
    position = draw.draw(st.integers(0, len(text) - 1))
    other = text[:position] + draw.draw(st.characters()) + text[position + 1 :]
    if other != text:
        with contextlib.suppress(Base64Refused):
            assert unb64url(other) != data


@pytest.mark.parametrize("text", ["A", "AB", "AA=", "AA==", "+A", "/A", "AAA\n", " AAA", "AÁ", "A\ud800", "AA\0\0"])
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(Base64Refused):
        unb64url(text)


def test_canonical_json_as_in_rfc_8785() -> None:
    # §3.2.3: sorted by UTF-16 code units, so the pair of U+1F600 comes before U+FB33.
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7}
    assert canonical_json(dict(keys)) == ('{"\\r":2,"1":4,"\x80":6,"ö":7,"€":1,"😀":5,"\ufb33":3}'.encode())
    assert canonical_json(['\x0f\n"\\/é', None, True, -1]) == '["\\u000f\\n\\"\\\\/é",null,true,-1]'.encode()


@given(JSON)
def test_canonical_json_is_read_back(value: object) -> None:
    data = canonical_json(value)  # type: ignore[arg-type] # drawn from exactly that type
    assert parse_json(data, compact=True) == value
    assert parse_canonical_json(data) == value


@given(JSON)
def test_canonical_json_agrees_with_another_implementation(value: object) -> None:
    assert canonical_json(value) == rfc8785.dumps(value)  # type: ignore[arg-type] # drawn from exactly that type


@pytest.mark.parametrize("value", [1.5, {1: 2}, b"x", {"a": {1}}, [1.0], {"a": {"b": float("nan")}}, 2**53, "\ud800"])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical_json(value)  # type: ignore[arg-type] # the wrong types are the point


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"\xff", NotUtf8),
        (b"\xef\xbb\xbf{}", NotUtf8),
        (b"\xed\xa0\x80", NotUtf8),
        (b"", NotJson),
        (b"{'a':1}", NotJson),
        (b'{"a":1,}', NotJson),
        (b'["\x01"]', NotJson),
        (b"[01]", NotJson),
        (b"{} {}", TrailingText),
        (b'{"a":1,"\\u0061":2}', DuplicateMember),
        (b'[{"a":{"b":1,"b":1}}]', DuplicateMember),
        (b"[1.0]", NumberRefused),
        (b"[1e2]", NumberRefused),
        (b"[NaN]", NumberRefused),
        (b"[-Infinity]", NumberRefused),
        (b"[-0]", NumberRefused),
        (b"[9007199254740992]", NumberRefused),
        (b"[-9007199254740992]", NumberRefused),
        (b"[" + b"9" * 5000 + b"]", NumberRefused),
        (b'["\\ud800"]', LoneSurrogate),
        (b'{"\\udc00x":1}', LoneSurrogate),
        (b"[" * 7 + b"]" * 7, TooDeep),
        (b'{"a":' * 200_000, TooDeep),
        (b"[1, 2]", WhiteSpace),
        (b'{"a":1}\n', WhiteSpace),
    ],
)
def test_json_that_is_not_strict_is_refused(data: bytes, error: type[JsonRefused]) -> None:
    with pytest.raises(error) as caught:
        parse_json(data, max_depth=6, compact=True)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 6 + b"]" * 6,
        b'{"a b":"c\\" d"}',
        b"[9007199254740991,-9007199254740991,0]",
        b'["\\ud83d\\ude00"]',
        b'["[[[[[[[{{{{{{{"]',
    ],
)
def test_strict_json_at_its_limits_is_read(data: bytes) -> None:
    parse_json(data, max_depth=6, compact=True)


@given(st.binary(max_size=60))
def test_only_our_errors_leave_the_reader(data: bytes) -> None:
    with contextlib.suppress(JsonRefused):
        parse_json(data, max_depth=4, compact=True)


@pytest.mark.parametrize("data", [b'{"b":1,"a":2}', b'{"a": 1}', b'"\\u0041"', b'"\\/"', b"[1]\n"])
def test_another_spelling_is_not_canonical(data: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse_canonical_json(data)
