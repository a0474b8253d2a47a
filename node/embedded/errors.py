"""What can go wrong with the embedded chain, below the registry's error tree.

A JSON-RPC answer is another matter: `node.embedded.rpc.RpcError` carries its code, and maps these errors to it.
"""

from typing import ClassVar

from node.embedded.model import Transaction
from registry.kernel.errors import Conflict, IntegrityFault, MalformedInput, Missing, RuleRefusal, Unavailable


class ChainFileMissing(Missing):
    """There is no chain file where one was expected."""

    code: ClassVar[str] = "embedded/file-missing"

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"no chain file at {path}")


class ChainFileExists(Conflict):
    """A new chain was asked for where a file stands already."""

    code: ClassVar[str] = "embedded/file-exists"

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"a chain file already stands at {path}")


class ChainFileBroken(IntegrityFault):
    """The chain file contradicts itself, or is not one of ours."""

    code: ClassVar[str] = "embedded/file-broken"

    def __init__(self, path: str, reason: str) -> None:
        self.path, self.reason = path, reason
        super().__init__(f"chain file {path}: {reason}")


class ChainFileClosed(Unavailable):
    """The chain file or its folder may not be written by this account, which even reading beside a writer needs."""

    code: ClassVar[str] = "embedded/file-closed"

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"chain file {path}: this account may not write in its folder")


class ChainFileUnavailable(Unavailable):
    """The chain file cannot be read or written now, such as on a full disk; what stands in it is as it was."""

    code: ClassVar[str] = "embedded/file-unavailable"

    def __init__(self, path: str, cause: str) -> None:
        self.path, self.cause = path, cause
        super().__init__(f"chain file {path} cannot be read or written now: {cause}")


class ChainLocked(Unavailable):
    """Another process has the chain open for writing."""

    code: ClassVar[str] = "embedded/locked"

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(f"another process writes the chain at {path}; open it read-only or stop that process")


class SealerMismatch(Conflict):
    """The key given is not the key of the chain's one sealer."""

    code: ClassVar[str] = "embedded/sealer-mismatch"

    def __init__(self, expected: str, came: str) -> None:
        self.expected, self.came = expected, came
        super().__init__(f"the chain is sealed by {expected}, the key given belongs to {came}")


class ChainReadOnly(Conflict):
    """The chain was opened for reading, and a write was asked for."""

    code: ClassVar[str] = "embedded/read-only"

    def __init__(self) -> None:
        super().__init__("this chain is open read-only: send to the process that writes it")


class ClockBehindHead(Unavailable):
    """The machine's clock stands before the time of the last block, by more than waiting could mend."""

    code: ClassVar[str] = "embedded/clock-behind"

    def __init__(self, now: int, head_timestamp: int) -> None:
        self.now, self.head_timestamp = now, head_timestamp
        super().__init__(f"the clock says {now}, the last block {head_timestamp}: set the clock, or wait")


class TransactionRefused(RuleRefusal):
    """A signed transaction may not enter the pool; `reason` is worded as geth words it where geth has words."""

    code: ClassVar[str] = "embedded/transaction-refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class TransactionMalformed(MalformedInput):
    """Bytes that are no signed transaction we can run; `reason` is for the sender."""

    code: ClassVar[str] = "embedded/transaction-malformed"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class OffendingTransaction(RuleRefusal):
    """A transaction that keeps a block from being built."""

    code: ClassVar[str] = "embedded/transaction-offends"

    def __init__(self, transaction: Transaction, reason: str) -> None:
        self.transaction, self.reason = transaction, reason
        super().__init__(f"transaction 0x{transaction.hash.hex()}: {reason}")


class BlockUnbuildable(RuleRefusal):
    """All transactions ran, and the block was refused as a whole."""

    code: ClassVar[str] = "embedded/block-unbuildable"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the block does not hold together: {reason}")


class StateMissing(IntegrityFault):
    """A part of the state that a block's root names is not in the file."""

    code: ClassVar[str] = "embedded/state-missing"

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"the chain file lacks a part of its state: {what}")


class BlockNotFound(Missing):
    """No block of this chain is meant by the number or hash given."""

    code: ClassVar[str] = "embedded/block-not-found"

    def __init__(self, which: str) -> None:
        self.which = which
        super().__init__(f"header not found: {which}")


class NotLoopback(RuleRefusal):
    """JSON-RPC without sign-in was to be served beyond this machine."""

    code: ClassVar[str] = "embedded/not-loopback"

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(f"expected a loopback address, got {host[:80]}")
