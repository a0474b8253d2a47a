"""The list of faults: each with its number in the catalogue of single faults, how it is injected, what is expected.

A case is a function that plays a fault on a scene and asserts what is particular to it; the invariants are asked after
each, the same for all.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tests.faults.harness.scene import Scene

Case = Callable[[Scene], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault that is tried."""

    number: str
    """`13`, or of a pair `P7`."""
    name: str
    how: str
    """How it is injected."""
    expected: str
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Untried:
    """A fault that cannot be tried here, or not wholly; it counts for nothing."""

    number: str
    name: str
    reason: str


class CannotBeTried(Exception):
    """This machine does not let a fault be injected; it counts as not survived, and as no failure either."""


SINGLES: list[Fault] = []


def single(number: int | str, name: str, *, how: str, expected: str) -> Callable[[Case], Case]:
    """Put a case into the list of single faults."""

    def put(case: Case) -> Case:
        SINGLES.append(Fault(number=str(number), name=name, how=how, expected=expected, case=case))
        return case

    return put


UNTRIED: tuple[Untried, ...] = (
    Untried(
        number="18",
        name="partition between validators",
        reason="the embedded chain has one sealer, and no engine with several runs here: tried between a client and "
        "two nodes (18) instead",
    ),
)
