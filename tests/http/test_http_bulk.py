"""Lists over HTTP, on a real store: handing in, progress, result, receipt, limits, and who may see what."""

import csv
import hashlib
import io
import json
import threading
import time

import openpyxl
import pytest
from pypdf import PdfReader

from api.bodies import DRAINED_BYTES
from api.employer import BulkDesk
from api.pages.catalogue import catalogue
from registry.kernel.encoding import b64url
from registry.ports.access import JobState
from registry.verification import asked_list
from registry.verification.asked_list import MAX_BYTES
from registry.verification.list_result import read_result
from registry.verification.model import Outcome, Report
from registry.verification.receipts import parse_verification_receipt
from registry.workflows.access.sign_in import IDLE, sign_in
from registry.workflows.verification import verify_many
from registry.workflows.verification.verify_many import JOBS_A_DAY, KEPT_FOR, MOST_WAITING
from tests.http.bulk_site import DAY, PASSWORD, BulkSite, bulk_site, csrf_of, sample_list
from tests.http.sample_reports import KEYS, NAME, NUMBER
from tests.http.web_client import WebClient


@pytest.fixture
def site(tmp_path):
    made = bulk_site(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def employer(site: BulkSite) -> WebClient:
    return site.client()


def finished(site: BulkSite, client: WebClient, data: bytes, **fields: str) -> str:
    id = site.job(client, data, **fields)
    assert site.desk.work()
    return id


def test_nobody_without_the_role_sees_anything(site: BulkSite) -> None:
    stranger = WebClient(site.app)
    assert stranger.get("/bulk").headers["Location"] == "/sign-in?next=/bulk"
    assert stranger.post("/bulk", data={}).status_code == 401
    assert stranger.get("/v1/bulk").status_code == 404


def test_list_is_verified_and_every_line_has_its_place(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    rows = list(read_result(employer.get(f"/bulk/{id}/result.csv").content))
    assert [int(one.line) for one in rows] == list(range(2, 2 + len(rows)))
    by_key = [one.outcome for one in rows[1 : 1 + len(KEYS)]]
    assert by_key == [outcome.value for outcome in KEYS]
    assert rows[0].outcome == "valid"
    assert rows[-2].code == "bulk/link-elsewhere"
    assert rows[-1].outcome == "not-found"


def test_codes_reasons_and_dates_are_those_of_the_verdict(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    rows = {one.outcome: one for one in read_result(employer.get(f"/bulk/{id}/result.csv").content)}
    assert (rows["revoked"].since, rows["revoked"].reason) == ("2026-11-28", "misconduct")
    assert rows["superseded"].successor == f"{NUMBER}#2"
    assert rows["altered"].code == "altered/undigested-disclosure"
    assert (rows["suspended"].block, rows["suspended"].block_time) == ("186530", "2026-12-03T10:24:05+08:00")


def test_result_says_of_what_level_each_certificate_is_and_brings_the_lists_columns_along(
    site: BulkSite, employer: WebClient
) -> None:
    rows = f"工号,编号,姓名,级别\n=A1,{NUMBER},{NAME},初级\n=A2,{NUMBER},王芳,高级\n"
    id = finished(site, employer, rows.encode())
    valid, missed = read_result(employer.get(f"/bulk/{id}/result.csv").content)
    assert (valid.outcome, valid.programme, valid.level) == ("valid", "AIGC Application Engineer", "Senior level")
    assert (valid.valid_from, valid.valid_until) == ("2026-11-20", "2029-11-19")
    assert (missed.outcome, missed.programme, missed.level, missed.valid_from, missed.valid_until) == (
        "not-found",
        "",
        "",
        "",
        "",
    )
    assert (valid.further, missed.further) == (("=A1", "初级"), ("=A2", "高级"))
    assert ",'=A1,初级\r\n" in employer.get(f"/bulk/{id}/result.csv").text
    book = openpyxl.load_workbook(io.BytesIO(employer.get(f"/bulk/{id}/result.xlsx").content))
    assert [one.value for one in book.worksheets[0][1]][-2:] == ["工号", "级别"]
    assert [one.value for one in book.worksheets[0][2]][-2:] == ["'=A1", "初级"]
    book.close()
    assert "Senior level" in employer.get(f"/bulk/{id}").text


def test_number_and_name_shows_nothing_of_its_holder_and_a_link_the_name(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    rows = list(read_result(employer.get(f"/bulk/{id}/result.csv").content))
    assert rows[0].name == ""
    assert rows[1].name == NAME
    assert "1*************0016" not in employer.get(f"/bulk/{id}/result.csv").text


def test_receipt_is_over_the_result_file_and_counts_its_rows(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list(), purpose="秋季招聘")
    receipt = parse_verification_receipt(employer.get(f"/bulk/{id}/receipt.json").content)
    result = employer.get(f"/bulk/{id}/result.csv").content
    assert receipt.statement.digest is not None

    assert b64url(receipt.statement.digest) == b64url(hashlib.sha256(result).digest())
    assert receipt.rows == len(KEYS) + 2
    assert receipt.counts[Outcome.VALID] == 2
    assert receipt.purpose == "秋季招聘"
    assert NAME.encode() not in employer.get(f"/bulk/{id}/receipt.json").content


def test_receipt_as_a_page_holds_the_same_statement(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    drawn = employer.get(f"/bulk/{id}/receipt.pdf")
    assert drawn.headers["Content-Type"] == "application/pdf"
    inside = PdfReader(io.BytesIO(drawn.content)).attachments
    assert employer.get(f"/bulk/{id}/receipt.json").content in [data for one in inside.values() for data in one]


def test_without_a_statement_key_there_is_a_result_and_no_receipt(tmp_path) -> None:
    site = bulk_site(tmp_path, notary=None)
    client = site.client()
    id = finished(site, client, sample_list())
    assert client.get(f"/bulk/{id}/result.csv").status_code == 200
    assert client.get(f"/bulk/{id}/receipt.json").status_code == 404
    assert catalogue("en").text("bulk.no_receipt") in client.get(f"/bulk/{id}").text
    site.store.close()


def test_workbook_has_the_same_cells_and_no_formula(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    book = openpyxl.load_workbook(io.BytesIO(employer.get(f"/bulk/{id}/result.xlsx").content))
    cells = [["" if one.value is None else one.value for one in row] for row in book.worksheets[0].rows]
    text = employer.get(f"/bulk/{id}/result.csv").content.decode("utf-8-sig")
    assert cells == list(csv.reader(io.StringIO(text)))
    assert {one.data_type for row in book.worksheets[0].rows for one in row} <= {"s", "n", "inlineStr"}
    book.close()


def test_workbook_that_was_handed_in_is_unpacked_once_and_kept_as_its_list(
    site: BulkSite, employer: WebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    book, out, unpacked = openpyxl.Workbook(), io.BytesIO(), []
    for row in (("number", "name"), (NUMBER, NAME), ("", NAME)):
        book.active.append(row)
    book.save(out)
    read = asked_list.workbook_as_csv
    monkeypatch.setattr(asked_list, "workbook_as_csv", lambda *of, **how: unpacked.append(1) or read(*of, **how))
    id = finished(site, employer, out.getvalue())
    for _ in range(2):
        assert "bulk/number-required" in employer.get(f"/bulk/{id}").text
    assert [one.line for one in read_result(employer.get(f"/bulk/{id}/result.csv").content)] == ["2", "3"]
    assert len(unpacked) == 1
    with site.store.read() as unit:
        assert unit.jobs.job(id).file_digest == hashlib.sha256(out.getvalue()).digest()


def test_table_shows_two_hundred_rows_and_filters(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list(lines=300))
    page = employer.get(f"/bulk/{id}").text
    assert page.count('<tr class="outcome-') == 200
    assert catalogue("en").text("bulk.showing", shown=200, matching=303 + len(KEYS)) in page
    only = employer.get(f"/bulk/{id}?outcome=revoked").text
    assert only.count('<tr class="outcome-') == only.count('<tr class="outcome-revoked') == 1
    assert employer.get(f"/bulk/{id}?outcome=<script>").text.count('<tr class="outcome-') == 200


def test_looking_through_keeps_and_verifies_nothing(site: BulkSite, employer: WebClient) -> None:
    page = site.send(employer, sample_list(), do="look")
    assert page.status_code == 200
    assert "bulk/link-elsewhere" in page.text
    with site.store.read() as unit:
        assert unit.jobs.of_account("zhou.lan") == []


def test_list_without_a_good_row_is_refused_with_its_problems(site: BulkSite, employer: WebClient) -> None:
    page = site.send(employer, b"number,name\nX,\n,Y\n")
    assert page.status_code == 422
    assert page.text.count("bulk/") >= 2
    with site.store.read() as unit:
        assert unit.jobs.of_account("zhou.lan") == []


@pytest.mark.parametrize("fields", [{"purpose": "x" * 201}, {"purpose": "a\nb"}])
def test_purpose_is_one_short_line(site: BulkSite, employer: WebClient, fields: dict[str, str]) -> None:
    assert site.send(employer, sample_list(), **fields).status_code == 422


def test_form_of_another_site_is_refused(site: BulkSite, employer: WebClient) -> None:
    assert site.send(employer, sample_list(), csrf="x").status_code == 403
    id = site.job(employer, sample_list())
    assert employer.post(f"/bulk/{id}/delete", data={"csrf": "x"}).status_code == 403
    assert employer.get(f"/bulk/{id}").status_code == 200


def test_progress_is_told_in_numbers(site: BulkSite, employer: WebClient) -> None:
    id = site.job(employer, sample_list())
    before = employer.get(f"/bulk/{id}/progress").json()
    assert before == {"state": "queued", "done": 0, "rows": len(KEYS) + 2}
    waiting = employer.get(f"/bulk/{id}").text
    assert f'<noscript><meta http-equiv="refresh" content="5; url=/bulk/{id}?unattended=1">' in waiting
    site.desk.work()
    assert employer.get(f"/bulk/{id}/progress").json()["state"] == "finished"
    assert "<noscript>" not in employer.get(f"/bulk/{id}").text


@pytest.mark.parametrize(("asked", "is_use"), [("/progress", False), ("?unattended=1", False), ("", True)])
def test_a_page_that_asks_by_itself_does_not_keep_a_sign_in_from_ending(
    site: BulkSite, employer: WebClient, asked: str, is_use: bool
) -> None:
    id = site.job(employer, sample_list())
    for _ in range(4):
        site.clock.time += IDLE / 3
        employer.get(f"/bulk/{id}{asked}")
    assert (employer.get("/bulk").status_code == 200) is is_use


def test_a_form_is_a_use_whatever_its_address_says(site: BulkSite, employer: WebClient) -> None:
    for _ in range(4):
        site.clock.time += IDLE / 3
        assert employer.post("/bulk?unattended=1", data={"csrf": "made up"}).status_code == 403
    assert employer.get("/bulk").status_code == 200


def test_other_peoples_jobs_are_not_there(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    other = site.client("wu.qiming")
    missing = other.get("/bulk/V-2026-11-9999")
    for path in ("", "/progress", "/result.csv", "/result.xlsx", "/receipt.json", "/receipt.pdf"):
        answer = other.get(f"/bulk/{id}{path}")
        assert answer.status_code == 404, path
    assert other.get(f"/bulk/{id}").text == missing.text.replace("V-2026-11-9999", id)
    assert other.post(f"/bulk/{id}/delete", data={"csrf": csrf_of(other)}).status_code == 404
    assert employer.get(f"/bulk/{id}").status_code == 200
    assert id not in other.get("/bulk").text


def test_deleting_takes_list_and_result_at_once(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    assert employer.post(f"/bulk/{id}/delete", data={"csrf": csrf_of(employer)}).status_code == 303
    assert employer.get(f"/bulk/{id}/result.csv").status_code == 404
    assert employer.get(f"/bulk/{id}/receipt.json").status_code == 404
    assert catalogue("en").text("bulk.forgotten") in employer.get(f"/bulk/{id}").text
    with site.store.read() as unit:
        assert unit.jobs.file(id) is None


def test_after_seven_days_the_page_says_so_and_the_key_is_gone(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    site.clock.time += KEPT_FOR
    site.tokens.clear()

    site.tokens["zhou.lan"] = sign_in(site.store, site.clock, name="zhou.lan", password=PASSWORD)
    employer = site.client()
    assert catalogue("en").text("bulk.forgotten") in employer.get(f"/bulk/{id}").text
    assert employer.get(f"/bulk/{id}/result.csv").status_code == 404
    site.desk.work()
    with site.store.read() as unit:
        assert unit.jobs.file(id) is None
        assert unit.jobs.job(id).state is JobState.FORGOTTEN


def test_an_account_hands_in_so_many_lists_a_day(
    site: BulkSite, employer: WebClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify_many, "JOBS_A_DAY", 3)
    for _ in range(3):
        finished(site, employer, sample_list())
    refused = site.send(employer, sample_list())
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= DAY.total_seconds() + 1
    assert site.send(site.client("wu.qiming"), sample_list()).status_code == 303
    assert JOBS_A_DAY == 20


def test_full_queue_keeps_nothing_and_says_when_to_come_back(site: BulkSite, employer: WebClient) -> None:
    for number in range(MOST_WAITING):
        site.job(employer, sample_list(), purpose=f"Recruitment {number}")
    refused = site.send(employer, sample_list())
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert site.desk.work()
    assert site.send(employer, sample_list()).status_code == 303


def test_the_same_list_twice_is_one_while_it_waits_and_another_purpose_another(
    site: BulkSite, employer: WebClient
) -> None:
    first = site.job(employer, sample_list())
    assert site.job(employer, sample_list()) == first
    assert site.job(employer, sample_list(), purpose="An audit") != first
    assert site.desk.work()
    assert site.job(employer, sample_list()) != first  # the first one is answered: this asks anew


def test_file_above_the_limit_is_not_kept(site: BulkSite, employer: WebClient) -> None:
    page = site.send(employer, b"x" * (MAX_BYTES + 64 * 1024))
    assert page.status_code == 413
    assert catalogue("en").text("bulk.too_large", most=4) in page.text
    assert MAX_BYTES < DRAINED_BYTES


def test_no_other_path_takes_a_large_body(site: BulkSite, employer: WebClient) -> None:
    assert employer.post("/sign-out", data={"csrf": "x" * 20_000}).status_code == 413


class _Cut(BaseException):
    """Stands for a kill: nothing of ours catches it."""


class _CutJudge:
    """Answers `rows` times and then the process is gone."""

    def __init__(self, site: BulkSite, rows: int) -> None:
        self.site, self.left = site, rows

    def by_key(self, key: str) -> Report:
        self._count()
        return self.site.verifier.by_key(key)

    def by_number_and_name(self, number: str, name: str) -> Report:
        self._count()
        return self.site.verifier.by_number_and_name(number, name)

    def _count(self) -> None:
        if self.left == 0:
            raise _Cut
        self.left -= 1


@pytest.mark.parametrize("rows", [0, 1, 150])
def test_list_cut_short_by_a_kill_begins_again_and_ends_the_same(
    site: BulkSite, employer: WebClient, rows: int
) -> None:
    data = sample_list(lines=200)
    whole = finished(site, employer, data)
    id = site.job(employer, data)
    site.desk.judge = _CutJudge(site, rows)
    with pytest.raises(_Cut):
        site.desk.work()
    assert employer.get(f"/bulk/{id}/result.csv").status_code == 404
    again = BulkDesk(
        store=site.store,
        clock=site.clock,
        judge=site.verifier,
        notary=site.desk.notary,
        public_base_url=site.desk.public_base_url,
    )
    again.start()
    until = time.monotonic() + 20
    while employer.get(f"/bulk/{id}/progress").json()["state"] != "finished":
        assert time.monotonic() < until
        time.sleep(0.05)
    again.stop()
    assert employer.get(f"/bulk/{id}/result.csv").content == employer.get(f"/bulk/{whole}/result.csv").content


def test_store_that_does_not_answer_leaves_the_list_waiting(site: BulkSite, employer: WebClient) -> None:
    id = site.job(employer, sample_list())
    site.verifier.away = True
    assert not site.desk.work()
    assert employer.get(f"/bulk/{id}/progress").json()["state"] in {"queued", "running"}
    site.verifier.away = False
    assert site.desk.work()
    assert employer.get(f"/bulk/{id}/progress").json()["state"] == "finished"


def test_deleting_while_it_runs_ends_it_with_nothing_kept(site: BulkSite, employer: WebClient) -> None:
    id = site.job(employer, sample_list(lines=200))
    inside, go_on = threading.Event(), threading.Event()

    class Slow:
        def by_key(self, key: str) -> Report:
            return site.verifier.by_key(key)

        def by_number_and_name(self, number: str, name: str) -> Report:
            inside.set()
            assert go_on.wait(20)
            return site.verifier.by_number_and_name(number, name)

    site.desk.judge = Slow()
    site.desk.start()
    assert inside.wait(20)
    assert employer.post(f"/bulk/{id}/delete", data={"csrf": csrf_of(employer)}).status_code == 303
    go_on.set()
    site.desk.stop()
    with site.store.read() as unit:
        assert unit.jobs.job(id).state is JobState.FORGOTTEN
        assert unit.jobs.result(id) is None


@pytest.mark.parametrize("language", ["zh", "en"])
def test_words_of_the_result_are_those_of_the_page_it_was_sent_from(site: BulkSite, language: str) -> None:
    client = site.client(language=language)
    id = finished(site, client, sample_list())
    rows = list(read_result(client.get(f"/bulk/{id}/result.csv").content))
    sentence = catalogue("zh" if language == "zh" else "en").text("outcomes.valid.sentence")
    assert rows[0].words == sentence


def test_what_is_kept_is_encrypted(site: BulkSite, employer: WebClient, tmp_path) -> None:
    finished(site, employer, sample_list())
    site.store.settle()
    assert NAME.encode() not in (tmp_path / "registry.db").read_bytes()


def test_handing_in_and_deleting_stand_in_the_journal(site: BulkSite, employer: WebClient) -> None:
    id = finished(site, employer, sample_list())
    employer.post(f"/bulk/{id}/delete", data={"csrf": csrf_of(employer)})
    with site.store.read() as unit:
        acts = [(one.action, one.subject, json.dumps(one.detail)) for one in unit.journal.entries()]
    assert ("bulk.hand-in", id, json.dumps({"rows": len(KEYS) + 2})) in acts
    assert [one[:2] for one in acts][-1] == ("bulk.forget", id)
