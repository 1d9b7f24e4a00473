"""An upstream whose clock is not the gateway's: signatures with its time, one more try after a refusal, and none beyond 15 minutes."""

import datetime
import email.utils
import json
import time
import urllib.request

import pytest

from support.process import basic_config
from support.expect import refusal
from support.upstream import answer, error
from support.wire import Client, call


def date_field(offset):
    return ("Date", email.utils.formatdate(time.time() + offset, usegmt=True))


def signed_offset(request):
    """Seconds by which the signature's time is ahead of this machine's clock."""
    signed = datetime.datetime.strptime(request.first("x-amz-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    return signed.timestamp() - time.time()


def metric(gateway, name):
    with urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=60) as response:
        lines = response.read().decode().splitlines()
    return [float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name + "{")]


def records(path, count):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        lines = path.read_text().splitlines() if path.exists() else []
        if len(lines) >= count:
            break
        time.sleep(0.05)
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize("offset", [600, -600])
def test_a_refusal_for_the_time_is_signed_again_once(gateway, double, tmp_path, offset):
    """The double checks signatures and refuses those that are five minutes off, as InvalidSignatureException."""
    service = double(f"--clock-offset={offset}")
    trail = tmp_path / "audit.jsonl"
    running = gateway(basic_config(service.url, audit={"file": {"path": str(trail), "sync": "never"}}))
    with Client(running.address) as client:
        for line in range(100, 104):
            assert client.request(target=f"/phone-numbers/+120655501{line - 100:02}").status == 204
    assert [request["signatureVerified"] for request in service.requests].count(True) >= 4
    written = records(trail, 8)
    outcomes = [record for record in written if record["stage"] == "outcome"]
    assert [record["status"] for record in outcomes] == [204] * 4
    # Each event loop may learn it by itself only if it asked at the same time; here requests follow each other.
    assert [record["attempts"] for record in outcomes] == [2, 1, 1, 1]
    # Of the first one: what was refused and what was carried out, under one intent and one outcome.
    first = [record for record in written if record["id"] == outcomes[0]["id"]]
    refused, carried_out = [request for request in service.requests if request["target"] == first[0]["target"]]
    assert [record["stage"] for record in first] == ["intent", "outcome"] and first[0]["method"] == "DELETE"
    assert (refused["status"], carried_out["status"]) == (403, 204)
    assert not refused["signatureVerified"] and carried_out["signatureVerified"]
    assert first[1]["decision"]["state"] == "answered" and first[1]["origin"] == "upstream" and first[1]["restorableUntil"]
    assert first[1]["upstreamRequestId"] and not first[1].get("errorType")
    assert metric(running, "countersign_clock_signed_again_total") == [1]
    [skew] = metric(running, "countersign_clock_skew_seconds")
    assert abs(skew - offset) < 30
    with urllib.request.urlopen(running.admin_url + "/status", timeout=60) as response:
        [known] = json.loads(response.read())["upstreams"]
    assert abs(known["clockSkewSeconds"] - offset) < 30
    assert running.wait_for_log(lambda record: "signatures are corrected" in record.get("message", ""))


@pytest.mark.parametrize("offset", [1200, -1200])
def test_beyond_fifteen_minutes_nothing_is_signed(gateway, double, tmp_path, offset):
    service = double(f"--clock-offset={offset}")
    trail = tmp_path / "audit.jsonl"
    running = gateway(basic_config(service.url, audit={"file": {"path": str(trail), "sync": "never"}}))
    refusal(call(running.address), 503, "clock/skew")
    sent = len(service.requests)
    assert sent == 1
    # It was sent, and is known to have been turned down.
    _, outcome = records(trail, 2)
    assert (outcome["decision"]["state"], outcome["decision"]["reason"]) == ("answered", "clock/skew")
    assert (outcome["attempts"], outcome["status"], outcome["origin"]) == (1, 503, "gateway")
    assert outcome["upstreamRequestId"] and not outcome.get("restorableUntil")
    started = time.monotonic()
    refusal(call(running.address), 503, "clock/skew")
    # One request in ten seconds looks whether a clock was mended.
    if time.monotonic() - started < 5:
        assert len(service.requests) == sent
        *_, outcome = records(trail, 4)
        assert (outcome["decision"]["state"], outcome["attempts"]) == ("refused-late", 0)


@pytest.mark.parametrize("code", ["RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException"])
@pytest.mark.parametrize("in_header", [True, False])
def test_codes(gateway, upstream, code, in_header):
    def refuse(request, connection):
        headers = [date_field(600)]
        if in_header:
            connection.send(error(403, code, headers=headers))
        else:
            connection.send(answer(403, "Error", headers, json.dumps({"__type": code}).encode()))

    upstream.scripts.append(refuse)
    running = gateway(basic_config(upstream.url))
    assert call(running.address).status == 204
    first, second = upstream.requests
    assert abs(signed_offset(first)) < 120
    assert abs(signed_offset(second) - 600) < 120


def test_a_second_refusal_is_the_callers(gateway, upstream, tmp_path):
    upstream.script = lambda request, connection: connection.send(error(403, "RequestTimeTooSkewed", headers=[date_field(600)]))
    trail = tmp_path / "audit.jsonl"
    running = gateway(basic_config(upstream.url, audit={"file": {"path": str(trail), "sync": "never"}}))
    answered = call(running.address)
    assert answered.status == 403 and answered.first("x-amzn-ErrorType") == "RequestTimeTooSkewed"
    assert len(upstream.requests) == 2
    _, outcome = records(trail, 2)
    assert (outcome["decision"]["state"], outcome["attempts"], outcome["status"]) == ("answered", 2, 403)
    assert outcome["errorType"] == "RequestTimeTooSkewed"


@pytest.mark.parametrize("headers", [lambda: [], lambda: [date_field(0)], lambda: [("Date", "yesterday")]])
def test_a_wrong_key_is_not_tried_twice(gateway, upstream, headers):
    upstream.script = lambda request, connection: connection.send(error(403, "SignatureDoesNotMatch", headers=headers()))
    running = gateway(basic_config(upstream.url))
    answered = call(running.address)
    assert answered.status == 403 and answered.first("x-amzn-ErrorType") == "SignatureDoesNotMatch"
    assert len(upstream.requests) == 1


def test_dates_of_good_answers_correct_the_time(gateway, upstream):
    upstream.script = lambda request, connection: connection.send(answer(headers=[date_field(120)]))
    running = gateway(basic_config(upstream.url))
    deadline = time.monotonic() + 60
    with Client(running.address) as client:
        while time.monotonic() < deadline:
            assert client.request().status == 204
            if abs(signed_offset(upstream.requests[-1]) - 120) < 30:
                break
            time.sleep(0.1)
    assert abs(signed_offset(upstream.requests[-1]) - 120) < 30
