"""What the pages about the talent database need, on both sides: employers search, holders agree and withdraw."""

import time
from dataclasses import dataclass, field
from typing import Final

from fastapi import Request

from api.verifier.limits import LookupGate, LookupLimits
from registry.ports import Clock
from registry.ports.storage import Store
from registry.programme import Catalogue
from registry.workflows.holders.hold import Judge

_DAY_SECONDS: Final = 86_400
_OFTEN: Final = LookupLimits(per_source=60, per_number=30)
_DAILY: Final = LookupLimits(per_source=400, per_number=200, window_seconds=_DAY_SECONDS)


def _gate(limits: LookupLimits) -> LookupGate:
    return LookupGate(limits, time.monotonic)


@dataclass(frozen=True, slots=True, kw_only=True)
class TalentDesk:
    """Safe to share between threads."""

    store: Store
    clock: Clock
    judge: Judge
    catalogue: Catalogue
    often: LookupGate = field(default_factory=lambda: _gate(_OFTEN))
    daily: LookupGate = field(default_factory=lambda: _gate(_DAILY))
    """What one account may see in a day: nobody reads the whole database page by page."""

    def admit(self, source: str, account: str) -> None:
        """Count one search, or one contact asked for or opened, by an account. Raises TooManyLookups."""
        self.often.admit(source, account)
        self.daily.admit(source, account)


def talent_desk_of(request: Request) -> TalentDesk | None:
    """Give the application's desk; None = the site has no talent database."""
    found = request.app.state.talent
    assert found is None or isinstance(found, TalentDesk)
    return found
