"""What must be true of a data folder once the demonstration has come to its end, however often it was struck."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from api.wiring import Home
from registry.anchor.history import Anchored, Record, StatusChanged
from registry.anchor.progress import Batch, RequestState
from registry.anchor.states import AnchorState
from registry.ports import Ledger
from registry.ports.storage import StoredCertificate
from registry.verification import Outcome
from registry.workflows.follow import follow

BATCHES, CERTIFICATES = 3, 164
"""Of the 200 made-up candidates, so many pass; both figures follow from the seed."""


def violations(path: Path, *, suspended: int = 1, revoked: int = 1) -> list[str]:
    """Name everything that is not as it must be; an empty list is the only good answer.

    `suspended`, `revoked`: how many certificates were changed so.
    """
    home = Home(path)
    try:
        with home.chain() as ledger:
            follow(home.store, ledger, home.clock)
            return list(_found(home, ledger, {Outcome.SUSPENDED: suspended, Outcome.REVOKED: revoked}))
    finally:
        home.store.close()


def _found(home: Home, ledger: Ledger, changed: dict[Outcome, int]) -> Iterator[str]:
    records = list(ledger.records(0, ledger.head().number))
    with home.store.read() as unit:
        batches = unit.batches.batches()
        certificates = list(unit.batches.certificates())
        requests = unit.status_requests.requests()
    yield from _of_batches(batches, records)
    yield from (f"{one.id} left at {one.state}" for one in requests if one.state is not RequestState.FINAL)
    yield from _of_transactions(home, ledger, records, sum(changed.values()))
    yield from _of_certificates(certificates)
    yield from _of_bundles(home, certificates, changed)
    consistency = home.auditor(ledger).fsck()
    if consistency.compared_at is None:
        yield "fsck could not compare with the chain"
    yield from (f"fsck: {one.code} {one.subject}" for one in consistency.differences)


def _of_batches(batches: list[Batch], records: list[Record]) -> Iterator[str]:
    anchored = [record.content for record in records if isinstance(record.content, Anchored)]
    if len(batches) != BATCHES:
        yield f"{len(batches)} batches"
    for batch in batches:
        if batch.state is not AnchorState.FINAL or batch.delivered_at is None:
            yield f"{batch.id} lost: {batch.state}"
        times = sum(1 for one in anchored if one.root == batch.root)
        if times != 1:
            yield f"{batch.id} anchored {times} times"
    if {one.batch for one in anchored} != {batch.batch for batch in batches}:
        yield "the chain holds other batches than the database"


def _of_transactions(home: Home, ledger: Ledger, records: list[Record], expected: int) -> Iterator[str]:
    """Every transaction of the sender had its effect, once, and is one that was kept."""
    changes = [record for record in records if isinstance(record.content, StatusChanged)]
    if len(changes) != expected:
        yield f"{len(changes)} changes of status"
    sender = home.account("sender").address
    sent = ledger.next_nonce(sender)
    with home.store.read() as unit:
        kept = {transaction.hash for transaction in unit.outbox.since(sender, 0)}
    effects = {record.position.transaction for record in records if record.position.by == sender}
    if sent != len(effects):
        yield f"{sent} transactions for {len(effects)} effects"
    if kept != effects:
        yield "transactions sent are not those kept"


def _of_certificates(certificates: list[StoredCertificate]) -> Iterator[str]:
    if len(certificates) != CERTIFICATES:
        yield f"{len(certificates)} certificates"
    reservations = [one.reservation for one in certificates]
    for what, values in {
        "number": [(one.number, one.revision) for one in reservations],
        "key": [one.key for one in reservations],
        "candidate": [one.admission for one in reservations],
        "leaf": [(certificate.batch.id, certificate.reservation.leaf) for certificate in certificates],
    }.items():
        if len(set(values)) != len(values):
            yield f"a {what} was used twice"


def _of_bundles(home: Home, certificates: list[StoredCertificate], changed: dict[Outcome, int]) -> Iterator[str]:
    """One bundle a certificate and one paper of one of them, and each has the verdict it should."""
    folder = home.path / "delivered"
    # What was being written at a kill stays beside them under a hidden name; it is no bundle and nobody's to open.
    papers = {path.name for path in folder.glob("[!.]*.pdf")}
    names = {path.name for path in folder.glob("[!.]*")} - papers
    expected = {f"{one.reservation.number}.bundle.json" for one in certificates}
    if len(papers) > 1 or not papers <= {f"{one.reservation.number}.pdf" for one in certificates}:
        yield f"papers that nobody asked for: {len(papers)}"
    if names != expected:
        yield f"{len(expected - names)} bundles missing, {len(names - expected)} files too many"
    judge = home.verifier()
    outcomes = [judge.by_document((folder / name).read_bytes()).outcome for name in sorted(names & expected)]
    counts = {outcome: outcomes.count(outcome) for outcome in set(outcomes)}
    if counts != {one: n for one, n in {Outcome.VALID: CERTIFICATES - sum(changed.values()), **changed}.items() if n}:
        yield f"verdicts: {dict(sorted(counts.items()))}"


def digests(path: Path) -> dict[str, str]:
    """SHA-256 of every delivered file, by name."""
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in (path / "delivered").glob("[!.]*")}
