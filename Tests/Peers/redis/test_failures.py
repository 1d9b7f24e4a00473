"""The store goes, comes back, forgets or sleeps: requests are decided all the same."""

import threading
import time

import pytest

from limits.limited import reload, wait_until
from limits.load import OpenLoop, run_together
from redis.store import shared_config, store_metrics, store_status
from support import expect
from support.process import SECRET_KEY
from support.wire import call

LIMITS = {"account": {"rate": "1000/s", "burst": 1000, "per": "upstream"}}


def later(seconds, *steps):
    """Runs each step, `seconds` apart, beside the test."""

    def run():
        for step in steps:
            time.sleep(seconds)
            step()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def up(*gateways):
    return all(store_status(one)["up"] for one in gateways)


def test_kill_9_and_restart_under_load_fail_no_request(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    gateways = [gateway(shared_config(chime.url, store, LIMITS)) for _ in range(2)]
    loads = [OpenLoop(one.address, 200, 7) for one in gateways]
    chaos = later(1.2, store.kill, store.start, store.kill, store.start)
    run_together(*loads)
    chaos.join()
    assert [load.statuses() for load in loads] == [{204: 1400}] * 2
    wait_until(lambda: up(*gateways))
    for one in gateways:
        counted = store_metrics(one)
        assert counted["decided_alone_total"] > 0 and counted["failures_total{cause=\"connection\"}"] > 0
        assert counted["up"] == 1 and counted["seconds_count"] > 0
        said = [r for r in one.records if "limit store" in str(r.get("message"))]
        assert 1 <= len([r for r in said if r["level"] == "warning"]) <= 6, said
        assert "this gateway keeps its limits alone" in str(said)
        assert said[-1]["message"] == "limit store connected"


def test_at_overload_each_keeps_its_limit_alone_while_the_store_is_gone(gateway, double, redis):
    rate, burst = 50, 50
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": f"{rate}/s", "burst": burst, "per": "upstream"}}
    gateways = [gateway(shared_config(chime.url, store, limits)) for _ in range(2)]
    loads = [OpenLoop(one.address, 2 * rate, 6) for one in gateways]
    gone = []
    chaos = later(2, lambda: (store.kill(), gone.append(time.monotonic())), lambda: (store.start(), gone.append(time.monotonic())))
    run_together(*loads)
    chaos.join()
    found = [load.statuses() for load in loads]
    assert all(set(one) == {204, 429} for one in found), found
    admitted = sum(one[204] for one in found)
    # Alone for the time without a store and the second until the next probe, and never with a fresh burst.
    alone = gone[1] - gone[0] + 1.3
    assert burst + rate * 6 * 0.98 <= admitted <= burst + rate * (6 + alone) + 10, found


@pytest.mark.parametrize("forget", [("FLUSHALL",), ("SCRIPT", "FLUSH"), None], ids=["flushall", "script-flush", "restart"])
def test_a_store_that_has_forgotten_hands_out_no_fresh_budget(gateway, double, redis, forget):
    store, chime = redis(), double("--no-verify")
    limits = {"fuse": {"rate": "10/d", "burst": 10, "per": "upstream"}}
    first, second = [gateway(shared_config(chime.url, store, limits)) for _ in range(2)]
    assert [call(one.address).status for one in (first, second, first, second, first, first)] == [204] * 6
    if forget:
        store.cli(*forget)
    else:
        store.kill()
        store.start()
        wait_until(lambda: up(first, second))
    assert [call(first.address).status for _ in range(5)] == [204] * 4 + [429]
    assert call(second.address).status == 429
    assert store_status(first)["decidedAlone"] == 0


def test_flushes_under_load_fail_no_request(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    running = gateway(shared_config(chime.url, store, LIMITS))
    load = OpenLoop(running.address, 300, 3)
    chaos = later(0.3, *[lambda: (store.cli("FLUSHALL"), store.cli("SCRIPT", "FLUSH"))] * 8)
    run_together(load)
    chaos.join()
    assert load.statuses() == {204: 900}
    assert store_status(running)["decidedAlone"] == 0


def test_a_sleeping_store_is_waited_for_once(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    running = gateway(shared_config(chime.url, store, LIMITS, timeout="100ms"))
    load = OpenLoop(running.address, 100, 5)
    chaos = later(1, lambda: store.cli("CLIENT", "PAUSE", "2000"))
    run_together(load)
    chaos.join()
    assert load.statuses() == {204: 500}
    wait_until(lambda: up(running))
    counted = store_metrics(running)
    assert counted["failures_total{cause=\"timeout\"}"] > 0 and counted["decided_alone_total"] > 50
    # Those that were under way when it fell asleep, on each loop, and no others.
    slow = [one for one in load.results if one.answered - one.sent > 0.09]
    assert 1 <= len(slow) <= 60, len(slow)
    assert max(one.answered - one.sent for one in load.results) < 1


@pytest.mark.parametrize("from_the_start", [True, False])
def test_deny_refuses_with_503_while_the_store_is_gone(gateway, double, redis, from_the_start):
    store, chime = redis(), double("--no-verify")
    if from_the_start:
        store.kill()
    running = gateway(shared_config(chime.url, store, LIMITS, on_failure="deny"))
    if not from_the_start:
        assert call(running.address).status == 204
        store.kill()
        wait_until(lambda: not up(running))
    refused = call(running.address)
    expect.refusal(refused, 503, "limit-store/unavailable")
    host, port = running.admin_url.removeprefix("http://").split(":")
    not_ready = call((host, int(port)), "GET", "/ready")
    assert not_ready.status == 503 and b"limit-store" in not_ready.body
    store.start()
    wait_until(lambda: up(running))
    assert call(running.address).status == 204
    assert call((host, int(port)), "GET", "/ready").status == 200
    assert "limited requests are refused" in running.stderr


# The least that a user of the store may do, as the decision record has it.
ACL = "gateway on >right ~countersign:* +eval +evalsha +script|load +select +time +get +set +del"


@pytest.mark.parametrize("options", [[], ["--user", *ACL.split()]], ids=["password", "user"])
def test_the_right_password_connects_and_a_wrong_one_is_said(gateway, double, redis, options):
    chime = double("--no-verify")
    store = redis(*options, password="right")
    user = "gateway" if options else ""
    url = f"redis://{user}:%s@127.0.0.1:{store.port}/2"
    good = gateway(shared_config(chime.url, store, LIMITS, url=url % "right"))
    assert up(good) and call(good.address).status == 204
    assert store.cli("-n", "2", "DBSIZE") in ("0", "1") and store_status(good)["answers"] == 1
    bad = gateway(shared_config(chime.url, store, LIMITS, url=url % "wr%6fng-p%40ss"))
    assert call(bad.address).status == 204
    said = [r for r in bad.records if r.get("level") == "error" and "limit store failed" in str(r.get("message"))]
    assert said and "does not accept the user or password" in str(said), bad.stderr
    for one in (good, bad):
        assert "wrong-p@ss" not in one.stderr and ":right@" not in one.stderr


def test_tls_with_password_and_database(gateway, double, redis, certificates):
    chime = double("--no-verify")
    store = redis(tls=certificates, password="right")
    url = f"rediss://:right@127.0.0.1:{store.port}/1"
    config = shared_config(chime.url, store, LIMITS, url=url, timeout="1s")
    running = gateway(config, environment={"SSL_CERT_FILE": certificates.path("ca.pem")})
    load = OpenLoop(running.address, 100, 2)
    run_together(load)
    assert load.statuses() == {204: 200} and up(running)
    assert store_status(running)["decidedAlone"] == 0 and store_status(running)["answers"] == 200
    # An authority that is not trusted: said, and nobody fails for it.
    stranger = gateway(config, environment={"SSL_CERT_FILE": certificates.path("other-ca.pem")})
    assert call(stranger.address).status == 204 and not up(stranger)
    assert store_metrics(stranger)["failures_total{cause=\"tls\"}"] > 0
    assert "TLS: " in stranger.stderr


def test_what_is_no_redis_is_left_alone(gateway, double, upstream):
    """An address where something else answers: said, retried slowly, and nobody fails for it."""
    chime = double("--no-verify")
    running = gateway(shared_config(chime.url, None, LIMITS, url=upstream.url.replace("http:", "redis:")))
    assert call(running.address).status == 204
    assert "limit store failed" in running.stderr


def test_a_reload_takes_and_leaves_a_store_and_fails_no_request(gateway, double, redis):
    chime = double("--no-verify")
    one, other = redis(), redis()
    limits = {"fuse": {"rate": "3000/d", "burst": 3000, "per": "upstream"}}
    configs = [shared_config(chime.url, store, limits) for store in (one, other)]
    without = {k: v for k, v in configs[0].items() if k != "limitStore"}
    running = gateway(without)
    load = OpenLoop(running.address, 200, 4)
    steps = [configs[0], configs[1], without, configs[0], configs[0]]
    chaos = later(0.5, *[lambda c=c: reload(running, c) for c in steps])
    run_together(load)
    chaos.join()
    assert load.statuses() == {204: 800}
    # The count went along from store to store.
    assert call(running.address).first("RateLimit").startswith('"fuse";r=2199;')
    assert store_status(running)["up"] and store_status(running)["decidedAlone"] == 0
    wait_until(lambda: other.cli("CLIENT", "LIST").count("cmd=evalsha") == 0)


def test_no_secret_stands_in_log_status_or_metrics(gateway, double, redis):
    chime = double("--no-verify")
    store = redis(password="right-p4ss")
    running = gateway(shared_config(chime.url, store, LIMITS, url=f"redis://:right-p4ss@127.0.0.1:{store.port}"))
    assert call(running.address).status == 204
    store.kill()
    wait_until(lambda: not up(running))
    assert call(running.address).status == 204
    host, port = running.admin_url.removeprefix("http://").split(":")
    pages = b"".join(call((host, int(port)), "GET", path).body for path in ("/status", "/metrics", "/"))
    for secret in ("right-p4ss", SECRET_KEY):
        assert secret.encode() not in pages and secret not in running.stderr
    assert b'"limitStore"' in pages
