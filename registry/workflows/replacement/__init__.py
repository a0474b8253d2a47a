"""Corrections and renewals: a certificate gets a successor, and stands until that one is final."""
