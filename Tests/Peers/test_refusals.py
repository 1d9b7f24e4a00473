"""Every mistake of contract section 3 is refused before anything leaves, with a reason and without repeating the id."""

import pytest

from support import expect
from support.process import basic_config
from support.wire import Client, call

P = "/phone-numbers/"
LONG = "%2B" + "1" * 16

# target, status, beginning of countersign-reason, words that the message must hold
TARGETS = [
    (P + "%252B12065550123", 400, "id/double-encoded", "%2B"),
    (P + "%252b12065550123", 400, "id/double-encoded", "%2B"),
    (P + "%25252B12065550123", 400, "id/double-encoded", "%2B"),
    (P + "%2B1206555%25300100", 400, "id/double-encoded", "%2B"),
    (P + "%2B1206%2F5550100", 400, "path/encoded-slash", "%2F"),
    (P + "%2F%2B12065550123", 400, "path/encoded-slash", "%2F"),
    (P + "%2f12065550123", 400, "path/encoded-slash", "%2F"),
    (P + ".", 400, "path/dot-segment", "segment"),
    (P + "..", 400, "path/dot-segment", "segment"),
    (P + "%2E", 400, "path/dot-segment", "segment"),
    (P + "%2e%2E", 400, "path/dot-segment", "segment"),
    (P + ".%2e", 400, "path/dot-segment", "segment"),
    ("/x/../phone-numbers/%2B12065550123", 400, "path/dot-segment", "segment"),
    ("/./phone-numbers/%2B12065550123", 400, "path/dot-segment", "segment"),
    (P + "%2B12065550123/..", 400, "path/dot-segment", "segment"),
    (P + "%2B12065550123/.", 400, "path/dot-segment", "segment"),
    ("//phone-numbers/%2B12065550123", 400, "path/empty-segment", "segment"),
    ("/phone-numbers//%2B12065550123", 400, "path/empty-segment", "segment"),
    (P + "%2B12065550123/", 400, "path/empty-segment", "segment"),
    (P, 400, "id/empty", "empty"),
    (P + "%00", 400, "path/control", "control"),
    (P + "%2B1206555%000100", 400, "path/control", "control"),
    (P + "%2B12065550123%0A", 400, "path/control", "control"),
    (P + "%2B12065550123%0d%0aX: y", 400, "", ""),
    (P + "%0D%0A%2B12065550123", 400, "path/control", "control"),
    (P + "%2B12065550123%7F", 400, "path/control", "control"),
    (P + "%09", 400, "path/control", "control"),
    (P + "%1B", 400, "path/control", "control"),
    (P + "%", 400, "path/malformed-percent", "%"),
    (P + "%2", 400, "path/malformed-percent", "%"),
    (P + "%2G12065550123", 400, "path/malformed-percent", "%"),
    (P + "%zz", 400, "path/malformed-percent", "%"),
    (P + "%2B12065550123%", 400, "path/malformed-percent", "%"),
    (P + "%u002B12065550123", 400, "path/malformed-percent", "%"),
    (P + "%2B12065550123%2", 400, "path/malformed-percent", "%"),
    (P + "%2012065550123", 400, "id/blank-for-plus", "%2B"),
    (P + "%20", 400, "id/", ""),
    (P + "12065550123", 400, "id/format", "E.164"),
    (P + "%2B", 400, "id/format", "E.164"),
    (P + "%2B1", 400, "id/format", "E.164"),
    (P + "%2B02065550123", 400, "id/format", "E.164"),
    (P + LONG, 400, "id/format", "E.164"),
    (P + "%2B1206-555-0100", 400, "id/format", "E.164"),
    (P + "%2B%2B12065550123", 400, "id/format", "E.164"),
    (P + "++12065550123", 400, "id/format", "E.164"),
    (P + "%2B1206555010a", 400, "id/format", "E.164"),
    (P + "%2B1206555%C2%B2100", 400, "id/format", "E.164"),
    (P + "%EF%BC%8B12065550123", 400, "id/format", "E.164"),
    (P + "%2B%D9%A1%D9%A2%D9%A0%D9%A6%D9%A5%D9%A5", 400, "id/format", "E.164"),
    (P + "%FF%FE", 400, "id/", ""),
    (P + "%2B12065550123%20", 400, "id/format", "E.164"),
    (P + "%2B12065550123,%2B12065550101", 400, "id/format", "E.164"),
    (P + "*", 400, "id/format", "E.164"),
    (P + "%2A", 400, "id/format", "E.164"),
    (P + "%2B12065550123;a=b", 400, "id/format", "E.164"),
    (P + "%2B12065550123?", 400, "query/", "query"),
    (P + "%2B12065550123?operation=restore", 400, "query/", "query"),
    (P + "%2B12065550123?X-Amz-Signature=0", 400, "query/", "query"),
    (P + "%2B12065550123?%2B12065550101", 400, "query/", "query"),
    ("/phone-number/%2B12065550123", 404, "route/", "route"),
    ("/", 404, "route/", "route"),
    ("/Phone-Numbers/%2B12065550123", 404, "route/", "route"),
    (P + "%2B12065550123/extra", 404, "route/", "route"),
    (P + "%2B12065550123%5Cx", 400, "id/format", "E.164"),
]


@pytest.mark.parametrize("target,status,reason,words", TARGETS, ids=[row[0] for row in TARGETS])
def test_target_is_refused(plain_pair, target, status, reason, words):
    gateway, upstream = plain_pair
    with Client(gateway.address) as client:
        found = client.request(target=target)
    message = expect.refusal(found, status, reason)
    assert words in message
    assert_id_is_not_repeated(found, target)
    assert upstream.requests == []


def assert_id_is_not_repeated(found, target):
    # Messages show an example of their own, which ends in 0100; the ids of this table end in 0123.
    answer = found.head + found.body
    assert b"5550123" not in answer
    identifier = target.removeprefix(P)
    if len(identifier) > 6:
        assert identifier.encode() not in answer


# Targets that no URL may hold; the codec refuses them and closes.
RAW_TARGETS = [
    (b"/phone-numbers/ 12065550100", "blank for plus"),
    (b"/phone-numbers/\x0012065550100", "NUL"),
    (b"/phone-numbers/\t12065550100", "tab"),
    (b"/phone-numbers/\xef\xbc\x8b12065550100", "bytes outside ASCII"),
    (b"/phone-numbers/%2B12065550100#x", "fragment"),
    (b"phone-numbers/%2B12065550100", "no slash"),
    (b"", "empty target"),
    (b"*", "asterisk"),
]


@pytest.mark.parametrize("target", [row[0] for row in RAW_TARGETS], ids=[row[1] for row in RAW_TARGETS])
def test_raw_target_is_refused_and_the_connection_closed(plain_pair, target):
    gateway, upstream = plain_pair
    with Client(gateway.address) as client:
        client.send(b"DELETE " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
        expect.refusal(client.read(), 400, "")
        assert client.is_closed()
    assert upstream.requests == []


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "OPTIONS", "TRACE", "delete", "PURGE"])
def test_another_method_has_no_route(plain_pair, method):
    gateway, upstream = plain_pair
    expect.refusal(call(gateway.address, method), 404, "route/")
    assert upstream.requests == []


def test_head_has_no_route_and_no_body(plain_pair):
    gateway, upstream = plain_pair
    with Client(gateway.address) as client:
        found = client.request("HEAD")
        assert found.status == 404 and found.first("countersign-reason").startswith("route/")
        # Had a body followed, this answer would be read out of step.
        assert client.request().status == 204


@pytest.mark.parametrize(
    "headers,body",
    [
        ([], b"{}"),
        ([("Content-Type", "application/json")], b'{"PhoneNumberId":"+12065550100"}'),
        ([], b"x" * 100_000),
    ],
)
def test_a_body_where_the_operation_has_none_is_refused(plain_pair, headers, body):
    gateway, upstream = plain_pair
    expect.refusal(call(gateway.address, headers=headers, body=body), 400, "body/")
    assert upstream.requests == []


def test_a_chunked_body_where_the_operation_has_none_is_refused(plain_pair):
    gateway, upstream = plain_pair
    with Client(gateway.address) as client:
        client.send("DELETE /phone-numbers/+12065550100 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
        expect.refusal(client.read(), 400, "body/")
    assert upstream.requests == []


def test_content_length_zero_is_no_body(plain_pair):
    gateway, upstream = plain_pair
    assert call(gateway.address, headers=[("Content-Length", "0")]).status == 204


def test_a_refusal_keeps_the_connection(plain_pair):
    gateway, upstream = plain_pair
    with Client(gateway.address) as client:
        for _ in range(3):
            expect.refusal(client.request(target=P + "%252B12065550100"), 400, "id/double-encoded")
            assert client.request().status == 204
    assert len(upstream.requests) == 3


def test_ids_of_refusals_are_unique(plain_pair):
    gateway, _ = plain_pair
    with Client(gateway.address) as client:
        found = [client.request(target=P) for _ in range(50)]
    assert len({one.first("countersign-id") for one in found}) == 50
    assert len({one.first("x-amzn-RequestId") for one in found}) == 50


def test_protected_numbers_are_refused_however_they_are_spelled(gateway, upstream):
    config = basic_config(upstream.url)
    config["routes"][0]["parameters"]["phoneNumberId"]["deny"] = ["+12065550199"]
    address = gateway(config).address
    for spelling in ("%2B12065550199", "+12065550199", "%2b12065550199", "+1206555%30199"):
        found = call(address, target=P + spelling)
        expect.refusal(found, 403, "id/protected")
        assert b"2065550199" not in found.head + found.body
    assert upstream.requests == []
    assert call(address, target=P + "+12065550198").status == 204


@pytest.mark.parametrize(
    "value,status", [("%2B12065550100", 204), ("any-thing%20at%20all", 204), ("%C3%A9", 204), ("%20%20", 400), ("", 400), ("%252B1", 400)]
)
def test_format_any_takes_all_but_blank(gateway, upstream, value, status):
    config = basic_config(upstream.url)
    config["routes"][0]["parameters"]["phoneNumberId"]["format"] = "any"
    found = call(gateway(config).address, target=P + value)
    if status == 204:
        assert found.status == 204
        assert upstream.requests[0].target == P + value
    else:
        expect.refusal(found, 400, "id/")
        assert upstream.requests == []
