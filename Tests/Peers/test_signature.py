"""What leaves the gateway is signed over exactly the bytes that arrive: botocore computes the same signature from them."""

import pytest

from support.process import ACCESS_KEY, SECRET_KEY, basic_config
from support.signature import claimed, expected_signature
from support.upstream import Upstream
from support.wire import Client, call

NUMBER_PATH = "/phone-numbers/%2B12065550100"


def check(request, upstream, **options):
    expected, canonical = expected_signature(request, upstream.authority, SECRET_KEY, ACCESS_KEY, **options)
    assert claimed(request)["Signature"] == expected, canonical
    return canonical


@pytest.mark.parametrize("path", [NUMBER_PATH, "/phone-numbers/+12065550100", "/phone-numbers/%2b12065550100"])
def test_three_spellings_are_one_request(plain_pair, path):
    gateway, upstream = plain_pair
    assert call(gateway.address, target=path).status == 204
    [request] = upstream.requests
    assert request.target == NUMBER_PATH
    canonical = check(request, upstream)
    assert canonical.split("\n")[1] == "/phone-numbers/%252B12065550100"


@pytest.mark.parametrize(
    "path",
    ["/phone-numbers/%2B1206555010%30", "/phone-numbers/+%31%32065550100", "/%70hone-numbers/%2B12065550100"],
)
def test_needless_encoding_is_normalised(plain_pair, path):
    gateway, upstream = plain_pair
    assert call(gateway.address, target=path).status == 204
    [request] = upstream.requests
    assert request.target == NUMBER_PATH
    check(request, upstream)


def test_signs_what_it_must_and_nothing_that_may_change_on_the_way(plain_pair):
    gateway, upstream = plain_pair
    assert call(gateway.address, headers=[("User-Agent", "test"), ("Accept", "*/*"), ("X-Note", "  two   blanks ")]).status == 204
    [request] = upstream.requests
    check(request, upstream)
    claim = claimed(request)
    assert claim["Credential"].startswith(f"{ACCESS_KEY}/") and claim["Credential"].endswith("/us-east-1/chime/aws4_request")
    signed = claim["SignedHeaders"].split(";")
    assert signed == sorted(signed) and {"host", "x-amz-date"} <= set(signed)
    assert not {"user-agent", "connection", "content-length", "expect", "transfer-encoding"} & set(signed)
    assert request.all("host") == [upstream.authority]
    assert len(request.all("x-amz-date")) == 1


def test_every_request_of_a_connection_is_signed(plain_pair):
    gateway, upstream = plain_pair
    with Client(gateway.address) as client:
        for line in range(100, 120):
            assert client.request(target=f"/phone-numbers/+12065550{line}").status == 204
    assert len(upstream.requests) == 20
    for request in upstream.requests:
        check(request, upstream)


@pytest.mark.parametrize(
    "query", ["status=DeleteInProgress&max-results=2", "b=2&a=1", "a=%20&a=%2B", "x", "a=~%7E", "next-token=a%2Fb%3D%3D", "k=%C3%A9"]
)
def test_the_query_that_is_sent_is_the_one_that_is_signed(plain_pair, query):
    gateway, upstream = plain_pair
    assert call(gateway.address, "GET", f"/phone-numbers?{query}").status == 204
    [request] = upstream.requests
    check(request, upstream)


@pytest.mark.parametrize("size", [1, 1000, 300_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_is_signed_by_its_hash(plain_pair, size, chunked):
    gateway, upstream = plain_pair
    body = bytes(range(256)) * (size // 256 + 1)
    body = body[:size]
    with Client(gateway.address) as client:
        if chunked:
            client.send(f"POST {NUMBER_PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in range(0, size, 50_000):
                part = body[start : start + 50_000]
                client.send(b"%x\r\n%s\r\n" % (len(part), part))
            client.send("0\r\n\r\n")
            found = client.read("POST")
        else:
            found = client.request("POST", NUMBER_PATH, body=body)
    assert found.status == 204
    [request] = upstream.requests
    assert request.body == body
    check(request, upstream)


def test_a_session_token_is_sent_and_signed(gateway, upstream, double):
    config = basic_config(upstream.url)
    config["credentials"]["chime"]["sessionToken"] = "session-token-of-a-test"
    running = gateway(config)
    assert call(running.address, headers=[("X-Amz-Security-Token", "the caller's own")]).status == 204
    [request] = upstream.requests
    assert request.all("x-amz-security-token") == ["session-token-of-a-test"]
    assert "x-amz-security-token" in claimed(request)["SignedHeaders"].split(";")
    expected, canonical = expected_signature(request, upstream.authority, SECRET_KEY, ACCESS_KEY, token="session-token-of-a-test")
    assert claimed(request)["Signature"] == expected, canonical
    running.stop()
    assert "session-token-of-a-test" not in running.stderr

    chime = double("--session-token", "session-token-of-a-test")
    config["upstreams"]["chime"]["url"] = chime.url
    assert call(gateway(config).address).status == 204
    assert chime.requests[0]["signatureVerified"]


def test_signatures_over_tls_name_the_host(gateway, certificates):
    upstream = Upstream(tls=certificates.server_context())
    try:
        config = basic_config(f"https://localhost:{upstream.port}")
        config["upstreams"]["chime"]["caFile"] = certificates.path("ca.pem")
        assert call(gateway(config).address).status == 204
        [request] = upstream.requests
        assert request.all("host") == [f"localhost:{upstream.port}"]
        expected, _ = expected_signature(request, f"localhost:{upstream.port}", SECRET_KEY, ACCESS_KEY, scheme="https")
        assert claimed(request)["Signature"] == expected
    finally:
        upstream.stop()


def test_a_wrong_secret_is_found_by_the_double(gateway, double):
    chime = double()
    config = basic_config(chime.url)
    config["credentials"]["chime"]["secretAccessKey"] = "wrong"
    found = call(gateway(config).address)
    assert found.status == 403
    assert found.first("x-amzn-ErrorType") == "InvalidSignatureException"
    assert found.first("countersign-origin") == "upstream"
