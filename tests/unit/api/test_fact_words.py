"""What an error or a difference says of the very case is said in Chinese to whoever reads Chinese."""

import ast
import inspect
import re
import string
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

import registry
from api.commands.consortium.keys import KeyFormUnfit
from api.commands.fact_words import AS_THEY_ARE, facts_zh, in_chinese
from api.commands.failures import LISTS, UsageWrong, happened_zh, print_error, system_refused
from api.commands.numbers import NumbersMalformed
from api.commands.phrases import WORDS
from api.commands.setup import _OPTIONS, InstallationMalformed
from api.errors import advice
from registry.access import Action, FourEyes, NotInState, NotSignedIn
from registry.anchor.differences import both_sides
from registry.anchor.history import KeyKind
from registry.anchor.states import AnchorState
from registry.enrolment.admission import AdmissionOrder, AdmissionState
from registry.enrolment.courses import UnitsRefused
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import Address, IssuerCode
from registry.ports import LedgerForeign, LedgerUnavailable, NodesDisagree
from registry.ports.alarms import Alarm, WritingHalted
from registry.ports.replacements import ReplacementKind
from registry.ports.storage import DiskLow, KeyReused, NotHere
from registry.status import MoveForbidden, ReasonUnknown, Status
from registry.store.accounts import AccountTaken
from registry.workflows.certificates.contents import BatchInconsistent, ReservationVoid
from registry.workflows.chain.status_operations import NotApproved
from registry.workflows.desk.work_off import BundlesUnwritable
from registry.workflows.enrolment.enrol import UnitMissing
from registry.workflows.examination.examine import SessionNotOver
from registry.workflows.issuance.approve import BatchRecorded, NotApprover, NotWaiting
from registry.workflows.issuance.issue import ClockBehind
from registry.workflows.replacement.ask_replacement import NotReplaceable, ReplacementOpen
from registry.workflows.status.ask_changes import BatchMoveForbidden
from tests.unit.api.test_advice import error_classes, of_class

ROOT = Path(registry.__file__).parents[1]
MEMBERS = {"types", "signers"}
"""Names of members of a file, as they stand in it."""
IN_WORDS_OF_THE_ENGINE = {"ledger/transaction-refused"}
"""What an engine says is told as it says it."""
ROOMS = ("registry", "node", "api")
COMMAND = re.compile(r"vermilion(?: [a-z-]+)*")
WORKFLOWS = ROOT / "registry" / "workflows"
ENGLISH = re.compile(r"(?<![A-Za-z0-9/.\-_])(?!(?:https?|wei)\b)[a-z]{2,}(?: [a-z]+)*(?![A-Za-z0-9/\-_])")
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
    UsageWrong("Missing option '--level'", "vermilion batch propose"),
    NumbersMalformed("there is no certificate number on it", line=7),
    FourEyes("confirming scores"),
    BatchMoveForbidden("B-1", "is suspended by the members", Status.VALID),
    MoveForbidden(Status.REVOKED, Status.SUSPENDED),
    AdmissionOrder(AdmissionState.FEE_PAID, AdmissionState.ADMITTED),
    SessionNotOver("E-1", datetime(2026, 12, 5, 1, tzinfo=UTC)),
    UnitsRefused("units of 40 standard hours in all"),
    ReplacementOpen("N-1", "X-1", ReplacementKind.CORRECTION, "B-1"),
    NodesDisagree("block 7", {"127.0.0.1:8545": "it was there and is gone"}),
    KeyFormUnfit(KeyKind.SENDER),
    DiskLow(5 << 20, 256 << 20),
]
SAID_ELSEWHERE = {
    "access/not-allowed": "in_words says it",
    "access/no-account": "in_words says it",
    "access/not-in-state": "in_words says it",
    "replace/particular": "the table of the rosters says it",
    "bulk/nothing-to-verify": "the rows are listed",
    "consortium/refused": "the contract's own code says it",
    "programme/malformed": "a fault of a programme file is told in the words of its keys",
    "subsidy/malformed": "as of a programme file",
    "share/terms": "pages alone",
    "talent/words": "pages alone",
    "talent/not-valid": "pages alone",
    "client/nodes": "for programs",
    "client/document-unavailable": "for programs",
    "home/key-unpublished": "a thumbprint alone",
    "delivery/address-too-long": "a length alone",
}
"""Errors that say more than their code does, and need no Chinese text of it here."""
OF_FORMATS = (
    "credential/",
    "bundle/",
    "receipt/",
    "merkle/",
    "signing/",
    "encoding/",
    "statement/",
    "copy/",
    "history/",
)
"""What a verdict reports, place by place, or what only a damaged file calls forth."""


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


@cache
def known_of(error: type[RegistryError]) -> frozenset[str]:
    """List what an error keeps of the very case."""
    return frozenset(
        one.attr
        for kind in error.__mro__
        if issubclass(kind, RegistryError) and "__init__" in vars(kind)
        for one in ast.walk(ast.parse(inspect.getsource(kind.__init__).lstrip().replace("\n    ", "\n")))
        if isinstance(one, ast.Attribute) and isinstance(one.ctx, ast.Store) and getattr(one.value, "id", "") == "self"
    )


@pytest.mark.parametrize("code", [code for code, texts in advice().items() if texts.facts_zh])
def test_facts_are_made_of_what_the_error_knows(code: str) -> None:
    named = {one.split(".")[0] for _, one, _, _ in string.Formatter().parse(advice()[code].facts_zh) if one}
    known = known_of(of_class()[code])
    assert named <= known, named - known


def test_an_error_that_knows_more_than_its_code_says_it_in_chinese() -> None:
    untold = {
        kind.code
        for kind in error_classes()
        if known_of(kind) and not advice()[kind.code].facts_zh and not kind.code.startswith((*OF_FORMATS, "embedded/"))
    }
    assert sorted(untold - SAID_ELSEWHERE.keys()) == []
    assert sorted(SAID_ELSEWHERE.keys() - untold) == []


def phrases() -> Iterator[tuple[str, str]]:
    """Every phrase that the sources give to an error whose Chinese text repeats it; what is filled in is a number."""
    named = {
        kind.__name__: kind
        for kind in error_classes()
        if advice()[kind.code].facts_zh and kind.code not in IN_WORDS_OF_THE_ENGINE
    }
    for path in (path for room in ROOMS for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            kind = named.get(getattr(node.func, "id", "")) if isinstance(node, ast.Call) else None
            if kind is None:
                continue
            names = list(inspect.signature(kind).parameters)
            given = [*zip(names, node.args, strict=False), *((one.arg, one.value) for one in node.keywords)]
            for name, value in given:
                said_again = f"{{{name}}}" in advice()[kind.code].facts_zh and name not in AS_THEY_ARE
                if said_again and (text := written(value)) not in MEMBERS and ENGLISH.search(text):
                    yield kind.code, text


@pytest.mark.parametrize(
    ("code", "phrase"),
    sorted({*phrases(), *((InstallationMalformed.code, expected) for _, expected in _OPTIONS.values())}),
)
def test_what_an_error_is_made_of_is_said_in_chinese(code: str, phrase: str) -> None:
    assert ENGLISH.findall(in_chinese(phrase)) == [], code


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_the_line_in_brackets_is_chinese_for_whoever_reads_chinese(
    error: RegistryError, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERMILION_LANG", "zh")
    print_error(error)
    printed = capsys.readouterr().err.splitlines()
    (line,) = [one for one in printed if one.startswith("  （")]
    assert ENGLISH.findall(COMMAND.sub("", line)) == []


def test_a_part_without_a_value_is_left_out() -> None:
    assert facts_zh(NotReplaceable("N-1", Status.REVOKED, None)) == "证书N-1现为“已撤销”"
    assert facts_zh(NotReplaceable("N-1", Status.SUPERSEDED, "N-1#2")) == "证书N-1现为“已代替”，由N-1#2代替"
    assert facts_zh(NumbersMalformed("no certificate is named")) == "没有写明证书"


def test_several_things_are_listed_as_they_are_typed_and_many_are_counted() -> None:
    assert facts_zh(ReasonUnknown("x")).startswith("可用的原因：unspecified、")
    assert "correction" in facts_zh(ReasonUnknown("x"))
    assert facts_zh(UnitMissing([3, 5])) == "行号：3、5"
    assert facts_zh(UnitMissing(range(1, 13))) == "行号：1、2、3、4、5、6、7、8、9、10等12项"


def test_a_name_is_never_said_in_other_words() -> None:
    assert facts_zh(AccountTaken("root")) == "账号root"
    assert facts_zh(NotHere("batch", "status")) == "没有这个批次：status"


def test_of_an_error_that_is_nothing_but_its_code_no_english_is_added(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VERMILION_LANG", "zh")
    print_error(NotSignedIn())
    assert "（" not in capsys.readouterr().err


def test_what_happened_stands_on_one_line_with_its_facts_or_without() -> None:
    texts = advice()
    moved = happened_zh(MoveForbidden(Status.REVOKED, Status.SUSPENDED))
    assert moved == f"{texts['status/move-forbidden'].cause_zh}（现为“已撤销”，不能改为“已暂停”）"
    assert happened_zh(NotSignedIn()) == texts["sign-in/required"].cause_zh
    assert "（" not in happened_zh(NotInState(Action.CANCEL_BATCH, "B-1", "final", ()))


def test_control_an_english_line_is_found() -> None:
    assert ENGLISH.findall("  （the idempotency key was used before, B-2026-11-0004）")
    assert ENGLISH.findall("  （这个幂等键先前用于另一项请求：B-2026-11-0004，ledger/foreign）") == []
