"""Every contract test runs on both artefacts, each in a world of its own; ask for one of the three worlds, not two."""

from typing import cast

import pytest

from contracts import TARGETS, Target
from tests.contract.world import World


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> Target:
    return cast(Target, request.param)


@pytest.fixture
def founded(target: Target) -> World:
    """A registry with three members of whom two decide, and no issuer."""
    return World.at("founded", target)


@pytest.fixture
def world(target: Target) -> World:
    """A registry with an issuer that has a scope and all its keys."""
    return World.at("accredited", target)


@pytest.fixture
def anchored(target: Target) -> World:
    """A registry with a batch of 1,000 certificates."""
    return World.at("anchored", target)
