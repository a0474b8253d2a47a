"""What approvers read before they sign, and which options go together."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from api.commands.approvals import ApprovalWays, Approving, approval_words
from api.commands.ballots import Names
from registry.anchor.operations import RevocationApproval
from registry.kernel.identifiers import BatchId
from registry.programme import load_catalogue
from tests.unit.node_signer.samples import SAMPLES, word

IDS = ("0x" + "01" * 32, "0x" + "05" * 32)
"""Of the two batches of the samples, as a wallet shows them."""
NAMES = Names(batches={BatchId(word(1)): "B-2026-11-0001"}, catalogue=load_catalogue(), whole=True)


def words(kind: str, *numbers: str) -> tuple[str, str]:
    """Give what is said, in Chinese and in English."""
    lines = approval_words(SAMPLES[kind], NAMES, numbers)
    return "\n".join(zh for zh, _ in lines), "\n".join(en for _, en in lines)


@pytest.mark.parametrize(
    ("kind", "zh", "en"),
    [
        (
            "Anchor",
            ("登记DEMO-EEC的批次B-2026-11-0001", "1,000,000张", "AIGC-APP-ENG/3", "0x" + "02" * 32, "不能收回"),
            ("Record batch B-2026-11-0001 of DEMO-EEC", "1,000,000 certificates", "0x" + "02" * 32, "cannot be taken"),
        ),
        (
            "Revoke",
            ("撤销", "4张证书（位置0, 2, 127, 896）", "0x" + "01" * 32, "B-2026-11-0001", "考试违纪", "永远不能恢复"),
            ("Revoke 4 certificates (at 0, 2, 127, 896)", "0x" + "01" * 32, "misconduct", "never stands again"),
        ),
        (
            "Reinstate",
            ("解除", "1张证书（位置1）", "调查结束", "须重新批准"),
            ("Lift the suspension of 1 certificate (at 1)", "investigation closed", "approved anew"),
        ),
        (
            "Supersede",
            ("GD-SKILLS", "位置0–1", "2张证书（位置4, 9）", "更正", "0x" + "cd" * 20, "永远不能恢复", *IDS),
            ("Replace 2 certificates (at 4, 9)", "at 0–1", "of GD-SKILLS", "correction", "0x" + "cd" * 20, *IDS),
        ),
        (
            "ReinstateBatch",
            ("解除DEMO-EEC自己对批次B-2026-11-0001、", "成员所作的暂停不受影响", *IDS),
            ("by DEMO-EEC itself, of batches B-2026-11-0001, ", "members have suspended stays suspended", *IDS),
        ),
        (
            "ApproverKey",
            ("准许账户0x" + "ef" * 20, "DEMO-EEC", "2033-05-18 11:33:20 +08:00", "停用"),
            ("Let account 0x" + "ef" * 20, "approve what DEMO-EEC does", "2033-05-18 11:33:20 +08:00", "retire"),
        ),
    ],
)
def test_each_structure_is_told_in_both_languages(kind: str, zh: tuple[str, ...], en: tuple[str, ...]) -> None:
    chinese, english = words(kind)
    assert [part for part in zh if part not in chinese] == []
    assert [part for part in en if part not in english] == []
    assert "这项批准有效至2025-12-01 08:00:00 +08:00" in chinese
    assert "holds until 2025-12-01 08:00:00 +08:00" in english


def test_certificates_are_named_where_all_of_them_are_known() -> None:
    both = words("Supersede", "DEMO-EEC-2026-1", "DEMO-EEC-2026-2")
    assert "（DEMO-EEC-2026-1, DEMO-EEC-2026-2；位置4, 9）" in both[0]
    assert "(DEMO-EEC-2026-1, DEMO-EEC-2026-2; at 4, 9)" in both[1]
    # A list of another length is of something else: what is signed is what is told.
    assert "(at 4, 9)" in words("Supersede", "DEMO-EEC-2026-1")[1]


def test_of_many_certificates_every_place_is_told_and_the_first_numbers() -> None:
    asked = SAMPLES["Revoke"]
    assert isinstance(asked, RevocationApproval)
    many = replace(asked, changes=(*(one << 128 | (1 << 128) - 1 for one in range(127)), 127 << 128 | 5), count=1)
    (zh, en), *_ = approval_words(many, NAMES)
    assert "16,258张证书（位置0–16256, 16258）" in zh
    assert "16,258 certificates (at 0–16256, 16258)" in en
    (_, en), *_ = approval_words(many, NAMES, [str(number) for number in range(16_258)])
    assert "(0, 1, 2, 3, 4, 5, 6, 7, … (+16250); at 0–16256, 16258)" in en


def test_unknown_batches_reasons_and_far_times_are_told_as_they_are() -> None:
    asked = SAMPLES["Revoke"]
    assert isinstance(asked, RevocationApproval)
    odd = replace(asked, batch=BatchId(word(9)), reason=77, deadline=2**256 - 1)
    text = "\n".join(en for _, en in approval_words(odd, NAMES))
    assert "reason 77" in text
    assert "0x" + "09" * 32 in text
    assert "holds until 9999-12-31" in text


FILE = Path("approve.json")
OPTIONS = {"key": "approver.json", "typed_data": FILE, "signed": FILE, "signature": "0x00"}
WAYS = ({*()}, {"key"}, {"typed_data"}, {"signed", "signature"})


@pytest.mark.parametrize("given", [set(some) for size in range(5) for some in itertools.combinations(OPTIONS, size)])
def test_options_of_one_way_go_together(given: set[str]) -> None:
    how = Approving(**{name: OPTIONS[name] for name in given})  # type: ignore[arg-type]  # each has its own type
    if given in WAYS:
        how.require_one_way()
    else:
        with pytest.raises(ApprovalWays):
            how.require_one_way()
