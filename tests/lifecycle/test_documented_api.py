"""The examples of docs/api.md and docs/client.md, run as they stand: what they show is what comes."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.http.web_client import WebClient

DOCS = Path(__file__).parents[2] / "docs"
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OPEN = "…"


def examples() -> list[tuple[str, str]]:
    """Give each command of the page with the JSON shown before the next command, if any."""
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    parts = re.split(r"^```sh\n", text, flags=re.MULTILINE)[1:]
    found = []
    for part in parts:
        command, _, rest = part.partition("```\n")
        shown = re.search(r"^```json\n(.*?)^```$", rest, re.MULTILINE | re.DOTALL)
        found.append((command.strip(), shown[1] if shown else ""))
    return found


def sent(client: WebClient, command: str, values: dict[str, str]) -> Any:
    """Do what a curl command would do."""
    words = shlex.split(re.sub(r"\$([A-Z]+)", lambda name: values[name[1]], command))
    assert words.pop(0) == "curl"
    method, headers, body, url = "GET", {}, b"", ""
    form: dict[str, tuple[str | None, bytes]] = {}
    while words:
        word = words.pop(0)
        if word == "-s":
            continue
        if word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word in ("-d", "--data-binary"):
            given, method = words.pop(0), "POST"
            body = Path(given[1:]).read_bytes() if given.startswith("@") else given.encode()
        elif word == "-F":
            name, _, value = words.pop(0).partition("=")
            method = "POST"
            is_file = value.startswith("@")
            form[name] = (Path(value[1:]).name, Path(value[1:]).read_bytes()) if is_file else (None, value.encode())
        else:
            assert not word.startswith("-"), word
            url = word
    if form:
        return client.request(method, url, headers=headers, files=form)
    return client.request(method, url, headers=headers, content=body)


def require_like(shown: Any, given: Any, at: str = "") -> None:
    """Check that an answer is as shown, but for what the page leaves open."""
    if shown == OPEN:
        return
    if isinstance(shown, dict):
        assert isinstance(given, dict), at
        if OPEN in shown:
            assert shown.keys() - {OPEN} <= given.keys(), at
        else:
            assert list(shown) == list(given), at
        for name, value in shown.items():
            if name != OPEN:
                require_like(value, given[name], f"{at}.{name}")
    elif isinstance(shown, list):
        assert len(shown) == len(given), at
        for place, (one, other) in enumerate(zip(shown, given, strict=True)):
            require_like(one, other, f"{at}[{place}]")
    else:
        assert shown == given, at


@pytest.fixture
def values(world) -> dict[str, str]:
    certificate = world.certificates("1")[12]
    place = certificate.reservation
    world.home.catch_up()
    return {
        "SITE": "",
        "KEY": place.key,
        "NUMBER": place.number,
        "NAME": world.name_of(certificate),
        "CODE": str(world.home.issuer),
        "LIST": str(place.status_list),
        "INDEX": str(place.status_index),
        "BUNDLE": str(world.bundle(certificate)),
    }


@pytest.mark.parametrize(("command", "shown"), examples(), ids=range(len(examples())))
def test_example_gives_what_the_page_shows(world, values, command: str, shown: str) -> None:
    answer = sent(world.pages(), command, values)
    assert answer.status_code == 200, command
    if shown:
        require_like(json.loads(shown), answer.json())


def test_page_names_every_limit_as_it_is() -> None:
    from api.bodies import DOCUMENT_BYTES, DRAINED_BYTES
    from api.verifier import LookupLimits

    text, limits = (DOCS / "api.md").read_text(encoding="utf-8"), LookupLimits()
    assert f"{DOCUMENT_BYTES:,} bytes" in text
    assert f"Beyond {DRAINED_BYTES // 1024 // 1024} MiB" in text
    assert f"{limits.per_source} look-ups from one address and {limits.per_number} of one number" in text
    assert limits.window_seconds == 600


def test_a_page_that_showed_something_else_would_be_found(world, values) -> None:
    command, shown = examples()[0]
    document = json.loads(shown) | {"more": 1}
    with pytest.raises(AssertionError):
        require_like(document, sent(world.pages(), command, values).json())
    with pytest.raises(AssertionError):
        require_like({"outcome": "revoked", OPEN: OPEN}, sent(world.pages(), command, values).json())


def test_clients_example_runs(world, values, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    (tmp_path / "trust-root.json").write_bytes((world.home.path / "trust-root.json").read_bytes())
    (tmp_path / "certificate.bundle.json").write_bytes(Path(values["BUNDLE"]).read_bytes())
    monkeypatch.chdir(tmp_path)
    (program,) = _PYTHON.findall((DOCS / "client.md").read_text(encoding="utf-8"))
    exec(program.replace("http://127.0.0.1:8545", world.node), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == "valid valid\n"
