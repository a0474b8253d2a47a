"""One verb, one file, a room for each trade: from roster to audit. Takes ports, commits at the boundary."""
