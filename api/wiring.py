"""The only place where parts are joined: data folder, store, chain, signers, doors.

The data folder holds `vermilion.toml`, `trust-root.json`, `public-keys.json`, `registry.db`, `chain.db` (embedded
chain), `keys/`, `delivered/`, and `node.json` while a node of this folder answers on a port.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from api.clock import SystemClock
from api.links import require_node_address
from api.settings import (
    CONFIG_FILE,
    ApproverSettings,
    ConfigurationMalformed,
    HomeMissing,
    Installation,
    find_home,
    read_installation,
)
from api.terminal import is_attended, said, typed_secret
from registry.anchor.trust import TrustRoot, TrustRootMalformed
from registry.credential.v1 import Bilingual
from registry.kernel.encoding import b64url
from registry.kernel.errors import IntegrityFault, MalformedInput, Missing
from registry.kernel.identifiers import IssuerCode, address
from registry.kernel.signing import PublicKey
from registry.ports import ApprovalSigner, Ledger, LedgerForeign, LedgerUnavailable
from registry.programme import Catalogue, load_catalogue
from registry.programme.subsidies import Rules, load_subsidies
from registry.store import Database, DataKeys, Shelf, open_database
from registry.verification.receipts import Notary
from registry.workflows.auditing.audit import Auditor
from registry.workflows.certificates.contents import IssuingBody
from registry.workflows.chain.follow import HistoryBroken, follow
from registry.workflows.verification.recheck import FewAtOnce, RecheckFromLedger, RecheckFromStore
from registry.workflows.verification.verify import NODE_UNREACHABLE, VerifyFromStore

if TYPE_CHECKING:  # the chain's libraries take seconds to import: only what needs them pays
    from node.embedded import EmbeddedChain
    from node.signer import AccountKey, AccountSigner, Passphrase, StatementKeyFile
    from registry.delivery.certificate_pdf import Press

SHORTEST_PASSPHRASE: Final = 12
_LONGEST_PASSPHRASE: Final = 4_096
"""Bytes that are read of a file descriptor."""
_LOCK_PATIENCE_SECONDS: Final = 20.0
_LOCK_POLL_SECONDS: Final = 0.2


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
_WHOSE_ZH: Final = {APPROVERS: "批准人", REGISTRYS: "登记机构"}
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


class PassphraseUnread(MalformedInput):
    """No passphrase came over the file descriptor that was named."""

    code = "home/passphrase-unread"

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        super().__init__(f"no passphrase could be read from file descriptor {descriptor}")


class KeyFileUnnamed(Missing):
    """What was named is neither a key file nor a role of the data folder."""

    code = "home/key-unnamed"

    def __init__(self, named: str, roles: tuple[str, ...]) -> None:
        self.named, self.roles = named, roles
        here = f"; of this installation there are {', '.join(roles)}" if roles else ""
        super().__init__(f"no key file at {named}{here}")


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
        """The programmes that come with the package and those in the folder `programmes`; as they were when used."""
        extra, kept = self.path / "programmes", {}
        if not self.is_being_made:  # while it is, the database may have no tables yet
            with self.store.read() as unit:
                kept = {(one.code, one.version): one.document for one in unit.programme_files.files()}
        return load_catalogue(extra if extra.is_dir() else None, kept)

    @cached_property
    def subsidies(self) -> Rules:
        """The rules of subsidies that come with the package, and those in the folder `subsidies`."""
        extra = self.path / "subsidies"
        return load_subsidies(extra if extra.is_dir() else None)

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
        if not is_attended():
            raise NoTerminal(whose)
        if not self.is_being_made:
            return Passphrase.typed(typed_secret(said(f"口令（{_WHOSE_ZH[whose]}）：", f"passphrase ({whose}): ")))
        typed = typed_secret(
            said(
                f"新口令（{_WHOSE_ZH[whose]}，至少{SHORTEST_PASSPHRASE}个字符）：",
                f"new passphrase ({whose}, {SHORTEST_PASSPHRASE} characters or more): ",
            )
        )
        others = [one.secret for role, one in self._opened.items() if role != whose]
        if len(typed) < SHORTEST_PASSPHRASE or typed.encode() in others:
            raise PassphraseWeak(whose)
        if typed_secret(said("再输入一次：", f"new passphrase ({whose}), again: ")) != typed:
            raise PassphrasesDiffer(whose)
        return Passphrase.typed(typed)

    def account(self, role: str) -> "AccountKey":
        """Open the key file of an account: `sender`, `approver`, `controller`, `member-1`, `sealer`."""
        from node.signer import open_keystore

        return open_keystore(self.keys / f"{role}.json", self.passphrase(role))

    def sender(self) -> "AccountSigner":
        """Open the issuer's sender, bound to our contract."""
        from node.client.engines import fee_cap_of, fees_of
        from node.signer import SENDER_FUNCTIONS, AccountSigner, SigningPolicy

        root = self.trust_root
        policy = SigningPolicy(
            contract=root.contract,
            functions=SENDER_FUNCTIONS,
            fees=fees_of(root.engine),
            fee_cap=fee_cap_of(root.engine),
        )
        return AccountSigner(self.account("sender"), policy)

    def approver(self, key: str | None = None) -> ApprovalSigner:
        """Reach the issuer's approver, bound to our contract: a named key file, the signer that is set, or `keys/`.

        Raises NoTerminal, and what opening a key file raises; a signer is asked nothing yet.
        """
        from node.signer import ApproverSigner

        if key is not None:
            return ApproverSigner(account_key(key, self), self.trust_root.contract)
        settings = self.installation.approver
        if settings is not None:
            return self._remote_approver(settings)
        return ApproverSigner(self.account("approver"), self.trust_root.contract)

    def _remote_approver(self, settings: ApproverSettings) -> ApprovalSigner:
        from node.signer import RemoteApprover, SignerMethod

        return RemoteApprover(
            settings.signer,
            self.trust_root.contract,
            method=SignerMethod(settings.method),
            account=None if settings.account is None else address(settings.account),
        )

    def credential_signer(self) -> "StatementKeyFile":
        """Open the credential key."""
        from node.signer import StatementKeyFile

        return StatementKeyFile.open(self.keys / "credential.pem", self.passphrase("credential"))

    def statement_signer(self) -> "StatementKeyFile":
        """Open the statement key, which signs receipts, copies and status lists and never a credential."""
        from node.signer import StatementKeyFile

        return StatementKeyFile.open(self.keys / "statement.pem", self.passphrase("statement"))

    def notary(self) -> Notary:
        """Open the statement key for signing receipts. Raises what opening a key file raises, and NoTerminal."""
        iss = f"{self.installation.public_base_url}/issuers/{self.issuer}"
        return Notary(iss=iss, trust_root=self.trust_root, signer=self.statement_signer())

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
        floor = self.installation.store.floor_megabytes << 20
        return open_database(self.path / "registry.db", self.data_keys(), floor_bytes=floor)

    @contextmanager
    def blank_store(self) -> Iterator[Database]:
        """Make an empty database with the same keys beside the registry's, until the block ends."""
        with tempfile.TemporaryDirectory(prefix="rereading-", dir=self.path) as folder:
            blank = open_database(Path(folder) / "registry.db", self.data_keys(), create=True)
            try:
                yield blank
            finally:
                blank.close()

    def make_data_keys(self) -> None:
        """Draw the keys of the store, unless they are there."""
        from node.signer.secret_files import write_secret_file

        if not (self.keys / "data.keys").exists():
            drawn = DataKeys.generate()
            write_secret_file(self.keys / "data.keys", drawn.data + drawn.index + drawn.seal)

    def outdated_tables(self) -> tuple[str, str] | None:
        """Name the version of the database's tables and the one wanted; None = they are the present ones."""
        from registry.store.migrating import SchemaOutdated

        try:
            _ = self.store
        except SchemaOutdated as outdated:
            return outdated.found or "-", outdated.expected
        return None

    def make_store(self) -> None:
        """Make the database, or bring it to the present schema."""
        open_database(self.path / "registry.db", self.data_keys(), create=True).close()

    @property
    def shelf(self) -> Shelf:
        """The folder of delivered bundles."""
        return Shelf(self.path / "delivered")

    @property
    def papers(self) -> Path:
        """The folder of batches drawn into ZIPs for pages, each kept for a day."""
        return self.path / "papers"

    def press(self) -> "Press":
        """Say how certificates are printed here. Raises ConfigurationMalformed, SealRefused."""
        from registry.delivery.certificate_pdf import Press, seal_picture

        settings, seal, fonts = self.installation.print, None, None
        if settings.seal is not None:
            try:
                seal = seal_picture((self.path / settings.seal).read_bytes())
            except OSError as error:
                raise self._print_refused("seal", f"cannot read {settings.seal}") from error
        if settings.fonts is not None:
            fonts = self.path / settings.fonts
            if not fonts.is_dir():
                raise self._print_refused("fonts", f"no such folder: {fonts}")
        return Press(
            base_url=self.installation.public_base_url,
            seal=seal,
            fonts=fonts,
            test_chain=self.installation.is_test,
        )

    def _print_refused(self, member: str, reason: str) -> ConfigurationMalformed:
        return ConfigurationMalformed(self.path / CONFIG_FILE, f"print.{member}", reason)

    # — the chain —

    def chain(self, *, writing: bool = False, node: str | None = None) -> AbstractContextManager[Ledger]:
        """Reach the chain: a named node, the configured one, the one that runs on this folder, or the file itself.

        Raises LedgerUnavailable (also later, at each question), LedgerForeign.
        """
        url = self.installation.chain.node_url if node is None else node
        if url is None:
            return self._embedded(writing=writing)
        return ledger_over_http(url, self.trust_root, made_by=self._contract_made_by)

    def _contract_made_by(self) -> int | None:
        """Give the block that holds the contract's first record; None = none was read yet."""
        with self.store.read() as unit:
            first = next(unit.projection.records(last=0), None)
        return None if first is None else first.position.block_number

    @contextmanager
    def _embedded(self, *, writing: bool) -> Iterator[Ledger]:
        """Read the file itself; to write, take its lock, or else go through the process that has it."""
        from node.client.ledger import Web3Ledger
        from node.client.rpc import Node
        from node.embedded.provider import EmbeddedProvider

        chain = self.open_chain(writing=writing)
        if isinstance(chain, str):
            with ledger_over_http(chain, self.trust_root) as ledger:
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
            test_chain=chain.chain_id if self.installation.is_test else None,
            max_age=timedelta(seconds=chain.max_age_seconds) if max_age is None else max_age,
            as_of=as_of,
            cause=cause,
        )

    def rechecker(
        self, *, node: str | None, max_age: timedelta | None, cause: Callable[[], str | None] = lambda: None
    ) -> RecheckFromStore:
        """Make what holds kept receipts against what has been read of the chain."""
        limit = timedelta(seconds=self.installation.chain.max_age_seconds)
        return RecheckFromStore(
            store=self.store,
            ledger=FewAtOnce(lambda: self.chain(node=node)),
            clock=self.clock,
            max_age=limit if max_age is None else max_age,
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


@contextmanager
def rechecker_alone(nodes: Sequence[str], root: TrustRoot, *, max_age: timedelta) -> Iterator[RecheckFromLedger]:
    """Make what holds kept receipts against nodes of the reader's choice, which all have to agree."""
    from node.client.agreement import AgreedLedger
    from node.client.ledger import Web3Ledger

    ledgers = {url: Web3Ledger.over_http(url, root) for url in nodes}
    try:
        yield RecheckFromLedger(ledger=lambda: AgreedLedger(ledgers), clock=SystemClock(), max_age=max_age)
    finally:
        for ledger in ledgers.values():
            ledger.close()


@contextmanager
def ledger_over_http(
    url: str, root: TrustRoot, *, made_by: Callable[[], int | None] = lambda: None
) -> Iterator[Ledger]:
    """Reach a chain through a node, under a trust root. Raises IdentifierMalformed; LedgerForeign once asked.

    `made_by`: a block in which the contract was there, where that is known.
    """
    from node.client.ledger import Web3Ledger

    require_node_address(url)
    ledger = Web3Ledger.over_http(url, root, made_by=made_by)
    try:
        yield ledger
    finally:
        ledger.close()


def read_trust_root(path: Path) -> TrustRoot:
    """Read a pinned trust root of the reader's own. Raises TrustRootMalformed."""
    try:
        return TrustRoot.parse(path.read_bytes())
    except OSError as error:
        raise TrustRootMalformed(f"cannot read {path.name}") from error


def account_key(named: str, home: Home | None, *, passphrase_fd: int | None = None) -> "AccountKey":
    """Open an account's key file: of a role of the data folder (`member-1`), or any keystore by its path.

    The passphrase is the folder's own, comes over a file descriptor, or is typed; where they are machine-made, an
    approver's that lies beside the file opens it too. Raises KeyFileUnnamed, NoTerminal, and as open_keystore.
    """
    from node.signer import Passphrase, open_keystore, read_keystore, read_passphrase

    role = None if home is None else home.keys / f"{named}.json"
    known = role is not None and role.is_file()
    if home is not None and known and passphrase_fd is None:
        return home.account(named)
    path = role if role is not None and known else Path(named)
    if not path.is_file():
        raise KeyFileUnnamed(named, _roles(home))
    read_keystore(path)
    if passphrase_fd is not None:
        secret = _read_passphrase(passphrase_fd)
        return open_keystore(path, Passphrase(secret=secret, machine_made=False))
    beside = path.parent / f"{APPROVERS}.passphrase"
    if home is not None and home.installation.machine_passphrases and beside.is_file():
        return open_keystore(path, read_passphrase(beside))
    if not is_attended():
        raise NoTerminal(path.name)
    typed = typed_secret(said(f"口令（{path.name}）：", f"passphrase ({path.name}): "))
    return open_keystore(path, Passphrase.typed(typed))


def passphrase_from(descriptor: int) -> PassphraseSource:
    """Make a source that reads the registry's passphrase of a file descriptor, once, and knows no other."""

    def given(whose: str) -> "Passphrase":
        from node.signer import Passphrase

        if whose != REGISTRYS:
            raise NoTerminal(whose)
        return Passphrase(secret=_read_passphrase(descriptor), machine_made=False)

    return given


def _read_passphrase(descriptor: int) -> bytes:
    try:
        with os.fdopen(descriptor, "rb") as given:
            secret = given.read(_LONGEST_PASSPHRASE).rstrip(b"\r\n")
    except OSError as error:
        raise PassphraseUnread(descriptor) from error
    if not secret:
        raise PassphraseUnread(descriptor)
    return secret


def _roles(home: Home | None) -> tuple[str, ...]:
    return () if home is None else tuple(sorted(path.stem for path in home.keys.glob("*.json")))
