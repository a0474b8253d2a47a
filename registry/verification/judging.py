"""The one function that decides every verdict, behind every entrance.

Pure: of a document, what is known of the chain, and the clock. Steps, in the order of the questions:
1. Is the document unaltered? Form, digests, disclosures, signature; the receipt agrees with credential and ledger.
2. Was it signed by a key that is the issuer's, and was that so when it was anchored?
3. Is it recorded on the chain where it says, by an issuer accredited for this programme and level at that time? The
   contract enforced scope and issuer state when it was anchored; today's windows are not asked again. As of a day
   before it was recorded the answer is no, and that it was recorded later is said.
4. Is it neither revoked, suspended nor superseded, itself or as part of its batch? One that was issued in the place of
   another stands from the record on that says so: it is the record by which the other falls, so that at every moment
   one of the two stands and never both. Until then it is pending.
5. Is the moment asked about within its validity?
6. The first outcome that applies, in the order of precedence; notices stand beside it.

When question 1 fails nothing after it can be relied on. Where the credential came without its key, nobody has checked
who signed it: question 2 can fail then, but not pass. Knowledge older than the limit leaves question 4 unanswered
(unless a final status is known, which no time changes), and 2 and 3 where the record is absent: a fault of the network
is never shown as a bad certificate, and never as a good one.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

from registry.anchor.facts import (
    BatchFacts,
    IssuerFacts,
    address_key,
    batch_facts,
    certificate_life,
    is_compromised_at,
    is_good_at,
    issuer_facts,
    moment,
    succession,
)
from registry.anchor.history import BatchFlag, KeyKind, KeySlot
from registry.anchor.trust import Engine
from registry.credential import Altered, Unreadable, verify_signature
from registry.delivery.bundle import Bundle, require_receipt_agrees, require_unaltered
from registry.delivery.copies import CopyStatement
from registry.kernel.calendar import written_time
from registry.kernel.encoding import b64url
from registry.status import Status
from registry.verification.circumstances import Circumstances, Submission, read_submission
from registry.verification.claimed import Claimed, claimed_by
from registry.verification.content import claims
from registry.verification.findings import answered, day_of, not_reached, noticed, notices_about_chain
from registry.verification.model import Answer, Finding, Freshness, Notice, NoticeKind, Outcome, Question, Report
from registry.verification.past_day import (
    BEFORE_THE_CHAIN,
    BEYOND_WHAT_WAS_READ,
    NOT_RECORDED_YET,
    is_outside_time,
    known_by_then,
    recorded_later,
)
from registry.verification.standing import Life
from registry.verification.unjudged import refused

PREDECESSOR_STANDS: Final = "predecessor-stands"
"""Reason: the chain does not say yet that the certificate took the place of the one that it was issued for."""
_NOTICE_AGE_SECONDS: Final = 15
_STATUS_MATTERS: Final = frozenset({Outcome.EXPIRED, Outcome.NOT_YET_VALID, Outcome.CANNOT_CONFIRM})
"""Outcomes that leave a reader asking whether the certificate stands otherwise."""


def judge(submission: Submission, circumstances: Circumstances) -> Report:
    """Answer the five questions and give the outcome. Never raises on a bad document: that is a verdict."""
    credential = submission.credential
    claimed = claimed_by(credential, submission.receipt, has_key=submission.key is not None)
    case = _Case(claimed, circumstances, awaits_chain=submission.awaits_chain, copy=submission.copy)
    first = case.as_recorded(_unaltered(submission))
    return case.report(first, claims(credential) if first.answer is Answer.PASSED else None)


def judge_claimed(claimed: Claimed, circumstances: Circumstances, *, checked: bool) -> Report:
    """Judge a document that was not shown, by what it says of its place; the same rules but for question 1.

    `checked`: who asks has answered question 1 himself, with the key and the receipt, and answers for it. Otherwise it
    stays open, so that nothing is ever valid.
    """
    case = _Case(claimed, circumstances, awaits_chain=False)
    answer, reason = (Answer.PASSED, "checked-by-reader") if checked else (Answer.COULD_NOT_CHECK, "document-not-shown")
    first = answered(Question.UNALTERED, answer, reason, {"key": b64url(claimed.signer)})
    return case.report(case.as_recorded(first), None)


def judge_document(data: bytes, circumstances: Circumstances) -> Report:
    """Read what somebody handed in and judge it."""
    try:
        submission = read_submission(data)
    except (Unreadable, Altered) as error:
        return refused(error, circumstances)
    return judge(submission, circumstances)


class _Case:
    """One document before the judge: the facts, gathered once, and the five questions."""

    def __init__(
        self,
        claimed: Claimed,
        circumstances: Circumstances,
        *,
        awaits_chain: bool,
        copy: CopyStatement | None = None,
    ) -> None:
        self.claimed, self.copy = claimed, copy
        self.awaits_chain = awaits_chain
        self.circumstances = circumstances
        self.at = circumstances.as_of or circumstances.now
        known = circumstances.knowledge
        self.freshness: Freshness | None = known.freshness(circumstances.now) if known else None
        self.is_outside_time = is_outside_time(circumstances)
        self.knowledge = None if self.is_outside_time else known_by_then(circumstances)
        root = self.knowledge.trust_root if self.knowledge else None
        self.is_elsewhere = root is not None and (claimed.contract != root.contract or claimed.genesis != root.genesis)
        """The credential names another chain or contract than the one we know."""
        records = self.knowledge.records if self.knowledge and not self.is_elsewhere else ()
        self.issuer: IssuerFacts = issuer_facts(records, claimed.issuer)
        self.batch: BatchFacts | None = batch_facts(records, claimed.issuer, claimed.batch)
        self.later: BatchFacts | None = None if self.batch else recorded_later(claimed, circumstances)
        """The batch, where it was recorded only after the day that is asked about."""
        self.life = Life(
            issuer=claimed.issuer,
            batch=self.batch,
            steps=tuple(certificate_life(records, claimed.issuer, claimed.batch, claimed.index)),
        )
        self.awaits_succession = claimed.replaces and (
            succession(records, claimed.issuer, claimed.contract.address, claimed.batch, claimed.index) is None
        )
        # Between the chain's record and our own delivery there is a moment in which only the first is there.
        self.is_pending = (
            self.awaits_chain
            and not (self.is_outside_time or self.later)
            and (self.batch is None or claimed.recorded is None)
        )

    @property
    def _is_fresh(self) -> bool:
        if self.knowledge is None:
            return False
        # A past moment does not change any more: only the present needs fresh knowledge.
        now, limit = self.circumstances.now, self.circumstances.max_age
        return self.circumstances.as_of is not None or self.knowledge.age(now) <= limit

    def report(self, first: Finding, content: dict[str, object] | None) -> Report:
        if first.answer is Answer.FAILED:
            findings: tuple[Finding, ...] = (first, *not_reached())
        else:
            third = self._on_chain()
            second = self._copys_key(self._issuers_key())
            findings = (first, second, third, self._standing(third), self._in_force())
        outcome, reason = self._outcome(findings)
        return Report(
            outcome=outcome,
            code=str(outcome) if outcome is Outcome.VALID else f"{outcome}/{reason}",
            findings=findings,
            notices=self._notices(outcome, findings),
            content=content,
            successor=self.life.successor() if outcome is Outcome.SUPERSEDED else None,
            last_known=self.life.last_known() if outcome is Outcome.CANNOT_CONFIRM else None,
            judged_at=self.circumstances.now,
            as_of=self.circumstances.as_of,
            claimed=self.claimed,
        )

    # 1, compared with the chain
    def as_recorded(self, first: Finding) -> Finding:
        """Give the answer to question 1, failed where the receipt is not as the chain has it."""
        disagreeing = None if first.answer is Answer.FAILED else self._disagrees_with_ledger()
        if disagreeing is None:
            return first
        return answered(
            Question.UNALTERED,
            Answer.FAILED,
            "receipt-disagrees",
            {"check": "receipt/not-as-recorded", "member": disagreeing},
            self.freshness,
        )

    def _disagrees_with_ledger(self) -> str | None:
        """Name the first member of the receipt that is not as the chain has it."""
        receipt, batch = self.claimed.recorded, self.batch or self.later
        if receipt is None or batch is None:
            return None
        anchored, position = batch.anchored, batch.position
        for member, said, recorded in (
            ("merkleRoot", receipt.root, anchored.root),
            ("treeSize", receipt.size, anchored.size),
            ("transaction", receipt.transaction, position.transaction),
            ("blockNumber", receipt.block_number, position.block_number),
            ("blockHash", receipt.block_hash, position.block_hash),
            ("blockTime", receipt.block_time, position.block_time),
        ):
            if said != recorded:
                return member
        return None

    # 2
    def _issuers_key(self) -> Finding:
        question, signer = Question.ISSUERS_KEY, self.claimed.signer
        evidence: dict[str, str | int | None] = {"issuer": self.issuer.code, "key": b64url(signer)}
        if self.is_elsewhere:
            return answered(question, Answer.COULD_NOT_CHECK, "other-chain", evidence, self.freshness)
        if self.later is not None and not self.is_outside_time:
            # What the key was when the batch was recorded, that day cannot say.
            return answered(question, Answer.COULD_NOT_CHECK, NOT_RECORDED_YET, evidence, self.freshness)
        slot = self.issuer.keys.get(signer)
        if slot is None:
            if not self._is_fresh:
                return self._unknown(question, evidence)
            known = "key-not-the-issuers" if self.issuer.standings else "issuer-unknown"
            return answered(question, Answer.FAILED, known, evidence, self.freshness)
        evidence["registered_from"] = written_time(moment(slot.valid_from))
        if slot.kind is not KeyKind.CREDENTIAL:
            return answered(question, Answer.FAILED, "key-of-another-kind", evidence, self.freshness)
        if self.batch is None:
            if not self._is_fresh or self.is_pending:
                return self._unknown(question, evidence)
            return answered(question, Answer.COULD_NOT_CHECK, "not-anchored", evidence, self.freshness)
        return self._key_when_anchored(slot, self.batch, evidence)

    def _key_when_anchored(self, slot: KeySlot, batch: BatchFacts, evidence: dict[str, str | int | None]) -> Finding:
        question, keys, anchored_at = Question.ISSUERS_KEY, self._keys_of(batch), batch.position.block_time
        evidence["anchored_at"] = written_time(anchored_at)
        if batch.anchored.credential_key != self.claimed.signer:
            return answered(question, Answer.FAILED, "key-not-the-batchs", evidence, self.freshness)
        if not BatchFlag.REAFFIRMED & batch.flags:
            for role, held in keys.items():
                if held is not None and is_compromised_at(held, anchored_at):
                    evidence["compromised_since"] = written_time(moment(held.compromised_since))
                    return answered(question, Answer.FAILED, f"{role}-key-compromised", evidence, self.freshness)
        # A vote excuses a stolen key, not one that did not stand: without the theft it must have been good.
        if not is_good_at(replace(slot, compromised_since=0), anchored_at):
            return answered(question, Answer.FAILED, "key-outside-window", evidence, self.freshness)
        if None in keys.values():
            # The contract recorded nothing without these keys: what we know of it is not all.
            return answered(question, Answer.COULD_NOT_CHECK, "records-incomplete", evidence, self.freshness)
        if not self.claimed.has_key:
            return answered(question, Answer.COULD_NOT_CHECK, "no-key", evidence, self.freshness)
        return answered(question, Answer.PASSED, "ok", evidence, self.freshness)

    def _copys_key(self, second: Finding) -> Finding:
        """Of a copy, ask whether its statement too was signed by a key of the issuer, good when it was signed."""
        if self.copy is None or second.answer is not Answer.PASSED:
            return second
        statement = self.copy.statement
        slot = self.issuer.keys.get(statement.key.thumbprint())
        evidence = second.evidence | {"copy_key": b64url(statement.key.thumbprint())}
        if slot is None and not self._is_fresh:
            return self._unknown(Question.ISSUERS_KEY, evidence)
        if slot is None or slot.kind is not KeyKind.STATEMENT:
            why = "copy-key-not-the-issuers"
        elif is_compromised_at(slot, statement.issued_at):
            why = "copy-key-compromised"
        elif not is_good_at(slot, statement.issued_at):
            why = "copy-key-outside-window"
        else:
            return second
        return answered(Question.ISSUERS_KEY, Answer.FAILED, why, evidence, self.freshness)

    def _keys_of(self, batch: BatchFacts) -> Mapping[str, KeySlot | None]:
        keys = self.issuer.keys
        return {
            "credential": keys.get(batch.anchored.credential_key),
            "sender": keys.get(address_key(batch.position.by)),
            "approver": keys.get(address_key(batch.anchored.approver)),
        }

    # 3
    def _on_chain(self) -> Finding:
        question, claimed = Question.ON_CHAIN, self.claimed
        evidence: dict[str, str | int | None] = {
            "contract": str(claimed.contract),
            "batch": b64url(claimed.batch),
            "index": claimed.index,
            "scope": claimed.scope,
            "issuer": claimed.issuer,
        }
        if self.is_elsewhere:
            return answered(question, Answer.FAILED, "other-chain", evidence, self.freshness)
        if self.batch is None:
            if self.is_pending:
                return answered(question, Answer.COULD_NOT_CHECK, "not-final", evidence, self.freshness)
            if self.later is not None:
                evidence["recorded_at"] = written_time(self.later.position.block_time)
                if not self.is_outside_time:
                    return answered(question, Answer.FAILED, NOT_RECORDED_YET, evidence, self.freshness)
            if not self._is_fresh:
                return self._unknown(question, evidence)
            return answered(question, Answer.FAILED, "no-such-batch", evidence, self.freshness)
        anchored, position = self.batch.anchored, self.batch.position
        evidence |= {
            "size": anchored.size,
            "root": b64url(anchored.root),
            "block": position.block_number,
            "block_time": written_time(position.block_time),
            "transaction": "0x" + position.transaction.hex(),
            "seq": position.seq,
            "approver": anchored.approver,
        }
        if anchored.scope != claimed.scope:
            evidence["scope_recorded"] = anchored.scope
            return answered(question, Answer.FAILED, "other-scope", evidence, self.freshness)
        if claimed.index >= anchored.size:
            return answered(question, Answer.FAILED, "index-beyond-size", evidence, self.freshness)
        if claimed.recorded is None:
            why = "not-final" if self.is_pending else "no-receipt"
            return answered(question, Answer.COULD_NOT_CHECK, why, evidence, self.freshness)
        return answered(question, Answer.PASSED, "ok", evidence, self.freshness)

    # 4
    def _standing(self, third: Finding) -> Finding:
        question = Question.STANDING
        if third.answer is Answer.FAILED or self.batch is None:
            why = "not-recorded" if third.answer is Answer.FAILED else third.reason
            return answered(question, Answer.COULD_NOT_CHECK, why, {}, self.freshness)
        status, since, ground, by = self.life.status()
        if not status.is_final and not self._is_fresh:
            # Whatever is not final may have changed since; what is final stays true however old the knowledge.
            return self._unknown(question, {"last_known": status.word, "since": written_time(since) if since else None})
        evidence: dict[str, str | int | None] = {
            "status": status.word,
            "code": int(status),
            "since": written_time(since) if since else None,
            "reason": ground,
            "by": by,
            "changes": len(self.life.steps),
        }
        if status is Status.VALID and self.awaits_succession:
            return answered(question, Answer.COULD_NOT_CHECK, PREDECESSOR_STANDS, evidence, self.freshness)
        if status is Status.VALID:
            evidence |= self.life.earlier_suspension()
            return answered(question, Answer.PASSED, "ok", evidence, self.freshness)
        if status is Status.SUPERSEDED:
            evidence |= self.life.place_of_successor()
        return answered(question, Answer.FAILED, status.word, evidence, self.freshness)

    # 5
    def _in_force(self) -> Finding:
        begin, until = self.claimed.valid_from, self.claimed.valid_until
        evidence: dict[str, str | int | None] = {
            "valid_from": day_of(begin),
            # The end is the first moment after the last valid day.
            "valid_until": None if until is None else day_of(until - timedelta(seconds=1)),
        }
        if self.is_outside_time:
            return answered(Question.IN_FORCE, Answer.COULD_NOT_CHECK, self._why_outside, evidence)
        if until is not None and self.at >= until:
            return answered(Question.IN_FORCE, Answer.FAILED, "expired", evidence)
        if self.at < begin:
            return answered(Question.IN_FORCE, Answer.FAILED, "not-yet-valid", evidence)
        return answered(Question.IN_FORCE, Answer.PASSED, "ok", evidence)

    # 6
    def _outcome(self, findings: tuple[Finding, ...]) -> tuple[Outcome, str]:
        failed = {finding.question: finding.reason for finding in findings if finding.answer is Answer.FAILED}
        for question, outcome in (
            (Question.UNALTERED, Outcome.ALTERED),
            (Question.ISSUERS_KEY, Outcome.NOT_RECOGNISED),
            (Question.ON_CHAIN, Outcome.NOT_REGISTERED),
        ):
            if question in failed:
                return outcome, failed[question]
        for question in (Question.STANDING, Question.IN_FORCE):
            if question in failed:
                reason = findings[question - 1].evidence.get("reason")
                return Outcome(failed[question]), str(reason if reason is not None else failed[question])
        unchecked = next((one for one in findings if one.answer is Answer.COULD_NOT_CHECK), None)
        if self.is_pending:
            return Outcome.PENDING, "not-final"
        if unchecked is not None and unchecked.reason == PREDECESSOR_STANDS:
            return Outcome.PENDING, PREDECESSOR_STANDS
        if unchecked is not None:
            return Outcome.CANNOT_CONFIRM, unchecked.reason
        return Outcome.VALID, ""

    def _unknown(self, question: Question, evidence: Mapping[str, str | int | None]) -> Finding:
        if self.is_outside_time:
            reason = self._why_outside
        elif self.is_pending:
            reason = "not-final"
        else:
            reason = self.circumstances.cause or ("never-read" if self.freshness is None else "knowledge-too-old")
        return answered(question, Answer.COULD_NOT_CHECK, reason, evidence, self.freshness)

    @property
    def _why_outside(self) -> str:
        known = self.circumstances.knowledge
        return BEFORE_THE_CHAIN if known is not None and self.at < known.first_block_time else BEYOND_WHAT_WAS_READ

    def _notices(self, outcome: Outcome, findings: tuple[Finding, ...]) -> tuple[Notice, ...]:
        notices = list(notices_about_chain(self.circumstances))
        if not notices and self.claimed.base_url.startswith("http://"):
            # Only localhost may go without TLS: whatever the chain, nobody issues real certificates from there.
            notices.append(noticed(NoticeKind.TEST_CHAIN, chain=self.claimed.contract.chain_id))
        if outcome is Outcome.ALTERED:
            return tuple(notices)
        if self.copy is not None and findings[Question.ISSUERS_KEY - 1].answer is not Answer.FAILED:
            copy = self.copy
            until = copy.until.isoformat()
            notices.append(noticed(NoticeKind.HOLDER_COPY, audience=copy.audience, purpose=copy.purpose, until=until))
        notices.extend(self._notices_about_issuer())
        if self.claimed.revision > 1:
            notices.append(noticed(NoticeKind.CORRECTED, revision=self.claimed.revision))
        if self.batch is not None and self.batch.flags & BatchFlag.REAFFIRMED:
            notices.append(noticed(NoticeKind.BATCH_REAFFIRMED))
        known = self.circumstances.knowledge
        if self.freshness is not None and known is not None:
            age = self.freshness.age_seconds
            if age > _NOTICE_AGE_SECONDS and self.circumstances.as_of is None:
                notices.append(noticed(NoticeKind.KNOWLEDGE_AGE, seconds=age, read_at=written_time(known.counted_from)))
            if self.freshness.nodes == 1 and known.trust_root.engine is not Engine.EMBEDDED:
                notices.append(noticed(NoticeKind.SINGLE_NODE))
        standing = findings[Question.STANDING - 1]
        recorded = findings[Question.ON_CHAIN - 1].answer is Answer.PASSED
        if standing.answer is Answer.COULD_NOT_CHECK and recorded and outcome in _STATUS_MATTERS:
            notices.append(noticed(NoticeKind.STATUS_NOT_CHECKED))
        return tuple(notices)

    def _notices_about_issuer(self) -> list[Notice]:
        notices: list[Notice] = []
        if self.batch is None:
            return notices
        if (since := self.issuer.suspended_since) is not None:
            notices.append(noticed(NoticeKind.ISSUER_SUSPENDED_SINCE, since=written_time(since)))
        if (since := self.issuer.withdrawn_since) is not None:
            notices.append(noticed(NoticeKind.ISSUER_WITHDRAWN_SINCE, since=written_time(since)))
        slot = self.issuer.keys.get(self.claimed.signer)
        if slot is not None and slot.until <= int(self.at.timestamp()):
            notices.append(noticed(NoticeKind.KEY_RETIRED_SINCE, since=written_time(moment(slot.until))))
        return notices


# 1, of the document alone
def _unaltered(submission: Submission) -> Finding:
    credential, receipt, key = submission.credential, submission.receipt, submission.key
    evidence: dict[str, str | int | None] = {
        "digest": b64url(credential.digest),
        "key": b64url(credential.signer),
        "disclosed": len(credential.disclosures),
    }
    try:
        if key is not None and receipt is not None:
            require_unaltered(Bundle(credential=credential, anchor=receipt, key=key))
        elif key is not None:
            verify_signature(credential, key)
        elif receipt is not None:
            require_receipt_agrees(credential, receipt)
    except Altered as error:
        return answered(
            Question.UNALTERED,
            Answer.FAILED,
            error.code.partition("/")[2],
            {"check": error.code, "member": getattr(error, "member", None)},
        )
    if key is None:
        return answered(Question.UNALTERED, Answer.COULD_NOT_CHECK, "no-key", evidence)
    return answered(Question.UNALTERED, Answer.PASSED, "ok", evidence)
