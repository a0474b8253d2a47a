"""Keys in files and signers with a policy."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account

from node.client.abi import functions
from node.client.engines import Fees
from node.client.operations import call_of
from node.client.transactions import TransactionFields
from node.signer import (
    MEMBER_FUNCTIONS,
    SENDER_FUNCTIONS,
    AccountKey,
    AccountSigner,
    Passphrase,
    PassphraseWrong,
    PolicyRefusal,
    SecretFileExists,
    SecretFileExposed,
    SecretFileMalformed,
    SecretFileMissing,
    SigningPolicy,
    StatementKeyFile,
    create_keystore,
    open_keystore,
    open_secret,
    read_passphrase,
    write_passphrase,
)
from registry.anchor.history import Ballot, BallotKind
from registry.anchor.operations import CastVote, SuspendCertificates
from registry.kernel.errors import Conflict, MalformedInput, Missing, RuleRefusal
from registry.kernel.identifiers import Address, ContractAddress, IssuerCode
from registry.kernel.signing import verify_es256
from registry.ports import Offer, StatementSigner, TransactionSigner

SECRET = b"\x2a" * 32
CONTRACT = ContractAddress(chain_id=20268, address=Address("0x" + "ab" * 20))
POLICY = SigningPolicy(contract=CONTRACT, functions=SENDER_FUNCTIONS, fees=Fees(ceiling=0, tip=0))
SUSPENSION = SuspendCertificates(issuer=IssuerCode("ACME"), batch=b"b" * 32, changes=(1,), reason=35)
VOTE = CastVote(ballot=Ballot(kind=BallotKind.UNPAUSE, subject=bytes(32), arg=0, ref=bytes(32), salt=bytes(32)))


@pytest.fixture
def passphrase() -> Passphrase:
    return Passphrase.draw()


# Keystore files


def test_keystore_opens_with_its_passphrase(tmp_path: Path, passphrase: Passphrase) -> None:
    path = tmp_path / "sender.json"
    created = create_keystore(path, passphrase, secret=SECRET)
    assert open_keystore(path, passphrase).address == created.address == AccountKey(SECRET).address
    assert open_secret(path, passphrase) == SECRET
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ["sender.json"]


def test_keystore_is_what_other_wallets_open(tmp_path: Path, passphrase: Passphrase) -> None:
    path = tmp_path / "sender.json"
    create_keystore(path, passphrase, secret=SECRET)
    assert bytes(Account.decrypt(path.read_text(), passphrase.secret.decode())) == SECRET


def test_drawn_keys_differ(tmp_path: Path, passphrase: Passphrase) -> None:
    first = create_keystore(tmp_path / "a", passphrase)
    second = create_keystore(tmp_path / "b", passphrase)
    assert first.address != second.address


def test_stretching_fits_the_passphrase(tmp_path: Path, passphrase: Passphrase) -> None:
    create_keystore(tmp_path / "machine", passphrase)
    create_keystore(tmp_path / "human", Passphrase.typed("correct horse battery staple"))
    cost = {
        name: json.loads((tmp_path / name).read_text())["crypto"]["kdfparams"]["n"] for name in ("machine", "human")
    }
    assert cost == {"machine": 2**12, "human": 2**18}


def test_wrong_passphrase(tmp_path: Path, passphrase: Passphrase) -> None:
    path = tmp_path / "sender.json"
    create_keystore(path, passphrase)
    with pytest.raises(PassphraseWrong) as wrong:
        open_keystore(path, Passphrase.draw())
    assert (wrong.value.code, wrong.value.path) == ("signer/passphrase-wrong", path)
    assert isinstance(wrong.value, RuleRefusal)


def test_missing_file(tmp_path: Path, passphrase: Passphrase) -> None:
    for reading in (open_keystore, StatementKeyFile.open, lambda path, _: read_passphrase(path)):
        with pytest.raises(SecretFileMissing) as missing:
            reading(tmp_path / "nowhere", passphrase)
        assert missing.value.code == "signer/file-missing"
        assert isinstance(missing.value, Missing)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o610])
def test_file_open_to_others_is_not_read(tmp_path: Path, passphrase: Passphrase, mode: int) -> None:
    path = tmp_path / "sender.json"
    create_keystore(path, passphrase)
    path.chmod(mode)
    with pytest.raises(SecretFileExposed) as exposed:
        open_keystore(path, passphrase)
    assert (exposed.value.code, exposed.value.mode) == ("signer/file-exposed", mode)
    assert isinstance(exposed.value, RuleRefusal)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"version":4}',
        b'{"version":3}',
        b'{"version":3,"crypto":{}}',
        b'{"version":3,"crypto":{"kdf":"md5","mac":"00","ciphertext":"00"}}',
        b"{" * 70_000,
    ],
)
def test_file_that_is_no_keystore(tmp_path: Path, passphrase: Passphrase, content: bytes) -> None:
    path = tmp_path / "sender.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SecretFileMalformed) as malformed:
        open_keystore(path, passphrase)
    assert malformed.value.code == "signer/file-malformed"
    assert isinstance(malformed.value, MalformedInput)


def test_nothing_is_written_over(tmp_path: Path, passphrase: Passphrase) -> None:
    path = tmp_path / "sender.json"
    create_keystore(path, passphrase)
    before = path.read_bytes()
    for writing in (create_keystore, StatementKeyFile.create, lambda where, _: write_passphrase(where)):
        with pytest.raises(SecretFileExists) as exists:
            writing(path, passphrase)
        assert exists.value.code == "signer/file-exists"
        assert isinstance(exists.value, Conflict)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["sender.json"]


# Passphrases


def test_passphrase_file(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    written = write_passphrase(path)
    assert read_passphrase(path) == written
    assert len(written.secret) == 43
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    short = tmp_path / "short"
    short.write_bytes(b"hunter2\n")
    short.chmod(0o600)
    with pytest.raises(SecretFileMalformed):
        read_passphrase(short)


def test_secrets_do_not_show(passphrase: Passphrase) -> None:
    assert passphrase.secret.decode() not in repr(passphrase)
    assert SECRET.hex() not in repr(AccountKey(SECRET))


# Statement keys


def test_statement_key_file(tmp_path: Path, passphrase: Passphrase) -> None:
    path = tmp_path / "credential.pem"
    created = StatementKeyFile.create(path, passphrase)
    signer: StatementSigner = StatementKeyFile.open(path, passphrase)
    assert signer.public_key == created.public_key
    assert signer.thumbprint() == created.public_key.thumbprint()
    verify_es256(signer.public_key, b"message", signer.sign(b"message"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(PassphraseWrong):
        StatementKeyFile.open(path, Passphrase.draw())
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(SecretFileMalformed, match="encrypted PEM"):
        StatementKeyFile.open(path, passphrase)


# Transactions


def test_signer_signs_what_its_policy_names() -> None:
    signer: TransactionSigner = AccountSigner(AccountKey(SECRET), POLICY)
    signed = signer.sign(SUSPENSION, nonce=7)
    assert (signed.sender, signed.nonce) == (AccountKey(SECRET).address, 7)
    assert Account.recover_transaction(signed.raw).lower() == signed.sender
    assert signer.sign(SUSPENSION, nonce=7) == signed
    assert signer.sign(SUSPENSION, nonce=8).hash != signed.hash


def test_signer_refuses_other_functions() -> None:
    with pytest.raises(PolicyRefusal) as refused:
        AccountSigner(AccountKey(SECRET), POLICY).sign(VOTE, nonce=0)
    assert (refused.value.code, refused.value.what) == ("signer/policy-refused", "functions")
    AccountSigner(AccountKey(SECRET), replace(POLICY, functions=MEMBER_FUNCTIONS)).sign(VOTE, nonce=0)


def test_an_offer_beyond_the_cap_is_not_signed() -> None:
    signer = AccountSigner(AccountKey(SECRET), replace(POLICY, fee_cap=Fees(ceiling=100, tip=10)))
    usual = signer.sign(SUSPENSION, nonce=3)
    offer = signer.offer_of(usual)
    assert offer == Offer(gas=call_of(SUSPENSION).gas, ceiling=0, tip=0)
    most = Offer(gas=100_000, ceiling=100, tip=10)
    assert signer.offer_of(signer.sign(SUSPENSION, nonce=3, offer=most)) == most
    for beyond in (replace(most, ceiling=101), replace(most, tip=11), replace(most, gas=5_000_001)):
        with pytest.raises(PolicyRefusal):
            signer.sign(SUSPENSION, nonce=3, offer=beyond)
    with pytest.raises(PolicyRefusal):  # without a cap of its own: no more than the usual
        AccountSigner(AccountKey(SECRET), POLICY).sign(SUSPENSION, nonce=3, offer=replace(offer, ceiling=1))
    with pytest.raises(ValueError, match="not a transaction of type 2"):
        signer.offer_of(replace(usual, raw=b"\x01" + usual.raw[1:]))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"chain_id": 1}, "chain"),
        ({"to": Address("0x" + "cd" * 20)}, "contract"),
        ({"to": None}, "contract"),
        ({"data": b""}, "functions"),
        ({"data": b"\0\0\0\0"}, "functions"),
        ({"gas": 5_000_001}, "gas up to"),
        ({"fees": Fees(ceiling=1, tip=0)}, "wei for gas up to"),
        ({"fees": Fees(ceiling=0, tip=1)}, "wei for gas up to"),
    ],
)
def test_signer_refuses_fields_outside_its_policy(change: dict[str, object], what: str) -> None:
    call = call_of(SUSPENSION)
    fields = TransactionFields(
        chain_id=20268, nonce=0, to=CONTRACT.address, data=call.data, gas=call.gas, fees=Fees(ceiling=0, tip=0)
    )
    signer = AccountSigner(AccountKey(SECRET), POLICY)
    signer.sign_fields(fields)
    with pytest.raises(PolicyRefusal) as refused:
        signer.sign_fields(replace(fields, **change))
    assert refused.value.what == what


def test_every_function_of_a_role_exists() -> None:
    assert set(functions()) >= SENDER_FUNCTIONS | MEMBER_FUNCTIONS
