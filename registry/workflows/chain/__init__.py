"""To the chain and back: one sender, transactions kept before they are sent, records followed, halts."""
