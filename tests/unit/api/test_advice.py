"""Every stable code says what it means and what to do, in both languages; docs/errors.md is that table.

`python -m tests.unit.api.test_advice` writes docs/errors.md anew.
"""

import importlib
import pkgutil
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import api
import contracts
import node
import registry
from api import problems
from api.cli import print_error
from api.errors import Advice, advice, exit_code
from api.verifier.limits import TooManyKeys, TooManyLookups
from contracts import faults
from node.client.ledger import OUT_OF_GAS, REVERTED
from registry.access import NotSignedIn
from registry.anchor.differences import Name
from registry.kernel import errors as tree
from registry.kernel.errors import (
    Conflict,
    IntegrityFault,
    MalformedInput,
    Missing,
    RegistryError,
    RuleRefusal,
    Unavailable,
)
from registry.ports import LedgerUnavailable
from tests.unit.api.named_commands import fault_of, named_commands, unknown_options

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "errors.md"
BRANCHES = (MalformedInput, RuleRefusal, Conflict, Missing, Unavailable, IntegrityFault)
HTTP_REFUSED = "http/refused"
"""What `api.problems` calls a refusal of the web framework that has no code of its own."""


@cache
def error_classes() -> tuple[type[RegistryError], ...]:
    """Import every module of the four rooms and give all error classes, the root first."""
    for room in (registry, contracts, node, api):
        for module in pkgutil.walk_packages(room.__path__, room.__name__ + "."):
            if ".migrations." not in module.name:  # run by alembic, not imported
                importlib.import_module(module.name)
    return tuple(dict.fromkeys((RegistryError, *_below(RegistryError))))


def _below(kind: type[RegistryError]) -> Iterator[type[RegistryError]]:
    for one in kind.__subclasses__():
        if one.__module__.split(".")[0] in {"registry", "contracts", "node", "api"}:
            yield one
            yield from _below(one)


def of_class() -> dict[str, type[RegistryError]]:
    return {kind.code: kind for kind in error_classes()}


def written() -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "api" / "advice.toml").read_text(encoding="utf-8"))


def http_codes() -> dict[str, int | None]:
    """Codes of requests that never reached one of our errors, with their status; None = several."""
    statuses: dict[str, int | None] = {}
    for status, (code, _) in problems._HTTP_CODES.items():
        statuses[code] = None if code in statuses else status
    return {code: status for code, status in statuses.items() if code not in of_class()} | {HTTP_REFUSED: None}


def bare(kind: type[RegistryError]) -> RegistryError:
    """Make an error without its values: exit code and status depend on the class alone."""
    error = kind.__new__(kind)
    if isinstance(error, TooManyLookups):
        error.retry_after_seconds = 1
    return error


# — the tree —


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.__name__)
def test_every_class_has_a_code_of_its_own(kind):
    assert "code" in vars(kind), f"{kind.__name__} inherits its code"
    same = [one.__qualname__ for one in error_classes() if one.code == kind.code]
    assert len(same) == 1, f"{kind.code} is the code of {', '.join(same)}"


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.code)
def test_codes_are_a_stage_and_what_went_wrong(kind):
    if kind in (RegistryError, *BRANCHES):
        assert kind.__module__ == tree.__name__
        assert re.fullmatch(r"[a-z]+", kind.code)
    else:
        assert re.fullmatch(r"[a-z][a-z-]*/[a-z0-9]+(-[a-z0-9]+)*", kind.code)
        assert sum(issubclass(kind, branch) for branch in BRANCHES) == 1


# — the advice —


def test_every_code_has_advice_and_every_advice_a_code():
    ours = {*of_class(), *http_codes(), REVERTED, OUT_OF_GAS, *Name}
    assert sorted(ours - written().keys()) == []
    assert sorted(written().keys() - ours) == []


def test_what_the_contract_refuses_is_told_in_its_own_words():
    slugs = {fault.slug for fault in faults().values()}
    assert not slugs & written().keys()
    assert slugs <= advice().keys()
    paused = next(fault for fault in faults().values() if fault.slug == "contract/paused")
    assert advice()["contract/paused"].remedy_zh == paused.remedy.zh


def test_advice_cannot_be_changed():
    with pytest.raises(TypeError):
        advice()["internal"] = advice()["missing"]  # type: ignore[index]  # that is the point


@pytest.mark.parametrize("code", written())
def test_texts_are_short_and_in_the_tone_of_the_product(code):
    texts = Advice(**written()[code])
    for zh, en, longest_zh, longest_en in (
        (texts.cause_zh, texts.cause_en, 60, 130),
        (texts.remedy_zh, texts.remedy_en, 120, 190),
    ):
        assert 4 <= len(zh) <= longest_zh
        assert 10 <= len(en) <= longest_en
        assert zh.endswith("。")
        assert en.endswith(".")
        assert not set(zh + en) & set("！!")
        plain = re.sub(r"`[^`]*`", "`", zh)
        assert not re.search(r"[\u4e00-\u9fff] +[A-Za-z0-9`]|[A-Za-z0-9`] +[\u4e00-\u9fff]", plain), "typed space"
        assert not re.search(r"[\u4e00-\u9fff][,;:?]", plain), "half-width punctuation"
        assert not re.search(r"[\u4e00-\u9fff]", en)
        assert zh.count("`") == en.count("`")
        assert zh.count("`") % 2 == 0


@pytest.mark.parametrize("code", [code for code in advice() if "`" in advice()[code].remedy_en])
def test_commands_that_remedies_name_exist(code):
    texts = advice()[code]
    for text in (texts.remedy_zh, texts.remedy_en):
        assert [fault for one in named_commands(text) if (fault := fault_of(one))] == []
        assert list(unknown_options(text)) == []


def test_both_languages_name_the_same_commands():
    for code, texts in written().items():
        zh, en = (re.findall(r"vermilion(?: [a-z]+)*", texts[f"remedy_{language}"]) for language in ("zh", "en"))
        assert zh == en, code


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_command_line_says_what_happened_and_what_to_do(capsys, monkeypatch, language):
    monkeypatch.setenv("VERMILION_LANG", language)
    print_error(LedgerUnavailable("127.0.0.1:8545", "connection refused"))
    said = capsys.readouterr().err
    texts = written()["ledger/unavailable"]
    message = "127.0.0.1:8545：拒绝连接" if language == "zh" else "127.0.0.1:8545: connection refused"
    assert said.startswith(f"错误：{texts['cause_zh']}\n  （" if language == "zh" else "error: ")
    assert message in said
    assert (texts[f"cause_{language}"] in said) is (language == "zh")  # in English the message says it already
    assert texts[f"remedy_{language}"] in said
    assert "[ledger/unavailable]" in said


# — exit codes, HTTP statuses, the page —


@pytest.mark.parametrize(
    ("kind", "status", "leaves_with"),
    [
        (MalformedInput, 422, 2),
        (RuleRefusal, 403, 1),
        (Conflict, 409, 1),
        (Missing, 404, 1),
        (Unavailable, 503, 3),
        (IntegrityFault, 500, 3),
        (RegistryError, 500, 1),
    ],
)
def test_each_branch_has_its_exit_code_and_status(kind, status, leaves_with):
    assert (problems.problem_of(bare(kind)).status, exit_code(bare(kind))) == (status, leaves_with)


@pytest.mark.parametrize("kind", error_classes(), ids=lambda kind: kind.code)
def test_every_class_leaves_as_its_branch_does(kind):
    branch = next((one for one in BRANCHES if issubclass(kind, one)), RegistryError)
    assert exit_code(bare(kind)) == exit_code(bare(branch))
    status = problems.problem_of(bare(kind)).status
    own = {TooManyLookups: 429, TooManyKeys: 429, NotSignedIn: 401, problems.PurposeInAddress: 400}
    assert status == own.get(kind, problems.problem_of(bare(branch)).status)


def test_the_page_of_errors_is_the_table_in_the_code():
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.unit.api.test_advice"


STAGES = {
    "": "The tree itself",
    "identifier": "Names and numbers",
    "encoding": "JSON and base64url",
    "merkle": "Merkle trees",
    "signing": "Signatures",
    "statement": "Signed statements",
    "programme": "Programmes",
    "subsidy": "Subsidies",
    "talent": "The talent database",
    "enrol": "Enrolment",
    "photo": "Photographs of candidates",
    "training": "Training",
    "exam": "Examinations",
    "document": "Documents",
    "credential": "Credentials",
    "receipt": "Receipts",
    "bundle": "Bundles",
    "copy": "Holders' copies",
    "batch": "Batches",
    "anchor": "The way to the chain",
    "reconcile": "What reconciling finds",
    "halt": "Halted writing",
    "desk": "The desk",
    "demo": "The demonstration",
    "status": "Changes of status",
    "replace": "Corrections and renewals",
    "delivery": "Delivery",
    "verification": "Verdicts asked for in code",
    "verify": "Verifying",
    "lookup": "Look-ups",
    "knowledge": "Knowledge of the chain",
    "published": "Published documents",
    "trust-root": "Trust root",
    "history": "The history log",
    "client": "The client of other programs",
    "ledger": "Nodes",
    "contract": "The contract",
    "founding": "Founding",
    "consortium": "The consortium",
    "embedded": "The embedded chain",
    "signer": "Keys and passphrases",
    "share": "Links that holders give out",
    "account": "Accounts",
    "invitation": "Invitations",
    "sign-in": "Signing in",
    "access": "What roles allow",
    "bulk": "Verification of many certificates",
    "console": "The console",
    "store": "The database",
    "home": "The data folder",
    "serve": "The web server",
    "input": "What is typed",
    "system": "The machine",
    "http": "Requests over HTTP",
}


def page() -> str:
    """Write docs/errors.md."""
    return "".join((_HEAD, *_sections(), _CONTRACT, *_refusals()))


def _sections() -> Iterator[str]:
    stages: dict[str, list[str]] = {stage: [] for stage in STAGES}
    for code in written():
        stages[code.partition("/")[0] if "/" in code else ""].append(code)
    for stage, codes in stages.items():
        if stage == "contract":
            continue
        yield f"\n## {STAGES[stage]}\n\n| code | cause | what to do | HTTP | exit |\n|---|---|---|---|---|\n"
        yield from (_row(code) for code in codes)


def _row(code: str) -> str:
    texts = advice()[code]
    kind = of_class().get(code)
    if kind is not None:
        status, leaves_with = str(problems.problem_of(bare(kind)).status), str(exit_code(bare(kind)))
    elif code in http_codes():
        status, leaves_with = str(http_codes()[code] or "4xx"), "–"
    else:
        status, leaves_with = "–", "–"
    return (
        f"| `{code}` | {texts.cause_zh}<br>{texts.cause_en} | {texts.remedy_zh}<br>{texts.remedy_en} "
        f"| {status} | {leaves_with} |\n"
    )


def _refusals() -> Iterator[str]:
    for code in (REVERTED, OUT_OF_GAS):
        yield _refusal(code, "–")
    for number, fault in faults().items():
        yield _refusal(fault.slug, str(int(number)))


def _refusal(code: str, number: str) -> str:
    texts = advice()[code]
    return f"| `{code}` | {number} | {texts.cause_zh}<br>{texts.cause_en} | {texts.remedy_zh}<br>{texts.remedy_en} |\n"


_HEAD = """\
# Errors

Every error has a stable code `stage/what` that is never used again for something else. The command line prints what
happened, why, what to do, and the code; the API answers with a problem document (RFC 9457) whose `type` ends in it. A
verdict is no error: a revoked certificate is an answer, and its code (`revoked/33`) is the report's.

This page is the table in the code (`api/advice.toml`, `contracts/faults.toml`, the error classes); a test compares it,
and `python -m tests.unit.api.test_advice` writes it anew. The codes of single rows of rosters and score sheets
(`enrol/…`, `exam/…`) are in [programmes.md](programmes.md), what `audit fsck` finds (`fsck/…`) in
[operations.md](operations.md#what-fsck-finds).

| branch | means | HTTP | exit |
|---|---|---|---|
| `MalformedInput` | what came cannot be read: the sender must change it | 422 | 2 |
| `RuleRefusal` | what came can be read, and a rule says no | 403 | 1 |
| `Conflict` | what is asked does not fit the present state | 409 | 1 |
| `Missing` | what is named does not exist here | 404 | 1 |
| `Unavailable` | something that is needed does not answer now: try again | 503 | 3 |
| `IntegrityFault` | what is kept contradicts itself or the chain: halt and look | 500 | 3 |

Exit 0 is done, or `valid`; 130 is Ctrl-C. 2 is what was typed or handed in and cannot be taken as it is, whatever the
state of things: a command not written as its help says, an option that names none of the values there are (a level, a
status, a role), a file that cannot be read, a name, number or photograph that cannot stand on a certificate. 1 is what
can be read, and a rule, the present state, or that there is no such batch, number or account, says no; a file of which
some rows are bad is 1 too, since the others can be taken. An exception that is none of these answers 500
with an identifier (`urn:uuid:…`) that stands in the log beside the kind of exception, and with nothing else.
"""

_CONTRACT = """
## The contract

A refusal of the contract is `Fault(uint256 code)` inside a transaction that had no effect. Its code stands as `failure`
in `batch status --json` and `cert requests --json`, and in the message of `ledger/transaction-refused`. A number of a
contract version that this software does not know is shown as `contract/fault-N`.

| code | number | cause | what to do |
|---|---|---|---|
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
