"""A corpus of payloads through everything that others write: inert on pages, in tables, badges, papers and terminals.

Each test has a control: the same check over an output that is not made safe must fail.
"""

import csv
import html
import io
import re
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pikepdf
import pypdfium2
import pytest

from api.app import create_app
from api.commands.verify import print_report
from api.terminal import OUT, print_table
from api.verifier import IssuerContact
from registry.credential.v1 import CertificateType
from registry.kernel.errors import RegistryError
from registry.verification.asked_list import read_list
from registry.verification.list_result import inert, read_result, result_csv, result_workbook
from registry.verification.model import Notice, NoticeKind, Outcome, Report
from registry.verification.receipts import purpose_of
from tests.http.bulk_site import BulkSite, bulk_site, csrf_of
from tests.http.sample_reports import (
    BASE_URL,
    CONTENT,
    GENEROUS,
    NAME,
    NOW,
    NUMBER,
    REPORTS,
    SampleDocuments,
    SampleHealth,
    SampleVerifier,
)
from tests.http.test_http_badges import client as badges
from tests.http.web_client import WebClient
from tests.unit.registry.delivery.sample_papers import drawn

CORPUS = Path(__file__).parents[1] / "fixtures" / "injection" / "corpus.txt"
HARMLESS = "湾区智造研究院"
_ESCAPED = re.compile(r"\\u\{([0-9a-f]+)\}")
FORMULA_STARTS = tuple("=+-@\t\r")


@cache
def payloads() -> tuple[str, ...]:
    lines = CORPUS.read_text("utf-8").split("\n")
    written = [line for line in lines if line and not line.startswith("## ")]
    return tuple(_ESCAPED.sub(lambda found: chr(int(found[1], 16)), line) for line in written)


def test_corpus_is_large_and_says_nothing_twice() -> None:
    assert len(payloads()) >= 300
    assert len(set(payloads())) == len(payloads())


# — pages —


class Structure(HTMLParser):
    """Reads a page as a browser's tokenizer does: elements with the names of their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.others: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if (tag, attrs) != ("span", [("class", "nowrap")]):  # dates are kept on one line, whoever wrote them
            self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "action", "formaction"}]

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    def scheme_of_links(self) -> set[str]:
        return {link.partition(":")[0] for link in self.links if not link.startswith(("/", "#", "?"))}


def report_about(payload: str) -> Report:
    """A verdict in which everything that somebody else wrote is the payload."""
    both = {"zh": payload, "en": payload}
    coded = {"targetCode": payload, "targetName": both}
    content = CONTENT | {
        "issuerName": both,
        "name": payload,
        "nameLatin": payload,
        "place": payload,
        "certificateType": coded,
        "level": coded,
        "grade": coded,
        "registrationNumber": payload,
        "achievement": {**CONTENT["achievement"], "name": both, "version": payload},  # type: ignore[dict-item]
        "result": [{"resultDescription": payload, "name": both, "value": payload}],
    }
    terms = {"audience": payload, "purpose": payload, "until": "2026-12-31"}
    return replace(
        REPORTS[Outcome.VALID], content=content, notices=(Notice(kind=NoticeKind.HOLDER_COPY, values=terms),)
    )


class Site:
    """One application in which what others wrote can be changed."""

    def __init__(self) -> None:
        self.verifier = SampleVerifier()
        self.contacts: dict[str, IssuerContact] = {}
        self.client = WebClient(
            create_app(
                self.verifier,
                health=SampleHealth(),
                documents=SampleDocuments(),
                public_base_url=BASE_URL,
                contacts=self.contacts,
                limits=GENEROUS,
                clock=lambda: NOW,
            )
        )

    def write(self, payload: str) -> WebClient:
        self.verifier.by_keys["A" * 26] = self.verifier.lookup = report_about(payload)
        self.contacts["LNSEC"] = IssuerContact(hours_zh=payload, hours_en=payload, telephone=payload, email=payload)
        return self.client


def pages_about(site: Site, payload: str) -> Iterator[Structure]:
    client = site.write(payload)
    yield Structure(client.get(f"/zh/C/{'A' * 26}").text)
    yield Structure(client.post("/en/verify", data={"number": NUMBER, "name": NAME}).text)


def test_pages_show_every_payload_as_text_and_nothing_else() -> None:
    site = Site()
    harmless = list(pages_about(site, HARMLESS))
    schemes = [one.scheme_of_links() for one in harmless]
    for payload in payloads():
        if not payload.strip():
            continue
        for page, expected, known in zip(pages_about(site, payload), harmless, schemes, strict=True):
            assert page.elements == expected.elements, payload
            assert page.others == expected.others, payload
            assert page.scheme_of_links() <= known, payload
        assert payload.replace("\0", "") in "".join(page.text).replace("\0", "") or "\r" in payload or "{" in payload


def test_what_is_typed_comes_back_as_text() -> None:
    site = Site().write(HARMLESS)
    expected = [
        Structure(site.post("/zh/list", data={"rows": "X Y"}).text),
        Structure(site.post("/zh/verify", data={"number": "X", "name": "Y"}).text),
        Structure(site.get("/zh/").text),
    ]
    for payload in payloads():
        line = " ".join(payload.split()) or "X"
        typed = [
            site.post("/zh/verify", data={"number": payload[:64], "name": payload[:200]}),
            site.post("/zh/list", data={"rows": "X " + line.replace(",", "").replace(";", "")}),
        ]
        for answer in typed:
            page = Structure(answer.text)
            shape = {tuple(one.elements) for one in expected}
            harmless = {name for one in shape for name, _ in one} | {"input", "form", "button"}
            assert {name for name, _ in page.elements} <= harmless, payload
            assert not any(name.startswith("on") for _, names in page.elements for name in names), payload
            assert page.others == expected[0].others, payload


def test_page_that_does_not_escape_is_found_out() -> None:
    text = Site().write(HARMLESS).get(f"/zh/C/{'A' * 26}").text
    harmless = Structure(text)
    caught = [
        payload
        for payload in payloads()
        if Structure(text.replace(HARMLESS, payload)).elements != harmless.elements
        or Structure(text.replace(HARMLESS, payload)).others != harmless.others
    ]
    assert len(caught) > 60
    escaped = [text.replace(HARMLESS, html.escape(payload)) for payload in caught]
    assert all(Structure(one).elements == harmless.elements for one in escaped)


# — lists: file names, purposes, numbers, names —


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BulkSite]:
    made = bulk_site(tmp_path_factory.mktemp("injection"))
    made.verifier.by_keys = {
        f"{'A' * 22}{place:04d}".translate(str.maketrans("0123456789", "BCDEFGHIJK")): report_about(payload)
        for place, payload in enumerate(payloads())
    }
    yield made
    made.store.close()


def result_of_all(lists: BulkSite) -> tuple[WebClient, str]:
    """Verify a list whose certificates hold the payloads as names, and whose other rows ask for them."""
    client = lists.client(language="zh")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["编号", "姓名", "链接"])
    writer.writerows(["", "", f"{BASE_URL}/C/{key}"] for key in lists.verifier.by_keys)
    writer.writerows([f"{payload}"[:200], HARMLESS, ""] for payload in payloads() if len(payload.splitlines()) == 1)
    id = lists.job(client, text.getvalue().encode("utf-8", "replace"))
    assert lists.desk.work()
    return client, id


def test_result_of_a_list_holds_no_formula_and_its_page_no_element(lists: BulkSite) -> None:
    client, id = result_of_all(lists)
    data = client.get(f"/bulk/{id}/result.csv").content
    require_inert(list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))))
    assert len(list(read_result(data))) >= 2 * len(payloads()) - 40
    book = openpyxl.load_workbook(io.BytesIO(client.get(f"/bulk/{id}/result.xlsx").content))
    assert {cell.data_type for row in book.worksheets[0].rows for cell in row} <= {"s", "n", "inlineStr"}
    book.close()
    page = Structure(client.get(f"/bulk/{id}").text)
    allowed = {"tr", "td", "span", "bdi", "code", "svg", "path", "circle"}
    start = next(place for place, (name, _) in enumerate(page.elements) if name == "tbody")
    end = next(place for place, (name, _) in enumerate(page.elements) if place > start and name in {"table", "p"})
    rows = page.elements[start + 1 : end]
    assert {name for name, _ in rows} <= allowed
    per_row = {rows[0:1][0]}
    assert {one for one in rows if one[0] == "tr"} == per_row
    assert page.scheme_of_links() == set()


def require_inert(cells: list[list[str]]) -> None:
    for row in cells:
        for cell in row:
            assert not cell.startswith(FORMULA_STARTS), cell
            assert not unicodedata.normalize("NFKC", cell[:1]).startswith(FORMULA_STARTS), cell
            assert cell.isprintable(), cell


def test_every_payload_is_inert_as_a_cell() -> None:
    require_inert([[inert(payload)] for payload in payloads()])


def test_cells_that_are_not_made_inert_are_found_out() -> None:
    caught = 0
    for payload in payloads():
        try:
            require_inert([[payload]])
        except AssertionError:
            caught += 1
    assert caught > 60


def test_workbook_library_would_take_formulas_for_formulas() -> None:
    book = openpyxl.Workbook()
    book.active.append(["=1+1"])
    out = io.BytesIO()
    book.save(out)
    assert openpyxl.load_workbook(io.BytesIO(out.getvalue())).worksheets[0]["A1"].data_type == "f"
    kept = openpyxl.load_workbook(io.BytesIO(result_workbook(result_csv([]).replace(b"line", b"=1+1"))))
    assert all(cell.data_type != "f" for row in kept.worksheets[0].rows for cell in row)


def test_file_names_and_purposes_are_text_or_refused(lists: BulkSite) -> None:
    client = lists.client(language="zh")
    csrf = csrf_of(client)

    def looked(name: str) -> Structure:
        sent = {"csrf": csrf, "do": "look", "purpose": name}
        return Structure(client.post("/bulk", data=sent, files={"list": (f"{name}.csv", b"number,name\nA,\n")}).text)

    def refused(purpose: str) -> Structure:
        sent = {"csrf": csrf, "do": "start", "purpose": f"x{purpose}\nx"}
        return Structure(client.post("/bulk", data=sent, files={"list": ("a.csv", b"number,name\nA,B\n")}).text)

    shapes = looked(HARMLESS).elements, refused(HARMLESS).elements
    for payload in payloads()[::3]:
        page = looked(payload)
        assert page.elements, ("looked", payload)
        assert page.elements in (shapes[0], Structure(client.get("/zh/problems/http/malformed").text).elements), payload
        assert refused(payload).elements == shapes[1], ("refused", payload)
    for payload in payloads():
        try:
            purpose = purpose_of(payload)
        except RegistryError:
            continue
        assert purpose is None or purpose.isprintable()


# — badges —


def test_no_part_of_an_address_gets_into_a_badge() -> None:
    site = badges()
    fixed = ElementTree.fromstring(site.get("/badge/LNSEC/0/1.svg").text)  # noqa: S314 - our own drawing
    elements = [one.tag for one in fixed.iter()]
    for payload in payloads():
        for params in ({"lang": payload}, {"outcome": payload, "x": payload}):
            answer = site.get("/badge/LNSEC/0/1.svg", params=params)
            if answer.headers["Content-Type"].startswith("image/svg+xml"):
                drawn_now = ElementTree.fromstring(answer.text)  # noqa: S314 - our own drawing
                assert [one.tag for one in drawn_now.iter()] == elements, payload
                assert len(payload) < 8 or payload not in answer.text, payload
            else:
                assert answer.status_code in {404, 422}, payload


# — the command line —


def printed(capsys: pytest.CaptureFixture[str], payload: str) -> str:
    print_report(report_about(payload))
    print_table(["name"], [[payload]])
    return capsys.readouterr().out


def require_no_control(text: str) -> None:
    bad = {one for one in text if one != "\n" and not one.isprintable()}
    assert not bad, bad


def test_terminal_is_sent_no_control_character(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, HARMLESS).count("\n")
    for payload in payloads():
        text = printed(capsys, payload)
        require_no_control(text)
        if "\n" not in payload:
            assert text.count("\n") == lines, payload


def test_terminal_that_is_written_to_as_it_comes_is_found_out(capsys: pytest.CaptureFixture[str]) -> None:
    caught = 0
    for payload in payloads():
        OUT.out(payload)
        try:
            require_no_control(capsys.readouterr().out)
        except AssertionError:
            caught += 1
    assert caught > 30


# — the paper —


def things(data: bytes) -> tuple[int, frozenset[str], int]:
    """Count a PDF's annotations, what could act in it, its pages."""
    with pikepdf.open(io.BytesIO(data)) as document:
        found = {
            str(name)
            for one in document.objects
            if isinstance(one, pikepdf.Dictionary)
            for name in one.keys()  # noqa: SIM118 - a PDF dictionary
            if str(name) in {"/AA", "/OpenAction", "/JS", "/JavaScript", "/Launch", "/URI", "/AcroForm", "/A"}
        }
        return sum(len(page.get("/Annots", [])) for page in document.pages), frozenset(found), len(document.pages)


def text_of(data: bytes) -> str:
    with closing(pypdfium2.PdfDocument(data)) as document:
        return "".join(page.get_textpage().get_text_range() for page in document)


def comparable(text: str) -> str:
    """Take a text without its spaces and line breaks, and without what a page does to marks and ligatures."""
    return "".join(one for one in unicodedata.normalize("NFKC", text) if not one.isspace() and one != "\u00ad")


@pytest.mark.slow
def test_paper_sets_every_payload_as_it_is_or_refuses_it() -> None:
    kind = CertificateType.VOCATIONAL_TECHNOLOGY
    plain = things(drawn(kind))
    chosen = [one for one in payloads() if len(one) <= 40][::4]
    chosen += [one for one in payloads() if one.startswith(("#", "$", "\\", ") Tj", "/")) and one not in chosen]
    refused = 0
    for payload in chosen:
        try:
            data = drawn(kind, name=payload)
        except RegistryError:
            refused += 1  # the credential or the fonts say which character
            continue
        assert things(data) == plain, payload
        if read_list(f"number,name\nA,{payload}\n".encode(), BASE_URL).problems:
            continue  # enrolment refuses it by name: it never gets into a credential
        assert comparable(payload) in comparable(text_of(data)), payload
    assert 0 < refused < len(chosen) // 2


def test_paper_with_a_link_is_found_out() -> None:
    with pikepdf.open(io.BytesIO(drawn(CertificateType.VOCATIONAL_TECHNOLOGY))) as document:
        before = io.BytesIO()
        document.save(before)
        link = pikepdf.Dictionary(
            Type=pikepdf.Name.Annot,
            Subtype=pikepdf.Name.Link,
            Rect=[0, 0, 1, 1],
            A=pikepdf.Dictionary(S=pikepdf.Name.URI, URI=pikepdf.String("https://evil.example")),
        )
        document.pages[0].Annots = document.make_indirect(pikepdf.Array([document.make_indirect(link)]))
        after = io.BytesIO()
        document.save(after)
    assert things(before.getvalue()) != things(after.getvalue())
