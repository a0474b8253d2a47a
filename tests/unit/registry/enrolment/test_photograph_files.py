"""ZIP files and folders of photographs: names as they come, nothing followed, nothing unpacked too far."""

import io
import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.enrolment import ArchiveRefused, PhotographArchive, PhotographFolder, number_in, shown_name
from registry.enrolment import photograph_files as reading
from registry.enrolment.photograph import MAX_FILE
from tests.unit.registry.enrolment.photograph_samples import archive, jpeg

PHOTO = jpeg()


def opened(data: bytes) -> list[tuple[str, bytes]]:
    return list(PhotographArchive(io.BytesIO(data)))


def refused(data: bytes) -> str:
    with pytest.raises(ArchiveRefused) as caught:
        opened(data)
    return caught.value.reason


def test_photographs_come_out_by_name_without_folders_as_often_as_asked() -> None:
    files = PhotographArchive(io.BytesIO(archive([("1.jpg", b"a"), ("照片/2.jpg", b"b"), ("照片/", b"")])))
    assert len(files) == 2
    assert list(files) == list(files) == [("1.jpg", b"a"), ("2.jpg", b"b")]


def test_names_of_chinese_windows_are_read() -> None:
    names = ["考生照片/11010519491231002X.jpg", "張三.jpg", "备份\\2026110001.jpg"]
    data = archive([(name.encode("gb18030"), PHOTO) for name in names])
    assert [name for name, _ in opened(data)] == ["11010519491231002X.jpg", "張三.jpg", "2026110001.jpg"]
    assert [name for name, _ in opened(archive([("王.jpg".encode(), PHOTO)]))] == ["王.jpg"]  # UTF-8 without its mark


def test_what_file_managers_leave_is_left_out() -> None:
    names = ["__MACOSX/._1.jpg", "._1.jpg", "a/Thumbs.db", ".DS_Store", "desktop.ini", "1.jpg"]
    assert [name for name, _ in opened(archive([(name, b"x") for name in names]))] == ["1.jpg"]


@pytest.mark.parametrize(
    "name", ["../1.jpg", "a/../../1.jpg", "/etc/1.jpg", "..\\1.jpg", "C:\\1.jpg", "c:/1.jpg", "\\\\host\\share\\1.jpg"]
)
def test_names_that_lead_out_refuse_the_file(name: str) -> None:
    assert refused(archive([("2.jpg", PHOTO), (name, PHOTO)])) == "path"


def test_bombs_are_refused_before_they_are_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = archive([("1.jpg", bytes(50_000_000))], zipfile.ZIP_DEFLATED)
    assert refused(bomb) == "ratio"
    # one that lies about its size is read no further than a photograph may be large
    assert len(bomb) < 60_000
    monkeypatch.setattr(reading, "_MOST_RATIO", 10**9)
    assert [len(data) for _, data in opened(bomb)] == [MAX_FILE + 1]


def test_a_directory_of_far_too_many_entries_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, *[0] * 8, 1, *[0] * 6) + b"a"
    many = 2 * reading.MAX_FILES + 1
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, many & 0xFFFF, many & 0xFFFF, many * len(entry), 0, 0)

    def read(file: object) -> None:
        raise AssertionError("the directory is read")

    monkeypatch.setattr(zipfile, "ZipFile", read)
    monkeypatch.setattr(reading, "_PIECE", 4_096 + 1)  # entries lie across pieces
    assert refused(entry * many + end) == "files"
    with pytest.raises(AssertionError):
        opened(entry * (many - 1) + end)


def test_too_many_and_too_much_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    data = archive([(f"{n}.jpg", PHOTO) for n in range(5)])
    monkeypatch.setattr(reading, "MAX_FILES", 4)
    assert refused(data) == "files"
    monkeypatch.setattr(reading, "MAX_FILES", 5)
    monkeypatch.setattr(reading, "MAX_TOTAL", 3 * len(PHOTO))
    assert refused(data) == "size"


def test_locked_and_strangely_packed_files_are_refused() -> None:
    data = bytearray(archive([("1.jpg", PHOTO)]))
    directory = data.rindex(b"PK\x01\x02")
    data[directory + 8] |= 1
    assert refused(bytes(data)) == "encrypted"
    assert refused(archive([("1.jpg", PHOTO)], zipfile.ZIP_LZMA)) == "method"


def test_no_archive_and_a_broken_one_are_refused() -> None:
    whole = archive([("1.jpg", PHOTO)])
    assert refused(b"") == refused(PHOTO) == refused(whole[:-30]) == "zip"
    broken = bytearray(whole)
    broken[60] ^= 0xFF
    assert refused(bytes(broken)) == "zip"


@given(st.data())
def test_damaged_archives_are_read_or_refused_and_nothing_else(data: st.DataObject) -> None:
    broken = bytearray(archive([("1.jpg", PHOTO[:300]), ("a/2.jpg", b"b" * 40)], zipfile.ZIP_DEFLATED))
    for _ in range(data.draw(st.integers(1, 5))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        for name, content in opened(bytes(broken)):
            assert "/" not in name
            assert len(content) <= MAX_FILE + 1
    except ArchiveRefused:
        pass


def test_a_folder_is_read_by_name_without_folders_and_links(tmp_path: Path) -> None:
    (tmp_path / "2.jpg").write_bytes(b"b")
    (tmp_path / "1.JPG").write_bytes(b"a" * (MAX_FILE + 50))
    (tmp_path / ".DS_Store").write_bytes(b"")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "3.jpg").write_bytes(b"c")
    (tmp_path / "4.jpg").symlink_to("/etc/passwd")
    files = PhotographFolder(tmp_path)
    assert [(name, len(data)) for name, data in files] == [("1.JPG", MAX_FILE + 1), ("2.jpg", 1)]
    assert len(files) == 2


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("2026110001.jpg", "2026110001"),
        ("11010519491231002x.JPG", "11010519491231002X"),
        (" 2026110001 .jpeg", "2026110001"),
        ("２０２６１１０００１.jpg", "2026110001"),
        ("2026110001.png", None),
        ("2026110001", None),
        (".jpg", None),
        ("a.b.jpg", "A.B"),
    ],
)
def test_the_number_in_a_name(name: str, number: str | None) -> None:
    assert number_in(name) == number


@given(st.text(max_size=300))
def test_names_are_shown_on_one_line_and_not_endlessly(name: str) -> None:
    shown = shown_name(name)
    assert shown.isprintable()
    assert len(shown) <= 60
