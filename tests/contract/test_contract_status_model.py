"""Random histories of one batch's statuses, beside a model that fits on a page."""

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import Status
from tests.contract.world import RefusedError, World, digest

SIZE = 300
ALLOWED = {
    "suspend": ({Status.VALID}, Status.SUSPENDED),
    "reinstate": ({Status.SUSPENDED}, Status.VALID),
    "revoke": ({Status.VALID, Status.SUSPENDED}, Status.REVOKED),
    "supersede": ({Status.VALID, Status.SUSPENDED}, Status.SUPERSEDED),
}
INDICES = st.sets(st.sampled_from([0, 1, 2, 127, 128, 129, 255, 256, 298, 299, 300, 383, 384]), min_size=1, max_size=5)


def words(indices: set[int]) -> list[int]:
    by_word: dict[int, int] = {}
    for index in indices:
        by_word[index // 128] = by_word.get(index // 128, 0) | 1 << index % 128
    return [word << 128 | mask for word, mask in by_word.items()]


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(sorted(ALLOWED)), INDICES), min_size=1, max_size=10))
def test_contract_agrees_with_the_model(steps: list[tuple[str, set[int]]]) -> None:
    world = World.at("accredited", "cancun")
    world.anchor(size=SIZE)
    world.anchor("newer batch", size=SIZE)
    model = [Status.VALID] * SIZE
    for move, indices in steps:
        before, after = ALLOWED[move]
        allowed = all(index < SIZE and model[index] in before for index in indices)
        try:
            if move == "supersede":
                world.supersede(sorted(indices), [0] * len(indices))
            else:
                getattr(world, move)(*words(indices))
        except RefusedError:
            assert not allowed
        else:
            assert allowed
            for index in indices:
                model[index] = after
    planes = [world.call("statusWord", world.ISSUER, digest("batch"), word) for word in range(4)]
    assert planes == [
        sum(
            (status & 1) << at | (status >> 1) << (128 + at)
            for at, status in enumerate(model[word * 128 : word * 128 + 128])
        )
        for word in range(4)
    ]
    assert [world.call("statusWord", world.ISSUER, digest("newer batch"), word) for word in range(4)] == [0] * 4
