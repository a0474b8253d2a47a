"""The chain: the embedded chain, the client side of any chain, signers."""
