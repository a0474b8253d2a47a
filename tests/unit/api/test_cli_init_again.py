"""`init` once more: before anything is founded it takes the corrected command, afterwards it says what it keeps."""

from pathlib import Path

from typer.testing import CliRunner

from api.cli import app
from api.founding import _describe
from api.settings import CONFIG_FILE, ChainSettings, Contact, Installation, IssuerSettings, read_installation
from registry.kernel.errors import RegistryError

WORDS = ["init", "--issuer", "GD-SKILLS", "--name", "某省技能鉴定中心", "--base-url", "https://v.example.cn"]


def init(home: Path, *more: str, **surroundings: str):
    env = {"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "VERMILION_HOME": str(home)} | surroundings
    return CliRunner(env=env).invoke(app, [*WORDS, "--machine-passphrases", *more])


def wanted(*, name: str = "某省技能鉴定中心", real: bool = False) -> Installation:
    return Installation(
        public_base_url="https://v.example.cn",
        issuer=IssuerSettings(code="GD-SKILLS", name_zh=name, contact=Contact(telephone="020-0000 0126")),
        programmes=("AIGC-APP-ENG",),
        chain=ChainSettings(test_chain=not real),
    )


def test_before_anything_is_founded_the_corrected_command_counts(tmp_path: Path) -> None:
    assert _describe(tmp_path, wanted(name="某省技能鉴定中新")) == ()
    corrected = wanted(real=True)
    assert (
        _describe(tmp_path, corrected.model_copy(update={"issuer": IssuerSettings(**_without_contact(corrected))}))
        == ()
    )
    # What only the file says was the operator's to write, and stays.
    assert read_installation(tmp_path) == corrected


def _without_contact(of: Installation) -> dict[str, object]:
    return of.issuer.model_dump(exclude={"contact"})


def test_once_founded_it_says_what_it_keeps_otherwise(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = init(home)
    assert (first.exit_code, "stays as it is" in first.stderr) == (0, False), first.stderr
    before = (home / CONFIG_FILE).read_bytes()
    again = init(home, "--place", "广州", "--real")
    assert again.exit_code == 0
    assert "issuer.place, chain.test_chain differ" in again.stderr
    assert "仍以" in init(home, "--place", "广州", VERMILION_LANG="zh").stderr
    assert (home / CONFIG_FILE).read_bytes() == before
    assert "stays as it is" not in init(home).stderr


def test_what_is_no_test_needs_https(tmp_path: Path) -> None:
    refused = init(tmp_path / "home", "--real", "--base-url", "http://localhost:8400")
    assert isinstance(refused.exception, RegistryError)
    assert (refused.exception.code, (tmp_path / "home").exists()) == ("input/installation", False)


def test_what_is_not_https_is_a_test_whatever_the_file_says() -> None:
    assert [wanted(real=real).is_test for real in (True, False)] == [False, True]
    at_home = wanted(real=True).model_copy(update={"public_base_url": "http://localhost:8400"})
    assert at_home.is_test
