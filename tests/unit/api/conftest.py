"""What commands remember of the command line is forgotten between tests: they share one process."""

from collections.abc import Iterator

import pytest

from api.terminal import repeat_home


@pytest.fixture(autouse=True)
def _no_home_named() -> Iterator[None]:
    repeat_home(None, None)
    yield
    repeat_home(None, None)
