"""Small builders of what a verdict is made of: a log of records, a batch with real signatures and a real tree, a judge.

A scene begins where everything is in order: accredited issuer, scope, three keys, one batch of five certificates. A
test then writes what it is about and asks for the report.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from registry.anchor.facts import address_key
from registry.anchor.history import (
    Anchored,
    Ballot,
    BallotKind,
    BallotOutcome,
    BatchChanged,
    BatchFlag,
    Block,
    Content,
    Enacted,
    KeyChanged,
    KeyKind,
    KeySlot,
    Position,
    Record,
    StatusChanged,
    Superseded,
    Voted,
)
from registry.anchor.receipt import AnchorReceipt
from registry.anchor.trust import Engine, TrustRoot
from registry.credential import Presentation, full_presentation, issue_batch, parse, public_presentation
from registry.credential.v1 import (
    Achievement,
    BatchTerms,
    Bilingual,
    CertificateEntry,
    Coded,
    HolderClaims,
    IdentityType,
    Result,
    StatusEntry,
)
from registry.delivery import bundle_bytes, delivered_bundle
from registry.kernel.identifiers import (
    ADDRESS_NONE,
    Address,
    BatchId,
    BlockHash,
    CertificateNumber,
    ContractAddress,
    Digest,
    IssuerCode,
    ScopeCode,
    TransactionHash,
)
from registry.kernel.merkle import MerkleTree, leaf_hash
from registry.kernel.signing import ORDER, PrivateKey
from registry.status import changes_of
from registry.verification import Circumstances, Knowledge, Report, Submission, judge, judge_document
from registry.verification.model import Answer, Finding, Notice, NoticeKind, Question

ISSUER = IssuerCode("LNSEC")
OTHER_ISSUER = IssuerCode("RIVAL")
SCOPE = ScopeCode("AIGC-APP/3")
SIZE = 5
INDEX = 3
FOREVER = (1 << 40) - 1

FIRST_BLOCK = datetime(2026, 11, 1, tzinfo=UTC)
ACCREDITED = FIRST_BLOCK + timedelta(days=1)
ANCHORED = datetime(2026, 11, 20, 8, 2, 11, tzinfo=UTC)
LATER = ANCHORED + timedelta(days=2)
NOW = datetime(2026, 12, 3, 2, 24, 19, tzinfo=UTC)
VALID_FROM = datetime(2026, 11, 19, 16, tzinfo=UTC)
LAST_DAY = date(2029, 11, 19)
VALID_UNTIL = datetime(2029, 11, 19, 16, tzinfo=UTC)


def fixed(label: str, size: int = 32) -> bytes:
    """Bytes that look random and are always the same."""
    return hashlib.shake_256(label.encode()).digest(size)


def key_of(label: str) -> PrivateKey:
    """A key that signs the same bytes the same way."""
    return PrivateKey.from_number(int.from_bytes(fixed(f"key {label}"), "big") % (ORDER - 1) + 1, deterministic=True)


def account(label: str) -> Address:
    return Address("0x" + fixed(f"account {label}", 20).hex())


KEY = key_of("credential")
OTHER_KEY = key_of("other")
SENDER, APPROVER, CONTROLLER = account("sender"), account("approver"), account("controller")
CONTRACT = ContractAddress(chain_id=20268, address=account("contract"))
GENESIS = BlockHash(fixed("genesis"))
ROOT = TrustRoot(
    genesis=GENESIS,
    contract=CONTRACT,
    code_hash=Digest(fixed("code")),
    engine=Engine.EMBEDDED,
    signers=(account("sealer"),),
)

TERMS = BatchTerms(
    base_url="https://zs.example.cn",
    issuer=ISSUER,
    issuer_name=Bilingual(zh="岭南数字技能考试中心", en="Lingnan Digital Skills Examination Centre"),
    issued_at=datetime(2026, 11, 20, 8, tzinfo=UTC),
    valid_from=VALID_FROM,
    last_valid_day=LAST_DAY,
    contract=CONTRACT,
    genesis=GENESIS,
    batch=BatchId(fixed("batch")),
    certificate_type=Coded(code="vocational-technology", name=Bilingual(zh="职业技术证书")),
    achievement=Achievement(
        programme="AIGC-APP", name=Bilingual(zh="AIGC应用工程师"), version="2026", digest=Digest(fixed("programme"))
    ),
    level=Coded(code="3", name=Bilingual(zh="高级")),
    awarded_date=date(2026, 11, 20),
    result_count=2,
)
HOLDER = HolderClaims(
    name="李知行",
    identity_type=IdentityType.RESIDENT_IDENTITY_CARD,
    identity_number="11010519491231002X",
    results=(
        Result(paper="computer", name=Bilingual(zh="机考"), value="86.5"),
        Result(paper="practice", name=Bilingual(zh="实操"), value="91"),
    ),
)


def entry(index: int, **changes: Any) -> CertificateEntry:
    plain = CertificateEntry(
        id=UUID(bytes=fixed(f"jti {index}", 16), version=4),
        index=index,
        status=StatusEntry(list_number=0, index=index),
        license_number=CertificateNumber(f"LNSEC-2026-00000000{index:02d}"),
        activity_end_date=date(2026, 11, 8),
    )
    return replace(plain, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """One batch as it was issued: real credentials and their tree."""

    terms: BatchTerms
    key: PrivateKey
    credentials: tuple[Presentation, ...]
    tree: MerkleTree

    def presentation(self, index: int = INDEX) -> Presentation:
        return self.credentials[index]


def issue(
    terms: BatchTerms = TERMS,
    key: PrivateKey = KEY,
    *,
    size: int = SIZE,
    holder: HolderClaims = HOLDER,
    **of_entry: Any,
) -> Issued:
    """Sign a batch of `size` and build its tree; `of_entry` changes what each certificate says."""
    salts = (fixed(f"salt {number}", 4096) for number in range(10**6))
    rows = [(entry(index, **of_entry), holder) for index in range(size)]
    issued = issue_batch(terms, rows, key, lambda length: next(salts)[:length])
    credentials = tuple(parse(full_presentation(one)) for one in issued)
    return Issued(terms=terms, key=key, credentials=credentials, tree=MerkleTree(one.leaf for one in credentials))


ISSUED = issue()
OTHER_BATCH = issue(replace(TERMS, batch=BatchId(fixed("another batch"))))


def word(code: str) -> bytes:
    return code.encode().ljust(32, b"\0")


def slot(
    kind: KeyKind, *, number: int = 1, start: datetime | int = ACCREDITED, until: int = FOREVER, since: int = 0
) -> KeySlot:
    first = start if isinstance(start, int) else int(start.timestamp())
    return KeySlot(kind=kind, number=number, valid_from=first, until=until, compromised_since=since)


@dataclass(slots=True)
class Chain:
    """A history log that tests write, and what a verifier knows of it."""

    records: list[Record] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**6)))

    def write(self, content: Content, at: datetime, *, by: Address = SENDER) -> Record:
        number = next(self.numbers)
        record = Record(
            position=Position(
                seq=len(self.records),
                by=by,
                block_number=number,
                block_hash=BlockHash(fixed(f"block {number}")),
                block_time=at,
                transaction=TransactionHash(fixed(f"transaction {number}")),
                leaf=leaf_hash(fixed(f"record {number}")),
            ),
            content=content,
        )
        self.records.append(record)
        return record

    # Decisions of the members

    def decide(
        self, kind: BallotKind, at: datetime, *, issuer: str = ISSUER, arg: int = 0, ref: bytes = bytes(32)
    ) -> None:
        """Enact a ballot: delayed kinds by an enactment, the others by the vote that decides."""
        ballot = Ballot(kind=kind, subject=word(issuer), arg=arg, ref=ref, salt=bytes(32))
        self.write(Voted(ballot=ballot, votes=1, outcome=BallotOutcome.COUNTED), at - timedelta(hours=2))
        if kind in DELAYED:
            self.write(Voted(ballot=ballot, votes=3, outcome=BallotOutcome.DELAYED), at - timedelta(hours=1))
            self.write(Enacted(ballot=ballot, outcome=BallotOutcome.ENACTED), at)
        else:
            self.write(Voted(ballot=ballot, votes=3, outcome=BallotOutcome.ENACTED), at)

    def accredit(self, issuer: IssuerCode = ISSUER, at: datetime = ACCREDITED, scope: ScopeCode = SCOPE) -> None:
        self.decide(BallotKind.ACCREDIT, at, issuer=issuer, ref=address_key(CONTROLLER))
        self.decide(BallotKind.GRANT_SCOPE, at, issuer=issuer, arg=FOREVER << 40, ref=word(scope))

    def add_keys(self, issuer: IssuerCode = ISSUER, key: PrivateKey = KEY, at: datetime = ACCREDITED) -> None:
        self.decide(BallotKind.ADD_APPROVER, at, issuer=issuer, arg=FOREVER << 40, ref=address_key(APPROVER))
        self.key(address_key(SENDER), slot(KeyKind.SENDER, number=2), at, issuer=issuer)
        self.key(key.thumbprint(), slot(KeyKind.CREDENTIAL, number=3), at, issuer=issuer)

    def batch_decision(self, kind: BallotKind, at: datetime = LATER, *, reason: int = 35) -> None:
        self.decide(kind, at, arg=reason, ref=TERMS.batch)

    # Operations of the issuer

    def key(self, key: bytes, of: KeySlot, at: datetime, *, issuer: IssuerCode = ISSUER) -> None:
        self.write(KeyChanged(issuer=issuer, key=key, slot=of), at, by=CONTROLLER)

    def anchor(self, issued: Issued = ISSUED, at: datetime = ANCHORED, **changes: Any) -> Record:
        content = Anchored(
            issuer=issued.terms.issuer,
            batch=issued.terms.batch,
            scope=issued.terms.scope,
            approver=APPROVER,
            root=issued.tree.root,
            size=issued.tree.size,
            evidence=Digest(fixed("evidence")),
            credential_key=issued.key.thumbprint(),
        )
        return self.write(replace(content, **changes), at)

    def change(self, code: int, *indices: int, at: datetime = LATER, reason: int = 33, **changes: Any) -> None:
        """Suspend (2), reinstate (0) or revoke (1) certificates of the batch."""
        content = StatusChanged(
            issuer=ISSUER,
            batch=TERMS.batch,
            approver=ADDRESS_NONE if code == 2 else APPROVER,
            code=code,
            changes=changes_of(list(indices or (INDEX,))),
            count=len(indices) or 1,
            reason=reason,
        )
        self.write(replace(content, **changes), at)

    def supersede(self, index: int = INDEX, new_index: int = 0, *, at: datetime = LATER, reason: int = 37) -> None:
        self.write(
            Superseded(
                issuer=ISSUER,
                batch=TERMS.batch,
                approver=APPROVER,
                indices=(0 if index else 1, index),
                target_contract=CONTRACT.address,
                target_issuer=ISSUER,
                new_batch=OTHER_BATCH.terms.batch,
                new_indices=(4, new_index),
                reason=reason,
            ),
            at,
        )

    def flag(self, flags: BatchFlag, at: datetime = LATER, *, reason: int = 35) -> None:
        """The issuer suspends its batch, or lifts that: `flags` is what the batch has then."""
        self.write(
            BatchChanged(issuer=ISSUER, batch=TERMS.batch, approver=ADDRESS_NONE, flags=flags, reason=reason), at
        )

    # What is known of it

    def knowledge(self, **changes: Any) -> Knowledge:
        """All of it, read this very second."""
        plain = Knowledge(
            trust_root=ROOT,
            head=Block(number=10**6, hash=BlockHash(fixed("head")), time=NOW - timedelta(seconds=3)),
            first_block_time=FIRST_BLOCK,
            read_at=NOW,
            nodes=1,
            records=tuple(sorted(self.records, key=lambda one: one.position.block_time)),
        )
        return replace(plain, **changes)

    def receipt(self, issued: Issued = ISSUED, index: int = INDEX) -> AnchorReceipt:
        """The receipt of one certificate, from where its batch was recorded."""
        credential = issued.presentation(index)
        position = next(
            one.position
            for one in self.records
            if isinstance(one.content, Anchored) and one.content.batch == issued.terms.batch
        )
        return AnchorReceipt(
            license_number=credential.entry.license_number,
            revision=credential.entry.revision,
            digest=credential.digest,
            issuer=credential.terms.issuer,
            contract=credential.terms.contract,
            genesis=credential.terms.genesis,
            batch=credential.terms.batch,
            proof=issued.tree.proof(index),
            merkle_root=issued.tree.root,
            transaction=position.transaction,
            block_number=position.block_number,
            block_hash=position.block_hash,
            block_time=position.block_time,
        )

    def submission(self, issued: Issued = ISSUED, index: int = INDEX) -> Submission:
        return Submission(
            credential=issued.presentation(index), receipt=self.receipt(issued, index), key=issued.key.public_key()
        )

    def bundle(self, issued: Issued = ISSUED, index: int = INDEX) -> bytes:
        """The file that is delivered."""
        return delivered_bundle(issued.presentation(index), self.receipt(issued, index), issued.key.public_key())

    def circumstances(self, **changes: Any) -> Circumstances:
        plain = Circumstances(knowledge=self.knowledge(), now=NOW)
        return replace(plain, **changes)

    def judge(self, submission: Submission | None = None, **circumstances: Any) -> Report:
        """Judge the batch's certificate, or another submission, at NOW with all knowledge unless told otherwise."""
        return judge(submission or self.submission(), self.circumstances(**circumstances))

    def judge_document(self, data: bytes, **circumstances: Any) -> Report:
        return judge_document(data, self.circumstances(**circumstances))


DELAYED = frozenset(
    {
        BallotKind.WITHDRAW,
        BallotKind.SET_CONTROLLER,
        BallotKind.KEY_COMPROMISED,
        BallotKind.LIFT_BATCH_SUSPENSION,
        BallotKind.REVOKE_BATCH,
        BallotKind.REVOKE_WORD,
    }
)


def chain_in_order(issued: Issued = ISSUED) -> Chain:
    """A chain on which the batch is recorded as it should be."""
    chain = Chain()
    chain.accredit()
    chain.add_keys()
    chain.anchor(issued)
    return chain


def finding(report: Report, question: Question) -> Finding:
    return report.findings[question - 1]


def answers(report: Report) -> str:
    """The five answers as one word: p passed, f failed, ? could not check."""
    signs = {Answer.PASSED: "p", Answer.FAILED: "f", Answer.COULD_NOT_CHECK: "?"}
    return "".join(signs[one.answer] for one in report.findings)


def notice(report: Report, kind: NoticeKind) -> Notice | None:
    return next((one for one in report.notices if one.kind is kind), None)


def public_text(issued: Issued = ISSUED, index: int = INDEX) -> str:
    return public_presentation(issued.presentation(index))


def full_bundle(chain: Chain, issued: Issued = ISSUED, index: int = INDEX) -> bytes:
    return bundle_bytes(
        full_presentation(issued.presentation(index)), chain.receipt(issued, index), issued.key.public_key()
    )
