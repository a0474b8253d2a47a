"""Every move that is forbidden, and every list that cannot be read, is refused by name before anything is kept."""

import json
from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.errors import advice
from api.wiring import Home
from node.client.engines import fees_of
from node.signer import MEMBER_FUNCTIONS, AccountSigner, SigningPolicy
from registry.anchor.history import Ballot, BallotKind
from registry.anchor.operations import CastVote, Operation, SupersedeCertificates, SupersessionApproval
from registry.kernel.errors import RegistryError
from registry.ports import FateKind, Ledger, TransactionSigner
from registry.status import Reason, Status, allowed_moves, grounds
from registry.verification import Outcome
from registry.workflows.lineage.present import present_status
from tests.faults.demo_stage import Stage, copied
from tests.faults.test_issue_input import kept, require_plain_error

COMMANDS = {"suspend": Status.SUSPENDED, "reinstate": Status.VALID, "revoke": Status.REVOKED}


def perform(ledger: Ledger, signer: TransactionSigner, operation: Operation) -> None:
    """Do something past the registry, with its own keys."""
    transaction = signer.sign(operation, nonce=ledger.next_nonce(signer.address))
    ledger.broadcast(transaction)
    while (fate := ledger.fate(transaction.hash)).kind is not FateKind.FINAL:
        assert fate.kind is not FateKind.REVERTED, fate


@pytest.fixture(scope="module")
def every_status(finished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """An installation with a certificate of every status."""
    home = Home(copied(finished_home, tmp_path_factory.mktemp("statuses") / "home"))
    with home.store.read() as unit:
        batch = unit.batches.batches()[2]
    with home.chain(writing=True) as ledger:
        asked = SupersessionApproval(
            issuer=home.issuer,
            batch=batch.batch,
            indices=(3,),
            target_contract=home.trust_root.contract.address,
            target_issuer=home.issuer,
            new_batch=batch.batch,
            new_indices=(4,),
            reason=int(Reason.CORRECTION),
            deadline=int((home.clock.now() + timedelta(days=1)).timestamp()),
        )
        operation = SupersedeCertificates(asked=asked, approval=home.approver().approve(asked))
        perform(ledger, home.sender(), operation)
    home.read_chain()
    yield home
    home.store.close()


def of_status(home: Home, status: Status) -> str:
    with home.store.read() as unit:
        for one in unit.batches.certificates():
            if present_status(unit, one) is status:
                return str(one.reservation.number)
    raise AssertionError(status)


def refusal(current: Status, wanted: Status, reason: Reason) -> str | None:
    """What the tables say: the code of the refusal; None = allowed."""
    if reason not in grounds[wanted]:
        return "status/ground-unfit"
    if current is wanted:
        return "status/already"
    return None if wanted in allowed_moves[current] else "status/move-forbidden"


@pytest.mark.parametrize(("current", "command"), list(product(Status, COMMANDS)))
def test_each_move_with_each_ground_is_allowed_or_refused_by_name(
    every_status: Home, current: Status, command: str
) -> None:
    number, before = of_status(every_status, current), kept(every_status.path)
    for reason in Reason:
        words = ["cert", command, number, "--reason", reason.slug, "--as", "maker-1", "--home", str(every_status.path)]
        expected = refusal(current, COMMANDS[command], reason)
        if expected is None:  # what is allowed is only rehearsed, so that the next ground meets the same status
            words.append("--dry-run")
        result = CliRunner().invoke(app, words)
        found = result.exception.code if isinstance(result.exception, RegistryError) else None
        assert found == expected, (words, result.output, result.exception)
    assert kept(every_status.path) == before


def test_every_refusal_has_its_own_words_in_both_languages() -> None:
    codes = [
        "status/ground-unfit",
        "status/already",
        "status/move-forbidden",
        "status/not-final",
        "status/request-open",
        "status/named-twice",
        "status/suspended-with-batch",
        "status/batch-not-final",
        "status/batch-move-forbidden",
        "status/changes-refused",
    ]
    texts = [advice()[code] for code in codes]
    assert len({one.cause_zh for one in texts}) == len({one.cause_en for one in texts}) == len(codes)


LISTS = {
    "empty": (b"", "input/numbers", None),
    "blank": (b"\n \n\r\n", "input/numbers", None),
    "heading alone": ("证书编号\n".encode(), "input/numbers", None),
    "line without a number": (b"number,name\nNUMBER,x\n,y\n", "input/numbers", "line 3"),
    "workbook": (b"PK\x03\x04\x00\x00", "input/numbers", None),
    "utf-16": ("NUMBER\n".encode("utf-16"), "input/numbers", None),
    "endless line": (b"N" * 5_000, "input/numbers", "line 1"),
    "control character": (b"NUMBER\x07\n", "input/numbers", "line 1"),
    "unknown number": (b"NUMBER\nDEMO-EEC-2026-0000000000A\n", "status/changes-refused", "DEMO-EEC-2026-0000000000A"),
    "twice": (b"NUMBER\nnumber\n".replace(b"number", b"NUMBER"), "status/changes-refused", "named twice"),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_bad_list_is_refused_whole(stage: Stage, finished_home: Path, tmp_path: Path, name: str) -> None:
    data, code, told = LISTS[name]
    home = Home(finished_home)
    number = of_status(home, Status.VALID)
    home.store.close()
    path, before = tmp_path / "list.csv", kept(finished_home)
    path.write_bytes(data if name == "utf-16" else data.replace(b"NUMBER", number.encode()))
    for more in ((), ("--dry-run",)):
        played = stage.play("cert", "suspend", "--from", str(path), *more, home=finished_home)
        require_plain_error(played, 2 if code.startswith("input/") else 1, code)
        assert told is None or told in played.stderr, played
    assert kept(finished_home) == before


def test_lists_are_read_however_they_are_written(stage: Stage, finished: Path, tmp_path: Path) -> None:
    home = Home(finished)
    with home.store.read() as unit:
        batches = unit.batches.batches()
        numbers = [
            [str(one.reservation.number) for one in unit.batches.certificates(batch_id=batch.id)][-3:]
            for batch in batches
        ]
    path = tmp_path / "名单.csv"
    path.write_bytes(f"姓名,证书编号\r\n某人,{numbers[0][0]}\r\n\r\n某人,{numbers[0][1].lower()}\r\n".encode("gb18030"))
    told = json.loads(stage.play("cert", "suspend", "--from", str(path), "--json", home=finished).stdout)
    assert [(one["certificates"], one["state"], one["batches"]) for one in told] == [(2, "final", [batches[0].id])]
    path.write_text("\ufeff" + "\n".join([numbers[0][2], *numbers[1]]), "utf-8")
    told = json.loads(
        stage.play("cert", "suspend", numbers[2][0], "--from", "-", "--json", stdin=path, home=finished).stdout
    )
    assert [(one["certificates"], one["batches"]) for one in told] == [
        (1, [batches[0].id]),
        (3, [batches[1].id]),
        (1, [batches[2].id]),
    ]
    words = ("cert", "revoke", *numbers[0], "--reason", "misconduct", "--as", "maker-1", "--json")
    (kept_request,) = json.loads(stage.play(*words, home=finished).stdout)
    shown = json.loads(stage.play("cert", "request", kept_request["id"], "--json", home=finished).stdout)
    assert sorted(one["number"] for one in shown["targets"]) == sorted(numbers[0])
    assert {one["status"] for one in shown["targets"]} == {"suspended"}
    masks = [int(change, 16) for change in shown["changes"]]
    assert sum(mask.bit_count() for mask in masks) == 3  # all in the first word, so the word's number adds no bits
    plain = stage.play("cert", "request", kept_request["id"], home=finished).stdout
    assert all(number in plain for number in numbers[0])
    overlapping = stage.play("cert", "reinstate", *numbers[0][:2], numbers[1][0], "--as", "maker-1", home=finished)
    require_plain_error(overlapping, 1, "status/changes-refused")
    assert overlapping.stderr.count(kept_request["id"]) == 2


def test_a_bulk_is_rehearsed_with_one_call_a_batch(stage: Stage, finished_home: Path) -> None:
    home, before = Home(finished_home), kept(finished_home)
    with home.store.read() as unit:
        batches = unit.batches.batches()
        numbers = [
            str(one.reservation.number)
            for batch in batches
            for one in list(unit.batches.certificates(batch_id=batch.id))[-2:]
        ]
    words = ("cert", "revoke", *numbers, "--reason", "misconduct", "--dry-run")
    calls = json.loads(stage.play(*words, "--json", home=finished_home).stdout)
    assert [(one["function"], one["certificates"], one["batch"], one["gas_limit"]) for one in calls] == [
        ("revoke", 2, batch.id, 230_000) for batch in batches
    ]
    assert stage.play(*words, home=finished_home).stdout.count("230000") == 3
    assert kept(finished_home) == before


def test_members_suspension_of_a_batch_is_not_the_issuers_to_lift(stage: Stage, finished: Path) -> None:
    home = Home(finished)
    with home.store.read() as unit:
        batch = unit.batches.batches()[2]
        certificate = next(unit.batches.certificates(batch_id=batch.id))
    bundle = (finished / "delivered" / f"{certificate.reservation.number}.bundle.json").read_bytes()
    ballot = Ballot(
        kind=BallotKind.SUSPEND_BATCH,
        subject=home.issuer.encode().ljust(32, b"\0"),
        arg=int(Reason.INVESTIGATION),
        ref=batch.batch,
        salt=bytes(32),
    )
    root = home.trust_root
    policy = SigningPolicy(contract=root.contract, functions=MEMBER_FUNCTIONS, fees=fees_of(root.engine))
    with home.chain(writing=True) as ledger:
        for member in ("member-1", "member-2"):
            perform(ledger, AccountSigner(home.account(member), policy), CastVote(ballot=ballot))
    home.read_chain()
    assert home.verifier().by_document(bundle).outcome is Outcome.SUSPENDED
    assert json.loads(stage.play("batch", "status", batch.id, "--json", home=finished).stdout)["flags"] == [
        "suspended-by-members"
    ]
    refused = stage.play("batch", "reinstate", batch.id, "--as", "one", "--approve-as", "two", home=finished)
    require_plain_error(refused, 1, "status/batch-move-forbidden")
    assert "suspended by the members" in refused.stderr
    # The issuer's own suspension beside it comes and goes; the members' stays.
    assert stage.play("batch", "suspend", batch.id, home=finished).exit_code == 0
    lifted = stage.play("batch", "reinstate", batch.id, "--as", "one", "--approve-as", "two", home=finished)
    assert lifted.exit_code == 0, lifted
    home.read_chain()
    assert home.verifier().by_document(bundle).outcome is Outcome.SUSPENDED
    home.store.close()


def test_an_approval_that_was_overtaken_is_given_anew(stage: Stage, finished: Path) -> None:
    home = Home(finished)
    suspended = of_status(home, Status.SUSPENDED)
    with home.store.read() as unit:
        certificate = unit.batches.by_number(suspended)
        assert certificate is not None
        others = [str(one.reservation.number) for one in unit.batches.certificates(batch_id=certificate.batch.id)]
    words = ("cert", "reinstate", suspended, "--as", "maker-1", "--json")
    request = json.loads(stage.play(*words, home=finished).stdout)["id"]
    _approve_only(home, request)
    home.store.close()
    assert stage.play("cert", "suspend", others[-1], home=finished).exit_code == 0
    require_plain_error(stage.play("cert", "send", request, home=finished), 1, "anchor/approval-overtaken")
    done = stage.play("cert", "approve", request, "--as", "approver-1", "--json", home=finished)
    assert json.loads(done.stdout)["state"] == "final", done


def _approve_only(home: Home, request: str) -> None:
    from registry.workflows.status.approve_change import approve_change

    with home.chain() as ledger:
        approve_change(home.store, home.clock, ledger, home.approver(), request, person="approver-1")
