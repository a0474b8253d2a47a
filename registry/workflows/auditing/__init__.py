"""Everything recomputed from what is kept and from what the chain says, each difference named."""
