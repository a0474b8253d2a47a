"""What a look-up by number and name shows less than the paper: whoever asks may only have seen a list of names."""

from dataclasses import replace

from registry.verification.model import Report

_LEFT_OUT = frozenset(
    {"nameLatin", "identityType", "nationalIdentityNumber", "nationalIdentityNumberMasked", "portrait"}
)


def masked(report: Report) -> Report:
    """Cover the holder's name but for its first and last character, and leave out identity number and portrait."""
    if report.content is None:
        return report
    content = {name: value for name, value in report.content.items() if name not in _LEFT_OUT}
    if isinstance(content.get("name"), str):
        content["name"] = masked_name(str(content["name"]))
    return replace(report, content=content)


def masked_name(name: str) -> str:
    """Cover a name: 李知行 → 李*行, 王芳 → 王*, 欧阳娜娜 → 欧**娜."""
    if len(name) < 3:
        return name[:1] + "*" * (len(name) - 1)
    return name[0] + "*" * (len(name) - 2) + name[-1]
