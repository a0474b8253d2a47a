"""A registry in which any number of people have passed and wait, without a chain; made to be issued from."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from benchmarks.bench import roster_of, scores_of
from registry.anchor.progress import Batch
from registry.programme import Catalogue, load_catalogue
from registry.store import Database
from registry.workflows.enrolment.enrol import decide_applications, import_roster
from registry.workflows.enrolment.photographs import take_photographs
from registry.workflows.examination.assess import confirm_sheet, record_scores
from registry.workflows.issuance.issue import propose
from tests.unit.registry.enrolment.photograph_samples import jpeg, picture
from tests.unit.registry.store.filled import BODY, ISSUER, PROGRAMME, Approver, CredentialKey, SettableClock
from tests.unit.registry.store.new_database import new_database


class LentCredentialKey(CredentialKey):
    """A credential key that worker processes may sign with."""

    def lend(self):
        from registry.kernel.signing import LentKey

        return LentKey(self._key)


@dataclass(slots=True, kw_only=True)
class IssuingStage:
    store: Database
    clock: SettableClock
    catalogue: Catalogue
    key: CredentialKey
    roster: str

    def propose(self, **how) -> Batch:
        parts = self.store, self.clock, self.catalogue, BODY, self.key
        return propose(*parts, **{"programme": PROGRAMME, "level": "1", "person": "alice", **how})

    def hand_in_photograph(self) -> None:
        """Have one of those who wait hand in a photograph."""
        programme = self.catalogue.programme(PROGRAMME)
        with self.store.read() as unit:
            first = next(unit.enrolments.applications()).admission
        given = [(f"{first}.jpg", jpeg(picture()))]
        assert take_photographs(self.store, self.clock, programme, self.roster, given, person="alice").taken == 1

    def approve(self, name: str, **how) -> Batch:
        from registry.workflows.issuance.approve import approve

        parts = self.store, self.clock, self.catalogue, lambda _: self.key.public_key, Approver(), name
        return approve(*parts, person="dave", **how)


def stage_of(path: Path, people: int, *, lends: bool = True) -> IssuingStage:
    """Make a registry in which so many people wait for a certificate."""
    store, clock, catalogue = new_database(path), SettableClock(), load_catalogue()
    programme = catalogue.programme(PROGRAMME)
    roster = import_roster(store, clock, programme, roster_of(people), person="alice").roster.id
    decide_applications(store, clock, catalogue, ISSUER, person="alice")
    with store.read() as unit:
        admissions = list(unit.marks.awaited(PROGRAMME))
    assert len(admissions) == people
    sheet = record_scores(
        store, clock, programme, scores_of(admissions), examined_on=date(2026, 11, 15), person="bob"
    ).sheet
    confirm_sheet(store, clock, sheet.id, person="carol")
    key = LentCredentialKey() if lends else CredentialKey()
    return IssuingStage(store=store, clock=clock, catalogue=catalogue, key=key, roster=roster)
