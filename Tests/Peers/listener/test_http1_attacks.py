"""Requests shaped for smuggling, over every transport. What is refused ends the connection; what is accepted has one meaning."""

import os

import pytest

from listener.footprint import eventually, gauge, leaving_nothing
from listener.tls import client_context, tls_config, tls_listener
from support.process import Gateway
from support.smuggling import ACCEPTED, FOLLOWING, REFUSED
from support.upstream import Upstream
from support.wire import Client


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory, authority):
    """(gateway, upstream, a function of a transport's name that connects)."""
    upstream = Upstream()
    path = f"/tmp/countersign-smuggling-{os.getpid()}.sock"
    listeners = [{"bind": "127.0.0.1:0"}, tls_listener(authority), {"bind": f"unix:{path}"}]
    gateway = Gateway(tls_config(upstream, *listeners), tmp_path_factory.mktemp("smuggling"))
    context = client_context(authority)
    secure = gateway.listeners[1].split(":")

    def connect(transport):
        if transport == "tls":
            client = Client((secure[0], int(secure[1])))
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
            return client
        return Client(path if transport == "unix" else gateway.address)

    for transport in ("plain", "tls", "unix") * 10:
        with connect(transport) as client:
            assert client.request().status == 204
    with leaving_nothing(gateway, upstream):
        yield gateway, upstream, connect


@pytest.fixture(params=["plain", "tls", "unix"])
def transport(request, everywhere):
    gateway, upstream, connect = everywhere
    eventually(lambda: gauge(gateway, "countersign_exchanges") == 0)
    upstream.clear()
    yield upstream, lambda: connect(request.param)
    with connect(request.param) as client:
        assert client.request().status == 204


# Over clear text every row of them is in test_http1 as well; here they go through records and by another kind of socket, too.
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_is_refused_everywhere(transport, name):
    upstream, connect = transport
    with connect() as client:
        client.send(REFUSED[name] + FOLLOWING)
        assert client.read("POST").status == 400
        assert client.is_closed(), "something else was answered"
    assert upstream.requests == []


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_odd_has_one_meaning(transport, name):
    sent, statuses, bodies = ACCEPTED[name]
    upstream, connect = transport
    with connect() as client:
        client.send(sent)
        found = []
        while len(found) < len(statuses):
            status = client.read("POST").status
            found += [status] if status >= 200 else []
        assert found == statuses
        # Nothing else is answered, whether or not the connection goes on.
        client.socket.settimeout(0.05)
        try:
            assert client.buffer == b"" and client.socket.recv(100) == b""
        except (TimeoutError, ConnectionResetError):
            pass
    assert [request.body for request in upstream.requests] == bodies
    for request in upstream.requests:
        assert not {"upgrade", "http2-settings"} & set(request.names)
