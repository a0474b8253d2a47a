"""Rows of people who have passed and wait: what worker processes make for `benchmarks.examinees`."""

import secrets
from dataclasses import dataclass, replace
from typing import Any

from registry.enrolment import Candidate
from registry.store import DataKeys
from registry.store.candidates import candidate_document
from registry.store.sealing import sealer
from registry.store.tables import application, person, score
from registry.store.vault import encrypt, encrypt_json, identity_index, new_person_key
from registry.workflows.issuance.crew import Work

TABLES = (person, application, score)
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许"
Rows = tuple[list[tuple[Any, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What the laid people have in common with the first one."""

    keys: DataKeys
    candidate: Candidate
    findings: dict[str, Any]
    person: dict[str, Any]
    application: dict[str, Any]
    score: dict[str, Any]


def lay(pattern: Pattern, first: int, end: int) -> Work[tuple[int, Rows]]:
    """Make the rows of the people with these places."""
    yield from ()
    rows: Rows = ([], [], [])
    for place in range(first, end):
        for table, into, values in zip(TABLES, rows, _values(pattern, place), strict=True):
            row = [values.get(column.name) for column in table.columns]
            row[-1] = sealer(pattern.keys.seal, table).seal(row)
            into.append(tuple(row))
    return first, rows


def _values(pattern: Pattern, place: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    keys, of = pattern.keys, secrets.token_hex(16)
    secret, wrapped = new_person_key(keys, of)
    name = f"{_SURNAMES[place % len(_SURNAMES)]}{chr(0x4E00 + place % 5_003)}{chr(0x4E00 + place // 5_003 % 4_999)}"
    identity, admission = f"L{place:011d}", f"{999_000_000_000 + place}"
    candidate = replace(pattern.candidate, name=name, identity_number=identity)
    return (
        {
            **pattern.person,
            "id": of,
            "identity_index": identity_index(keys, candidate.identity_type, identity),
            "wrapped_key": wrapped,
            "identity_number": encrypt(secret, of, "person.identity_number", identity.encode()),
        },
        {
            **pattern.application,
            "admission": admission,
            "line": place + 2,
            "person": of,
            "evidence": encrypt_json(secret, of, f"application.evidence/{admission}", candidate_document(candidate)),
            "findings": encrypt_json(secret, of, f"application.findings/{admission}", pattern.findings),
        },
        {**pattern.score, "id": place + 1_000, "admission": admission},
    )
