"""Changed files are taken by themselves, and a bad configuration changes nothing but what operators see."""

import hashlib
import json
import os
import signal
import threading
import time
import urllib.request

import pytest

from audit.verifier import verify
from support.process import SECRET_KEY, basic_config
from support.upstream import answer
from support.wire import Client, call, request_bytes


def page(gateway, path):
    return urllib.request.urlopen(gateway.admin_url + path, timeout=60).read().decode()


def digest(gateway):
    return hashlib.sha256(gateway.config_path.read_bytes()).hexdigest()[:16]


def reloaded(gateway, count=1):
    """The record of the `count`-th reload."""
    deadline = time.monotonic() + 60
    while len(found := [r for r in gateway.records if r.get("message") == "configuration reloaded"]) < count:
        assert time.monotonic() < deadline, gateway.stderr
        time.sleep(0.02)
    return found[count - 1]


def test_a_changed_configuration_is_taken_and_what_changed_is_logged(gateway, upstream, tmp_path):
    trail = tmp_path / "audit.jsonl"
    config = basic_config(upstream.url, audit={"file": {"path": str(trail), "sync": "never"}})
    running = gateway(config)
    before = digest(running)
    with Client(running.address) as kept:
        assert kept.request().status == 204
        config["callers"] = [{"name": "billing", "networks": ["127.0.0.1/32"]}]
        config["limits"] = {"account": {"rate": "1/h", "burst": 1}}
        config["routes"][0]["limits"] = ["account"]
        running.write_config(config)
        record = reloaded(running)
        assert record["callers"] == "added billing" and record["limits"] == "added account", record
        assert record["routes"].startswith("changed DeletePhoneNumber") and str(running.config_path) in record["trigger"]
        assert record["configuration"] == digest(running) != before
        assert kept.request().status == 204 and kept.request().status == 429
        # Levels are kept when another thing changes.
        config["drain"] = {"delay": "1ms", "timeout": "60s"}
        running.write_config(config)
        assert reloaded(running, 2)["settings"] == "changed drain"
        assert kept.request().status == 429
    after = digest(running)
    assert f'countersign_config_info{{hash="{after}"}} 1' in page(running, "/metrics")
    assert json.loads(page(running, "/status"))["configuration"]["hash"] == after
    running.stop()
    used = [json.loads(line)["decision"]["configuration"] for line in trail.read_text().splitlines()]
    assert used[0] == before and used[-1] == after and len(set(used)) == 3
    assert SECRET_KEY not in running.stderr


def test_a_bad_configuration_is_refused_with_every_mistake(gateway, upstream):
    config = basic_config(upstream.url)
    running = gateway(config)
    before = digest(running)
    for trigger in ("watch", "signal"):
        bad = json.loads(json.dumps(config)) | {"typo": trigger}
        bad["routes"][0]["upstream"] = "other"
        if trigger == "signal":
            bad["watch"] = False
        running.write_config(bad)
        if trigger == "signal":
            running.signal(signal.SIGHUP)
    failed = running.wait_for_log(lambda r: "not reloaded" in r.get("message", ""))
    assert failed["level"] == "error" and "typo" in failed["cause"] and "routes[0].upstream" in failed["cause"]
    assert call(running.address).status == 204
    metrics = page(running, "/metrics")
    assert "countersign_config_last_reload_successful 0" in metrics and f'hash="{before}"' in metrics
    status = json.loads(page(running, "/status"))["configuration"]
    assert status["failures"] >= 1 and "typo" in status["lastFailure"] and status["hash"] == before
    running.write_config(config | {"drain": {"delay": "2ms", "timeout": "60s"}})
    reloaded(running)
    assert "countersign_config_last_reload_successful 1" in page(running, "/metrics")
    assert "lastFailure" not in json.loads(page(running, "/status"))["configuration"]


def test_secrets_are_rotated_by_a_swapped_link(gateway, upstream, tmp_path):
    """As Kubernetes renews a mounted Secret: the files are links through ..data, which changes from one folder to the next."""
    mount = tmp_path / "secret"
    mount.mkdir()

    def publish(version, key_id):
        folder = mount / f"..{version}"
        folder.mkdir()
        for name, text in (("id", key_id), ("key", SECRET_KEY + version)):
            (folder / name).write_text(text)
            (folder / name).chmod(0o600)
        os.symlink(folder.name, mount / "..new")
        os.rename(mount / "..new", mount / "..data")

    publish("v1", "AKIDFIRST")
    for name in ("id", "key"):
        os.symlink(f"..data/{name}", mount / name)
    config = basic_config(upstream.url)
    config["credentials"]["chime"] |= {"accessKeyId": {"file": str(mount / "id")}, "secretAccessKey": {"file": str(mount / "key")}}
    running = gateway(config)
    assert call(running.address).status == 204
    publish("v2", "AKIDSECOND")
    assert reloaded(running)["credentials"] == "changed chime"
    assert call(running.address).status == 204
    assert ["Credential=AKIDFIRST/" in upstream.requests[0].first("authorization"), "Credential=AKIDSECOND/" in upstream.requests[1].first("authorization")] == [True, True]
    assert SECRET_KEY not in running.stderr


def test_a_file_that_was_missing_is_taken_when_it_comes(gateway, upstream, tmp_path):
    config = basic_config(upstream.url)
    running = gateway(config)
    key = tmp_path / "late-key"
    config["credentials"]["chime"]["secretAccessKey"] = {"file": str(key)}
    running.write_config(config)
    assert "late-key" in running.wait_for_log(lambda r: "not reloaded" in r.get("message", ""))["cause"]
    key.touch(mode=0o600)
    key.write_text(SECRET_KEY)
    reloaded(running)
    assert call(running.address).status == 204


def test_another_audit_file_takes_what_is_new(gateway, upstream, tmp_path):
    """A request under way owes its outcome to the file that holds its intent."""
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    config = basic_config(upstream.url, audit={"file": {"path": str(first)}})
    running = gateway(config)
    released = threading.Event()

    def late(request, connection):
        released.wait(60)
        connection.send(answer())

    upstream.scripts.append(late)
    with Client(running.address) as waiting:
        waiting.send(request_bytes())
        upstream.wait_for_requests(1)
        config["audit"]["file"]["path"] = str(second)
        running.write_config(config)
        assert reloaded(running)["settings"] == "changed audit"
        assert call(running.address).status == 204
        released.set()
        assert waiting.read().status == 204
    running.stop()
    old, new = verify(first.read_bytes()), verify(second.read_bytes())
    for records in (old, new):
        assert [record["stage"] for record in records] == ["intent", "outcome"] and len({record["id"] for record in records}) == 1
    assert old[0]["id"] != new[0]["id"]
    assert [record["decision"]["configuration"] for record in (old[0], new[0])] == [old[1]["decision"]["configuration"], digest(running)]


def test_without_watch_only_a_signal_reloads(gateway, upstream):
    config = basic_config(upstream.url, watch=False)
    running = gateway(config)
    running.write_config(config | {"limits": {"first": {"rate": "1/s"}}})
    # Three looks of a watch, which is not there: that nothing happens can only be seen by waiting.
    time.sleep(3)
    assert not any(r.get("message") == "configuration reloaded" for r in running.records)
    running.signal(signal.SIGHUP)
    assert reloaded(running)["trigger"] == "SIGHUP"


def test_listeners_come_and_go(gateway, upstream, tmp_path):
    first, second = tmp_path / "first.sock", tmp_path / "second.sock"
    config = basic_config(upstream.url, listeners=[{"bind": "127.0.0.1:0"}, {"bind": f"unix:{first}"}])
    running = gateway(config)
    kept, idle = Client(running.address), Client(str(first))
    assert kept.request().status == 204 and idle.request().status == 204
    config["listeners"][1] = {"bind": f"unix:{second}"}
    running.write_config(config)
    assert reloaded(running)["listeners"] == f"added unix:{second}; removed unix:{first}"
    assert call(str(second)).status == 204 and kept.request().status == 204
    assert idle.is_closed() and not first.exists()
    with pytest.raises(OSError):
        Client(str(first))
    # What cannot be bound leaves all as it was.
    config["listeners"].append({"bind": f"unix:{tmp_path}/none/x.sock"})
    running.write_config(config)
    assert "none/x.sock" in running.wait_for_log(lambda r: "not reloaded" in r.get("message", ""))["cause"]
    assert call(str(second)).status == 204 and kept.request().status == 204
    kept.close()
