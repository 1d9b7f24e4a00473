"""Who calls over a unix socket is told by the kernel (SO_PEERCRED), and by nothing that the caller says."""

import os
import subprocess
import sys

import pytest

from listener.tls import tls_config
from support import expect
from support.wire import Client

OTHER = 65_534
# Becomes another user before it connects, and claims to be root: prints the status. What it needs is loaded while the way there is open.
CALL = """
import os, socket, sys
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
caller = socket.socket(socket.AF_UNIX)
caller.settimeout(30)
caller.connect(sys.argv[1])
caller.sendall(b"DELETE /phone-numbers/%2B12065550100 HTTP/1.1\\r\\nHost: a\\r\\nX-Unix-Uid: 0\\r\\nForwarded: for=unix;uid=0\\r\\n\\r\\n")
print(caller.recv(65536).split()[1].decode())
"""


@pytest.fixture
def path():
    # sun_path holds 107 bytes, and another user must be able to go there.
    found = f"/tmp/countersign-peers-{os.getpid()}.sock"
    yield found
    if os.path.exists(found):
        os.unlink(found)


def config(upstream, path, **proof):
    return tls_config(upstream, {"bind": "127.0.0.1:0"}, {"bind": f"unix:{path}", "mode": "0666"}, callers=[{"name": "somebody"} | proof])


@pytest.mark.parametrize(
    "proof, is_known",
    [
        ({"unixUid": os.getuid()}, True),
        ({"unixGid": os.getgid()}, True),
        ({"unixUid": os.getuid() + 1}, False),
        ({"unixGid": os.getgid() + 1}, False),
        ({"allOf": [{"unixUid": os.getuid()}, {"unixGid": os.getgid()}]}, True),
        ({"allOf": [{"unixUid": os.getuid()}, {"unixGid": os.getgid() + 1}]}, False),
    ],
    ids=str,
)
def test_a_caller_is_known_by_user_or_group(gateway, upstream, path, proof, is_known):
    served = gateway(config(upstream, path, **proof))
    with Client(path) as client:
        found = client.request()
        expect.relayed(found, 204) if is_known else expect.refusal(found, 401, "caller/")
    # The same caller by TCP has no user.
    with Client(served.address) as client:
        expect.refusal(client.request(), 401, "caller/")
    assert len(upstream.requests) == is_known


@pytest.mark.skipif(os.getuid() != 0, reason="only root can call as somebody else")
@pytest.mark.parametrize("proof, status", [({"unixUid": OTHER}, "204"), ({"unixUid": 0}, "401"), ({"unixGid": 0}, "401")], ids=str)
def test_another_user_is_another_caller(gateway, upstream, path, proof, status):
    gateway(config(upstream, path, **proof))
    done = subprocess.run([sys.executable, "-c", CALL, path], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == status, done.stderr
    assert len(upstream.requests) == (status == "204")
