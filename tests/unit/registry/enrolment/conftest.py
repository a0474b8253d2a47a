from datetime import date
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

from registry.programme import Programme, load_catalogue

ROSTERS = Path(__file__).parents[3] / "fixtures" / "rosters"


@pytest.fixture(scope="session")
def programme() -> Programme:
    return load_catalogue().programme("AIGC-APP-ENG", "2026.1")


@pytest.fixture(scope="session")
def today() -> date:
    return date(2026, 11, 1)


@pytest.fixture(scope="session")
def generator() -> dict[str, Any]:
    """The names that the generator of sample rosters defines."""
    return run_path(str(ROSTERS / "generate.py"))
