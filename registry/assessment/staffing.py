"""Whether a session has the people that its papers need (人员配比).

1. a ratio of one for so many is rounded up: 16 candidates at one for 15 need two;
2. never fewer than the least; an odd number where it must be odd: the smallest one that is enough;
3. a ratio that the source states exactly is met by just that number, any other by that number or more.
Where the least is for each room, so is the ratio: nobody watches two rooms.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from registry.programme import Bilingual, PaperKey, Programme, Staffing, StaffRole

ROLE_NAMES: Mapping[StaffRole, Bilingual] = {
    StaffRole.INVIGILATOR: Bilingual(zh="监考人员", en="invigilators"),
    StaffRole.ASSESSOR: Bilingual(zh="考评人员", en="assessors"),
}
"""The words for reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomStaff:
    """Who is in a room for one paper: counts, no names."""

    room: str
    candidates: int
    invigilators: int = 0
    assessors: int = 0

    def of(self, role: StaffRole) -> int:
        """Give how many there are of a role."""
        return self.invigilators if role is StaffRole.INVIGILATOR else self.assessors


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffFinding:
    """One rule held against one room, or against the whole session."""

    role: StaffRole
    paper: PaperKey
    room: str | None
    """None = the session as a whole."""
    candidates: int
    needed: int
    present: int
    held: bool
    text: Bilingual


def staff_needed(rule: Staffing, candidates: int) -> int:
    """Give the smallest number of people that is enough for so many candidates; 0 for none."""
    if candidates == 0:
        return 0
    needed = max(-(-candidates // rule.candidates_each), rule.least)  # 1, 2
    return needed + 1 if rule.odd and needed % 2 == 0 else needed


def is_enough(rule: Staffing, candidates: int, present: int) -> bool:
    """Tell whether so many people meet a rule."""
    needed = staff_needed(rule, candidates)
    if candidates == 0:
        return True
    if rule.exactly:  # 3
        return present == needed
    return present >= needed and (not rule.odd or present % 2 == 1)


def staff_findings(programme: Programme, paper: PaperKey, rooms: list[RoomStaff]) -> tuple[StaffFinding, ...]:
    """Hold every rule of a paper against the rooms in which it is sat, in the order of the programme."""
    findings: list[StaffFinding] = []
    for rule in programme.staffing:
        if paper not in rule.papers:
            continue
        if rule.each_room:
            findings += [_finding(rule, paper, one.room, one.candidates, one.of(rule.role)) for one in rooms]
        else:
            total = sum(one.candidates for one in rooms)
            findings.append(_finding(rule, paper, None, total, sum(one.of(rule.role) for one in rooms)))
    return tuple(findings)


def _finding(rule: Staffing, paper: PaperKey, room: str | None, candidates: int, present: int) -> StaffFinding:
    needed = staff_needed(rule, candidates)
    role = ROLE_NAMES[rule.role]
    place = Bilingual(zh="全场", en="the session") if room is None else Bilingual(zh=room, en=room)
    odd = Bilingual(zh="，人数为单数", en=", an odd number") if rule.odd else Bilingual(zh="", en="")
    bound = Bilingual(zh="应为", en="exactly") if rule.exactly else Bilingual(zh="不少于", en="at least")
    return StaffFinding(
        role=rule.role,
        paper=paper,
        room=room,
        candidates=candidates,
        needed=needed,
        present=present,
        held=is_enough(rule, candidates, present),
        text=Bilingual(
            zh=f"{place.zh}：考生{candidates}人，{role.zh}{bound.zh}{needed}人{odd.zh}，现有{present}人",
            en=f"{place.en}: {candidates} candidates need {bound.en} {needed} {role.en}{odd.en}; there are {present}",
        ),
    )
