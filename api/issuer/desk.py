"""What the console works with, and the files that wait between a dry run and their import."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from registry.access import new_token
from registry.credential.v1 import Bilingual
from registry.kernel.errors import Missing
from registry.kernel.identifiers import ContractAddress, IssuerCode
from registry.ports import Clock, KeyOf
from registry.ports.storage import Store
from registry.programme import Catalogue, Programme

MAX_ROSTER: Final = 16 * 1024 * 1024
"""Bytes of one roster or score sheet: some 100,000 rows."""
KEPT_FOR: Final = timedelta(minutes=15)
_MOST_KEPT: Final = 8


class FileNotKept(Missing):
    """A file that was read on trial is not there any more."""

    code = "console/file-not-kept"

    def __init__(self) -> None:
        super().__init__("the file that was read on trial is not kept any more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A file that was read on trial."""

    account: str
    programme: str
    name: str
    data: bytes
    until: datetime


@dataclass(slots=True)
class TriedFiles:
    """Files between dry run and import: in this process's memory alone, for minutes, each for who sent it.

    They are full of personal data, which would have to be encrypted to lie anywhere else.
    """

    clock: Clock
    _files: OrderedDict[str, Tried] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, account: str, programme: str, name: str, data: bytes) -> str:
        """Keep a file; give the token it is had with. The oldest makes room."""
        token = new_token()
        with self._lock:
            self._files[token] = Tried(
                account=account, programme=programme, name=name, data=data, until=self.clock.now() + KEPT_FOR
            )
            while len(self._files) > _MOST_KEPT:
                self._files.popitem(last=False)
        return token

    def take(self, token: str, account: str) -> Tried:
        """Give a kept file back to who sent it, once. Raises FileNotKept."""
        with self._lock:
            found = self._files.get(token)
            if found is None or found.account != account:
                raise FileNotKept
            del self._files[token]
        if self.clock.now() >= found.until:
            raise FileNotKept
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalDesk:
    """What the pages to approve compare with; public all of it."""

    key_of: KeyOf
    contract: ContractAddress
    issuer_name: Bilingual


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

    def chosen(self, code: str) -> Programme:
        """Give the programme that was chosen; the only one where there is one."""
        return self.catalogue.programme(self.programmes[0] if len(self.programmes) == 1 else code)
