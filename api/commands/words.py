"""The fixed words of states, statuses and reasons in lists and sentences; JSON keeps the English slugs."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from api.terminal import said
from registry.ports.replacements import ReplacementKind
from registry.status import Reason, Status

REASONS_ZH: Final[Mapping[Reason, str]] = MappingProxyType(
    {
        Reason.UNSPECIFIED: "未说明",
        Reason.KEY_COMPROMISE: "密钥失窃",
        Reason.ISSUED_IN_ERROR: "签发有误",
        Reason.MISCONDUCT: "考试违纪",
        Reason.HOLDERS_REQUEST: "持证人要求",
        Reason.INVESTIGATION: "调查中",
        Reason.INVESTIGATION_CLOSED: "调查结束",
        Reason.CORRECTION: "更正",
        Reason.RENEWAL: "换发",
    }
)
_STATES_ZH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "requested": "已申请",
        "reserved": "已预留",
        "sealed": "已封存",
        "approved": "已批准",
        "signed": "已签交易",
        "sent": "已发送",
        "included": "已入块",
        "final": "已终局",
        "orphaned": "已退回重发",
        "failed": "失败待处理",
        "cancelled": "已取消",
    }
)
STATUSES_ZH: Final[Mapping[str, str]] = MappingProxyType(
    {
        Status.VALID.word: "有效",
        Status.SUSPENDED.word: "已暂停",
        Status.REVOKED.word: "已撤销",
        Status.SUPERSEDED.word: "已代替",
        "pending": "正在登记",
    }
)
REPLACEMENTS: Final[Mapping[ReplacementKind, tuple[str, str]]] = MappingProxyType(
    {ReplacementKind.CORRECTION: ("更正", "correction"), ReplacementKind.RENEWAL: ("换发", "renewal")}
)


def state_word(state: str) -> str:
    """Name the state of a batch or request."""
    return said(_STATES_ZH[state], str(state))


def status_word(word: str) -> str:
    """Name the status of a certificate, or `pending`."""
    return said(STATUSES_ZH[word], word)


def reason_words(reason: Reason) -> tuple[str, str]:
    """Name the ground of a change in Chinese and English."""
    return REASONS_ZH[reason], reason.slug.replace("holders", "holder's").replace("-", " ")


def reason_word(reason: Reason) -> str:
    """Name the ground of a change."""
    return said(*reason_words(reason))


def places(leaves: Sequence[int]) -> str:
    """Write positions in a batch, ascending, with runs: `0–7, 9, 12–127`."""
    runs: list[list[int]] = []
    for leaf in leaves:
        if runs and runs[-1][1] == leaf - 1:
            runs[-1][1] = leaf
        else:
            runs.append([leaf, leaf])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in runs)
