"""Faults 19 to 23: what the chain itself does to a transaction: drops, replaces, refuses it."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from api.wiring import Home
from node.client.engines import fees_of
from node.signer import SENDER_FUNCTIONS, AccountSigner, SigningPolicy
from registry.anchor.operations import SuspendCertificates
from registry.kernel.identifiers import BatchId
from registry.ports import FateKind
from tests.faults.harness.catalogue import single
from tests.faults.harness.proxy import SEND
from tests.faults.harness.scene import Scene, refused_for_now
from tests.faults.harness.world import World


def use_the_account_elsewhere(home: Home) -> None:
    """Spend the sender's next nonce on something that the contract refuses."""
    root = home.trust_root
    policy = SigningPolicy(contract=root.contract, functions=SENDER_FUNCTIONS, fees=fees_of(root.engine))
    sender = AccountSigner(home.account("sender"), policy)
    with home.chain(writing=True) as ledger:
        operation = SuspendCertificates(issuer=home.issuer, batch=BatchId(bytes(32)), changes=(1,), reason=0)
        transaction = sender.sign(operation, nonce=ledger.next_nonce(sender.address))
        ledger.broadcast(transaction)
        while ledger.fate(transaction.hash).kind is not FateKind.REVERTED:
            pass


@single(
    20,
    "foreign transaction with our nonce",
    how="killed with the transaction kept; the sender's key then spends that nonce elsewhere",
    expected="noticed, an alarm halts writing; once a person has lifted it and approved again, recorded once",
)
def nonce_taken(scene: Scene) -> None:
    world = scene.world
    assert world.asks("K-1", strike="committed batches.sign").killed
    with world.home() as home:
        use_the_account_elsewhere(home)
    world.foreign_transactions += 1
    batch = world.batch_of("K-1")
    failed = world.issues(batch, wait=3)
    assert (failed.exit_code, world.state_of(batch)) == (1, "failed"), failed
    assert world.lift_alarms() == ["anchor/nonce-taken"]
    assert world.approves(batch).exit_code == 0
    assert world.issues(batch).exit_code == 0


@single(
    19,
    "reorganisation drops the anchor",
    how="killed once the block is noted; the chain's file is set back to before it and grows another block",
    expected="included → orphaned, written into the journal → sent, the same bytes; not valid meanwhile; final once",
)
def reorganised(scene: Scene) -> None:
    world = scene.world
    assert world.asks("K-1", strike="committed batches.sign").killed
    before = scene.folder / "before.db"
    copy_database(world.path / "chain.db", before)
    kept = world.contents()["outbox"]
    assert world.asks("K-1", strike="committed batches.move included").killed
    set_back(world, before)
    grow_another_block(world)
    batch = world.batch_of("K-1")
    assert world.play("batch", "issue", batch, strike="committed batches.move orphaned").killed
    scene.still_right()
    assert world.state_of(batch) == "orphaned"
    assert world.issues(batch).exit_code == 0
    assert world.contents()["outbox"] == kept, "something else than the kept bytes was sent"


def copy_database(source: Path, target: Path) -> None:
    """Copy a database with what is in its log."""
    with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(target)) as copy:
        live.backup(copy)


def set_back(world: World, before: Path) -> None:
    """Put an earlier chain in place of the present one."""
    for name in ("chain.db", "chain.db-wal", "chain.db-shm"):
        (world.path / name).unlink(missing_ok=True)
    copy_database(before, world.path / "chain.db")


def grow_another_block(world: World) -> None:
    """Let the chain grow by an empty block."""
    with world.home() as home, home.open_chain(writing=True) as chain:
        assert not isinstance(chain, str)
        chain.seal_empty()


@single(
    21,
    "replaced transaction: the second is taken",
    how="the node keeps the first to itself; it is replaced under the same nonce; then the first arrives after all",
    expected="one of the two takes effect; both stay in the outbox",
)
def replaced(scene: Scene) -> None:
    with scene.node() as proxy:
        batch = scene.world.approved("K-1")
        with proxy.failing(proxy.swallows()):
            assert scene.world.issues(batch, wait=1).exit_code == 3
        assert scene.world.play("sender", "replace", batch, "--gas", "400000").exit_code == 0
        assert scene.world.issues(batch).exit_code == 0
        first, second = dict.fromkeys(proxy.sent)
        answer = proxy.ask_node({"jsonrpc": "2.0", "id": 1, "method": SEND, "params": [first]})
        assert "error" in answer, "the node took two transactions with one nonce"
        assert first != second
        assert len(scene.world.contents()["outbox"]) == 2


@single(
    "21a",
    "replaced transaction: the first is taken",
    how="the first waits where nobody sees it; the second is lost; then the first is taken",
    expected="as before",
)
def replaced_in_vain(scene: Scene) -> None:
    with scene.node() as proxy:
        batch = scene.world.approved("K-1")
        with proxy.failing(proxy.swallows()):
            assert scene.world.issues(batch, wait=1).exit_code == 3
            scene.world.play("sender", "replace", batch, "--gas", "400000")
        first, _ = dict.fromkeys(proxy.sent)
        assert "result" in proxy.ask_node({"jsonrpc": "2.0", "id": 1, "method": SEND, "params": [first]})
        assert scene.world.issues(batch).exit_code == 0
        assert len(scene.world.contents()["outbox"]) == 2


@single(
    22,
    "gas too dear",
    how="the node refuses with `max fee per gas less than block base fee`, then takes it",
    expected="held with its bytes, not failed; done once it is taken",
)
def too_dear(scene: Scene) -> None:
    with scene.node() as proxy:
        batch = scene.world.approved("K-1")
        dear = "max fee per gas less than block base fee: address 0x0, maxFeePerGas: 0, baseFee: 7"
        with proxy.failing(proxy.refuses(SEND, code=-32000, message=dear)):
            held = scene.world.issues(batch, wait=1)
            assert held.exit_code != 0, held
            assert scene.world.state_of(batch) in ("signed", "sent"), scene.world.state_of(batch)
            scene.still_right()
        assert scene.world.issues(batch).exit_code == 0
        assert len(set(proxy.sent)) == 1


@single(
    23,
    "contract paused",
    how="a member stops anchoring before the batch is sent; two members end the pause",
    expected="held with the approval it has, nothing signed; recorded once after the pause",
)
def paused(scene: Scene) -> None:
    world = scene.world
    batch = world.approved("K-1")
    stopped = world.play("consortium", "pause", "--key", "member-1", "--yes")
    assert stopped.exit_code == 0, stopped
    refused_for_now(world.issues(batch, wait=1), "anchor/paused")
    assert world.state_of(batch) == "approved"
    scene.still_right()
    end_pause(world)
    assert world.issues(batch).exit_code == 0


def end_pause(world: World) -> None:
    """Let two members end the pause."""
    assert world.play("consortium", "propose", "unpause", "--key", "member-1", "--yes").exit_code == 0
    listed = json.loads(world.play("consortium", "ballots", "--json").stdout)
    ballot = next(one["ballot"] for one in listed if "UNPAUSE" in json.dumps(one).upper())
    voted = world.play("consortium", "vote", ballot, "--key", "member-2", "--yes")
    assert voted.exit_code == 0, voted
