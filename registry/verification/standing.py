"""How a certificate stands by its own records and its batch's: question 4, once it is known that it is recorded."""

from dataclasses import dataclass
from datetime import datetime

from registry.anchor.facts import BY_MEMBERS, BatchFacts, StatusStep
from registry.anchor.history import BatchFlag
from registry.kernel.calendar import written_time
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import IssuerCode
from registry.status import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What the records say of one certificate, of its own and as part of its batch."""

    issuer: IssuerCode
    batch: BatchFacts | None
    """None = not recorded."""
    steps: tuple[StatusStep, ...]
    """Its own changes, in order of time."""

    def status(self) -> tuple[Status, datetime | None, int | None, str | None]:
        """Give status, since when, reason and by whom, of certificate and batch together: the final ones first.

        Revoked, else superseded, else suspended.
        """
        own = self.steps[-1] if self.steps else None
        if own is not None and own.status is Status.REVOKED:
            return own.status, own.since, own.reason, own.by
        if (revoked := self._flagged(BatchFlag.REVOKED)) is not None:
            return Status.REVOKED, *revoked, BY_MEMBERS
        if own is not None and own.status is not Status.VALID:
            return own.status, own.since, own.reason, own.by
        # The members' first: the issuer cannot lift it.
        if (suspended := self._flagged(BatchFlag.SUSPENDED_BY_MEMBERS)) is not None:
            return Status.SUSPENDED, *suspended, BY_MEMBERS
        if (suspended := self._flagged(BatchFlag.SUSPENDED_BY_ISSUER)) is not None:
            return Status.SUSPENDED, *suspended, self.issuer
        if own is not None:
            return own.status, own.since, own.reason, own.by
        return Status.VALID, None, None, None

    def _flagged(self, flag: BatchFlag) -> tuple[datetime, int] | None:
        """Time and reason of a flag that the batch has now."""
        return self.batch.raised(flag) if self.batch is not None and self.batch.flags & flag else None

    def earlier_suspension(self) -> dict[str, str | int | None]:
        """Say of what stands again, itself or its batch, since when it was last suspended."""
        starts = [step.since for step in self.steps if step.status is Status.SUSPENDED]
        changes = len(self.steps)
        for flag in (BatchFlag.SUSPENDED_BY_ISSUER, BatchFlag.SUSPENDED_BY_MEMBERS):
            if self.batch is not None and (raised := self.batch.raised(flag)) is not None:
                starts.append(raised[0])
                changes += 2
        return {"changes": changes, "suspended_since": written_time(max(starts))} if starts else {}

    def place_of_successor(self) -> dict[str, str | int | None]:
        """Say where on the chain what replaced it stands; empty where the record does not say."""
        last = self.steps[-1]
        if last.successor is None:
            return {}
        return {
            "successor_batch": b64url(last.successor[0]),
            "successor_index": last.successor[1],
            "successor_issuer": last.successor_issuer,
            "successor_contract": last.successor_contract,
        }

    def last_known(self) -> str | None:
        """Give the status word that was last known; None where nothing was."""
        return self.status()[0].word if self.batch is not None else None

    def successor(self) -> str | None:
        """Name the place of what replaced it, `<batch, base64url>#<index>`; None where nothing did."""
        last = self.steps[-1] if self.steps else None
        if last is None or last.successor is None:
            return None
        batch, index = last.successor
        return f"{b64url(batch)}#{index}"
