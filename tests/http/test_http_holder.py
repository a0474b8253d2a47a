"""What holders see and give out, over HTTP, on a real installation: claim, copies, links, what the QR key opens not."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path

import pikepdf
import pypdf
import pypdfium2
import pytest
import zxingcpp
from markupsafe import escape

from api import serving
from api.holder.copies import KEPT_FOR, MOST_OF_ONE
from api.holder.openings import ONCE_IN
from api.serving import application
from api.sign_in import Visit
from registry.access import AccountKind, Role, token_hash
from registry.delivery.bundle import parse_bundle
from registry.delivery.copies import read_copy
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.identifiers import CertificateNumber
from registry.ports.storage import NotHere, StoredCertificate
from registry.store.issuing import SqlBatches
from registry.verification import Outcome
from registry.verification.receipts import RECEIPT_NAME, AskedBy, parse_verification_receipt
from registry.workflows.access.sign_in import INVITED_FOR, add_account, invite_holder, signed_in
from registry.workflows.holders.hold import Held, held_by
from registry.workflows.holders.share import MOST_LIVE, Field, share, shares_of, terms_of, withdraw
from tests.http.web_client import WebClient
from tests.lifecycle.conftest import World, world

__all__ = ["world"]

PASSWORD = "correct horse battery"
AUDIENCE, PURPOSE = "深圳市云帆数据有限公司", "入职核验"
CORPUS = Path(__file__).parents[1] / "fixtures" / "injection" / "corpus.txt"
ROOM = import_module("api.holder.router")  # the package shows its router under the same name
DUE, REVOKED = "DEMO-EEC-2026-DUE00000001", "DEMO-EEC-2026-REVOKED0001"
NEW = "staple correct horse"
CHOSEN = {"password": PASSWORD, "again": PASSWORD}
FOREIGN = {"Sec-Fetch-Site": "cross-site"}
RESULTS = "Result"
SHOWN = {"show-name": "1", "show-nationalIdentityNumberMasked": "1"}


@dataclass
class ShiftedClock:
    """The machine's clock, moved (implements registry.ports.Clock)."""

    shift: timedelta = field(default_factory=timedelta)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift


@dataclass
class HolderAtHome:
    """A holder with a browser."""

    site: WebClient
    certificate: StoredCertificate
    identity_number: str
    token: str
    cookie: str = ""

    @property
    def number(self) -> str:
        return self.certificate.reservation.number

    def get(self, path: str, **headers: str):
        return self.site.get(path, headers={"Cookie": f"vermilion={self.cookie}", **headers})

    def claim(self) -> "HolderAtHome":
        response = self.site.post(f"/invitation/{self.token}", data={"number": self.identity_number, **CHOSEN})
        assert (response.status_code, response.headers["Location"]) == (303, "/holder")
        self.cookie = re.match(r"vermilion=([^;]+)", response.headers["Set-Cookie"])[1]
        return self

    def send(self, path: str, **fields: str):
        proof = re.search(r'name="csrf" value="([^"]+)"', self.get("/holder/account").text)[1]
        headers = {"Cookie": f"vermilion={self.cookie}"}
        return self.site.post(path, data={"csrf": proof, **fields}, headers=headers)

    def terms(self, days: int = 30, **fields: str) -> dict[str, str]:
        until = (datetime.now(CHINA_TIME) + timedelta(days=days)).date().isoformat()
        return {"audience": AUDIENCE, "purpose": PURPOSE, "until": until, **SHOWN, **fields}

    def share(self, **fields: str) -> str:
        made = self.send(f"/holder/{self.number}/share", **self.terms(**fields))
        assert made.status_code == 200, made.text
        return re.search(r"/share/([A-Z2-7]{26})", made.text)[1]

    def copy(self, **fields: str) -> bytes:
        made = self.get(f"{self.copied(**fields)}/file")
        assert made.status_code == 200, made.text
        assert made.headers["Content-Type"] == "application/pdf"
        assert made.headers["Cache-Control"] == "no-store"
        return made.content

    def copied(self, **fields: str) -> str:
        """Make a copy; give the path of the page that says so."""
        sent = self.send(f"/holder/{self.number}/copy", **self.terms(**fields))
        assert sent.status_code == 303, sent.text
        return sent.headers["Location"]


@pytest.fixture(scope="module")
def clock(world: World) -> ShiftedClock:
    """The installation's clock, in place of the machine's."""
    world.home.clock = ShiftedClock()  # type: ignore[assignment]  # any registry.ports.Clock
    return world.home.clock


@pytest.fixture
def moved(world: World, clock: ShiftedClock) -> Iterator[ShiftedClock]:
    yield clock
    clock.shift = timedelta()
    world.home.catch_up()  # what was read while the clock was ahead counts as old


@pytest.fixture(scope="module")
def site(world: World, clock: ShiftedClock) -> WebClient:
    world.home.catch_up()
    app = application(world.home, cause=lambda: None, max_age_seconds=3_600)
    return WebClient(app, headers={"Accept-Language": "en"})


@pytest.fixture(scope="module")
def claimed(world: World, site: WebClient) -> "HolderAtHome":
    return holder_of(world, site, 0).claim()


@pytest.fixture
def holder(world: World, claimed: HolderAtHome) -> Iterator[HolderAtHome]:
    """A holder who is signed in and has no link open."""
    yield claimed
    for one in of_person(world, claimed)[0]:
        withdraw(world.home.store, world.home.clock, person=claimed.certificate.person, id=one.id)


def holder_of(world: World, site: WebClient, place: int) -> HolderAtHome:
    certificate = world.certificates("3")[place]
    number = certificate.reservation.number
    token = invite_holder(world.home.store, world.home.clock, number=number, by="maker-1")
    return HolderAtHome(
        site=site, certificate=certificate, identity_number=identity_number(world, certificate), token=token
    )


# — the claim link —


def test_a_claim_link_works_once_and_the_holder_signs_in_with_the_identity_number(
    world: World, site: WebClient
) -> None:
    holder = holder_of(world, site, 7)
    page = site.get(f"/invitation/{holder.token}")
    assert page.status_code == 200
    assert "works once" in page.text
    holder.claim()
    assert holder.number in holder.get("/holder").text
    for again in (site.get(f"/invitation/{holder.token}"), site.post(f"/invitation/{holder.token}", data=CHOSEN)):
        assert again.status_code == 403
        assert "invitation/refused" in again.text
    typed = {"name": identity_number(world, holder.certificate), "password": PASSWORD}
    signed = site.post("/sign-in", data=typed)
    assert (signed.status_code, signed.headers["Location"]) == (303, "/holder")
    assert site.post("/sign-in", data={**typed, "name": holder.certificate.person}).status_code == 403


def test_who_does_not_know_whose_a_claim_link_is_sets_no_password(world: World, site: WebClient) -> None:
    """Even the one who made the link must not take over the account of somebody who has a password already."""
    site = WebClient(site.app, source="203.0.113.10", headers={"Accept-Language": "en"})
    holder, stranger = holder_of(world, site, 8).claim(), holder_of(world, site, 9)
    link = invite_holder(world.home.store, world.home.clock, number=holder.number, by="maker-1")
    other = {"password": "another one of 12", "again": "another one of 12"}
    for number in ("", stranger.identity_number, holder.number, holder.certificate.person):
        refused = site.post(f"/invitation/{link}", data={**other, "number": number})
        assert refused.status_code == 403
        assert "Set-Cookie" not in refused.headers
        assert "identity number" in refused.text
    assert holder.get("/holder").status_code == 200  # still signed in, with the password that there was
    assert site.post("/sign-in", data={"name": holder.identity_number, "password": PASSWORD}).status_code == 303
    spelled = f" {holder.identity_number.lower()} "
    assert site.post(f"/invitation/{link}", data={**other, "number": spelled}).status_code == 303
    assert site.post("/sign-in", data={"name": holder.identity_number, "password": PASSWORD}).status_code == 403


def test_numbers_tried_on_a_claim_link_are_limited(world: World, site: WebClient) -> None:
    holder = holder_of(world, site, 8)
    elsewhere = WebClient(site.app, source="203.0.113.9")
    answers = [
        elsewhere.post(
            f"/invitation/{holder.token}", data={**CHOSEN, "number": f"11010119900101{serial:04}"}
        ).status_code
        for serial in range(12)
    ]
    assert answers[0] == 403
    assert answers[-1] == 429


def test_a_claim_link_lapses(world: World, moved: ShiftedClock, site: WebClient) -> None:
    holder = holder_of(world, site, 1)
    moved.shift = INVITED_FOR - timedelta(minutes=1)
    assert site.get(f"/invitation/{holder.token}").status_code == 200
    moved.shift = INVITED_FOR
    assert site.get(f"/invitation/{holder.token}").status_code == 403
    assert site.post(f"/invitation/{holder.token}", data=CHOSEN).status_code == 403


def test_everything_of_an_erased_person_is_closed(world: World, site: WebClient) -> None:
    holder = holder_of(world, site, 2).claim()
    shared, typed = holder.share(), {"name": identity_number(world, holder.certificate), "password": PASSWORD}
    copy = holder.copy()
    link = invite_holder(world.home.store, world.home.clock, number=holder.number, by="maker-1")
    assert site.get(f"/invitation/{link}").status_code == 200
    assert site.get(f"/share/{shared}").status_code == 200
    with world.home.store.write() as unit:
        unit.enrolments.erase(holder.certificate.person, world.home.clock.now())
    assert site.get(f"/invitation/{link}").status_code == 403
    assert site.post(f"/invitation/{link}", data=CHOSEN).status_code == 403
    assert holder.get("/holder").status_code == 303
    assert site.post("/sign-in", data=typed).status_code == 403
    assert site.get(f"/share/{shared}").status_code == 404
    with world.home.store.read() as unit:
        account = unit.accounts.account(holder.certificate.person)
        assert (account.password, account.closed_at is None) == (None, False)
    with pytest.raises(NotHere):
        invite_holder(world.home.store, world.home.clock, number=holder.number, by="maker-1")
    # What he gave out before is in others' hands, and stands on its own.
    assert outcome_of(site.post("/verify", files={"document": ("c.pdf", copy)}).text) == "valid"


# — who may look at what —

PAGES = ("/holder", "/holder/account", "/holder/{number}", "/holder/{number}/share", "/holder/{number}/full")
FORMS = (
    "/holder/{number}/copy",
    "/holder/{number}/share",
    "/holder/{number}/full",
    "/holder/account",
    "/holder/sign-out-everywhere",
    "/holder/shares/{id}/withdraw",
)


def test_the_key_of_the_qr_code_opens_none_of_this(world: World, site: WebClient, holder: HolderAtHome) -> None:
    """Not with the key alone, not as somebody else's holder, not as staff."""
    shared = holder.share()
    (standing,) = of_person(world, holder)[0]
    names = {"number": holder.number, "id": standing.id}
    key = holder.certificate.reservation.key
    paper = site.get(f"/C/{key}")
    assert paper.status_code == 200
    assert shared not in paper.text
    assert f"/holder/{holder.number}" not in paper.text
    for stranger, refused in ((None, 303), (other_holder(world, site), 404), (staff(world, site), 403)):
        headers = {} if stranger is None else {"Cookie": f"vermilion={stranger}"}
        proof = "" if stranger is None else proof_of(world, stranger)
        for path in PAGES:
            found = site.get(path.format(**names), headers=headers).status_code
            own = stranger is not None and "{" not in path and refused == 404
            assert found == (200 if own else refused), (path, refused)
        for path in FORMS if refused != 404 else [one for one in FORMS if "{" in one]:
            sent = site.post(path.format(**names), data={"csrf": proof, **holder.terms()}, headers=headers)
            assert sent.status_code == (401 if stranger is None else refused), (path, refused)
    assert site.get(f"/share/{key}").status_code == 404
    assert site.get(f"/invitation/{key}").status_code == 403
    assert of_person(world, holder)[0] == (standing,)


@pytest.mark.parametrize("path", FORMS)
def test_forms_need_their_proof_and_this_site(world: World, holder: HolderAtHome, path: str) -> None:
    target = path.format(number=holder.number, id="0" * 16)
    headers = {"Cookie": f"vermilion={holder.cookie}"}
    for fields, more in ((holder.terms(), {}), ({**holder.terms(), "csrf": proof_of(world, holder.cookie)}, FOREIGN)):
        sent = holder.site.post(target, data=fields, headers={**headers, **more})
        assert sent.status_code == 403
        assert "sign-in/form-foreign" in sent.text


# — my certificates —


@pytest.mark.parametrize(("prefix", "title"), [("/zh", "我的证书"), ("/en", "My certificates")])
def test_the_page_is_there_in_both_languages_and_is_kept_nowhere(holder: HolderAtHome, prefix: str, title: str) -> None:
    page = holder.get(f"{prefix}/holder")
    assert f"<h1>{title}</h1>" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert f'href="{prefix}/holder/{holder.number}/share"' in page.text
    assert holder.get("/holder/DEMO-EEC-2026-0000000000A").status_code == 404


def test_several_certificates_each_with_its_state_and_earlier_revisions_folded(
    holder: HolderAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ROOM, "held_by", lambda *asked: several(held_by(*asked)))
    page = holder.get("/holder").text
    own, _, others = page.partition('<a class="other"')
    assert f'<span class="mono">{holder.number}</span><span class="row-hint">Revision 2</span>' in own
    assert "Earlier revisions <small>1</small>" in own
    assert '<span class="mark-word tone-indigo">replaced</span>' in own
    assert [re.sub(r"<[^>]+>", "", one) for one in re.findall(r'<span class="mark-word.*?</a>', others)] == [
        f"ends {day_in(40)} (test chain)",
        "expired",
        "revoked",
    ]
    due = holder.get(f"/holder/{DUE}")
    assert "It ends in less than 90 days" in due.text
    revoked = holder.get(f"/holder/{REVOKED}").text
    assert 'id="copy"' not in revoked
    assert "now stands as: revoked" in revoked
    chinese = holder.get("/zh/holder").text
    assert f"{day_in(40)}</span>到期" in chinese
    monkeypatch.setattr(ROOM, "held_by", lambda *_: ())
    assert "No certificates here yet" in holder.get("/holder").text


def test_a_revoked_certificate_says_so_and_no_copy_or_link_is_made(world: World, site: WebClient) -> None:
    holder = holder_of(world, site, 3).claim()
    shared = holder.share()
    change = ("--reason", "misconduct", "--as", "maker-1", "--approve-as", "approver-1")
    world.run("cert", "revoke", holder.number, *change)
    world.home.catch_up()
    page = holder.get("/holder")
    assert '<span class="mark-word tone-dead">revoked</span>' in page.text
    assert "No copy and no link can be made of it" in page.text
    for kind in ("copy", "share"):
        refused = holder.send(f"/holder/{holder.number}/{kind}", **holder.terms())
        assert refused.status_code == 403
        assert "now stands as: revoked" in refused.text
    assert len(of_person(world, holder)[0]) == 1
    assert outcome_of(site.get(f"/share/{shared}").text) == "revoked"


# — copies —


def test_a_copy_shows_what_was_chosen_for_whom_and_until_when_at_every_entrance(
    world: World, holder: HolderAtHome, tmp_path
) -> None:
    data, until = holder.copy(), holder.terms()["until"]
    text = pypdf.PdfReader(io.BytesIO(data)).pages[0].extract_text()
    flat = re.sub(r"\s", "", text)
    assert f"仅供{AUDIENCE}{PURPOSE}使用，{until}止" in flat
    assert f"For{AUDIENCE},{PURPOSE},until{until}only" in flat
    assert "考核成绩" not in flat
    ((name, content),) = attachments(data).items()
    assert name == f"{holder.number}.copy.json"
    assert members(content) == {"name", "identityType", "nationalIdentityNumberMasked"}
    path = tmp_path / "copy.pdf"
    path.write_bytes(data)
    notice = {"kind": "holder-copy", "audience": AUDIENCE, "purpose": PURPOSE, "until": until}
    said = holder.site.post("/v1/verifications", content=data).json()
    assert said["outcome"] == "valid"
    assert notice in said["notices"]
    told = json.loads(world.run("verify", str(path), "--json"))
    assert told["outcome"] == "valid"
    assert notice in told["notices"]
    page = holder.site.post("/verify", files={"document": ("copy.pdf", data)})
    assert outcome_of(page.text) == "valid"
    assert f"for {AUDIENCE}, {PURPOSE}, until {until} only" in re.sub(r"\s+", " ", visible(page.text))


def test_the_code_on_a_copy_leads_to_the_chosen_fields_and_not_to_the_certificates_key(
    world: World, holder: HolderAtHome
) -> None:
    (address,) = read_codes(holder.copy())
    assert re.fullmatch(r"HTTP://LOCALHOST:8000/SHARE/[A-Z2-7]{26}", address)
    page = holder.site.get(address.removeprefix("HTTP://LOCALHOST:8000"))
    assert outcome_of(page.text) == "valid"
    assert world.name_of(holder.certificate) in page.text
    assert RESULTS not in page.text
    assert holder.certificate.reservation.key not in page.text


def test_the_whole_identity_number_is_on_a_copy_only_where_it_was_ticked_and_never_behind_a_link(
    world: World, holder: HolderAtHome
) -> None:
    number = identity_number(world, holder.certificate)
    assert 'id="whole-warning"' in holder.get("/holder").text
    assert number.encode() not in unpacked(holder.copy())
    ticked = holder.copy(**{"show-nationalIdentityNumber": "1", "show-result": "1", "show-grade": "1"})
    assert number in pypdf.PdfReader(io.BytesIO(ticked)).pages[0].extract_text()
    ((_, content),) = attachments(ticked).items()
    assert {"nationalIdentityNumber", "result.0"} <= members(content)
    (address,) = read_codes(ticked)
    for page in (
        holder.site.get(address.removeprefix("HTTP://LOCALHOST:8000")).text,
        holder.site.get(f"/share/{holder.share(**{'show-nationalIdentityNumber': '1'})}").text,
        holder.get(f"/holder/{holder.number}/share").text,
        holder.site.post("/verify", files={"document": ("copy.pdf", ticked)}).text,
    ):
        assert number not in page
    assert 'name="show-nationalIdentityNumber"' not in holder.get(f"/holder/{holder.number}/share").text


def test_a_copy_whose_day_is_past_is_told_with_a_warning(
    world: World, moved: ShiftedClock, site: WebClient, holder: HolderAtHome
) -> None:
    data = holder.copy(until=holder.terms(days=1)["until"])
    moved.shift = timedelta(days=3)
    world.home.catch_up()
    page = site.post("/verify", files={"document": ("copy.pdf", data)}).text
    assert outcome_of(page) == "valid"
    assert 'class="notice warning" data-notice="holder-copy"' in page


def test_a_copy_is_acknowledged_and_stays_at_hand_for_its_holder_alone(
    world: World, moved: ShiftedClock, site: WebClient, holder: HolderAtHome
) -> None:
    place = holder.copied(audience="确认页公司", **{"show-result": "1"})
    page = holder.get(place)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    told = visible(page.text)
    assert "The copy is made" in told
    for said in ("确认页公司", PURPOSE, holder.terms()["until"], holder.number, "It shows Name", RESULTS):
        assert said in told
    assert f'href="{place}/file"' in page.text
    assert holder.get(f"{place}/file").content == holder.get(f"{place}/file").content
    assert "确认页公司" in visible(holder.get("/holder").text)
    other = other_holder(world, site)
    for path in (place, f"{place}/file"):
        assert site.get(path).status_code == 303
        assert site.get(path, headers={"Cookie": f"vermilion={other}"}).status_code in {303, 404}
    moved.shift = KEPT_FOR
    gone = holder.get(f"{place}/file")
    assert (gone.status_code, gone.headers["Location"]) == (303, place)
    gone = holder.get(place)
    assert (gone.status_code, "This copy is no longer here" in gone.text) == (404, True)


def test_a_holder_has_so_many_copies_at_hand_and_the_oldest_goes_first(holder: HolderAtHome) -> None:
    places = [holder.copied(audience=f"第{place}家公司") for place in range(MOST_OF_ONE + 1)]
    assert [holder.get(one).status_code for one in places] == [404] + [200] * MOST_OF_ONE


@pytest.mark.parametrize("path", ["/holder", "/holder/{number}/share"])
def test_what_stands_on_a_test_chain_is_never_green_and_says_so(holder: HolderAtHome, path: str) -> None:
    page = holder.get(path.format(number=holder.number)).text
    assert 'data-notice="test-chain"' in page
    assert "tone-jade" not in page
    assert path != "/holder" or '<span class="mark-word tone-plain">valid (test chain)</span>' in page


def test_what_stands_on_a_real_chain_is_green_and_bears_no_mark(
    holder: HolderAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    def real(*asked: object) -> tuple[tuple[Held, ...], ...]:
        return tuple(
            tuple(replace(one, report=replace(one.report, notices=())) for one in held) for held in held_by(*asked)
        )

    monkeypatch.setattr(ROOM, "held_by", real)
    page = holder.get("/holder").text
    assert '<span class="mark-word tone-jade">valid</span>' in page
    assert "data-notice" not in page


def test_a_site_without_its_statement_key_says_that_it_makes_no_copies(
    world: World, holder: HolderAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "notary_of", lambda _: None)
    app = application(world.home, cause=lambda: None, max_age_seconds=3_600)
    elsewhere = replace(holder, site=WebClient(app, headers=holder.site.headers))
    assert "This site cannot sign copies now" in elsewhere.get("/holder").text
    assert elsewhere.send(f"/holder/{holder.number}/copy", **holder.terms()).status_code == 403
    assert elsewhere.share()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"audience": ""}, "Shown to:"),
        ({"audience": "长" * 41}, "Shown to:"),
        ({"audience": "a\u202eb"}, "Shown to:"),
        ({"audience": "a\x00b"}, "Shown to:"),
        ({"purpose": "  "}, "Purpose:"),
        ({"until": "soon"}, "Until:"),
        ({"until": "2026-01-01"}, "Until:"),
        ({"until": "2126-01-01"}, "Until:"),
        ({"audience": "\U0001f9ff有限公司"}, "\U0001f9ff"),
    ],
)
def test_terms_that_cannot_stand_on_a_page_are_refused_by_name(
    world: World, holder: HolderAtHome, fields: dict[str, str], said: str
) -> None:
    before = of_person(world, holder)
    refused = holder.send(f"/holder/{holder.number}/copy", **holder.terms(**fields))
    assert refused.status_code == 422
    assert said in unescape(re.search(r'id="copy-fault" role="alert">([^<]*)', refused.text)[1])
    if said != "\U0001f9ff":  # a page can show what paper cannot
        assert holder.send(f"/holder/{holder.number}/share", **holder.terms(**fields)).status_code == 422
    assert of_person(world, holder) == before


INJECTIONS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "{{7*7}}{% for x in y %}",
    '#read("/etc/passwd") $x^2$',
    "= #panic() @ref \\ <label> *b* _i_",
    "javascript:alert(1)//",
    "=HYPERLINK(1)",
    "</dl></main>&amp;&#60;",
)


@pytest.mark.parametrize("payload", INJECTIONS)
def test_what_a_holder_writes_is_text_on_every_page_and_on_paper(
    world: World, holder: HolderAtHome, payload: str
) -> None:
    token = holder.share(audience=payload, purpose=payload)
    for page in (holder.get("/holder").text, holder.site.get(f"/share/{token}").text):
        assert payload in unescape(page)
        assert strange_parts(page) == []
    form = holder.send(f"/holder/{holder.number}/share", **holder.terms(audience=payload, until="no")).text
    assert re.search(r'name="audience"[^>]* value="([^"]*)"', form)[1] == escape(payload)
    text = pypdf.PdfReader(io.BytesIO(holder.copy(audience=payload))).pages[0].extract_text()
    assert re.sub(r"\s", "", payload) in re.sub(r"\s", "", text)


def test_the_whole_corpus_of_injections_is_text_in_the_list_of_links(
    world: World, holder: HolderAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer ones too, which no form takes: whatever is kept is shown as it is."""
    holder.share()
    (kept,) = of_person(world, holder)[0]
    payloads = [one for one in CORPUS.read_text("utf-8").splitlines() if one and not one.startswith("##")]
    assert len(payloads) >= 100
    shares = tuple(replace(kept, audience=one, purpose=one) for one in payloads)
    monkeypatch.setattr(ROOM, "shares_of", lambda *_: (shares, shares))
    page = holder.get("/holder").text
    assert strange_parts(page) == []
    assert page.count("<li><div><strong><bdi>") == 2 * len(payloads)
    for one in payloads:
        assert page.count(f"<strong><bdi>{escape(one)}</bdi></strong>") >= 2, one


# — links —


def test_a_link_shows_the_verdict_and_the_chosen_fields_and_nothing_more(world: World, holder: HolderAtHome) -> None:
    token = holder.share()
    page = holder.site.get(f"/share/{token}")
    assert outcome_of(page.text) == "valid"
    assert 'data-notice="holder-copy"' in page.text
    assert world.name_of(holder.certificate) in page.text
    assert RESULTS not in page.text
    assert holder.certificate.reservation.key not in page.text
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["X-Robots-Tag"] == "noindex"
    assert outcome_of(holder.site.get(f"/zh/share/{token.lower()}").text) == "valid"
    more = holder.site.get(f"/share/{holder.share(**{'show-result': '1'})}").text
    assert RESULTS in more
    without_name = holder.site.get(f"/share/{holder.share(**{'show-name': ''})}").text
    assert world.name_of(holder.certificate) not in without_name


def test_a_link_follows_its_number_to_the_current_revision(
    world: World, holder: HolderAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = holder.share()
    current = replace(world.certificates("3")[5], person=holder.certificate.person)
    monkeypatch.setattr(SqlBatches, "by_number", lambda *_: current)
    page = holder.site.get(f"/share/{token}").text
    assert outcome_of(page) == "valid"
    assert current.reservation.number in page
    assert holder.number not in page


def test_openings_by_hand_are_counted_and_of_one_reader_one_an_hour(
    world: World, moved: ShiftedClock, holder: HolderAtHome
) -> None:
    token, opened = holder.share(), lambda: of_person(world, holder)[0][0].opened
    holder.site.get(f"/share/{token}")
    holder.site.get(f"/en/share/{token}")
    assert opened() == 1
    holder.site.get(f"/share/{token}", headers={"User-Agent": "another browser"})
    replace(holder, site=WebClient(holder.site.app, source="203.0.113.9")).site.get(f"/share/{token}")
    assert opened() == 3
    moved.shift = ONCE_IN
    holder.site.get(f"/share/{token}")
    assert opened() == 4
    moved.shift = timedelta()
    assert "Times opened: at least 4, last" in visible(holder.get("/holder").text)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"X-Moz": "prefetch"},
        {"Sec-Fetch-Mode": "no-cors"},
        {"User-Agent": "Mozilla/5.0 (compatible; Bingbot/2.0)"},
        {"User-Agent": "facebookexternalhit/1.1"},
        {"User-Agent": "SkypeUriPreview"},
    ],
)
def test_robots_and_pages_read_ahead_are_not_counted(
    world: World, holder: HolderAtHome, headers: dict[str, str]
) -> None:
    token = holder.share()
    assert holder.site.get(f"/share/{token}", headers=headers).status_code == 200
    assert holder.site.request("HEAD", f"/share/{token}").status_code == 200
    assert holder.site.get(f"/share/{token}?unattended=1").status_code == 200  # an open page
    holder.get(f"/share/{token}")  # the holder's own
    assert of_person(world, holder)[0][0].opened == 0
    assert "Not opened yet" in holder.get("/holder").text
    holder.site.get(f"/share/{token}", headers={"Sec-Fetch-Mode": "navigate"})
    assert of_person(world, holder)[0][0].opened == 1


@pytest.mark.parametrize("form", ["json", "pdf"])
def test_whoever_opens_a_link_can_keep_a_receipt_of_what_it_shows_and_no_more(
    world: World, holder: HolderAtHome, form: str
) -> None:
    token = holder.share(**{"show-result": "1"})
    page = holder.site.get(f"/zh/share/{token}").text
    assert f'action="/zh/share/{token}/receipt"' in page
    given = holder.site.post(f"/share/{token}/receipt", data={"form": form, "purpose": "入职存档"})
    assert given.status_code == 200, given.text
    assert given.headers["Cache-Control"] == "no-store"
    assert given.headers["Content-Disposition"].endswith(f'.{form}"')
    statement = given.content if form == "json" else attachments(given.content)[RECEIPT_NAME]
    read = parse_verification_receipt(statement)
    assert (read.outcome, read.purpose, read.number) == (Outcome.VALID, "入职存档", holder.number)
    assert (read.asked.by, read.asked.digest) == (AskedBy.LINK, token_hash(token))
    shown = {"kind": "holder-copy", "audience": AUDIENCE, "purpose": PURPOSE, "until": holder.terms()["until"]}
    assert shown in read.notices
    name, number = world.name_of(holder.certificate), identity_number(world, holder.certificate)
    said = json.dumps(read.statement.claims, ensure_ascii=False)
    paper = "" if form == "json" else pypdf.PdfReader(io.BytesIO(given.content)).pages[0].extract_text()
    assert AUDIENCE in said
    for secret in (name, number, holder.certificate.reservation.key, token):
        assert secret not in said
        assert secret not in paper


def test_a_receipt_of_a_link_stands_when_it_is_checked_again(world: World, holder: HolderAtHome, tmp_path) -> None:
    kept = tmp_path / "receipt.json"
    kept.write_bytes(holder.site.post(f"/share/{holder.share()}/receipt", data={"form": "json"}).content)
    assert json.loads(world.run("verify", str(kept), "--json"))["outcome"] == "stands"


def test_no_receipt_is_given_of_a_link_that_is_over_or_for_a_purpose_that_cannot_be_kept(
    world: World, holder: HolderAtHome
) -> None:
    token = holder.share()
    assert holder.site.post(f"/share/{token}/receipt", data={"form": "json", "purpose": "x" * 201}).status_code == 422
    (share,) = of_person(world, holder)[0]
    withdraw(world.home.store, world.home.clock, person=holder.certificate.person, id=share.id)
    refused = holder.site.post(f"/share/{token}/receipt", data={"form": "json"})
    assert (refused.status_code, "This link is over" in refused.text) == (404, True)


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("/zh", ("已过持证人定下的日期", "要一个新链接", "对证书本身有疑问，请联系发证机构")),
        ("/en", ("withdrew it, or the last day", "for a new one", "ask the issuing body")),
    ],
)
def test_a_link_that_is_over_says_so_and_whom_to_ask(
    world: World, moved: ShiftedClock, holder: HolderAtHome, prefix: str, said: tuple[str, ...]
) -> None:
    token = holder.share(until=holder.terms(days=1)["until"])
    moved.shift = timedelta(days=3)
    page = visible(holder.site.get(f"{prefix}/share/{token}").text)
    assert [one for one in said if one not in page] == []


def test_a_withdrawn_a_lapsed_and_a_made_up_link_get_one_answer_at_once(
    world: World, moved: ShiftedClock, holder: HolderAtHome
) -> None:
    token, lasting = holder.share(), holder.share(until=holder.terms(days=1)["until"])
    first = of_person(world, holder)[0][1]
    answer = holder.send(f"/holder/shares/{first.id}/withdraw")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/holder#shares")
    withdrawn = holder.site.get(f"/share/{token}")
    unknown = [holder.site.get(f"/share/{one}") for one in ("A" * 26, "x", "A" * 500)]
    assert holder.site.get(f"/share/{lasting}").status_code == 200
    moved.shift = timedelta(days=3)
    lapsed = holder.site.get(f"/share/{lasting}")
    for one in (withdrawn, lapsed, *unknown):
        assert one.status_code == 404
        assert "This link is over" in one.text
    assert len({re.sub(r"/share/[A-Za-z0-9]+", "", one.text) for one in (withdrawn, lapsed, *unknown)}) == 1


def test_a_holder_sees_which_links_are_open_and_which_have_ended(world: World, holder: HolderAtHome) -> None:
    holder.share(audience="湾区智造研究院")
    (share,) = (one for one in of_person(world, holder)[0] if one.audience == "湾区智造研究院")
    holder.send(f"/holder/shares/{share.id}/withdraw")
    holder.send(f"/holder/shares/{share.id}/withdraw")
    live, _, ended = visible(holder.get("/holder").text).partition("Links that have ended")
    assert "湾区智造研究院" not in live
    assert "湾区智造研究院" in ended
    assert "Withdrawn" in ended


def test_a_form_that_is_sent_twice_makes_one_link(world: World, holder: HolderAtHome) -> None:
    forms = [holder.get(path).text for path in (f"/holder/{holder.number}/share", "/holder")]
    keys = [re.search(r'name="key" value="([A-Za-z0-9_-]{43})"', form)[1] for form in (*forms, forms[0])]
    assert len(set(keys)) == 2
    before = len(of_person(world, holder)[0])
    tokens = {holder.share(key=keys[0]) for _ in range(2)}
    assert (len(tokens), len(of_person(world, holder)[0])) == (1, before + 1)
    assert holder.site.get(f"/share/{tokens.copy().pop()}").status_code == 200
    for _ in range(2):
        holder.copied(key=keys[1])
    assert len(of_person(world, holder)[0]) == before + 2
    # Gone back to and filled in for somebody else, it is another link.
    assert holder.share(key=keys[0], audience="另一个对象") not in tokens
    # What its holder has withdrawn stays withdrawn.
    (first,) = (one for one in of_person(world, holder)[0] if one.token_hash == token_hash(tokens.copy().pop()))
    withdraw(world.home.store, world.home.clock, person=holder.certificate.person, id=first.id)
    dead = holder.terms(key=keys[0])
    wrong = holder.send(f"/holder/{holder.number}/share", **{**dead, "until": "no"})
    assert keys[0] in wrong.text
    # A form whose link has ended is shown again with all that was typed, and with a key of its own.
    drawn = set(keys)
    for path in (f"/holder/{holder.number}/share", f"/holder/{holder.number}/copy"):
        shown = holder.send(path, **dead)
        assert (shown.status_code, "was withdrawn or is over" in shown.text) == (409, True)
        assert f'value="{AUDIENCE}"' in shown.text
        (key,) = re.findall(r'name="key" value="([A-Za-z0-9_-]{43})"', shown.text)
        assert key not in drawn
        drawn.add(key)
    assert len(of_person(world, holder)[0]) == before + 2
    assert holder.share(key=key) not in tokens


def test_so_many_links_can_be_open_and_no_more(world: World, holder: HolderAtHome) -> None:
    live = len(of_person(world, holder)[0])
    terms = terms_of(AUDIENCE, PURPOSE, holder.terms()["until"], world.home.clock.now())
    for _ in range(MOST_LIVE - live):
        share(
            world.home.store,
            world.home.clock,
            person=holder.certificate.person,
            number=holder.number,
            terms=terms,
            fields=[Field.NAME],
        )
    for kind in ("share", "copy"):
        refused = holder.send(f"/holder/{holder.number}/{kind}", **holder.terms())
        assert refused.status_code == 403
        assert f"At most {MOST_LIVE} links" in refused.text
    for one in of_person(world, holder)[0]:
        withdraw(world.home.store, world.home.clock, person=holder.certificate.person, id=one.id)
    assert holder.share()


def test_nothing_that_was_written_about_a_reader_lies_open_in_the_database_or_the_journal(
    world: World, holder: HolderAtHome
) -> None:
    token = holder.share(audience="不公开的对象", purpose="不公开的用途")
    world.home.store.settle()
    written = b"".join(one.read_bytes() for one in world.home.path.glob("registry.db*"))
    for secret in ("不公开的对象", "不公开的用途", token):
        assert secret.encode() not in written
    with world.home.store.read() as unit:
        last = list(unit.journal.entries())[-1]
        assert (last.action, last.subject) == ("share.add", unit.shares.of_person(holder.certificate.person)[0].id)


# — the whole, and the way in —


def test_the_full_copy_holds_everything_and_is_journalled(world: World, holder: HolderAtHome) -> None:
    warned = holder.get(f"/holder/{holder.number}/full")
    assert "cannot be taken back" in warned.text
    given = holder.send(f"/holder/{holder.number}/full")
    assert given.headers["Cache-Control"] == "no-store"
    assert given.headers["Content-Disposition"] == f'attachment; filename="{holder.number}-full.bundle.json"'
    credential = parse_bundle(given.content).credential
    assert credential.disclosed.identity_number == identity_number(world, holder.certificate)
    assert set(credential.disclosures) == set(holder.certificate.disclosures or ())
    with world.home.store.read() as unit:
        last = list(unit.journal.entries())[-1]
    assert (last.action, last.subject, last.detail) == ("holder.full", holder.number, {})


def test_a_new_password_signs_all_other_devices_out(world: World, site: WebClient) -> None:
    holder = holder_of(world, site, 6).claim()
    old = holder.cookie
    wrong = holder.send("/holder/account", current="wrong horse battery", password=NEW, again=NEW)
    assert (wrong.status_code, "nothing was changed" in wrong.text) == (422, True)
    differ = holder.send("/holder/account", current=PASSWORD, password=NEW, again="other")
    assert differ.status_code == 422
    weak = holder.send("/holder/account", current=PASSWORD, password="short", again="short")
    assert weak.status_code == 422
    done = holder.send("/holder/account", current=PASSWORD, password=NEW, again=NEW)
    assert done.status_code == 200
    holder.cookie = re.match(r"vermilion=([^;]+)", done.headers["Set-Cookie"])[1]
    assert holder.get("/holder").status_code == 200
    assert site.get("/holder", headers={"Cookie": f"vermilion={old}"}).status_code == 303
    name = identity_number(world, holder.certificate)
    assert site.post("/sign-in", data={"name": name, "password": PASSWORD}).status_code == 403
    signed = site.post("/sign-in", data={"name": name, "password": NEW})
    assert signed.status_code == 303
    second = re.match(r"vermilion=([^;]+)", signed.headers["Set-Cookie"])[1]
    assert holder.send("/holder/sign-out-everywhere").status_code == 303
    for cookie in (holder.cookie, second):
        assert site.get("/holder", headers={"Cookie": f"vermilion={cookie}"}).status_code == 303


# — what the tests ask —


def day_in(days: int) -> str:
    return (datetime.now(CHINA_TIME) + timedelta(days=days)).date().isoformat()


def several(held: tuple[tuple[Held, ...], ...]) -> tuple[tuple[Held, ...], ...]:
    """A holder's one certificate as if it were corrected, and three more beside it."""
    ((own,),) = held

    def made(number: str, outcome: Outcome, revision: int = 1, **content: object) -> Held:
        reservation = replace(own.certificate.reservation, number=CertificateNumber(number), revision=revision)
        report = replace(own.report, outcome=outcome, content={**(own.report.content or {}), **content})
        return Held(certificate=replace(own.certificate, reservation=reservation), report=report)

    number = own.certificate.reservation.number
    midnight = datetime.fromisoformat(f"{day_in(41)}T00:00:00+08:00")
    begun = int(midnight.timestamp()) - 10_000_000
    return (
        (made(number, Outcome.VALID, 2), made(number, Outcome.SUPERSEDED)),
        (made(DUE, Outcome.VALID, nbf=begun, exp=int(midnight.timestamp())),),
        (made("DEMO-EEC-2026-EXPIRED0001", Outcome.EXPIRED, nbf=begun, exp=begun + 86_400),),
        (made(REVOKED, Outcome.REVOKED),),
    )


def identity_number(world: World, certificate: StoredCertificate) -> str:
    with world.home.store.read() as unit:
        return unit.enrolments.application(certificate.reservation.admission).candidate.identity_number


def of_person(world: World, holder: HolderAtHome):
    return shares_of(world.home.store, world.home.clock, holder.certificate.person)


def other_holder(world: World, site: WebClient) -> str:
    return holder_of(world, site, 4).claim().cookie


def staff(world: World, site: WebClient) -> str:
    store, clock = world.home.store, world.home.clock
    token = add_account(
        store, clock, name="zhou.lan", display="周岚", kind=AccountKind.STAFF, roles=frozenset({Role.MAKER}), by="o-1"
    )
    response = site.post(f"/invitation/{token}", data=CHOSEN)
    return re.match(r"vermilion=([^;]+)", response.headers["Set-Cookie"])[1]


def proof_of(world: World, cookie: str) -> str:
    visitor = signed_in(world.home.store, world.home.clock, cookie)
    assert visitor is not None
    return Visit(account=visitor.account, token=cookie).csrf


def strange_parts(html: str) -> list[str]:
    """Elements and attributes that no page of ours has: scripts of the page itself, others' pictures, handlers."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            given = dict(attributes)
            found.extend(name for name in given if name.startswith("on"))
            photograph = re.fullmatch(r"/C/[A-Z2-7]{26}/portrait\.jpg", given.get("src") or "")
            found.extend([tag] if tag == "img" and not photograph else [])
            found.extend([tag] if tag in {"iframe", "object"} or (tag == "script" and "src" not in given) else [])
            found.extend(
                one for one in given.values() if one and one.startswith("javascript:") and "value" not in given
            )

    Reader().feed(html)
    return found


def outcome_of(html: str) -> str:
    return html.partition("verdict outcome-")[2].partition('"')[0]


def visible(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html.partition("<main")[2])))


def attachments(data: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(data)) as document:
        return {name: one.get_file().read_bytes() for name, one in document.attachments.items()}


def unpacked(data: bytes) -> bytes:
    page = pypdf.PdfReader(io.BytesIO(data)).pages[0].extract_text().encode()
    return b"".join((page, *attachments(data).values()))


def members(copy: bytes) -> set[str]:
    return set(read_copy(copy).bundle.credential.disclosures)


def read_codes(data: bytes) -> list[str]:
    with closing(pypdfium2.PdfDocument(data)) as document:
        picture = document[0].render(scale=1, grayscale=True).to_pil()  # 72 dpi
    return [one.text for one in zxingcpp.read_barcodes(picture)]
