"""The client side of any chain with our contract on it: send, wait for finality, read events. Speaks JSON-RPC through web3."""
