"""What `--dry-run` says: the call that a command would send to the contract. Nothing is sent, nothing is kept."""

from dataclasses import replace
from typing import Any

from api.commands.words import reason_word, status_word
from api.terminal import note, print_fields, print_json, said
from api.wiring import Home
from registry.anchor.operations import AnchorApproval, AnchorBatch, Approval, Operation
from registry.anchor.progress import Batch, StatusRequest
from registry.anchor.states import AnchorState
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import Address
from registry.ports.storage import UnitOfWork
from registry.status import Reason, Status, needs_approval
from registry.workflows.change_status import Asked, batch_names
from registry.workflows.issue import evidence_of
from registry.workflows.status_operations import NotApproved, operation_of

_NOBODY = Approval(approver=Address("0x" + 40 * "0"), deadline=0, signature=bytes(65))
"""Stands where the approver's signature will: it changes neither the function nor the gas limit."""


def rehearse_batch(home: Home, name: str, *, as_json: bool) -> None:
    """Say what `batch issue` would send. Raises NotHere, NotApproved."""
    with home.store.read() as unit:
        batch = unit.batches.batch(name)
    if batch.state in (AnchorState.RESERVED, AnchorState.SEALED):
        raise NotApproved(name, batch.state)
    facts = {"batch": batch.id, "scope": batch.scope, "certificates": batch.size}
    if batch.state is AnchorState.APPROVED:
        _tell(home, facts | _call(_anchor(batch)), as_json=as_json)
    else:  # its transaction was made before: those bytes go out again, if anything does
        sends = batch.state in (AnchorState.SIGNED, AnchorState.SENT, AnchorState.ORPHANED, AnchorState.INCLUDED)
        transaction = "0x" + batch.transaction.hex() if sends and batch.transaction else None
        _tell(home, facts | {"function": None, "stored_transaction": transaction}, as_json=as_json)


def rehearse_requests(home: Home, unit: UnitOfWork, asked: Asked, *, listed: bool, as_json: bool) -> None:
    """Say what changes of status would send, one call a request."""
    calls = [_request_facts(unit, one) for one in asked.requests]
    if listed and as_json:
        print_json([_document(home, facts) for facts in calls])
        return
    for facts in calls:
        _tell(home, facts, as_json=as_json)
    if not calls:
        note(said("演练：没有要发送的内容", "dry run: there is nothing to send"))


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
        "needs_approval": request.wanted in needs_approval,
        **_call(operation_of(approved)),
    }


def _anchor(batch: Batch) -> AnchorBatch:
    if batch.approval is None or batch.root is None or batch.manifest is None:
        raise NotApproved(batch.id, batch.state)
    asked = AnchorApproval(
        issuer=batch.issuer,
        batch=batch.batch,
        root=batch.root,
        size=batch.size,
        scope=batch.scope,
        evidence=evidence_of(batch.manifest),
        credential_key=batch.credential_key,
        deadline=batch.approval.deadline,
    )
    return AnchorBatch(asked=asked, approval=batch.approval)


def _call(operation: Operation) -> dict[str, Any]:
    from node.client.operations import call_of

    call = call_of(operation)
    root = {"root": b64url(operation.asked.root)} if isinstance(operation, AnchorBatch) else {}
    return {**root, "function": call.function, "gas_limit": call.gas}


def _document(home: Home, facts: dict[str, Any]) -> dict[str, Any]:
    return {"dry_run": True, "contract": str(home.trust_root.contract), **facts}


def _tell(home: Home, facts: dict[str, Any], *, as_json: bool) -> None:
    document = _document(home, facts)
    if as_json:
        print_json(document)
        return
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
    if document["function"] is None and document.get("stored_transaction") is None:
        note(said("演练：没有要发送的内容", "dry run: there is nothing to send"))
        return
    note(said("演练：以上内容没有发送，也没有保存", "dry run: none of this was sent, nothing was kept"))
    if document.get("needs_approval"):
        note(said("发送前须由另一人批准", "a second person must approve it before it is sent"))
