"""The contract's birth: deploying it, finding it again, and the trust root of what was deployed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import rlp  # type: ignore[import-untyped]  # has no annotations
from eth_abi.abi import encode
from eth_hash.auto import keccak

from contracts import Target, artefact
from node.client.abi import constructor_inputs
from node.client.engines import fees_of, sealer_of
from node.client.ledger import Web3Ledger
from node.client.rpc import Node, octets, quantity
from node.client.transactions import TransactionFields
from registry.anchor.history import Checkpoint, Genesis
from registry.anchor.trust import Engine, TrustRoot
from registry.kernel.identifiers import ADDRESS_NONE, Address, BlockHash, ContractAddress, Digest
from registry.ports import LedgerForeign

_GAS: Final = 8_000_000
_GAS_OF_MEMBER: Final = 60_000
_NONCES_SEARCHED: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """An earlier contract, and the checkpoint of its log that the new one's first record binds."""

    contract: Address
    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What the contract is told at its birth."""

    members: tuple[Address, ...]
    threshold: int
    """Votes that decide: a majority of the members."""
    delay: int
    """Seconds that delayed ballots wait."""
    origin: Digest | Predecessor
    """Digest of the charter that the consortium stands on, or the log that this one continues."""

    def fields(self, *, engine: Engine, chain_id: int, nonce: int) -> TransactionFields:
        """Build the transaction that deploys the contract, for the rule set of the engine."""
        arguments = encode(
            constructor_inputs(),
            [self.members, self.threshold, self.delay, self._origin()],
        )
        return TransactionFields(
            chain_id=chain_id,
            nonce=nonce,
            to=None,
            data=artefact(target_of(engine)).bytecode + arguments,
            gas=_GAS + _GAS_OF_MEMBER * len(self.members),
            fees=fees_of(engine),
        )

    def began(self, genesis: Genesis) -> bool:
        """Tell whether a contract with this first record is the one that was to be deployed."""
        return (
            genesis.members == self.members
            and genesis.threshold == self.threshold
            and genesis.delay == self.delay
            and (genesis.predecessor_contract, genesis.predecessor_size, genesis.predecessor_root) == self._origin()
        )

    def _origin(self) -> tuple[Address, int, bytes]:
        if isinstance(self.origin, Predecessor):
            return self.origin.contract, self.origin.checkpoint.size, self.origin.checkpoint.root
        return ADDRESS_NONE, 0, self.origin


def target_of(engine: Engine) -> Target:
    """Name the rule set that chains of this engine run: geth's Clique ends at London."""
    return "london" if engine is Engine.CLIQUE else "cancun"


def contract_address(deployer: Address, nonce: int) -> Address:
    """Compute where a transaction of `deployer` with this nonce puts a new contract."""
    return Address("0x" + keccak(rlp.encode([bytes.fromhex(deployer[2:]), nonce]))[12:].hex())


def find_deployed(
    node: Node, deployment: Deployment, *, engine: Engine, deployer: Address, signers: tuple[Address, ...] | None = None
) -> Web3Ledger | None:
    """Look for the contract where an earlier attempt of `deployer` may have put it; None when it is nowhere."""
    code = artefact(target_of(engine)).deployed_code(delay=deployment.delay)
    for candidate in _candidates(node, deployer):
        if octets(node.call("eth_getCode", candidate, "latest")) != code:
            continue
        ledger = Web3Ledger(node, trust_root_of(node, candidate, engine=engine, signers=signers))
        first = next(ledger.records(0, ledger.head().number), None)
        if first is not None and isinstance(first.content, Genesis) and deployment.began(first.content):
            return ledger
    return None


def _candidates(node: Node, deployer: Address) -> Iterator[Address]:
    sent = quantity(node.call("eth_getTransactionCount", deployer, "latest"))
    return (contract_address(deployer, nonce) for nonce in range(min(sent, _NONCES_SEARCHED)))


def trust_root_of(
    node: Node, contract: Address, *, engine: Engine, signers: tuple[Address, ...] | None = None
) -> TrustRoot:
    """Write down what a node shows, to be pinned from now on: whoever does this trusts the node this once.

    `signers` may be left out on an embedded chain: then whoever sealed the newest block is taken. Raises LedgerForeign
    when there is no contract, or no good seal.
    """
    code = octets(node.call("eth_getCode", contract, "latest"))
    if not code:
        raise LedgerForeign("contract", contract, "no code")
    genesis = node.call("eth_getBlockByNumber", "0x0", False)
    return TrustRoot(
        genesis=BlockHash(octets(genesis["hash"])),
        contract=ContractAddress(chain_id=quantity(node.call("eth_chainId")), address=contract),
        code_hash=Digest(keccak(code)),
        engine=engine,
        signers=tuple(sorted(_present_sealer(node) if signers is None else signers)),
    )


def _present_sealer(node: Node) -> tuple[Address, ...]:
    newest = node.call("eth_getBlockByNumber", "latest", False)
    block = BlockHash(octets(newest["hash"]))
    sealer = sealer_of(block, octets(node.call("vermilion_getSeal", "0x" + block.hex())))
    if sealer is None:
        raise LedgerForeign("seal of the newest block", "a signature", "none")
    return (sealer,)
