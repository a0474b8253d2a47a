"""Workbooks that cost more than they are: refused before a parser builds anything of them."""

import bz2
import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable

import openpyxl
import pytest

from registry.enrolment import workbook as reading
from registry.enrolment.workbook import WorkbookTooLong, workbook_as_csv
from registry.enrolment.workbook_parts import WorkbookRefused


def workbook(*rows: list[str]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


Change = Callable[[bytes], bytes]


def with_part(end: str, change: Change, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A small workbook of which the part whose name ends so was changed."""
    source, written = zipfile.ZipFile(io.BytesIO(workbook(["a", "b"]))), io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as target:
        for one in source.infolist():
            content = source.read(one)
            target.writestr(one.filename, change(content) if one.filename.endswith(end) else content)
    return written.getvalue()


def with_sheet(change: Change) -> bytes:
    """A small workbook whose first sheet was changed."""
    return with_part("sheet1.xml", change)


def with_texts(texts: bytes) -> bytes:
    """A small workbook that has shared texts, and one cell that shows the first."""
    source, written = zipfile.ZipFile(io.BytesIO(workbook(["a", "b"]))), io.BytesIO()
    refers = b'<Relationship Id="t" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>'
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        for one in source.infolist():
            content = source.read(one).replace(b"</Relationships>", refers)
            if one.filename.endswith("sheet1.xml"):
                content = SHEET % b"<row><c t='s'><v>0</v></c></row>"
            target.writestr(one.filename, content)
        target.writestr("xl/sharedStrings.xml", texts)
    return written.getvalue()


SHEET = b"<worksheet><sheetData>%s</sheetData></worksheet>"


def cost_of(data: bytes) -> int:
    """Read a workbook, however it ends; give the most bytes that were held meanwhile."""
    tracemalloc.start()
    try:
        workbook_as_csv(data, max_rows=10)
    except WorkbookRefused:
        pass
    finally:
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return most


def test_an_ordinary_workbook_is_read():
    assert workbook_as_csv(workbook(["a", "b"], ["1", "2"]), max_rows=10).decode("utf-8-sig") == "a,b\n1,2\n"
    assert workbook_as_csv(with_sheet(lambda sheet: sheet), max_rows=10)


@pytest.mark.parametrize(
    "change",
    [
        lambda sheet: sheet.replace(b"</row>", b"<c/>" * 500_000 + b"</row>"),
        lambda sheet: sheet.replace(b"</row>", b"<c r='A1'/>" * 200 + b"</row>"),
        lambda sheet: sheet.replace(b"</row>", b"<x:c xmlns:x='y'/>" * 200 + b"</row>"),
        lambda sheet: b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + sheet,
        lambda sheet: b"<?xml version='1.0' encoding='utf-7'?>" + sheet.partition(b"?>")[2],
    ],
    ids=["half a million cells", "with places", "with a prefix", "entities", "UTF-7"],
)
def test_a_row_without_end_and_parts_that_cannot_be_counted_are_refused(change):
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(with_sheet(change), max_rows=10)


def test_a_sheet_in_utf_16_is_read_like_any_other():
    assert b"a,b" in workbook_as_csv(with_sheet(lambda sheet: sheet.decode().encode("utf-16")), max_rows=10)


MANY = 256 * 1024
TENTH = 10


@pytest.mark.parametrize(
    ("end", "change"),
    [
        ("styles.xml", lambda part: part.replace(b"</cellXfs>", b"<xf/>" * MANY + b"</cellXfs>")),
        ("styles.xml", lambda part: part.replace(b"<fonts", b"<fonts>" + b"<font/>" * MANY + b"</fonts><fonts", 1)),
        ("workbook.xml", lambda part: part.replace(b"</sheets>", b'<sheet id="rId1"/>' * MANY + b"</sheets>")),
        ("workbook.xml.rels", lambda part: part.replace(b"</Rel", b"<Relationship/>" * MANY + b"</Rel")),
        ("_rels/.rels", lambda part: part.replace(b"</Rel", b"<a/>" * MANY + b"</Rel")),
        ("sheet1.xml", lambda _: SHEET % (b'<row r="1"/>' * MANY)),
        ("sheet1.xml", lambda _: SHEET % (b"<x>" * MANY)),
        ("sheet1.xml", lambda _: SHEET % b"".join(b"<a%d/>" % place for place in range(MANY // 4))),
        ("sheet1.xml", lambda _: SHEET % (b"<row %s/>" % b" ".join(b"a%d=''" % at for at in range(MANY)))),
        ("sheet1.xml", lambda _: SHEET % (b"<row r='%s'/>" % (b"1" * 40 * MANY))),
    ],
    ids=[
        "formats",
        "fonts",
        "sheets",
        "relations",
        "first relations",
        "one row",
        "depth",
        "names",
        "attributes",
        "tag",
    ],
)
def test_what_a_small_file_repeats_without_end_is_refused_before_it_takes_room(
    end: str, change: Change, monkeypatch: pytest.MonkeyPatch
):
    data = with_part(end, change)
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(data, max_rows=10)
    monkeypatch.setattr(reading, "_FIXED_TAGS", reading._FIXED_TAGS // TENTH)  # counting what is held is slow
    assert cost_of(data) < 4 * 1024 * 1024


def test_shared_texts_without_end_are_refused_and_their_length_is_not_kept(monkeypatch: pytest.MonkeyPatch):
    assert workbook_as_csv(with_texts(b"<sst><si><t>one</t></si></sst>"), max_rows=10).endswith(b"one\n")
    for texts in (b"<si/>" * MANY, b"<si><t>a</t></si>" * MANY):
        data = with_texts(b"<sst>" + texts + b"</sst>")
        with pytest.raises(WorkbookRefused):
            workbook_as_csv(data, max_rows=10)
        with monkeypatch.context() as fewer:
            fewer.setattr(reading, "_FIXED_TAGS", reading._FIXED_TAGS // TENTH)
            assert cost_of(data) < 4 * 1024 * 1024
    long = with_texts(b"<sst><si><t>" + b"x" * 16 * MANY + b"</t></si></sst>")
    assert len(workbook_as_csv(long, max_rows=10)) < 33_000
    assert cost_of(long) < 4 * 1024 * 1024


def test_one_text_that_many_cells_show_is_written_no_further_than_a_list_may_be():
    cells = b"<row>" + b"<c t='str'><v>%s</v></c>" % (b"x" * 200) * 100 + b"</row>"
    with pytest.raises(WorkbookTooLong):
        workbook_as_csv(with_sheet(lambda _: SHEET % (cells * 10)), max_rows=10, max_bytes=100_000)
    assert workbook_as_csv(with_sheet(lambda _: SHEET % (cells * 4)), max_rows=10, max_bytes=100_000)


def test_parts_that_nobody_reads_are_not_unpacked():
    data = with_part("theme1.xml", lambda _: b"<a>" + b"<b/>" * 4 * MANY)
    assert workbook_as_csv(data, max_rows=10).endswith(b"a,b\n")
    assert cost_of(data) < 4 * 1024 * 1024


def test_a_part_is_not_unpacked_further_than_the_directory_says():
    data = with_sheet(lambda _: b"<worksheet>" + b" " * 32 * MANY)
    size = (32 * MANY + len(b"<worksheet>")).to_bytes(4, "little")
    assert data.count(size) == 2  # before the part, and in the directory
    lying = data.replace(size, (64).to_bytes(4, "little"))
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(lying, max_rows=10)
    assert cost_of(lying) < 2 * 1024 * 1024


def test_a_directory_that_leads_past_the_end_is_refused():
    data = workbook(["a", "b"])
    every = bytearray(data)
    for found in re.finditer(b"PK\x01\x02", data):
        every[found.start() + 42 : found.start() + 46] = (len(data) - 4).to_bytes(4, "little")
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(bytes(every), max_rows=10)


def test_packing_that_unpacks_in_one_step_is_refused():
    assert len(bz2.compress(b" " * MANY)) < 100
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(with_part("sheet1.xml", lambda sheet: sheet, zipfile.ZIP_BZIP2), max_rows=10)


def test_a_directory_of_endless_entries_is_refused_before_it_is_read():
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as target:
        for place in range(2_000):
            target.writestr(f"{place}", b"")
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(written.getvalue(), max_rows=10)
    assert cost_of(written.getvalue()) < 300_000
