"""The console of the issuing body."""
