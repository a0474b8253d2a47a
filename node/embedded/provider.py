"""web3 over the chain in this process: the same bytes as over HTTP, without the socket.

Stands apart from the package's public names because importing web3 takes a second.
"""

from typing import cast

from web3.providers import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from node.embedded.rpc import Rpc


class EmbeddedProvider(JSONBaseProvider):
    """A web3 provider that asks `Rpc` directly; requests and answers go through the same JSON as over HTTP."""

    def __init__(self, rpc: Rpc) -> None:
        super().__init__()
        self._rpc = rpc

    def make_request(self, method: RPCEndpoint, params: object) -> RPCResponse:
        """Answer one request of web3."""
        return self.decode_rpc_response(self._rpc.answer(self.encode_rpc_request(method, params)))

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, object]]) -> list[RPCResponse] | RPCResponse:
        """Answer several requests of web3."""
        answered = self._rpc.answer(self.encode_batch_rpc_request(requests))
        return cast("list[RPCResponse] | RPCResponse", self.decode_rpc_response(answered))
