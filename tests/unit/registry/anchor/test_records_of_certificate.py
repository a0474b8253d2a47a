"""Which records concern a certificate, by the contract's own events; beside the folds that judge its life."""

import pytest

from registry.anchor.concerning import records_of_certificate
from registry.anchor.facts import certificate_life
from registry.anchor.history import Anchored, BatchChanged, Enacted, Record, StatusChanged, Superseded, Voted
from registry.kernel.identifiers import BatchId, IssuerCode
from tests.contract.test_contract_history import iter_story
from tests.contract.world import digest
from tests.unit.registry.anchor.recorded_world import RecordedWorld

ISSUER, BATCH = IssuerCode("SKILLS-01"), BatchId(digest("batch"))


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    world = RecordedWorld()
    for step in iter_story(world):
        step()
        world.wait(61)
    return tuple(world.records)


def kinds(records: tuple[Record, ...], index: int) -> list[str]:
    return [type(one.content).__name__ for one in records_of_certificate(records, ISSUER, BATCH, index)]


def test_each_change_of_status_is_there_and_the_anchor_first(records: tuple[Record, ...]) -> None:
    for index in (0, 1, 2, 5, 6, 7, 9, 20, 128, 129):
        found = list(records_of_certificate(records, ISSUER, BATCH, index))
        assert isinstance(found[0].content, Anchored)
        seqs = [one.position.seq for one in found]
        assert seqs == sorted(set(seqs))
        assert {step.seq for step in certificate_life(records, ISSUER, BATCH, index)} <= set(seqs)
        own = [one.position.seq for one in found if isinstance(one.content, StatusChanged | Superseded)]
        assert own == [s.seq for s in certificate_life(records, ISSUER, BATCH, index) if s.by != "members"]


def test_a_neighbour_in_the_same_word_is_not_concerned(records: tuple[Record, ...]) -> None:
    assert ("Superseded" in kinds(records, 5), "Superseded" in kinds(records, 4)) == (True, False)
    assert ("StatusChanged" in kinds(records, 1), "StatusChanged" in kinds(records, 0)) == (True, False)
    # A vote that revokes certificate 9 alone.
    votes = [sum(kind in ("Voted", "Enacted") for kind in kinds(records, index)) for index in (9, 10)]
    assert votes[0] > votes[1] > 0


def test_what_befalls_the_batch_concerns_every_certificate_of_it(records: tuple[Record, ...]) -> None:
    for index in (0, 999):
        found = list(records_of_certificate(records, ISSUER, BATCH, index))
        assert {type(one.content) for one in found} == {Anchored, BatchChanged, Voted, Enacted}


def test_another_batch_and_another_issuer_have_records_of_their_own(records: tuple[Record, ...]) -> None:
    other = BatchId(digest("newer batch"))
    ours = {one.position.seq for one in records_of_certificate(records, ISSUER, BATCH, 0)}
    theirs = {one.position.seq for one in records_of_certificate(records, ISSUER, other, 0)}
    assert theirs
    assert not ours & theirs
    assert list(records_of_certificate(records, IssuerCode("SKILLS-02"), BATCH, 0)) == []
