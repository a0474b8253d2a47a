"""The structures that approvers sign (EIP-712), member by member: the value as a signer shows it, and what it means."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from fastapi import Request

from api.issuer.desk import ApprovalDesk, ConsoleDesk
from api.issuer.framing import shown_moment
from api.pages.rendering import words_of
from node.client.operations import structure
from registry.anchor.facts import IssuerFacts, IssuerState, issuer_facts
from registry.anchor.operations import Approvable
from registry.anchor.progress import Batch
from registry.kernel.identifiers import BatchId, ScopeCode, batch_id
from registry.ports.storage import UnitOfWork
from registry.programme import Catalogue, ProgrammeUnknown
from registry.status import indices_of

_ORDER: Final[Mapping[str, int]] = MappingProxyType(
    {name: place for place, name in enumerate(("issuer", "scope", "size", "batchId", "batchIds"))}
)
"""What is read first; the others stay as the structure has them."""
_MOMENTS: Final = frozenset({"deadline", "from", "until"})
_PLACES_SHOWN: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One member of what is signed."""

    name: str
    """As the contract calls it."""
    values: tuple[tuple[str, ...], ...]
    """One or several; each whole, or a digest's 64 digits eight at a time."""
    means: str
    checked: str
    """What was computed again here; empty where there is nothing to compute."""


def field_views(request: Request, unit: UnitOfWork, desk: ConsoleDesk, asked: Approvable) -> list[FieldView]:
    """Write every member of what is to be signed, with its meaning and what holds of it by what is kept here."""
    _, members = structure(asked)
    reader = _Reader(request, unit, desk, members)
    names = sorted(members, key=lambda name: _ORDER.get(name, len(_ORDER)))
    return [
        FieldView(
            name=name,
            values=_values(name, members[name]),
            means=reader.means(name, members[name]),
            checked=reader.checked(name, members[name]),
        )
        for name in names
    ]


def scope_name(request: Request, catalogue: Catalogue, batch: Batch) -> str:
    """Name the programme and level of a batch; by their codes where the programme's file is gone."""
    try:
        programme = catalogue.by_digest(batch.programme_digest)
    except ProgrammeUnknown:
        return batch.scope
    code = batch.scope.partition("/")[2]
    level = next((one for one in programme.levels if one.code == code), None)
    names = [programme.name, *([] if level is None or code == "-" else [level.name])]
    if words_of(request).language == "zh":
        return "".join(one.zh for one in names)
    return ", ".join(one.en or one.zh for one in names)


def issuer_name(request: Request, approvals: ApprovalDesk) -> str:
    """Name the issuing body in the page's language."""
    return words_of(request).pick({"zh": approvals.issuer_name.zh, "en": approvals.issuer_name.en}) or ""


class _Reader:
    """Explains the members of one structure."""

    def __init__(self, request: Request, unit: UnitOfWork, desk: ConsoleDesk, members: Mapping[str, Any]) -> None:
        self._request, self._unit, self._desk, self._members = request, unit, desk, members
        self._words = words_of(request)

    def means(self, name: str, value: Any) -> str:
        words = self._words
        match name:
            case "issuer" if self._desk.approvals is not None and value == self._desk.issuer:
                return issuer_name(self._request, self._desk.approvals)
            case "scope":
                batch = self._unit.batches.of_chain(self._members["batchId"])
                return "" if batch is None else scope_name(self._request, self._desk.catalogue, batch)
            case "batchId" | "newBatchId":
                return self._batch(value)
            case "batchIds":
                return words.text("todo.joint").join(self._batch(one) for one in value)
            case "changes":
                return self._places([place for change in value for place in indices_of(change)])
            case "indices" | "newIndices":
                return self._places(value)
            case "reason":
                known = f"reasons.{value}"
                return words.text(known) if words.has(known) else ""
            case _:
                text = f"approving.means.{name}"
                return words.text(text) if words.has(text) else ""

    def checked(self, name: str, value: Any) -> str:
        words, same = self._words, self._words.text("approving.same")
        match name:
            case "issuer":
                return words.text("approving.accredited") if self._facts().state is IssuerState.ACTIVE else ""
            case "scope":
                return words.text("approving.granted") if self._is_granted(value) else ""
            case "batchId":
                batch = self._unit.batches.of_chain(value)
                ours = batch is not None and batch_id(batch.issuer, batch.idempotency_key) == batch.batch
                return same if ours else ""
            case "batchIds":
                return same if all(self._unit.batches.of_chain(one) is not None for one in value) else ""
            case "size" | "root" | "evidence" | "credentialKey" | "changes" | "count" | "statusNonce" | "statusNonces":
                return same  # what is asked for was derived again to make this page
            case _:
                return ""

    def _facts(self) -> IssuerFacts:
        issuer = self._members["issuer"]
        return issuer_facts(self._unit.projection.of_issuer(issuer), issuer)

    def _is_granted(self, scope: ScopeCode) -> bool:
        window = self._facts().scopes.get(scope)
        return window is not None and window.valid_from <= int(self._desk.clock.now().timestamp()) < window.until

    def _batch(self, batch: BatchId) -> str:
        found = self._unit.batches.of_chain(batch)
        return self._words.text("approving.foreign_batch") if found is None else found.id

    def _places(self, places: Sequence[int]) -> str:
        shown = ", ".join(str(one) for one in places[:_PLACES_SHOWN])
        more = len(places) - _PLACES_SHOWN
        return self._words.text("approving.places_more" if more > 0 else "approving.places", at=shown, more=more)


def _values(name: str, value: Any) -> tuple[tuple[str, ...], ...]:
    if name in _MOMENTS:
        return ((shown_moment(datetime.fromtimestamp(value, UTC)),),)
    return tuple(_written(one) for one in (value if isinstance(value, tuple) else (value,)))


def _written(value: Any) -> tuple[str, ...]:
    if isinstance(value, bytes):
        digits = value.hex()
        return tuple(digits[at : at + 8] for at in range(0, len(digits), 8))
    if isinstance(value, int):
        return (f"0x{value:x}" if value >= 1 << 64 else f"{value:,}",)
    return (str(value),)
