"""What the tests of the limits share: configurations, numbers, and the admin listener's answers."""

import json
import urllib.request

from support.process import basic_config

CALLERS = {
    # tokenSha256 of the tokens "token-of-large" and "token-of-small".
    "large": "token-of-large",
    "small": "token-of-small",
}


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
        entry for entry in status(gateway)["limits"] if entry["name"] == name and all(entry.get(k) == v for k, v in labels.items())
    ]
    assert len(found) == 1, found
    return found[0]


def metrics(gateway):
    with urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line and not line.startswith("#"))}
