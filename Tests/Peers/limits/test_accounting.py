"""What is counted and what is not: refusals, turns that are given back, and reloads."""

import asyncio
import contextlib
import json
import random
import time

import h2.config
import h2.connection
import pytest

from audit.trail import wait_for_records
from limits.limited import CALLERS, limit_status, limited_config, metrics, reload, status, token, wait_until
from limits.one_429 import items, one_429
from support.expect import refusal
from support.upstream import always, error
from support.wire import Client, call, request_bytes


def remaining(running, name, **labels):
    return limit_status(running, name, **labels)["remaining"]


@pytest.mark.parametrize("order", [["tight", "wide", "mine"], ["wide", "mine", "tight"]], ids=["refuser first", "refuser last"])
def test_a_refused_request_consumes_nothing_anywhere(gateway, upstream, order):
    limits = {
        "tight": {"rate": "1/h", "burst": 2, "per": "upstream"},
        "wide": {"rate": "1/h", "burst": 100, "per": "route"},
        "mine": {"rate": "1/h", "burst": 50, "per": "caller"},
    }
    running = gateway(limited_config(upstream.url, limits, order=order))

    def left():
        return remaining(running, "tight"), remaining(running, "wide"), remaining(running, "mine", caller="local")

    with Client(running.address) as client:
        assert [client.request().status for _ in range(2)] == [204, 204]
        assert left() == (0, 98, 48)
        waits = [one_429(client.request(), "limit/tight")[0] for _ in range(30)]
        assert left() == (0, 98, 48)
    # Not even the limit that refuses is pushed further away by asking.
    assert waits == sorted(waits, reverse=True)
    assert metrics(running)['countersign_limit_remaining{limit="wide",route="DELETE /phone-numbers/{phoneNumberId}"}'] == 98
    assert len(upstream.requests) == 2


def test_a_limit_of_each_caller_refuses_one_and_not_the_other(gateway, upstream):
    limits = {"mine": {"rate": "1/h", "burst": 1, "per": "caller"}, "account": {"rate": "1/h", "burst": 10, "per": "upstream"}}
    running = gateway(limited_config(upstream.url, limits, callers=CALLERS))
    assert call(running.address, headers=token("large")).status == 204
    for _ in range(5):
        one_429(call(running.address, headers=token("large")), "limit/mine")
    assert call(running.address, headers=token("small")).status == 204
    assert remaining(running, "account") == 8
    assert remaining(running, "mine", caller="large") == remaining(running, "mine", caller="small") == 0


def test_what_is_refused_before_the_limits_consumes_nothing(gateway, upstream):
    config = limited_config(upstream.url, {"account": {"rate": "1/h", "burst": 10, "per": "upstream"}}, callers=CALLERS)
    config["routes"][0]["parameters"]["phoneNumberId"]["deny"] = ["+12065550199"]
    config["routes"][0]["callers"] = ["small"]
    running = gateway(config)
    refusal(call(running.address), 401, "caller/")
    refusal(call(running.address, headers=token("large")), 403, "")
    refusal(call(running.address, target="/phone-numbers/%2B12065550199", headers=token("small")), 403, "")
    refusal(call(running.address, target="/phone-numbers/%252B12065550100", headers=token("small")), 400, "id/")
    refusal(call(running.address, target="/nowhere", headers=token("small")), 404, "")
    assert remaining(running, "account") == 10
    assert upstream.requests == []


def test_a_caller_that_hangs_up_leaves_the_queue_and_the_next_one_has_its_turn(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    limits = {"account": {"rate": "30/m", "burst": 1, "per": "upstream", "maxWait": "5s"}}
    running = gateway(limited_config(upstream.url, limits, audit={"file": {"path": str(path), "sync": "never"}}))
    with contextlib.ExitStack() as stack:
        first, gone, patient, late = (stack.enter_context(Client(running.address)) for _ in range(4))
        assert first.request(target="/phone-numbers/%2B12065550101").status == 204
        for number, client in ((102, gone), (103, patient)):
            client.send(request_bytes(target=f"/phone-numbers/%2B12065550{number}"))
            wait_until(lambda number=number: limit_status(running, "account")["waiting"] == number - 101)
        # Turns are 2 s and 4 s after the first request; the next one, at 6 s, is past `maxWait`.
        one_429(late.request(target="/phone-numbers/%2B12065550104"), "limit/account")
        gone.close()
        wait_until(lambda: limit_status(running, "account")["waiting"] == 1)
        late.send(request_bytes(target="/phone-numbers/%2B12065550105"))
        assert patient.read().status == 204
        assert late.read().status == 204
    assert [request.target[-3:] for request in upstream.requests] == ["101", "103", "105"]
    records = [json.loads(line) for line in wait_for_records(path, 8).splitlines()]
    stages = {}
    for record in records:
        number = record["subject"]["phoneNumberId"][-3:]
        stages.setdefault(number, []).append((record["stage"], record["decision"].get("reason")))
    assert stages == {
        "101": [("intent", None), ("outcome", None)],
        "102": [("refusal", "caller/gone")],
        "103": [("intent", None), ("outcome", None)],
        "104": [("refusal", "limit/account")],
        "105": [("intent", None), ("outcome", None)],
    }


def test_a_caller_that_hangs_up_before_another_attempt_is_not_sent_again(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    upstream.scripts = [always(error(429, "ThrottledClientException", headers=[("x-amz-retry-after", "50000")]))]
    limits = {"account": {"rate": "10/s", "burst": 10, "per": "upstream", "maxWait": "1m"}}
    running = gateway(limited_config(upstream.url, limits, audit={"file": {"path": str(path), "sync": "never"}}))
    with Client(running.address) as client:
        client.send(request_bytes())
        wait_until(lambda: status(running)["upstreamThrottles"] == 1)
    # The outcome is written when the caller has gone, not when its next attempt is due.
    intent, outcome = (json.loads(line) for line in wait_for_records(path, 2).splitlines())
    assert (intent["stage"], outcome["stage"]) == ("intent", "outcome")
    assert outcome["status"] == 429 and outcome["attempts"] == 1
    wait_until(lambda: status(running)["exchanges"] == 0)
    assert limit_status(running, "account")["waiting"] == 0
    assert call(running.address).status == 204
    assert len(upstream.requests) == 2


def test_limits_survive_a_reload_without_resetting(gateway, upstream):
    limits = {
        "account": {"rate": "1/h", "burst": 4, "per": "upstream"},
        "mine": {"rate": "10/h", "burst": 10, "per": "caller"},
    }
    config = limited_config(upstream.url, limits)
    running = gateway(config)
    with Client(running.address) as client:
        assert [client.request().status for _ in range(3)] == [204] * 3
        # Nothing of the limits changes; then routes, callers and upstreams come and go around them.
        reload(running, config)
        assert items(client.request(), "ratelimit")[0][1]["r"] == 0
        before = one_429(client.request(), "limit/account")[0]
        config["callers"] = [*CALLERS, {"name": "local", "networks": ["127.0.0.1/32"]}]
        config["upstreams"] = {"another": dict(config["upstreams"]["chime"]), **config["upstreams"]}
        config["routes"].insert(0, {"operation": "List", "method": "GET", "path": "/phone-numbers", "upstream": "another"})
        config["limits"] = {"new": {"rate": "1/s", "burst": 1, "per": "route"}, **config["limits"]}
        reload(running, config)
        assert one_429(client.request(), "limit/account")[0] <= before
        assert remaining(running, "mine", caller="local") == 6


def test_a_reload_that_changes_a_rate_is_no_way_to_a_fresh_burst(gateway, upstream):
    config = limited_config(upstream.url, {"account": {"rate": "1/h", "burst": 4, "per": "upstream"}})
    running = gateway(config)
    with Client(running.address) as client:
        assert [client.request().status for _ in range(4)] == [204] * 4
        config["limits"]["account"] |= {"rate": "60/h"}
        reload(running, config)
        assert 0 < one_429(client.request(), "limit/account")[0] <= 60_000
        config["limits"]["account"] |= {"rate": "1/h"}
        reload(running, config)
        assert 3_400_000 < one_429(client.request(), "limit/account")[0] <= 3_600_000


def test_who_waits_during_a_reload_has_its_turn(gateway, upstream):
    config = limited_config(upstream.url, {"account": {"rate": "1/s", "burst": 1, "per": "upstream", "maxWait": "10s"}})
    running = gateway(config)
    with Client(running.address) as first, Client(running.address) as second, Client(running.address) as third:
        assert first.request().status == 204
        second.send(request_bytes())
        wait_until(lambda: limit_status(running, "account")["waiting"] == 1)
        reload(running, config)
        third.send(request_bytes())
        assert [second.read().status, third.read().status] == [204, 204]


def test_many_callers_who_hang_up_while_they_wait_cost_no_turns(gateway, double):
    """Every other caller leaves after a moment of its own; the turns go to those who stay, and none is lost or doubled."""
    rate, seconds = 100, 4
    chime = double("--no-verify")
    limits = {"account": {"rate": f"{rate}/s", "burst": 5, "per": "upstream", "maxWait": "400ms"}}
    running = gateway(limited_config(chime.url, limits))
    dice = random.Random(1)
    ends = []

    async def one(patience):
        _, writer = stream = await asyncio.open_connection(*running.address)
        writer.write(request_bytes())
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stream[0].readuntil(b"\r\n\r\n"), patience)
        ends.append(time.monotonic())
        writer.close()

    async def everybody():
        tasks = []
        for number in range(4 * rate * seconds):
            await asyncio.sleep(max(0, started + number / (4 * rate) - time.monotonic()))
            tasks.append(asyncio.create_task(one(dice.uniform(0, 0.4) if number % 2 else 30)))
        await asyncio.gather(*tasks)

    started = time.monotonic()
    asyncio.run(everybody())
    wait_until(lambda: status(running)["exchanges"] == 0)
    sent = len(chime.requests)
    # Those who left with their answer under way have used their turn; nobody else has.
    assert sent <= 5 + rate * (max(ends) - started) + 1
    assert sent >= 0.9 * rate * seconds
    entry = limit_status(running, "account")
    assert entry["waiting"] == 0
    wait_until(lambda: remaining(running, "account") == 5)


def test_over_http2_a_stream_that_is_reset_leaves_the_queue(gateway, upstream):
    limits = {"account": {"rate": "3/m", "burst": 1, "per": "upstream", "maxWait": "1m"}}
    running = gateway(limited_config(upstream.url, limits))
    assert call(running.address).status == 204
    with Client(running.address) as client:
        peer = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
        peer.initiate_connection()
        fields = [(":method", "DELETE"), (":scheme", "http"), (":authority", "gateway.test"), (":path", "/phone-numbers/%2B12065550100")]
        for stream in (1, 3):
            peer.send_headers(stream, fields, end_stream=True)
        client.send(peer.data_to_send())
        wait_until(lambda: limit_status(running, "account")["waiting"] == 2)
        peer.reset_stream(1)
        client.send(peer.data_to_send())
        wait_until(lambda: limit_status(running, "account")["waiting"] == 1)
    wait_until(lambda: limit_status(running, "account")["waiting"] == 0)
    assert len(upstream.requests) == 1
