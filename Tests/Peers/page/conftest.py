import pytest

from support.browser import chromium


@pytest.fixture(scope="session")
def browser():
    with chromium() as one:
        yield one
