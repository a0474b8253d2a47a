"""The whole way of a certificate, as people walk it, and what every entrance says after each step."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from api.cli import app
from node.client.engines import fees_of
from node.signer import SENDER_FUNCTIONS, AccountSigner, SigningPolicy
from registry.anchor.operations import AnchorApproval, AnchorBatch
from registry.anchor.receipt import AnchorReceipt
from registry.credential import parse
from registry.delivery.bundle import bundle_bytes, parse_bundle
from registry.kernel.identifiers import Digest, batch_id
from registry.kernel.merkle import MerkleTree
from registry.ports import FateKind
from registry.ports.storage import StoredCertificate
from registry.verification import Outcome
from registry.workflows.chain.follow import follow
from registry.workflows.verification.verify import VerifyFromStore

# `world` comes from this folder's conftest; its type is only needed by readers.


def _all(verdicts: dict[str, str], outcome: str) -> None:
    assert verdicts == dict.fromkeys(verdicts, outcome)


def test_over_a_hundred_of_two_hundred_candidates_hold_a_valid_certificate(world) -> None:
    certificates = [one for level in ("1", "2", "3") for one in world.certificates(level)]
    assert len(certificates) > 100
    world.home.catch_up()
    judge = world.home.verifier()
    # Other stories of the same installation may have suspended or revoked a few of them before.
    outcomes = [
        (str(judge.by_document(world.bundle(one).read_bytes()).outcome), world.status(one)) for one in certificates
    ]
    assert [outcome for outcome, _ in outcomes] == [status for _, status in outcomes]
    assert sum(outcome == "valid" for outcome, _ in outcomes) > 100


def test_certificate_is_seen_alike_by_every_entrance_through_its_life(world) -> None:
    certificate = world.certificates("1")[0]
    name, number = world.name_of(certificate), certificate.reservation.number
    _all(world.verdicts(certificate, name), "valid")
    world.run("cert", "suspend", number, "--reason", "investigation", "--as", "maker-1")
    _all(world.verdicts(certificate, name), "suspended")
    request = json.loads(world.run("cert", "reinstate", number, "--as", "maker-1", "--json"))
    assert request["state"] == "requested"
    _all(world.verdicts(certificate, name), "suspended")
    world.run("cert", "approve", request["id"], "--as", "maker-1", exit_code=1)
    world.run("cert", "approve", request["id"], "--as", "approver-1")
    _all(world.verdicts(certificate, name), "valid")
    world.run("cert", "revoke", number, "--reason", "misconduct", "--as", "maker-1", "--approve-as", "approver-1")
    _all(world.verdicts(certificate, name), "revoked")
    refused = CliRunner().invoke(app, ["cert", "reinstate", number, "--as", "maker-1", "--home", str(world.home.path)])
    assert getattr(refused.exception, "code", None) == "status/move-forbidden"
    neighbour = world.certificates("1")[1]
    _all(world.verdicts(neighbour, world.name_of(neighbour)), "valid")


def test_wrong_name_and_unknown_number_get_the_same_answer(world) -> None:
    certificate = world.certificates("2")[0]
    pages = world.pages()
    number = certificate.reservation.number
    wrong = pages.post("/v1/lookups", json={"number": number, "name": "不是他"})
    unknown = pages.post("/v1/lookups", json={"number": "DEMO-EEC-2026-0000000000A", "name": "不是他"})
    assert (wrong.status_code, unknown.status_code) == (404, 404)
    without_time = [{**answer.json(), "judged_at": None} for answer in (wrong, unknown)]
    assert without_time[0] == without_time[1]


def test_same_credential_anchored_again_and_revoked_here_stays_revoked(world) -> None:
    certificate = world.certificates("2")[1]
    home, number = world.home, certificate.reservation.number
    original = parse_bundle(world.bundle(certificate).read_bytes())
    other = _anchor_again(world, certificate)
    revoking = ("cert", "revoke", number, "--reason", "33", "--as", "maker-1", "--approve-as", "approver-1")
    refused = CliRunner().invoke(app, [*revoking, "--home", str(home.path)])
    assert getattr(refused.exception, "code", None) == "halt/writing-halted"  # somebody else sends with our key
    with home.store.read() as unit:
        (alarm,) = unit.alarms.open()
    world.run("halt", "lift", alarm.id, "--reason", "anchored by hand for this test", "--as", "operator-1")
    world.run(*revoking)
    _all(world.verdicts(certificate, world.name_of(certificate)), "revoked")
    forged = bundle_bytes(
        "~".join((original.credential.jwt, *original.credential.disclosures.values(), "")), other, original.key
    )
    home.catch_up()
    assert home.verifier().by_document(forged).outcome is Outcome.ALTERED


def _anchor_again(world, certificate: StoredCertificate) -> AnchorReceipt:
    """Anchor the very credential under another batch id, with the issuer's own keys, and make the receipt for it."""
    home = world.home
    assert certificate.jwt is not None
    credential = parse(certificate.jwt + "~")
    tree = MerkleTree([credential.leaf])
    again = batch_id(home.issuer, f"again/{certificate.reservation.number}")
    root = home.trust_root
    sender = AccountSigner(
        home.account("sender"),
        SigningPolicy(contract=root.contract, functions=SENDER_FUNCTIONS, fees=fees_of(root.engine)),
    )
    with home.chain(writing=True) as ledger:
        asked = AnchorApproval(
            issuer=home.issuer,
            batch=again,
            root=tree.root,
            size=1,
            scope=certificate.batch.scope,
            evidence=Digest(bytes(31) + b"\1"),
            credential_key=certificate.batch.credential_key,
            deadline=int((home.clock.now() + timedelta(days=1)).timestamp()),
        )
        operation = AnchorBatch(asked=asked, approval=home.approver().approve(asked))
        with home.store.read() as unit:
            nonce = max(unit.outbox.next_nonce(sender.address), ledger.next_nonce(sender.address))
        transaction = sender.sign(operation, nonce=nonce)
        ledger.broadcast(transaction)
        while (fate := ledger.fate(transaction.hash)).kind is not FateKind.FINAL:
            assert fate.kind is not FateKind.REVERTED, fate
        follow(home.store, ledger, home.clock)
    assert fate.block is not None
    return AnchorReceipt(
        license_number=certificate.reservation.number,
        revision=1,
        digest=credential.digest,
        issuer=home.issuer,
        contract=root.contract,
        genesis=root.genesis,
        batch=again,
        proof=tree.proof(0),
        merkle_root=tree.root,
        transaction=transaction.hash,
        block_number=fate.block.number,
        block_hash=fate.block.hash,
        block_time=fate.block.time,
    )


def test_one_changed_byte_anywhere_is_never_valid(world) -> None:
    data = world.bundle(world.certificates("3")[0]).read_bytes()
    world.home.catch_up()
    judge = world.home.verifier()
    assert judge.by_document(data).outcome is Outcome.VALID
    for at in range(0, len(data), 7):
        changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        assert judge.by_document(changed).outcome is not Outcome.VALID, at
    for end in range(0, len(data), 101):
        assert judge.by_document(data[:end]).outcome is not Outcome.VALID, end


def test_dead_node_leaves_the_verdict_open_once_knowledge_is_old(world) -> None:
    path = world.bundle(world.certificates("3")[1])
    world.home.catch_up()
    fresh = world.home.verifier(max_age=timedelta(hours=1), cause=lambda: "node-unreachable")
    assert fresh.by_document(path.read_bytes()).outcome is Outcome.VALID

    class Later:
        def now(self):
            return world.home.clock.now() + timedelta(minutes=2)

    later = VerifyFromStore(
        store=world.home.store,
        clock=Later(),
        key_of=world.home.key_of,
        test_chain=20268,
        cause=lambda: "node-unreachable",
    )
    report = later.by_document(path.read_bytes())
    assert report.code == "cannot-confirm/node-unreachable"
    assert report.last_known == "valid"


def test_every_verdict_on_a_certificate_of_a_test_chain_says_so(world) -> None:
    path = world.bundle(world.certificates("3")[1])
    pages = world.pages()
    number = world.certificates("3")[1].reservation.number
    for report in (
        pages.post("/v1/verifications", content=path.read_bytes()).json(),
        pages.post("/v1/verifications", content=path.read_bytes() + b" ").json(),
    ):
        assert [one["kind"] for one in report["notices"]] == ["test-chain"]
    # What names no certificate is recorded on no chain.
    for report in (
        pages.post("/v1/verifications", content=b"no document at all").json(),
        pages.post("/v1/lookups", json={"number": number, "name": "不是他"}).json(),
    ):
        assert report["notices"] == []


def test_stranger_with_a_dead_node_gets_no_verdict_and_exit_3(world) -> None:
    path = world.bundle(world.certificates("3")[1])
    root = world.home.path / "trust-root.json"
    result = CliRunner().invoke(
        app, ["verify", str(path), "--node", "http://127.0.0.1:9", "--trust-root", str(root), "--json"]
    )
    assert result.exit_code == 3
    assert json.loads(result.stdout)["outcome"] == "cannot-confirm"


@pytest.mark.parametrize(
    ("table", "column", "where", "edited", "found"),
    [
        ("certificate", "jti", "id = 5", "'X' || jti", "fsck/row-edited"),
        ("credential", "jwt", "certificate = 5", "replace(jwt, 'e', 'f')", "fsck/row-edited"),
        ("score", "hundredths", "id = 9", "10000", "fsck/row-edited"),
        ("batch", "size", "rowid = 1", "size + 1", "fsck/row-edited"),
        ("journal", "person", "seq = 2", "'nobody'", "fsck/journal-broken"),
    ],
)
def test_fsck_is_clean_and_finds_one_edited_cell(
    world, table: str, column: str, where: str, edited: str, found: str
) -> None:
    assert _differences(world) == set()
    path = world.home.path / "registry.db"
    with closing(sqlite3.connect(path)) as database, database:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        (before,) = database.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
        assert database.execute(f"UPDATE {table} SET {column} = {edited} WHERE {where}").rowcount == 1
    try:
        assert found in _differences(world)
    finally:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (before,))
            for _, sql in triggers:
                database.execute(sql)
    assert _differences(world) == set()


def _differences(world) -> set[str]:
    """Run fsck; the batch that another test anchors past the registry is rightly foreign, and not meant here."""
    result = CliRunner().invoke(app, ["audit", "fsck", "--json", "--home", str(world.home.path)])
    assert isinstance(result.exception, SystemExit | None), result.exception
    codes = {one["code"] for one in json.loads(result.stdout)["differences"]}
    assert result.exit_code == (1 if codes else 0)
    return codes - {"fsck/foreign-anchor"}


def test_report_of_a_document_holds_five_questions_and_no_identity_number(world) -> None:
    certificate = world.certificates("3")[2]
    text = world.run("verify", str(world.bundle(certificate)), "--json")
    report = json.loads(text)
    assert [one["number"] for one in report["questions"]] == [1, 2, 3, 4, 5]
    assert {one["answer"] for one in report["questions"]} == {"passed"}
    with world.home.store.read() as unit:
        number = unit.enrolments.application(certificate.reservation.admission).candidate.identity_number
    assert number not in text
