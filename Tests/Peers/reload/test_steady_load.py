"""32 connections under steady load through ten reloads, a restart with inherited sockets and a drain: no request fails."""

import json
import signal
import time
import urllib.request

import pytest

from listener.authority import Authority
from listener.tls import client_context
from reload.activator import Activator
from reload.load import Load, tls_client
from support.process import SECRET_KEY, basic_config
from support.upstream import answer
from support.upstream import plain as plain_answer
from support.wire import Client


@pytest.fixture
def activator():
    one = Activator("plain", "tls", "admin")
    yield one
    one.close()


def test_no_request_fails_through_reloads_a_restart_and_a_drain(gateway, upstream, activator, tmp_path):
    authority = Authority(tmp_path / "authority", "authority")
    for name in ("first", "second"):
        authority.issue(name)
    certificate, key, secret = tmp_path / "tls.crt", tmp_path / "tls.key", tmp_path / "secret"

    def write(path, text):
        path.touch(mode=0o600)
        path.write_text(text)

    def renew(name):
        for path, kind in ((certificate, "pem"), (key, "key")):
            write(path, (tmp_path / "authority" / f"{name}.{kind}").read_text())

    renew("first")
    write(secret, SECRET_KEY)
    plain, tls, admin = activator.addresses
    config = basic_config(
        upstream.url,
        listeners=[{"bind": plain}, {"bind": tls, "tls": {"certificate": str(certificate), "privateKey": str(key)}}],
        admin={"bind": admin}, drain={"delay": "500ms", "timeout": "60s"}, watch=False,
        limits={"account": {"rate": "10000/s", "burst": 10000}},
    )  # fmt: skip
    config["credentials"]["chime"]["secretAccessKey"] = {"file": str(secret)}
    config["routes"][0]["limits"] = ["account"]
    running = gateway(config, **activator.options)
    addresses = [one.getsockname() for one in activator.sockets]
    context = client_context(authority)
    loads = [
        Load(lambda: Client(addresses[0]), upstream, connections=16),
        Load(lambda: tls_client(addresses[1], context), upstream, connections=16),
    ]

    def go_on(count=50):
        for load in loads:
            load.wait_for(count)

    def reloads():
        return [r for r in running.records if r.get("message", "").startswith(("configuration reloaded", "configuration not reloaded"))]

    go_on()
    for number in range(10):
        if number == 4:
            running.write_config(config | {"typo": 1})
        else:
            config["limits"]["account"]["burst"] = 10000 - number
            config["credentials"]["chime"]["accessKeyId"] = f"AKIDNUMBER{number}"
            write(secret, SECRET_KEY + str(number))
            renew(("first", "second")[number % 2])
            running.write_config(config)
        running.signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while len(reloads()) <= number:
            assert time.monotonic() < deadline, running.stderr
            time.sleep(0.02)
        go_on(20)
    assert [r["message"].startswith("configuration not") for r in reloads()] == [n == 4 for n in range(10)]

    # The restart: connections wait in the inherited sockets.
    running.stop()
    running = gateway(config, **activator.options)
    go_on()

    # The drain, with requests under way that take longer than its delay.
    upstream.script = lambda request, connection: (time.sleep(0.7), connection.send(answer()))
    go_on(20)
    # All callers may have been answered at once just now.
    deadline = time.monotonic() + 60
    while json.loads(urllib.request.urlopen(running.admin_url + "/status", timeout=60).read())["exchanges"] == 0:
        assert time.monotonic() < deadline
    running.stop()
    running = gateway(config, **activator.options)
    go_on(20)
    upstream.script = plain_answer
    for load in loads:
        load.stop()
    assert [load.failures for load in loads] == [[], []]
    assert all(load.done > 300 for load in loads)
    used = {request.first("authorization").split("Credential=")[1].split("/")[0] for request in upstream.requests}
    assert used == {"AKIDEXAMPLE"} | {f"AKIDNUMBER{number}" for number in range(10) if number != 4}
