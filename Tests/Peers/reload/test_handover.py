"""Restarts and upgrades under load: sockets that a service manager holds, and sockets that two processes share."""

import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from reload.activator import Activator
from reload.load import Load
from support.process import BINARY, basic_config, clean_environment
from support.wire import Client, call


@pytest.fixture
def activator():
    one = Activator("api", "admin")
    yield one
    one.close()


def activated(upstream, activator, **changes):
    api, admin = activator.addresses
    return basic_config(upstream.url, listeners=[{"bind": api}], admin={"bind": admin}, **changes)


def test_a_restart_with_inherited_sockets_refuses_nobody(gateway, upstream, activator):
    config = activated(upstream, activator)
    running = gateway(config, **activator.options)
    assert running.wait_for_log(lambda r: r.get("message") == "listening")["socket"] == "inherited"
    activator.wait_for("READY=1")
    activator.wait_for("WATCHDOG=1", 2)
    address = running.address
    load = Load(lambda: Client(address), upstream, connections=16, pause=0.05)
    fresh = Load(lambda: Client(address), upstream, connections=4, pause=0)
    load.wait_for(100)
    for restart in range(2):
        running.stop()
        activator.wait_for("STOPPING=1", restart + 1)
        time.sleep(0.2)
        running = gateway(config, **activator.options)
        load.wait_for(100)
    for one in (load.stop(), fresh.stop()):
        assert one.failures == [] and one.done > 0
    running.signal(signal.SIGHUP)
    activator.wait_for("RELOADING=1\nMONOTONIC_USEC=")
    activator.wait_for("READY=1", 4)


def test_the_variables_of_another_process_are_not_taken(gateway, upstream):
    running = gateway(basic_config(upstream.url), environment={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert "socket" not in running.wait_for_log(lambda r: r.get("message") == "listening")
    assert call(running.address).status == 204


def test_systemd_socket_activate_starts_it(upstream, tmp_path):
    program = shutil.which("systemd-socket-activate")
    assert program, "the package systemd is missing"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "config.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps(basic_config(upstream.url, listeners=[{"bind": f"127.0.0.1:{port}"}])))
    process = subprocess.Popen(
        [program, "-l", f"127.0.0.1:{port}", str(BINARY), "serve", "--config", str(config)],
        env=clean_environment(), stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                # The program starts with the first connection, which waits in the queue until then.
                assert call(("127.0.0.1", port)).status == 204
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 0 and "inherited" in said, said


def shared(upstream, port, **changes):
    listeners = [{"bind": f"127.0.0.1:{port}", "reusePort": True}]
    return basic_config(upstream.url, listeners=listeners, drain={"delay": "200ms", "timeout": "30s"}, **changes)


def test_an_upgrade_over_a_shared_port_fails_no_request(gateway, upstream):
    running = gateway(shared(upstream, 0))
    port = running.address[1]
    address = running.address
    load = Load(lambda: Client(address), upstream, connections=8, pause=0.05)
    done, failures, ended = [], [], threading.Event()

    def newcomers():
        """A new connection for each request, as fast as it goes: one of them always stands in a queue."""
        while not ended.is_set():
            try:
                done.append(call(address).status)
            except (OSError, EOFError) as failure:
                failures.append(repr(failure))

    threads = [threading.Thread(target=newcomers) for _ in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        load.wait_for(40)
        successor = gateway(shared(upstream, port))
        running.stop()
        running = successor
    load.wait_for(40)
    ended.set()
    for thread in threads:
        thread.join(60)
    assert load.stop().failures == [] and failures == [] and set(done) == {204} and len(done) > 50


def test_a_port_that_is_not_shared_is_refused(gateway, upstream, tmp_path):
    running = gateway(basic_config(upstream.url))
    config = tmp_path / "second.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps(shared(upstream, running.address[1])))
    result = subprocess.run([str(BINARY), "serve", "--config", str(config)], capture_output=True, timeout=60, env=clean_environment())
    assert result.returncode == 69


def test_a_successor_takes_over_the_path_of_a_unix_socket(gateway, upstream, tmp_path):
    path = tmp_path / "gateway.sock"
    config = basic_config(upstream.url, listeners=[{"bind": f"unix:{path}", "reusePort": True, "mode": "0600"}])
    running = gateway(config)
    load = Load(lambda: Client(str(path)), upstream, connections=8, pause=0.02)
    for _ in range(3):
        load.wait_for(40)
        inode = path.stat().st_ino
        successor = gateway(config)
        assert path.stat().st_ino != inode and path.stat().st_mode & 0o777 == 0o600
        running.stop()
        assert path.is_socket(), "the one that ended has removed its successor's socket"
        running = successor
    load.wait_for(40)
    assert load.stop().failures == []
    running.stop()
    assert os.listdir(tmp_path) and not path.exists() and not [name for name in os.listdir(tmp_path) if name.startswith(".")]
