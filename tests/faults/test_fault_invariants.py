"""The invariants against themselves: each of them notices when what it is about is not so."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from registry.anchor.history import Anchored
from registry.anchor.states import AnchorState
from registry.kernel.identifiers import BatchId, RootHash, TransactionHash
from registry.verification import Outcome
from tests.faults.demo_stage import Stage
from tests.faults.harness.controls import CONTROLS, Control
from tests.faults.harness.invariants import Facts, asked, broken, facts_of, nothing_half_done
from tests.faults.harness.matrix import found_out
from tests.faults.harness.scene import Theatre
from tests.faults.harness.watching import HEAD, Move, seen
from tests.faults.harness.world import World, enrol

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def theatre(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Theatre:
    return Theatre(tmp_path_factory.mktemp("theatre"), stage)


@pytest.fixture(scope="module")
def world(theatre: Theatre) -> World:
    """One request that went all the way, and one that waits for its approval."""
    made = theatre.scene().world
    assert made.asks("K-1").exit_code == 0
    assert made.proposes("K-2", "2").exit_code == 0
    return made


@pytest.fixture
def facts(world: World, tmp_path: Path) -> Iterator[Facts]:
    with facts_of(world.copied(tmp_path / "home"), complete=False) as found:
        assert list(asked(found)) == []
        yield found


def noticed(facts: Facts, **other: object) -> list[str]:
    return list(asked(replace(facts, **other)))  # type: ignore[arg-type]


def test_i1_notices_a_request_that_is_gone_and_one_that_nobody_made(facts: Facts) -> None:
    assert any(one.startswith("I1: B-") and "lost: sealed" in one for one in noticed(facts, complete=True))
    other = replace(facts.world, requests={"K-1": "3", "K-9": "3"})
    assert "I1: request K-9 has 0 batches" in noticed(facts, world=other, complete=True)
    assert "I1: a batch under the key K-2, which nobody asked for" in noticed(facts, world=other)
    twice = [*facts.batches, replace(facts.batches[0], id="B-2026-11-0009")]
    assert any("request K-1 has 2 batches" in one for one in noticed(facts, batches=twice))


def test_i2_notices_a_batch_anchored_twice_or_otherwise(facts: Facts) -> None:
    (anchor,) = [one for one in facts.records if isinstance(one.content, Anchored)]
    assert isinstance(anchor.content, Anchored)
    assert any("anchored 2 times" in one for one in noticed(facts, records=[*facts.records, anchor]))
    other_root = replace(anchor, content=replace(anchor.content, root=RootHash(b"\x01" * 32)))
    assert any("another root" in one for one in noticed(facts, records=[other_root]))
    stranger = replace(anchor, content=replace(anchor.content, batch=BatchId(b"\x02" * 32)))
    found = noticed(facts, records=[*facts.records, stranger])
    assert any("does not know" in one for one in found)
    assert "I2: one root was anchored twice" in found
    unkept = replace(anchor, position=replace(anchor.position, transaction=TransactionHash(b"\x03" * 32)))
    assert any("not in the outbox" in one for one in noticed(facts, records=[*facts.records, unkept]))


def test_i3_notices_what_is_missing_used_twice_or_altered(facts: Facts) -> None:
    final = next(one for one in facts.certificates if one.batch.state is AnchorState.FINAL)
    assert "I3: a number was used twice" in noticed(facts, certificates=[*facts.certificates, final])
    without = [one for one in facts.certificates if one is not final]
    assert any("certificates for 3 leaves" in one for one in noticed(facts, certificates=without))
    bundle = facts.world.path / "delivered" / f"{final.reservation.number}.bundle.json"
    whole = bundle.read_bytes()
    bundle.write_bytes(whole + b" ")
    assert any("has other bytes" in one for one in noticed(facts))
    bundle.unlink()
    assert any("no bundle of" in one for one in noticed(facts))


def test_i4_notices_a_valid_verdict_that_no_final_block_bears_out(facts: Facts) -> None:
    assert any("is shown valid by its bundle" in one for one in noticed(facts, records=[]))


def test_i5_notices_an_edited_journal(facts: Facts) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(facts.world.path / "registry.db", isolation_level=None)) as connection:
        (name,) = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'journal' AND sql LIKE '%UPDATE%'"
        ).fetchone()
        (sql,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        connection.execute(f"DROP TRIGGER {name}")
        connection.execute("UPDATE journal SET person = 'nobody' WHERE seq = 3")
        connection.execute(sql)
    assert any(one.startswith(("I5: fsck/journal-broken", "I5: fsck/row-edited journal")) for one in noticed(facts))


def test_i6_notices_a_step_back(facts: Facts) -> None:
    done = next(one for one in facts.batches if one.state is AnchorState.FINAL)
    back = [*facts.moves, Move(done.id, "final", "sent")]
    assert any("went from final to sent" in one for one in noticed(facts, moves=back))
    unrecorded = [Move(done.id, "included", "orphaned"), *facts.moves]
    assert any("the journal tells of 0" in one for one in noticed(facts, moves=unrecorded))


def test_i8_notices_a_head_that_went_back_and_records_that_are_not_there(facts: Facts) -> None:
    number, kept = facts.read
    back = [*facts.moves, Move(HEAD, str(number), str(number - 1))]
    assert any("I8: the head of what was read went back" in one for one in noticed(facts, moves=back))
    without = noticed(facts, read=(number, kept[:-1]))
    assert any("records are kept up to block" in one for one in without)
    assert any(one.startswith("I8: ") for one in noticed(facts, read=(number - 1, kept)))
    assert "I8: the chain cannot be read on: x/y" in noticed(facts, unfollowed="x/y")


def test_what_takes_moves_down_sees_a_head_that_goes_back(world: World, tmp_path: Path) -> None:
    copy = world.copied(tmp_path / "home")
    with copy.home() as home:
        assert home.read_chain() is None
        with home.store.write() as unit:
            head, size = unit.projection.head(), unit.projection.size()
            assert head is not None
            lower = replace(head, block=replace(head.block, number=head.block.number - 1))
            unit.projection.replace(lower, [], after=size)
    assert seen(copy.path)[-1] == Move(HEAD, str(head.block.number), str(lower.block.number))


def test_i7_notices_what_a_refusal_left_behind(world: World, tmp_path: Path) -> None:
    copy = world.copied(tmp_path / "home")
    with pytest.raises(AssertionError, match=r"I7: .* roster"), nothing_half_done(copy):
        enrol(copy, seed=5, wanted={"3": 1})
    with nothing_half_done(copy):
        assert copy.play("fulfil", "1", "K-2").exit_code == 1


def test_what_waits_is_shown_to_nobody_as_valid(facts: Facts) -> None:
    waiting = next(one for one in facts.certificates if one.batch.state is AnchorState.SEALED)
    assert facts.home.verifier().by_number(waiting.reservation.number).outcome is not Outcome.VALID


@pytest.mark.parametrize("control", CONTROLS, ids=lambda one: one.number)
def test_a_naive_variant_is_found_out(theatre: Theatre, control: Control) -> None:
    assert found_out(theatre, control) is None


def test_the_product_itself_cut_off_is_not_taken_for_a_naive_variant(theatre: Theatre) -> None:
    scene = theatre.scene()
    try:
        assert scene.world.asks("K-1", strike="after send").killed
        assert scene.world.asks("K-2", "2", strike="committed batches.sign").killed
        wrong = broken(scene.world, complete=True)
    finally:
        theatre.strike(scene)
    assert sum("lost: " in one for one in wrong) == 2  # merely unfinished
    assert not [one.number for one in CONTROLS if any(one.noticed in said for said in wrong)]
