"""Addresses that people give and that are not taken: another site's links, a node's that is none."""

from urllib.parse import urlsplit

from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import IdentifierMalformed


class LinkElsewhere(MalformedInput):
    """A link leads to another host than those that are meant, or is none of ours; it is not fetched."""

    code = "verify/link-elsewhere"

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(f"expected a link {expected}/C/… of this registry")


def require_node_address(url: str) -> None:
    """Check that a node's address has the form of one. Raises IdentifierMalformed."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise IdentifierMalformed("node's address", "one such as http://127.0.0.1:8545")
