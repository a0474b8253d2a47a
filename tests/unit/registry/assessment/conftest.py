import pytest

from registry.programme import Programme, load_catalogue


@pytest.fixture(scope="session")
def programme() -> Programme:
    return load_catalogue().programme("AIGC-APP-ENG", "2026.1")
