"""Verification receipts: a verdict that is kept, signed by the site that gave it, to be checked again years later.

A receipt says what was asked, the five answers, as of which block of which chain, for what purpose as the asker put it,
and where the certificate stands on the chain, so that the chain alone can be asked again
(`registry.verification.rechecking`).

It holds nothing about the holder: no name, no identity number, no result, and no certificate key, which would open the
certificate to every reader of the receipt. Number and digest say which certificate it was. A number that was not found
stands there as it was asked, else the receipt would say nothing; the name that went with it never does.
"""

from registry.verification.receipts.model import (
    MAX_PURPOSE,
    RECEIPT_NAME,
    Asked,
    AskedBy,
    ChainNamed,
    NoReceiptKey,
    Notary,
    PurposeRefused,
    ReceiptAnswer,
    VerificationReceipt,
    asked_document,
    asked_key,
    asked_link,
    asked_number,
    purpose_of,
)
from registry.verification.receipts.reading import parse_verification_receipt, report_of
from registry.verification.receipts.writing import bulk_receipt, freshness_of, oldest, verification_receipt

__all__ = [
    "MAX_PURPOSE",
    "RECEIPT_NAME",
    "Asked",
    "AskedBy",
    "ChainNamed",
    "NoReceiptKey",
    "Notary",
    "PurposeRefused",
    "ReceiptAnswer",
    "VerificationReceipt",
    "asked_document",
    "asked_key",
    "asked_link",
    "asked_number",
    "bulk_receipt",
    "freshness_of",
    "oldest",
    "parse_verification_receipt",
    "purpose_of",
    "report_of",
    "verification_receipt",
]
