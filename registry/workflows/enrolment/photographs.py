"""Photographs: take candidates' photographs into a roster, and name those that are kept as certificates do.

1. Read every file and find everything wrong with it and with its name; nothing but digests stays in memory.
2. Compare with what is kept: what a certificate was made of may not change.
3. Keep them all, or none where one is refused; the files are read a second time for it.

Files may be named by identity numbers: a name stands in what is given back, and in no error, journal or log.
"""

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass, field
from hashlib import sha256

from registry.credential.v1 import Portrait
from registry.enrolment import (
    PHOTOGRAPH_PROBLEMS,
    FileProblem,
    NoJpeg,
    PhotographRefused,
    asks_for_blue,
    bare_jpeg,
    check_photograph,
    number_in,
    shown_name,
)
from registry.enrolment.photograph import MEDIA_TYPE
from registry.kernel.errors import RuleRefusal
from registry.kernel.identifiers import Digest
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock
from registry.ports.storage import NotHere, Store, UnitOfWork
from registry.ports.storage import Portrait as Kept
from registry.programme import Programme

_AT_ONCE = 200
"""Photographs opened at a time: all of a batch would fill the memory."""


class PhotographsRefused(RuleRefusal):
    """Some photographs cannot be taken, so none was; `problems` names each file with its reason."""

    code = "photo/set-refused"

    def __init__(self, problems: Sequence[FileProblem], total: int) -> None:
        self.problems, self.total = tuple(problems), total
        self.refused = len({one.file for one in problems})
        super().__init__(f"{self.refused} of {total} photographs cannot be taken; nothing was stored")


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotographsTaken:
    """What became of a set of photographs."""

    taken: int
    """Applications that have a new photograph."""
    unchanged: int
    """Applications that had this very photograph."""
    without: int
    """Applications of the roster that have none."""
    problems: tuple[FileProblem, ...]
    """Files that were left out, with `good_only` or on trial."""
    notices: tuple[FileProblem, ...]
    """What a person may want to look at; refuses nothing."""


@dataclass(slots=True, kw_only=True)
class _Checked:
    """What step 1 found: per application the file that stands for it, by its place among all."""

    total: int = 0
    of: dict[str, tuple[int, str, Digest]] = field(default_factory=dict)
    doubled: set[str] = field(default_factory=set)
    problems: list[FileProblem] = field(default_factory=list)
    notices: list[FileProblem] = field(default_factory=list)


def take_photographs(
    store: Store,
    clock: Clock,
    programme: Programme,
    roster_id: str,
    photographs: Iterable[tuple[str, bytes]],
    *,
    person: str,
    good_only: bool = False,
    trial: bool = False,
    progress: Progress = unheard,
) -> PhotographsTaken:
    """Take photographs (file name, bytes) for the applications of a roster.

    A file is named by admission number or identity number and `.jpg`; an identity number stands for all applications
    of its person in the roster. The same photograph again changes nothing. Where the programme asks for a blue ground
    another one refuses. `good_only`: take the good ones; `trial`: say what would be, keep nothing.
    Raises NotHere, PhotographsRefused.
    """
    if isinstance(photographs, Iterator):
        photographs = list(photographs)  # they are read twice
    with store.read() as unit:
        if not any(one.id == roster_id and one.programme == programme.code for one in unit.enrolments.rosters()):
            raise NotHere("roster", roster_id)
        numbers = _Numbers(unit, roster_id)
    # 1
    checked = _checked(photographs, numbers, blue_ground=asks_for_blue(programme), progress=progress)
    if trial:
        with store.read() as unit:
            return _compared(unit, numbers.admissions, checked)[0]
    # 2
    with store.write() as unit:
        unit.require_room()
        answer, wanted = _compared(unit, numbers.admissions, checked)
        if answer.problems and not good_only:
            raise PhotographsRefused(answer.problems, checked.total)
        # 3
        now = clock.now()
        for place, (_, data) in enumerate(photographs):
            for admission, digest in wanted.get(place, ()):
                image = _stripped(data, digest)
                unit.portraits.put(Kept(admission=admission, media_type=MEDIA_TYPE, image=image), person=person, at=now)
        if answer.taken:
            unit.journal.write(
                at=now,
                person=person,
                action="enrol.photographs",
                subject=roster_id,
                taken=answer.taken,
                unchanged=answer.unchanged,
                refused=len(answer.problems),
            )
    return answer


def portraits_of(unit: UnitOfWork, admissions: Sequence[str]) -> dict[str, Portrait]:
    """Name the photographs that are kept of applications as a certificate names them."""
    named: dict[str, Portrait] = {}
    for start in range(0, len(admissions), _AT_ONCE):
        for admission, kept in unit.portraits.of(admissions[start : start + _AT_ONCE]).items():
            named[admission] = Portrait(media_type=kept.media_type, digest=_digest(kept.image))
    return named


def _digest(image: bytes) -> Digest:
    return Digest(sha256(image).digest())


class _Numbers:
    """Whom a number stands for in a roster."""

    def __init__(self, unit: UnitOfWork, roster: str) -> None:
        self.admissions: list[str] = []
        self._of_identity: dict[str, list[str]] = {}
        self._people: dict[str, set[str]] = {}
        for one in unit.enrolments.applications(roster=roster):
            number = one.candidate.identity_number
            self.admissions.append(one.admission)
            self._of_identity.setdefault(number, []).append(one.admission)
            self._people.setdefault(number, set()).add(one.person)
        self._known = set(self.admissions)

    def meant(self, file: str) -> tuple[list[str], str]:
        """Give the applications that a file is named for, or the slug of what is wrong with its name."""
        number = number_in(file)
        if number is None:
            return [], "name"
        if number in self._known:
            return [number], ""
        if len(self._people.get(number, ())) > 1:
            return [], "several-people"
        found = self._of_identity.get(number, [])
        return found, "" if found else "nobody"


def _checked(
    photographs: Iterable[tuple[str, bytes]], numbers: _Numbers, *, blue_ground: bool, progress: Progress
) -> _Checked:
    found = _Checked()
    expected = len(photographs) if isinstance(photographs, Sized) else 0
    for place, (file, data) in enumerate(photographs):
        found.total = place + 1
        admissions, wrong = numbers.meant(file)
        if wrong:
            found.problems.append(PHOTOGRAPH_PROBLEMS[wrong].of_file(shown_name(file)))
        try:
            photograph = check_photograph(data, blue_ground=blue_ground)
        except PhotographRefused as error:
            found.problems.append(error.problem.of_file(shown_name(file)))
        else:
            if not photograph.blue_ground:
                found.notices.append(PHOTOGRAPH_PROBLEMS["ground"].of_file(shown_name(file)))
            for admission in admissions:
                if admission in found.of:
                    found.doubled.add(admission)
                    found.problems.append(PHOTOGRAPH_PROBLEMS["doubled"].of_file(shown_name(file)))
                else:
                    found.of[admission] = (place, file, photograph.digest)
        progress(found.total, max(expected, found.total))
    for admission in sorted(found.doubled):  # nobody knows which of them is meant
        _, file, _ = found.of.pop(admission)
        found.problems.append(PHOTOGRAPH_PROBLEMS["doubled"].of_file(shown_name(file)))
    return found


def _compared(
    unit: UnitOfWork, admissions: Sequence[str], checked: _Checked
) -> tuple[PhotographsTaken, dict[int, list[tuple[str, Digest]]]]:
    """Say what will be taken: for each file that is needed, by its place, the applications with their digest."""
    kept = portraits_of(unit, admissions)
    reserved = unit.batches.reserved(checked.of)
    problems, wanted = list(checked.problems), dict[int, list[tuple[str, Digest]]]()
    taken = unchanged = 0
    for admission, (place, file, digest) in checked.of.items():
        before = kept.get(admission)
        if before is not None and before.digest == digest:
            unchanged += 1
        elif admission in reserved:
            problems.append(PHOTOGRAPH_PROBLEMS["certified"].of_file(shown_name(file)))
        else:
            taken += 1
            wanted.setdefault(place, []).append((admission, digest))
    having = set(kept) | {admission for some in wanted.values() for admission, _ in some}
    answer = PhotographsTaken(
        taken=taken,
        unchanged=unchanged,
        without=len(admissions) - len(having),
        problems=tuple(dict.fromkeys(problems)),
        notices=tuple(checked.notices),
    )
    return answer, wanted


def _stripped(data: bytes, digest: Digest) -> bytes:
    """Strip a file that was checked, once more. Raises PhotographRefused where it is another one by now."""
    try:
        image = bare_jpeg(data).data
    except NoJpeg as error:
        raise PhotographRefused("damaged") from error
    if _digest(image) != digest:
        raise PhotographRefused("damaged")
    return image
