"""Gas of every operation of issue and status, from receipts on the embedded chain's rules (Prague, zero fee)."""
