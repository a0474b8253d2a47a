"""Addresses that people give: the link in a QR code (`https://HOST/C/KEY`, in any letter case), a node's."""

import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import CertificateKey, IdentifierMalformed

_LINK: Final = re.compile(r"(https?://[^/?#]+)/c/([a-z2-7]{26})/?", re.IGNORECASE)


class LinkElsewhere(MalformedInput):
    """A link leads to another host than those that are meant, or is none of ours; it is not fetched."""

    code = "verify/link-elsewhere"

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(f"expected a link {expected}/C/… of this registry")


class CertificateLink(NamedTuple):
    """A link taken apart."""

    site: str
    """Scheme and host in lower case."""
    key: CertificateKey


def certificate_link(text: str) -> CertificateLink | None:
    """Take a link apart; None = it is none of ours."""
    found = _LINK.fullmatch(text.strip())
    return None if found is None else CertificateLink(found[1].lower(), CertificateKey(found[2].upper()))


def require_node_address(url: str) -> None:
    """Check that a node's address has the form of one. Raises IdentifierMalformed."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise IdentifierMalformed("node's address", "one such as http://127.0.0.1:8545")
