"""Floods, slow clients and clients that do not read: each loses its connection, and the gateway goes on serving."""

import json
import struct
import threading
import time

import pytest

from listener.footprint import gauge
from listener.http2 import (
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, NO_ERROR, PING, PREFACE, PRIORITY, RST_STREAM,
    SETTINGS, WINDOW_UPDATE, HTTP2Client, frame,
)  # fmt: skip
from listener.tls import FAST, tls_config
from support.upstream import answer
from support.wire import Client


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    """(gateway, upstream) that many floods are aimed at."""
    from support.process import Gateway
    from support.upstream import Upstream

    upstream = Upstream()
    gateway = Gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}), tmp_path_factory.mktemp("floods"))
    yield gateway, upstream
    try:
        gateway.stop()
    finally:
        gateway.kill()
        upstream.stop()


def rapid_reset(client):
    return b"".join(
        frame(HEADERS, END_HEADERS | END_STREAM, n, client.head()) + frame(RST_STREAM, 0, n, struct.pack(">I", CANCEL))
        for n in range(1, 1001, 2)
    )


def made_to_reset(client):
    """The same attack from the other side: each stream holds a mistake that the server must answer with RST_STREAM."""
    return b"".join(frame(HEADERS, END_HEADERS | END_STREAM, n, client.head(fields=[("connection", "close")])) for n in range(1, 1001, 2))


def excess_streams(client):
    return b"".join(frame(HEADERS, END_HEADERS, n, client.head("POST")) for n in range(1, 2001, 2))


FLOODS = {
    "rapid reset": rapid_reset,
    "made to reset": made_to_reset,
    "excess streams": excess_streams,
    "ping": lambda client: frame(PING, 0, 0, b"12345678") * 1000,
    "settings": lambda client: frame(SETTINGS) * 1000,
    "empty data": lambda client: frame(HEADERS, END_HEADERS, 1, client.head("POST")) + frame(DATA, 0, 1) * 1000,
    "padding alone": lambda client: frame(HEADERS, END_HEADERS, 1, client.head("POST")) + frame(DATA, 8, 1, b"\x05" + bytes(5)) * 1000,
    "priority": lambda client: frame(PRIORITY, 0, 1, struct.pack(">IB", 3, 1)) * 1000,
    "window update": lambda client: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * 2000,
    "unknown frames": lambda client: frame(0xEE, 0, 0, b"x") * 1000,
    "continuation": lambda client: frame(HEADERS, END_STREAM, 1, client.head()) + frame(CONTINUATION, 0, 1) * 1000,
    "endless header block": lambda client: frame(HEADERS, END_STREAM, 1, client.head())
    + frame(CONTINUATION, 0, 1, client.encoder.encode([("x" * 100, "y" * 10_000)], huffman=False)) * 200,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_told_to_calm_down(target, name):
    gateway, upstream = target
    with HTTP2Client(gateway.address, acknowledges=False) as client, HTTP2Client(gateway.address) as other:
        assert other.request().status == 204
        data = FLOODS[name](client)
        sender = threading.Thread(target=_send_quietly, args=(client, data), daemon=True)
        sender.start()
        goaways = client.read_to_end()
        sender.join(10)
        assert goaways and goaways[-1][1] == ENHANCE_YOUR_CALM, goaways
        # Others are served, on old connections and on new ones.
        assert other.request().status == 204
    with Client(gateway.address) as fresh:
        assert fresh.request().status == 204
    assert gateway.wait_for_log(lambda r: "of no use" in r.get("message", ""))


def _send_quietly(client, data):
    try:
        client.socket.sendall(data)
    except OSError:
        pass


def test_lawful_bursts_are_no_floods(target):
    gateway, upstream = target
    with HTTP2Client(gateway.address) as client:
        client.send(frame(PING, 0, 0, b"12345678") * 50 + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 100)) * 100)
        streams = [client.open() for _ in range(100)]
        for stream in streams[:50]:
            client.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        for stream in streams[50:]:
            assert client.wait(stream).status == 204
        assert client.request().status == 204 and client.goaways == []


@pytest.fixture
def hasty(gateway, upstream, tmp_path):
    """A gateway with short timeouts and a trail."""
    path = tmp_path / "audit.jsonl"
    served = gateway(
        tls_config(upstream, {"bind": "127.0.0.1:0", "timeouts": FAST}, audit={"file": {"path": str(path), "sync": "never"}})
    )
    return served, upstream, path


def refusals(path):
    return [r["decision"]["reason"] for r in map(json.loads, path.read_bytes().splitlines()) if r["stage"] == "refusal"]


def eventually(holds, timeout=10):
    deadline = time.monotonic() + timeout
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_a_header_block_that_stops_ends_the_connection(hasty):
    served, upstream, path = hasty
    for bytes_sent in (
        lambda c: frame(HEADERS, END_STREAM, 1, c.head()),
        lambda c: frame(HEADERS, END_STREAM | END_HEADERS, 1, c.head())[:-3],
        lambda c: frame(HEADERS, END_STREAM, 1, c.head()) + frame(CONTINUATION, END_HEADERS, 1, b"x")[:9],
    ):
        with HTTP2Client(served.address, acknowledges=False) as client:
            client.send(bytes_sent(client))
            assert client.read_to_end()[-1][1] == ENHANCE_YOUR_CALM
    eventually(lambda: refusals(path) == ["timeout/head"] * 3)
    assert upstream.requests == []


def test_a_body_that_stops_is_answered(hasty):
    served, upstream, path = hasty
    with HTTP2Client(served.address) as client:
        stream = client.open("POST", ends=False)
        client.send(frame(DATA, 0, stream, b"abc"))
        found = client.wait(stream)
        assert found.status == 408 and found.first("countersign-reason") == "timeout/body"
        assert client.request().status == 204
    eventually(lambda: refusals(path) == ["timeout/body"])


def test_a_request_that_is_answered_and_does_not_end_is_let_go(hasty):
    served, upstream, path = hasty
    with HTTP2Client(served.address) as client:
        stream = client.open("POST", "/nowhere", ends=False)
        assert client.wait(stream).status == 404
        client.run(lambda: client.streams[stream].reset == NO_ERROR)
        assert client.request().status == 204
        assert [error for _, error in client.read_to_end()] == [NO_ERROR]
    assert gauge(served, "countersign_exchanges") == 0


def test_a_connection_without_a_request_ends_in_time_whatever_else_it_sends(hasty):
    served, upstream, path = hasty
    for served_before, limit in ((False, 3), (True, 5)):
        with HTTP2Client(served.address) as client:
            if served_before:
                assert client.request().status == 204
            started = time.monotonic()
            while not client.is_closed and time.monotonic() - started < limit:
                _send_quietly(client, frame(PING, 0, 0, b"12345678"))
                count = len(client.pongs)
                try:
                    client.run(lambda: client.is_closed or len(client.pongs) > count, 5)
                except EOFError:
                    pass
                time.sleep(0.1)
            assert client.is_closed and [error for _, error in client.goaways] == [NO_ERROR]
    with HTTP2Client(served.address, starts=False, acknowledges=False) as client:
        client.send(PREFACE[:20])
        assert client.read_to_end(5) == [(0, NO_ERROR)]


def test_an_answer_that_nobody_reads_is_given_up_and_costs_little(hasty):
    served, upstream, path = hasty
    upstream.script = lambda request, connection: connection.send(answer(200, body=b"x" * 20_000_000))
    with HTTP2Client(served.address, settings=struct.pack(">HI", 4, 0)) as client:
        before = served.memory_kib()
        streams = [client.open("GET", "/phone-numbers") for _ in range(60)]
        client.run(lambda: all(s in client.streams and client.streams[s].headers for s in streams))
        time.sleep(0.5)
        # 60 answers of 20 MB: what is held is a window's worth each.
        assert served.memory_kib() - before < 60 * 512
        client.run(lambda: all(client.streams[s].reset == CANCEL for s in streams), 15)
    eventually(lambda: "countersign_exchanges 0" in metrics(served), 20)


def metrics(served):
    import urllib.request

    return urllib.request.urlopen(served.admin_url + "/metrics", timeout=10).read().decode()


def test_a_slow_reader_gets_everything(target):
    gateway, upstream = target
    body = bytes(range(256)) * 8000
    upstream.script = lambda request, connection: connection.send(answer(200, body=body))
    try:
        with HTTP2Client(gateway.address) as client:
            stream = client.open("GET", "/phone-numbers")
            client.run(lambda: stream in client.streams and len(client.streams[stream].body) == 65_535)
            while not client.streams[stream].is_ended:
                have = len(client.streams[stream].body)
                step = min(65_535, len(body) - have)
                for number in (0, stream):
                    client.send(frame(WINDOW_UPDATE, 0, number, struct.pack(">I", max(step, 1))))
                client.run(lambda: client.streams[stream].is_ended or len(client.streams[stream].body) >= have + step)
            assert client.streams[stream].body == body
    finally:
        upstream.clear()


def test_a_body_beyond_the_limit_is_refused_while_it_comes(gateway, upstream):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0", "limits": {"bodyBytes": 100_000}}))
    before = served.memory_kib()
    for announced in (True, False):
        with HTTP2Client(served.address) as client:
            fields = [("content-length", "1000000000")] if announced else []
            stream = client.open("POST", ends=False, fields=fields)
            for _ in range(7):
                _send_quietly(client, frame(DATA, 0, stream, bytes(16_000)))
            found = client.wait(stream)
            assert found.status == 413 and found.first("countersign-reason") == "body/too-large"
            # The rest is not wanted (RFC 9113 section 8.1), and the connection serves on.
            client.run(lambda: client.streams[stream].reset == NO_ERROR)
            assert client.request().status == 204
    assert len(upstream.requests) == 2
    assert served.memory_kib() - before < 16_384


def test_a_body_waits_for_its_window(target):
    """What a stopped request may hold of our memory is its window and no more."""
    gateway, upstream = target
    with HTTP2Client(gateway.address) as client:
        stream = client.open("POST", ends=False)
        sent = 0
        updates = 0
        client.run(lambda: client.settings_count == 1)
        # The gateway takes bodies as they come, so the window is opened again and again.
        while sent < 500_000:
            client.send(frame(DATA, 0, stream, bytes(10_000)))
            sent += 10_000
            updates += 1
        client.send(frame(DATA, END_STREAM, stream))
        assert client.wait(stream).status == 204
    assert len(upstream.requests[-1].body) == 500_000


def test_a_caller_that_resets_its_stream_is_gone(target):
    gateway, upstream = target
    upstream.clear()
    release = threading.Event()
    upstream.script = lambda request, connection: (release.wait(10), connection.send(answer()))
    with HTTP2Client(gateway.address) as client:
        stream = client.open()
        upstream.wait_for_requests(1)
        client.send(frame(RST_STREAM, 0, stream, struct.pack(">I", CANCEL)))
        release.set()
        assert client.request().status == 204
        assert not client.streams.get(stream) or not client.streams[stream].headers
    upstream.clear()
    eventually(lambda: "countersign_exchanges 0" in metrics(gateway))
