"""The JSON door: verdicts by key, by document, by number and name."""

from dataclasses import replace

import pytest

from api.app import create_app
from api.bodies import DOCUMENT_BYTES, DRAINED_BYTES
from api.verifier import LookupLimits, report_document
from api.verifier.schemas import ReportDocument
from registry.verification.model import Outcome, Question
from tests.http.sample_reports import (
    BASE_URL,
    CONTENT,
    GENEROUS,
    KEYS,
    NAME,
    NOTICES,
    NOW,
    NUMBER,
    REPORTS,
    SampleDocuments,
    SampleHealth,
    SampleVerifier,
)
from tests.http.web_client import WebClient


def make_client(verifier: SampleVerifier | None = None, limits: LookupLimits = GENEROUS) -> WebClient:
    return WebClient(
        create_app(
            verifier or SampleVerifier(),
            health=SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=BASE_URL,
            limits=limits,
            clock=lambda: NOW,
        )
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_report_document_has_the_published_shape(outcome: Outcome) -> None:
    document = report_document(replace(REPORTS[outcome], notices=tuple(NOTICES.values())))
    assert ReportDocument.model_validate(document).outcome == outcome.value
    questions = document["questions"]
    assert isinstance(questions, list)
    assert [one["number"] for one in questions] == [1, 2, 3, 4, 5]
    assert {one["kind"] for one in document["notices"]} == {kind.value for kind in NOTICES}  # type: ignore[attr-defined]


def test_look_up_without_findings_could_not_check_anything() -> None:
    questions = report_document(REPORTS[Outcome.NOT_FOUND])["questions"]
    assert isinstance(questions, list)
    assert {one["answer"] for one in questions} == {"could-not-check"}


@pytest.mark.parametrize("outcome", [Outcome.ALTERED, Outcome.UNREADABLE, Outcome.NOT_FOUND, Outcome.WITHDRAWN])
def test_content_that_cannot_be_relied_on_is_never_given(outcome: Outcome) -> None:
    assert report_document(replace(REPORTS[outcome], content=CONTENT))["content"] is None


def test_full_identity_number_is_never_given() -> None:
    report = replace(REPORTS[Outcome.VALID], content=CONTENT | {"nationalIdentityNumber": "11010519491231002X"})
    assert "11010519491231002X" not in str(report_document(report))


@pytest.mark.parametrize("outcome", list(KEYS))
def test_every_verdict_by_key_is_an_answer(outcome: Outcome) -> None:
    answer = make_client().get(f"/v1/certificates/{KEYS[outcome]}/verdict")
    assert (answer.status_code, answer.json()["outcome"]) == (200, outcome.value)
    assert answer.json() == report_document(REPORTS[outcome])
    assert answer.headers["Cache-Control"] == "no-store"


def test_key_is_taken_in_any_letter_case() -> None:
    answer = make_client().get(f"/v1/certificates/{KEYS[Outcome.REVOKED].lower()}/verdict")
    assert answer.json()["outcome"] == "revoked"


@pytest.mark.parametrize("key", ["Z" * 26, "Z" * 25, "0" * 26, "%00", "a" * 5000])
def test_unknown_and_impossible_keys_get_the_same_answer(key: str) -> None:
    answer = make_client().get(f"/v1/certificates/{key}/verdict")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == report_document(REPORTS[Outcome.NOT_FOUND])


def test_document_is_judged_as_it_came() -> None:
    answer = make_client().post("/v1/verifications", content=b"outcome=suspended")
    assert (answer.status_code, answer.json()["outcome"]) == (200, "suspended")


@pytest.mark.parametrize("size", [DOCUMENT_BYTES + 1, DOCUMENT_BYTES * 20])
def test_document_above_the_cap_is_unreadable(size: int) -> None:
    answer = make_client().post("/v1/verifications", content=b"x" * size)
    assert (answer.status_code, answer.json()["code"]) == (200, "unreadable/too-large")


def test_document_at_the_cap_is_read() -> None:
    answer = make_client().post("/v1/verifications", content=b"outcome=valid".ljust(DOCUMENT_BYTES))
    assert answer.json()["outcome"] == "valid"


def test_endless_document_is_cut_off() -> None:
    answer = make_client().post("/v1/verifications", content=b"x" * (DRAINED_BYTES + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "http/too-large")


def test_look_up_shows_masked_content() -> None:
    answer = make_client().post("/v1/lookups", json={"number": NUMBER.lower().replace("-", " "), "name": NAME})
    content = answer.json()["content"]
    assert (answer.status_code, content["name"]) == (200, "李*行")
    assert not {"nationalIdentityNumberMasked", "identityType", "nameLatin"} & content.keys()
    assert content["licenseNumber"] == NUMBER


def test_unknown_number_and_wrong_name_answer_alike() -> None:
    client = make_client()
    wrong_name = client.post("/v1/lookups", json={"number": NUMBER, "name": "王芳"})
    unknown = client.post("/v1/lookups", json={"number": "LNSEC-2026-00000000000", "name": "王芳"})
    assert wrong_name.status_code == unknown.status_code == 404
    assert wrong_name.content == unknown.content
    assert wrong_name.headers == unknown.headers


@pytest.mark.parametrize(
    "body", [{}, {"number": NUMBER}, {"number": "", "name": ""}, {"number": NUMBER, "name": NAME, "more": 1}, [], "x"]
)
def test_malformed_look_up_is_a_problem_without_the_values(body: object) -> None:
    answer = make_client().post("/v1/lookups", json=body)
    assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert answer.json()["code"] == "http/malformed"
    assert NAME not in answer.text


@pytest.mark.parametrize("number", [NUMBER, "LNSEC-2026-00000000000"])
def test_look_ups_of_one_source_are_limited_for_hits_and_misses_alike(number: str) -> None:
    client = make_client(limits=LookupLimits(per_source=2, per_number=100))
    for _ in range(2):
        assert client.post("/v1/lookups", json={"number": number, "name": NAME}).status_code in {200, 404}
    refused = client.post("/v1/lookups", json={"number": number, "name": NAME})
    assert (refused.status_code, refused.json()["code"]) == (429, "lookup/too-many")
    assert 1 <= int(refused.headers["Retry-After"]) <= 601
    client.source = "198.51.100.9"
    assert client.post("/v1/lookups", json={"number": number, "name": NAME}).status_code in {200, 404}


def test_store_that_is_away_carries_no_verdict() -> None:
    answer = make_client(SampleVerifier(away=True)).get(f"/v1/certificates/{KEYS[Outcome.VALID]}/verdict")
    assert (answer.status_code, answer.json()["code"]) == (503, "store/away")
    assert "outcome" not in answer.json()
    assert answer.headers["Retry-After"] == "10"


def test_every_question_word_of_the_schema_is_a_question() -> None:
    questions = report_document(REPORTS[Outcome.VALID])["questions"]
    assert isinstance(questions, list)
    assert [one["question"] for one in questions] == [question.slug for question in Question]
