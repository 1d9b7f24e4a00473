"""What a hostile client may do to a TLS listener, in every phase of a connection. It gets nothing, reaches nobody, and leaves nothing behind."""

import os
import socket
import ssl
import struct

import pytest

from listener.footprint import leaving_nothing
from listener.http2 import PREFACE, SETTINGS, frame
from listener.openssl import TLS_1_2, OpenSSLClient
from listener.tls import client_context, tls_config, tls_listener
from support.process import Gateway
from support.upstream import Upstream
from support.wire import Client, request_bytes

REQUEST = request_bytes()


@pytest.fixture(scope="module")
def attacked(tmp_path_factory, authority):
    upstream = Upstream()
    listener = tls_listener(authority) | {"timeouts": {"head": "5s", "body": "5s", "idle": "5s"}}
    gateway = Gateway(tls_config(upstream, listener), tmp_path_factory.mktemp("attacked"))
    context = client_context(authority)
    for _ in range(20):
        assert served(gateway, context)
    with leaving_nothing(gateway, upstream):
        yield gateway, upstream, context


@pytest.fixture
def target(attacked):
    """The gateway serves after each attack as it did before, and nothing of the attack reaches the upstream."""
    gateway, upstream, context = attacked
    upstream.clear()
    yield gateway, context
    assert upstream.requests == []
    assert served(gateway, context)


def served(gateway, context):
    with Client(gateway.address) as client:
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        return client.request().status == 204


def ends(sock):
    """Reads until the gateway closes, and says what came. It must close, within the time that the socket has."""
    found = b""
    try:
        while data := sock.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return found


class Session:
    """A TLS client whose records can be held, changed and mixed with others."""

    def __init__(self, gateway, context):
        self.socket = socket.create_connection(gateway.address, 60)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def hello(self):
        """The ClientHello's record."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def finish(self):
        while True:
            try:
                self.tls.do_handshake()
                self.socket.sendall(self.outgoing.read())
                return self
            except ssl.SSLWantReadError:
                self.socket.sendall(self.outgoing.read())
                data = self.socket.recv(65536)
                assert data, "the handshake was broken off"
                self.incoming.write(data)

    def record(self, plaintext):
        self.tls.write(plaintext)
        return self.outgoing.read()


def flipped(record, position=-1):
    changed = bytearray(record)
    changed[position] ^= 1
    return bytes(changed)


INSTEAD_OF_A_HANDSHAKE = {
    "HTTP in clear": lambda hello: REQUEST,
    "HTTP/2 in clear": lambda hello: PREFACE + frame(SETTINGS),
    "bytes without meaning": lambda hello: os.urandom(5000),
    "zeros": lambda hello: bytes(5000),
    "a hello of SSL 2": lambda hello: b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
    "a record too large": lambda hello: b"\x16\x03\x01\x48\x01" + bytes(0x4801),
    "a record of an unknown kind": lambda hello: b"\x63" + hello[1:],
    "a record of an unknown version": lambda hello: hello[:1] + b"\x09\x09" + hello[3:],
    "application data first": lambda hello: b"\x17\x03\x03\x00\x20" + bytes(32),
    "an alert first": lambda hello: b"\x15\x03\x03\x00\x02\x02\x28",
    "ChangeCipherSpec first": lambda hello: b"\x14\x03\x03\x00\x01\x01" * 40,
    "a Finished first": lambda hello: b"\x16\x03\x03\x00\x10\x14\x00\x00\x0c" + bytes(12),
    "a hello that says it is longer": lambda hello: hello[:6] + b"\xff" + hello[7:],
    "a hello that says it is shorter": lambda hello: hello[:8] + b"\x10" + hello[9:],
    "two hellos": lambda hello: hello + hello,
    "a hello, then nonsense": lambda hello: hello + os.urandom(1000),
    "a hello with NUL in the server's name": lambda hello: hello.replace(b"localhost", b"local\0ost"),
    "a hello with no ciphers": lambda hello: hello[:76] + b"\x00\x00" + hello[78:],
}


@pytest.mark.parametrize("name", INSTEAD_OF_A_HANDSHAKE)
def test_what_is_no_handshake_ends_the_connection(target, name):
    gateway, context = target
    with Session(gateway, context) as client:
        try:
            client.socket.sendall(INSTEAD_OF_A_HANDSHAKE[name](client.hello()))
        except OSError:
            pass
        assert b"HTTP" not in ends(client.socket)


BEHIND_THE_HANDSHAKE = {
    "HTTP in clear": lambda client: REQUEST,
    "bytes without meaning": lambda client: os.urandom(5000),
    "a record too large": lambda client: b"\x17\x03\x03\x48\x01" + bytes(0x4801),
    "a record whose end was changed": lambda client: flipped(client.record(REQUEST)),
    "a record whose header was changed": lambda client: flipped(client.record(REQUEST), 4),
    "a record that was taken out of the row": lambda client: (client.record(b"DELETE /"), client.record(REQUEST))[1],
    "a handshake in clear": lambda client: b"\x16\x03\x03\x00\x04\x01\x00\x00\x00",
    "an alert in clear": lambda client: b"\x15\x03\x03\x00\x02\x02\x28",
    "records without content": lambda client: b"\x17\x03\x03\x00\x00" * 100,
}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls1.2", "tls1.3"])
@pytest.mark.parametrize("name", BEHIND_THE_HANDSHAKE)
def test_a_record_that_is_none_ends_the_connection(target, authority, name, version):
    gateway, _ = target
    context = client_context(authority)
    context.minimum_version = context.maximum_version = version
    with Session(gateway, context).finish() as client:
        try:
            client.socket.sendall(BEHIND_THE_HANDSHAKE[name](client))
        except OSError:
            pass
        assert b"HTTP" not in ends(client.socket)


PHASES = {
    "connected": lambda client: b"",
    "within the record's header": lambda client: client.hello()[:3],
    "within the hello": lambda client: client.hello()[:100],
    "behind the hello": lambda client: client.hello(),
    "behind the handshake": lambda client: client.finish() and b"",
    "within a record": lambda client: client.finish().record(REQUEST)[:-5],
    "within a head": lambda client: client.finish().record(REQUEST[:-2]),
    "within a body": lambda client: client.finish().record(request_bytes("POST", headers=[("Content-Length", "9")]) + b"four"),
    "within a preface": lambda client: client.finish().record(PREFACE[:9]),
}


@pytest.mark.parametrize("how", ["half-closed", "closed", "reset"])
@pytest.mark.parametrize("name", PHASES)
def test_a_client_that_leaves_in_any_phase(target, name, how):
    gateway, context = target
    with Session(gateway, context) as client:
        client.socket.sendall(PHASES[name](client))
        if how == "half-closed":
            client.socket.shutdown(socket.SHUT_WR)
            ends(client.socket)
        elif how == "reset":
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_renegotiation_ends_the_connection(attacked):
    gateway, upstream, context = attacked
    upstream.clear()
    with OpenSSLClient(gateway.address, TLS_1_2) as client:
        assert client.is_connected and client.write(REQUEST) and client.read().startswith(b"HTTP/1.1 204 ")
        assert not client.renegotiate()
        assert client.read() == b""
    assert len(upstream.requests) == 1
    assert served(gateway, context)


def test_key_updates_without_end_end_the_connection(target):
    """Each costs a few bytes, and its answer waits for as long as nobody reads it."""
    gateway, context = target
    with OpenSSLClient(gateway.address) as client:
        assert client.is_connected
        # More than the buffers of both sides hold.
        count = 0
        while count < 1_000_000 and client.update_keys():
            count += 1
        assert 100 < count < 1_000_000


def test_some_key_updates_end_nothing(attacked):
    gateway, upstream, context = attacked
    with OpenSSLClient(gateway.address) as client:
        for _ in range(50):
            assert client.update_keys() and client.write(REQUEST) and client.read().startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("early", [REQUEST, REQUEST * 1000], ids=["one request", "more than is skipped"])
def test_early_data_is_not_taken(attacked, early):
    """It could be replayed (RFC 8446 section 8)."""
    gateway, upstream, context = attacked
    with OpenSSLClient(gateway.address) as first:
        assert first.is_connected and first.write(REQUEST) and first.read().startswith(b"HTTP/1.1 204 ")
        session = first.session_that_pretends_to_allow_early_data()
    upstream.clear()
    with OpenSSLClient(gateway.address, session=session, early=early) as second:
        assert second.early_data_was_rejected
        if early == REQUEST:
            assert upstream.requests == []
            assert second.write(REQUEST) and second.read().startswith(b"HTTP/1.1 204 ")
        else:
            # So much is not passed over: the connection ends.
            assert second.read() == b""
    assert len(upstream.requests) == (early == REQUEST)
    assert served(gateway, context)
