"""HTTP/2 to the upstream: what arrives, how it is negotiated, multiplexing, bodies both ways."""

import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import h2.settings
import pytest

from audit.trail import wait_for_records
from listener.http2 import HTTP2Client
from support import expect
from support.process import ACCESS_KEY, SECRET_KEY, basic_config, more_routes
from support.signature import claimed, expected_signature
from support.upstream import Upstream
from support.wire import Client, call

NUMBER_PATH = "/phone-numbers/%2B12065550100"


def config_for(url, **upstream):
    config = more_routes(basic_config(url))
    config["upstreams"]["chime"] |= upstream
    return config


def prior_knowledge(url, **upstream):
    return config_for(url, http2="required", **upstream)


def pool(gateway):
    with urllib.request.urlopen(gateway.admin_url + "/status", timeout=30) as answer:
        return json.load(answer)["upstreams"][0]


def together(count, work):
    """Runs `work(number)` on so many threads; what they return, in order."""
    results = [None] * count

    def run(number):
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def signed(request, upstream, **options):
    expected, canonical = expected_signature(request, upstream.authority, SECRET_KEY, ACCESS_KEY, **options)
    assert claimed(request)["Signature"] == expected, canonical


def test_the_bytes_signed_are_the_bytes_sent(gateway, http2_upstream):
    upstream = http2_upstream()
    config = prior_knowledge(upstream.url)
    config["credentials"]["chime"]["sessionToken"] = "session+token/="
    running = gateway(config)
    headers = [("X-Note", "  two   blanks "), ("TE", "trailers"), ("Connection", "keep-alive, x-drop"), ("X-Drop", "1"), ("Keep-Alive", "5")]
    expect.relayed(call(running.address, target="/phone-numbers/+12065550100", headers=headers), 204)
    [request] = upstream.requests
    assert (request.method, request.target, request.scheme, request.authority) == ("DELETE", NUMBER_PATH, "http", upstream.authority)
    signed(request, upstream, token="session+token/=")
    assert request.all("x-note") == ["two   blanks"]
    assert not {"te", "connection", "keep-alive", "x-drop", "transfer-encoding", "upgrade", "expect"} & set(request.names)
    assert all(name == name.lower() for name in request.names)
    assert {"authorization", "x-amz-security-token"} <= request.never_indexed
    assert "x-amz-date" not in request.never_indexed


@pytest.mark.parametrize("body", [b"", b"{}", bytes(range(256)) * 3000], ids=["empty", "short", "twelve windows"])
def test_a_request_body_arrives_as_it_was_signed(gateway, http2_upstream, body):
    upstream = http2_upstream()
    running = gateway(prior_knowledge(upstream.url))
    headers = [("Content-Type", "application/json")]
    assert call(running.address, "POST", NUMBER_PATH, headers=headers, body=body).status == 204
    [request] = upstream.requests
    assert request.body == body and request.all("content-length") == [str(len(body))]
    signed(request, upstream)


NEGOTIATIONS = [
    # mode, what the upstream offers by ALPN, what is spoken
    ("auto", ["h2", "http/1.1"], "h2"),
    ("auto", ["h2"], "h2"),
    (None, ["h2", "http/1.1"], "h2"),
    ("auto", ["http/1.1"], "http/1.1"),
    ("auto", None, "http/1.1"),
    ("off", ["h2", "http/1.1"], "http/1.1"),
    ("off", None, "http/1.1"),
    ("required", ["h2", "http/1.1"], "h2"),
    ("required", ["http/1.1"], None),
    ("required", None, None),
]


@pytest.mark.parametrize("mode,offered,spoken", NEGOTIATIONS, ids=[f"{row[0]} {row[1]}" for row in NEGOTIATIONS])
def test_alpn_decides(gateway, http2_upstream, certificates, mode, offered, spoken):
    context = certificates.server_context()
    if offered:
        context.set_alpn_protocols(offered)
    upstream = http2_upstream(tls=context) if spoken == "h2" else Upstream(tls=context)
    try:
        options = {"caFile": certificates.path("ca.pem")} | ({"http2": mode} if mode else {})
        running = gateway(config_for(f"https://localhost:{upstream.port}", **options))
        with Client(running.address) as client:
            for _ in range(3):
                if spoken:
                    expect.relayed(client.request(), 204)
                else:
                    expect.refusal(client.request(), 503, "upstream/no-http2")
        assert len(upstream.requests) == (3 if spoken else 0)
        if spoken:
            assert len(upstream.connections) == 1
            assert pool(running)["http2Connections"] == (1 if spoken == "h2" else 0)
        if spoken == "h2":
            assert upstream.requests[0].scheme == "https" and upstream.protocols == ["h2"]
    finally:
        upstream.stop()


def test_an_upstream_that_ends_the_handshake_for_want_of_a_protocol_is_named_so(gateway, certificates):
    """RFC 7301 section 3.2: the alert no_application_protocol. Python's ssl does not send it; openssl s_server does."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-alpn", "http/1.1", "-quiet"]
    server = subprocess.Popen(
        [*command, "-cert", certificates.path("good.pem"), "-key", certificates.path("good.key")],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        running = gateway(config_for(f"https://localhost:{port}", caFile=certificates.path("ca.pem"), http2="required"))
        deadline = time.monotonic() + 60
        found = call(running.address)
        while found.first("countersign-reason") == "upstream/refused" and time.monotonic() < deadline:
            time.sleep(0.1)
            found = call(running.address)
        expect.refusal(found, 503, "upstream/no-http2")
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("mode", [None, "auto", "off"])
def test_a_plain_upstream_speaks_http1_unless_http2_is_required(gateway, upstream, mode):
    running = gateway(config_for(upstream.url, **({"http2": mode} if mode else {})))
    expect.relayed(call(running.address), 204)
    assert upstream.requests[0].version == "HTTP/1.1"


def test_an_http1_upstream_where_http2_is_required_by_prior_knowledge(gateway, http2_upstream):
    upstream = http2_upstream(on_connect=lambda connection: connection.raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
    running = gateway(prior_knowledge(upstream.url))
    expect.refusal(call(running.address), 503, "upstream/malformed")
    assert running.process.poll() is None


def test_many_requests_share_one_connection(gateway, http2_upstream):
    """All of them are there at once, and each gets the answer that is its own."""
    count = 32
    everybody = threading.Barrier(count)

    def meet(request, connection):
        everybody.wait(60)
        connection.answer(request.stream, 200, body=request.target.encode())

    upstream = http2_upstream(script=meet)
    config = prior_knowledge(upstream.url, maxConnections=1, responseTimeout="60s")
    running = gateway(config)
    with HTTP2Client(running.address, timeout=60) as client:
        streams = {}
        for number in range(count):
            target = f"/phone-numbers/%2B1206555{number:04}"
            streams[client.open(path=target)] = target
        for stream, target in streams.items():
            found = client.wait(stream, timeout=60)
            assert (found.status, found.body) == (200, target.encode())
    assert len(upstream.connections) == 1
    for request in upstream.requests:
        signed(request, upstream)
    seen = pool(running)
    assert (seen["connections"], seen["http2Connections"], seen["http2Streams"], seen["idle"]) == (1, 1, 0, 1)
    with urllib.request.urlopen(running.admin_url + "/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    assert 'countersign_upstream_http2_connections{upstream="chime"} 1' in lines


def test_the_upstreams_limit_on_streams_is_kept(gateway, http2_upstream):
    """Four at a time on one connection; the others stand in line and lose nothing."""
    at_once, most, lock = 0, 0, threading.Lock()

    def slowly(request, connection):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        time.sleep(0.02)
        with lock:
            at_once -= 1
        connection.answer(request.stream)

    upstream = http2_upstream(script=slowly, settings={h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 4})
    running = gateway(prior_knowledge(upstream.url, maxConnections=1, connectTimeout="60s"))
    with HTTP2Client(running.address, timeout=60) as client:
        # The upstream's SETTINGS are there once something was answered.
        assert client.request().status == 204
        streams = [client.open() for _ in range(32)]
        assert [client.wait(stream, timeout=60).status for stream in streams] == [204] * 32
    assert most <= 4 and len(upstream.requests) == 33 and len(upstream.connections) == 1


def test_what_an_upstream_refuses_for_its_limit_is_not_lost(gateway, http2_upstream):
    """The first connections take four requests each and refuse the others, so that some are sent again three times."""
    answered, lock = [], threading.Lock()

    def at_most_four(request, connection):
        with lock:
            taken = connection.upstream.taken.setdefault(connection.number, 0)
            connection.upstream.taken[connection.number] += 1
        if taken >= 4 and connection.number < 4:
            return connection.reset(request.stream, 7)
        answered.append(request.target)
        return connection.answer(request.stream)

    upstream = http2_upstream(script=at_most_four)
    upstream.taken = {}
    running = gateway(prior_knowledge(upstream.url, connectTimeout="60s"))
    with HTTP2Client(running.address, timeout=60) as client:
        targets = [f"/phone-numbers/%2B1206555{number:04}" for number in range(16)]
        streams = [client.open(path=target) for target in targets]
        found = [client.wait(stream, timeout=60) for stream in streams]
    assert {stream.status for stream in found} <= {204, 503}
    assert sorted(answered) == sorted(target for target, stream in zip(targets, found) if stream.status == 204)
    assert len(answered) == len(set(answered)) and len(answered) >= 8
    for stream in found:
        if stream.status == 503:
            assert stream.first("countersign-reason") == "upstream/closed" and b"unknown" not in stream.body


def test_an_upstream_that_takes_no_request_for_now_is_not_overrun(gateway, http2_upstream):
    """SETTINGS_MAX_CONCURRENT_STREAMS may be 0 for a while (RFC 9113 section 6.5.2)."""

    def closes(request, connection):
        with connection.lock:
            connection.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 0})
        connection.answer(request.stream)

    upstream = http2_upstream()
    upstream.scripts = [closes]
    running = gateway(prior_knowledge(upstream.url, maxConnections=1, connectTimeout="1s"))
    with Client(running.address, timeout=60) as client:
        assert client.request().status == 204
        expect.refusal(client.request(), 503, "upstream/busy")
        [connection] = upstream.connections
        with connection.lock:
            connection.h2.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: 5})
            connection.flush()
        assert client.request().status == 204
    assert len(upstream.connections) == 1 and len(upstream.requests) == 2


def test_bodies_stream_back_and_are_not_mixed(gateway, http2_upstream):
    def echo(request, connection):
        number = int(request.target[-4:])
        connection.answer(request.stream, 200, body=bytes([number]) * 300_000, trailers=[("x-checksum", "1")] if number % 2 else ())

    upstream = http2_upstream(script=echo)
    running = gateway(prior_knowledge(upstream.url))
    found = together(8, lambda number: call(running.address, target=f"/phone-numbers/+1206555{number:04}"))
    for number, one in enumerate(found):
        assert (one.status, one.body) == (200, bytes([number]) * 300_000)
        assert one.all("x-checksum") == []


def test_a_slow_caller_holds_up_nobody_else(gateway, http2_upstream):
    """The unread answer stops at the windows; another request on the same connection is served meanwhile."""
    size = 20_000_000
    sent = []

    def large(request, connection):
        if request.target == NUMBER_PATH:
            connection.headers(request.stream, 200, [("content-length", str(size))])
            for _ in range(200):
                connection.data(request.stream, b"x" * (size // 200))
                sent.append(size // 200)
            connection.data(request.stream, b"", end=True)
        else:
            connection.answer(request.stream)

    upstream = http2_upstream(script=large)
    running = gateway(prior_knowledge(upstream.url, maxConnections=1, responseTimeout="60s"))
    with Client(running.address, timeout=60) as slow, Client(running.address, timeout=60) as quick:
        slow.send(b"DELETE /phone-numbers/+12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        before = -1
        while before != sum(sent):
            before = sum(sent)
            time.sleep(0.5)
        assert before < size
        for _ in range(5):
            assert quick.request(target="/phone-numbers/+12065550101").status == 204
        assert running.memory_kib("VmHWM") < 300_000
        assert slow.read().body == b"x" * size
    assert len(upstream.connections) == 1


def test_an_answer_before_the_end_of_the_request(gateway, http2_upstream):
    """The upstream opens no window for the body and answers all the same; the rest of the body is called off."""
    body = b"x" * 500_000

    upstream = http2_upstream()
    real = upstream._receive

    def eager(connection, data):
        real(connection, data)
        with connection.lock:
            for stream, request in list(connection.requests.items()):
                if request.body and not hasattr(request, "answered"):
                    request.answered = True
                    connection.answer(stream, 413, body=b"{}")

    upstream._receive = eager
    upstream.grants_windows = False
    running = gateway(prior_knowledge(upstream.url))
    with Client(running.address, timeout=60) as client:
        found = client.request("POST", NUMBER_PATH, body=body)
        assert (found.status, found.body) == (413, b"{}")
        upstream.wait(lambda: upstream.connections[0].resets == {1: 8})
        assert client.request(target="/phone-numbers/+12065550101").status == 204
    assert len(upstream.connections) == 1


def test_head_has_the_length_and_no_body(gateway, http2_upstream):
    upstream = http2_upstream(script=lambda request, connection: connection.headers(request.stream, 200, [("content-length", "5")], end=True))
    config = prior_knowledge(upstream.url)
    config["routes"].append(
        {"operation": "Look", "method": "HEAD", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
         "parameters": {"phoneNumberId": {"format": "e164"}}}
    )  # fmt: skip
    running = gateway(config)
    with Client(running.address) as client:
        for _ in range(2):
            found = client.request("HEAD")
            assert found.status == 200 and found.all("content-length") == ["5"]


def test_a_caller_that_hangs_up_costs_nobody_the_connection(gateway, http2_upstream, tmp_path):
    """What was sent cannot be recalled: its answer is awaited and recorded."""
    hung_up = threading.Event()

    def wait(request, connection):
        if request.target == NUMBER_PATH:
            hung_up.wait(60)
        connection.answer(request.stream, 200, body=b"x" * 200_000)

    upstream = http2_upstream(script=wait)
    trail = tmp_path / "audit.jsonl"
    config = prior_knowledge(upstream.url, maxConnections=1)
    config["audit"] = {"file": {"path": str(trail)}}
    running = gateway(config)
    with Client(running.address) as client:
        client.send(b"DELETE /phone-numbers/+12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
    hung_up.set()
    records = [json.loads(line) for line in wait_for_records(trail, 2, timeout=60).splitlines()]
    assert records[1]["stage"] == "outcome" and records[1]["decision"]["state"] == "answered" and records[1]["status"] == 200
    assert call(running.address, target="/phone-numbers/+12065550101").status == 200
    assert len(upstream.connections) == 1 and upstream.connections[0].resets == {}


def test_an_idle_connection_is_closed_politely(gateway, http2_upstream):
    upstream = http2_upstream()
    running = gateway(prior_knowledge(upstream.url, idleTimeout="300ms"))
    assert call(running.address).status == 204
    upstream.wait(lambda: upstream.connections[0].goaways == [0])
    upstream.wait(lambda: not upstream.connections[0].is_open)
    assert call(running.address).status == 204


def test_a_reload_leaves_what_is_under_way_alone(gateway, http2_upstream):
    reloaded = threading.Event()

    def wait(request, connection):
        if request.target == NUMBER_PATH:
            reloaded.wait(60)
        connection.answer(request.stream)

    upstream = http2_upstream(script=wait)
    config = prior_knowledge(upstream.url, responseTimeout="60s")
    running = gateway(config)
    with Client(running.address, timeout=60) as first, Client(running.address, timeout=60) as second:
        first.send(b"DELETE /phone-numbers/+12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        old = upstream.connections[0]
        config["upstreams"]["chime"]["idleTimeout"] = "10m"
        running.write_config(config)
        running.signal(signal.SIGHUP)
        assert running.wait_for_log(lambda record: "reloaded" in record.get("message", "")), running.stderr
        assert second.request(target="/phone-numbers/+12065550101").status == 204
        assert upstream.requests[-1].connection is not old
        reloaded.set()
        assert first.read().status == 204
    # The old one had nothing left to do.
    upstream.wait(lambda: old.goaways == [0])
    upstream.wait(lambda: not old.is_open)


def test_a_drain_waits_for_the_streams(gateway, http2_upstream):
    draining = threading.Event()
    upstream = http2_upstream(script=lambda request, connection: (draining.wait(60), connection.answer(request.stream)))
    running = gateway(prior_knowledge(upstream.url, responseTimeout="60s") | {"drain": {"delay": "0ms", "timeout": "60s"}})
    with Client(running.address, timeout=60) as client:
        client.send(b"DELETE /phone-numbers/+12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        running.signal(signal.SIGTERM)
        assert running.wait_for_log(lambda record: "drain" in record.get("message", "")), running.stderr
        draining.set()
        assert client.read().status == 204


def test_a_throttle_is_sent_again_on_the_same_connection(gateway, http2_upstream):
    """Each attempt is signed afresh, under one intent."""
    upstream = http2_upstream()
    error = [("x-amzn-errortype", "ThrottledClientException"), ("content-type", "application/json")]
    upstream.scripts = [lambda request, connection: connection.answer(request.stream, 429, error, b'{"Code":"Throttled","Message":"x"}')]
    config = prior_knowledge(upstream.url)
    config["limits"] = {"account": {"rate": "100/s", "burst": 20, "per": "upstream", "maxWait": "30s", "adaptive": True}}
    config["routes"][0]["limits"] = ["account"]
    running = gateway(config)
    expect.relayed(call(running.address), 204)
    assert len(upstream.requests) == 2 and len(upstream.connections) == 1
    for request in upstream.requests:
        signed(request, upstream)


def test_the_end_of_a_drain_ends_the_streams(gateway, http2_upstream, tmp_path):
    upstream = http2_upstream(script=lambda request, connection: None)
    trail = tmp_path / "audit.jsonl"
    config = prior_knowledge(upstream.url, responseTimeout="10m")
    config |= {"drain": {"delay": "0ms", "timeout": "300ms"}, "audit": {"file": {"path": str(trail)}}}
    running = gateway(config)
    with Client(running.address, timeout=60) as client:
        client.send(b"DELETE /phone-numbers/+12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        running.signal(signal.SIGTERM)
        expect.refusal(client.read(), 503, "gateway/drain-ended")
    records = [json.loads(line) for line in wait_for_records(trail, 2, timeout=60).splitlines()]
    assert records[1]["decision"]["cause"] == "shutdown"


@pytest.mark.parametrize("end", ["close", "cut"])
def test_a_tls_connection_that_ends_without_an_answer(gateway, http2_upstream, certificates, end):
    """With and without close_notify: what was sent is unknown, and the next request gets a connection of its own."""
    context = certificates.server_context()
    context.set_alpn_protocols(["h2"])
    upstream = http2_upstream(tls=context)
    upstream.scripts = [lambda request, connection: getattr(connection, end)()]
    running = gateway(config_for(f"https://localhost:{upstream.port}", caFile=certificates.path("ca.pem")))
    with Client(running.address, timeout=60) as client:
        message = expect.refusal(client.request(), 503, "upstream/closed")
        assert "unknown" in message
        expect.relayed(client.request(target="/phone-numbers/+12065550101"), 204)
    assert [request.target for request in upstream.requests] == [NUMBER_PATH, "/phone-numbers/%2B12065550101"]


def test_a_cold_burst_over_tls_learns_the_protocol_first(gateway, http2_upstream, certificates):
    """`auto` knows after one handshake that one connection is enough."""
    context = certificates.server_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    upstream = http2_upstream(tls=context)
    running = gateway(config_for(f"https://localhost:{upstream.port}", caFile=certificates.path("ca.pem"), connectTimeout="60s"))
    with HTTP2Client(running.address, timeout=60) as client:
        streams = [client.open() for _ in range(24)]
        assert [client.wait(stream, timeout=60).status for stream in streams] == [204] * 24
    assert len(upstream.connections) == 1 and len(upstream.requests) == 24


def test_a_cold_burst_over_tls_on_http1_gets_connections_of_its_own(gateway, certificates):
    upstream = Upstream(tls=certificates.server_context())
    try:
        everybody = threading.Barrier(8)
        upstream.script = lambda request, connection: (everybody.wait(60), connection.send(b"HTTP/1.1 204 No Content\r\n\r\n"))
        options = {"caFile": certificates.path("ca.pem"), "connectTimeout": "60s", "responseTimeout": "60s"}
        running = gateway(config_for(f"https://localhost:{upstream.port}", **options))
        with HTTP2Client(running.address, timeout=60) as client:
            streams = [client.open() for _ in range(8)]
            # Each waits for all the others at the upstream.
            assert [client.wait(stream, timeout=60).status for stream in streams] == [204] * 8
    finally:
        upstream.stop()
