"""What the command line says where something went wrong: words on stderr; with --json, one value on stdout too."""

import os
from typing import Any

from api.errors import advice, code_of, exit_code
from api.terminal import ERR, language, print_json, said, shown
from registry.kernel.errors import MalformedInput, RegistryError, Unavailable
from registry.programme import ProgrammeMalformed
from registry.programme.subsidies import SubsidyMalformed


class SystemRefused(Unavailable):
    """The operating system refused to read or write something."""

    code = "system/file"

    def __init__(self, error: OSError) -> None:
        self.errno = error.errno
        what = error.strerror or type(error).__name__
        super().__init__(what if error.filename is None else f"{os.fsdecode(error.filename)}: {what}")


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
        self.command = command
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


def print_error(error: RegistryError) -> None:
    """Print what happened, what to do, and the stable code; in Chinese the message itself stands in brackets."""
    code = code_of(error)
    texts = advice().get(code)
    chinese = language() == "zh" and texts is not None
    headline = str(error)
    if texts is not None and (chinese or code != error.code):  # the contract's table says it better than its slug
        headline = said(texts.cause_zh, texts.cause_en)
    ERR.print(f"[bold red]{said('错误：', 'error:')}[/bold red]{said('', ' ')}{shown(headline)}")
    if chinese:
        ERR.print(f"  [dim]（{shown(str(error))}）[/dim]")
    if isinstance(error, ProgrammeMalformed | SubsidyMalformed) and len(error.faults) > 1:  # the headline has the first
        for fault in error.faults:
            ERR.print(f"  {shown(fault.key)}: {shown(fault.reason)}")
    if texts is not None:
        ERR.print(f"  {shown(said(texts.remedy_zh, texts.remedy_en))}   [dim]\\[{shown(code)}][/dim]")
    else:
        ERR.print(f"  [dim]\\[{shown(code)}][/dim]")


def print_error_document(error: RegistryError) -> None:
    """Print an error as the one JSON value of a command that was asked for JSON."""
    print_json({"error": error_document(error)})


def error_document(error: RegistryError) -> dict[str, Any]:
    """Write an error as plain values: its code, its message, and what is known of it in both languages."""
    code = code_of(error)
    texts = advice().get(code)
    return {
        "code": code,
        "message": str(error),
        "cause": None if texts is None else {"zh": texts.cause_zh, "en": texts.cause_en},
        "remedy": None if texts is None else {"zh": texts.remedy_zh, "en": texts.remedy_en},
    }
