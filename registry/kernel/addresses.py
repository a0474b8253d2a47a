"""Addresses of ours, on paper and in messages: how they are written, and how they are read.

`https://HOST/C/KEY` opens a certificate, `https://HOST/share/TOKEN` what its holder shows. On paper they stand in
capitals, which a QR code holds in 5.5 bits a character; they are read in any letter case, and with the language that
pages put before the path.
"""

import re
from typing import Final, NamedTuple

from registry.kernel.identifiers import CertificateKey, IdentifierMalformed, certificate_key

_LINK: Final = re.compile(r"(https?://[^/?#\s]+)/(?:(?:zh|en)/)?c/([a-z2-7]{26})/?", re.IGNORECASE)


class CertificateLink(NamedTuple):
    """A link to a certificate, taken apart."""

    site: str
    """Scheme and host in lower case."""
    key: CertificateKey


def certificate_address(base_url: str, key: CertificateKey) -> str:
    """Write the address of a certificate in capitals."""
    return f"{base_url}/C/{key}".upper()


def share_address(base_url: str, token: str) -> str:
    """Write the address of what a holder shows in capitals; `token` has 26 base32 characters."""
    return f"{base_url}/share/{token}".upper()


def certificate_link(text: str) -> CertificateLink | None:
    """Take a link to a certificate apart; None = it is none of ours."""
    found = _LINK.fullmatch(text.strip())
    return None if found is None else CertificateLink(found[1].lower(), CertificateKey(found[2].upper()))


def bare_key(text: str) -> CertificateKey | None:
    """Take the 26 characters at the end of such a link, given alone; None = the text is something else."""
    try:
        return certificate_key(text)
    except IdentifierMalformed:
        return None
