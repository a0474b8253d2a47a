"""Lists to verify: encodings, separators, headings, workbooks, links, and that no file does any harm."""

import io
import random
import zipfile

import openpyxl
import pytest

from registry.enrolment.workbook import workbook_as_csv
from registry.enrolment.workbook_parts import WorkbookRefused
from registry.verification import asked_list
from registry.verification.asked_list import MAX_BYTES, MAX_ROWS, NAMES_PER_NUMBER, AskedList, AskedRow, read_list

BASE_URL = "https://v.example.cn"
KEY = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
NUMBER, NAME = "LNSEC-2026-7K3Q9V0X4MB", "李知行"


def read(data: bytes | str) -> AskedList:
    return read_list(data.encode() if isinstance(data, str) else data, BASE_URL)


def codes(found: AskedList) -> list[tuple[int, str]]:
    return [(one.line, one.code) for one in found.problems]


def workbook(*rows: tuple[object, ...]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


PLAIN = AskedRow(line=2, number=NUMBER, name=NAME)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("heading", ["编号{}姓名", "证书编号{}持证人姓名", "Number{}Name", "certificate no.{}Holder"])
def test_list_is_read_in_every_usual_form(encoding: str, separator: str, heading: str) -> None:
    text = f"{heading.format(separator)}\r\n{NUMBER}{separator}{NAME}\r\n"
    found = read(text.encode(encoding))
    assert (list(found.rows), list(found.problems)) == ([PLAIN], [])


def test_columns_come_in_any_order_with_others_between() -> None:
    found = read(f"姓名,部门,编号\n{NAME},人事,{NUMBER}\n")
    assert list(found.rows) == [PLAIN]
    assert list(found.notices) == []


def test_columns_that_are_not_asked_for_come_along_as_they_are() -> None:
    found = read(f"工号,编号, 部门 ,姓名,\n=1+1,{NUMBER}, 人事 ,{NAME}\n{'x' * 40_000},,,{NAME}\n7,{NUMBER}\n")
    assert list(found.further) == ["工号", "部门"]
    assert found.further_cells == {2: ("=1+1", "人事"), 3: ("x" * 32_766 + "…", "")}
    assert [(one.line, one.code) for one in found.problems] == [(3, "bulk/number-required"), (4, "bulk/ragged-row")]
    assert read(f"{NUMBER},{NAME}\n").further == ()


def test_columns_of_a_workbook_come_along_as_well() -> None:
    data = workbook(("编号", "姓名", "备注"), (NUMBER, NAME, "字" * 5_000), (NUMBER, NAME, "一\n二"))
    found = read(data)
    assert found.further_cells[2] == ("字" * 5_000,)
    assert len(found.further_cells[3][0]) == 3
    assert found.further_cells == read(found.text).further_cells


def test_list_without_heading_begins_in_its_first_line() -> None:
    found = read(f"{NUMBER},{NAME}\n{BASE_URL}/C/{KEY}\n\n{KEY.lower()},\n")
    assert [(one.line, one.number, one.key) for one in found.rows] == [(1, NUMBER, None), (2, "", KEY), (4, "", KEY)]
    assert found.row_count == 3


@pytest.mark.parametrize(
    "link",
    [
        f"HTTPS://V.EXAMPLE.CN/C/{KEY}",
        f"{BASE_URL}/c/{KEY.lower()}/",
        f"{BASE_URL}/zh/C/{KEY}",
        f"{BASE_URL}/en/C/{KEY}",
        KEY,
    ],
)
@pytest.mark.parametrize("line", ["链接\n{}\n", "编号,姓名\n{},{}\n", "编号,姓名,link\n,,{}\n"])
def test_own_links_are_taken_in_every_spelling(link: str, line: str) -> None:
    found = read(line.format(link, NAME))
    assert [one.key for one in found.rows] == [KEY]


@pytest.mark.parametrize(
    ("link", "code"),
    [
        (f"https://v.example.cn.evil.example/C/{KEY}", "bulk/link-elsewhere"),
        (f"https://evil.example/C/{KEY}", "bulk/link-elsewhere"),
        (f"http://v.example.cn/C/{KEY}", "bulk/link-elsewhere"),
        (f"https://v.example.cn@evil.example/C/{KEY}", "bulk/link-elsewhere"),
        (f"https://v.example.cn:444/C/{KEY}", "bulk/link-elsewhere"),
        (f"file:///C/{KEY}", "bulk/link-elsewhere"),
        (f"{BASE_URL}/C/{KEY[:-1]}", "bulk/link-malformed"),
        (f"{BASE_URL}/status", "bulk/link-malformed"),
        ("x", "bulk/link-malformed"),
    ],
)
def test_other_links_are_errors_of_their_row_alone(link: str, code: str) -> None:
    found = read(f"link\n{link}\n{KEY}\n")
    assert codes(found) == [(2, code)]
    assert [one.line for one in found.rows] == [3]


@pytest.mark.parametrize(
    ("row", "code", "column"),
    [
        (f"{NUMBER},", "bulk/name-required", "姓名"),
        (f",{NAME}", "bulk/number-required", "编号"),
        (f"{'X' * 65},{NAME}", "bulk/number-too-long", "编号"),
        (f"{NUMBER},{'李' * 201}", "bulk/cell-too-long", "姓名"),
        (f"=1+1,{NAME}", "bulk/formula-cell", "编号"),
        (f"{NUMBER},＝1", "bulk/formula-cell", "姓名"),
        (f"{NUMBER},李\u202e知行", "bulk/control-character", "姓名"),
        (f'{NUMBER},"李', "bulk/quote", ""),
        (f"{NUMBER},{NAME},3", "bulk/ragged-row", ""),
    ],
)
def test_bad_row_is_named_by_line_and_column(row: str, code: str, column: str) -> None:
    found = read(f"编号,姓名\n{row}\n{NUMBER},{NAME}\n")
    assert [(one.line, one.code, one.column) for one in found.problems] == [(2, code, column)]
    assert [one.line for one in found.rows] == [3]


def test_one_number_is_not_asked_with_many_names() -> None:
    spelled = [NUMBER, NUMBER.lower(), NUMBER.replace("-", ""), NUMBER.replace("-", " "), NUMBER]
    found = read("number,name\n" + "".join(f"{one},{NAME}{place}\n" for place, one in enumerate(spelled)))
    assert len(found.rows) == NAMES_PER_NUMBER
    assert codes(found) == [(5, "bulk/number-repeated"), (6, "bulk/number-repeated")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bulk/empty-file"),
        (b"\xef\xbb\xbf\n,\n", "bulk/empty-file"),
        ("姓名,部门\n李,x\n".encode(), "bulk/no-known-column"),
        ("编号,编号,姓名\nA,B,李\n".encode(), "bulk/duplicate-column"),
        ("编号,姓名\n".encode(), "bulk/no-rows"),
        ("编号".encode("utf-16"), "bulk/encoding"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 9, "bulk/workbook"),
        (b"PK\x03\x04 no zip at all", "bulk/workbook-unreadable"),
        (b"x" * (MAX_BYTES + 1), "bulk/file-too-large"),
        (b"PK\x03\x04" + b"x" * MAX_BYTES, "bulk/file-too-large"),
    ],
)
def test_file_that_is_no_list_is_refused_by_name(data: bytes, code: str) -> None:
    found = read(data)
    assert [one.code for one in found.problems] == [code]
    assert list(found.rows) == []


def test_ten_thousand_rows_are_the_most() -> None:
    line = "LNSEC-2026-{:011d},李\n".format
    assert len(read("编号,姓名\n" + "".join(map(line, range(MAX_ROWS)))).rows) == MAX_ROWS
    assert codes(read("编号,姓名\n" + "".join(map(line, range(MAX_ROWS + 1))))) == [(0, "bulk/too-many-rows")]
    assert list(read("编号,姓名\n" + "".join(map(line, range(MAX_ROWS + 1)))).rows) == []


# — workbooks —


def test_workbook_is_read_like_a_csv_file() -> None:
    data = workbook(("编号", "姓名", "链接"), (NUMBER, NAME, None), (None, None, f"{BASE_URL}/C/{KEY}"), (), (12, NAME))
    found = read(data)
    assert [(one.line, one.number, one.key) for one in found.rows] == [(2, NUMBER, None), (3, "", KEY), (5, "12", None)]


def test_formula_of_a_workbook_is_never_calculated() -> None:
    found = read(workbook(("编号", "姓名"), ('=HYPERLINK("https://evil.example","x")', NAME), (NUMBER, "=A1")))
    assert codes(found) == [(2, "bulk/formula-cell"), (3, "bulk/formula-cell")]


def test_cell_of_several_lines_costs_its_row_alone() -> None:
    found = read(workbook(("编号", "姓名"), (NUMBER, "李\n知行"), (NUMBER, NAME)))
    assert codes(found) == [(2, "bulk/control-character")]
    assert [one.line for one in found.rows] == [3]


def test_workbook_has_the_same_most_rows() -> None:
    rows = [("编号", "姓名"), *((f"N{place}", NAME) for place in range(MAX_ROWS + 1))]
    assert codes(read(workbook(*rows))) == [(0, "bulk/too-many-rows")]
    assert len(read(workbook(*rows[:-1])).rows) == MAX_ROWS


def _zip(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as book:
        for name, data in parts.items():
            book.writestr(name, data)
    return out.getvalue()


def replaced(data: bytes, part: str, content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.namelist():
            new.writestr(one, content if one == part else old.read(one))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"


@pytest.mark.parametrize(
    "data",
    [
        _zip(**{SHEET: b"0" * (65 * 1024 * 1024)}),
        _zip(**{f"part{place}": b"" for place in range(201)}),
        replaced(workbook(("编号", "姓名")), SHEET, b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'),
        replaced(workbook(("编号", "姓名")), SHEET, b"<worksheet><sheetData><row><c"),
        workbook(("编号", "姓名"))[:-30],
    ],
    ids=["bomb", "many-parts", "entities", "cut-xml", "cut-zip"],
)
def test_workbook_that_is_a_trap_is_refused(data: bytes) -> None:
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(data, max_rows=MAX_ROWS)
    assert [one.code for one in read(data).problems] == ["bulk/workbook-unreadable"]


def test_what_was_read_is_the_same_read_again_and_is_no_workbook() -> None:
    rows = [
        ("编号", "姓名", "备注"),
        (NUMBER, NAME, 3.5),
        (None, None, None),
        (NUMBER, "李\n知行", "x,y" * 100),
        ("", NAME, None),
    ]
    first = read(workbook(*rows))
    assert [one.line for one in first.rows] == [2]
    assert codes(first) == [(4, "bulk/control-character"), (5, "bulk/number-required")]
    again = read(first.text)
    assert again == first
    assert first.further_cells[4] == ("x,y" * 100,)
    assert read(f"编号,姓名\n{NUMBER},{NAME}\n").text == f"编号,姓名\n{NUMBER},{NAME}\n".encode()


def test_workbook_is_no_longer_as_a_list_than_a_csv_file_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    data = workbook(("编号", "姓名", "备注"), *((f"N{place}", NAME, "x" * 190) for place in range(9_000)))
    assert len(read(data).rows) == 9_000
    monkeypatch.setattr(asked_list, "MAX_BYTES", 1024 * 1024)
    assert len(data) < asked_list.MAX_BYTES
    assert codes(read(data)) == [(0, "bulk/file-too-large")]


def test_cell_far_away_takes_no_room() -> None:
    far = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    far += b'<row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>x</t></is></c></row></sheetData></worksheet>'
    assert len(workbook_as_csv(replaced(workbook(("编号", "姓名")), SHEET, far), max_rows=10)) < 100


# — whatever comes —


def whatever(seed: int) -> bytes:
    """Random bytes, or a good file with a few of its bytes changed, cut out or doubled."""
    draw = random.Random(seed)
    good = [
        f"编号,姓名\n{NUMBER},{NAME}\n,,{KEY}\n".encode("gbk"),
        f"number;name;link\n{NUMBER};{NAME};\n;;{BASE_URL}/C/{KEY}\n".encode("utf-8-sig"),
        workbook(("编号", "姓名"), (NUMBER, NAME), (BASE_URL, 3.5)),
    ]
    if seed % 5 == 0:
        return draw.randbytes(draw.randrange(2_000))
    data = bytearray(good[seed % len(good)])
    for _ in range(draw.randrange(1, 12)):
        place = draw.randrange(len(data))
        match draw.randrange(3):
            case 0:
                data[place] = draw.randrange(256)
            case 1:
                del data[place : place + draw.randrange(1, 40)]
            case _:
                data[place:place] = draw.randbytes(draw.randrange(1, 20))
        if not data:
            break
    return bytes(data)


def test_no_file_makes_it_fail() -> None:
    outcomes = {"rows": 0, "refused": 0}
    for seed in range(300):
        found = read(whatever(seed))
        assert all(one.line > 0 for one in found.rows)
        assert {one.line for one in found.rows}.isdisjoint(one.line for one in found.problems), seed
        outcomes["rows" if found.rows else "refused"] += 1
    assert min(outcomes.values()) > 20, outcomes


def test_limits_are_those_of_the_module() -> None:
    assert (asked_list.MAX_ROWS, asked_list.MAX_BYTES) == (10_000, 4 * 1024 * 1024)
