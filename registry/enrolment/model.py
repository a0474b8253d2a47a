"""Values of enrolment: a candidate as the roster states it, and what a reading of a roster found."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NewType

from registry.enrolment.identity import IdentityType, Sex
from registry.enrolment.problems import RowProblem
from registry.kernel.errors import MalformedInput, RuleRefusal
from registry.kernel.identifiers import Digest
from registry.programme import Degree, DirectionCode, Education, LevelCode, SectorCode, Title, WorkProof

PersonKey = NewType("PersonKey", str)
"""One person: identity type, U+0000, number in normal form. Personal data: never stored, shown or logged as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldCertificate:
    """A certificate that the candidate says to hold (已持证书): a claim, to be looked up before a rule may count it."""

    level: LevelCode | None
    """Level of the programme, where the cell named a level."""
    number: str | None = field(repr=False)
    """Certificate number in upper case, where the cell held one."""


class Engagement(StrEnum):
    """How a candidate stands to the occupation (从业状态)."""

    WORKING = "working"  # 从事本职业
    INTENDED = "intended"  # 准备从事本职业


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTitle:
    """A professional title (职称) as the candidate states it."""

    title: Title
    obtained: date | None
    worked_months: int | None
    """Whole months worked in the profession since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AwardWon:
    """What was won in a competition (获奖), as its organisers state it: plain texts, numbers of editions too."""

    contest: str
    edition: str
    event: str
    rank: str
    organisers: str | None
    """主办 and 联合承办."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a person found where no machine can know (人工认定)."""

    subject: str
    """As in the programme file, or `held-certificate`, `hours-certificate` for a document that was seen."""
    favourable: bool
    reason: str = field(repr=False)
    person: str
    """The account that judged."""
    confirmed_by: str
    """The second person's account."""
    on: date
    """The day on which it was confirmed: it counts from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What else is stated for an application, where a programme asks for it; nothing stated is nothing held."""

    degrees: tuple[Degree, ...] = ()
    major: str | None = field(default=None, repr=False)
    """所学专业: what a person judges as related or not."""
    final_year_of: Education | None = None
    """Still a student in the last year of it (应届毕业生)."""
    occupation_months: int | None = None
    """Whole months worked in the occupation or profession, rounded down."""
    months_since_held: int | None = None
    """Whole months worked in it since the certificate in `Candidate.held` was obtained."""
    work_proofs: tuple[WorkProof, ...] = ()
    engagement: Engagement | None = None
    titles: tuple[HeldTitle, ...] = ()
    hours_certificate: str | None = field(default=None, repr=False)
    """Number of the certificate of hours: a claim."""
    attended_hours: int | None = None
    unit: str | None = field(default=None, repr=False)
    """The unit that registers the candidate (申报单位)."""
    award: AwardWon | None = field(default=None, repr=False)
    position: str | None = field(default=None, repr=False)
    """职称/职务, as a registration form asks for it."""
    address: str | None = field(default=None, repr=False)
    history: str | None = field(default=None, repr=False)
    """个人简历及参加培训情况."""
    claims: tuple[str, ...] = ()
    """Subjects that the candidate asks a person to judge: `technical-school-graduate`."""
    judgements: tuple[Judgement, ...] = ()
    """What two people judged, in the order of confirming."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One accepted row. Personal fields are kept out of `repr`, and so out of logs and error reports."""

    line: int
    """Line of the roster."""
    level: LevelCode
    """The level applied for."""
    name: str = field(repr=False)
    """In the form of `normal_name`."""
    name_latin: str | None = field(repr=False)
    identity_type: IdentityType
    identity_number: str = field(repr=False)
    """In the form of `normal_identity_number`."""
    birth_date: date = field(repr=False)
    sex: Sex | None = field(repr=False)
    """From the identity number where it says so."""
    education: Education | None
    work_months: int | None
    """Whole months worked, rounded down; None = not given."""
    held: HeldCertificate | None
    employer: str | None = field(repr=False)
    phone: str | None = field(repr=False)
    """Digits, with a leading 00 or none."""
    email: str | None = field(repr=False)
    direction: DirectionCode | None = None
    """The direction chosen, where the level has any."""
    sector: SectorCode | None = None
    registration_number: str | None = field(default=None, repr=False)
    """Number of the registration form (编号)."""
    evidence: Evidence = field(default=Evidence(), repr=False)

    @property
    def person_key(self) -> PersonKey:
        """Who this is, the same in every roster."""
        return PersonKey(f"{self.identity_type}\0{self.identity_number}")


class RowsRefused(RuleRefusal):
    """A roster has bad rows and is not taken as a whole; the problems are in its reading."""

    code = "enrol/rows-refused"

    def __init__(self, refused: int, total: int) -> None:
        self.refused, self.total = refused, total
        super().__init__(f"{refused} of {total} rows cannot be taken; nothing was stored")


class RosterUnreadable(MalformedInput):
    """A file as a whole cannot be read as a roster, so that it has no good rows either; `problem` is the first."""

    code = "enrol/file-unreadable"

    def __init__(self, problem: RowProblem) -> None:
        self.problem = problem
        where = f"{problem.column}: " if problem.column else ""
        super().__init__(f"the file cannot be read as a roster: {where}{problem.reason.en}; nothing was stored")


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterReading:
    """Everything a roster (名册) says and everything wrong with it."""

    digest: Digest
    """SHA-256 of the file's bytes."""
    encoding: str
    delimiter: str
    rows: int
    """Rows that hold anything, good and bad."""
    columns: tuple[str, ...]
    """Headings of the columns that were read, in the order of the file."""
    candidates: tuple[Candidate, ...]
    """The good rows, in the order of the file."""
    problems: tuple[RowProblem, ...]
    """By line, then column."""
    notices: tuple[RowProblem, ...]
    """What a person may want to look at; refuses nothing."""

    @property
    def unreadable(self) -> RowProblem | None:
        """The first problem of the file as a whole, which leaves no good rows to take; None = it can be read."""
        return next((problem for problem in self.problems if problem.line <= 1), None)

    @property
    def file_refused(self) -> bool:
        """Whether the file as a whole cannot be read."""
        return self.unreadable is not None

    @property
    def refused_rows(self) -> int:
        """Number of rows with at least one problem."""
        return self.rows - len(self.candidates)

    def accepted(self, *, good_rows_only: bool = False) -> tuple[Candidate, ...]:
        """Give the candidates to store: all of a clean file, or the good rows if asked for.

        Raises RowsRefused; RosterUnreadable either way for a file that cannot be read as a whole.
        """
        if self.unreadable is not None:
            raise RosterUnreadable(self.unreadable)
        if self.problems and not good_rows_only:
            raise RowsRefused(self.refused_rows, self.rows)
        return self.candidates
