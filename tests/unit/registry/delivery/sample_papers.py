"""Certificates of all six types to be printed.

`python -m tests.unit.registry.delivery.sample_papers FOLDER [FONTS]` draws a picture of each.
"""

import sys
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pypdfium2
from PIL import Image

from api.demo_portraits import drawn_face
from registry.credential import Presentation, full_presentation, parse
from registry.credential.v1 import (
    Award,
    BatchTerms,
    Bilingual,
    CertificateEntry,
    CertificateType,
    Coded,
    HolderClaims,
    IdentityType,
    Portrait,
    Result,
    Standard,
)
from registry.delivery.certificate_pdf import Press, certificate_pdf
from registry.kernel.identifiers import CertificateKey, CertificateNumber, Digest, IssuerCode
from registry.programme.model import CERTIFICATE_TYPE_NAMES
from registry.programme.model import CertificateType as ProgrammeType
from tests.vectors.material import ENTRY, KEY, TERMS, issue, receipt

CERTIFICATE_KEY = CertificateKey("K7Q2M4XPZ6TRWA3BCD5EFGHJNS")
PRESS = Press(base_url="https://zs.example.cn", test_chain=True)
SEAL = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
    '<circle cx="50" cy="50" r="46" fill="none" stroke="#c02020" stroke-width="4"/>'
    '<path d="M20 50H80M50 20V80" stroke="#c02020" stroke-width="3"/></svg>'
)
_RESULTS = (
    Result(paper="theory", name=Bilingual(zh="理论知识", en="Theory"), value="86"),
    Result(paper="practice", name=Bilingual(zh="专业能力", en="Practice"), value="91.5"),
)
_LEVELS = {"1": ("初级", "Junior"), "2": ("中级", "Intermediate"), "3": ("高级", "Senior")}


def _terms(kind: CertificateType, about: tuple[str, str], **members: object) -> BatchTerms:
    name = CERTIFICATE_TYPE_NAMES[ProgrammeType(kind.value)]
    base = BatchTerms(
        base_url=PRESS.base_url,
        issuer=IssuerCode("DEMO-EEC"),
        issuer_name=Bilingual(zh="工业和信息化部教育与考试中心", en="Education and Examination Center, MIIT"),
        issued_at=datetime(2026, 11, 20, 2, 0, tzinfo=UTC),
        valid_from=datetime(2026, 11, 19, 16, tzinfo=UTC),
        last_valid_day=None,
        contract=TERMS.contract,
        genesis=TERMS.genesis,
        batch=TERMS.batch,
        certificate_type=Coded(code=kind.value, name=Bilingual(zh=name.zh, en=name.en)),
        achievement=replace(
            TERMS.achievement, name=Bilingual(zh=about[0], en=about[1]), version="2026.1", standard=None
        ),
        awarded_date=date(2026, 11, 20),
    )
    return replace(base, **members)  # type: ignore[arg-type]  # members are named as the fields


def _level(code: str, names: tuple[str, str] | None = None) -> Coded:
    zh, en = names or _LEVELS[code]
    return Coded(code=code, name=Bilingual(zh=zh, en=en))


def _entry(number: str, **members: object) -> CertificateEntry:
    plain = CertificateEntry(
        id=ENTRY.id,
        index=ENTRY.index,
        status=ENTRY.status,
        license_number=CertificateNumber(number),
        activity_end_date=date(2026, 11, 8),
    )
    return replace(plain, **members)  # type: ignore[arg-type]  # members are named as the fields


def _holder(name: str, **members: object) -> HolderClaims:
    plain = HolderClaims(
        name=name, identity_type=IdentityType.RESIDENT_IDENTITY_CARD, identity_number="11010519491231002X"
    )
    return replace(plain, **members)  # type: ignore[arg-type]  # members are named as the fields


PAPERS: dict[CertificateType, tuple[BatchTerms, CertificateEntry, HolderClaims]] = {
    CertificateType.VOCATIONAL_TECHNOLOGY: (
        _terms(
            CertificateType.VOCATIONAL_TECHNOLOGY,
            ("AIGC应用工程师", "AIGC Application Engineer"),
            level=_level("3"),
            last_valid_day=date(2029, 11, 19),
            result_count=1,
        ),
        _entry("DEMO-EEC-2026-7M3K9QX2TA4"),
        _holder(
            "李知行",
            results=(Result(paper="paper", name=Bilingual(zh="机考", en="Computer paper"), value="86"),),
            grade=Coded(code="excellent", name=Bilingual(zh="优秀", en="Excellent")),
        ),
    ),
    CertificateType.VOCATIONAL_COMPETENCE: (
        _terms(
            CertificateType.VOCATIONAL_COMPETENCE,
            ("人工智能边缘计算", "Edge Computing for Artificial Intelligence"),
            level=_level("2"),
            result_count=2,
        ),
        _entry("DEMO-EEC-2026-QF8M1D3Z9RC", registration_number="GXB-2026-000318", training_hours=40),
        _holder(
            "王䶮",
            results=(
                replace(_RESULTS[0]),
                Result(paper="practice", name=Bilingual(zh="实操", en="Practice"), value="91.5"),
            ),
        ),
    ),
    CertificateType.VOCATIONAL_SKILL_LEVEL: (
        _terms(
            CertificateType.VOCATIONAL_SKILL_LEVEL,
            ("人工智能训练师", "Artificial Intelligence Trainer"),
            level=_level("3", ("三级/高级工", "Level 3, senior skilled worker")),
            occupation=Coded(
                code="4-04-05-05", name=Bilingual(zh="人工智能训练师", en="AI trainer"), framework="职业分类大典"
            ),
            result_count=2,
        ),
        _entry("DEMO-EEC-2026-3VX0T7KBN5E"),
        _holder("阿卜杜热依木·买买提艾力", results=_RESULTS),
    ),
    CertificateType.PROFESSIONAL_TECHNICAL_LEVEL: (
        _terms(
            CertificateType.PROFESSIONAL_TECHNICAL_LEVEL,
            ("智能制造工程技术人员", "Intelligent Manufacturing Engineer"),
            level=_level("2"),
            occupation=Coded(code="2-02-07-13", name=Bilingual(zh="智能制造工程技术人员"), framework="职业分类大典"),
            achievement=replace(
                TERMS.achievement,
                name=Bilingual(zh="智能制造工程技术人员", en="Intelligent Manufacturing Engineer"),
                standard=Standard(
                    name=Bilingual(zh="智能制造工程技术人员国家职业技术技能标准", en="National standard"),
                    number="2-02-07-13",
                    version="2021年版",
                ),
            ),
            place="北京",
            result_count=2,
        ),
        _entry(
            "DEMO-EEC-2026-R2W6YH4P8ND",
            revision=2,
            direction=Coded(code="line", name=Bilingual(zh="智能装备与产线开发")),
            training_hours=90,
            replaces=ENTRY.replaces,
        ),
        _holder("欧阳㛃", results=_RESULTS, grade=Coded(code="pass", name=Bilingual(zh="合格", en="Pass"))),
    ),
    CertificateType.COMPETITION_AWARD: (
        _terms(CertificateType.COMPETITION_AWARD, ("人工智能边缘计算竞赛", "Edge Computing Contest")),
        _entry(
            "DEMO-EEC-2026-8J5C2GS6VM1",
            award=Award(
                contest="全国工业和信息化技术技能大赛", edition="第五届", event="人工智能边缘计算", rank="一等奖"
            ),
        ),
        _holder("赵𬱖", identity_type=IdentityType.PASSPORT, identity_number="E12345678"),
    ),
    CertificateType.TRAINING_HOURS: (
        _terms(
            CertificateType.TRAINING_HOURS,
            ("区块链工程技术人员", "Blockchain Engineer"),
            level=_level("1"),
        ),
        _entry("DEMO-EEC-2026-T9B4FZ1QX0H", training_hours=80),
        _holder("陈一〇"),
    ),
}
"""One certificate of each type, with and without what is optional; the holders are made up."""


_WITH_PHOTOGRAPH = frozenset(CertificateType) - {CertificateType.COMPETITION_AWARD, CertificateType.TRAINING_HOURS}
"""Types whose pictures show both how a page looks with a photograph and without."""


def presented(kind: CertificateType, **holder: object) -> Presentation:
    terms, entry, claims = PAPERS[kind]
    return parse(full_presentation(issue(f"paper {kind}", terms, entry, replace(claims, **holder))))  # type: ignore[arg-type]  # as above


def portrait_of(photograph: bytes) -> Portrait:
    """How a certificate names a photograph."""
    return Portrait(media_type="image/jpeg", digest=Digest(sha256(photograph).digest()))


def drawn(kind: CertificateType, press: Press = PRESS, photograph: bytes | None = None, **holder: object) -> bytes:
    """The PDF of a sample; `holder`: what its holder says otherwise."""
    credential = presented(kind, **holder)
    key = KEY.public_key()
    return certificate_pdf(press, credential, receipt(credential), key, CERTIFICATE_KEY, photograph=photograph)


def page_picture(data: bytes, dots_per_inch: int) -> Image.Image:
    """Draw the first page of a PDF as a picture, by a renderer that shares nothing with what wrote it."""
    with closing(pypdfium2.PdfDocument(data)) as document:
        return document[0].render(scale=dots_per_inch / 72).to_pil().convert("RGB")


def main(folder: Path, fonts: Path | None) -> None:
    """Draw one page of each type as PNG; `fonts`: a folder of fonts beside the machine's."""
    press = replace(PRESS, fonts=fonts)
    for kind in CertificateType:
        face = drawn_face(kind) if kind in _WITH_PHOTOGRAPH else None
        named = {} if face is None else {"portrait": portrait_of(face)}
        picture = page_picture(drawn(kind, press, face, **named), 100)
        picture.quantize(128, dither=Image.Dither.NONE).save(folder / f"certificate-{kind}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)
