"""Reading a kept receipt, strictly: every member is there, of its form, and no other."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from registry.kernel.calendar import written_time
from registry.kernel.encoding import Base64Refused, JsonObject, JsonValue, unb64url
from registry.kernel.identifiers import (
    MAX_BATCH_SIZE,
    BatchId,
    BlockHash,
    ContractAddress,
    Digest,
    IdentifierMalformed,
    KeyThumbprint,
    RootHash,
    TransactionHash,
    issuer_code,
    scope_code,
)
from registry.kernel.statements import (
    StatementRefused,
    StatementType,
    parse_statement,
    require_members,
)
from registry.verification.claimed import Claimed, Recorded
from registry.verification.model import Answer, Finding, Freshness, Notice, NoticeKind, Outcome, Question, Report
from registry.verification.receipts.model import (
    KEPT_EVIDENCE,
    MAX_NUMBER,
    MAX_PURPOSE,
    Asked,
    AskedBy,
    ChainNamed,
    ReceiptAnswer,
    VerificationReceipt,
)

_MAX_WORD: Final = 64
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


def _asked(value: JsonObject) -> Asked:
    by = AskedBy(_one_of(value, "by", AskedBy))
    match by:
        case AskedBy.DOCUMENT | AskedBy.KEY | AskedBy.LINK:
            _exactly(value, "asked", {"by", "digest"})
            return Asked(by=by, digest=None if value["digest"] is None else Digest(_hash(value, "digest")))
        case AskedBy.NUMBER | AskedBy.NUMBER_AND_NAME:
            _exactly(value, "asked", {"by", "number"})
            return Asked(by=by, number=_text(value, "number", MAX_NUMBER))
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
    replaces = "replaces" in value  # written where it is so, and nowhere else
    if replaces and value["replaces"] is not True:
        raise _refuse("replaces", "true, or no such member")
    _exactly(
        {member: one for member, one in value.items() if member != "replaces"},
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
        replaces=replaces,
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
        if value["question"] != question.slug or not evidence.keys() <= KEPT_EVIDENCE[question]:
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
        if written_time(moment) == text:
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
