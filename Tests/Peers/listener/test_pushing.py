"""Clients that send without end at every limit: whatever comes, memory does not grow, and others are served.

$COUNTERSIGN_PUSH_MIB says how much goes to each limit, in MiB (1024 for the whole gigabyte).
"""

import os
import select
import socket
import time

import pytest

from listener.footprint import leaving_nothing
from listener.pushing import HTTP1, HTTP2, TLS
from listener.tls import tls_config, tls_listener
from support.process import Gateway
from support.upstream import Upstream
from support.wire import call

PUSHED_BYTES = int(os.environ.get("COUNTERSIGN_PUSH_MIB", "64")) << 20
GROWTH_KIB = 16 * 1024
# A connection from which the gateway takes no more for so long is given up, and a new one made.
PATIENCE_SECONDS = 0.3
# Requests that are answered in full cost more time than bytes that are thrown away.
SLOW = {"requests whose answers nobody reads": 8}
CASES = [(0, name, source) for name, source in (HTTP1 | HTTP2).items()] + [(1, name, source) for name, source in TLS.items()]


@pytest.fixture(scope="module")
def target(tmp_path_factory, authority):
    upstream = Upstream()
    config = tls_config(
        upstream, {"bind": "127.0.0.1:0"}, tls_listener(authority),
        callers=[{"name": "local", "networks": ["127.0.0.1/32"]}, {"name": "billing", "tokenSha256": "0" * 64}],
    )  # fmt: skip
    gateway = Gateway(config, tmp_path_factory.mktemp("pushing"))
    for _ in range(200):
        assert call(gateway.address).status == 204
    with leaving_nothing(gateway, upstream, GROWTH_KIB):
        yield gateway, upstream


def push(address, source, most):
    """One connection's worth: until the gateway closes, takes no more, or has had `most` bytes. Answers are not read. Bytes sent."""
    sent = 0
    with socket.create_connection(address, 30) as client:
        client.setblocking(False)
        for piece in source():
            rest = memoryview(piece)
            while rest:
                if not select.select([], [client], [], PATIENCE_SECONDS)[1]:
                    return sent
                try:
                    count = client.send(rest)
                except OSError:
                    return sent
                sent += count
                rest = rest[count:]
            if sent >= most:
                return sent


@pytest.mark.parametrize("listener, name, source", CASES, ids=[name for _, name, _ in CASES])
def test_what_has_no_end_takes_no_memory(target, record_property, listener, name, source):
    gateway, upstream = target
    host, port = gateway.listeners[listener].split(":")
    # What a first time takes for good, it does not take again.
    for _ in range(4):
        push((host, int(port)), source, 1 << 20)
    upstream.clear()
    before = peak = gateway.memory_kib()
    started = time.monotonic()
    sent = connections = 0
    while sent < PUSHED_BYTES // SLOW.get(name, 1):
        # Many connections that meet the limit, and among them some that do not stop behind it.
        sent += push((host, int(port)), source, (1 if connections % 4 else 16) << 20)
        connections += 1
        peak = max(peak, gateway.memory_kib())
        upstream.clear()
    print(f"{name}: {sent >> 20} MiB, {connections} connections, {peak - before} KiB more, {time.monotonic() - started:.1f} s")
    record_property("KiB more at most", peak - before)
    assert peak - before < GROWTH_KIB
    assert call(gateway.address).status == 204

