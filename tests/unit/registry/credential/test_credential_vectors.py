import base64
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from registry.credential import Altered, Presentation, Unreadable, verify_signature
from registry.delivery import Bundle, parse_document, require_unaltered
from registry.kernel.encoding import b64url
from registry.kernel.errors import RegistryError
from registry.kernel.signing import PublicKey

VECTORS = Path(__file__).parents[3] / "vectors" / "credential"


def load(folder: str) -> list[Any]:
    paths = sorted((VECTORS / folder).glob("*.json"))
    return [pytest.param(json.loads(path.read_bytes()), id=path.stem) for path in paths]


def document_of(vector: dict[str, Any]) -> bytes:
    if "documentBase64" in vector:
        return base64.b64decode(vector["documentBase64"], validate=True)
    return vector["document"].encode()


def judge(document: bytes, jwk: object) -> Presentation:
    """All that can be said of a document without a ledger and a clock; `jwk` is for one that brings no key."""
    read = parse_document(document)
    if isinstance(read, Bundle):
        require_unaltered(read)
        return read.credential
    verify_signature(read, PublicKey.from_jwk(jwk))
    return read


@pytest.mark.parametrize("vector", load("accepted"))
def test_golden_document_is_accepted_as_it_was_when_it_was_issued(vector: dict[str, Any]) -> None:
    credential = judge(document_of(vector), vector["key"])
    assert credential.digest.hex() == vector["digest"]
    assert credential.leaf.hex() == vector["leaf"]
    assert b64url(json.dumps(vector["payload"], ensure_ascii=False, separators=(",", ":")).encode()) in credential.jwt
    assert set(credential.disclosures) == set(vector["disclosed"])


@pytest.mark.parametrize("vector", load("refused"))
def test_document_that_must_be_refused_is_refused_with_its_code(vector: dict[str, Any]) -> None:
    with pytest.raises(RegistryError) as caught:
        judge(document_of(vector), vector["key"])
    assert caught.value.code == vector["code"]
    assert isinstance(caught.value, Unreadable if vector["kind"] == "unreadable" else Altered)


@pytest.mark.parametrize("vector", load("judged"))
def test_calendar_decides_on_unaltered_documents(vector: dict[str, Any]) -> None:
    read = parse_document(document_of(vector))
    assert isinstance(read, Bundle)
    require_unaltered(read)
    terms, at = read.credential.terms, datetime.fromisoformat(vector["at"])
    assert terms.valid_until is not None
    within = terms.valid_from <= at < terms.valid_until
    assert within == vector["says"].endswith("within validity")
    assert terms.valid_until - timedelta(seconds=1) >= terms.valid_from


def test_every_code_of_refusal_has_a_vector() -> None:
    shown = {parameter.values[0]["code"] for parameter in load("refused")}
    bases = {"document/unreadable", "document/altered", "credential/part", "credential/disclosure"}
    alone = {"receipt/not-a-receipt", "receipt/not-canonical"}  # only of a receipt outside a bundle
    # What lies around a document, PDF or copy, is shown to be refused where it is read: tests of delivery.
    alone |= {error.code for error in (*below(Unreadable), *below(Altered)) if error.__module__ in AROUND} - shown
    assert {error.code for error in (*below(Unreadable), *below(Altered))} - bases - alone == shown


AROUND = {"registry.delivery.attachments", "registry.delivery.copies"}


def below(error: type[RegistryError]) -> list[type[RegistryError]]:
    return [error, *(each for child in error.__subclasses__() for each in below(child))]


LEDGER_ALONE = ("blockHash", "blockNumber", "blockTime", "transaction", "treeSize")
"""Members of the receipt that no other part of the bundle repeats: the verdict compares them with the ledger."""


def test_one_changed_byte_of_a_bundle_is_refused_or_left_to_the_ledger() -> None:
    document = document_of(json.loads((VECTORS / "accepted" / "bundle.json").read_bytes()))
    anchor = json.loads(document)["anchor"]
    for position, byte in enumerate(document):
        for changed in {byte ^ 1, byte ^ 0x20, ord("A"), 0} - {byte}:
            altered = document[:position] + bytes([changed]) + document[position + 1 :]
            try:
                judge(altered, None)
            except (Unreadable, Altered):
                continue
            differing = {name for name, value in json.loads(altered)["anchor"].items() if value != anchor[name]}
            assert len(differing) == 1
            assert differing <= set(LEDGER_ALONE)


def test_every_cut_of_a_document_is_refused() -> None:
    for name in ("bundle", "all-members"):
        vector = json.loads((VECTORS / "accepted" / f"{name}.json").read_bytes())
        document = document_of(vector)
        starts = {0, *(at + 1 for at, byte in enumerate(document) if byte == ord("~"))}
        for length in range(len(document)):
            if name == "all-members" and length in starts and length:
                continue  # cut after a tilde: fewer disclosures, which is a presentation too
            with pytest.raises((Unreadable, Altered)):
                judge(document[:length], vector["key"])


def test_every_code_of_refusal_is_documented() -> None:
    page = (VECTORS.parents[2] / "docs" / "credential.md").read_text()
    bases = {"document/unreadable", "document/altered", "credential/part", "credential/disclosure"}
    codes = {error.code for error in (*below(Unreadable), *below(Altered))} - bases
    assert {code for code in codes if f"`{code}`" not in page} == set()
