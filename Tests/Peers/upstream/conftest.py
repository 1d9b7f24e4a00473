import pytest

from upstream.http2_upstream import HTTP2Upstream


@pytest.fixture
def http2_upstream():
    """`http2_upstream(**options)`: a scripted HTTP/2 upstream, stopped after the test."""
    started = []

    def start(**options):
        started.append(HTTP2Upstream(**options))
        return started[-1]

    yield start
    for one in started:
        one.stop()
