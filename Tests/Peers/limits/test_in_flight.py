"""`maxInFlight`: more requests than the upstream may be given at once are shed with 503, and no place is ever lost."""

import contextlib
import json
import threading

from audit.trail import wait_for_records
from limits.limited import limit_status, limited_config, reload, status, wait_until
from limits.one_429 import one_429
from support.expect import refusal, relayed
from support.process import basic_config
from support.upstream import always, answer, error, plain
from support.wire import Client, call, request_bytes

MOST = 3


class Gate:
    """A script that answers when it is opened."""

    def __init__(self, data=None):
        self.data = data
        self.event = threading.Event()

    def __call__(self, request, connection):
        self.event.wait(30)
        connection.send(self.data or answer())

    def open(self):
        self.event.set()


def capped_config(url, limits=None, **changes):
    upstream = {"maxInFlight": MOST} | changes.pop("upstream", {})
    if limits:
        return limited_config(url, limits, upstream=upstream, **changes)
    config = basic_config(url, **changes)
    config["upstreams"]["chime"] |= upstream
    return config


def test_what_is_too_much_at_once_is_shed_and_recorded_as_refused(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    gate = upstream.script = Gate()
    limits = {"account": {"rate": "1/h", "burst": 100, "per": "upstream"}, "fuse": {"rate": "9/d", "burst": 9, "per": "caller"}}
    running = gateway(capped_config(upstream.url, limits, audit={"file": {"path": str(path), "sync": "always"}}))
    with contextlib.ExitStack() as stack:
        # On connections of their own, so on every event loop.
        inside = [stack.enter_context(Client(running.address)) for _ in range(MOST)]
        for client in inside:
            client.send(request_bytes())
        upstream.wait_for_requests(MOST)
        for _ in range(6):
            shed = call(running.address)
            message = refusal(shed, 503, "upstream/overload")
            assert "not sent" in message
            assert shed.all("retry-after") == shed.all("ratelimit") == []
        # Shed is refused: it has consumed nothing.
        assert limit_status(running, "account")["remaining"] == 100 - MOST
        assert limit_status(running, "fuse")["remaining"] == 9 - MOST
        gate.open()
        for client in inside:
            relayed(client.read(), 204)
        relayed(call(running.address), 204)
    assert len(upstream.requests) == MOST + 1
    records = [json.loads(line) for line in wait_for_records(path, 2 * (MOST + 1) + 6).splitlines()]
    assert [record["stage"] for record in records].count("intent") == MOST + 1
    refused = [record for record in records if record["stage"] == "refusal"]
    assert len(refused) == 6
    assert {(record["decision"]["reason"], record["status"]) for record in refused} == {("upstream/overload", 503)}
    assert status(running)["refusals"]["upstream/overload"] == 6


def test_no_place_is_lost_however_a_request_ends(gateway, upstream):
    """More than `MOST` of every ending one after the other, and then exactly `MOST` places are there."""
    limits = {"account": {"rate": "1000/s", "burst": 1000, "per": "upstream", "maxWait": "300ms"}}
    changes = {"upstream": {"responseTimeout": "100ms", "maxConnections": 8}}
    running = gateway(capped_config(upstream.url, limits, **changes))
    endings = [
        (plain, 204),
        (lambda request, connection: connection.reset(), 503),
        (lambda request, connection: connection.close(), 503),
        (lambda request, connection: connection.send(b"nonsense\r\n\r\n"), 503),
        (always(error(404, "NotFoundException")), 404),
        (always(error(429, "ThrottledClientException", headers=[("Retry-After", "9")])), 429),
        (lambda request, connection: None, 504),
    ]
    for script, expected in endings:
        upstream.script = script
        for _ in range(MOST + 2):
            assert call(running.address).status == expected
    # Sent again after a throttle, and then answered.
    for _ in range(MOST + 2):
        upstream.scripts, upstream.script = [always(error(429, "ThrottledClientException", headers=[("x-amz-retry-after", "1")]))], plain
        assert call(running.address).status == 204
    # Cut short in the middle of a body.
    upstream.script = lambda request, connection: (connection.send(answer(200, body=b"x" * 50)[:-20]), connection.close())
    for _ in range(MOST + 2):
        with Client(running.address) as client, contextlib.suppress(EOFError):
            client.request()
    # A caller that hangs up while the upstream works.
    for _ in range(MOST + 2):
        gate = upstream.script = Gate()
        seen = len(upstream.requests)
        with Client(running.address) as client:
            client.send(request_bytes())
            upstream.wait_for_requests(seen + 1)
        gate.open()
        wait_until(lambda: status(running)["exchanges"] == 0)
    gate = upstream.script = Gate()
    reload(running, capped_config(upstream.url, limits))
    exactly_so_many_places(running, upstream, gate)


def exactly_so_many_places(running, upstream, gate):
    seen = len(upstream.requests)
    with contextlib.ExitStack() as stack:
        inside = [stack.enter_context(Client(running.address)) for _ in range(MOST)]
        for client in inside:
            client.send(request_bytes())
        upstream.wait_for_requests(seen + MOST)
        refusal(call(running.address), 503, "upstream/overload")
        gate.open()
        assert [client.read().status for client in inside] == [204] * MOST


def test_an_upstream_that_cannot_be_reached_holds_no_place(gateway):
    running = gateway(capped_config("http://127.0.0.1:1"))
    for _ in range(3 * MOST):
        refusal(call(running.address), 503, "upstream/refused")


def test_requests_of_the_old_configuration_count_after_a_reload(gateway, upstream):
    gate = upstream.script = Gate()
    config = capped_config(upstream.url)
    running = gateway(config)
    with contextlib.ExitStack() as stack:
        inside = [stack.enter_context(Client(running.address)) for _ in range(MOST)]
        for client in inside:
            client.send(request_bytes())
        upstream.wait_for_requests(MOST)
        reload(running, config)
        refusal(call(running.address), 503, "upstream/overload")
        config["upstreams"]["chime"]["maxInFlight"] = MOST + 1
        reload(running, config)
        more = stack.enter_context(Client(running.address))
        more.send(request_bytes())
        upstream.wait_for_requests(MOST + 1)
        refusal(call(running.address), 503, "upstream/overload")
        gate.open()
        assert [client.read().status for client in (*inside, more)] == [204] * (MOST + 1)
    relayed(call(running.address), 204)


def test_who_waits_for_a_turn_or_another_attempt_is_not_under_way(gateway, upstream):
    limits = {"account": {"rate": "30/m", "burst": 1, "per": "upstream", "maxWait": "20s"}}
    config = capped_config(upstream.url, limits, upstream={"maxInFlight": 1})
    running = gateway(config)
    upstream.scripts = [always(error(429, "ThrottledClientException", headers=[("x-amz-retry-after", "1")]))]
    with Client(running.address) as first, Client(running.address) as second:
        first.send(request_bytes())
        wait_until(lambda: status(running)["upstreamThrottles"] == 1)
        # The first waits 2 s for its next attempt, the second for its first one; one of them at a time is under way.
        second.send(request_bytes())
        assert [first.read().status, second.read().status] == [204, 204]
    assert len(upstream.requests) == 3


def test_without_it_nothing_is_shed(gateway, upstream):
    gate = upstream.script = Gate()
    config = capped_config(upstream.url)
    del config["upstreams"]["chime"]["maxInFlight"]
    running = gateway(config)
    with contextlib.ExitStack() as stack:
        inside = [stack.enter_context(Client(running.address)) for _ in range(20)]
        for client in inside:
            client.send(request_bytes())
        upstream.wait_for_requests(20)
        gate.open()
        assert {client.read().status for client in inside} == {204}


def test_another_attempt_that_finds_no_place_is_answered_as_the_throttle_it_was(gateway, upstream):
    gate = Gate()
    upstream.scripts = [always(error(429, "ThrottledClientException", headers=[("x-amz-retry-after", "1500")])), gate]
    limits = {"account": {"rate": "100/s", "burst": 100, "per": "upstream", "maxWait": "30s"}}
    running = gateway(capped_config(upstream.url, limits, upstream={"maxInFlight": 1}))
    with Client(running.address) as first, Client(running.address) as second:
        first.send(request_bytes())
        wait_until(lambda: status(running)["upstreamThrottles"] == 1)
        second.send(request_bytes())
        upstream.wait_for_requests(2)
        one_429(first.read(), "upstream/throttled", origin="upstream")
        gate.open()
        assert second.read().status == 204
        assert first.request().status == 204
    assert len(upstream.requests) == 3
