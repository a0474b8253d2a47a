"""Claim links for the holders of a whole batch: each of them has one then, or nothing was made.

1. Read whose certificates they are, page by page, while others write.
2. In one transaction leave out who has a password, an open link, or no account any more; make the accounts that there
   are not; keep the hash of each link; write each into the journal as a single one is.
3. Hand the links over before the transaction ends: where they cannot be written down, nothing is kept.
A process that is killed between the end of step 3 and that of the transaction leaves links that open nothing, never
links that nobody has.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from registry.access import Invitation, Token, WayIn, new_token, token_hash
from registry.anchor.states import AnchorState
from registry.credential import parse
from registry.kernel.errors import Conflict
from registry.kernel.progress import Progress, unheard
from registry.ports import Clock
from registry.ports.storage import Store
from registry.workflows.access.sign_in import INVITED_FOR, holder_account
from registry.workflows.certificates.deliver import presentation_of

_UNINVITED: Final = frozenset({WayIn.ACCOUNT, WayIn.NONE})
_AT_ONCE: Final = 500
"""Certificates that are read together: a long reading keeps what others write from being put away."""


class BatchNotFinal(Conflict):
    """Claim links are asked for of a batch whose certificates do not stand on the chain."""

    code = "invitation/batch-not-final"

    def __init__(self, batch: str, state: str) -> None:
        self.batch, self.state = batch, state
        super().__init__(f"batch {batch} is {state}: its holders get links once it is final")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLink:
    """A link that was just made, to be handed to its holder alone."""

    number: str
    name: str = field(repr=False)
    """As on the certificate of this batch."""
    token: Token = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimLinks:
    """What came of a batch."""

    made: int
    left_out: Mapping[WayIn, int]
    """Holders that got none, by what they have already; erased ones among them."""


def invite_holders_of(
    store: Store,
    clock: Clock,
    *,
    batch: str,
    by: str,
    hand_over: Callable[[Sequence[ClaimLink]], None],
    progress: Progress = unheard,
) -> ClaimLinks:
    """Make a claim link for each holder of a final batch who has neither a password nor an open link.

    `hand_over` writes the links down, and is not called where there are none; what it raises undoes all.
    Raises NotHere, BatchNotFinal.
    """
    # 1
    named: dict[str, tuple[str, str]] = {}
    erased = done = 0
    with store.read() as unit:
        of = unit.batches.batch(batch)
        if of.state is not AnchorState.FINAL:
            raise BatchNotFinal(of.id, of.state)
        pieces = unit.pieces.drawn(of.id, _AT_ONCE)
    for piece in pieces:
        with store.read() as unit:
            certificates = list(unit.batches.of_piece(of.id, piece))
        for one in certificates:
            if one.disclosures is None:
                erased += 1
            else:
                name = parse(presentation_of(one)).disclosed.name or ""
                named.setdefault(one.person, (one.reservation.number, name))
        done += len(certificates)
        progress(done, of.size)
    # 2
    now = clock.now()
    with store.write() as unit:
        unit.require_room()
        ways = unit.accounts.ways_in([*named], now)
        invited = [person for person in named if ways[person] in _UNINVITED]
        links = [ClaimLink(number=named[one][0], name=named[one][1], token=new_token()) for one in invited]
        unit.accounts.invite_all(
            (holder_account(one, by=by, at=now) for one in invited if ways[one] is WayIn.NONE),
            (
                Invitation(
                    token_hash=token_hash(link.token),
                    account=one,
                    made_by=by,
                    made_at=now,
                    expires_at=now + INVITED_FOR,
                    used_at=None,
                )
                for one, link in zip(invited, links, strict=True)
            ),
        )
        unit.journal.write_each(invited, at=now, person=by, action="account.invite")
        # 3
        if links:
            hand_over(links)
    left_out = Counter(way for way in ways.values() if way not in _UNINVITED)
    left_out[WayIn.ERASED] += erased
    return ClaimLinks(made=len(links), left_out={way: left_out[way] for way in WayIn if left_out[way]})
