"""Wrong input of every kind at the command line: named in full, nothing kept, nobody's data shown, no traceback."""

import csv
import io
import json
import os
import random
import re
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.demo_stage import Played, Stage
from tests.fixtures.rosters.generate import Sample, samples

ROSTERS = Path(__file__).parents[1] / "fixtures" / "rosters"
SAMPLES = samples()
BAD = sorted(name for name, sample in SAMPLES.items() if sample.problems)
GOOD = ("good-gbk.csv", "good-utf-8-bom.csv", "good-crlf.csv")
SCORES = "准考证号,综合考试\n"


def kept(home: Path) -> dict[str, int]:
    """Count the rows of every table of the database."""
    with closing(sqlite3.connect(f"file:{home / 'registry.db'}?mode=ro", uri=True)) as database:
        names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in names}


def require_plain_error(played: Played, exit_code: int, code: str) -> None:
    """An error has a message, what to do, and its code; and nothing else is shown."""
    assert played.exit_code == exit_code, played
    assert played.stdout == "", played
    first, *rest = played.stderr[played.stderr.index("error: ") :].splitlines()
    assert len(first) > len("error: "), played
    assert len(rest) >= 1, played
    assert len(rest[-1].removesuffix(f"[{code}]").strip()) > 10, played
    assert rest[-1].endswith(f"[{code}]"), played
    assert "Traceback" not in played.stderr


def personal(data: bytes) -> set[str]:
    """The names and numbers in a file, however it is written; short words that are no name are left out."""
    found: set[str] = set()
    headings = set(re.findall(r"[一-鿿]+", (ROSTERS / "good-utf-8.csv").read_text("utf-8").splitlines()[0]))
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        text = data.decode(encoding, "ignore")
        found |= set(re.findall(r"[0-9]{14,17}[0-9Xx]", text))
        for row in csv.reader(io.StringIO(text.replace("\0", ""), newline="")):
            found |= {cell for cell in row[:1] if len(cell) >= 2}
    return found - headings


@pytest.mark.parametrize("name", BAD)
def test_a_bad_roster_is_reported_in_full_and_nothing_is_kept(stage: Stage, finished_home: Path, name: str) -> None:
    sample: Sample = SAMPLES[name]
    path, before = ROSTERS / name, kept(finished_home)
    played = stage.play("enrol", "import", str(path), home=finished_home)
    whole = any(line <= 1 for line, _ in sample.problems)  # then no row of it can be read
    require_plain_error(played, *((2, "enrol/file-unreadable") if whole else (1, "enrol/rows-refused")))
    table = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in played.stderr.splitlines()]
    for line, code in sample.problems:
        shown = [row for row in table if row and row[0] == str(line or "–") and row[-1] == f"enrol/{code}"]
        assert shown, (line, code, played)
        assert all(len(row) == 5 for row in shown), shown
    for word in personal(path.read_bytes()):
        assert word not in played.stderr, word
    assert kept(finished_home) == before


@pytest.mark.parametrize("name", ["bad-identity-numbers.csv", "bad-birth-dates.csv", "bad-binary.csv"])
def test_a_bad_roster_is_one_json_value_too(stage: Stage, finished_home: Path, name: str) -> None:
    played = stage.play("enrol", "import", str(ROSTERS / name), "--json", home=finished_home)
    reported = json.loads(played.stdout)
    found = {(one["line"], one["code"].removeprefix("enrol/")) for one in reported["problems"]}
    assert set(SAMPLES[name].problems) <= found
    assert all(one["reason"]["zh"] and one["remedy"]["en"] for one in reported["problems"])
    for word in personal((ROSTERS / name).read_bytes()):
        assert word not in played.stdout, word


@pytest.mark.parametrize("name", GOOD)
def test_a_good_roster_is_taken_once_however_it_is_written(stage: Stage, finished: Path, name: str) -> None:
    path, before = ROSTERS / name, kept(finished)
    checked = stage.play("enrol", "check", str(path), "--json", home=finished)
    assert checked.exit_code == 0
    for repeated in (False, True):
        played = stage.play("enrol", "import", str(path), "--json", home=finished)
        taken = json.loads(played.stdout)
        assert (taken["rows"], taken["repeated"], taken["encoding"]) == (3, repeated, SAMPLES[name].encoding)
        now = kept(finished)
        assert (now["roster"], now["application"]) == (before["roster"] + 1, before["application"] + 3)


def test_good_rows_alone_are_taken_where_that_is_asked_for(stage: Stage, finished: Path) -> None:
    good = (ROSTERS / "good-utf-8.csv").read_text("utf-8").splitlines()
    bad = good[1].split(",")
    bad[1] = bad[1][:-1] + ("1" if bad[1][-1] != "1" else "2")
    path = finished.parent / "mixed.csv"
    path.write_text("\n".join([*good, ",".join(bad)]) + "\n", "utf-8")
    before = kept(finished)
    assert stage.play("enrol", "import", str(path), home=finished).exit_code == 1
    assert kept(finished) == before
    taken = stage.play("enrol", "import", str(path), "--accept-good-rows", home=finished)
    assert taken.exit_code == 0
    assert "enrol/identity-check" in taken.stderr
    assert kept(finished)["application"] == before["application"] + 3
    assert kept(finished)["roster"] == before["roster"] + 1


@pytest.mark.parametrize(
    ("sheet", "code"),
    [
        ("", "exam/empty-file"),
        ("姓名,分数\n安小雨,90\n", "exam/missing-column"),
        (SCORES + "A-0000-0000-0001,90\n", "exam/"),
        (SCORES + "=1+1,90\n", "exam/"),
        (SCORES + "A,九十\n", "exam/"),
        (SCORES + "A,100.001\n", "exam/"),
        (SCORES + "A,-1\n", "exam/"),
        (SCORES + "A,1e2\n", "exam/"),
        (SCORES + "A,90\nA,91\n", "exam/"),
    ],
)
def test_a_bad_score_sheet_is_refused_whole(
    stage: Stage, finished_home: Path, tmp_path: Path, sheet: str, code: str
) -> None:
    path, before = tmp_path / "scores.csv", kept(finished_home)
    path.write_text(sheet, "utf-8")
    played = stage.play("exam", "record", str(path), "--as", "clerk-1", home=finished_home)
    require_plain_error(played, 1, "exam/scores-refused")
    assert code in played.stderr
    assert "安小雨" not in played.stderr
    assert kept(finished_home) == before


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        ("cert show NO-SUCH-2026-0000000000", 1, "store/not-here"),
        ("cert bundle NO-SUCH-2026-0000000000", 1, "store/not-here"),
        ("cert bundle NUMBER -o /no/such/folder/a.json", 2, "input/file-unreadable"),
        ("cert suspend NO-SUCH-2026-0000000000", 1, "store/not-here"),
        ("cert suspend NUMBER --reason boredom", 2, "status/reason-unknown"),
        ("cert suspend NUMBER --as two/words", 2, "input/person"),
        ("cert revoke NUMBER --reason misconduct --as one --approve-as one", 1, "access/four-eyes"),
        ("cert reinstate NUMBER --as one --approve-as two", 1, "status/"),
        ("cert approve C-1999-01-0001 --as one", 1, "store/not-here"),
        ("cert list --status gone", 2, "status/unknown"),
        ("cert list --batch B-1999-01-0001", 1, "store/not-here"),
        ("enrol list --level 9", 2, "programme/level-unknown"),
        ("enrol list --roster R-1999-01-0001", 1, "store/not-here"),
        ("enrol decide --roster R-1999-01-0001", 1, "store/not-here"),
        ("exam template", 1, "exam/nobody-waits"),
        ("exam template -o scores.csv", 1, "exam/nobody-waits"),
        ("exam return S-1999-01-0001 --reason wrong --as one", 1, "store/not-here"),
        ("batch suspend BATCH --reason boredom", 2, "status/reason-unknown"),
        ("batch approve BATCH --as maker-1", 1, "access/four-eyes"),
        ("batch approve BATCH --as two/words", 2, "input/person"),
        ("batch cancel BATCH", 1, "access/not-in-state"),
        ("batch cancel B-1999-01-0001", 1, "store/not-here"),
        ("batch pdf B-1999-01-0001", 1, "store/not-here"),
        ("account role nobody --role maker", 1, "store/not-here"),
        ("account role nobody --role boss", 2, "account/role-unknown"),
        ("account invite nobody", 1, "store/not-here"),
        ("account close a/b", 2, ""),
        ("account add some.body --display 某人 --role holder", 1, "account/roles-unfit"),
        ("cert claim NO-SUCH-2026-0000000000", 1, "store/not-here"),
        ("cert pdf NO-SUCH-2026-0000000000", 1, "store/not-here"),
        ("cert list --limit many", 2, "input/usage"),
        ("programme show NONE", 1, "programme/unknown"),
        ("batch issue B-1999-01-0001 --dry-run", 1, "store/not-here"),
        ("cert suspend NUMBER --reason misconduct --dry-run", 1, "status/ground-unfit"),
        ("cert reinstate NUMBER --dry-run", 1, "status/already"),
        ("cert suspend", 2, "input/numbers"),
        ("cert suspend --from nosuch.csv", 2, "input/file-unreadable"),
        ("cert suspend NUMBER NUMBER", 1, "status/changes-refused"),
        ("cert send C-1999-01-0001", 1, "store/not-here"),
        ("cert request C-1999-01-0001", 1, "store/not-here"),
        ("batch suspend B-1999-01-0001", 1, "store/not-here"),
        ("batch suspend BATCH --reason misconduct", 1, "status/ground-unfit"),
        ("batch reinstate BATCH", 1, "status/batch-move-forbidden"),
        ("batch reinstate BATCH B-1999-01-0001 --dry-run", 1, "status/changes-refused"),
        ("batch reinstate BATCH --as one --approve-as one", 1, "access/four-eyes"),
        ("batch status B-1999-01-0001", 1, "store/not-here"),
        ("batch issue B-1999-01-0001", 1, "store/not-here"),
        ("batch approve B-1999-01-0001", 1, "store/not-here"),
        ("batch propose --level 3", 1, "batch/nothing-to-issue"),
        ("batch propose --level 1 --key demo/AIGC-APP-ENG/3", 1, "store/"),
        ("batch propose --level ../etc", 2, "programme/level-unknown"),
        ("batch propose --level 9", 2, "programme/level-unknown"),
        ("batch propose --level 3 --key ''", 2, "batch/key-malformed"),
        ("cert correct NUMBER --reason ''", 2, "replace/reason-missing"),
        ("cert correct NUMBER --reason wrong --name a1;;", 2, "replace/particular"),
        (f"cert correct NUMBER --reason wrong --photo {ROSTERS / 'good-utf-8.csv'}", 2, "photo/refused"),
        ("cert replacement X-1999-01-0001", 1, "store/not-here"),
        ("cert replacements --batch B-1999-01-0001", 1, "store/not-here"),
        ("cert propose X-1999-01-0001", 1, "store/not-here"),
        ("sender status B-1999-01-0001", 1, "store/not-here"),
        ("exam confirm S-1999-01-0001 --as one", 1, "store/not-here"),
        ("exam record nosuch.csv", 2, "input/file-unreadable"),
        ("enrol import nosuch.csv", 2, "input/file-unreadable"),
        ("enrol import . --programme AIGC-APP-ENG", 2, "input/file-unreadable"),
        ("enrol import nosuch.csv --programme NONE", 2, "input/file-unreadable"),
        ("audit timeline --certificate NONE", 1, "store/not-here"),
        ("verify nosuch.json", 2, "input/file-unreadable"),
        ("verify .", 2, "input/file-unreadable"),
        ("verify https://elsewhere.example/C/AAAAAAAAAAAAAAAAAAAAAAAAAA", 2, "verify/link-elsewhere"),
        ("verify NUMBER --max-age soon", 2, "verify/age"),
        ("verify NUMBER --max-age 99999999999999999999d", 2, "verify/age"),
        ("verify NUMBER --node nonsense", 2, "identifier/malformed"),
        ("verify NUMBER --node http://127.0.0.1:99999", 2, "identifier/malformed"),
        ("verify NUMBER --node http://[::1", 2, "identifier/malformed"),
        ("verify NUMBER --node file:///etc/passwd", 2, "identifier/malformed"),
        ("verify NUMBER --trust-root nosuch.json", 2, "verify/trust-root-needed"),
        ("verify https://elsewhere.example/C/AAAAAAAAAAAAAAAAAAAAAAAAAA --name 某", 2, "verify/name-unneeded"),
        ("init --issuer lower-case --name 某中心 --base-url https://v.example.cn", 2, "input/installation"),
        ("init --issuer GD-SKILLS --name 某中心 --base-url http://v.example.cn", 2, "input/installation"),
        ("init --issuer GD-SKILLS --name 某中心 --base-url https://v.example.cn", 1, "home/occupied"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_kept(
    stage: Stage, finished_home: Path, words: str, exit_code: int, code: str
) -> None:
    before = kept(finished_home)
    number = a_valid_number(finished_home)
    named = words.replace("NUMBER", number).replace("BATCH", "B-" + _first_batch(finished_home))
    played = stage.play(*shlex.split(named), home=finished_home)
    assert played.exit_code == exit_code, played
    assert f"[{code}" in played.stderr.replace("\n", ""), played
    require_plain_error(played, played.exit_code, played.stderr.rstrip().rpartition("[")[2].removesuffix("]"))
    assert kept(finished_home) == before


def test_approving_again_signs_nothing_and_says_so(stage: Stage, finished_home: Path) -> None:
    batch, before = "B-" + _first_batch(finished_home), kept(finished_home)
    played = stage.play("batch", "approve", batch, "--as", "approver-1", home=finished_home)
    assert played.exit_code == 0, played
    assert f"batch {batch} was approved before and is final now; nothing was signed." in played.stderr
    assert kept(finished_home) == before


def a_valid_number(home: Path) -> str:
    """A number that is neither suspended nor revoked: the tampered file was made from it."""
    document = json.loads((home / "tampered.bundle.json").read_bytes())
    return str(document["anchor"]["licenseNumber"])


def test_the_same_person_cannot_take_both_parts(stage: Stage, finished: Path) -> None:
    number = a_valid_number(finished)
    asked = stage.play("cert", "revoke", number, "--reason", "misconduct", "--as", "one", "--json", home=finished)
    request = json.loads(asked.stdout)
    assert (asked.exit_code, request["state"]) == (0, "requested")
    alone = stage.play("cert", "approve", request["id"], "--as", "one", home=finished)
    require_plain_error(alone, 1, "access/four-eyes")
    other_way = stage.play("cert", "suspend", number, home=finished)
    require_plain_error(other_way, 1, "status/request-open")
    done = stage.play("cert", "approve", request["id"], "--as", "two", "--json", home=finished)
    assert json.loads(done.stdout)["state"] == "final"
    again = stage.play("cert", "approve", request["id"], "--as", "two", home=finished)
    require_plain_error(again, 1, again.stderr.rstrip().rpartition("[")[2].removesuffix("]"))
    back = stage.play("cert", "reinstate", number, "--as", "one", "--approve-as", "two", home=finished)
    assert back.exit_code == 1
    assert "[status/" in back.stderr


def test_a_dry_run_says_what_would_be_sent_and_keeps_nothing(stage: Stage, finished_home: Path) -> None:
    number, before = a_valid_number(finished_home), kept(finished_home)
    for words, function in (
        (("suspend", number), "suspend"),
        (("revoke", number, "--reason", "misconduct"), "revoke"),
    ):
        told = stage.play("cert", *words, "--dry-run", "--json", home=finished_home)
        call = json.loads(told.stdout)
        assert (told.exit_code, call["function"], call["certificate"]) == (0, function, number)
        assert call["contract"].startswith("eip155:20268:0x")
        assert call["gas_limit"] == 230_000
    done = stage.play("batch", "issue", "B-" + _first_batch(finished_home), "--dry-run", home=finished_home)
    assert (done.exit_code, "there is nothing to send" in done.stderr) == (0, True)
    assert kept(finished_home) == before


def _first_batch(home: Path) -> str:
    with closing(sqlite3.connect(f"file:{home / 'registry.db'}?mode=ro", uri=True)) as database:
        (name,) = database.execute("SELECT min(id) FROM batch").fetchone()
    return str(name).removeprefix("B-")


def test_the_sheet_to_fill_in_is_taken_back(stage: Stage, finished: Path, tmp_path: Path) -> None:
    assert stage.play("enrol", "import", str(ROSTERS / "good-utf-8.csv"), home=finished).exit_code == 0
    assert stage.play("enrol", "decide", home=finished).exit_code == 0
    path = tmp_path / "sheet.csv"
    written = stage.play("exam", "template", "--output", str(path), home=finished)
    assert (written.exit_code, path.stat().st_mode & 0o777) == (0, 0o600)
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    headings, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))
    assert headings == ["准考证号", "姓名", "级别", "成绩"]
    assert rows
    assert all(admission.isdigit() and name and level and not mark for admission, name, level, mark in rows)
    again = stage.play("exam", "template", "--output", str(path), home=finished)
    require_plain_error(again, 2, "input/file-unreadable")
    assert path.read_bytes() == data
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([headings, *([*row[:3], "80"] for row in rows)])
    taken = stage.play("exam", "record", str(path), "--as", "clerk-1", "--json", home=finished)
    assert (taken.exit_code, json.loads(taken.stdout)["rows"]) == (0, len(rows))
    printed = stage.play("exam", "template", home=finished)
    require_plain_error(printed, 1, "exam/nobody-waits")


def test_a_cancelled_batch_is_not_issued(stage: Stage, examined: Path) -> None:
    for level in ("1", "2"):
        made = json.loads(
            stage.play("batch", "propose", "--level", level, "--as", "maker-1", "--json", home=examined).stdout
        )
        nothing = stage.play("batch", "propose", "--level", level, "--as", "maker-1", home=examined)
        require_plain_error(nothing, 1, "batch/nothing-to-issue")
        assert f"batch {made['id']} of this scope waits (sealed)" in nothing.stderr
        looked = stage.play("doctor", home=examined)
        assert f"batch {made['id']}" in looked.stdout
        assert f"vermilion batch approve --home {examined} {made['id']}" in looked.stdout
        assert stage.play("batch", "cancel", made["id"], "--as", "maker-1", home=examined).exit_code == 0
        issued = stage.play("batch", "issue", made["id"], home=examined)
        assert (issued.exit_code, "Given up" in issued.stdout) == (1, True)


def test_the_timeline_names_the_one_certificate(stage: Stage, finished_home: Path) -> None:
    records = json.loads(stage.play("audit", "timeline", "--limit", "0", "--json", home=finished_home).stdout)
    changes = [one for one in records if one["kind"] == "StatusChanged"]
    assert len(changes) == 2
    for one in changes:
        assert one["certificate"] in one["sentence"]["zh"]
        assert one["certificate"] in one["sentence"]["en"]
    assert all(one["certificate"] is None for one in records if one["kind"] != "StatusChanged")


# --- what may be handed to `verify`


@pytest.mark.parametrize(
    "file", ["trust-root.json", "registry.db", "vermilion.toml", "keys/data.keys", "chain.db", "public-keys.json"]
)
@pytest.mark.parametrize("how", ["gone", "garbage"])
def test_a_damaged_folder_is_never_taken_for_an_invalid_certificate(
    stage: Stage, finished: Path, file: str, how: str
) -> None:
    bundle = finished / "delivered" / f"{a_valid_number(finished)}.bundle.json"
    (finished / file).unlink()
    if how == "garbage":
        (finished / file).write_bytes(random.Random(3).randbytes(3_000))
    played = stage.play("verify", str(bundle), home=finished)
    assert played.exit_code != 1, played
    assert "Traceback" not in played.stderr
    if played.exit_code != 0:
        assert played.exit_code in (2, 3)


def test_documents_that_are_not_as_they_should_be_have_a_clear_verdict(
    stage: Stage, finished_home: Path, tmp_path: Path
) -> None:
    number = a_valid_number(finished_home)
    whole = (finished_home / "delivered" / f"{number}.bundle.json").read_bytes()
    credential = json.loads(whole)["credential"]
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(1 << 30)
    cases = {
        "whole": (whole, "valid", 0),
        "the bare credential": (credential.encode(), "cannot-confirm", 3),
        "tampered": ((finished_home / "tampered.bundle.json").read_bytes(), "altered", 1),
        "truncated": (whole[:-200], "unreadable", 1),
        "twice": (whole + whole, "altered", 1),
        "empty": (b"", "unreadable", 1),
        "text": ("不是证书".encode(), "unreadable", 1),
        "zeros": (bytes(1000), "unreadable", 1),
        "deep": (b"[" * 100_000, "unreadable", 1),
        "foreign": (b'{"format":"OpenBadge","credential":"x"}', "unreadable", 1),
        "picture": (b"\x89PNG\r\n\x1a\n" + os.urandom(500), "unreadable", 1),
    }
    path = tmp_path / "document.json"
    for case, (data, outcome, exit_code) in cases.items():
        path.write_bytes(data)
        for target, stdin in ((str(path), None), ("-", path)):
            played = stage.play("verify", target, "--json", home=finished_home, stdin=stdin)
            assert (json.loads(played.stdout)["outcome"], played.exit_code) == (outcome, exit_code), case
            assert played.stderr == "", case
    oversized = stage.play("verify", str(huge), "--json", home=finished_home)
    assert (json.loads(oversized.stdout)["code"], oversized.exit_code) == ("unreadable/oversized", 1)


def test_the_certificate_of_another_registry_is_not_ours(stage: Stage, finished_home: Path, examined: Path) -> None:
    number = a_valid_number(finished_home)
    bundle = finished_home / "delivered" / f"{number}.bundle.json"
    played = stage.play("verify", str(bundle), "--json", home=examined)
    assert json.loads(played.stdout)["outcome"] in {"not-recognised", "not-registered"}
    assert played.exit_code == 1


def test_whatever_is_handed_to_verify_there_is_an_answer_and_no_traceback(
    stage: Stage, finished_home: Path, tmp_path: Path
) -> None:
    chance = random.Random(7)
    number = a_valid_number(finished_home)
    whole = (finished_home / "delivered" / f"{number}.bundle.json").read_bytes()
    path = tmp_path / "any.json"
    for _ in range(25):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        path.write_bytes(data)
        played = stage.play("verify", str(path), "--json", home=finished_home)
        outcome = json.loads(played.stdout)["outcome"]
        assert played.exit_code == 1 or bytes(data) == whole, (bytes(data), outcome)
    for target in (
        "A" * 5000, "a/" * 3000, "\udcff\udcfe", "[bold]x[/bold]", " ", "~", "%s%n", "{}", "١٢٣", "../" * 20,
        "/dev/null", "http://", "http://[", "://", "-" , "DEMO-EEC-2026-", number.lower(), number + "\n", "\x1b[31m",
    ):  # fmt: skip
        played = stage.play("verify", target, "--name", target[:50], home=finished_home)
        assert played.exit_code in (0, 1, 2), (target, played)
        assert "Traceback" not in played.stderr, (target, played)
    for words, exit_code in (
        (("--as-of", "9999-12-31"), 2),
        (("--as-of", "0001-01-01"), 3),
        (("--max-age", "0s"), 3),
    ):
        played = stage.play("verify", number, *words, home=finished_home)
        assert played.exit_code == exit_code, (words, played)
