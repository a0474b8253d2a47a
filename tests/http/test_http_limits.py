"""Limits on look-ups by number and name."""

import pytest

from api.verifier import LookupGate, LookupLimits, TooManyLookups


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def make_gate(**limits: int) -> tuple[LookupGate, Seconds]:
    seconds = Seconds()
    return LookupGate(LookupLimits(**limits), seconds), seconds


def test_number_is_limited_over_all_sources_and_spellings() -> None:
    gate, _ = make_gate(per_source=100, per_number=2)
    gate.admit("203.0.113.1", "AB-2026-X")
    gate.admit("203.0.113.2", "ab 2026 x")
    with pytest.raises(TooManyLookups):
        gate.admit("203.0.113.3", "AB2026X")
    gate.admit("203.0.113.3", "AB2026Y")


def test_limit_ends_with_its_window() -> None:
    gate, seconds = make_gate(per_source=1, window_seconds=600)
    gate.admit("203.0.113.1", "A")
    seconds.now = 599.5
    with pytest.raises(TooManyLookups) as caught:
        gate.admit("203.0.113.1", "B")
    assert caught.value.retry_after_seconds == 1
    seconds.now = 600.0
    gate.admit("203.0.113.1", "B")


def test_one_ipv6_network_is_one_source() -> None:
    gate, _ = make_gate(per_source=1)
    gate.admit("2001:db8:1:2::1", "A")
    with pytest.raises(TooManyLookups):
        gate.admit("2001:db8:1:2:ffff::9", "B")
    gate.admit("2001:db8:1:3::1", "C")


def test_source_that_is_no_address_is_limited_too() -> None:
    gate, _ = make_gate(per_source=1)
    gate.admit("testclient", "A")
    with pytest.raises(TooManyLookups):
        gate.admit("testclient", "B")


def test_memory_is_bounded_and_keeps_who_asks_most_recently() -> None:
    gate, _ = make_gate(per_source=1_000, per_number=1, remembered=50)
    for number in range(500):
        gate.admit("203.0.113.1", f"N{number}")
    assert len(gate._counters) <= 50
    with pytest.raises(TooManyLookups):
        gate.admit("203.0.113.1", "N499")
