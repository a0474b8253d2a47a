"""A kept receipt handed in as a file: recognised, checked again, told in its own words and with its own shape."""

import html
import re

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue
from api.pages.receipt_paper import receipt_pdf
from registry.kernel.statements import Statement
from registry.verification.model import Outcome
from registry.verification.rechecking import RecheckOutcome
from tests.http.kept_receipts import KEPT, PURPOSE, SceneRechecker, changed_since, kept, of_list, of_nothing
from tests.http.sample_site import make_client
from tests.unit.registry.verification.scene import chain_in_order


def handed_in(data: bytes, rechecker: SceneRechecker | None = None, language: Language = "zh") -> str:
    client = make_client(rechecker=rechecker or SceneRechecker())
    answer = client.post(f"/{language}/verify", files={"document": ("receipt", data)})
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.text


def words_of(page: str) -> str:
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", RecheckOutcome)
def test_every_outcome_of_a_recheck_is_told(outcome: RecheckOutcome, language: Language) -> None:
    data, rechecker = KEPT[outcome]()
    assert rechecker.by_document(data).outcome is outcome
    words, page = catalogue(language), handed_in(data, rechecker, language)
    seen = words_of(page)
    assert (
        f'<h1 id="headline">{html.escape(words.text(f"recheck.outcomes.{outcome}"), quote=False)}</h1>'
        in page.replace("&#39;", "'")
    )
    assert words.text(f"recheck.sentences.{outcome}") in seen
    assert all(step in seen for step in words.lines(f"recheck.steps.{outcome}"))
    assert f"recheck-{outcome}" in page
    assert page.count('role="status"') == 1
    # What it says is its own word unless it stands; and only then anything follows for today.
    says = outcome in {RecheckOutcome.CANNOT_CONFIRM, RecheckOutcome.CONTRADICTED, RecheckOutcome.NOT_RECOGNISED}
    assert (words.text("recheck.unproven") in seen) is says
    assert (words.text("recheck.now") in re.findall(r"<h2[^>]*>(.*?)</h2>", page)) == (outcome is RecheckOutcome.STANDS)


def test_shapes_of_rechecks_are_their_own() -> None:
    def shapes(page: str) -> set[str]:
        return set(re.findall(r'<svg class="icon".*?</svg>', page, re.DOTALL))

    told = [next(iter(re.findall(r'<svg class="icon".*?</svg>', handed_in(*KEPT[one]()), re.DOTALL))) for one in KEPT]
    assert len(set(told)) == len(RecheckOutcome)
    assert not set(told) & shapes(make_client().get("/how").text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("as_pdf", [False, True])
def test_receipt_shows_what_was_found_then_and_what_holds_now(language: Language, as_pdf: bool) -> None:
    signed = kept()
    page = handed_in(receipt_pdf(signed) if as_pdf else signed.to_bytes(), language=language)
    seen, words = words_of(page), catalogue(language)
    assert words.text("outcomes.valid.headline") in seen
    assert "LNSEC-2026-0000000003" in seen
    assert PURPOSE in seen
    assert "2026-12-03 10:24:19 +08:00" in seen
    assert words.text("recheck.now_same", word=words.text("outcomes.valid.headline")) in seen
    assert words.text("recheck.signers_word") in seen
    # The purpose is somebody's own text.
    assert PURPOSE not in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_receipt_that_stands_says_what_has_changed_since(language: Language) -> None:
    data, rechecker = changed_since()
    assert rechecker.by_document(data).outcome is RecheckOutcome.STANDS
    words = catalogue(language)
    page = handed_in(data, rechecker, language)
    assert words.text("recheck.outcomes.stands") in words_of(page)
    assert words.text("recheck.now_other", word=words.text("outcomes.revoked.headline")) in words_of(page)
    assert "judged-row panel-dead" in page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("signed", "key"), [(of_list(), "recheck.now_list"), (of_nothing(), "recheck.now_open")])
def test_receipts_without_a_place_say_how_to_learn_of_today(signed: Statement, key: str, language: Language) -> None:
    seen = words_of(handed_in(signed.to_bytes(), language=language))
    assert catalogue(language).text("recheck.outcomes.stands") in seen
    assert catalogue(language).text(key) in seen
    assert ("1,202" in seen) == (key == "recheck.now_list")


def test_certificates_are_judged_as_before() -> None:
    client = make_client(rechecker=SceneRechecker())
    for data, headline in (
        (b"outcome=revoked", "证书已被撤销"),
        (chain_in_order().bundle(), "读不了这个文件"),  # the sample verifier knows no real ones
        (b"%PDF-1.7 of somebody else", "读不了这个文件"),
        (b'{"anything":1}', "读不了这个文件"),
    ):
        assert headline in client.post("/verify", files={"document": ("a", data)}).text


def test_site_without_records_to_hold_it_against_calls_it_unreadable() -> None:
    page = make_client().post("/verify", files={"document": ("a.json", kept().to_bytes())}).text
    assert "读不了这个文件" in page
    assert Outcome.UNREADABLE.value in page
