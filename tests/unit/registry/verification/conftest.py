"""Every test of the verdict begins on a chain where all is in order."""

import pytest

from tests.unit.registry.verification.scene import Chain, chain_in_order


@pytest.fixture
def chain() -> Chain:
    return chain_in_order()
