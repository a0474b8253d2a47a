"""The talent database over HTTP: who may search, what is shown, who says yes, and that withdrawing ends it at once."""

import re
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from markupsafe import escape

from api.employer import talent_desk
from api.pages.catalogue import catalogue
from registry.access import Role
from registry.ports.storage import NotHere
from registry.verification.model import Outcome
from registry.workflows.holders import talent as workflow
from tests.http.talent_site import CONTACT, DATABASE, LISTING, WISH, Somebody, TalentSite, filled_file, talent_site
from tests.http.test_injection import payloads
from tests.http.web_client import WebClient

PURPOSE = "招聘边缘计算工程师"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return filled_file(tmp_path_factory.mktemp("filled"))


@pytest.fixture
def site(filled: Path, tmp_path: Path) -> Iterator[TalentSite]:
    made = talent_site(Path(shutil.copy(filled, tmp_path / "registry.db")))
    yield made
    made.store.close()


@pytest.fixture
def holder(site: TalentSite) -> Somebody:
    made = site.holder(0)
    assert made.list_self().status_code == 303
    return made


@pytest.fixture
def recruiter(site: TalentSite) -> Somebody:
    return site.person("yunfan", Role.RECRUITER)


def entries(text: str) -> list[str]:
    return re.findall(r'name="entry" value="([0-9a-f]{16})"', text)


def found_by(recruiter: Somebody, **wanted: str) -> list[str]:
    answer = recruiter.post("/talent", **wanted)
    assert answer.status_code == 200, answer.text
    return entries(answer.text)


def asked(recruiter: Somebody, **wanted: str) -> str:
    """Ask for the contact of the first that is found; give the request's id."""
    (entry, *_) = found_by(recruiter, **wanted)
    sent = recruiter.post("/talent/requests", entry=entry, purpose=PURPOSE)
    assert sent.status_code == 303, sent.text
    with recruiter.site.store.read() as unit:
        return unit.talents.of_account(recruiter.name)[0].id


# — who may —


@pytest.mark.parametrize("role", [one for one in Role if one not in {Role.RECRUITER, Role.HOLDER}])
def test_no_other_role_searches(site: TalentSite, role: Role) -> None:
    other = site.person("somebody", role)
    assert other.get("/talent").status_code == 403
    for path in ("/talent", "/talent/ask", "/talent/requests", "/talent/requests/0f1e2d3c4b5a6978"):
        assert other.post(path).status_code == 403, path


def test_holders_do_not_search_and_strangers_sign_in_first(site: TalentSite, holder: Somebody) -> None:
    assert holder.get("/talent").status_code == 403
    assert WebClient(site.app).get("/talent").headers["Location"] == "/sign-in?next=/talent"
    assert WebClient(site.app).post("/talent", data={}).status_code == 401


def test_recruiters_are_led_to_their_page_and_see_nothing_else(site: TalentSite, recruiter: Somebody) -> None:
    assert recruiter.get("/sign-in").headers["Location"] == "/talent"
    assert recruiter.get("/bulk").status_code == 403
    both = site.person("both", Role.EMPLOYER, Role.RECRUITER)
    assert both.get("/sign-in").headers["Location"] == "/bulk"
    assert 'href="/talent"' in both.get("/bulk").text
    assert 'href="/bulk"' in both.get("/talent").text
    assert 'href="/talent"' not in site.person("employer-1", Role.EMPLOYER).get("/bulk").text


def test_a_form_of_another_site_changes_nothing(site: TalentSite, holder: Somebody, recruiter: Somebody) -> None:
    request = asked(recruiter)
    before = site.journal()
    forged: list[tuple[Somebody, str, dict[str, str]]] = [
        (recruiter, "/talent", {}),
        (recruiter, "/talent/ask", {}),
        (recruiter, "/talent/requests", {"purpose": PURPOSE}),
        (recruiter, f"/talent/requests/{request}", {}),
        (holder, f"/holder/{holder.number}/talent", LISTING),
        (holder, f"/holder/{holder.number}/talent/withdraw", {}),
        (holder, f"/holder/talent/{request}/answer", {"answer": "yes"}),
    ]
    for who, path, fields in forged:
        assert who.browser.post(path, data={**fields, "csrf": "A" * 43}).status_code == 403, path
        elsewhere = who.browser.post(
            path, data={**fields, "csrf": who.csrf}, headers={**who.browser.headers, "Sec-Fetch-Site": "cross-site"}
        )
        assert elsewhere.status_code == 403, path
    assert site.journal() == before


# — what is found —


def test_what_is_found_leads_to_nobody(site: TalentSite, holder: Somebody, recruiter: Somebody) -> None:
    name = site.judge.names[holder.key]
    text = recruiter.post("/talent").text
    assert len(entries(text)) == 1
    assert f"<bdi>{name[0]}{'*' * (len(name) - 2)}{name[-1] if len(name) > 2 else '*'}</bdi>" in text
    for hidden in (name, holder.number, holder.key, holder.name, CONTACT, WISH, "LI Zhixing", "86.5"):
        assert hidden not in text, hidden
    assert "Guangdong" in text
    assert "2026" in text


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, 1),
        ({"scope": "AIGC-APP-ENG"}, 1),
        ({"scope": "AIGC-APP-ENG/1"}, 1),
        ({"scope": "AIGC-APP-ENG/2"}, 0),
        ({"region": "44"}, 1),
        ({"region": "11"}, 0),
        ({"scope": "AIGC-APP-ENG/1", "region": "44"}, 1),
        ({"scope": "AIGC-APP-ENG/1", "region": "31"}, 0),
    ],
)
def test_every_filter_narrows(holder: Somebody, recruiter: Somebody, wanted: dict[str, str], found: int) -> None:
    assert len(found_by(recruiter, **wanted)) == found


@pytest.mark.parametrize("field", ["scope", "direction", "region"])
@pytest.mark.parametrize("value", ["%", "AIGC-APP-ENG/%", "AIGC-APP-EN_/1", "' OR 1=1 --", "BIG-DATA", "44%"])
def test_what_no_form_offers_finds_nobody(holder: Somebody, recruiter: Somebody, field: str, value: str) -> None:
    answer = recruiter.post("/talent", **{field: value})
    assert (answer.status_code, entries(answer.text)) == (422, [])


def test_words_of_the_next_page_are_no_query(holder: Somebody, recruiter: Somebody) -> None:
    for after in ("' OR ''='", "%", "zzzz", "\x00"):
        assert found_by(recruiter, after=after) in ([], found_by(recruiter))


@pytest.mark.parametrize("outcome", [one for one in Outcome if one is not Outcome.VALID])
def test_only_what_is_valid_now_is_found(
    site: TalentSite, holder: Somebody, recruiter: Somebody, outcome: Outcome
) -> None:
    request = asked(recruiter)
    assert holder.post(f"/holder/talent/{request}/answer", answer="yes", number=holder.number).status_code == 303
    (entry,) = found_by(recruiter)
    site.judge.told[holder.key] = outcome
    assert found_by(recruiter) == []
    assert recruiter.post("/talent/ask", entry=entry).status_code == 404
    assert recruiter.post(f"/talent/requests/{request}").status_code == 404
    del site.judge.told[holder.key]
    assert found_by(recruiter) == [entry]
    assert CONTACT in recruiter.post(f"/talent/requests/{request}").text


def test_pages_have_an_end_and_show_each_once(site: TalentSite, recruiter: Somebody, monkeypatch) -> None:
    monkeypatch.setattr(workflow, "PAGE", 2)
    holders = [site.holder(place) for place in range(5)]
    for one in holders:
        assert one.list_self().status_code == 303
    site.judge.told[holders[3].key] = Outcome.REVOKED
    seen: list[str] = []
    after = ""
    for _ in range(5):
        text = recruiter.post("/talent", after=after).text
        found = entries(text)
        assert len(found) <= 2
        seen += found
        more = re.search(r'name="after" value="([0-9a-f]+)"', text)
        if more is None:
            break
        after = more[1]
    assert len(seen) == len(set(seen)) == 4
    assert seen == sorted(seen)  # of random ids: says nothing of who they are


def test_one_page_judges_only_so_many(site: TalentSite, recruiter: Somebody, monkeypatch) -> None:
    monkeypatch.setattr(workflow, "PAGE", 2)
    monkeypatch.setattr(workflow, "MOST_JUDGED", 2)
    for place in range(4):
        one = site.holder(place)
        one.list_self()
        site.judge.told[one.key] = Outcome.REVOKED
    site.judge.asked.clear()
    text = recruiter.post("/talent").text
    assert entries(text) == []
    assert len(site.judge.asked) == 2
    assert 'name="after"' in text


# — the holder's consent —


def test_nobody_is_found_who_did_not_agree(site: TalentSite, recruiter: Somebody) -> None:
    holder = site.holder(0)
    assert found_by(recruiter) == []
    page = holder.get(f"/holder/{holder.number}/talent")
    assert page.status_code == 200
    assert DATABASE.en in page.text
    assert found_by(recruiter) == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"agree": ""}, "agree"),
        ({"region": ""}, "region"),
        ({"region": "99"}, "region"),
        ({"contact": ""}, "contact"),
        ({"contact": "a" * 81}, "contact"),
        ({"contact": "a\x07b"}, "contact"),
        ({"wish": " "}, "wish"),
        ({"until": "2026-11-20"}, "until"),
        ({"until": "2027-11-22"}, "until"),
        ({"until": "soon"}, "until"),
    ],
)
def test_what_cannot_be_taken_is_said_and_kept_nowhere(
    site: TalentSite, recruiter: Somebody, changes: dict[str, str], field: str
) -> None:
    holder = site.holder(0)
    answer = holder.list_self(**changes)
    assert answer.status_code == 422
    said = catalogue("en").text(f"holder.talent.refused_{field}", longest=workflow.LONGEST_LINE)
    assert str(escape(said)) in answer.text
    assert found_by(recruiter) == []


@pytest.mark.parametrize("until", ["2026-11-21", "2027-11-21"])
def test_first_and_last_day_are_taken(site: TalentSite, until: str) -> None:
    assert site.holder(0).list_self(until=until).status_code == 303


def test_only_ones_own_certificate_can_be_listed(site: TalentSite, holder: Somebody, recruiter: Somebody) -> None:
    other = site.holder(1)
    assert holder.post(f"/holder/{other.number}/talent", **LISTING).status_code == 404
    assert other.post(f"/holder/{holder.number}/talent/withdraw").status_code == 404
    assert other.get(f"/holder/{holder.number}/talent").status_code == 404
    request = asked(recruiter)
    assert other.post(f"/holder/talent/{request}/answer", answer="yes").status_code == 404
    assert len(found_by(recruiter)) == 1


def test_a_certificate_that_is_not_valid_is_not_listed(site: TalentSite) -> None:
    holder = site.holder(0)
    site.judge.told[holder.key] = Outcome.SUSPENDED
    assert holder.list_self().status_code == 403
    assert 'name="agree"' not in holder.get(f"/holder/{holder.number}/talent").text


def test_programmes_without_a_database_have_no_form(site: TalentSite, monkeypatch) -> None:
    holder = site.holder(0)
    assert f'href="/holder/{holder.number}/talent"' in holder.get("/holder").text
    monkeypatch.setattr("api.holder.talent.database_of", lambda *_: None)
    monkeypatch.setattr(workflow, "database_of", lambda *_: None)
    assert f'href="/holder/{holder.number}/talent"' not in holder.get("/holder").text
    assert holder.get(f"/holder/{holder.number}/talent").status_code == 404
    assert holder.list_self().status_code == 403


def test_agreeing_anew_takes_the_place_of_what_was_agreed(
    site: TalentSite, holder: Somebody, recruiter: Somebody
) -> None:
    (before,) = found_by(recruiter)
    assert holder.list_self(region="31").status_code == 303
    (after,) = found_by(recruiter)
    assert after != before
    assert found_by(recruiter, region="44") == []
    assert recruiter.post("/talent/ask", entry=before).status_code == 404


# — asking, saying yes, leaving —


def test_contact_is_shown_after_a_yes_and_to_nobody_else(
    site: TalentSite, holder: Somebody, recruiter: Somebody
) -> None:
    request = asked(recruiter)
    assert recruiter.post(f"/talent/requests/{request}").status_code == 404
    page = holder.get(f"/holder/{holder.number}/talent").text
    assert "云帆数据有限公司" in page
    assert PURPOSE in page
    assert catalogue("en").text("holder.talent.waiting", n=1) in holder.get("/holder").text
    assert holder.post(f"/holder/talent/{request}/answer", answer="yes", number=holder.number).headers["Location"] == (
        f"/holder/{holder.number}/talent"
    )
    shown = recruiter.post(f"/talent/requests/{request}")
    assert (CONTACT in shown.text, WISH in shown.text) == (True, True)
    assert shown.headers["Cache-Control"] == "no-store"
    for hidden in (site.judge.names[holder.key], holder.number, holder.key):
        assert hidden not in shown.text
    stranger = site.person("other-company", Role.RECRUITER)
    assert stranger.post(f"/talent/requests/{request}").status_code == 404
    assert CONTACT not in stranger.post("/talent").text


def test_a_refusal_stands_and_is_not_asked_again(holder: Somebody, recruiter: Somebody) -> None:
    request = asked(recruiter)
    assert holder.post(f"/holder/talent/{request}/answer", answer="no", number=holder.number).status_code == 303
    assert recruiter.post(f"/talent/requests/{request}").status_code == 404
    assert holder.post(f"/holder/talent/{request}/answer", answer="yes").status_code == 404
    (entry,) = found_by(recruiter)
    assert recruiter.post("/talent/requests", entry=entry, purpose=PURPOSE).status_code == 409


def test_a_yes_can_be_taken_back(holder: Somebody, recruiter: Somebody) -> None:
    request = asked(recruiter)
    holder.post(f"/holder/talent/{request}/answer", answer="yes")
    assert CONTACT in recruiter.post(f"/talent/requests/{request}").text
    holder.post(f"/holder/talent/{request}/answer", answer="no")
    assert recruiter.post(f"/talent/requests/{request}").status_code == 404


def test_withdrawing_ends_everything_at_once(site: TalentSite, holder: Somebody, recruiter: Somebody) -> None:
    request = asked(recruiter)
    holder.post(f"/holder/talent/{request}/answer", answer="yes")
    (entry,) = found_by(recruiter)
    assert CONTACT in recruiter.post(f"/talent/requests/{request}").text  # control
    assert holder.post(f"/holder/{holder.number}/talent/withdraw").status_code == 303
    assert found_by(recruiter) == []
    assert recruiter.post(f"/talent/requests/{request}").status_code == 404
    assert recruiter.post("/talent/ask", entry=entry).status_code == 404
    assert recruiter.post("/talent/requests", entry=entry, purpose=PURPOSE).status_code == 404
    assert catalogue("en").text("talent.answer.over") in recruiter.get("/talent").text
    assert holder.post(f"/holder/{holder.number}/talent/withdraw").status_code == 404
    with site.store.read() as unit, pytest.raises(NotHere):
        unit.talents.contact(entry)


def test_the_last_day_counts_and_then_the_contact_is_deleted(
    site: TalentSite, holder: Somebody, recruiter: Somebody
) -> None:
    (entry,) = found_by(recruiter)
    with site.store.read() as unit:
        end = unit.talents.entry(entry).expires_at

    def later() -> Somebody:
        return site.person(f"at-{int(site.clock.time.timestamp())}", Role.RECRUITER)

    site.clock.time = end - timedelta(microseconds=1)
    assert found_by(later()) == [entry]
    site.clock.time = end
    assert found_by(later()) == []
    with site.store.read() as unit, pytest.raises(NotHere):
        unit.talents.contact(entry)


def test_who_is_erased_is_found_no_more(site: TalentSite, holder: Somebody, recruiter: Somebody) -> None:
    request = asked(recruiter)
    holder.post(f"/holder/talent/{request}/answer", answer="yes")
    with site.store.write() as unit:
        unit.enrolments.erase(holder.name, site.clock.now())
    assert found_by(recruiter) == []
    assert recruiter.post(f"/talent/requests/{request}").status_code == 404
    assert PURPOSE not in recruiter.get("/talent").text
    with site.store.read() as unit:
        assert list(unit.unsealed_rows()) == []


# — limits, journal, payloads —


def test_searching_too_often_is_refused_with_the_wait(site: TalentSite, holder: Somebody, recruiter: Somebody) -> None:
    for _ in range(talent_desk._OFTEN.per_number):
        assert recruiter.post("/talent").status_code == 200
    refused = recruiter.post("/talent")
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert entries(refused.text) == []
    assert site.person("another", Role.RECRUITER).post("/talent").status_code == 200


def test_only_so_many_contacts_a_day(site: TalentSite, recruiter: Somebody, monkeypatch) -> None:
    monkeypatch.setattr(workflow, "REQUESTS_A_DAY", 1)
    for place in (0, 1):
        site.holder(place).list_self()
    first, second = found_by(recruiter)
    assert recruiter.post("/talent/requests", entry=first, purpose=PURPOSE).status_code == 303
    assert recruiter.post("/talent/requests", entry=second, purpose=PURPOSE).status_code == 429
    site.clock.time += timedelta(days=1)
    again = site.person("yunfan-2", Role.RECRUITER)
    assert again.post("/talent/requests", entry=second, purpose=PURPOSE).status_code == 303


def test_every_step_is_in_the_journal_without_personal_data(
    site: TalentSite, holder: Somebody, recruiter: Somebody
) -> None:
    request = asked(recruiter)
    holder.post(f"/holder/talent/{request}/answer", answer="yes")
    recruiter.post(f"/talent/requests/{request}")
    recruiter.post(f"/talent/requests/{request}")
    holder.post(f"/holder/{holder.number}/talent/withdraw")
    done = site.journal()
    assert [action for _, action, _ in done] == [
        "talent.agree",
        "talent.search",
        "talent.ask",
        "talent.agreed",
        "talent.open",
        "talent.open",
        "talent.withdraw",
    ]
    with site.store.read() as unit:
        said = " ".join(repr(one) for one in unit.journal.entries() if one.action.startswith("talent."))
    for hidden in (CONTACT, WISH, PURPOSE, "云帆", holder.number, site.judge.names[holder.key]):
        assert hidden not in said


def test_payloads_stay_letters_on_both_sides(site: TalentSite, recruiter: Somebody) -> None:
    holder = site.holder(0)
    recruiters = iter(site.person(f"company-{n}", Role.RECRUITER) for n in range(400))
    tried = 0
    for payload in payloads():
        line = " ".join(payload.split())
        if not 1 <= len(line) <= workflow.LONGEST_LINE or not line.isprintable() or "<" not in line:
            continue
        tried += 1
        who = next(recruiters)
        assert holder.list_self(contact=line, wish=line).status_code == 303
        (entry,) = found_by(who)
        assert who.post("/talent/requests", entry=entry, purpose=line).status_code == 303
        with site.store.read() as unit:
            request = unit.talents.of_account(who.name)[0].id
        holder.post(f"/holder/talent/{request}/answer", answer="yes")
        pages = [
            holder.get(f"/holder/{holder.number}/talent").text,
            who.get("/talent").text,
            who.post(f"/talent/requests/{request}").text,
        ]
        for page in pages:
            assert str(escape(line)) in page or line not in page
            assert f"<bdi>{line}</bdi>" not in page
        if tried >= 12:
            break
    assert tried >= 5


@pytest.mark.parametrize("language", ["zh", "en"])
def test_both_languages_have_every_word(site: TalentSite, holder: Somebody, recruiter: Somebody, language: str) -> None:
    request = asked(recruiter)
    holder.language = recruiter.language = language
    pages = [
        holder.get(f"/holder/{holder.number}/talent").text,
        recruiter.post("/talent").text,
        recruiter.post("/talent/ask", entry=found_by(recruiter)[0]).text,
    ]
    holder.post(f"/holder/talent/{request}/answer", answer="yes")
    pages += [recruiter.get("/talent").text, recruiter.post(f"/talent/requests/{request}").text]
    for page in pages:
        assert f'<html lang="{"zh" if language == "zh" else "en"}' in page
        assert "talent." not in re.sub(r"<[^>]+>", "", page)
