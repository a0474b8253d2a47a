"""Signing in over HTTP, on a real store: the cookie, the form's proof, invitations, limits."""

import re
import time
from datetime import timedelta

import pytest

from api.app import create_app
from api.sign_in import People, Visit
from api.verifier import LookupGate, LookupLimits
from registry.access import AccountKind, Role
from registry.workflows.access import sign_in as workflow
from registry.workflows.access.sign_in import (
    IDLE,
    INVITED_FOR,
    LASTS,
    add_account,
    change_password,
    change_roles,
    close_account,
    invite,
    sign_out_everywhere,
)
from tests.http.sample_reports import SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient
from tests.unit.registry.store.filled import NOW, SettableClock
from tests.unit.registry.store.new_database import new_database

PASSWORD = "correct horse battery"


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def store(tmp_path):
    with_people = new_database(tmp_path / "registry.db")
    yield with_people
    with_people.close()


@pytest.fixture
def people(store, clock) -> People:
    limits = LookupLimits(per_source=30, per_number=10)
    return People(store=store, clock=clock, gate=LookupGate(limits, time.monotonic), secure=False)


@pytest.fixture
def site(people) -> WebClient:
    return WebClient(application_of(people, "http://localhost:8000"), headers={"Accept-Language": "en"})


def application_of(people: People, base_url: str):
    return create_app(
        SampleVerifier(), health=SampleHealth(), documents=SampleDocuments(), public_base_url=base_url, people=people
    )


def account(people: People, name: str = "zhou.lan", *roles: Role) -> str:
    return add_account(
        people.store,
        people.clock,
        name=name,
        display="周岚",
        kind=AccountKind.STAFF,
        roles=frozenset(roles or {Role.MAKER}),
        by="operator-1",
        namesake=True,
    )


def cookie_of(response) -> str:
    return re.fullmatch(r"vermilion=([A-Za-z0-9_-]{43}); .*", response.headers["Set-Cookie"])[1]


def accepted(site: WebClient, token: str) -> str:
    response = site.post(f"/invitation/{token}", data={"password": PASSWORD, "again": PASSWORD})
    assert (response.status_code, response.headers["Location"]) == (303, "/console")
    return cookie_of(response)


def is_signed_in(site: WebClient, cookie: str) -> bool:
    response = site.get("/sign-in", headers={"Cookie": f"vermilion={cookie}"})
    return response.status_code == 303 and response.headers["Location"] == "/console"


def test_an_invitation_lets_its_owner_choose_a_password_once(site, people):
    token = account(people)
    page = site.get(f"/invitation/{token}")
    assert page.status_code == 200
    assert "周岚" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert is_signed_in(site, accepted(site, token))
    for again in (site.get(f"/invitation/{token}"), site.post(f"/invitation/{token}", data={"password": PASSWORD})):
        assert again.status_code == 403
        assert "invitation/refused" in again.text
        assert '<a class="button" href="/sign-in">' in again.text


def test_a_new_invitation_ends_the_one_before(site, people):
    first = account(people)
    second = invite(people.store, people.clock, name="zhou.lan", by="operator-1")
    assert site.get(f"/invitation/{first}").status_code == 403
    assert site.get(f"/invitation/{second}").status_code == 200


def test_an_invitation_lapses(site, people, clock):
    token = account(people)
    clock.time = NOW + INVITED_FOR
    assert site.get(f"/invitation/{token}").status_code == 403


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"password": PASSWORD, "again": "other"}, "not the same"),
        ({"password": "short", "again": "short"}, "at least 10"),
        ({"password": "", "again": ""}, "at least 10"),
    ],
)
def test_a_password_that_cannot_be_taken_leaves_the_invitation_good(site, people, fields, said):
    token = account(people)
    response = site.post(f"/invitation/{token}", data=fields)
    assert response.status_code == 422
    assert said in response.text
    accepted(site, token)


def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(site, people):
    response = site.post(f"/invitation/{account(people)}", data={"password": PASSWORD, "again": PASSWORD})
    attributes = {part.strip().lower() for part in response.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "path=/", "samesite=lax", f"max-age={int(LASTS.total_seconds())}"} <= attributes


def test_a_site_on_https_binds_the_cookie_to_its_host(store, clock):
    people = People(store=store, clock=clock, gate=LookupGate(LookupLimits(), time.monotonic), secure=True)
    app = application_of(people, "https://v.example.cn")
    given = WebClient(app).post(f"/invitation/{account(people)}", data={"password": PASSWORD, "again": PASSWORD})
    assert given.headers["Set-Cookie"].startswith("__Host-vermilion=")
    assert "; secure" in given.headers["Set-Cookie"].lower()


def signing_in(site: WebClient, name: str, password: str, **more: str):
    return site.post("/sign-in", data={"name": name, "password": password, **more})


def test_name_and_password_sign_in_whatever_the_case_of_the_name(site, people):
    accepted(site, account(people))
    response = signing_in(site, " Zhou.Lan ", PASSWORD)
    assert response.status_code == 303
    assert is_signed_in(site, cookie_of(response))


def test_a_wrong_name_a_wrong_password_and_a_closed_account_get_one_answer(site, people):
    accepted(site, account(people))
    accepted(site, account(people, "gone.one"))
    close_account(people.store, people.clock, name="gone.one", by="operator-1")
    account(people, "not.yet")
    answers = {
        re.sub(r'value="[^"]*"', "", signing_in(site, name, password).text)
        for name, password in (
            ("zhou.lan", "wrong horse battery"),
            ("nobody", PASSWORD),
            ("gone.one", PASSWORD),
            ("not.yet", ""),
            ("not.yet", PASSWORD),
            ("zhou.lan", PASSWORD + "x" * 300),
            ("", ""),
        )
    }
    assert len(answers) == 1
    assert "do not belong together" in answers.pop()


def test_tries_are_limited_by_account_and_by_source(site, people):
    accepted(site, account(people))
    codes = [signing_in(site, "zhou.lan", "wrong horse battery").status_code for _ in range(11)]
    assert codes == [403] * 10 + [429]
    assert signing_in(site, "zhou.lan", PASSWORD).status_code == 429
    elsewhere = WebClient(site.app, source="203.0.113.8")
    assert signing_in(elsewhere, "zhou.lan", PASSWORD).status_code == 429
    assert signing_in(elsewhere, "nobody", PASSWORD).status_code == 403


def test_signing_out_ends_the_sign_in_and_needs_the_forms_proof(site, people):
    cookie = accepted(site, account(people))
    headers = {"Cookie": f"vermilion={cookie}"}
    refused = site.post("/sign-out", data={"csrf": "made up"}, headers=headers)
    assert refused.status_code == 403
    assert "sign-in/form-foreign" in refused.text
    assert is_signed_in(site, cookie)
    proof = Visit(account=_account(people), token=cookie).csrf
    assert site.post("/sign-out", data={"csrf": proof}, headers=headers).status_code == 303
    assert not is_signed_in(site, cookie)


def _account(people: People):
    with people.store.read() as unit:
        return unit.accounts.account("zhou.lan")


@pytest.mark.parametrize("came_from", ["cross-site", "same-site"])
def test_forms_from_other_sites_are_refused(site, people, came_from):
    token = account(people)
    headers = {"Sec-Fetch-Site": came_from}
    fields = {"password": PASSWORD, "again": PASSWORD, "name": "zhou.lan"}
    assert site.post(f"/invitation/{token}", data=fields, headers=headers).status_code == 403
    assert site.post("/sign-in", data=fields, headers=headers).status_code == 403
    accepted(site, token)


def test_a_sign_in_ends_when_nobody_uses_it_and_after_half_a_day_in_any_case(site, people, clock):
    cookie = accepted(site, account(people))
    clock.time = NOW + IDLE - timedelta(seconds=1)
    assert is_signed_in(site, cookie)
    clock.time += IDLE
    assert not is_signed_in(site, cookie)
    response = signing_in(site, "zhou.lan", PASSWORD)
    began, cookie = clock.time, cookie_of(response)
    while clock.time + timedelta(minutes=30) < began + LASTS:
        clock.time += timedelta(minutes=30)
        assert is_signed_in(site, cookie)
    clock.time = began + LASTS
    assert not is_signed_in(site, cookie)


def test_a_closed_account_is_out_at_once_and_new_roles_hold_at_once(site, people):
    cookie = accepted(site, account(people))
    change_roles(people.store, people.clock, name="zhou.lan", roles=frozenset({Role.AUDITOR}), by="operator-1")
    assert is_signed_in(site, cookie)
    assert _account(people).roles == {Role.AUDITOR}
    close_account(people.store, people.clock, name="zhou.lan", by="operator-1")
    assert not is_signed_in(site, cookie)
    assert signing_in(site, "zhou.lan", PASSWORD).status_code == 403


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/bulk", "/bulk"),
        ("//evil.example", "/console"),
        ("/\\evil.example", "/console"),
        ("https://evil.example", "/console"),
        ("/a\r\nSet-Cookie: x", "/console"),
        ("/" + "a" * 300, "/console"),
    ],
)
def test_signing_in_goes_on_to_pages_of_this_site_alone(site, people, target, expected):
    accepted(site, account(people))
    signed_in = signing_in(site, "zhou.lan", PASSWORD, next=target)
    assert signed_in.headers["Location"] == expected
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    again = site.get("/sign-in", params={"next": target}, headers={"Cookie": cookie})
    assert again.headers["Location"] == expected


@pytest.mark.parametrize("cookie", ["", "x", "A" * 43, "A" * 5_000])
def test_a_made_up_cookie_is_nobodys(site, people, cookie):
    account(people)
    assert site.get("/sign-in", headers={"Cookie": f"vermilion={cookie}"}).status_code == 200


@pytest.mark.parametrize("prefix", ["", "/zh", "/en"])
def test_the_pages_are_there_in_both_languages_and_keep_them(site, people, prefix):
    page = site.get(f"{prefix}/sign-in")
    assert page.status_code == 200
    assert f'action="{prefix}/sign-in"' in page.text
    token = account(people)
    response = site.post(f"{prefix}/invitation/{token}", data={"password": PASSWORD, "again": PASSWORD})
    assert response.headers["Location"] == f"{prefix}/console"


def test_passwords_and_tokens_stand_nowhere_in_the_database_or_the_journal(site, people, tmp_path):
    token = account(people)
    cookie = accepted(site, token)
    people.store.settle()
    written = (tmp_path / "registry.db").read_bytes()
    for secret in (token, cookie, PASSWORD):
        assert secret.encode() not in written
    with people.store.read() as unit:
        assert [one.action for one in unit.journal.entries()] == ["account.add", "account.invite", "account.password"]


@pytest.mark.parametrize("spelling", ["ZHOU.LAN", " zhou.lan ", "ｚｈｏｕ．ｌａｎ", "zhou. lan"])
def test_tries_are_counted_for_the_account_however_its_name_is_spelt(site, people, spelling):
    accepted(site, account(people))
    assert [signing_in(site, "zhou.lan", "wrong horse battery").status_code for _ in range(10)] == [403] * 10
    assert signing_in(WebClient(site.app, source="203.0.113.9"), spelling, "wrong horse battery").status_code == 429


def test_an_open_invitation_ends_with_every_sign_in_and_with_the_password(site, people):
    accepted(site, account(people))
    seen_by_others = invite(people.store, people.clock, name="zhou.lan", by="operator-1")
    sign_out_everywhere(people.store, people.clock, name="zhou.lan")
    assert site.get(f"/invitation/{seen_by_others}").status_code == 403
    seen_by_others = invite(people.store, people.clock, name="zhou.lan", by="operator-1")
    change_password(people.store, people.clock, name="zhou.lan", current=PASSWORD, new="another horse battery")
    assert site.get(f"/invitation/{seen_by_others}").status_code == 403


def test_a_password_that_changes_while_it_is_compared_signs_nobody_in(site, people, monkeypatch):
    accepted(site, account(people))
    compare = workflow.password_holds

    def compared_slowly(password: str, kept: str | None) -> bool:
        holds = compare(password, kept)
        monkeypatch.setattr(workflow, "password_holds", compare)
        change_password(people.store, people.clock, name="zhou.lan", current=PASSWORD, new="another horse battery")
        return holds

    monkeypatch.setattr(workflow, "password_holds", compared_slowly)
    assert signing_in(site, "zhou.lan", PASSWORD).status_code == 403
    assert signing_in(site, "zhou.lan", "another horse battery").status_code == 303


def test_who_wants_to_verify_a_list_is_told_of_the_way_without_an_account(site):
    assert 'href="/zh/list"' in site.get("/zh/sign-in?next=/bulk").text
    assert 'href="/en/list"' in site.get("/en/sign-in?next=/en/bulk/x").text
    assert "/list" not in site.get("/zh/sign-in?next=/console").text
