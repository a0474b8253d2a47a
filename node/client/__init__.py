"""The client side of any chain with our contract on it: send, wait for finality, read events; JSON-RPC through web3.

`node.client.ledger` is the door. Importing web3 takes a second, so nothing is named here that needs it.
"""
