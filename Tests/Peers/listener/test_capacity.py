"""Many connections, unfinished handshakes, and no descriptors left: bounded memory, and those who are connected are served."""

import os
import resource
import signal
import socket
import ssl
import time

import pytest

from listener import descriptors
from listener.footprint import Footprint, eventually, gauge, total
from listener.http2 import PREFACE, SETTINGS, HTTP2Client, frame
from listener.tls import FAST, client_context, tls_config, tls_listener
from support import expect
from support.upstream import answer
from support.wire import Client, request_bytes


@pytest.fixture(autouse=True)
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def cpu_seconds(served):
    fields = open(f"/proc/{served.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def client_hello():
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        session.do_handshake()
    return outgoing.read()


def test_unfinished_handshakes_leave_nothing_behind(gateway, upstream, authority, h2_context):
    served = gateway(tls_config(upstream, tls_listener(authority) | {"timeouts": FAST | {"head": "3s"}}))
    with HTTP2Client(served.address, h2_context) as client:
        assert client.request(scheme="https").status == 204
    hello = client_hello()
    before = Footprint(served)
    for _ in range(2):
        unfinished(served, hello, h2_context)
        before.is_back()


def unfinished(served, hello, h2_context):
    """A thousand clients that get as far as one of four places; half of them leave, the others wait until they are let go."""
    sockets = []
    for number in range(1000):
        sockets.append(socket.create_connection(served.address, 60))
        sockets[-1].sendall([b"", hello[:100], hello, hello + b"\x14\x03\x03\x00\x01\x01"][number % 4])
    with HTTP2Client(served.address, h2_context) as client:
        assert client.request(scheme="https").status == 204
    for some in sockets[:500]:
        some.close()
    for rest in sockets[500:]:
        rest.settimeout(60)
        try:
            while rest.recv(65536):
                pass
        except ConnectionResetError:
            pass
        rest.close()


def opened_plain(address, context):
    return socket.create_connection(address, 10)


def opened_http2(address, context):
    made = socket.create_connection(address, 10)
    made.sendall(PREFACE + frame(SETTINGS) + frame(SETTINGS, 1))
    return made


def opened_tls(address, context):
    return context.wrap_socket(socket.create_connection(address, 10), server_hostname="localhost")


def opened_tls_http2(address, context):
    made = opened_tls(address, context)
    made.sendall(PREFACE + frame(SETTINGS) + frame(SETTINGS, 1))
    return made


@pytest.mark.parametrize(
    "listener, count, opens, protocols",
    [
        (0, 2000, opened_plain, ()),
        (0, 2000, opened_http2, ()),
        (1, 1000, opened_tls, ("http/1.1",)),
        (1, 1000, opened_tls_http2, ("h2",)),
    ],
    ids=["http1", "h2c", "https1", "h2"],
)
def test_idle_connections_are_cheap(gateway, upstream, authority, record_property, listener, count, opens, protocols):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}, tls_listener(authority)))
    host, port = served.listeners[listener].split(":")
    context = client_context(authority, protocols=protocols)
    warm = [opens((host, int(port)), context) for _ in range(50)]
    before = served.memory_kib()
    sockets = [opens((host, int(port)), context) for _ in range(count)]
    eventually(lambda: gauge(served, "countersign_connections") == count + len(warm))
    each = (served.memory_kib() - before) / count
    record_property("KiB for each idle connection", round(each, 1))
    print(f"{opens.__name__}: {each:.1f} KiB for each idle connection")
    assert each < 64
    # Others are served meanwhile.
    with Client(served.address) as client:
        for _ in range(100):
            assert client.request().status == 204
    for some in sockets + warm:
        some.close()
    eventually(lambda: gauge(served, "countersign_connections") == 0)
    eventually(lambda: descriptors.open_count(served) < count and served.memory_kib() - before < 16 * 1024)


def test_no_descriptors_left_is_neither_a_spin_nor_an_end(gateway, upstream):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}))
    with Client(served.address) as client:
        assert client.request().status == 204
        limit = descriptors.open_count(served) + 10
        resource.prlimit(served.pid, resource.RLIMIT_NOFILE, (limit, limit))
        sockets = [socket.create_connection(served.address, 10) for _ in range(60)]
        assert served.wait_for_log(lambda r: r.get("message") == "connection not accepted")
        spent = cpu_seconds(served)
        for _ in range(100):
            assert client.request().status == 204
            time.sleep(0.01)
        assert cpu_seconds(served) - spent < 0.6
        for some in sockets:
            some.close()
    # Accepting goes on by itself, and nothing is kept of those who could not be.
    for _ in range(20):
        with Client(served.address) as late:
            assert late.request().status == 204
    eventually(lambda: gauge(served, "countersign_connections") == 0)
    eventually(lambda: descriptors.open_count(served) < limit)


def test_no_descriptor_left_for_the_upstream_is_told(gateway, upstream):
    upstream.script = lambda request, connection: (connection.send(answer()), connection.close())
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}))
    with Client(served.address) as client:
        assert client.request().status == 204
        eventually(lambda: total(served, "countersign_upstream_connections{") == 0)
        limit = descriptors.open_count(served) + 5
        resource.prlimit(served.pid, resource.RLIMIT_NOFILE, (limit, limit))
        sockets = [socket.create_connection(served.address, 60) for _ in range(30)]
        assert served.wait_for_log(lambda r: r.get("message") == "connection not accepted")
        # A descriptor that was being closed meanwhile may have served once more.
        eventually(lambda: (found := client.request()).status == 503 and expect.refusal(found, 503, "upstream/"))
        for some in sockets:
            some.close()
        # The same connection is served again as soon as there is room.
        eventually(lambda: client.request().status == 204)
    assert served.process.poll() is None


def test_as_many_descriptors_as_the_system_allows(gateway, upstream):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}))
    limits = next(line for line in open(f"/proc/{served.pid}/limits") if line.startswith("Max open files"))
    assert limits.split()[3:5] == [str(hard)] * 2


def test_limits_on_connections(gateway, upstream):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0", "limits": {"connections": 20, "connectionsPerAddress": 10}}))
    held = [Client(served.address) for _ in range(10)]
    for client in held:
        assert client.request().status == 204
    with Client(served.address) as beyond:
        beyond.send(request_bytes())
        assert beyond.is_closed()
    held.pop().close()

    def is_served():
        try:
            with Client(served.address) as client:
                return client.request().status == 204
        except (EOFError, OSError):
            return False

    eventually(is_served)
    for client in held:
        client.close()


def test_limits_on_connections_follow_a_reload(gateway, upstream):
    config = tls_config(upstream, {"bind": "127.0.0.1:0", "limits": {"connections": 100}})
    served = gateway(config)
    held = [Client(served.address) for _ in range(10)]
    for client in held:
        assert client.request().status == 204

    def take(limits):
        served.write_config(config | {"listeners": [config["listeners"][0] | {"limits": limits}]})
        before = sum(record.get("message") == "configuration reloaded" for record in served.records)
        served.signal(signal.SIGHUP)
        eventually(lambda: sum(record.get("message") == "configuration reloaded" for record in served.records) > before)

    def is_served():
        try:
            with Client(served.address) as client:
                return client.request().status == 204
        except (EOFError, OSError):
            return False

    # Those that are open count, also where no limit by address was in force when they came; and they stay.
    for limits in ({"connections": 10}, {"connections": 100, "connectionsPerAddress": 5}):
        take(limits)
        assert not is_served()
        for client in held:
            assert client.request().status == 204
    take({"connections": 100})
    eventually(is_served)
    for client in held:
        client.close()
