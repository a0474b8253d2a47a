"""Workbooks that cost more than they are: refused before a parser builds anything of them."""

import io
import zipfile

import openpyxl
import pytest

from registry.enrolment.workbook import WorkbookRefused, workbook_as_csv


def workbook(*rows: list[str]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def with_sheet(change) -> bytes:
    """A small workbook whose first sheet was changed."""
    source, written = zipfile.ZipFile(io.BytesIO(workbook(["a", "b"]))), io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as target:
        for one in source.infolist():
            content = source.read(one)
            target.writestr(one.filename, change(content) if one.filename.endswith("sheet1.xml") else content)
    return written.getvalue()


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
        lambda sheet: sheet.decode().encode("utf-16"),
        lambda sheet: b"<?xml version='1.0' encoding='utf-7'?>" + sheet.partition(b"?>")[2],
    ],
    ids=["half a million cells", "with places", "with a prefix", "entities", "UTF-16", "UTF-7"],
)
def test_a_row_without_end_and_parts_that_cannot_be_counted_are_refused(change):
    with pytest.raises(WorkbookRefused):
        workbook_as_csv(with_sheet(change), max_rows=10)
