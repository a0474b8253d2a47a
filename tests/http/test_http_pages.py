"""Pages for people: every outcome and notice, both languages, forms, uniform answers."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.bodies import DOCUMENT_BYTES
from api.pages.catalogue import LANGUAGES, Language, catalogue
from api.verifier import LookupLimits
from registry.verification.model import Answer, NoticeKind, Outcome, Question, Report
from tests.http.sample_reports import (
    CONTENT,
    FRESHNESS,
    KEYS,
    NAME,
    NOTICES,
    NUMBER,
    REPORTS,
    SampleHealth,
    SampleVerifier,
    finding,
    report,
)
from tests.http.sample_site import make_client
from tests.http.web_client import WebClient

KEY = "Q" * 26


@cache
def told_site() -> tuple[SampleVerifier, WebClient]:
    """One application for all pages of `answer_about`, which alone tells its verifier what to answer."""
    verifier = SampleVerifier(by_keys={})
    return verifier, make_client(verifier)


def answer_about(shown: Report, language: Language) -> httpx.Response:
    verifier, client = told_site()
    verifier.by_keys = {KEY: shown}
    return client.get(f"/{language}/C/{KEY}")


def page_of(shown: Report, language: Language = "zh") -> str:
    return answer_about(shown, language).text


def words_of(page: str) -> str:
    """Give the text of a page as a reader sees it."""
    return html.unescape(re.sub(r"<[^>]+>", "", page))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_page(outcome: Outcome, language: Language) -> None:
    answer = answer_about(REPORTS[outcome], language)
    words = catalogue(language)
    assert answer.status_code == (404 if outcome is Outcome.NOT_FOUND else 200)
    assert words.text(f"outcomes.{outcome}.headline") in words_of(answer.text)
    assert answer.text.count('role="status"') == 1
    assert f'lang="{"zh-CN" if language == "zh" else "en"}"' in answer.text[:200]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert f'href="/{"en" if language == "zh" else "zh"}/C/{KEY}"' in answer.text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_notice_has_its_words(kind: NoticeKind, language: Language) -> None:
    page = page_of(replace(REPORTS[Outcome.VALID], notices=(NOTICES[kind],)), language)
    shown = re.search(rf'data-notice="{kind}">.*?<p>(.*?)</p>', page, re.DOTALL)
    assert shown
    wording = catalogue(language)._find(f"notices.{kind}")
    assert isinstance(wording, str)
    expected = re.sub(r"\\{\w+\\}", ".+", re.escape(wording))
    assert re.fullmatch(expected, words_of(shown[1]))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", list(NoticeKind))
def test_every_notice_does_without_its_values(kind: NoticeKind, language: Language) -> None:
    bare = replace(NOTICES[kind], values={})
    assert f'data-notice="{kind}"' in page_of(replace(REPORTS[Outcome.VALID], notices=(bare,)), language)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_does_without_evidence_and_content(outcome: Outcome, language: Language) -> None:
    full = REPORTS[outcome]
    bare = replace(
        full,
        findings=tuple(replace(one, evidence={}, freshness=None) for one in full.findings),
        content=None,
        successor=None,
        last_known=None,
    )
    assert catalogue(language).text(f"outcomes.{outcome}.headline") in words_of(page_of(bare, language))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("answer", list(Answer))
@pytest.mark.parametrize("question", list(Question))
def test_every_answer_to_every_question_has_words(question: Question, answer: Answer, language: Language) -> None:
    page = page_of(report(Outcome.CANNOT_CONFIRM, finding(question, answer, "whatever")), language)
    assert page.count('class="question ') == 5


def test_notices_stand_warnings_first_and_the_test_chain_above_all() -> None:
    page = page_of(replace(REPORTS[Outcome.VALID], notices=tuple(reversed(NOTICES.values()))))
    kinds = re.findall(r'class="notice (\w+)" data-notice="([\w-]+)"', page)
    assert kinds[0] == ("warning", "test-chain")
    tones = [tone for tone, _ in kinds]
    assert tones == sorted(tones, reverse=True)


def test_stamp_is_vermilion_only_for_valid_off_the_test_chain() -> None:
    test_chain = (NOTICES[NoticeKind.TEST_CHAIN],)
    for outcome, shown in REPORTS.items():
        page, page_on_test = page_of(shown), page_of(replace(shown, notices=test_chain))
        assert ('class="stamp"' in page) is (outcome is Outcome.VALID)
        assert 'class="stamp"' not in page_on_test
        assert ("stamp-test" in page_on_test) is (outcome is Outcome.VALID)


def test_valid_on_a_test_chain_says_so_in_the_headline() -> None:
    page = page_of(replace(REPORTS[Outcome.VALID], notices=(NOTICES[NoticeKind.TEST_CHAIN],)))
    assert "有效，但在测试链上</h1>" in page
    assert "panel-valid" not in page


@pytest.mark.parametrize("outcome", [Outcome.ALTERED, Outcome.UNREADABLE])
def test_content_of_a_changed_document_is_not_shown(outcome: Outcome) -> None:
    page = page_of(replace(REPORTS[outcome], content=CONTENT))
    assert NAME not in page
    assert NUMBER not in page


def test_passed_questions_are_grey_when_the_outcome_is_not_valid() -> None:
    for outcome, shown in REPORTS.items():
        page = page_of(shown)
        assert ("tone-passed" in page) is (outcome is Outcome.VALID)


def test_deciding_question_is_the_one_that_is_shaded() -> None:
    for outcome, number in (
        (Outcome.REVOKED, 4),
        (Outcome.ALTERED, 1),
        (Outcome.EXPIRED, 5),
        (Outcome.CANNOT_CONFIRM, 4),
    ):
        shaded = ["deciding" in one for one in re.findall(r'class="question ([^"]*)"', page_of(REPORTS[outcome]))]
        assert shaded == [one == number for one in range(1, 6)]


@pytest.mark.parametrize(
    "outcome", [Outcome.REVOKED, Outcome.SUSPENDED, Outcome.EXPIRED, Outcome.NOT_RECOGNISED, Outcome.CANNOT_CONFIRM]
)
def test_fields_are_folded_unless_the_outcome_is_valid(outcome: Outcome) -> None:
    assert "paper-folded" in page_of(REPORTS[outcome])
    assert "paper-open" in page_of(REPORTS[Outcome.VALID])


def test_unproven_content_is_not_presented_as_the_holders() -> None:
    page = page_of(REPORTS[Outcome.NOT_RECOGNISED])
    assert 'class="subject"' not in page
    assert "未经证实" in page


def test_superseded_leads_to_its_successor() -> None:
    page = page_of(REPORTS[Outcome.SUPERSEDED])
    assert f'href="/zh/C/{"B" * 26}"' in page
    assert "查看现行的第2版" in page


def test_revoked_says_when_why_and_by_whom() -> None:
    page = words_of(page_of(REPORTS[Outcome.REVOKED]))
    for expected in ("自2026-11-28起无效", "考试违纪", "2026-11-28 15:41", "岭南数字技能考试中心", "020-0000 0126"):
        assert expected in page


def test_cannot_confirm_says_what_why_and_what_was_last_known() -> None:
    page = words_of(page_of(REPORTS[Outcome.CANNOT_CONFIRM]))
    for expected in ("读不到证书的最新状态", "7分5秒", "有效，2026-12-03 10:17:02", "不能认定有效，也不能认定无效"):
        assert expected in page


def test_reinstated_certificate_says_that_it_was_suspended() -> None:
    standing = finding(
        Question.STANDING,
        evidence={"status": "valid", "changes": 2, "suspended_since": "2026-11-26T09:12:00+08:00"},
    )
    assert "曾于2026-11-26暂停，已恢复" in words_of(page_of(report(Outcome.VALID, standing)))


def test_certificate_for_life_says_so() -> None:
    page = page_of(replace(REPORTS[Outcome.VALID], content={k: v for k, v in CONTENT.items() if k != "exp"}))
    assert words_of(page).count("终身有效") == 2


def test_verdict_as_of_a_past_day_carries_the_day() -> None:
    past = datetime(2026, 11, 26, 15, 59, 59, tzinfo=UTC)
    page = words_of(page_of(replace(REPORTS[Outcome.SUSPENDED], as_of=past)))
    assert "2026-11-26当天：暂停使用" in page
    assert "那一天在有效期内吗" in page


def test_freshness_names_time_block_and_nodes() -> None:
    assert "链上状态截至今天10:24:07，12秒前" in words_of(page_of(REPORTS[Outcome.VALID]))
    alone = replace(REPORTS[Outcome.VALID].findings[3], freshness=replace(FRESHNESS, nodes=1))
    assert "区块186,530，1个节点" in words_of(page_of(report(Outcome.VALID, alone)))


def test_lapsed_holder_copy_is_a_warning() -> None:
    lapsed = replace(NOTICES[NoticeKind.HOLDER_COPY], values={"until": "2026-12-02"})
    page = page_of(replace(REPORTS[Outcome.VALID], notices=(lapsed,)))
    assert 'class="notice warning" data-notice="holder-copy"' in page
    assert "加注已于2026-12-02到期" in words_of(page)


def test_addresses_from_paper_work_in_any_letter_case() -> None:
    client = make_client()
    for path in (f"/C/{KEYS[Outcome.REVOKED]}", f"/c/{KEYS[Outcome.REVOKED].lower()}"):
        assert "证书已被撤销" in client.get(path).text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "zh-CN"),
        ("en-GB,en;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("en;q=0.5,zh;q=0.9", "zh-CN"),
        ("fr", "zh-CN"),
        ("fr,en;q=0.1", "en"),
        ("en;q=x", "zh-CN"),
    ],
)
def test_language_follows_the_browser_unless_the_address_fixes_it(accepted: str, language: str) -> None:
    client = make_client()
    client.headers = {"Accept-Language": accepted}
    page = client.get(f"/C/{KEYS[Outcome.VALID]}")
    assert page.headers["Content-Language"] == language
    assert "Accept-Language" in page.headers["Vary"]
    assert client.get(f"/en/C/{KEYS[Outcome.VALID]}").headers["Content-Language"] == "en"
    assert client.get("/zh").headers["Content-Language"] == "zh-CN"


def test_file_from_the_form_is_judged() -> None:
    answer = make_client().post("/verify", files={"document": ("a.bundle.json", b"outcome=expired")})
    assert answer.status_code == 200
    assert "证书已过期" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("size", [DOCUMENT_BYTES + 1, DOCUMENT_BYTES * 20])
def test_file_above_the_cap_gets_a_clear_verdict(size: int) -> None:
    answer = make_client().post("/en/verify", files={"document": ("photo.jpg", b"x" * size)})
    assert answer.status_code == 200
    assert "larger than 1 MB" in answer.text
    assert "unreadable/too-large" in answer.text


def test_number_and_name_show_masked_fields() -> None:
    page = make_client().post("/verify", data={"number": NUMBER, "name": NAME}).text
    assert "李*行" in page
    assert "0016" not in page
    assert "LI Zhixing" not in page


def test_unknown_number_and_wrong_name_get_the_same_page() -> None:
    client = make_client()
    pages = [
        client.post("/verify", data={"number": number, "name": "王芳"}) for number in (NUMBER, "LNSEC-2026-0000000000X")
    ]
    assert [page.status_code for page in pages] == [404, 404]
    assert pages[0].text == pages[1].text.replace("LNSEC-2026-0000000000X", NUMBER)
    assert {**pages[0].headers} == {**pages[1].headers}
    assert f'value="{NUMBER}"' in pages[0].text


def test_other_language_of_a_look_up_sends_it_again() -> None:
    page = make_client().post("/zh/verify", data={"number": NUMBER, "name": NAME}).text
    assert '<form method="post" action="/en/verify"><input type="hidden" name="number"' in page


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"number": NUMBER, "name": " "}},
        {"data": {"number": "", "name": NAME}},
        {"data": {"number": "X" * 65, "name": NAME}},
        {"data": {"number": NUMBER, "name": "李" * 201}},
        {"files": {"document": ("", b"")}},
        {"files": {"other": ("a", b"x")}},
    ],
)
def test_incomplete_form_leads_back_to_the_forms(sent: dict[str, object]) -> None:
    answer = make_client().post("/verify", **sent)
    assert answer.status_code == 422
    assert "还没有选择文件" in answer.text


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=b", b"--b\r\nbroken"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n\xff\xfe\r\n--b--',
        ),
        ("application/x-www-form-urlencoded", b"number=%FF&name=%FE"),
        ("application/x-www-form-urlencoded", b"a=1&" * 100),
        ("", b""),
    ],
)
def test_broken_form_is_never_a_fault_of_ours(content_type: str, body: bytes) -> None:
    answer = make_client().post("/verify", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in {404, 422}
    assert answer.headers["Content-Type"].startswith("text/html")


@settings(max_examples=60, deadline=None)
@given(body=st.binary(max_size=400), name=st.text(max_size=20))
def test_no_form_body_makes_a_fault(body: bytes, name: str) -> None:
    _, client = told_site()
    for content_type in ("multipart/form-data; boundary=b", "application/x-www-form-urlencoded"):
        framed = b"--b\r\nContent-Disposition: form-data; " + body + b"\r\n--b--\r\n"
        assert client.post("/verify", content=framed, headers={"Content-Type": content_type}).status_code < 500
    answer = client.post("/verify", data={"number": NUMBER, "name": name})
    assert answer.status_code in {200, 404, 422}


def test_what_is_typed_is_inert() -> None:
    payload = '"><script>alert(1)</script>{{7*7}}'
    page = make_client().post("/verify", data={"number": payload[:60], "name": payload}).text
    assert "<script>alert" not in page
    assert "{{7*7}}" in html.unescape(page)


def test_claims_are_inert() -> None:
    payload = "<img src=x onerror=alert(1)>"
    claims = CONTENT | {
        "name": payload,
        "place": payload,
        "licenseNumber": payload,
        "issuerName": {"zh": payload},
        "result": [{"name": {"zh": payload}, "value": payload}],
    }
    assert "<img" not in page_of(replace(REPORTS[Outcome.VALID], content=claims))


@settings(max_examples=80, deadline=None)
@given(
    content=st.dictionaries(
        st.sampled_from([*CONTENT, "award", "exp", "nbf", "trainingHours", "registrationNumber"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["zh", "en", "name", "targetName", "value", "standard"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_odd_claims_never_make_a_fault(content: dict[str, object]) -> None:
    assert answer_about(replace(REPORTS[Outcome.VALID], content=content), "en").status_code == 200


def test_too_many_look_ups_get_a_page_with_the_pause() -> None:
    client = make_client(limits=LookupLimits(per_source=1))
    client.post("/verify", data={"number": NUMBER, "name": NAME})
    refused = client.post("/verify", data={"number": NUMBER, "name": NAME})
    assert refused.status_code == 429
    assert "查得太频繁" in refused.text
    assert "Retry-After" in refused.headers


def test_store_that_is_away_gives_a_page_without_a_verdict() -> None:
    answer = make_client(SampleVerifier(away=True)).get(f"/C/{KEYS[Outcome.VALID]}")
    assert answer.status_code == 503
    assert "本站现在办不了" in answer.text
    assert 'class="panel' not in answer.text


def test_reloading_a_result_leads_home() -> None:
    answer = make_client().get("/en/verify")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/en/")


@pytest.mark.parametrize("language", LANGUAGES)
def test_how_names_every_question_and_outcome(language: Language) -> None:
    page = words_of(make_client().get(f"/{language}/how").text)
    words = catalogue(language)
    for outcome in Outcome:
        assert words.text(f"outcomes.{outcome}.headline") in page
    for question in Question:
        assert words.text(f"questions.{question.value}.question") in page


def test_status_says_how_old_the_knowledge_is() -> None:
    health = SampleHealth()
    assert health.known is not None
    assert "正常：链上状态12秒前读过" in words_of(make_client(health=health).get("/zh/status").text)
    stale = SampleHealth(known=replace(health.known, limit_seconds=5))
    assert "偏旧" in make_client(health=stale).get("/zh/status").text
    assert "还没有读到" in make_client(health=SampleHealth(known=None)).get("/zh/status").text
    assert make_client(health=SampleHealth(away=True)).get("/zh/status").status_code == 503


def test_pages_answer_head() -> None:
    answer = make_client().request("HEAD", "/")
    assert (answer.status_code, answer.content) == (200, b"")


def test_home_with_all_that_it_loads_stays_below_20_kilobytes() -> None:
    client = make_client()
    page = client.get("/")
    total = len(page.content)
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        total += int(client.get(address).headers["Content-Length"])
    assert total < 20_000


def test_assets_are_immutable_and_unknown_ones_missing() -> None:
    client = make_client()
    address = re.search(r'href="(/static/style\.[0-9a-f]{10}\.css)"', client.get("/").text)
    assert address
    style = client.get(address[1])
    assert style.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "immutable" in style.headers["Cache-Control"]
    assert client.get(address[1], headers={"Accept-Encoding": "identity"}).content == style.content
    assert client.get("/static/style.0000000000.css").status_code == 404
    assert client.get("/static/..%2Frouter.py").status_code == 404
