"""Asking about a certificate by its place on the chain alone, for those who checked the document themselves."""

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from registry.kernel.encoding import unb64url
from registry.kernel.identifiers import (
    MAX_BATCH_SIZE,
    BatchId,
    BlockHash,
    ContractAddress,
    IdentifierMalformed,
    KeyThumbprint,
    RootHash,
    TransactionHash,
    issuer_code,
    scope_code,
)
from registry.verification import Claimed, Recorded

_Hash = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$", description="32 bytes as canonical base64url.")
]
_HexHash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
_Seconds = Annotated[int, Field(ge=1, le=253_402_214_400, description="Seconds since 1970, as in the credential.")]
_CONTRACT_CHARACTERS: Final = 100


class AnchorPlace(BaseModel):
    """What the receipt says that the chain holds of the batch; member names as in the receipt."""

    model_config = ConfigDict(extra="forbid")

    merkleRoot: _Hash  # noqa: N815 - the receipt's own name
    treeSize: int = Field(ge=1, le=MAX_BATCH_SIZE)  # noqa: N815
    transaction: _HexHash
    blockNumber: int = Field(ge=0, lt=2**53)  # noqa: N815
    blockHash: _HexHash  # noqa: N815
    blockTime: str = Field(  # noqa: N815
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00$", description="RFC 3339 with +08:00."
    )


class StandingRequest(BaseModel):
    """A certificate's place, scope, key and dates, as its credential states them; nothing of its content."""

    model_config = ConfigDict(extra="forbid")

    iss: str = Field(pattern=r"^https?://[^/\s]{1,200}/issuers/[A-Z0-9-]{2,31}$")
    kid: _Hash
    contract: str = Field(max_length=_CONTRACT_CHARACTERS, description="CAIP-10.")
    genesis: _Hash
    batch: _Hash
    index: int = Field(ge=0, lt=MAX_BATCH_SIZE)
    scope: str = Field(max_length=100, description="PROGRAMME/LEVEL; level `-` where there is none.")
    revision: int = Field(ge=1, lt=2**53)
    nbf: _Seconds
    exp: _Seconds | None = None
    replaces: bool = Field(default=False, description="The credential names another that it replaces.")
    anchor: AnchorPlace


def claimed_from(asked: StandingRequest) -> Claimed:
    """Take the place that is asked about. Raises IdentifierMalformed."""
    base_url, _, code = asked.iss.rpartition("/issuers/")
    anchor = asked.anchor
    return Claimed(
        base_url=base_url,
        issuer=issuer_code(code),
        contract=ContractAddress.parse(asked.contract),
        genesis=BlockHash(unb64url(asked.genesis)),
        batch=BatchId(unb64url(asked.batch)),
        index=asked.index,
        scope=scope_code(asked.scope),
        revision=asked.revision,
        signer=KeyThumbprint(unb64url(asked.kid)),
        valid_from=datetime.fromtimestamp(asked.nbf, UTC),
        valid_until=None if asked.exp is None else datetime.fromtimestamp(asked.exp, UTC),
        recorded=Recorded(
            root=RootHash(unb64url(anchor.merkleRoot)),
            size=anchor.treeSize,
            transaction=TransactionHash(bytes.fromhex(anchor.transaction[2:])),
            block_number=anchor.blockNumber,
            block_hash=BlockHash(bytes.fromhex(anchor.blockHash[2:])),
            block_time=_time(anchor.blockTime),
        ),
        has_key=True,
        replaces=asked.replaces,
    )


def _time(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise IdentifierMalformed("blockTime", "a time of the calendar") from error
