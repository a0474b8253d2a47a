"""What nearly every test of the doors does again and again, with less work."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def lighter_work() -> Iterator[None]:
    """For a file of tests: many passwords."""
    with pytest.MonkeyPatch.context() as here:
        # A hash carries its own cost; that new ones have the full one is tested beside registry.access.
        here.setattr("registry.access.passwords._LOG_N", 10)
        yield
