"""The printed certificate: what a presentation discloses, set by the template of its certificate type.

What is judged later is the credential attached to the file, not the drawn page: whoever draws another page around it
changes no verdict, and every verdict shows the credential's own fields to be compared with the paper.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from registry.anchor.receipt import AnchorReceipt
from registry.credential import Presentation, parse, public_presentation
from registry.credential.v1 import Bilingual, Coded, IdentityType, Standard
from registry.delivery.bundle import BUNDLE_SUFFIX, CREDENTIAL_NAME, delivered_bundle
from registry.delivery.qr import qr_code
from registry.delivery.typesetting import TEMPLATES, Attachment, GlyphMissing, TemplateBroken, typeset
from registry.kernel.addresses import certificate_address
from registry.kernel.calendar import CHINA_TIME
from registry.kernel.encoding import JsonObject, JsonValue
from registry.kernel.errors import MalformedInput
from registry.kernel.identifiers import CertificateKey
from registry.kernel.signing import PublicKey

PDF_SUFFIX: Final = ".pdf"
MAX_SEAL: Final = 100 * 1024
"""Bytes of a seal's file: it is in every certificate."""
_PNG_MARK: Final = b"\x89PNG\r\n\x1a\n"
_PNG_HEAD: Final = 33


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


class SealRefused(MalformedInput):
    """The issuer's seal is no picture that can be printed."""

    code = "delivery/seal"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"seal: expected {reason}")


def seal_picture(data: bytes) -> str:
    """Take the bytes of an SVG or PNG file as the SVG that is printed, and try it. Raises SealRefused."""
    picture = _seal_svg(data)
    try:
        typeset("seal", {"seal": picture}, at=datetime(2026, 1, 1, tzinfo=UTC))
    except (TemplateBroken, GlyphMissing) as error:
        raise SealRefused("a picture that can be printed") from error
    return picture


def _seal_svg(data: bytes) -> str:
    if len(data) > MAX_SEAL:
        raise SealRefused(f"a picture of at most {MAX_SEAL} bytes, got {len(data)}")
    if data.startswith(_PNG_MARK) and len(data) > _PNG_HEAD:
        width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
        inside = base64.b64encode(data).decode("ascii")
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
            f'<image width="{width}" height="{height}" href="data:image/png;base64,{inside}"/></svg>'
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SealRefused("an SVG or PNG file") from error
    if "<svg" not in text:
        raise SealRefused("an SVG or PNG file")
    if "<!ENTITY" in text:
        raise SealRefused("an SVG file without entities")
    return text


def certificate_pdf(
    press: Press,
    credential: Presentation,
    anchor: AnchorReceipt,
    key: PublicKey,
    certificate_key: CertificateKey,
    *,
    photograph: bytes | None = None,
) -> bytes:
    """Draw a certificate in its public presentation, with presentation and bundle attached; the same bytes every time.

    `photograph`: the kept JPEG, drawn where the certificate names its digest. Raises GlyphMissing.
    """
    text = public_presentation(credential)
    public = parse(text)  # what is printed is what is attached
    number = public.entry.license_number
    return typeset(
        f"certificate-{public.terms.certificate_type.code}",
        paper_values(press, public, anchor, certificate_address(press.base_url, certificate_key), photograph),
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
                data=delivered_bundle(public, anchor, key),
            ),
        ),
        at=public.terms.issued_at,
        fonts=press.fonts,
    )


def paper_values(
    press: Press, credential: Presentation, anchor: AnchorReceipt, address: str, photograph: bytes | None = None
) -> JsonObject:
    """Give what a certificate's template sets of a presentation; `address` is what its QR code holds.

    `photograph` is set where the presentation discloses its digest, and only then.
    """
    terms, entry, disclosed = credential.terms, credential.entry, credential.disclosed
    code = qr_code(address)
    achievement, award = terms.achievement, entry.award
    return {
        "holder": disclosed.name,
        "latin": disclosed.name_latin,
        "identity": {
            "type": str(disclosed.identity_type or IdentityType.OTHER),
            "number": disclosed.identity_number or disclosed.identity_number_masked,
        }
        if (disclosed.identity_number or disclosed.identity_number_masked) is not None
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
        "portrait": _picture(photograph) if photograph is not None and is_named(credential, photograph) else None,
        "evidence": {
            "digest": credential.digest.hex(),
            "transaction": "0x" + anchor.transaction.hex(),
            "block": anchor.block_number,
            "chain": f"eip155:{terms.contract.chain_id}",
            "test": press.test_chain,
            "time": _moment(anchor.block_time),
        },
    }


def is_named(credential: Presentation, photograph: bytes) -> bool:
    """Tell whether a presentation discloses this very photograph: its SHA-256."""
    portrait = credential.disclosed.portrait
    return portrait is not None and portrait.digest == hashlib.sha256(photograph).digest()


def _picture(photograph: bytes) -> str:
    """Wrap a JPEG in an SVG: the typesetter takes its bytes over as they are, much faster than as a list of numbers.

    25 by 35 is one inch; what is a little narrower or higher is centred.
    """
    inside = base64.b64encode(photograph).decode("ascii")
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 25 35"><image width="25" height="35"'
        f' preserveAspectRatio="xMidYMid slice" href="data:image/jpeg;base64,{inside}"/></svg>'
    )


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


def edition_of(press: Press) -> str:
    """Give a digest of what papers look like here: templates, seal, fonts' folder; hex."""
    digest = hashlib.sha256(repr(press).encode())
    for path in sorted(TEMPLATES.iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()
