"""What an error or a difference says of the very case is said in Chinese to whoever reads Chinese."""

import ast
import inspect
import re
import string
from datetime import UTC, datetime
from pathlib import Path

import pytest

import registry
from api.commands.fact_words import WORDS, in_chinese
from api.commands.failures import LISTS, print_error, system_refused
from api.errors import advice
from registry.anchor.differences import both_sides
from registry.anchor.states import AnchorState
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import Address, IssuerCode
from registry.ports import LedgerForeign, LedgerUnavailable
from registry.ports.alarms import Alarm, WritingHalted
from registry.ports.storage import KeyReused, NotHere
from registry.workflows.certificates.contents import BatchInconsistent, ReservationVoid
from registry.workflows.chain.status_operations import NotApproved
from registry.workflows.desk.work_off import BundlesUnwritable
from registry.workflows.issuance.approve import BatchRecorded, NotApprover, NotWaiting
from registry.workflows.issuance.issue import ClockBehind
from tests.unit.api.test_advice import of_class

WORKFLOWS = Path(registry.__file__).parent / "workflows"
ENGLISH = re.compile(r"(?<![A-Za-z0-9/.\-_])(?!UTC\b)[a-z]{2,}(?: [a-z]+)*(?![A-Za-z0-9/\-_])")
ALARM = Alarm(id="L-2026-11-0001", code="ledger/foreign", subject="B-1", detail="", raised_at=datetime.now(UTC))
ERRORS = [
    KeyReused("k", "B-2026-11-0004"),
    NotApproved("B-1", "sealed"),
    NotWaiting("B-1", "cancelled", "an approval"),
    BatchRecorded("B-1", 7),
    BatchInconsistent("B-1", "number of credentials"),
    ReservationVoid("B-1", "was erased"),
    NotApprover(Address("0x" + "ab" * 20), IssuerCode("DEMO-EEC"), "it is not registered"),
    ClockBehind(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
    WritingHalted(ALARM),
    LedgerForeign("chain id", "20268", "1"),
    LedgerUnavailable("127.0.0.1:8545", "connection refused"),
    BundlesUnwritable("No space left on device"),
    system_refused(PermissionError(13, "Permission denied", "/x")),
    system_refused(OSError(28, "No space left on device")),
    NotHere("batch", "B-1"),
]


def facts() -> set[str]:
    """What the sources of reconciling say of either side; what is filled in is a number."""
    found = set()
    for path in WORKFLOWS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Found":
                for keyword in node.keywords:
                    if keyword.arg in {"here", "there"}:
                        found |= {text for one in ast.walk(keyword.value) if (text := written(one))}
    return found


def written(node: ast.AST) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.strip():
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in node.values)
    return ""


WHOLE = sorted(one for one in facts() if not one.endswith(" ") and not one.startswith(" "))


def test_the_sources_say_what_differs() -> None:
    assert {"not delivered", "no desk", "nonce 7", "7 files missing"} <= set(WHOLE)


@pytest.mark.parametrize("fact", [*WHOLE, "7 transactions", "record 7, root abc", "sealed, root abc", *AnchorState])
def test_what_reconciling_finds_is_said_in_chinese(fact: str) -> None:
    assert re.search(r"[\u4e00-\u9fff]", in_chinese(fact)), fact


def test_both_sides_of_an_alarm_are_said_in_chinese() -> None:
    assert in_chinese(both_sides("5 transactions", "6 transactions")) == "这里：5笔交易；链上：6笔交易"
    assert in_chinese(str(LedgerForeign("chain id", "20268", "1"))) == "链编号：应为20268，实为1"
    assert in_chinese("B-2026-11-0004") == "B-2026-11-0004"


def test_every_kind_that_a_command_names_has_its_word() -> None:
    assert sorted(LISTS.keys() - WORDS.keys()) == []


@pytest.mark.parametrize("code", [code for code, texts in advice().items() if texts.facts_zh])
def test_facts_are_made_of_what_the_error_knows(code: str) -> None:
    template = advice()[code].facts_zh
    named = {field.split(".")[0] for _, field, _, _ in string.Formatter().parse(template) if field}
    known = {
        one.attr
        for kind in of_class()[code].__mro__
        if issubclass(kind, RegistryError) and "__init__" in vars(kind)
        for one in ast.walk(ast.parse(inspect.getsource(kind.__init__).lstrip().replace("\n    ", "\n")))
        if isinstance(one, ast.Attribute) and getattr(one.value, "id", "") == "self"
    }
    assert named <= known, named - known


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_line_in_brackets_is_chinese_for_whoever_reads_chinese(
    error: RegistryError, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERMILION_LANG", "zh")
    print_error(error)
    printed = capsys.readouterr().err.splitlines()
    (line,) = [one for one in printed if one.startswith("  （")]
    assert ENGLISH.findall(line) == []


def test_control_an_english_line_is_found() -> None:
    assert ENGLISH.findall("  （the idempotency key was used before, B-2026-11-0004）")
    assert ENGLISH.findall("  （这个幂等键先前用于另一项请求：B-2026-11-0004，ledger/foreign）") == []
