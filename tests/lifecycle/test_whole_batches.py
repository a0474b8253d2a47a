"""A batch under suspicion, as people walk it: the batch is suspended, what is bad revoked, the rest stands again."""

import json

import pytest

from api.errors import advice

# `world` comes from this folder's conftest; its type is only needed by readers.


def _all(verdicts: dict[str, str], outcome: str) -> None:
    assert verdicts == dict.fromkeys(verdicts, outcome)


@pytest.mark.slow
def test_a_batch_is_suspended_cleared_and_stands_again_but_for_what_was_revoked(world) -> None:
    good, bad, worse = world.certificates("2")[-3:]
    elsewhere = world.certificates("3")[-1]
    batch = good.batch.id
    world.run("batch", "suspend", batch, "--as", "maker-1")
    for one in (good, bad):
        _all(world.verdicts(one, world.name_of(one)), "suspended")
    _all(world.verdicts(elsewhere, world.name_of(elsewhere)), "valid")
    rows = json.loads(world.run("cert", "list", "--batch", batch, "--limit", "0", "--json"))
    assert {row["status"] for row in rows} <= {"suspended", "revoked"}
    world.run("cert", "reinstate", good.reservation.number, "--as", "maker-1", exit_code=1)
    assert "vermilion batch reinstate" in advice()["status/suspended-with-batch"].remedy_en
    numbers = [bad.reservation.number, worse.reservation.number]
    words = ("cert", "revoke", *numbers, "--reason", "misconduct", "--as", "maker-1", "--json")
    (asked,) = json.loads(world.run(*words))
    assert (asked["state"], asked["certificates"], asked["batches"]) == ("requested", 2, [batch])
    world.run("cert", "approve", asked["id"], "--as", "maker-1", exit_code=1)
    world.run("cert", "approve", asked["id"], "--as", "approver-1")
    _all(world.verdicts(bad, world.name_of(bad)), "revoked")
    _all(world.verdicts(good, world.name_of(good)), "suspended")
    lift = json.loads(world.run("batch", "reinstate", batch, "--as", "maker-1", "--json"))
    assert lift["state"] == "requested"
    world.run("cert", "approve", lift["id"], "--as", "maker-1", exit_code=1)
    world.run("cert", "approve", lift["id"], "--as", "approver-1")
    _all(world.verdicts(good, world.name_of(good)), "valid")
    _all(world.verdicts(bad, world.name_of(bad)), "revoked")
    _all(world.verdicts(elsewhere, world.name_of(elsewhere)), "valid")
    assert world.status(worse) == "revoked"
    timeline = world.run("audit", "timeline", "--limit", "3")
    assert f"suspended batch {batch} as a whole" in world.run("audit", "timeline", "--limit", "0")
    assert f"reinstated batch {batch} as a whole" in timeline
