"""The same requests through clients that others wrote, over every transport that a listener speaks."""

import json
import re
import subprocess

import pytest

from audit.trail import wait_for_records
from listener.http2 import HTTP2Client
from listener.tls import tls_config, tls_listener
from support import upstream as scripts
from support.upstream import answer

PATH = "/phone-numbers/%2B12065550100"


def run(*command, timeout=60):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def parse(text):
    """Status, fields with names in lower case, and body of what `curl -i` prints."""
    head, _, body = text.replace("\r\n", "\n").partition("\n\n")
    first, *lines = head.split("\n")
    return int(first.split()[1]), dict(line.lower().split(": ", 1) for line in lines if line), body, first.split()[0]


TRANSPORTS = {
    "http1": ("HTTP/1.1", lambda g, c, s: ["--http1.1", f"http://{g.listeners[0]}"]),
    "h2c": ("HTTP/2", lambda g, c, s: ["--http2-prior-knowledge", f"http://{g.listeners[0]}"]),
    "https1": ("HTTP/1.1", lambda g, c, s: ["--http1.1", "--cacert", c, "https://localhost:" + g.listeners[1].split(":")[1]]),
    "h2": ("HTTP/2", lambda g, c, s: ["--http2", "--cacert", c, "https://localhost:" + g.listeners[1].split(":")[1]]),
    "unix": ("HTTP/1.1", lambda g, c, s: ["--http1.1", "--unix-socket", s, "http://gateway.test"]),
    "unix-h2c": ("HTTP/2", lambda g, c, s: ["--http2-prior-knowledge", "--unix-socket", s, "http://gateway.test"]),
}


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory, authority):
    """(gateway, upstream, curl) with a plain, a TLS and a unix listener."""
    from support.process import Gateway

    directory = tmp_path_factory.mktemp("everywhere")
    path = directory / "gateway.sock"
    upstream = scripts.Upstream()
    listeners = [{"bind": "127.0.0.1:0"}, tls_listener(authority), {"bind": f"unix:{path}"}]
    gateway = Gateway(tls_config(upstream, *listeners, audit={"file": {"path": str(directory / "audit.jsonl")}}), directory)

    def curl(transport, *arguments, path_and_query=PATH):
        options = TRANSPORTS[transport][1](gateway, authority.path("ca.pem"), path)
        return run("curl", "-sS", *options[:-1], *arguments, options[-1] + path_and_query)

    yield gateway, upstream, curl
    try:
        gateway.stop()
    finally:
        gateway.kill()
        upstream.stop()


@pytest.fixture
def peers(everywhere):
    everywhere[1].clear()
    return everywhere


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_curl_deletes_a_number(peers, transport):
    gateway, upstream, curl = peers
    status, fields, body, version = parse(curl(transport, "-i", "-X", "DELETE"))
    assert (status, body, version) == (204, "", TRANSPORTS[transport][0])
    assert fields["countersign-origin"] == "upstream" and fields["countersign-id"] and fields["x-amzn-requestid"]
    [request] = upstream.requests
    assert (request.method, request.target) == ("DELETE", PATH)
    assert request.first("authorization").startswith("AWS4-HMAC-SHA256 ")
    assert request.first("host") == upstream.authority


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_refusal_is_the_same_over_every_transport(peers, transport):
    gateway, upstream, curl = peers
    status, fields, body, _ = parse(curl(transport, "-i", "-X", "DELETE", path_and_query="/phone-numbers/%252B12065550100"))
    assert status == 400 and fields["countersign-reason"] == "id/double-encoded" and fields["x-amzn-errortype"] == "badrequestexception"
    assert fields["content-type"] == "application/json" and int(fields["content-length"]) == len(body)
    assert json.loads(body)["Code"] == "BadRequestException"
    assert upstream.requests == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_bodies_pass_both_ways(peers, transport, tmp_path):
    gateway, upstream, curl = peers
    sent = tmp_path / "sent"
    sent.write_bytes(bytes(range(256)) * 3900)
    large = b"0123456789abcdef" * 200_000
    upstream.script = lambda request, connection: connection.send(answer(200, body=large))
    got = tmp_path / "got"
    curl(transport, "-o", got, "--data-binary", f"@{sent}")
    assert got.read_bytes() == large
    assert upstream.requests[0].body == sent.read_bytes()


@pytest.mark.parametrize("transport", ["h2c", "h2"])
def test_chunks_and_an_end_by_close_become_data_frames(peers, transport):
    gateway, upstream, curl = peers
    for framing in ("chunked", "close"):
        upstream.script = lambda request, connection, framing=framing: (
            connection.send(answer(200, body=b"z" * 50_000, framing=framing)),
            framing == "close" and connection.close(),
        )
        status, fields, body, _ = parse(curl(transport, "-i", path_and_query="/phone-numbers"))
        assert status == 200 and body == "z" * 50_000
        assert "transfer-encoding" not in fields and "connection" not in fields and "content-length" not in fields


def test_many_streams_of_one_curl_share_a_connection(peers):
    gateway, upstream, curl = peers
    numbers = "/phone-numbers/%2B120655501[10-59]"
    text = curl("h2", "-X", "DELETE", "--parallel", "-w", "%{http_code} %{num_connects}\n", path_and_query=numbers)
    assert text.count("204 ") == 50
    assert sum(int(line.split()[1]) for line in text.splitlines()) < 50
    assert len(upstream.requests) == 50


def test_nghttp_reads_settings_and_answer(peers):
    gateway, upstream, curl = peers
    text = run("nghttp", "-nv", "-H:method: DELETE", f"http://{gateway.listeners[0]}{PATH}")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert "SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100" in text
    assert re.search(r"recv \(stream_id=\d+\) :status: 204", text), text


@pytest.mark.parametrize("scheme, listener", [("http", 0), ("https", 1)])
def test_h2load_loses_no_request(peers, scheme, listener):
    gateway, upstream, curl = peers
    double = scripts.answer(request_id="00000000-0000-4000-8000-000000000000")
    upstream.script = scripts.always(double)
    target = f"{scheme}://{gateway.listeners[listener]}{PATH}"
    text = run("h2load", "-n5000", "-c8", "-m32", "-H:method: DELETE", target)
    assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in text, text
    assert "status codes: 5000 2xx" in text, text


def test_trailers_of_a_request_are_dropped(peers):
    gateway, upstream, curl = peers
    from listener.http2 import DATA, END_HEADERS, END_STREAM, HEADERS, frame

    upstream.script = lambda request, connection: connection.send(answer(200, body=b"ok"))
    with HTTP2Client(gateway.address) as client:
        stream = client.open("POST", ends=False)
        client.send(frame(DATA, 0, stream, b"abc"))
        client.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, client.encoder.encode([("x-checksum", "1")])))
        assert client.wait(stream).status == 200
    [request] = upstream.requests
    assert request.body == b"abc" and "x-checksum" not in request.names and "trailer" not in request.names


def test_http2_refusals_are_recorded_like_those_of_http1(peers):
    gateway, upstream, curl = peers
    path = json.loads(gateway.config_path.read_text())["audit"]["file"]["path"]
    before = len(open(path, "rb").read().splitlines())
    with HTTP2Client(gateway.address) as client:
        found = client.request(fields=[(f"x-{n}", "v") for n in range(150)])
        assert found.status == 431 and found.first("countersign-reason") == "http/too-many-fields"
        # Only the stream is refused: the connection goes on.
        assert client.request().status == 204
        found = client.request(path="/phone-numbers/%2B12065550100#f")
        assert found.status == 400 and found.first("countersign-reason") == "http/fragment-in-target"
        found = client.request(path="/" + "a" * 9000)
        assert found.status == 414
    wait_for_records(path, before + 5)
    records = [json.loads(line) for line in open(path, "rb").read().splitlines()]
    reasons = [record["decision"].get("reason") for record in records if record["stage"] == "refusal"]
    assert reasons[-3:] == ["http/too-many-fields", "http/fragment-in-target", "http/request-line-too-long"]


def test_the_preface_may_come_in_any_pieces(peers):
    import time

    from listener.http2 import PREFACE, SETTINGS, frame

    gateway, upstream, curl = peers
    opening = PREFACE + frame(SETTINGS)
    for cut in range(1, len(opening)):
        with HTTP2Client(gateway.address, starts=False) as client:
            client.send(opening[:cut])
            time.sleep(0.002)
            client.send(opening[cut:])
            assert client.request().status == 204, cut


def test_http1_on_an_http2_listener_and_back(peers):
    """A preface after an HTTP/1.1 request, or over TLS where HTTP/1.1 was agreed on, starts nothing."""
    from listener.http2 import PREFACE
    from support.wire import Client

    gateway, upstream, curl = peers
    with Client(gateway.address) as client:
        assert client.request().status == 204
        client.send(PREFACE)
        assert client.read().status == 505
