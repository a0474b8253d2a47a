"""Seal a reserved batch: draw what is not drawn, sign what is not signed, build the tree and the manifest.

1. Draw numbers for the pieces that are only claimed, and keep them.
2. Sign the credentials and keep them, piece by piece; what is kept already is not signed again.
3. Build the tree over their digests and the manifest over the salted rows; keep both: sealed, immutable.

The computing of 1 and 2 is spread over the cores (`registry.workflows.issuance.pieces`); this process alone reads and
writes the database, and every turn at writing is short, so that others get theirs. A run that is cut off anywhere is
continued by the next; of two at once, each piece is kept from the one that comes first.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from registry.anchor.progress import Batch
from registry.anchor.states import AnchorState
from registry.kernel.errors import Conflict
from registry.kernel.merkle import MerkleTree
from registry.kernel.progress import Progress, unheard
from registry.ports import StatementSigner
from registry.ports.issuing import LendingSigner, Piece
from registry.ports.storage import Store
from registry.programme import Catalogue
from registry.workflows.certificates.contents import BatchInconsistent, ReservationVoid
from registry.workflows.issuance.crew import Crew, Job
from registry.workflows.issuance.pieces import (
    Draw,
    Gathered,
    Keep,
    Leaves,
    Sign,
    Spent,
    Tools,
    add_spent,
    crew_for,
    issue_piece,
)


def seal(
    store: Store,
    catalogue: Catalogue,
    signer: StatementSigner,
    name: str,
    *,
    progress: Progress = unheard,
    spent: Spent | None = None,
    crew: Crew | None = None,
) -> Batch:
    """Draw and sign what is not drawn or signed yet, and seal; a batch that is sealed already stays as it is.

    `spent` is told what was spent on what; `crew` works at it, where one is gathered already. Raises
    BatchInconsistent, ReservationVoid, WorkerLost, StateMoved where it was cancelled.
    """
    with store.read() as unit:
        batch = unit.batches.batch(name)
        if batch.state is not AnchorState.RESERVED:
            return batch
        if signer.thumbprint() != batch.credential_key:
            raise BatchInconsistent(name, "credential key")
        signs = signer.lend() if isinstance(signer, LendingSigner) else None
        tools = Tools.of(unit, batch, catalogue.by_digest(batch.programme_digest), signer=signs)
        run = _Run(store, batch, signer, unit.pieces.of_batch(name), progress)
        own = crew_for(unit)
    # 1, 2
    with own:
        try:
            (own if crew is None else crew).run(tools, run, run.handle, run.done, size=batch.size)
        except Conflict:
            with store.read() as unit:
                batch = unit.batches.batch(name)
            if batch.state in (AnchorState.RESERVED, AnchorState.CANCELLED):
                raise
            return batch  # another run of the same request has sealed it meanwhile
    if not run.gathered.is_whole():
        raise ReservationVoid(name, "was erased")
    # 3
    tree = MerkleTree.from_packed(run.gathered.credentials)
    manifest = run.gathered.manifest().document()
    if spent is not None:
        add_spent(spent, run.gathered.spent)
    with store.write() as unit:
        batch = unit.batches.batch(name)
        if batch.state is not AnchorState.RESERVED:
            return batch
        unit.batches.seal(name, root=tree.root, manifest=manifest, levels=tree.levels)
        return unit.batches.batch(name)


class _Run:
    """One run over the pieces of a batch: gives them out, keeps what comes of them."""

    def __init__(
        self, store: Store, batch: Batch, signer: StatementSigner, pieces: Sequence[Piece], progress: Progress
    ) -> None:
        self.gathered = Gathered(batch)
        self._store, self._batch, self._signer, self._progress = store, batch, signer, progress
        self._waiting = deque(pieces)
        self._signed = sum(one.signed for one in pieces)

    def __iter__(self) -> Iterator[Job[Leaves]]:
        return self

    def __next__(self) -> Job[Leaves]:
        """Give out the next piece, as it is kept now; later there may be one again."""
        if not self._waiting:
            raise StopIteration
        piece = self._waiting.popleft()
        with self._store.read() as unit:
            return issue_piece, (unit.pieces.material(self._batch.id, piece),)

    def handle(self, asked: Sequence[Any]) -> Sequence[Any]:
        """Keep what several pieces have come to, in one transaction, and sign what is given back to be signed."""
        answers: list[Any] = [None for _ in asked]
        for place, one in enumerate(asked):
            if isinstance(one, Sign):
                answers[place] = [self._signer.sign(message) for message in one.messages]
        kept = [(place, one) for place, one in enumerate(asked) if isinstance(one, Draw | Keep)]
        if kept:
            signed = 0
            with self._store.write() as unit:
                for place, one in kept:
                    if isinstance(one, Draw):
                        answers[place] = unit.batches.add_certificates(self._batch.id, one.certificates)
                    else:
                        before = unit.batches.add_credentials(self._batch.id, one.credentials)
                        answers[place] = not before
                        signed += len(one.credentials.rows) - len(before)
            if signed:
                self._signed += signed
                self._progress(self._signed, self._batch.size)
        return answers

    def done(self, leaves: Leaves) -> None:
        """Take what a piece contributes; another run may have kept it first: then it is given out again."""
        if leaves.complete:
            self.gathered.add(leaves)
            return
        with self._store.read() as unit:
            again = [one for one in unit.pieces.of_batch(self._batch.id) if one.first_id == leaves.first_id]
        self._waiting.extend(again)
