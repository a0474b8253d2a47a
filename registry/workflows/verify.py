"""Verify: find what is asked about, gather what is known of the chain, let the one judge decide."""

import hmac
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from registry.anchor.states import AnchorState
from registry.credential import Altered, IssuedCredential, Presentation, Unreadable, parse, public_presentation
from registry.enrolment import normal_name
from registry.kernel.identifiers import BatchId, IdentifierMalformed, IssuerCode, certificate_key
from registry.ports import Clock, KeyOf, Ledger, LedgerUnavailable
from registry.ports.storage import Store, StoredCertificate, UnitOfWork
from registry.verification import (
    DEFAULT_MAX_AGE,
    Circumstances,
    Claimed,
    Knowledge,
    Report,
    Submission,
    judge,
    judge_claimed,
    not_found,
    read_submission,
    refused,
    withdrawn,
)
from registry.workflows.deliver import ContentErased, presentation_of, receipt_of

_NOT_SHOWN = (AnchorState.RESERVED, AnchorState.SEALED, AnchorState.APPROVED, AnchorState.CANCELLED)


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
            return self._stored(unit, certificate)

    def by_number(self, number: str) -> Report:
        """Judge the current revision under `number`: for those who have the registry's own data."""
        with self.store.read() as unit:
            return self._stored(unit, unit.batches.by_number(number))

    def by_status_place(self, status_list: int, index: int) -> Report:
        """Judge the certificate at a place of our status lists: for views that show how it stands and nothing else."""
        with self.store.read() as unit:
            return self._stored(unit, unit.batches.by_status_place(status_list, index))

    def by_number_and_name(self, number: str, name: str) -> Report:
        """Judge the current revision under `number` if its holder is `name`; one answer for all that does not match."""
        with self.store.read() as unit:
            found = unit.batches.by_number(number)
            # A number that is not there is compared with somebody else's name: the work is the same, the answer no.
            compared = found or next(unit.batches.certificates(limit=1), None)
            same = compared is not None and _same_name(name, _name_in(compared))
            if found is None or not same:
                return not_found(self._circumstances(None))
            return self._stored(unit, found)

    def _stored(self, unit: UnitOfWork, certificate: StoredCertificate | None) -> Report:
        if certificate is None or certificate.jwt is None or certificate.batch.state in _NOT_SHOWN:
            return not_found(self._circumstances(None))
        try:
            text = presentation_of(certificate)
        except ContentErased:
            return not_found(self._circumstances(None))
        try:
            credential = parse(text)
        except (Unreadable, Altered) as error:
            return refused(error, self._circumstances(None))
        final = certificate.batch.state is AnchorState.FINAL
        submission = Submission(
            credential=credential,
            receipt=receipt_of(unit, certificate) if final else None,
            key=self.key_of(certificate.batch.credential_key),
            awaits_chain=not final and certificate.batch.state is not AnchorState.FAILED,
        )
        return judge(submission, self._circumstances(self._knowledge_of(unit, credential)))

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

    ledger: Callable[[], Ledger]
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
            knowledge, cause = None, "node-unreachable"
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


def _name_in(certificate: StoredCertificate) -> str:
    """Read the name that a stored certificate discloses; empty where there is none."""
    if certificate.disclosures is None or certificate.jwt is None:
        return ""
    issued = IssuedCredential(jwt=certificate.jwt, disclosures=certificate.disclosures)
    return parse(public_presentation(issued)).disclosed.name or ""


def _same_name(given: str, kept: str) -> bool:
    """Compare in constant time, whatever the width, case and spacing that it was typed in."""
    return hmac.compare_digest(_compared(given), _compared(kept)) and bool(kept)


def _compared(name: str) -> bytes:
    return normal_name(unicodedata.normalize("NFKC", name)).casefold().encode("utf-8", "replace")
