"""A certificate number is found however it was typed."""

import pytest

from registry.kernel.identifiers import IssuerCode, new_certificate_number, normal_number

WANTED = "DEMOEEC20260123456789A"


@pytest.mark.parametrize(
    "typed",
    [
        "DEMO-EEC-2026-0123456789A",
        "demo-eec-2026-0123456789a",
        " DEMO EEC 2026 0123456789 A ",
        "DEMO–EEC—2026‐0123456789A",
        "ＤＥＭＯ－ＥＥＣ－２０２６－０１２３４５６７８９Ａ",
        "ｄｅｍｏ　ｅｅｃ　２０２６　０１２３４５６７８９ａ",
    ],
)
def test_every_way_to_type_a_number_leads_to_one_form(typed: str) -> None:
    assert normal_number(typed) == WANTED


def test_another_number_stays_another() -> None:
    first, second = (new_certificate_number(IssuerCode("DEMO-EEC"), 2026) for _ in range(2))
    assert normal_number(first) != normal_number(second)
