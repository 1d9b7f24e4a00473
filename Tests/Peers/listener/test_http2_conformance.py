"""HTTP/2 from outside, over TLS and in clear text: every mistake of a client gets the answer that the standard names, costs nobody else
anything, and nothing of a refused request reaches the upstream."""

import socket
import ssl
import struct

import pytest

from listener import conformance
from listener.conformance import END_HEADERS, GET, LATE, OPENINGS, ROWS, block, head, headers, opened
from listener.footprint import eventually, gauge, leaving_nothing
from listener.http2 import PING, PROTOCOL_ERROR, HTTP2Client, frame
from listener.tls import client_context, tls_config, tls_listener
from support.process import Gateway
from support.upstream import Upstream, answer
from support.wire import call

AFTER = 999
HOP_BY_HOP = [("Connection", "x-hop"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("Upgrade", "h2c")]
MARK = b"are you there?"[:8]


@pytest.fixture(scope="module")
def both(tmp_path_factory, authority):
    """(gateway, upstream, {"h2c": ..., "h2": ...}): where each is served, and with which TLS."""
    upstream = Upstream()
    gateway = Gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}, tls_listener(authority)), tmp_path_factory.mktemp("conformance"))
    for _ in range(20):
        assert call(gateway.address).status == 204
    plain, secure = [(host, int(port)) for host, port in (address.split(":") for address in gateway.listeners)]
    with leaving_nothing(gateway, upstream):
        yield gateway, upstream, {"h2c": (plain, None), "h2": (secure, client_context(authority, protocols=("h2",)))}


@pytest.fixture(params=["h2c", "h2"])
def served(request, both):
    gateway, upstream, addresses = both
    # What is still under way from before must not be taken for this test's.
    eventually(lambda: gauge(gateway, "countersign_exchanges") == 0)
    upstream.clear()
    return gateway, upstream, addresses[request.param]


def send(client, sent):
    """A gateway that has seen enough may close before all is sent."""
    try:
        sent(client) if callable(sent) else client.send(sent)
    except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
        pass


def goes_on(client):
    """PING is answered and a request served."""
    client.send(frame(PING, 0, 0, MARK) + headers(GET, AFTER))
    assert client.wait(AFTER).status == 204
    client.run(lambda: MARK in client.pongs)


@pytest.mark.parametrize("section, name, sent, expected", ROWS, ids=[f"{row[0]} {row[1]}" for row in ROWS])
def test_each_mistake_gets_its_answer(served, section, name, sent, expected):
    gateway, upstream, (address, tls) = served
    kind, value = expected
    with HTTP2Client(address, tls) as client:
        client.run(lambda: client.settings_count == 1)
        send(client, sent)
        if kind == "ends":
            assert [code for _, code in client.read_to_end()] == [value]
        elif kind == "resets":
            client.run(lambda: 1 in client.streams and client.streams[1].reset is not None)
            assert client.streams[1].reset == value and not client.streams[1].headers
            goes_on(client)
            assert len(upstream.requests) == 1, "something of what was reset has reached the upstream"
        elif kind == "answers":
            assert client.wait(1).status == value
            goes_on(client)
            assert value == 204 or len(upstream.requests) == 1, "what was refused has reached the upstream"
        else:
            goes_on(client)
            assert client.goaways == []
            assert all(stream.reset is None for stream in client.streams.values())


@pytest.mark.parametrize("name, fields, sent, expected", LATE, ids=[row[0] for row in LATE])
def test_what_comes_behind_an_early_answer_is_judged_as_well(served, name, fields, sent, expected):
    gateway, upstream, (address, tls) = served
    kind, value = expected
    with HTTP2Client(address, tls) as client:
        client.send(headers(block(*head("POST", path="/nowhere"), *fields), flags=END_HEADERS))
        client.run(lambda: 1 in client.streams and client.streams[1].is_ended)
        assert client.streams[1].status == 404
        send(client, sent)
        if kind == "ends":
            assert [code for _, code in client.read_to_end()] == [value]
        elif kind == "resets":
            client.run(lambda: client.streams[1].reset is not None)
            assert client.streams[1].reset == value
            goes_on(client)
        else:
            goes_on(client)
            assert client.streams[1].reset is None and client.goaways == []
    assert len(upstream.requests) == (kind != "ends")


@pytest.mark.parametrize("name, sent", OPENINGS, ids=[row[0] for row in OPENINGS])
def test_a_connection_that_begins_otherwise(both, name, sent):
    gateway, upstream, addresses = both
    upstream.clear()
    address, tls = addresses["h2"]
    with HTTP2Client(address, tls, starts=False) as client:
        send(client, sent)
        assert [code for _, code in client.read_to_end()] == [PROTOCOL_ERROR]
        # Our own SETTINGS come first whatever happens.
        assert client.settings_count == 1
    assert upstream.requests == []


def test_the_client_is_told_of_every_limit_and_each_setting_is_acknowledged(served):
    gateway, upstream, (address, tls) = served
    with HTTP2Client(address, tls, settings=struct.pack(">HI", 3, 10)) as client:
        client.send(conformance.settings((1, 0)) + conformance.settings((6, 4096)))
        client.run(lambda: client.settings_acks == 3)
        told = dict(client.settings)
        # MAX_CONCURRENT_STREAMS, MAX_HEADER_LIST_SIZE, NO_RFC7540_PRIORITIES.
        assert told[3] == 100 and told[6] >= 65_536 and told[9] == 1
        assert client.request().status == 204


def test_the_last_value_of_a_setting_counts_and_windows_are_kept(served):
    """Section 6.5.3, 6.9.1, 6.9.2: one byte at a time, then less than nothing, then what is left."""
    gateway, upstream, (address, tls) = served
    upstream.script = lambda request, connection: connection.send(answer(200, body=b"0123456789"))
    with HTTP2Client(address, tls) as client:
        client.send(conformance.settings((4, 100), (4, 3)))
        client.send(headers(block(*head("GET", path="/phone-numbers"))))
        client.run(lambda: 1 in client.streams and len(client.streams[1].body) == 3)
        # The window is now one byte below zero, and stays so until three more are allowed.
        client.send(conformance.settings((4, 2)) + conformance.update(1, 1) + frame(PING, 0, 0, MARK))
        client.run(lambda: MARK in client.pongs)
        assert client.streams[1].body == b"012" and not client.streams[1].is_ended
        client.send(conformance.update(1, 2) + frame(PING, 0, 0, b"second!!"))
        client.run(lambda: len(client.streams[1].body) == 5)
        client.send(conformance.settings((4, 1000)))
        assert client.wait(1).body == b"0123456789"


def test_streams_beyond_the_limit(served):
    """Section 5.1.2: REFUSED_STREAM as long as the client cannot know, PROTOCOL_ERROR once it has acknowledged the limit."""
    gateway, upstream, (address, tls) = served
    with HTTP2Client(address, tls, acknowledges=False) as client:
        client.run(lambda: client.settings_count == 1)
        client.send(b"".join(opened(number) for number in range(1, 203, 2)))
        client.run(lambda: 201 in client.streams and client.streams[201].reset is not None)
        assert client.streams[201].reset == conformance.REFUSED_STREAM and client.goaways == []
    with HTTP2Client(address, tls) as client:
        client.run(lambda: client.settings_count == 1)
        client.send(b"".join(opened(number) for number in range(1, 203, 2)))
        assert [code for _, code in client.read_to_end()] == [PROTOCOL_ERROR]
    assert upstream.requests == []


def test_a_goaway_with_an_unknown_code_ends_the_connection_in_order(served):
    gateway, upstream, (address, tls) = served
    with HTTP2Client(address, tls) as client:
        client.send(headers(GET) + frame(conformance.GOAWAY, 0, 0, struct.pack(">II", 0, 0xFF)))
        assert client.wait(1).status == 204


def test_the_answer_to_head_has_no_body(served):
    gateway, upstream, (address, tls) = served
    with HTTP2Client(address, tls) as client:
        found = client.request("HEAD", "/nowhere")
        assert found.status == 404 and found.body == b"" and int(found.first("content-length")) > 0


def test_no_answer_holds_a_field_of_the_connection(served):
    gateway, upstream, (address, tls) = served
    upstream.script = lambda request, connection: connection.send(
        answer(200, headers=HOP_BY_HOP, body=b"a" * 50_000, framing="chunked")
    )
    with HTTP2Client(address, tls) as client:
        found = client.request("GET", "/phone-numbers")
        names = [name for name, _ in found.headers]
        assert found.status == 200 and len(found.body) == 50_000
        assert not {"connection", "x-hop", "keep-alive", "upgrade", "transfer-encoding", "proxy-connection"} & set(names), names
        assert all(name == name.lower() for name in names)


def test_a_pseudo_header_field_may_come_from_any_table(served):
    """The same request in every way that RFC 7541 section 6 knows, over one connection, whose tables change with each."""
    gateway, upstream, (address, tls) = served
    path, authority = conformance.TARGET.encode(), b"gateway.test"
    text = conformance.text
    ways = [
        b"\x86\x42" + text(b"DELETE") + b"\x44" + text(path) + b"\x41" + text(authority),
        b"\x86\xc0\xbf\xbe",
        b"\x86\x02" + text(b"DELETE") + b"\x04" + text(path) + b"\x01" + text(authority),
        b"\x86\x12" + text(b"DELETE") + b"\x14" + text(path) + b"\x11" + text(authority),
        b"\x20\x3f\xe1\x1f\x86\x02" + text(b"DELETE") + b"\x04" + text(path) + b"\x01" + text(authority),
        GET,
    ]
    with HTTP2Client(address, tls) as client:
        for number, way in enumerate(ways):
            stream = 2 * number + 1
            client.send(headers(way, stream))
            assert client.wait(stream).status == 204, way
    assert [request.target for request in upstream.requests] == [conformance.TARGET] * len(ways)



def test_answers_fit_a_client_without_a_table(served):
    """RFC 7541 section 4.2: the table that the client has made smaller is announced as smaller, and used as such."""
    gateway, upstream, (address, tls) = served
    with HTTP2Client(address, tls, settings=struct.pack(">HI", 1, 0)) as client:
        client.run(lambda: client.settings_acks == 1)
        client.decoder.max_allowed_table_size = 0
        for _ in range(3):
            found = client.request()
            assert found.status == 204 and found.first("countersign-origin") == "upstream"
        assert client.decoder.header_table_size == 0


def test_an_early_answer_reaches_a_caller_that_sends_no_more(both):
    gateway, upstream, addresses = both
    address, tls = addresses["h2c"]
    with HTTP2Client(address, tls, acknowledges=False) as client:
        client.send(headers(block(*head("POST", path="/nowhere")), flags=END_HEADERS))
        client.socket.shutdown(socket.SHUT_WR)
        client.read_to_end()
        assert client.streams[1].status == 404 and client.streams[1].is_ended
