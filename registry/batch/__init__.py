"""A batch: who has which leaf, what evidence stands behind it, and the manifest that binds both.

1. Draw a random permutation: position tells nothing about the roster.
2. Commit to each roster row and each score row with a salt of its own.
3. Roots over the commitments, row i for leaf i (RFC 9162).
4. The manifest names programme version, scope, size and both roots; its SHA-256 is the contract's `evidence`.

Erasing a person deletes row and salt; the commitment stays and means nothing.
"""

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from json.encoder import encode_basestring
from typing import Final

from registry.kernel.encoding import NotCanonical, b64url, canonical_json
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import (
    MAX_BATCH_SIZE,
    BatchId,
    CertificateKey,
    CertificateNumber,
    Digest,
    IssuerCode,
    RootHash,
    ScopeCode,
)

SALT_LENGTH: Final = 32
"""Bytes of salt in a commitment."""
_quoted: Final = encode_basestring
"""Writes a string as RFC 8785 does: the standard library escapes what it escapes, in the same way."""
_ROSTER_TAG = b"vermilion/roster-row/1"
_SCORE_TAG = b"vermilion/score-row/1"


class BatchSizeRefused(RuleRefusal):
    """A batch has no leaf, or more than the contract counts."""

    code = "batch/size"

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(f"a batch has 1 to {MAX_BATCH_SIZE} certificates, not {size}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterRow:
    """What is committed of one holder's enrolment."""

    jti: str
    name: str
    identity_type: str
    identity_number: str
    rule: str
    """The eligibility rule that held."""
    decision: str
    portrait: Digest | None = None
    """SHA-256 of the photograph that was handed in; None = none was, and the row has no such member."""

    def commitment(self, salt: bytes) -> bytes:
        """Compute the 32-byte commitment under a salt of 32 bytes."""
        portrait = "" if self.portrait is None else f',"portrait":"{b64url(self.portrait)}"'
        return _commitment(
            _ROSTER_TAG,
            salt,
            f'{{"decision":{_quoted(self.decision)},"identityNumber":{_quoted(self.identity_number)}'
            f',"identityType":{_quoted(self.identity_type)},"jti":{_quoted(self.jti)},"name":{_quoted(self.name)}'
            f'{portrait},"rule":{_quoted(self.rule)}}}',
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """What is committed of one holder's marks."""

    jti: str
    papers: tuple[tuple[str, int], ...]
    """Key of each paper and its mark in hundredths, in programme order."""
    entered_by: str
    confirmed_by: str

    def commitment(self, salt: bytes) -> bytes:
        """Compute the 32-byte commitment under a salt of 32 bytes."""
        papers = ",".join(
            [f'{{"hundredths":{hundredths:d},"paper":{_quoted(paper)}}}' for paper, hundredths in self.papers]
        )
        return _commitment(
            _SCORE_TAG,
            salt,
            f'{{"confirmedBy":{_quoted(self.confirmed_by)},"enteredBy":{_quoted(self.entered_by)}'
            f',"jti":{_quoted(self.jti)},"papers":[{papers}]}}',
        )


def _commitment(tag: bytes, salt: bytes, row: str) -> bytes:
    """Hash a row that is written as canonical JSON (RFC 8785): members in order, no space between them."""
    try:
        return hashlib.sha256(tag + b"\0" + salt + row.encode()).digest()
    except UnicodeEncodeError as error:
        raise NotCanonical("a lone surrogate") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchManifest:
    """What stands behind a batch; its digest goes on chain as `evidence`."""

    issuer: IssuerCode
    batch: BatchId
    scope: ScopeCode
    size: int
    programme_version: str
    programme_digest: Digest
    roster_root: RootHash
    scores_root: RootHash

    def document(self) -> bytes:
        """Write the canonical bytes (JCS)."""
        return canonical_json(
            {
                "type": "BatchManifest",
                "version": 1,
                "issuer": self.issuer,
                "batch": b64url(self.batch),
                "scope": self.scope,
                "size": self.size,
                "programme": {"version": self.programme_version, "digest": b64url(self.programme_digest)},
                "rosterRoot": b64url(self.roster_root),
                "scoresRoot": b64url(self.scores_root),
            }
        )

    def digest(self) -> Digest:
        """SHA-256 of the canonical bytes."""
        return Digest(hashlib.sha256(self.document()).digest())


def require_size(size: int) -> None:
    """Check that a batch of `size` leaves can be recorded. Raises BatchSizeRefused."""
    if not 1 <= size <= MAX_BATCH_SIZE:
        raise BatchSizeRefused(size)


def draw_indices(size: int, below: Callable[[int], int] = secrets.randbelow) -> list[int]:
    """Draw a random permutation of 0 … size − 1: element k is the leaf index of the k-th candidate (Fisher–Yates)."""
    indices = list(range(size))
    for last in range(size - 1, 0, -1):
        other = below(last + 1)
        indices[last], indices[other] = indices[other], indices[last]
    return indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What one certificate has before it is signed: its numbers, its leaf, its salts. Never given to another."""

    number: CertificateNumber
    revision: int
    key: CertificateKey
    jti: str
    leaf: int
    person: str
    admission: str
    sheet: str
    """The confirmed score sheet that the result was taken from."""
    status_list: int
    status_index: int
    roster_salt: bytes
    score_salt: bytes
