"""What each situation of a batch means to the people who look after it, and the command for what they do next."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Final

from registry.anchor.situations import Act, Situation, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One situation in words."""

    happened_zh: str
    happened_en: str
    safe_zh: str
    """What cannot get lost, and what cannot happen twice."""
    safe_en: str
    do_zh: str
    """What the next command does, before it."""
    do_en: str


COMMANDS: Final[Mapping[Act, str]] = MappingProxyType(
    {
        Act.PROPOSE: "batch propose --programme {programme} --level {level} --as {person}",
        Act.APPROVE: "batch approve {batch} --as SOMEBODY-ELSE",
        Act.ISSUE: "batch issue {batch}",
        Act.CANCEL: "batch cancel {batch} --as {person}",
        Act.LIST: "cert list --batch {batch}",
        Act.LIST_BATCHES: "batch list",
        Act.START_DESK: "desk",
        Act.WATCH: "batch status {batch}",
        Act.SEE_ALARMS: "halt show",
        Act.UNPAUSE: "consortium propose unpause --key member-1",
        Act.SEE_ISSUERS: "consortium issuers",
        Act.SEE_SCOPES: "consortium scopes",
        Act.SEE_KEYS: "consortium keys list",
        Act.RECONCILE: "reconcile",
        Act.SEE_CERTIFICATE: "cert show {number}",
        Act.PROPOSE_SUCCESSOR: "cert propose {replacement} --as {person}",
        Act.WITHDRAW_SUCCESSOR: "cert withdraw {replacement} --as {person}",
        Act.CANCEL_REQUEST: "cert cancel {request} --as {person}",
    }
)
"""What is run for each act, after `vermilion`; what stands in braces is a member of the step."""


def command_for(step: Step) -> str:
    """Write the command for a step, whole."""
    return f"vermilion {COMMANDS[step.act].format(**asdict(step))}"


def _told(happened: tuple[str, str], safe: tuple[str, str], do: tuple[str, str]) -> Told:
    return Told(
        happened_zh=happened[0],
        happened_en=happened[1],
        safe_zh=safe[0],
        safe_en=safe[1],
        do_zh=do[0],
        do_en=do[1],
    )


_STORED: Final = (
    "凭证、树、清单都已存盘，不会丢，也不会登记两次。",
    "Credentials, tree and manifest are stored; nothing is lost, and nothing can be recorded twice.",
)
_KEPT: Final = (
    "交易原文已存盘；再发也是同一份，不会登记两次。",
    "The transaction's bytes are stored; sent again they are the same, and cannot be recorded twice.",
)
_HELD: Final = (
    "没有登记，没有证书发出；凭证都在，编号仍归这一批。",
    "Nothing was recorded and no certificate went out; the credentials are kept, the numbers stay this batch's.",
)
_AGAIN: Final = ("另一人重新批准，再发送：", "A second person approves it anew, then it is sent:")

WORDS: Final[Mapping[Situation, Told]] = MappingProxyType(
    {
        Situation.RESERVED: _told(
            ("编号已预留，签署没有做完。", "Numbers are reserved; not all credentials are signed yet."),
            ("签好的都已存盘，接着做不会重签。", "What is signed is stored and not signed again."),
            ("接着签署：", "Go on signing:"),
        ),
        Situation.SEALED: _told(
            ("已封存，等另一人批准。", "Sealed; a second person must approve."),
            _STORED,
            ("由提出人之外的人批准：", "Somebody other than who proposed it approves:"),
        ),
        Situation.APPROVED: _told(
            ("已批准，还没有发送。", "Approved, not sent yet."), _STORED, ("交给节点登记：", "Have it recorded:")
        ),
        Situation.LAPSED: _told(
            ("批准已过七天，合约不会再收。", "The approval is older than seven days; the contract would not take it."),
            _STORED,
            ("另一人再批准一次：", "A second person approves it once more:"),
        ),
        Situation.PAUSED: _told(
            ("联盟成员暂停了登记，最长七十二小时。", "A member has paused anchoring, for 72 hours at most."),
            _HELD,
            ("等它到期，或由成员表决解除：", "Wait for its end, or let the members vote to lift it:"),
        ),
        Situation.SIGNED: _told(
            ("交易已签好，还没有发送。", "Its transaction is signed and stored, not sent yet."),
            _KEPT,
            ("发送存好的原文：", "Send the stored bytes:"),
        ),
        Situation.SENT: _told(
            ("已交给节点，还没见入块。", "It was handed to a node, and is in no block yet; the node may have lost it."),
            _KEPT,
            ("继续等，没有节点知道时原样再发：", "Go on waiting; it is sent again where no node knows it:"),
        ),
        Situation.INCLUDED: _told(
            ("已入块，等待终局。", "In a block, waiting to be final."),
            _KEPT,
            ("继续等到终局并交付：", "Wait until it is final, and deliver:"),
        ),
        Situation.ORPHANED: _told(
            ("区块重组，登记被退回。", "A reorganisation dropped the block that held it."),
            _KEPT,
            ("原样再发：", "Send the same bytes again:"),
        ),
        Situation.UNDELIVERED: _told(
            ("已终局，凭证还没有写全。", "Recorded for good; its bundles are not all written."),
            ("登记不可更改；写过的不会变。", "The record cannot change; bundles that are written stay the same."),
            ("写全凭证：", "Write the rest:"),
        ),
        Situation.SUCCESSOR_RECORDED: _told(
            (
                "新证书已登记，原证书还没有被代替，照旧。",
                "Recorded; what it is to replace is not replaced yet, and stands as before.",
            ),
            (
                "登记不可更改；代替做完才交付。",
                "The record cannot change; bundles are written once the replacing is done.",
            ),
            ("接着代替并交付：", "Go on replacing, and deliver:"),
        ),
        Situation.DELIVERED: _told(
            ("已登记，凭证已写全。", "Recorded, and all bundles are written."),
            ("登记不可更改。", "The record cannot change."),
            ("查看证书：", "See the certificates:"),
        ),
        Situation.CANCELLED: _told(
            ("已取消，没有证书发出。", "Given up; no certificate went out."),
            (
                "编号不再使用，考生等下一批。",
                "Its numbers are never used again; its candidates wait for another batch.",
            ),
            ("为他们另提一批：", "Propose another batch for them:"),
        ),
        Situation.PROPOSED_ANEW: _told(
            ("已取消，没有证书发出。", "Given up; no certificate went out."),
            (
                "编号不再使用；其中的考生都已在别的批次里。",
                "Its numbers are never used again; all of its candidates are in another batch by now.",
            ),
            ("看现有的批次：", "See the batches that there are:"),
        ),
        Situation.SUCCESSOR_RESERVED: _told(
            ("新证书的编号已预留，签署没有做完。", "The successor's number is reserved; it is not signed yet."),
            ("原证书照旧；签好的不会重签。", "The old certificate stands; what is signed is not signed again."),
            ("接着签署：", "Go on signing:"),
        ),
        Situation.SUCCESSOR_GIVEN_UP: _told(
            ("已取消，原证书没有被代替。", "Given up; the old certificate was not replaced."),
            ("原证书照旧；这个修订号不再使用。", "The old certificate stands; this revision is never used again."),
            ("仍要更正或换发的，先看证书：", "To correct or renew it after all, see the certificate first:"),
        ),
        Situation.AT_DESK: _told(
            ("签发台正在处理。", "A desk works on it."), _STORED, ("看它到了哪一步：", "See how far it is:")
        ),
        Situation.WAITS_FOR_DESK: _told(
            ("已提交，没有签发台在运行。", "It was asked for, and no desk is running."),
            ("已受理的不会丢，签发台启动后接着做。", "What was accepted is kept, and done once a desk runs."),
            ("启动签发台：", "Start a desk:"),
        ),
        Situation.HALTED: _told(
            (
                "登记系统与链对不上，一切上链操作已停。",
                "Registry and chain contradict each other; nothing goes to the chain.",
            ),
            _STORED,
            ("看警报说什么，查明后解除：", "See what the alarms say, and lift them once that is known:"),
        ),
        Situation.TO_APPROVE_AGAIN: _told(
            (
                "没有登记成；原因已过去，或出在批准上。",
                "It was not recorded; the cause is over, or lies in the approval.",
            ),
            _HELD,
            _AGAIN,
        ),
        Situation.NONCE_TAKEN: _told(
            (
                "发送账户的另一笔交易占了它的位置，这一笔不会再登记。",
                "Another transaction of the sender's account took its place; its own can never be recorded.",
            ),
            _HELD,
            _AGAIN,
        ),
        Situation.ISSUER_BARRED: _told(
            ("联盟成员停了本机构的资格。", "The members have suspended or withdrawn the issuing body."),
            _HELD,
            ("看资格的状态；恢复后重新批准：", "See how it stands; once reinstated, the batch is approved anew:"),
        ),
        Situation.SCOPE_CLOSED: _told(
            ("这个项目和等级现在没有授权。", "Programme and level are not granted now."),
            _HELD,
            (
                "看授权的期限；重新授权后重新批准：",
                "See what is granted; once it is again, the batch is approved anew:",
            ),
        ),
        Situation.KEY_UNFIT: _told(
            ("本机构的一把密钥没有登记，或已停用。", "A key of the issuing body is not registered, or out of use."),
            _HELD,
            (
                "看密钥的期限；登记好的密钥后重新批准：",
                "See which keys stand; once one does, the batch is approved anew:",
            ),
        ),
        Situation.RECORDED_ALREADY: _told(
            ("合约说这个批次号已经登记过。", "The contract knows this batch's id already."),
            _HELD,
            ("与链核对；根相同就改为终局：", "Compare with the chain; with the same root it becomes final:"),
        ),
        Situation.ERASED: _told(
            (
                "批中有人的资料已应要求删除，这一批不能再批准。",
                "Somebody in it was erased on demand; it can no longer be approved.",
            ),
            (
                "这一批没有证书发出；编号不再使用，其余的人不会落下。",
                "No certificate of it went out; its numbers are never used, and the others keep what they passed.",
            ),
            ("取消它，再为其余的人另提一批：", "Give it up, then propose another batch for the others:"),
        ),
        Situation.HOPELESS: _told(
            ("这一批照现在的样子永远登记不了。", "As it is, this batch can never be recorded."),
            _HELD,
            ("取消它，考生等下一批：", "Give it up; its candidates wait for another batch:"),
        ),
    }
)
"""Every situation."""
