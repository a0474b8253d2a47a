"""Verify: find what is asked about, gather what is known of the chain, let the one judge decide."""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from registry.anchor.states import AnchorState, unsent
from registry.credential import Altered, Presentation, Unreadable, parse
from registry.enrolment import folded_name
from registry.kernel.encoding import unb64url
from registry.kernel.identifiers import BatchId, IdentifierMalformed, IssuerCode, certificate_key
from registry.ports import Clock, KeyOf, LedgerReader, LedgerUnavailable, NodesDisagree
from registry.ports.storage import Store, StoredCertificate, UnitOfWork
from registry.verification import (
    DEFAULT_MAX_AGE,
    Circumstances,
    Claimed,
    Knowledge,
    Outcome,
    Question,
    Report,
    Submission,
    judge,
    judge_claimed,
    not_found,
    read_submission,
    refused,
    withdrawn,
)
from registry.workflows.certificates.deliver import presentation_of, receipt_of

NODE_UNREACHABLE: Final = "node-unreachable"
"""Cause: fewer nodes answer than have to."""
NODES_DISAGREE: Final = "nodes-disagree"
"""Cause: the nodes that answer do not show the same chain."""
_NO_NUMBER: Final = ""
"""No certificate has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyFromStore:
    """Judges by the local projection of the chain: asks nobody."""

    store: Store
    clock: Clock
    key_of: KeyOf
    test_chain: int | None = None
    """Id of the chain where it is a test chain."""
    max_age: timedelta = DEFAULT_MAX_AGE
    as_of: datetime | None = None
    cause: Callable[[], str | None] = field(default=lambda: None)
    """Says why the projection is behind, such as `node-unreachable`; None = it is not known to be."""

    def at(self, moment: datetime) -> "VerifyFromStore":
        """Give the same judge for a past moment."""
        return replace(self, as_of=moment)

    def by_claim(self, claimed: Claimed, *, checked: bool) -> Report:
        """Judge a document that its reader keeps, by what it says of its place (see judge_claimed)."""
        with self.store.read() as unit:
            knowledge = self._knowledge(unit, claimed.issuer, claimed.batch, claimed.index)
            return judge_claimed(claimed, self._circumstances(knowledge), checked=checked)

    def by_document(self, data: bytes) -> Report:
        """Judge the bytes of a bundle or an SD-JWT; anything else is `unreadable`."""
        with self.store.read() as unit:
            try:
                submission = read_submission(data)
            except (Unreadable, Altered) as error:
                return refused(error, self._circumstances(None))
            return judge(submission, self._circumstances(self._knowledge_of(unit, submission.credential)))

    def by_key(self, key: str) -> Report:
        """Judge the certificate that a QR code names (26 base32 characters, any case)."""
        try:
            wanted = certificate_key(key)
        except IdentifierMalformed:
            return not_found(self._circumstances(None))
        with self.store.read() as unit:
            certificate = unit.batches.by_key(wanted)
            if certificate is not None and certificate.jwt is not None and certificate.disclosures is None:
                return withdrawn(self._circumstances(None))
            return self._leading_on(unit, self._stored(unit, certificate), certificate)

    def by_number(self, number: str) -> Report:
        """Judge the current revision under `number`: for those who have the registry's own data."""
        with self.store.read() as unit:
            return self._stored(unit, unit.batches.by_number(number))

    def by_status_place(self, status_list: int, index: int) -> Report:
        """Judge the certificate at a place of our status lists: for views that show how it stands and nothing else."""
        with self.store.read() as unit:
            return self._stored(unit, unit.batches.by_status_place(status_list, index))

    def by_number_and_name(self, number: str, name: str) -> Report:
        """Judge the current revision under `number` if its holder is `name`, else the newest before it if that's is.

        One answer for all that does not match; of several earlier revisions all but the newest are among that.
        1. Whatever is asked, four look-ups by number: two that find a certificate that can be shown, two that do not.
        2. Two certificates are judged, those asked for or others drawn at random, before anybody asks for whom.
        3. The names decide which report is given: a miss costs what a hit costs, whichever miss it is.

        Nothing is taken from memory: a number that was asked for before would be answered faster if it exists.
        """
        with self.store.read(remember=False) as unit:
            # 1
            batches = unit.batches
            other, another = batches.drawn(), batches.drawn()
            found = batches.shown_by_number(number)
            beside = batches.shown_by_number(_number_beside(found, other))
            before = batches.shown_before(number, 0 if found is None else found.reservation.revision)
            beside_before = batches.shown_before(_number_beside(before, another), None)
            # 2
            current, holder = self._judged_and_led_on(unit, found or beside)
            earlier, former = self._judged_and_led_on(unit, before or beside_before)
            # 3
            is_holder, was_holder = _same_name(name, holder), _same_name(name, former)
            if is_holder and found is not None:
                return current
            return earlier if was_holder and before is not None else not_found(self._circumstances(None))

    def _stored(self, unit: UnitOfWork, certificate: StoredCertificate | None) -> Report:
        return self._judged(unit, certificate)[0]

    def _judged(self, unit: UnitOfWork, certificate: StoredCertificate | None) -> tuple[Report, str]:
        """Judge a kept certificate; give the holder's name beside the verdict, empty where there is none."""
        if certificate is None or not _is_shown(certificate):
            return not_found(self._circumstances(None)), ""
        try:
            credential = parse(presentation_of(certificate))
        except (Unreadable, Altered) as error:
            return refused(error, self._circumstances(None)), ""
        final = certificate.batch.state is AnchorState.FINAL
        submission = Submission(
            credential=credential,
            receipt=receipt_of(unit, certificate) if final else None,
            key=self.key_of(certificate.batch.credential_key),
            awaits_chain=not final and certificate.batch.state is not AnchorState.FAILED,
        )
        report = judge(submission, self._circumstances(self._knowledge_of(unit, credential)))
        return report, credential.disclosed.name or ""

    def _judged_and_led_on(self, unit: UnitOfWork, certificate: StoredCertificate | None) -> tuple[Report, str]:
        """Judge as `_judged`, and name the successor; where there is none to look for, itself is looked for."""
        report, holder = self._judged(unit, certificate)
        place = self._place_of_successor(unit, report)
        if certificate is None:
            return report, holder
        at = unit.batches.by_leaf(*(place or (certificate.batch.batch, certificate.reservation.leaf)))
        return report if place is None else _naming_successor(report, at, None), holder

    def _leading_on(self, unit: UnitOfWork, report: Report, of: StoredCertificate | None) -> Report:
        """Name the certificate that replaced one of ours by number and revision; with the old one's key comes its key.

        `of` is the certificate that was asked for by its key: a key opens more than the number does.
        """
        if report.outcome is not Outcome.SUPERSEDED:
            return report
        place = self._place_of_successor(unit, report)
        return report if place is None else _naming_successor(report, unit.batches.by_leaf(*place), of)

    def _place_of_successor(self, unit: UnitOfWork, report: Report) -> tuple[BatchId, int] | None:
        """Give batch and leaf of what replaced a certificate, where that stands in the contract that is read here."""
        head = unit.projection.head()
        if report.outcome is not Outcome.SUPERSEDED or head is None:
            return None
        evidence = report.findings[Question.STANDING - 1].evidence
        batch, index = evidence.get("successor_batch"), evidence.get("successor_index")
        if not isinstance(batch, str) or not isinstance(index, int):
            return None
        ours = evidence.get("successor_contract") == head.trust_root.contract.address
        return (BatchId(unb64url(batch)), index) if ours else None

    def _knowledge_of(self, unit: UnitOfWork, credential: Presentation) -> Knowledge | None:
        terms = credential.terms
        return self._knowledge(unit, terms.issuer, terms.batch, credential.entry.index)

    def _knowledge(self, unit: UnitOfWork, issuer: IssuerCode, batch: BatchId, index: int) -> Knowledge | None:
        head = unit.projection.head()
        if head is None:
            return None
        return Knowledge(
            trust_root=head.trust_root,
            head=head.block,
            first_block_time=head.first_block_time,
            read_at=head.read_at,
            nodes=head.nodes,
            records=unit.projection.concerning(issuer, batch, index),
        )

    def _circumstances(self, knowledge: Knowledge | None) -> Circumstances:
        return Circumstances(
            knowledge=knowledge,
            now=self.clock.now(),
            max_age=self.max_age,
            as_of=self.as_of,
            cause=self.cause(),
            test_chain=self.test_chain,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyFromLedger:
    """Judges a document by asking a node of the reader's choice, under a pinned trust root; keeps nothing."""

    ledger: Callable[[], LedgerReader]
    """Connects and checks the trust root."""
    clock: Clock
    test_chain: int | None = None
    """Id of the chain where it is a test chain."""
    max_age: timedelta = DEFAULT_MAX_AGE
    as_of: datetime | None = None

    def by_document(self, data: bytes) -> Report:
        """Judge the bytes of a bundle or an SD-JWT; a node that does not answer leaves questions open."""
        try:
            submission = read_submission(data)
        except (Unreadable, Altered) as error:
            return refused(error, self._circumstances(None, None))
        try:
            knowledge, cause = self._read(), None
        except LedgerUnavailable:
            knowledge, cause = None, NODE_UNREACHABLE
        except NodesDisagree as error:
            report = judge(submission, self._circumstances(None, NODES_DISAGREE))
            return _naming(report, {"disagree_on": error.what, **error.shown})
        return judge(submission, self._circumstances(knowledge, cause))

    def _read(self) -> Knowledge:
        ledger = self.ledger()
        head, read_at = ledger.head(), self.clock.now()
        first = ledger.block(0)
        return Knowledge(
            trust_root=ledger.trust_root,
            head=head,
            first_block_time=(first or head).time,
            read_at=read_at,
            nodes=ledger.nodes,
            records=tuple(ledger.records(0, head.number)),
        )

    def _circumstances(self, knowledge: Knowledge | None, cause: str | None) -> Circumstances:
        return Circumstances(
            knowledge=knowledge,
            now=self.clock.now(),
            max_age=self.max_age,
            as_of=self.as_of,
            cause=cause,
            test_chain=self.test_chain,
        )


def _naming(report: Report, shown: Mapping[str, str]) -> Report:
    """Say beside every question that the chain should have answered which nodes show what."""
    findings = tuple(
        replace(one, evidence={**one.evidence, **shown}) if one.reason == NODES_DISAGREE else one
        for one in report.findings
    )
    return replace(report, findings=findings)


def _naming_successor(report: Report, successor: StoredCertificate | None, of: StoredCertificate | None) -> Report:
    """Lead on to a successor, but to nobody else's certificate by a key, and to none that is not there any more."""
    standing = report.findings[Question.STANDING - 1]
    if successor is None or successor.batch.issuer != standing.evidence.get("successor_issuer"):
        return report
    if of is not None and of.person == successor.person and _is_shown(successor):
        leading = replace(standing, evidence={**standing.evidence, "successor_key": successor.reservation.key})
        findings = tuple(leading if one is standing else one for one in report.findings)
        report = replace(report, findings=findings)
    return replace(report, successor=f"{successor.reservation.number}#{successor.reservation.revision}")


def _number_beside(found: StoredCertificate | None, other: StoredCertificate | None) -> str:
    """Which number is looked up beside one: that of a stand-in where nothing was found, else one that nothing has."""
    return _NO_NUMBER if found is not None or other is None else other.reservation.number


def _is_shown(certificate: StoredCertificate) -> bool:
    """Tell whether there is something to show of a certificate: signed, approved and sent, and not erased."""
    return certificate.disclosures is not None and certificate.batch.state not in unsent


def _same_name(given: str, kept: str) -> bool:
    """Compare in constant time, however the name was typed (see folded_name)."""
    return hmac.compare_digest(_folded(given), _folded(kept)) and bool(kept)


def _folded(name: str) -> bytes:
    return folded_name(name).encode("utf-8", "replace")
