"""What `--dry-run` says: the calls that a command would send to the contract. Nothing is sent, nothing is kept."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from api.commands.words import reason_word, status_word
from api.terminal import OUT, note, print_fields, print_json, said
from api.wiring import Home
from registry.anchor.operations import AnchorBatch, Approval, Operation
from registry.anchor.progress import RequestState, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import Address, TransactionHash
from registry.ports.storage import UnitOfWork
from registry.status import Reason, Status, needs_approval
from registry.workflows.chain.anchor import anchoring
from registry.workflows.chain.status_operations import NotApproved, operation_of
from registry.workflows.status.ask_changes import Asked, batch_names

_NOBODY = Approval(approver=Address("0x" + 40 * "0"), deadline=0, signature=bytes(65))
"""Stands where the approver's signature will: it changes neither the function nor the gas limit."""
_NOTHING_GOES_OUT: Final = (AnchorState.FAILED, AnchorState.CANCELLED)
_SIGNED: Final = (RequestState.SIGNED, RequestState.SENT)
"""The transaction was made before: those bytes go out again."""


def rehearse_batch(home: Home, name: str, *, as_json: bool) -> None:
    """Say what `batch issue` would send: the batch, then what its certificates supersede. Raises NotHere, NotApproved.

    As JSON the supersessions stand in `then`, in the order in which they would go.
    """
    with home.store.read() as unit:
        batch = unit.batches.batch(name)
        onto = unit.status_requests.onto(batch.batch) if batch.state not in _NOTHING_GOES_OUT else []
        following = [_request_facts(unit, one) for one in onto if _goes_out(one)]
    if batch.state in (AnchorState.RESERVED, AnchorState.SEALED):
        raise NotApproved(name, batch.state)
    facts: dict[str, Any] = {"batch": batch.id, "scope": batch.scope, "certificates": batch.size}
    if batch.state is AnchorState.APPROVED:
        facts |= _call(anchoring(batch))
    else:  # its transaction was made before: those bytes go out again, if anything does
        sends = batch.state in (AnchorState.SIGNED, AnchorState.SENT, AnchorState.ORPHANED, AnchorState.INCLUDED)
        facts |= _stored(batch.transaction if sends else None)
    if as_json:
        then = {"then": [_document(home, one) for one in following]} if following else {}
        print_json(_document(home, facts) | then)
        return
    _tell(home, facts)
    for one in following:
        OUT.print(said("随后：", "then:"))
        _tell(home, one)
    _tell_end([facts, *following])


def _goes_out(request: StatusRequest) -> bool:
    return request.state not in (RequestState.FINAL, RequestState.FAILED, RequestState.CANCELLED)


def rehearse_requests(home: Home, unit: UnitOfWork, asked: Asked, *, listed: bool, as_json: bool) -> None:
    """Say what changes of status would send, one call a request."""
    calls = [_request_facts(unit, one) for one in asked.requests]
    if listed and as_json:
        print_json([_document(home, facts) for facts in calls])
        return
    if as_json and calls:
        (only,) = calls
        print_json(_document(home, only))
        return
    for facts in calls:
        _tell(home, facts)
    _tell_end(calls)


def _request_facts(unit: UnitOfWork, request: StatusRequest) -> dict[str, Any]:
    approved = replace(
        request,
        approval=_NOBODY if request.wanted in needs_approval else None,
        status_nonces=tuple(0 for _ in request.batches) if request.wanted is Status.VALID else (),
    )
    only = request.certificates[0] if len(request.certificates) == 1 else None
    facts: dict[str, Any] = {"request": request.id} if request.id else {}
    if only is not None:
        facts |= {"certificate": only.number, "leaf": only.leaf}
    elif request.certificates:
        facts["certificates"] = len(request.certificates)
    return {
        **facts,
        "batch": " ".join(batch_names(unit, request)),
        "wanted": request.wanted.word,
        "reason": request.reason.slug,
        "needs_approval": request.wanted in needs_approval and request.approval is None,
        **(_stored(request.transaction) if request.state in _SIGNED else _call(operation_of(approved))),
    }


def _stored(transaction: TransactionHash | None) -> dict[str, Any]:
    return {"function": None, "stored_transaction": None if transaction is None else "0x" + transaction.hex()}


def _call(operation: Operation) -> dict[str, Any]:
    from node.client.operations import call_of

    call = call_of(operation)
    root = {"root": b64url(operation.asked.root)} if isinstance(operation, AnchorBatch) else {}
    return {**root, "function": call.function, "gas_limit": call.gas}


def _document(home: Home, facts: dict[str, Any]) -> dict[str, Any]:
    return {"dry_run": True, "contract": str(home.trust_root.contract), **facts}


def _tell(home: Home, facts: dict[str, Any]) -> None:
    document = _document(home, facts)
    words = {
        "contract": said("合约", "contract"),
        "request": said("申请", "request"),
        "batch": said("批次", "batch"),
        "scope": said("范围", "scope"),
        "certificates": said("张数", "certificates"),
        "certificate": said("证书", "certificate"),
        "wanted": said("改为", "to become"),
        "reason": said("原因", "reason"),
        "root": said("根", "root"),
        "function": said("函数", "function"),
        "gas_limit": said("gas上限", "gas limit"),
        "stored_transaction": said("已存交易", "stored transaction"),
    }
    shown = {
        **document,
        **({"wanted": status_word(document["wanted"])} if "wanted" in document else {}),
        **({"reason": reason_word(Reason.parse(document["reason"]))} if "reason" in document else {}),
    }
    print_fields({word: shown[key] for key, word in words.items() if shown.get(key) is not None})


def _tell_end(calls: Sequence[dict[str, Any]]) -> None:
    if all(one["function"] is None and one.get("stored_transaction") is None for one in calls):
        note(said("演练：没有要发送的内容", "dry run: there is nothing to send"))
        return
    note(said("演练：以上内容没有发送，也没有保存", "dry run: none of this was sent, nothing was kept"))
    if any(one.get("needs_approval") for one in calls):
        note(said("发送前须由另一人批准", "a second person must approve it before it is sent"))
