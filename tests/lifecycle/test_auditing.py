"""An auditor's routine by the commands: keep a checkpoint, come back, prove; with a data folder, and as a stranger."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from api.cli import app
from api.errors import exit_code as exit_code_of
from contracts import RECORDS
from registry.anchor.history import Checkpoint
from registry.anchor.proofs import (
    HistoryCheckpoint,
    HistoryConsistency,
    HistoryInclusion,
    parse_checkpoint,
    parse_history_document,
    prove_consistency,
    require_consistency,
)
from registry.kernel.encoding import b64url
from registry.kernel.errors import RegistryError
from registry.kernel.identifiers import Address, BlockHash, ContractAddress, RootHash
from registry.kernel.merkle import Frontier, root_hash
from registry.workflows.auditing.prove import log_of_ledger
from registry.workflows.chain.follow import follow

# `world` comes from this folder's conftest; its type is only needed by readers.


@pytest.fixture
def outside(tmp_path, monkeypatch) -> Path:
    """A folder of somebody who has no data folder."""
    monkeypatch.delenv("VERMILION_HOME", raising=False)
    monkeypatch.setenv("VERMILION_LANG", "en")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audit(*words: object, stdin: bytes | None = None) -> Result:
    """Run an audit command as a stranger does."""
    return CliRunner().invoke(app, ["audit", *map(str, words)], input=stdin)


def done(*words: object, stdin: bytes | None = None) -> str:
    result = audit(*words, stdin=stdin)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return str(result.stdout)


def refused(code: str, *words: object, stdin: bytes | None = None) -> int:
    """Expect an error of this code; return the exit code that it leaves with."""
    result = audit(*words, stdin=stdin)
    assert isinstance(result.exception, RegistryError), (words, result.output)
    assert result.exception.code == code, result.exception
    assert result.stdout == ""
    return exit_code_of(result.exception)


def stranger(world: Any) -> tuple[str, ...]:
    return ("--node", world.node, "--trust-root", str(world.home.path / "trust-root.json"))


@pytest.fixture
def suspend(world) -> Iterator[Callable[[int], str]]:
    """Suspend the certificate of level 2 at a place, and give its number; afterwards it is as it was."""
    numbers: list[str] = []

    def change(place: int) -> str:
        number = str(world.certificates("2")[place].reservation.number)
        world.run("cert", "suspend", number, "--reason", "investigation", "--as", "maker-1")
        numbers.append(number)
        return number

    yield change
    for number in numbers:
        world.run("cert", "reinstate", number, "--as", "maker-1", "--approve-as", "approver-1")


def test_the_root_rebuilt_from_events_is_the_contracts_at_every_block(world) -> None:
    with world.home.chain(node=world.node) as ledger:
        follow(world.home.store, ledger, world.home.clock)
        log = log_of_ledger(ledger)
        leaves = [record.position.leaf for record in log.records]
        heads = []
        first = log.records[0].position.block_number
        for number in range(first, log.block.number + 1):
            block = ledger.block(number)
            assert block is not None
            size = sum(record.position.block_number <= number for record in log.records)
            heads.append(Checkpoint(size=size, root=root_hash(leaves[:size])))
            assert ledger.checkpoint(block) == heads[-1] == log.until(block).head
            peaks = ledger.view("peaks", at=number)
            assert Frontier(size=size, peaks=peaks).root == heads[-1].root
    for first_head in heads:
        for second_head in heads[heads.index(first_head) :]:
            proof = prove_consistency(log.name, log.tree, first_head.size, second_head.size)
            require_consistency(proof)
            assert (proof.first, proof.second) == (first_head, second_head)


def test_an_auditor_keeps_a_checkpoint_and_comes_back(world, outside, suspend) -> None:
    # 1. Keep a checkpoint: it says what was compared.
    said = done("checkpoint", "--output", "kept.json", *stranger(world))
    assert "the root rebuilt from the events alone is the contract's own at block" in said
    kept = parse_checkpoint((outside / "kept.json").read_bytes())
    assert kept.trust_root == world.home.trust_root.digest()
    # It is not written over.
    assert refused("input/file-unreadable", "checkpoint", "--output", "kept.json", *stranger(world)) == 2
    # 2. Something happens.
    number = suspend(-1)
    # 3. Come back: the log continues what was kept, and what is new is proven against a new checkpoint.
    done("checkpoint", "--output", "now.json", *stranger(world))
    said = done("prove", "--since", "kept.json", "--output", "between.json", *stranger(world))
    now = parse_checkpoint((outside / "now.json").read_bytes())
    grown = f"the log of {now.head.size} records"
    assert said.startswith(grown)
    assert f"none of the first {kept.head.size} was changed or taken out" in said
    bundle = world.home.path / "delivered" / f"{number}.bundle.json"
    done("prove", bundle, "--output", "certificate.json", *stranger(world))
    # 4. Check offline, with what was kept alone.
    assert "is open; use --node" in done("check", "between.json", "--against", "kept.json")
    assert "is open; use --node" not in done("check", "between.json", "--against", "now.json")
    said = done("check", "certificate.json", "--against", "now.json")
    assert re.search(
        rf"record {now.head.size - 1} \(DEMO-EEC suspended 1 certificate: investigation, "
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d \+08:00\) stands in {grown} with root ",
        said,
    )
    assert re.search(r"DEMO-EEC recorded \d+ certificates of AIGC-APP-ENG/2", said)  # its anchor
    # 5. And against the contract.
    for name in ("kept.json", "now.json", "between.json", "certificate.json"):
        assert "against the contract itself at block" in done("check", name, *stranger(world))


def test_with_a_data_folder_the_same_proofs_come_from_what_was_read(world, outside, suspend) -> None:
    number = suspend(-2)
    home = ("--home", str(world.home.path))
    by_number = done("prove", number, *home)
    by_bundle = done("prove", world.home.path / "delivered" / f"{number}.bundle.json", *stranger(world))
    assert by_number == by_bundle
    document = parse_history_document(by_number.removesuffix("\n").encode())
    assert isinstance(document, HistoryInclusion)
    seqs = [one.index for one in document.records]
    timeline = json.loads(world.run("audit", "timeline", "--certificate", number, "--limit", "0", "--json"))
    assert [one["seq"] for one in timeline] == seqs
    assert done("prove", *map(str, reversed(seqs)), *home) == by_number
    done("check", "-", *home, stdin=by_number.encode())
    # In an earlier checkpoint: the anchor alone.
    block = timeline[0]["block"]
    (outside / "then.json").write_text(done("checkpoint", "--at-block", block, "--json", *home))
    earlier = done("prove", number, "--at", "then.json", *home)
    then = parse_history_document(earlier.removesuffix("\n").encode())
    assert isinstance(then, HistoryInclusion)
    assert [one.index for one in then.records] == seqs[:1]
    told = json.loads(done("check", "-", "--against", "then.json", "--json", stdin=earlier.encode()))
    assert (told["proven"], told["type"], len(told["statements"])) == (True, "HistoryInclusion", 1)
    assert refused("store/not-here", "prove", str(seqs[-1]), "--at", "then.json", *home) == 1
    # Between two files; the earlier one belongs to --since.
    (outside / "now.json").write_text(done("checkpoint", "--json", *home))
    done(
        "check",
        "-",
        "--against",
        "now.json",
        stdin=done("prove", "--since", "then.json", "--at", "now.json", *home).encode(),
    )
    assert refused("history/not-continued", "prove", "--since", "now.json", "--at", "then.json", *home) == 1


def test_what_is_proven_is_said_in_chinese_too(world, outside, monkeypatch) -> None:
    monkeypatch.setenv("VERMILION_LANG", "zh")
    done("checkpoint", "--output", "kept.json", *stranger(world))
    proof = done("prove", "0", *stranger(world))
    said = done("check", "-", "--against", "kept.json", stdin=proof.encode())
    assert re.search(r"记录0（合约开始：成员3家，门槛2，.*）在共\d+条、根为.{43}的日志中", said)
    assert "依据：所保存的检查点" in said


# — a log that was rewritten —


def test_a_checkpoint_that_the_contract_never_had_is_named_as_such(world, outside) -> None:
    done("checkpoint", "--output", "kept.json", *stranger(world))
    kept = parse_checkpoint((outside / "kept.json").read_bytes())
    head, block = kept.head, kept.block
    forged = {
        "another root": HistoryCheckpoint(
            log=kept.log,
            trust_root=kept.trust_root,
            head=Checkpoint(size=head.size, root=RootHash(b"r" * 32)),
            block=block,
        ),
        "records that are hidden now": HistoryCheckpoint(
            log=kept.log,
            trust_root=kept.trust_root,
            head=Checkpoint(size=head.size + 7, root=head.root),
            block=block,
        ),
        "another block": HistoryCheckpoint(
            log=kept.log,
            trust_root=kept.trust_root,
            head=head,
            block=type(block)(number=block.number, hash=BlockHash(b"x" * 32), time=block.time),
        ),
    }
    for what, document in forged.items():
        Path("forged.json").write_bytes(document.document())
        assert refused("history/rewritten", "check", "forged.json", *stranger(world)) == 3, what
        if what != "another block":  # the log does continue that one's head
            for option in ("--since", "--at"):
                words = ("prove", option, "forged.json", *stranger(world), *(("0",) if option == "--at" else ()))
                assert refused("history/rewritten", *words) == 3, what
    done("check", "kept.json", *stranger(world))


def test_what_a_checkpoint_says_of_its_block_is_compared_too(world, outside) -> None:
    done("checkpoint", "--output", "kept.json", *stranger(world))
    kept = parse_checkpoint((outside / "kept.json").read_bytes())
    done("check", "kept.json", "--against", "kept.json")
    block = kept.block
    for other in (
        replace(block, number=999),
        replace(block, time=block.time.replace(year=2020)),
        replace(block, hash=BlockHash(b"x" * 32)),
    ):
        Path("forged.json").write_bytes(replace(kept, block=other).document())
        assert refused("history/other-checkpoint", "check", "forged.json", "--against", "kept.json") == 1


def test_a_checkpoint_that_was_just_compared_is_not_called_open(world, outside, suspend) -> None:
    done("checkpoint", "--output", "kept.json", *stranger(world))
    suspend(-4)
    done("prove", "--since", "kept.json", "--output", "between.json", *stranger(world))
    words = ("check", "between.json", "--against", "kept.json")
    assert "is open; use --node" in done(*words)
    for reached in (stranger(world), ("--home", str(world.home.path))):
        said = done(*words, *reached)
        assert "against the contract itself at block" in said
        assert "is open" not in said


def test_a_record_that_the_contract_never_writes_is_no_record(world, outside) -> None:
    proof = json.loads(done("prove", "3", *stranger(world)))
    root = proof["records"][0]["record"][:3]

    def forged(*words: int | str) -> bytes:
        """Prove words in a log of one record, whose root is their leaf."""
        whole = [word if isinstance(word, str) else f"0x{word:064x}" for word in words]
        leaf = hashlib.sha256(b"\0" + bytes.fromhex("".join(word[2:] for word in whole))).digest()
        record = {"arrays": [], "inclusionPath": [], "leafIndex": 0, "record": whole}
        value = {**proof, "records": [record], "treeSize": 1, "rootHash": b64url(leaf)}
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    paused = next(int(op) for name, (op, _) in RECORDS.items() if name == "Paused")
    for at in (2**60, 2**255, 253_402_300_799):  # the last: a second before the calendar ends in UTC, and after it here
        data = forged(paused, root[1], at, 1_800_000_000)
        assert refused("history/record-malformed", "check", "-", *stranger(world), stdin=data) == 2
    # A pause of any length can be told; that no such log is the contract's is found afterwards.
    for until in (1_800_000_000, 2**255):
        data = forged(paused, root[1], 1_800_000_000, until)
        assert refused("history/rewritten", "check", "-", *stranger(world), stdin=data) == 3


def test_a_proof_that_was_changed_proves_nothing(world, outside) -> None:
    done("checkpoint", "--output", "kept.json", *stranger(world))
    honest = done("prove", "7", *stranger(world)).removesuffix("\n")
    value = json.loads(honest)

    def changed(**changes: Any) -> bytes:
        record = {**value["records"][0], **changes}
        return json.dumps({**value, "records": [record]}, sort_keys=True, separators=(",", ":")).encode()

    words = value["records"][0]["record"]
    other = changed(record=[*words[:-1], "0x" + "00" * 31 + "07"])
    for options in (("--against", "kept.json"), stranger(world)):
        assert refused("history/not-included", "check", "-", *options, stdin=other) == 1
        assert refused("history/record-malformed", "check", "-", *options, stdin=changed(arrays=[[words[0]]])) == 2
        assert refused("history/document", "check", "-", *options, stdin=honest[:-9].encode()) == 2
        done("check", "-", *options, stdin=changed())


def test_documents_of_other_logs_and_other_checkpoints_are_refused(world, outside, suspend) -> None:
    done("checkpoint", "--output", "kept.json", *stranger(world))
    kept = parse_checkpoint((outside / "kept.json").read_bytes())
    foreign = HistoryCheckpoint(
        log=type(kept.log)(
            contract=ContractAddress(chain_id=1, address=Address("0x" + "77" * 20)), genesis=kept.log.genesis
        ),
        trust_root=kept.trust_root,
        head=kept.head,
        block=kept.block,
    )
    Path("foreign.json").write_bytes(foreign.document())
    Path("proof.json").write_text(done("prove", "3", *stranger(world)))
    assert refused("history/other-log", "check", "proof.json", "--against", "foreign.json") == 1
    assert refused("history/other-log", "check", "foreign.json", *stranger(world)) == 1
    assert refused("history/other-log", "prove", "--since", "foreign.json", *stranger(world)) == 1
    assert refused("history/other-log", "prove", "3", "--at", "foreign.json", *stranger(world)) == 1
    suspend(-3)
    later = done("prove", "3", *stranger(world)).encode()
    assert refused("history/other-checkpoint", "check", "-", "--against", "kept.json", stdin=later) == 1
    done("check", "-", *stranger(world), stdin=later)


# — wrong input —


def test_wrong_input_is_told_apart(world, outside) -> None:
    Path("proof.json").write_text(done("prove", "3", *stranger(world)))
    Path("kept.json").write_text(done("checkpoint", "--json", *stranger(world)))
    root = world.home.path / "trust-root.json"
    for code, *words in (
        ("history/nothing-named", "prove", *stranger(world)),
        ("history/nothing-named", "prove", "3", "--since", "kept.json", *stranger(world)),
        ("history/source-needed", "prove", "3"),
        ("history/source-needed", "prove", "3", "--node", world.node),
        ("history/source-needed", "prove", "3", "--trust-root", str(root)),
        ("history/source-needed", "check", "proof.json"),
        ("history/source-needed", "checkpoint"),
        ("history/number-needs-home", "prove", "DEMO-EEC-2026-0000000000A", *stranger(world)),
        ("history/document", "prove", "3", "--at", "proof.json", *stranger(world)),
        ("history/document", "check", "proof.json", "--against", "proof.json"),
        ("history/document", "check", str(root), "--against", "kept.json"),
        ("input/file-unreadable", "check", "missing.json", "--against", "kept.json"),
        ("input/file-unreadable", "check", "proof.json", "--against", "missing.json"),
        ("input/file-unreadable", "prove", "missing.bundle.json", *stranger(world)),
        ("input/file-unreadable", "check", ".", "--against", "kept.json"),
        ("document/not-ours", "prove", "proof.json", *stranger(world)),
        ("trust-root/malformed", "checkpoint", "--node", world.node, "--trust-root", "kept.json"),
        ("identifier/malformed", "checkpoint", "--node", "nonsense", "--trust-root", str(root)),
        ("home/missing", "prove", "3", "--home", "nowhere"),
    ):
        result = audit(*words)
        assert getattr(result.exception, "code", None) == code, (words, result.output)
        assert result.stdout == ""
    for seq in ("999999", "9" * 13, "9" * 5_000):
        code = "history/number-needs-home" if len(seq) > 13 else "store/not-here"
        refused(code, "prove", seq, *stranger(world))
    refused("store/not-here", "prove", "DEMO-EEC-2026-0000000000A", "--home", world.home.path)
    refused("store/not-here", "checkpoint", "--at-block", "999999", *stranger(world))
    refused("store/not-here", "checkpoint", "--at-block", "0", *stranger(world))
    done("check", "proof.json", "--against", "kept.json")


def test_without_a_node_the_data_folder_proves_what_it_has_read(world, outside) -> None:
    home = ("--home", str(world.home.path), "--node", "http://127.0.0.1:9")
    done("checkpoint", "--output", "kept.json", "--home", world.home.path)
    result = audit("prove", "3", "--output", "proof.json", *home)
    assert result.exit_code == 0
    assert "no node answered" in result.stderr
    done("check", "proof.json", "--against", "kept.json")
    assert refused("ledger/unavailable", "check", "proof.json", *home) == 3
    assert refused("ledger/unavailable", "checkpoint", *home) == 3
    document = parse_history_document(done("prove", "--since", "kept.json", *home).removesuffix("\n").encode())
    assert isinstance(document, HistoryConsistency)
