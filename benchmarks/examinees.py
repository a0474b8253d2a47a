"""Any number of people who have passed and wait for a certificate, laid into a real installation.

The first few come by roster, decision and score sheet; the others are laid beside them as the registry would keep them:
a person, an application with evidence and findings, a score, each encrypted and sealed; all of them in the one roster
and on the one sheet.
"""

from api.wiring import Home
from benchmarks.bench import Stopwatch, examined
from benchmarks.laying import TABLES, Pattern, Rows, lay
from registry.store.tables import application, person, score
from registry.workflows.issuance.crew import Crew

_FIRST = 20
_AT_ONCE = 5_000


def waiting_people(home: Home, size: int, watch: Stopwatch) -> None:
    """Make an installation in which `size` people have passed and wait for a certificate."""
    examined(home, min(size, _FIRST), watch)
    if size <= _FIRST:
        return
    with watch.step("lay the others"), home.store.write() as unit:
        session = unit._session  # the columns themselves are laid, not what a step of the registry would keep
        one = next(unit.enrolments.applications())
        first = {
            table.name: session.rows(table, table.select().order_by(table.primary_key.columns[0]))[0]
            for table in (application, score)
        }
        of = session.rows(person, person.select().where(person.c.id == one.person))[0]
        pattern = Pattern(
            keys=home.data_keys(),
            candidate=one.candidate,
            findings={"findings": unit.enrolments.findings(one.admission)},
            person=of,
            application=first["application"],
            score=first["score"],
        )
        with Crew([lay.__module__]) as crew:
            jobs = ((lay, (start, min(start + _AT_ONCE, size))) for start in range(_FIRST, size, _AT_ONCE))

            def keep(found: tuple[int, Rows]) -> None:
                for table, rows in zip(TABLES, found[1], strict=True):
                    session.keep(table, rows)

            crew.run(pattern, jobs, lambda asked: asked, keep, size=size)
