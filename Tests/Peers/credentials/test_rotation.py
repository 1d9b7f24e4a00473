"""Credentials that end: renewed in time under load, kept while they are good, and never used after it."""

import datetime
import json
import os
import threading
import time
import urllib.request

import pytest

from credentials.services import KeyService
from support.process import basic_config
from support.wire import Client, call, request_bytes

SECONDS = int(os.environ.get("COUNTERSIGN_ROTATION_SECONDS", "15"))


@pytest.fixture
def service():
    one = KeyService(life=10)
    yield one
    one.stop()


def config(upstream, service, **changes):
    made = basic_config(upstream.url, **changes)
    made["credentials"] = {"chime": {"type": "container", "uri": service.url + "/keys"}}
    return made


def metric(serving, name):
    text = urllib.request.urlopen(serving.admin_url + "/metrics", timeout=10).read().decode()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name)}


def key_of(request):
    return request.first("authorization").split("Credential=")[1].split("/")[0]


def signed_at(request):
    """The time of the signature, which is taken when the key is chosen; a slow machine may bring the request much later."""
    return datetime.datetime.strptime(request.first("x-amz-date"), "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc).timestamp()


def test_keys_of_ten_seconds_under_load(gateway, upstream, tmp_path, service):
    late = []

    def judge(request, connection):
        if signed_at(request) >= service.grants[key_of(request)]:
            late.append(key_of(request))
        connection.send(b"HTTP/1.1 204 No Content\r\nx-amzn-RequestId: r\r\n\r\n")

    upstream.script = judge
    trail = tmp_path / "audit.jsonl"
    serving = gateway(config(upstream, service, audit={"file": {"path": str(trail), "sync": "never"}}))
    statuses, stop = [], threading.Event()

    def work():
        with Client(serving.address) as client:
            while not stop.is_set():
                client.send(request_bytes())
                statuses.append(client.read().status)
                time.sleep(0.005)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(SECONDS)
    stop.set()
    for thread in threads:
        thread.join(30)
    keys = {key_of(request) for request in upstream.requests}
    print(f"{len(statuses)} requests, {sum(status != 204 for status in statuses)} failed, {len(keys)} keys used, {len(late)} uses too late")
    assert set(statuses) == {204} and len(statuses) > 100
    assert late == []
    assert len(keys) >= SECONDS // 10 + 1
    written = {json.loads(line)["accessKeyId"] for line in trail.read_text().splitlines()}
    assert keys <= written <= set(service.grants)
    [(_, expiry)] = metric(serving, "countersign_credentials_expiry_timestamp_seconds").items()
    assert time.time() - 5 < expiry < time.time() + 15


def test_good_ones_are_kept_while_the_source_fails_and_none_are_used_after_their_end(gateway, upstream, service):
    serving = gateway(config(upstream, service))
    assert call(serving.address).status == 204
    service.fails = True
    assert serving.wait_for_log(lambda r: r.get("message") == "credentials not fetched" and "500" in r["cause"], 30)
    # Still good.
    assert call(serving.address).status == 204
    deadline = time.monotonic() + 30
    while (found := call(serving.address)).status == 204:
        assert signed_at(upstream.requests[-1]) < max(service.grants.values()), "signed with an expired key"
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert (found.status, found.first("countersign-reason")) == (503, "credentials/unavailable")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(serving.admin_url + "/ready", timeout=10)
    assert refused.value.read().decode().startswith("credentials: chime: ")
    service.fails = False
    deadline = time.monotonic() + 60
    while call(serving.address).status != 204:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert urllib.request.urlopen(serving.admin_url + "/ready", timeout=10).status == 200
    assert metric(serving, 'countersign_credentials_fetches_total{credentials="chime",result="failed"}')


def test_one_fetch_at_a_time(gateway, upstream, service):
    service.life = 3600
    serving = gateway(config(upstream, service))
    threads = [threading.Thread(target=call, args=(serving.address,)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(service.grants) == 1


def test_a_profile_that_changes_is_taken_without_a_restart(gateway, upstream, tmp_path):
    file = tmp_path / "credentials"
    file.touch(mode=0o600)
    file.write_text("[default]\naws_access_key_id = AKIAOLD\naws_secret_access_key = old\n")
    made = basic_config(upstream.url)
    made["credentials"] = {"chime": {"type": "profile", "credentialsFile": str(file), "configFile": "/nonexistent"}}
    serving = gateway(made)
    assert call(serving.address).status == 204
    new = tmp_path / "new"
    new.touch(mode=0o600)
    new.write_text("[default]\naws_access_key_id = AKIANEW\naws_secret_access_key = new\n")
    new.rename(file)
    deadline = time.monotonic() + 30
    while True:
        assert call(serving.address).status == 204
        if key_of(upstream.requests[-1]) == "AKIANEW":
            return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_reload_with_credentials_that_cannot_be_had_is_refused(gateway, upstream, tmp_path):
    made = basic_config(upstream.url)
    serving = gateway(made)
    bad = json.loads(json.dumps(made))
    bad["credentials"]["chime"] = {"type": "profile", "profile": "nobody", "configFile": "/nonexistent", "credentialsFile": "/nonexistent"}
    serving.write_config(bad)
    serving.signal(1)
    refused = serving.wait_for_log(lambda r: r.get("message", "").startswith("configuration not reloaded"))
    assert 'credentials.chime: there is no profile "nobody"' in refused["cause"]
    assert call(serving.address).status == 204
