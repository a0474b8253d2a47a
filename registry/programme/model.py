"""A programme (专业项目) of one version as values: levels, training, examination, certificate, silent places."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from registry.kernel.identifiers import Digest, ScopeCode, scope_code
from registry.programme.conditions import EligibilityRule
from registry.programme.examination import (
    Function,
    GradeBand,
    Marking,
    Paper,
    Retake,
    Rounding,
    SessionRules,
    Staffing,
    Venue,
    WeightColumn,
)
from registry.programme.terms import (
    Bilingual,
    DirectionCode,
    LevelCode,
    ProgrammeCode,
    SectorCode,
    SourceNote,
    StatedBy,
)
from registry.programme.training import TeacherRule, Training, TrainingUnit, WorkFunction


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


class NumberScheme(StrEnum):
    """How certificates of the programme are numbered."""

    DEFAULT = "default"
    """`CODE-YYYY-`, ten random characters, one check character (`registry.kernel.identifiers`)."""


class CertificateField(StrEnum):
    """What the source says that a certificate prints."""

    NUMBER = "number"  # 证书编号, 证书号码
    REGISTRATION_NUMBER = "registration-number"  # 编号
    STATEMENT = "statement"
    NAME = "name"
    IDENTITY_NUMBER = "identity-number"
    PORTRAIT = "portrait"
    LEVEL = "level"
    SECTOR = "sector"
    ISSUING_BODY = "issuing-body"
    PLACE = "place"
    AWARD = "award"


class FormField(StrEnum):
    """What a registration form (登记表) can ask for besides name, identity document and level."""

    SEX = "sex"
    BIRTH_DATE = "birth-date"
    EDUCATION = "education"
    POSITION = "position"  # 职称/职务
    EMPLOYER = "employer"
    PHONE = "phone"
    EMAIL = "email"
    ADDRESS = "address"
    HISTORY = "history"  # 个人简历及参加培训情况
    PHOTOGRAPH = "photograph"
    REGISTRATION_NUMBER = "registration-number"  # 编号


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A programme's own registration form."""

    required: tuple[FormField, ...]
    """What must be filled in."""
    optional: tuple[FormField, ...]
    photograph: Bilingual | None
    """What the photograph must be like, as the source says it."""
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateRules:
    """What the source says about the certificate itself, beyond what every certificate carries."""

    fields: tuple[CertificateField, ...]
    """What the source names; empty = it names nothing."""
    own_additions: tuple[CertificateField, ...]
    """What the issuing body prints besides."""
    registration_number: Bilingual | None
    """What the second number is called, where there is one: 编号."""
    statement: Bilingual | None
    """What it states of its holder."""
    after_training: bool
    """Whether it is issued only to who has completed the training of the level."""
    lookup: Bilingual | None
    """Where the source says that it can be looked up."""
    talent_database: Bilingual | None
    """The database of talents that holders' records enter, where there is one."""
    source: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """One direction (职业方向); where a level has any, a candidate chooses exactly one."""

    code: DirectionCode
    name: Bilingual
    levels: tuple[LevelCode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """One sector (细分行业) that a certificate may carry."""

    code: SectorCode
    name: Bilingual


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level (等级) of a programme."""

    code: LevelCode
    scope: ScopeCode
    """`PROGRAMME/LEVEL`: what an issuer is accredited for."""
    name: Bilingual
    rules: tuple[EligibilityRule, ...]
    """Any one suffices; their order means nothing."""
    requirements: tuple[EligibilityRule, ...]
    """Each must hold besides the rule; their order means nothing."""
    training_hours: int | None
    """Standard hours (标准学时); None = the source is silent."""
    work: tuple[WorkFunction, ...]
    """What a transcript lists; empty = nothing."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """How people write it: by name in either language, scope or code; 五级/初级工 is two names of one level."""
        return self.name.zh, *self.name.zh.split("/"), self.name.en, self.scope, self.code

    @property
    def lowest_age(self) -> int:
        """Completed years of life below which no rule admits anybody; 0 = the programme asks for none."""
        by_a_rule = min((rule.lowest_age for rule in self.rules), default=0)
        return max((by_a_rule, *(one.lowest_age for one in self.requirements)))


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
    in_force_from: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupation:
    """An entry of the national list of occupations."""

    code: str
    name: Bilingual


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
    hours_of: ProgrammeCode | None
    """The programme whose training hours are certified; with certificates of hours alone."""
    levels: tuple[Level, ...]
    """Lowest first."""
    directions: tuple[Direction, ...]
    sectors: tuple[Sector, ...]
    form: Form | None
    training: tuple[Training, ...]
    units: tuple[TrainingUnit, ...]
    teachers: tuple[TeacherRule, ...]
    papers: tuple[Paper, ...]
    """Empty = nothing is examined: awards and certificates of hours."""
    marking: Marking | None
    """Of the papers that have none of their own; what counts is each paper's `marking`."""
    grades: tuple[GradeBand, ...]
    """Highest first; empty = the programme publishes no grades."""
    functions: tuple[Function, ...]
    weights: tuple[WeightColumn, ...]
    rounding: Rounding | None
    """Where scores are computed from functions."""
    retake: Retake | None
    session: SessionRules | None
    staffing: tuple[Staffing, ...]
    venues: tuple[Venue, ...]
    certificate: CertificateRules | None
    validity: Validity
    silences: tuple[SourceNote, ...]
    conflicts: tuple[SourceNote, ...]
    notes: tuple[SourceNote, ...]
    """What the source says and no rule is made of."""

    def level(self, code: str) -> Level | None:
        """Find a level by its code."""
        return next((level for level in self.levels if level.code == code), None)

    def papers_of(self, level: str) -> tuple[Paper, ...]:
        """List the papers of a level in the order of the file."""
        return tuple(paper for paper in self.papers if level in paper.levels)

    def directions_of(self, level: str) -> tuple[Direction, ...]:
        """List the directions of a level; where there are any, exactly one is chosen."""
        return tuple(direction for direction in self.directions if level in direction.levels)

    def units_of(self, level: str) -> tuple[TrainingUnit, ...]:
        """List the training units of a level in the order of the file."""
        return tuple(unit for unit in self.units if level in unit.levels)

    def weights_of(self, paper: str, level: str, direction: str | None) -> WeightColumn | None:
        """Find how a paper's score is made of functions; None where the paper is not weighted."""
        return next(
            (
                column
                for column in self.weights
                if column.paper == paper and column.level == level and column.direction in {None, direction}
            ),
            None,
        )

    def scope_of(self, level: str) -> ScopeCode:
        """Name the scope of a level: `PROGRAMME/LEVEL`."""
        return scope_code(f"{self.code}/{level}")
