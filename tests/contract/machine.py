"""A machine that does anything to the contract that anybody could try, beside the model and before the witness.

Each rule draws a call that would mostly succeed from what the model holds, and now and then bends one part of it:
another sender, a tampered or replayed approval, a time just before or after a limit. The model says beforehand what
comes of it; the contract must agree, in its answer, its records and its views.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, ClassVar, TypeVar

from eth_utils import keccak
from hypothesis import note
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from rlp import encode as rlp_encode

from contracts import Artefact, BatchFlag, FaultCode, KeyKind, Kind, Status, Target
from tests.contract.model import Model
from tests.contract.players import (
    ALL_KEYS,
    ALWAYS,
    BATCH_IDS,
    BY_ADDRESS,
    CONTROLLERS,
    CROWD,
    DELAY,
    FOREIGN_CONTRACT,
    HANDS,
    ISSUERS,
    KINDS,
    MEMBERS,
    ODD_CODES,
    OPERATIONS,
    PEOPLE,
    REASONS,
    SCOPES,
    SIZES,
    STRANGER,
    THUMBPRINTS,
    WORDS,
    bent,
    changes_of,
    root_of,
    shown,
    sign,
    tree_of,
)
from tests.contract.things import (
    AT_ONCE,
    ENACTMENT_PERIOD,
    LONGEST_APPROVAL,
    NOBODY,
    NOTHING,
    VOTING_PERIOD,
    Address,
    Approval,
    Batch,
    Decision,
    Refused,
    Statement,
    View,
    Word,
    is_address,
    members_of,
    padded,
    text,
)
from tests.contract.witness import Deed, Witness
from tests.contract.world import (
    CHAIN_ID,
    DAY,
    HALF_ORDER,
    Account,
    Contract,
    Evm,
    RefusedError,
    digest,
    record_of,
    window,
)

T = TypeVar("T")

ROLLS = st.integers(0, 2**64 - 1)


class Disagreement(AssertionError):
    """Contract and model do not say the same."""


@dataclass(slots=True)
class Tally:
    """What a run has met."""

    transitions: int = 0
    """Transactions sent and compared."""
    runs: int = 0
    succeeded: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    decided: Counter[Kind] = field(default_factory=Counter)
    """Kinds of ballots that took effect."""
    met: Counter[FaultCode] = field(default_factory=Counter)
    alone: Counter[FaultCode] = field(default_factory=Counter)
    """Faults met where they were the only reason, so that the code was exactly foretold."""

    def __str__(self) -> str:
        lines = [f"{self.transitions} transitions in {self.runs} runs, {self.succeeded.total()} succeeded"]
        for name in sorted(OPERATIONS):
            lines.append(f"  {name}: {self.succeeded[name]} succeeded, {self.refused[name]} refused")
        decided = ", ".join(f"{kind.name} {self.decided[kind]}" for kind in Kind)
        met = ", ".join(f"{code.name} {self.met[code]}" for code in FaultCode if self.met[code])
        never = ", ".join(code.name for code in FaultCode if not self.alone[code]) or "none"
        return "\n".join([*lines, f"  decided: {decided}", f"  faults: {met}", f"  never met alone: {never}"])


class Unmutated(HypothesisProvider):
    """Draws as hypothesis does, without the five mutated copies that it makes of each history it has tried."""


AVAILABLE_PROVIDERS["unmutated"] = f"{__name__}.Unmutated"


def by_chance(act: Callable[[Any, Random], None]) -> Callable[..., None]:
    """A rule whose choices follow from one number, which hypothesis draws.

    Its own draws cluster around the simplest values, and a state as deep as this is reached by many middling choices.
    A number that comes again in a run leads to other choices.
    """

    def step(self: "ContractMachine", roll: int) -> None:
        act(self, self.dice(roll))

    step.__name__ = act.__name__
    return rule(roll=ROLLS)(step)


class ContractMachine(RuleBasedStateMachine):
    """One contract, from its founding on. Subclasses say which artefact, and share a tally."""

    target: ClassVar[Target] = "cancun"
    patched: ClassVar[Artefact | None] = None
    heed_model: ClassVar[bool] = True
    """Whether it matters what the model says; if not, it only helps to choose, and the witness alone judges."""
    tally: ClassVar[Tally]

    def __init__(self) -> None:
        super().__init__()
        self.sound = True
        self.salt = 0
        self.rolls: Counter[int] = Counter()
        self.origin = 0
        self.approvals: list[Approval] = []
        self.sent: list[tuple[Account, str, tuple[Any, ...]]] = []

    # Drawing

    def dice(self, roll: int) -> Random:
        if not self.rolls:
            self.origin = roll
        self.rolls[roll] += 1
        return Random(f"{self.origin} {roll} {self.rolls[roll]}")

    def one_of(self, dice: Random, options: Iterable[T]) -> T:
        return dice.choice(list(options))

    def now_and_then(self, dice: Random, often: int = 8) -> bool:
        """Once in so many times."""
        return dice.randrange(often) == 0

    def mostly(self, dice: Random, good: Iterable[T], other: Iterable[T], often: int = 10) -> T:
        """One of the good where there are any, now and then one of the others."""
        first = list(good)
        if not first or self.now_and_then(dice, often):
            return self.one_of(dice, other)
        return self.one_of(dice, first)

    # Founding

    @initialize(roll=ROLLS)
    def found(self, roll: int) -> None:
        dice = self.dice(roll)
        crowded = self.now_and_then(dice, 24)
        number = self.one_of(dice, (127, 128)) if crowded else self.one_of(dice, (3, 4, 5))
        people = CROWD[:number] if crowded else MEMBERS[:number]
        members = [Address(person.raw) for person in people]
        threshold = number // 2 + 1 if crowded else self.one_of(dice, range(number // 2 + 1, number + 1))
        charter, earlier = (NOBODY, 0, Word(digest("charter"))), (FOREIGN_CONTRACT, 77, Word(digest("log")))
        founding = {
            "members": members,
            "threshold": threshold,
            "delay": self.one_of(dice, (DELAY, 0, 90 * DAY) if not crowded else (0,)),
            "predecessor": self.one_of(dice, (charter, earlier)),
        }
        bends: list[dict[str, Any]] = [
            {"delay": 90 * DAY + 1},
            {"predecessor": (NOBODY, 1, charter[2])},
            {"predecessor": (FOREIGN_CONTRACT, 0, charter[2])},
            {"predecessor": (FOREIGN_CONTRACT, 5, NOTHING)},
            {"threshold": number // 2},
            {"threshold": number + 1},
            {"members": [*members[1:], members[1]]},
            {"members": [*members[1:], NOBODY]},
        ]
        self.contract = Contract(Evm(self.target), self.target)
        if self.patched:
            self.contract.artefact = self.patched
        if self.now_and_then(dice, 3):
            self.deploy(Account("founder who errs"), founding | self.one_of(dice, bends))
        self.deploy(Account("founder"), founding)
        self.tally.runs += 1
        self.witness = Witness(
            self.contract,
            delay=self.model.delay,
            people=list(BY_ADDRESS) if crowded else [person.raw for person in PEOPLE],
            issuers=[*ISSUERS, *ODD_CODES],
            scopes=[*SCOPES, *ODD_CODES],
            keys=[*ALL_KEYS, Word(digest("odd")), Word(digest("no address"))],
            batch_ids=BATCH_IDS,
            words=WORDS,
        )
        if crowded:
            for newcomer in MEMBERS[: 129 - number]:
                self.carry(Decision(Kind.ADMIT, Word(newcomer.word), 65, salt=self.fresh_salt()), STRANGER)
            return
        for issuer, index in zip(ISSUERS, range(self.one_of(dice, (2, 2, 2, 1, 1, 0))), strict=False):
            self.establish(issuer, index)
        self.require_views(self.model.touched)

    def deploy(self, founder: Account, founding: dict[str, Any]) -> None:
        """Deploy, or be refused as foretold."""
        address = Address(keccak(rlp_encode([founder.raw, b""]))[12:])
        self.tally.transitions += 1
        try:
            model = Model(chain_id=CHAIN_ID, address=address, now=self.contract.evm.now, by=founder.raw, **founding)
        except Refused as error:
            try:
                self.contract.deploy(founder, *founding.values())
            except RefusedError as refusal:
                self.count_refusal("deployment", error.faults, refusal.code)
                return
            self.disagree(f"deployed although {error}")
        self.contract.deploy(founder, *founding.values())
        self.model = model
        self.agree([record_of(event) for event in self.contract.history], model.records, "record of the founding")

    def establish(self, issuer: Word, index: int) -> None:
        """Accredit an issuer with scope and keys, and let it anchor a batch."""
        always = window(*ALWAYS)
        controller, approver, sender = CONTROLLERS[index], HANDS[2 * index], HANDS[2 * index + 1]
        salt = self.fresh_salt()
        self.carry(Decision(Kind.ACCREDIT, issuer, 0, Word(controller.word), salt))
        self.carry(Decision(Kind.GRANT_SCOPE, issuer, always, SCOPES[0], salt))
        self.carry(Decision(Kind.ADD_APPROVER, issuer, always, Word(approver.word), salt))
        nothing = self.sign_for(issuer, approver, "ApproverKey", {"key": NOBODY, "from": 0, "until": 1})
        self.attempt(controller, "addKey", issuer, KeyKind.SENDER, Word(sender.word), *ALWAYS, nothing)
        self.attempt(controller, "addKey", issuer, KeyKind.CREDENTIAL, THUMBPRINTS[0], *ALWAYS, nothing)
        message = {
            "batchId": BATCH_IDS[0],
            "root": root_of(300),
            "size": 300,
            "scope": text(SCOPES[0]),
            "evidence": Word(digest("evidence")),
            "credentialKey": THUMBPRINTS[0],
        }
        approval = self.sign_for(issuer, approver, "Anchor", message)
        sent = {**message, "scope": SCOPES[0]}
        self.attempt(sender, "anchorBatch", issuer, *sent.values(), approval)

    # One transaction

    def disagree(self, what: str) -> None:
        if self.heed_model:
            raise Disagreement(what)

    def agree(self, found: Any, expected: Any, what: object) -> None:
        if self.heed_model and found != expected:
            self.disagree(f"{what}: the contract has {found!r}, the model {expected!r}")

    def count_refusal(self, function: str, foretold: frozenset[FaultCode], code: FaultCode) -> None:
        if code not in foretold:
            names = sorted(fault.name for fault in foretold)
            self.disagree(f"{function} was refused with {code.name}, the model has {names or 'no objection'}")
        self.tally.refused[function] += 1
        self.tally.met[code] += 1
        if len(foretold) == 1:
            self.tally.alone[code] += 1

    def attempt(self, by: Account, function: str, *arguments: Any) -> bool:
        """Send a transaction to model and contract; return whether it was done. Raises Broken, Disagreement."""
        self.sound = False
        self.sent.append((by, function, arguments))
        self.tally.transitions += 1
        now = self.contract.evm.now
        note(f"{now} {by.name}: {function}({', '.join(map(shown, arguments))})")
        self.model.touched, earlier = set(), len(self.model.records)
        foretold: frozenset[FaultCode] = frozenset()
        snake = re.sub("[A-Z]", lambda letter: "_" + letter[0].lower(), function)
        try:
            getattr(self.model, snake)(by.raw, *arguments)
        except Refused as error:
            foretold = error.faults
        sent: list[Any] = []
        for argument in arguments:
            sent.extend(argument.words if isinstance(argument, Decision) else [argument])
        sent = [argument.words if isinstance(argument, Approval) else argument for argument in sent]
        code = receipt = None
        try:
            receipt = self.contract.send(by, function, *sent)
        except RefusedError as error:
            code = error.code
        self.witness.watch(Deed(by=by.raw, function=function, arguments=sent, time=now, receipt=receipt))
        if code is not None:
            self.count_refusal(function, foretold, code)
        elif foretold:
            self.disagree(f"{function} was done although {sorted(fault.name for fault in foretold)}")
        else:
            self.tally.succeeded[function] += 1
            records = [record_of(event) for event in receipt.events]
            self.agree(records, self.model.records[earlier:], f"records of {function}")
            self.agree(self.witness.checkpoint, self.model.answer(("checkpoint",)), "checkpoint")
            self.require_views(self.model.touched)
        self.sound = True
        return code is None

    def require_views(self, views: Iterable[View]) -> None:
        for view in views if self.heed_model else ():
            try:
                expected = self.model.answer(view)
            except Refused as error:
                expected = error.faults
            try:
                found = self.contract.call(*view)
            except RefusedError as refusal:
                found = frozenset({refusal.code})
            self.agree(found, expected, view)

    def carry(self, decision: Decision, *tagalongs: Account, see_through: bool = True) -> bool:
        """Let just enough members vote, wait, and enact; return whether it took effect."""
        done = False
        for person in [*tagalongs, *self.present()]:
            ballot = self.model.ballots.get(decision)
            if ballot and (ballot.enacted or ballot.since):
                break
            done = self.attempt(person, "vote", decision)
            if not done and person not in tagalongs:
                return False
        if decision.kind not in AT_ONCE:
            if not see_through:
                return False
            early = min(self.model.delay, self.salt % 3)
            self.travel(self.model.delay - early)
            done = self.attempt(self.present()[-1], "enact", decision)
            if not done:
                self.travel(early)
                done = self.attempt(self.present()[-1], "enact", decision)
        if done:
            self.tally.decided[Kind(decision.kind)] += 1
        return done

    def travel(self, seconds: int) -> None:
        self.model.now += seconds
        self.contract.evm.travel(to=self.model.now)

    def fresh_salt(self) -> Word:
        self.salt += 1
        return Word(padded(self.salt))

    # Who and what there is

    def present(self) -> list[Account]:
        return [BY_ADDRESS[member] for member in self.model.members]

    def anybody(self) -> list[Account]:
        return PEOPLE

    def issuer(self, dice: Random) -> Word:
        """Mostly an issuer that can act."""
        known = self.model.issuers
        able = [issuer for issuer in known if self.keys(issuer, KeyKind.SENDER) and not known[issuer].suspended]
        return self.mostly(dice, able, self.mostly(dice, [known], [[*ISSUERS, *ODD_CODES]], 3) or ISSUERS, 8)

    def keys(self, issuer: Word, *kinds: KeyKind, good: bool = True) -> list[Word]:
        return [
            key
            for (owner, key), held in self.model.keys.items()
            if owner == issuer and held.kind in (kinds or set(KeyKind)) and (held.good(self.model.now) or not good)
        ]

    def hand(self, dice: Random, issuer: Word, kind: KeyKind) -> Account:
        """Mostly a good sender or approver of the issuer; else a bad one, or somebody else."""
        good = [BY_ADDRESS[key[12:]] for key in self.keys(issuer, kind)]
        bad = [BY_ADDRESS[key[12:]] for key in self.keys(issuer, kind, good=False)]
        former = [person for person in bad if person not in good]
        return self.mostly(dice, good, former if former and self.now_and_then(dice, 2) else self.anybody(), 10)

    def place(self, dice: Random, wanted: Callable[[Batch], bool] = lambda _: True) -> tuple[Word, Word]:
        """Mostly a batch that has what is wanted, of an issuer that can act."""
        able = [
            place
            for place in self.model.batches
            if self.keys(place[0], KeyKind.SENDER) and not self.model.issuers[place[0]].suspended
        ]
        fitting = [place for place in able if wanted(self.model.batches[place])]
        anywhere = [(self.issuer(dice), self.one_of(dice, BATCH_IDS)), *self.model.batches]
        return self.mostly(dice, fitting or able, anywhere, 14)

    def indices(self, dice: Random, place: tuple[Word, Word], *wanted: Status, most: int = 4) -> list[int]:
        """Certificates of a batch, mostly of the status wanted and inside it."""
        batch = self.model.batches.get(place)
        size = batch.size if batch else 300
        edges = {0, 1, 2, 64, 126, 127, 128, 129, 200, 255, 256, 257, size // 2, size - 2, size - 1}
        inside = sorted(index for index in edges if 0 <= index < size)
        fitting = [index for index in inside if not batch or batch.status(index) in wanted]
        if not fitting or self.now_and_then(dice):
            fitting = [*inside, size, size + 1, (size // 128 + 1) * 128]
        final = [index for index in inside if batch and batch.status(index).final]
        if final and self.now_and_then(dice):
            fitting = final
        return dice.sample(fitting, dice.randint(1, min(most, len(fitting))))

    def changes(self, dice: Random, place: tuple[Word, Word], *wanted: Status) -> list[int]:
        found = changes_of(self.indices(dice, place, *wanted))
        if not self.now_and_then(dice, 12):
            return found
        bends: list[list[int]] = [
            [],
            [*found, found[-1]],
            [0],
            [*found, 1 << 128],
            [2**256 - 1],
            [2**128 - 1],
            [1 << 128 | 2**128 - 1],
            [(2**100) << 128 | 1],
        ]
        return self.one_of(dice, bends)

    def reason(self, dice: Random) -> int:
        return self.mostly(dice, REASONS, (2**16, 2**32), 24)

    def window(self, dice: Random) -> tuple[int, int]:
        now = self.model.now
        good = [ALWAYS, ALWAYS, (now, now + 10 * DAY), (now + 3_600, now + 40 * DAY), (5, now + 1)]
        return self.mostly(dice, good, [(0, now), (now + 9, now + 9), (0, 2**40), (2**40, 2**41), (9, 0)], 12)

    # Approvals

    def sign_for(
        self,
        issuer: Word,
        signer: Account,
        primary_type: str,
        message: dict[str, Any],
        *,
        deadline: int | None = None,
        chain_id: int = CHAIN_ID,
        contract: Address | None = None,
        issuer_text: str | None = None,
    ) -> Approval:
        statement = Statement(
            chain_id=chain_id,
            contract=contract or self.model.address,
            primary_type=primary_type,
            message={"issuer": text(issuer) if issuer_text is None else issuer_text, **message},
            deadline=self.model.now + DAY if deadline is None else deadline,
        )
        return Approval(
            signer=Address(signer.raw),
            statement=statement,
            deadline=statement.deadline,
            well_formed=True,
            signature=sign(statement, signer),
        )

    def approval(self, dice: Random, issuer: Word, primary_type: str, message: dict[str, Any]) -> Approval:
        """Mostly a good approver's signature over this very message."""
        signer = self.hand(dice, issuer, KeyKind.APPROVER)
        given = self.sign_for(issuer, signer, primary_type, message)
        if self.now_and_then(dice, 5):
            given = self.bent_approval(dice, issuer, signer, given)
        self.approvals.append(given)
        return given

    def bent_approval(self, dice: Random, issuer: Word, signer: Account, given: Approval) -> Approval:
        now, statement = self.model.now, given.statement
        message = {name: value for name, value in statement.message.items() if name != "issuer"}

        def again(**changed: Any) -> Approval:
            return self.sign_for(issuer, signer, statement.primary_type, **({"message": message} | changed))

        def reformed(*signature: int) -> Approval:
            return Approval(
                signer=given.signer,
                statement=statement,
                deadline=given.deadline,
                well_formed=False,
                signature=(signature[0], signature[1], signature[2]),
            )

        v, r, s = given.signature
        order = 2 * HALF_ORDER + 1
        bend = self.one_of(dice, range(16))
        if bend < 4:
            deadlines = (now, now - 1, now + LONGEST_APPROVAL, now + LONGEST_APPROVAL + 1)
            return again(deadline=deadlines[bend])
        if bend in (4, 5):
            name = self.one_of(dice, sorted(message))
            return again(message=message | {name: bent(message[name])})
        if bend == 6:
            return again(chain_id=CHAIN_ID + 1)
        if bend == 7:
            return again(contract=FOREIGN_CONTRACT)
        if bend == 8:
            return again(issuer_text=text(self.one_of(dice, ISSUERS)))
        if bend == 9:
            return Approval(
                signer=given.signer,
                statement=statement,
                deadline=given.deadline + 1,
                well_formed=True,
                signature=given.signature,
            )
        if bend == 10:
            return reformed(55 - v, r, order - s)
        if bend == 11:
            return reformed(v - 27, r, s)
        if bend == 12:
            return reformed(v, 0, s)
        if bend == 13:
            senders = [BY_ADDRESS[key[12:]] for key in self.keys(issuer, KeyKind.SENDER)]
            return self.sign_for(issuer, self.one_of(dice, senders or HANDS), statement.primary_type, message)
        return self.one_of(dice, [given, *self.approvals[-12:]])

    # Ballots

    def subject_address(self, dice: Random, good: Iterable[Account]) -> Word:
        odd = [NOTHING, Word(digest("no address")), *(Word(person.word) for person in PEOPLE)]
        return self.mostly(dice, [Word(person.word) for person in good], odd)

    def majority(self, dice: Random, members: int) -> int:
        good = range(members // 2 + 1, members + 1)
        return self.mostly(dice, good, (0, members // 2, members + 1, 256 + members), 14)

    def decision(self, dice: Random, kind: Kind | None = None) -> Decision:
        """Something to decide, mostly possible as things stand."""
        kind = kind or self.one_of(dice, KINDS)
        held_back = any(batch.flags & BatchFlag.SUSPENDED_BY_MEMBERS for batch in self.model.batches.values())
        if kind is Kind.LIFT_BATCH_SUSPENSION and not held_back and not self.now_and_then(dice):
            kind = Kind.SUSPEND_BATCH
        subject, arg, ref = self.content(dice, kind)
        if self.now_and_then(dice, 30):
            subject, arg, ref = self.one_of(
                dice,
                [(Word(digest("odd")), arg, ref), (subject, 7, ref), (subject, arg, Word(digest("odd")))],
            )
        salt = NOTHING if self.now_and_then(dice) else self.fresh_salt()
        return Decision(kind if not self.now_and_then(dice, 60) else 21, subject, arg, ref, salt)

    def content(self, dice: Random, kind: Kind) -> tuple[Word, int, Word]:
        model, now = self.model, self.model.now
        members = self.present()
        if kind is Kind.ADMIT:
            outside = [person for person in MEMBERS if person not in members]
            return (self.subject_address(dice, outside), self.majority(dice, len(members) + 1), NOTHING)
        if kind is Kind.REMOVE:
            leavers = members if len(members) > 2 else []
            return (self.subject_address(dice, leavers), self.majority(dice, len(members) - 1), NOTHING)
        if kind is Kind.THRESHOLD:
            return (NOTHING, self.majority(dice, len(members)), NOTHING)
        if kind is Kind.UNPAUSE:
            return (NOTHING, 0, NOTHING)
        if kind is Kind.MIGRATE:
            successor = self.mostly(dice, [FOREIGN_CONTRACT], [self.model.address, NOBODY])
            return (Word(padded(successor)), self.mostly(dice, [CHAIN_ID], [0, 1, 2**64], 4), NOTHING)
        if kind is Kind.RECORD:
            return (NOTHING, self.mostly(dice, [1, 2, 3], [0, 4]), self.mostly(dice, THUMBPRINTS, [NOTHING]))
        if kind is Kind.ACCREDIT:
            fresh = [code for code in ISSUERS if code not in model.issuers]
            code = self.mostly(dice, fresh, [*model.issuers, *ODD_CODES], 5)
            return (code, 0, self.subject_address(dice, CONTROLLERS))
        return self.issuer_content(dice, kind, self.issuer(dice), now)

    def issuer_content(self, dice: Random, kind: Kind, issuer: Word, now: int) -> tuple[Word, int, Word]:
        model = self.model
        if kind in (Kind.SUSPEND, Kind.REINSTATE):
            wanted = [code for code, held in model.issuers.items() if held.suspended is (kind is Kind.REINSTATE)]
            return (self.mostly(dice, wanted, [issuer]), 0, NOTHING)
        if kind is Kind.WITHDRAW:
            gone = [code for code, held in model.issuers.items() if held.withdrawn]
            return (self.mostly(dice, [issuer], gone or [issuer], 3), self.reason(dice), NOTHING)
        if kind is Kind.SET_CONTROLLER:
            approvers = self.keys(issuer, KeyKind.APPROVER, good=False)
            return (issuer, 0, self.mostly(dice, [self.subject_address(dice, CONTROLLERS)], approvers or ALL_KEYS))
        if kind is Kind.GRANT_SCOPE:
            return (issuer, window(*self.window(dice)), self.mostly(dice, SCOPES, ODD_CODES, 16))
        if kind is Kind.REVOKE_SCOPE:
            granted = [scope for owner, scope in model.scopes if owner == issuer]
            return (issuer, 0, self.mostly(dice, granted, SCOPES))
        if kind is Kind.ADD_APPROVER:
            key = self.fresh_key(dice, issuer, KeyKind.APPROVER)
            return (issuer, window(*self.window(dice)), key)
        if kind is Kind.KEY_COMPROMISED:
            key = self.mostly(dice, self.keys(issuer, good=False), ALL_KEYS)
            since = self.mostly(dice, [now, now - 1, now - 3_600, now - 5 * DAY], [0, now + 1, now + 30 * DAY], 4)
            return (issuer, since, key)
        if kind is Kind.REVOKE_WORD:
            place = self.place(dice)
            (change_, *_) = self.changes(dice, place, Status.VALID, Status.SUSPENDED) or [1]
            return (place[0], (self.reason(dice) << 192 | change_) % 2**256, place[1])
        flags = {
            Kind.SUSPEND_BATCH: (BatchFlag.SUSPENDED_BY_MEMBERS, False),
            Kind.LIFT_BATCH_SUSPENSION: (BatchFlag.SUSPENDED_BY_MEMBERS, True),
            Kind.REVOKE_BATCH: (BatchFlag.REVOKED, False),
            Kind.REAFFIRM_BATCH: (BatchFlag.REAFFIRMED, False),
        }
        flag, present = flags[kind]
        unwanted = self.now_and_then(dice, 5)
        place = self.place(dice, lambda batch: bool(batch.flags & flag) is (present is not unwanted))
        return (place[0], self.reason(dice), place[1])

    def known(self, dice: Random) -> Decision:
        """A ballot that was begun, mostly an open one."""
        now = self.model.now
        open_ = [one for one, ballot in self.model.ballots.items() if not ballot.enacted and now <= ballot.deadline]
        return self.mostly(dice, open_[-6:], [*self.model.ballots, self.decision(dice)])

    @by_chance
    def propose(self, dice: Random) -> None:
        decision = self.decision(dice)
        voter = self.mostly(dice, self.present(), self.anybody())
        self.vote(voter, decision)

    @by_chance
    def second(self, dice: Random) -> None:
        decision = self.known(dice)
        ballot = self.model.ballots.get(decision)
        silent = [BY_ADDRESS[who] for who, seat in self.model.members.items() if ballot and seat not in ballot.votes]
        if ballot and self.now_and_then(dice, 6):
            self.travel(max(0, ballot.deadline + dice.randrange(2) - self.model.now))
        self.vote(self.mostly(dice, silent, self.anybody()), decision)

    def vote(self, voter: Account, decision: Decision) -> None:
        done = self.attempt(voter, "vote", decision)
        if done and self.model.ballots[decision].enacted:
            self.tally.decided[Kind(decision.kind)] += 1

    @by_chance
    def withdraw_vote(self, dice: Random) -> None:
        voted = [one for one, ballot in self.model.ballots.items() if ballot.votes and not ballot.enacted]
        if not voted and not self.now_and_then(dice, 4):
            self.vote(self.one_of(dice, self.present()), self.decision(dice))
            return
        decision = self.mostly(dice, voted, [self.known(dice)])
        ballot = self.model.ballots.get(decision)
        voters = [BY_ADDRESS[who] for who, seat in self.model.members.items() if ballot and seat in ballot.votes]
        self.attempt(self.mostly(dice, voters, self.anybody()), "withdrawVote", decision)

    @by_chance
    def enact(self, dice: Random) -> None:
        waiting = [one for one, ballot in self.model.ballots.items() if ballot.since and not ballot.enacted]
        if not waiting and not self.now_and_then(dice, 4):
            self.carry(self.decision(dice), see_through=False)
            return
        decision = self.mostly(dice, waiting, [*self.model.ballots, self.decision(dice)])
        ballot = self.model.ballots.get(decision)
        if ballot and ballot.since and not ballot.enacted:
            start = ballot.since + (0 if decision.kind in AT_ONCE else self.model.delay)
            end = start + ENACTMENT_PERIOD
            moment = self.mostly(dice, [start, end], [start - 1, start - 1, end + 1], 3)
            self.travel(max(0, moment - self.model.now))
        self.enact_as(self.mostly(dice, self.present(), self.anybody()), decision)

    def enact_as(self, who: Account, decision: Decision) -> None:
        if self.attempt(who, "enact", decision):
            self.tally.decided[Kind(decision.kind)] += 1

    @by_chance
    def decide(self, dice: Random) -> None:
        """Enough members agree and see it through; now and then they are one too few."""
        if len(self.model.members) > 20:
            return
        self.carry(self.decision(dice))
        decision = self.decision(dice)
        if not self.now_and_then(dice, 3):
            self.carry(decision)
        elif decision not in self.model.ballots:
            self.conspire(decision, dice.sample(self.others(), 2))

    def conspire(self, decision: Decision, outsiders: Sequence[Account]) -> None:
        """All but one of the members needed, with outsiders' help, try to have their way."""
        conspirators = [*self.present()[: self.model.threshold - 1], *outsiders]
        for person in conspirators:
            if self.attempt(person, "vote", decision) and self.model.ballots[decision].enacted:
                self.disagree("conspirators decided")
        self.travel(self.model.delay)
        if any(self.attempt(person, "enact", decision) for person in (conspirators[0], conspirators[-1])):
            self.disagree("conspirators decided")

    @by_chance
    def expel(self, dice: Random) -> None:
        """A member votes and is removed; the others come one vote nearer, but no nearer than that."""
        members = self.present()
        if not 2 < len(members) <= 20:
            return
        leaver = self.one_of(dice, members)
        decision = self.decision(dice, self.one_of(dice, sorted(AT_ONCE)))
        removal = Decision(Kind.REMOVE, Word(leaver.word), len(members) // 2 + 1, salt=self.fresh_salt())
        if removal.arg == len(members) or not self.attempt(leaver, "vote", decision) or not self.carry(removal):
            return
        for person in dice.sample(self.present(), self.model.threshold):
            if decision in self.model.ballots and not self.model.ballots[decision].enacted:
                self.vote(person, decision)

    @by_chance
    def help(self, dice: Random) -> None:
        self.help_out(dice)

    def help_out(self, dice: Random) -> None:
        """Do what keeps an issuer from anchoring now, if anything does."""
        model, now, always = self.model, self.model.now, window(*ALWAYS)
        if len(model.members) > 20:
            return
        if model.paused_until > now:
            self.carry(Decision(Kind.UNPAUSE, salt=self.fresh_salt()))
            return
        candidates = [code for code in ISSUERS if code not in model.issuers or not model.issuers[code].withdrawn]
        issuer = self.mostly(dice, [code for code in candidates if code in model.issuers], candidates or ISSUERS)
        salt = self.fresh_salt()
        held = model.issuers.get(issuer)
        good = [scope for (owner, scope), span in model.scopes.items() if owner == issuer and span[0] <= now < span[1]]
        if held is None:
            self.carry(Decision(Kind.ACCREDIT, issuer, 0, Word(self.one_of(dice, CONTROLLERS).word), salt))
        elif held.suspended:
            self.carry(Decision(Kind.REINSTATE, issuer, salt=salt))
        elif not good:
            self.carry(Decision(Kind.GRANT_SCOPE, issuer, always, self.one_of(dice, SCOPES), salt))
        elif not self.keys(issuer, KeyKind.APPROVER):
            key = self.fresh_key(dice, issuer, KeyKind.APPROVER)
            self.carry(Decision(Kind.ADD_APPROVER, issuer, always, key, salt))
        else:
            missing = [kind for kind in KeyKind if not self.keys(issuer, kind)]
            kind = self.one_of(dice, missing or KeyKind)
            self.register(dice, issuer, kind, self.fresh_key(dice, issuer, kind), *ALWAYS)

    def others(self) -> list[Account]:
        members = self.present()
        return [person for person in PEOPLE if person not in members]

    @by_chance
    def pause(self, dice: Random) -> None:
        rested = [
            person
            for person in self.present()
            if self.model.now >= self.model.paused_by.get(Address(person.raw), -VOTING_PERIOD) + VOTING_PERIOD
        ]
        self.attempt(self.mostly(dice, rested, self.anybody(), 5), "pause")

    @by_chance
    def record_foreign_anchor(self, dice: Random) -> None:
        length = len(self.model.records)
        size = self.mostly(dice, [1, length], [0, length + 1])
        root = self.mostly(dice, [Word(digest("foreign root"))], [NOTHING])
        member = self.mostly(dice, self.present(), self.anybody())
        self.attempt(member, "recordForeignAnchor", 1, size, root, Word(digest("elsewhere")))

    # Keys

    def fresh_key(self, dice: Random, issuer: Word, kind: int) -> Word:
        people = [Word(hand.word) for hand in HANDS]
        fitting = people if kind in (KeyKind.SENDER, KeyKind.APPROVER) else THUMBPRINTS
        fresh = [key for key in fitting if (issuer, key) not in self.model.keys]
        return self.mostly(dice, fresh, [*ALL_KEYS, NOTHING], 12)

    def controller(self, dice: Random, issuer: Word) -> Account:
        held = self.model.issuers.get(issuer)
        return self.mostly(dice, [BY_ADDRESS[held.controller]] if held else [], self.anybody(), 12)

    @by_chance
    def add_key(self, dice: Random) -> None:
        issuer = self.issuer(dice)
        kind = self.mostly(dice, KeyKind, (0, 5), 24)
        self.register(dice, issuer, kind, self.fresh_key(dice, issuer, kind), *self.window(dice))

    def register(self, dice: Random, issuer: Word, kind: int, key: Word, start: int, until: int) -> None:
        message = {"key": Address(key[12:]) if is_address(key) else NOBODY, "from": start, "until": until}
        approval = self.approval(dice, issuer, "ApproverKey", message)
        self.attempt(self.controller(dice, issuer), "addKey", issuer, kind, key, start, until, approval)

    @by_chance
    def end_key(self, dice: Random) -> None:
        issuer = self.issuer(dice)
        key = self.mostly(dice, self.keys(issuer, good=False), ALL_KEYS, 12)
        function = self.one_of(dice, ("retireKey", "reportCompromise"))
        self.attempt(self.controller(dice, issuer), function, issuer, key)

    # Batches

    @by_chance
    def anchor(self, dice: Random) -> None:
        able = [
            issuer
            for issuer, held in self.model.issuers.items()
            if held.state == 1 and all(self.keys(issuer, kind) for kind in list(KeyKind)[:3])
        ]
        if not able and not self.now_and_then(dice):
            self.help_out(dice)
            return
        idle = [issuer for issuer in self.model.issuers if issuer not in able and self.keys(issuer, KeyKind.SENDER)]
        issuer = self.mostly(dice, able, idle or [self.issuer(dice)], 7)
        sender = self.hand(dice, issuer, KeyKind.SENDER)
        unused = [batch_id for batch_id in BATCH_IDS if (issuer, batch_id) not in self.model.batches]
        size = self.mostly(dice, SIZES, (0, 2**24), 20)
        granted = [
            scope
            for (owner, scope), (start, until) in self.model.scopes.items()
            if owner == issuer and start <= self.model.now < until
        ]
        scope = self.mostly(dice, granted, SCOPES, 14)
        message = {
            "batchId": self.mostly(dice, unused, BATCH_IDS, 14),
            "root": self.mostly(dice, [root_of(size)], [NOTHING], 20),
            "size": size,
            "scope": text(scope),
            "evidence": Word(digest("evidence")),
            "credentialKey": self.credential_key(dice, issuer),
        }
        approval = self.approval(dice, issuer, "Anchor", message)
        sent = {**message, "scope": scope}
        self.attempt(sender, "anchorBatch", issuer, *sent.values(), approval)

    def credential_key(self, dice: Random, issuer: Word) -> Word:
        good = self.keys(issuer, KeyKind.CREDENTIAL)
        bad = [key for key in self.keys(issuer, KeyKind.CREDENTIAL, good=False) if key not in good]
        return self.mostly(dice, good, self.mostly(dice, [bad or ALL_KEYS], [ALL_KEYS], 2), 8)

    @by_chance
    def suspend(self, dice: Random) -> None:
        self.suspend_some(dice)

    def suspend_some(self, dice: Random) -> None:
        place = self.place(dice)
        sender = self.hand(dice, place[0], KeyKind.SENDER)
        self.attempt(sender, "suspend", *place, self.changes(dice, place, Status.VALID), self.reason(dice))

    @by_chance
    def revoke(self, dice: Random) -> None:
        place = self.place(dice)
        self.approved_change(dice, "revoke", place, self.changes(dice, place, Status.VALID, Status.SUSPENDED))

    @by_chance
    def reinstate(self, dice: Random) -> None:
        if not any(Status.SUSPENDED in batch.statuses.values() for batch in self.model.batches.values()):
            self.suspend_some(dice)
        place = self.place(dice, lambda batch: Status.SUSPENDED in batch.statuses.values())
        self.approved_change(dice, "reinstate", place, self.changes(dice, place, Status.SUSPENDED))

    def approved_change(self, dice: Random, function: str, place: tuple[Word, Word], changes: Sequence[int]) -> None:
        count = sum(len(members_of(change_)) for change_ in changes)
        message = {
            "batchId": place[1],
            "changes": list(changes),
            "count": self.mostly(dice, [count], [count + 1, 0], 14),
            "reason": self.reason(dice),
        }
        signed = dict(message)
        if function == "reinstate":
            signed["statusNonce"] = self.nonce(place)
        approval = self.approval(dice, place[0], function.capitalize(), signed)
        sender = self.hand(dice, place[0], KeyKind.SENDER)
        self.attempt(sender, function, place[0], *message.values(), approval)

    def nonce(self, place: tuple[Word, Word]) -> int:
        batch = self.model.batches.get(place)
        return batch.nonce if batch else 0

    @by_chance
    def supersede(self, dice: Random) -> None:
        place = self.place(dice)
        indices = self.indices(dice, place, Status.VALID, Status.SUSPENDED, most=3)
        target = self.place(dice, lambda batch: batch.stands)
        here = self.mostly(dice, [self.model.address], [FOREIGN_CONTRACT, NOBODY], 6)
        new = dice.choices(self.indices(dice, target, Status.VALID), k=len(indices))
        if self.now_and_then(dice, 14):
            indices, new = self.one_of(
                dice, [([], []), (indices, new[1:]), (indices, indices), ([*indices] * 2, new * 2)]
            )
        message = {
            "batchId": place[1],
            "indices": indices,
            "targetContract": here,
            "targetIssuer": text(target[0]),
            "newBatchId": target[1],
            "newIndices": new,
            "reason": self.reason(dice),
        }
        approval = self.approval(dice, place[0], "Supersede", message)
        sender = self.hand(dice, place[0], KeyKind.SENDER)
        sent = {**message, "targetIssuer": target[0]}
        self.attempt(sender, "supersede", place[0], *sent.values(), approval)

    @by_chance
    def suspend_batch(self, dice: Random) -> None:
        self.suspend_one(dice)

    def suspend_one(self, dice: Random) -> None:
        place = self.place(dice, lambda batch: not batch.flags & BatchFlag.SUSPENDED_BY_ISSUER)
        self.attempt(self.hand(dice, place[0], KeyKind.SENDER), "suspendBatch", *place, self.reason(dice))

    @by_chance
    def reinstate_batches(self, dice: Random) -> None:
        if not any(batch.flags & BatchFlag.SUSPENDED_BY_ISSUER for batch in self.model.batches.values()):
            self.suspend_one(dice)
        issuer, first = self.place(dice, lambda batch: bool(batch.flags & BatchFlag.SUSPENDED_BY_ISSUER))
        suspended = [
            batch_id
            for (owner, batch_id), batch in self.model.batches.items()
            if owner == issuer and batch.flags & BatchFlag.SUSPENDED_BY_ISSUER
        ]
        ids = self.mostly(dice, [[first], suspended], [[], [first, first], BATCH_IDS])
        reason = self.reason(dice)
        message = {"batchIds": ids, "reason": reason, "statusNonces": [self.nonce((issuer, one)) for one in ids]}
        approval = self.approval(dice, issuer, "ReinstateBatch", message)
        self.attempt(self.hand(dice, issuer, KeyKind.SENDER), "reinstateBatches", issuer, ids, reason, approval)

    @by_chance
    def record_digest(self, dice: Random) -> None:
        issuer = self.issuer(dice)
        kind = self.mostly(dice, [1, 2], [0, 3])
        value = self.mostly(dice, THUMBPRINTS, [NOTHING])
        self.attempt(self.hand(dice, issuer, KeyKind.SENDER), "recordDigest", issuer, kind, value)

    # Repetition, time, questions

    @by_chance
    def replay(self, dice: Random) -> None:
        """Send what was sent before, by the same or by somebody else."""
        if not self.sent:
            return
        by, function, arguments = self.one_of(dice, self.sent[-40:])
        if function == "enact":
            self.enact_as(by, arguments[0])
        elif function == "vote":
            self.vote(self.mostly(dice, [by], self.anybody()), arguments[0])
        else:
            self.attempt(self.mostly(dice, [by], self.anybody()), function, *arguments)

    @by_chance
    def wait(self, dice: Random) -> None:
        """Let time pass: a little, to just before or after something ends, or very long."""
        now = self.model.now
        limits = {self.model.paused_until}
        for decision, ballot in self.model.ballots.items():
            wait = 0 if decision.kind in AT_ONCE else self.model.delay
            limits |= {ballot.deadline, ballot.since + wait, ballot.since + wait + ENACTMENT_PERIOD}
        for held in self.model.keys.values():
            limits |= {held.start, held.until}
        for start, until in self.model.scopes.values():
            limits |= {start, until}
        limits |= {approval.deadline for approval in self.approvals[-8:]}
        near = sorted(limit for limit in limits if now < limit < now + 60 * DAY)[:10]
        moments = [now + 1, now + 3_600, now + DAY, *(limit + shift for limit in near for shift in (0, -1, 1))]
        moment = self.mostly(dice, moments, [now + 10 * DAY, now + 45 * DAY], 16)
        self.travel(max(0, moment - now))

    @by_chance
    def ask(self, dice: Random) -> None:
        """Views answer as the model does, of things known and unknown."""
        place = self.place(dice)
        index = self.indices(dice, place, *Status, most=1)[0]
        self.require_views({("statusOf", *place, index), ("batch", *place), ("version",), ("peaks",), ("gate",)})
        batch = self.model.batches.get(place)
        size = batch.size if batch else 300
        if size > 300:
            return
        path = list(tree_of(size).proof(min(index, size - 1)).path)
        shown = digest(f"certificate {index}")
        true = batch is not None and index < size
        self.agree(self.contract.call("verify", *place, index, shown, path), true, "verify")
        bends = [(digest("another"), path), (shown, [*path, NOTHING]), (shown, [*path[:-1], digest("sibling")])]
        bent_digest, bent_path = self.one_of(dice, bends)
        self.agree(self.contract.call("verify", *place, index, bent_digest, bent_path), False, "verify")

    def teardown(self) -> None:
        """All state agrees, and the log has only ever grown."""
        if not self.sound or not hasattr(self, "witness"):
            return
        self.witness.require_append_only()
        if not self.heed_model:
            return
        model = self.model
        views: set[View] = {("checkpoint",), ("peaks",), ("epoch",), ("gate",), ("successorContract",), ("version",)}
        views |= {("memberOf", person.raw) for person in PEOPLE}
        views |= {("ballot", *decision.words) for decision in model.ballots}
        views |= {("issuerOf", issuer) for issuer in ISSUERS}
        views |= {("scopeOf", *place) for place in model.scopes} | {("scopeOf", ISSUERS[-1], SCOPES[-1])}
        views |= {("keyOf", *place) for place in model.keys} | {("keyOf", ISSUERS[-1], THUMBPRINTS[-1])}
        for place, batch in model.batches.items():
            words = {index // 128 for index in (0, batch.size - 1, batch.size, *batch.statuses)}
            views |= {("batch", *place)} | {("statusWord", *place, word) for word in words}
        self.require_views(views)


def machine(
    tally: Tally, *, target: Target = "cancun", patched: Artefact | None = None, heed_model: bool = True
) -> type[ContractMachine]:
    """The machine for one artefact, counting into this tally."""
    attributes = {"target": target, "patched": patched, "tally": tally, "heed_model": heed_model}
    return type("Machine", (ContractMachine,), attributes)
