"""No request is lost or doubled when an HTTP/2 upstream closes its idle connections without GOAWAY: it is sent again where no process there
can have read it, and in no other case."""

import time

import pytest

from support.closing import ClosingUpstream, load
from support.process import basic_config
from support.wire import Client

CALLERS, EACH = 6, 300


@pytest.mark.parametrize("secure", [False, True], ids=["h2c", "h2"])
@pytest.mark.parametrize("seed, share", [(1, 0.05), (2, 0.3)])
def test_connections_closed_at_random_under_load(gateway, certificates, secure, seed, share):
    files = (certificates.path("good.pem"), certificates.path("good.key")) if secure else ()
    upstream = ClosingUpstream("closing_http2_upstream.py", seed, share, *files)
    config = basic_config(upstream.url)
    config["upstreams"]["chime"] |= {"http2": "required"} | ({"caFile": certificates.path("ca.pem")} if secure else {})
    running = gateway(config)
    statuses, failures = load(running.address, CALLERS, EACH, every=10, pause=0.01)
    seen = upstream.stop()
    assert failures == [], running.stderr[-4000:]
    assert len(statuses) == CALLERS * EACH
    assert seen["closed"]["at_once"] + seen["closed"]["later"] > CALLERS * EACH * share / 10, "too few closures to prove anything"
    assert {target: count for target, count in seen["taken"].items() if count > 1} == {}
    assert [target for target, status in statuses.items() if status == 204 and target not in seen["taken"]] == []
    refused = {target: status for target, status in statuses.items() if status != 204}
    assert set(refused.values()) <= {503}
    # What was not taken was sent again, but for what lay unread in a connection that was being closed: a connection has many streams.
    assert [target for target in refused if target in seen["taken"]] == []
    assert len(refused) <= CALLERS * seen["closed"]["unread"], f"{len(refused)} refused, {seen['closed']}"


def test_a_connection_closed_while_idle_is_not_used_again(gateway, http2_upstream):
    upstream = http2_upstream(script=lambda request, connection: (connection.answer(request.stream), connection.close()))
    config = basic_config(upstream.url)
    config["upstreams"]["chime"] |= {"http2": "required"}
    running = gateway(config)
    for number in range(50):
        with Client(running.address) as client:
            assert client.request(target=f"/phone-numbers/%2B120655501{number:02}").status == 204
        time.sleep(0.002)
    arrived = [request.target for request in upstream.requests]
    assert len(arrived) == len(set(arrived)) == 50
