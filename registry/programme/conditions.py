"""Conditions of applying (申报条件), each a small value; `registry.enrolment` tries them on a candidate.

What a condition names is what must be stated: a higher title or degree is not taken for a lower one, since whoever has
both can state both. `Judged` is for what no machine can know; a person decides it, with a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from registry.programme.terms import Bilingual, LevelCode, StatedBy


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


class Degree(StrEnum):
    """Academic degrees (学位); an education may be completed without one."""

    BACHELOR = "bachelor-degree"  # 学士学位
    SECOND_BACHELOR = "second-bachelor-degree"  # 第二学士学位
    MASTER = "master-degree"  # 硕士学位
    DOCTOR = "doctor-degree"  # 博士学位


DEGREE_NAMES: dict[Degree, Bilingual] = {
    Degree.BACHELOR: Bilingual(zh="学士学位", en="bachelor's degree"),
    Degree.SECOND_BACHELOR: Bilingual(zh="第二学士学位", en="second bachelor's degree"),
    Degree.MASTER: Bilingual(zh="硕士学位", en="master's degree"),
    Degree.DOCTOR: Bilingual(zh="博士学位", en="doctor's degree"),
}
"""The words for reasons and pages."""


class Title(StrEnum):
    """Professional titles (职称) of engineering, lowest first."""

    TECHNICIAN = "technician"  # 技术员
    ASSISTANT_ENGINEER = "assistant-engineer"  # 助理工程师
    ENGINEER = "engineer"  # 工程师
    SENIOR_ENGINEER = "senior-engineer"  # 高级工程师


TITLE_NAMES: dict[Title, Bilingual] = {
    Title.TECHNICIAN: Bilingual(zh="技术员", en="technician"),
    Title.ASSISTANT_ENGINEER: Bilingual(zh="助理工程师", en="assistant engineer"),
    Title.ENGINEER: Bilingual(zh="工程师", en="engineer"),
    Title.SENIOR_ENGINEER: Bilingual(zh="高级工程师", en="senior engineer"),
}
"""The words for reasons and pages."""


class WorkProof(StrEnum):
    """What years of work are proven by."""

    EMPLOYMENT_RECORD = "employment-record"  # 就业记录
    SOCIAL_INSURANCE = "social-insurance"  # 社会保险缴费记录


WORK_PROOF_NAMES: dict[WorkProof, Bilingual] = {
    WorkProof.EMPLOYMENT_RECORD: Bilingual(zh="就业记录", en="employment record"),
    WorkProof.SOCIAL_INSURANCE: Bilingual(zh="社保记录", en="social insurance record"),
}
"""The words for reasons and pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsLevel:
    """The candidate holds another level of this programme (持有…证书), and has worked in the occupation since."""

    level: LevelCode
    worked_months: int = 0
    """Whole months worked in the occupation since it was obtained (取得后工作满…年): worked, not elapsed."""
    proofs: tuple[WorkProof, ...] = ()
    """What that work must be proven by, each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeAtLeast:
    """The candidate has completed this many years of life (年满…周岁)."""

    years: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EducationAtLeast:
    """The candidate's education is this or a higher one (…及以上学历)."""

    education: Education
    final_year: bool = False
    """Whether students in the final year of such an education count too (含应届毕业生)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualificationAmong:
    """The candidate has one of these educations or degrees, no other."""

    educations: tuple[Education, ...]
    degrees: tuple[Degree, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAtLeast:
    """The candidate has worked this many whole months (工作满…年)."""

    months: int
    in_occupation: bool = False
    """Whether only work in the occupation or profession counts (从事本职业工作)."""
    proofs: tuple[WorkProof, ...] = ()
    """What it must be proven by, each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldsTitle:
    """The candidate has this professional title (取得…职称), and has worked in the profession since."""

    title: Title
    worked_months: int = 0
    """As in `HoldsLevel`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InOccupation:
    """The candidate works or is about to work in the occupation (从事或准备从事本职业)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HasHoursCertificate:
    """The candidate has the certificate of hours (学时证明) of the level: ours, or a document that a person saw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletedTraining:
    """The candidate has attended the training hours of the level, all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredByUnit:
    """A unit registers the candidate (单位统一申报); nobody can apply alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneLevelAtATime:
    """The candidate has no other open application in the programme (逐级申报)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WonAward:
    """The candidate won in a competition: contest, edition, event and rank are stated."""


OVERRIDE: Final = "override"
"""What two people decide against every rule: no subject of a condition has this name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a person must judge, with a reason; never guessed."""

    subject: str
    """Slug, the same wherever one judgement is enough: `related-major`."""
    name: Bilingual
    """What is judged: 相关专业."""
    on_claim: bool
    """Whether it is judged only where the candidate claims it (or, for `related-major`, names a major)."""


Condition: TypeAlias = (
    HoldsLevel
    | AgeAtLeast
    | EducationAtLeast
    | QualificationAmong
    | WorkAtLeast
    | HoldsTitle
    | InOccupation
    | HasHoursCertificate
    | CompletedTraining
    | RegisteredByUnit
    | OneLevelAtATime
    | WonAward
    | Judged
)

CONDITION_KINDS: Mapping[type[Condition], str] = {
    HoldsLevel: "holds-level",
    AgeAtLeast: "age-at-least",
    EducationAtLeast: "education-at-least",
    QualificationAmong: "qualification-among",
    WorkAtLeast: "work-at-least",
    HoldsTitle: "holds-title",
    InOccupation: "in-occupation",
    HasHoursCertificate: "hours-certificate",
    CompletedTraining: "completed-training",
    RegisteredByUnit: "registered-by-unit",
    OneLevelAtATime: "one-level-at-a-time",
    WonAward: "won-award",
    Judged: "judged",
}
"""The words of a programme file for each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EligibilityRule:
    """One way into a level, or what must hold besides any way: every condition must hold. None = open to everyone."""

    id: str
    """Level and letter, such as `2b`, or a word for what must hold besides; unique within a level."""
    text: Bilingual
    conditions: tuple[Condition, ...]
    source: Bilingual
    """The place in the source that states it."""
    stated_by: StatedBy = StatedBy.SOURCE

    @property
    def lowest_age(self) -> int:
        """Completed years of life that the rule asks for; 0 = none."""
        return max((one.years for one in self.conditions if isinstance(one, AgeAtLeast)), default=0)
