"""A chain in a temporary file, two funded people, and a small contract."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from node.embedded import EmbeddedChain

CHAIN_ID = 20268
SEALER_KEY = b"\x07" * 32
GENESIS_TIME = 1_600_000_000
FUNDS = 10**24

# Vyper 0.4.3:
#   event Put: who: indexed(address), key: indexed(uint256), val: uint256
#   store: public(HashMap[uint256, uint256])
#   @external def put(k: uint256, v: uint256): assert v != 13, "unlucky"; self.store[k] = v; log Put(msg.sender, k, v)
TABLE_CODE = (
    "0x61010b6100116100003961010b610000f35f3560e01c63541aea0f81186100d75760443610341761010757600d602435186100945760208060"
    "a05260076040527f756e6c75636b790000000000000000000000000000000000000000000000000060605260408160a001602782825e80518060"
    "20830101601f825f03163682375050601f19601f8251602001011690509050810190506308c379a060805280600401609cfd5b6024355f600435"
    "6020525f5260405f2055600435337f0364df562746170da7802b126b4cd83eac241e475c171413a4ff18c93673c0d760243560405260206040a3"
    "005b636057361d811861010357602436103417610107575f6004356020525f5260405f205460405260206040f35b5f5ffd5b5f80fd85582073074"
    "060e46d8a6ce6581349dbe2b11d4f71c75009b3320611964f809d54b92519010b8000a1657679706572830004030035"
)
TABLE_ABI = [
    {
        "name": "Put",
        "type": "event",
        "anonymous": False,
        "inputs": [
            {"name": "who", "type": "address", "indexed": True},
            {"name": "key", "type": "uint256", "indexed": True},
            {"name": "val", "type": "uint256", "indexed": False},
        ],
    },
    {
        "name": "put",
        "type": "function",
        "stateMutability": "nonpayable",
        "inputs": [{"name": "k", "type": "uint256"}, {"name": "v", "type": "uint256"}],
        "outputs": [],
    },
    {
        "name": "store",
        "type": "function",
        "stateMutability": "view",
        "inputs": [{"name": "arg0", "type": "uint256"}],
        "outputs": [{"name": "", "type": "uint256"}],
    },
]


class SteppingClock:
    """Each reading is a second later, so that blocks need not wait for the real one."""

    def __init__(self, start: int = 1_700_000_000) -> None:
        self._seconds = itertools.count(start)

    def __call__(self) -> float:
        return float(next(self._seconds))


@dataclass
class Person:
    """Someone with a key, who counts their own nonces."""

    account: LocalAccount
    nonce: int = 0

    @property
    def address(self) -> str:
        return self.account.address.lower()

    @property
    def raw_address(self) -> bytes:
        return bytes.fromhex(self.address[2:])

    def sign(self, **changes: Any) -> bytes:
        transaction = {
            "chainId": CHAIN_ID,
            "nonce": self.nonce,
            "gas": 200_000,
            "maxFeePerGas": 0,
            "maxPriorityFeePerGas": 0,
            "value": 0,
            "data": b"",
        } | changes
        transaction = {name: value for name, value in transaction.items() if value is not None}
        if "nonce" not in changes:
            self.nonce += 1
        return bytes(self.account.sign_transaction(transaction).raw_transaction)

    def sign_legacy(self, **changes: Any) -> bytes:
        return self.sign(**({"maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 0} | changes))

    def deploy_table(self, **changes: Any) -> bytes:
        return self.sign(data=TABLE_CODE, gas=400_000, **changes)

    def put(self, table: str, key: int, value: int, **changes: Any) -> bytes:
        data = bytes.fromhex("541aea0f") + key.to_bytes(32, "big") + value.to_bytes(32, "big")
        return self.sign(to=bytes.fromhex(table[2:]), data=data, **changes)


def call_of_store(table: str, key: int) -> dict[str, str]:
    return {"to": table, "data": "0x6057361d" + key.to_bytes(32, "big").hex()}


@pytest.fixture
def alice() -> Person:
    return Person(Account.from_key(b"\x01" * 32))


@pytest.fixture
def bob() -> Person:
    return Person(Account.from_key(b"\x02" * 32))


@pytest.fixture
def clock() -> SteppingClock:
    return SteppingClock()


@pytest.fixture
def chain_path(tmp_path: Path) -> Path:
    return tmp_path / "chain.db"


@pytest.fixture
def create_chain(chain_path: Path, clock: SteppingClock, alice: Person, bob: Person) -> Callable[..., EmbeddedChain]:
    def create(**changes: Any) -> EmbeddedChain:
        arguments: dict[str, Any] = {
            "chain_id": CHAIN_ID,
            "sealer_key": SEALER_KEY,
            "alloc": {alice.address: FUNDS, bob.address: FUNDS},
            "genesis_time": GENESIS_TIME,
            "clock": clock,
        }
        return EmbeddedChain.create(chain_path, **(arguments | changes))

    return create


@pytest.fixture
def chain(create_chain: Callable[..., EmbeddedChain]) -> Iterator[EmbeddedChain]:
    with create_chain() as created:
        yield created


@pytest.fixture
def reopen(chain_path: Path, clock: SteppingClock) -> Callable[..., EmbeddedChain]:
    def open_again(sealer_key: bytes | None = SEALER_KEY) -> EmbeddedChain:
        return EmbeddedChain.open(chain_path, sealer_key=sealer_key, clock=clock)

    return open_again


@pytest.fixture
def table(chain: EmbeddedChain, alice: Person) -> str:
    """The address of a deployed table, 0x and 40 lower-case digits."""
    deployed = chain.send(alice.deploy_table())
    chain.seal_pending()
    address = chain.rpc.dispatch("eth_getTransactionReceipt", ["0x" + deployed.hex()])["contractAddress"]
    assert isinstance(address, str)
    return address


@pytest.fixture
def table_abi() -> list[dict[str, Any]]:
    return TABLE_ABI


@pytest.fixture
def table_code() -> str:
    return TABLE_CODE


@pytest.fixture
def read_store(chain: EmbeddedChain) -> Callable[..., int]:
    def read(table: str, key: int, block: object = "latest") -> int:
        return int(chain.rpc.dispatch("eth_call", [call_of_store(table, key), block]), 16)

    return read
