"""Records of the history log as sentences, Chinese and English."""

from collections.abc import Mapping
from typing import Final

from api.commands.ballots import Names, Said, ballot_words, instant, reason_of, short
from api.terminal import counted
from registry.anchor.history import (
    Anchored,
    BallotOutcome,
    BatchChanged,
    BatchFlag,
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
from registry.status import Status

_STATUS: dict[Status, Said] = {
    Status.VALID: ("恢复", "reinstated"),
    Status.REVOKED: ("撤销", "revoked"),
    Status.SUSPENDED: ("暂停", "suspended"),
    Status.SUPERSEDED: ("代替", "superseded"),
}
KEY_KINDS: Final[Mapping[KeyKind, Said]] = {
    KeyKind.SENDER: ("发送密钥", "sender key"),
    KeyKind.APPROVER: ("批准密钥", "approver key"),
    KeyKind.CREDENTIAL: ("证书签署密钥", "credential key"),
    KeyKind.STATEMENT: ("声明签署密钥", "statement key"),
}


def sentence(  # noqa: PLR0912 - one case a kind of record
    record: Record, names: Mapping[BatchId, str], certificate: str | None = None
) -> Said:
    """Say what a record means; `names` gives our own names of batches by their id on chain.

    `certificate`: the number of the one certificate of ours that it concerns, if it is one.
    """
    content, by = record.content, short(record.position.by)
    match content:
        case Genesis():
            return (
                f"合约开始：成员{len(content.members)}家，门槛{content.threshold}",
                f"the contract began: {counted(len(content.members), 'member')}, threshold {content.threshold}",
            )
        case Voted():
            zh, en = ballot_words(content.ballot, Names(batches=names))
            tail = _tail(content.outcome, content.votes.bit_count())
            return f"{by}赞成{zh}{tail[0]}", f"{by} voted to {en}{tail[1]}"
        case VoteWithdrawn():
            return (
                f"{by}撤回一票，余{content.votes.bit_count()}票",
                f"{by} withdrew a vote; {content.votes.bit_count()} left",
            )
        case Enacted():
            zh, en = ballot_words(content.ballot, Names(batches=names))
            return f"生效：{zh}", f"took effect: {en}"
        case Paused():
            until = instant(content.until)
            return f"{by}暂停登记至{until}", f"{by} paused anchoring until {until}"
        case KeyChanged():
            kind, slot = KEY_KINDS[content.slot.kind], content.slot
            key, number = _short_key(content.key), slot.number
            if slot.compromised_since:
                return (
                    f"{content.issuer}报告{kind[0]}{key}（{number}号）失窃",
                    f"{content.issuer} reported {kind[1]} {key} (no. {number}) stolen",
                )
            if slot.until == int(record.position.block_time.timestamp()) + 1:
                return (
                    f"{content.issuer}停用了{kind[0]}{key}（{number}号）",
                    f"{content.issuer} retired {kind[1]} {key} (no. {number})",
                )
            return (
                f"{content.issuer}登记了{kind[0]}{key}（{number}号）",
                f"{content.issuer} registered {kind[1]} {key} (no. {number})",
            )
        case Anchored():
            name = names.get(content.batch, _short_key(content.batch))
            return (
                f"{content.issuer}登记了{content.size:,}张{content.scope}证书（{name}），由{short(content.approver)}批准",
                f"{content.issuer} recorded {_certificates(content.size)} of {content.scope} ({name}); "
                f"approved by {short(content.approver)}",
            )
        case StatusChanged():
            zh, en = _STATUS[Status(content.code)]
            approved, reason = _approved(content.approver), reason_of(content.reason)
            return (
                f"{content.issuer}{zh}了{certificate or f'{content.count:,}张证书'}：{reason[0]}{approved[0]}",
                f"{content.issuer} {en} {certificate or _certificates(content.count)}: {reason[1]}{approved[1]}",
            )
        case Superseded():
            count = len(content.indices)
            return (
                f"{content.issuer}以新版代替了{certificate or f'{count:,}张证书'}：{reason_of(content.reason)[0]}",
                f"{content.issuer} replaced {certificate or _certificates(count)}: {reason_of(content.reason)[1]}",
            )
        case BatchChanged():
            name = names.get(content.batch, _short_key(content.batch))
            suspended = content.flags & BatchFlag.SUSPENDED_BY_ISSUER
            zh, en = _STATUS[Status.SUSPENDED if suspended else Status.VALID]
            approved, reason = _approved(content.approver), reason_of(content.reason)
            return (
                f"{content.issuer}{zh}了整个批次{name}：{reason[0]}{approved[0]}",
                f"{content.issuer} {en} batch {name} as a whole: {reason[1]}{approved[1]}",
            )
        case DigestRecorded():
            return f"{content.issuer}记录了摘要", f"{content.issuer} recorded a digest of kind {content.kind}"
        case ForeignAnchored():
            return (
                f"本日志的检查点已写到链{content.chain_id}（{content.size}条）",
                f"a checkpoint of this log ({counted(content.size, 'record')}) was written on chain {content.chain_id}",
            )


def _tail(outcome: BallotOutcome, votes: int) -> Said:
    if outcome is BallotOutcome.ENACTED:
        return f"，至此{votes}票，即时生效", f"; {counted(votes, 'vote')}, in force at once"
    if outcome is BallotOutcome.DELAYED:
        return f"，至此{votes}票，进入等待期", f"; {counted(votes, 'vote')}, the delay begins"
    return f"，至此{votes}票", f"; {votes} so far"


def _certificates(count: int) -> str:
    return counted(count, "certificate")


def _approved(approver: str) -> Said:
    if int(approver, 16) == 0:
        return "", ""
    return f"，由{short(approver)}批准", f"; approved by {short(approver)}"


def _short_key(key: bytes) -> str:
    return short("0x" + key[12:].hex()) if not any(key[:12]) else f"{b64url(key)[:6]}…"
