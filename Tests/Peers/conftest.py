"""Fixtures of the peer tests. The binary under test is $COUNTERSIGN, or .build/debug/countersign."""

import shutil
import sys

import pytest

from support.certificates import Certificates
from support.process import Double, Gateway, basic_config, more_routes
from support.upstream import Upstream


def pytest_sessionstart(session):
    # A peer that is missing fails the run; a skipped test would look like a passed one.
    for command in ("curl", "openssl"):
        if shutil.which(command) is None:
            pytest.exit(f"the command '{command}' is missing", returncode=3)
    if sys.version_info < (3, 10):
        pytest.exit("Python 3.10 or newer is needed", returncode=3)


@pytest.fixture
def gateway(tmp_path):
    """`gateway(config)` starts one; all are stopped after the test and must then exit with code 0."""
    started = []

    def start(config, **options):
        started.append(Gateway(config, tmp_path, **options))
        return started[-1]

    yield start
    failures = []
    for one in started:
        try:
            if one.process.poll() is None:
                one.stop()
        except AssertionError as failure:
            failures.append(str(failure))
        finally:
            one.kill()
    assert not failures, "\n".join(failures)


@pytest.fixture
def upstream():
    """A scriptable upstream on 127.0.0.1, without TLS."""
    server = Upstream()
    yield server
    server.stop()


@pytest.fixture
def serving(gateway, upstream):
    """A gateway with the smallest configuration in front of `upstream`."""
    return gateway(basic_config(upstream.url))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(gateway, upstream) for the many small cases of a module; the upstream forgets between the tests that ask for it."""
    upstream = Upstream()
    gateway = Gateway(more_routes(basic_config(upstream.url)), tmp_path_factory.mktemp("shared"))
    yield gateway, upstream
    try:
        gateway.stop()
    finally:
        gateway.kill()
        upstream.stop()


@pytest.fixture
def plain_pair(shared):
    """`shared`, with nothing recorded and the plain script."""
    gateway, upstream = shared
    upstream.clear()
    assert gateway.process.poll() is None, "the gateway ended:\n" + gateway.stderr
    return gateway, upstream


@pytest.fixture
def double(tmp_path):
    """`double(*arguments)` starts a `countersign chime-double`."""
    started = []

    def start(*arguments):
        started.append(Double(tmp_path, *arguments))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))
