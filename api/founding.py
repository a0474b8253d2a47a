"""Making an installation: keys, chain, contract, accreditation, database. Every step may be cut off and run again.

1. Write what it is (`vermilion.toml`); an installation of somebody else is never touched.
2. Draw the keys that are not there yet.
3. Begin the embedded chain, unless its file is there.
4. Deploy the contract, accredit the issuer, register its keys, as far as the chain lacks it.
5. Pin the trust root: from then on it is complete, and running this again only brings the database to the present
   schema.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.settings import CONFIG_FILE, HomeOccupied, Installation, read_installation, write_installation
from api.terminal import said
from api.wiring import APPROVERS, REGISTRYS, Home
from node.client.deployment import Deployment
from node.client.founding import Founding, found
from node.client.rpc import Node
from node.embedded import ChainFileExists, ChainLocked, EmbeddedChain
from node.embedded.provider import EmbeddedProvider
from node.signer import AccountKey, SecretFileMissing, StatementKeyFile, create_keystore, open_secret, write_passphrase
from registry.anchor.trust import Engine
from registry.kernel.identifiers import Digest, IssuerCode, ScopeCode
from registry.ports import LedgerUnavailable

MEMBERS: Final = ("member-1", "member-2", "member-3")
THRESHOLD: Final = 2
HALF_WRITTEN: Final = f".{CONFIG_FILE}.new"
"""What an installation that was cut off in its very first step leaves behind: it is ours to go on with."""
OWN_PROGRAMMES: Final = "programmes"
"""A folder that may be there first: programme files of the issuing body's own."""
_ACCOUNTS: Final = ("sealer", "controller", "sender", "approver", *MEMBERS)
_STATEMENT_KEYS: Final = ("credential", "statement")
DELAY_SECONDS: Final = 72 * 3600
"""How long dangerous decisions of the members wait."""
_VALID_YEARS: Final = 10
_YEAR_SECONDS: Final = 365 * 86_400
_BALANCE: Final = 10**18
_GENESIS_BACK_SECONDS: Final = 2
Told = Callable[[str, str], None]
"""Told what was done: a word and a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keys:
    accounts: dict[str, AccountKey]
    statements: dict[str, StatementKeyFile]


def make_installation(home: Home, wanted: Installation, told: Told) -> tuple[str, ...]:
    """Bring a data folder to a complete installation; names what of `wanted` it has otherwise, and keeps.

    Raises HomeOccupied, FoundingHalted, FoundingDelayed.
    """
    kept = _describe(home.path, wanted)  # 1
    if (home.path / "trust-root.json").exists():
        # Complete: a key that is missing now was lost, and a new one in its place would only hide that.
        home.make_store()
        return kept
    keys = _draw_keys(home, machine_made=wanted.machine_passphrases)  # 2
    accounts, statements = len(keys.accounts), len(keys.statements)
    told(
        said("密钥", "keys"),
        said(f"账户{accounts}个，声明密钥{statements}个", f"{accounts} accounts, {statements} statement keys"),
    )
    _publish(home, keys)
    home.make_store()
    _found(home, wanted, keys, told)  # 3, 4, 5
    return kept


def _describe(path: Path, wanted: Installation) -> tuple[str, ...]:
    kept: tuple[str, ...] = ()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise HomeOccupied(path) from error
    if (path / CONFIG_FILE).exists():
        there = read_installation(path)
        founded, differing = (path / "chain.db").exists(), _differing(there, wanted)
        if founded and _permanent(there) != _permanent(wanted):
            raise HomeOccupied(path)
        if founded:
            kept = differing
        elif _permanent(there) != _permanent(wanted):
            write_installation(path, wanted)  # nothing stands on the chain yet: it may still become another
        elif differing:
            write_installation(path, _as_asked(there, wanted))
    elif any(one.name not in {HALF_WRITTEN, OWN_PROGRAMMES} for one in path.iterdir()):
        raise HomeOccupied(path)
    else:
        write_installation(path, wanted)
    if not (path / ".gitignore").exists():
        (path / ".gitignore").write_text("*\n", encoding="utf-8")
    return kept


def _differing(there: Installation, wanted: Installation) -> tuple[str, ...]:
    """Name the settings that are asked for otherwise than they stand, among those that whoever founds it names."""

    def told(of: Installation) -> dict[str, object]:
        return {
            "issuer.name_zh": of.issuer.name_zh,
            "issuer.name_en": of.issuer.name_en,
            "issuer.place": of.issuer.place,
            "programmes": of.programmes,
            "machine_passphrases": of.machine_passphrases,
            "chain.test_chain": of.chain.test_chain,
        }

    asked = told(wanted)
    return tuple(name for name, stands in told(there).items() if stands != asked[name])


def _as_asked(there: Installation, wanted: Installation) -> Installation:
    """Give what stands there with the settings that whoever founds it names; the rest was the operator's to write."""
    return there.model_copy(
        update={
            "issuer": wanted.issuer.model_copy(update={"contact": there.issuer.contact}),
            "programmes": wanted.programmes,
            "machine_passphrases": wanted.machine_passphrases,
            "chain": there.chain.model_copy(update={"test_chain": wanted.chain.test_chain}),
        }
    )


def _permanent(installation: Installation) -> tuple[str, str, int]:
    """Give what can never change, because it stands in certificates; the rest of the file is the operator's to edit."""
    return installation.public_base_url, installation.issuer.code, installation.chain.chain_id


def _draw_keys(home: Home, *, machine_made: bool) -> _Keys:
    home.keys.mkdir(mode=0o700, exist_ok=True)
    if machine_made:
        for whose in (REGISTRYS, APPROVERS):
            if not (home.keys / f"{whose}.passphrase").exists():
                write_passphrase(home.keys / f"{whose}.passphrase")
    home.make_data_keys()
    return _Keys(
        accounts={role: _account(home, role) for role in _ACCOUNTS},
        statements={role: _statement(home, role) for role in _STATEMENT_KEYS},
    )


def _account(home: Home, role: str) -> AccountKey:
    try:
        return home.account(role)
    except SecretFileMissing:
        return create_keystore(home.keys / f"{role}.json", home.passphrase(role))


def _statement(home: Home, role: str) -> StatementKeyFile:
    path, passphrase = home.keys / f"{role}.pem", home.passphrase(role)
    try:
        return StatementKeyFile.open(path, passphrase)
    except SecretFileMissing:
        return StatementKeyFile.create(path, passphrase)


def _found(home: Home, wanted: Installation, keys: _Keys, told: Told) -> None:
    sealer = open_secret(home.keys / "sealer.json", home.passphrase("sealer"))
    with _chain(home, wanted, sealer, keys) as chain:
        genesis = chain.genesis.hex()[:8]
        told(
            said("链", "chain"),
            said(f"创世块{genesis}…，出块账户{chain.sealer}", f"genesis {genesis}…, sealer {chain.sealer}"),
        )
        chain.start_sealing()
        ledger = found(
            Node(EmbeddedProvider(chain.rpc), where="the embedded chain"),
            Founding(
                engine=Engine.EMBEDDED,
                deployment=Deployment(
                    members=tuple(keys.accounts[role].address for role in MEMBERS),
                    threshold=THRESHOLD,
                    delay=DELAY_SECONDS,
                    origin=Digest(bytes(32)),
                ),
                voters=tuple(keys.accounts[role] for role in MEMBERS),
                issuer=IssuerCode(wanted.issuer.code),
                controller=keys.accounts["controller"],
                scopes=tuple(_scopes(home, wanted)),
                senders=(keys.accounts["sender"].address,),
                approvers=(keys.accounts["approver"].address,),
                credential_keys=(keys.statements["credential"].thumbprint(),),
                statement_keys=(keys.statements["statement"].thumbprint(),),
                until=chain.now() + _VALID_YEARS * _YEAR_SECONDS,
            ),
        )
        root = ledger.trust_root
        address, scopes = root.contract.address, ", ".join(_scopes(home, wanted))
        told(
            said("合约", "contract"),
            said(
                f"{address}，成员{len(MEMBERS)}名，门槛{THRESHOLD}",
                f"{address}, {len(MEMBERS)} members, threshold {THRESHOLD}",
            ),
        )
        told(
            said("发证机构", "issuer"),
            said(f"{wanted.issuer.code}获准签发{scopes}", f"{wanted.issuer.code} accredited for {scopes}"),
        )
    _write_whole(home.path / "trust-root.json", root.document())


def _chain(home: Home, wanted: Installation, sealer: bytes, keys: _Keys) -> EmbeddedChain:
    # Begun first, opened only where it was begun before: a file cut off before its first block cannot be opened.
    path, now = home.path / "chain.db", int(home.clock.now().timestamp())
    try:
        return EmbeddedChain.create(
            path,
            chain_id=wanted.chain.chain_id,
            sealer_key=sealer,
            alloc={key.address: _BALANCE for role, key in keys.accounts.items() if role != "approver"},
            genesis_time=now - _GENESIS_BACK_SECONDS,
        )
    except ChainFileExists:
        return EmbeddedChain.open(path, sealer_key=sealer)
    except ChainLocked as error:
        raise LedgerUnavailable("the embedded chain", "another command holds it") from error


def _scopes(home: Home, wanted: Installation) -> Iterator[ScopeCode]:
    for code in wanted.programmes:
        for level in home.catalogue.programme(code).levels:
            yield level.scope


def _publish(home: Home, keys: _Keys) -> None:
    document = {kind: [dict(key.public_key.jwk())] for kind, key in keys.statements.items()}
    _write_whole(home.path / "public-keys.json", json.dumps(document, sort_keys=True, indent=1).encode() + b"\n")


def _write_whole(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
