"""HTTP/2 to the upstream: what arrives, how it is negotiated, multiplexing, bodies both ways."""

import json
import ssl
import threading
import time
import urllib.request

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
    import socket
    import subprocess

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
