"""What is kept of corrected identities: each where it was stated first, never again where it is only carried over."""

import pytest

from registry.ports.replacements import Corrected, IdentityCorrected, Replacement, ReplacementKind
from tests.unit.registry.store.filled import NOW

PASSPORT = {Corrected.IDENTITY_TYPE: "passport", Corrected.IDENTITY_NUMBER: "E16180339"}
ANOTHER = {**PASSPORT, Corrected.IDENTITY_NUMBER: "E27182818"}


@pytest.mark.parametrize("kind", ReplacementKind)
def test_what_is_carried_over_from_the_certificate_before_says_nothing_of_who_the_holder_is(store, contents, kind):
    with store.write() as unit:
        first, second = (unit.batches.by_leaf(contents.chain_id, leaf) for leaf in (9, 7))

        def add(of, corrected, kind=kind):
            asked = Replacement(
                id=unit.next_name("X", NOW),
                kind=kind,
                number=of.reservation.number,
                revision=1,
                corrected=corrected,
                reason=None,
                asked_by="alice",
                asked_at=NOW,
                jti=of.reservation.jti,
            )
            unit.replacements.add(asked)
            return asked.id

        def identities_of(of):
            return unit.replacements.identities(of.person, "passport", "e16180339")

        corrected = add(first, PASSPORT, ReplacementKind.CORRECTION)
        waiting = IdentityCorrected(batch=None, leaf=None, cancelled=False, is_asked=True, is_enrolled=False)
        assert identities_of(first) == [waiting]
        unit.replacements.place(corrected, contents.batch, 7)  # the second certificate is its successor
        (placed,) = identities_of(first)
        assert (placed.batch, placed.leaf, placed.is_asked) == (contents.batch, 7, True)
        carried = add(second, {**PASSPORT, Corrected.NAME: "欧阳子夏"})
        assert identities_of(second) == []
        unit.replacements.cancel(carried, "alice", NOW)
        # Control: another identity than that of the certificate before is kept.
        given_up = add(second, ANOTHER)
        unit.replacements.cancel(given_up, "alice", NOW)
        assert [(one.is_asked, one.cancelled) for one in identities_of(second)] == [(False, True)]
