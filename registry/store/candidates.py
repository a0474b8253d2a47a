"""Candidates and decisions as plain values, the way they lie encrypted in the database."""

from datetime import date
from typing import Any, Final

from registry.enrolment import (
    AwardWon,
    Candidate,
    Decision,
    Engagement,
    Evidence,
    HeldCertificate,
    HeldTitle,
    IdentityType,
    Sex,
)
from registry.programme import Degree, DirectionCode, Education, LevelCode, SectorCode, Title, WorkProof

_NO_EVIDENCE: Final = Evidence()


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
        # What only some programmes ask for stands there only where it is stated, as in rows of earlier releases.
        **_stated(
            direction=candidate.direction,
            sector=candidate.sector,
            registration_number=candidate.registration_number,
            evidence=_evidence_document(candidate.evidence),
        ),
    }


def _stated(**values: Any) -> dict[str, Any]:
    """Leave out what is not stated: None and whatever is empty."""
    return {name: value for name, value in values.items() if value not in (None, [], {})}


def _evidence_document(evidence: Evidence) -> dict[str, Any]:
    """Write what the roster states; what people judged of it has rows of its own."""
    award = evidence.award
    return _stated(
        degrees=[one.value for one in evidence.degrees],
        major=evidence.major,
        final_year_of=evidence.final_year_of and evidence.final_year_of.value,
        occupation_months=evidence.occupation_months,
        months_since_held=evidence.months_since_held,
        work_proofs=[one.value for one in evidence.work_proofs],
        engagement=evidence.engagement and evidence.engagement.value,
        titles=[
            _stated(
                title=one.title.value,
                obtained=one.obtained and one.obtained.isoformat(),
                worked_months=one.worked_months,
            )
            for one in evidence.titles
        ],
        hours_certificate=evidence.hours_certificate,
        attended_hours=evidence.attended_hours,
        unit=evidence.unit,
        award=award
        and _stated(
            contest=award.contest,
            edition=award.edition,
            event=award.event,
            rank=award.rank,
            organisers=award.organisers,
        ),
        position=evidence.position,
        address=evidence.address,
        history=evidence.history,
        claims=list(evidence.claims),
    )


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
        direction=DirectionCode(document["direction"]) if "direction" in document else None,
        sector=SectorCode(document["sector"]) if "sector" in document else None,
        registration_number=document.get("registration_number"),
        evidence=_evidence_of(stated) if (stated := document.get("evidence")) else _NO_EVIDENCE,
    )


def _evidence_of(document: dict[str, Any]) -> Evidence:
    final_year, engagement, award = (document.get(key) for key in ("final_year_of", "engagement", "award"))
    return Evidence(
        degrees=tuple(Degree(one) for one in document.get("degrees", ())),
        major=document.get("major"),
        final_year_of=Education(final_year) if final_year else None,
        occupation_months=document.get("occupation_months"),
        months_since_held=document.get("months_since_held"),
        work_proofs=tuple(WorkProof(one) for one in document.get("work_proofs", ())),
        engagement=Engagement(engagement) if engagement else None,
        titles=tuple(
            HeldTitle(
                title=Title(one["title"]),
                obtained=date.fromisoformat(one["obtained"]) if "obtained" in one else None,
                worked_months=one.get("worked_months"),
            )
            for one in document.get("titles", ())
        ),
        hours_certificate=document.get("hours_certificate"),
        attended_hours=document.get("attended_hours"),
        unit=document.get("unit"),
        award=AwardWon(
            contest=award["contest"],
            edition=award["edition"],
            event=award["event"],
            rank=award["rank"],
            organisers=award.get("organisers"),
        )
        if award
        else None,
        position=document.get("position"),
        address=document.get("address"),
        history=document.get("history"),
        claims=tuple(document.get("claims", ())),
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
                **_stated(judge=finding.judge),
            }
            for finding in decision.findings
        ],
    }
