"""Asking by place alone: the address for other systems, and the page of a file that stayed in the browser."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue
from registry.kernel.encoding import b64url
from registry.kernel.identifiers import ContractAddress
from registry.verification.model import Outcome
from tests.http.sample_reports import SampleVerifier
from tests.http.sample_site import make_client

HASH = b64url(bytes(range(32)))
CLAIM: dict[str, Any] = {
    "iss": "https://v.example.cn/issuers/LNSEC",
    "kid": HASH,
    "contract": "eip155:20261:0xcc8321d6375c494d043fdd0260f21bc0ec51dacc",
    "genesis": HASH,
    "batch": HASH,
    "index": 4127,
    "scope": "AIGC-APP-ENG/3",
    "revision": 1,
    "nbf": 1795104000,
    "exp": 1889798400,
    "anchor": {
        "merkleRoot": HASH,
        "treeSize": 12480,
        "transaction": "0x" + "1b" * 32,
        "blockNumber": 184201,
        "blockHash": "0x" + "2c" * 32,
        "blockTime": "2026-11-20T16:02:11+08:00",
    },
}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in CLAIM.items() if key != name}


def test_place_is_judged_as_it_was_asked() -> None:
    verifier = SampleVerifier()
    answer = make_client(verifier).post("/v1/standings", json=CLAIM)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json()["outcome"] == Outcome.CANNOT_CONFIRM
    (asked,) = verifier.claims
    assert (asked.base_url, asked.issuer, asked.scope) == ("https://v.example.cn", "LNSEC", "AIGC-APP-ENG/3")
    assert asked.contract == ContractAddress.parse(CLAIM["contract"])
    assert asked.valid_from == datetime(2026, 11, 19, 16, tzinfo=UTC)
    assert asked.recorded is not None
    assert asked.recorded.root == bytes(range(32))
    assert asked.recorded.block_time == datetime(2026, 11, 20, 8, 2, 11, tzinfo=UTC)
    assert asked.has_key


def test_certificate_for_life_has_no_end() -> None:
    verifier = SampleVerifier()
    assert make_client(verifier).post("/v1/standings", json=without("exp")).status_code == 200
    assert verifier.claims[0].valid_until is None


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "李知行"},
        {"kid": HASH[:-1] + "B"},
        {"index": -1},
        {"index": 1 << 24},
        {"contract": "eip155:1:0xABC"},
        {"scope": "no scope"},
        {"iss": "https://v.example.cn/issuers/lower"},
        {"nbf": 1 << 60},
        {"exp": "soon"},
        {"anchor": CLAIM["anchor"] | {"blockTime": "2026-13-40T16:02:11+08:00"}},
        {"anchor": CLAIM["anchor"] | {"transaction": "1b"}},
        {"anchor": None},
    ],
)
def test_place_that_cannot_be_one_is_refused(changed: dict[str, Any]) -> None:
    verifier = SampleVerifier()
    answer = make_client(verifier).post("/v1/standings", json=CLAIM | changed)
    assert answer.status_code == 422
    assert "李知行" not in answer.text
    assert verifier.claims == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_file_that_stayed_in_the_browser_gets_its_page_without_content(language: Language) -> None:
    words = catalogue(language)
    page = make_client().post(f"/{language}/checked", json={"answer": "passed", "claim": CLAIM})
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-store")
    assert words.text("outcomes.valid.headline") in page.text
    assert words.text("local.kept") in page.text
    # What follows is as after a scan: a report (which needs the file), a past day, the command, the paper.
    assert words.text("report.needs_file") in page.text
    assert 'id="kept-file"' in page.text
    assert 'id="local-day"' in page.text
    assert "--trust-root trust-root.json" in page.text
    assert "data-print" in page.text
    assert "<code>vermilion verify</code>" in page.text
    # The paper is filled in there: every label and no value.
    for name in ("name", "licenseNumber", "identityType", "nationalIdentityNumberMasked", "result", "revision"):
        assert f'data-field="{name}"></' in page.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_altered_file_gets_its_page(language: Language) -> None:
    body = {"answer": "altered", "check": "undigested-disclosure", "member": "name"}
    page = make_client().post(f"/{language}/checked", json=body)
    words = catalogue(language)
    assert words.text("outcomes.altered.headline") in page.text
    assert words.text("verdict.facts.where_member", member=words.text("fields.name")) in page.text
    assert "local-paper" not in page.text
    assert words.text("local.kept_altered") in page.text


@pytest.mark.parametrize(
    "body",
    [
        {"answer": "valid"},
        {"answer": "passed"},
        {"answer": "altered", "member": "<script>"},
        {"answer": "altered", "content": {"name": "李知行"}},
        [],
    ],
)
def test_browsers_answer_that_makes_no_sense_gives_no_verdict(body: object) -> None:
    page = make_client().post("/zh/checked", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert page.status_code == 422
    assert "证书有效" not in page.text
