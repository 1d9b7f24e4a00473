"""Two gateways, one quota."""

import pytest

from limits.limited import CALLERS, token
from limits.load import OpenLoop, run_together
from redis.store import shared_config, store_metrics, store_status
from support.wire import call

RATE, BURST, SECONDS = 50, 50, 10


@pytest.mark.parametrize("wait", [None, "250ms"], ids=["refusing", "waiting"])
def test_two_gateways_at_four_times_the_rate_admit_one_burst_and_rate(gateway, double, redis, wait):
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": f"{RATE}/s", "burst": BURST, "per": "upstream"} | ({"maxWait": wait} if wait else {})}
    gateways = [gateway(shared_config(chime.url, store, limits)) for _ in range(2)]
    loads = [OpenLoop(one.address, 2 * RATE, SECONDS) for one in gateways]
    run_together(*loads)
    found = [load.statuses() for load in loads]
    assert all(set(one) == {204, 429} and sum(one.values()) == 2 * RATE * SECONDS for one in found), found
    admitted = sum(one[204] for one in found)
    first, last = min(load.first_sent for load in loads), max(load.last_answered for load in loads)
    least = (BURST + RATE * (max(load.last_sent for load in loads) - first)) * 0.98
    assert least <= admitted <= BURST + RATE * (last - first) + 1, (least, admitted)
    assert admitted == pytest.approx(BURST + RATE * SECONDS, rel=0.02 + (0.025 if wait else 0))
    # Without waiting it is luck who asks first when a share is there; with it, both are served in turn.
    assert not wait or min(one[204] for one in found) > admitted * 0.35, found
    assert len(chime.requests) == admitted
    assert store.cli("KEYS", "*") == "countersign:account:upstream=chime"
    for one in gateways:
        counted = store_metrics(one)
        assert counted["up"] == 1 and counted["decided_alone_total"] == 0
        assert all(value == 0 for name, value in counted.items() if name.startswith("failures_total")), counted
        # What a gateway knows to be used up it refuses by itself.
        assert counted["seconds_count"] < 2 * RATE * SECONDS


def test_waiting_requests_of_two_gateways_take_turns(gateway, double, redis):
    rate, seconds = 20, 5
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": f"{rate}/s", "burst": 1, "per": "upstream", "maxWait": "1s"}}
    gateways = [gateway(shared_config(chime.url, store, limits)) for _ in range(2)]
    # Both ask at the same moments for what is exactly the rate together.
    loads = [OpenLoop(one.address, rate / 2, seconds) for one in gateways]
    run_together(*loads)
    assert [load.statuses() for load in loads] == [{204: rate // 2 * seconds}] * 2


def test_a_small_caller_of_one_gateway_gets_its_share_beside_a_large_one_of_both(gateway, double, redis):
    rate, seconds = 20, 6
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": f"{rate}/s", "burst": 1, "per": "upstream", "maxWait": "1s"}}
    gateways = [gateway(shared_config(chime.url, store, limits, callers=CALLERS)) for _ in range(2)]
    # The share of a caller at one gateway of two is at least a quarter of the rate.
    small = OpenLoop(gateways[0].address, rate / 4, seconds, token("small"))
    large = [OpenLoop(one.address, rate * 2, seconds, token("large")) for one in gateways]
    run_together(small, *large)
    assert small.statuses() == {204: rate // 4 * seconds}


def test_a_refused_request_consumes_nothing_in_the_store(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    limits = {
        "account": {"rate": "10/d", "burst": 10, "per": "upstream"},
        "own": {"rate": "2/d", "burst": 2, "per": "caller"},
    }
    first, second = [gateway(shared_config(chime.url, store, limits, callers=CALLERS)) for _ in range(2)]
    assert [call(first.address, headers=token("large")).status for _ in range(2)] == [204, 204]
    before = store.cli("GET", "countersign:account:upstream=chime")
    # The second gateway learns it from the store, then knows.
    for _ in range(3):
        refused = call(second.address, headers=token("large"))
        assert refused.status == 429 and refused.first("countersign-reason") == "limit/own"
        # 2 a day: the next one is due half a day after the first.
        assert 43_190 <= int(refused.first("retry-after")) <= 43_200
    assert store_metrics(second)["seconds_count"] == 1
    assert store.cli("GET", "countersign:account:upstream=chime") == before
    assert [call(second.address, headers=token("small")).status for _ in range(3)] == [204, 204, 429]
    assert call(first.address, headers=token("small")).status == 429
    assert store.cli("GET", "countersign:account:upstream=chime") != before


def test_the_callers_see_the_numbers_of_the_store(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": "10/d", "burst": 10, "per": "upstream"}}
    first, second = [gateway(shared_config(chime.url, store, limits)) for _ in range(2)]
    for left in (9, 7, 5, 3, 1):
        assert call(first.address).first("RateLimit").startswith(f'"account";r={left};')
        assert call(second.address).first("RateLimit").startswith(f'"account";r={left - 1};')
    refused = call(first.address)
    assert refused.status == 429 and refused.first("RateLimit").startswith('"account";r=0;')


def test_keys_end_when_they_are_full_again_and_stand_under_the_prefix(gateway, double, redis):
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": "10/s", "burst": 5, "per": "caller+route"}}
    running = gateway(shared_config(chime.url, store, limits, prefix="pre:", url=store.url + "/3", callers=CALLERS))
    assert call(running.address, headers=token("small")).status == 204
    key = "pre:account:route=DELETE%20/phone-numbers/%7BphoneNumberId%7D:caller=small"
    assert store.cli("KEYS", "*") == ""
    assert store.cli("-n", "3", "SET", "other", "1") == "OK"
    assert store.cli("-n", "3", "PTTL", key) in [str(n) for n in range(-2, 103)]
    assert store_status(running)["address"].endswith("/3")


def test_a_fraction_of_a_microsecond_is_not_lost(gateway, double, redis):
    """7 in a second are 142,857 1/7 us each: seven of them are exactly one second."""
    store, chime = redis(), double("--no-verify")
    limits = {"account": {"rate": "7/d", "burst": 7, "per": "upstream"}}
    running = gateway(shared_config(chime.url, store, limits))
    assert call(running.address).status == 204
    start = int(store.cli("GET", "countersign:account:upstream=chime").split()[0]) - 86_400_000_000 // 7
    for _ in range(6):
        assert call(running.address).status == 204
    whole, part, interval, interval_part, denominator = map(int, store.cli("GET", "countersign:account:upstream=chime").split())
    assert (interval, interval_part, denominator) == (86_400_000_000 // 7, 86_400_000_000 % 7, 7)
    assert (whole - start, part) == (86_400_000_000, 0)
