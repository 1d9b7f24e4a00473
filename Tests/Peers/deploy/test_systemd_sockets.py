"""What the units promise: the gateway tells systemd that it is ready, and serves on sockets that systemd holds."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest

from deploy.test_systemd import SERVICE, SOCKET, value
from support.process import BINARY, Gateway, basic_config
from support.wire import call


@pytest.fixture
def folder():
    # Short, because a socket's path has at most 107 bytes.
    path = tempfile.mkdtemp(prefix="unit-", dir="/tmp")
    yield path
    shutil.rmtree(path)


def test_it_tells_that_it_is_ready(upstream, folder):
    assert value(SERVICE, "Type") in ("notify", "notify-reload")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        notified.bind(f"{folder}/notify")
        notified.settimeout(60)
        gateway = Gateway(basic_config(upstream.url), folder, environment={"NOTIFY_SOCKET": f"{folder}/notify"})
        try:
            assert b"READY=1" in notified.recv(4096).split(b"\n")
            gateway.stop()
            assert b"STOPPING=1" in notified.recv(4096).split(b"\n")
        finally:
            gateway.kill()


def test_the_sockets_of_the_unit_are_taken_over(upstream, folder):
    """The unit's sockets, made here as systemd makes them and handed over by the protocol of sd_listen_fds(3)."""
    streams = re.findall(r"^ListenStream=(.*)$", SOCKET, re.MULTILINE)
    assert [stream.startswith("/") for stream in streams] == [False, True]
    tcp = socket.create_server(("127.0.0.1", 0))
    path = f"{folder}/gateway.sock"
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    unix.listen(64)
    port = tcp.getsockname()[1]
    config = basic_config(upstream.url, listeners=[{"bind": f"127.0.0.1:{port}"}, {"bind": f"unix:{path}"}])
    starter = (
        "import os, sys\n"
        "os.dup2(int(sys.argv[1]), 103); os.dup2(int(sys.argv[2]), 104); os.dup2(103, 3); os.dup2(104, 4)\n"
        "os.environ |= {'LISTEN_FDS': '2', 'LISTEN_PID': str(os.getpid())}\n"
        "os.execv(sys.argv[3], sys.argv[3:])\n"
    )
    for _ in range(2):
        command = [sys.executable, "-c", starter, str(tcp.fileno()), str(unix.fileno()), str(BINARY)]
        gateway = Gateway(config, folder, command=command, pass_fds=(tcp.fileno(), unix.fileno()))
        try:
            assert call(("127.0.0.1", port)).status == 204
            assert call(path).status == 204
            gateway.stop()
        finally:
            gateway.kill()
        # The next one finds the same sockets, so nothing was refused in between.
        assert os.path.exists(path)
        waiting = socket.create_connection(("127.0.0.1", port), timeout=30)
        waiting.close()
    tcp.close()
    unix.close()
