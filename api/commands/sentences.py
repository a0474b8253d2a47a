"""Records of the history log as sentences, Chinese and English."""

from collections.abc import Mapping
from datetime import UTC, datetime

from api.commands.words import reason_words
from api.terminal import counted, moment
from registry.anchor.history import (
    Anchored,
    Ballot,
    BallotKind,
    BallotOutcome,
    BatchChanged,
    DigestRecorded,
    Enacted,
    ForeignAnchored,
    Genesis,
    KeyChanged,
    KeyKind,
    Paused,
    Record,
    StatusChanged,
    Superseded,
    Voted,
    VoteWithdrawn,
)
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import BatchId
from registry.status import Reason, Status

Said = tuple[str, str]
"""Chinese, English."""

_STATUS: dict[Status, Said] = {
    Status.VALID: ("恢复", "reinstated"),
    Status.REVOKED: ("撤销", "revoked"),
    Status.SUSPENDED: ("暂停", "suspended"),
    Status.SUPERSEDED: ("代替", "superseded"),
}
_KEY: dict[KeyKind, Said] = {
    KeyKind.SENDER: ("发送密钥", "sender key"),
    KeyKind.APPROVER: ("批准密钥", "approver key"),
    KeyKind.CREDENTIAL: ("证书签署密钥", "credential key"),
    KeyKind.STATEMENT: ("声明签署密钥", "statement key"),
}
_BALLOT: dict[BallotKind, Said] = {
    BallotKind.ADMIT: ("接纳成员{subject}", "admit member {subject}"),
    BallotKind.REMOVE: ("移除成员{subject}", "remove member {subject}"),
    BallotKind.THRESHOLD: ("门槛改为{arg}", "set the threshold to {arg}"),
    BallotKind.ACCREDIT: ("认可发证机构{subject}", "accredit {subject}"),
    BallotKind.SUSPEND: ("暂停机构{subject}", "suspend issuer {subject}"),
    BallotKind.REINSTATE: ("恢复机构{subject}", "reinstate issuer {subject}"),
    BallotKind.WITHDRAW: ("撤回对{subject}的认可", "withdraw the accreditation of {subject}"),
    BallotKind.SET_CONTROLLER: ("更换{subject}的控制密钥", "set a new controller for {subject}"),
    BallotKind.GRANT_SCOPE: ("准许{subject}签发{ref}", "allow {subject} to issue {ref}"),
    BallotKind.REVOKE_SCOPE: ("收回{subject}签发{ref}的资格", "no longer allow {subject} to issue {ref}"),
    BallotKind.ADD_APPROVER: ("为{subject}登记批准密钥{key}", "register approver key {key} for {subject}"),
    BallotKind.KEY_COMPROMISED: ("宣告{subject}的密钥{key}失窃", "declare key {key} of {subject} compromised"),
    BallotKind.SUSPEND_BATCH: ("暂停{subject}的批次{key}", "suspend batch {key} of {subject}"),
    BallotKind.LIFT_BATCH_SUSPENSION: (
        "解除{subject}批次{key}的暂停",
        "lift the suspension of batch {key} of {subject}",
    ),
    BallotKind.REVOKE_BATCH: ("撤销{subject}的批次{key}", "revoke batch {key} of {subject}"),
    BallotKind.REAFFIRM_BATCH: ("重新确认{subject}的批次{key}", "reaffirm batch {key} of {subject}"),
    BallotKind.REVOKE_WORD: ("撤销{subject}批次{key}中的证书", "revoke certificates in batch {key} of {subject}"),
    BallotKind.UNPAUSE: ("解除暂停登记", "end the pause"),
    BallotKind.MIGRATE: ("新登记移往合约{subject}", "move new anchors to contract {subject}"),
    BallotKind.RECORD: ("记录摘要{key}", "record digest {key}"),
}
_ADDRESSES = frozenset({BallotKind.ADMIT, BallotKind.REMOVE, BallotKind.MIGRATE})


def sentence(  # noqa: PLR0912 - one case a kind of record
    record: Record, names: Mapping[BatchId, str], certificate: str | None = None
) -> Said:
    """Say what a record means; `names` gives our own names of batches by their id on chain.

    `certificate`: the number of the one certificate of ours that it concerns, if it is one.
    """
    content, by = record.content, _short(record.position.by)
    match content:
        case Genesis():
            return (
                f"合约开始：成员{len(content.members)}家，门槛{content.threshold}",
                f"the contract began: {counted(len(content.members), 'member')}, threshold {content.threshold}",
            )
        case Voted():
            zh, en = _ballot(content.ballot)
            tail = _tail(content.outcome, content.votes.bit_count())
            return f"{by}赞成{zh}{tail[0]}", f"{by} voted to {en}{tail[1]}"
        case VoteWithdrawn():
            return (
                f"{by}撤回一票，余{content.votes.bit_count()}票",
                f"{by} withdrew a vote; {content.votes.bit_count()} left",
            )
        case Enacted():
            zh, en = _ballot(content.ballot)
            return f"生效：{zh}", f"took effect: {en}"
        case Paused():
            until = moment(datetime.fromtimestamp(content.until, UTC))
            return f"{by}暂停登记至{until}", f"{by} paused anchoring until {until}"
        case KeyChanged():
            kind, slot = _KEY[content.slot.kind], content.slot
            if slot.compromised_since:
                return f"{content.issuer}报告{kind[0]}失窃", f"{content.issuer} reported a {kind[1]} compromised"
            return (
                f"{content.issuer}的{kind[0]}{_short_key(content.key)}：第{slot.number}号",
                f"{content.issuer}: {kind[1]} {_short_key(content.key)}, number {slot.number}",
            )
        case Anchored():
            name = names.get(content.batch, _short_key(content.batch))
            return (
                f"{content.issuer}登记了{content.size:,}张{content.scope}证书（{name}），由{_short(content.approver)}批准",
                f"{content.issuer} recorded {_certificates(content.size)} of {content.scope} ({name}); "
                f"approved by {_short(content.approver)}",
            )
        case StatusChanged():
            zh, en = _STATUS[Status(content.code)]
            approved, reason = _approved(content.approver), _reason(content.reason)
            return (
                f"{content.issuer}{zh}了{certificate or f'{content.count:,}张证书'}：{reason[0]}{approved[0]}",
                f"{content.issuer} {en} {certificate or _certificates(content.count)}: {reason[1]}{approved[1]}",
            )
        case Superseded():
            count = len(content.indices)
            return (
                f"{content.issuer}以新版代替了{certificate or f'{count:,}张证书'}：{_reason(content.reason)[0]}",
                f"{content.issuer} replaced {certificate or _certificates(count)}: {_reason(content.reason)[1]}",
            )
        case BatchChanged():
            name = names.get(content.batch, _short_key(content.batch))
            return (
                f"{content.issuer}批次{name}的标记改为{int(content.flags)}：{_reason(content.reason)[0]}",
                f"{content.issuer}: flags of batch {name} are now {int(content.flags)}: {_reason(content.reason)[1]}",
            )
        case DigestRecorded():
            return f"{content.issuer}记录了摘要", f"{content.issuer} recorded a digest of kind {content.kind}"
        case ForeignAnchored():
            return (
                f"本日志的检查点已写到链{content.chain_id}（{content.size}条）",
                f"a checkpoint of this log ({counted(content.size, 'record')}) was written on chain {content.chain_id}",
            )


def _ballot(ballot: Ballot) -> Said:
    ascii_subject = ballot.subject.rstrip(b"\0").decode("ascii", "replace")
    values = {
        "subject": "0x" + ballot.subject[12:16].hex() + "…" if ballot.kind in _ADDRESSES else ascii_subject,
        "arg": str(ballot.arg),
        "ref": ballot.ref.rstrip(b"\0").decode("ascii", "replace"),
        "key": _short_key(ballot.ref),
    }
    zh, en = _BALLOT[ballot.kind]
    return zh.format(**values), en.format(**values)


def _tail(outcome: BallotOutcome, votes: int) -> Said:
    if outcome is BallotOutcome.ENACTED:
        return f"，至此{votes}票，即时生效", f"; {counted(votes, 'vote')}, in force at once"
    if outcome is BallotOutcome.DELAYED:
        return f"，至此{votes}票，进入等待期", f"; {counted(votes, 'vote')}, the delay begins"
    return f"，至此{votes}票", f"; {votes} so far"


def _reason(number: int) -> Said:
    try:
        reason = Reason(number)
    except ValueError:
        return f"原因{number}", f"reason {number}"
    return reason_words(reason)


def _certificates(count: int) -> str:
    return counted(count, "certificate")


def _approved(approver: str) -> Said:
    if int(approver, 16) == 0:
        return "", ""
    return f"，由{_short(approver)}批准", f"; approved by {_short(approver)}"


def _short(address: str) -> str:
    return f"{address[:6]}…{address[-2:]}"


def _short_key(key: bytes) -> str:
    return _short("0x" + key[12:].hex()) if not any(key[:12]) else f"{b64url(key)[:6]}…"
