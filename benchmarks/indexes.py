"""What it costs to keep certificates and credentials, with the indexes that there are and with those that there were.

Rows of the real tables, of the size that rows have, in transactions of 2,000, with the settings of the writing
connection; nothing is encrypted or sealed, and what they point at is not there. Identifiers, keys, numbers, leaves,
people and status entries lie at random, as they do in a batch.
"""

import os
import random
import resource
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

from benchmarks.bench import options, report
from registry.credential.v1 import STATUS_LIST_SIZE
from registry.kernel.identifiers import IssuerCode, new_certificate_key, new_certificate_number, normal_number
from registry.store import open_database
from registry.store.vault import DataKeys

_AT_ONCE = 2_000
_JWT, _DISCLOSURES, _SALTS, _SEAL = 1_500, 1_200, 93, 32
"""Bytes of what a row holds beside its identifiers."""
_FORMER = (
    "CREATE UNIQUE INDEX former_number ON certificate (number, revision)",
    "CREATE UNIQUE INDEX former_jti ON certificate (jti)",
    "CREATE INDEX former_person ON certificate (person)",
    "CREATE UNIQUE INDEX former_digest ON credential (digest)",
)


def measure(size: int, *, former: bool) -> dict[str, object]:
    """Keep `size` certificates and credentials in a fresh database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "registry.db"
        open_database(path, DataKeys.generate(), create=True).close()
        with closing(sqlite3.connect(path, isolation_level=None)) as database:
            for setting in ("synchronous = FULL", "cache_size = -65536", "wal_autocheckpoint = 8192"):
                database.execute(f"PRAGMA {setting}")
            for index in _FORMER if former else ():
                database.execute(index)
            clock = used = 0.0
            for certificates, credentials in _rows(size):
                began, before = time.perf_counter(), _processor()
                _keep(database, "certificate", certificates)
                _keep(database, "credential", credentials)
                clock, used = clock + time.perf_counter() - began, used + _processor() - before
        taken = path.stat().st_size
    return {
        "size": size,
        "former_indexes": former,
        "microseconds_of_processor": round(used / size * 1e6, 1),
        "microseconds": round(clock / size * 1e6, 1),
        "database_mb": round(taken / 1e6, 1),
    }


def _rows(size: int) -> Iterator[tuple[list[tuple[object, ...]], list[tuple[object, ...]]]]:
    leaves, places, issuer = list(range(size)), list(range(size)), IssuerCode("GD-SKILLS")
    random.shuffle(leaves)
    random.shuffle(places)
    for first in range(0, size, _AT_ONCE):
        certificates: list[tuple[object, ...]] = []
        credentials: list[tuple[object, ...]] = []
        for at in range(first, min(first + _AT_ONCE, size)):
            number, key = new_certificate_number(issuer, 2026), new_certificate_key()
            certificates.append(
                (
                    at + 1,
                    number,
                    normal_number(number),
                    1,
                    key,
                    f"urn:uuid:{uuid4()}",
                    "B-2026-11-0001",
                    leaves[at],
                    secrets.token_hex(16),
                    f"260001{at:06d}",
                    "S-2026-11-0001",
                    *divmod(places[at], STATUS_LIST_SIZE),
                    os.urandom(_SALTS),
                    os.urandom(_SEAL),
                )
            )
            jwt = key.ljust(_JWT, "x")
            digest = sha256(jwt.encode()).digest()
            credentials.append((at + 1, jwt, digest, os.urandom(_DISCLOSURES), os.urandom(_SEAL)))
        yield certificates, credentials


def _keep(database: sqlite3.Connection, table: str, rows: list[tuple[object, ...]]) -> None:
    database.execute("BEGIN IMMEDIATE")
    database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)  # noqa: S608 - our names
    database.execute("COMMIT")


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure every size, with and without."""
    chosen = options(__doc__ or "", sizes="100000")
    sizes = [int(size) for size in chosen.sizes.split(",")]
    rows = [measure(size, former=former) for size in sizes for former in (True, False)]
    report("indexes", rows, as_json=chosen.json)


if __name__ == "__main__":
    main()
