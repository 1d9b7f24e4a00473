"""A full disk: every further request is refused, nothing is forwarded or torn, and it recovers by itself."""

import os
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from audit.trail import audited_config, wait_for_records
from audit.verifier import verify
from support.upstream import answer
from support.wire import Client, call, request_bytes


@pytest.fixture
def disk(tmp_path):
    """A file system of its own of half a MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], capture_output=True)
    if mounting.returncode != 0:
        pytest.skip("mounting a tmpfs needs CAP_SYS_ADMIN")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk):
    with open(disk / "filler", "wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 4096)
        except OSError:
            return


def ready(serving):
    """(status, body) of /ready."""
    try:
        with urllib.request.urlopen(serving.admin_url + "/ready", timeout=30) as found:
            return found.status, found.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def lag(serving):
    """Seconds for which the oldest accepted record has waited for the disk."""
    with urllib.request.urlopen(serving.admin_url + "/metrics", timeout=30) as found:
        [line] = [line for line in found.read().decode().splitlines() if line.startswith("countersign_audit_lag_seconds ")]
    return float(line.split()[1])


def wait_for_lag(serving, holds):
    deadline = time.monotonic() + 60
    while not holds(found := lag(serving)):
        assert time.monotonic() < deadline, f"the lag stays {found}"
        time.sleep(0.05)


def wait_until_ready(serving, status):
    deadline = time.monotonic() + 60
    while ready(serving)[0] != status:
        assert time.monotonic() < deadline, f"/ready stays {ready(serving)}"
        time.sleep(0.02)


def delete_until_refused(serving):
    """The slack of the last page takes a few records yet."""
    for _ in range(50):
        found = call(serving.address)
        if found.status != 204:
            return found
    raise AssertionError("never refused")


@pytest.mark.parametrize("sync", ["always", "interval"])
def test_full_disk(gateway, upstream, disk, sync):
    path = disk / "audit.jsonl"
    serving = gateway(audited_config(upstream.url, path, sync=sync))
    assert call(serving.address).status == 204
    fill(disk)
    refused = delete_until_refused(serving)
    assert refused.status == 503
    assert refused.first("x-amzn-errortype") == "ServiceUnavailableException"
    assert refused.first("countersign-reason") == "audit/not-writable"
    wait_until_ready(serving, 503)
    assert "audit" in ready(serving)[1]
    forwarded = len(upstream.requests)
    for _ in range(20):
        assert call(serving.address).status == 503
    assert len(upstream.requests) == forwarded
    # Nothing torn, at any moment.
    verify(path.read_bytes())

    os.unlink(disk / "filler")
    wait_until_ready(serving, 200)
    assert call(serving.address).status == 204
    serving.stop()
    found = verify(path.read_bytes())
    intents = [record for record in found if record["stage"] == "intent"]
    outcomes = [record for record in found if record["stage"] == "outcome"]
    assert len(intents) == len(outcomes) == len(upstream.requests)


def test_outcome_of_a_request_under_way_is_written_once_there_is_room(gateway, upstream, disk):
    path = disk / "audit.jsonl"
    serving = gateway(audited_config(upstream.url, path))
    released = threading.Event()

    def late(request, connection):
        released.wait(120)
        connection.send(answer())

    upstream.scripts.append(late)
    with Client(serving.address) as client:
        client.send(request_bytes())
        upstream.wait_for_requests(1)
        fill(disk)
        delete_until_refused(serving)
        released.set()
        # The answer is the caller's even so: the deletion has taken place.
        answered = client.read()
        assert answered.status == 204
    first = answered.first("countersign-id")
    stages = [record["stage"] for record in verify(path.read_bytes()) if record["id"] == first]
    assert stages == ["intent"]
    wait_for_lag(serving, lambda seconds: seconds > 2)
    os.unlink(disk / "filler")
    wait_until_ready(serving, 200)
    deadline = time.monotonic() + 60
    while stages != ["intent", "outcome"]:
        assert time.monotonic() < deadline
        stages = [record["stage"] for record in verify(path.read_bytes()) if record["id"] == first]
        time.sleep(0.02)
    wait_for_lag(serving, lambda seconds: seconds == 0)


def test_gateway_started_on_a_full_disk(gateway, upstream, disk):
    fill(disk)
    path = disk / "audit.jsonl"
    serving = gateway(audited_config(upstream.url, path))
    assert call(serving.address).status == 503
    assert not upstream.requests
    os.unlink(disk / "filler")
    wait_until_ready(serving, 200)
    assert call(serving.address).status == 204
    wait_for_records(path, 2)
    verify(path.read_bytes())
