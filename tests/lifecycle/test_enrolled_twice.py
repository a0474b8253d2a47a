"""A corrected roster that repeats people must not lead to a second certificate for anybody."""

import json

from typer.testing import CliRunner

from api.cli import app
from api.demo_data import sample_roster
from registry.workflows.issuance import issue


def test_people_still_enrolled_are_refused_row_by_row_in_a_second_file(world, tmp_path) -> None:
    home, roster = world.home, tmp_path / "again.csv"
    # People nobody has examined yet, then the same file again with a line more.
    fresh = sample_roster(seed=7, count=20)
    roster.write_bytes(fresh)
    taken = json.loads(world.run("enrol", "import", str(roster), "--as", "clerk-1", "--json"))
    assert taken["rows"] == 20
    roster.write_bytes(fresh + b"\r\n")
    result = CliRunner().invoke(app, ["enrol", "check", str(roster), "--json", "--home", str(home.path)])
    assert result.exit_code == 1
    problems = json.loads(result.stdout)["problems"]
    assert {one["code"] for one in problems} == {"enrol/already-enrolled"}
    assert len(problems) == 20


def test_who_holds_a_standing_certificate_of_a_level_gets_no_second_one(world, tmp_path) -> None:
    roster = tmp_path / "certified.csv"
    roster.write_bytes(sample_roster() + b"\r\n")
    home = world.home
    world.run("enrol", "import", str(roster), "--accept-good-rows", "--as", "clerk-1")
    world.run("enrol", "decide", "--as", "clerk-1")
    with home.store.read() as unit:
        awaited = unit.marks.awaited("AIGC-APP-ENG")
    scores = tmp_path / "scores.csv"
    scores.write_text("准考证号,成绩\r\n" + "".join(f"{one},90\r\n" for one in awaited), encoding="utf-8")
    wrong = json.loads(world.run("exam", "record", str(scores), "--as", "clerk-1", "--json"))["sheet"]
    returned = json.loads(world.run("exam", "return", wrong, "--reason", "考试日期写错", "--as", "clerk-2", "--json"))
    assert (returned["returned_by"], returned["confirmed_by"]) == ("clerk-2", None)
    sheet = json.loads(world.run("exam", "record", str(scores), "--as", "clerk-1", "--json"))["sheet"]
    assert sheet != wrong
    world.run("exam", "confirm", sheet, "--as", "clerk-2")
    for level in ("1", "2", "3"):
        with home.store.read() as unit:
            marked = {one.application.person for one in unit.marks.confirmed("AIGC-APP-ENG", level)}
            certified = unit.pieces.certified(f"AIGC-APP-ENG/{level}", sorted(marked))
            waiting = issue.waiting_for_batch(
                unit, home.catalogue, home.issuer, "AIGC-APP-ENG", level, most=len(marked)
            )
        assert marked & certified, "the case is not there at all"
        revoked = {one.reservation.person for one in world.certificates(level) if world.status(one) == "revoked"}
        batch = issue.propose(
            home.store,
            home.clock,
            home.catalogue,
            home.body,
            home.credential_signer(),
            programme="AIGC-APP-ENG",
            level=level,
            person="maker-1",
        )
        with home.store.read() as unit:
            chosen = [one.person for one in unit.batches.reservations(batch.id)]
        assert waiting == len(chosen) == len(set(chosen))
        assert set(chosen) & certified <= revoked
