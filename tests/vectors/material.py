"""What the vectors are made of: fixed keys and salts, sample certificates, and tools to spoil them."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from registry.anchor.receipt import AnchorReceipt
from registry.credential.v1 import (
    Achievement,
    BatchIssuer,
    BatchTerms,
    Bilingual,
    CertificateEntry,
    Coded,
    HolderClaims,
    IdentityType,
    IssuedCredential,
    Portrait,
    Presentation,
    Result,
    Standard,
    StatusEntry,
    full_presentation,
    parse,
)
from registry.delivery import bundle_bytes, delivered_bundle
from registry.kernel.encoding import b64url, unb64url
from registry.kernel.identifiers import (
    Address,
    BatchId,
    BlockHash,
    CertificateNumber,
    ContractAddress,
    Digest,
    IssuerCode,
    TransactionHash,
)
from registry.kernel.merkle import MerkleTree, leaf_hash
from registry.kernel.signing import ORDER, PrivateKey

Json = Any
TREE_SIZE = 8
INDEX = 5


def fixed(label: str, size: int = 32) -> bytes:
    """Bytes that look random and are always the same."""
    return hashlib.shake_256(b"vermilion/vectors/1 " + label.encode()).digest(size)


def fixed_key(label: str) -> PrivateKey:
    """A key that signs the same bytes the same way (RFC 6979)."""
    return PrivateKey.from_number(int.from_bytes(fixed(f"key {label}"), "big") % (ORDER - 1) + 1, deterministic=True)


class FixedSalts:
    """Stands for secrets.token_bytes."""

    def __init__(self, label: str) -> None:
        self._label, self._count = label, 0

    def __call__(self, size: int) -> bytes:
        self._count += 1
        return fixed(f"salt {self._label} {self._count}", size)


KEY = fixed_key("credential")
OTHER_KEY = fixed_key("other")

MINIMAL_TERMS = BatchTerms(
    base_url="https://zs.example.cn",
    issuer=IssuerCode("MIITEC"),
    issuer_name=Bilingual(zh="工业和信息化部教育与考试中心"),
    issued_at=datetime(2025, 6, 20, 2, 30, 0, tzinfo=UTC),
    valid_from=datetime(2025, 6, 19, 16, 0, 0, tzinfo=UTC),
    contract=ContractAddress(chain_id=20268, address=Address("0x5fbdb2315678afecb367f032d93f642f64180aa3")),
    genesis=BlockHash(fixed("genesis")),
    batch=BatchId(fixed("batch")),
    certificate_type=Coded(code="training-hours", name=Bilingual(zh="学时证明")),
    achievement=Achievement(
        programme="BLOCKCHAIN-HOURS",
        name=Bilingual(zh="区块链工程技术人员培训"),
        version="1",
        digest=Digest(fixed("programme")),
    ),
    awarded_date=date(2025, 6, 20),
)
MINIMAL_ENTRY = CertificateEntry(
    id=UUID(bytes=fixed("jti minimal", 16), version=4),
    index=0,
    status=StatusEntry(list_number=0, index=0),
    license_number=CertificateNumber("MIITEC-2025-5Z3N8QK2V7X"),
    activity_end_date=date(2025, 6, 1),
)
MINIMAL_HOLDER = HolderClaims(name="王小明", identity_type=IdentityType.OTHER, identity_number="A1")

TERMS = BatchTerms(
    base_url="https://zs.example.cn",
    issuer=IssuerCode("MIITEC"),
    issuer_name=Bilingual(zh="工业和信息化部教育与考试中心", en="Education and Examination Center of MIIT"),
    issued_at=datetime(2025, 6, 20, 2, 30, 0, tzinfo=UTC),
    valid_from=datetime(2025, 6, 19, 16, 0, 0, tzinfo=UTC),
    contract=MINIMAL_TERMS.contract,
    genesis=MINIMAL_TERMS.genesis,
    batch=MINIMAL_TERMS.batch,
    certificate_type=Coded(
        code="professional-technical-level",
        name=Bilingual(zh="专业技术等级证书", en="Certificate of Professional Technical Level"),
    ),
    achievement=Achievement(
        programme="SMART-MFG",
        name=Bilingual(zh="智能制造工程技术人员", en="Intelligent manufacturing engineer"),
        version="2021.1",
        digest=Digest(fixed("programme")),
        standard=Standard(
            name=Bilingual(zh="智能制造工程技术人员国家职业技术技能标准", en="National standard"),
            number="2-02-07-13",
            version="2021",
        ),
    ),
    level=Coded(code="2", name=Bilingual(zh="中级", en="Intermediate"), framework="国家职业技术技能标准"),
    occupation=Coded(
        code="2-02-07-13", name=Bilingual(zh="智能制造工程技术人员"), framework="中华人民共和国职业分类大典"
    ),
    awarded_date=date(2025, 6, 20),
    place="北京",
    result_count=2,
)
ENTRY = CertificateEntry(
    id=UUID(bytes=fixed("jti", 16), version=4),
    index=INDEX,
    status=StatusEntry(list_number=3, index=2**17 - 1),
    license_number=CertificateNumber("MIITEC-2025-7Q4ZT0M9XKB"),
    revision=2,
    registration_number="粤 0001",
    replaces=UUID(bytes=fixed("jti replaced", 16), version=4),
    direction=Coded(code="装备与产线开发", name=Bilingual(zh="智能装备与产线开发")),
    sector=Coded(code="equipment", name=Bilingual(zh="装备", en="Equipment")),
    training_hours=90,
    activity_end_date=date(2025, 5, 31),
)
HOLDER = HolderClaims(
    name="欧阳 美丽",
    name_latin="Ouyang Meili",
    identity_type=IdentityType.RESIDENT_IDENTITY_CARD,
    identity_number="11010519491231002X",
    results=(
        Result(paper="theory", name=Bilingual(zh="理论知识", en="Theory"), value="79.5"),
        Result(paper="practice", name=Bilingual(zh="专业能力", en="Practice"), value="100"),
    ),
    grade=Coded(code="pass", name=Bilingual(zh="合格", en="Pass")),
    portrait=Portrait(media_type="image/jpeg", digest=Digest(fixed("portrait"))),
)


def issue(label: str, terms: BatchTerms, entry: CertificateEntry, holder: HolderClaims) -> IssuedCredential:
    return BatchIssuer(terms, KEY, FixedSalts(label)).issue(entry, holder)


FULL = issue("full", TERMS, ENTRY, HOLDER)
MINIMAL = issue("minimal", MINIMAL_TERMS, MINIMAL_ENTRY, MINIMAL_HOLDER)


def receipt(credential: Presentation, size: int = TREE_SIZE) -> AnchorReceipt:
    """A receipt that puts a credential among others of a batch of `size`."""
    leaves = [leaf_hash(fixed(f"neighbour {index}")) for index in range(size)]
    leaves[credential.entry.index] = credential.leaf
    tree = MerkleTree(leaves)
    return AnchorReceipt(
        license_number=credential.entry.license_number,
        revision=credential.entry.revision,
        digest=credential.digest,
        issuer=credential.terms.issuer,
        contract=credential.terms.contract,
        genesis=credential.terms.genesis,
        batch=credential.terms.batch,
        proof=tree.proof(credential.entry.index),
        merkle_root=tree.root,
        transaction=TransactionHash(fixed("transaction")),
        block_number=42,
        block_hash=BlockHash(fixed("block")),
        block_time=datetime(2025, 6, 20, 2, 31, 7, tzinfo=UTC),
    )


PRESENTATION = parse(full_presentation(FULL))
RECEIPT = receipt(PRESENTATION)
BUNDLE = delivered_bundle(PRESENTATION, RECEIPT, KEY.public_key())


def bundle(credential: str, anchor: AnchorReceipt) -> bytes:
    return bundle_bytes(credential, anchor, KEY.public_key())


HEADER = {"alg": "ES256", "typ": "dc+sd-jwt", "kid": b64url(KEY.thumbprint())}
Change = Callable[[dict[str, Json]], object]


def compact(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def payload(credential: IssuedCredential = FULL) -> dict[str, Json]:
    members: dict[str, Json] = json.loads(unb64url(credential.jwt.split(".")[1]))
    return members


def signed(header: bytes, body: bytes) -> str:
    message = f"{b64url(header)}.{b64url(body)}"
    return f"{message}.{b64url(KEY.sign(message.encode()))}"


def with_header(header: Json) -> str:
    return signed(compact(header).encode(), compact(payload()).encode()) + "~"


def with_payload(change: Change) -> str:
    """A credential whose payload was changed before it was signed by the right key."""
    members = payload()
    change(members)
    return signed(compact(HEADER).encode(), compact(members).encode()) + "~"


def with_body(text: str | bytes) -> str:
    return signed(compact(HEADER).encode(), text if isinstance(text, bytes) else text.encode("utf-8")) + "~"


def disclosure(content: Json, *, label: str = "extra") -> str:
    """A disclosure of `[salt, *content]`."""
    return b64url(compact([b64url(fixed(f"salt {label}", 16)), *content]).encode())


def digest_of(text: str) -> str:
    return b64url(hashlib.sha256(text.encode()).digest())


def with_disclosures(*texts: str, results: tuple[str, ...] = ()) -> str:
    """A credential that digests these disclosures, signed by the right key, and shows them."""
    members = payload()
    kept = members["_sd"][: len(members["_sd"]) - len(texts)]
    members["_sd"] = sorted([*kept, *(digest_of(text) for text in texts)])
    if results:
        members["result"] = [{"...": digest_of(text)} for text in results]
    jwt = signed(compact(HEADER).encode(), compact(members).encode())
    return "~".join((jwt, *texts, *results, ""))


def changed(**members: Json) -> Change:
    return lambda body: body.update(members)


def nested(path: str, value: Json) -> Change:
    def change(body: dict[str, Json]) -> None:
        *outer, last = path.split(".")
        for name in outer:
            body = body[name]
        body[last] = value

    return change


def dropped(name: str) -> Change:
    return lambda body: body.pop(name)


def flipped(text: str, position: int) -> str:
    return text[:position] + ("A" if text[position] != "A" else "B") + text[position + 1 :]
