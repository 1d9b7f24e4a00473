"""What the tests of the limits share: configurations, numbers, and the admin listener's answers."""

import hashlib
import json
import signal
import time
import urllib.request

from support.process import basic_config

# Callers by token.
TOKENS = {"large": "token-of-large", "small": "token-of-small"}
CALLERS = [{"name": name, "tokenSha256": hashlib.sha256(token.encode()).hexdigest()} for name, token in TOKENS.items()]


def token(caller):
    """The field by which a caller of `CALLERS` is known."""
    return [("Authorization", f"Bearer {TOKENS[caller]}")]


def limited_config(upstream_url, limits, order=None, style=None, upstream=None, **changes):
    """DeletePhoneNumber under `limits`; `upstream` holds further settings of the upstream."""
    config = basic_config(upstream_url, limits=limits, **changes)
    config["routes"][0]["limits"] = order or list(limits)
    if style:
        config["routes"][0]["throttleStyle"] = style
    config["upstreams"]["chime"] |= upstream or {}
    return config


def status(gateway):
    with urllib.request.urlopen(gateway.admin_url + "/status", timeout=10) as answer:
        return json.load(answer)


def limit_status(gateway, name, **labels):
    """The one entry of `/status` for a limit (and a caller, for instance)."""
    found = [
        entry for entry in status(gateway)["limits"] if entry["limit"] == name and all(entry.get(k) == v for k, v in labels.items())
    ]
    assert len(found) == 1, found
    return found[0]


def metrics(gateway):
    with urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line and not line.startswith("#"))}


def wait_until(condition, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def reload(gateway, config):
    """SIGHUP with another configuration; returns when it is in force."""
    before = status(gateway)["reloads"]
    gateway.write_config(config)
    gateway.signal(signal.SIGHUP)
    wait_until(lambda: status(gateway)["reloads"] == before + 1)
