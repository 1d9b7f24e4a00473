"""A machine whose clock is wrong: credentials end by the time of the services, and STS gets signatures that it takes."""

import email.utils
import time

import pytest

from credentials.services import Sts
from credentials.test_rotation import config, key_of, metric
from support.expect import refusal
from support.process import basic_config
from support.wire import Client, call

# This machine is so many seconds slow (or fast), as the services have it.
AHEAD = [240, -240]


def telling(upstream, seconds):
    """Has the upstream say that time in its `Date`."""

    def say(request, connection):
        date = email.utils.formatdate(seconds(), usegmt=True)
        connection.send(f"HTTP/1.1 204 No Content\r\nDate: {date}\r\nx-amzn-RequestId: r\r\n\r\n".encode())

    upstream.script = say


def calls(serving, upstream, service):
    """One answer after the other, as long as they are good; none was signed with a key that had ended when the request was sent."""
    deadline = time.monotonic() + 120
    with Client(serving.address) as client:
        while time.monotonic() < deadline:
            sent = service.now()
            answered = client.request()
            if answered.status == 204:
                assert sent < service.grants[key_of(upstream.requests[-1])], "signed with an expired key"
            yield answered
            time.sleep(0.02)
    raise AssertionError("it did not come to that")


@pytest.mark.parametrize("ahead", AHEAD)
def test_keys_are_used_until_they_end_by_the_services_time(gateway, upstream, keys, ahead):
    service = keys(life=6, ahead=ahead)
    telling(upstream, service.now)
    serving = gateway(config(upstream, service))
    for answered in calls(serving, upstream, service):
        assert answered.status == 204
        if len({key_of(request) for request in upstream.requests}) == 3:
            break
    [(_, skew)] = metric(serving, "countersign_clock_skew_seconds{").items()
    assert abs(skew - ahead) < 30


@pytest.mark.parametrize("ahead", AHEAD)
def test_keys_that_cannot_be_renewed_end_by_the_services_time(gateway, upstream, keys, ahead):
    service = keys(life=6, ahead=ahead)
    telling(upstream, service.now)
    serving = gateway(config(upstream, service))
    answers = calls(serving, upstream, service)
    assert next(answers).status == 204
    service.fails = True
    refused = next(answered for answered in answers if answered.status != 204)
    refusal(refused, 503, "credentials/unavailable")
    # Nor are they thrown away before the last tenth of their life, in which they are not used any more.
    assert service.now() > max(service.grants.values()) - 2


def test_the_upstream_is_believed_rather_than_the_source(gateway, upstream, keys):
    """By the source's clock the keys are good for ten minutes; by that of the service which they are for they have ended."""
    service = keys(life=600, ahead=-400)
    telling(upstream, lambda: time.time() + 250)
    serving = gateway(config(upstream, service))
    refused = next(answered for answered in calls(serving, upstream, service) if answered.status != 204)
    refusal(refused, 503, "credentials/unavailable")


@pytest.mark.parametrize("ahead,tries", [(600, 2), (-600, 2), (240, 1), (1200, 1)])
def test_sts_gets_its_own_time(gateway, upstream, ahead, tries):
    sts = Sts(ahead=ahead)
    try:
        made = basic_config(upstream.url)
        made["credentials"]["base"] = made["credentials"]["chime"]
        made["credentials"]["chime"] = {
            "type": "assumeRole", "source": "base", "roleArn": "arn:aws:iam::123456789012:role/numbers", "region": "us-east-1",
            "stsEndpoint": sts.url,
        }  # fmt: skip
        serving = gateway(made)
        if ahead == 1200:
            # Beyond the bound nothing is believed.
            assert "SignatureDoesNotMatch" in serving.wait_for_log(lambda r: r.get("message") == "credentials not fetched")["cause"]
            refusal(call(serving.address), 503, "credentials/unavailable")
            assert all(abs(offset) < 60 for offset in sts.dates)
        else:
            assert serving.wait_for_log(lambda r: r.get("message") == "credentials fetched")
            assert call(serving.address).status == 204
            assert len(sts.dates) == tries and abs(sts.dates[-1] - (ahead if tries == 2 else 0)) < 60
    finally:
        sts.stop()
