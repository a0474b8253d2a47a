"""The status door: badges of every outcome, lists as they are served, nothing else let through."""

import base64
import hashlib
import re
from dataclasses import dataclass, field, replace
from xml.etree import ElementTree

import pytest

from api.app import create_app
from api.status_views import BADGE_POLICY, Standing, badge_of, badge_svg
from registry.verification.model import NoticeKind, Outcome, Report
from registry.workflows.status.publish_status import StatusToken
from tests.http.sample_reports import BASE_URL, NOTICES, NOW, REPORTS, SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient

SVG = "{http://www.w3.org/2000/svg}"
WORDS = {
    Outcome.VALID: "valid",
    Outcome.SUPERSEDED: "superseded",
    Outcome.SUSPENDED: "suspended",
    Outcome.EXPIRED: "expired",
    Outcome.NOT_YET_VALID: "not-yet-valid",
    Outcome.REVOKED: "revoked",
    Outcome.ALTERED: "not-reliable",
    Outcome.NOT_RECOGNISED: "not-reliable",
    Outcome.NOT_REGISTERED: "not-reliable",
}
VALID = REPORTS[Outcome.VALID]
ATTACKS = ("en<script>", "en\"onload='x'", "zh%0d%0aX-Evil:1", "../zh", "EN", "fr", "%E2%80%AEzh", "zh&lang=<x>")


@dataclass
class SampleViews:
    """Gives one list and one standing, whoever asks."""

    report: Report | None = field(default_factory=lambda: VALID)

    def token(self, issuer: str, number: int) -> StatusToken | None:
        return StatusToken(text="a.b.c", issued_at=0) if (issuer, number) == ("LNSEC", 0) else None

    def standing(self, issuer: str, number: int, index: int) -> Report | None:  # noqa: ARG002 - the port's form
        return self.report


def client(report: Report | None = VALID, views: SampleViews | None = None) -> WebClient:
    return WebClient(
        create_app(
            SampleVerifier(),
            health=SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=BASE_URL,
            clock=lambda: NOW,
            statuses=views or SampleViews(report),
        )
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_badge_has_one_word_for_every_outcome(outcome: Outcome) -> None:
    told = client(REPORTS[outcome]).get("/badge/LNSEC/0/7.json").json()
    assert told["status"] == WORDS.get(outcome, "cannot-say")
    assert told.keys() == {"status", "as_of", "test_chain", "label"}
    assert all(told["label"].values())


def test_nothing_there_and_nothing_known_are_told_alike() -> None:
    answers = [client(one).get("/badge/LNSEC/0/7.svg") for one in (None, REPORTS[Outcome.NOT_FOUND])]
    answers.append(client(REPORTS[Outcome.CANNOT_CONFIRM]).get("/badge/LNSEC/0/7.svg"))
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("outcome", list(Outcome))
def test_picture_is_whole_and_holds_nothing_that_acts(outcome: Outcome, language: str) -> None:
    report = replace(REPORTS[outcome], notices=(NOTICES[NoticeKind.TEST_CHAIN],))
    answer = client(report).get(f"/badge/LNSEC/0/7.svg?lang={language}")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    root = ElementTree.fromstring(answer.text)  # noqa: S314 - our own
    assert root.tag == f"{SVG}svg"
    elements = {one.tag.removeprefix(SVG) for one in root.iter()}
    assert elements <= {"svg", "title", "style", "rect", "g", "circle", "path", "text"}
    assert not [name for one in root.iter() for name in one.attrib if name.startswith("on") or "href" in name]
    assert "url(" not in answer.text
    test_chain = "测试链" if language == "zh" else "test chain"
    assert test_chain in (root.findtext(f"{SVG}title") or "")


def test_badge_says_from_when_it_is() -> None:
    told = client().get("/badge/LNSEC/0/7.json").json()
    assert told["as_of"] == "2026-12-03T10:24:07+08:00"
    assert "as of 2026-12-03" in client().get("/badge/LNSEC/0/7.svg?lang=en").text
    assert "截至2026-12-03" in client().get("/badge/LNSEC/0/7.svg").text


def test_every_word_is_drawn_with_a_shape_of_its_own() -> None:
    shapes = set()
    for standing in Standing:
        badge = replace(badge_of(REPORTS[Outcome.VALID], NOW), standing=standing)
        shape = re.search(r'<g class="shape"[^>]*>(.*?)</g>', badge_svg(badge, "zh").decode())
        assert shape is not None
        shapes.add(shape[1])
    assert len(shapes) == len(Standing)


def test_other_peoples_pages_may_show_it_and_keep_it_a_minute() -> None:
    for path in ("/badge/LNSEC/0/7.svg", "/badge/LNSEC/0/7.json", "/status/LNSEC/0"):
        first = client().get(path)
        assert first.headers["Access-Control-Allow-Origin"] == "*"
        assert first.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert first.headers["Cache-Control"] == "public, max-age=60"
        again = client().get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        changed = client(REPORTS[Outcome.REVOKED], SampleViews(REPORTS[Outcome.REVOKED])).get(
            path, headers={"If-None-Match": first.headers["ETag"]}
        )
        assert changed.status_code == (304 if path.startswith("/status") else 200)


def test_policy_lets_in_the_pictures_own_style_alone() -> None:
    answer = client().get("/badge/LNSEC/0/7.svg")
    assert answer.headers["Content-Security-Policy"] == BADGE_POLICY
    style = re.search("<style>(.*)</style>", answer.text)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in BADGE_POLICY
    assert BADGE_POLICY.startswith("default-src 'none'")


@pytest.mark.parametrize("attack", ATTACKS)
def test_language_that_is_none_is_refused_and_not_repeated(attack: str) -> None:
    answer = client().get(f"/badge/LNSEC/0/7.svg?lang={attack}")
    refused = answer.status_code == 422 and answer.headers["Content-Type"] == "application/problem+json"
    assert refused
    assert "script" not in answer.text
    assert "onload" not in answer.text


@pytest.mark.parametrize(
    "path", ["0/-1", "0/1e3", "x/1", "0/<svg>", "0/1_0", "00/1", "0/01", "0/99999999", "0/%31%00", "0/１"]
)
def test_places_have_one_spelling(path: str) -> None:
    for ending in ("svg", "json"):
        answer = client().get(f"/badge/LNSEC/{path}.{ending}")
        assert (answer.status_code, answer.json()["code"]) == (404, "published/nothing")
        assert "<svg" not in answer.text


def test_code_of_the_issuer_is_never_repeated() -> None:
    views = SampleViews()
    answer = client(views=views).get('/badge/"><script>alert(1)</script>/0/1.svg'.replace("/script", "%2Fscript"))
    assert "alert" not in answer.text


def test_site_without_status_views_has_none() -> None:
    site = WebClient(
        create_app(
            SampleVerifier(),
            health=SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=BASE_URL,
            clock=lambda: NOW,
        )
    )
    assert site.get("/status/LNSEC/0").status_code == 404
    assert site.get("/badge/LNSEC/0/1.json").json()["status"] == "cannot-say"
    assert site.get(f"/v1/certificates/{'A' * 26}/bundle").status_code == 404
