"""Rotation, checkpoints and the mirror of a running gateway, judged by the independent verifier and by the schema."""

import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

import jsonschema
import pytest

from audit.trail import audit, audited_config
from audit.verifier import verify
from support.process import Gateway
from support.wire import Client, call

KEY = "0123456789abcdef0123"
SCHEMA = json.loads((pathlib.Path(__file__).parents[3] / "deploy/audit.schema.json").read_text())


def config(upstream, path, **audit_keys):
    return audited_config(upstream.url, path, subject=audit_keys)


def load(serving, seconds, statuses, callers=8):
    stop = threading.Event()

    def work():
        try:
            with Client(serving.address) as client:
                while not stop.is_set():
                    statuses.append(client.request().status)
        except (OSError, EOFError):
            pass

    threads = [threading.Thread(target=work) for _ in range(callers)]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join(10)


def files(folder, name="audit.jsonl"):
    """The contents of all files of a trail in order, each once though it may lie there plain and compressed."""
    found, seen = [], set()
    for path in sorted(folder.iterdir()):
        plain = path.name.removesuffix(".gz")
        if path.name.startswith(name + "-") and plain not in seen:
            seen.add(plain)
            found.append(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    return found + [(folder / name).read_bytes()]


@pytest.mark.parametrize("compressed", [True, False])
def test_rotation_under_load_loses_nothing_and_a_cut_tail_shows(gateway, upstream, tmp_path, compressed):
    folder = tmp_path / "trail"
    folder.mkdir()
    path = folder / "audit.jsonl"
    serving = gateway(
        config(upstream, path, rotate={"size": "100kB", "gzip": compressed}, checkpoint={"records": 50, "key": KEY}))
    statuses = []
    load(serving, 2, statuses)
    serving.stop()
    assert set(statuses) == {204}, serving.stderr
    contents = files(folder)
    assert len(contents) > 2
    records = verify(*contents)
    assert sum(record["stage"] != "checkpoint" for record in records) == 2 * len(statuses)
    for record in records[:60]:
        jsonschema.validate(record, SCHEMA)
    (tmp_path / "key").write_text(KEY)
    judged = audit("verify", *sorted(folder.glob("audit.jsonl*")), "--key-file", tmp_path / "key")
    assert judged.returncode == 0, judged
    lines = b"".join(contents).splitlines(True)
    (tmp_path / "cut.jsonl").write_bytes(b"".join(lines[:-3]))
    judged = audit("verify", tmp_path / "cut.jsonl", "--key-file", tmp_path / "key", "--checkpoint", folder / "audit.jsonl.checkpoint")
    assert judged.returncode == 1 and b"cut off" in judged.stdout, judged


def test_a_trail_signed_with_ed25519_is_checked_with_the_public_key_alone(gateway, upstream, tmp_path):
    private, public, path = tmp_path / "key.pem", tmp_path / "key.pub", tmp_path / "audit.jsonl"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", private], check=True)
    os.chmod(private, 0o600)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    serving = gateway(config(upstream, path, checkpoint={"algorithm": "ed25519", "key": {"file": str(private)}}))
    assert call(serving.address).status == 204
    serving.stop()
    judged = audit("verify", path, "--public-key", public)
    assert judged.returncode == 0, judged


def test_a_crash_in_the_middle_of_a_rotation_breaks_no_chain(upstream, tmp_path):
    folder = tmp_path / "trail"
    folder.mkdir()
    path = folder / "audit.jsonl"
    settings = config(upstream, path, rotate={"size": "20kB", "gzip": True}, checkpoint={"records": 30, "key": KEY})
    dice = random.Random(3)
    for _ in range(10):
        serving = Gateway(settings, tmp_path)
        timer = threading.Timer(dice.uniform(0.1, 0.5), os.kill, (serving.pid, signal.SIGKILL))
        timer.start()
        load(serving, 0.6, [], 16)
        serving.kill()
    serving = Gateway(settings, tmp_path)
    assert call(serving.address).status == 204
    serving.stop()
    serving.kill()
    intents = {record["id"] for record in verify(*files(folder)) if record["stage"] == "intent"}
    assert len(intents) >= len(upstream.requests)
    assert audit("verify", *sorted(folder.glob("audit.jsonl*"))).returncode == 0


def test_a_full_mirror_refuses_everything_and_catches_up(gateway, upstream, tmp_path):
    mirror, path = tmp_path / "mirror", tmp_path / "audit.jsonl"
    mirror.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", mirror], check=True)
    try:
        serving = gateway(config(upstream, path, mirror={"path": str(mirror / "audit.jsonl")}))
        assert call(serving.address).status == 204
        with open(mirror / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"\0" * 4096)
            except OSError:
                pass
        statuses = [call(serving.address).status for _ in range(50)]
        assert statuses[-1] == 503
        sent = len(upstream.requests)
        assert [call(serving.address).status for _ in range(10)] == [503] * 10
        assert len(upstream.requests) == sent
        (mirror / "filler").unlink()
        deadline = time.monotonic() + 10
        while call(serving.address).status != 204:
            assert time.monotonic() < deadline, "it did not recover"
            time.sleep(0.05)
        serving.stop()
        assert path.read_bytes() == (mirror / "audit.jsonl").read_bytes()
        verify(path.read_bytes())
    finally:
        subprocess.run(["umount", "-l", mirror], check=False)
