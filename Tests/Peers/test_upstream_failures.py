"""An upstream that cannot be reached, is silent, speaks nonsense or cannot prove who it is."""

import json
import socket
import ssl
import threading
import time

import pytest

from support import expect
from support.process import basic_config
from support.upstream import Upstream, always, answer
from support.wire import Client, call


def config_for(url, **upstream):
    config = basic_config(url)
    config["upstreams"]["chime"] |= upstream
    return config


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def test_refused_is_503(gateway):
    running = gateway(config_for(f"http://127.0.0.1:{closed_port()}"))
    for _ in range(3):
        expect.refusal(call(running.address), 503, "upstream/refused")
    assert running.process.poll() is None


def test_recovers_once_the_upstream_is_there(gateway):
    port = closed_port()
    running = gateway(config_for(f"http://127.0.0.1:{port}"))
    expect.refusal(call(running.address), 503, "upstream/")
    with socket.create_server(("127.0.0.1", port)) as listener:
        with Client(running.address) as client:
            client.send("DELETE /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
            accepted, _ = listener.accept()
            accepted.recv(65536)
            accepted.sendall(answer())
            assert client.read().status == 204
            accepted.close()


def test_unknown_host_is_503(gateway):
    running = gateway(config_for("http://no-such-host.invalid"))
    expect.refusal(call(running.address), 503, "upstream/")


def test_a_port_that_accepts_nothing_is_503(gateway):
    """A full accept queue: the connection attempt gets no answer."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    try:
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
            fillers.append(filler)
        time.sleep(0.1)
        running = gateway(config_for(f"http://127.0.0.1:{listener.getsockname()[1]}", connectTimeout="300ms"))
        expect.refusal(call(running.address), 503, "upstream/")
    finally:
        for one in [*fillers, listener]:
            one.close()


def test_localhost_is_reached_by_whichever_address_answers(gateway, upstream):
    """`localhost` may be ::1 first; nothing listens there."""
    running = gateway(config_for(f"http://localhost:{upstream.port}"))
    assert call(running.address).status == 204
    assert upstream.requests[0].all("host") == [f"localhost:{upstream.port}"]


def test_ipv6_upstream(gateway):
    upstream = Upstream(host="::1")
    try:
        assert call(gateway(config_for(upstream.url)).address).status == 204
        assert upstream.requests[0].all("host") == [f"[::1]:{upstream.port}"]
    finally:
        upstream.stop()


@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 204 No", b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["silent", "stalls in the head", "stalls after an interim answer"],
)
def test_silent_is_504_and_not_sent_again(gateway, upstream, before):
    upstream.script = lambda request, connection: (connection.send(before), connection.wait_for_close())
    running = gateway(config_for(upstream.url, responseTimeout="400ms"))
    with Client(running.address) as client:
        found = client.request()
        while found.status == 100:
            found = client.read()
        expect.refusal(found, 504, "upstream/timeout")
        upstream.script = always(answer())
        assert client.request().status == 204
    assert len(upstream.requests) == 2


def test_the_late_answer_of_a_silent_upstream_is_nobody_elses(gateway, upstream):
    def late(request, connection):
        time.sleep(0.7)
        connection.send(answer(200, "OK", [], b"late"))

    upstream.scripts = [late]
    running = gateway(config_for(upstream.url, responseTimeout="300ms"))
    with Client(running.address) as client:
        assert client.request().status == 504
        for _ in range(20):
            assert client.request().status == 204
            time.sleep(0.03)


def test_a_stalled_body_does_not_hang_for_ever(gateway, upstream):
    upstream.script = lambda request, connection: (
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        connection.wait_for_close(),
    )
    running = gateway(config_for(upstream.url, responseTimeout="400ms"))
    with Client(running.address) as client:
        with pytest.raises(EOFError):
            client.request()


GARBAGE = [
    b"garbage\r\n\r\n",
    b"\x00\x01\x02\x03\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n",
    b"HTTP/1.1 99 Low\r\n\r\n",
    b"HTTP/3.0 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nxx",
    b"HTTP/1.1 200 OK\r\nX Note: 1\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
    b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-Note: " + b"x" * 200_000 + b"\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46\r\n\r\n",
]


@pytest.mark.parametrize("data", GARBAGE, ids=[repr(data[:48]) for data in GARBAGE])
def test_nonsense_is_503_and_the_connection_dropped(plain_pair, data):
    gateway, upstream = plain_pair
    upstream.script = always(data)
    with Client(gateway.address) as client:
        expect.refusal(client.request(), 503, "upstream/")
        assert len(upstream.requests) == 1
        upstream.script = always(answer())
        assert client.request().status == 204
    assert upstream.requests[0].connection.number != upstream.requests[1].connection.number


def test_nonsense_in_a_chunked_body_cuts_the_answer(plain_pair):
    gateway, upstream = plain_pair
    upstream.script = always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nnonsense\r\n")
    with Client(gateway.address) as client:
        try:
            found = client.request()
        except EOFError:
            return
        # Where the head had not left yet the gateway can still say so.
        expect.refusal(found, 503, "upstream/")


def test_no_more_connections_than_configured(gateway, upstream):
    upstream.script = lambda request, connection: (time.sleep(0.3), connection.send(answer()))
    running = gateway(config_for(upstream.url, maxConnections=2))
    clients = [Client(running.address) for _ in range(8)]
    try:
        for client in clients:
            client.send("DELETE /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
        statuses = [client.read().status for client in clients]
    finally:
        for client in clients:
            client.close()
    assert set(statuses) <= {204, 503} and statuses.count(204) >= 2
    assert len(upstream.connections) <= 2


# --- TLS ---


@pytest.fixture
def tls_upstream(certificates):
    """`tls_upstream(name)`: an upstream with that certificate; `change` may alter the context before it is used."""
    started = []

    def start(name="good", change=lambda context: None):
        context = certificates.server_context(name)
        change(context)
        started.append(Upstream(tls=context))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_with_a_trusted_certificate(gateway, tls_upstream, certificates, host):
    upstream = tls_upstream()
    running = gateway(config_for(f"https://{host}:{upstream.port}", caFile=certificates.path("ca.pem")))
    with Client(running.address) as client:
        for _ in range(5):
            assert client.request().status == 204
    assert len(upstream.connections) == 1
    # RFC 6066 section 3: the name is a host name, never an address.
    assert upstream.server_names == (["localhost"] if host == "localhost" else [None])


BAD = [
    ("wrong-name", "localhost", "ca.pem", ("is not for localhost", "name", "match")),
    ("wrong-name", "127.0.0.1", "ca.pem", ("is not for 127.0.0.1", "name", "match")),
    ("expired", "localhost", "ca.pem", ("expired",)),
    ("untrusted", "localhost", "ca.pem", ("issuer", "trust", "authority", "self", "unknown", "verify")),
    ("good", "localhost", "other-ca.pem", ("issuer", "trust", "authority", "self", "unknown", "verify")),
    ("good", "localhost", None, ("issuer", "trust", "authority", "self", "unknown", "verify")),
]


@pytest.mark.parametrize("name,host,authority,words", BAD, ids=[f"{row[0]} {row[1]} {row[2]}" for row in BAD])
def test_tls_that_proves_nothing_is_503_with_a_log_line(gateway, tls_upstream, certificates, name, host, authority, words):
    upstream = tls_upstream(name)
    trust = {"caFile": certificates.path(authority)} if authority else {}
    running = gateway(config_for(f"https://{host}:{upstream.port}", **trust))
    expect.refusal(call(running.address), 503, "upstream/tls")
    assert upstream.requests == [], "a request left over an unproven connection"

    def says_why(record):
        text = json.dumps(record).lower()
        return "chime" in text and any(word in text for word in words) and record.get("level") in ("error", "warning")

    assert running.wait_for_log(says_why), running.stderr


def test_plain_upstream_behind_an_https_address(gateway, upstream, certificates):
    running = gateway(config_for(f"https://127.0.0.1:{upstream.port}", caFile=certificates.path("ca.pem")))
    expect.refusal(call(running.address), 503, "upstream/tls")
    assert upstream.requests == []


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_tls_below_1_2_is_refused(gateway, tls_upstream, certificates):
    def old(context):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("DEFAULT:@SECLEVEL=0")

    upstream = tls_upstream(change=old)
    running = gateway(config_for(f"https://localhost:{upstream.port}", caFile=certificates.path("ca.pem")))
    expect.refusal(call(running.address), 503, "upstream/tls")
    assert upstream.requests == []


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_with_large_bodies(gateway, tls_upstream, certificates, version):
    def only(context):
        context.minimum_version = context.maximum_version = version

    upstream = tls_upstream(change=only)
    body = bytes(range(256)) * 20_000
    upstream.script = always(answer(200, "OK", [], body))
    running = gateway(config_for(f"https://localhost:{upstream.port}", caFile=certificates.path("ca.pem")))
    with Client(running.address) as client:
        for _ in range(3):
            assert client.request().body == body


def test_tls_sessions_are_resumed(gateway, tls_upstream, certificates):
    upstream = tls_upstream()
    upstream.script = lambda request, connection: (connection.send(answer()), connection.close())
    running = gateway(config_for(f"https://localhost:{upstream.port}", caFile=certificates.path("ca.pem")))
    with Client(running.address) as client:
        for _ in range(6):
            assert client.request().status == 204
            time.sleep(0.05)
    # Each loop has connections of its own; one caller stays on one loop.
    stats = upstream.tls.session_stats()
    assert stats["hits"] >= 4, stats


def test_a_tls_body_without_length_that_is_cut_is_not_taken_for_whole(gateway, tls_upstream, certificates):
    """RFC 9112 section 9.8: without close_notify the end of such a body may be an attacker's."""
    upstream = tls_upstream()
    upstream.script = lambda request, connection: (
        connection.send(answer(200, "OK", [], b"part", framing="close")),
        time.sleep(0.1),
        connection.cut(),
    )
    running = gateway(config_for(f"https://localhost:{upstream.port}", caFile=certificates.path("ca.pem")))
    with Client(running.address) as client:
        try:
            found = client.request()
        except EOFError:
            return
        assert found.status == 503, found


def test_reads_tls_that_comes_in_pieces(gateway, certificates):
    """A relay in front of the TLS upstream passes single bytes on, handshake included."""
    upstream = Upstream(tls=certificates.server_context())
    relay = socket.create_server(("127.0.0.1", 0))

    def pump(source, target, size):
        try:
            while data := source.recv(size):
                target.sendall(data)
        except OSError:
            pass

    def serve():
        near, _ = relay.accept()
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        far = socket.create_connection(("127.0.0.1", upstream.port))
        threading.Thread(target=pump, args=(near, far, 65536), daemon=True).start()
        pump(far, near, 1)

    threading.Thread(target=serve, daemon=True).start()
    try:
        running = gateway(config_for(f"https://localhost:{relay.getsockname()[1]}", caFile=certificates.path("ca.pem")))
        assert call(running.address).status == 204
    finally:
        relay.close()
        upstream.stop()
