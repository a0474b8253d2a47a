"""The only place where parts are joined: data folder, store, chain, signers, doors.

The data folder holds `vermilion.toml`, `trust-root.json`, `public-keys.json`, `registry.db`, `chain.db` (embedded
chain), `keys/`, `delivered/`, and `node.json` while a node of this folder answers on a port.
"""

import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from api.settings import HomeMissing, Installation, find_home, read_installation
from registry.anchor.trust import TrustRoot, TrustRootMalformed
from registry.credential.v1 import Bilingual
from registry.kernel.encoding import b64url
from registry.kernel.errors import IntegrityFault, MalformedInput, Missing
from registry.kernel.identifiers import IdentifierMalformed, IssuerCode
from registry.kernel.signing import PublicKey
from registry.ports import Ledger, LedgerForeign, LedgerUnavailable
from registry.programme import Catalogue, load_catalogue
from registry.store import Database, DataKeys, Shelf, open_database
from registry.workflows.audit import Auditor
from registry.workflows.follow import HistoryBroken, follow
from registry.workflows.issue import IssuingBody
from registry.workflows.verify import VerifyFromLedger, VerifyFromStore

if TYPE_CHECKING:  # the chain's libraries take seconds to import: only what needs them pays
    from node.embedded import EmbeddedChain
    from node.signer import AccountKey, AccountSigner, ApproverSigner, Passphrase, StatementKeyFile

NODE_UNREACHABLE: Final = "node-unreachable"
SHORTEST_PASSPHRASE: Final = 12
_LOCK_PATIENCE_SECONDS: Final = 20.0
_LOCK_POLL_SECONDS: Final = 0.2


class SystemClock:
    """The machine's clock (implements registry.ports.Clock)."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)


class KeyUnpublished(Missing):
    """No public key of ours has this thumbprint."""

    code = "home/key-unpublished"

    def __init__(self, thumbprint: bytes) -> None:
        self.thumbprint = thumbprint
        super().__init__(f"no public key with thumbprint {b64url(thumbprint)} in public-keys.json")


class HomeDamaged(IntegrityFault):
    """A file of the data folder is missing or not as we wrote it."""

    code = "home/damaged"

    def __init__(self, path: Path, expected: str) -> None:
        self.path, self.expected = path, expected
        super().__init__(f"{path}: expected {expected}")


APPROVERS: Final = "approver"
REGISTRYS: Final = "registry"
PASSPHRASE_OF: Final = {"approver": APPROVERS}
"""Which passphrase opens a role's key file; all but the approver's open with the registry's own."""
PassphraseSource = Callable[[str], "Passphrase"]
"""Gives a passphrase: `registry` or `approver`."""


class PassphrasesDiffer(MalformedInput):
    """A new passphrase was typed twice, differently."""

    code = "home/passphrases-differ"

    def __init__(self, whose: str) -> None:
        self.whose = whose
        super().__init__(f"the {whose} passphrase was not typed the same way twice")


class PassphraseWeak(MalformedInput):
    """A new passphrase is too short, or the same as the other person's."""

    code = "home/passphrase-weak"

    def __init__(self, whose: str) -> None:
        self.whose = whose
        super().__init__(
            f"the {whose} passphrase must have {SHORTEST_PASSPHRASE} characters or more and differ from the other one"
        )


class NoTerminal(MalformedInput):
    """A passphrase must be typed, and there is no terminal to type it on."""

    code = "home/no-terminal"

    def __init__(self, whose: str) -> None:
        self.whose = whose
        super().__init__(f"the {whose} passphrase must be typed on a terminal")


class Home:
    """One installation, its parts made when they are first asked for."""

    def __init__(self, path: Path, *, passphrases: PassphraseSource | None = None) -> None:
        self.path = path
        self.clock = SystemClock()
        self._passphrases = passphrases or self._given
        self._opened: dict[str, Passphrase] = {}

    @classmethod
    def find(cls, named: Path | None, *, passphrases: PassphraseSource | None = None) -> "Home":
        """Open the installation that is meant. Raises HomeMissing, ConfigurationMalformed."""
        home = cls(find_home(named), passphrases=passphrases)
        try:
            _ = home.installation
        except OSError as error:  # a file stands where the folder should be, or it is closed to us
            raise HomeMissing(home.path) from error
        return home

    # — what it is —

    @cached_property
    def installation(self) -> Installation:
        """Everything in `vermilion.toml`."""
        return read_installation(self.path)

    @cached_property
    def trust_root(self) -> TrustRoot:
        """The pinned chain and contract. Raises HomeMissing before there is one, TrustRootMalformed."""
        try:
            return TrustRoot.parse((self.path / "trust-root.json").read_bytes())
        except FileNotFoundError as error:
            raise HomeMissing(self.path) from error

    @cached_property
    def catalogue(self) -> Catalogue:
        """The programmes that come with the package, and those in the folder `programmes`."""
        extra = self.path / "programmes"
        return load_catalogue(extra if extra.is_dir() else None)

    @property
    def issuer(self) -> IssuerCode:
        """Code of the issuing body."""
        return IssuerCode(self.installation.issuer.code)

    @property
    def body(self) -> IssuingBody:
        """Who issues, and from where."""
        issuer = self.installation.issuer
        return IssuingBody(
            code=self.issuer,
            name=Bilingual(zh=issuer.name_zh, en=issuer.name_en),
            base_url=self.installation.public_base_url,
            place=issuer.place,
            contract=self.trust_root.contract,
            genesis=self.trust_root.genesis,
        )

    @property
    def is_being_made(self) -> bool:
        """Whether the installation is not complete yet: its keys are drawn now."""
        return not (self.path / "trust-root.json").exists()

    # — keys —

    @property
    def keys(self) -> Path:
        """The folder of key files."""
        return self.path / "keys"

    @cached_property
    def public_keys(self) -> dict[str, list[PublicKey]]:
        """Public keys by kind, `credential` and `statement`. Raises HomeDamaged."""
        path = self.path / "public-keys.json"
        try:
            document = json.loads(path.read_bytes())
            return {kind: [PublicKey.from_jwk(jwk) for jwk in jwks] for kind, jwks in document.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise HomeDamaged(path, "public keys by kind") from error

    def key_of(self, thumbprint: bytes) -> PublicKey:
        """Find a public credential key. Raises KeyUnpublished."""
        for key in self.public_keys["credential"]:
            if key.thumbprint() == thumbprint:
                return key
        raise KeyUnpublished(thumbprint)

    def passphrase(self, role: str) -> "Passphrase":
        """Get the passphrase of a role's key file; asked for once. Raises NoTerminal, SecretFileMissing."""
        whose = PASSPHRASE_OF.get(role, REGISTRYS)
        if whose not in self._opened:
            self._opened[whose] = self._passphrases(whose)
        return self._opened[whose]

    def _given(self, whose: str) -> "Passphrase":
        """Read the passphrase that lies beside the keys of a demonstration, or have it typed."""
        from node.signer import Passphrase, read_passphrase

        if self.installation.machine_passphrases:
            return read_passphrase(self.keys / f"{whose}.passphrase")
        if not sys.stdin.isatty():
            raise NoTerminal(whose)
        if not self.is_being_made:
            return Passphrase.typed(getpass.getpass(f"passphrase ({whose}): "))
        typed = getpass.getpass(f"new passphrase ({whose}): ")
        others = [one.secret for role, one in self._opened.items() if role != whose]
        if len(typed) < SHORTEST_PASSPHRASE or typed.encode() in others:
            raise PassphraseWeak(whose)
        if getpass.getpass(f"new passphrase ({whose}), again: ") != typed:
            raise PassphrasesDiffer(whose)
        return Passphrase.typed(typed)

    def account(self, role: str) -> "AccountKey":
        """Open the key file of an account: `sender`, `approver`, `controller`, `member-1`, `sealer`."""
        from node.signer import open_keystore

        return open_keystore(self.keys / f"{role}.json", self.passphrase(role))

    def sender(self) -> "AccountSigner":
        """Open the issuer's sender, bound to our contract."""
        from node.client.engines import fees_of
        from node.signer import SENDER_FUNCTIONS, AccountSigner, SigningPolicy

        root = self.trust_root
        policy = SigningPolicy(contract=root.contract, functions=SENDER_FUNCTIONS, fees=fees_of(root.engine))
        return AccountSigner(self.account("sender"), policy)

    def approver(self) -> "ApproverSigner":
        """Open the issuer's approver, bound to our contract."""
        from node.signer import ApproverSigner

        return ApproverSigner(self.account("approver"), self.trust_root.contract)

    def credential_signer(self) -> "StatementKeyFile":
        """Open the credential key."""
        from node.signer import StatementKeyFile

        return StatementKeyFile.open(self.keys / "credential.pem", self.passphrase("credential"))

    def data_keys(self) -> DataKeys:
        """Read the keys of the store."""
        from node.signer import SecretFileMalformed
        from node.signer.secret_files import read_secret_file

        data = read_secret_file(self.keys / "data.keys")
        if len(data) != 96:
            raise SecretFileMalformed(self.keys / "data.keys", "three keys of 32 bytes")
        return DataKeys(data=data[:32], index=data[32:64], seal=data[64:])

    # — store and files —

    @cached_property
    def store(self) -> Database:
        """The registry's database."""
        return open_database(self.path / "registry.db", self.data_keys())

    def make_data_keys(self) -> None:
        """Draw the keys of the store, unless they are there."""
        from node.signer.secret_files import write_secret_file

        if not (self.keys / "data.keys").exists():
            drawn = DataKeys.generate()
            write_secret_file(self.keys / "data.keys", drawn.data + drawn.index + drawn.seal)

    def make_store(self) -> None:
        """Make the database, or bring it to the present schema."""
        open_database(self.path / "registry.db", self.data_keys(), create=True).close()

    @property
    def shelf(self) -> Shelf:
        """The folder of delivered bundles."""
        return Shelf(self.path / "delivered")

    # — the chain —

    def chain(self, *, writing: bool = False, node: str | None = None) -> AbstractContextManager[Ledger]:
        """Reach the chain: a named node, the configured one, the one that runs on this folder, or the file itself.

        Raises LedgerUnavailable (also later, at each question), LedgerForeign.
        """
        url = self.installation.chain.node_url if node is None else node
        return self._over_http(url) if url is not None else self._embedded(writing=writing)

    @contextmanager
    def _over_http(self, url: str) -> Iterator[Ledger]:
        from node.client.ledger import Web3Ledger

        require_node_address(url)
        ledger = Web3Ledger.over_http(url, self.trust_root)
        try:
            yield ledger
        finally:
            ledger.close()

    @contextmanager
    def _embedded(self, *, writing: bool) -> Iterator[Ledger]:
        """Read the file itself; to write, take its lock, or else go through the process that has it."""
        from node.client.ledger import Web3Ledger
        from node.client.rpc import Node
        from node.embedded.provider import EmbeddedProvider

        chain = self.open_chain(writing=writing)
        if isinstance(chain, str):
            with self._over_http(chain) as ledger:
                yield ledger
            return
        with chain:
            if writing:
                chain.start_sealing()
            yield Web3Ledger(Node(EmbeddedProvider(chain.rpc), where="the embedded chain"), self.trust_root)

    def open_chain(self, *, writing: bool) -> "EmbeddedChain | str":
        """Open the embedded chain, or give the address of the node that has it. Raises LedgerUnavailable."""
        from node.embedded import ChainFileMissing, ChainLocked, EmbeddedChain
        from node.signer import open_secret

        sealer_key = open_secret(self.keys / "sealer.json", self.passphrase("sealer")) if writing else None
        until = time.monotonic() + _LOCK_PATIENCE_SECONDS
        while True:
            try:
                chain = EmbeddedChain.open(self.path / "chain.db", sealer_key=sealer_key)
            except ChainFileMissing as error:
                raise LedgerUnavailable(str(self.path / "chain.db"), "there is no chain file") from error
            except ChainLocked as error:
                running = self.running_node()
                if running is not None:
                    return running
                if time.monotonic() >= until:
                    raise LedgerUnavailable("the embedded chain", "another command holds it") from error
                time.sleep(_LOCK_POLL_SECONDS)
                continue
            if writing:
                # Whoever has the lock is the only one: an announcement that lies there is of a node that was killed.
                (self.path / "node.json").unlink(missing_ok=True)
            return chain

    def running_node(self) -> str | None:
        """Give the address that the node of this folder answers at; None where none runs, whatever a dead one left."""
        try:
            said = json.loads((self.path / "node.json").read_bytes())
            os.kill(int(said["pid"]), 0)
            return str(said["url"])
        except (FileNotFoundError, ValueError, KeyError, ProcessLookupError):
            return None
        except PermissionError:  # it runs, as somebody else
            return str(said["url"])

    @contextmanager
    def announced(self, url: str) -> Iterator[None]:
        """Say where a node of this folder answers, while it does."""
        path = self.path / "node.json"
        path.write_text(json.dumps({"url": url, "pid": os.getpid()}) + "\n", encoding="utf-8")
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    # — doors —

    def verifier(
        self,
        *,
        max_age: timedelta | None = None,
        as_of: datetime | None = None,
        cause: Callable[[], str | None] = lambda: None,
    ) -> VerifyFromStore:
        """Make the judge over what has been read of the chain."""
        chain = self.installation.chain
        return VerifyFromStore(
            store=self.store,
            clock=self.clock,
            key_of=self.key_of,
            test_chain=chain.test_chain,
            max_age=timedelta(seconds=chain.max_age_seconds) if max_age is None else max_age,
            as_of=as_of,
            cause=cause,
        )

    def read_chain(self, node: str | None = None) -> str | None:
        """Read the chain's new records; where nobody answers, say so instead. Raises LedgerForeign, HistoryBroken."""
        try:
            with self.chain(node=node) as ledger:
                follow(self.store, ledger, self.clock)
        except LedgerUnavailable:
            return NODE_UNREACHABLE
        return None

    def catch_up(self, node: str | None = None) -> str | None:
        """Read the chain's new records; where that cannot be done, say why instead: for those who only read."""
        try:
            return self.read_chain(node)
        except (LedgerForeign, HistoryBroken) as error:
            return error.code.replace("/", "-")

    def auditor(self, ledger: Ledger | None) -> Auditor:
        """Make the auditor; without a ledger it compares what is kept with itself."""
        return Auditor(
            store=self.store,
            catalogue=self.catalogue,
            issuer=self.issuer,
            key_of=self.key_of,
            ledger=ledger,
            delivered=self.shelf,
        )


def require_node_address(url: str) -> None:
    """Check that a node's address has the form of one. Raises IdentifierMalformed."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise IdentifierMalformed("node's address", "one such as http://127.0.0.1:8545")


def verifier_without_home(
    node: str, trust_root: Path, *, max_age: timedelta, as_of: datetime | None
) -> VerifyFromLedger:
    """Make a judge that asks a node of the reader's choice under the reader's own trust root.

    Raises TrustRootMalformed.
    """
    try:
        root = TrustRoot.parse(trust_root.read_bytes())
    except OSError as error:
        raise TrustRootMalformed(f"cannot read {trust_root.name}") from error

    require_node_address(node)

    def connect() -> Ledger:
        from node.client.ledger import Web3Ledger

        return Web3Ledger.over_http(node, root)

    return VerifyFromLedger(ledger=connect, clock=SystemClock(), max_age=max_age, as_of=as_of)
