"""The chain: the embedded chain, the client side of any chain, signers."""

import sys

import py_ecc  # noqa: F401 - imported first here, so that the chain's libraries cannot undo what follows

_RECURSION_LIMIT = 20_000
# web3, eth_account, eth_keyfile and py-evm all bring py_ecc, which raises the whole process's limit to 100,000 when it
# is first imported: deeply nested JSON would then overflow the C stack and kill the process instead of raising
# RecursionError. py-evm asks for 12,288 itself, for calls 1,024 deep.
sys.setrecursionlimit(min(sys.getrecursionlimit(), _RECURSION_LIMIT))
