"""What a credential says, by the member names of its format: for pages and reports, after question 1 has passed."""

from typing import Final

from registry.credential import Presentation
from registry.kernel.encoding import JsonValue

_DIGESTS: Final = frozenset({"_sd", "_sd_alg"})


def claims(credential: Presentation) -> dict[str, object]:
    """Give the visible members, and the disclosed ones in their places; undisclosed results are left out."""
    content: dict[str, object] = {name: value for name, value in credential.payload.items() if name not in _DIGESTS}
    results: dict[int, JsonValue] = {}
    for member, value in credential.told.items():
        if member.startswith("result."):
            results[int(member.removeprefix("result."))] = value
        else:
            content[member] = value
    # In programme order, in whatever order the disclosures came.
    content["result"] = [results[place] for place in sorted(results)]
    return content
