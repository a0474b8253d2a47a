"""Both days of a retake on the candidate's page."""

from datetime import date

from registry.access import Role
from tests.http.console_site import House
from tests.unit.registry.workflows.examination_stage import stage


def test_a_candidate_who_sits_again_is_shown_with_both_days(tmp_path):
    one = stage(tmp_path)
    (admission,) = one.enrol("AI-TRAINER", "4", 1, unit="某公司")
    first = one.session("AI-TRAINER", date(2026, 3, 15), papers=("theory", "practice"))
    one.seat(first, [admission])
    one.hold(first, {admission: ["theory", "practice"]})
    one.mark(first, f"准考证号,理论,实操\n{admission},80,59.99\n")
    second = one.session("AI-TRAINER", date(2026, 5, 17), papers=("theory", "practice"))
    one.seat(second, [admission])
    house = House(one.store, one.clock)
    text = house.person("auditor-1", Role.AUDITOR).get(f"/console/candidates/{admission}").text
    days = [text.index(f'datetime="{day}"') for day in ("2026-03-15", "2026-05-17")]
    assert days == sorted(days)
    assert "first sitting" in text[days[0] : days[1]]
    assert "retake" in text[days[1] :]
    assert first.id in text
    assert second.id in text
    one.store.close()
