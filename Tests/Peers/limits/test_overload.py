"""Four times too much for ten seconds: what is admitted is the burst and the rate, on one event loop and on several."""

import os

import pytest

from limits.limited import CALLERS, limit_status, limited_config, status, token
from limits.load import OpenLoop, run_together

RATE, BURST, SECONDS = 50, 50, 10


@pytest.mark.parametrize("connections", [1, 64], ids=["one-loop", "several-loops"])
def test_four_times_the_rate_admits_burst_and_rate(gateway, double, connections):
    chime = double("--no-verify")
    limits = {"account": {"rate": f"{RATE}/s", "burst": BURST, "per": "upstream"}}
    running = gateway(limited_config(chime.url, limits, upstream={"maxConnections": connections}))
    assert status(running)["eventLoops"] == min(connections, os.cpu_count())
    load = OpenLoop(running.address, 4 * RATE, SECONDS)
    run_together(load)
    found = load.statuses()
    assert set(found) == {204, 429} and sum(found.values()) == 4 * RATE * SECONDS, found
    # Never more than the limit allows from the first request to the last answer, and at most 2 % less.
    most = BURST + RATE * (load.last_answered - load.first_sent) + 1
    least = (BURST + RATE * (load.last_sent - load.first_sent)) * 0.98
    assert least <= found[204] <= most, (least, found, most)
    assert len(chime.requests) == found[204]
    assert found[204] == pytest.approx(BURST + RATE * SECONDS, rel=0.02)


def test_a_small_caller_gets_its_full_fair_share_beside_one_that_sends_twenty_times_as_much(gateway, double):
    rate, seconds = 20, 6
    chime = double("--no-verify")
    limits = {"account": {"rate": f"{rate}/s", "burst": 1, "per": "upstream", "maxWait": "1s"}}
    running = gateway(limited_config(chime.url, limits, callers=CALLERS))
    # The share of each of two callers is half the rate, which is what the small one asks for.
    small = OpenLoop(running.address, rate / 2, seconds, token("small"))
    large = OpenLoop(running.address, rate / 2 * 20, seconds, token("large"))
    run_together(small, large)
    assert small.statuses() == {204: rate // 2 * seconds}
    found = large.statuses()
    assert found[204] >= (rate / 2 * seconds) * 0.9, found
    assert found[204] + found[429] == rate // 2 * 20 * seconds, found
    admitted = small.statuses()[204] + found[204]
    assert admitted <= 1 + rate * (max(small.last_answered, large.last_answered) - min(small.first_sent, large.first_sent)) + 1
    assert limit_status(running, "account")["waiting"] == 0


def test_nobody_starves_where_both_ask_for_too_much(gateway, double):
    rate, seconds = 20, 6
    chime = double("--no-verify")
    limits = {"account": {"rate": f"{rate}/s", "burst": 1, "per": "upstream", "maxWait": "1s"}}
    running = gateway(limited_config(chime.url, limits, callers=CALLERS))
    small = OpenLoop(running.address, 15, seconds, token("small"))
    large = OpenLoop(running.address, 300, seconds, token("large"))
    run_together(small, large)
    share = rate / 2 * seconds
    assert small.statuses()[204] >= share * 0.95, small.statuses()
    assert large.statuses()[204] >= share * 0.9, large.statuses()
