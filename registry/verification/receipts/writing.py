"""Signing a verdict: what a receipt keeps of a report, and nothing about the holder."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256

from registry.kernel.calendar import written_time
from registry.kernel.encoding import JsonObject, b64url, unb64url
from registry.kernel.identifiers import Digest
from registry.kernel.statements import Statement, StatementType, sign_statement
from registry.verification.claimed import Claimed
from registry.verification.model import Answer, Finding, Freshness, Outcome, Question, Report
from registry.verification.receipts.model import KEPT_EVIDENCE, Asked, AskedBy, Notary, purpose_of


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
        "as_of": None if report.as_of is None else written_time(report.as_of),
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
        "as_of": None if as_of is None else written_time(as_of),
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


def _asked_json(asked: Asked) -> JsonObject:
    value: JsonObject = {"by": asked.by.value}
    if asked.by in (AskedBy.DOCUMENT, AskedBy.KEY, AskedBy.LINK):
        value["digest"] = None if asked.digest is None else b64url(asked.digest)
    if asked.number is not None:
        value["number"] = asked.number
    return value


def _answer_json(finding: Finding) -> JsonObject:
    kept = KEPT_EVIDENCE[finding.question]
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
            "time": written_time(freshness.time),
            "read_at": written_time(freshness.read_at),
            "age_seconds": freshness.age_seconds,
            "nodes": freshness.nodes,
        },
    }


def _place_json(claimed: Claimed) -> JsonObject:
    recorded = claimed.recorded
    place: JsonObject = {
        "base_url": claimed.base_url,
        "issuer": claimed.issuer,
        "contract": str(claimed.contract),
        "genesis": b64url(claimed.genesis),
        "batch": b64url(claimed.batch),
        "index": claimed.index,
        "scope": claimed.scope,
        "revision": claimed.revision,
        "signer": b64url(claimed.signer),
        "valid_from": written_time(claimed.valid_from),
        "valid_until": None if claimed.valid_until is None else written_time(claimed.valid_until),
        "has_key": claimed.has_key,
        "recorded": None
        if recorded is None
        else {
            "root": b64url(recorded.root),
            "size": recorded.size,
            "transaction": b64url(recorded.transaction),
            "block": recorded.block_number,
            "hash": b64url(recorded.block_hash),
            "time": written_time(recorded.block_time),
        },
    }
    if claimed.replaces:
        place["replaces"] = True
    return place
