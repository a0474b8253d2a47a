"""Who waits is found again only where something happened meanwhile that alters who may be chosen."""

import pytest

from benchmarks.bench import roster_of, scores_of
from registry.anchor.progress import Placement
from registry.anchor.states import AnchorState
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance import issue
from registry.workflows.issuance.approve import cancel
from tests.unit.registry.store.filled import ISSUER, NOW, PROGRAMME, position, transaction
from tests.unit.registry.workflows.issuing_stage import IssuingStage, stage_of

FIRST, SECOND = 4, 3


@pytest.fixture
def stage(tmp_path):
    """One batch of the first people is sealed, and more people wait."""
    made = stage_of(tmp_path / "registry.db", FIRST)
    made.propose()
    programme = made.catalogue.programme(PROGRAMME)
    heading, *rows = roster_of(FIRST + SECOND).splitlines(keepends=True)
    import_roster(made.store, made.clock, programme, heading + b"".join(rows[FIRST:]), person="alice")
    decide_applications(made.store, made.clock, made.catalogue, ISSUER, person="alice")
    with made.store.read() as unit:
        scores = scores_of(list(unit.marks.awaited(PROGRAMME)))
    day = NOW.date().replace(day=16)
    sheet = record_scores(made.store, made.clock, programme, scores, examined_on=day, person="bob").sheet
    confirm_sheet(made.store, made.clock, sheet.id, person="carol")
    yield made
    made.store.close()


def approved(stage: IssuingStage, name: str) -> None:
    stage.approve(name)


def signed(stage: IssuingStage, name: str) -> None:
    stage.approve(name)
    with stage.store.write() as unit:
        unit.batches.sign(name, transaction("anchor"), stage.clock.now())


def included(stage: IssuingStage, name: str) -> None:
    stage.approve(name)
    with stage.store.write() as unit:
        unit.batches.move(name, AnchorState.APPROVED, AnchorState.INCLUDED)


def final(stage: IssuingStage, name: str) -> None:
    included(stage, name)
    with stage.store.write() as unit:
        unit.batches.place(name, Placement.at(position(0, "anchor")))


def given_up(stage: IssuingStage, name: str) -> None:
    cancel(stage.store, stage.clock, name, person="alice")


@pytest.mark.parametrize(
    ("meanwhile", "times", "size"),
    [
        (approved, 1, SECOND),
        (signed, 1, SECOND),
        (included, 1, SECOND),
        (final, 2, SECOND),
        (given_up, 2, FIRST + SECOND),
    ],
)
def test_people_are_found_again_only_where_that_may_alter_who_is_chosen(stage, monkeypatch, meanwhile, times, size):
    find, draw, found = issue._find_waiting, issue._draw_places, []
    with stage.store.read() as unit:
        (name,) = unit.batches.names()

    def overtaken(unit, wanted):
        if len(found) == 1 and not acted:
            acted.append(name)
            meanwhile(stage, name)
        return draw(unit, wanted)

    acted: list[str] = []
    monkeypatch.setattr(issue, "_find_waiting", lambda *parts: found.append(find(*parts)) or found[-1])
    monkeypatch.setattr(issue, "_draw_places", overtaken)
    batch = stage.propose()
    assert acted == [name]
    assert (len(found), batch.size, batch.state) == (times, size, AnchorState.SEALED)
    assert stage.approve(batch.id).state is AnchorState.APPROVED
