"""Records at a real rsyslogd, which is killed and started again under load, as the gateway is."""

import json
import os
import pathlib
import random
import signal
import socket
import threading
import time

import pytest

from ship.load import Load, destinations, metrics, shipped_config, wait_until, wait_until_caught_up
from ship.rsyslog import assert_whole_and_in_order, distinct
from support.process import Gateway
from support.wire import call

ROUNDS = int(os.environ.get("COUNTERSIGN_SHIP_ROUNDS", "3"))


def await_arrival(collector, trail, count=0):
    """Waits until the trail has at least `count` records, and its last one has arrived."""
    wait_until(lambda: trail.read_bytes().count(b"\n") >= count, what=f"a trail of {count} records")
    last = json.loads(trail.read_bytes().splitlines()[-1])["seq"]
    wait_until(lambda: last in distinct(collector.messages()), 90, "arrival of the last record")


def tls_destination(collector, certificates):
    return {
        "to": f"syslog+tls://127.0.0.1:{collector.port}", "caFile": certificates.path("ca.pem"),
        "certificate": certificates.path("good.pem"), "privateKey": certificates.path("good.key"),
    }  # fmt: skip


@pytest.fixture(params=["tcp", "tls"])
def collector(request, rsyslog, certificates):
    """(rsyslogd, destination)."""
    if request.param == "tcp":
        one = rsyslog()
        return one, {"to": f"syslog+tcp://127.0.0.1:{one.port}", "facility": "local5", "appName": "gate"}
    one = rsyslog(tls=(certificates.path("ca.pem"), certificates.path("good.pem"), certificates.path("good.key")))
    return one, tls_destination(one, certificates) | {"facility": "local5", "appName": "gate"}


def test_message(gateway, upstream, tmp_path, collector):
    one, destination = collector
    one.start()
    path = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, path, destination))
    assert call(serving.address).status == 204
    assert call(serving.address, target="/phone-numbers/nobody").status == 400
    await_arrival(one, path, 3)
    messages = one.messages()
    assert_whole_and_in_order(messages, path.read_bytes())
    # Two loops wrote them, so the refusal may stand before the outcome.
    assert sorted(m[6] for m in messages) == ["intent", "outcome", "refusal"]
    for message in messages:
        record = json.loads(message[10])
        severity = 4 if record["stage"] == "refusal" else 6
        assert int(message[1]) == 21 * 8 + severity
        assert message[2] == record["time"] and message[3] == record["instance"]
        assert message[4] == "gate" and int(message[5]) == serving.pid
        assert message[8] == record["hash"] and message[9] == record["id"]


def test_collector_and_gateway_killed_under_load(upstream, tmp_path, collector):
    one, destination = collector
    path = tmp_path / "audit.jsonl"
    dice = random.Random(5)
    config = shipped_config(upstream.url, path, destination)
    one.start()
    serving = Gateway(config, tmp_path)
    load = Load(serving)
    try:
        for round in range(ROUNDS):
            time.sleep(dice.uniform(0.3, 1.5))
            one.kill()
            time.sleep(dice.uniform(0.1, 1.0))
            if round % 2 == 1:
                serving.process.send_signal(signal.SIGKILL)
                serving.kill()
                serving = load.gateway = Gateway(config, tmp_path)
            one.start()
        time.sleep(0.5)
        load.stop()
        assert load.answered > 100
        # A clean restart, too, with the collector away meanwhile.
        one.kill()
        serving.stop()
        one.start()
        serving = Gateway(config, tmp_path)
        wait_until_caught_up(serving)
        await_arrival(one, path)
    finally:
        load.stop()
        serving.kill()
    assert_whole_and_in_order(one.messages(), path.read_bytes())


@pytest.mark.parametrize("deletes,seconds", [(20, 0), (300, 12)])
def test_killed_collector_loses_nothing_that_lay_unread(gateway, upstream, tmp_path, collector, deletes, seconds):
    """Stopped first, so that its kernel acknowledges what it never reads: all of it, or as much as the kernel has room for."""
    one, destination = collector
    path = tmp_path / "audit.jsonl"
    one.start()
    serving = gateway(shipped_config(upstream.url, path, destination))
    assert call(serving.address).status == 204
    await_arrival(one, path, 2)
    one.process.send_signal(signal.SIGSTOP)
    for _ in range(deletes):
        assert call(serving.address).status == 204
    # Told at once: ten seconds later the records would count as delivered.
    wait_until(lambda: destinations(serving)[0]["acknowledgedSeq"] >= 42, 8, "acknowledgement by the kernel")
    time.sleep(seconds)
    one.kill()
    assert len(distinct(one.messages())) < 42
    one.start()
    await_arrival(one, path, 2 * deletes + 2)
    assert_whole_and_in_order(one.messages(), path.read_bytes())


def test_lag_is_told(gateway, upstream, tmp_path, rsyslog):
    one = rsyslog()
    name = f"syslog+tcp://127.0.0.1:{one.port}"
    path = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, path, name))
    for _ in range(5):
        assert call(serving.address).status == 204
    wait_until(lambda: metrics(serving)["behind_records", name] == 10, what="lag of 10 records")
    wait_until(lambda: metrics(serving)["behind_seconds", name] > 1, what="lag in seconds")
    found = metrics(serving)
    assert found["up", name] == 0 and found["failures_total", name] >= 1
    assert 9 * 500 < found["behind_bytes", name] <= path.stat().st_size
    told = destinations(serving)[0]
    assert told["to"] == name and not told["up"] and "refused" in told["reason"]
    one.start()
    wait_until(lambda: metrics(serving)["up", name] == 1 and metrics(serving)["behind_records", name] == 0, what="catching up")
    found = metrics(serving)
    assert found["behind_bytes", name] == 0 and found["behind_seconds", name] == 0
    assert found["records_total", name] == 10 and found["connects_total", name] == 1 and found["gaps_total", name] == 0
    await_arrival(one, path)
    assert_whole_and_in_order(one.messages(), path.read_bytes())


@pytest.mark.parametrize("fault", ["untrusted", "none", "wrong-name"])
def test_certificate_that_is_turned_down_loses_nothing(gateway, upstream, tmp_path, rsyslog, certificates, fault):
    """A collector that refuses us says so only after TLS 1.3 has let us send: what its kernel took then is not delivered."""
    server = "wrong-name" if fault == "wrong-name" else "good"
    one = rsyslog(tls=(certificates.path("ca.pem"), certificates.path(f"{server}.pem"), certificates.path(f"{server}.key"))).start()
    path = tmp_path / "audit.jsonl"
    destination = tls_destination(one, certificates)
    if fault == "untrusted":
        destination |= {"certificate": certificates.path("untrusted.pem"), "privateKey": certificates.path("untrusted.key")}
    if fault == "none":
        del destination["certificate"], destination["privateKey"]
    config = shipped_config(upstream.url, path, destination)
    serving = gateway(config)
    for _ in range(3):
        assert call(serving.address).status == 204
    wait_until(lambda: destinations(serving)[0]["failures"] >= 3, what="failing three times")
    assert one.messages() == []
    # Mended by a reload.
    good = rsyslog(tls=(certificates.path("ca.pem"), certificates.path("good.pem"), certificates.path("good.key"))).start()
    destination = tls_destination(good, certificates)
    serving.write_config(shipped_config(upstream.url, path, destination))
    serving.signal(signal.SIGHUP)
    await_arrival(good, path, 6)
    assert_whole_and_in_order(good.messages(), path.read_bytes())


def test_rsyslog_on_a_unix_socket(gateway, upstream, tmp_path, rsyslog):
    socket_path = tmp_path / "log"
    one = rsyslog(unix=str(socket_path)).start()
    path = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, path, f"syslog+unix://{socket_path}"))
    load = Load(serving)
    time.sleep(0.5)
    one.kill()
    time.sleep(0.3)
    one.start()
    time.sleep(0.3)
    load.stop()
    wait_until_caught_up(serving)
    await_arrival(one, path)
    assert_whole_and_in_order(one.messages(), path.read_bytes())


def test_unix_stream_socket(gateway, upstream, tmp_path):
    socket_path, path = tmp_path / "stream", tmp_path / "audit.jsonl"
    collected = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(socket_path))
        listener.listen()

        def collect():
            connection, _ = listener.accept()
            with connection:
                while data := connection.recv(65536):
                    collected.extend(data)

        thread = threading.Thread(target=collect)
        thread.start()
        serving = gateway(shipped_config(upstream.url, path, f"syslog+unix://{socket_path}"))
        for _ in range(20):
            assert call(serving.address).status == 204
        wait_until(lambda: collected.count(b"\n") == 40, what="arrival")
        serving.stop()
        thread.join(10)
    assert [line.partition(b"] ")[2] for line in collected.splitlines()] == path.read_bytes().splitlines()


def test_cursor_files_are_private_and_lie_beside_the_trail(gateway, upstream, tmp_path, rsyslog):
    one = rsyslog().start()
    path = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, path, f"syslog+tcp://127.0.0.1:{one.port}", "stdout"))
    assert call(serving.address).status == 204
    wait_until_caught_up(serving)
    serving.stop()
    names = [p for p in pathlib.Path(tmp_path).iterdir() if p.name.startswith("audit.jsonl.ship-")]
    assert any("stdout" in p.name and p.suffix == ".cursor" for p in names)
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in names)
