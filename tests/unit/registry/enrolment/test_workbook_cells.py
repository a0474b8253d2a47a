"""What a cell of a workbook says: numbers that lost their end, days, shared and inline texts, formulas, gaps."""

import io
import zipfile
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest

from registry.enrolment import read_roster
from registry.enrolment.workbook import as_text, workbook_as_csv
from registry.programme import load_catalogue

TODAY = date(2026, 11, 22)
MIDNIGHT = datetime.fromisoformat("1997-03-15T00:00:00")
PROGRAMME = load_catalogue().programme("AIGC-APP-ENG")
HEADINGS = ("姓名", "证件类型", "证件号码", "出生日期", "申报级别", "学历", "工作年限")


def workbook(*rows: tuple[object, ...], formats: dict[str, str] | None = None) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for place, code in (formats or {}).items():
        book.active[place].number_format = code
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def lines(data: bytes) -> list[str]:
    return workbook_as_csv(data, max_rows=100).decode("utf-8-sig").splitlines()


def drawn(
    cells: str, *, texts: str = "", formats: str = "", begins: str = "", target: str = "worksheets/sheet1.xml"
) -> bytes:
    """A workbook as other programs write it, of parts written here."""
    ours = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relation = f'<Relationship Id="r%d" Type="{ours}/%s" Target="%s"/>'
    parts = {
        "_rels/.rels": "<Relationships>" + relation % (1, "officeDocument", "xl/workbook.xml") + "</Relationships>",
        "xl/workbook.xml": f'<workbook xmlns:r="{ours}">{begins}<sheets><sheet r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": "<Relationships>"
        + relation % (1, "worksheet", target)
        + relation % (2, "sharedStrings", "sharedStrings.xml")
        + relation % (3, "styles", "styles.xml")
        + "</Relationships>",
        "xl/sharedStrings.xml": f"<sst>{texts}</sst>",
        "xl/styles.xml": f"<styleSheet>{formats}</styleSheet>",
        "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{cells}</sheetData></worksheet>",
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as target_file:
        for name, content in parts.items():
            target_file.writestr(name, content)
    return written.getvalue()


# — numbers —


@pytest.mark.parametrize("number", [440301199703155000, 4.40301199703155e17, 10**15, 1e15, 110101199001090000])
def test_a_number_of_more_figures_than_are_kept_is_never_digits(number: float):
    (line,) = lines(workbook((number,)))
    assert "E+" in line
    assert str(int(number)) not in line


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (20260000000001, "20260000000001"),
        (999_999_999_999_999, "999999999999999"),
        (95, "95"),
        (95.0, "95"),
        (79.5, "79.5"),
        (0.1 + 0.2, "0.3"),
        (-3, "-3"),
        (True, "TRUE"),
    ],
)
def test_numbers_that_are_kept_whole_come_as_they_are_shown(number: float, shown: str):
    assert lines(workbook((number,))) == [shown]


def test_an_identity_number_that_was_kept_as_a_number_is_refused_and_says_why():
    """This one passes the check of its last character, though its last three digits are gone."""
    wrong = 110101199001090000
    rows = workbook(HEADINGS, ("安宁", "身份证", wrong, None, "初级", "本科", 3))
    reading = read_roster(as_text(rows), programme=PROGRAMME, today=TODAY)
    assert [(one.line, one.column, one.code) for one in reading.problems] == [
        (2, "证件号码", "enrol/identity-scientific")
    ]
    assert reading.candidates == ()
    as_typed = workbook(HEADINGS, ("安宁", "身份证", str(wrong), None, "初级", "本科", 3))
    assert read_roster(as_text(as_typed), programme=PROGRAMME, today=TODAY).candidates  # nothing else is wrong with it


# — days —


def test_a_day_that_the_spreadsheet_knows_as_one_is_that_day():
    rows = workbook(
        HEADINGS,
        ("安宁", "护照", "E12345678", MIDNIGHT, "初级", "本科", 3),
        ("欧阳若晞", "护照", "E12345679", date(1998, 3, 15), "初级", "本科", 3.5),
    )
    reading = read_roster(as_text(rows), programme=PROGRAMME, today=TODAY)
    assert reading.problems == ()
    assert [one.birth_date for one in reading.candidates] == [date(1997, 3, 15), date(1998, 3, 15)]


@pytest.mark.parametrize(
    "code", ["yyyy-mm-dd", 'yyyy"年"m"月"d"日"', "[$-804]yyyy/m/d;@", "mmm-yy", "dd\\.mm\\.yyyy", 'm"月"d"日"']
)
def test_a_number_under_a_format_of_days_is_a_day(code: str):
    assert lines(workbook((35504,), formats={"A1": code})) == ["1997-03-15"]


@pytest.mark.parametrize("code", ["0.00", "#,##0_);[Red]", '"days "0', "0.00E+00", "General", "@", "[h]:mm", "\\d0"])
def test_a_number_under_any_other_format_is_a_number(code: str):
    assert lines(workbook((35504,), formats={"A1": code})) == ["35504"]


def test_a_moment_that_is_no_midnight_keeps_its_time():
    assert lines(workbook((MIDNIGHT + timedelta(hours=8, minutes=30),))) == ["1997-03-15T08:30:00"]
    assert lines(workbook((MIDNIGHT + timedelta(milliseconds=100),))) == ["1997-03-15"]


def test_days_are_counted_from_the_workbooks_own_beginning_and_ends():
    styled = "<cellXfs><xf/><xf numFmtId='31'/></cellXfs>"
    cell = '<row r="1"><c r="A1" s="1"><v>%s</v></c></row>'
    assert lines(drawn(cell % 35504, formats=styled)) == ["1997-03-15"]  # a format that Chinese spreadsheets know
    assert lines(drawn(cell % 34042, formats=styled, begins="<workbookPr date1904='1'/>")) == ["1997-03-15"]
    assert lines(drawn(cell % 1, formats=styled)) == ["1900-01-01"]
    assert lines(drawn(cell % 61, formats=styled)) == ["1900-03-01"]
    for none in ("99999999", "-1", "0.5", "1E+300", "0"):
        assert lines(drawn(cell % none, formats=styled)) == [f"{float(none):.15G}"]
    for stated in ("1997-03-15", "1997-03-15T00:00:00"):
        assert lines(drawn(f'<row><c t="d"><v>{stated}</v></c></row>')) == ["1997-03-15"]


# — texts —


def test_texts_are_put_together_and_how_they_sound_is_left_out():
    texts = "<si><r><t>李</t></r><r><rPr><b/></rPr><t>知行</t></r><rPh sb='0' eb='1'><t>LI</t></rPh></si>"
    texts += "<si><t>_x005F_x41_x0041_</t></si>"
    cells = '<row r="1"><c t="s"><v>0</v></c><c t="s"><v>1</v></c>'
    cells += '<c t="inlineStr"><is><r><t>安</t></r><r><t>宁</t></r></is></c></row>'
    assert lines(drawn(cells, texts=texts)) == ["李知行,_x41A,安宁"]


def test_formulas_come_as_their_text_and_errors_as_their_word():
    cells = '<row><c><f t="shared" ref="A1:B1" si="0">A2+1</f><v>7</v></c><c><f t="shared" si="0"/><v>8</v></c>'
    cells += '<c t="e"><v>#N/A</v></c></row>'
    assert lines(drawn(cells)) == ["=A2+1,=,#N/A"]


def test_a_text_is_kept_whole_as_far_as_a_cell_can_hold_it():
    for written, shown in (
        ("字" * 300, "字" * 300),
        ("_x0041_" * 32_767, "A" * 32_767),
        ("字" * 40_000, "字" * 32_767),
    ):
        assert lines(drawn(f"<row><c t='str'><v>{written}</v></c></row>")) == [shown]


def test_rows_and_cells_keep_their_places():
    cells = '<row r="2"><c r="B2" t="str"><v>b</v></c></row><row r="5" spans="1:3"><c r="C5"><v>3</v></c></row>'
    assert lines(drawn(cells)) == ["", ",b", "", "", ",,3"]
    assert lines(drawn(cells, target="/xl/worksheets/Sheet1.xml")) == ["", ",b", "", "", ",,3"]


def test_a_workbook_as_a_spreadsheet_saves_it_is_the_same_as_its_csv():
    rows = [("a", 1, 2.5, time(8, 30), None, "x,y"), (None,), ("b", None, None, None, None, '"')]
    assert lines(workbook(*rows))[0] == 'a,1,2.5,0.354166666666667,,"x,y"'
    assert lines(workbook(*rows))[1:] == ["", 'b,,,,,""""']
