"""Receipts over HTTP: by key, by number and name, by document; as JSON and as a PDF; and without a key none."""

import base64
import html
import io
import json
import random
from dataclasses import replace
from typing import Any

import httpx
import pikepdf
import pytest

from api.app import create_app
from api.bodies import DOCUMENT_BYTES
from api.errors import advice
from api.pages.catalogue import catalogue
from api.pages.receipt_paper import receipt_pdf
from api.verifier import LookupLimits
from api.verifier.schemas import ReportDocument
from registry.anchor.trust import Engine, TrustRoot
from registry.kernel.identifiers import BlockHash, ContractAddress, Digest, address
from registry.verification.model import NoticeKind, Outcome
from registry.verification.receipts import (
    RECEIPT_NAME,
    AskedBy,
    Notary,
    VerificationReceipt,
    asked_document,
    asked_key,
    asked_number,
    parse_verification_receipt,
    verification_receipt,
)
from tests.http.sample_reports import (
    BASE_URL,
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
from tests.statement_keys import STATEMENT_KEY

NOTARY = Notary(
    iss=f"{BASE_URL}/issuers/LNSEC",
    trust_root=TrustRoot(
        genesis=BlockHash(b"\1" * 32),
        contract=ContractAddress(chain_id=20268, address=address("0x" + "12" * 20)),
        code_hash=Digest(b"\2" * 32),
        engine=Engine.EMBEDDED,
        signers=(),
    ),
    signer=STATEMENT_KEY,
)
REVOKED = KEYS[Outcome.REVOKED]


def make_client(notary: Notary | None = NOTARY, limits: LookupLimits = GENEROUS) -> WebClient:
    return WebClient(
        create_app(
            SampleVerifier(),
            health=SampleHealth(),
            documents=SampleDocuments(),
            public_base_url=BASE_URL,
            limits=limits,
            notary=notary,
            clock=lambda: NOW,
        )
    )


@pytest.mark.parametrize("path", ["/C/{}/receipt.json", "/c/{}/receipt.json", "/zh/C/{}/receipt.json"])
def test_receipt_by_key(path: str) -> None:
    response = make_client().post(path.format(REVOKED), data={"purpose": "入职核验"})
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-disposition"].startswith('attachment; filename="verification-receipt-20261203-')
    read = parse_verification_receipt(response.content)
    assert (read.outcome, read.purpose, read.asked) == (Outcome.REVOKED, "入职核验", asked_key(REVOKED))
    assert NAME not in json.dumps(read.statement.claims, ensure_ascii=False)


@pytest.mark.parametrize("form", ["json", "pdf"])
def test_receipt_by_key_without_a_purpose_has_an_address(form: str) -> None:
    response = make_client().get(f"/C/{REVOKED}/receipt.{form}", params={"as_of": "2026-12-01"})
    assert response.status_code == 200
    data = attachments(response.content)[RECEIPT_NAME] if form == "pdf" else response.content
    read = parse_verification_receipt(data)
    assert (read.purpose, read.outcome) == (None, Outcome.REVOKED)
    assert read.as_of is not None
    posted = make_client().post(f"/C/{REVOKED}/receipt.{form}", data={"purpose": " ", "as_of": "2026-12-01"})
    data = attachments(posted.content)[RECEIPT_NAME] if form == "pdf" else posted.content
    assert parse_verification_receipt(data).as_of == read.as_of


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/C/{REVOKED}/receipt.json"),
        ("GET", f"/en/c/{REVOKED}/receipt.pdf"),
        ("POST", f"/C/{REVOKED}/receipt.pdf"),
        ("POST", "/verify/receipt"),
        ("GET", f"/v1/certificates/{REVOKED}/verdict"),
        ("POST", f"/v1/certificates/{REVOKED}/verdict"),
        ("POST", "/v1/verifications"),
        ("POST", "/v1/lookups"),
    ],
)
def test_purpose_in_an_address_is_refused_with_the_remedy(method: str, path: str) -> None:
    client, purpose = make_client(), "入职核验"
    body: dict[str, Any] = {}
    if method == "POST":
        body = {"json": {"number": NUMBER, "name": NAME} if path.endswith("lookups") else {}}
        if path.startswith(("/C", "/verify")):
            body = {"data": {"form": "json"}}
    for named in (purpose, ""):
        response = client.request(method, path, params={"receipt": "true", "purpose": named}, **body)
        assert response.status_code == 400
        assert "receipt/purpose-in-address" in response.text
        assert purpose not in response.text
    known = advice()["receipt/purpose-in-address"]
    remedy = known.remedy_en if path.startswith("/en") else known.remedy_zh
    if not path.startswith("/v1"):
        assert remedy.replace("`", "") in html.unescape(response.text)
    assert client.request(method, path, **body).status_code != 400


def test_receipt_of_an_unknown_key_is_given_with_404() -> None:
    for key in ("Z" * 26, "nothing"):
        response = make_client().get(f"/C/{key}/receipt.json")
        assert response.status_code == 404
        assert parse_verification_receipt(response.content).outcome is Outcome.NOT_FOUND


def test_receipt_by_number_and_name() -> None:
    response = make_client().post(
        "/verify/receipt", data={"number": NUMBER, "name": NAME, "form": "json", "purpose": ""}
    )
    read = parse_verification_receipt(response.content)
    assert response.status_code == 200
    assert (read.asked.by, read.asked.number, read.purpose) == (AskedBy.NUMBER_AND_NAME, NUMBER, None)


def test_receipt_by_number_and_name_goes_through_the_limits() -> None:
    client = make_client(limits=LookupLimits(per_source=2, per_number=2))
    sent = {"number": NUMBER, "name": "王芳", "form": "json"}
    assert [client.post("/verify/receipt", data=sent).status_code for _ in range(3)] == [404, 404, 429]
    assert client.post("/verify", data={"number": NUMBER, "name": NAME}).status_code == 429


@pytest.mark.parametrize("multipart", [False, True])
def test_receipt_by_document(multipart: bool) -> None:
    data = b'{"anchor":' + b"+/=" * 3000
    sent: dict[str, Any] = {"document_text": base64.b64encode(data).decode(), "form": "json", "as_of": ""}
    if multipart:
        response = make_client().post("/verify/receipt", files={name: (None, text) for name, text in sent.items()})
    else:
        response = make_client().post("/verify/receipt", data=sent)
    assert response.status_code == 200
    assert parse_verification_receipt(response.content).asked == asked_document(data)


def test_largest_document_fits_into_the_form() -> None:
    data = random.Random(7).randbytes(DOCUMENT_BYTES)
    sent = {"document_text": base64.b64encode(data).decode(), "form": "json"}
    response = make_client().post("/verify/receipt", data=sent)
    assert parse_verification_receipt(response.content).asked == asked_document(data)


def test_file_that_is_too_large_is_named_by_no_digest() -> None:
    sent = {"document_text": "A" * 4 * DOCUMENT_BYTES, "form": "json"}
    read = parse_verification_receipt(make_client().post("/verify/receipt", data=sent).content)
    assert (read.code, read.asked.digest) == ("unreadable/too-large", None)


@pytest.mark.parametrize(
    "sent",
    [
        {"form": "json"},
        {"number": NUMBER, "form": "json"},
        {"number": "1" * 65, "name": NAME},
        {"document_text": "%%%"},
        {"number": NUMBER, "name": NAME, "as_of": "yesterday"},
    ],
)
def test_nothing_to_judge_is_a_problem(sent: dict[str, str]) -> None:
    assert make_client().post("/verify/receipt", data=sent).status_code == 422


@pytest.mark.parametrize("purpose", ["x" * 201, "a\nb", "\u202e"])
def test_purpose_that_cannot_be_kept_is_a_problem(purpose: str) -> None:
    client = make_client()
    for response in (
        client.post(f"/C/{REVOKED}/receipt.json", data={"purpose": purpose}),
        client.post("/verify/receipt", data={"number": NUMBER, "name": NAME, "purpose": purpose}),
        client.post(f"/v1/certificates/{REVOKED}/verdict", json={"purpose": purpose}),
        client.post("/v1/lookups", json={"number": NUMBER, "name": NAME, "purpose": purpose}),
        client.post("/v1/verifications", files={"document": ("a", b"x")}, data={"purpose": purpose}),
    ):
        assert response.status_code == 422
        assert "receipt/purpose" in response.text


def test_without_a_key_the_site_says_so_and_verifies_on() -> None:
    client = make_client(notary=None)
    for response in (
        client.get(f"/C/{REVOKED}/receipt.json"),
        client.get(f"/C/{REVOKED}/receipt.pdf"),
        client.post("/verify/receipt", data={"number": NUMBER, "name": NAME}),
        client.post("/v1/verifications", params={"receipt": "true"}, content=b"x"),
        client.get(f"/v1/certificates/{REVOKED}/verdict", params={"receipt": "true"}),
        client.post("/v1/lookups", json={"number": NUMBER, "name": NAME, "receipt": True}),
    ):
        assert response.status_code == 503
        assert "receipt/no-key" in response.text
    assert client.get(f"/C/{REVOKED}").status_code == 200
    assert client.post("/v1/verifications", content=b"x").status_code == 200


def test_verification_with_receipt() -> None:
    client = make_client()
    plain = client.post("/v1/verifications", content=b"x").json()
    assert "receipt" not in plain
    for response, purpose in (
        (client.post("/v1/verifications", params={"receipt": "true"}, content=b"x"), None),
        (client.post("/v1/verifications", files={"document": ("a", b"x")}, data={"purpose": "入职"}), "入职"),
        (client.post("/v1/verifications", files={"document": ("a", b"x")}, data={"receipt": "true"}), None),
    ):
        read = _signed(response, plain)
        assert (read.purpose, read.asked) == (purpose, asked_document(b"x"))
    assert client.post("/v1/verifications", files={"document": ("a", b"x")}).json() == plain


def _signed(response: httpx.Response, plain: dict[str, Any]) -> VerificationReceipt:
    """Read the receipt out of an answer, which is otherwise the plain one."""
    document = response.json()
    ReportDocument.model_validate(document)
    signed = document.pop("receipt")
    assert document == plain
    return parse_verification_receipt(
        json.dumps(signed, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    )


def test_form_with_a_document_may_say_the_day() -> None:
    client, files = make_client(), {"document": ("a", b"outcome=valid")}
    for sent in (
        client.post("/v1/verifications", files=files, data={"as_of": "2026-12-01"}),
        client.post("/v1/verifications", files=files, params={"as_of": "2026-12-01"}),
    ):
        assert sent.json()["as_of"] == "2026-12-01T23:59:59+08:00"
    assert client.post("/v1/verifications", files=files, data={"as_of": "yesterday"}).status_code == 422
    assert client.post("/v1/verifications", files=files, data={"receipt": "perhaps"}).status_code == 422
    assert client.post("/v1/verifications", files={"other": ("a", b"x")}).status_code == 422
    large = {"document": ("a", b"x" * (DOCUMENT_BYTES + 1))}
    assert client.post("/v1/verifications", files=large).json()["code"] == "unreadable/too-large"


def test_receipts_at_the_doors_of_keys_and_look_ups() -> None:
    client, path = make_client(), f"/v1/certificates/{REVOKED}/verdict"
    plain = client.get(path).json()
    assert client.post(path, json={}).json() == plain
    for response, purpose in (
        (client.get(path, params={"receipt": "true"}), None),
        (client.post(path, json={"receipt": True}), None),
        (client.post(path, json={"purpose": "入职"}), "入职"),
        (client.post(path, json={"receipt": True, "purpose": " "}), None),
    ):
        read = _signed(response, plain)
        assert (read.purpose, read.asked) == (purpose, asked_key(REVOKED))
    asked = {"number": NUMBER, "name": NAME}
    plain = client.post("/v1/lookups", json=asked).json()
    for more, purpose in (({"receipt": True}, None), ({"purpose": "入职"}, "入职")):
        read = _signed(client.post("/v1/lookups", json={**asked, **more}), plain)
        assert (read.purpose, read.asked) == (purpose, asked_number(NUMBER, with_name=True))
        assert NAME not in json.dumps(read.statement.claims, ensure_ascii=False)
    missed = client.post("/v1/lookups", json={"number": NUMBER, "name": "王芳", "receipt": True})
    assert missed.status_code == 404
    assert missed.json()["receipt"].keys() == {"key", "statement"}


def test_past_day_at_the_doors_of_keys_and_look_ups() -> None:
    client = make_client()
    for answer in (
        client.post(f"/v1/certificates/{REVOKED}/verdict", json={"as_of": "2026-12-01"}),
        client.post("/v1/lookups", json={"number": NUMBER, "name": NAME, "as_of": "2026-12-01"}),
    ):
        assert answer.json()["as_of"] == "2026-12-01T23:59:59+08:00"


@pytest.mark.parametrize("day", ["2026-12-03", "2026-12-04", "9999-12-31"])
def test_day_that_is_not_over_is_refused_at_every_door(day: str) -> None:
    client = make_client()
    for response in (
        client.get(f"/C/{REVOKED}", params={"as_of": day}),
        client.get("/C/nothing", params={"as_of": day}),
        client.get(f"/C/{REVOKED}/receipt.pdf", params={"as_of": day}),
        client.post(f"/C/{REVOKED}/receipt.json", data={"as_of": day}),
        client.post("/verify", data={"number": NUMBER, "name": NAME, "day": day}),
        client.post("/verify/receipt", data={"number": NUMBER, "name": NAME, "as_of": day}),
        client.post("/verify", files={"document": ("a", b"outcome=valid")}, data={"day": day}),
        client.get(f"/v1/certificates/{REVOKED}/verdict", params={"as_of": day}),
        client.post(f"/v1/certificates/{REVOKED}/verdict", json={"as_of": day}),
        client.post("/v1/lookups", json={"number": NUMBER, "name": NAME, "as_of": day}),
        client.post("/v1/verifications", content=b"x", params={"as_of": day}),
        client.post("/v1/verifications", content=b"x" * (DOCUMENT_BYTES + 1), params={"as_of": day}),
    ):
        assert response.status_code == 422, response.request.url
        assert "verify/day-not-over" in response.text
        assert "outcome" not in response.text or "text/html" in response.headers["Content-Type"]
    page = client.get(f"/en/C/{REVOKED}", params={"as_of": day})
    assert catalogue("en").text("problems.day-not-over.title") in page.text


def test_uploaded_file_is_signed_over_as_it_came() -> None:
    sent = make_client().post(
        "/verify/receipt", files={"document": ("a.pdf", b"outcome=valid")}, data={"form": "json", "purpose": "入职"}
    )
    read = parse_verification_receipt(sent.content)
    assert (read.asked, read.purpose, read.outcome) == (asked_document(b"outcome=valid"), "入职", Outcome.VALID)


def attachments(pdf: bytes) -> dict[str, bytes]:
    with pikepdf.open(io.BytesIO(pdf)) as document:
        return {name: spec.get_file().read_bytes() for name, spec in document.attachments.items()}


def test_pdf_holds_the_statement_and_nothing_else() -> None:
    response = make_client().get(f"/C/{REVOKED}/receipt.pdf")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/pdf")
    found = attachments(response.content)
    assert list(found) == [RECEIPT_NAME]
    assert parse_verification_receipt(found[RECEIPT_NAME]).outcome is Outcome.REVOKED


@pytest.mark.parametrize("outcome", list(Outcome))
def test_pdf_of_every_outcome_is_one_page_and_always_the_same(outcome: Outcome) -> None:
    report = replace(REPORTS[outcome], notices=(NOTICES[NoticeKind.TEST_CHAIN],), judged_at=NOW)
    signed = verification_receipt(NOTARY, report, asked_key(REVOKED), purpose="入职核验，2026年第4季度")
    pdf = receipt_pdf(signed)
    assert pdf == receipt_pdf(signed)
    with pikepdf.open(io.BytesIO(pdf)) as document:
        assert len(document.pages) == 1
        assert str(document.Root.Lang).lower() == "zh-cn"
    assert len(pdf) < 300 * 1024


def test_pdf_of_every_notice_is_drawn() -> None:
    signed = verification_receipt(
        NOTARY, replace(REPORTS[Outcome.SUSPENDED], notices=tuple(NOTICES.values())), asked_key(REVOKED)
    )
    assert receipt_pdf(signed)
