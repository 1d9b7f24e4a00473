"""Connections to the admin listener that say nothing leave probes their answers and the gateway its descriptors."""

import os
import socket
import time

from admin.console import ask, config


# What a gateway may open meanwhile for itself: a file that it looks at, say.
OWN = 8


def descriptors(gateway):
    return len(os.listdir(f"/proc/{gateway.pid}/fd"))


def test_silent_connections_do_not_keep_probes_out(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path))
    host, _, port = running.admin_address.rpartition(":")
    before = descriptors(running)
    silent = []
    try:
        for number in range(400):
            silent.append(socket.create_connection((host, int(port)), 30))
            # Half of them begin a request and never end it.
            if number % 2:
                silent[-1].sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n")
            if number % 40 == 0:
                assert ask(running.admin_address, "GET", "/ready")[0] == 200
        deadline = time.monotonic() + 30
        while descriptors(running) > before + 128 + OWN and time.monotonic() < deadline:
            time.sleep(0.05)
        assert descriptors(running) <= before + 128 + OWN
        assert ask(running.admin_address, "GET", "/live")[0] == 200
        # The first to come is long gone, the last is still there.
        silent[0].settimeout(30)
        assert silent[0].recv(1) == b""
        silent[-1].sendall(b"\r\n")
        silent[-1].settimeout(30)
        assert silent[-1].recv(12) == b"HTTP/1.1 200"
    finally:
        for one in silent:
            one.close()
    deadline = time.monotonic() + 30
    while descriptors(running) > before + OWN and time.monotonic() < deadline:
        time.sleep(0.05)
    assert descriptors(running) <= before + OWN


def test_a_request_without_end_is_not_kept(gateway, upstream, tmp_path):
    """Heads and bodies beyond all measure end the connection; memory stays as it was."""
    running = gateway(config(upstream.url, tmp_path))
    host, _, port = running.admin_address.rpartition(":")
    ask(running.admin_address, "GET", "/metrics")
    before = running.memory_kib()
    for opening in (b"GET /ready HTTP/1.1\r\nHost: x\r\nx: ", b"POST /freeze HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n"):
        with socket.create_connection((host, int(port)), 30) as one:
            try:
                one.sendall(opening)
                for _ in range(512):
                    one.sendall(b"a" * 65_536)
            except OSError:
                pass
    assert running.memory_kib() - before < 8 * 1024
    assert ask(running.admin_address, "GET", "/ready")[0] == 200
