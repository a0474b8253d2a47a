import json
from pathlib import Path

import pytest

from tests.vectors import generate


def test_vector_files_are_what_the_generator_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generate.main() == 0


def test_check_fails_when_a_file_differs_or_is_left_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate.py"])
    assert generate.main() == 0
    golden = tmp_path / "credential" / "accepted" / "minimal.json"
    golden.write_text(json.dumps({}))
    (tmp_path / "credential" / "refused" / "left-over.json").write_text("{}")
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    capsys.readouterr()
    assert generate.main() == 1
    assert capsys.readouterr().err.count("differs from what is generated") == 2
