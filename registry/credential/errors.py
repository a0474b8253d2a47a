"""Why a document that was handed in is refused.

Unreadable   not a document of ours at all: other bytes, another kind of file, somebody else's credential
Altered      a document of ours that is not as it was issued: question 1 of the verdict fails

Every class below stands for one case of "must be refused" and says so in its `code`; `member` or `part` says where.
Messages hold no disclosed value: they reach logs and pages.
"""

from registry.kernel.errors import MalformedInput, RuleRefusal


class Unreadable(MalformedInput):
    """What came is not a document of ours: nothing can be said about it."""

    code = "document/unreadable"


class Altered(RuleRefusal):
    """What came is a document of ours and not as it was issued."""

    code = "document/altered"


class ClaimRefused(RuleRefusal):
    """A value may not stand in a credential; raised before signing, so nothing was issued."""

    code = "credential/claim"

    def __init__(self, member: str, reason: str) -> None:
        self.member, self.reason = member, reason
        super().__init__(f"{member}: {reason}")


class NotACredential(Unreadable):
    """The text has not the shape of an SD-JWT."""

    code = "credential/not-a-credential"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a credential: {reason}")


class ForeignCredential(Unreadable):
    """An SD-JWT of another kind than the certificates of this registry."""

    code = "credential/foreign"

    def __init__(self) -> None:
        super().__init__("a credential, but no occupational skill certificate of format 1")


class OverCap(Altered):
    """A part is larger, or there are more of them, than the format allows."""

    code = "credential/over-cap"

    def __init__(self, part: str, limit: int, actual: int) -> None:
        self.part, self.limit, self.actual = part, limit, actual
        super().__init__(f"{part}: expected at most {limit}, got {actual}")


class WrongEnd(Altered):
    """The presentation does not end with a tilde: something is missing or was added."""

    code = "credential/end"

    def __init__(self) -> None:
        super().__init__("expected a tilde after the JWT and each disclosure, and nothing after the last")


class KeyBindingRefused(Altered):
    """A key-binding JWT follows; format 1 knows none."""

    code = "credential/key-binding"

    def __init__(self) -> None:
        super().__init__("expected no key-binding JWT, got one")


class PartRefused(Altered):
    """A part is not written in the one way that the format allows."""

    code = "credential/part"

    def __init__(self, part: str) -> None:
        self.part = part
        super().__init__(f"{part}: {self.__doc__}")


class NotBase64url(PartRefused):
    """Not canonical base64url without padding."""

    code = "credential/base64url"


class NotUtf8(PartRefused):
    """Not UTF-8."""

    code = "credential/not-utf-8"


class NotJson(PartRefused):
    """Not JSON."""

    code = "credential/not-json"


class TrailingText(PartRefused):
    """Something follows the JSON value."""

    code = "credential/trailing-text"


class DuplicateMember(PartRefused):
    """A JSON object names a member twice."""

    code = "credential/duplicate-member"


class NumberRefused(PartRefused):
    """A number is not an integer below 2^53."""

    code = "credential/number"


class LoneSurrogate(PartRefused):
    """A string holds a lone surrogate."""

    code = "credential/lone-surrogate"


class TooDeep(PartRefused):
    """Nested deeper than six levels."""

    code = "credential/too-deep"


class WhiteSpace(PartRefused):
    """White space between JSON tokens."""

    code = "credential/white-space"


class AlgorithmRefused(Altered):
    """The header names no algorithm or another one than ES256."""

    code = "credential/algorithm"

    def __init__(self) -> None:
        super().__init__("expected the algorithm ES256 in the header")


class WrongType(Altered):
    """The header's typ is not `dc+sd-jwt`."""

    code = "credential/wrong-typ"

    def __init__(self) -> None:
        super().__init__("expected typ dc+sd-jwt in the header")


class WrongCredentialType(Altered):
    """The vct is not the one of the issuer's own origin."""

    code = "credential/wrong-vct"

    def __init__(self) -> None:
        super().__init__("expected the vct of the origin that iss names")


class HeaderMembers(Altered):
    """The header has more, fewer or otherwise written members than `alg`, `typ`, `kid`."""

    code = "credential/header"

    def __init__(self) -> None:
        super().__init__('expected the header {"alg":"ES256","typ":"dc+sd-jwt","kid":…} and nothing else')


class SignatureMalformed(Altered):
    """The signature is not 64 bytes r ‖ s in range."""

    code = "credential/signature-malformed"

    def __init__(self) -> None:
        super().__init__("expected a signature of 64 bytes with r and s in range")


class HighSignature(Altered):
    """The signature is spelled with the higher s: it would verify, and be another document."""

    code = "credential/high-s"

    def __init__(self) -> None:
        super().__init__("expected the lower s of the signature, got the higher")


class SignatureWrong(Altered):
    """The signature was not made over these bytes by the key that the header names."""

    code = "credential/signature"

    def __init__(self) -> None:
        super().__init__("the signature does not fit these bytes and the key")


class WrongKey(Altered):
    """The key at hand is not the one that the header names."""

    code = "credential/wrong-key"

    def __init__(self) -> None:
        super().__init__("expected the key whose thumbprint the header names")


class DigestsMalformed(Altered):
    """`_sd`, `_sd_alg` or the elements of `result` are not as the format demands."""

    code = "credential/digests"

    def __init__(self, member: str, reason: str) -> None:
        self.member, self.reason = member, reason
        super().__init__(f"{member}: {reason}")


class DigestRepeated(Altered):
    """The payload names a digest twice."""

    code = "credential/digest-repeated"

    def __init__(self) -> None:
        super().__init__("expected each digest once in the payload")


class DisclosureRefused(Altered):
    """A disclosure does not belong to this credential."""

    code = "credential/disclosure"

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__(f"disclosure {position}: {self.__doc__}")


class DisclosureMalformed(DisclosureRefused):
    """Not `[salt, name, value]` or `[salt, value]` with a salt of 16 bytes."""

    code = "credential/disclosure-malformed"


class DisclosureUndigested(DisclosureRefused):
    """Its digest is not in the signed payload."""

    code = "credential/disclosure-undigested"


class DisclosureRepeated(DisclosureRefused):
    """It, or another one of the same member, was disclosed before."""

    code = "credential/disclosure-repeated"


class DisclosureReserved(DisclosureRefused):
    """It is called `_sd` or `...`."""

    code = "credential/disclosure-reserved"


class DisclosureOverrides(DisclosureRefused):
    """It is called like a member that stands visible in the payload or is registered for JWTs."""

    code = "credential/disclosure-overrides"


class DisclosureUnknown(DisclosureRefused):
    """It is called like no member of the format."""

    code = "credential/disclosure-unknown"


class DisclosureMisplaced(DisclosureRefused):
    """An array element stands where a member is digested, or a member where an element is."""

    code = "credential/disclosure-misplaced"


class MemberMissing(Altered):
    """A member that the format demands is absent."""

    code = "credential/member-missing"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"expected the member {member}")


class MemberUnknown(Altered):
    """A member stands where the format has none."""

    code = "credential/member-unknown"

    def __init__(self, member: str) -> None:
        self.member = member
        super().__init__(f"expected no member {member[:80]!a}")


class MemberRefused(Altered):
    """A member's value is not one that the format allows."""

    code = "credential/member"

    def __init__(self, member: str, reason: str) -> None:
        self.member, self.reason = member, reason
        super().__init__(f"{member}: {reason}")


class MaskDisagrees(Altered):
    """Identity number and mask, shown together, do not belong together."""

    code = "credential/mask"

    def __init__(self) -> None:
        super().__init__("expected the masked identity number to be the mask of the number shown beside it")
