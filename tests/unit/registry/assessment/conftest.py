import pytest

from registry.programme import Catalogue, Programme, load_catalogue


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def programme(catalogue) -> Programme:
    return catalogue.programme("AIGC-APP-ENG", "2026.1")
