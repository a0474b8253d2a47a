"""Where a batch stands: each state and each failure has its row, its words and its one next command."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from api.situations import COMMANDS, WORDS, command_for
from contracts import faults
from node.client.ledger import OUT_OF_GAS, REVERTED
from registry.anchor.history import Genesis, Paused
from registry.anchor.situations import ACTS, OF_FAILURE, OF_STATE, Act, Situation
from registry.anchor.states import AnchorState
from registry.kernel.identifiers import ADDRESS_NONE, Digest
from registry.ports.tasks import TaskKind
from registry.workflows.chain.follow import follow
from registry.workflows.chain.halt import raise_alarm
from registry.workflows.chain.sequence import NonceTaken
from registry.workflows.desk.hand_over import ask
from registry.workflows.issuance.stand import standing
from tests.unit.api.named_commands import fault_of, named_commands
from tests.unit.registry.store.filled import BODY, SENDER
from tests.unit.registry.workflows.chain_scene import Scene
from tests.unit.registry.workflows.desk.test_reconciling import ON_THE_WAY

REFUSALS = sorted(fault.slug for fault in faults().values())


@pytest.fixture
def scene(tmp_path):
    made = Scene(tmp_path)
    yield made
    made.store.close()


def stands(scene, *, desk_runs: bool = False):
    with scene.store.read() as unit:
        return standing(unit, unit.batches.batch(scene.name), scene.clock.now(), desk_runs=desk_runs)


def test_the_tables_have_no_holes():
    assert set(OF_STATE) == set(AnchorState)
    assert set(ACTS) == set(WORDS) == set(Situation)
    assert set(ACTS.values()) <= set(Act)
    assert set(OF_FAILURE) <= {*REFUSALS, REVERTED, OUT_OF_GAS, NonceTaken.code}
    assert set(OF_FAILURE.values()) <= set(Situation)


@pytest.mark.parametrize("situation", Situation)
def test_words_are_short_whole_sentences_in_both_languages(situation):
    told = WORDS[situation]
    for zh, en in ((told.happened_zh, told.happened_en), (told.safe_zh, told.safe_en)):
        assert zh.endswith("。")
        assert en.endswith(".")
        assert len(zh) <= 60
        assert len(en) <= 130
    assert told.do_zh.endswith("：")
    assert told.do_en.endswith(":")


@pytest.mark.parametrize("act", Act)
def test_the_next_command_exists(act):
    command = COMMANDS[act].format(
        batch="B-2026-11-0001",
        programme="AIGC-APP-ENG",
        level="3",
        number="DEMO-EEC-2026-7M3K9QX2TA4",
        replacement="X-2026-11-0001",
        request="S-2026-11-0001",
        person="maker-1",
    )
    (named,) = named_commands(f"`vermilion {command}`")
    assert fault_of(named) is None


@pytest.mark.parametrize(
    ("way", "situation"),
    [
        ((), Situation.SEALED),
        (ON_THE_WAY["approved"], Situation.APPROVED),
        (ON_THE_WAY["signed"], Situation.SIGNED),
        (ON_THE_WAY["sent"], Situation.SENT),
        (ON_THE_WAY["included"], Situation.INCLUDED),
        (ON_THE_WAY["orphaned"], Situation.ORPHANED),
    ],
    ids=["sealed", "approved", "signed", "sent", "included", "orphaned"],
)
def test_each_state_on_the_way_has_its_situation(scene, way, situation):
    scene.bring_to(*way)
    found = stands(scene)
    assert found.situation is situation
    assert found.next.act is ACTS[situation]
    assert found.next.batch == scene.name


def test_final_is_delivered_or_not_yet(scene):
    scene.bring_to(*ON_THE_WAY["included"])
    scene.anchored()
    scene.bring_to(AnchorState.FINAL)
    assert stands(scene).situation is Situation.UNDELIVERED
    with scene.store.write() as unit:
        unit.batches.deliver(scene.name, scene.clock.now())
    assert stands(scene).situation is Situation.DELIVERED


@pytest.mark.parametrize("code", [*REFUSALS, REVERTED, OUT_OF_GAS, NonceTaken.code, "reverted", "unheard/of"])
def test_each_failure_has_a_situation_and_a_command(tmp_path_factory, failed, code):
    with failed.store.read() as unit:
        batch = replace(unit.batches.batch(failed.name), failure=code)
        found = standing(unit, batch, failed.clock.now(), desk_runs=False)
    assert found.situation in {*OF_FAILURE.values(), Situation.TO_APPROVE_AGAIN}
    assert found.next.act is ACTS[found.situation]
    named = re.findall(r"{(\w+)}", COMMANDS[found.next.act])
    assert all(getattr(found.next, one) for one in named)


@pytest.fixture(scope="module")
def failed(tmp_path_factory):
    made = Scene(tmp_path_factory.mktemp("failed"))
    made.bring_to(*ON_THE_WAY["failed"], failure="contract/paused")
    yield made
    made.store.close()


def test_a_lapsed_approval_is_given_anew(scene):
    scene.bring_to(AnchorState.APPROVED)
    scene.clock.time += timedelta(days=8)
    found = stands(scene)
    assert found.situation is Situation.LAPSED
    assert command_for(found.next) == f"vermilion batch approve {scene.name} --as SOMEBODY-ELSE"


def test_a_pause_is_waited_for_and_once_over_the_batch_is_approved_anew(scene):
    scene.bring_to(*ON_THE_WAY["failed"], failure="contract/paused")
    assert stands(scene).situation is Situation.TO_APPROVE_AGAIN  # no pause is on record
    scene.chain.kept.clear()
    genesis = Genesis(
        chain_id=20268,
        contract=BODY.contract.address,
        threshold=1,
        delay=0,
        members=(SENDER,),
        predecessor_contract=ADDRESS_NONE,
        predecessor_size=0,
        predecessor_root=Digest(bytes(32)),
    )
    scene.chain.tell(genesis, "genesis")
    ends = scene.clock.now() + timedelta(hours=1)
    scene.chain.tell(Paused(until=int(ends.timestamp())), "pause")
    follow(scene.store, scene.chain, scene.clock)
    assert stands(scene).situation is Situation.PAUSED
    scene.clock.time = ends + timedelta(seconds=1)
    assert stands(scene).situation is Situation.TO_APPROVE_AGAIN


def test_an_approved_batch_is_not_sent_into_a_pause(scene):
    scene.bring_to(*ON_THE_WAY["approved"])
    assert stands(scene).situation is Situation.APPROVED


@pytest.mark.parametrize("way", ["approved", "signed", "sent", "orphaned", "failed"])
def test_an_alarm_comes_before_everything_that_it_holds_up(scene, way):
    scene.bring_to(*ON_THE_WAY[way], failure="contract/paused")
    with scene.store.write() as unit:
        raise_alarm(unit, scene.clock.now(), code="ledger/foreign", subject="chain", detail="another")
    assert (stands(scene).situation, command_for(stands(scene).next)) == (Situation.HALTED, "vermilion halt show")


def test_what_was_asked_of_the_desk_waits_for_one_or_is_being_done(scene):
    scene.bring_to(AnchorState.APPROVED)
    ask(scene.store, scene.clock, TaskKind.SEND_BATCH, scene.name, person="alice")
    assert stands(scene).situation is Situation.WAITS_FOR_DESK
    assert command_for(stands(scene).next) == "vermilion desk"
    assert stands(scene, desk_runs=True).situation is Situation.AT_DESK
