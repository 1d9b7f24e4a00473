"""Who may call: by network, by unix socket, by token; everything else is 401 or 403 and never travels on."""

import hashlib
import os
import socket
import subprocess

import pytest

from support import expect
from support.process import BINARY, basic_config, clean_environment, more_routes
from support.wire import Client, call

TOKEN = "a-token-that-only-billing-has"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
PATH = "/phone-numbers/%2B12065550100"


def token_config(url):
    return basic_config(url, callers=[{"name": "billing", "tokenSha256": DIGEST}, {"name": "far", "networks": ["192.0.2.0/24"]}])


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", f"Bearer {TOKEN}")],
        [("authorization", f"bearer {TOKEN}")],
        [("x-countersign-token", TOKEN)],
        [("X-Countersign-Token", TOKEN), ("Authorization", "AWS4-HMAC-SHA256 Credential=x")],
    ],
    ids=["Authorization", "lower case", "x-countersign-token", "beside a signature"],
)
def test_a_token_is_known_and_never_travels_on(gateway, upstream, headers):
    running = gateway(token_config(upstream.url))
    assert call(running.address, headers=headers).status == 204
    [request] = upstream.requests
    assert TOKEN.encode() not in request.raw_head
    assert "x-countersign-token" not in request.names
    running.stop()
    assert TOKEN not in running.stderr and DIGEST not in running.stderr


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Authorization", f"Bearer {TOKEN}x")],
        [("Authorization", f"Bearer {TOKEN[:-1]}")],
        [("Authorization", "Bearer ")],
        [("Authorization", f"Basic {TOKEN}")],
        [("Authorization", f"Bearer {DIGEST}")],
        [("x-countersign-token", "")],
        [("x-countersign-token", "wrong")],
        [("X-Forwarded-For", "192.0.2.1")],
        [("Forwarded", "for=192.0.2.1")],
        [("X-Real-IP", "192.0.2.1")],
    ],
    ids=lambda headers: headers[0][0] + " " + headers[0][1][:24] if headers else "nothing",
)
def test_unknown_callers_are_401(gateway, upstream, headers):
    running = gateway(token_config(upstream.url))
    found = call(running.address, headers=headers)
    expect.refusal(found, 401, "caller/")
    assert TOKEN[:-1].encode() not in found.head + found.body
    assert upstream.requests == []


def test_a_wrong_token_does_not_fall_back_to_the_network(gateway, upstream):
    config = basic_config(upstream.url, callers=[{"name": "local", "networks": ["127.0.0.0/8"]}, {"name": "billing", "tokenSha256": DIGEST}])
    running = gateway(config)
    assert call(running.address).status == 204
    expect.refusal(call(running.address, headers=[("x-countersign-token", "wrong")]), 401, "caller/")


def test_a_caller_that_is_not_allowed_is_403(gateway, upstream):
    config = basic_config(upstream.url, callers=[{"name": "local", "networks": ["127.0.0.1/32"]}, {"name": "billing", "tokenSha256": DIGEST}])
    config["routes"][0]["callers"] = ["billing"]
    running = gateway(config)
    expect.refusal(call(running.address), 403, "caller/")
    assert upstream.requests == []
    assert call(running.address, headers=[("x-countersign-token", TOKEN)]).status == 204


def test_unauthorised_callers_learn_nothing_about_routes(gateway, upstream):
    running = gateway(token_config(upstream.url))
    for target in ("/none", PATH, "/phone-numbers/%252B1"):
        assert call(running.address, target=target).status == 401


def test_without_callers_loopback_is_served(gateway, upstream):
    assert call(gateway(basic_config(upstream.url)).address).status == 204


def test_hash_token_gives_the_digest_for_the_configuration():
    result = subprocess.run([str(BINARY), "hash-token"], input=TOKEN + "\n", capture_output=True, text=True, timeout=20)
    assert result.returncode == 0, result.stderr
    assert DIGEST in result.stdout


@pytest.fixture
def socket_path(tmp_path):
    # sun_path holds 107 bytes; pytest's directories may be longer.
    path = f"/tmp/countersign-test-{os.getpid()}-{tmp_path.name[-8:]}.sock"
    yield path
    if os.path.exists(path):
        os.unlink(path)


def test_a_unix_socket_is_served_and_removed(gateway, upstream, socket_path):
    config = basic_config(upstream.url, listeners=[{"bind": f"unix:{socket_path}", "mode": "0600"}])
    running = gateway(config)
    assert os.stat(socket_path).st_mode & 0o777 == 0o600
    with Client(socket_path) as client:
        for _ in range(3):
            assert client.request().status == 204
        expect.refusal(client.request(target="/phone-numbers/%252B1"), 400, "id/")
    running.stop()
    assert not os.path.exists(socket_path)


def test_a_left_over_socket_file_does_not_stop_a_start(gateway, upstream, socket_path):
    left_over = socket.socket(socket.AF_UNIX)
    left_over.bind(socket_path)
    left_over.close()
    assert os.path.exists(socket_path)
    gateway(basic_config(upstream.url, listeners=[{"bind": f"unix:{socket_path}"}]))
    with Client(socket_path) as client:
        assert client.request().status == 204


@pytest.mark.parametrize("mine", [True, False])
def test_a_unix_caller_is_known_by_its_user(gateway, upstream, socket_path, mine):
    uid = os.getuid() if mine else os.getuid() + 1
    listeners = [{"bind": "127.0.0.1:0"}, {"bind": f"unix:{socket_path}"}]
    gateway(basic_config(upstream.url, listeners=listeners, callers=[{"name": "lifecycle", "unixUid": uid}]))
    with Client(socket_path) as client:
        found = client.request()
    if mine:
        assert found.status == 204
    else:
        expect.refusal(found, 401, "caller/unknown")
        assert upstream.requests == []


def curl(*arguments):
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "20", *arguments],
        capture_output=True,
        text=True,
        env=clean_environment(),
    )


def test_curl_over_loopback(gateway, double):
    chime = double()
    url = gateway(basic_config(chime.url)).url
    for spelling in ("%2B12065550100", "+12065550101", "%2b12065550102"):
        result = curl("--include", "--request", "DELETE", f"{url}/phone-numbers/{spelling}")
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("HTTP/1.1 204"), result.stdout
    result = curl("--write-out", "\n%{http_code}", "--request", "DELETE", f"{url}/phone-numbers/+12065550999")
    assert result.stdout.endswith("404") and '"Code":"NotFound"' in result.stdout
    result = curl("--path-as-is", "--write-out", "\n%{http_code}", "--request", "DELETE", f"{url}/phone-numbers/../phone-numbers/+12065550103")
    assert result.stdout.endswith("400")
    assert [request["status"] for request in chime.requests] == [204, 204, 204, 404]
    assert all(request["signatureVerified"] for request in chime.requests)


def test_curl_over_a_unix_socket(gateway, double, socket_path):
    chime = double()
    gateway(basic_config(chime.url, listeners=[{"bind": f"unix:{socket_path}"}]))
    result = curl("--include", "--unix-socket", socket_path, "--request", "DELETE", "http://anything/phone-numbers/+12065550100")
    assert result.stdout.startswith("HTTP/1.1 204"), result.stdout + result.stderr
    assert chime.requests[0]["signatureVerified"]


def test_curl_sends_a_large_body_with_expect(gateway, upstream, tmp_path):
    url = gateway(more_routes(basic_config(upstream.url))).url
    body = tmp_path / "body"
    body.write_bytes(b"x" * 900_000)
    result = curl("--include", "--header", "Expect: 100-continue", "--data-binary", f"@{body}", f"{url}{PATH}")
    assert "HTTP/1.1 204" in result.stdout, result.stdout + result.stderr
    assert upstream.requests[0].body == body.read_bytes()
