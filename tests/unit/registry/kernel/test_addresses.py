"""Addresses of ours: what is written is read, in any letter case and language; nothing else is."""

import pytest

from registry.kernel.addresses import bare_key, certificate_address, certificate_link, share_address
from registry.kernel.identifiers import CertificateKey, new_certificate_key

KEY = CertificateKey("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


def test_what_is_written_on_paper_is_read():
    key = new_certificate_key()
    assert certificate_link(certificate_address("https://v.example.cn", key)) == ("https://v.example.cn", key)


@pytest.mark.parametrize(
    "text",
    [
        f"https://v.example.cn/C/{KEY}",
        f"HTTPS://V.EXAMPLE.CN/C/{KEY}",
        f"https://v.example.cn/c/{KEY.lower()}/",
        f"https://v.example.cn/zh/C/{KEY}",
        f"https://v.example.cn/EN/c/{KEY}",
        f"  https://v.example.cn/C/{KEY}\n",
    ],
)
def test_letter_case_language_and_blanks_around_do_not_matter(text):
    assert certificate_link(text) == ("https://v.example.cn", KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        KEY,
        f"v.example.cn/C/{KEY}",
        f"ftp://v.example.cn/C/{KEY}",
        f"https://v.example.cn/C/{KEY}A",
        f"https://v.example.cn/C/{KEY[:-1]}",
        f"https://v.example.cn/C/{KEY[:-1]}1",
        f"https://v.example.cn/C/{KEY}?as_of=2026-01-01",
        f"https://v.example.cn/C/{KEY}#top",
        f"https://v.example.cn/fr/C/{KEY}",
        f"https://v.exa mple.cn/C/{KEY}",
        f"https:///C/{KEY}",
        share_address("https://v.example.cn", KEY),
    ],
)
def test_what_is_no_link_to_a_certificate_is_none(text):
    assert certificate_link(text) is None


def test_a_key_alone_is_read_in_any_letter_case_and_a_number_is_none():
    assert bare_key(KEY.lower()) == KEY
    assert [bare_key(text) for text in ("", "DEMO-EEC-2026-7M3K9QX2TA4", KEY + "A", f" {KEY}")] == [None] * 4


def test_what_a_holder_shows_stands_in_capitals():
    assert share_address("https://v.example.cn", KEY) == f"HTTPS://V.EXAMPLE.CN/SHARE/{KEY}"
