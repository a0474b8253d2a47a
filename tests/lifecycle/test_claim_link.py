"""The claim link of a holder, made by command: it opens the page to choose a password, and a newer one ends it."""

import json

from tests.lifecycle.conftest import World


def test_a_claim_link_opens_and_a_newer_one_ends_it(world: World) -> None:
    number = world.certificates("2")[0].reservation.number
    first = json.loads(world.run("cert", "claim", number, "--as", "maker-1", "--json"))
    assert first["account"] == number
    path = first["link"].removeprefix("http://localhost:8000")
    assert world.pages().get(path).status_code == 200
    second = world.run("cert", "claim", number, "--as", "maker-1").strip().removeprefix("http://localhost:8000")
    assert world.pages().get(path).status_code == 403
    assert world.pages().get(second).status_code == 200


def test_a_number_that_is_nobodys_has_no_claim_link(world: World) -> None:
    world.run("cert", "claim", "DEMO-EEC-2026-00000000000", "--as", "maker-1", exit_code=1)
