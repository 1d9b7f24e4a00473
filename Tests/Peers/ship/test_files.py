"""The file is the spool: what was renamed, compressed or cut while the destination or the gateway was away arrives all the same."""

import gzip
import json
import os
import signal
import subprocess
import time

import pytest

from ship.load import Load, destinations, shipped_config, wait_until, wait_until_caught_up
from ship.rsyslog import assert_whole_and_in_order
from support.process import Gateway
from support.wire import call


def delete(gateway, count=1):
    for _ in range(count):
        assert call(gateway.address).status == 204


def rotate(gateway, path, name, count=0):
    """What logrotate does: rename, then SIGHUP, and wait for the new file; once the old one has at least `count` records."""
    wait_until(lambda: path.read_bytes().count(b"\n") >= count, what=f"{count} records in the file")
    os.rename(path, path.with_name(name))
    gateway.signal(signal.SIGHUP)
    wait_until(path.exists, what="a new file")


def arrived(collector, count):
    wait_until(lambda: len({m[7] for m in collector.messages()}) >= count, 30, f"arrival of {count} records")


def contents(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def whole(*paths):
    lines = b"".join(contents(path) for path in paths).splitlines(keepends=True)
    return b"".join(sorted(lines, key=lambda line: json.loads(line)["seq"]))


def test_rotation_under_load(gateway, upstream, tmp_path, rsyslog):
    one = rsyslog().start()
    path = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, path, f"syslog+tcp://127.0.0.1:{one.port}"))
    load = Load(serving)
    for round in range(1, 6):
        time.sleep(0.2)
        rotate(serving, path, f"audit.jsonl-{round}")
    load.stop()
    wait_until_caught_up(serving)
    serving.stop()
    trail = whole(path, *(tmp_path / f"audit.jsonl-{round}" for round in range(1, 6)))
    arrived(one, len(trail.splitlines()))
    assert_whole_and_in_order(one.messages(), trail)
    assert destinations_had_no_gap(serving)


def destinations_had_no_gap(gateway):
    return not any(r.get("message", "").startswith("audit records are missing") for r in gateway.records)


@pytest.mark.parametrize("compressed", [False, True])
def test_rotated_while_the_collector_is_down(gateway, upstream, tmp_path, rsyslog, compressed):
    one = rsyslog()
    path = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, path, f"syslog+tcp://127.0.0.1:{one.port}"))
    files = [path]
    for round in range(1, 4):
        delete(serving, 5)
        rotate(serving, path, f"audit.jsonl-{round}", 10)
        if compressed:
            subprocess.run(["gzip", tmp_path / f"audit.jsonl-{round}"], check=True)
        files.append(tmp_path / (f"audit.jsonl-{round}.gz" if compressed else f"audit.jsonl-{round}"))
    delete(serving, 5)
    wait_until(lambda: destinations(serving)[0]["recordsBehind"] == 40, what="lag of 40 records")
    one.start()
    arrived(one, 40)
    assert_whole_and_in_order(one.messages(), whole(*files))


@pytest.mark.parametrize("compressed", [False, True])
def test_rotated_while_the_gateway_is_down(upstream, tmp_path, rsyslog, compressed):
    one = rsyslog().start()
    path = tmp_path / "audit.jsonl"
    config = shipped_config(upstream.url, path, f"syslog+tcp://127.0.0.1:{one.port}")
    serving = Gateway(config, tmp_path)
    try:
        delete(serving, 5)
        arrived(one, 10)
        one.stop()
        delete(serving, 5)
        serving.stop()
        os.rename(path, tmp_path / "audit.jsonl.1")
        serving = Gateway(config, tmp_path)
        delete(serving, 5)
        serving.stop()
        os.rename(tmp_path / "audit.jsonl.1", tmp_path / "audit.jsonl.2")
        os.rename(path, tmp_path / "audit.jsonl.1")
        files = [path, tmp_path / "audit.jsonl.1", tmp_path / "audit.jsonl.2"]
        if compressed:
            subprocess.run(["gzip", *files[1:]], check=True)
            files[1:] = [file.with_name(file.name + ".gz") for file in files[1:]]
        one.start()
        serving = Gateway(config, tmp_path)
        delete(serving, 1)
        arrived(one, 32)
        serving.stop()
    finally:
        serving.kill()
    assert_whole_and_in_order(one.messages(), whole(*files))


def test_lost_file_is_a_gap_that_is_told(gateway, upstream, tmp_path, rsyslog):
    one = rsyslog()
    path = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, path, f"syslog+tcp://127.0.0.1:{one.port}"))
    one.start()
    delete(serving, 5)
    arrived(one, 10)
    one.stop()
    # Not held open by the shipper, since it was made and taken away while the first one was still being read.
    for round in range(1, 3):
        rotate(serving, path, f"audit.jsonl-{round}", 10)
        delete(serving, 5)
    os.unlink(tmp_path / "audit.jsonl-2")
    one.start()
    arrived(one, 20)
    assert sorted({int(m[7]) for m in one.messages()}) == [*range(1, 11), *range(21, 31)]
    assert destinations(serving)[0]["gaps"] == 1
    assert not destinations_had_no_gap(serving)


def test_stdout(gateway, upstream, tmp_path):
    path, output = tmp_path / "audit.jsonl", tmp_path / "stdout"
    config = shipped_config(upstream.url, path, "stdout", sync="always")
    for _ in range(2):
        with open(output, "ab") as file:
            serving = gateway(config, stdout=file)
        delete(serving, 10)
        # What is there at the end is sent before the end.
        serving.stop()
    assert output.read_bytes() == path.read_bytes()
    assert path.read_bytes().count(b"\n") == 40


def test_stdout_that_nobody_reads_stops_nothing(gateway, upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    reader, writer = os.pipe()
    serving = gateway(shipped_config(upstream.url, path, "stdout"), stdout=writer)
    os.close(writer)
    delete(serving, 200)
    found = destinations(serving)[0]
    assert found["recordsBehind"] > 200
    with os.fdopen(reader, "rb") as pipe:
        lines = [pipe.readline() for _ in range(400)]
    assert lines == path.read_bytes().splitlines(keepends=True)
    serving.stop()


def test_destinations_change_with_a_reload(gateway, upstream, tmp_path, rsyslog):
    path = tmp_path / "audit.jsonl"
    first, second = rsyslog().start(), rsyslog().start()
    names = [f"syslog+tcp://127.0.0.1:{one.port}" for one in (first, second)]
    serving = gateway(shipped_config(upstream.url, path, names[0]))
    delete(serving, 5)
    arrived(first, 10)
    serving.write_config(shipped_config(upstream.url, path, names[1]))
    serving.signal(signal.SIGHUP)
    wait_until(lambda: [d["to"] for d in destinations(serving)] == names[1:], what="the new destination")
    delete(serving, 5)
    # A new destination gets what is at hand from the beginning.
    arrived(second, 20)
    assert_whole_and_in_order(second.messages(), path.read_bytes())
    assert {int(m[7]) for m in first.messages()} == set(range(1, 11))
    assert not any("take effect at the next start" in r.get("message", "") for r in serving.records)
