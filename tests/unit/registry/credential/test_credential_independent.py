"""Credentials of ours before a verifier written by others, offline: its key resolver is fed from memory."""

import json
from pathlib import Path
from typing import Any

import pytest
from openvc.errors import OpenvcError
from openvc.verify import FORMAT_SD_JWT_VC, VerificationPolicy, VerificationResult, verify_credential

from registry.kernel.encoding import b64url
from registry.kernel.signing import PublicKey

VECTORS = Path(__file__).parents[3] / "vectors" / "credential"
# What another verifier does not know of, it cannot refuse: rules that our format adds to RFC 9901, and what surrounds
# the credential in a bundle. Of what RFC 9901 itself forbids, these are the vectors that it must refuse as we do.
REFUSED_BY_THE_STANDARD = (
    "alg-es384",
    "alg-hs256",
    "alg-none",
    "alg-none-signed",
    "disclosure-called-dots",
    "disclosure-called-sd",
    "disclosure-four-parts",
    "disclosure-overrides-exp",
    "disclosure-overrides-iss",
    "disclosure-overrides-licensenumber",
    "disclosure-overrides-vct",
    "header-crit",
    "key-binding-jwt",
    "payload-changed",
    "repeated-disclosure",
    "sd-digest-repeated",
    "signature-bit-changed",
    "signature-of-63-bytes",
    "signed-by-another-key",
    "typ-jwt",
    "undigested-disclosure",
)


def verified_by_others(presentation: str, jwk: dict[str, str], issuer: str) -> VerificationResult:
    with_kid = {**jwk, "kid": b64url(PublicKey.from_jwk(jwk).thumbprint())}

    def fetch(url: str) -> dict[str, Any]:
        assert url == issuer.replace("/issuers/", "/.well-known/jwt-vc-issuer/issuers/")
        return {"issuer": issuer, "jwks": {"keys": [with_kid]}}

    policy = VerificationPolicy(
        require_status=False,
        expected_vct=issuer.partition("/issuers/")[0] + "/vct/occupational-skill-certificate/1",
        # Its clock is the machine's: a certificate's window is judged by ours in the tests of the verdict.
        require_not_expired=False,
        leeway_s=86400,
    )
    return verify_credential(presentation, policy=policy, jwt_vc_issuer_fetch=fetch)


def vectors(folder: str) -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_bytes()) for path in sorted((VECTORS / folder).glob("*.json"))}


ACCEPTED = vectors("accepted")
REFUSED = vectors("refused")


# The verifier asks https of every issuer, so the one on localhost is no case for it.
@pytest.mark.parametrize("name", sorted(set(ACCEPTED) - {"localhost"}))
def test_independent_verifier_accepts_and_reads_the_same(name: str) -> None:
    vector = ACCEPTED[name]
    document = vector["document"]
    presentation = json.loads(document)["credential"] if document.startswith("{") else document
    issuer = vector["payload"]["iss"]
    result = verified_by_others(presentation, vector["key"], issuer)
    assert result.format == FORMAT_SD_JWT_VC
    assert result.claims is not None
    expected = {name: value for name, value in vector["payload"].items() if not name.startswith("_sd")}
    disclosed = {name: value for name, value in vector["disclosed"].items() if not name.startswith("result.")}
    results = [value for name, value in sorted(vector["disclosed"].items()) if name.startswith("result.")]
    claims = {name: value for name, value in result.claims.items() if not name.startswith("_sd")}
    assert claims == {**expected, **disclosed, "result": results}


@pytest.mark.parametrize("name", REFUSED_BY_THE_STANDARD)
def test_independent_verifier_refuses_what_the_standard_forbids(name: str) -> None:
    vector = REFUSED[name]
    with pytest.raises(OpenvcError):
        verified_by_others(vector["document"], vector["key"], "https://zs.example.cn/issuers/MIITEC")
