"""One honest 429, whoever throttled, and what every other answer says of the limits."""

import email.utils
import json
import re
import subprocess
import threading
import time

import pytest

from audit.trail import wait_for_records
from limits.limited import limit_status, limited_config, status, wait_until
from limits.one_429 import items, one_429
from support.expect import relayed
from support.process import basic_config
from support.upstream import always, answer, error
from support.wire import Answer, Client, call, request_bytes

ACCOUNT = {"rate": "1/h", "burst": 2, "per": "upstream"}


@pytest.mark.parametrize("style", ["modeled", "retryable"])
def test_a_local_limit(gateway, upstream, style):
    running = gateway(limited_config(upstream.url, {"account": ACCOUNT}, style=style))
    with Client(running.address) as client:
        assert [client.request().status for _ in range(2)] == [204, 204]
        refused = client.request()
        milliseconds, message = one_429(refused, "limit/account", style=style)
        assert 3_500_000 < milliseconds <= 3_600_000
        assert "account" in message and "1 per hour" in message
        assert refused.first("x-amzn-RequestId") == refused.first("countersign-id")
        assert items(refused, "ratelimit-policy") == [("account", {"q": 2, "w": 7200})]
        # The connection goes on, and the next answer is the same but for its ids and times.
        one_429(client.request(), "limit/account", style=style)
    assert len(upstream.requests) == 2


def test_over_http2_it_is_the_same(gateway, upstream):
    running = gateway(limited_config(upstream.url, {"account": ACCOUNT | {"burst": 1}}))
    assert call(running.address).status == 204
    arguments = ["curl", "-s", "-i", "--http2-prior-knowledge", "-X", "DELETE", running.url + "/phone-numbers/%2B12065550100"]
    printed = subprocess.run(arguments, capture_output=True, timeout=30, check=True).stdout
    head, _, body = printed.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/2 429")
    one_429(Answer(head, body), "limit/account")


def test_a_wait_that_would_be_too_long_and_one_that_comes_in_time(gateway, upstream):
    running = gateway(limited_config(upstream.url, {"account": {"rate": "30/m", "burst": 1, "per": "upstream", "maxWait": "3s"}}))
    started = time.monotonic()
    with Client(running.address) as first, Client(running.address) as second, Client(running.address) as third:
        assert first.request().status == 204
        second.send(request_bytes())
        wait_until(lambda: limit_status(running, "account")["waiting"] == 1)
        # The next free turn is 4 s after the first request, too late for a wait of 3 s: refused at once, not when the wait is over.
        milliseconds, message = one_429(third.request(), "limit/account")
        # Told to come back 4 s after the first one took its place, which was after `started` and before now.
        assert 4000 - (time.monotonic() - started) * 1000 - 1 <= milliseconds <= 4001
        assert "wait" in message
        assert second.read().status == 204
        assert time.monotonic() - started >= 2
    assert len(upstream.requests) == 2


def test_a_wait_whose_turn_is_put_off_until_too_late(gateway, upstream, tmp_path):
    """Two wait in time; then the upstream throttles, the rate is lowered for all, and the second one's turn comes too late."""
    gate = threading.Event()

    def throttle_when_told(request, connection):
        gate.wait(20)
        connection.send(error(429, "ThrottledClientException", headers=[("x-amz-retry-after", "60000")]))

    upstream.scripts = [throttle_when_told]
    limit = {"rate": "2/s", "burst": 1, "per": "upstream", "maxWait": "1100ms", "adaptive": True}
    path = tmp_path / "audit.jsonl"
    running = gateway(limited_config(upstream.url, {"account": limit}, audit={"file": {"path": str(path), "sync": "never"}}))
    with Client(running.address) as first, Client(running.address) as second, Client(running.address) as third:
        first.send(request_bytes())
        upstream.wait_for_requests(1)
        second.send(request_bytes())
        third.send(request_bytes())
        gate.set()
        milliseconds, _ = one_429(first.read(), "upstream/throttled", origin="upstream")
        assert milliseconds >= 59_000
        waiters = [second.read(), third.read()]
        # On a machine that was busy enough to delay the second past its own turn, both are refused.
        assert sorted(one.status for one in waiters) in ([204, 429], [429, 429])
        for one in waiters:
            if one.status == 429:
                one_429(one, "limit/account")
    admitted = sum(one.status == 204 for one in waiters)
    assert len(upstream.requests) == 1 + admitted
    stages = [json.loads(line)["stage"] for line in wait_for_records(path, 2 + 1 + admitted).splitlines()]
    assert stages.count("refusal") == 2 - admitted


# Throttles of the upstream, in every spelling: status, headers, body.
THROTTLES = {
    "429 modelled": (429, [("x-amzn-ErrorType", "ThrottledClientException")], b'{"Code":"Throttled","Message":"slow"}'),
    "429 empty": (429, [], b""),
    "429 of a proxy": (429, [("Content-Type", "text/html")], b"<html>slow down</html>"),
    "429 with another code": (429, [("x-amzn-ErrorType", "BadRequestException")], b"{}"),
    "400 header": (400, [("x-amzn-ErrorType", "ThrottlingException")], b'{"message":"Rate exceeded"}'),
    "400 header lower case": (400, [("x-amzn-errortype", "TooManyRequestsException")], b"{}"),
    "503 header": (503, [("x-amzn-ErrorType", "SlowDown")], b""),
    "500 header": (500, [("x-amzn-ErrorType", "RequestLimitExceeded")], b"{}"),
    "400 header with namespace": (400, [("x-amzn-ErrorType", "com.amazon.coral.availability#ThrottlingException")], b"{}"),
    "400 header with address": (400, [("x-amzn-ErrorType", "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral/")], b"{}"),
    "400 Code": (400, [], b'{"Code":"RequestLimitExceeded","Message":"m"}'),
    "503 Code": (503, [], b'{ "Message" : "m", "Code" : "SlowDown" }'),
    "400 code": (400, [], b'{"message":"m","code":"Throttling"}'),
    "403 code with namespace": (403, [], b'{"code":"aws#TooManyRequestsException"}'),
    "400 Code beside an empty header": (400, [("x-amzn-ErrorType", "")], b'{"Code":"SlowDown"}'),
    "400 __type": (400, [], b'{"__type":"ThrottlingException","message":"Rate exceeded"}'),
    "400 __type with namespace": (400, [], b'{"__type":"com.amazonaws.chime.v20180501#ThrottledClientException"}'),
    "503 __type after a nested object": (503, [], b'{"detail":{"Code":"x"},"list":["Code"],"__type":"EC2ThrottledException"}'),
}
# What only sounds like one.
OTHERS = {
    "400 word in the message": (400, [("x-amzn-ErrorType", "BadRequestException")], b'{"Code":"BadRequest","Message":"ThrottlingException"}'),
    "400 word in the message, no header": (400, [], b'{"Code":"BadRequest","Message":"Rate exceeded: SlowDown, Throttling"}'),
    "503 text": (503, [("Content-Type", "text/plain")], b"SlowDown"),
    "503 html": (503, [("Content-Type", "text/html")], b"<Code>SlowDown</Code>"),
    "400 message that looks like a member": (400, [], b'{"Message":"\\"Code\\":\\"SlowDown\\""}'),
    "400 nested Code": (400, [], b'{"Message":"m","detail":{"Code":"SlowDown"}}'),
    "400 longer code": (400, [], b'{"Code":"NotThrottlingException"}'),
    "400 longer header": (400, [("x-amzn-ErrorType", "ThrottlingExceptional")], b"{}"),
    "400 other quota": (400, [("x-amzn-ErrorType", "ResourceLimitExceededException")], b"{}"),
    "503 unavailable": (503, [("x-amzn-ErrorType", "ServiceUnavailableException")], b'{"Code":"ServiceUnavailable"}'),
    "400 torn": (400, [], b'{"Code":"SlowDown'),
    "200 with a code": (200, [], b'{"Code":"SlowDown"}'),
}


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("name", THROTTLES)
def test_a_throttle_of_the_upstream(plain_pair, name, framing):
    running, upstream = plain_pair
    status, headers, body = THROTTLES[name]
    upstream.script = always(answer(status, "Error", headers, body, "id-of-the-upstream", framing))
    if framing == "close":
        upstream.script = closing(upstream.script)
    with Client(running.address) as client:
        found = client.request()
        milliseconds, _ = one_429(found, "upstream/throttled", origin="upstream", limit=False)
        assert milliseconds == 1000
        assert found.first("x-amzn-RequestId") == "id-of-the-upstream"
        one_429(client.request(), "upstream/throttled", origin="upstream", limit=False)
    assert len(upstream.requests) == 2, "without maxWait nothing is sent again"


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("name", OTHERS)
def test_what_only_sounds_like_a_throttle_is_relayed_as_it_is(plain_pair, name, framing):
    running, upstream = plain_pair
    status, headers, body = OTHERS[name]
    upstream.script = always(answer(status, "Error", headers, body, "id-of-the-upstream", framing))
    if framing == "close":
        upstream.script = closing(upstream.script)
    found = call(running.address)
    relayed(found, status)
    assert found.body == body
    assert found.first("x-amzn-RequestId") == "id-of-the-upstream"
    assert found.all("retry-after") == found.all("x-amz-retry-after") == []
    for field, value in headers:
        assert found.first(field) == value


def closing(script):
    def send_and_close(request, connection):
        script(request, connection)
        connection.close()

    return send_and_close


@pytest.mark.parametrize("style", ["modeled", "retryable"])
def test_a_throttle_of_the_upstream_with_limits_names_the_limit_of_the_upstream(gateway, upstream, style):
    upstream.script = always(error(503, "SlowDown", request_id="its-id"))
    limits = {"mine": {"rate": "5/s", "burst": 10, "per": "caller"}, "account": {"rate": "10/s", "burst": 20, "per": "upstream"}}
    running = gateway(limited_config(upstream.url, limits, style=style))
    found = call(running.address)
    milliseconds, message = one_429(found, "upstream/throttled", origin="upstream", style=style)
    assert milliseconds == 1000 and "upstream" in message
    assert items(found, "ratelimit")[0][0] == "account"
    assert items(found, "ratelimit-policy") == [("mine", {"q": 10, "w": 2}), ("account", {"q": 20, "w": 2})]
    assert found.first("x-amzn-RequestId") == "its-id"


def in_seconds(seconds):
    return email.utils.formatdate(time.time() + seconds, usegmt=True)


WAITS = {
    "seconds": ([("Retry-After", "7")], 7000, 7000),
    "milliseconds": ([("x-amz-retry-after", "1234")], 1234, 1234),
    "both, seconds later": ([("Retry-After", "3"), ("x-amz-retry-after", "1234")], 3000, 3000),
    "both, milliseconds later": ([("x-amz-retry-after", "4321"), ("Retry-After", "3")], 4321, 4321),
    "a day": ([("Retry-After", "86400")], 86_400_000, 86_400_000),
    "three days": ([("Retry-After", "259200")], 259_200_000, 259_200_000),
    "a date": ([("Retry-After", lambda: in_seconds(90))], 88_000, 91_000),
    "a date long ago": ([("Retry-After", "Sun, 06 Nov 1994 08:49:37 GMT")], 1, 1000),
    "no number": ([("Retry-After", "soon")], 1000, 1000),
    "zero": ([("Retry-After", "0")], 1, 1000),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("name", WAITS)
def test_the_wait_that_the_upstream_names_is_never_shortened(plain_pair, name, status):
    running, upstream = plain_pair
    headers, least, most = WAITS[name]
    headers = [(field, value() if callable(value) else value) for field, value in headers]
    upstream.script = always(error(status, "ThrottlingException", headers=headers))
    found = call(running.address)
    milliseconds, _ = one_429(found, "upstream/throttled", origin="upstream", limit=False)
    assert least <= milliseconds <= most, found
    if name == "a date":
        # Counted from this moment, the caller still comes no earlier than it was told to.
        told = email.utils.parsedate_to_datetime(headers[0][1]).timestamp()
        assert time.time() + milliseconds / 1000 >= told


def test_the_wait_is_lengthened_where_a_limit_would_refuse_then(gateway, upstream):
    upstream.script = always(error(429, "ThrottledClientException", headers=[("Retry-After", "2")]))
    running = gateway(limited_config(upstream.url, {"account": ACCOUNT | {"burst": 1}}))
    milliseconds, _ = one_429(call(running.address), "upstream/throttled", origin="upstream")
    assert 3_500_000 < milliseconds <= 3_600_000


def test_whoever_comes_back_when_told_is_not_refused_again(gateway, upstream):
    running = gateway(limited_config(upstream.url, {"account": {"rate": "3/s", "burst": 1, "per": "upstream"}}))
    with Client(running.address) as client:
        assert client.request().status == 204
        for _ in range(6):
            refused = client.request()
            if refused.status == 204:
                continue  # this machine took a third of a second for it
            milliseconds, _ = one_429(refused, "limit/account")
            assert milliseconds <= 334
            # The refusal was decided before it arrived here, so this is no earlier than it says.
            time.sleep(milliseconds / 1000)
            assert client.request().status == 204


def test_what_is_left_counts_down_on_answers_of_every_kind(gateway, upstream):
    upstream.scripts = [
        always(answer(204)),
        always(error(404, "NotFoundException")),
        always(answer(200, body=b"{}")),
        always(error(500, "ServiceFailureException")),
    ]
    limits = {"account": {"rate": "1/h", "burst": 5, "per": "upstream"}, "mine": {"rate": "1000/h", "burst": 1000, "per": "caller"}}
    running = gateway(limited_config(upstream.url, limits))
    with Client(running.address) as client:
        for used, status in enumerate([204, 404, 200, 500, 204], 1):
            found = client.request()
            assert found.status == status
            [(name, parameters)] = items(found, "ratelimit")
            assert name == "account" and parameters["r"] == 5 - used
            assert used * 3600 - 60 <= parameters["t"] <= used * 3600
            assert items(found, "ratelimit-policy") == [("account", {"q": 5, "w": 18000}), ("mine", {"q": 1000, "w": 3600})]
            assert found.all("retry-after") == found.all("x-amz-retry-after") == []
        one_429(client.request(), "limit/account")


def test_names_are_written_as_structured_field_strings(gateway, upstream):
    limits = {"per-caller.v2_x": {"rate": "1/h", "burst": 1, "per": "caller"}}
    running = gateway(limited_config(upstream.url, limits))
    assert items(call(running.address), "ratelimit")[0] == ("per-caller.v2_x", {"r": 0, "t": 3600})
    one_429(call(running.address), "limit/per-caller.v2_x")


def test_refusals_that_no_limit_made_say_nothing_of_limits(gateway, upstream):
    running = gateway(limited_config(upstream.url, {"account": ACCOUNT}))
    for target, status in (("/phone-numbers/%252B12065550100", 400), ("/nowhere", 404)):
        found = call(running.address, target=target)
        assert found.status == status
        for field in ("ratelimit", "ratelimit-policy", "retry-after", "x-amz-retry-after"):
            assert found.all(field) == [], found


def test_a_fuse_says_that_it_is_a_budget_and_when_it_refills(gateway, upstream):
    running = gateway(limited_config(upstream.url, {"fuse": {"rate": "2/d", "burst": 2, "per": "caller"}}))
    with Client(running.address) as client:
        assert [client.request().status for _ in range(2)] == [204, 204]
        refused = client.request()
    milliseconds, message = one_429(refused, "limit/fuse")
    assert 43_100_000 < milliseconds <= 43_200_000
    assert items(refused, "ratelimit-policy") == [("fuse", {"q": 2, "w": 86_400})]
    assert "budget fuse" in message and "2 per day" in message
    assert re.search(r"whole again in 24 h\b", message)
    assert re.search(r"next request is possible in (12 h|11 h 59 min)\b", message), message


def test_of_two_limits_that_refuse_the_one_that_would_admit_last_is_named(gateway, upstream):
    limits = {"short": {"rate": "1/m", "burst": 1, "per": "caller"}, "long": {"rate": "1/h", "burst": 1, "per": "upstream"}}
    for order in (["short", "long"], ["long", "short"]):
        running = gateway(limited_config(upstream.url, limits, order=order))
        assert call(running.address).status == 204
        milliseconds, _ = one_429(call(running.address), "limit/long")
        assert milliseconds > 3_500_000


def test_without_limits_no_field_speaks_of_them(plain_pair):
    running, _ = plain_pair
    found = call(running.address)
    relayed(found, 204)
    assert found.all("ratelimit") == found.all("ratelimit-policy") == []


@pytest.mark.parametrize("stalls", [False, True], ids=["cut short", "stalled"])
def test_a_throttle_is_known_by_its_head_whatever_becomes_of_its_body(gateway, upstream, stalls):
    torn = answer(429, "Error", [("Retry-After", "4")], b"x" * 100, "its-id")[:-50]

    def script(request, connection):
        connection.send(torn)
        if not stalls:
            connection.close()

    upstream.script = script
    config = basic_config(upstream.url)
    config["upstreams"]["chime"]["responseTimeout"] = "300ms"
    running = gateway(config)
    found = call(running.address)
    milliseconds, _ = one_429(found, "upstream/throttled", origin="upstream", limit=False)
    assert milliseconds == 4000 and found.first("x-amzn-RequestId") == "its-id"


def test_a_throttle_without_a_request_id_has_ours(plain_pair):
    running, upstream = plain_pair
    upstream.script = always(b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n")
    found = call(running.address)
    one_429(found, "upstream/throttled", origin="upstream", limit=False)
    assert found.first("x-amzn-RequestId") == found.first("countersign-id")


def test_a_body_that_comes_slowly_is_not_held_against_its_request(gateway, upstream):
    """It asks when it is complete, and by then a second has brought its turn, whatever others took before."""
    config = limited_config(upstream.url, {"account": {"rate": "1/s", "burst": 1, "per": "upstream"}})
    config["routes"].append(
        {"operation": "Update", "method": "POST", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime", "body": True,
         "limits": ["account"]}
    )  # fmt: skip
    running = gateway(config)
    with Client(running.address) as slow, Client(running.address) as quick:
        slow.send("POST /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: gateway.test\r\nContent-Length: 4\r\n\r\nab")
        wait_until(lambda: status(running)["exchanges"] == 1)
        assert quick.request().status == 204
        time.sleep(1.01)
        slow.send("cd")
        assert slow.read("POST").status == 204
    assert upstream.requests[-1].body == b"abcd"
