"""The trade: programmes to audit, as values, rules and workflows. Knows no HTTP and no chain library."""
