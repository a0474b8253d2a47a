"""The Python tables of contracts/: faults, codes, records, typed data."""

import pytest

import contracts
from contracts import RECORDS, FaultCode, IssuerState, Kind, Op, Reason, Status, faults


def test_every_fault_has_cause_and_remedy_in_both_languages() -> None:
    table = faults()
    assert list(table) == list(FaultCode)
    for code, fault in table.items():
        assert fault.code is code
        assert fault.slug == code.slug
        for text in (fault.cause, fault.remedy):
            assert text.zh.endswith("。")
            assert text.en.endswith(".")
            assert text.en.isascii()


def test_slugs_are_unique_and_well_formed() -> None:
    slugs = [code.slug for code in FaultCode]
    assert len(set(slugs)) == len(slugs)
    assert FaultCode.NOT_A_MEMBER.slug == "contract/not-a-member"
    assert all(slug.removeprefix("contract/").replace("-", "").isalpha() for slug in slugs)


def test_toml_names_are_the_slugs() -> None:
    import tomllib
    from importlib.resources import files

    tables = tomllib.loads(files("contracts").joinpath("faults.toml").read_text(encoding="utf-8"))
    assert {f"contract/{name}": table["code"] for name, table in tables.items()} == {
        code.slug: int(code) for code in FaultCode
    }


def test_fault_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        faults()[FaultCode.PAUSED] = faults()[FaultCode.MIGRATED]  # type: ignore[index]  # that is the point


def test_final_statuses_have_the_low_bit() -> None:
    assert {status for status in Status if status.final} == {Status.REVOKED, Status.SUPERSEDED}


def test_issuer_states_tell_both_facts() -> None:
    assert [(state.suspended, state.withdrawn) for state in IssuerState] == [
        (False, False),
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]


def test_dangerous_kinds_are_delayed() -> None:
    assert Kind.REVOKE_BATCH.delayed
    assert Kind.MIGRATE.delayed
    assert not Kind.SUSPEND.delayed
    assert len(contracts.DELAYED_KINDS) == 10


def test_reasons_are_told_in_both_languages() -> None:
    assert [reason.value for reason in Reason] == [0, 1, 32, 33, 34, 35, 36, 37, 38]
    assert all(reason.zh and reason.en for reason in Reason)


def test_each_operation_has_one_record_and_one_event() -> None:
    assert [op for op, _ in RECORDS.values()] == list(Op)
    events = {entry["name"]: entry for entry in contracts.artefact().abi if entry["type"] == "event"}
    assert set(events) == set(RECORDS)
    for name, (_, fields) in RECORDS.items():
        inputs = [(part["name"], part["type"]) for part in events[name]["inputs"]]
        assert inputs == [*fields, ("by", "address"), ("seq", "uint256")]
        indexed = {part["name"] for part in events[name]["inputs"] if part["indexed"]}
        assert indexed == {field for field, _ in fields} & {"issuer", "batchId"}


def test_unknown_target_is_missing() -> None:
    with pytest.raises(FileNotFoundError):
        contracts.artefact("homestead")  # type: ignore[arg-type]  # that is the point


def test_typed_data_is_complete() -> None:
    document = contracts.typed_data(
        primary_type="ApproverKey", message={"issuer": "A"}, chain_id=7, contract="0x" + "11" * 20
    )
    assert document["primaryType"] == "ApproverKey"
    assert document["types"]["ApproverKey"][0] == {"name": "issuer", "type": "string"}
    assert document["domain"]["chainId"] == 7
