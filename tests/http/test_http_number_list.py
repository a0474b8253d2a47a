"""Several numbers with their names at once: one verdict a line, within the limits of look-ups."""

import pytest

from api.pages.catalogue import LANGUAGES, Language, catalogue
from api.pages.numbers import MOST_ROWS, AskedRow, rows_in
from api.verifier import LookupLimits
from registry.verification.model import Outcome
from tests.http.sample_reports import NAME, NUMBER, REPORTS, SampleVerifier
from tests.http.sample_site import make_client


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("A-1 李知行", AskedRow(number="A-1", name="李知行")),
        ("A-1\t李知行", AskedRow(number="A-1", name="李知行")),
        ("A-1，李知行", AskedRow(number="A-1", name="李知行")),
        (" A-1 ,  Ana María  ", AskedRow(number="A-1", name="Ana María")),
        ("A-1", AskedRow(number="A-1", name="")),
    ],
)
def test_line_is_number_and_name(text: str, row: AskedRow) -> None:
    assert rows_in(text) == (row,)


def test_empty_lines_are_no_rows() -> None:
    assert rows_in("\n  \n\r\n") == ()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_a_row(outcome: Outcome, language: Language) -> None:
    verifier = SampleVerifier(lookup=REPORTS[outcome])
    page = make_client(verifier).post(f"/{language}/list", data={"rows": f"{NUMBER} {NAME}"})
    assert page.status_code == 200
    assert f"<h3>{catalogue(language).text(f'outcomes.{outcome}.word')}</h3>" in page.text


def test_each_line_has_its_own_answer() -> None:
    page = make_client().post("/list", data={"rows": f"{NUMBER} {NAME}\n{NUMBER} 王芳\nX"}).text
    assert page.count('<li class="judged-row') == 3
    for word in ("<h3>有效</h3>", "<h3>没有查到</h3>", "<h3>这一行不完整</h3>"):
        assert word in page


def test_more_than_twenty_lines_are_not_looked_up() -> None:
    verifier = SampleVerifier()
    text = "\n".join([f"{NUMBER} {NAME}"] * (MOST_ROWS + 1))
    page = make_client(verifier).post("/en/list", data={"rows": text})
    assert page.status_code == 422
    assert "bulk verification with an account" in page.text
    assert "judged-row" not in page.text
    assert make_client().post("/list", data={"rows": text.partition("\n")[2]}).status_code == 200


def test_lines_above_the_limits_say_so_and_judge_nothing() -> None:
    client = make_client(limits=LookupLimits(per_source=1, per_number=9))
    page = client.post("/list", data={"rows": f"{NUMBER} {NAME}\n{NUMBER} {NAME}"}).text
    assert page.count("<h3>有效</h3>") == 1
    assert "<h3>这一行没有查</h3>" in page


@pytest.mark.parametrize("rows", ["", "   "])
def test_nothing_filled_in_says_what_to_write(rows: str) -> None:
    answer = make_client().post("/list", data={"rows": rows})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_what_is_typed_is_inert() -> None:
    page = make_client().post("/list", data={"rows": '<b>&" "><script>alert(1)</script>'}).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
