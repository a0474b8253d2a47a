"""The documents say what is there: links lead somewhere, named files, commands and code exist, lists are complete."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from api.commands.setup import demo_installation
from api.examination import examine
from api.founding import make_installation
from api.wiring import Home
from tests.unit.api.named_commands import fault_of, named_commands

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
DOCUMENTS = [*sorted(DOCS.rglob("*.md")), ROOT / "CHANGELOG.md"]
DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_PATH = re.compile(r"`((?:registry|contracts|node|api|tests|docs|requirements|benchmarks)/[\w./-]*)`")
_CODE = re.compile(r"`((?:registry|contracts|node|api)(?:\.(?!json|db|toml|passphrase)\w+)+)`")


def anchors(document: Path) -> set[str]:
    """Give the fragments of a document's headings, as code hosts make them."""
    titles = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(document):
    for target in _LINK.findall(document.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        name, _, fragment = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        assert path.exists(), target
        assert not fragment or fragment in anchors(path), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_files_and_folders_exist(document):
    named = [path for path in _PATH.findall(document.read_text(encoding="utf-8")) if "CODE/" not in path]
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_commands_exist(document):
    named = named_commands(document.read_text(encoding="utf-8"))
    assert [fault for one in named if (fault := fault_of(one))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_named_code_exists(document):
    for name in _CODE.findall(document.read_text(encoding="utf-8")):
        assert resolves(name), name


def resolves(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_architecture_describes_every_room():
    text = read("architecture.md")
    for room in ("registry", "node"):
        for folder in sorted(path.name for path in (ROOT / room).iterdir() if (path / "__init__.py").is_file()):
            assert f"**{room}/{folder}**" in text, f"{room}/{folder}"
    rooms = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", text, re.MULTILINE))
    workflows = ROOT / "registry" / "workflows"
    assert sorted(rooms) == sorted(path.parent.name for path in workflows.glob("*/__init__.py"))
    for room, files in rooms.items():
        named = sorted(one.strip("`") for one in files.split(", "))
        assert named == sorted(path.stem for path in (workflows / room).glob("[a-z]*.py")), room


def test_architecture_states_the_law_that_is_checked():
    law = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    for name, room in (("the data's way", "registry"), ("rooms of the workflows", "workflows")):
        layers = next(one["layers"] for one in law if one["name"] == name)
        drawn = re.search(rf"^{room}:(.*?)```", read("architecture.md"), re.DOTALL | re.MULTILINE)
        assert drawn
        assert [layer.strip() for layer in drawn[1].replace("\n", " ").split("─►")] == layers


def test_glossary_names_code_in_every_row():
    rows = [line for line in read("glossary.md").splitlines() if line.startswith("|") and not line.startswith("|---")]
    for row in rows:
        chinese, english, code, source = (cell.strip() for cell in row.strip("|").split("|"))
        if chinese == "中文":
            continue
        assert re.search(r"[\u4e00-\u9fff]", chinese), row
        assert english, row
        assert source, row
        assert _CODE.fullmatch(code), row


@pytest.fixture(scope="module")
def founded(tmp_path_factory) -> Home:
    path = tmp_path_factory.mktemp("documented") / "home"
    home = Home(path)
    make_installation(home, demo_installation(), lambda what, text: None)
    return Home.find(path)


def test_operations_describes_every_file_of_a_data_folder(founded):
    text = read("operations.md")
    for path in founded.path.iterdir():
        name = path.name + ("/" if path.is_dir() else "")
        if not name.endswith(("-wal", "-shm")):  # described beside their databases
            assert f"`{name}`" in text, name
    for path in founded.keys.iterdir():
        assert f"`{path.name}`" in text, path.name


def test_operations_describes_everything_doctor_looks_at(founded):
    section = read("operations.md").split("## What doctor says")[1].split("\n## ")[0]
    for finding in examine(founded):
        assert f"| {finding.what} |" in section
        if finding.remedy.startswith("docs/"):
            name, _, fragment = finding.remedy.partition("#")
            assert fragment in anchors(ROOT / name), finding.remedy


def test_operations_describes_everything_fsck_finds():
    section = read("operations.md").split("## What fsck finds")[1].split("\n## ")[0]
    sources = (
        "registry/audit/__init__.py",
        "registry/workflows/auditing/audit.py",
        "registry/workflows/auditing/audit_examinations.py",
    )
    codes = {code for source in sources for code in re.findall(r'"fsck/([a-z-]+)"', (ROOT / source).read_text("utf-8"))}
    assert codes
    assert sorted(code for code in codes if f"`fsck/{code}`" not in section) == []


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda path: path.stem)
def test_decisions_have_their_parts(decision):
    text = decision.read_text(encoding="utf-8")
    assert text.startswith(f"# {decision.name[:4]} · ")
    parts = ["**Status**:", "## Context", "## Decision", "## Consequences", "## Alternatives"]
    assert sorted(parts, key=text.find) == parts
    assert all(part in text for part in parts)


def test_decisions_are_numbered_without_gaps():
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


def test_changelog_names_the_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
