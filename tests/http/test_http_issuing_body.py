"""The address of an issuing body: a page for browsers in both languages, JSON for others, a problem for other codes."""

import pytest

from api.app import create_app
from api.verifier import PublicIssuer, PublicScope
from tests.http.sample_reports import BASE_URL, CONTACTS, NOW, SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient

BODY = PublicIssuer(
    code="LNSEC",
    name_zh="岭南<技能>中心",
    name_en="Lingnan Skills Centre",
    state="active",
    scopes=(
        PublicScope(
            scope="BLOCKCHAIN/3", name_zh="区块链三级", name_en="", valid_from=1_700_000_000, until=1_893_456_000
        ),
        PublicScope(scope="AI/1", name_zh="", name_en="", valid_from=1_700_000_000, until=(1 << 40) - 1),
    ),
)
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.fixture
def site():
    return WebClient(
        create_app(
            SampleVerifier(),
            health=SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=BASE_URL,
            contacts=CONTACTS,
            issuing_body={"LNSEC": BODY}.get,
            clock=lambda: NOW,
        )
    )


def test_a_browser_gets_a_page_in_its_language(site):
    page = site.get("/issuers/LNSEC", headers=BROWSER)
    assert (page.status_code, page.headers["Vary"]) == (200, "Accept, Accept-Language")
    assert "<h1>岭南&lt;技能&gt;中心</h1>" in page.text
    assert "区块链三级" in page.text
    assert 'href="/issuers/LNSEC/jwks.json"' in page.text
    english = site.get("/en/issuers/LNSEC").text
    assert "<h1>Lingnan Skills Centre</h1>" in english
    assert 'until <span class="nowrap">2030-01-01</span>' in english
    assert "without an end" in english
    assert "mailto:a@example.cn" in english


def test_others_get_json(site):
    answer = site.get("/issuers/LNSEC")
    assert answer.headers["Content-Type"] == "application/json"
    document = answer.json()
    assert document["issuer"] == f"{BASE_URL}/issuers/LNSEC"
    assert document["jwks_uri"] == f"{BASE_URL}/issuers/LNSEC/jwks.json"
    assert document["scopes"] == [
        {"scope": "BLOCKCHAIN/3", "validFrom": "2023-11-14T22:13:20Z", "until": "2030-01-01T00:00:00Z"},
        {"scope": "AI/1", "validFrom": "2023-11-14T22:13:20Z", "until": None},
    ]


def test_another_code_is_a_problem(site):
    other = site.get("/issuers/NONE")
    assert (other.status_code, other.json()["code"]) == (404, "published/nothing")
    assert site.get("/zh/issuers/NONE").headers["Content-Type"].startswith("text/html")
