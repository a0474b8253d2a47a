"""Verification of many certificates, for accounts."""
