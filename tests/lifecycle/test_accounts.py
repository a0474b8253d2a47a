"""Accounts by command line, and their way in over the pages of the same installation."""

import json

PASSWORD = "correct horse battery"


def by_operator(world, *words: str, exit_code: int = 0) -> str:
    return world.run(*words, "--as", "operator-1", exit_code=exit_code)


def test_an_account_is_made_used_changed_and_closed(world):
    made = json.loads(
        by_operator(world, "account", "add", "Zhou.Lan", "--display", "周岚", "--role", "maker", "--json")
    )
    assert made["account"] == "zhou.lan"
    base_url = world.home.installation.public_base_url
    assert made["link"].startswith(f"{base_url}/invitation/")
    listed = {"account": "zhou.lan", "kind": "staff", "display": "周岚", "roles": ["maker"], "state": "invited"}
    assert listed in json.loads(world.run("account", "list", "--json"))

    pages = world.pages()
    answer = pages.post(made["link"].removeprefix(base_url), data={"password": PASSWORD, "again": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert "zhou.lan" in world.run("account", "list")

    by_operator(world, "account", "add", "zhou.lan", "--display", "周岚", "--role", "maker", exit_code=1)
    by_operator(world, "account", "add", "no.body", "--display", "某人", "--role", "boss", exit_code=2)
    by_operator(world, "account", "add", "a b", "--display", "某人", "--role", "maker", exit_code=2)
    by_operator(world, "account", "role", "zhou.lan", "--role", "holder", exit_code=1)
    changed = by_operator(world, "account", "role", "zhou.lan", "--role", "auditor", "--role", "exam-clerk", "--json")
    assert json.loads(changed)["roles"] == [
        "auditor",
        "exam-clerk",
    ]

    again = json.loads(by_operator(world, "account", "invite", "zhou.lan", "--json"))["link"]
    assert again != made["link"]
    assert json.loads(by_operator(world, "account", "close", "zhou.lan", "--json"))["state"] == "closed"
    assert pages.get(again.removeprefix(base_url)).status_code == 403
    assert pages.post("/sign-in", data={"name": "zhou.lan", "password": PASSWORD}).status_code == 403
    by_operator(world, "account", "invite", "zhou.lan", exit_code=1)
    by_operator(world, "account", "close", "no.body", exit_code=1)


def test_an_employers_account_has_no_other_role(world):
    by_operator(
        world, "account", "add", "hr-1", "--display", "云帆人事", "--role", "employer", "--role", "maker", exit_code=1
    )
    made = json.loads(
        by_operator(world, "account", "add", "hr-1", "--display", "云帆人事", "--role", "employer", "--json")
    )
    path = made["link"].removeprefix(world.home.installation.public_base_url)
    answer = world.pages().post(path, data={"password": PASSWORD, "again": PASSWORD})
    assert answer.headers["Location"] == "/bulk"
