"""Rotation, restarts and torn ends: the chain goes on."""

import os
import shutil
import signal
import subprocess
import threading

import pytest

from audit.trail import audit, audited_config, wait_for_records
from audit.verifier import verify
from support.process import BINARY
from support.wire import Client, call


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


def rotate(serving, path, number):
    path.rename(f"{path}.{number}")
    serving.signal(signal.SIGHUP)
    wait_for_file(path)


def wait_for_file(path):
    wait_for_records(path, 0)
    for _ in range(500):
        if path.exists():
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{path} was not made")


def test_rotation_under_load(gateway, upstream, path):
    serving = gateway(audited_config(upstream.url, path))
    stop = threading.Event()
    statuses = []

    def load():
        with Client(serving.address) as client:
            while not stop.is_set():
                statuses.append(client.request().status)

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for number in range(5):
        stop.wait(0.15)
        rotate(serving, path, number)
    stop.wait(0.15)
    stop.set()
    for thread in threads:
        thread.join(10)
    serving.stop()
    assert set(statuses) == {204}, serving.stderr
    files = [path.with_name(f"audit.jsonl.{number}") for number in range(5)] + [path]
    found = verify(*(file.read_bytes() for file in files))
    assert len(found) == 2 * len(statuses)
    assert not any("note" in record for record in found)
    # A shell's order is not that of the chain.
    assert audit("verify", *sorted(path.parent.glob("audit.jsonl*"))).returncode == 0


def test_logrotate(gateway, upstream, path, tmp_path):
    if shutil.which("logrotate") is None and not os.path.exists("/usr/sbin/logrotate"):
        pytest.skip("logrotate is not installed")
    serving = gateway(audited_config(upstream.url, path))
    recipe = tmp_path / "logrotate.conf"
    recipe.write_text(
        f"{path} {{\n  rotate 9\n  nocreate\n  postrotate\n    kill -HUP {serving.pid}\n  endscript\n}}\n"
    )
    command = [shutil.which("logrotate") or "/usr/sbin/logrotate", "--force", "--state", str(tmp_path / "state"), str(recipe)]
    for _ in range(3):
        assert call(serving.address).status == 204
        subprocess.run(command, check=True)
        wait_for_file(path)
    assert call(serving.address).status == 204
    serving.stop()
    files = [path.with_name(f"audit.jsonl.{number}") for number in (3, 2, 1)] + [path]
    assert len(verify(*(file.read_bytes() for file in files))) == 8


@pytest.mark.parametrize("is_rotated", [False, True])
def test_chain_goes_on_after_a_restart(gateway, upstream, path, is_rotated):
    for _ in range(3):
        serving = gateway(audited_config(upstream.url, path))
        assert call(serving.address).status == 204
        serving.stop()
    old = []
    if is_rotated:
        old.append(path.rename(f"{path}.1"))
    serving = gateway(audited_config(upstream.url, path))
    assert call(serving.address).status == 204
    serving.stop()
    assert len(verify(*(file.read_bytes() for file in old + [path]))) == 8


def test_torn_end(gateway, upstream, path):
    serving = gateway(audited_config(upstream.url, path))
    assert call(serving.address).status == 204
    serving.stop()
    torn = b'{"v":1,"seq":3,"time":"2026-'
    with open(path, "ab") as file:
        file.write(torn)
    serving = gateway(audited_config(upstream.url, path))
    assert call(serving.address).status == 204
    serving.stop()
    [aside] = path.parent.glob("audit.jsonl.torn-*")
    assert aside.read_bytes() == torn
    found = verify(path.read_bytes())
    assert len(found) == 4
    assert aside.name in found[2]["note"]
    assert audit("verify", *path.parent.glob("audit.jsonl*")).returncode == 0


def test_removed_file_is_made_anew(gateway, upstream, path):
    serving = gateway(audited_config(upstream.url, path))
    assert call(serving.address).status == 204
    wait_for_records(path, 2)
    path.unlink()
    assert call(serving.address).status == 204
    wait_for_records(path, 2)
    serving.stop()
    assert b"the file was removed while in use" in path.read_bytes()
    assert audit("verify", path).returncode == 1
    assert audit("verify", "--partial", path).returncode == 0


def test_two_gateways_do_not_share_a_trail(gateway, upstream, path):
    first = gateway(audited_config(upstream.url, path))
    second = subprocess.run([str(BINARY), "serve", "--config", str(first.config_path)], capture_output=True, text=True, timeout=60)
    assert "another process writes this file" in second.stderr
    # Another try may go well, so for a service manager it is no bad configuration.
    assert second.returncode == 69
