"""Documents that must be refused: each function gives name, what is wrong, code of the refusal, document."""

import json
from collections.abc import Callable, Iterator

from registry.credential.v1 import full_presentation
from registry.kernel.encoding import b64url, canonical_json, unb64url
from registry.kernel.signing import ORDER
from tests.vectors.material import (
    BUNDLE,
    ENTRY,
    FULL,
    HEADER,
    INDEX,
    KEY,
    MINIMAL,
    OTHER_KEY,
    RECEIPT,
    TERMS,
    TREE_SIZE,
    Json,
    changed,
    compact,
    digest_of,
    disclosure,
    dropped,
    fixed,
    nested,
    payload,
    signed,
    with_body,
    with_disclosures,
    with_header,
    with_payload,
)

Refused = Iterator[tuple[str, str, str, str | bytes]]


def no_documents() -> Refused:
    yield "empty", "nothing", "credential/not-a-credential", ""
    yield "some-text", "a sentence", "credential/not-a-credential", "这不是证书"
    yield "pdf", "a PDF that is broken off", "document/pdf-broken", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
    yield "json-of-others", "JSON that is no bundle", "document/not-ours", '{"type":"VerifiableCredential"}'
    yield "json-array", "JSON that is no object", "credential/not-a-credential", "[]"
    yield "bundle-truncated", "the first half of a bundle", "document/not-ours", BUNDLE[: len(BUNDLE) // 2]
    yield "bundle-not-utf-8", "a byte that is not UTF-8", "document/not-ours", BUNDLE.replace(b"AnchorR", b"Anchor\xff")
    yield "oversized", "larger than any document", "document/oversized", BUNDLE + b" " * 22 * 1024
    other = with_payload(changed(vct="https://zs.example.cn/vct/residence-permit/1"))
    yield "foreign-vct", "an SD-JWT VC of another type", "credential/foreign", other
    later = with_payload(changed(vct="https://zs.example.cn/vct/occupational-skill-certificate/2"))
    yield "vct-of-another-format", "a format that does not exist yet", "credential/foreign", later
    yield "two-segments", "a JWT without signature", "credential/not-a-credential", f"{FULL.jwt.rpartition('.')[0]}~"
    yield "jwt-truncated", "half of the payload", "credential/not-a-credential", FULL.jwt[:900]


def envelopes() -> Refused:
    full = full_presentation(FULL)
    yield "no-tilde", "the JWT without its tilde", "credential/end", FULL.jwt
    yield "last-tilde-missing", "the last disclosure without its tilde", "credential/end", full[:-1]
    yield "disclosure-truncated", "the last disclosure cut", "credential/end", full[:-20]
    yield "trailing-newline", "a line feed at the end", "credential/end", full + "\n"
    yield "trailing-bytes", "more after the last tilde", "credential/end", full + "abc"
    binding = signed(b'{"alg":"ES256","typ":"kb+jwt"}', b'{"iat":1795228200,"aud":"x","nonce":"y","sd_hash":"z"}')
    yield "key-binding-jwt", "a key-binding JWT at the end", "credential/key-binding", full + binding
    yield "double-tilde", "an empty disclosure", "credential/not-json", f"{FULL.jwt}~~"
    many = [disclosure(["name", f"{count}"], label=f"{count}") for count in range(25)]
    yield "25-disclosures", "more than 24 disclosures", "credential/over-cap", "~".join((FULL.jwt, *many, ""))
    long = disclosure(["name", "张" * 600])
    yield "disclosure-over-2-kib", "a disclosure over its cap", "credential/over-cap", with_disclosures(long)
    big = with_payload(changed(place="x" * 6500))
    yield "jwt-over-8-kib", "a JWT over its cap", "credential/over-cap", big
    yield "presentation-over-16-kib", "over the cap", "credential/over-cap", full + "A" * 16 * 1024 + "~"


def headers() -> Refused:
    bare = f"{b64url(compact({**HEADER, 'alg': 'none'}).encode())}.{FULL.jwt.split('.')[1]}."
    yield "alg-none", "no signature at all", "credential/algorithm", f"{bare}~"
    yield "alg-none-signed", "alg none, signed", "credential/algorithm", with_header({**HEADER, "alg": "none"})
    yield "alg-es384", "another algorithm", "credential/algorithm", with_header({**HEADER, "alg": "ES384"})
    yield "alg-hs256", "a shared secret", "credential/algorithm", with_header({**HEADER, "alg": "HS256"})
    without = {name: value for name, value in HEADER.items() if name != "alg"}
    yield "alg-missing", "no algorithm", "credential/algorithm", with_header(without)
    yield "typ-jwt", "another type", "credential/wrong-typ", with_header({**HEADER, "typ": "JWT"})
    yield (
        "typ-vc-sd-jwt",
        "the type of early drafts",
        "credential/wrong-typ",
        with_header({**HEADER, "typ": "vc+sd-jwt"}),
    )
    untyped = {name: value for name, value in HEADER.items() if name != "typ"}
    yield "typ-missing", "no type", "credential/wrong-typ", with_header(untyped)
    yield "header-crit", "a critical extension", "credential/header", with_header({**HEADER, "crit": ["exp"], "exp": 1})
    yield "header-jwk", "a key of its own", "credential/header", with_header({**HEADER, "jwk": KEY.public_key().jwk()})
    yield "header-x5c", "a certificate chain", "credential/header", with_header({**HEADER, "x5c": ["AAAA"]})
    yield "header-order", "members in another order", "credential/header", with_header(dict(sorted(HEADER.items())))
    keyless = {name: value for name, value in HEADER.items() if name != "kid"}
    yield "kid-missing", "no key named", "credential/header", with_header(keyless)
    yield "kid-url", "a kid that is no thumbprint", "credential/header", with_header({**HEADER, "kid": "https://x/#1"})
    spaced = signed(json.dumps(HEADER).encode(), compact(payload()).encode()) + "~"
    yield "header-white-space", "spaces in the header", "credential/white-space", spaced
    twice = compact(HEADER)[:-1] + ',"alg":"ES256"}'
    doubled = signed(twice.encode(), compact(payload()).encode()) + "~"
    yield "header-duplicate-member", "alg twice", "credential/duplicate-member", doubled
    yield "header-array", "no object", "credential/header", signed(b"[]", compact(payload()).encode()) + "~"


def spellings() -> Refused:
    header, body, signature = FULL.jwt.split(".")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1]
    yield "signature-other-spelling", "same bytes, other text", "credential/base64url", f"{header}.{body}.{spare}~"
    yield "payload-other-spelling", "a character too many", "credential/base64url", f"{header}.{body}A.{signature}~"
    shown = FULL.disclosures["name"]
    yield "disclosure-padded", "padding", "credential/base64url", f"{FULL.jwt}~{shown}=~"
    yield "disclosure-not-ascii", "a full-width letter", "credential/base64url", f"{FULL.jwt}~Ａ{shown[1:]}~"
    yield "disclosure-standard-alphabet", "base64, not base64url", "credential/base64url", f"{FULL.jwt}~+{shown[1:]}~"
    text = compact(payload())
    yield (
        "payload-not-utf-8",
        "a byte that is not UTF-8",
        "credential/not-utf-8",
        with_body(text.encode().replace("北京".encode(), b"\xff\xfe")),
    )
    yield "payload-byte-order-mark", "begins with U+FEFF", "credential/not-utf-8", with_body("\ufeff" + text)
    yield "payload-not-json", "a brace missing", "credential/not-json", with_body(text[:-1])
    yield "payload-trailing-text", "more after the object", "credential/trailing-text", with_body(text + "{}")
    doubled = text[:-1] + ',"revision":3}'
    yield "payload-duplicate-member", "revision twice", "credential/duplicate-member", with_body(doubled)
    inner = text.replace('"zh":', '"zh":"甲","zh":', 1)
    yield "payload-duplicate-inner-member", "zh twice", "credential/duplicate-member", with_body(inner)
    yield "payload-array", "no object", "credential/member", with_body(f'["{TERMS.credential_type}"]')
    yield "payload-white-space", "spaces between tokens", "credential/white-space", with_body(json.dumps(payload()))
    yield "payload-float", "a float", "credential/number", with_payload(changed(trainingHours=90.0))
    yield "payload-integer-2-53", "an integer of 2^53", "credential/number", with_payload(changed(trainingHours=2**53))
    yield (
        "payload-minus-zero",
        "minus zero",
        "credential/number",
        with_body(text.replace('"revision":2', '"revision":-0')),
    )
    surrogate = text.replace('"place":"北京"', '"place":"\\ud800"')
    yield "payload-lone-surrogate", "half a character", "credential/lone-surrogate", with_body(surrogate)
    deep: Json = "x"
    for _ in range(7):
        deep = [deep]
    yield "payload-too-deep", "seven levels", "credential/too-deep", with_payload(changed(place=deep))
    salt = b64url(fixed("salt extra", 16))
    raw = b64url(f'["{salt}","grade",{{"targetCode":"a","targetCode":"b","targetName":{{"zh":"甲"}}}}]'.encode())
    yield "disclosure-duplicate-member", "in a disclosure", "credential/duplicate-member", with_disclosures(raw)
    half = b64url(f'["{salt}","name","\\udfff"]'.encode())
    yield "disclosure-lone-surrogate", "in a disclosure", "credential/lone-surrogate", with_disclosures(half)
    spaced = b64url(json.dumps([salt, "name", "张三"], ensure_ascii=False).encode())
    yield "disclosure-white-space", "in a disclosure", "credential/white-space", with_disclosures(spaced)
    number = b64url(f'["{salt}","name",1.5]'.encode())
    yield "disclosure-float", "in a disclosure", "credential/number", with_disclosures(number)
    nest = b64url(f'["{salt}","name",{"[" * 6 + "]" * 6}]'.encode())
    yield "disclosure-too-deep", "in a disclosure", "credential/too-deep", with_disclosures(nest)


def signatures() -> Refused:
    message, _, text = FULL.jwt.rpartition(".")
    signature = unb64url(text)
    r, s = signature[:32], int.from_bytes(signature[32:], "big")
    high = r + (ORDER - s).to_bytes(32, "big")
    yield "high-s", "(r, n - s): verifies, other digest", "credential/high-s", f"{message}.{b64url(high)}~"
    short = f"{message}.{b64url(signature[:63])}~"
    yield "signature-of-63-bytes", "a byte missing", "credential/signature-malformed", short
    zero = f"{message}.{b64url(bytes(64))}~"
    yield "signature-zero", "r and s are 0", "credential/signature-malformed", zero
    large = f"{message}.{b64url(ORDER.to_bytes(32, 'big') + signature[32:])}~"
    yield "signature-r-is-the-order", "r out of range", "credential/signature-malformed", large
    wrong = f"{message}.{b64url(bytes([signature[0] ^ 1]) + signature[1:])}~"
    yield "signature-bit-changed", "one bit of r", "credential/signature", wrong
    header, body, _ = FULL.jwt.split(".")
    other = compact(payload()).replace('"revision":2', '"revision":3')
    yield (
        "payload-changed",
        "another revision, same signature",
        "credential/signature",
        (f"{header}.{b64url(other.encode())}.{text}~"),
    )
    forged = f"{message}.{b64url(OTHER_KEY.sign(message.encode()))}~"
    yield "signed-by-another-key", "kid names one key, another signed", "credential/signature", forged
    stranger = compact({**HEADER, "kid": b64url(OTHER_KEY.thumbprint())}).encode()
    theirs = f"{b64url(stranger)}.{body}"
    yield (
        "kid-of-another-key",
        "signed and named by another key",
        "credential/wrong-key",
        (f"{theirs}.{b64url(OTHER_KEY.sign(theirs.encode()))}~"),
    )


def digests() -> Refused:
    body = payload()
    sd, elements = body["_sd"], body["result"]
    yield "sd-missing", "no _sd", "credential/member-missing", with_payload(dropped("_sd"))
    yield "sd-string", "_sd is no array", "credential/member", with_payload(changed(_sd=sd[0]))
    yield "sd-unsorted", "_sd in another order", "credential/digests", with_payload(changed(_sd=sd[::-1]))
    yield "sd-one-less", "six digests", "credential/digests", with_payload(changed(_sd=sd[:-1]))
    yield (
        "sd-digest-malformed",
        "a digest of 31 bytes",
        "credential/digests",
        with_payload(changed(_sd=[b64url(bytes(31)), *sd[1:]])),
    )
    yield (
        "sd-digest-other-spelling",
        "spare bits set",
        "credential/digests",
        with_payload(changed(_sd=["A" * 42 + "B", *sd[1:]])),
    )
    yield (
        "sd-digest-repeated",
        "a digest twice",
        "credential/digest-repeated",
        with_payload(changed(_sd=[sd[0], *sd[:-1]])),
    )
    yield (
        "digest-in-sd-and-result",
        "a digest in both",
        "credential/digest-repeated",
        with_payload(changed(result=[{"...": sd[0]}, elements[1]])),
    )
    yield "sd-alg-sha-512", "another hash", "credential/digests", with_payload(changed(_sd_alg="sha-512"))
    yield "sd-alg-missing", "no _sd_alg", "credential/member-missing", with_payload(dropped("_sd_alg"))
    plain = {"resultDescription": "theory", "name": {"zh": "理论知识"}, "value": "79.5"}
    yield "result-in-the-open", "a result not digested", "credential/digests", with_payload(changed(result=[plain]))
    yield (
        "result-element-with-more",
        "a digest and more",
        "credential/digests",
        with_payload(changed(result=[{**elements[0], "value": "1"}])),
    )
    yield "result-missing", "no result", "credential/member-missing", with_payload(dropped("result"))
    yield (
        "sd-inside-a-member",
        "_sd in achievement",
        "credential/member-unknown",
        with_payload(nested("achievement._sd", [sd[0]])),
    )


def disclosures() -> Refused:
    name = FULL.disclosures["name"]
    loose = disclosure(["name", "张三"])
    yield "undigested-disclosure", "no digest in the JWT", "credential/disclosure-undigested", f"{FULL.jwt}~{loose}~"
    yield "repeated-disclosure", "the same one twice", "credential/disclosure-repeated", f"{FULL.jwt}~{name}~{name}~"
    second = disclosure(["name", "李四"], label="second")
    yield "member-disclosed-twice", "two names", "credential/disclosure-repeated", with_disclosures(loose, second)
    for label, member in (("sd", "_sd"), ("dots", "...")):
        text = with_disclosures(disclosure([member, ["x"]]))
        yield f"disclosure-called-{label}", f"called {member}", "credential/disclosure-reserved", text
    for member, value in (("licenseNumber", "MIITEC-2025-0"), ("revision", 9), ("iss", "https://x.cn/issuers/X1")):
        text = with_disclosures(disclosure([member, value]))
        yield f"disclosure-overrides-{member.lower()}", "stands visible", "credential/disclosure-overrides", text
    for member, value in (("exp", 4102416000), ("cnf", {}), ("sub", "x"), ("status", {}), ("vct", "x")):
        text = with_disclosures(disclosure([member, value]))
        yield f"disclosure-overrides-{member}", "registered for JWTs", "credential/disclosure-overrides", text
    yield (
        "disclosure-unknown",
        "a member that is not",
        "credential/disclosure-unknown",
        with_disclosures(disclosure(["birthDate", "1949-12-31"])),
    )
    yield (
        "array-element-in-sd",
        "two parts where three belong",
        "credential/disclosure-misplaced",
        with_disclosures(disclosure(["张三"])),
    )
    yield (
        "member-in-result",
        "three parts where two belong",
        "credential/disclosure-misplaced",
        with_disclosures(results=(disclosure(["name", "张三"]),)),
    )
    for label, content in (("no-value", []), ("four-parts", ["name", "张三", "x"]), ("name-is-a-number", [1, "张三"])):
        text = with_disclosures(disclosure(content))
        yield f"disclosure-{label}", "not of two or three parts", "credential/disclosure-malformed", text
    short = b64url(compact([b64url(fixed("salt", 15)), "name", "张三"]).encode())
    yield "disclosure-salt-of-15-bytes", "a short salt", "credential/disclosure-malformed", with_disclosures(short)
    thing = b64url(b'{"name":"x"}')
    yield "disclosure-object", "no array", "credential/disclosure-malformed", with_disclosures(thing)
    inner = {"targetCode": "pass", "targetName": {"zh": "合格"}, "_sd": [digest_of(loose)]}
    yield (
        "sd-inside-a-disclosure",
        "_sd in grade",
        "credential/member-unknown",
        with_disclosures(disclosure(["grade", inner])),
    )


def members() -> Refused:
    for name in ("iss", "issuerName", "jti", "iat", "nbf", "vct", "anchor", "status", "certificateType", "achievement"):
        code = "credential/foreign" if name == "vct" else "credential/member-missing"
        yield f"{name.lower()}-missing", "a member is missing", code, with_payload(dropped(name))
    for name in ("licenseNumber", "revision", "activityEndDate", "awardedDate"):
        yield f"{name.lower()}-missing", "a member is missing", "credential/member-missing", with_payload(dropped(name))
    yield (
        "vct-of-another-origin",
        "vct and iss differ",
        "credential/wrong-vct",
        with_payload(changed(vct="https://other.example.cn/vct/occupational-skill-certificate/1")),
    )
    for label, name, value in (
        ("cnf", "cnf", {"jwk": KEY.public_key().jwk()}),
        ("sub", "sub", "x"),
        ("name-in-the-open", "name", "张三"),
        ("vct-integrity", "vct#integrity", "sha256-x"),
    ):
        yield (
            f"unknown-{label}",
            "a member that is not",
            "credential/member-unknown",
            with_payload(changed(**{name: value})),
        )
    values: tuple[tuple[str, str, Json], ...] = (
        ("iss-http", "iss", "http://zs.example.cn/issuers/MIITEC"),
        ("iss-path", "iss", "https://zs.example.cn/registry/issuers/MIITEC"),
        ("iss-code", "iss", "https://zs.example.cn/issuers/miitec"),
        ("issuername-string", "issuerName", "中心"),
        ("issuername-without-zh", "issuerName", {"en": "Center"}),
        ("place-null", "place", None),
        ("place-empty", "place", ""),
        ("place-201-characters", "place", "京" * 201),
        ("place-control-character", "place", "北\u0007京"),
        ("place-bidirectional-control", "place", "北京\u202e"),
        ("place-not-nfc", "place", "Cafe\u0301"),
        ("jti-upper-case", "jti", "urn:uuid:" + str(ENTRY.id).upper()),
        ("jti-no-urn", "jti", str(ENTRY.id)),
        ("replaces-itself", "replaces", f"urn:uuid:{ENTRY.id}"),
        ("iat-boolean", "iat", True),
        ("iat-string", "iat", "1795228200"),
        ("iat-negative", "iat", -1),
        ("exp-not-midnight", "exp", 1795228200),
        ("exp-before-nbf", "exp", 1700000000 - 1700000000 % 86400 - 8 * 3600),
        ("nbf-beyond-9999", "nbf", 2**52),
        ("licensenumber-slash", "licenseNumber", "../../etc/passwd"),
        ("licensenumber-number", "licenseNumber", 20260001),
        ("revision-zero", "revision", 0),
        ("traininghours-zero", "trainingHours", 0),
        ("awardeddate-impossible", "awardedDate", "2026-02-30"),
        ("awardeddate-compact", "awardedDate", "20261121"),
        ("activityenddate-time", "activityEndDate", "2026-10-31T00:00:00Z"),
        ("anchor-contract-upper-case", "anchor.contract", str(TERMS.contract).upper().replace("EIP", "eip")),
        ("anchor-contract-chain-id-too-large", "anchor.contract", f"eip155:{2**53}:{TERMS.contract.address}"),
        ("anchor-genesis-hex", "anchor.genesis", "0x" + TERMS.genesis.hex()),
        ("anchor-batch-31-bytes", "anchor.batch", b64url(bytes(31))),
        ("anchor-index-negative", "anchor.index", -1),
        ("anchor-index-too-large", "anchor.index", 2**24 - 1),
        ("anchor-index-string", "anchor.index", "5"),
        ("anchor-unknown-member", "anchor.root", "x"),
        ("status-list-of-another-issuer", "status.status_list.uri", "https://zs.example.cn/status/OTHER/3"),
        ("status-list-number-padded", "status.status_list.uri", "https://zs.example.cn/status/MIITEC/03"),
        ("status-index-too-large", "status.status_list.idx", 2**17),
        ("certificatetype-unknown", "certificateType.targetCode", "driving-licence"),
        ("certificatetype-framework", "certificateType.targetFramework", "x"),
        ("achievement-id-of-another", "achievement.id", "https://zs.example.cn/programmes/BIG-DATA/2021.1"),
        ("achievement-digest-hex", "achievement.digest", "ab" * 32),
        ("achievement-humancode-lower", "achievement.humanCode", "smart-mfg"),
        ("level-not-a-scope", "level.targetCode", "中级"),
        ("award-without-contest", "award", {"contest": "a", "edition": "b", "event": "c", "rank": "d"}),
        ("award-rank-missing", "award", {"contest": "a", "edition": "b", "event": "c"}),
    )
    for label, path, value in values:
        code = "credential/member"
        if label in ("issuername-without-zh", "award-rank-missing"):
            code = "credential/member-missing"
        if label == "anchor-unknown-member":
            code = "credential/member-unknown"
        yield label, f"{path} is not as it must be", code, with_payload(nested(path, value))


def holder_claims() -> Refused:
    shown: tuple[tuple[str, str, Json], ...] = (
        ("name-number", "name", 1),
        ("name-not-nfc", "name", "Ame\u0301lie"),
        ("name-null", "name", None),
        ("identitytype-unknown", "identityType", "driving-licence"),
        ("number-with-space", "nationalIdentityNumber", "110105 19491231002X"),
        ("mask-hides-nothing", "nationalIdentityNumberMasked", "11010519491231002X"),
        ("mask-shows-too-much", "nationalIdentityNumberMasked", "110***********002X"),
        ("mask-shows-too-little", "nationalIdentityNumberMasked", "******************"),
        ("portrait-digest-short", "portrait", {"mediaType": "image/jpeg", "digest": b64url(bytes(20))}),
        ("portrait-is-no-picture", "portrait", {"mediaType": "text/html", "digest": b64url(bytes(32))}),
        ("grade-with-framework", "grade", {"targetCode": "a", "targetName": {"zh": "甲"}, "targetFramework": "x"}),
    )
    for label, member, value in shown:
        yield (
            label,
            f"{member} is not as it must be",
            "credential/member",
            with_disclosures(disclosure([member, value])),
        )
    for label, value in (
        ("two-zeros", "79.50"),
        ("integer-with-point", "79."),
        ("over-999", "1000"),
        ("leading-zero", "079"),
        ("three-decimals", "79.125"),
        ("negative", "-1"),
        ("full-width", "７９"),
    ):
        element = {"resultDescription": "theory", "name": {"zh": "理论知识"}, "value": value}
        yield (
            f"value-{label}",
            "a value in another form",
            "credential/member",
            with_disclosures(results=(disclosure([element]),)),
        )
    number = disclosure(["nationalIdentityNumber", "11010519491231002X"], label="number")
    mask = disclosure(["nationalIdentityNumberMasked", "1*************0021"], label="mask")
    yield "number-and-mask-disagree", "mask of another number", "credential/mask", with_disclosures(number, mask)


def bundles() -> Refused:
    text = BUNDLE.decode()
    whole = json.loads(text)

    def changed_bundle(**parts: Json) -> bytes:
        return canonical_json({**whole, **parts})

    def without(name: str) -> bytes:
        return canonical_json({key: value for key, value in whole.items() if key != name})

    yield "bundle-white-space", "spaces between tokens", "bundle/not-canonical", json.dumps(whole, ensure_ascii=False)
    ordered = compact({name: whole[name] for name in ("credential", "anchor", "key")})
    yield "bundle-order", "members in another order", "bundle/not-canonical", ordered
    yield "bundle-escaped", "an escape where none is needed", "bundle/not-canonical", text.replace("EC", "\\u0045C")
    yield "bundle-trailing-newline", "a line feed at the end", "bundle/not-canonical", text + "\n"
    yield "bundle-trailing-bytes", "more after the end", "bundle/trailing-bytes", text + "{}"
    doubled = text.replace('"key":', '"key":{},"key":')
    yield "bundle-duplicate-member", "key twice", "bundle/not-canonical", doubled
    yield "bundle-extra-member", "a fourth member", "bundle/members", changed_bundle(note="x")
    for name in ("credential", "anchor", "key"):
        yield f"bundle-without-{name}", "a member is missing", "bundle/members", without(name)
    yield "bundle-credential-object", "the credential is no text", "bundle/members", changed_bundle(credential={})
    foreign = with_payload(changed(vct="https://x.cn/vct/other/1"))
    yield "bundle-foreign-credential", "a credential of others", "bundle/credential", changed_bundle(credential=foreign)
    expected = "credential/disclosure-undigested"
    added = whole["credential"] + disclosure(["name", "李四"]) + "~"
    yield "bundle-disclosure-added", "a disclosure added", expected, changed_bundle(credential=added)
    swapped = whole["credential"].replace(FULL.jwt, MINIMAL.jwt)
    yield "bundle-other-jwt", "another JWT under the disclosures", expected, changed_bundle(credential=swapped)
    jwk = whole["key"]
    yield "bundle-other-key", "another key", "bundle/key", changed_bundle(key=OTHER_KEY.public_key().jwk())
    yield "bundle-key-with-kid", "a fifth member", "bundle/key", changed_bundle(key={**jwk, "kid": HEADER["kid"]})
    yield "bundle-key-off-curve", "no point of the curve", "bundle/key", changed_bundle(key={**jwk, "x": jwk["y"]})
    yield "bundle-key-private", "the secret number with it", "bundle/key", changed_bundle(key={**jwk, "d": jwk["x"]})
    yield "bundle-key-curve", "another curve", "bundle/key", changed_bundle(key={**jwk, "crv": "P-384"})


def receipts() -> Refused:
    anchor = json.loads(RECEIPT.to_bytes())
    whole = json.loads(BUNDLE)

    def with_anchor(value: Json) -> bytes:
        return canonical_json({**whole, "anchor": value})

    def with_receipt(**members: Json) -> bytes:
        return with_anchor({**anchor, **members})

    for name, value in (
        ("licenseNumber", "MIITEC-2025-OTHER"),
        ("revision", 1),
        ("digest", b64url(fixed("other"))),
        ("issuer", "OTHER"),
        ("contract", "eip155:1:" + TERMS.contract.address),
        ("genesis", b64url(fixed("other"))),
        ("batch", b64url(fixed("other"))),
        ("index", 4),
    ):
        yield (
            f"receipt-other-{name.lower()}",
            "not the credential's",
            "bundle/receipt-disagrees",
            with_receipt(**{name: value}),
        )
    path = anchor["inclusionProof"]
    bent = b64url(bytes([unb64url(path[0])[0] ^ 1]) + unb64url(path[0])[1:])
    yield (
        "receipt-path-bit-changed",
        "one bit of the path",
        "bundle/receipt-proof",
        with_receipt(inclusionProof=[bent, *path[1:]]),
    )
    yield "receipt-path-short", "a hash missing", "bundle/receipt-proof", with_receipt(inclusionProof=path[:-1])
    yield "receipt-path-long", "a hash too many", "bundle/receipt-proof", with_receipt(inclusionProof=[*path, path[0]])
    yield "receipt-path-swapped", "two hashes swapped", "bundle/receipt-proof", with_receipt(inclusionProof=path[::-1])
    yield "receipt-other-root", "another root", "bundle/receipt-proof", with_receipt(merkleRoot=b64url(fixed("other")))
    yield "receipt-size-changed", "a smaller tree", "bundle/receipt-proof", with_receipt(treeSize=6)
    yield (
        "receipt-inner-node-as-leaf",
        "the path from the parent",
        "bundle/receipt-proof",
        with_receipt(treeSize=TREE_SIZE // 2 + INDEX, inclusionProof=path[1:]),
    )
    yield "receipt-index-beyond-size", "index beyond size", "receipt/member", with_receipt(treeSize=INDEX)
    for name, value in (
        ("type", "Receipt"),
        ("version", 2),
        ("version", True),
        ("suite", 2),
        ("revision", "2"),
        ("digest", "0x00"),
        ("index", -1),
        ("treeSize", 2**24),
        ("inclusionProof", "x"),
        ("merkleRoot", b64url(bytes(31))),
        ("transaction", "0x" + RECEIPT.transaction.hex().upper()),
        ("blockHash", RECEIPT.block_hash.hex()),
        ("blockNumber", -1),
        ("blockTime", "2026-11-21T02:31:07Z"),
        ("blockTime", "2026-02-30T10:31:07+08:00"),
        ("contract", "0x5fbdb2315678afecb367f032d93f642f64180aa3"),
        ("issuer", "miitec"),
        ("licenseNumber", ""),
    ):
        label = str(value).lower().replace(":", "-")[:12].strip("-") or "empty"
        yield (
            f"receipt-{name.lower()}-{label}",
            f"{name} in another form",
            "receipt/member",
            with_receipt(**{name: value}),
        )
    yield "receipt-extra-member", "a nineteenth member", "receipt/members", with_receipt(note="x")
    fewer = {name: value for name, value in anchor.items() if name != "blockTime"}
    yield "receipt-without-blocktime", "a member is missing", "receipt/members", with_anchor(fewer)
    yield "receipt-null", "no object", "receipt/member", with_anchor(None)
    yield "receipt-over-4-kib", "over its cap", "receipt/over-cap", with_receipt(inclusionProof=path * 30)


UNREADABLE = frozenset(
    {
        "credential/not-a-credential",
        "credential/foreign",
        "document/not-ours",
        "document/oversized",
        "document/pdf-broken",
    }
)
REFUSED: tuple[Callable[[], Refused], ...] = (
    no_documents,
    envelopes,
    headers,
    spellings,
    signatures,
    digests,
    disclosures,
    members,
    holder_claims,
    bundles,
    receipts,
)
