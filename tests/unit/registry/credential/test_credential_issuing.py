import json
import time
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.credential import Altered, ClaimRefused, Unreadable
from registry.credential.v1 import (
    SD_MEMBERS,
    Award,
    BatchIssuer,
    BatchTerms,
    BatchWriter,
    Bilingual,
    CertificateEntry,
    CertificateType,
    Coded,
    DisclosedClaims,
    HolderClaims,
    IdentityType,
    Result,
    Standard,
    StatusEntry,
    credential_digest,
    full_presentation,
    issue_batch,
    lint_terms,
    masked,
    parse,
    public_presentation,
    verify_signature,
)
from registry.kernel.encoding import unb64url
from registry.kernel.identifiers import CertificateNumber, IssuerCode
from registry.kernel.signing import PrivateKey
from tests.vectors.material import (
    ENTRY,
    HOLDER,
    KEY,
    MINIMAL_ENTRY,
    MINIMAL_HOLDER,
    MINIMAL_TERMS,
    TERMS,
    FixedSalts,
)

TEXT = st.text(
    st.characters(min_codepoint=0x20, max_codepoint=0x9FFF, exclude_categories=["C", "Z", "M"]), min_size=1, max_size=60
).map(lambda text: unicodedata.normalize("NFC", text))


SPARSE = replace(TERMS, achievement=replace(TERMS.achievement, standard=Standard(name=Bilingual(zh="标准"))))


def entry_at(index: int) -> CertificateEntry:
    return replace(
        ENTRY,
        id=UUID(int=index + 1, version=4),
        index=index,
        status=StatusEntry(list_number=0, index=index),
        license_number=CertificateNumber(f"MIITEC-2025-{index:06d}"),
    )


def disclosed_by(holder: HolderClaims) -> DisclosedClaims:
    return DisclosedClaims(
        name=holder.name,
        name_latin=holder.name_latin,
        identity_type=holder.identity_type,
        identity_number=holder.identity_number,
        identity_number_masked=masked(holder.identity_number),
        results=holder.results,
        grade=holder.grade,
        portrait=holder.portrait,
    )


@pytest.mark.parametrize(
    ("terms", "entry", "holder"),
    [(TERMS, ENTRY, HOLDER), (MINIMAL_TERMS, MINIMAL_ENTRY, MINIMAL_HOLDER), (SPARSE, ENTRY, HOLDER)],
    ids=["all members", "minimal", "some members"],
)
def test_what_is_issued_is_read_back(terms: BatchTerms, entry: CertificateEntry, holder: HolderClaims) -> None:
    credential = parse(full_presentation(BatchIssuer(terms, KEY).issue(entry, holder)))
    verify_signature(credential, KEY.public_key())
    assert credential.terms == terms
    assert credential.entry == entry
    assert credential.disclosed == disclosed_by(holder)
    assert credential.signer == KEY.thumbprint()
    assert credential.digest == credential_digest(credential.jwt)


@settings(max_examples=40)
@given(TEXT, st.text("0123456789ABCX()/-", min_size=2, max_size=64))
def test_any_name_and_number_come_back(name: str, number: str) -> None:
    holder = replace(HOLDER, name=name, identity_type=IdentityType.OTHER, identity_number=number)
    issued = BatchIssuer(TERMS, KEY).issue(ENTRY, holder)
    assert parse(full_presentation(issued)).disclosed == disclosed_by(holder)


def test_presentations_disclose_what_they_should() -> None:
    issued = BatchIssuer(TERMS, KEY).issue(ENTRY, HOLDER)
    public = parse(public_presentation(issued))
    shown = {*SD_MEMBERS, "result.0", "result.1"} - {"nameLatin", "nationalIdentityNumber"}
    assert set(public.disclosures) == shown
    assert public.disclosed.identity_number is None
    assert public.disclosed.identity_number_masked == "1*************002X"
    assert set(parse(public_presentation(issued, portrait=False)).disclosures) == shown - {"portrait"}
    full = parse(full_presentation(issued))
    assert dict(full.disclosures) == dict(issued.disclosures)
    assert public_presentation(full) == public_presentation(issued)
    assert public.digest == full.digest


@pytest.mark.parametrize(
    ("number", "mask"),
    [
        ("12", "1*"),
        ("123", "1**"),
        ("1234", "1**4"),
        ("12345", "1***5"),
        ("E12345678", "E*****678"),
        ("1234567890", "1*****7890"),
        ("110105194912310021", "1*************0021"),
    ],
)
def test_mask(number: str, mask: str) -> None:
    assert masked(number) == mask
    assert masked(mask) == mask


def payload_of(jwt: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(unb64url(jwt.split(".")[1]))
    return members


def test_every_row_of_a_batch_has_the_same_digests_count_and_sorted() -> None:
    bare = replace(HOLDER, name_latin=None, grade=None, portrait=None, results=(None, None))
    rows = [(entry_at(0), HOLDER), (entry_at(1), bare)]
    issued = list(issue_batch(TERMS, rows, KEY))
    for credential in issued:
        payload = payload_of(credential.jwt)
        assert len(payload["_sd"]) == len(SD_MEMBERS)
        assert payload["_sd"] == sorted(payload["_sd"])
        assert [list(element) for element in payload["result"]] == [["..."], ["..."]]
    assert set(payload_of(issued[0].jwt)) == set(payload_of(issued[1].jwt))


def test_the_same_salts_are_never_drawn_twice() -> None:
    issued = list(issue_batch(TERMS, ((entry_at(index), HOLDER) for index in range(20)), KEY))
    texts = [text for credential in issued for text in credential.disclosures.values()]
    salts = {json.loads(unb64url(text))[0] for text in texts}
    assert len(salts) == len(texts) == 20 * 9
    assert all(len(unb64url(salt)) == 16 for salt in salts)


def test_the_same_salts_and_a_deterministic_key_give_the_same_bytes() -> None:
    once, again = (BatchIssuer(TERMS, KEY, FixedSalts("x")).issue(ENTRY, HOLDER) for _ in range(2))
    assert once == again
    assert BatchIssuer(TERMS, KEY, FixedSalts("y")).issue(ENTRY, HOLDER).jwt != once.jwt


def test_end_of_validity_is_the_midnight_after_the_last_day_in_china() -> None:
    terms = replace(TERMS, last_valid_day=date(2028, 2, 29))
    issued = BatchIssuer(terms, KEY).issue(ENTRY, HOLDER)
    end = datetime(2028, 2, 29, 16, tzinfo=UTC)
    assert payload_of(issued.jwt)["exp"] == int(end.timestamp())
    assert parse(f"{issued.jwt}~").terms.valid_until == end
    assert TERMS.valid_until is None


def test_scope_is_programme_and_level_or_hyphen() -> None:
    assert TERMS.scope == "SMART-MFG/2"
    assert MINIMAL_TERMS.scope == "BLOCKCHAIN-HOURS/-"


CONTEST = replace(TERMS, certificate_type=Coded(code=CertificateType.COMPETITION_AWARD, name=Bilingual(zh="竞赛")))
AWARD = Award(contest="全国竞赛", edition="第二届", event="团体赛", rank="一等奖")


def test_award_stands_in_competition_awards_alone() -> None:
    issued = BatchIssuer(CONTEST, KEY).issue(replace(ENTRY, award=AWARD), HOLDER)
    assert parse(f"{issued.jwt}~").entry.award == AWARD
    with pytest.raises(ClaimRefused) as caught:
        BatchIssuer(TERMS, KEY).issue(replace(ENTRY, award=AWARD), HOLDER)
    assert caught.value.member == "award"


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("iss", lambda terms: replace(terms, base_url="http://zs.example.cn")),
        ("iss", lambda terms: replace(terms, base_url="https://zs.example.cn/")),
        ("iss", lambda terms: replace(terms, base_url="https://zs.example.cn:443")),
        ("iss", lambda terms: replace(terms, base_url="https://ZS.example.cn")),
        ("iss", lambda terms: replace(terms, base_url="https://" + "a" * 170 + ".cn")),
        ("iss", lambda terms: replace(terms, issuer=IssuerCode("lower"))),
        ("issuerName.en", lambda terms: replace(terms, issuer_name=Bilingual(zh="中心", en=""))),
        ("iat", lambda terms: replace(terms, issued_at=datetime(2025, 1, 1))),  # noqa: DTZ001 - the naive time is the point
        ("iat", lambda terms: replace(terms, issued_at=terms.issued_at + timedelta(microseconds=1))),
        ("nbf", lambda terms: replace(terms, valid_from=datetime(1969, 1, 1, tzinfo=UTC))),
        ("exp", lambda terms: replace(terms, last_valid_day=date(2025, 6, 19))),
        ("exp", lambda terms: replace(terms, last_valid_day=date.max)),
        ("anchor.genesis", lambda terms: replace(terms, genesis=b"short")),
        (
            "certificateType.targetCode",
            lambda terms: replace(terms, certificate_type=replace(terms.certificate_type, code="licence")),
        ),
        ("achievement.version", lambda terms: replace(terms, achievement=replace(terms.achievement, version="1/2"))),
        ("achievement.digest", lambda terms: replace(terms, achievement=replace(terms.achievement, digest=b""))),
        ("level.targetCode", lambda terms: replace(terms, level=replace(terms.level, code="A-B"))),
        (
            "level.targetCode",
            lambda terms: replace(terms, achievement=replace(terms.achievement, programme="A" * 31)),
        ),
        (
            "achievement.id",
            lambda terms: replace(
                terms,
                base_url="https://" + "a" * 150 + ".cn",
                achievement=replace(terms.achievement, programme="A" * 28, version="1" * 32),
            ),
        ),
        ("anchor.contract", lambda terms: replace(terms, contract=replace(terms.contract, chain_id=2**53))),
        ("place", lambda terms: replace(terms, place="北京\n")),
        ("result", lambda terms: replace(terms, result_count=18)),
    ],
)
def test_terms_that_may_not_be_signed(member: str, change: Callable[[Any], BatchTerms]) -> None:
    with pytest.raises(ClaimRefused) as caught:
        lint_terms(change(TERMS))
    assert caught.value.member == member


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("anchor.index", lambda entry: replace(entry, index=2**24 - 1)),
        ("anchor.index", lambda entry: replace(entry, index=-1)),
        ("status.status_list.idx", lambda entry: replace(entry, status=StatusEntry(list_number=0, index=2**17))),
        ("status.status_list.uri", lambda entry: replace(entry, status=StatusEntry(list_number=-1, index=0))),
        ("licenseNumber", lambda entry: replace(entry, license_number=CertificateNumber("a/b"))),
        ("licenseNumber", lambda entry: replace(entry, license_number=CertificateNumber(""))),
        ("licenseNumber", lambda entry: replace(entry, license_number=CertificateNumber("..secret"))),
        ("revision", lambda entry: replace(entry, revision=0)),
        ("registrationNumber", lambda entry: replace(entry, registration_number="x" * 201)),
        ("replaces", lambda entry: replace(entry, replaces=entry.id)),
        ("direction.targetName.zh", lambda entry: replace(entry, direction=Coded(code="a", name=Bilingual(zh="")))),
        ("sector.targetCode", lambda entry: replace(entry, sector=Coded(code="", name=Bilingual(zh="甲")))),
        ("trainingHours", lambda entry: replace(entry, training_hours=0)),
    ],
)
def test_entries_that_may_not_be_signed(member: str, change: Callable[[CertificateEntry], CertificateEntry]) -> None:
    with pytest.raises(ClaimRefused) as caught:
        BatchIssuer(TERMS, KEY).issue(change(ENTRY), HOLDER)
    assert caught.value.member == member


@pytest.mark.parametrize(
    ("member", "change"),
    [
        ("name", lambda holder: replace(holder, name="")),
        ("name", lambda holder: replace(holder, name="Ame\u0301lie")),
        ("name", lambda holder: replace(holder, name="张\ud800")),
        ("name", lambda holder: replace(holder, name="张三\u202e")),
        ("nameLatin", lambda holder: replace(holder, name_latin="\t")),
        ("nationalIdentityNumber", lambda holder: replace(holder, identity_number="1")),
        ("nationalIdentityNumber", lambda holder: replace(holder, identity_number="1*********2")),
        ("result", lambda holder: replace(holder, results=holder.results[:1])),
        (
            "result.1.value",
            lambda holder: replace(holder, results=(None, Result(paper="p", name=Bilingual(zh="卷"), value="60.0"))),
        ),
        ("grade.targetFramework", lambda holder: replace(holder, grade=replace(holder.grade, framework="x"))),
        ("portrait.mediaType", lambda holder: replace(holder, portrait=replace(holder.portrait, media_type="x"))),
        ("portrait.digest", lambda holder: replace(holder, portrait=replace(holder.portrait, digest=b""))),
    ],
)
def test_holder_claims_that_may_not_be_signed(member: str, change: Callable[[Any], HolderClaims]) -> None:
    with pytest.raises(ClaimRefused) as caught:
        BatchWriter(TERMS, KEY.thumbprint()).lint(ENTRY, change(HOLDER))
    assert caught.value.member == member
    assert "张" not in str(caught.value)


def test_issuer_keeps_to_the_cap_of_the_jwt() -> None:
    long = Bilingual(zh="长" * 200, en="长" * 200)
    terms = replace(
        TERMS,
        issuer_name=long,
        certificate_type=replace(TERMS.certificate_type, name=long),
        achievement=replace(TERMS.achievement, name=long),
        level=replace(TERMS.level or TERMS.certificate_type, name=long),
        occupation=Coded(code="x", name=long),
    )
    with pytest.raises(ClaimRefused) as caught:
        BatchIssuer(terms, KEY).issue(ENTRY, HOLDER)
    assert caught.value.member == "JWT"


def test_most_results_fill_the_cap_of_disclosures() -> None:
    results = tuple(Result(paper=f"{index}", name=Bilingual(zh="卷"), value="60") for index in range(17))
    issued = BatchIssuer(replace(TERMS, result_count=17), KEY).issue(ENTRY, replace(HOLDER, results=results))
    assert len(parse(full_presentation(issued)).disclosures) == 24


@settings(max_examples=150)
@given(st.text(max_size=60), st.integers(0, 3000), st.integers(0, 3000))
def test_only_our_errors_leave_the_reader_of_credentials(insert: str, start: int, end: int) -> None:
    text = full_presentation(BatchIssuer(TERMS, KEY, FixedSalts("fuzz")).issue(ENTRY, HOLDER))
    spoilt = text[: min(start, end)] + insert + text[max(start, end) :]
    try:
        verify_signature(parse(spoilt), KEY.public_key())
    except (Unreadable, Altered):
        return
    assert spoilt.partition("~")[0] == text.partition("~")[0]


@pytest.mark.deep
def test_issuing_costs_a_small_multiple_of_bare_signing() -> None:
    key, count = PrivateKey.generate(), 2_000
    rows = [(entry_at(index), HOLDER) for index in range(count)]
    message = bytes(2200)
    begin = time.process_time()
    for _ in range(count):
        key.sign(message)
    bare = time.process_time() - begin
    begin = time.process_time()
    for _ in issue_batch(TERMS, rows, key):
        pass
    issuing = time.process_time() - begin
    figure = (
        f"issuing {issuing / count * 1e6:.0f} µs, bare signing {bare / count * 1e6:.0f} µs: {issuing / bare:.1f} times"
    )
    print(figure)  # noqa: T201 - shown by pytest -rP
    assert issuing < 8 * bare, figure
