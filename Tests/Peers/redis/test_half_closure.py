"""A caller that closes its sending side at once reads its answer, with a store as without one; one that waits for a turn has hung up."""

import time

from limits.limited import limit_status, wait_until
from redis.store import shared_config
from support.wire import Client, call, request_bytes


def test_one_that_is_only_asked_about_is_answered(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    running = gateway(shared_config(chime.url, store, {"account": {"rate": "10/s", "burst": 10, "per": "upstream"}}))
    store.cli("CLIENT", "PAUSE", "300")
    with Client(running.address) as client:
        client.socket.sendall(request_bytes())
        client.socket.shutdown(1)
        assert client.read().status == 204


def test_one_that_hangs_up_in_the_queue_leaves_its_turn_to_others(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": "1/s", "burst": 1, "per": "upstream", "maxWait": "10s"}}
    first, second = [gateway(shared_config(chime.url, store, limits)) for _ in range(2)]
    assert call(first.address).status == 204
    gone, patient = Client(first.address), Client(second.address)
    gone.socket.sendall(request_bytes())
    patient.socket.sendall(request_bytes())
    wait_until(lambda: limit_status(first, "account")["waiting"] == 1)
    start = time.monotonic()
    gone.close()
    assert patient.read().status == 204
    assert time.monotonic() - start < 5
    assert len(chime.requests) == 2
    assert call(first.address).status == 204
    patient.close()
