"""Keys in memory, seen from outside: no core dumps, nobody of the same user reads along, and no log at any level holds a secret."""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

from support.process import BINARY, SECRET_KEY, basic_config, clean_environment
from support.wire import Client, call

TOKEN = "token-canary-0123456789"
TOKEN_SHA256 = hashlib.sha256(TOKEN.encode()).hexdigest()


def written(folder, config):
    path = folder / "config.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return path


def test_no_core_dumps(gateway, upstream):
    # Without the runtime's own handler, which prints a backtrace and takes the signal away.
    serving = gateway(basic_config(upstream.url), environment={"SWIFT_BACKTRACE": "enable=no"}, closes_memory=True)
    assert call(serving.address).status == 204
    assert re.search(r"Max core file size +0 +0 ", pathlib.Path(f"/proc/{serving.pid}/limits").read_text())
    serving.signal(signal.SIGABRT)
    serving.process.wait(30)
    assert serving.process.returncode == -signal.SIGABRT
    assert not list(serving.config_path.parent.glob("core*"))


SCRIPT = """
    "$1" serve --config config.json $2 2>log & pid=$!
    for i in $(seq 600); do grep -q ' ready$' log && break; sleep 0.05; done
    head -c 0 /proc/$pid/mem 2>reason; cat reason; stat -c 'owned by %u' /proc/$pid/maps
    kill $pid; wait $pid; echo "ended with $?"
"""


@pytest.mark.parametrize("option,is_closed", [("", True), ("--allow-core-dumps", False)])
def test_another_process_of_the_same_user_reads_no_memory(upstream, option, is_closed):
    """As an ordinary user, because root may read everything. A folder of its own: others may not enter root's."""
    user = [] if os.geteuid() else ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        binary = shutil.copy(BINARY, folder / "countersign")
        written(folder, basic_config(upstream.url))
        for path in [folder, folder / "config.json"] if user else []:
            os.chown(path, 65534, 65534)
        found = subprocess.run(
            user + ["sh", "-c", SCRIPT, "sh", str(binary), option], cwd=folder, capture_output=True, text=True, env=clean_environment(), timeout=120
        ).stdout
        log = (folder / "log").read_text()
    assert "ended with 0" in found, found + log
    assert ("Permission denied" in found, "owned by 0\n" in found) == (is_closed, is_closed), found + log


def secure_heap(pid):
    """Flags of the mapping that is locked and left out of dumps (VmFlags of proc(5): lo, dd)."""
    text = pathlib.Path(f"/proc/{pid}/smaps").read_text()
    return [line for line in text.splitlines() if line.startswith("VmFlags:") and {"lo", "dd"} <= set(line.split())]


def test_keys_lie_in_locked_memory_that_no_dump_holds(gateway, upstream):
    serving = gateway(basic_config(upstream.url))
    assert call(serving.address).status == 204
    assert secure_heap(serving.pid)
    assert "memory of keys" not in serving.stderr


def test_memory_that_cannot_be_locked_is_told_and_stops_nothing(upstream, tmp_path):
    config = written(tmp_path, basic_config(upstream.url))
    running = subprocess.Popen(
        # Root may lock whatever the limit says, unless it gives that up (CAP_IPC_LOCK).
        ["setpriv", "--bounding-set=-ipc_lock", "--inh-caps=-ipc_lock", "prlimit", "--memlock=0:0", str(BINARY), "serve", "--config", str(config)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environment(), cwd=tmp_path,
    )  # fmt: skip
    seen = ""
    for line in running.stderr:
        seen += line
        if line.rstrip().endswith("ready"):
            break
    running.terminate()
    running.wait(30)
    assert "RLIMIT_MEMLOCK" in seen, seen


@pytest.mark.parametrize("level", ["trace", "debug", "info"])
def test_no_log_holds_a_secret(upstream, tmp_path, level):
    config = basic_config(upstream.url, callers=[{"name": "billing", "tokenSha256": TOKEN_SHA256}])
    config["credentials"]["chime"]["sessionToken"] = "session-canary-0123456789"
    path = written(tmp_path, config)
    log = tmp_path / "log"
    running = subprocess.Popen(
        [str(BINARY), "serve", "--config", str(path), "--log-format", "json", "--log-level", level],
        stdin=subprocess.DEVNULL, stdout=log.open("wb"), stderr=subprocess.STDOUT, env=clean_environment(), cwd=tmp_path,
    )  # fmt: skip

    def listening():
        for line in log.read_text().splitlines():
            record = json.loads(line)
            if record["message"] == "listening":
                host, _, port = record["listener"].rpartition(":")
                return host, int(port)

    try:
        deadline = time.monotonic() + 30
        while not (address := listening()):
            assert time.monotonic() < deadline and running.poll() is None
            time.sleep(0.05)
        for headers in (
            {"authorization": f"Bearer {TOKEN}"}, {"x-countersign-token": TOKEN}, {"authorization": f"Bearer {TOKEN}-wrong"},
            {"authorization": "AWS4-HMAC-SHA256 Credential=AKID/x, Signature=sig-canary"}, {},
        ):  # fmt: skip
            call(address, headers=list(headers.items()))
        with Client(address) as client:
            client.send(f"BROKEN\r\nauthorization: Bearer {TOKEN}\r\n\r\n")
            client.is_closed()
        upstream.script = lambda request, connection: connection.reset()
        call(address, headers=[("x-countersign-token", TOKEN)])
        running.send_signal(signal.SIGHUP)
    finally:
        running.terminate()
        running.wait(30)
    text = log.read_text()
    assert upstream.requests and "stopped" in text
    for secret in (TOKEN, TOKEN_SHA256, SECRET_KEY, "session-canary", "sig-canary", "Signature="):
        assert secret not in text
    for signature in {request.first("authorization", "").rpartition("Signature=")[2] for request in upstream.requests}:
        assert len(signature) == 64 and signature not in text
