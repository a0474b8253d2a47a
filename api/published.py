"""What the issuing body publishes for machines: key sets, issuer metadata, type metadata, programme files."""

import json
from collections.abc import Mapping
from typing import Final

from api.wiring import Home
from registry.credential.v1 import SD_MEMBERS, VCT_PATH
from registry.kernel.encoding import b64url
from registry.kernel.signing import PublicKey

_JSON: Final = "application/json"
_TOML: Final = "application/toml"


class Published:
    """Documents by path (implements api.verifier.PublishedDocuments)."""

    def __init__(self, home: Home) -> None:
        code, base = home.issuer, home.installation.public_base_url
        keys = {"keys": [_member(key) for key in home.public_keys["credential"]]}
        # Not in the key set that the metadata names: no generic verifier may take a credential signed by one of these.
        statement_keys = {"keys": [_member(key) for key in home.public_keys["statement"]]}
        metadata = {"issuer": f"{base}/issuers/{code}", "jwks_uri": f"{base}/issuers/{code}/jwks.json"}
        self._documents: Mapping[str, tuple[str, bytes]] = {
            f"/.well-known/jwt-vc-issuer/issuers/{code}": (_JSON, _json(metadata)),
            f"/issuers/{code}/jwks.json": (_JSON, _json(keys)),
            f"/issuers/{code}/statement-keys.json": (_JSON, _json(statement_keys)),
            VCT_PATH: (_JSON, _json(_type_metadata(base))),
            **_programmes(home),
        }

    def get(self, path: str) -> tuple[str, bytes] | None:
        """Give media type and bytes of what is published at `path`; None = nothing is."""
        return self._documents.get(path)


def _member(key: PublicKey) -> dict[str, str]:
    return {**key.jwk(), "kid": b64url(key.thumbprint()), "alg": "ES256", "use": "sig"}


def _type_metadata(base: str) -> dict[str, object]:
    return {
        "vct": base + VCT_PATH,
        "name": "Occupational skill certificate",
        "description": "A certificate of the Vermilion registry, format 1; anchored on a consortium chain.",
        "display": [
            {"locale": "zh-CN", "name": "职业技能证书"},
            {"locale": "en", "name": "Occupational skill certificate"},
        ],
        "claims": [{"path": [name], "sd": "always"} for name in SD_MEMBERS],
    }


def _programmes(home: Home) -> dict[str, tuple[str, bytes]]:
    found: dict[str, tuple[str, bytes]] = {}
    for code in home.catalogue.codes():
        for programme in home.catalogue.versions(code):
            found[f"/programmes/{code}/{programme.version}"] = (_TOML, programme.document)
    return found


def _json(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=1).encode()
