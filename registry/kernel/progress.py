"""How long work tells how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told how many of how many are done."""


def unheard(done: int, total: int) -> None:
    """Hear of progress and do nothing."""
