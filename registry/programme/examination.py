"""The examination (考核) as values: papers, marks, grades, weights by function, retake, sessions, staff."""

from dataclasses import dataclass
from enum import StrEnum

from registry.programme.terms import Bilingual, DirectionCode, FunctionCode, LevelCode, PaperKey, StatedBy


class Book(StrEnum):
    """Whether books may be used in a paper."""

    CLOSED = "closed"  # 闭卷
    OPEN = "open"  # 开卷


class QuestionType(StrEnum):
    """Kinds of question in a paper."""

    SINGLE_CHOICE = "single-choice"  # 单选
    MULTIPLE_CHOICE = "multiple-choice"  # 多选
    TRUE_FALSE = "true-false"  # 判断
    PRACTICAL = "practical"  # 操作
    SHORT_ANSWER = "short-answer"  # 简答


class Delivery(StrEnum):
    """How a paper is sat."""

    COMPUTER_ON_SITE = "computer-on-site"  # 上机, 现场
    COMPUTER_ONLINE = "computer-online"  # 上机, 在线
    COMPUTER = "computer"  # 上机
    WRITTEN = "written"  # 笔试
    ON_MACHINES = "on-machines"  # 实际操作设备
    DESIGN = "design"  # 方案设计
    SIMULATION = "simulation"  # 模拟操作
    THESIS = "thesis"  # 撰写论文
    DEFENCE = "defence"  # 答辩


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """Scale and pass mark, in hundredths."""

    full_hundredths: int
    pass_hundredths: int
    """A paper passes at this score or above, unrounded."""
    stated_by: StatedBy
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One paper (科目) of the examination; each that a level sits must be passed."""

    key: PaperKey
    name: Bilingual
    levels: tuple[LevelCode, ...]
    """The levels that sit it."""
    minutes: int | None
    """Time allowed; None = the source is silent."""
    minutes_least: bool
    """Whether the source states the time as the least that must be allowed (不少于)."""
    book: Book | None
    delivery: tuple[Delivery, ...]
    question_types: tuple[QuestionType, ...]
    marking: Marking
    """The paper's own, or that of the whole programme."""
    source: Bilingual
    stated_by: StatedBy
    """Who states that there is such a paper."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeBand:
    """One grade (成绩等次): from its lower bound up to the next higher band's."""

    code: str
    name: Bilingual
    from_hundredths: int
    """Inclusive lower bound on the unrounded score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Function:
    """One function (职业功能) that papers are weighted by."""

    code: FunctionCode
    name: Bilingual
    also: tuple[Bilingual, ...]
    """Other names that the source has for the same function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightColumn:
    """How a paper's score is made of functions, at one level and, where they differ, in one direction."""

    paper: PaperKey
    level: LevelCode
    direction: DirectionCode | None
    """None = the same in every direction of the level."""
    percent: tuple[tuple[FunctionCode, int], ...]
    """The functions of the paper in the order of the file, each above 0; they sum to 100."""


class RoundingMode(StrEnum):
    """What is done with what lies beyond the last decimal kept."""

    HALF_UP = "half-up"  # 四舍五入
    DOWN = "down"  # 舍去


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounding:
    """How a score that is computed from functions is rounded; scores that are entered are never rounded."""

    mode: RoundingMode
    decimals: int
    """0 to 2."""
    stated_by: StatedBy


class RetakeFee(StrEnum):
    """What is paid for sitting a paper again."""

    ASSESSMENT_ONLY = "assessment-only"  # 只缴评价费
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Retake:
    """Sitting failed papers again (补考)."""

    attempts: int
    """How often, after the first."""
    papers_at_most: int
    """How many papers may have been failed."""
    next_session_only: bool
    keeps_passed: bool
    """Whether a passed paper need not be sat again."""
    fee: RetakeFee
    stated_by: StatedBy
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """What the source says about sessions (考试场次); None = silent."""

    registration_closes_days: int | None
    """Whole days before the session on which registration closes."""
    late_minutes: int | None
    """Lateness in minutes at which nobody is admitted any more."""
    late_admits_limit: bool
    """Whether who is late by exactly that much is still admitted."""
    publication_working_days: int | None
    """Working days after passing within which the certificate can be looked up."""
    absent_pays_again: bool
    """Whether an absentee pays the assessment fee again."""
    identity_check: Bilingual | None
    """How identity is checked at sign-in."""
    frequency: Bilingual | None
    places: Bilingual | None
    source: Bilingual


class StaffRole(StrEnum):
    """Who must be there."""

    INVIGILATOR = "invigilator"  # 监考人员
    ASSESSOR = "assessor"  # 考评人员


@dataclass(frozen=True, slots=True, kw_only=True)
class Staffing:
    """How many people a paper needs (人员配比)."""

    role: StaffRole
    papers: tuple[PaperKey, ...]
    candidates_each: int
    """One for so many candidates."""
    exactly: bool
    """Whether the source states the ratio as it is, not as the least."""
    least: int
    """At least so many, however few candidates there are."""
    odd: bool
    """Whether their number must be odd."""
    each_room: bool
    """Whether `least` is for each room."""
    source: Bilingual


class VenueUse(StrEnum):
    """What a place is used for."""

    THEORY_TRAINING = "theory-training"
    PRACTICE_TRAINING = "practice-training"
    THEORY_EXAMINATION = "theory-examination"
    PRACTICE_EXAMINATION = "practice-examination"


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Where training or an examination takes place (场地设备)."""

    use: VenueUse
    text: Bilingual
    source: Bilingual
