"""Compare what people judged with the journal, and programme files with what was used.

1. a judgement was entered, and confirmed, where the journal says so, and only there;
2. who is admitted though no rule held is so by an override that was confirmed, and an override that was confirmed
   admitted somebody;
3. the kept bytes of a programme version are those that its rosters were taken under, and no file says otherwise.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress

from registry.audit import Difference
from registry.kernel.errors import RegistryError
from registry.ports.enrolments import JudgedByPerson
from registry.ports.storage import UnitOfWork
from registry.programme import OVERRIDE, Catalogue
from registry.workflows.enrolment.judge import CONFIRM, JUDGE, OVERRULE


def enrolment_differences(unit: UnitOfWork, catalogue: Catalogue) -> Iterator[Difference]:
    """Yield every difference; rows and entries that cannot be read are named elsewhere."""
    with suppress(RegistryError):
        kept = {one.id: one for one in unit.judgements.judgements()}
        yield from _judgements(unit, kept)
        yield from _overrides(unit, kept)
    with suppress(RegistryError):
        yield from _files(unit, catalogue)


def _judgements(unit: UnitOfWork, kept: dict[str, JudgedByPerson]) -> Iterator[Difference]:
    # 1
    entered, confirmed = set[str](), set[str]()
    for entry in unit.journal.entries():
        if entry.action in {JUDGE, OVERRULE}:
            entered.add(str(entry.detail.get("judgement")))
        elif entry.action == CONFIRM:
            confirmed.add(str(entry.detail.get("judgement")))
    counting = {name for name, one in kept.items() if one.confirmed_by is not None}
    for what, told, found in (("entered", entered, set(kept)), ("confirmed", confirmed, counting)):
        for name in sorted(told - found):
            yield _difference(name, f"{what}, as the journal tells", "not")
        for name in sorted(found - told):
            yield _difference(name, f"an entry of the journal that it was {what}", "none")


def _overrides(unit: UnitOfWork, kept: dict[str, JudgedByPerson]) -> Iterator[Difference]:
    # 2
    by_two = {one.admission for one in kept.values() if one.subject == OVERRIDE and one.confirmed_by is not None}
    admitted = set(unit.judgements.overridden())
    for admission in sorted(admitted - by_two):
        yield _difference(admission, "an override by two people, or a rule that held", "neither")
    for admission in sorted(by_two - admitted):
        yield _difference(admission, "admitted by the override", "not")


def _files(unit: UnitOfWork, catalogue: Catalogue) -> Iterator[Difference]:
    # 3
    kept = {(one.code, one.version): one for one in unit.programme_files.files()}
    for (code, version), file in kept.items():
        if hashlib.sha256(file.document).digest() != file.digest:
            yield _file(f"{code}/{version}", "bytes of the kept digest", "others")
    for roster in unit.enrolments.rosters():
        used = kept.get((roster.programme, roster.programme_version))
        if used is not None and used.digest != roster.programme_digest:
            yield _file(roster.id, "taken under the kept bytes of its version", "others")
    for name in catalogue.edited:
        yield _file(name, "the bytes that the version was used with", "a file with others")


def _difference(subject: str, expected: str, found: str) -> Difference:
    return Difference(code="fsck/judgement", subject=subject, expected=expected, found=found)


def _file(subject: str, expected: str, found: str) -> Difference:
    return Difference(code="fsck/programme-file", subject=subject, expected=expected, found=found)
