"""Fixtures of the listener tests."""

import ssl

import pytest

from listener.authority import Authority
from listener.tls import client_context


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An authority with the server's certificate `server` (localhost)."""
    made = Authority(tmp_path_factory.mktemp("authority") / "ca", "listener-ca")
    made.issue("server")
    return made


@pytest.fixture(scope="session")
def h2_context(authority):
    """A client's side that offers h2 and shows no certificate."""
    context = client_context(authority, protocols=("h2",))
    assert isinstance(context, ssl.SSLContext)
    return context
