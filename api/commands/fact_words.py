"""What an error, an alarm or a difference says of this very case, in Chinese; in English its own message does."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from api.commands.access_words import STATES
from api.errors import advice, code_of
from api.terminal import said
from registry.kernel.errors import RegistryError

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        # where something differs
        "unknown": "没有",
        "no record": "没有记录",
        "no task": "没有任务",
        "no desk": "没有签发台",
        "queued": "在等",
        "running": "在做",
        "delivered": "已交付",
        "not delivered": "未交付",
        "another transaction": "另一笔交易",
        "somebody erased": "有人已被删除",
        # what of a batch does not fit, and what happened to somebody in it
        "credential key": "证书签署密钥",
        "number of credentials": "凭证数",
        "leaves": "叶子",
        "root": "根",
        "manifest": "清单",
        "was erased": "已被删除",
        "has no pass any more": "不再合格",
        # what of a node or its chain does not fit
        "trust root": "信任根",
        "chain id": "链编号",
        "genesis": "创世块",
        "contract": "合约",
        "code": "代码",
        "no code": "没有代码",
        "engine": "共识方式",
        "none": "没有",
        # why an account is no approver
        "it is not registered": "没有登记",
        "it is registered as a sender key": "登记为发送密钥",
        "it is registered as a credential key": "登记为证书签署密钥",
        "its time is over or has not come, or it was reported compromised": "期限已过或未到，或已报告失窃",
        # what the operating system refuses
        "No space left on device": "磁盘已满",
        "Disk quota exceeded": "磁盘配额已满",
        "Permission denied": "没有权限",
        "Read-only file system": "文件系统只读",
        "No such file or directory": "没有这个文件或文件夹",
        "Input/output error": "读写出错",
        "database or disk is full": "磁盘已满",
        "database is locked": "被别的程序占用",
        "disk I/O error": "读写出错",
        "attempt to write a readonly database": "数据库只读",
        "unable to open database file": "数据库文件打不开",
        "connection refused": "拒绝连接",
        "timed out": "超时",
        # kinds of things
        "certificate": "证书",
        "batch": "批次",
        "status request": "申请",
        "batch or request": "批次或申请",
        "replacement": "更正或换发",
        "roster": "名册",
        "application": "报名",
        "judgement": "认定",
        "score sheet": "成绩单",
        "correction": "成绩更正",
        "session": "场次",
        "duty": "考务安排",
        "organisation": "培训机构或单位",
        "course": "培训班",
        "attendance list": "出勤表",
        "account": "账号",
        "open account": "有效账号",
        "alarm": "警报",
        "transaction": "交易",
    }
)
"""Phrases that errors and differences are made of."""
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), chinese)
    for pattern, chinese in (
        (r"here (.+); there (.+)", "这里：{0}；链上：{1}"),
        (r"record (\d+), root (\S+)", "第{0}条记录，根{1}"),
        (r"record (\d+)", "第{0}条记录"),
        (r"([a-z]+), root (\S+)", "{0}，根{1}"),
        (r"(\d+) transactions", "{0}笔交易"),
        (r"(\d+) files missing", "缺{0}个文件"),
        (r"nonce (\d+)", "交易序号{0}"),
        (r"proposed (.+) UTC", "提出于{0} UTC"),
        (r"recorded (.+) UTC", "登记于{0} UTC"),
        (r"seal of block (\d+)", "区块{0}的签封"),
        (r"credential (\S+) \(.*\)", "证书{0}"),
        (r"the node's (.+) is not the trust root's: expected (.+), found (.+)", "{0}：应为{1}，实为{2}"),
        (r"the chain's (.+) is not as read before: expected (.+), found (.+)", "{0}：应为{1}，实为{2}"),
        (r"the chain holds another root under the id of (\S+)", "链上{0}的批次号之下是另一个根"),
    )
)


def in_chinese(fact: str) -> str:
    """Say a fact in Chinese; what it is not known by is left as it is."""
    if fact in WORDS:
        return WORDS[fact]
    if fact in STATES and fact:
        return STATES[fact][0]
    for pattern, chinese in _PATTERNS:
        found = pattern.fullmatch(fact)
        if found is not None:
            return chinese.format(*map(in_chinese, found.groups()))
    return fact


def fact_word(fact: str) -> str:
    """Say a fact in the reader's language."""
    return said(in_chinese(fact), fact)


def facts_zh(error: RegistryError) -> str:
    """Say in Chinese what an error's message says of this very case; the message where nobody has written that yet."""
    texts = advice().get(code_of(error))
    if texts is None or not texts.facts_zh:
        return str(error)
    named: dict[str, Any] = vars(error)
    return texts.facts_zh.format_map({one: in_chinese(at) if isinstance(at, str) else at for one, at in named.items()})
