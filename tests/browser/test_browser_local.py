"""Files that are checked in the browser: the same answers as the judge's, and nothing of the content leaves it."""

import base64
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue
from registry.delivery import bundle_bytes
from registry.delivery.copies import copy_bytes, copy_statement
from registry.kernel.encoding import b64url, canonical_json, unb64url
from registry.status import Status
from registry.verification.model import Answer, Outcome, Question
from registry.verification.receipts import asked_document, parse_verification_receipt
from tests.browser.certificate_files import SceneVerifier, pdf_with, printed
from tests.browser.test_browser_forms import drop, headline
from tests.statement_keys import STATEMENT_KEY
from tests.unit.registry.verification.receipt_scene import with_statement_key
from tests.unit.registry.verification.scene import (
    INDEX,
    NOW,
    OTHER_KEY,
    Chain,
    chain_in_order,
    finding,
    full_bundle,
    public_text,
)

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Visit, Visits

_CHECK = """
async (contents) => {
  const { check } = await import(document.getElementById("drop").dataset.check);
  const answers = [];
  for (const content of contents) {
    answers.push(await check(Uint8Array.from(atob(content), (one) => one.charCodeAt(0))));
  }
  return answers;
}
"""


def check(page: "Page", *files: bytes) -> list[dict[str, Any]]:
    """Run the module's check alone."""
    answers: list[dict[str, Any]] = page.evaluate(_CHECK, [base64.b64encode(one).decode() for one in files])
    return answers


def with_disclosure(bundle: bytes, **changes: object) -> bytes:
    """Forge one disclosed member: the digest in the signed part no longer fits it."""
    document = json.loads(bundle)
    jwt, *disclosures, end = document["credential"].split("~")
    forged = []
    for issued in disclosures:
        text = issued
        value = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if len(value) == 3 and value[1] in changes:
            value[2] = changes[value[1]]
            text = b64url(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())
        forged.append(text)
    return rewritten(bundle, credential="~".join([jwt, *forged, end]))


def rewritten(bundle: bytes, **members: object) -> bytes:
    document = json.loads(bundle) | members
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def with_receipt(bundle: bytes, **members: object) -> bytes:
    return rewritten(bundle, anchor=json.loads(bundle)["anchor"] | members)


def with_bit(bundle: bytes, part: int) -> bytes:
    """Change a character in the middle of one part of the JWT."""
    document = json.loads(bundle)
    jwt, tilde, rest = document["credential"].partition("~")
    parts = jwt.split(".")
    middle = len(parts[part]) // 2
    parts[part] = parts[part][:middle] + ("A" if parts[part][middle] != "A" else "B") + parts[part][middle + 1 :]
    return rewritten(bundle, credential=".".join(parts) + tilde + rest)


def forgeries() -> dict[str, bytes]:
    chain = chain_in_order()
    bundle = chain.bundle()
    receipt = json.loads(bundle)["anchor"]
    path = receipt["inclusionProof"]
    credential = json.loads(bundle)["credential"]
    jwt, *disclosures, _ = credential.split("~")
    other = bundle_bytes(public_text(index=1), chain.receipt(index=INDEX), chain.submission().key)  # type: ignore[arg-type]  # the scene's submission has one
    return {
        "name": with_disclosure(bundle, name="王芳"),
        "mask": with_disclosure(bundle, nationalIdentityNumberMasked="2*************002X"),
        "header": with_bit(bundle, 0),
        "payload": with_bit(bundle, 1),
        "signature": with_bit(bundle, 2),
        "another key": rewritten(bundle, key=OTHER_KEY.public_key().jwk()),
        "disclosed twice": rewritten(bundle, credential="~".join([jwt, *disclosures, disclosures[0], ""])),
        "key binding": rewritten(bundle, credential=credential + jwt),
        "padding": rewritten(bundle, credential=credential.replace("~", "=~", 1)),
        "receipt of another": other,
        "index": with_receipt(bundle, index=INDEX + 1),
        "size": with_receipt(bundle, treeSize=receipt["treeSize"] * 4),
        "root": with_receipt(bundle, merkleRoot=path[0]),
        "shorter path": with_receipt(bundle, inclusionProof=path[:-1]),
        "longer path": with_receipt(bundle, inclusionProof=[*path, path[0]]),
        "swapped path": with_receipt(bundle, inclusionProof=path[::-1]),
        "suite": with_receipt(bundle, suite=2),
        "number in the receipt": with_receipt(bundle, licenseNumber="LNSEC-2026-0000000009"),
        "member too many": rewritten(bundle, more=1),
        "spaces": json.dumps(json.loads(bundle), ensure_ascii=False, sort_keys=True).encode(),
        "member twice": bundle.replace(b'{"anchor"', b'{"anchor":{},"anchor"', 1),
        "trailing bytes": bundle + b" ",
    }


FORGERIES = forgeries()


@pytest.fixture(scope="module")
def verifier() -> SceneVerifier:
    return SceneVerifier()


def open_home(visits: "Visits", language: Language = "zh", **options: Any) -> "Visit":
    visit = visits.start(**options)
    visit.open(f"/{language}/")
    return visit


def posts(visit: "Visit") -> list[str]:
    return [path for method, path in visit.methods if method == "POST"]


def test_every_forgery_is_found_as_the_judge_finds_it(visits: "Visits") -> None:
    """Same bytes, two implementations: what the judge calls altered, the browser never passes."""
    page = open_home(visits).page
    chain = chain_in_order()
    answers = dict(zip(FORGERIES, check(page, *FORGERIES.values()), strict=True))
    for name, data in FORGERIES.items():
        assert chain.judge_document(data).findings[0].answer is not Answer.PASSED, name
        assert answers[name]["answer"] != "passed", name
    assert answers["name"] == {"answer": "altered", "check": "undigested-disclosure", "member": "name"}
    assert answers["index"] == {"answer": "altered", "check": "receipt-disagrees", "member": "index"}
    # The control: the same file untouched, public and full, alone and in a PDF.
    good = check(
        page,
        chain.bundle(),
        full_bundle(chain),
        printed(),
        pdf_with(("credential.sd-jwt", public_text().encode()), ("a.bundle.json", chain.bundle())),
        pdf_with(("a.bundle.json", chain.bundle()), compress=False),
    )
    assert [one["answer"] for one in good] == ["passed"] * 5
    (mixed,) = check(
        page, pdf_with(("credential.sd-jwt", public_text(index=1).encode()), ("a.bundle.json", chain.bundle()))
    )
    assert (mixed["answer"], mixed["check"]) == ("altered", "attachments")
    assert good[0]["content"]["name"] == "李知行"


def test_every_position_of_trees_of_all_shapes_is_proven(visits: "Visits") -> None:
    from tests.unit.registry.verification.scene import issue

    page = open_home(visits).page
    for size in (1, 2, 3, 6, 7):
        issued = issue(size=size)
        chain = chain_in_order(issued)
        answers = check(page, *(chain.bundle(issued, index) for index in range(size)))
        assert [one["answer"] for one in answers] == ["passed"] * size, size


@pytest.mark.parametrize("kind", ["bundle", "pdf"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_file_is_judged_without_leaving_the_browser(visits: "Visits", kind: str, language: Language) -> None:
    chain = chain_in_order()
    file = printed() if kind == "pdf" else chain.bundle()
    visit = open_home(visits, language, width=1280 if kind == "pdf" else 390)
    drop(visit.page, file)
    words = catalogue(language)
    visit.page.get_by_role("heading", name=words.text("outcomes.valid.headline")).wait_for()
    paper = visit.page.locator("#local-paper").inner_text()
    for shown in ("李知行", "LNSEC-2026-0000000003", "1*************002X", "86.5", "2029-11-19", "2026-11-20"):
        assert shown in paper
    assert words.text("local.kept") in visit.page.locator("main:visible").inner_text()
    # Only the place was sent.
    assert posts(visit) == [f"/{language}/checked"]
    assert not any(one in visit.bodies[-1] for one in ("李知行", "LNSEC-2026-0", "86.5", "002X"))
    asked = visit.site.verifier.asked[-1]  # type: ignore[attr-defined]  # this module's verifier
    assert (asked.index, asked.recorded.root) == (INDEX, chain.receipt().merkle_root)
    assert visit.page.evaluate("document.activeElement.id") == "headline"
    visit.require_quiet()


def test_altered_file_shows_nothing_of_its_content(visits: "Visits") -> None:
    visit = open_home(visits)
    drop(visit.page, pdf_with(("a.bundle.json", FORGERIES["name"])))
    visit.page.get_by_role("heading", name="内容已被改动").wait_for()
    seen = visit.page.locator("main:visible").inner_text()
    assert "“姓名”一栏" in seen
    assert "王芳" not in seen
    assert "LNSEC-2026" not in seen
    assert posts(visit) == ["/zh/checked"]
    assert json.loads(visit.bodies[-1]) == {"answer": "altered", "check": "undigested-disclosure", "member": "name"}
    visit.require_quiet()


def test_what_the_chain_says_is_shown_beside_it(visits: "Visits") -> None:
    verifier = visits.site.verifier
    whole: Chain = verifier.chain  # type: ignore[attr-defined]  # this module's verifier
    verifier.chain = changed = chain_in_order()  # type: ignore[attr-defined]
    changed.change(int(Status.REVOKED))
    try:
        visit = open_home(visits, "en")
        drop(visit.page, changed.bundle())
        visit.page.get_by_role("heading", name="Revoked", exact=True).wait_for()
        assert "misconduct" in visit.page.locator("main:visible .panel").inner_text()
        assert not visit.page.locator("#local-paper").is_visible()
        verifier.chain = other = chain_in_order()  # type: ignore[attr-defined]
        other.records.pop()
        visit = open_home(visits, "en")
        drop(visit.page, changed.bundle())
        visit.page.get_by_role("heading", name="Never recorded").wait_for()
    finally:
        verifier.chain = whole  # type: ignore[attr-defined]


@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_file_is_sent_only_when_the_reader_wants_a_report(visits: "Visits", language: Language) -> None:
    visit, words, file = open_home(visits, language), catalogue(language), printed()
    drop(visit.page, file)
    visit.page.get_by_label(words.text("report.purpose")).fill("入职核验")
    assert words.text("report.needs_file") in visit.page.locator("main").inner_text()
    assert posts(visit) == [f"/{language}/checked"]
    with visit.page.expect_download() as saved:
        visit.page.get_by_role("button", name=words.text("report.json")).click()
    assert posts(visit) == [f"/{language}/checked", f"/{language}/verify/receipt"]
    read = parse_verification_receipt(saved.value.path().read_bytes())
    assert (read.asked, read.purpose, read.outcome) == (asked_document(file), "入职核验", Outcome.VALID)
    assert headline(visit.page) == words.text("outcomes.valid.headline")
    visit.require_quiet()


@pytest.mark.parametrize("language", LANGUAGES)
def test_file_that_stays_here_has_the_next_steps_of_a_scanned_code(visits: "Visits", language: Language) -> None:
    visit, words = open_home(visits, language, width=1280), catalogue(language)
    page = visit.page
    drop(page, chain_in_order().bundle())
    page.get_by_text(words.text("verdict.alone"), exact=True).click()
    assert "vermilion verify LNSEC-2026-0000000003.bundle.json" in page.locator("pre").inner_text()
    assert page.get_by_role("button", name=words.text("report.print")).is_visible()
    page.get_by_text(words.text("verdict.another_day"), exact=True).click()
    page.get_by_label(words.text("verdict.day"), exact=True).fill("2026-11-26")
    page.get_by_role("button", name=words.text("verdict.ask_day")).click()
    page.get_by_role("heading", name="2026-11-26").wait_for()
    assert "李知行" in page.locator("#local-paper").inner_text()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    assert visit.violations() == []
    page.get_by_role("button", name=words.text("verdict.today")).click()
    page.get_by_role("heading", name=words.text("outcomes.valid.headline"), exact=True).wait_for()
    # Nothing but the place was ever asked for, and one step back leads to the forms.
    assert posts(visit) == [f"/{language}/checked"] * 3
    assert not any("李知行" in one for one in visit.bodies)
    page.go_back()
    page.get_by_role("heading", name=words.text("home.title")).wait_for()
    visit.require_quiet()


def test_day_before_the_record_says_that_it_was_not_recorded_yet(visits: "Visits") -> None:
    page = open_home(visits).page
    drop(page, chain_in_order().bundle())
    page.get_by_text("某一天的状态").click()
    page.get_by_label("日期", exact=True).fill("2026-11-10")
    page.get_by_role("button", name="查那一天").click()
    page.get_by_role("heading", name="2026-11-10当天：还没有登记").wait_for()
    seen = page.locator("main").inner_text()
    assert "2026-11-20才登记" in seen
    assert "再查一次" not in seen


def test_day_that_nobody_answers_about_leaves_the_verdict_that_is_there(visits: "Visits") -> None:
    page = open_home(visits).page
    drop(page, chain_in_order().bundle())
    page.get_by_text("某一天的状态").click()
    page.get_by_label("日期", exact=True).fill("2026-11-26")
    page.route("**/checked", lambda route: route.abort())
    page.get_by_role("button", name="查那一天").click()
    page.get_by_text(catalogue("zh").text("local.day_failed")).wait_for()
    assert headline(page) == "证书有效"


def stamped() -> bytes:
    """A copy that the holder made for somebody."""
    bundle = chain_in_order().bundle()
    statement = copy_statement(
        STATEMENT_KEY, bundle, purpose="入职核验", audience="云帆数据", until=date(2027, 1, 1), at=NOW
    )
    return copy_bytes(bundle, statement)


def test_copy_is_checked_as_far_as_the_browser_can(visits: "Visits") -> None:
    """Its content and its stamp are; whose key stamped it, the site has to say."""
    visit = open_home(visits)
    whole = json.loads(stamped())
    assert (
        check(visit.page, stamped(), pdf_with(("a.copy.json", stamped())))
        == [{"answer": "unreadable", "why": "copy"}] * 2
    )

    def forged(**members: object) -> bytes:
        return canonical_json({**whole, **members})

    other = chain_in_order().bundle(index=1)
    head, payload, signature = whole["copy"]["statement"].split(".")
    claims = json.loads(unb64url(payload)) | {"purpose": "别的用途"}
    resigned = f"{head}.{b64url(canonical_json(claims))}.{signature}"
    for made in (
        forged(bundle=json.loads(other)),
        forged(bundle=json.loads(FORGERIES["name"])),
        forged(copy={**whole["copy"], "statement": resigned}),
        forged(copy={**whole["copy"], "key": OTHER_KEY.public_key().jwk()}),
        forged(copy={"key": {}, "statement": ""}),
        forged(more=1),
    ):
        assert chain_in_order().judge_document(made).outcome is Outcome.ALTERED
        (answer,) = check(visit.page, made)
        assert answer["answer"] == "altered"


@pytest.mark.parametrize("language", LANGUAGES)
def test_copy_is_recognised_and_offered_to_be_sent(visits: "Visits", language: Language) -> None:
    visit, words = open_home(visits, language), catalogue(language)
    visit.site.verifier.chain = with_statement_key(chain_in_order())  # type: ignore[attr-defined]  # this module's
    drop(visit.page, stamped())
    visit.page.locator("#drop[data-state=offer]").wait_for()
    assert visit.page.locator("#drop-message").inner_text() == words.text("local.copy")
    assert posts(visit) == []
    with visit.page.expect_navigation():
        visit.page.get_by_role("button", name=words.text("home.send_file_after_all")).click()
    assert headline(visit.page) == words.text("outcomes.valid.headline")
    notice = visit.page.locator("[data-notice=holder-copy]").inner_text()
    assert "入职核验" in notice
    assert "云帆数据" in notice
    visit.require_quiet()


@pytest.mark.parametrize(
    ("words", "file"),
    [
        ("没有读出凭证", b"%PDF-1.7 of somebody else"),
        ("没有读出凭证", b"\x89PNG"),
        ("没有读出凭证", b'{"json": "of somebody else"}'),
        ("没有读出凭证", b'{"bundle":{"of":"somebody else"},"copy":{"key":{},"statement":""}}'),
        ("加了密", pdf_with(("a.bundle.json", chain_in_order().bundle()), password="secret")),
        ("几份不同的凭证", pdf_with(("a.bundle.json", chain_in_order().bundle()), ("b.bundle.json", b'{"a":1}'))),
    ],
)
def test_file_that_cannot_be_read_here_is_offered_to_be_sent(visits: "Visits", words: str, file: bytes) -> None:
    visit = open_home(visits)
    drop(visit.page, file)
    visit.page.locator("#drop[data-state=offer]").wait_for()
    assert words in visit.page.locator("#drop-message").inner_text()
    assert posts(visit) == []
    with visit.page.expect_navigation():
        visit.page.get_by_role("button", name="把文件发给本站核验").click()
    assert posts(visit) == ["/zh/verify"]


def test_nobody_answering_is_no_verdict(visits: "Visits") -> None:
    visit = open_home(visits)
    visit.page.route("**/checked", lambda route: route.abort())
    drop(visit.page, chain_in_order().bundle())
    visit.page.locator("#drop[data-state=offer]").wait_for()
    said = visit.page.locator("#drop-message").inner_text()
    assert "不能认定有效，也不能认定无效" in said
    assert headline(visit.page) == "核验一份证书"


def test_reader_comes_back_to_the_forms(visits: "Visits") -> None:
    page = open_home(visits).page
    drop(page, chain_in_order().bundle())
    page.get_by_role("heading", name="证书有效").wait_for()
    page.go_back()
    page.get_by_role("heading", name="核验一份证书").wait_for()


def test_place_alone_is_never_valid(visits: "Visits") -> None:
    """The address for other systems leaves question 1 open: who asks puts his own answer beside it."""
    page = open_home(visits).page
    (answer,) = check(page, chain_in_order().bundle())
    said = page.evaluate(
        "(claim) => fetch('/v1/standings', { method: 'POST', headers: { 'Content-Type': 'application/json' },"
        " body: JSON.stringify(claim) }).then((one) => one.json())",
        answer["claim"],
    )
    assert [one["answer"] for one in said["questions"]] == ["could-not-check", *["passed"] * 4]
    assert (said["outcome"], said["content"]) == (Outcome.CANNOT_CONFIRM, None)
    assert finding(chain_in_order().judge(), Question.STANDING).answer is Answer.PASSED
