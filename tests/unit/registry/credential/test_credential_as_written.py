"""A credential is held, byte for byte, against what is written for its holder."""

import base64
import json
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.credential.v1 import (
    BatchIssuer,
    BatchWriter,
    Bilingual,
    CertificateEntry,
    Coded,
    HolderClaims,
    IssuedCredential,
    Portrait,
    Result,
    StatusEntry,
    signed,
)
from registry.kernel.identifiers import Digest
from tests.vectors.material import ENTRY, HOLDER, KEY, MINIMAL_ENTRY, MINIMAL_HOLDER, MINIMAL_TERMS, TERMS

CASES = [(TERMS, ENTRY, HOLDER), (MINIMAL_TERMS, MINIMAL_ENTRY, MINIMAL_HOLDER)]


def full() -> tuple[BatchWriter, IssuedCredential]:
    return BatchWriter(TERMS, KEY.thumbprint()), BatchIssuer(TERMS, KEY).issue(ENTRY, HOLDER)


@pytest.mark.parametrize(("terms", "entry", "holder"), CASES)
def test_what_was_written_is_as_written_whatever_the_salts(terms, entry, holder):
    writer = BatchWriter(terms, KEY.thumbprint())
    for _ in range(20):
        unsigned = writer.write(entry, holder)
        assert writer.is_as_written(signed(unsigned, KEY.sign(unsigned.message)), entry, holder)


CHANGED_ENTRIES = {
    "index": replace(ENTRY, index=ENTRY.index + 1),
    "number": replace(ENTRY, license_number="GSAI-2026-0000000000A"),
    "revision": replace(ENTRY, revision=ENTRY.revision + 1),
    "status": replace(ENTRY, status=StatusEntry(list_number=9, index=9)),
    "date": replace(ENTRY, activity_end_date=date(2001, 2, 3)),
    "hours": replace(ENTRY, training_hours=999),
}
CHANGED_HOLDERS = {
    "name": replace(HOLDER, name="孟虚构"),
    "latin": replace(HOLDER, name_latin="Meng Xugou"),
    "no latin": replace(HOLDER, name_latin=None),
    "number": replace(HOLDER, identity_number="X" + HOLDER.identity_number[1:]),
    "grade": replace(HOLDER, grade=Coded(code="other", name=Bilingual(zh="另"))),
    "portrait": replace(HOLDER, portrait=Portrait(media_type="image/jpeg", digest=Digest(b"\7" * 32))),
    "marks": replace(
        HOLDER, results=tuple(Result(paper="x", name=Bilingual(zh="卷"), value="1") for _ in HOLDER.results)
    ),
}


@pytest.mark.parametrize("what", CHANGED_ENTRIES)
def test_another_entry_is_not_as_written(what):
    writer, credential = full()
    assert not writer.is_as_written(credential, CHANGED_ENTRIES[what], HOLDER)


@pytest.mark.parametrize("what", CHANGED_HOLDERS)
def test_another_holder_is_not_as_written(what):
    writer, credential = full()
    assert not writer.is_as_written(credential, ENTRY, CHANGED_HOLDERS[what])


def require_not_as_written(
    jwt: str, disclosures: dict[str, str], entry: CertificateEntry, holder: HolderClaims
) -> None:
    writer = BatchWriter(TERMS, KEY.thumbprint())
    assert not writer.is_as_written(IssuedCredential(jwt=jwt, disclosures=disclosures), entry, holder)


@settings(max_examples=300)
@given(data=st.data())
def test_no_character_may_differ(data):
    _, credential = full()
    message, _, signature = credential.jwt.rpartition(".")
    texts = {"": message, **credential.disclosures}
    where = data.draw(st.sampled_from(sorted(texts)))
    at = data.draw(st.integers(0, len(texts[where]) - 1))
    other = data.draw(st.sampled_from("AZaz09-_.~+/= \u00e9\ud800"))
    changed = texts[where][:at] + other + texts[where][at + 1 :]
    if changed == texts[where]:
        return
    if where:
        require_not_as_written(credential.jwt, {**credential.disclosures, where: changed}, ENTRY, HOLDER)
    else:
        require_not_as_written(f"{changed}.{signature}", dict(credential.disclosures), ENTRY, HOLDER)


def test_a_disclosure_more_or_less_or_elsewhere_is_not_as_written():
    _, credential = full()
    given_ = dict(credential.disclosures)
    require_not_as_written(credential.jwt, {**given_, "another": given_["name"]}, ENTRY, HOLDER)
    require_not_as_written(credential.jwt, {**given_, "name": given_["identityType"]}, ENTRY, HOLDER)
    for member in given_:
        fewer = {name: text for name, text in given_.items() if name != member}
        require_not_as_written(credential.jwt, fewer, ENTRY, HOLDER)


def test_a_payload_with_the_same_members_otherwise_spelt_is_not_as_written():
    _, credential = full()
    header, payload, signature = credential.jwt.split(".")
    members = json.loads(base64.urlsafe_b64decode(payload + "=="))
    text = json.dumps(members, ensure_ascii=True, separators=(",", ":")).encode()
    spelt = base64.urlsafe_b64encode(text).decode().rstrip("=")
    assert spelt != payload
    require_not_as_written(f"{header}.{spelt}.{signature}", dict(credential.disclosures), ENTRY, HOLDER)


@pytest.mark.parametrize("jwt", ["", ".", "..", "a.b.c", "é.é.é", "." * 50, "a" * 5_000, "a." + "A" * 4_000 + ".b"])
def test_what_is_no_credential_is_not_as_written(jwt):
    require_not_as_written(jwt, {}, ENTRY, HOLDER)
