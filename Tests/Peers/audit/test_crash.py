"""kill -9 at random moments under load: whatever the upstream saw is on record, and the chain goes on."""

import os
import random
import signal
import threading
import time

from audit.trail import audited_config
from audit.verifier import verify
from support.process import Gateway
from support.wire import Client, request_bytes

ROUNDS = int(os.environ.get("COUNTERSIGN_CRASH_ROUNDS", "20"))
CALLERS = 64


def number(round, caller, count):
    """A number of its own for each request of the whole test."""
    return f"+44{round:04}{caller:03}{count:04}"


def load(address, round, caller, stop):
    """Deletes one number after the other until the gateway is gone."""
    try:
        with Client(address, timeout=5) as client:
            for count in range(10_000):
                if stop.is_set():
                    return
                client.send(request_bytes(target=f"/phone-numbers/{number(round, caller, count)}"))
                client.read()
    except (OSError, EOFError):
        pass


def test_every_forwarded_request_is_on_record(upstream, tmp_path):
    path = tmp_path / "audit.jsonl"
    dice = random.Random(9)
    for round in range(ROUNDS):
        serving = Gateway(audited_config(upstream.url, path), tmp_path)
        stop = threading.Event()
        threads = [threading.Thread(target=load, args=(serving.address, round, caller, stop)) for caller in range(CALLERS)]
        try:
            for thread in threads:
                thread.start()
            time.sleep(dice.uniform(0.02, 0.4))
            os.kill(serving.pid, signal.SIGKILL)
        finally:
            serving.kill()
            stop.set()
            for thread in threads:
                thread.join(10)
        seen = {request.target.rpartition("/")[2].replace("%2B", "+") for request in upstream.requests}
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        intents = {record["subject"]["phoneNumberId"] for record in verify(whole) if record["stage"] == "intent"}
        assert seen <= intents, f"round {round}: {len(seen - intents)} requests were forwarded without a record"
    serving = Gateway(audited_config(upstream.url, path), tmp_path)
    try:
        with Client(serving.address) as client:
            assert client.request().status == 204
        serving.stop()
    finally:
        serving.kill()
    found = verify(path.read_bytes())
    assert len({record["id"] for record in found if record["stage"] == "intent"}) >= len(upstream.requests)
    assert found[-1]["stage"] == "outcome"
