"""A programme (专业项目) of one version as values: levels, eligibility, papers, marks, grades, silent places."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NewType, TypeAlias

from registry.kernel.identifiers import Digest, ScopeCode, scope_code

ProgrammeCode = NewType("ProgrammeCode", str)
"""PROGRAMME of a scope code: `AIGC-APP-ENG`."""
LevelCode = NewType("LevelCode", str)
"""LEVEL of a scope code: `1`, `EXPERT`, or `-` where a programme has no levels."""
PaperKey = NewType("PaperKey", str)
"""Names a paper within its programme: `comprehensive`; goes into the certificate as `resultDescription`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bilingual:
    """One text in Chinese and English; the Chinese one decides."""

    zh: str
    en: str


class CertificateType(StrEnum):
    """What kind of certificate a programme leads to: title and template of the paper."""

    VOCATIONAL_TECHNOLOGY = "vocational-technology"  # 职业技术证书
    VOCATIONAL_COMPETENCE = "vocational-competence"  # 职业能力证书
    VOCATIONAL_SKILL_LEVEL = "vocational-skill-level"  # 职业技能等级证书
    PROFESSIONAL_TECHNICAL_LEVEL = "professional-technical-level"  # 专业技术等级证书
    COMPETITION_AWARD = "competition-award"  # 竞赛奖励证书
    TRAINING_HOURS = "training-hours"  # 学时证明


CERTIFICATE_TYPE_NAMES: dict[CertificateType, Bilingual] = {
    CertificateType.VOCATIONAL_TECHNOLOGY: Bilingual(zh="职业技术证书", en="Vocational Technology Certificate"),
    CertificateType.VOCATIONAL_COMPETENCE: Bilingual(zh="职业能力证书", en="Vocational Competence Certificate"),
    CertificateType.VOCATIONAL_SKILL_LEVEL: Bilingual(zh="职业技能等级证书", en="Vocational Skill Level Certificate"),
    CertificateType.PROFESSIONAL_TECHNICAL_LEVEL: Bilingual(
        zh="专业技术等级证书", en="Professional Technical Level Certificate"
    ),
    CertificateType.COMPETITION_AWARD: Bilingual(zh="竞赛奖励证书", en="Competition Award Certificate"),
    CertificateType.TRAINING_HOURS: Bilingual(zh="学时证明", en="Certificate of Training Hours"),
}
"""The titles as they are printed."""


class StatedBy(StrEnum):
    """Whose figure it is: the programme's source, or the issuing body's own where the source is silent."""

    SOURCE = "source"
    ISSUING_BODY = "issuing-body"


class NumberScheme(StrEnum):
    """How certificates of the programme are numbered."""

    DEFAULT = "default"
    """`CODE-YYYY-`, ten random characters, one check character (`registry.kernel.identifiers`)."""


class Education(StrEnum):
    """Education completed (文化程度), lowest first; `rank` compares them."""

    PRIMARY = "primary"  # 小学
    JUNIOR_SECONDARY = "junior-secondary"  # 初中
    SENIOR_SECONDARY = "senior-secondary"  # 高中 and the vocational schools of the same stage: 中专, 职高
    ASSOCIATE = "associate"  # 大专, 高职
    BACHELOR = "bachelor"  # 本科
    MASTER = "master"  # 硕士
    DOCTOR = "doctor"  # 博士

    @property
    def rank(self) -> int:
        """Position from 0, lowest first."""
        return list(Education).index(self)


EDUCATION_NAMES: dict[Education, Bilingual] = {
    Education.PRIMARY: Bilingual(zh="小学", en="primary school"),
    Education.JUNIOR_SECONDARY: Bilingual(zh="初中", en="junior secondary school"),
    Education.SENIOR_SECONDARY: Bilingual(zh="高中", en="senior secondary school"),
    Education.ASSOCIATE: Bilingual(zh="大专", en="associate degree"),
    Education.BACHELOR: Bilingual(zh="本科", en="bachelor"),
    Education.MASTER: Bilingual(zh="硕士", en="master"),
    Education.DOCTOR: Bilingual(zh="博士", en="doctor"),
}
"""The words for reasons and pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsLevel:
    """The candidate holds another level of this programme (持有…证书)."""

    level: LevelCode


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeAtLeast:
    """The candidate has completed this many years of life (年满…周岁)."""

    years: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EducationAtLeast:
    """The candidate's education is this or a higher one (…及以上学历)."""

    education: Education


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAtLeast:
    """The candidate has worked this many whole months (工作满…年)."""

    months: int


Condition: TypeAlias = HoldsLevel | AgeAtLeast | EducationAtLeast | WorkAtLeast


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityRule:
    """One way into a level: every condition must hold. A rule without conditions is open to everyone."""

    id: str
    """Level and letter, such as `2b`; unique within the programme."""
    text: Bilingual
    conditions: tuple[Condition, ...]
    source: Bilingual
    """The place in the source that states it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level (等级) of a programme."""

    code: LevelCode
    scope: ScopeCode
    """`PROGRAMME/LEVEL`: what an issuer is accredited for."""
    name: Bilingual
    rules: tuple[EligibilityRule, ...]
    """Any one suffices; their order means nothing."""
    training_hours: int | None
    """Standard hours (标准学时); None = the source is silent."""


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
    WRITTEN = "written"  # 笔试


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One paper (科目) of the examination."""

    key: PaperKey
    name: Bilingual
    levels: tuple[LevelCode, ...]
    """The levels that sit it."""
    minutes: int | None
    """Time allowed; None = the source is silent."""
    book: Book | None
    delivery: tuple[Delivery, ...]
    question_types: tuple[QuestionType, ...]
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Marking:
    """Scale and pass mark of every paper, in hundredths."""

    full_hundredths: int
    pass_hundredths: int
    """A paper passes at this score or above, unrounded."""
    stated_by: StatedBy
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class GradeBand:
    """One grade (成绩等次): from its lower bound up to the next higher band's."""

    code: str
    name: Bilingual
    from_hundredths: int
    """Inclusive lower bound on the unrounded score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """How long a certificate is good."""

    months: int | None
    """Whole months from the date of issue; None = for life (终身有效)."""
    stated_by: StatedBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """The occupational standard a programme examines by."""

    name: Bilingual
    number: str | None
    version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupation:
    """An entry of the national list of occupations."""

    code: str
    name: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceNote:
    """Where the source says nothing or contradicts itself, and what is done instead."""

    subject: str
    """Slug of what it is about: `training-hours`."""
    text: Bilingual
    """What is not said, or the two things that are."""
    used: Bilingual | None
    """What is used instead, and whose figure it is; None = nothing is, the rule is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """One version of a programme, read from one file; immutable once used."""

    code: ProgrammeCode
    version: str
    """`YYYY.N`, in the order of issue."""
    document: bytes = field(repr=False)
    """The file's bytes."""
    digest: Digest
    """SHA-256 of the file's bytes: what a certificate names."""
    effective_from: date
    """First day on which candidates are enrolled under this version."""
    name: Bilingual
    authority: Bilingual
    """The body that owns the programme (发证主体)."""
    certificate_type: CertificateType
    number_scheme: NumberScheme
    occupation: Occupation | None
    standard: Standard | None
    source: Bilingual
    levels: tuple[Level, ...]
    """Lowest first."""
    papers: tuple[Paper, ...]
    marking: Marking
    grades: tuple[GradeBand, ...]
    """Highest first; empty = the programme publishes no grades."""
    validity: Validity
    silences: tuple[SourceNote, ...]
    conflicts: tuple[SourceNote, ...]

    def level(self, code: str) -> Level | None:
        """Find a level by its code."""
        return next((level for level in self.levels if level.code == code), None)

    def papers_of(self, level: str) -> tuple[Paper, ...]:
        """List the papers of a level in the order of the file."""
        return tuple(paper for paper in self.papers if level in paper.levels)

    def scope_of(self, level: str) -> ScopeCode:
        """Name the scope of a level: `PROGRAMME/LEVEL`."""
        return scope_code(f"{self.code}/{level}")
