"""A data folder's chain behind real JSON-RPC, sealed by hand, of which blocks can be taken back: a reorganisation."""

import itertools
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.wiring import Home
from node.client.ledger import Web3Ledger
from node.embedded import EmbeddedChain, serve
from node.signer import open_secret

CONFIRMATIONS = 2


class ForkingChain:
    """Seals only when it is told to, and goes back to any block that it was told to remember.

    The file is put back as it lay, so that blocks, receipts, state and what waited are gone as on a chain that took
    another branch; the blocks sealed afterwards are others, with other times. Its readers wait for CONFIRMATIONS.
    """

    def __init__(self, home: Home) -> None:
        self._path = home.path / "chain.db"
        self._key = open_secret(home.keys / "sealer.json", home.passphrase("sealer"))
        self._seconds = itertools.count(int(time.time()) + 1)
        self._trust_root = home.trust_root
        self._remembered = 0
        self._open(0)
        self.seal(CONFIRMATIONS)  # what was read without waiting is final here too

    def _open(self, port: int) -> None:
        self._chain = EmbeddedChain.open(self._path, sealer_key=self._key, clock=lambda: float(next(self._seconds)))
        self._server = serve(self._chain, port=port)
        self.url = self._server.url

    def close(self) -> None:
        self._server.close()
        self._chain.close()

    @contextmanager
    def ledger(self) -> Iterator[Web3Ledger]:
        """Read and write through the node, as on a chain that wants confirmations."""
        ledger = Web3Ledger.over_http(self.url, self._trust_root, confirmations=CONFIRMATIONS)
        try:
            yield ledger
        finally:
            ledger.close()

    def seal(self, blocks: int = 1) -> None:
        """Seal what waits, and as many blocks in all."""
        for _ in range(blocks):
            self._chain.seal_empty()

    @property
    def waiting(self) -> list[bytes]:
        """The bytes of what waits for a block."""
        return [one.raw for one in self._chain.pending()]

    def remember(self) -> Path:
        """Keep the chain as it is now, to go back to."""
        self._remembered += 1
        kept = self._path.with_name(f"chain-{self._remembered}")
        with self._closed():
            kept.mkdir()
            for file in self._files():
                shutil.copy(file, kept / file.name)
        return kept

    def take_back(self, kept: Path) -> None:
        """Go back to a remembered block; the port stays."""
        with self._closed():
            for file in self._files():
                file.unlink()
            for file in kept.iterdir():
                shutil.copy(file, self._path.with_name(file.name))

    @contextmanager
    def _closed(self) -> Iterator[None]:
        port = int(self.url.rpartition(":")[2])
        self.close()
        yield
        self._open(port)

    def _files(self) -> list[Path]:
        return [file for file in self._path.parent.glob("chain.db*") if not file.name.endswith(".lock")]
