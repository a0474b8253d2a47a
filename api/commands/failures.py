"""What the command line says where something went wrong: words on stderr; with --json, one value on stdout too."""

import errno
import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

from api.commands.access_words import in_words, on_from
from api.commands.fact_words import facts_zh
from api.errors import Advice, advice, code_of, exit_code
from api.situations import WORDS, command_for
from api.terminal import ERR, language, print_json, said, shown, with_home
from registry.access import NotAllowed, NotInState
from registry.anchor.situations import Situation
from registry.anchor.states import AnchorState
from registry.enrolment import PhotographRefused
from registry.kernel.errors import MalformedInput, RegistryError, Unavailable
from registry.ports.storage import NotHere
from registry.programme import ProgrammeMalformed
from registry.programme.subsidies import SubsidyMalformed
from registry.workflows.access.act import AccountNotOpen
from registry.workflows.certificates.contents import ReservationVoid
from registry.workflows.chain.status_operations import NotApproved
from registry.workflows.replacement.ask_replacement import ParticularMalformed
from registry.workflows.status.ask_changes import BeingReplaced

MEMBERS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "name": ("姓名", "name"),
        "nameLatin": ("拉丁字母姓名", "name in Latin letters"),
        "identityType": ("证件类型", "identity document"),
        "nationalIdentityNumber": ("证件号码", "identity number"),
        "portrait": ("照片", "photograph"),
    }
)
"""What a certificate says of its holder, as people call it."""
LISTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "certificate": ("vermilion cert list",),
        "batch": ("vermilion batch list",),
        "status request": ("vermilion cert requests",),
        "batch or request": ("vermilion batch list", "vermilion cert requests"),
        "replacement": ("vermilion cert replacements",),
        "roster": ("vermilion enrol list",),
        "application": ("vermilion enrol list",),
        "judgement": ("vermilion enrol to-judge",),
        "score sheet": ("vermilion exam list",),
        "correction": ("vermilion exam corrections SHEET",),
        "session": ("vermilion exam session list",),
        "duty": ("vermilion exam session list",),
        "organisation": ("vermilion training body list", "vermilion training unit list"),
        "course": ("vermilion training course list",),
        "attendance list": ("vermilion training course list",),
        "account": ("vermilion account list",),
        "open account": ("vermilion account list",),
        "alarm": ("vermilion halt show --all",),
        "transaction": ("vermilion sender status",),
    }
)
"""What lists the things of a kind, where a command can name one that is not here (`NotHere.kind`)."""


class SystemRefused(Unavailable):
    """The operating system refused to read or write something."""

    code = "system/file"

    def __init__(self, error: OSError) -> None:
        self.errno, self.cause = error.errno, error.strerror or type(error).__name__
        self.path = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        super().__init__(f"{self.path}{self.cause}")


class DiskFull(SystemRefused):
    """The disk has no room left, or the quota is used up; not always is it said which file could not grow."""

    code = "system/disk-full"


def system_refused(error: OSError) -> SystemRefused:
    """Say in our words what the operating system refused."""
    return DiskFull(error) if error.errno in (errno.ENOSPC, errno.EDQUOT) else SystemRefused(error)


class ArgumentsUndecodable(MalformedInput):
    """What was typed is not text in the encoding of this terminal."""

    code = "input/not-text"

    def __init__(self, place: int) -> None:
        self.place = place
        super().__init__(f"word {place} of the command is not text in UTF-8")


class UsageWrong(MalformedInput):
    """A command was not written as its help says: no such command or option, a value of another kind, one missing."""

    code = "input/usage"

    def __init__(self, message: str, command: str) -> None:
        self.message, self.command = message, command
        super().__init__(f"{command}: {message}")


class NoVerdict(Exception):
    """Verifying ended before there was a verdict; exit 1 is a verdict's, so that this is never it."""

    def __init__(self, error: RegistryError) -> None:
        self.error = error
        super().__init__(str(error))

    @property
    def exit_code(self) -> int:
        """2 = what was given or is set up here; 3 = not now."""
        return max(2, exit_code(self.error))


def advice_on(error: RegistryError) -> Advice | None:
    """Give what is known of an error: what its code says, or more exactly where the error itself knows more.

    What is not here names the list of its kind; what cannot stand on a certificate, and what somebody may not do, is
    said in words.
    """
    texts = advice().get(code_of(error))
    if texts is None:
        return None
    if isinstance(error, NotHere) and error.kind in LISTS:
        named = [f"`{command}`" for command in LISTS[error.kind]]
        return replace(
            texts,
            remedy_zh=f"请对照清单核对：{'、'.join(named)}。",
            remedy_en=f"Compare with the list: {' and '.join(named)}.",
        )
    if isinstance(error, ReservationVoid):
        return replace(
            texts,
            remedy_zh=texts.remedy_zh.replace("cancel 批次", f"cancel {error.batch}"),
            remedy_en=texts.remedy_en.replace("cancel BATCH", f"cancel {error.batch}"),
        )
    if isinstance(error, BeingReplaced):
        on, off = command_for(error.ways.on), error.ways.off and command_for(error.ways.off)
        return replace(
            texts,
            remedy_zh=f"接着办：`{on}`" + (f"；或放弃：`{off}`。" if off else "。"),
            remedy_en=f"Go on with it: `{on}`" + (f", or give it up: `{off}`." if off else "."),
        )
    if isinstance(error, NotAllowed | NotInState | AccountNotOpen):
        zh, en = in_words(error)
        texts = replace(texts, cause_zh=zh, cause_en=en)
        if isinstance(error, NotInState):
            zh, en = on_from(error)
            texts = replace(texts, remedy_zh=zh, remedy_en=en)
        return texts
    if isinstance(error, NotApproved) and error.state == AnchorState.RESERVED:
        words, command = WORDS[Situation.RESERVED], f"vermilion batch status {error.subject}"
        return Advice(
            cause_zh=words.happened_zh,
            cause_en=words.happened_en,
            remedy_zh=f"请先接着签署；要运行的命令见`{command}`。",
            remedy_en=f"Go on signing first; `{command}` names the command.",
        )
    if isinstance(error, PhotographRefused | ParticularMalformed):
        problem, (zh, en) = error.problem, subject_of(error)
        return Advice(
            cause_zh=f"{zh}：{problem.reason.zh}。",
            cause_en=f"{en}: {problem.reason.en}",
            remedy_zh=f"{problem.remedy.zh}。",
            remedy_en=f"{problem.remedy.en[:1].upper()}{problem.remedy.en[1:]}.",
        )
    return texts


def subject_of(error: PhotographRefused | ParticularMalformed) -> tuple[str, str]:
    """Name what of a certificate is meant, in Chinese and English."""
    return MEMBERS["portrait"] if isinstance(error, PhotographRefused) else MEMBERS[error.member]


def happened_zh(error: RegistryError) -> str:
    """Say in Chinese on one line what happened, and in brackets what of it is known of this very case."""
    code, texts = code_of(error), advice_on(error)
    facts = "" if texts is not None and _says_all(texts, code) else facts_zh(error)
    return (texts or advice()["internal"]).cause_zh + (f"（{facts}）" if facts else "")


def _says_all(texts: Advice, code: str) -> bool:
    """Tell whether the advice on an error says all that its message does: it is not just that of the code."""
    return texts.cause_en != advice()[code].cause_en


def print_error(error: RegistryError) -> None:
    """Print what happened, what to do, and the stable code; in Chinese the message itself stands in brackets."""
    code = code_of(error)
    texts = advice_on(error)
    own = texts is not None and _says_all(texts, code)
    chinese = language() == "zh" and texts is not None and not own
    headline = str(error)
    # The contract's table says it better than its slug.
    if texts is not None and (own or chinese or code != error.code):
        headline = said(texts.cause_zh, texts.cause_en)
    ERR.print(f"[bold red]{said('错误：', 'error:')}[/bold red]{said('', ' ')}{shown(headline)}")
    facts = facts_zh(error) if chinese else ""
    if facts:
        ERR.print(f"  [dim]（{shown(facts)}）[/dim]")
    if isinstance(error, ProgrammeMalformed | SubsidyMalformed) and len(error.faults) > 1:  # the headline has the first
        for fault in error.faults:
            ERR.print(f"  {shown(fault.key)}: {shown(fault.reason)}")
    if texts is not None:
        ERR.print(f"  {shown(with_home(said(texts.remedy_zh, texts.remedy_en)))}   [dim]\\[{shown(code)}][/dim]")
    else:
        ERR.print(f"  [dim]\\[{shown(code)}][/dim]")


def print_error_document(error: RegistryError) -> None:
    """Print an error as the one JSON value of a command that was asked for JSON."""
    print_json({"error": error_document(error)})


def error_document(error: RegistryError) -> dict[str, Any]:
    """Write an error as plain values: its code, its message, and what is known of it in both languages."""
    code = code_of(error)
    texts = advice_on(error)
    return {
        "code": code,
        "message": str(error),
        "cause": None if texts is None else {"zh": texts.cause_zh, "en": texts.cause_en},
        "remedy": None if texts is None else {"zh": with_home(texts.remedy_zh), "en": with_home(texts.remedy_en)},
    }
