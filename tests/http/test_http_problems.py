"""Problem documents and pages, security headers, probes, published files, the OpenAPI document, the access log."""

import asyncio
import html
import logging
from dataclasses import dataclass, field, replace

import pytest
from starlette.types import Message

from api import openapi
from api.app import create_app
from api.headers import CONTENT_SECURITY_POLICY
from api.pages.catalogue import LANGUAGES, Language, catalogue
from api.problems import problem_of
from api.verifier import LookupLimits
from registry.kernel.errors import Conflict, IntegrityFault, MalformedInput, Missing, RegistryError, RuleRefusal
from registry.verification.model import Outcome, Report
from tests.http.sample_reports import BASE_URL, KEYS, NOW, SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient


@dataclass(slots=True)
class FailingVerifier(SampleVerifier):
    """Fails in the way it is told to."""

    fault: Exception = field(default_factory=lambda: RuntimeError("secret detail"))

    def by_key(self, key: str) -> Report:
        assert key
        raise self.fault


def make_client(
    verifier: SampleVerifier | None = None,
    health: SampleHealth | None = None,
    base_url: str = BASE_URL,
    limits: LookupLimits | None = None,
) -> WebClient:
    return WebClient(
        create_app(
            verifier or SampleVerifier(),
            health=health or SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=base_url,
            limits=limits,
            clock=lambda: NOW,
        )
    )


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (MalformedInput, 422),
        (RuleRefusal, 403),
        (Conflict, 409),
        (Missing, 404),
        (IntegrityFault, 500),
        (RegistryError, 500),
    ],
)
def test_status_follows_the_error_tree(kind: type[RegistryError], status: int) -> None:
    problem = problem_of(kind("what was expected"))
    assert (problem.status, problem.code) == (status, kind.code)


def test_problem_document_has_the_members_of_the_standard() -> None:
    answer = make_client().get("/v1/nothing")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json() == {
        "type": f"{BASE_URL}/problems/http/unknown-path",
        "title": "There is nothing at this address",
        "status": 404,
        "code": "http/unknown-path",
    }


def test_type_of_a_problem_leads_to_its_explanation() -> None:
    page = make_client().get("/problems/lookup/too-many")
    assert page.status_code == 200
    assert "查得太频繁" in page.text
    assert make_client().get("/problems/%3Cscript%3E").status_code == 404


@pytest.mark.parametrize("language", LANGUAGES)
def test_too_many_unknown_codes_are_told_in_words_of_their_own(language: Language) -> None:
    words, client = catalogue(language), make_client(limits=LookupLimits(missed_keys=2))
    for key in "ABC":
        page = client.get(f"/{language}/C/{'Z' * 25}{key}")
    seen = html.unescape(page.text)
    assert page.status_code == 429
    assert words.text("problems.too-many-keys.title") in seen
    wait = words.age(int(page.headers["Retry-After"]))
    assert words.text("problems.too-many-keys.text", wait=wait) in seen
    assert "lookup/too-many-keys" in seen
    # Whoever reads about it without having been refused is told no time.
    explained = html.unescape(client.get(f"/{language}/problems/lookup/too-many-keys").text)
    assert words.text("problems.too-many-keys.text_bare") in explained
    assert words.text("problems.too-many.title") not in explained


def test_a_day_that_is_none_has_words_of_its_own() -> None:
    client = make_client()
    page = client.get(f"/zh/C/{KEYS[Outcome.VALID]}?as_of=zzz")
    assert page.status_code == 422
    assert "要查的日期不对" in page.text
    assert "zzz" not in page.text.partition("<main")[2].partition("</main")[0]
    answer = client.get(f"/v1/certificates/{KEYS[Outcome.VALID]}/verdict?as_of=zzz")
    assert (answer.status_code, answer.json()["code"]) == (422, "verify/day-malformed")
    other = client.get(f"/v1/certificates/{KEYS[Outcome.VALID]}/verdict?receipt=foo")
    assert other.json()["code"] == "http/malformed"


@pytest.mark.parametrize("path", ["/nothing", "/en/nothing", "/C/", "/C/a/b", "/robots.txt"])
def test_unknown_address_is_a_page(path: str) -> None:
    answer = make_client().get(path)
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")


def test_wrong_method_names_the_right_ones() -> None:
    answer = make_client().post(f"/v1/certificates/{KEYS[Outcome.VALID]}/bundle")
    assert (answer.status_code, answer.json()["code"]) == (405, "http/method")
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize("path", [f"/v1/certificates/{KEYS[Outcome.VALID]}/verdict", f"/C/{KEYS[Outcome.VALID]}"])
def test_unforeseen_fault_is_bare_and_can_be_found_in_the_log(path: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "vermilion.http"):
        answer = make_client(FailingVerifier()).get(path)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    instance = next(word for word in caplog.messages[0].split() if word.startswith("urn:uuid:")).rstrip(":")
    assert instance in answer.text
    assert KEYS[Outcome.VALID] not in caplog.text.partition("Traceback")[0]
    assert answer.headers["Content-Security-Policy"] == CONTENT_SECURITY_POLICY


def test_fault_of_integrity_is_logged_and_names_its_code(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "vermilion.http"):
        answer = make_client(FailingVerifier(fault=IntegrityFault("row differs"))).get(
            "/v1/certificates/" + "A" * 26 + "/verdict"
        )
    assert (answer.status_code, answer.json()["code"]) == (500, "integrity")
    assert caplog.messages == ["integrity: row differs"]


@pytest.mark.parametrize(
    "path", ["/", "/how", "/status", "/nothing", "/v1/nothing", "/livez", f"/C/{KEYS[Outcome.VALID]}", "/static/x.css"]
)
def test_every_answer_has_the_security_headers(path: str) -> None:
    headers = make_client().get(path).headers
    # The home page alone runs a WebAssembly program and asks for verdicts itself.
    more = {"script-src 'self'": "script-src 'self' 'wasm-unsafe-eval'", "connect-src 'self'": "connect-src 'self'"}
    policy = CONTENT_SECURITY_POLICY.split("; ")
    given = headers["Content-Security-Policy"].split("; ")
    assert [more.get(one, one) for one in policy] + ["connect-src 'self'"] == given if path == "/" else policy == given
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Strict-Transport-Security"].startswith("max-age=")


def test_site_without_https_does_not_demand_it() -> None:
    assert "Strict-Transport-Security" not in make_client(base_url="http://localhost:8000").get("/").headers


def test_search_engines_see_home_and_no_certificate() -> None:
    client = make_client()
    assert "X-Robots-Tag" not in client.get("/").headers
    assert client.get(f"/C/{KEYS[Outcome.VALID]}").headers["X-Robots-Tag"] == "noindex"


def test_pages_have_no_inline_script_style_or_outside_address() -> None:
    client = make_client()
    for path in ("/", "/how", "/status", "/nothing", *(f"/zh/C/{key}" for key in KEYS.values())):
        page = client.get(path).text
        assert " style=" not in page
        assert "<style" not in page
        assert "onclick" not in page
        assert "//" not in page.replace("<!DOCTYPE html>", "").replace(BASE_URL, "")


def test_host_of_the_request_is_never_used() -> None:
    client = make_client()
    client.headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    for path in ("/", "/verify", "/C/", f"/C/{KEYS[Outcome.VALID]}", "/v1/nothing"):
        answer = client.get(path)
        assert "evil.example" not in answer.text + str(answer.headers)


def test_small_requests_are_kept_small() -> None:
    body = b'{"number":"' + b"x" * 20_000 + b'","name":"y"}'
    answer = make_client().post("/v1/lookups", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "http/too-large")


def test_probes_say_alive_ready_behind_starting_and_away() -> None:
    assert make_client().get("/livez").json() == {"status": "alive"}
    health = SampleHealth()
    assert health.known is not None
    assert make_client().get("/readyz").json() == {"status": "ready", "block": 186_530, "age_seconds": 12}
    behind = make_client(health=SampleHealth(known=replace(health.known, limit_seconds=1))).get("/readyz")
    assert (behind.status_code, behind.json()["status"]) == (200, "behind")
    starting = make_client(health=SampleHealth(known=None)).get("/readyz")
    assert (starting.status_code, starting.json()["code"]) == (503, "knowledge/none")
    away = make_client(health=SampleHealth(away=True)).get("/readyz")
    assert (away.status_code, away.json()["code"]) == (503, "store/away")


def test_halted_writing_is_told_apart_from_whether_readers_are_served() -> None:
    assert make_client().get("/readyz/writing").json() == {"status": "ready"}
    halted = make_client(health=SampleHealth(halted=True))
    refused = halted.get("/readyz/writing")
    assert (refused.status_code, refused.json()["code"]) == (503, "halt/writing-halted")
    assert int(refused.headers["Retry-After"]) >= 60
    assert halted.get("/readyz").status_code == 200
    assert "Issuing is halted" in halted.get("/en/status").text
    assert "Issuing is halted" not in make_client().get("/en/status").text


def test_published_file_is_served_byte_for_byte_and_revalidated() -> None:
    client = make_client()
    answer = client.get("/issuers/LNSEC/jwks.json")
    assert (answer.status_code, answer.content) == (200, b'{"keys":[]}')
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get("/issuers/LNSEC/jwks.json", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/issuers/NONE/jwks.json",
        "/.well-known/jwt-vc-issuer/issuers/NONE",
        "/vct/occupational-skill-certificate/1",
        "/programmes/NONE/1",
    ],
)
def test_what_nobody_publishes_is_a_problem(path: str) -> None:
    answer = make_client().get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, "published/nothing")


def test_committed_openapi_document_is_what_the_routes_say() -> None:
    assert openapi.PATH.read_bytes() == openapi.openapi_bytes()
    assert openapi.main(["--check"]) == 0
    assert make_client().get("/v1/openapi.json").json() == openapi.openapi_document()


def test_openapi_check_notices_a_difference(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    path = openapi.Path(str(tmp_path)) / "openapi.json"
    monkeypatch.setattr(openapi, "PATH", path)
    assert openapi.main(["--check"]) == 1
    assert openapi.main([]) == 0
    assert openapi.main(["--check"]) == 0


def test_reader_who_goes_away_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/verifications",
        "query_string": b"",
        "headers": [],
        "client": None,
    }
    asyncio.run(make_client().app(scope, receive, send))
    assert sent[0]["status"] == 400
    assert caplog.messages == []
