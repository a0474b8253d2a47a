"""What a credential says, by the member names of its format: for pages and reports, after question 1 has passed."""

from typing import Final, cast

from registry.credential import Presentation
from registry.kernel.encoding import JsonObject, JsonValue, parse_json, unb64url

_DIGESTS: Final = frozenset({"_sd", "_sd_alg"})
_MAX_DEPTH: Final = 6


def claims(credential: Presentation) -> dict[str, object]:
    """Give the visible members, and the disclosed ones in their places; undisclosed results are left out."""
    payload = cast(JsonObject, _decoded(credential.jwt.split(".")[1]))
    content: dict[str, object] = {name: value for name, value in payload.items() if name not in _DIGESTS}
    results: dict[int, JsonValue] = {}
    for member, text in credential.disclosures.items():
        disclosed = cast(list[JsonValue], _decoded(text))
        if member.startswith("result."):
            results[int(member.removeprefix("result."))] = disclosed[1]
        else:
            content[member] = disclosed[2]
    # In programme order, in whatever order the disclosures came.
    content["result"] = [results[place] for place in sorted(results)]
    return content


def _decoded(text: str) -> JsonValue:
    return parse_json(unb64url(text), max_depth=_MAX_DEPTH)
