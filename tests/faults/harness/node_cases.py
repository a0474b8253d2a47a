"""Faults 13 to 18 and 30: a node that loses, hangs, lies, or is cut off, behind the proxy."""

import time
from pathlib import Path

from registry.ports.tasks import TaskKind
from tests.faults.demo_stage import SILENCE_SECONDS, Played
from tests.faults.harness.catalogue import single
from tests.faults.harness.proxy import SEND, FaultProxy
from tests.faults.harness.scene import Scene, refused_for_now, running_node
from tests.faults.harness.world import World

NO_NODE = "ledger/unavailable"


def final(played: Played) -> None:
    """Assert that a batch went all the way."""
    assert played.exit_code == 0, played


def waits(scene: Scene, batch: str, played: Played) -> None:
    """Assert that a batch is still on its way."""
    assert played.exit_code == 3, played
    assert scene.world.state_of(batch) in ("approved", "signed", "sent", "included"), scene.world.state_of(batch)


def same_bytes(proxy: FaultProxy, *, at_least: int) -> None:
    """Assert that it was sent again, and the same bytes each time."""
    assert len(proxy.sent) >= at_least, "nothing was sent again"
    assert len(set(proxy.sent)) == 1, "something else was sent again"


@single(
    13,
    "request lost on its way to the node",
    how="the proxy breaks the connection before it passes the transaction on",
    expected="the same bytes are sent again; recorded once",
)
def request_lost(scene: Scene) -> None:
    with scene.node() as proxy:
        batch = scene.world.approved("K-1")
        with proxy.failing(proxy.drops_requests(SEND, times=2)):
            final(scene.world.issues(batch))
        same_bytes(proxy, at_least=3)


@single(
    14,
    "reply lost on its way back",
    how="the proxy passes the transaction on and breaks the connection before the answer",
    expected="sent again or found by its receipt; recorded once",
)
def reply_lost(scene: Scene) -> None:
    with scene.node() as proxy:
        batch = scene.world.approved("K-1")
        with proxy.failing(proxy.drops_replies(SEND, times=2)):
            final(scene.world.issues(batch))
        same_bytes(proxy, at_least=1)


@single(
    15,
    "node down",
    how="the proxy's port refuses connections",
    expected="said at once with exit 3; what is asked meanwhile waits; all of it is done when the node is back",
)
def node_down(scene: Scene) -> None:
    world = scene.world
    with scene.node() as proxy:
        batch = world.approved("K-1")
        proxy.down()
        refused_for_now(world.issues(batch, wait=0), NO_NODE)
        assert not proxy.sent
        with world.home() as home:
            from registry.workflows.desk.hand_over import ask

            asked = ask(home.store, home.clock, TaskKind.SEND_BATCH, batch, person="maker-1")
        world.play("desk", "--once", "--wait", "1")
        scene.still_right()
        proxy.up()
        time.sleep(1)  # what was put down is taken up again a little later
        final(world.issues(batch))
        _until_finished(world, asked.id)


def _until_finished(world: World, task: str) -> None:
    until = time.monotonic() + 20
    while True:
        assert world.play("desk", "--once", "--wait", "5").exit_code == 0
        with world.home() as home, home.store.read() as unit:
            state = unit.tasks.task(task).state.value
        if state == "finished":
            return
        assert time.monotonic() < until, f"the task is still {state}"
        time.sleep(0.5)


@single(
    16,
    "node hangs",
    how="the proxy takes the question and never answers",
    expected="given up after a time limit of our own; done once it answers",
)
def node_hangs(scene: Scene) -> None:
    with scene.node() as proxy:
        batch = scene.world.approved("K-1")
        for hung in (proxy.hangs(SEND), proxy.hangs()):
            with proxy.failing(hung):
                began = time.monotonic()
                waits(scene, batch, scene.world.issues(batch, wait=1))
                assert time.monotonic() - began < 4 * SILENCE_SECONDS, "waited longer than its own limit"
        final(scene.world.issues(batch))
        same_bytes(proxy, at_least=1)


@single(
    "16a",
    "node slow, and answers with errors of its own",
    how="the proxy delays the transaction, then answers `limit exceeded`, HTML, and half an answer",
    expected="nothing is taken for an answer that is none; done once",
)
def node_in_trouble(scene: Scene) -> None:
    with scene.node() as proxy:
        batch = scene.world.approved("K-1")
        troubles = (
            proxy.errs(SEND, code=-32005, message="limit exceeded", times=1),
            proxy.answers_bytes(SEND, data=b"<html>502</html>", times=1),
            proxy.answers_bytes("eth_getTransactionReceipt", data=b'{"jsonrpc":"2.0","id":1,"resu', times=1),
            proxy.delays("eth_getTransactionReceipt", seconds=0.5),
        )
        with proxy.failing(*troubles):
            final(scene.world.issues(batch))
        same_bytes(proxy, at_least=1)


@single(
    17,
    "head that stands still",
    how="the proxy answers everything as of a block below those that were read, then of the last of them, and loses "
    "transactions",
    expected="nothing becomes final, and what was valid cannot be confirmed once it is too old",
)
def head_stands_still(scene: Scene) -> None:
    world = scene.world
    with scene.node() as proxy:
        low = proxy.head()
        final(world.asks("K-0", "2"))
        proxy.sent.clear()
        batch = world.approved("K-1")
        for height in (low, proxy.head()):
            with proxy.failing(proxy.stands_still(height)):
                waits(scene, batch, world.issues(batch, wait=2))
                scene.still_right()
        final(world.issues(batch))
        same_bytes(proxy, at_least=1)


@single(
    "17a",
    "head that jumps back and forth",
    how="the proxy answers every other question for the newest block as of one below those that were read",
    expected="nothing becomes final by an answer that the next one contradicts; done once it is steady",
)
def head_jumps(scene: Scene) -> None:
    with scene.node() as proxy:
        low = proxy.head()
        final(scene.world.asks("K-0", "2"))
        batch = scene.world.approved("K-1")
        with proxy.failing(proxy.jumps(low)):
            waits(scene, batch, scene.world.issues(batch, wait=2))
            scene.still_right()
        final(scene.world.issues(batch))


@single(
    "17b",
    "node that lies",
    how="the proxy keeps the transaction to itself, says that it was taken, and invents a receipt; then it hides the "
    "last blocks that were read",
    expected="an invented receipt is no success: only our event with our root in a final block is",
)
def node_lies(scene: Scene) -> None:
    with scene.node() as proxy:
        low = proxy.head()
        final(scene.world.asks("K-0", "2"))
        proxy.sent.clear()
        batch = scene.world.approved("K-1")
        head = proxy.ask_node(
            {"jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["latest", False]}
        )
        block = head["result"]
        invented = {
            "status": "0x1",
            "blockNumber": block["number"],
            "blockHash": block["hash"],
            "gasUsed": "0x5208",
            "logs": [],
        }
        with proxy.failing(proxy.swallows(), proxy.answers("eth_getTransactionReceipt", result=invented)):
            played = scene.world.issues(batch, wait=2)
            scene.still_right()
        assert played.exit_code == 3, played
        assert scene.world.state_of(batch) != "final"
        with proxy.failing(proxy.shows_less(low)):
            waits(scene, batch, scene.world.issues(batch, wait=1))
            scene.still_right()
        final(scene.world.issues(batch))
        same_bytes(proxy, at_least=2)


@single(
    18,
    "one of two nodes is cut off",
    how="two proxies before one node; one of them stays at the block where it was cut off, below those that were read",
    expected="the cut-off side finalises nothing; a reader who asks both is told that they cannot be confirmed",
)
def one_node_cut_off(scene: Scene) -> None:
    world = scene.world
    with scene.node() as majority:
        low = majority.head()
        final(world.asks("K-0", "2"))
        minority = FaultProxy(majority.node)
        try:
            minority.fail(minority.stands_still(low))
            batch = world.approved("K-1")
            world.use_node(minority.url)
            waits(scene, batch, world.issues(batch, wait=1))
            scene.still_right()
            world.use_node(majority.url)
            final(world.issues(batch))
            with world.home() as home, home.store.read() as unit:
                certificate = next(unit.batches.certificates(batch_id=batch))
            bundle = world.path / "delivered" / f"{certificate.reservation.number}.bundle.json"
            asked = ("verify", str(bundle), "--trust-root", str(world.path / "trust-root.json"), "--json")
            nodes = ("--node", majority.url, "--node", minority.url)
            alone = world.play(*asked, "--node", minority.url)
            assert '"valid"' not in _outcome(alone), alone
            both = world.play(*asked, *nodes)
            assert '"valid"' not in _outcome(both), both
            minority.heal()
            healed = world.play(*asked, *nodes)
            assert '"valid"' in _outcome(healed), healed
        finally:
            minority.close()


def _outcome(played: Played) -> str:
    return next((line for line in played.stdout.splitlines() if '"outcome"' in line), "")


@single(
    30,
    "another chain behind the address",
    how="the configured address leads to the node of another installation, then to a chain that began anew",
    expected="nothing is written, the alarm says why; done once the right chain is back and a person has said so",
)
def another_chain(scene: Scene) -> None:
    world = scene.world
    batch = world.approved("K-1")
    other = other_installation(scene.folder / "other", world)
    with running_node(other) as url:
        world.use_node(url)
        refused_for_now(world.issues(batch, wait=1), "ledger/foreign")
        refused_for_now(world.play("node", "status"), "ledger/foreign")
        scene.still_right()
    world.use_node(None)
    refused_for_now(world.issues(batch, wait=1), "halt/writing-halted")
    assert world.lift_alarms() == ["ledger/foreign"]


def other_installation(path: Path, world: World) -> World:
    """Make an installation of its own, with the same name and another chain."""
    from api.commands.setup import demo_installation
    from api.founding import make_installation
    from api.wiring import Home

    make_installation(Home(path), demo_installation(), lambda what, text: None)
    return World(path, world.stage)
