"""A registry with candidates who were found eligible, and a clock that can be set: for stories of examinations."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from registry.enrolment import Candidate, Decision, Evidence, IdentityType
from registry.kernel.identifiers import Digest
from registry.ports.examinations import ExamSession
from registry.ports.storage import Roster
from registry.programme import Catalogue, DirectionCode, LevelCode, Programme, load_catalogue
from registry.store import Database, DataKeys
from registry.workflows.examination.assess import confirm_sheet
from registry.workflows.examination.examine import close_session, make_session, register, sign_in
from registry.workflows.examination.mark_session import Choice, record_session_scores
from tests.unit.registry.store.new_database import new_database

KEYS = DataKeys(data=b"\xd1" * 32, index=b"\x1d" * 32, seal=b"\x5e" * 32)
FIRST_DAY = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)


class SetClock:
    """Tells the time it was set to."""

    def __init__(self) -> None:
        self.time = FIRST_DAY

    def now(self) -> datetime:
        return self.time

    def set_to(self, day: date, hour: int = 9, minute: int = 0) -> None:
        """Set it to a time of a day at +08:00."""
        self.time = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - timedelta(hours=8)


@dataclass
class Stage:
    """What the stories play on."""

    store: Database
    clock: SetClock
    catalogue: Catalogue
    made: int = 0

    def programme(self, code: str) -> Programme:
        return self.catalogue.programme(code)

    def enrol(
        self,
        code: str,
        level: str,
        count: int,
        *,
        direction: str | None = None,
        unit: str | None = None,
        eligible: bool = True,
        born: date = date(1997, 3, 15),
        overridden: bool = False,
    ) -> list[str]:
        """Keep candidates with a decision; give their admission numbers."""
        of = self.programme(code)
        candidates = [
            Candidate(
                line=line,
                level=LevelCode(level),
                name="安宁",
                name_latin=None,
                identity_type=IdentityType.PASSPORT,
                identity_number=f"E{self.made + line:08d}",
                birth_date=born,
                sex=None,
                education=None,
                work_months=None,
                held=None,
                employer=None,
                phone=None,
                email=None,
                direction=None if direction is None else DirectionCode(direction),
                evidence=Evidence(unit=unit),
            )
            for line in range(1, count + 1)
        ]
        self.made += count
        with self.store.write() as unit_of_work:
            roster = Roster(
                id=unit_of_work.next_name("R", self.clock.now()),
                programme=code,
                programme_version=of.version,
                programme_digest=of.digest,
                file_digest=Digest(self.made.to_bytes(32, "big")),
                rows=count,
                imported_by="clerk-1",
                imported_at=self.clock.now(),
            )
            admissions = unit_of_work.enrolments.add_roster(roster, [(one.line, one) for one in candidates])
            decision = Decision(
                eligible=eligible,
                level=LevelCode(level),
                on=date(2026, 1, 5),
                programme_digest=of.digest,
                rule=level if eligible and not overridden else None,
                rules_held=(),
                findings=(),
            )
            for admission in admissions:
                unit_of_work.enrolments.decide(admission, decision, "clerk-1", self.clock.now())
        return admissions

    def session(
        self,
        code: str,
        on: date,
        *,
        place: str = "广州",
        rooms: dict[str, int] | None = None,
        papers: Iterable[str] = (),
    ) -> ExamSession:
        """Make a session whose first paper begins at 09:00, each further one three hours later."""
        of = self.programme(code)
        keys = list(papers) or list(dict.fromkeys(paper.key for paper in of.papers))
        begins = datetime(on.year, on.month, on.day, 1, 0, tzinfo=UTC)
        return make_session(
            self.store,
            self.clock,
            of,
            place=place,
            begins={key: begins + timedelta(hours=3 * index) for index, key in enumerate(keys)},
            rooms=rooms or {"A101": 30},
            person="clerk-1",
        )

    def seat(self, session: ExamSession, admissions: list[str]) -> None:
        register(self.store, self.clock, self.catalogue, session.id, admissions, person="clerk-1")

    def hold(self, session: ExamSession, present: dict[str, list[str]]) -> None:
        """Let candidates come to their papers in time, and close the session."""
        for timed in session.papers:
            self.clock.time = timed.begins_at
            for admission, papers in present.items():
                if timed.paper in papers:
                    sign_in(
                        self.store,
                        self.clock,
                        self.catalogue,
                        session.id,
                        admission,
                        paper=timed.paper,
                        person="clerk-1",
                    )
        self.clock.time = max(one.begins_at for one in session.papers) + timedelta(hours=3)
        close_session(self.store, self.clock, self.catalogue, session.id, person="clerk-1")

    def mark(self, session: ExamSession, sheet: str, *, by_function: Choice | None = None) -> str:
        """Enter a sheet and have it confirmed; give its name."""
        marked = record_session_scores(
            self.store,
            self.clock,
            self.catalogue,
            session.id,
            sheet.encode(),
            person="clerk-1",
            by_function=by_function,
        )
        assert marked.sheet is not None, marked.problems
        confirm_sheet(self.store, self.clock, marked.sheet.id, person="clerk-2")
        return marked.sheet.id


def stage(folder: Path) -> Stage:
    """Set the stage in an empty folder."""
    return Stage(store=new_database(folder / "registry.db", KEYS), clock=SetClock(), catalogue=load_catalogue())
