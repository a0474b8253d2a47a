"""Approvals that a wallet has signed already, handed in with the typed data that the wallet was shown."""

import re
from typing import Final

from eth_keys.constants import SECPK1_N
from eth_keys.datatypes import Signature
from eth_keys.exceptions import BadSignature
from eth_utils.exceptions import ValidationError

from node.client.operations import signing_hash
from node.signer.documents import require_same
from registry.anchor.operations import Approvable, Approval
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import Address, ContractAddress

_HEXADECIMAL: Final = re.compile(r"(?:0x)?([0-9a-fA-F]{130})")
_ETHEREUM_V: Final = 27
"""What Ethereum adds to the recovery bit; some wallets leave it out."""


class SignatureMalformed(MalformedInput):
    """A text is not an account's signature in the form that the contract takes."""

    code = "signer/signature-malformed"

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(f"not a signature that the contract takes: expected {expected}")


def signature_of(text: str) -> bytes:
    """Read a signature as wallets print it: 65 bytes r ‖ s ‖ v in hex, v 27 or 28 (0 or 1 is brought there), low-S.

    Raises SignatureMalformed.
    """
    match = _HEXADECIMAL.fullmatch(text.strip())
    if match is None:
        raise SignatureMalformed("65 bytes as 0x and 130 hexadecimal digits")
    signature = bytes.fromhex(match[1])
    parity = signature[64] - _ETHEREUM_V if signature[64] >= _ETHEREUM_V else signature[64]
    if parity not in (0, 1):
        raise SignatureMalformed("its last byte v to be 27 or 28, or 0 or 1")
    if int.from_bytes(signature[32:64], "big") > SECPK1_N // 2:
        raise SignatureMalformed("the lower one of the two values of s")
    return signature[:64] + bytes([_ETHEREUM_V + parity])


def approver_by(signature: bytes, asked: Approvable, contract: ContractAddress) -> Address:
    """Recover whose signature over `asked` this is; any 65 bytes lead to some account. Raises SignatureMalformed."""
    try:
        parts = Signature(signature[:64] + bytes([signature[64] - _ETHEREUM_V]))
        signer = parts.recover_public_key_from_msg_hash(signing_hash(asked, contract))
    except (BadSignature, ValidationError) as error:
        raise SignatureMalformed("one that leads to an account") from error
    return Address(signer.to_address())


class WalletSignature:
    """One signature over one document, both made elsewhere (`registry.ports.ApprovalSigner`).

    It approves what the document says and nothing else; whose it is follows from both.
    """

    def __init__(self, signed: Approvable, signature: bytes, contract: ContractAddress) -> None:
        self._signed = signed
        self._signature = signature
        self._address = approver_by(signature, signed, contract)

    @property
    def address(self) -> Address:
        """The account that signed the document; any other document would lead to another account."""
        return self._address

    @property
    def deadline(self) -> int:
        """Until when the document says that it holds; Unix seconds."""
        return self._signed.deadline

    def approve(self, asked: Approvable) -> Approval:
        """Give the signature, if it is over just this. Raises DocumentDiffers."""
        require_same(self._signed, asked)
        return Approval(approver=self._address, deadline=asked.deadline, signature=self._signature)
