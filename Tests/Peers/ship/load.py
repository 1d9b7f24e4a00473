"""Deletes under way while collectors and gateways come and go, and what the gateway says of its destinations."""

import json
import threading
import time
import urllib.request

from support.process import basic_config
from support.wire import Client, request_bytes


def shipped_config(upstream_url, path, *destinations, sync="never"):
    audit = {"file": {"path": str(path), "sync": sync}, "ship": [d if isinstance(d, dict) else {"to": d} for d in destinations]}
    return basic_config(upstream_url, audit=audit)


class Load:
    """Callers that delete one number after the other until `stop`; a gateway that is gone is waited for."""

    def __init__(self, gateway, callers=4):
        self.gateway = gateway
        self.answered = 0
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(caller,)) for caller in range(callers)]
        for thread in self._threads:
            thread.start()

    def _run(self, caller):
        count = 0
        while not self._stop.is_set():
            try:
                with Client(self.gateway.address, timeout=5) as client:
                    while not self._stop.is_set():
                        client.send(request_bytes(target=f"/phone-numbers/+44{caller:03}{count:07}"))
                        count += 1
                        if client.read().status == 204:
                            self.answered += 1
            except (OSError, EOFError):
                time.sleep(0.05)

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(10)


def destinations(gateway):
    with urllib.request.urlopen(gateway.admin_url + "/status", timeout=30) as found:
        return json.load(found)["audit"]["ship"]


def metrics(gateway):
    """countersign_audit_ship_* as {(name, destination): value}."""
    with urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=30) as found:
        samples = {}
        for line in found.read().decode().splitlines():
            if line.startswith("countersign_audit_ship_"):
                name, _, rest = line.removeprefix("countersign_audit_ship_").partition("{")
                labels, _, value = rest.rpartition("} ")
                samples[name, labels.removeprefix('destination="').removesuffix('"')] = float(value)
        return samples


def wait_until(condition, timeout=60, what="the condition"):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true within {timeout} s"
        time.sleep(0.05)


def wait_until_caught_up(gateway, timeout=90):
    # Records become final within a second of being written, so equality once is not the end of it.
    time.sleep(0.2)
    wait_until(lambda: all(d["up"] and d["recordsBehind"] == 0 for d in destinations(gateway)), timeout, "catching up")
