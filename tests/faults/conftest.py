"""The stage on which commands are struck, and data folders to begin from; each made once and then only copied."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.demo_stage import Stage, copied


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Commands run here."""
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def examined_home(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose demonstration was killed right after the scores were confirmed."""
    home = tmp_path_factory.mktemp("examined") / "home"
    assert stage.demo(home, strike="committed marks.confirm").killed
    return home


@pytest.fixture(scope="session")
def finished_home(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose demonstration came to its end undisturbed."""
    home = tmp_path_factory.mktemp("finished") / "home"
    assert stage.demo(home).exit_code == 0
    return home


@pytest.fixture
def examined(examined_home: Path, tmp_path: Path) -> Path:
    """A copy to issue on."""
    return copied(examined_home, tmp_path / "home")


@pytest.fixture
def finished(finished_home: Path, tmp_path: Path) -> Path:
    """A copy to do anything with."""
    return copied(finished_home, tmp_path / "home")
