"""The bundle: credential, anchor receipt and public key in one file, all that is needed to verify beside the chain.

Canonical JSON (RFC 8785) of `{"anchor","credential","key"}`. A presentation without receipt is a document of ours too.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from registry.anchor.receipt import MAX_RECEIPT, AnchorReceipt, receipt_from_json
from registry.credential import (
    Altered,
    IssuedCredential,
    Presentation,
    Unreadable,
    parse,
    public_presentation,
    verify_signature,
)
from registry.credential.v1 import MAX_PRESENTATION
from registry.kernel.encoding import (
    JsonObject,
    JsonRefused,
    JsonValue,
    NotJson,
    NotUtf8,
    TrailingText,
    canonical_json,
    parse_json,
)
from registry.kernel.merkle import ProofMalformed, ProofMismatch, require_included
from registry.kernel.signing import KeyMalformed, PublicKey

if TYPE_CHECKING:
    from registry.delivery.copies import HolderCopy

MAX_BUNDLE: Final = MAX_PRESENTATION + MAX_RECEIPT + 1024
"""Bytes; what is larger is not looked into."""
BUNDLE_SUFFIX: Final = ".bundle.json"
CREDENTIAL_NAME: Final = "credential.sd-jwt"
"""Name under which a PDF has the presentation attached, beside the bundle."""
PDF_MARK: Final = b"%PDF-"
MAX_DOCUMENT: Final = 1024 * 1024
"""Bytes of the largest file that is looked into, which is a PDF."""
_MEMBERS: Final = frozenset({"anchor", "credential", "key"})
_MAX_DEPTH: Final = 6


class NotADocument(Unreadable):
    """The bytes are neither a bundle nor a presentation."""

    code = "document/not-ours"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a document of ours: {reason}")


class Oversized(Unreadable):
    """The file is larger than any document of ours."""

    code = "document/oversized"

    def __init__(self, actual: int) -> None:
        self.actual = actual
        super().__init__(f"expected at most {MAX_BUNDLE} bytes, got {actual}")


class BundleMembers(Altered):
    """A member of the bundle is missing, of another type, or there is one too many."""

    code = "bundle/members"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"bundle: expected exactly credential, anchor and key, not so: {member[:40]!a}")


class BundleNotCanonical(Altered):
    """The bundle is another spelling than its RFC 8785 form, or breaks the rules of strict JSON."""

    code = "bundle/not-canonical"

    def __init__(self) -> None:
        super().__init__("bundle: expected canonical JSON (RFC 8785)")


class BundleTrailingBytes(Altered):
    """Something follows the bundle."""

    code = "bundle/trailing-bytes"

    def __init__(self) -> None:
        super().__init__("bundle: expected nothing after its end")


class BundleCredentialUnreadable(Altered):
    """The credential inside the bundle is not one of ours."""

    code = "bundle/credential"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"bundle credential: {reason}")


class BundleKeyRefused(Altered):
    """The key inside the bundle is no P-256 JWK, or not the one that the credential names."""

    code = "bundle/key"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"bundle key: {reason}")


class ReceiptDisagrees(Altered):
    """A member of the receipt is not what the credential says."""

    code = "bundle/receipt-disagrees"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"receipt {member}: expected what the credential says")


class ReceiptProofWrong(Altered):
    """The receipt's path does not lead from the credential to the receipt's root."""

    code = "bundle/receipt-proof"

    def __init__(self) -> None:
        super().__init__("receipt inclusionProof: expected a path from this credential to merkleRoot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A credential with its anchor receipt and the key that signed it."""

    credential: Presentation
    anchor: AnchorReceipt
    key: PublicKey


def bundle_bytes(credential: str, anchor: AnchorReceipt, key: PublicKey) -> bytes:
    """Write a bundle as canonical JSON; `credential` is a presentation as text."""
    jwk: JsonObject = dict(key.jwk())
    return canonical_json({"credential": credential, "anchor": anchor.to_json(), "key": jwk})


def delivered_bundle(credential: IssuedCredential | Presentation, anchor: AnchorReceipt, key: PublicKey) -> bytes:
    """Write the bundle that is delivered: with the public presentation."""
    return bundle_bytes(public_presentation(credential), anchor, key)


def parse_document(data: bytes) -> "Bundle | HolderCopy | Presentation":
    """Read what somebody handed in: a bundle, a copy of one, a bare presentation, or a PDF with them.

    Raises an Unreadable or an Altered.

    Signature, receipt and path are compared by `require_unaltered`. Of a PDF the attached credential is read, never the
    drawn page.
    """
    return _parse_attached(data) if data.startswith(PDF_MARK) else _parse_plain(data)


def _parse_plain(data: bytes) -> "Bundle | HolderCopy | Presentation":
    from registry.delivery.copies import is_copy, read_copy  # noqa: PLC0415 - a copy holds a bundle, read here

    if is_copy(data):
        return read_copy(data)
    if len(data) > MAX_BUNDLE:
        raise Oversized(len(data))
    return parse_bundle(data) if data[:1] == b"{" else parse(data)


def _parse_attached(data: bytes) -> "Bundle | HolderCopy | Presentation":
    from registry.delivery.attachments import (  # noqa: PLC0415 - most who read bundles never pay for the PDF library
        AttachmentDamaged,
        attached_document,
    )

    document = attached_document(data)
    try:
        # A PDF inside a PDF is none of ours.
        return _parse_plain(document)
    except Unreadable as error:
        # It bears our file's name: something was done to it.
        raise AttachmentDamaged(CREDENTIAL_NAME, str(error)) from error


def parse_bundle(data: bytes) -> Bundle:
    """Read a bundle: exact canonical JSON and each member by its own rules. Raises an Unreadable or an Altered."""
    members = _members(data)
    for name in sorted(_MEMBERS ^ members.keys()):
        raise BundleMembers(name)
    if canonical_json(members) != data:
        raise BundleNotCanonical
    text = members["credential"]
    if not isinstance(text, str):
        raise BundleMembers("credential")
    try:
        credential = parse(text)
    except Unreadable as error:
        raise BundleCredentialUnreadable(str(error)) from error
    try:
        key = PublicKey.from_jwk(members["key"])
    except KeyMalformed as error:
        raise BundleKeyRefused(error.reason) from error
    return Bundle(credential=credential, anchor=receipt_from_json(members["anchor"]), key=key)


def require_unaltered(bundle: Bundle) -> None:
    """Check all that a bundle says of itself, without a ledger. Raises an Altered.

    The key is the one that the credential names and its signature is good; the receipt is about this credential and its
    path leads from it to its root. Whether the chain holds that root is another question.
    """
    credential = bundle.credential
    if bundle.key.thumbprint() != credential.signer:
        raise BundleKeyRefused("expected the key whose thumbprint the credential names")
    verify_signature(credential, bundle.key)
    require_receipt_agrees(credential, bundle.anchor)


def require_receipt_agrees(credential: Presentation, receipt: AnchorReceipt) -> None:
    """Check that a receipt is about this credential and proves it. Raises ReceiptDisagrees, ReceiptProofWrong."""
    terms, entry = credential.terms, credential.entry
    for member, said, expected in (
        ("licenseNumber", receipt.license_number, entry.license_number),
        ("revision", receipt.revision, entry.revision),
        ("digest", receipt.digest, credential.digest),
        ("issuer", receipt.issuer, terms.issuer),
        ("contract", receipt.contract, terms.contract),
        ("genesis", receipt.genesis, terms.genesis),
        ("batch", receipt.batch, terms.batch),
        ("index", receipt.proof.index, entry.index),
    ):
        if said != expected:
            raise ReceiptDisagrees(member)
    try:
        require_included(credential.leaf, receipt.proof, receipt.merkle_root)
    except (ProofMalformed, ProofMismatch) as error:
        raise ReceiptProofWrong from error


def _members(data: bytes) -> JsonObject:
    if len(data) > MAX_BUNDLE:
        raise Oversized(len(data))
    try:
        value: JsonValue = parse_json(data, max_depth=_MAX_DEPTH)
    except (NotUtf8, NotJson) as error:
        raise NotADocument("no JSON") from error
    except JsonRefused as error:
        # Well-formed and not strict: ours with something done to it, if it speaks of a credential at all.
        if b'"credential"' not in data:
            raise NotADocument("no strict JSON") from error
        raise (BundleTrailingBytes if isinstance(error, TrailingText) else BundleNotCanonical)() from error
    # Two of the three names: one byte changed in one of them makes no stranger of it.
    if not isinstance(value, dict) or len(_MEMBERS & value.keys()) < 2:
        raise NotADocument("no members of a bundle")
    return value
