"""The committed OpenAPI document: `python -m api.openapi` writes docs/openapi.json, `--check` compares it."""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

from fastapi.openapi.utils import get_openapi

from api.status_views.router import router as status_router
from api.verifier.router import router

PATH = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


@cache
def openapi_document() -> dict[str, Any]:
    """Describe the routes for other systems, always as one and the same object: nobody may change it.

    The servers are each installation's own.
    """
    return get_openapi(
        title="Vermilion",
        version="1",
        description=(
            "Verdicts on occupational-skill certificates. A verdict is an answer with status 200 whatever its outcome"
            " (404 for `not-found`); a problem document says nothing about a certificate."
        ),
        routes=[*router.routes, *status_router.routes],
    )


def openapi_bytes() -> bytes:
    """Give the document as it is committed."""
    return (json.dumps(openapi_document(), ensure_ascii=False, indent=2, sort_keys=True) + "\n").encode()


def main(arguments: list[str]) -> int:
    """Write the document, or with `--check` return 1 when the committed one differs."""
    if arguments == ["--check"]:
        if PATH.exists() and PATH.read_bytes() == openapi_bytes():
            return 0
        sys.stderr.write(f"{PATH.name} is not what the routes say: run python -m api.openapi\n")
        return 1
    PATH.write_bytes(openapi_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
