"""`verify`: inclusion of a credential in its batch, by RFC 9162."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.world import World, digest


def leaf(credential: bytes) -> bytes:
    return hashlib.sha256(b"\0\1" + credential).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(leaves[:split]) + root(leaves[split:])).digest()


def path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, section 2.1.3.1, word for word."""
    if len(leaves) == 1:
        return []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if index < split:
        return [*path(index, leaves[:split]), root(leaves[split:])]
    return [*path(index - split, leaves[split:]), root(leaves[:split])]


def anchor(world: World, size: int) -> tuple[list[bytes], list[bytes]]:
    credentials = [digest(f"credential {number}") for number in range(size)]
    leaves = [leaf(credential) for credential in credentials]
    world.anchor(f"of {size}", size=size, root=root(leaves))
    return credentials, leaves


def verified(world: World, size: int, index: int, credential: bytes, proof: Sequence[bytes]) -> bool:
    return bool(world.call("verify", world.ISSUER, digest(f"of {size}"), index, credential, proof))


@pytest.mark.parametrize("size", [*range(1, 18), 100])
def test_every_leaf_proves_and_nothing_else_does(world: World, size: int) -> None:
    credentials, leaves = anchor(world, size)
    for index in range(size):
        if size > 17 and index not in (0, 31, 63, 64, 95, 96, 97, 98, 99):
            continue
        proof = path(index, leaves)
        assert verified(world, size, index, credentials[index], proof)
        for other in {index - 1, index + 1, size, size + 1, index + (1 << 200)} - {-1}:
            assert not verified(world, size, other, credentials[index], proof)
        assert not verified(world, size, index, digest("another"), proof)
        assert not verified(world, size, index, credentials[index], [*proof, digest("more")])
        if proof:
            assert not verified(world, size, index, credentials[index], proof[:-1])
            assert not verified(world, size, index, credentials[index], proof[1:])


def test_inner_node_is_no_leaf(world: World) -> None:
    _, leaves = anchor(world, 4)
    node = root(leaves[:2])
    assert not verified(world, 4, 0, node, [root(leaves[2:])])


def test_unknown_batch_proves_nothing(world: World) -> None:
    assert not world.call("verify", world.ISSUER, digest("none"), 0, digest("x"), [])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_changed_bit_fails(data: st.DataObject) -> None:
    world = World.at("accredited", "cancun")
    size = data.draw(st.integers(1, 40))
    credentials, leaves = anchor(world, size)
    index = data.draw(st.integers(0, size - 1))
    proof = path(index, leaves)
    assert verified(world, size, index, credentials[index], proof)
    words = [credentials[index], *proof]
    which, bit = data.draw(st.integers(0, len(words) - 1)), data.draw(st.integers(0, 255))
    words[which] = (int.from_bytes(words[which], "big") ^ 1 << bit).to_bytes(32, "big")
    assert not verified(world, size, index, words[0], words[1:])
