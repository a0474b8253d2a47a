"""What must be true of a data folder once the demonstration has come to its end, however often it was struck.

The invariants of every installation (`tests.faults.harness.invariants`), and what is particular to the demonstration.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from registry.verification import Outcome
from tests.faults.harness.invariants import Facts, asked, facts_of
from tests.faults.harness.world import World

BATCHES, CERTIFICATES = 3, 164
"""Of the 200 made-up candidates, so many pass; both figures follow from the seed."""


def violations(path: Path, *, suspended: int = 1, revoked: int = 1) -> list[str]:
    """Name everything that is not as it must be; an empty list is the only good answer.

    `suspended`, `revoked`: how many certificates were changed so.
    """
    world = World(path, stage=None, changed=suspended + revoked)
    with facts_of(world, complete=True) as facts:
        keys = {one.idempotency_key: "" for one in facts.batches}
        whole = replace(facts, world=replace(world, requests=keys))
        return [*asked(whole), *_of_the_demonstration(whole, {Outcome.SUSPENDED: suspended, Outcome.REVOKED: revoked})]


def _of_the_demonstration(facts: Facts, changed: dict[Outcome, int]) -> Iterator[str]:
    if (len(facts.batches), len(facts.certificates)) != (BATCHES, CERTIFICATES):
        yield f"{len(facts.batches)} batches, {len(facts.certificates)} certificates"
    folder = facts.world.path / "delivered"
    papers = {path.name for path in folder.glob("[!.]*.pdf")}
    if len(papers) > 1 or not papers <= {f"{one.reservation.number}.pdf" for one in facts.certificates}:
        yield f"papers that nobody asked for: {len(papers)}"
    judge = facts.home.verifier()
    numbers = {target.number for request in facts.requests for target in request.certificates}
    bundles = [(folder / f"{number}.bundle.json").read_bytes() for number in sorted(numbers)]
    outcomes = Counter(judge.by_document(bundle).outcome for bundle in bundles)
    if outcomes != {one: n for one, n in changed.items() if n}:
        yield f"verdicts: {dict(sorted(outcomes.items()))}"


def digests(path: Path) -> dict[str, str]:
    """SHA-256 of every delivered file, by name."""
    return {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in (path / "delivered").glob("[!.]*")}
