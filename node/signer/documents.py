"""Typed-data documents (EIP-712), as wallets and signers exchange them: written for what is to be approved, and read.

What is read becomes our own value first, and that value is what is shown, compared and signed: never the text.
"""

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from contracts import TYPE_FIELDS
from contracts import typed_data as document_of
from node.client.operations import structure, typed_data
from node.signer.account import PolicyRefusal
from registry.anchor.operations import (
    AnchorApproval,
    Approvable,
    ApproverKeyApproval,
    BatchReinstatementApproval,
    ReinstatementApproval,
    RevocationApproval,
    SupersessionApproval,
)
from registry.kernel.errors import Conflict, MalformedInput
from registry.kernel.identifiers import ContractAddress, IdentifierMalformed, address, issuer_code, scope_code

LARGEST_DOCUMENT: Final = 1 << 20
"""Bytes; the largest structure that the contract takes has some 20 KB."""
_LONGEST_LIST: Final = 128
"""Of words, indices or batches in one call."""
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,77}")
_HEXADECIMAL: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_WORD: Final = re.compile(r"0x[0-9a-fA-F]{64}")
_PARTS: Final = ("types", "primaryType", "domain", "message")
_KINDS: Final[Mapping[str, type[Approvable]]] = MappingProxyType(
    {
        "Anchor": AnchorApproval,
        "Revoke": RevocationApproval,
        "Reinstate": ReinstatementApproval,
        "Supersede": SupersessionApproval,
        "ReinstateBatch": BatchReinstatementApproval,
        "ApproverKey": ApproverKeyApproval,
    }
)
_OUR_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "batchId": "batch",
        "credentialKey": "credential_key",
        "statusNonce": "status_nonce",
        "targetContract": "target_contract",
        "targetIssuer": "target_issuer",
        "newBatchId": "new_batch",
        "newIndices": "new_indices",
        "batchIds": "batches",
        "statusNonces": "status_nonces",
        "from": "valid_from",
    }
)
"""Members of the structures that our own values call otherwise."""


class DocumentMalformed(MalformedInput):
    """A document is not the typed data of a structure that approvers sign."""

    code = "signer/document-malformed"

    def __init__(self, member: str, expected: str) -> None:
        self.member, self.expected = member, expected
        super().__init__(f"typed data: {member}: expected {expected}")


class DocumentDiffers(Conflict):
    """A document asks for something else than what is to be approved."""

    code = "signer/document-differs"

    def __init__(self, member: str, ours: str, theirs: str) -> None:
        self.member, self.ours, self.theirs = member, ours, theirs
        super().__init__(f"the document's {member} is {theirs[:80]}, and what is to be approved has {ours[:80]}")


def document_bytes(asked: Approvable, contract: ContractAddress) -> bytes:
    """Write that document as a file: UTF-8 JSON."""
    return json.dumps(typed_data(asked, contract), ensure_ascii=False, indent=2).encode() + b"\n"


def read_document(document: object, contract: ContractAddress) -> Approvable:
    """Read a document for `contract` back, whoever wrote it.

    1. It has the parts of typed data, and names a structure that approvers sign.
    2. Its domain is the contract's.
    3. Each member has the form of its type, and there is no other; numbers may be text, decimal or 0x-hex.
    4. Its types are the structure's, so that any wallet hashes what we hash.
    Raises DocumentMalformed, PolicyRefusal.
    """
    # 1
    parts = _members(document, "document", _PARTS)
    kind = parts["primaryType"]
    if not isinstance(kind, str) or kind not in _KINDS:
        raise PolicyRefusal("structures", ", ".join(_KINDS), str(kind)[:40])
    # 2
    ours = document_of(primary_type=kind, message={}, chain_id=contract.chain_id, contract=contract.address)
    _require_domain(parts["domain"], ours["domain"], contract)
    # 3
    message = _members(parts["message"], "message", tuple(name for name, _ in TYPE_FIELDS[kind]))
    values: dict[str, Any] = {
        _OUR_NAMES.get(name, name): _value(type_, message[name], name) for name, type_ in TYPE_FIELDS[kind]
    }
    # 4
    if parts["types"] != ours["types"]:
        raise DocumentMalformed("types", f"those of {kind}, with EIP712Domain")
    return _KINDS[kind](**values)


def require_same(signed: Approvable, asked: Approvable) -> None:
    """Check that what was signed is what is to be approved. Raises DocumentDiffers, which names the member."""
    (their_kind, theirs), (our_kind, ours) = structure(signed), structure(asked)
    if their_kind != our_kind:
        raise DocumentDiffers("primaryType", our_kind, their_kind)
    for name, value in ours.items():
        if theirs[name] != value:
            raise DocumentDiffers(name, _shown(value), _shown(theirs[name]))


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return ", ".join(_shown(element) for element in value) if isinstance(value, tuple) else str(value)


def _members(value: object, what: str, names: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, dict) or set(value) != set(names):
        raise DocumentMalformed(what, f"the members {', '.join(names)}, and no other")
    return value


def _require_domain(domain: object, ours: dict[str, Any], contract: ContractAddress) -> None:
    given = _members(domain, "domain", tuple(ours))
    chain, verifying = _number(given["chainId"], "chainId"), _account(given["verifyingContract"], "verifyingContract")
    if (chain, verifying) != (contract.chain_id, contract.address):
        raise PolicyRefusal("contract", str(contract), f"eip155:{chain}:{verifying}")
    for name in ("name", "version"):
        if given[name] != ours[name]:
            raise PolicyRefusal(f"domain {name}", ours[name], str(given[name])[:40])


def _value(type_: str, value: object, name: str) -> object:
    if not type_.endswith("[]"):
        return _READERS[type_](value, name)
    if not isinstance(value, list) or len(value) > _LONGEST_LIST:
        raise DocumentMalformed(name, f"a list of at most {_LONGEST_LIST}")
    return tuple(_READERS[type_[:-2]](element, name) for element in value)


def _number(value: object, name: str) -> int:
    if isinstance(value, str):
        if _DECIMAL.fullmatch(value):
            value = int(value)
        elif _HEXADECIMAL.fullmatch(value):
            value = int(value, 16)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 256:
        raise DocumentMalformed(name, "a number of 256 bits")
    return value


def _word(value: object, name: str) -> bytes:
    if not isinstance(value, str) or not _WORD.fullmatch(value):
        raise DocumentMalformed(name, "0x and 64 hexadecimal digits")
    return bytes.fromhex(value[2:])


def _account(value: object, name: str) -> str:
    try:
        return address(value if isinstance(value, str) else "")
    except IdentifierMalformed as error:
        raise DocumentMalformed(name, error.expected) from error


def _code(value: object, name: str) -> str:
    try:
        return (scope_code if name == "scope" else issuer_code)(value if isinstance(value, str) else "")
    except IdentifierMalformed as error:
        raise DocumentMalformed(name, error.expected) from error


_READERS: Final[Mapping[str, Callable[[object, str], Any]]] = MappingProxyType(
    {"string": _code, "bytes32": _word, "uint256": _number, "address": _account}
)
