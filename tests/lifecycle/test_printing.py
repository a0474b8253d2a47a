"""The printed certificate of a real installation: drawn by every door, read back by every entrance."""

import dataclasses
import io
import json
import zipfile
from contextlib import contextmanager
from pathlib import Path

import pikepdf
import pytest

from api.drawing import DrawingRoom, PressBusy
from api.settings import ConfigurationMalformed
from api.wiring import Home
from registry.delivery.typesetting import GlyphMissing
from registry.ports.storage import StoredCertificate
from registry.status import Status
from registry.workflows.certificates import draw as drawing
from registry.workflows.certificates.draw import draw_batch
from registry.workflows.lineage.present import present_standing

# `world` comes from this folder's conftest; its type is only needed by readers.


def _paper(world, certificate, tmp_path: Path) -> bytes:
    out = tmp_path / "paper.pdf"
    world.run("cert", "pdf", certificate.reservation.number, "--out", str(out))
    return out.read_bytes()


def _outcomes(world, data: bytes, tmp_path: Path) -> set[str]:
    """What every entrance that takes files says of this one."""
    path = tmp_path / "handed-in.pdf"
    path.write_bytes(data)
    pages = world.pages()
    page = pages.post("/verify", files={"document": ("a.pdf", data)}).text
    return {
        str(world._verify(str(path))["outcome"]),
        str(pages.post("/v1/verifications", content=data).json()["outcome"]),
        page.partition("verdict outcome-")[2].partition('"')[0],
    }


def test_a_paper_is_the_same_by_command_and_page_and_valid_by_every_entrance(world, tmp_path: Path) -> None:
    one = world.certificates("3")[-2]
    data = _paper(world, one, tmp_path)
    answer = world.pages().get(f"/C/{one.reservation.key}/certificate.pdf")
    assert (answer.status_code, answer.content) == (200, data)
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{one.reservation.number}.pdf"'
    assert world.pages().get(f"/c/{one.reservation.key.lower()}/certificate.pdf").content == data
    world.home.catch_up()
    assert _outcomes(world, data, tmp_path) == {"valid"}


def test_a_paper_with_a_changed_attachment_is_altered_by_every_entrance(world, tmp_path: Path) -> None:
    with pikepdf.open(io.BytesIO(_paper(world, world.certificates("3")[-2], tmp_path))) as document:
        for spec in document.Root.AF:
            bundle = spec.EF.F.read_bytes()
            if str(spec.UF).endswith(".bundle.json"):
                spec.EF.F.write(bundle.replace(b'"batch":"', b'"batch":"A', 1))
        out = io.BytesIO()
        document.save(out)
    assert _outcomes(world, out.getvalue(), tmp_path) == {"altered"}


def test_a_foreign_pdf_is_unreadable_by_every_entrance(world, tmp_path: Path) -> None:
    document, out = pikepdf.new(), io.BytesIO()
    document.add_blank_page()
    document.save(out)
    assert _outcomes(world, out.getvalue(), tmp_path) == {"unreadable"}


def test_there_is_no_paper_under_an_unknown_key(world) -> None:
    answer = world.pages().get("/C/AAAAAAAAAAAAAAAAAAAAAAAAAA/certificate.pdf")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"].startswith("text/html")
    assert world.pages().get("/C/x/certificate.pdf").status_code == 404


def standing(world, level: str) -> list[StoredCertificate]:
    """The certificates of a level that stand: whatever else was tried on this installation before."""
    with world.home.store.read() as unit:
        return [one for one in world.certificates(level) if present_standing(unit, one) is Status.VALID]


def test_a_batch_is_drawn_into_one_archive_always_the_same(world, tmp_path: Path) -> None:
    certificates = standing(world, "3")
    batch = certificates[0].batch.id
    out = tmp_path / "batch.zip"
    said = json.loads(world.run("batch", "pdf", batch, "--out", str(out), "--json"))
    assert (said["drawn"], said["erased"], said["refused"]) == (len(certificates), 0, [])
    first = out.read_bytes()
    with zipfile.ZipFile(out) as archive:
        assert archive.namelist() == sorted(f"{one.reservation.number}.pdf" for one in certificates)
        assert archive.read(f"{certificates[0].reservation.number}.pdf") == _paper(world, certificates[0], tmp_path)
    assert out.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
    world.run("batch", "pdf", batch, "--out", str(out))
    assert out.read_bytes() == first


def test_what_does_not_stand_is_left_out_and_named(world, tmp_path: Path) -> None:
    certificates = standing(world, "3")
    fallen, batch, out = str(certificates[0].reservation.number), certificates[0].batch.id, tmp_path / "batch.zip"
    drawn_before = json.loads(world.run("batch", "pdf", batch, "--out", str(out), "--json"))
    world.run("cert", "suspend", fallen, "--reason", "investigation", "--as", "maker-1")
    try:
        said = json.loads(world.run("batch", "pdf", batch, "--out", str(out), "--json"))
        assert set(said["notStanding"]) - set(drawn_before["notStanding"]) == {fallen}
        assert said["drawn"] == drawn_before["drawn"] - 1 == len(certificates) - 1
        with zipfile.ZipFile(out) as archive:
            assert f"{fallen}.pdf" not in archive.namelist()
        assert fallen in drawing.lacking_in(out)
        assert fallen in world.run("batch", "pdf", batch, "--out", str(out))
        alone = json.loads(world.run("cert", "pdf", fallen, "--out", str(tmp_path / "one.pdf"), "--json"))
        assert alone["standing"] == "suspended"
    finally:
        world.run("cert", "reinstate", fallen, "--as", "maker-1", "--approve-as", "approver-1")
    assert json.loads(world.run("batch", "pdf", batch, "--out", str(out), "--json")) == drawn_before


def test_what_was_cut_off_goes_on_where_it_stopped(world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates = standing(world, "3")
    batch, out = certificates[0].batch.id, tmp_path / "batch.zip"
    parts = world.home.store, world.home.key_of, world.home.press(), batch, out
    drawn: list[str] = []
    real = drawing._draw_into

    def failing(folder: Path, press: object, what: drawing.Printable) -> None:
        if len(drawn) >= 5:
            raise KeyboardInterrupt
        drawn.append(what.file_name)
        real(folder, press, what)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(drawing, "_draw_into", failing)
    with pytest.raises(KeyboardInterrupt):
        draw_batch(*parts)
    assert not out.exists()
    again: list[str] = []

    def counting(folder: Path, press: object, what: drawing.Printable) -> None:
        again.append(what.file_name)
        real(folder, press, what)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(drawing, "_draw_into", counting)
    steps: list[tuple[int, int]] = []
    assert draw_batch(*parts, progress=lambda done, total: steps.append((done, total))).drawn == len(certificates)
    assert set(again) == {f"{one.reservation.number}.pdf" for one in certificates} - set(drawn)
    assert [done for done, _ in steps] == list(range(1, len(world.certificates("3")) + 1))


def test_erased_ones_are_left_out_and_undrawable_ones_named(
    world, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificates = standing(world, "3")
    gone, strange = certificates[0].reservation.number, certificates[1].reservation.number

    class Forgetful:
        """The store, with one certificate's content gone."""

        @contextmanager
        def read(self):
            with world.home.store.read() as unit:
                kept = unit.batches.of_piece

                def of_piece(*which):
                    for one in kept(*which):
                        yield dataclasses.replace(one, disclosures=None) if one.reservation.number == gone else one

                unit.batches.of_piece = of_piece
                yield unit

    real = drawing.Printable.draw

    def draw(self: drawing.Printable, press: object) -> bytes:
        if self.credential.entry.license_number == strange:
            raise GlyphMissing(("\U00031350",), "holder")
        return real(self, press)  # type: ignore[arg-type]  # handed on

    monkeypatch.setattr(drawing.Printable, "draw", draw)
    out = tmp_path / "batch.zip"
    drawn = draw_batch(Forgetful(), world.home.key_of, world.home.press(), certificates[0].batch.id, out)  # type: ignore[arg-type]  # reads alone
    assert (drawn.drawn, drawn.erased, drawn.not_standing) == (len(certificates) - 2, 1, ())
    assert [(one.number, one.error.characters) for one in drawn.refused] == [(strange, ("\U00031350",))]
    with zipfile.ZipFile(out) as archive:
        assert not {f"{gone}.pdf", f"{strange}.pdf"} & set(archive.namelist())
    # The ZIP says itself what it lacks, so that nobody has to compare it with the batch.
    assert drawing.lacking_in(out) == tuple(sorted((gone, strange)))
    (tmp_path / "other").write_bytes(b"no archive")
    assert drawing.lacking_in(tmp_path / "other") == ()


def test_settings_name_seal_and_fonts(world, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    settings = (world.home.path / "vermilion.toml").read_text(encoding="utf-8")
    head, mark, tail = settings.partition("[print]")

    def press(lines: str) -> object:
        (folder / "vermilion.toml").write_text(f"{head}[print]\n{lines}\n{tail if mark else ''}", encoding="utf-8")
        return Home(folder).press()

    (folder / "seal.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>')
    (folder / "fonts").mkdir()
    found = press('seal = "seal.svg"\nfonts = "fonts"')
    assert found.seal is not None  # type: ignore[attr-defined]  # a Press
    assert found.fonts == folder / "fonts"  # type: ignore[attr-defined]  # a Press
    for lines in ('seal = "missing.svg"', 'seal = "seal.pdf"', 'fonts = "missing"', 'colour = "red"'):
        with pytest.raises(ConfigurationMalformed) as caught:
            press(lines)
        assert caught.value.where.startswith("print.")


def test_doctor_says_fonts_characters_and_seal(world) -> None:
    said = json.loads(world.run("doctor", "--json"))
    lines = [one for one in said if one["what"] == "print"]
    assert [one["state"] for one in lines] == ["good", "good", "note"]
    assert "Noto Serif CJK SC" in lines[0]["says"]
    assert "SPECIMEN" in lines[2]["says"]


def test_a_drawing_room_with_too_many_in_line_asks_to_come_back() -> None:
    for waiting in (0, 1):  # nobody may wait; one waits in vain
        room = DrawingRoom(running=1, waiting=waiting, patience_seconds=0.01)
        for _ in range(2):  # and it is free again
            with room.taken(), pytest.raises(PressBusy), room.taken():
                pytest.fail("two are drawn at once")


@pytest.mark.parametrize("paper", ["certificate", "receipt"])
def test_where_too_much_is_drawn_it_answers_503_with_a_time_to_come_back(
    world, monkeypatch: pytest.MonkeyPatch, paper: str
) -> None:
    pages = world.pages()
    address = f"/C/{world.certificates('3')[0].reservation.key}/{paper}.pdf"
    assert pages.get(address).status_code == 200
    monkeypatch.setattr(DrawingRoom, "taken", DrawingRoom(running=1, waiting=-1).taken)
    answer = pages.get(address)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


def test_a_paper_that_no_font_here_can_set_is_not_given_and_says_so(world, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusing(self: drawing.Printable, press: object) -> bytes:
        raise GlyphMissing(("\U00031350",), "holder")

    monkeypatch.setattr(drawing.Printable, "draw", refusing)
    answer = world.pages().get(f"/C/{world.certificates('3')[0].reservation.key}/certificate.pdf")
    assert answer.status_code == 503
    assert "delivery/undrawable" in answer.text
    number = world.certificates("3")[0].reservation.number
    world.run("cert", "pdf", number, exit_code=1)
