"""A receipt's whole life: signed while all is well, checked again after revocation, retirement and theft of its key."""

import json
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from api.cli import app
from api.commands.failures import NoVerdict
from api.serving import notary_of
from api.wiring import Home, NoTerminal
from node.signer import Passphrase, PassphraseWrong
from registry.kernel.encoding import b64url
from registry.kernel.statements import Statement
from registry.ports.storage import StoredCertificate
from registry.verification import Answer, Outcome
from registry.verification.receipts import asked_key, parse_verification_receipt, verification_receipt
from tests.lifecycle.conftest import World
from tests.statement_keys import KeyInHand, key_in_hand

UNTIL = "2027-12-31"


@pytest.fixture(scope="module")
def certificate(world: World) -> StoredCertificate:
    """A certificate that this story alone changes."""
    return world.certificates("1")[-1]


@pytest.fixture(scope="module")
def kept(world: World, certificate: StoredCertificate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Receipts saved through every door while the certificate was valid."""
    folder = tmp_path_factory.mktemp("receipts")
    bundle, key, number = world.bundle(certificate), certificate.reservation.key, certificate.reservation.number
    world.home.catch_up()
    pages, name = world.pages(), world.name_of(certificate)
    for form in ("json", "pdf"):
        world.run("verify", str(bundle), "--receipt", str(folder / f"command.{form}"), "--purpose", "入职核验")
        page = pages.post(f"/C/{key}/receipt.{form}", data={"purpose": "入职核验"})
        (folder / f"page.{form}").write_bytes(page.content)
        looked_up = pages.post("/verify/receipt", data={"number": number, "name": name, "form": form})
        (folder / f"look-up.{form}").write_bytes(looked_up.content)
    for door, answer in {
        "api": pages.post("/v1/verifications?receipt=true", content=bundle.read_bytes()),
        "api-key": pages.post(f"/v1/certificates/{key}/verdict", json={"purpose": "入职核验"}),
        "api-look-up": pages.post("/v1/lookups", json={"number": number, "name": name, "receipt": True}),
    }.items():
        signed = json.dumps(answer.json()["receipt"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        (folder / f"{door}.json").write_text(signed)
    return folder


DOORS = (
    "command.json",
    "command.pdf",
    "page.json",
    "page.pdf",
    "look-up.json",
    "look-up.pdf",
    "api.json",
    "api-key.json",
    "api-look-up.json",
)


def recheck(world: World, path: Path, *words: str, exit_code: int = 0) -> Any:
    found = json.loads(world.run("verify", str(path), "--json", *words, exit_code=exit_code))
    assert found["type"] == "receipt"
    return found


def refusal(world: World, *words: str) -> tuple[str, int]:
    """The code and exit code with which verifying ends before a verdict."""
    error = CliRunner().invoke(app, ["verify", *words, "--home", str(world.home.path)]).exception
    assert isinstance(error, NoVerdict), error
    return error.error.code, error.exit_code


@pytest.mark.parametrize("door", DOORS)
def test_receipt_of_every_door_stands(world: World, kept: Path, certificate: StoredCertificate, door: str) -> None:
    found = recheck(world, kept / door, "--about", str(world.bundle(certificate)))
    assert (found["code"], found["today"]) == ("stands", None)
    assert found["receipt"]["outcome"] == "valid"
    assert {one["check"] for one in found["checks"]} == {"signature", "chain", "key", "block", "verdict", "file"}
    assert world.name_of(certificate) not in json.dumps(found, ensure_ascii=False)
    assert certificate.reservation.key not in json.dumps(found)


def test_receipt_is_checked_again_without_the_registry(world: World, kept: Path) -> None:
    root = world.home.path / "trust-root.json"
    found = recheck(world, kept / "page.pdf", "--node", world.node, "--trust-root", str(root))
    assert found["code"] == "stands"


def test_words_say_what_was_checked_and_what_rests_on_the_signer(
    world: World, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for language, sign, word in (
        ("zh", "报告属实", "以签名者所述为准"),
        ("en", "The report stands", "the signer's word"),
    ):
        monkeypatch.setenv("VERMILION_LANG", language)
        text = world.run("verify", str(kept / "page.json"))
        assert sign in text
        assert word in text


def test_changed_receipt_is_refused(world: World, kept: Path, tmp_path: Path) -> None:
    data = bytearray((kept / "page.json").read_bytes())
    data[-40] = ord("A") if data[-40] != ord("A") else ord("B")
    (tmp_path / "changed.json").write_bytes(data)
    assert recheck(world, tmp_path / "changed.json", exit_code=1)["outcome"] == "altered"


def test_certificate_of_another_is_not_the_file(world: World, kept: Path) -> None:
    other = world.bundle(world.certificates("1")[0])
    found = recheck(world, kept / "page.json", "--about", str(other), exit_code=1)
    assert found["code"] == "contradicted/another-file"


@pytest.mark.parametrize(
    "words", [("--name", "李"), ("--receipt", "x.json"), ("--purpose", "x"), ("--as-of", "2026-11-01")]
)
def test_options_of_a_verdict_do_not_go_with_a_receipt(world: World, kept: Path, words: tuple[str, ...]) -> None:
    assert refusal(world, str(kept / "page.json"), *words) == ("verify/receipt-option", 2)


def test_about_does_not_go_with_a_certificate(world: World, certificate: StoredCertificate) -> None:
    bundle = str(world.bundle(certificate))
    assert refusal(world, bundle, "--about", bundle) == ("verify/receipt-option", 2)
    assert refusal(world, bundle, "--purpose", "x") == ("verify/receipt-option", 2)


@pytest.fixture(scope="module")
def revoked(world: World, kept: Path, certificate: StoredCertificate) -> Path:
    """The same receipts, after the certificate was revoked."""
    number = certificate.reservation.number
    world.run("cert", "revoke", number, "--reason", "33", "--as", "maker-1", "--approve-as", "approver-1")
    return kept


@pytest.mark.parametrize("door", DOORS)
def test_receipt_stands_after_the_certificate_was_revoked(world: World, revoked: Path, door: str) -> None:
    found = recheck(world, revoked / door)
    assert found["code"] == "stands"
    assert found["today"]["outcome"] == "revoked"


def test_receipt_of_the_revocation_stands_too(
    world: World, revoked: Path, certificate: StoredCertificate, tmp_path: Path
) -> None:
    path = tmp_path / "revoked.json"
    world.run("verify", str(world.bundle(certificate)), "--receipt", str(path), exit_code=1)
    found = recheck(world, path)
    assert (found["code"], found["receipt"]["outcome"]) == ("stands", "revoked")


def signed_now(world: World, certificate: StoredCertificate, key: KeyInHand, *, lie: bool = False) -> Statement:
    """Sign today's verdict with a key of one's own, or a false one."""
    home = world.home
    home.catch_up()
    report = home.verifier().by_key(certificate.reservation.key)
    assert report.outcome is Outcome.REVOKED
    if lie:
        good = replace(report.findings[3], answer=Answer.PASSED, reason="ok", evidence={"status": "valid"})
        findings = (*report.findings[:3], good, report.findings[4])
        report = replace(report, outcome=Outcome.VALID, code="valid", findings=findings)
    return verification_receipt(replace(home.notary(), signer=key), report, asked_key("A" * 26))


def look_after(world: World, verb: str, key: KeyInHand, *words: str) -> None:
    thumbprint = b64url(key.thumbprint())
    kind = ("statement",) if verb == "add" else ()
    issuer = ("--issuer", str(world.home.issuer))
    time.sleep(1.1)  # what takes effect at a block's second is told apart from what came before and after it
    world.run("consortium", "keys", verb, *kind, thumbprint, *issuer, *words, "--key", "controller", "--yes", "--json")
    time.sleep(1.1)


def test_a_strangers_receipt_is_not_recognised(
    world: World, revoked: Path, certificate: StoredCertificate, tmp_path: Path
) -> None:
    path = tmp_path / "stranger.json"
    path.write_bytes(signed_now(world, certificate, key_in_hand("nobody's")).to_bytes())
    assert recheck(world, path, exit_code=1)["code"] == "not-recognised/key-not-the-issuers"


def test_false_verdict_under_a_good_key_is_contradicted(
    world: World, revoked: Path, certificate: StoredCertificate, tmp_path: Path
) -> None:
    key, path = key_in_hand("honest once"), tmp_path / "lie.json"
    look_after(world, "add", key, "--until", UNTIL)
    path.write_bytes(signed_now(world, certificate, key).to_bytes())
    assert recheck(world, path)["code"] == "stands"
    path.write_bytes(signed_now(world, certificate, key, lie=True).to_bytes())
    assert recheck(world, path, exit_code=1)["code"] == "contradicted/question-standing"


@pytest.mark.parametrize(
    ("verb", "code"),
    [("retire", "not-recognised/key-outside-window"), ("report-compromise", "not-recognised/key-compromised")],
)
def test_key_that_ended_leaves_what_it_signed_before(
    world: World, revoked: Path, certificate: StoredCertificate, tmp_path: Path, verb: str, code: str
) -> None:
    key, before, after = key_in_hand(verb), tmp_path / "before.json", tmp_path / "after.json"
    look_after(world, "add", key, "--until", UNTIL)
    before.write_bytes(signed_now(world, certificate, key).to_bytes())
    look_after(world, verb, key)
    after.write_bytes(signed_now(world, certificate, key).to_bytes())
    assert recheck(world, before)["code"] == "stands"
    assert recheck(world, after, exit_code=1)["code"] == code


def test_receipt_needs_the_statement_key(world: World, certificate: StoredCertificate, tmp_path: Path) -> None:
    statement = world.home.keys / "statement.pem"
    elsewhere = statement.rename(tmp_path / "statement.pem")
    try:
        words = (str(world.bundle(certificate)), "--receipt", str(tmp_path / "none.json"))
        assert refusal(world, *words) == ("receipt/no-key", 3)
        assert not (tmp_path / "none.json").exists()
        pages = world.pages()
        assert pages.get(f"/C/{certificate.reservation.key}/receipt.json").status_code == 503
        assert pages.get(f"/C/{certificate.reservation.key}").status_code == 200
    finally:
        elsewhere.rename(statement)


def test_receipt_is_dated_when_it_was_judged(world: World, kept: Path) -> None:
    read = parse_verification_receipt((kept / "page.json").read_bytes())
    assert timedelta(0) <= world.home.clock.now() - read.statement.issued_at < timedelta(minutes=30)


def nobody(whose: str) -> Passphrase:
    """Nobody sits at a terminal."""
    raise NoTerminal(whose)


def test_site_without_a_passphrase_serves_without_receipts(world: World) -> None:
    assert notary_of(Home(world.home.path, passphrases=nobody)) is None
    assert notary_of(world.home) is not None


def test_wrong_passphrase_is_told_at_the_start(world: World) -> None:
    wrong = Home(world.home.path, passphrases=lambda whose: Passphrase.typed("not the passphrase"))
    with pytest.raises(PassphraseWrong):
        notary_of(wrong)
