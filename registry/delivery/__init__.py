"""What leaves the house: the bundle, and later the sheet to print. Only after the anchor is final."""

from registry.delivery.bundle import (
    BUNDLE_SUFFIX,
    MAX_BUNDLE,
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
    "MAX_BUNDLE",
    "Bundle",
    "bundle_bytes",
    "delivered_bundle",
    "parse_bundle",
    "parse_document",
    "require_receipt_agrees",
    "require_unaltered",
]
