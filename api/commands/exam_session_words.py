"""What commands say of sessions: words and plain values."""

from collections.abc import Sequence
from typing import Any

from api.terminal import print_table, said
from registry.assessment import ROLE_NAMES, StaffFinding
from registry.kernel.calendar import CHINA_TIME
from registry.ports.examinations import Attendance, ExamSession, Seat
from registry.programme import Programme
from registry.workflows.examination.exam_records import Published


def attendance_word(row: Attendance | None) -> str:
    """Say behind a paper's name whether somebody came; nothing where that is not known yet."""
    if row is None:
        return ""
    if row.admitted:
        return "✓"
    return said("（迟到）", " (late)") if row.turned_away else said("（缺考）", " (absent)")


def expected_words(one: Published) -> str:
    """Say when certificates are expected, and by which count."""
    if one.publication is None:
        return said("来源未规定", "the source does not say")
    expected, reason = one.publication.expected, one.publication.reason
    return said(f"{expected}（{reason.zh}）", f"{expected} ({reason.en})")


def print_findings(findings: Sequence[StaffFinding]) -> None:
    """Print each ratio with who is there."""
    if not findings:
        return
    print_table(
        [said("科目", "paper"), said("人员", "role"), said("配比", "ratio"), said("满足", "met")],
        [
            [
                one.paper,
                said(ROLE_NAMES[one.role].zh, ROLE_NAMES[one.role].en),
                said(one.text.zh, one.text.en),
                said("是", "yes") if one.held else said("否", "no"),
            ]
            for one in findings
        ],
    )


def paper_name(of: Programme, key: str) -> str:
    """Name a paper in the reader's language."""
    paper = next((one for one in of.papers if one.key == key), None)
    return key if paper is None else said(paper.name.zh, paper.name.en)


def session_document(one: ExamSession) -> dict[str, Any]:
    """Write a session as plain values."""
    return {
        "session": one.id,
        "programme": one.programme,
        "version": one.programme_version,
        "held_on": one.held_on.isoformat(),
        "place": one.place,
        "registration_closes": one.registration_closes.isoformat() if one.registration_closes else None,
        "papers": {timed.paper: timed.begins_at.astimezone(CHINA_TIME).isoformat() for timed in one.papers},
        "rooms": {room.name: room.capacity for room in one.rooms},
        "capacity": one.capacity,
        "closed_by": one.closed_by,
    }


def seat_document(seat: Seat) -> dict[str, Any]:
    """Write a registration as plain values."""
    return {
        "admission": seat.admission,
        "room": seat.room,
        "papers": list(seat.papers),
        "kind": seat.kind.value,
        "fee": None if seat.fee is None else seat.fee.value,
        "by_unit": seat.by_unit,
    }


def finding_document(one: StaffFinding) -> dict[str, Any]:
    """Write one ratio as plain values."""
    return {
        "paper": one.paper,
        "role": one.role.value,
        "room": one.room,
        "candidates": one.candidates,
        "needed": one.needed,
        "present": one.present,
        "held": one.held,
        "text": {"zh": one.text.zh, "en": one.text.en},
    }


def publication_document(one: Published) -> dict[str, Any]:
    """Write how far a session's certificates are as plain values."""
    publication = one.publication
    return {
        "seated": one.seated,
        "waiting": one.waiting,
        "days_overdue": one.days_overdue,
        "expected": None if publication is None else publication.expected.isoformat(),
        "certain": None if publication is None else publication.certain,
        "reason": None if publication is None else {"zh": publication.reason.zh, "en": publication.reason.en},
    }
