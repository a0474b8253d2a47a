"""One request from its acceptance to its delivered bundles, as one command: a kill may strike anywhere in it."""

from typing import Annotated

import typer

from api.commands.options import HomeOption
from api.demonstration import PROGRAMME
from api.sending import issue_batch
from api.wiring import Home
from registry.anchor.states import AnchorState
from registry.workflows.issuance.approve import approve
from registry.workflows.issuance.issue import propose

MAKER, APPROVER = "maker-1", "approver-1"


def fulfil(
    level: str,
    key: str,
    home: HomeOption = None,
    wait: Annotated[int, typer.Option("--wait")] = 20,
) -> None:
    """Propose under an idempotency key, approve as the second person, take to the chain, deliver; exit 3 = not yet."""
    found = Home.find(home)
    batch = propose(
        found.store,
        found.clock,
        found.catalogue,
        found.body,
        found.credential_signer(),
        programme=PROGRAMME,
        level=level,
        person=MAKER,
        idempotency_key=key,
    )
    if batch.state is AnchorState.SEALED:
        parts = found.store, found.clock, found.catalogue, found.key_of, found.approver()
        batch = approve(*parts, batch.id, person=APPROVER)
    if batch.state is not AnchorState.FINAL or batch.delivered_at is None:
        batch = issue_batch(found, batch.id, wait=wait)
    if batch.state is not AnchorState.FINAL:
        raise typer.Exit(1 if batch.state is AnchorState.FAILED else 3)
