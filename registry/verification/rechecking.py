"""Re-checking a receipt: what it says, held against the chain as it stands there years later.

Checks, in this order; the first that fails decides:
1. the signature is the receipt's own (made by reading it)
2. the chain it speaks of is the one that the reader's trust root names
3. the key is a statement key of the body that the receipt names, and was good at the time the receipt gives
4. the block it names is on the chain, with that time, and the receipt is not older than it
5. the verdict is the one that follows from the chain's records up to that block: questions 2 to 5 are judged again,
   by the same judge, for the place and the dates that the receipt gives
6. where the file is at hand that it is about: that it is this file, and of a certificate that question 1 is answered
   as the receipt says

What no chain can tell rests on the signer's word, and is said: that the document was read as stated and has this digest
at that place (question 1), unless the file is at hand; when it was asked, and how many nodes agreed; for what purpose.
Who stole a statement key can date a receipt back to before the theft, but only into a block that was there, with a
verdict that the chain bears out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from registry.anchor.facts import is_compromised_at, is_good_at, issuer_facts, moment
from registry.anchor.history import Block, KeyKind
from registry.credential import Altered, Unreadable
from registry.kernel.calendar import written_time
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import Digest
from registry.verification.circumstances import Circumstances, read_submission
from registry.verification.claimed import Claimed, claimed_by
from registry.verification.judging import judge_claimed, judge_document
from registry.verification.knowledge import Knowledge
from registry.verification.model import Answer, Finding, Outcome, Question, Report
from registry.verification.receipts import AskedBy, ReceiptAnswer, VerificationReceipt

CLOCKS_APART: Final = timedelta(seconds=120)
"""How far the clocks of a site and of the chain may differ."""
_FOR_EVER: Final = timedelta(days=365_000)
_ABOUT_A_COPY: Final = "copy-"
"""How the reasons begin that speak of the statement of a holder's copy."""
_SETTLED: Final = frozenset(Outcome) - {Outcome.PENDING, Outcome.CANNOT_CONFIRM}
"""Outcomes that claim something: the other two say that something was not known, which no chain contradicts."""


class RecheckOutcome(StrEnum):
    """What became of a receipt, in order of precedence."""

    UNREADABLE = "unreadable"
    """Not a receipt."""
    ALTERED = "altered"
    NOT_RECOGNISED = "not-recognised"
    """Signed by a key that was not that body's at the time, or that counts as stolen."""
    CONTRADICTED = "contradicted"
    """The chain says otherwise."""
    CANNOT_CONFIRM = "cannot-confirm"
    STANDS = "stands"


class CheckKind(StrEnum):
    """What is checked of a receipt, in this order."""

    SIGNATURE = "signature"
    CHAIN = "chain"
    KEY = "key"
    BLOCK = "block"
    VERDICT = "verdict"
    FILE = "file"


class Word(StrEnum):
    """What rests on the signer's word alone."""

    DOCUMENT = "document"
    """That the document was unaltered, or was what the receipt says: question 1."""
    LOOK_UP = "look-up"
    """That nothing was found, or what was asked for."""
    ROWS = "rows"
    """What the verdict on each row of a list was."""
    MOMENT = "moment"
    """When it was asked, and how many nodes agreed."""
    PURPOSE = "purpose"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check with its answer."""

    kind: CheckKind
    answer: Answer
    reason: str
    """Slug; `ok` where it passed."""
    evidence: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recheck:
    """What was found of a receipt."""

    outcome: RecheckOutcome
    code: str
    """`stands`, or `<outcome>/<reason>`."""
    receipt: VerificationReceipt | None
    """None where it cannot be read, or its signature is not its own."""
    checks: tuple[Check, ...]
    words: tuple[Word, ...]
    """What nobody can re-check, in this order."""
    today: Report | None
    """Questions 2 to 5 as of now, where the outcome is another than the receipt's; None = alike, or not known."""
    judged_at: datetime


BlockOf = Callable[[int], Block | None]
"""Gives a final block by number; None = there is none."""


def refused_receipt(outcome: RecheckOutcome, reason: str, now: datetime, **evidence: str | int | None) -> Recheck:
    """Report that what was handed in is no receipt, or was changed."""
    answer = Answer.FAILED if outcome is RecheckOutcome.ALTERED else Answer.COULD_NOT_CHECK
    return Recheck(
        outcome=outcome,
        code=f"{outcome}/{reason}",
        receipt=None,
        checks=(Check(kind=CheckKind.SIGNATURE, answer=answer, reason=reason, evidence=evidence),),
        words=(),
        today=None,
        judged_at=now,
    )


def recheck(
    receipt: VerificationReceipt,
    knowledge: Knowledge | None,
    *,
    block_of: BlockOf | None,
    now: datetime,
    max_age: timedelta,
    cause: str | None = None,
    file: bytes | None = None,
) -> Recheck:
    """Hold a receipt against the chain.

    `knowledge`: all records of the signer's body as such and those that concern the certificate, as of now. `block_of`
    asks a node; None = none answers, and `cause` says why. `file`: what the receipt is about, if it is at hand.
    """
    case = _Case(receipt, knowledge, now=now, max_age=max_age, cause=cause)
    checks = [_check(CheckKind.SIGNATURE, evidence={"key": b64url(receipt.statement.key.thumbprint())}), case.chain()]
    checks += [case.key(), case.block(block_of), case.verdict()]
    if file is not None:
        checks.append(case.file(file))
    outcome, reason = _outcome(checks)
    return Recheck(
        outcome=outcome,
        code=str(outcome) if outcome is RecheckOutcome.STANDS else f"{outcome}/{reason}",
        receipt=receipt,
        checks=tuple(checks),
        words=_words(receipt, has_file=file is not None),
        today=case.today() if outcome is RecheckOutcome.STANDS else None,
        judged_at=now,
    )


_FAILED: Final[Mapping[CheckKind, RecheckOutcome]] = {
    CheckKind.SIGNATURE: RecheckOutcome.ALTERED,
    CheckKind.CHAIN: RecheckOutcome.CONTRADICTED,
    CheckKind.KEY: RecheckOutcome.NOT_RECOGNISED,
    CheckKind.BLOCK: RecheckOutcome.CONTRADICTED,
    CheckKind.VERDICT: RecheckOutcome.CONTRADICTED,
    CheckKind.FILE: RecheckOutcome.CONTRADICTED,
}


def _outcome(checks: list[Check]) -> tuple[RecheckOutcome, str]:
    for check in checks:
        if check.answer is Answer.FAILED:
            return _FAILED[check.kind], check.reason
    for check in checks:
        if check.answer is Answer.COULD_NOT_CHECK:
            return RecheckOutcome.CANNOT_CONFIRM, check.reason
    return RecheckOutcome.STANDS, ""


def _words(receipt: VerificationReceipt, *, has_file: bool) -> tuple[Word, ...]:
    words = []
    if receipt.is_of_list:
        words.append(Word.ROWS)
    elif receipt.place is None and receipt.asked.by is not AskedBy.DOCUMENT:
        words.append(Word.LOOK_UP)
    elif not has_file:
        words.append(Word.DOCUMENT)
    words.append(Word.MOMENT)
    if receipt.purpose is not None:
        words.append(Word.PURPOSE)
    return tuple(words)


class _Case:
    """One receipt before the chain."""

    def __init__(
        self,
        receipt: VerificationReceipt,
        knowledge: Knowledge | None,
        *,
        now: datetime,
        max_age: timedelta,
        cause: str | None,
    ) -> None:
        self.receipt, self.now, self.max_age, self.cause = receipt, now, max_age, cause
        root = knowledge.trust_root if knowledge else None
        chain = receipt.chain
        self.is_elsewhere = root is not None and (chain.contract, chain.genesis) != (root.contract, root.genesis)
        self.knowledge = None if self.is_elsewhere else knowledge
        self.trust_root = root

    @property
    def _why(self) -> str:
        if self.is_elsewhere:
            return "other-chain"
        return self.cause or ("never-read" if self.knowledge is None else "knowledge-too-old")

    # 2
    def chain(self) -> Check:
        root, said = self.trust_root, self.receipt.chain
        evidence = {"contract": str(said.contract), "trust_root": b64url(said.trust_root)}
        if root is None:
            return _open(CheckKind.CHAIN, self._why, evidence)
        if self.is_elsewhere:
            return _open(CheckKind.CHAIN, "other-chain", evidence)
        if said.trust_root != root.digest():
            # Signers of blocks come and go: the chain is this one, and what was pinned then was not what is now.
            return _check(CheckKind.CHAIN, "ok-other-root", evidence | {"our_root": b64url(root.digest())})
        return _check(CheckKind.CHAIN, evidence=evidence)

    # 3
    def key(self) -> Check:
        kind, statement = CheckKind.KEY, self.receipt.statement
        evidence: dict[str, str | int | None] = {
            "issuer": statement.issuer,
            "key": b64url(statement.key.thumbprint()),
            "signed_at": written_time(statement.issued_at),
        }
        known = self.knowledge
        if known is None:
            return _open(kind, self._why, evidence)
        slot = issuer_facts(known.records, statement.issuer).keys.get(statement.key.thumbprint())
        fresh = known.age(self.now) <= self.max_age
        if slot is None:
            return _fail(kind, "key-not-the-issuers", evidence) if fresh else _open(kind, self._why, evidence)
        if statement.issued_at > self.now + CLOCKS_APART:
            return _open(kind, "dated-ahead", evidence)
        evidence["registered_from"] = written_time(moment(slot.valid_from))
        if slot.kind is not KeyKind.STATEMENT:
            return _fail(kind, "key-of-another-kind", evidence)
        if is_compromised_at(slot, statement.issued_at):
            evidence["compromised_since"] = written_time(moment(slot.compromised_since))
            return _fail(kind, "key-compromised", evidence)
        if not is_good_at(slot, statement.issued_at):
            return _fail(kind, "key-outside-window", evidence)
        if not fresh:  # it may have been reported stolen since
            return _open(kind, self._why, evidence)
        if slot.until <= int(self.now.timestamp()):
            evidence["retired"] = written_time(moment(slot.until))
        if slot.compromised_since:
            evidence["compromised_since"] = written_time(moment(slot.compromised_since))
        return _check(kind, evidence=evidence)

    # 4
    def block(self, block_of: BlockOf | None) -> Check:
        kind, said = CheckKind.BLOCK, self.receipt.freshness
        if said is None:
            return _check(kind, "ok-none-named", {})
        evidence: dict[str, str | int | None] = {"block": said.block, "time": written_time(said.time)}
        issued_at = self.receipt.statement.issued_at
        if said.time > issued_at + CLOCKS_APART:
            return _fail(kind, "block-after-receipt", evidence)
        known = self.knowledge
        if known is None:
            return _open(kind, self._why, evidence)
        found = self._found(said.block, block_of)
        if found is None:
            if said.block > known.head.number:
                return _open(kind, self.cause or "beyond-what-was-read", evidence)
            return _open(kind, self.cause or "block-not-read", evidence)
        if found.time != said.time or (said.block_hash is not None and found.hash != said.block_hash):
            evidence |= {"time_recorded": written_time(found.time), "hash_recorded": b64url(found.hash)}
            return _fail(kind, "block-not-on-chain", evidence)
        return _check(kind, evidence=evidence)

    def _found(self, number: int, block_of: BlockOf | None) -> Block | None:
        known = self.knowledge
        assert known is not None
        if number == known.head.number:
            return known.head
        if number > known.head.number:
            return None
        for record in known.records:
            if record.position.block_number == number:
                at = record.position
                return Block(number=number, hash=at.block_hash, time=at.block_time)
        return None if block_of is None else block_of(number)

    # 5
    def verdict(self) -> Check:
        kind, receipt = CheckKind.VERDICT, self.receipt
        if receipt.is_of_list:
            return _check(kind, "ok-rows-in-the-file", {})
        disagreeing = _disagreement_with_itself(receipt)
        if disagreeing is not None:
            return _fail(kind, disagreeing, {"outcome": receipt.outcome})
        if receipt.place is None or receipt.freshness is None:
            return _check(kind, "ok-nothing-to-judge", {"outcome": receipt.outcome})
        known = self.knowledge
        if known is None:
            return _open(kind, self._why, {})
        if receipt.freshness.block > known.head.number:
            return _open(kind, self.cause or "beyond-what-was-read", {})
        again = self._judged_again(known)
        evidence: dict[str, str | int | None] = {"outcome": receipt.outcome, "judged_again": again.outcome}
        for said, found in zip(receipt.answers, again.findings, strict=True):
            if said.reason.startswith(_ABOUT_A_COPY):  # what the holder's copy said stands in the file alone
                continue
            contradicted = Answer.COULD_NOT_CHECK not in (said.answer, found.answer) and said.answer is not found.answer
            if contradicted or not _same_ground(said, found):
                evidence |= {"question": said.question.value, "reason": found.reason}
                return _fail(kind, f"question-{said.question.slug}", evidence)
        complete = receipt.answers[0].answer is Answer.PASSED and not receipt.answers[1].reason.startswith(
            _ABOUT_A_COPY
        )
        if receipt.outcome in _SETTLED and complete and again.outcome is not receipt.outcome:
            return _fail(kind, "outcome", evidence)
        return _check(kind, evidence=evidence)

    def _judged_again(self, known: Knowledge) -> Report:
        receipt, said = self.receipt, self.receipt.freshness
        assert receipt.place is not None
        assert said is not None
        then = replace(
            known,
            head=replace(known.head, number=said.block, time=said.time),
            read_at=said.read_at,
            records=tuple(one for one in known.records if one.position.block_number <= said.block),
        )
        at = receipt.statement.issued_at
        circumstances = Circumstances(knowledge=then, now=at, max_age=_FOR_EVER, as_of=receipt.as_of)
        return judge_claimed(receipt.place, circumstances, checked=True)

    # 6
    def file(self, data: bytes) -> Check:
        kind, receipt = CheckKind.FILE, self.receipt
        digest, asked = receipt.statement.digest, receipt.asked
        own = sha256(data).digest()
        evidence: dict[str, str | int | None] = {"file": b64url(own)}
        if receipt.is_of_list:
            return _check(kind, evidence=evidence) if own == digest else _fail(kind, "another-file", evidence)
        first = judge_document(data, Circumstances(knowledge=self.knowledge, now=self.now)).findings[0]
        found = _claimed_in(data)
        if digest is None or found is None:
            # Of what could not be relied on, the receipt knows the bytes alone.
            if own != asked.digest:
                return _fail(kind, "another-file", evidence)
        else:
            credential, claimed = found
            evidence["digest"] = b64url(credential)
            if credential != digest:
                return _fail(kind, "another-file", evidence)
            place = receipt.place
            if place is not None and replace(claimed, has_key=place.has_key, recorded=place.recorded) != place:
                return _fail(kind, "another-place", evidence)
        said = receipt.answers[0].answer if receipt.answers else Answer.COULD_NOT_CHECK
        if Answer.COULD_NOT_CHECK not in (first.answer, said) and first.answer is not said:
            return _fail(kind, "question-unaltered", evidence)
        if first.answer is not said:
            return _check(kind, "ok-same-certificate", evidence)
        return _check(kind, evidence=evidence)

    def today(self) -> Report | None:
        """Judge questions 2 to 5 for now, and give them where the outcome is not the receipt's."""
        known, receipt = self.knowledge, self.receipt
        if known is None or receipt.place is None:
            return None
        now = judge_claimed(
            receipt.place, Circumstances(knowledge=known, now=self.now, max_age=self.max_age), checked=True
        )
        return None if now.outcome is receipt.outcome else now


_OUTCOME_OF: Final[Mapping[Question, frozenset[Outcome]]] = {
    Question.UNALTERED: frozenset({Outcome.ALTERED}),
    Question.ISSUERS_KEY: frozenset({Outcome.NOT_RECOGNISED}),
    Question.ON_CHAIN: frozenset({Outcome.NOT_REGISTERED}),
    Question.STANDING: frozenset({Outcome.REVOKED, Outcome.SUSPENDED, Outcome.SUPERSEDED}),
    Question.IN_FORCE: frozenset({Outcome.EXPIRED, Outcome.NOT_YET_VALID}),
}
_UNANSWERED: Final = frozenset({Outcome.PENDING, Outcome.CANNOT_CONFIRM, Outcome.UNREADABLE})
_NOTHING_ASKED: Final = frozenset({Outcome.NOT_FOUND, Outcome.WITHDRAWN, Outcome.UNREADABLE})


def _disagreement_with_itself(receipt: VerificationReceipt) -> str | None:
    """Say in what way a receipt's outcome does not follow from its own five answers; None = it does."""
    answers = receipt.answers
    failed = next((one.question for one in answers if one.answer is Answer.FAILED), None)
    if not answers:
        expected = _NOTHING_ASKED
    elif failed is not None:
        expected = _OUTCOME_OF[failed]
    elif any(one.answer is Answer.COULD_NOT_CHECK for one in answers):
        expected = _UNANSWERED
    else:
        expected = frozenset({Outcome.VALID})
    if receipt.outcome not in expected:
        return "outcome-of-its-answers"
    # Whatever the chain was asked for must say where, else nobody could ask again.
    settled = {one.question for one in answers[1:] if one.answer is not Answer.COULD_NOT_CHECK}
    if (settled and receipt.place is None) or (settled - {Question.IN_FORCE} and receipt.freshness is None):
        return "no-place"
    return None


def _same_ground(said: ReceiptAnswer, found: Finding) -> bool:
    """Compare since when, why and by whom a certificate stands no longer."""
    if said.question is not Question.STANDING or said.answer is not Answer.FAILED or found.answer is not Answer.FAILED:
        return True
    return all(said.evidence.get(name) == found.evidence.get(name) for name in ("status", "since", "reason", "by"))


def _claimed_in(data: bytes) -> tuple[Digest, Claimed] | None:
    try:
        submission = read_submission(data)
    except (Unreadable, Altered):
        return None
    credential = submission.credential
    return credential.digest, claimed_by(credential, submission.receipt, has_key=submission.key is not None)


def _check(kind: CheckKind, reason: str = "ok", evidence: Mapping[str, str | int | None] | None = None) -> Check:
    return Check(kind=kind, answer=Answer.PASSED, reason=reason, evidence=dict(evidence or {}))


def _fail(kind: CheckKind, reason: str, evidence: Mapping[str, str | int | None]) -> Check:
    return Check(kind=kind, answer=Answer.FAILED, reason=reason, evidence=dict(evidence))


def _open(kind: CheckKind, reason: str, evidence: Mapping[str, str | int | None]) -> Check:
    return Check(kind=kind, answer=Answer.COULD_NOT_CHECK, reason=reason, evidence=dict(evidence))
