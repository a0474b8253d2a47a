"""A list of certificates to verify: from a CSV file or a workbook to rows that say what is asked, or what is wrong.

A row asks by number and name, or by a link of this registry (or the 26 characters at its end), in the column for links
or in that of numbers. A link of another host is never fetched: the row is wrong and says so.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry.enrolment import Column, ProblemKind, Row, RowProblem, Table, kinds, read_table, table_kinds
from registry.enrolment.table import Shape
from registry.enrolment.workbook import WorkbookTooLong, is_workbook, workbook_as_csv
from registry.enrolment.workbook_parts import WorkbookRefused
from registry.kernel.addresses import bare_key, certificate_link
from registry.kernel.identifiers import CertificateKey, normal_number

MAX_ROWS: Final = 10_000
"""Most rows of one list."""
MAX_BYTES: Final = 4 * 1024 * 1024
"""Largest file."""
NAMES_PER_NUMBER: Final = 3
"""Rows that ask for one number; more would be trying names out."""
_NUMBER_CHARACTERS: Final = 64

NUMBER, NAME, LINK = "number", "name", "link"
COLUMNS: Final = (
    Column(
        key=NUMBER,
        headings=(
            "证书编号",
            "编号",
            "证书号",
            "证书号码",
            "number",
            "certificate number",
            "certificate no",
            "certificate no.",
            "licence number",
            "license number",
        ),
    ),
    Column(
        key=NAME,
        headings=("姓名", "持证人", "持证人姓名", "name", "holder", "holder's name", "holder name", "full name"),
    ),
    Column(
        key=LINK,
        headings=("链接", "核验链接", "证书链接", "二维码", "网址", "编码", "link", "url", "qr", "qr code", "key"),
    ),
)
_SHAPE: Final = Shape(max_bytes=MAX_BYTES, max_rows=MAX_ROWS, assumed=(NUMBER, NAME), brings_along=True)
_LINK_LIKE: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)

_LIST_TEXTS: Final = (
    (
        "no-known-column",
        "有表头，却没有证书编号一列，也没有链接一列",
        "there is a heading, but no column of certificate numbers and none of links",
        "表头写“证书编号”和“姓名”，或写“链接”；也可以不要表头",
        "name the columns “number” and “name”, or “link”; or leave the heading out",
    ),
    (
        "number-required",
        "没有编号，也没有链接",
        "there is neither a number nor a link",
        "补上证书编号和姓名，或二维码里的链接",
        "add the certificate number and the name, or the link from the QR code",
    ),
    (
        "name-required",
        "有编号，没有姓名",
        "there is a number and no name",
        "补上持证人姓名，用字与证书上一致",
        "add the holder's name, written as on the certificate",
    ),
    (
        "number-too-long",
        "编号超过{limit}个字符",
        "the number has more than {limit} characters",
        "照证书上印的编号填写",
        "write the number as it is printed on the certificate",
    ),
    (
        "link-elsewhere",
        "链接是别的网站的，不是本登记系统的",
        "the link leads to another site, not to this registry",
        "到证书上印的那个网址去核验；或改填编号和姓名",
        "verify it at the address printed on the certificate, or give number and name",
    ),
    (
        "link-malformed",
        "链接写得不全，或不是证书的链接",
        "the link is incomplete, or not one of a certificate",
        "重新扫码复制整个链接，末尾是26个字母和数字",
        "scan the code again and copy the whole link: it ends in 26 letters and digits",
    ),
    (
        "number-repeated",
        "同一编号已经出现{limit}次，这一行不再核验",
        "this number stands in {limit} rows before; this row is not verified",
        "核对编号；同一份证书只列一次",
        "check the number; list each certificate once",
    ),
    (
        "workbook-unreadable",
        "这个工作簿打不开，或展开后太大",
        "this workbook cannot be opened, or is too large unpacked",
        "另存为“CSV UTF-8”，再提交",
        "save it as “CSV UTF-8” and hand it in again",
    ),
)
LIST_PROBLEMS: Final[Mapping[str, ProblemKind]] = {**table_kinds("bulk"), **kinds("bulk", *_LIST_TEXTS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedRow:
    """One row that can be verified: by number and name, or by key."""

    line: int
    """Line of the file, or row of the sheet, from 1."""
    number: str = ""
    name: str = ""
    key: CertificateKey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedList:
    """A list as it was read: every line that holds anything is in `rows` or has a problem."""

    rows: Sequence[AskedRow]
    """In the file's order."""
    problems: Sequence[RowProblem]
    """By line; a problem at line 0 is one of the whole file, and there are no rows then."""
    notices: Sequence[RowProblem]
    row_count: int
    """Lines that hold anything, good and bad."""
    text: bytes = b""
    """What was read, as CSV: of a workbook its first sheet. Read again it gives the same. Empty where refused."""
    further: tuple[str, ...] = ()
    """Headings of the columns that are not asked for, which come along as they are."""
    further_cells: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    """Their cells, unchecked, by line; a line that could not be cut into cells is not among them."""


def read_list(data: bytes, public_base_url: str) -> AskedList:
    """Read a list: CSV (UTF-8, GBK; comma, semicolon, tab) or XLSX, with a heading in Chinese or English or none.

    `public_base_url` is the only host whose links are taken. Never raises.
    """
    if is_workbook(data):
        if len(data) > MAX_BYTES:
            return _refused(LIST_PROBLEMS["file-too-large"].at(limit=MAX_BYTES // 1024 // 1024))
        try:
            data = workbook_as_csv(data, max_rows=MAX_ROWS, max_bytes=MAX_BYTES)
        except WorkbookTooLong:
            return _refused(LIST_PROBLEMS["file-too-large"].at(limit=MAX_BYTES // 1024 // 1024))
        except WorkbookRefused:
            return _refused(LIST_PROBLEMS["workbook-unreadable"].at())
    table = read_table(data, COLUMNS, LIST_PROBLEMS, _SHAPE)
    if table.places and not {NUMBER, LINK} & table.places.keys():
        return _refused(LIST_PROBLEMS["no-known-column"].at(1))
    if any(one.line <= 1 and one.code == "bulk/duplicate-column" for one in table.problems) or any(
        one.line == 0 for one in table.problems
    ):
        return AskedList(rows=(), problems=table.problems, notices=table.notices, row_count=table.row_count)
    reader = _Reader(table, public_base_url.lower())
    taken = [reader.asked(row) for row in table.rows if None not in row.cells.values()]  # what is None was reported
    wrong = [one for one in taken if isinstance(one, RowProblem)]
    problems = sorted([*table.problems, *wrong], key=lambda one: (one.line, one.position))
    rows = [one for one in taken if isinstance(one, AskedRow)]
    return AskedList(
        rows=rows,
        problems=problems,
        notices=table.notices,
        row_count=table.row_count,
        text=data,
        further=table.further,
        further_cells={one.line: one.further for one in table.rows} if table.further else {},
    )


def _refused(problem: RowProblem) -> AskedList:
    return AskedList(rows=(), problems=(problem,), notices=(), row_count=0)


class _Reader:
    """Takes the rows of one table for what they ask."""

    def __init__(self, table: Table, base_url: str) -> None:
        self.table, self.base_url = table, base_url
        self._asked: Counter[str] = Counter()

    def asked(self, row: Row) -> AskedRow | RowProblem:
        number, name, link = (row.cells.get(key) or "" for key in (NUMBER, NAME, LINK))
        column = LINK if link else NUMBER
        given = link or number
        if not given:
            return self._wrong("number-required", row, NUMBER)
        if link or _LINK_LIKE.match(given) or bare_key(given):
            return self._by_link(row, given, column)
        if not name:
            return self._wrong("name-required", row, NAME)
        if len(number) > _NUMBER_CHARACTERS:
            return self._wrong("number-too-long", row, NUMBER, limit=_NUMBER_CHARACTERS)
        found_by = normal_number(number)
        self._asked[found_by] += 1
        if self._asked[found_by] > NAMES_PER_NUMBER:
            return self._wrong("number-repeated", row, NUMBER, limit=NAMES_PER_NUMBER)
        return AskedRow(line=row.line, number=number, name=name)

    def _by_link(self, row: Row, given: str, column: str) -> AskedRow | RowProblem:
        link = certificate_link(given)
        key = link.key if link is not None and link.site == self.base_url else bare_key(given)
        if key is not None:
            return AskedRow(line=row.line, key=key)
        host = given[: len(self.base_url) + 1].lower()
        ours = host in {self.base_url, f"{self.base_url}/"} or not _LINK_LIKE.match(given)
        return self._wrong("link-malformed" if ours else "link-elsewhere", row, column)

    def _wrong(self, slug: str, row: Row, column: str, **numbers: int) -> RowProblem:
        place = self.table.places.get(column)
        heading, position = ("", 0) if place is None else (place.heading, place.position)
        return LIST_PROBLEMS[slug].at(row.line, heading, position, **numbers)
