"""The three ways in which a second person approves, from the document to the final block: key file, wallet, process."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from typer.testing import CliRunner

from api.cli import app
from api.commands.setup import demo_installation
from api.demo_data import sample_roster, sample_scores
from api.founding import make_installation
from api.settings import ApproverSettings, write_installation
from api.wiring import Home
from node.client.engines import fees_of
from node.client.operations import typed_data
from node.signer import (
    CONTROLLER_FUNCTIONS,
    AccountSigner,
    SigningPolicy,
    WalletSignature,
    open_secret,
    read_document,
    read_passphrase,
    signature_of,
)
from registry.anchor.facts import address_key
from registry.anchor.history import Anchored, KeyKind
from registry.anchor.operations import AddKey, ApproverKeyApproval
from registry.kernel.identifiers import Address
from registry.ports import FateKind

ROOT = Path(__file__).parents[2]
WALLET = Account.from_key(b"\x51" * 32)
"""Whose key no file of the registry holds."""


@dataclass
class Small:
    """An installation with a few candidates."""

    path: Path

    @property
    def home(self) -> Home:
        return Home.find(self.path)

    def run(self, *words: str, refused: str | None = None) -> str:
        """Run a command; it works, or is refused with this code."""
        result = CliRunner().invoke(app, [*words, "--home", str(self.path)])
        if refused is None:
            assert result.exit_code == 0, (words, result.output, result.exception)
        else:
            assert getattr(result.exception, "code", None) == refused, (words, result.output, result.exception)
        return result.stdout

    def document(self, command: str, name: str) -> tuple[Path, dict[str, Any]]:
        """Have a document written for a wallet, in the place of an earlier one."""
        path = self.path / f"{name}.json"
        path.unlink(missing_ok=True)
        told = json.loads(self.run(command, "approve", name, "--typed-data", str(path), "--json"))
        written = json.loads(path.read_bytes())
        assert told["typed_data"] == written
        return path, written

    def hand_in(
        self, command: str, name: str, path: Path, by: Any, *, person: str = "approver-1", refused: str | None = None
    ) -> str:
        """Sign a document as a wallet does, and hand it in."""
        signature = bytes(Account.sign_typed_data(by.key, full_message=json.loads(path.read_bytes())).signature)
        words = (command, "approve", name, "--as", person, "--signed", str(path), "--signature", f"0x{signature.hex()}")
        return self.run(*words, refused=refused)

    def requested(self, number: str) -> str:
        """Ask for a revocation."""
        self.run("cert", "revoke", number, "--reason", "misconduct", "--as", "maker-1", "--json")
        return str(json.loads(self.run("cert", "requests", "--json"))[-1]["id"])

    def state(self, command: str, name: str) -> str:
        """Where a batch or request stands."""
        with self.home.store.read() as unit:
            one = unit.batches.batch(name) if command == "batch" else unit.status_requests.request(name)
            return str(one.state)

    def numbers(self) -> list[str]:
        """The certificates that stand."""
        return [one["number"] for one in json.loads(self.run("cert", "list", "--status", "valid", "--json"))]

    def approvers_key(self) -> Any:
        """The demonstration's approver, as a wallet would hold it."""
        keys = self.path / "keys"
        return Account.from_key(open_secret(keys / "approver.json", read_passphrase(keys / "approver.passphrase")))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    path = tmp_path_factory.mktemp("ways") / "home"
    make_installation(Home(path), demo_installation(), lambda what, text: None)
    made = Small(path)
    roster, scores = path / "roster.csv", path / "scores.csv"
    roster.write_bytes(sample_roster(count=30))
    made.run("enrol", "import", str(roster), "--as", "clerk-1")
    made.run("enrol", "decide", "--as", "clerk-1")
    with made.home.store.read() as unit:
        scores.write_bytes(sample_scores(one.admission for one in unit.enrolments.applications(eligible=True)))
    day = date(2026, 11, 8).isoformat()
    sheet = json.loads(made.run("exam", "record", str(scores), "--examined-on", day, "--as", "clerk-1", "--json"))
    made.run("exam", "confirm", sheet["sheet"], "--as", "clerk-2")
    return made


def proposed(small: Small, level: str) -> str:
    return str(json.loads(small.run("batch", "propose", "--level", level, "--as", "maker-1", "--json"))["id"])


def issued(small: Small, batch: str) -> Anchored:
    assert json.loads(small.run("batch", "issue", batch, "--json"))["state"] == "final"
    with small.home.store.read() as unit:
        chain_id = unit.batches.batch(batch).batch
        return next(
            one.content
            for one in unit.projection.records_of(Anchored)
            if isinstance(one.content, Anchored) and one.content.batch == chain_id
        )


# The tests of this file follow one another: what one issues, the next revokes.


def test_wallet_becomes_an_approver_by_a_standing_approvers_signature_and_signs_a_batch(small: Small) -> None:
    batch = proposed(small, "1")
    path, _ = small.document("batch", batch)
    small.hand_in("batch", batch, path, WALLET, refused="anchor/not-approver")
    assert small.state("batch", batch) == "sealed"
    register(small, Address(WALLET.address.lower()))
    small.hand_in("batch", batch, path, WALLET, person="maker-1", refused="access/four-eyes")
    assert small.state("batch", batch) == "sealed"
    small.hand_in("batch", batch, path, WALLET)
    assert issued(small, batch).approver == WALLET.address.lower()


def register(small: Small, account: Address) -> None:
    """Add an approver as the controller, with the signature of the standing one, made by a wallet."""
    home = small.home
    contract = home.trust_root.contract
    now = home.clock.now()
    until = int((now + timedelta(days=365)).timestamp())
    asked = ApproverKeyApproval(
        issuer=home.issuer,
        key=account,
        valid_from=0,
        until=until,
        deadline=int((now + timedelta(days=1)).timestamp()),
    )
    document = typed_data(asked, contract)
    signature = bytes(Account.sign_typed_data(small.approvers_key().key, full_message=document).signature)
    given = WalletSignature(read_document(document, contract), signature_of(signature.hex()), contract)
    policy = SigningPolicy(contract=contract, functions=CONTROLLER_FUNCTIONS, fees=fees_of(home.trust_root.engine))
    controller = AccountSigner(home.account("controller"), policy)
    operation = AddKey(
        issuer=home.issuer,
        kind=KeyKind.APPROVER,
        key=address_key(account),
        valid_from=0,
        until=until,
        approval=given.approve(asked),
    )
    with home.chain(writing=True) as ledger:
        transaction = controller.sign(operation, nonce=ledger.next_nonce(controller.address))
        ledger.broadcast(transaction)
        while (fate := ledger.fate(transaction.hash)).kind is not FateKind.FINAL:
            assert fate.kind is not FateKind.REVERTED, fate


def test_tampered_documents_are_refused_and_name_what_differs(small: Small) -> None:
    batch = proposed(small, "2")
    path, good = small.document("batch", batch)
    later = str(int(good["message"]["deadline"]) + 86_400)
    past = str(int(time.time()) - 1)
    for member, value, code in (
        ("size", "1", "signer/document-differs"),
        ("root", "0x" + "00" * 32, "signer/document-differs"),
        ("scope", "AIGC-APP-ENG/3", "signer/document-differs"),
        ("deadline", later, "signer/document-differs"),
        ("deadline", past, "anchor/approval-lapsed"),
    ):
        path.write_text(json.dumps({**good, "message": {**good["message"], member: value}}))
        small.hand_in("batch", batch, path, WALLET, refused=code)
    for domain in ({"chainId": 1}, {"verifyingContract": "0x" + "ab" * 20}):
        path.write_text(json.dumps({**good, "domain": {**good["domain"], **domain}}))
        small.hand_in("batch", batch, path, WALLET, refused="signer/policy-refused")
    # What was signed is not what is handed in: the signature leads to an account that nobody has.
    path.write_text(json.dumps(good))
    other = bytes(
        Account.sign_typed_data(WALLET.key, full_message={**good, "domain": {**good["domain"], "chainId": 1}}).signature
    )
    words = ("batch", "approve", batch, "--as", "approver-1", "--signed", str(path), "--signature", other.hex())
    small.run(*words, refused="anchor/not-approver")
    assert small.state("batch", batch) == "sealed"
    small.hand_in("batch", batch, path, WALLET)
    assert issued(small, batch).approver == WALLET.address.lower()


def test_document_for_a_wallet_is_written_over_no_file(small: Small) -> None:
    batch, key = proposed(small, "3"), small.path / "keys" / "approver.json"
    before = key.read_bytes()
    small.run("batch", "approve", batch, "--typed-data", str(key), refused="input/file-unreadable")
    assert key.read_bytes() == before
    small.document("batch", batch)
    small.run("batch", "cancel", batch, "--as", "maker-1")


def test_change_of_status_is_signed_by_a_wallet(small: Small) -> None:
    number = small.numbers()[0]
    request = small.requested(number)
    path, document = small.document("cert", request)
    assert document["primaryType"] == "Revoke"
    small.hand_in("cert", request, path, Account.from_key(b"\x52" * 32), refused="anchor/not-approver")
    small.hand_in("cert", request, path, small.approvers_key())
    assert small.state("cert", request) == "final"
    assert number not in small.numbers()


def test_reinstatement_that_was_overtaken_is_named_and_signed_anew(small: Small) -> None:
    number, neighbour = small.numbers()[:2]
    small.run("cert", "suspend", number, "--as", "maker-1")
    small.run("cert", "reinstate", number, "--as", "maker-1")
    request = json.loads(small.run("cert", "requests", "--json"))[-1]["id"]
    path, _ = small.document("cert", request)
    with small.home.store.read() as unit:
        first, second = unit.batches.by_number(number), unit.batches.by_number(neighbour)
        assert first is not None
        assert second is not None
        assert first.batch.id == second.batch.id
    small.run("cert", "suspend", neighbour, "--as", "maker-1")
    small.hand_in("cert", request, path, WALLET, refused="signer/document-differs")
    path, _ = small.document("cert", request)
    small.hand_in("cert", request, path, WALLET)
    assert number in small.numbers()


def test_key_file_may_lie_elsewhere(small: Small, tmp_path: Path) -> None:
    keys, stick = small.path / "keys", tmp_path / "stick"
    stick.mkdir()
    for name in ("approver.json", "approver.passphrase"):
        os.rename(keys / name, stick / name)
    request = small.requested(small.numbers()[0])
    try:
        small.run("cert", "approve", request, "--as", "approver-1", refused="signer/file-missing")
        small.run("cert", "approve", request, "--as", "approver-1", "--key", str(stick / "approver.json"))
    finally:
        for name in ("approver.json", "approver.passphrase"):
            os.rename(stick / name, keys / name)
    assert small.state("cert", request) == "final"


def test_question_is_asked_where_passphrases_are_typed(small: Small) -> None:
    request = small.requested(small.numbers()[0])
    with configured(small, machine_passphrases=False):
        small.run("cert", "approve", request, "--as", "approver-1", refused="input/unconfirmed")
    assert small.state("cert", request) == "requested"
    small.run("cert", "cancel", request, "--as", "maker-1")


@contextmanager
def configured(small: Small, **settings: Any) -> Iterator[None]:
    """Run commands under other settings."""
    before = small.home.installation
    write_installation(small.path, before.model_copy(update=settings))
    try:
        yield
    finally:
        write_installation(small.path, before)


@contextmanager
def signer(
    small: Small, socket: Path, *options: str, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """Run a signer process with the demonstration's approver, its passphrase over a file descriptor."""
    passphrase = os.open(small.path / "keys" / "approver.passphrase", os.O_RDONLY)
    words = ("signer", "run", "--socket", str(socket), "--passphrase-fd", str(passphrase), *options)
    process = subprocess.Popen(
        [sys.executable, "-c", "from api.cli import main; main()", *words],
        stdin=stdin,
        stderr=subprocess.PIPE,
        pass_fds=(passphrase,),
        encoding="utf-8",
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "VERMILION_LANG": "en"},
    )
    os.close(passphrase)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("signer: account "), line
        yield process
    finally:
        process.kill()
        process.wait(10)
        if process.stderr is not None:
            process.stderr.close()


def approver_findings(small: Small) -> list[str]:
    result = CliRunner().invoke(app, ["doctor", "--json", "--home", str(small.path)])
    return [one["says"] for one in json.loads(result.stdout) if one["what"] == "approver"]


def test_signer_process_signs_is_killed_and_begins_again(small: Small, tmp_path: Path) -> None:
    socket = tmp_path / "a.sock"
    place = f"unix://{socket}"
    trust_root, key = str(small.path / "trust-root.json"), str(small.path / "keys" / "approver.json")
    first, second = (small.requested(number) for number in small.numbers()[:2])
    approve = ("cert", "approve", "--as", "approver-1")
    with configured(small, approver=ApproverSettings(signer=place)):
        small.run(*approve, first, refused="signer/unreachable")
        assert "cannot be used now" in approver_findings(small)[0]
        with signer(small, socket, "--key", key, "--trust-root", trust_root) as process:
            account = small.approvers_key().address.lower()
            assert approver_findings(small)[0] == f"signed by the signer at {place}, account {account}"
            small.run(*approve, first)
            assert small.state("cert", first) == "final"
            process.send_signal(signal.SIGSTOP)  # so that the next question waits, and is cut off
            killing = threading.Timer(1.0, process.kill)
            killing.start()
            small.run(*approve, second, refused="signer/unreachable")
            killing.join()
        assert socket.exists()
        assert small.state("cert", second) == "requested"
        ours, theirs = pty.openpty()
        with signer(small, socket, "--home", str(small.path), "--ask", stdin=theirs) as process:
            os.write(ours, b"n\n")
            small.run(*approve, second, refused="signer/declined")
            assert small.state("cert", second) == "requested"
            os.write(ours, b"y\n")
            small.run(*approve, second)
            assert small.state("cert", second) == "final"
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
            assert process.stderr is not None
            log = process.stderr.read()
        os.close(ours)
        os.close(theirs)
    assert "Revoke 1 certificate (at " in log
    assert "[signer/person-declined]" in log
    assert "Signed." in log
    assert not socket.exists()


def test_doctor_says_where_the_approvers_key_is(small: Small, tmp_path: Path) -> None:
    here = ["its key lies in the same folder as the sender's: fine for a demonstration, not for real use"]
    assert approver_findings(small) == here
    os.rename(small.path / "keys" / "approver.json", tmp_path / "approver.json")
    try:
        assert approver_findings(small) == ["its key is elsewhere: --key FILE, or a wallet (--typed-data)"]
    finally:
        os.rename(tmp_path / "approver.json", small.path / "keys" / "approver.json")
