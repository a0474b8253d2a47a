"""Publish: signed lists of how an issuer's certificates stand, for readers who cannot read the chain.

1. Final records that were not read yet name the batches whose certificates may stand otherwise now.
2. Each of these batches is folded anew, and its certificates' places in the lists are looked up: what never changed is
   valid and is never looked at, so that a list costs what changed, not what it holds.
   A certificate whose predecessor still stands is shown as suspended until it takes its place.
3. A list is packed and compressed when something in it changed, and signed anew when it is half a minute old.
A token says when it was true, not when it was signed: without news of the chain it grows old and lapses.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from registry.anchor.facts import batch_facts, changed_statuses, joint_status, touched_batch
from registry.anchor.history import Anchored, BatchFlag, Superseded
from registry.kernel.encoding import JsonObject, b64url, canonical_json
from registry.kernel.errors import Unavailable
from registry.kernel.identifiers import BatchId, IssuerCode
from registry.kernel.signing import StatementSigner
from registry.ports import Clock
from registry.ports.storage import Store, UnitOfWork
from registry.status import Status
from registry.status.token_list import LIFETIME, TOKEN_TYPE, compressed, packed, token_claims
from registry.verification import Knowledge
from registry.workflows.lineage.succession import awaiting_succession

LOOK_SECONDS: Final = 5.0
"""How long what was read last is taken as it is."""
RENEW_SECONDS: Final = 30
"""Age of a token's claims above which a fresher one is signed, if the chain was read since."""
_BACK: Final = timedelta(seconds=5)
"""How far `iat` lies back, for readers whose clocks are behind."""
_WHOLE_BATCH: Final = BatchFlag.SUSPENDED_BY_ISSUER | BatchFlag.SUSPENDED_BY_MEMBERS | BatchFlag.REVOKED


class StatusKnowledgeLapsed(Unavailable):
    """Nothing has been read of the chain for so long that no status list may be given out."""

    code = "status/knowledge-lapsed"

    def __init__(self, read_at: datetime | None) -> None:
        self.read_at = read_at
        since = "never" if read_at is None else f"last on {read_at:%Y-%m-%d %H:%M} UTC"
        super().__init__(f"no status list: the chain was read {since}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusToken:
    """A signed status list."""

    text: str
    """The compact JWS, typ `statuslist+jwt`."""
    issued_at: int
    """Unix seconds: when the list was true."""


@dataclass(slots=True)
class _List:
    entries: dict[int, Status]
    """Whatever is not valid, by index."""
    encoded: str | None = None
    """None = something changed since it was compressed."""
    token: StatusToken | None = None


class StatusPublisher:
    """Makes the token status lists of one issuer; usable from several threads."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        signer: StatementSigner,
        issuer: IssuerCode,
        base_url: str,
        seconds: Callable[[], float],
    ) -> None:
        """Take the store and the statement key; `seconds` is a clock that never goes back."""
        self._store, self._clock, self._signer, self._seconds = store, clock, signer, seconds
        self._issuer, self._base_url = issuer, base_url
        self._turn = threading.Lock()
        self._looked: float | None = None
        self._block = -1
        self._next_record = 0
        self._true_at: datetime | None = None
        self._lists: dict[int, _List] = {}
        self._shown: dict[BatchId, dict[tuple[int, int], Status]] = {}
        self._places: dict[BatchId, dict[int, tuple[int, int]]] = {}

    @property
    def issuer(self) -> IssuerCode:
        """Whose lists they are."""
        return self._issuer

    def token(self, number: int) -> StatusToken | None:
        """Give list `number` signed; None = there is no such list. Raises StatusKnowledgeLapsed."""
        with self._turn:
            self._look()
            now, true_at = self._clock.now(), self._true_at
            if true_at is None or now >= true_at - _BACK + timedelta(seconds=LIFETIME):
                raise StatusKnowledgeLapsed(true_at)
            one = self._lists.get(number)
            return None if one is None else self._signed(number, one, int((true_at - _BACK).timestamp()))

    def _look(self) -> None:
        now = self._seconds()
        if self._looked is not None and now - self._looked < LOOK_SECONDS:
            return
        with self._store.read() as unit:
            head = unit.projection.head()
            if head is None:
                return
            if head.block.number != self._block:
                self._read_records(unit)
            for number in range(unit.batches.status_lists()):
                self._lists.setdefault(number, _List(entries={}))
            known = Knowledge(
                trust_root=head.trust_root,
                head=head.block,
                first_block_time=head.first_block_time,
                read_at=head.read_at,
                nodes=head.nodes,
                records=(),
            )
        self._block, self._true_at, self._looked = head.block.number, known.counted_from, now

    def _read_records(self, unit: UnitOfWork) -> None:
        # 1
        touched: dict[BatchId, None] = {}
        next_record = self._next_record
        for record in unit.projection.records(first=next_record):
            next_record = record.position.seq + 1
            if (batch := touched_batch(record, self._issuer)) is not None:
                touched[batch] = None
            content = record.content
            if isinstance(content, Superseded) and content.target_issuer == self._issuer:
                touched[content.new_batch] = None
            elif isinstance(content, Anchored) and content.issuer == self._issuer:
                touched |= dict.fromkeys([content.batch] if self._awaiting(unit, content.batch) else [])
        for batch in touched:
            self._fold(unit, batch)
        self._next_record = next_record

    def _fold(self, unit: UnitOfWork, batch: BatchId) -> None:
        # 2
        records = unit.projection.of_batch(self._issuer, batch)
        facts = batch_facts(records, self._issuer, batch)
        if facts is None:
            return
        own, flags = changed_statuses(records, self._issuer, batch), facts.flags
        for leaf in self._awaiting(unit, batch):
            own.setdefault(leaf, Status.SUSPENDED)
        whole = bool(flags & _WHOLE_BATCH)
        places = self._places_of(unit, batch, range(facts.anchored.size) if whole else own)
        shown: dict[tuple[int, int], Status] = {
            place: status
            for leaf, place in places.items()
            if (status := joint_status(own.get(leaf, Status.VALID), flags)) is not Status.VALID
        }
        for number, index in self._shown.get(batch, {}):
            self._changed(number).pop(index, None)
        for (number, index), status in shown.items():
            self._changed(number)[index] = status
        self._shown[batch] = shown

    def _awaiting(self, unit: UnitOfWork, batch: BatchId) -> set[int]:
        """Which of a batch's certificates do not stand yet, since those that they replace do."""
        ours = unit.batches.of_chain(batch)
        return awaiting_succession(unit, ours) if ours is not None else set()

    def _places_of(
        self, unit: UnitOfWork, batch: BatchId, leaves: range | dict[int, Status]
    ) -> dict[int, tuple[int, int]]:
        known = self._places.setdefault(batch, {})
        wanted = [leaf for leaf in leaves if leaf not in known]
        known |= unit.batches.status_places(batch, None if isinstance(leaves, range) and not known else wanted)
        return known

    def _changed(self, number: int) -> dict[int, Status]:
        one = self._lists.setdefault(number, _List(entries={}))
        one.encoded = one.token = None
        return one.entries

    def _signed(self, number: int, one: _List, issued_at: int) -> StatusToken:
        # 3
        if one.token is not None and issued_at - one.token.issued_at < RENEW_SECONDS:
            return one.token
        if one.encoded is None:
            one.encoded = compressed(packed(one.entries))
        claims = token_claims(
            issuer=f"{self._base_url}/issuers/{self._issuer}",
            address=f"{self._base_url}/status/{self._issuer}/{number}",
            issued_at=issued_at,
            encoded=one.encoded,
        )
        header: JsonObject = {"alg": "ES256", "typ": TOKEN_TYPE, "kid": b64url(self._signer.thumbprint())}
        signed = f"{b64url(canonical_json(header))}.{b64url(canonical_json(claims))}"
        one.token = StatusToken(
            text=f"{signed}.{b64url(self._signer.sign(signed.encode('ascii')))}", issued_at=issued_at
        )
        return one.token
