"""An upstream that admits less than is configured: the gateway slows down for all callers, says so, and spares them the throttles."""

import json
import time

import pytest

from audit.trail import wait_for_records
from limits.limited import CALLERS, limit_status, limited_config, metrics, reload, status, token
from limits.load import OpenLoop, run_together
from limits.one_429 import one_429
from support.process import ACCESS_KEY, SECRET_KEY
from support.signature import claimed, expected_signature
from support.upstream import always, answer, error
from support.wire import call

LABELS = '{limit="account",upstream="chime"}'


def test_behind_a_limit_of_100_an_upstream_of_20_is_asked_for_little_more_than_20(gateway, double):
    chime = double("--no-verify", "--throttle", "20/s")
    limits = {"account": {"rate": "100/s", "burst": 20, "per": "upstream", "maxWait": "500ms", "adaptive": True}}
    running = gateway(limited_config(chime.url, limits))
    assert limit_status(running, "account")["reason"] == "configured"
    run_together(OpenLoop(running.address, 60, 8))

    settled = len(chime.requests)
    seen = OpenLoop(running.address, 60, 20)
    run_together(seen)
    answers = [request["status"] for request in chime.requests[settled:]]
    throttled = answers.count(429) / len(answers)
    goodput = seen.statuses()[204] / (seen.last_answered - seen.first_sent)
    print(f"throttled {throttled:.1%} of {len(answers)}, goodput {goodput:.1f}/s")
    assert throttled < 0.05
    assert goodput > 18
    # What the upstream throttles is sent again within maxWait: nearly every refusal that callers see is the gateway's own.
    relayed = sum(one.status == 429 and one.origin == "upstream" for one in seen.results)
    assert relayed < 0.02 * len(seen.results), relayed

    found = limit_status(running, "account")
    assert found["reason"] == "upstream-throttled" and found["cuts"] >= 1
    assert 10 < found["ratePerSecond"] < 40 and found["configuredRatePerSecond"] == 100
    assert "secondsSinceThrottle" in found
    shown = metrics(running)
    assert 10 < shown["countersign_limit_rate" + LABELS] < 40
    assert shown["countersign_limit_configured_rate" + LABELS] == 100
    assert shown["countersign_limit_cuts_total" + LABELS] >= found["cuts"]


def adaptive_config(url, path=None, **limit):
    limits = {"account": {"rate": "10/s", "burst": 10, "per": "upstream", "maxWait": "10s", "adaptive": True} | limit}
    return limited_config(url, limits, **({"audit": {"file": {"path": str(path), "sync": "always"}}} if path else {}))


def test_a_throttled_request_is_sent_again_within_max_wait_and_the_caller_sees_204(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    moments = []

    def noting(data):
        def script(request, connection):
            moments.append(time.monotonic())
            connection.send(data)

        return script

    throttle = error(429, "ThrottledClientException", request_id="first", headers=[("x-amz-retry-after", "700")])
    upstream.scripts = [noting(throttle), noting(answer(204, request_id="second"))]
    running = gateway(adaptive_config(upstream.url, path))
    found = call(running.address)
    assert found.status == 204 and found.first("countersign-origin") == "upstream"
    assert found.first("x-amzn-RequestId") == "second"
    # Not before the upstream asked for it.
    assert moments[1] - moments[0] >= 0.7
    first, second = upstream.requests
    for request in (first, second):
        signature, _ = expected_signature(request, upstream.authority, SECRET_KEY, ACCESS_KEY)
        assert claimed(request)["Signature"] == signature
    assert first.target == second.target
    intent, outcome = (json.loads(line) for line in wait_for_records(path, 2).splitlines())
    assert (intent["stage"], outcome["stage"]) == ("intent", "outcome")
    assert intent["id"] == outcome["id"] == found.first("countersign-id")
    assert outcome["attempts"] == 2 and outcome["status"] == 204 and outcome["upstreamRequestId"] == "second"
    assert "restorableUntil" in outcome and not outcome.get("errorType")
    state = limit_status(running, "account")
    assert (state["reason"], state["cuts"]) == ("upstream-throttled", 1)
    assert 0 < state["ratePerSecond"] < 10
    assert status(running)["upstreamThrottles"] == 1


def test_attempts_end_with_max_wait(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    upstream.script = always(error(429, "ThrottledClientException", request_id="again"))
    running = gateway(adaptive_config(upstream.url, path, maxWait="1s"))
    found = call(running.address)
    one_429(found, "upstream/throttled", origin="upstream")
    assert found.first("x-amzn-RequestId") == "again"
    attempts = len(upstream.requests)
    # A tenth of a second at the configured 10/s, more at each lowered rate.
    assert 2 <= attempts <= 10
    intent, outcome = (json.loads(line) for line in wait_for_records(path, 2).splitlines())
    assert outcome["attempts"] == attempts and outcome["status"] == 429
    assert outcome["errorType"] == "ThrottledClientException" and outcome["origin"] == "upstream"


@pytest.mark.parametrize("headers", [[("x-amz-retry-after", "30000")], [("Retry-After", "30")]], ids=["milliseconds", "seconds"])
def test_a_wait_past_max_wait_is_handed_on_at_once(gateway, upstream, headers):
    upstream.script = always(error(429, "ThrottledClientException", headers=headers))
    running = gateway(adaptive_config(upstream.url))
    milliseconds, _ = one_429(call(running.address), "upstream/throttled", origin="upstream")
    assert milliseconds >= 29_000
    assert len(upstream.requests) == 1


def test_a_retry_takes_from_the_limits_of_the_upstream_alone(gateway, upstream):
    upstream.scripts = [always(error(503, "SlowDown")) for _ in range(2)]
    limits = {
        "account": {"rate": "10/s", "burst": 10, "per": "upstream", "maxWait": "10s"},
        "fuse": {"rate": "5/d", "burst": 5, "per": "caller"},
    }
    running = gateway(limited_config(upstream.url, limits))
    assert call(running.address).status == 204
    assert len(upstream.requests) == 3
    assert limit_status(running, "fuse")["remaining"] == 4


def test_answers_that_are_no_throttles_lower_nothing(gateway, upstream):
    upstream.script = always(error(503, "ServiceUnavailableException", message="ThrottlingException"))
    running = gateway(adaptive_config(upstream.url))
    for _ in range(5):
        assert call(running.address).status == 503
    state = limit_status(running, "account")
    assert (state["reason"], state["cuts"], state["ratePerSecond"]) == ("configured", 0, 10)
    assert "secondsSinceThrottle" not in state


def test_the_lowered_rate_holds_for_every_caller_and_over_a_reload(gateway, upstream):
    upstream.scripts = [always(error(429, "ThrottledClientException"))]
    config = adaptive_config(upstream.url, rate="1/m", maxWait="0s")
    config["callers"] = CALLERS
    running = gateway(config)
    one_429(call(running.address, headers=token("large")), "upstream/throttled", origin="upstream")
    state = limit_status(running, "account")
    assert state["ratePerSecond"] == pytest.approx(0.7 / 60)
    # A lowered rate shortens the burst, too: 9 places at 1/m are 6 at 0.7/m.
    assert state["remaining"] == 6
    reload(running, config)
    assert limit_status(running, "account")["ratePerSecond"] == pytest.approx(0.7 / 60)
    statuses = [call(running.address, headers=token("small")).status for _ in range(8)]
    assert statuses == [204] * 6 + [429] * 2


def test_the_outcome_is_that_of_the_last_attempt_and_a_body_is_sent_again(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    throttle = error(429, "ThrottledClientException", request_id="first", headers=[("x-amz-retry-after", "1")])
    upstream.scripts = [always(throttle), lambda request, connection: connection.reset()]
    config = adaptive_config(upstream.url, path)
    config["routes"].append(
        {"operation": "Update", "method": "POST", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime", "body": True,
         "limits": ["account"]}
    )  # fmt: skip
    running = gateway(config)
    found = call(running.address, "POST", body=b'{"Name":"n"}')
    assert found.status == 503 and found.first("countersign-reason") == "upstream/closed"
    assert [request.body for request in upstream.requests] == [b'{"Name":"n"}'] * 2
    _, outcome = (json.loads(line) for line in wait_for_records(path, 2).splitlines())
    assert outcome["attempts"] == 2 and outcome["status"] == 503 and outcome["origin"] == "gateway"
    assert outcome["decision"]["state"] == "unknown: sent, no answer"
    assert outcome.get("upstreamRequestId") is None


def test_the_wait_of_the_audit_record_is_the_wait_for_the_limits(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    upstream.script = lambda request, connection: (time.sleep(0.5), connection.send(answer(204)))
    upstream.scripts = [lambda request, connection: (time.sleep(0.5), connection.send(error(429, "ThrottledClientException")))]
    running = gateway(adaptive_config(upstream.url, path))
    assert call(running.address).status == 204
    _, outcome = (json.loads(line) for line in wait_for_records(path, 2).splitlines())
    # What the upstream took for its two answers is none of it.
    assert 0 < outcome["decision"]["waitMs"] <= outcome["durationMs"] - 990
