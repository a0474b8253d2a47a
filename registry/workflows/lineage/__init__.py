"""What took whose place: certificates, and the identities and statements on them."""
