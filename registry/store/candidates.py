"""Candidates and decisions as plain values, the way they lie encrypted in the database."""

from datetime import date
from typing import Any

from registry.enrolment import Candidate, Decision, HeldCertificate, IdentityType, Sex
from registry.programme import Education, LevelCode


def candidate_document(candidate: Candidate) -> dict[str, Any]:
    """Write a candidate as plain values."""
    return {
        "line": candidate.line,
        "level": candidate.level,
        "name": candidate.name,
        "name_latin": candidate.name_latin,
        "identity_type": candidate.identity_type.value,
        "identity_number": candidate.identity_number,
        "birth_date": candidate.birth_date.isoformat(),
        "sex": candidate.sex.value if candidate.sex else None,
        "education": candidate.education.value if candidate.education else None,
        "work_months": candidate.work_months,
        "held": None if candidate.held is None else {"level": candidate.held.level, "number": candidate.held.number},
        "employer": candidate.employer,
        "phone": candidate.phone,
        "email": candidate.email,
    }


def candidate_of(document: dict[str, Any]) -> Candidate:
    """Read what `candidate_document` wrote."""
    held = document["held"]
    return Candidate(
        line=document["line"],
        level=LevelCode(document["level"]),
        name=document["name"],
        name_latin=document["name_latin"],
        identity_type=IdentityType(document["identity_type"]),
        identity_number=document["identity_number"],
        birth_date=date.fromisoformat(document["birth_date"]),
        sex=Sex(document["sex"]) if document["sex"] else None,
        education=Education(document["education"]) if document["education"] else None,
        work_months=document["work_months"],
        held=None if held is None else HeldCertificate(level=held["level"], number=held["number"]),
        employer=document["employer"],
        phone=document["phone"],
        email=document["email"],
    )


def decision_document(decision: Decision) -> dict[str, Any]:
    """Write what a decision found, rule by rule."""
    return {
        "on": decision.on.isoformat(),
        "programme": decision.programme_digest.hex(),
        "rules_held": list(decision.rules_held),
        "findings": [
            {
                "rule": finding.rule,
                "condition": finding.condition,
                "held": finding.held,
                "zh": finding.reason.zh,
                "en": finding.reason.en,
            }
            for finding in decision.findings
        ],
    }
