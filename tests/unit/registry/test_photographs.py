"""Photographs on their way into a roster and into certificates, on a real database."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from api.demo_data import sample_roster, sample_scores
from api.demo_portraits import sample_photographs
from registry.anchor.states import AnchorState
from registry.credential import full_presentation, parse, public_presentation
from registry.credential.v1 import IssuedCredential
from registry.ports.storage import NotHere, Portrait
from registry.programme import load_catalogue
from registry.workflows.certificates import contents
from registry.workflows.enrolment import photographs
from registry.workflows.enrolment.enrol import decide_applications, import_roster, take_photographs
from registry.workflows.enrolment.photographs import PhotographsRefused, PhotographsTaken
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance import approve, issue
from tests.unit.registry.enrolment.photograph_samples import WHITE, exif, jpeg, picture, with_segments
from tests.unit.registry.store.filled import BODY, ISSUER, PROGRAMME, Approver, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database

ATTACKS = (
    '=HYPERLINK("http://x")110101199001011237.jpg',
    "<img src=x onerror=alert(1)>.jpg",
    "../../2026110001.jpg",
    "2026110001.jpg\x1b[2J",
    "\u202egpj.1000116202.jpg",
    "' OR 1=1 --.jpg",
    "a\nb.jpg",
    "{{7*7}}.jpg",
    "\udcff.jpg",
)


@dataclass
class Desk:
    """A registry with one roster of 30 decided applications."""

    path: Path

    def __post_init__(self) -> None:
        self.store, self.clock = new_database(self.path), SettableClock()
        self.catalogue, self.key = load_catalogue(), CredentialKey()
        self.programme = self.catalogue.programme(PROGRAMME)
        imported = import_roster(self.store, self.clock, self.programme, sample_roster(count=30), person="alice")
        self.roster = imported.roster.id
        decide_applications(self.store, self.clock, self.catalogue, ISSUER, person="alice")
        with self.store.read() as unit:
            self.applications = list(unit.enrolments.applications(roster=self.roster))

    def take(self, files: Iterable[tuple[str, bytes]], **options: bool) -> PhotographsTaken:
        return take_photographs(self.store, self.clock, self.programme, self.roster, files, person="alice", **options)

    def kept(self) -> dict[str, Portrait]:
        with self.store.read() as unit:
            return unit.portraits.of([one.admission for one in self.applications])

    def journal(self) -> list[object]:
        with self.store.read() as unit:
            return [(one.action, one.subject, one.detail) for one in unit.journal.entries()]

    def by_admission(self, *numbers: int) -> list[tuple[str, bytes]]:
        chosen = [self.applications[number].admission for number in numbers]
        return sample_photographs(chosen)

    def examine(self) -> None:
        with self.store.read() as unit:
            awaited = unit.marks.awaited(PROGRAMME)
        sheet = record_scores(
            self.store, self.clock, self.programme, sample_scores(awaited), examined_on=date(2026, 11, 15), person="bob"
        ).sheet
        confirm_sheet(self.store, self.clock, sheet.id, person="carol")

    def propose(self) -> str:
        return issue.propose(
            self.store, self.clock, self.catalogue, BODY, self.key,
            programme=PROGRAMME, level="1", person="alice",
        ).id  # fmt: skip

    def approve(self, batch: str) -> AnchorState:
        return approve.approve(
            self.store, self.clock, self.catalogue, lambda thumbprint: self.key.public_key, Approver(), batch,
            person="dave",
        ).state  # fmt: skip


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "registry.db")


def slugs(problems: Iterable[object]) -> list[str]:
    return [one.code for one in problems]  # type: ignore[attr-defined]  # of files


def test_photographs_are_kept_by_admission_and_by_identity_number(desk: Desk) -> None:
    first, second = desk.applications[:2]
    files = sample_photographs([first.admission, second.candidate.identity_number.lower()])
    answer = desk.take(files)
    assert (answer.taken, answer.unchanged, answer.without, answer.problems) == (2, 0, 28, ())
    kept = desk.kept()
    assert {kept[first.admission].image, kept[second.admission].image} == {data for _, data in files}
    assert {one.media_type for one in kept.values()} == {"image/jpeg"}


def test_the_same_photograph_again_changes_nothing_and_another_one_does(desk: Desk) -> None:
    files = desk.by_admission(0, 1)
    desk.take(files)
    before = len(desk.journal())
    assert (desk.take(files).taken, desk.take(iter(files)).unchanged) == (0, 2)
    assert len(desk.journal()) == before
    again = [(files[0][0], jpeg())]
    assert (desk.take(again).taken, desk.take(again).unchanged) == (1, 1)
    assert desk.kept()[desk.applications[0].admission].image == jpeg()


def test_what_is_kept_has_no_metadata(desk: Desk) -> None:
    name = f"{desk.applications[0].admission}.jpg"
    desk.take([(name, with_segments(jpeg(), exif(1)))])
    assert desk.kept()[desk.applications[0].admission].image == jpeg()


def test_one_bad_file_refuses_all_and_every_problem_names_its_file(desk: Desk) -> None:
    good, number = desk.by_admission(0, 1), desk.applications[2].admission
    bad = [
        (f"{number}.jpg", b"no picture"),
        ("2026990001.jpg", jpeg()),
        ("photo.png", jpeg()),
        (f"{desk.applications[3].admission}.jpg", jpeg(picture((480, 640)))),
    ]
    with pytest.raises(PhotographsRefused) as caught:
        desk.take([*good, *bad])
    found = {one.file: one.code for one in caught.value.problems}
    assert found == {
        f"{number}.jpg": "photo/not-jpeg",
        "2026990001.jpg": "photo/nobody",
        "photo.png": "photo/name",
        f"{desk.applications[3].admission}.jpg": "photo/proportions",
    }
    assert (caught.value.refused, caught.value.total) == (4, 6)
    assert desk.kept() == {}
    answer = desk.take([*good, *bad], good_only=True)
    assert (answer.taken, slugs(answer.problems)) == (2, slugs(caught.value.problems))
    assert len(desk.kept()) == 2


def test_a_trial_says_all_and_keeps_nothing(desk: Desk) -> None:
    answer = desk.take([*desk.by_admission(0), ("x.jpg", b"")], trial=True)
    assert (answer.taken, answer.without, slugs(answer.problems)) == (1, 29, ["photo/nobody", "photo/not-jpeg"])
    assert (desk.kept(), [one for one in desk.journal() if one[0] == "enrol.photographs"]) == ({}, [])


def test_two_photographs_of_one_candidate_are_both_left_out(desk: Desk) -> None:
    one = desk.applications[0]
    names = [f"{one.admission}.jpg", f"{one.candidate.identity_number}.jpg"]
    answer = desk.take([(names[0], jpeg()), (names[1], jpeg()), *desk.by_admission(1)], good_only=True)
    assert {(one.file, one.code) for one in answer.problems} == {(name, "photo/doubled") for name in names}
    assert set(desk.kept()) == {desk.applications[1].admission}


def test_another_ground_is_a_notice_where_the_programme_does_not_ask(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [(desk.by_admission(0)[0][0], jpeg(picture(ground=WHITE)))]
    monkeypatch.setattr(photographs, "asks_for_blue", lambda programme: True)
    with pytest.raises(PhotographsRefused) as caught:
        desk.take(files)
    assert slugs(caught.value.problems) == ["photo/ground"]
    monkeypatch.undo()
    answer = desk.take(files)
    assert (answer.taken, slugs(answer.notices)) == (1, ["photo/ground"])


def test_names_that_attack_are_refused_in_one_printable_line(desk: Desk) -> None:
    with pytest.raises(PhotographsRefused) as caught:
        desk.take([(name, jpeg()) for name in ATTACKS])
    assert len(caught.value.problems) == len(ATTACKS)
    for one in caught.value.problems:
        assert one.code in ("photo/nobody", "photo/name")
        assert one.file.isprintable()


def test_no_name_and_no_number_of_a_person_gets_into_error_or_journal(desk: Desk, tmp_path: Path) -> None:
    numbers = [one.candidate.identity_number for one in desk.applications]
    desk.take(sample_photographs(numbers[:5]))
    with pytest.raises(PhotographsRefused) as caught:
        desk.take([(f"{numbers[6]}.jpg", b"")])
    told = str(caught.value) + repr(desk.journal())
    assert not any(number in told for number in numbers)
    assert ("enrol.photographs", desk.roster, {"taken": 5, "unchanged": 0, "refused": 0}) in desk.journal()
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert sample_photographs(numbers[:1])[0][1] not in stored
    assert b"JFIF" not in stored


def test_a_roster_that_is_not_here_is_named(desk: Desk) -> None:
    with pytest.raises(NotHere):
        take_photographs(desk.store, desk.clock, desk.programme, "R-2026-11-9999", [], person="alice")


def test_certificates_name_the_photographs_that_are_kept(desk: Desk) -> None:
    desk.take(desk.by_admission(*range(0, 30, 2)))
    desk.examine()
    batch = desk.propose()
    assert desk.approve(batch) == AnchorState.APPROVED
    kept, named = desk.kept(), 0
    with desk.store.read() as unit:
        for one in unit.batches.certificates(batch_id=batch):
            issued = IssuedCredential(jwt=one.jwt or "", disclosures=one.disclosures or {})
            whole, public = parse(full_presentation(issued)), parse(public_presentation(issued))
            photograph = kept.get(one.reservation.admission)
            if photograph is None:
                assert whole.disclosed.portrait is None
                continue
            named += 1
            assert whole.disclosed.portrait == public.disclosed.portrait
            assert whole.disclosed.portrait is not None
            assert whole.disclosed.portrait.digest == hashlib.sha256(photograph.image).digest()
            assert whole.disclosed.portrait.media_type == "image/jpeg"
    assert 0 < named < len(desk.applications)


def test_a_photograph_does_not_change_once_its_certificate_is_reserved(desk: Desk) -> None:
    files = sample_photographs(one.admission for one in desk.applications)
    desk.take(files)
    desk.examine()
    batch = desk.propose()
    before = desk.kept()
    with desk.store.read() as unit:
        reserved = {one.admission for one in unit.batches.reservations(batch)}
    new = [(name, jpeg()) for name, _ in files]
    with pytest.raises(PhotographsRefused) as caught:
        desk.take(new)
    assert {one.file.removesuffix(".jpg") for one in caught.value.problems} == reserved
    assert set(slugs(caught.value.problems)) == {"photo/certified"}
    assert desk.kept() == before
    assert desk.take(files).unchanged == len(files)  # the same bytes are no change
    answer = desk.take(new, good_only=True)
    assert answer.taken == len(files) - len(reserved)
    assert {admission for admission in before if desk.kept()[admission] == before[admission]} == reserved
    assert desk.approve(batch) == AnchorState.APPROVED


def test_a_first_photograph_too_comes_too_late_then(desk: Desk) -> None:
    desk.examine()
    batch = desk.propose()
    with desk.store.read() as unit:
        admission = unit.batches.reservations(batch)[0].admission
    with pytest.raises(PhotographsRefused):
        desk.take([(f"{admission}.jpg", jpeg())])


def test_a_cancelled_batch_sets_photographs_free_and_stays_consistent(desk: Desk) -> None:
    files = sample_photographs(one.admission for one in desk.applications)
    desk.take(files)
    desk.examine()
    first = desk.propose()
    approve.cancel(desk.store, desk.clock, first, person="alice")
    desk.take([(name, jpeg()) for name, _ in files])
    with desk.store.read() as unit:
        given_up = unit.batches.batch(first)
        everybody = list(contents.holders(unit, desk.catalogue, given_up))
        assert contents.manifest_of(given_up, everybody).document() == given_up.manifest
    second = desk.propose()
    assert second != first
    assert desk.approve(second) == AnchorState.APPROVED


def test_a_photograph_changed_behind_our_back_is_not_approved(desk: Desk) -> None:
    desk.take(sample_photographs(one.admission for one in desk.applications))
    desk.examine()
    batch = desk.propose()
    with desk.store.write() as unit:
        admission = unit.batches.reservations(batch)[0].admission
        new = Portrait(admission=admission, media_type="image/jpeg", image=jpeg())
        unit.portraits.put(new, person="mallory", at=desk.clock.now() + timedelta(seconds=1))
    with pytest.raises(contents.BatchInconsistent, match="fsck/portrait"):
        desk.approve(batch)
