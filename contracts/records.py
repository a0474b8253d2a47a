"""How an event becomes the record of the history log that it announces.

A record is 32-byte words: `op`, `sender`, `timestamp`, then the operation's own words. `sender` is the event's `by`,
`timestamp` the time of its block. The event carries the own words under the names below, in record order, arrays whole;
in the record an array is keccak256 over its elements as 32-byte words, without offset or length.
Leaf = SHA-256(0x00 ‖ record), tree by RFC 9162.
"""

from typing import Final

from contracts.codes import Op

RECORDS: Final[dict[str, tuple[Op, tuple[tuple[str, str], ...]]]] = {
    "Genesis": (
        Op.GENESIS,
        (
            ("chainId", "uint256"),
            ("contract_", "address"),
            ("threshold", "uint256"),
            ("delay", "uint256"),
            ("members", "address[]"),
            ("predecessorContract", "address"),
            ("predecessorSize", "uint256"),
            ("predecessorRoot", "bytes32"),
        ),
    ),
    "Voted": (
        Op.VOTE,
        (
            ("kind", "uint256"),
            ("subject", "bytes32"),
            ("arg", "uint256"),
            ("ref", "bytes32"),
            ("salt", "bytes32"),
            ("votes", "uint256"),
            ("outcome", "uint256"),
        ),
    ),
    "VoteWithdrawn": (Op.WITHDRAW_VOTE, (("ballot", "bytes32"), ("votes", "uint256"))),
    "Enacted": (
        Op.ENACT,
        (
            ("kind", "uint256"),
            ("subject", "bytes32"),
            ("arg", "uint256"),
            ("ref", "bytes32"),
            ("salt", "bytes32"),
            ("outcome", "uint256"),
        ),
    ),
    "Paused": (Op.PAUSE, (("until", "uint256"),)),
    "KeyChanged": (Op.KEY, (("issuer", "bytes32"), ("key", "bytes32"), ("slot", "uint256"))),
    "Anchored": (
        Op.ANCHOR,
        (
            ("issuer", "bytes32"),
            ("batchId", "bytes32"),
            ("scope", "bytes32"),
            ("approver", "address"),
            ("root", "bytes32"),
            ("size", "uint256"),
            ("evidence", "bytes32"),
            ("credentialKey", "bytes32"),
        ),
    ),
    "StatusChanged": (
        Op.STATUS,
        (
            ("issuer", "bytes32"),
            ("batchId", "bytes32"),
            ("approver", "address"),
            ("code", "uint256"),
            ("changes", "uint256[]"),
            ("count", "uint256"),
            ("reason", "uint256"),
        ),
    ),
    "Superseded": (
        Op.SUPERSEDE,
        (
            ("issuer", "bytes32"),
            ("batchId", "bytes32"),
            ("approver", "address"),
            ("indices", "uint256[]"),
            ("targetContract", "address"),
            ("targetIssuer", "bytes32"),
            ("newBatchId", "bytes32"),
            ("newIndices", "uint256[]"),
            ("reason", "uint256"),
        ),
    ),
    "BatchChanged": (
        Op.BATCH,
        (
            ("issuer", "bytes32"),
            ("batchId", "bytes32"),
            ("approver", "address"),
            ("flags", "uint256"),
            ("reason", "uint256"),
        ),
    ),
    "DigestRecorded": (Op.DIGEST, (("issuer", "bytes32"), ("kind", "uint256"), ("digest", "bytes32"))),
    "ForeignAnchored": (
        Op.FOREIGN,
        (("chainId", "uint256"), ("size", "uint256"), ("root", "bytes32"), ("txRef", "bytes32")),
    ),
}
"""Event → its operation and the (name, ABI type) of the record's own words. Each event ends with `by` and `seq`."""
