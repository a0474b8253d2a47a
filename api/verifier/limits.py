"""How often somebody may look up certificates by number and name: per source, and per number.

Counted in fixed windows in this process's memory; nothing is written down. Hits and misses count the same, so that a
refusal tells nothing about a number.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import normal_number


class TooManyLookups(RuleRefusal):
    """A source, or everybody together on one number, has asked too often."""

    code = "lookup/too-many"

    def __init__(self, retry_after_seconds: int) -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"too many look-ups by number and name: expected a pause of {retry_after_seconds} seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupLimits:
    """The limits as an operator sets them."""

    per_source: int = 60
    """Look-ups of one address (one /64 network of IPv6) in a window."""
    per_number: int = 20
    """Look-ups of one certificate number, by anybody, in a window."""
    window_seconds: int = 600
    remembered: int = 100_000
    """Most counters held at a time; beyond it the oldest are dropped."""


class LookupGate:
    """Counts look-ups and refuses those above the limits. Safe to share between threads."""

    def __init__(self, limits: LookupLimits, seconds: Callable[[], float]) -> None:
        """Take the limits and a clock that never goes back, in seconds."""
        self._limits, self._seconds = limits, seconds
        self._counters: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, source: str, number: str) -> None:
        """Count one look-up of `number` by the address `source`. Raises TooManyLookups."""
        with self._lock:
            self._count(f"source {_network(source)}", self._limits.per_source)
            self._count(f"number {normal_number(number)}", self._limits.per_number)

    def _count(self, subject: str, most: int) -> None:
        now = self._seconds()
        began, count = self._counters.get(subject, (now, 0))
        if now - began >= self._limits.window_seconds:
            began, count = now, 0
        if count >= most:
            raise TooManyLookups(max(1, int(began + self._limits.window_seconds - now) + 1))
        self._counters[subject] = (began, count + 1)
        self._counters.move_to_end(subject)
        if len(self._counters) > self._limits.remembered:
            self._counters.popitem(last=False)


def _network(source: str) -> str:
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:  # a proxy or a test client may give a name
        return source
    if address.version == 6:
        # One subscriber holds a whole /64, so single addresses would be no limit.
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
