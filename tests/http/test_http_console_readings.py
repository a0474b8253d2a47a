"""What is wrong with a file, in the console: by kind, page by page, in its row, as CSV; nothing personal is shown."""

import csv
import io
import logging
import re

import pytest

from api.demo_data import sample_roster, sample_scores
from api.issuer.covering import covered_cell, covered_name, covered_number
from api.issuer.paging import Paged
from api.issuer.readings import PER_PAGE, inert
from registry.access import Role
from registry.programme import load_catalogue
from registry.store import open_database
from tests.http.console_site import House
from tests.http.test_http_console import kept_in, tried_by, workbook
from tests.http.troubled_files import HOSTILE, TROUBLE, file_of, personal_of, rows_of, troubled_roster, troubled_scores
from tests.unit.registry.store.filled import KEYS, PROGRAMME, SettableClock

OF = load_catalogue().programme(PROGRAMME)
GOOD = 60


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    store = open_database(tmp_path_factory.mktemp("readings") / "registry.db", KEYS, create=True)
    yield House(store, SettableClock())
    store.close()


@pytest.fixture(scope="module")
def clerk(house):
    return house.person("clerk-1", Role.CLERK)


def in_both(person, location: str) -> dict[str, str]:
    """A page's text in Chinese and in English."""
    return {language: person.get(f"/{language}{location}").text for language in ("zh", "en")}


def place_of(person, data: bytes) -> str:
    return person.post("/console/rosters", data).headers["Location"]


def test_every_problem_stands_in_its_row_in_both_languages(clerk):
    roster = troubled_roster(GOOD)
    pages = in_both(clerk, place_of(clerk, roster))
    assert "11行需要改，还没有导入任何数据" in pages["zh"]
    assert "11 rows need changes; nothing was imported" in pages["en"]
    assert re.search(r"Need changes</dt><dd>11 ", pages["en"])
    assert re.search(rf"Can be imported</dt><dd>{GOOD + 1 - 11} ", pages["en"])
    slugs = set(re.findall(r'<code class="slug">([a-z-]+)</code>', pages["en"]))
    assert {"identity-check", "name-characters", "level-unknown", "formula-cell", "identity-scientific"} <= slugs
    assert {"birth-date-impossible", "education-unknown", "work-format", "control-character"} <= slugs
    assert pages["en"].count('class="cell wrong"') == pages["en"].count('<tr class="in-row">') == len(TROUBLE) + 2
    assert "末位校验码不对" in pages["zh"]
    assert "the check character does not match" in pages["en"]


def test_nothing_personal_is_in_the_clear_on_a_page_in_an_address_or_in_a_log(clerk, caplog):
    caplog.set_level(logging.DEBUG)
    roster = troubled_roster(GOOD)
    location = place_of(clerk, roster)
    told = "".join(in_both(clerk, location).values()) + clerk.get(f"{location}/problems.csv").text
    told += location + caplog.text
    assert sorted(one for one in personal_of(roster) if one in told) == []
    assert (
        sorted(one for one in personal_of(roster) if one in roster.decode("utf-8-sig")) != []
    )  # the test can see them
    row = rows_of(roster)[0]
    assert f"{row['姓名'][0]}＊" in told
    assert row["证件号码"][-4:] in told


def test_hostile_cells_and_file_names_are_inert(clerk):
    page = in_both(clerk, place_of(clerk, troubled_roster(GOOD)))["en"]
    assert HOSTILE not in page
    assert "onerror" not in page
    main = page.partition("<main")[2].partition("</main")[0]
    assert "&lt;b&gt;.csv" in main
    assert "<b>.csv" not in main


def test_kinds_filter_by_links_alone(clerk):
    location = place_of(clerk, troubled_roster(GOOD))
    page = clerk.get(f"{location}?kind=level-unknown").text
    assert page.count('<tr class="in-row">') == 2
    assert f'href="{location}?kind=identity-check#problems"' in page
    assert re.search(r'kind=level-unknown#problems" aria-current="page"', page)
    unknown = clerk.get(f"{location}?kind=%3Cscript%3E&page=x").text
    assert unknown.count('<tr class="in-row">') == len(TROUBLE) + 2
    assert "<script>" not in unknown


def test_long_lists_come_page_by_page(clerk):
    rows = [row | {"级别": "特级"} for row in rows_of(sample_roster(count=PER_PAGE + 7))]
    location = place_of(clerk, file_of(rows))
    first, second = (clerk.get(f"{location}?page={one}").text for one in (1, 2))
    assert f"1–{PER_PAGE} of {PER_PAGE + 7}" in first
    assert f"{PER_PAGE + 1}–{PER_PAGE + 7} of {PER_PAGE + 7}" in second
    assert f'rel="next" href="{location}?page=2"' in first
    assert first.count('<tr class="in-row">') == PER_PAGE
    assert second.count('<tr class="in-row">') == 7
    assert clerk.get(f"{location}?page=99").text.count('<tr class="in-row">') == 7
    kind = clerk.get(f"{location}?kind=level-unknown&page=2").text
    assert f'rel="prev" href="{location}?kind=level-unknown&amp;page=1"' in kind


def test_the_list_of_errors_goes_back_to_the_sender_and_is_no_formula(clerk):
    rows = rows_of(troubled_roster(GOOD))
    heading = "-姓名"  # read as 姓名; written first, a spreadsheet would calculate it
    spelt = [{heading if name == "姓名" else name: value for name, value in row.items()} for row in rows]
    location = place_of(clerk, file_of(spelt))
    answer = clerk.get(f"/zh{location}/problems.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="roster-problems.csv"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    listed = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert listed[0] == ["行", "列", "代码", "问题", "怎么改"]
    assert listed[1][:3] == ["2", "C 证件号码", "enrol/identity-check"]
    assert not [cell for row in listed for cell in row if cell[:1] in set("=+-@\t\r")]
    assert len(listed) - 1 == len(TROUBLE) + 2
    assert [inert(one) for one in ("=1", "＝1", "-2+3", "张", "")] == ["'=1", "'＝1", "'-2+3", "张", ""]


def test_encodings_workbooks_and_what_cannot_be_cut_are_named(clerk):
    gbk = in_both(clerk, place_of(clerk, troubled_roster(GOOD, codec="gb18030").replace("·".encode("gb18030"), b"")))
    assert "GB" in gbk["zh"]
    assert "末位校验码不对" in gbk["zh"]
    book = in_both(clerk, place_of(clerk, workbook(troubled_roster(GOOD))))
    assert "工作簿的第一张工作表" in book["zh"]
    assert "first sheet of a workbook" in book["en"]
    ragged = sample_roster(count=3) + b"a,b,c\r\n"
    page = clerk.get(place_of(clerk, ragged)).text
    assert ">ragged-row<" in page
    assert '<tr class="in-row">' not in page


def test_a_file_that_is_too_large_says_how_large_one_may_be(clerk):
    answer = clerk.post("/console/rosters", b"a" * (16 * 1024 * 1024 + 9000))
    assert (answer.status_code, "larger than 16 MB" in answer.text) == (422, True)
    assert "vermilion enrol import" in answer.text


def test_a_roster_without_a_fault_is_imported_whole(house, clerk):
    page = tried_by(clerk, sample_roster(seed=5, count=4)).text
    assert 'name="take" value="all"' in page
    assert "Download the list" not in page
    with house.store.read() as unit:
        before = len(unit.enrolments.rosters())
    taken = clerk.post("/console/rosters/take", kept=kept_in(page), take="all")
    assert taken.status_code == 303
    with house.store.read() as unit:
        assert len(unit.enrolments.rosters()) == before + 1


def test_a_refused_score_sheet_names_its_rows_and_is_not_entered(house, clerk):
    clerk.post("/console/rosters/take", kept=kept_in(tried_by(clerk, sample_roster(seed=6, count=20)).text), take="all")
    clerk.post("/console/rosters/decide")
    with house.store.read() as unit:
        good = sample_scores(unit.marks.awaited(PROGRAMME))
    location = clerk.post("/console/scores", troubled_scores(good), examined_on="2026-11-08").headers["Location"]
    pages = in_both(clerk, location)
    slugs = set(re.findall(r'<code class="slug">([a-z-]+)</code>', pages["en"]))
    assert slugs == {"score-format", "score-range", "unknown-admission", "duplicate-row"}
    assert "一行也没有录入" in pages["zh"]
    assert "not one row was entered" in pages["en"]
    assert "440301199703155219" not in pages["en"]
    assert "4*************5219" in pages["en"]
    assert HOSTILE not in pages["en"]
    assert clerk.get(f"{location}/problems.csv").headers["Content-Disposition"].endswith('"score-problems.csv"')
    with house.store.read() as unit:
        assert unit.marks.sheets() == []


@pytest.mark.parametrize(
    ("key", "text", "shown"),
    [
        ("name", "欧阳娜娜", "欧＊"),
        ("name_latin", "Wang Xiaoming", "W＊"),
        ("identity_number", "440301199703155219", "4*************5219"),
        ("phone", "13800138000", "1******8000"),
        ("email", "a.b@example.org", "a***"),
        ("birth_date", "1997-03-15", "1997-**-**"),
        ("birth_date", "1997年3月15日", "1997******"),
        ("birth_date", "440301199703155219", "4＊"),
        ("birth_date", "王小明", "王＊"),
        ("employer", "深圳市云帆数据有限公司", "深＊"),
        ("level", "高级", "高级"),
        ("level", "王小明", "王＊"),
        ("sex", "女", "女"),
        ("education", "大学本科", "大学本科"),
        ("work", "1年6个月", "1年6个月"),
        ("work", "13800138000", "1＊"),
        ("admission", "26110001000001", "26110001000001"),
        ("admission", "440301199703155219", "4*************5219"),
        ("score", "79.5", "79.5"),
        ("score", "缺考", "缺考"),
        ("score", "王小明", "王＊"),
    ],
)
def test_cells_are_covered_unless_they_say_a_known_word(key, text, shown):
    assert covered_cell(key, text, OF) == shown


def test_short_names_and_numbers_are_covered_too():
    assert [covered_name(one) for one in ("", "王", "王芳")] == ["", "王＊", "王＊"]
    assert [covered_number(one) for one in ("", "1", "123", "1234", "12345678")] == [
        "",
        "1＊",
        "1＊",
        "1**4",
        "1****678",
    ]


def test_pages_begin_and_end_where_they_should():
    assert [(one.first, one.last, one.pages) for one in (Paged(number=3, total=0, size=5),)] == [(0, 0, 1)]
    last = Paged(number=9, total=11, size=5)
    assert (last.here, last.first, last.last, last.pages) == (3, 10, 11, 3)
