"""The stage on which commands are struck, and data folders to begin from; each made once and then only copied."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.wiring import Home
from registry.access import AccountKind, Role
from registry.workflows.access.sign_in import add_account, change_roles
from tests.faults.demo_stage import Stage, copied

ANYBODY = "one"
"""In whose name a command acts that names nobody."""


def appoint_to_everything(home: Path) -> None:
    """Let two people do anything, and the maker approve too: what refuses them then is no want of a role."""
    opened = Home(home)
    house = frozenset(Role) - {Role.EMPLOYER, Role.RECRUITER, Role.HOLDER}
    with closing(opened.store):
        for name in (ANYBODY, "two"):
            add_account(
                opened.store,
                opened.clock,
                name=name,
                display=name,
                kind=AccountKind.STAFF,
                roles=house,
                by="operator-1",
            )
        both = frozenset({Role.MAKER, Role.APPROVER})
        change_roles(opened.store, opened.clock, name="maker-1", roles=both, by="operator-1")


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Commands run here."""
    os.environ["VERMILION_PERSON"] = ANYBODY
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
    appoint_to_everything(home)
    return home


@pytest.fixture
def examined(examined_home: Path, tmp_path: Path) -> Path:
    """A copy to issue on."""
    return copied(examined_home, tmp_path / "home")


@pytest.fixture
def finished(finished_home: Path, tmp_path: Path) -> Path:
    """A copy to do anything with."""
    return copied(finished_home, tmp_path / "home")
