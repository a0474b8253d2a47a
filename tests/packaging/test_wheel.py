"""The wheel, built and installed into an empty environment, is the whole product: four packages and their data."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from registry.programme import load_catalogue

ROOT = Path(__file__).parents[2]
TOP_LEVELS = {"api", "contracts", "node", "registry"}
pytestmark = pytest.mark.wheel


def _run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    source = tmp_path_factory.mktemp("source") / "tree"
    ignored = shutil.ignore_patterns(".git", ".venv", "demo-data", "*_cache", "__pycache__", ".hypothesis")
    shutil.copytree(ROOT, source, ignore=ignored)
    _run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, source)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "venv"
    _run(sys.executable, "-m", "venv", folder)
    interpreter = folder / "bin" / "python"
    pip = (interpreter, "-m", "pip", "install", "-q", "--disable-pip-version-check")
    _run(*pip, "--require-hashes", "-r", ROOT / "requirements" / "run.txt")
    _run(*pip, "--no-deps", wheel)
    return interpreter


def test_wheel_holds_exactly_the_four_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist() if ".dist-info/" not in name}
    assert tops == TOP_LEVELS


def test_no_other_distribution_owns_our_import_names(python: Path) -> None:
    code = (
        "import importlib.metadata as m; owners = m.packages_distributions();"
        f"print({{name: owners[name] for name in {sorted(TOP_LEVELS)!r}}})"
    )
    assert _run(python, "-c", code).strip() == str({name: ["vermilion"] for name in sorted(TOP_LEVELS)})


def test_command_shows_its_help(python: Path) -> None:
    assert "vermilion" in _run(python.parent / "vermilion", "--help")


def test_migration_runs_and_an_artefact_is_read(python: Path, tmp_path: Path) -> None:
    code = (
        "import pathlib, sys; from registry.store import DataKeys, open_database; from contracts import artefact;"
        "open_database(pathlib.Path(sys.argv[1]), DataKeys.generate(), create=True).close();"
        "print(len(artefact('cancun').bytecode) > 1000, len(artefact('london').bytecode) > 1000)"
    )
    assert _run(python, "-c", code, tmp_path / "registry.db").strip() == "True True"


def test_pages_and_programmes_come_with_it(python: Path) -> None:
    code = (
        "import api.pages.catalogue as c, api.errors as e; from registry.programme import load_catalogue;"
        "print(load_catalogue().codes(), c.catalogue('zh').text('site.name'), len(e.advice()) > 50)"
    )
    assert _run(python, "-c", code).strip() == f"{load_catalogue().codes()} 朱印 True"
