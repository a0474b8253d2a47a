"""What every command of the consortium works with: the chain, what its records add up to, and names for accounts.

The records are read from the node at each command: a member of the consortium needs no data folder, only a node, a
pinned trust root and a key file.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from api.clock import SystemClock
from api.commands.ballots import Names
from api.commands.options import (
    LONGEST_WAIT,
    HomeOption,
    JsonOption,
    NodeOption,
    PassphraseFdOption,
    TrustRootOption,
    YesOption,
    confirm,
    stoppable,
)
from api.errors import advice
from api.settings import HomeMissing
from api.terminal import ERR, note, print_json, said, shown
from api.wiring import Home, account_key, ledger_over_http, read_trust_root
from registry.anchor.ballots import BallotUnreadable, Motion, motion_of
from registry.anchor.council import Council, council_of
from registry.anchor.facts import IssuerFacts, issuer_facts
from registry.anchor.history import Ballot, BallotKind, Block, Enacted, Record, Voted
from registry.anchor.history import BallotOutcome as Outcome
from registry.anchor.objections import objection
from registry.anchor.operations import ControllerOperation, MemberOperation
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Address, IssuerCode
from registry.ports import Ledger
from registry.programme import load_catalogue
from registry.workflows.auditing.prove import RebuiltLog, log_of_ledger
from registry.workflows.chain.govern import ContractRefused, perform

if TYPE_CHECKING:  # the chain's libraries take seconds to import
    from node.signer import AccountKey


class PlaceUnnamed(MalformedInput):
    """Neither a data folder nor both of node and trust root say where the consortium is."""

    code = "consortium/place-unnamed"

    def __init__(self) -> None:
        super().__init__("expected a data folder, or --node and --trust-root together")


class KeyUnnamed(MalformedInput):
    """A command that signs was not told with which key."""

    code = "consortium/key-unnamed"

    def __init__(self, role: str) -> None:
        self.role = role
        super().__init__(f"expected --key with the key file of {role}")


class IssuerUnknown(MalformedInput):
    """The consortium knows no issuing body of that code."""

    code = "consortium/issuer-unknown"

    def __init__(self, known: tuple[str, ...]) -> None:
        self.known = known
        super().__init__(f"no issuing body of that code was ever accredited; there are: {', '.join(known) or 'none'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Options of commands that only read."""

    node: NodeOption = None
    trust_root: TrustRootOption = None
    home: HomeOption = None
    as_json: JsonOption = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting(Reading):
    """Options of commands that sign and send."""

    key: Annotated[
        str | None,
        typer.Option("--key", help="Key file to sign with: a path, or a role of the data folder such as member-1."),
    ] = None
    passphrase_fd: PassphraseFdOption = None
    yes: YesOption = False
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be signed and what the contract answers; send nothing.")
    ] = False
    wait: Annotated[int, typer.Option("--wait", help="Seconds to wait for the chain.", min=0, max=LONGEST_WAIT)] = 60


class Chamber:
    """The consortium at one moment, as the records say it that lead to the contract's own checkpoint."""

    def __init__(
        self, ledger: Ledger, home: Home | None, writing: Callable[[], AbstractContextManager[Ledger]]
    ) -> None:
        self.ledger, self.home = ledger, home
        self._writing = writing

    @cached_property
    def log(self) -> RebuiltLog:
        """The whole history log. Raises LedgerUnavailable, LedgerForeign, HistoryBroken, EventsDisagree."""
        return log_of_ledger(self.ledger)

    @property
    def head(self) -> Block:
        """The last final block: everything said here is as of it."""
        return self.log.block

    @property
    def now(self) -> datetime:
        """The present moment; never before the chain's last block."""
        return max(SystemClock().now(), self.head.time)

    @property
    def records(self) -> tuple[Record, ...]:
        """All records of the contract."""
        return self.log.records

    @cached_property
    def council(self) -> Council:
        """Members and ballots."""
        return council_of(self.records)

    @cached_property
    def issuers(self) -> tuple[IssuerCode, ...]:
        """Codes of all issuing bodies ever accredited, in that order."""
        return tuple(
            {
                motion.issuer: None
                for motion in map(_accreditation, self.records)
                if motion is not None and motion.issuer is not None
            }
        )

    def issuer(self, code: str) -> IssuerFacts:
        """Give one issuing body. Raises IssuerUnknown."""
        facts = issuer_facts(self.records, IssuerCode(code))
        if facts.state is None:
            raise IssuerUnknown(self.issuers)
        return facts

    def names(self, *, whole: bool = False) -> Names:
        """Give names for what the chain knows by number."""
        if self.home is None:
            return Names(catalogue=load_catalogue(None), whole=whole)
        with self.home.store.read() as unit:
            batches = {one.batch: one.id for one in unit.batches.batches()}
        accounts = {Address(account.lower()): name for account, name in self.home.installation.names.items()}
        return Names(accounts=accounts, batches=batches, catalogue=self.home.catalogue, whole=whole)

    def sign(
        self, operation: MemberOperation | ControllerOperation, key: "AccountKey", lines: list[str], acting: Acting
    ) -> Record | None:
        """Say what is about to be signed, ask, and do it; None = it was a rehearsal.

        What the contract would refuse is refused before anybody is asked. Raises ContractRefused, Unconfirmed,
        TransactionWaiting, NotFinalInTime, TransactionRefused, LedgerUnavailable.
        """
        from node.client.engines import fees_of
        from node.client.operations import call_of
        from node.signer import CONTROLLER_FUNCTIONS, MEMBER_FUNCTIONS, AccountSigner, SigningPolicy

        root = self.ledger.trust_root
        fault = self.ledger.refusal(operation, key.address)
        if fault is not None:
            raise ContractRefused(fault)
        for line in lines:
            ERR.print(shown(line))
        if acting.dry_run:
            call = call_of(operation)
            if acting.as_json:
                document = {"dry_run": True, "words": lines, "account": key.address, "refusal": None}
                print_json({**document, "function": call.function, "gas_limit": call.gas})
            note(
                said(
                    f"演练：合约会接受（函数{call.function}，gas上限{call.gas:,}）；没有签名，也没有发送",
                    f"dry run: the contract would take it (function {call.function}, gas limit {call.gas:,}); "
                    "nothing was signed or sent",
                )
            )
            return None
        confirm(said("签名并发送？", "Sign and send?"), yes=acting.yes)
        functions = MEMBER_FUNCTIONS if isinstance(operation, MemberOperation) else CONTROLLER_FUNCTIONS
        policy = SigningPolicy(contract=root.contract, functions=functions, fees=fees_of(root.engine))
        with (
            stoppable(said("先看：vermilion consortium ballots", "look first: vermilion consortium ballots")),
            self._writing() as ledger,
        ):
            return perform(ledger, AccountSigner(key, policy), operation, patience=timedelta(seconds=acting.wait))

    def objection(self, ballot: Ballot) -> str | None:
        """Give the refusal that a ballot's decision would meet now; None = it would be done, or means nothing."""
        try:
            return objection(motion_of(ballot), self.council, self.records, self.now)
        except BallotUnreadable:
            return None

    def objection_note(self, fault: str | None) -> None:
        """Warn that a decision could not take effect as things stand."""
        texts = advice().get(fault) if fault is not None else None
        if texts is None:
            return
        note(
            said(
                f"注意：按现状，这一决定届时不能生效：{texts.cause_zh}{texts.remedy_zh}   [{fault}]",
                f"warning: as things stand this decision could not take effect: {texts.cause_en} {texts.remedy_en}"
                f"   [{fault}]",
            )
        )


def key_of(acting: Acting, home: Home | None, role: str) -> "AccountKey":
    """Open the key that signs; `role` is who must. Raises KeyUnnamed, KeyFileUnnamed."""
    if acting.key is None:
        raise KeyUnnamed(role)
    return account_key(acting.key, home, passphrase_fd=acting.passphrase_fd)


@contextmanager
def chamber(options: Reading) -> Iterator[Chamber]:
    """Reach the consortium: through the data folder, or a node under the reader's own trust root.

    Nothing is held for writing while a person reads and decides. Raises PlaceUnnamed, HomeMissing, TrustRootMalformed;
    LedgerUnavailable and LedgerForeign at the first question.
    """
    if options.trust_root is not None:
        if options.node is None:
            raise PlaceUnnamed
        with ledger_over_http(options.node, read_trust_root(options.trust_root)) as ledger:
            yield Chamber(ledger, _home(options.home), lambda: nullcontext(ledger))
        return
    try:
        home = Home.find(options.home)
    except HomeMissing as error:
        if options.home is not None:
            raise
        raise PlaceUnnamed from error
    with home.chain(node=options.node) as ledger:
        yield Chamber(ledger, home, lambda: home.chain(writing=True, node=options.node))


def _home(named: Path | None) -> Home | None:
    """Give the data folder that was named, for its keys and names; without one there is none."""
    return None if named is None else Home.find(named)


def _accreditation(record: Record) -> Motion | None:
    """Read what a record accredits; None where it does not, or where its words mean nothing."""
    match record.content:
        case Voted(ballot=ballot, outcome=Outcome.ENACTED) | Enacted(ballot=ballot):
            try:
                return motion_of(ballot) if ballot.kind is BallotKind.ACCREDIT else None
            except BallotUnreadable:
                return None
        case _:
            return None
