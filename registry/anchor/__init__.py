"""Where a batch stands on its way to the chain, and what the chain says: states, events, receipts."""
