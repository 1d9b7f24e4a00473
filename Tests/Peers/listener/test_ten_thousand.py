"""Ten thousand callers who keep a connection each and ask for nothing: they cost little, all loops carry them, and others are served."""

import resource
import socket

import pytest

from listener import descriptors
from listener.footprint import eventually, gauge
from listener.tls import tls_config
from support.wire import Client

COUNT = 10_000
PER_ADDRESS = 2000


@pytest.fixture
def room():
    """How many connections this process may hold open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = descriptors.allow(COUNT + 1000)
    yield limit - 500
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[0], max(before[0], resource.getrlimit(resource.RLIMIT_NOFILE)[1])))


def opened(address, source):
    made = socket.socket()
    made.settimeout(30)
    made.bind((source, 0))
    made.connect(address)
    return made


def test_ten_thousand_idle_connections(gateway, upstream, room, record_property):
    limits = {"connections": COUNT + 500, "connectionsPerAddress": PER_ADDRESS}
    listener = {"bind": "127.0.0.1:0", "limits": limits, "timeouts": {"head": "10m", "idle": "10m"}}
    served = gateway(tls_config(upstream, listener, callers=[{"name": "local", "networks": ["127.0.0.0/8"]}]))
    count = min(COUNT, room)
    assert count >= 2000, "too few open files are allowed for this test: raise ulimit -n"

    warm = [opened(served.address, "127.0.0.1") for _ in range(50)]
    for one in warm:
        one.close()
    eventually(lambda: gauge(served, "countersign_connections") == 0)
    before = served.memory_kib()
    held = []
    try:
        for number in range(count):
            held.append(opened(served.address, f"127.0.0.{2 + number // PER_ADDRESS}"))
        eventually(lambda: gauge(served, "countersign_connections") == count)
        each = (served.memory_kib() - before) / count
        record_property("KiB for each of ten thousand", round(each, 1))
        print(f"{count} idle connections: {each:.1f} KiB each")
        assert each < 64

        # Every loop carries its share of them.
        shares = sorted(descriptors.watched_by_each_loop(served))[-descriptors.loop_count(served) :]
        assert sum(shares) >= count and shares[-1] < 1.2 * shares[0], shares

        # One address has used its share up; the others have not.
        with pytest.raises(OSError), opened(served.address, "127.0.0.2") as beyond:
            beyond.sendall(b"GET / HTTP/1.1\r\n\r\n")
            if beyond.recv(100) == b"":
                raise ConnectionResetError
        for _ in range(50):
            with Client(served.address) as client:
                assert client.request().status == 204
        # Those who were idle are served as soon as they ask.
        for one in held[:: count // 50]:
            one.sendall(b"DELETE /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
            assert one.recv(4096).startswith(b"HTTP/1.1 204 ")
    finally:
        for one in held:
            one.close()
    eventually(lambda: gauge(served, "countersign_connections") == 0)
    # And nothing of them is left.
    eventually(lambda: descriptors.open_count(served) < 200 and served.memory_kib() - before < 16 * 1024)
