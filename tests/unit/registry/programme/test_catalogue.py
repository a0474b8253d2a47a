from importlib.resources import files

import pytest

from registry.programme import (
    Catalogue,
    ProgrammeMalformed,
    ProgrammeUnknown,
    ProgrammeVersionTwice,
    load_catalogue,
    read_programme,
    version_order,
)

P1 = files("registry.programme").joinpath("data/AIGC-APP-ENG/2026.1.toml").read_bytes()


def version(number: str) -> bytes:
    return P1.replace(b'version = "2026.1"', f'version = "{number}"'.encode())


def test_the_package_brings_p1():
    catalogue = load_catalogue()
    assert "AIGC-APP-ENG" in catalogue.codes()
    programme, level = catalogue.by_scope("AIGC-APP-ENG/3")
    assert (programme.version, level.name.zh) == ("2026.1", "高级")
    assert catalogue.by_digest(programme.digest) is programme


def test_latest_version_is_found_and_an_old_one_can_be_pinned():
    catalogue = Catalogue(read_programme(version(number), file=number) for number in ("2026.10", "2026.9", "2025.11"))
    assert [programme.version for programme in catalogue.versions("AIGC-APP-ENG")] == ["2025.11", "2026.9", "2026.10"]
    assert catalogue.programme("AIGC-APP-ENG").version == "2026.10"
    assert catalogue.programme("AIGC-APP-ENG", "2026.9").version == "2026.9"
    assert catalogue.by_scope("AIGC-APP-ENG/1", "2025.11")[0].version == "2025.11"
    assert version_order("2026.10") > version_order("2026.9")


@pytest.mark.parametrize(
    "ask",
    [
        lambda catalogue: catalogue.programme("NONE"),
        lambda catalogue: catalogue.versions("NONE"),
        lambda catalogue: catalogue.programme("AIGC-APP-ENG", "2030.1"),
        lambda catalogue: catalogue.by_scope("AIGC-APP-ENG/4"),
        lambda catalogue: catalogue.by_scope("AIGC-APP-ENG"),
        lambda catalogue: catalogue.by_digest(bytes(32)),
    ],
)
def test_what_is_not_there_is_missing(ask):
    with pytest.raises(ProgrammeUnknown) as unknown:
        ask(load_catalogue())
    assert unknown.value.code == "programme/unknown"


def test_the_same_bytes_twice_are_one_version_and_other_bytes_are_refused():
    first = read_programme(P1, file="a")
    assert len(Catalogue([first, read_programme(P1, file="b")]).versions("AIGC-APP-ENG")) == 1
    with pytest.raises(ProgrammeVersionTwice) as twice:
        Catalogue([first, read_programme(P1 + b"\n# another", file="b")])
    assert (twice.value.programme, twice.value.version) == ("AIGC-APP-ENG", "2026.1")


def test_an_extra_folder_adds_a_programme_without_code(tmp_path):
    (tmp_path / "EIGHTH").mkdir()
    (tmp_path / "EIGHTH" / "2026.2.toml").write_bytes(version("2026.2").replace(b'"AIGC-APP-ENG"', b'"EIGHTH"'))
    assert load_catalogue(tmp_path).by_scope("EIGHTH/2")[1].name.zh == "中级"


def test_a_file_in_the_wrong_place_is_refused(tmp_path):
    (tmp_path / "EIGHTH").mkdir()
    (tmp_path / "EIGHTH" / "2026.2.toml").write_bytes(version("2026.2"))
    with pytest.raises(ProgrammeMalformed) as malformed:
        load_catalogue(tmp_path)
    assert malformed.value.file == "EIGHTH/2026.2.toml"
    assert malformed.value.faults[0].reason == "expected the file to be called AIGC-APP-ENG/2026.2.toml"
