"""What a verdict is given on: a document with what came beside it, what is known of the chain, and the clock."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from registry.anchor.receipt import AnchorReceipt
from registry.credential import Presentation
from registry.delivery.bundle import parse_document
from registry.delivery.copies import CopyStatement, HolderCopy
from registry.kernel.signing import PublicKey
from registry.verification.knowledge import Knowledge

DEFAULT_MAX_AGE: Final = timedelta(seconds=60)
"""How old knowledge may be on line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """What is judged: a credential with whatever came or is kept beside it."""

    credential: Presentation
    receipt: AnchorReceipt | None
    key: PublicKey | None
    awaits_chain: bool = False
    """We keep this credential ourselves and know that its batch is on its way to the chain."""
    copy: CopyStatement | None = None
    """For whom, for what and until when the holder shows it, where it is a copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """Beside what a document is judged."""

    knowledge: Knowledge | None
    """None = nothing is known of the chain."""
    now: datetime
    max_age: timedelta = DEFAULT_MAX_AGE
    as_of: datetime | None = None
    """A past moment to judge for; None = now."""
    cause: str | None = None
    """Slug of why there is no fresher knowledge, such as `node-unreachable`."""
    test_chain: int | None = None
    """Id of the chain where it is a test chain: every verdict on a certificate says so then, whatever else is known."""


def read_submission(data: bytes) -> Submission:
    """Read what somebody handed in. Raises Unreadable or Altered."""
    document = parse_document(data)
    if isinstance(document, Presentation):
        return Submission(credential=document, receipt=None, key=None)
    copy = document.copy if isinstance(document, HolderCopy) else None
    bundle = document.bundle if isinstance(document, HolderCopy) else document
    return Submission(credential=bundle.credential, receipt=bundle.anchor, key=bundle.key, copy=copy)
