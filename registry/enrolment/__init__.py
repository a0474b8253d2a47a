"""Enrolment (报名): from a roster's bytes to candidates with every bad row named, and to decisions with reasons."""

from registry.enrolment.admission import (
    ENDED,
    STATE_NAMES,
    TRANSITIONS,
    AdmissionState,
    AdmissionStep,
    AdmissionTrail,
)
from registry.enrolment.attendance import ATTENDANCE_PROBLEMS, AttendanceReading, read_attendance
from registry.enrolment.courses import Attended, CourseUnit, course_units, hours_attended, require_teacher
from registry.enrolment.dates import age, anniversary
from registry.enrolment.eligibility import Decision, Finding, decide
from registry.enrolment.identity import IdentityType, Sex, identity_fault, normal_identity_number
from registry.enrolment.jpeg import BareJpeg, NoJpeg, bare_jpeg
from registry.enrolment.model import (
    AwardWon,
    Candidate,
    Engagement,
    Evidence,
    HeldCertificate,
    HeldTitle,
    Judgement,
    PersonKey,
    RosterReading,
    RosterUnreadable,
    RowsRefused,
)
from registry.enrolment.names import folded_name, latin_name_fault, name_fault, normal_name
from registry.enrolment.photograph import (
    PHOTOGRAPH_PROBLEMS,
    Photograph,
    PhotographRefused,
    asks_for_blue,
    check_photograph,
)
from registry.enrolment.photograph_files import (
    ArchiveRefused,
    PhotographArchive,
    PhotographFolder,
    number_in,
    shown_name,
)
from registry.enrolment.problems import FileProblem, ProblemKind, RowProblem, kinds, table_kinds
from registry.enrolment.roster import read_roster, roster_rows, says_a_known_word
from registry.enrolment.roster_cells import work_months
from registry.enrolment.roster_columns import COLUMNS, MORE_COLUMNS, blank_roster, columns_of
from registry.enrolment.roster_problems import ROSTER_NOTICES, ROSTER_PROBLEMS
from registry.enrolment.table import Column, Place, Row, Table, normal_heading, read_table
from registry.enrolment.trying import HELD_CERTIFICATE, HOURS_CERTIFICATE, held_subjects

__all__ = [
    "ATTENDANCE_PROBLEMS",
    "COLUMNS",
    "ENDED",
    "HELD_CERTIFICATE",
    "HOURS_CERTIFICATE",
    "MORE_COLUMNS",
    "PHOTOGRAPH_PROBLEMS",
    "ROSTER_NOTICES",
    "ROSTER_PROBLEMS",
    "STATE_NAMES",
    "TRANSITIONS",
    "AdmissionState",
    "AdmissionStep",
    "AdmissionTrail",
    "ArchiveRefused",
    "AttendanceReading",
    "Attended",
    "AwardWon",
    "BareJpeg",
    "Candidate",
    "Column",
    "CourseUnit",
    "Decision",
    "Engagement",
    "Evidence",
    "FileProblem",
    "Finding",
    "HeldCertificate",
    "HeldTitle",
    "IdentityType",
    "Judgement",
    "NoJpeg",
    "PersonKey",
    "Photograph",
    "PhotographArchive",
    "PhotographFolder",
    "PhotographRefused",
    "Place",
    "ProblemKind",
    "RosterReading",
    "RosterUnreadable",
    "Row",
    "RowProblem",
    "RowsRefused",
    "Sex",
    "Table",
    "age",
    "anniversary",
    "asks_for_blue",
    "bare_jpeg",
    "blank_roster",
    "check_photograph",
    "columns_of",
    "course_units",
    "decide",
    "folded_name",
    "held_subjects",
    "hours_attended",
    "identity_fault",
    "kinds",
    "latin_name_fault",
    "name_fault",
    "normal_heading",
    "normal_identity_number",
    "normal_name",
    "number_in",
    "read_attendance",
    "read_roster",
    "read_table",
    "require_teacher",
    "roster_rows",
    "says_a_known_word",
    "shown_name",
    "table_kinds",
    "work_months",
]
