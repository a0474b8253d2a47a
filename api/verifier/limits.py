"""How often somebody may look up certificates: by number and name per source and per number, by key per source.

Counted in fixed windows in this process's memory; nothing is written down. By number and name hits and misses count the
same, so that a refusal tells nothing about a number. Of keys only the misses count: a key is not guessed by somebody
who has it, and a school may scan a thousand certificates from one address.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import normal_number

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
"""Addresses of proxies that are believed."""


class TooManyLookups(RuleRefusal):
    """A source, or everybody together on one number, has asked too often."""

    code = "lookup/too-many"

    def __init__(self, retry_after_seconds: int, what: str = "look-ups by number and name") -> None:
        self.retry_after_seconds = retry_after_seconds
        super().__init__(f"too many {what}: expected a pause of {retry_after_seconds} seconds")


class TooManyKeys(TooManyLookups):
    """A source has asked too often for certificate keys that nothing stands under."""

    code = "lookup/too-many-keys"

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(retry_after_seconds, "unknown certificate keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupLimits:
    """The limits as an operator sets them."""

    per_source: int = 60
    """Look-ups of one address (one /64 network of IPv6) in a window."""
    per_number: int = 20
    """Look-ups of one certificate number, by anybody, in a window."""
    missed_keys: int = 60
    """Unknown certificate keys that one address may ask for in a window; then it is answered no key at all."""
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

    def admit_key(self, source: str) -> None:
        """Let `source` ask for a certificate key, unless it has missed too often. Raises TooManyKeys."""
        with self._lock:
            began, count = self._counter(_keys_of(source))
            if count >= self._limits.missed_keys:
                raise TooManyKeys(self._left_of(began))

    def missed_key(self, source: str) -> None:
        """Count one certificate key that `source` asked for and nothing stands under."""
        with self._lock:
            self._add(_keys_of(source))

    def _count(self, subject: str, most: int) -> None:
        began, count = self._counter(subject)
        if count >= most:
            raise TooManyLookups(self._left_of(began))
        self._add(subject)

    def _counter(self, subject: str) -> tuple[float, int]:
        now = self._seconds()
        began, count = self._counters.get(subject, (now, 0))
        return (now, 0) if now - began >= self._limits.window_seconds else (began, count)

    def _left_of(self, began: float) -> int:
        return max(1, int(began + self._limits.window_seconds - self._seconds()) + 1)

    def _add(self, subject: str) -> None:
        began, count = self._counter(subject)
        self._counters[subject] = (began, count + 1)
        self._counters.move_to_end(subject)
        if len(self._counters) > self._limits.remembered:
            self._counters.popitem(last=False)


def source_behind(peer: str, forwarded: Sequence[str], proxies: Sequence[Network]) -> str:
    """Name the address that a request came from: the peer, or whom a believed proxy says it serves.

    `forwarded`: the X-Forwarded-For headers. Each proxy adds whom it served at the end, so they are read from there, as
    long as whoever wrote them is believed; what a stranger wrote before that is his own invention.
    """
    source = peer
    hops = [hop.strip() for line in forwarded for hop in line.split(",")]
    while hops and _is_among(source, proxies):
        said = _address(hops.pop())
        if said is None:
            return source
        source = str(said)
    return source


def _keys_of(source: str) -> str:
    return f"keys {_network(source)}"


def _is_among(source: str, networks: Sequence[Network]) -> bool:
    address = _address(source)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:  # a proxy or a test client may give a name
        return None
    # A socket for both families gives the addresses of IPv4 in the form of IPv6, all of them in one /64.
    return address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address


def _network(source: str) -> str:
    address = _address(source)
    if address is None:
        return source
    if address.version == 6:
        # One subscriber holds a whole /64, so single addresses would be no limit.
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
