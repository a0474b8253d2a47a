"""Members and controllers by the command line, on a real chain: what is decided, when it takes effect, how it shows."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import api.founding
from api.cli import app
from api.commands.setup import demo_installation, running_node
from api.demo_data import sample_roster
from api.errors import code_of
from api.founding import make_installation
from api.wiring import Home
from node.client.operations import signing_hash
from node.signer import AccountKey, read_document
from registry.kernel.encoding import canonical_json
from registry.kernel.errors import RegistryError
from registry.workflows.chain.govern import ContractRefused

DELAY = 2
NEWCOMER = AccountKey(b"\x0e" * 32).address
ISSUER = ("--issuer", "DEMO-EEC")


class Consortium:
    """An installation whose dangerous decisions wait two seconds, with a node and a batch."""

    def __init__(self, home: Home, node: str) -> None:
        self.home, self.node = home, node

    def invoke(self, *words: str) -> Any:
        return CliRunner().invoke(app, [*words, "--home", str(self.home.path)])

    def run(self, *words: str) -> str:
        result = self.invoke(*words)
        assert result.exit_code == 0, (words, result.output, result.exception)
        return result.stdout

    def read(self, *words: str) -> Any:
        return json.loads(self.run("consortium", *words, "--json"))

    def act(self, *words: str, key: str) -> Any:
        return json.loads(self.run("consortium", *words, "--key", key, "--yes", "--json"))

    def refused(self, *words: str) -> str:
        """Do something that is refused; its code."""
        error = self.invoke("consortium", *words).exception
        assert isinstance(error, RegistryError), error
        return code_of(error)

    def decide(self, *words: str, enact: bool = False) -> str:
        """Two members propose and vote; where it is dangerous, it is waited for and enacted. Gives the ballot."""
        ballot: str = self.act("propose", *words, key="member-1")["ballot"]
        self.act("vote", ballot, key="member-2")
        if enact:
            time.sleep(DELAY + 1)
            self.act("enact", ballot, key="member-3")
        return ballot

    def outcome(self) -> dict[str, Any]:
        """Verify one delivered certificate."""
        bundle = min((self.home.path / "delivered").glob("*.bundle.json"))
        found: dict[str, Any] = json.loads(self.invoke("verify", str(bundle), "--json").stdout)
        return found


@pytest.fixture(scope="module")
def council(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consortium]:
    path = tmp_path_factory.mktemp("consortium") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.founding, "DELAY_SECONDS", DELAY)
        make_installation(Home(path), demo_installation(), lambda what, text: None)
    home = Home(path)
    with running_node(home, 0) as node:
        made = Consortium(home, node)
        _one_batch(made)
        yield made


def _one_batch(made: Consortium) -> None:
    roster, scores = made.home.path / "roster.csv", made.home.path / "scores.csv"
    roster.write_bytes(sample_roster(seed=3, count=30))
    made.run("enrol", "import", str(roster), "--as", "clerk-1", "--accept-good-rows")
    made.run("enrol", "decide", "--as", "clerk-1")
    with made.home.store.read() as unit:
        awaited = unit.marks.awaited("AIGC-APP-ENG")
    scores.write_text("准考证号,成绩\r\n" + "".join(f"{one},90\r\n" for one in awaited), encoding="utf-8")
    sheet = json.loads(made.run("exam", "record", str(scores), "--as", "clerk-1", "--json"))["sheet"]
    made.run("exam", "confirm", sheet, "--as", "clerk-2")
    made.run("batch", "propose", "--level", "1", "--as", "maker-1")
    made.run("batch", "approve", "B-2026-11-0001", "--as", "approver-1")
    made.run("batch", "issue", "B-2026-11-0001")


def test_it_says_who_decides(council: Consortium) -> None:
    found = council.read("members")
    assert (found["threshold"], found["delay_seconds"]) == (2, DELAY)
    assert len([one for one in found["members"] if one["until"] is None]) >= 3
    assert council.run("consortium", "members").count("0x") >= 4


def test_a_decision_without_danger_takes_effect_with_the_deciding_vote(council: Consortium) -> None:
    words = ("grant-scope", *ISSUER, "--scope", "OTHER/1", "--until", "2036-12-31")
    first = council.act("propose", *words, key="member-1")
    assert (first["outcome"], first["votes"]) == ("counted", 1)
    listed = {one["ballot"]: one for one in council.read("ballots")}
    assert listed[first["ballot"]]["state"] == "open"
    assert listed[first["ballot"]]["words"]["en"].startswith("allow DEMO-EEC to issue certificates of OTHER/1")
    # Proposing what is proposed already is voting for it.
    second = council.act("propose", *words, key="member-2")
    assert (second["ballot"], second["outcome"]) == (first["ballot"], "enacted")
    assert "OTHER/1" in {one["scope"] for one in council.read("scopes", *ISSUER)}
    # The same once more is a new ballot.
    third = council.act("propose", *words, key="member-2")
    assert third["ballot"] != first["ballot"]
    council.act("withdraw", third["ballot"], key="member-2")
    assert council.read("ballots", third["ballot"])["votes"] == []


@pytest.mark.slow
def test_a_dangerous_decision_waits_and_is_then_enacted(council: Consortium) -> None:
    ballot = council.act("propose", "admit", "--member", NEWCOMER, "--threshold", "3", key="member-1")["ballot"]
    assert council.act("vote", ballot, key="member-3")["outcome"] == "delayed"
    waiting = council.read("ballots", ballot)
    assert waiting["state"] in {"waiting", "ready"}
    assert waiting["enactable_from"] > waiting["opened"]
    time.sleep(DELAY + 1)
    council.act("enact", ballot, key="member-1")
    found = council.read("members")
    assert found["threshold"] == 3
    assert NEWCOMER in {one["address"] for one in found["members"] if one["until"] is None}
    # Back to where it was, so that two votes decide for the other tests.
    ballot = council.act("propose", "remove", "--member", NEWCOMER, "--threshold", "2", key="member-1")["ballot"]
    council.act("vote", ballot, key="member-2")
    council.act("vote", ballot, key="member-3")
    time.sleep(DELAY + 1)
    council.act("enact", ballot, key="member-2")
    assert council.read("members")["threshold"] == 2


def test_too_early_is_refused_before_anything_is_signed(council: Consortium) -> None:
    ballot = council.act("propose", "threshold", "--threshold", "3", key="member-1")["ballot"]
    assert council.refused("enact", ballot, "--key", "member-1", "--yes") == "contract/below-threshold"
    assert council.refused("vote", ballot, "--key", "member-1", "--yes") == "contract/already-voted"
    assert council.refused("vote", ballot, "--key", "controller", "--yes") == "contract/not-a-member"
    council.act("vote", ballot, key="member-2")
    assert council.refused("enact", ballot, "--key", "member-1", "--yes") == "contract/delay-running"
    council.act("withdraw", ballot, key="member-1")
    council.act("withdraw", ballot, key="member-2")


def test_a_member_stops_anchoring_and_members_end_that(council: Consortium) -> None:
    council.act("pause", key="member-3")
    assert council.read("members")["paused_until"] is not None
    assert council.refused("pause", "--key", "member-3", "--yes") == "contract/paused-lately"
    council.decide("unpause")
    text = council.run("consortium", "members")
    assert "stopped until" not in text


def test_a_rehearsal_signs_and_sends_nothing(council: Consortium) -> None:
    before = council.read("ballots", "--all")
    result = council.invoke("consortium", "propose", "suspend", *ISSUER, "--key", "member-1", "--dry-run")
    assert result.exit_code == 0
    assert "suspend issuing body DEMO-EEC" in result.stderr
    assert council.read("ballots", "--all") == before


def test_it_asks_before_it_signs(council: Consortium) -> None:
    before = council.read("ballots", "--all")
    assert council.refused("propose", "suspend", *ISSUER, "--key", "member-1") == "input/unconfirmed"
    assert council.read("ballots", "--all") == before


def test_a_decision_that_could_not_take_effect_is_told_beforehand(council: Consortium) -> None:
    words = ("propose", "reinstate", *ISSUER, "--key", "member-1", "--dry-run")
    result = council.invoke("consortium", *words)
    assert "[contract/issuer-not-suspended]" in result.stderr


def test_a_controller_looks_after_keys(council: Consortium) -> None:
    sender, approver = (AccountKey(bytes([seed]) * 32).address for seed in (0x21, 0x22))
    council.act("keys", "add", "sender", sender, *ISSUER, "--until", "2027-12-31", key="controller")
    listed = {one["key"]: one for one in council.read("keys", "list", *ISSUER)}
    assert (listed[sender]["kind"], listed[sender]["good"]) == ("sender", True)
    council.act("keys", "retire", sender, *ISSUER, key="controller")
    time.sleep(2)
    assert not {one["key"]: one for one in council.read("keys", "list")}[sender]["good"]
    council.act("keys", "report-compromise", sender, *ISSUER, key="controller")
    assert {one["key"]: one for one in council.read("keys", "list")}[sender]["compromised_since"]
    add = ("keys", "add", "approver", approver, *ISSUER, "--until", "2027-12-31", "--key", "controller", "--yes")
    assert council.refused(*add) == "consortium/second-signature"
    # A signature of somebody who is no approver does not help.
    assert council.refused(*add, "--approver-key", "sender") == "contract/approver-is-sender"
    assert council.refused(*add, "--approver-key", "member-1") == "contract/not-an-approver"
    council.run("consortium", *add, "--approver-key", "approver")
    assert {one["key"]: one for one in council.read("keys", "list")}[approver]["kind"] == "approver"


def test_a_wallet_signs_for_another_approver(council: Consortium, tmp_path: Path) -> None:
    approver = AccountKey(b"\x24" * 32).address
    add = ("keys", "add", "approver", approver, *ISSUER, "--until", "2027-12-31", "--key", "controller", "--yes")
    document = tmp_path / "approver.json"
    council.run("consortium", *add, "--typed-data", str(document))
    wallet = council.home.account("approver")
    asked = read_document(json.loads(document.read_bytes()), council.home.trust_root.contract)
    signature = "0x" + wallet.sign_hash(signing_hash(asked, council.home.trust_root.contract)).hex()
    handed_in = ("--signed", str(document), "--signature", signature)
    # The same signature for another window is none.
    other = tuple("2028-12-31" if word == "2027-12-31" else word for word in add)
    assert council.refused(*other, *handed_in) == "signer/document-differs"
    council.run("consortium", *add, *handed_in)
    assert {one["key"]: one for one in council.read("keys", "list")}[approver]["kind"] == "approver"


def test_a_passphrase_comes_over_a_descriptor(council: Consortium) -> None:
    secret = (council.home.keys / "registry.passphrase").read_bytes()
    key = str(council.home.keys / "member-1.json")
    words = ("consortium", "propose", "suspend", *ISSUER, "--dry-run", "--node", council.node)
    root = ("--trust-root", str(council.home.path / "trust-root.json"))
    for given, code in ((secret, None), (b"guess\n", "signer/passphrase-wrong")):
        reading, writing = os.pipe()
        os.write(writing, given)
        os.close(writing)
        result = CliRunner().invoke(app, [*words, *root, "--key", key, "--passphrase-fd", str(reading)])
        found = None if result.exit_code == 0 else code_of(result.exception)
        assert found == code, (result.output, result.exception)


def test_a_rehearsal_with_an_approver_opens_no_key_of_theirs(council: Consortium) -> None:
    approver = AccountKey(b"\x25" * 32).address
    words = ("keys", "add", "approver", approver, *ISSUER, "--until", "2027-12-31", "--key", "controller")
    result = council.invoke("consortium", *words, "--approver-key", "no such file", "--dry-run", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["dry_run"] is True
    assert "nothing was signed" in result.stderr


def test_nobody_is_written_over(council: Consortium, tmp_path: Path) -> None:
    there = tmp_path / "there.json"
    there.write_bytes(b"mine")
    approver = AccountKey(b"\x26" * 32).address
    words = ("keys", "add", "approver", approver, *ISSUER, "--until", "2027-12-31", "--typed-data", str(there))
    assert council.refused(*words) == "input/file-unreadable"
    assert there.read_bytes() == b"mine"


def test_a_checkpoint_written_elsewhere_is_one_of_this_log(council: Consortium, tmp_path: Path) -> None:
    kept, forged = tmp_path / "kept.json", tmp_path / "forged.json"
    council.run("audit", "checkpoint", "--output", str(kept))
    words = ("record", "--chain-id", "1", "--transaction", "0x" + "7a" * 32)
    document = json.loads(kept.read_bytes())
    forged.write_bytes(canonical_json({**document, "treeSize": document["treeSize"] - 1}))
    key = ("--key", "member-1", "--yes")
    assert council.refused(*words, "--checkpoint", str(forged), *key) == "history/rewritten"
    council.act(*words, "--checkpoint", str(kept), key="member-1")
    assert "chain 1" in council.run("audit", "timeline", "--limit", "1")


def test_voters_are_told_what_the_decision_would_meet(council: Consortium) -> None:
    ballot = council.act("propose", "reinstate", *ISSUER, key="member-1")["ballot"]
    result = council.invoke("consortium", "vote", ballot, "--key", "member-3", "--dry-run")
    # The contract looks only when the deciding vote comes, which this one would be.
    assert "[contract/issuer-not-suspended]" in result.stderr
    council.act("withdraw", ballot, key="member-1")


def test_who_is_not_the_controller_is_refused(council: Consortium) -> None:
    other = AccountKey(b"\x23" * 32).address
    words = ("keys", "add", "sender", other, *ISSUER, "--until", "2027-12-31", "--key", "member-1", "--yes")
    assert council.refused(*words) == "contract/not-the-controller"


def test_a_member_needs_no_data_folder(council: Consortium, tmp_path: Path) -> None:
    root = council.home.path / "trust-root.json"
    words = ["--node", council.node, "--trust-root", str(root)]
    for command in (["members"], ["ballots", "--all"], ["issuers"], ["scopes"], ["keys", "list"]):
        result = CliRunner().invoke(app, ["consortium", *command, *words, "--json"])
        assert result.exit_code == 0, (result.output, result.exception)
        assert json.loads(result.stdout)
    alone = CliRunner().invoke(app, ["consortium", "members"], env={"VERMILION_HOME": str(tmp_path)})
    assert isinstance(alone.exception, RegistryError)
    assert alone.exception.code == "consortium/place-unnamed"


def test_a_stranger_reads_the_timeline(council: Consortium) -> None:
    root = str(council.home.path / "trust-root.json")
    words = ["audit", "timeline", "--node", council.node, "--trust-root", root, "--limit", "3", "--json"]
    told = json.loads(CliRunner().invoke(app, words).stdout)
    mine = json.loads(council.run("audit", "timeline", "--limit", "3", "--json"))
    assert [one["seq"] for one in told] == [one["seq"] for one in mine]
    refused = CliRunner().invoke(app, [*words, "--certificate", "DEMO-EEC-2026-1"])
    assert isinstance(refused.exception, RegistryError)
    assert refused.exception.code == "history/number-needs-home"


def test_a_rehearsal_speaks_json(council: Consortium) -> None:
    told = json.loads(
        council.run("consortium", "propose", "suspend", *ISSUER, "--key", "member-1", "--dry-run", "--json")
    )
    assert (told["dry_run"], told["refusal"], told["function"]) == (True, None, "vote")
    assert any("suspend issuing body DEMO-EEC" in line for line in told["words"])


def test_a_withdrawal_says_what_is_lost(council: Consortium) -> None:
    ballot = council.act("propose", "withdraw", *ISSUER, "--reason", "misconduct", key="member-1")["ballot"]
    council.act("vote", ballot, key="member-2")
    result = council.invoke("consortium", "withdraw", ballot, "--key", "member-2", "--dry-run")
    assert "1 vote will be left" in result.stderr
    assert "its delay is lost" in result.stderr
    for key in ("member-1", "member-2"):
        council.act("withdraw", ballot, key=key)


def test_nobody_is_asked_for_the_passphrase_of_something_else(council: Consortium, tmp_path: Path) -> None:
    words = ("propose", "suspend", *ISSUER, "--dry-run")
    other = tmp_path / "other.json"
    other.write_bytes((council.home.path / "trust-root.json").read_bytes())
    other.chmod(0o600)
    assert council.refused(*words, "--key", str(other)) == "signer/file-malformed"
    reading, writing = os.pipe()
    os.close(writing)
    member = str(council.home.keys / "member-1.json")
    assert council.refused(*words, "--key", member, "--passphrase-fd", str(reading)) == "home/passphrase-unread"
    assert council.refused(*words, "--key", member, "--passphrase-fd", "250") == "home/passphrase-unread"


@pytest.mark.slow
def test_verdicts_follow_what_members_decide(council: Consortium) -> None:
    batch = (*ISSUER, "--batch", "B-2026-11-0001")
    assert council.outcome()["outcome"] == "valid"
    council.decide("suspend-batch", *batch, "--reason", "investigation")
    assert council.outcome()["outcome"] == "suspended"
    council.decide("lift-batch-suspension", *batch, "--reason", "investigation-closed", enact=True)
    assert council.outcome()["outcome"] == "valid"
    council.decide("suspend", *ISSUER)
    assert "issuer-suspended-since" in {one["kind"] for one in council.outcome()["notices"]}
    council.decide("reinstate", *ISSUER)
    # The sender's key turns out to have been stolen before the batch was recorded.
    sender = council.home.account("sender").address
    stolen = ("--key-id", sender, "--since", "2026-01-01")
    council.decide("key-compromised", *ISSUER, *stolen, enact=True)
    assert council.outcome()["outcome"] == "not-recognised"
    council.decide("reaffirm-batch", *batch, "--reason", "key-compromise")
    assert council.outcome()["outcome"] == "valid"
    council.decide("revoke-batch", *batch, "--reason", "misconduct", enact=True)
    assert council.outcome()["outcome"] == "revoked"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("propose", "abolish"), "consortium/kind-unknown"),
        (("propose", "suspend"), "consortium/motion-malformed"),
        (("propose", "suspend", *ISSUER, "--threshold", "2"), "consortium/motion-malformed"),
        (("propose", "suspend", "--issuer", "demo eec"), "identifier/malformed"),
        (("propose", "suspend", *ISSUER), "consortium/key-unnamed"),
        (("propose", "suspend", *ISSUER, "--key", "nobody"), "home/key-unnamed"),
        (("propose", "grant-scope", *ISSUER, "--scope", "A/1", "--until", "soon"), "consortium/time"),
        (("propose", "admit", "--member", "0x12", "--threshold", "2"), "identifier/malformed"),
        (
            ("propose", "revoke-word", *ISSUER, "--batch", "B-2026-11-0001", "--leaves", "9-1", "--reason", "0"),
            "consortium/leaves",
        ),
        (
            ("propose", "revoke-batch", *ISSUER, "--batch", "B-1999-01-0001", "--reason", "misconduct"),
            "consortium/word",
        ),
        (("propose", "revoke-batch", *ISSUER, "--batch", "B-2026-11-0001", "--reason", "x"), "status/reason-unknown"),
        (("propose", "record", "--what", "gossip", "--digest", "00" * 32), "consortium/recorded-unknown"),
        (("vote", "zz", "--key", "member-1"), "consortium/ballot-unknown"),
        (("keys", "list", "--issuer", "NOBODY"), "consortium/issuer-unknown"),
        (
            ("keys", "add", "golden", NEWCOMER, *ISSUER, "--until", "2027-01-01", "--key", "controller"),
            "consortium/key-kind",
        ),
        (("keys", "retire", NEWCOMER, *ISSUER, "--key", "controller"), "consortium/key-unregistered"),
        (
            ("record", "--chain-id", "1", "--checkpoint", "nowhere.json", "--transaction", "xx"),
            "consortium/word",
        ),
        (
            ("record", "--chain-id", "1", "--checkpoint", "nowhere.json", "--transaction", "00" * 32),
            "input/file-unreadable",
        ),
        (("vote", "3f9a", "--key", "member-1", "--yes"), "consortium/name-unfinished"),
        (
            ("keys", "add", "credential", NEWCOMER, *ISSUER, "--until", "2027-01-01", "--key", "controller"),
            "consortium/key-form",
        ),
        (
            ("keys", "add", "approver", "B" * 42 + "A", *ISSUER, "--until", "2027-01-01", "--typed-data", "x.json"),
            "consortium/key-form",
        ),
        (
            (*("keys", "add", "approver", NEWCOMER, *ISSUER, "--until", "2027-01-01"), "--signed", "x.json"),
            "input/approval-ways",
        ),
        (("propose", "key-compromised", *ISSUER, "--key-id", NEWCOMER, "--since", "0001-01-01"), "consortium/time"),
        (
            ("keys", "add", "sender", NEWCOMER, *ISSUER, "--from", "1960-01-01", "--until", "2027-01-01"),
            "consortium/time",
        ),
    ],
)
def test_wrong_input_is_named(council: Consortium, words: tuple[str, ...], code: str) -> None:
    assert council.refused(*words) == code


def test_the_contract_s_own_word_is_what_people_are_told() -> None:
    assert code_of(ContractRefused("contract/not-a-member")) == "contract/not-a-member"
