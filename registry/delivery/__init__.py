"""What leaves the house: the bundle and the printed certificate. Only after the anchor is final."""

from registry.delivery.bundle import (
    BUNDLE_SUFFIX,
    CREDENTIAL_NAME,
    MAX_BUNDLE,
    MAX_DOCUMENT,
    Bundle,
    bundle_bytes,
    delivered_bundle,
    parse_bundle,
    parse_document,
    require_receipt_agrees,
    require_unaltered,
)

__all__ = [
    "BUNDLE_SUFFIX",
    "CREDENTIAL_NAME",
    "MAX_BUNDLE",
    "MAX_DOCUMENT",
    "Bundle",
    "bundle_bytes",
    "delivered_bundle",
    "parse_bundle",
    "parse_document",
    "require_receipt_agrees",
    "require_unaltered",
]
