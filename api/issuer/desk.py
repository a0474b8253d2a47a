"""What the console works with, and the files that wait between a dry run and their import."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final

from api.issuer.live import Streams
from registry.access import new_token
from registry.credential.v1 import Bilingual
from registry.enrolment import RowProblem
from registry.kernel.errors import Missing, Unavailable
from registry.kernel.identifiers import ContractAddress, IssuerCode
from registry.ports import Clock, KeyOf, Ledger
from registry.ports.storage import Store
from registry.programme import Catalogue, Programme

MAX_ROSTER: Final = 16 * 1024 * 1024
"""Bytes of one roster or score sheet: some 100,000 rows."""
KEPT_FOR: Final = timedelta(minutes=15)
_MOST_KEPT: Final = 8
_MOST_OF_ONE: Final = 2
_MOST_LED: Final = 256


class FileNotKept(Missing):
    """A file that was read on trial is not there any more."""

    code = "console/file-not-kept"

    def __init__(self) -> None:
        super().__init__("the file that was read on trial is not kept any more")


class FilesFull(Unavailable):
    """As many files wait between trial and import as may; this one was read, and not kept."""

    code = "console/files-full"
    retry_after_seconds = 120

    def __init__(self) -> None:
        super().__init__(f"{_MOST_KEPT} files wait to be imported already")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a reading of a file found, without what its rows say."""

    rows: int
    good: int
    encoding: str
    """Empty where none was found."""
    workbook: bool
    """The file was a workbook, of which the first sheet was read."""
    problems: tuple[RowProblem, ...]
    notices: tuple[RowProblem, ...]
    takeable: bool = False
    """There are rows that can be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A file that was read on trial."""

    account: str
    programme: str
    name: str
    data: bytes
    found: Found
    until: datetime


@dataclass(slots=True)
class TriedFiles:
    """Rosters between dry run and import, refused score sheets: in memory alone, for minutes, each for who sent it.

    They are full of personal data, which would have to be encrypted to lie anywhere else.
    """

    clock: Clock
    _files: OrderedDict[str, Tried] = field(default_factory=OrderedDict)
    _led: OrderedDict[str, tuple[str, str]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, account: str, programme: str, name: str, data: bytes, found: Found) -> str:
        """Keep a file and what was found in it; give the token it is had with. One's own oldest makes room.

        Raises FilesFull where other people's leave none: nobody's file is lost because others send theirs.
        """
        token = new_token()
        until = self.clock.now() + KEPT_FOR
        with self._lock:
            self._forget_the_late()
            own = [one for one, file in self._files.items() if file.account == account]
            if len(self._files) >= _MOST_KEPT and not own:
                raise FilesFull
            if len(self._files) >= _MOST_KEPT or len(own) >= _MOST_OF_ONE:
                del self._files[own[0]]
            self._files[token] = Tried(
                account=account, programme=programme, name=name, data=data, found=found, until=until
            )
        return token

    def look(self, token: str, account: str) -> Tried:
        """Give a kept file to who sent it, and keep it. Raises FileNotKept."""
        with self._lock:
            self._forget_the_late()
            kept = self._files.get(token)
        if kept is None or kept.account != account:
            raise FileNotKept
        return kept

    def drop(self, token: str) -> None:
        """Forget a file; nothing happens where it is gone."""
        with self._lock:
            self._files.pop(token, None)

    def done(self, token: str, account: str, place: str) -> None:
        """Forget a file that was imported, and keep where that led: who sends the form twice is led there twice."""
        with self._lock:
            self._files.pop(token, None)
            self._led[token] = account, place
            while len(self._led) > _MOST_LED:
                self._led.popitem(last=False)

    def led(self, token: str, account: str) -> str | None:
        """Say where the import of a file led who sent it; None = it was not imported, or long ago."""
        with self._lock:
            by, place = self._led.get(token, ("", ""))
        return place if by == account else None

    def _forget_the_late(self) -> None:
        now = self.clock.now()
        for token in [token for token, one in self._files.items() if now >= one.until]:
            del self._files[token]


class KeyPlace(StrEnum):
    """Where the approver's key is, as far as this server can tell."""

    ELSEWHERE = "elsewhere"
    """No file of it is here: a wallet, or a signer that the installation names."""
    FILE = "file"
    """Its file is in the data folder; the passphrase is the approver's to type."""
    OPEN = "open"
    """Its file is in the data folder, and the passphrase beside it: a demonstration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDesk:
    """What the pages to approve compare with; public all of it."""

    key_of: KeyOf
    contract: ContractAddress
    issuer_name: Bilingual
    ledger: Callable[[], AbstractContextManager[Ledger]]
    """Reaches the chain: what an approver signs to reinstate depends on what it says."""
    key_place: KeyPlace = KeyPlace.ELSEWHERE


def _no_desk() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleDesk:
    """What the console needs of the rest of the product."""

    store: Store
    clock: Clock
    catalogue: Catalogue
    issuer: IssuerCode
    programmes: tuple[str, ...]
    """Codes of the programmes that are issued."""
    tried: TriedFiles
    approvals: ApprovalDesk | None = None
    """None = approvals are given by command alone."""
    desk_runs: Callable[[], bool] = _no_desk
    """Tells whether a process works off what pages ask for."""
    papers: Path | None = None
    """Where that process puts drawn ZIPs; None = nowhere that pages can give them from."""
    streams: Streams = field(default_factory=Streams)

    def chosen(self, code: str) -> Programme:
        """Give the programme that was chosen; the only one where there is one."""
        return self.catalogue.programme(self.programmes[0] if len(self.programmes) == 1 else code)
