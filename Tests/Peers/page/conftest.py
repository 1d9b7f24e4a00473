import pytest

from support.browser import chromium


# Not for the whole session: while it lives its event loop runs on this thread, and no other can.
@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one
