"""Made-up reports of every outcome, and a small real verifier that answers with them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from api.verifier import IssuerContact, LookupLimits, SiteKnowledge
from registry.kernel.errors import Unavailable
from registry.kernel.identifiers import normal_number
from registry.ports.alarms import Alarm, WritingHalted
from registry.verification import Claimed
from registry.verification.model import (
    Answer,
    Finding,
    Freshness,
    Notice,
    NoticeKind,
    Outcome,
    Question,
    Report,
)

NOW = datetime(2026, 12, 3, 2, 24, 19, tzinfo=UTC)
NUMBER = "LNSEC-2026-7K3Q9V0X4MB"
NAME = "李知行"
BASE_URL = "https://v.example.cn"
FRESHNESS = Freshness(
    block=186_530,
    time=datetime(2026, 12, 3, 2, 24, 5, tzinfo=UTC),
    read_at=datetime(2026, 12, 3, 2, 24, 7, tzinfo=UTC),
    age_seconds=12,
    nodes=4,
)
CONTENT: dict[str, object] = {
    "iss": f"{BASE_URL}/issuers/LNSEC",
    "issuerName": {"zh": "岭南数字技能考试中心", "en": "Lingnan Digital Skills Examination Centre"},
    "certificateType": {
        "targetCode": "vocational-technology",
        "targetName": {"zh": "职业技术证书", "en": "Vocational Technology Certificate"},
    },
    "licenseNumber": NUMBER,
    "revision": 1,
    "achievement": {
        "id": f"{BASE_URL}/programmes/AIGC-APP-ENG/2026",
        "humanCode": "AIGC-APP-ENG",
        "name": {"zh": "AIGC应用工程师", "en": "AIGC Application Engineer"},
        "version": "2026",
        "digest": "nQ2",
    },
    "level": {"targetCode": "3", "targetName": {"zh": "高级", "en": "Senior level"}},
    "activityEndDate": "2026-11-08",
    "awardedDate": "2026-11-20",
    "place": "广州",
    "nbf": int(datetime(2026, 11, 19, 16, tzinfo=UTC).timestamp()),
    "exp": int(datetime(2029, 11, 19, 16, tzinfo=UTC).timestamp()),
    "name": NAME,
    "nameLatin": "LI Zhixing",
    "identityType": "resident-identity-card",
    "nationalIdentityNumberMasked": "1*************0016",
    "result": [
        {"resultDescription": "computer", "name": {"zh": "机考", "en": "Computer paper"}, "value": "86.5"},
        {"resultDescription": "practice", "name": {"zh": "实操", "en": "Practical paper"}, "value": "91"},
    ],
    "grade": {"targetCode": "excellent", "targetName": {"zh": "优秀", "en": "excellent"}},
}
EVIDENCE: dict[Question, dict[str, str | int | None]] = {
    Question.UNALTERED: {
        "digest": "GKw-c0PwFokMUQ6T-TUmEWnZ4_VlQ2Qpgw-vCTT0-OQ",
        "key": "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM",
    },
    Question.ISSUERS_KEY: {
        "issuer": "LNSEC",
        "key": "LHDhK3oGRvkiefQnx7OOczTY5Tic_xZ6HcMOc_gmtoM",
        "registered_from": "2026-11-01T00:00:00+08:00",
        "anchored_at": "2026-11-20T16:02:11+08:00",
    },
    Question.ON_CHAIN: {
        "batch": "8Zk1Vb3o0pYq2mD9nKfT7sWxE4uRjHcLzAiGyBvN6Qw",
        "index": 4127,
        "size": 12480,
        "block": 184_201,
        "block_time": "2026-11-20T16:02:11+08:00",
        "scope": "AIGC-APP-ENG/3",
        "root": "SBNJTRN-FjG7owHVrKtue7eqdM4RhdRWVl71HXN2d7I",
        "contract": "eip155:20261:0xcc8321d6375c494d043fdd0260f21bc0ec51dacc",
        "transaction": "0x1b5b9ccb3e8d006a5230de9bda23ff91edc794d4f56410560830b418528e446c",
        "issuer": "LNSEC",
    },
    Question.STANDING: {"status": "valid", "code": 0, "since": None, "reason": None, "by": None, "changes": 0},
    Question.IN_FORCE: {"valid_from": "2026-11-20", "valid_until": "2029-11-19"},
}


def finding(
    question: Question,
    answer: Answer = Answer.PASSED,
    reason: str = "ok",
    evidence: dict[str, str | int | None] | None = None,
) -> Finding:
    """Answer one question, with the usual evidence unless other is given."""
    on_chain = question in {Question.ISSUERS_KEY, Question.ON_CHAIN, Question.STANDING}
    return Finding(
        question=question,
        answer=answer,
        reason=reason,
        evidence=evidence or (EVIDENCE[question] if answer is Answer.PASSED else {}),
        freshness=FRESHNESS if on_chain and answer is not Answer.COULD_NOT_CHECK else None,
    )


def report(outcome: Outcome, *changed: Finding, **others: object) -> Report:
    """Make a report whose questions all passed but for `changed`."""
    findings = {question: finding(question) for question in Question} | {one.question: one for one in changed}
    made = Report(
        outcome=outcome,
        code=outcome.value,
        findings=tuple(findings.values()),
        notices=(),
        content=CONTENT,
        successor=None,
        last_known=None,
        judged_at=NOW,
        as_of=None,
    )
    return replace(made, **others)  # type: ignore[arg-type]  # tests pass the fields of Report


def without_findings(outcome: Outcome) -> Report:
    """Make the report of a look-up that led to nothing."""
    return report(outcome, findings=(), content=None)


def failed_standing(status: Outcome, reason: int, since: str, **more: str | int | None) -> Finding:
    """Fail question 4."""
    failed = finding(
        Question.STANDING,
        Answer.FAILED,
        status.value,
        {"status": status.value, "reason": reason, "since": since, **more},
    )
    return replace(failed, freshness=FRESHNESS)


def could_not_check(*questions: Question, reason: str) -> tuple[Finding, ...]:
    """Leave questions open."""
    return tuple(finding(one, Answer.COULD_NOT_CHECK, reason) for one in questions)


_OLD = replace(FRESHNESS, age_seconds=425, read_at=NOW - timedelta(seconds=425), time=NOW - timedelta(seconds=437))
_UNREAD_STANDING = replace(finding(Question.STANDING, Answer.COULD_NOT_CHECK, "knowledge-too-old"), freshness=_OLD)

REPORTS: dict[Outcome, Report] = {
    Outcome.VALID: report(Outcome.VALID),
    Outcome.SUPERSEDED: report(
        Outcome.SUPERSEDED,
        failed_standing(Outcome.SUPERSEDED, 37, "2026-12-01T09:30:00+08:00", successor_key="B" * 26),
        successor=f"{NUMBER}#2",
    ),
    Outcome.SUSPENDED: report(Outcome.SUSPENDED, failed_standing(Outcome.SUSPENDED, 35, "2026-11-26T09:12:00+08:00")),
    Outcome.REVOKED: report(Outcome.REVOKED, failed_standing(Outcome.REVOKED, 33, "2026-11-28T15:41:00+08:00")),
    Outcome.EXPIRED: report(
        Outcome.EXPIRED,
        finding(Question.IN_FORCE, Answer.FAILED, "expired", {"valid_from": "2026-11-20", "valid_until": "2026-11-30"}),
        content=CONTENT | {"exp": int(datetime(2026, 11, 30, 16, tzinfo=UTC).timestamp())},
    ),
    Outcome.NOT_YET_VALID: report(
        Outcome.NOT_YET_VALID,
        finding(Question.IN_FORCE, Answer.FAILED, "not-yet-valid", {"valid_from": "2027-01-01", "valid_until": None}),
        content={
            **{name: value for name, value in CONTENT.items() if name != "exp"},
            "nbf": int(datetime(2026, 12, 31, 16, tzinfo=UTC).timestamp()),
        },
    ),
    Outcome.ALTERED: report(
        Outcome.ALTERED,
        finding(Question.UNALTERED, Answer.FAILED, "undigested-disclosure", {"member": "result"}),
        *could_not_check(*tuple(Question)[1:], reason="first-question-failed"),
        content=None,
        code="altered/undigested-disclosure",
    ),
    Outcome.NOT_RECOGNISED: report(
        Outcome.NOT_RECOGNISED,
        finding(Question.ISSUERS_KEY, Answer.FAILED, "key-not-the-issuers", {"issuer": "LNSEC"}),
        code="not-recognised/key-not-the-issuers",
    ),
    Outcome.NOT_REGISTERED: report(
        Outcome.NOT_REGISTERED,
        finding(Question.ON_CHAIN, Answer.FAILED, "no-such-batch"),
        code="not-registered/no-such-batch",
    ),
    Outcome.CANNOT_CONFIRM: report(
        Outcome.CANNOT_CONFIRM, _UNREAD_STANDING, code="cannot-confirm/knowledge-too-old", last_known="valid"
    ),
    Outcome.PENDING: report(
        Outcome.PENDING, *could_not_check(Question.ON_CHAIN, Question.STANDING, reason="not-final")
    ),
    Outcome.NOT_FOUND: without_findings(Outcome.NOT_FOUND),
    Outcome.WITHDRAWN: without_findings(Outcome.WITHDRAWN),
    Outcome.UNREADABLE: report(
        Outcome.UNREADABLE,
        *could_not_check(Question.UNALTERED, reason="not-ours"),
        *could_not_check(*tuple(Question)[1:], reason="first-question-failed"),
        content=None,
        code="unreadable/not-ours",
    ),
}
"""One report of each outcome."""

NOTICES: dict[NoticeKind, Notice] = {
    kind: Notice(kind=kind, values=values)
    for kind, values in (
        (NoticeKind.TEST_CHAIN, {}),
        (NoticeKind.ISSUER_SUSPENDED_SINCE, {"since": "2026-12-01T00:00:00+08:00"}),
        (NoticeKind.ISSUER_WITHDRAWN_SINCE, {"since": "2026-12-01T00:00:00+08:00"}),
        (NoticeKind.KEY_RETIRED_SINCE, {"since": "2026-10-01T00:00:00+08:00"}),
        (NoticeKind.CORRECTED, {"revision": 2}),
        (NoticeKind.BATCH_REAFFIRMED, {}),
        (NoticeKind.KNOWLEDGE_AGE, {"seconds": 12, "read_at": "2026-12-03T10:24:07+08:00"}),
        (NoticeKind.SINGLE_NODE, {}),
        (NoticeKind.STATUS_NOT_CHECKED, {}),
        (NoticeKind.HOLDER_COPY, {"audience": "深圳市云帆数据有限公司", "purpose": "入职核验", "until": "2026-12-31"}),
    )
}
"""One notice of each kind."""

KEYS: dict[Outcome, str] = {
    outcome: (chr(ord("A") + number) * 26) for number, outcome in enumerate(REPORTS) if outcome is not Outcome.NOT_FOUND
}
"""A certificate key for each outcome that has one."""


@dataclass(slots=True)
class SampleVerifier:
    """Answers keys, numbers and files with prepared reports; bytes `outcome=<word>` stand for a document."""

    by_keys: dict[str, Report] = field(default_factory=lambda: {key: REPORTS[one] for one, key in KEYS.items()})
    lookup: Report = field(default_factory=lambda: REPORTS[Outcome.VALID])
    away: bool = False
    as_of: datetime | None = None
    claims: list[Claimed] = field(default_factory=list)
    """What was asked by place alone."""

    def at(self, moment: datetime) -> "SampleVerifier":
        return replace(self, as_of=moment)

    def by_claim(self, claimed: Claimed, *, checked: bool) -> Report:
        self._require_here()
        self.claims.append(claimed)
        return self._then(replace(REPORTS[Outcome.VALID if checked else Outcome.CANNOT_CONFIRM], content=None))

    def by_document(self, data: bytes) -> Report:
        self._require_here()
        word = data.strip().removeprefix(b"outcome=").decode("ascii", "replace")
        return self._then(REPORTS[Outcome(word)] if word in list(Outcome) else REPORTS[Outcome.UNREADABLE])

    def by_key(self, key: str) -> Report:
        self._require_here()
        return self._then(self.by_keys.get(key.upper(), REPORTS[Outcome.NOT_FOUND]))

    def by_number_and_name(self, number: str, name: str) -> Report:
        self._require_here()
        found = normal_number(number) == normal_number(NUMBER) and name == NAME
        return self._then(self.lookup if found else REPORTS[Outcome.NOT_FOUND])

    def _then(self, found: Report) -> Report:
        return found if self.as_of is None else replace(found, as_of=self.as_of)

    def _require_here(self) -> None:
        if self.away:
            raise StoreAway


ALARM = Alarm(
    id="L-2026-11-0001",
    code="ledger/foreign",
    subject="chain",
    detail="another genesis",
    raised_at=datetime(2026, 11, 20, tzinfo=UTC),
)


class StoreAway(Unavailable):
    """The store does not answer."""

    code = "store/away"

    def __init__(self) -> None:
        super().__init__("the store does not answer")


@dataclass(slots=True)
class SampleHealth:
    """Knows what it is given."""

    known: SiteKnowledge | None = field(
        default_factory=lambda: SiteKnowledge(
            chain="eip155:20261:0xcc8321d6375c494d043fdd0260f21bc0ec51dacc",
            test_chain=False,
            block=FRESHNESS.block,
            block_time=FRESHNESS.time,
            read_at=FRESHNESS.read_at,
            nodes=4,
            certificates=184_332,
            limit_seconds=60,
        )
    )
    away: bool = False
    halted: bool = False

    def knowledge(self) -> SiteKnowledge | None:
        if self.away:
            raise StoreAway
        return self.known

    def require_writable(self) -> None:
        if self.halted:
            raise WritingHalted(ALARM)


@dataclass(slots=True)
class SampleDocuments:
    """Publishes what it is given."""

    files: dict[str, tuple[str, bytes]] = field(
        default_factory=lambda: {"/issuers/LNSEC/jwks.json": ("application/json", b'{"keys":[]}')}
    )

    def get(self, path: str) -> tuple[str, bytes] | None:
        return self.files.get(path)


CONTACTS = {
    "LNSEC": IssuerContact(
        hours_zh="工作日9:00至17:30", hours_en="weekdays 9:00 to 17:30", telephone="020-0000 0126", email="a@example.cn"
    )
}
GENEROUS = LookupLimits(per_source=10_000, per_number=10_000)
