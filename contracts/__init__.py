"""The on-chain half: Vyper sources, committed artefacts and typed access to them."""

from contracts.codes import (
    DELAYED_KINDS,
    BatchFlag,
    DigestKind,
    FaultCode,
    IssuerState,
    KeyKind,
    Kind,
    Op,
    Outcome,
    Reason,
    Recorded,
    Status,
)
from contracts.faults import Bilingual, Fault, faults
from contracts.loading import TARGETS, Artefact, Target, artefact
from contracts.records import RECORDS
from contracts.typed_data import (
    DOMAIN_FIELDS,
    DOMAIN_NAME,
    DOMAIN_VERSION,
    LONGEST_APPROVAL,
    TYPE_FIELDS,
    type_string,
    typed_data,
)

__all__ = [
    "DELAYED_KINDS",
    "DOMAIN_FIELDS",
    "DOMAIN_NAME",
    "DOMAIN_VERSION",
    "LONGEST_APPROVAL",
    "RECORDS",
    "TARGETS",
    "TYPE_FIELDS",
    "Artefact",
    "BatchFlag",
    "Bilingual",
    "DigestKind",
    "Fault",
    "FaultCode",
    "IssuerState",
    "KeyKind",
    "Kind",
    "Op",
    "Outcome",
    "Reason",
    "Recorded",
    "Status",
    "Target",
    "artefact",
    "faults",
    "type_string",
    "typed_data",
]
