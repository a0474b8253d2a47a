"""Verification receipts: a verdict that is kept, signed by the site that gave it, to be checked again years later.

A receipt says what was asked, the five answers, as of which block of which chain, for what purpose as the asker put it,
and where the certificate stands on the chain, so that the chain alone can be asked again
(`registry.verification.rechecking`).

It holds nothing about the holder: no name, no identity number, no result, and no certificate key, which would open the
certificate to every reader of the receipt. Number and digest say which certificate it was. A number that was not found
stands there as it was asked, else the receipt would say nothing; the name that went with it never does.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from registry.anchor.trust import TrustRoot
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import Base64Refused, JsonObject, JsonValue, b64url, unb64url
from registry.kernel.errors import MalformedInput, Unavailable
from registry.kernel.identifiers import (
    MAX_BATCH_SIZE,
    BatchId,
    BlockHash,
    CertificateKey,
    ContractAddress,
    Digest,
    IdentifierMalformed,
    KeyThumbprint,
    RootHash,
    TransactionHash,
    issuer_code,
    scope_code,
)
from registry.kernel.signing import StatementSigner
from registry.kernel.statements import (
    Statement,
    StatementRefused,
    StatementType,
    parse_statement,
    require_members,
    sign_statement,
)
from registry.verification.claimed import Claimed, Recorded
from registry.verification.model import Answer, Finding, Freshness, Notice, NoticeKind, Outcome, Question, Report

RECEIPT_NAME: Final = "verification-receipt.json"
"""Name under which a receipt's page has the signed statement attached."""
MAX_PURPOSE: Final = 200
"""Characters of the purpose, which the asker writes and nobody checks."""
_MAX_WORD: Final = 64
_MAX_NUMBER: Final = 64
_MAX_TEXT: Final = 300
_LATEST_WHOLE: Final = 2**53 - 1
_ONE: Final = frozenset(
    {
        "asked",
        "as_of",
        "certificate",
        "chain",
        "code",
        "freshness",
        "last_known",
        "notices",
        "outcome",
        "place",
        "purpose",
        "questions",
        "successor",
    }
)
_MANY: Final = frozenset({"asked", "as_of", "chain", "counts", "freshness", "purpose", "rows"})
_EVIDENCE: Final[Mapping[Question, frozenset[str]]] = {
    Question.UNALTERED: frozenset({"check", "member", "part"}),
    Question.ISSUERS_KEY: frozenset({"registered_from", "anchored_at", "compromised_since"}),
    Question.ON_CHAIN: frozenset({"block", "block_time", "scope_recorded"}),
    Question.STANDING: frozenset(
        {
            "status",
            "since",
            "reason",
            "by",
            "last_known",
            "suspended_since",
            "successor_batch",
            "successor_index",
            "successor_issuer",
            "successor_contract",
        }
    ),
    Question.IN_FORCE: frozenset({"valid_from", "valid_until"}),
}
"""What a receipt keeps of a report's evidence: what wording needs and no key to anything."""


class PurposeRefused(MalformedInput):
    """The purpose of a receipt is too long, or no printable text of one line."""

    code = "receipt/purpose"

    def __init__(self) -> None:
        super().__init__(f"expected a purpose of 1 to {MAX_PURPOSE} printable characters on one line")


class NoReceiptKey(Unavailable):
    """There is no statement key at hand to sign receipts with."""

    code = "receipt/no-key"

    def __init__(self) -> None:
        super().__init__("expected the statement key to be open, and it is not: no receipt can be signed here")


class AskedBy(StrEnum):
    """How the certificate was named."""

    DOCUMENT = "document"
    KEY = "key"
    NUMBER = "number"
    NUMBER_AND_NAME = "number-and-name"
    LIST = "list"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was looked at, without anything about its holder."""

    by: AskedBy
    digest: Digest | None = None
    """SHA-256 of the file's bytes, or of the certificate key's 26 characters; of a number there is none."""
    number: str | None = None
    """As it was asked, where it was asked by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notary:
    """Who signs receipts, and for which chain he speaks."""

    iss: str
    """`<base>/issuers/<CODE>`, whose statement key it is."""
    trust_root: TrustRoot
    signer: StatementSigner


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainNamed:
    """The chain that a receipt speaks of."""

    contract: ContractAddress
    genesis: BlockHash
    trust_root: Digest
    """Digest of the trust root's canonical bytes, as members record it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptAnswer:
    """The answer to one question, as a receipt keeps it."""

    question: Question
    answer: Answer
    reason: str
    evidence: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerificationReceipt:
    """A receipt as it was read: well formed and signed by the key in it; whether that key was good is another question.

    Of a list there are `rows` and `counts`, of one certificate all else.
    """

    statement: Statement
    asked: Asked
    chain: ChainNamed
    freshness: Freshness | None
    """Of a list, of the row whose knowledge was oldest."""
    purpose: str | None
    as_of: datetime | None
    outcome: Outcome | None
    code: str
    answers: tuple[ReceiptAnswer, ...]
    """Five, or none where nothing was found."""
    notices: tuple[Mapping[str, str | int], ...]
    number: str | None
    revision: int | None
    place: Claimed | None
    successor: str | None
    last_known: str | None
    rows: int | None
    counts: Mapping[Outcome, int]

    @property
    def is_of_list(self) -> bool:
        """Tell whether it is about many rows at once."""
        return self.asked.by is AskedBy.LIST


def asked_document(data: bytes | None) -> Asked:
    """Name a file by its bytes; None = it was too large to be kept."""
    return Asked(by=AskedBy.DOCUMENT, digest=None if data is None else Digest(sha256(data).digest()))


def asked_key(key: str) -> Asked:
    """Name a certificate key by its digest: whoever has the paper can compare, nobody can turn it back."""
    return Asked(by=AskedBy.KEY, digest=Digest(sha256(CertificateKey(key.upper()).encode()).digest()))


def asked_number(number: str, *, with_name: bool) -> Asked:
    """Name a certificate by the number that was typed; of a name only that one was given."""
    shown = "".join(one for one in unicodedata.normalize("NFC", number) if one.isprintable())[:_MAX_NUMBER]
    return Asked(by=AskedBy.NUMBER_AND_NAME if with_name else AskedBy.NUMBER, number=shown)


def purpose_of(text: str | None) -> str | None:
    """Take a purpose as it was typed; blank = none. Raises PurposeRefused."""
    purpose = unicodedata.normalize("NFC", text or "").strip()
    if len(purpose) > MAX_PURPOSE or not purpose.isprintable():
        raise PurposeRefused
    return purpose or None


def verification_receipt(notary: Notary, report: Report, asked: Asked, *, purpose: str | None = None) -> Statement:
    """Sign what `report` says. `iat` is the moment of the verdict. Raises PurposeRefused."""
    first = report.findings[0] if report.findings else None
    relied_on = first is not None and first.answer is not Answer.FAILED
    digest = first.evidence.get("digest") if first is not None and relied_on else None
    content = report.content or {}
    number, revision = content.get("licenseNumber"), content.get("revision")
    is_known = isinstance(number, str) and isinstance(revision, int)
    freshness = freshness_of(report)
    claims: JsonObject = {
        "asked": _asked_json(asked),
        "outcome": report.outcome.value,
        "code": report.code,
        "questions": [_answer_json(one) for one in report.findings],
        "notices": [{"kind": one.kind.value, **one.values} for one in report.notices],
        "purpose": purpose_of(purpose),
        "as_of": None if report.as_of is None else _local(report.as_of),
        "certificate": {"number": str(number), "revision": int(str(revision))} if is_known else None,
        "place": _place_json(report.claimed) if relied_on and report.claimed is not None else None,
        "successor": report.successor,
        "last_known": report.last_known,
        **_sources(notary, freshness),
    }
    return sign_statement(
        StatementType.RECEIPT,
        claims,
        iss=notary.iss,
        issued_at=report.judged_at,
        digest=Digest(unb64url(digest)) if isinstance(digest, str) else None,
        signer=notary.signer,
    )


def bulk_receipt(
    notary: Notary,
    result: bytes,
    counts: Mapping[Outcome, int],
    *,
    judged_at: datetime,
    freshness: Freshness | None,
    as_of: datetime | None = None,
    purpose: str | None = None,
) -> Statement:
    """Sign one receipt for a whole list: digest of the result file's bytes, how many rows had which outcome.

    `freshness` is the oldest of all rows', see `oldest`. Raises PurposeRefused.
    """
    claims: JsonObject = {
        "asked": _asked_json(Asked(by=AskedBy.LIST)),
        "counts": {outcome.value: counts[outcome] for outcome in Outcome if counts.get(outcome)},
        "rows": sum(counts.values()),
        "purpose": purpose_of(purpose),
        "as_of": None if as_of is None else _local(as_of),
        **_sources(notary, freshness),
    }
    return sign_statement(
        StatementType.RECEIPT,
        claims,
        iss=notary.iss,
        issued_at=judged_at,
        digest=Digest(sha256(result).digest()),
        signer=notary.signer,
    )


def freshness_of(report: Report) -> Freshness | None:
    """Give the freshness of question 4, which readers ask about, else any other; None = nothing was read."""
    for finding in sorted(report.findings, key=lambda one: one.question is not Question.STANDING):
        if finding.freshness is not None:
            return finding.freshness
    return None


def oldest(*of: Freshness | None) -> Freshness | None:
    """Give the freshness with the lowest block: what a whole list can be held against; None = nothing was read."""
    return min((one for one in of if one is not None), key=lambda one: (one.block, -one.age_seconds), default=None)


def parse_verification_receipt(data: bytes) -> VerificationReceipt:
    """Read a kept receipt, strictly. Raises NotAStatement, StatementOversized, StatementRefused."""
    statement = parse_statement(data, StatementType.RECEIPT)
    claims = statement.claims
    asked = _asked(_object(claims, "asked"))
    of_list = asked.by is AskedBy.LIST
    require_members(claims, _MANY if of_list else _ONE)
    counts, rows = _counts(claims) if of_list else ({}, None)
    outcome = None if of_list else Outcome(_one_of(claims, "outcome", Outcome))
    certificate = None if of_list else _optional(claims, "certificate")
    if certificate is not None:
        _exactly(certificate, "certificate", {"number", "revision"})
    place = None if of_list else _optional(claims, "place")
    return VerificationReceipt(
        statement=statement,
        asked=asked,
        chain=_chain(_object(claims, "chain")),
        freshness=None if (known := _optional(claims, "freshness")) is None else _freshness(known),
        purpose=_maybe(claims, "purpose", MAX_PURPOSE),
        as_of=None if claims["as_of"] is None else _time(claims, "as_of"),
        outcome=outcome,
        code="" if of_list else _text(claims, "code", _MAX_WORD * 2),
        answers=() if of_list else _answers(claims),
        notices=() if of_list else _notices(claims),
        number=None if certificate is None else _text(certificate, "number", _MAX_TEXT),
        revision=None if certificate is None else _whole(certificate, "revision", 1),
        place=None if place is None else _place(place),
        successor=None if of_list else _maybe(claims, "successor", _MAX_TEXT),
        last_known=None if of_list else _maybe(claims, "last_known", _MAX_WORD),
        rows=rows,
        counts=counts,
    )


def report_of(read: VerificationReceipt) -> Report:
    """Give back the verdict that a receipt of one certificate keeps, for wording; of its content the number alone."""
    assert read.outcome is not None
    content: dict[str, object] = {"licenseNumber": read.number, "revision": read.revision}
    return Report(
        outcome=read.outcome,
        code=read.code,
        findings=tuple(
            Finding(
                question=one.question,
                answer=one.answer,
                reason=one.reason,
                evidence=_worded(one),
                freshness=None if one.question in (Question.UNALTERED, Question.IN_FORCE) else read.freshness,
            )
            for one in read.answers
        ),
        notices=tuple(
            Notice(
                kind=NoticeKind(str(one["kind"])),
                values={name: value for name, value in one.items() if name != "kind"},
            )
            for one in read.notices
        ),
        content=None if read.number is None else content,
        successor=read.successor,
        last_known=read.last_known,
        judged_at=read.statement.issued_at,
        as_of=read.as_of,
        claimed=read.place,
    )


def _worded(answer: ReceiptAnswer) -> dict[str, str | int | None]:
    evidence: dict[str, str | int | None] = dict(answer.evidence)
    if "valid_from" in evidence:  # an end that is not named is none: for life
        evidence.setdefault("valid_until", None)
    return evidence


# — writing —


def _asked_json(asked: Asked) -> JsonObject:
    value: JsonObject = {"by": asked.by.value}
    if asked.by in (AskedBy.DOCUMENT, AskedBy.KEY):
        value["digest"] = None if asked.digest is None else b64url(asked.digest)
    if asked.number is not None:
        value["number"] = asked.number
    return value


def _answer_json(finding: Finding) -> JsonObject:
    kept = _EVIDENCE[finding.question]
    evidence: JsonObject = {
        name: value for name, value in finding.evidence.items() if name in kept and value is not None
    }
    return {
        "question": finding.question.slug,
        "answer": finding.answer.value,
        "reason": finding.reason,
        "evidence": evidence,
    }


def _sources(notary: Notary, freshness: Freshness | None) -> JsonObject:
    root = notary.trust_root
    return {
        "chain": {
            "contract": str(root.contract),
            "genesis": b64url(root.genesis),
            "trust_root": b64url(root.digest()),
        },
        "freshness": None
        if freshness is None
        else {
            "block": freshness.block,
            "hash": None if freshness.block_hash is None else b64url(freshness.block_hash),
            "time": _local(freshness.time),
            "read_at": _local(freshness.read_at),
            "age_seconds": freshness.age_seconds,
            "nodes": freshness.nodes,
        },
    }


def _place_json(claimed: Claimed) -> JsonObject:
    recorded = claimed.recorded
    return {
        "base_url": claimed.base_url,
        "issuer": claimed.issuer,
        "contract": str(claimed.contract),
        "genesis": b64url(claimed.genesis),
        "batch": b64url(claimed.batch),
        "index": claimed.index,
        "scope": claimed.scope,
        "revision": claimed.revision,
        "signer": b64url(claimed.signer),
        "valid_from": _local(claimed.valid_from),
        "valid_until": None if claimed.valid_until is None else _local(claimed.valid_until),
        "has_key": claimed.has_key,
        "recorded": None
        if recorded is None
        else {
            "root": b64url(recorded.root),
            "size": recorded.size,
            "transaction": b64url(recorded.transaction),
            "block": recorded.block_number,
            "hash": b64url(recorded.block_hash),
            "time": _local(recorded.block_time),
        },
    }


def _local(moment: datetime) -> str:
    return moment.astimezone(CHINA_TIME).isoformat(timespec="seconds")


# — reading —


def _asked(value: JsonObject) -> Asked:
    by = AskedBy(_one_of(value, "by", AskedBy))
    match by:
        case AskedBy.DOCUMENT | AskedBy.KEY:
            _exactly(value, "asked", {"by", "digest"})
            return Asked(by=by, digest=None if value["digest"] is None else Digest(_hash(value, "digest")))
        case AskedBy.NUMBER | AskedBy.NUMBER_AND_NAME:
            _exactly(value, "asked", {"by", "number"})
            return Asked(by=by, number=_text(value, "number", _MAX_NUMBER))
        case AskedBy.LIST:
            _exactly(value, "asked", {"by"})
            return Asked(by=by)


def _chain(value: JsonObject) -> ChainNamed:
    _exactly(value, "chain", {"contract", "genesis", "trust_root"})
    return ChainNamed(
        contract=_contract(value),
        genesis=BlockHash(_hash(value, "genesis")),
        trust_root=Digest(_hash(value, "trust_root")),
    )


def _freshness(value: JsonObject) -> Freshness:
    _exactly(value, "freshness", {"block", "hash", "time", "read_at", "age_seconds", "nodes"})
    return Freshness(
        block=_whole(value, "block", 0),
        block_hash=None if value["hash"] is None else BlockHash(_hash(value, "hash")),
        time=_time(value, "time"),
        read_at=_time(value, "read_at"),
        age_seconds=_whole(value, "age_seconds", 0),
        nodes=_whole(value, "nodes", 0),
    )


def _place(value: JsonObject) -> Claimed:
    _exactly(
        value,
        "place",
        {
            "base_url",
            "issuer",
            "contract",
            "genesis",
            "batch",
            "index",
            "scope",
            "revision",
            "signer",
            "valid_from",
            "valid_until",
            "has_key",
            "recorded",
        },
    )
    has_key, recorded = value["has_key"], _optional(value, "recorded")
    if not isinstance(has_key, bool):
        raise _refuse("has_key", "true or false")
    try:
        issuer, scope = issuer_code(_text(value, "issuer", _MAX_WORD)), scope_code(_text(value, "scope", _MAX_WORD))
    except IdentifierMalformed as error:
        raise _refuse(error.kind, error.expected) from error
    return Claimed(
        base_url=_text(value, "base_url", _MAX_TEXT),
        issuer=issuer,
        contract=_contract(value),
        genesis=BlockHash(_hash(value, "genesis")),
        batch=BatchId(_hash(value, "batch")),
        index=_whole(value, "index", 0, MAX_BATCH_SIZE - 1),
        scope=scope,
        revision=_whole(value, "revision", 1),
        signer=KeyThumbprint(_hash(value, "signer")),
        valid_from=_time(value, "valid_from"),
        valid_until=None if value["valid_until"] is None else _time(value, "valid_until"),
        has_key=has_key,
        recorded=None if recorded is None else _recorded(recorded),
    )


def _recorded(value: JsonObject) -> Recorded:
    _exactly(value, "recorded", {"root", "size", "transaction", "block", "hash", "time"})
    return Recorded(
        root=RootHash(_hash(value, "root")),
        size=_whole(value, "size", 1, MAX_BATCH_SIZE),
        transaction=TransactionHash(_hash(value, "transaction")),
        block_number=_whole(value, "block", 0),
        block_hash=BlockHash(_hash(value, "hash")),
        block_time=_time(value, "time"),
    )


def _answers(claims: JsonObject) -> tuple[ReceiptAnswer, ...]:
    listed = claims["questions"]
    if not isinstance(listed, list) or len(listed) not in (0, len(Question)):
        raise _refuse("questions", "five or none")
    answers = []
    for question, value in zip(Question, listed, strict=False):
        if not isinstance(value, dict):
            raise _refuse("questions", "objects")
        _exactly(value, "questions", {"question", "answer", "reason", "evidence"})
        evidence = _object(value, "evidence")
        if value["question"] != question.slug or not evidence.keys() <= _EVIDENCE[question]:
            raise _refuse("questions", "the five in their order, with the evidence that receipts keep")
        answers.append(
            ReceiptAnswer(
                question=question,
                answer=Answer(_one_of(value, "answer", Answer)),
                reason=_text(value, "reason", _MAX_WORD),
                evidence=_plain(evidence, "evidence"),
            )
        )
    return tuple(answers)


def _notices(claims: JsonObject) -> tuple[Mapping[str, str | int], ...]:
    listed = claims["notices"]
    if not isinstance(listed, list):
        raise _refuse("notices", "an array")
    notices = []
    for value in listed:
        if not isinstance(value, dict):
            raise _refuse("notices", "objects")
        _one_of(value, "kind", NoticeKind)
        notices.append(_plain(value, "notices"))
    return tuple(notices)


def _counts(claims: JsonObject) -> tuple[dict[Outcome, int], int]:
    value, rows = _object(claims, "counts"), _whole(claims, "rows", 0)
    counts = {Outcome(_member(name, "counts", Outcome)): _whole(value, name, 1) for name in value}
    if sum(counts.values()) != rows:
        raise _refuse("rows", "the sum of the counts")
    return counts, rows


def _plain(value: JsonObject, name: str) -> dict[str, str | int]:
    plain: dict[str, str | int] = {}
    for member, item in value.items():
        if not isinstance(item, str | int) or (
            isinstance(item, str) and not (len(item) <= _MAX_TEXT and item.isprintable())
        ):
            raise _refuse(name, "texts and integers")
        plain[member] = item
    return plain


def _object(value: JsonObject, name: str) -> JsonObject:
    member = value.get(name)
    if not isinstance(member, dict):
        raise _refuse(name, "an object")
    return member


def _optional(value: JsonObject, name: str) -> JsonObject | None:
    return None if value[name] is None else _object(value, name)


def _exactly(value: JsonObject, name: str, members: set[str]) -> None:
    if value.keys() != members:
        raise _refuse(name, f"exactly {', '.join(sorted(members))}")


def _text(value: JsonObject, name: str, most: int) -> str:
    text = value.get(name)
    if not isinstance(text, str) or len(text) > most or not text.isprintable():
        raise _refuse(name, f"printable text of at most {most} characters")
    return text


def _maybe(value: JsonObject, name: str, most: int) -> str | None:
    return None if value[name] is None else _text(value, name, most)


def _whole(value: JsonObject, name: str, least: int, most: int = _LATEST_WHOLE) -> int:
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise _refuse(name, f"an integer from {least} to {most}")
    return number


def _hash(value: JsonObject, name: str) -> bytes:
    text = value.get(name)
    try:
        data = unb64url(text) if isinstance(text, str) else b""
    except Base64Refused:
        data = b""
    if len(data) != 32:
        raise _refuse(name, "32 bytes as canonical base64url")
    return data


def _time(value: JsonObject, name: str) -> datetime:
    text = _text(value, name, _MAX_WORD)
    try:
        moment = datetime.fromisoformat(text)
        if _local(moment) == text:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _refuse(name, "RFC 3339 of whole seconds at +08:00")


def _contract(value: JsonObject) -> ContractAddress:
    try:
        return ContractAddress.parse(_text(value, "contract", _MAX_TEXT))
    except IdentifierMalformed as error:
        raise _refuse("contract", error.expected) from error


def _one_of(value: JsonObject, name: str, words: type[StrEnum]) -> str:
    return _member(value.get(name), name, words)


def _member(word: JsonValue, name: str, words: type[StrEnum]) -> str:
    if not isinstance(word, str) or word not in {one.value for one in words}:
        raise _refuse(name, "one of the words that receipts use")
    return word


def _refuse(member: str, expected: str) -> StatementRefused:
    return StatementRefused("claims", f"{member}: expected {expected}")
