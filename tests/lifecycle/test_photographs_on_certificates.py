"""A candidate's photograph on its way: handed in by command, on the paper and the pages under the key, and gone."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.app import create_app
from api.demo_data import sample_roster
from api.demo_portraits import drawn_face
from api.pages.catalogue import catalogue
from api.pages.verdict import verdict_page
from registry.delivery.attachments import attached_document
from registry.delivery.bundle import parse_bundle
from registry.delivery.copies import read_copy
from registry.verification.model import Outcome
from registry.workflows.certificates.deliver import NoDocument
from registry.workflows.holders.hold import CopyDesk, stamped_copy
from registry.workflows.holders.share import Field, Terms, open_share, share, shared_photograph, withdraw
from tests.http.sample_reports import BASE_URL, NOW, REPORTS, SampleDocuments, SampleHealth, SampleVerifier
from tests.http.web_client import WebClient
from tests.unit.registry.enrolment.photograph_samples import WHITE, archive, jpeg, picture

# `world` comes from this folder's conftest; its type is only needed by readers.

SEED = 977


def _face(certificate) -> bytes:
    return drawn_face(certificate.reservation.admission)


def _address(certificate) -> str:
    return f"/C/{certificate.reservation.key}/portrait.jpg"


def _drawn(world, certificate, tmp_path: Path) -> bytes:
    out = tmp_path / "paper.pdf"
    world.run("cert", "pdf", certificate.reservation.number, "--out", str(out))
    return out.read_bytes()


@pytest.mark.parametrize(
    ("prefix", "alternative", "kept"),
    [
        ("/zh", "持证人照片", "照片由登记处保存，证书中写有它的数字指纹。"),
        ("/en", "Photograph of the holder", "Photograph kept by the registry, named by the certificate."),
    ],
)
def test_the_page_under_the_key_shows_the_photograph(world, prefix: str, alternative: str, kept: str) -> None:
    one, pages = world.certificates("3")[3], world.pages()
    page = pages.get(f"{prefix}/C/{one.reservation.key}").text
    assert f'<img class="photograph" src="{_address(one)}" width="100" height="140" alt="{alternative}">' in page
    assert page.count(kept) == 1


def test_the_address_gives_the_kept_bytes_and_leaves_no_trace(world) -> None:
    one, pages = world.certificates("3")[3], world.pages()
    for path in (_address(one), f"/c/{one.reservation.key.lower()}/portrait.jpg"):
        answer = pages.get(path)
        assert (answer.status_code, answer.content) == (200, _face(one))
        assert answer.headers["Content-Type"] == "image/jpeg"
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Robots-Tag"] == "noindex"
    assert one.reservation.admission not in str(pages.get(_address(one)).headers)


def test_the_paper_by_command_and_under_the_key_has_it(world, tmp_path: Path) -> None:
    one = world.certificates("3")[3]
    data = _drawn(world, one, tmp_path)
    assert _face(one) in data
    assert world.pages().get(f"/C/{one.reservation.key}/certificate.pdf").content == data


def test_number_and_name_never_show_it(world) -> None:
    one, pages = world.certificates("3")[3], world.pages()
    asked = {"number": one.reservation.number, "name": world.name_of(one)}
    page = pages.post("/verify", data=asked).text
    assert "outcome-valid" in page
    assert "portrait" not in page
    assert one.reservation.key not in page
    answer = pages.post("/v1/lookups", json=asked).json()
    assert answer["outcome"] == "valid"
    assert "portrait" not in answer["content"]


def test_a_file_shows_none_since_its_reader_has_the_paper(world) -> None:
    one = world.certificates("3")[3]
    page = world.pages().post("/verify", files={"document": ("a.json", world.bundle(one).read_bytes())}).text
    assert "outcome-valid" in page
    assert "portrait.jpg" not in page


def test_without_a_photograph_there_is_nothing_to_show(world, tmp_path: Path) -> None:
    one, pages = world.certificates("1")[4], world.pages()
    page = pages.get(f"/C/{one.reservation.key}").text
    assert "outcome-" in page
    assert "portrait" not in page
    missing, unknown = pages.get(_address(one)), pages.get(f"/C/{'A' * 26}/portrait.jpg")
    assert (missing.status_code, unknown.status_code) == (404, 404)
    told = [re.sub(r"[A-Z2-7]{26}|[0-9a-f-]{36}", "", page.text) for page in (missing, unknown)]
    assert told[0] == told[1]
    assert pages.get("/C/x/portrait.jpg").status_code == 404
    assert b"JFIF" not in _drawn(world, one, tmp_path)


def test_guessing_runs_into_the_limits_of_keys(world) -> None:
    pages = world.pages()
    codes = [
        pages.get(f"/C/{'A' * 25}{letter}/portrait.jpg").status_code for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 4
    ]
    assert codes[0] == 404
    assert codes[-1] == 429


def test_a_site_without_photographs_says_that_there_are_none() -> None:
    app = create_app(
        SampleVerifier(),
        health=SampleHealth(),
        documents=SampleDocuments(),
        public_base_url=BASE_URL,
        clock=lambda: NOW,
    )
    assert WebClient(app).get(f"/C/{'A' * 26}/portrait.jpg").status_code == 404


def test_what_is_not_proven_or_not_final_shows_no_photograph() -> None:
    for outcome in Outcome:
        report = REPORTS[outcome]
        if report.content is None:
            continue
        named = replace(report, content={**report.content, "portrait": {"mediaType": "image/jpeg", "digest": "A" * 43}})
        page = verdict_page(named, catalogue("en"), entrance="key", contacts={}, key="A" * 26)
        hidden = outcome in {
            Outcome.ALTERED,
            Outcome.NOT_RECOGNISED,
            Outcome.NOT_REGISTERED,
            Outcome.PENDING,
        }
        assert (page.portrait is None) == (hidden or page.paper is None), outcome


@pytest.mark.parametrize("chosen", [True, False])
def test_a_copy_and_its_link_show_it_where_the_holder_chose_so(world, chosen: bool) -> None:
    home, one = world.home, world.certificates("3")[5]
    fields = [Field.NAME, *([Field.PORTRAIT] if chosen else [])]
    terms = Terms(audience="示例公司", purpose="入职", until=home.clock.now().date() + timedelta(days=20))
    desk = CopyDesk(key_of=home.key_of, press=home.press(), signer=home.statement_signer())
    number = one.reservation.number
    paper = stamped_copy(home.store, home.clock, desk, person=one.person, number=number, terms=terms, fields=fields)
    assert (_face(one) in paper) == chosen
    copy = read_copy(attached_document(paper))
    assert (copy.bundle.credential.disclosed.portrait is not None) == chosen
    token = share(home.store, home.clock, person=one.person, number=number, terms=terms, fields=fields)
    document = parse_bundle(open_share(home.store, home.clock, home.key_of, token).document)
    assert (document.credential.disclosed.portrait is not None) == chosen
    pages = world.pages()
    page, answer = pages.get(f"/share/{token}").text, pages.get(f"/share/{token}/portrait.jpg")
    assert (f'src="/share/{token}/portrait.jpg"' in page) == chosen
    assert one.reservation.key not in page
    if chosen:
        assert (answer.status_code, answer.content) == (200, _face(one))
        assert answer.headers["Cache-Control"] == "no-store"
        with home.store.read() as unit:
            (kept,) = (
                share for share in unit.shares.of_person(one.person) if share.opened and share.fields == tuple(fields)
            )
        withdraw(home.store, home.clock, person=one.person, id=kept.id)
        assert pages.get(f"/share/{token}/portrait.jpg").status_code == 404
    else:
        assert answer.status_code == 404
        with pytest.raises(NoDocument):
            shared_photograph(home.store, home.clock, token)


def test_it_is_gone_when_the_person_is_erased(world, tmp_path: Path) -> None:
    one = world.certificates("2")[20]
    assert world.pages().get(_address(one)).status_code == 200
    with world.home.store.write() as unit:
        unit.enrolments.erase(one.person, world.home.clock.now())
    pages = world.pages()
    assert pages.get(_address(one)).status_code == 404
    assert pages.get(f"/C/{one.reservation.key}/certificate.pdf").status_code == 404
    page = pages.get(f"/C/{one.reservation.key}").text
    assert "outcome-withdrawn" in page
    assert "portrait" not in page
    with world.home.store.read() as unit:
        assert unit.portraits.of([one.reservation.admission]) == {}


# — the command —


@pytest.fixture(scope="module")
def roster(world, tmp_path_factory) -> tuple[str, list[str]]:
    """Another roster that waits for photographs: its name, and its admission numbers."""
    path = tmp_path_factory.mktemp("roster") / "roster.csv"
    path.write_bytes(sample_roster(seed=SEED, count=6))
    name = json.loads(world.run("enrol", "import", str(path), "--as", "clerk-1", "--json"))["roster"]
    with world.home.store.read() as unit:
        return name, [one.admission for one in unit.enrolments.applications(roster=name)]


def test_photographs_are_taken_from_a_zip_or_a_folder_whole_or_not(world, roster, tmp_path: Path) -> None:
    name, admissions = roster
    source = tmp_path / "照片.zip"
    files = [(f"照片/{number}.jpg".encode("gb18030"), drawn_face(number)) for number in admissions[:3]]
    source.write_bytes(archive([*files, (f"{admissions[3]}.jpg", jpeg(picture((480, 640))))]))
    words = ("enrol", "photos", str(source), "--roster", name, "--as", "clerk-1", "--json")
    tried = json.loads(world.run(*words, "--dry-run", exit_code=1))
    assert (tried["taken"], tried["without"], [one["code"] for one in tried["problems"]]) == (
        3,
        3,
        ["photo/proportions"],
    )
    refused = json.loads(world.run(*words, exit_code=1))
    assert [one["file"] for one in refused["problems"]] == [f"{admissions[3]}.jpg"]
    assert refused["error"]["code"] == "photo/set-refused"
    taken = json.loads(world.run(*words, "--accept-good-photos"))
    assert (taken["taken"], taken["without"]) == (3, 3)
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in admissions:
        (folder / f"{number}.jpg").write_bytes(drawn_face(number))
    whole = json.loads(world.run("enrol", "photos", str(folder), "--roster", name, "--as", "clerk-1", "--json"))
    assert (whole["taken"], whole["unchanged"], whole["without"]) == (3, 3, 0)


@pytest.mark.parametrize(("lang", "said"), [("zh", "收下1张"), ("en", "1 taken")])
def test_the_command_speaks_both_languages(world, roster, tmp_path, monkeypatch, lang: str, said: str) -> None:
    monkeypatch.setenv("VERMILION_LANG", lang)
    name, admissions = roster
    ground = WHITE if lang == "zh" else (250, 250, 250)
    (tmp_path / f"{admissions[0]}.jpg").write_bytes(jpeg(picture(ground=ground)))
    assert said in world.run("enrol", "photos", str(tmp_path), "--roster", name, "--as", "clerk-1")


def test_what_cannot_be_read_is_said(world, roster, tmp_path: Path) -> None:
    words = ("--roster", roster[0], "--as", "clerk-1")
    world.run("enrol", "photos", str(tmp_path / "none.zip"), *words, exit_code=2)
    (tmp_path / "no.zip").write_bytes(b"no archive")
    world.run("enrol", "photos", str(tmp_path / "no.zip"), *words, exit_code=2)
    world.run("enrol", "photos", str(tmp_path), "--roster", "R-2026-11-9999", exit_code=1)
