"""What travels through the gateway, in both directions, and what does not."""

import hashlib
import threading
import time

import pytest

from support import expect
from support.process import basic_config, more_routes
from support.upstream import Upstream, always, answer
from support.wire import Client, call

PATH = "/phone-numbers/%2B12065550100"

# Fields that no caller can send to the upstream.
DROPPED = [
    ("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDDUMMY/20260101/us-east-1/chime/aws4_request, SignedHeaders=host, Signature=00"),
    ("X-Amz-Date", "20200101T000000Z"),
    ("X-Amz-Security-Token", "token-of-the-caller"),
    ("X-Amz-Content-Sha256", "0" * 64),
    ("X-Amz-Target", "Elsewhere"),
    ("x-amz-anything-else", "value-of-the-caller"),
    ("X-AMZ-META-UPPER", "value-of-the-caller"),
    ("countersign-id", "posed-id"),
    ("countersign-origin", "upstream"),
    ("Keep-Alive", "timeout=1"),
    ("Proxy-Connection", "keep-alive"),
    ("Proxy-Authorization", "Basic abc"),
    ("Proxy-Authenticate", "Basic"),
    ("TE", "trailers"),
    ("Trailer", "X-Checksum"),
    ("Upgrade", "websocket"),
    ("Expect", "100-continue"),
]


@pytest.mark.parametrize("name,value", DROPPED, ids=[name for name, _ in DROPPED])
def test_field_of_the_caller_is_dropped(plain_pair, name, value):
    gateway, upstream = plain_pair
    with Client(gateway.address) as client:
        client.send(f"DELETE {PATH} HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n")
        found = client.read()
        if found.status == 100:
            found = client.read()
    assert found.status == 204
    [request] = upstream.requests
    assert all(value not in field for _, field in request.headers)
    if name.lower() not in ("authorization", "x-amz-date", "x-amz-content-sha256"):
        assert name.lower() not in request.names


@pytest.mark.parametrize(
    "connection", ["X-Private", "x-private", "keep-alive, X-Private", "X-Private,close", "close ,\tX-Private", "X-Other, X-Private"]
)
def test_fields_named_in_connection_are_dropped(plain_pair, connection):
    gateway, upstream = plain_pair
    headers = [("Connection", connection), ("X-Private", "of this hop"), ("X-Public", "stays"), ("X-Other", "of this hop too")]
    assert call(gateway.address, headers=headers).status == 204
    [request] = upstream.requests
    assert request.first("x-private") is None
    assert request.all("x-public") == ["stays"]
    assert "connection" not in request.names or request.first("connection").lower() == "keep-alive"


def test_naming_host_or_authorization_in_connection_changes_nothing(plain_pair):
    """A caller must not be able to take away what the gateway itself sets."""
    gateway, upstream = plain_pair
    headers = [("Connection", "host, authorization, x-amz-date, content-length")]
    assert call(gateway.address, headers=headers).status == 204
    [request] = upstream.requests
    assert request.all("host") == [upstream.authority]
    assert len(request.all("authorization")) == len(request.all("x-amz-date")) == 1


@pytest.mark.parametrize("host", ["evil.example", "service.chime.aws.amazon.com", "127.0.0.1:1", "[::1]:80"])
def test_host_of_the_caller_chooses_nothing(plain_pair, host):
    gateway, upstream = plain_pair
    assert call(gateway.address, host=host, headers=[("X-Forwarded-Host", host)]).status == 204
    assert upstream.requests[0].all("host") == [upstream.authority]


def test_absolute_form_reaches_the_configured_upstream_only(plain_pair):
    gateway, upstream = plain_pair
    elsewhere = Upstream()
    try:
        found = call(gateway.address, target=f"http://{elsewhere.authority}{PATH}", host=elsewhere.authority)
        assert found.status in (204, 400)
        assert elsewhere.connections == []
        if found.status == 204:
            assert upstream.requests[0].target == PATH
    finally:
        elsewhere.stop()


def test_other_fields_of_the_caller_travel_on(plain_pair):
    gateway, upstream = plain_pair
    headers = [
        ("User-Agent", "Boto3/1.43.11"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("amz-sdk-invocation-id", "f4c6248c"),
        ("amz-sdk-request", "attempt=1"),
        ("X-Repeated", "one"),
        ("X-Repeated", "two"),
        ("X-Empty", ""),
        ("X-Latin", "caf\xe9"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ]
    assert call(gateway.address, headers=headers).status == 204
    [request] = upstream.requests
    for name in {name for name, _ in headers}:
        assert request.all(name) == [value for key, value in headers if key == name]


ANSWERS = [
    (200, "OK", [("Content-Type", "application/json")], b'{"PhoneNumber":{}}'),
    (200, "OK", [("Content-Type", "application/octet-stream")], bytes(range(256))),
    (201, "Created", [("Location", "/x")], b""),
    (202, "Accepted", [("X-Repeated", "one"), ("X-Repeated", "two"), ("X-Empty", "")], b"later"),
    (204, "No Content", [("ETag", '"x"')], b""),
    (301, "Moved", [("Location", "http://elsewhere.example/")], b"no redirect is followed"),
    (304, "Not Modified", [("ETag", '"x"')], b""),
    (400, "Bad", [("x-amzn-ErrorType", "BadRequestException:http://internal.amazon.com/coral/")], b'{"Code":"BadRequest"}'),
    (404, "Not Found", [("x-amzn-ErrorType", "NotFoundException"), ("Content-Type", "application/json")], b'{"Code":"NotFound"}'),
    (409, "Conflict", [], b"{}"),
    (500, "Oops", [("Content-Type", "text/html")], b"<html>"),
    (503, "Slow", [("Retry-After", "120")], b"{}"),
    (599, "Odd", [], b"odd"),
]


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("status,reason,headers,body", ANSWERS, ids=[f"{row[0]}-{index}" for index, row in enumerate(ANSWERS)])
def test_answer_comes_back_as_it_was(plain_pair, status, reason, headers, body, framing):
    gateway, upstream = plain_pair
    has_body = status not in (204, 304)
    data = answer(status, reason, headers, body, "request-id-of-the-upstream", framing if has_body else "length")
    closes = has_body and framing == "close"
    upstream.script = lambda request, connection: (connection.send(data), connection.close() if closes else None)
    with Client(gateway.address) as client:
        found = client.request()
        expect.relayed(found, status)
        assert found.body == body
        assert found.all("x-amzn-RequestId") == ["request-id-of-the-upstream"]
        for name in {name for name, _ in headers}:
            assert found.all(name) == [value for key, value in headers if key == name]
        # The connection to the caller is another one and goes on.
        upstream.script = always(answer())
        assert client.request().status == 204


def test_hop_by_hop_fields_of_the_upstream_are_removed(plain_pair):
    gateway, upstream = plain_pair
    headers = [
        ("Connection", "keep-alive, X-Private"),
        ("Keep-Alive", "timeout=5"),
        ("X-Private", "of that hop"),
        ("Proxy-Authenticate", "Basic"),
        ("Upgrade", "h2c"),
        ("countersign-id", "posed"),
        ("countersign-origin", "gateway"),
        ("countersign-reason", "posed/reason"),
        ("X-Public", "stays"),
    ]
    upstream.script = always(answer(200, "OK", headers, b"x"))
    found = call(gateway.address)
    expect.relayed(found, 200)
    for name in ("keep-alive", "x-private", "proxy-authenticate", "upgrade"):
        assert found.all(name) == [], name
    assert found.first("countersign-id") != "posed"
    assert found.all("x-public") == ["stays"]


def test_interim_answers_of_the_upstream_do_not_end_the_exchange(plain_pair):
    gateway, upstream = plain_pair
    upstream.script = always(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(200, "OK", [], b"final"))
    with Client(gateway.address) as client:
        found = client.request()
        while found.status < 200:
            found = client.read()
        assert (found.status, found.body) == (200, b"final")
        assert client.request().status in (103, 200)


def test_dripped_answer(plain_pair):
    gateway, upstream = plain_pair
    data = answer(200, "OK", [("X-Note", "dripped")], b"body in single bytes", framing="chunked")
    upstream.script = lambda request, connection: connection.drip(data, pause=0.001)
    found = call(gateway.address)
    assert (found.status, found.body, found.first("x-note")) == (200, b"body in single bytes", "dripped")


def test_trailers_and_chunk_extensions_do_not_confuse(plain_pair):
    gateway, upstream = plain_pair
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
    upstream.script = always(head + b"4;name=value\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n")
    with Client(gateway.address) as client:
        for _ in range(2):
            found = client.request()
            assert (found.status, found.body) == (200, b"body")
    assert len(upstream.connections) >= 1


def test_first_bytes_arrive_before_the_last_are_there(plain_pair):
    """Bodies are streamed, not collected."""
    gateway, upstream = plain_pair
    go_on = threading.Event()

    def script(request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nbefore")
        go_on.wait(10)
        connection.send(b"on")

    upstream.script = script
    with Client(gateway.address) as client:
        client.send(f"DELETE {PATH} HTTP/1.1\r\nHost: a\r\n\r\n")
        while b"before" not in client.buffer:
            client._fill()
        go_on.set()
        assert client.read().body == b"beforeon"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_body_to_a_slow_reader_does_not_fill_the_memory(gateway, upstream, framing):
    size = 50 << 20
    block = hashlib.sha256(b"block").digest() * 2048

    def script(request, connection):
        if framing == "length":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(size // len(block)):
                connection.send(block)
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(size // len(block)):
                connection.send(b"%x\r\n%s\r\n" % (len(block), block))
            connection.send(b"0\r\n\r\n")

    upstream.script = script
    running = gateway(basic_config(upstream.url))
    assert call(running.address, target="/none").status == 404
    before = running.memory_kib()
    with Client(running.address, timeout=30) as client:
        client.send(f"DELETE {PATH} HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(1.5)
        stalled = running.memory_kib()
        found = client.read()
    assert found.status == 200 and len(found.body) == size
    assert hashlib.sha256(found.body).digest() == hashlib.sha256(block * (size // len(block))).digest()
    assert stalled - before < 8 << 10, f"{stalled - before} KiB more while the reader slept"
    assert running.memory_kib("VmHWM") - before < 16 << 10, f"{running.memory_kib('VmHWM') - before} KiB more at the peak"


def test_a_caller_that_goes_away_lets_go_of_the_upstream(serving, upstream):
    closed = threading.Event()

    def script(request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            for _ in range(1 << 30):
                connection.send(b"x" * 65536)
        except OSError:
            closed.set()
            raise

    upstream.script = script
    client = Client(serving.address)
    client.send(f"DELETE {PATH} HTTP/1.1\r\nHost: a\r\n\r\n")
    while len(client.buffer) < 100_000:
        client._fill()
    client.close()
    assert closed.wait(10), "the upstream's answer was read on for nobody"
    upstream.script = always(answer())
    assert call(serving.address).status == 204


@pytest.mark.parametrize("limit", [1000, 1 << 20])
def test_a_request_body_above_the_limit_is_413(gateway, upstream, limit):
    config = more_routes(basic_config(upstream.url))
    config["listeners"][0]["limits"] = {"bodyBytes": limit}
    address = gateway(config).address
    assert call(address, "POST", PATH, body=b"x" * limit).status == 204
    with Client(address) as client:
        client.send(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: {limit + 1}\r\n\r\n")
        expect.refusal(client.read("POST"), 413, "")
    with Client(address) as client:
        client.send(f"POST {PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{limit + 1:x}\r\n")
        client.send(b"x" * (limit + 1))
        expect.refusal(client.read("POST"), 413, "")
    assert len(upstream.requests) == 1
