"""Which openings of a link are counted: a person's, and of one viewer at most one an hour.

Nothing is put into the reader's browser and nothing about him is kept: what tells viewers apart is an HMAC of address
and browser under a key that this process drew, in memory alone, for an hour. Who opens a link again an hour later is
counted again, and several people behind one address may be counted once: the count is a lower bound of the openings.
"""

import hmac
import re
import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from fastapi import Request

from api.sign_in.session import is_unattended
from api.verifier.router import source_of

ONCE_IN: Final = timedelta(hours=1)
_MOST: Final = 50_000
"""Viewers remembered; the earliest is forgotten first, and would be counted again."""
_ROBOTS: Final = re.compile(r"bot\b|bot/|crawl|spider|preview|externalhit|slurp|fetcher", re.IGNORECASE)
"""How programs name themselves that open links for search engines and for pictures of links in messages."""
_READING_AHEAD: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
"""Headers in which browsers say that nobody has opened the page yet."""


class Openings:
    """Remembers for an hour who opened what. Safe to use from several threads."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._seen: OrderedDict[bytes, datetime] = OrderedDict()
        self._lock = Lock()

    def is_new(self, request: Request, share: str, at: datetime) -> bool:
        """Tell whether a request is an opening to be counted, and remember it; `share` is the link's id."""
        if not _is_by_hand(request):
            return False
        said = "\0".join((share, source_of(request), request.headers.get("User-Agent", "")))
        viewer = hmac.digest(self._key, said.encode("utf-8", "replace"), "sha256")
        with self._lock:
            while self._seen and next(iter(self._seen.values())) <= at - ONCE_IN:
                self._seen.popitem(last=False)
            if viewer in self._seen:
                return False
            self._seen[viewer] = at
            if len(self._seen) > _MOST:
                self._seen.popitem(last=False)
            return True


def _is_by_hand(request: Request) -> bool:
    headers = request.headers
    if (
        request.method == "HEAD"
        or is_unattended(request)
        or any("pre" in headers.get(name, "").lower() for name in _READING_AHEAD)
    ):
        return False
    # Browsers say it on https; where nothing is said, the program's own name has to do.
    is_page = headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    return is_page and not _ROBOTS.search(headers.get("User-Agent", ""))
