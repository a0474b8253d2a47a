"""What others write while a registry is audited, or its files are looked for, is put away: the log stays short."""

from registry.anchor.states import AnchorState
from registry.ports.storage import Looked
from registry.store import Shelf
from registry.store import sessions as reading
from registry.store.database import Unit
from registry.workflows.auditing import audit
from registry.workflows.auditing.audit import Auditor, Consistency
from registry.workflows.certificates.deliver import bundle_name, deliver
from registry.workflows.desk import reconcile
from registry.workflows.desk.reconcile import look
from registry.workflows.enrolment.photographs import take_photographs
from registry.workflows.issuance import approve
from tests.unit.registry.enrolment.photograph_samples import jpeg, picture
from tests.unit.registry.store.filled import ISSUER, PROGRAMME
from tests.unit.registry.workflows.certificates.test_log_of_the_database import SHORT, Written, scene
from tests.unit.registry.workflows.desk.test_working_off_trouble import TO_FINAL

__all__ = ["scene"]


def delivered(scene: Written) -> None:
    scene.bring_to(*TO_FINAL)
    scene.anchored()
    scene.bring_to(AnchorState.FINAL)
    look(scene.place)
    deliver(scene.store, scene.clock, scene.shelf, scene.key_of, scene.name)


def audited(scene: Written, **how) -> Consistency:
    parts = scene.store, scene.catalogue, ISSUER, scene.key_of
    names = "store", "catalogue", "issuer", "key_of"
    auditor = Auditor(**dict(zip(names, parts, strict=True)), ledger=how.pop("ledger", None), delivered=scene.shelf)
    return auditor.fsck(**how)


def test_what_others_write_while_seals_are_looked_at_is_put_away(scene, monkeypatch):
    monkeypatch.setattr(reading, "AT_ONCE", 5)
    page, seen = Unit.unsealed_page, []

    def slow(unit: Unit, after: Looked | None = None):
        if len(seen) < 3:
            seen.append(scene.others_write())
        return page(unit, after)

    monkeypatch.setattr(Unit, "unsealed_page", slow)
    audited(scene)
    assert len(seen) == 3
    assert max(seen) <= SHORT


def test_what_others_write_while_the_chain_is_read_is_put_away(scene):
    delivered(scene)
    records, seen = scene.chain.records, []

    def slow(first: int, last: int):
        seen.append(scene.others_write())
        return records(first, last)

    scene.chain.records = slow
    audited(scene, ledger=scene.chain)
    assert len(seen) == 1
    assert max(seen) <= SHORT


def test_what_others_write_while_certificates_are_compared_is_put_away(scene, monkeypatch):
    monkeypatch.setattr(audit, "_AT_ONCE", 3)
    delivered(scene)
    seen = []
    came = audited(scene, progress=lambda done, total: seen.append(scene.others_write()))
    assert came.certificates == scene.batch.size
    assert len(seen) > 1
    assert max(seen) <= SHORT


def test_what_others_write_while_files_are_looked_for_is_put_away(scene, monkeypatch):
    monkeypatch.setattr(reconcile, "_AT_ONCE", 3)
    delivered(scene)
    with scene.store.read() as unit:
        names = [bundle_name(one) for one in unit.batches.reservations(scene.name)]
    scene.shelf.path(names[-1]).unlink()
    has, seen, asked = Shelf.has, [], []

    def slow(shelf: Shelf, name: str) -> bool:
        asked.append(name)
        if len(asked) % 3 == 2:
            seen.append(scene.others_write())
        return has(shelf, name)

    monkeypatch.setattr(Shelf, "has", slow)
    found = [(one.name, one.subject, one.there) for one in look(scene.place, files=True).found]
    assert found == [("reconcile/bundles-missing", scene.name, "1 files missing")]
    assert sorted(asked) == sorted(names)
    assert len(seen) > 1
    assert max(seen) <= SHORT


def test_what_is_recorded_or_given_up_while_it_is_audited_is_no_difference(scene, monkeypatch):
    """What is held against the chain stood here when its records were read; who is in no batch may be changed."""
    monkeypatch.setattr(audit, "_AT_ONCE", 3)
    given_up, recorded = scene.propose("2"), scene.propose("3")
    delivered(scene)
    with scene.store.read() as unit:
        candidate = next(unit.batches.certificates(batch_id=given_up.id)).reservation.admission
        (roster,) = unit.enrolments.rosters()
    compared, first = [], scene.name

    def meanwhile(done: int, total: int) -> None:
        compared.append(done)
        if len(compared) > 1:
            return
        approve.cancel(scene.store, scene.clock, given_up.id, person="alice")
        given = [(f"{candidate}.jpg", jpeg(picture()))]
        programme = scene.catalogue.programme(PROGRAMME)
        assert take_photographs(scene.store, scene.clock, programme, roster.id, given, person="alice").taken == 1
        scene.name = recorded.id
        scene.approve()
        scene.anchored(by="another")
        for _ in range(2):  # recorded; then delivered
            reconcile.reconcile(scene.place)
        assert scene.batch.delivered_at is not None
        assert scene.propose("2").id not in {first, given_up.id, recorded.id}

    came = audited(scene, progress=meanwhile)
    assert (came.differences, came.batches) == ((), 3)
    again = audited(scene)
    assert (again.differences, again.batches) == ((), 4)
