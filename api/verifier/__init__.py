"""The door for verifiers: anyone who holds a certificate, a file, or a number and a name."""

from api.verifier.limits import LookupGate, LookupLimits, Network, TooManyKeys, TooManyLookups
from api.verifier.masking import masked
from api.verifier.ports import (
    Doors,
    IssuerContact,
    PublicIssuer,
    PublicScope,
    PublishedDocuments,
    Rechecker,
    SiteHealth,
    SiteKnowledge,
    Verifier,
)
from api.verifier.report import altered, not_found, public_content, report_document, too_large

__all__ = [
    "Doors",
    "IssuerContact",
    "LookupGate",
    "LookupLimits",
    "Network",
    "PublicIssuer",
    "PublicScope",
    "PublishedDocuments",
    "Rechecker",
    "SiteHealth",
    "SiteKnowledge",
    "TooManyKeys",
    "TooManyLookups",
    "Verifier",
    "altered",
    "masked",
    "not_found",
    "public_content",
    "report_document",
    "too_large",
]
