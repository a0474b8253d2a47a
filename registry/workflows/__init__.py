"""One verb, one file: what happens from roster to audit. Takes ports, commits at the boundary."""
