"""The printed certificate: what a presentation discloses, set by the template of its certificate type.

What is judged later is the credential attached to the file, not the drawn page: whoever draws another page around it
changes no verdict, and every verdict shows the credential's own fields to be compared with the paper.
"""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

from registry.anchor.receipt import AnchorReceipt
from registry.credential import Presentation, public_presentation
from registry.credential.v1 import Bilingual, CertificateType, Coded, IdentityType, Standard
from registry.delivery.bundle import BUNDLE_SUFFIX, delivered_bundle
from registry.delivery.qr import certificate_address, qr_code
from registry.delivery.typesetting import Attachment, typeset
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonObject, JsonValue
from registry.kernel.identifiers import CertificateKey
from registry.kernel.signing import PublicKey

CREDENTIAL_NAME: Final = "credential.sd-jwt"
"""Name under which the presentation is attached."""
PDF_SUFFIX: Final = ".pdf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """How an installation prints."""

    base_url: str
    """The public origin, as printed."""
    seal: str | None = None
    """The issuer's own seal as SVG; None = the paper is marked as a specimen."""
    fonts: Path | None = None
    """A folder of fonts beside the machine's."""
    test_chain: bool = False
    """The paper says so."""


def certificate_pdf(
    press: Press, credential: Presentation, anchor: AnchorReceipt, key: PublicKey, certificate_key: CertificateKey
) -> bytes:
    """Draw a certificate in its public presentation, with presentation and bundle attached; the same bytes every time.

    Raises GlyphMissing.
    """
    text = public_presentation(credential)
    number = credential.entry.license_number
    return typeset(
        f"certificate-{credential.terms.certificate_type.code}",
        _values(press, credential, anchor, certificate_key),
        attachments=(
            Attachment(
                name=CREDENTIAL_NAME,
                media_type="application/dc+sd-jwt",
                relationship="alternative",
                description="The signed certificate (SD-JWT VC, RFC 9901) in its public presentation",
                data=text.encode("ascii"),
            ),
            Attachment(
                name=number + BUNDLE_SUFFIX,
                media_type="application/json",
                relationship="supplement",
                description="The signed certificate with its anchor receipt and public key, for verification",
                data=delivered_bundle(credential, anchor, key),
            ),
        ),
        at=credential.terms.issued_at,
        fonts=press.fonts,
    )


def _values(
    press: Press, credential: Presentation, anchor: AnchorReceipt, certificate_key: CertificateKey
) -> JsonObject:
    terms, entry, disclosed = credential.terms, credential.entry, credential.disclosed
    code = qr_code(certificate_address(press.base_url, certificate_key))
    achievement, award = terms.achievement, entry.award
    return {
        "holder": disclosed.name,
        "identity": {
            "type": str(disclosed.identity_type or IdentityType.OTHER),
            "number": disclosed.identity_number_masked,
        }
        if disclosed.identity_number_masked is not None
        else None,
        "title": _bilingual(terms.certificate_type.name),
        "issuer": _bilingual(terms.issuer_name),
        "number": entry.license_number,
        "revision": entry.revision,
        "registration": entry.registration_number,
        "achievement": {**_bilingual(achievement.name), "version": achievement.version},
        "standard": _standard(achievement.standard),
        "level": _coded(terms.level),
        "occupation": _coded(terms.occupation),
        "direction": _coded(entry.direction),
        "sector": _coded(entry.sector),
        "hours": entry.training_hours,
        "results": [
            {**_bilingual(result.name), "value": result.value} for result in disclosed.results if result is not None
        ],
        "grade": _coded(disclosed.grade),
        "award": None
        if award is None
        else {"contest": award.contest, "edition": award.edition, "event": award.event, "rank": award.rank},
        "examined": _day(entry.activity_end_date),
        "awarded": _day(terms.awarded_date),
        "place": terms.place,
        "from": _day(terms.valid_from.astimezone(CHINA_TIME).date()),
        "until": None if terms.last_valid_day is None else _day(terms.last_valid_day),
        "qr": {"svg": code.svg, "side": round(code.side_mm * 100), "address": code.address},
        "host": press.base_url.partition("://")[2],
        "seal": press.seal,
        "evidence": {
            "digest": credential.digest.hex(),
            "transaction": "0x" + anchor.transaction.hex(),
            "block": anchor.block_number,
            "chain": f"eip155:{terms.contract.chain_id}",
            "test": press.test_chain,
            "time": _moment(anchor.block_time),
        },
    }


def _bilingual(name: Bilingual) -> JsonObject:
    return {"zh": name.zh, "en": name.en}


def _coded(value: Coded | None) -> JsonValue:
    return None if value is None else _bilingual(value.name)


def _standard(standard: Standard | None) -> JsonValue:
    if standard is None:
        return None
    return {**_bilingual(standard.name), "number": standard.number, "version": standard.version}


def _day(day: date) -> JsonObject:
    return {"year": day.year, "month": day.month, "day": day.day, "text": day.isoformat()}


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(CHINA_TIME):%Y-%m-%d %H:%M:%S} +08:00"


TITLES: Final = {
    CertificateType.VOCATIONAL_TECHNOLOGY: "职业技术证书",
    CertificateType.VOCATIONAL_COMPETENCE: "职业能力证书",
    CertificateType.VOCATIONAL_SKILL_LEVEL: "职业技能等级证书",
    CertificateType.PROFESSIONAL_TECHNICAL_LEVEL: "专业技术等级证书",
    CertificateType.COMPETITION_AWARD: "竞赛奖励证书",
    CertificateType.TRAINING_HOURS: "学时证明",
}
