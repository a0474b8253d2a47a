"""Enrolment (报名): from a roster's bytes to candidates with every bad row named, and to decisions with reasons."""

from registry.enrolment.eligibility import Decision, Finding, age, anniversary, decide
from registry.enrolment.identity import IdentityType, Sex, normal_identity_number
from registry.enrolment.model import Candidate, HeldCertificate, PersonKey, RosterReading, RowsRefused
from registry.enrolment.names import normal_name
from registry.enrolment.problems import ProblemKind, RowProblem, kinds, table_kinds
from registry.enrolment.roster import COLUMNS, ROSTER_NOTICES, ROSTER_PROBLEMS, read_roster, work_months
from registry.enrolment.table import Column, Place, Row, Table, normal_heading, read_table

__all__ = [
    "COLUMNS",
    "ROSTER_NOTICES",
    "ROSTER_PROBLEMS",
    "Candidate",
    "Column",
    "Decision",
    "Finding",
    "HeldCertificate",
    "IdentityType",
    "PersonKey",
    "Place",
    "ProblemKind",
    "RosterReading",
    "Row",
    "RowProblem",
    "RowsRefused",
    "Sex",
    "Table",
    "age",
    "anniversary",
    "decide",
    "kinds",
    "normal_heading",
    "normal_identity_number",
    "normal_name",
    "read_roster",
    "read_table",
    "table_kinds",
    "work_months",
]
