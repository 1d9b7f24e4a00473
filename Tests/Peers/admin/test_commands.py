"""`countersign wait`, `status`, `freeze`, `thaw` and `quit`, as an operator types them."""

import contextlib
import json
import os
import pty
import select
import socket
import subprocess
import termios
import time

import pytest

from admin.console import TOKEN, ask, command, config, status
from support.process import BINARY, clean_environment
from support.wire import call


@pytest.fixture
def running(gateway, upstream, tmp_path):
    return gateway(config(upstream.url, tmp_path))


def unused_address():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return "127.0.0.1:%d" % found.getsockname()[1]


def test_freeze_and_thaw(running, tmp_path):
    found = command("freeze", "--admin", running.admin_address, "--reason", "wrong list", "--by", "alice")
    assert found.returncode == 0 and "by alice: wrong list" in found.stdout, found
    assert call(running.address).status == 503
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    found = command("thaw", "--admin", running.admin_address, "--token-file", token, token=None, USER="bob")
    assert found.returncode == 0 and found.stdout.startswith("thawed"), found
    assert call(running.address).status == 204
    trail = (tmp_path / "audit.jsonl").read_text()
    assert '"by":"bob"' in trail and TOKEN not in trail


def test_mistakes_have_their_codes(running, tmp_path):
    address = running.admin_address
    assert command("freeze", "--admin", address, token="wrong").returncode == 77
    found = command("freeze", "--admin", address, token=None)
    assert found.returncode == 64 and "--token-file" in found.stderr and "countersign freeze --help" in found.stderr
    assert command("freeze", "--admin", address, "--token-file", tmp_path / "absent", token=None).returncode == 64
    assert command("freeze", "--admin", "nonsense").returncode == 64
    found = command("freeze", "--admin", address, "--reason", "+12065550100 is gone")
    assert found.returncode == 64 and "phone number" in found.stderr
    for name in ("freeze", "thaw", "quit", "status"):
        found = command(name, "--admin", unused_address())
        assert found.returncode == 69 and "--admin" in found.stderr, found
    assert call(running.address).status == 204


def test_a_freeze_that_cannot_be_kept_is_no_success(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path, admin={"stateFile": str(tmp_path / "absent/freeze")}))
    found = command("freeze", "--admin", running.admin_address)
    assert found.returncode == 75 and "a restart would forget it" in found.stderr


def test_quit(running):
    assert command("quit", "--admin", running.admin_address).returncode == 0
    running.process.wait(30)
    assert running.process.returncode == 0


def test_wait(running, tmp_path):
    assert command("wait", "--admin", running.admin_address).returncode == 0
    found = command("wait", "--admin", unused_address(), "--timeout", "0.3")
    assert found.returncode == 69 and "cannot be reached" in found.stderr
    assert command("wait", "--timeout", "-1").returncode == 64


def test_wait_waits_for_a_gateway_that_comes_later(gateway, upstream, tmp_path):
    path = tmp_path / "admin.sock"
    waiting = subprocess.Popen(
        [str(BINARY), "wait", "--admin", f"unix:{path}", "--timeout", "60"], env=clean_environment(), stderr=subprocess.PIPE
    )
    assert waiting.poll() is None
    gateway(config(upstream.url, tmp_path, admin={"bind": f"unix:{path}"}))
    assert waiting.wait(60) == 0


def test_the_address_comes_from_the_environment_or_the_configuration(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path, admin={"bind": f"unix:{tmp_path}/admin.sock"}))
    assert command("wait", COUNTERSIGN_CONFIG=str(running.config_path)).returncode == 0
    assert command("wait", COUNTERSIGN_ADMIN=running.admin_address).returncode == 0


def test_a_gateway_that_listens_everywhere_is_asked_over_loopback(running, tmp_path):
    """As in a Pod, whose admin listener is bound to all addresses for the kubelet and Prometheus."""
    path = tmp_path / "everywhere.json"
    path.write_text(json.dumps({"admin": {"bind": running.admin_address.replace("127.0.0.1", "0.0.0.0")}}))
    found = command("freeze", "--config", path, "--by", "alice")
    assert found.returncode == 0 and found.stdout.startswith("frozen"), found


def test_the_address_is_found_in_a_configuration_that_is_not_good(running, tmp_path):
    """The new one on the disk has mistakes, or names secrets that only the service has: the gateway can be asked and frozen all the same."""
    other = {"credentials": {"chime": {"secretAccessKey": "${NOBODY_HAS_THIS}"}}, "listenrs": []}
    path = tmp_path / "config.json"
    path.write_text(json.dumps(other | {"admin": {"bind": running.admin_address, "tokenSha256": 3}}))
    assert command("wait", COUNTERSIGN_CONFIG=str(path)).returncode == 0
    assert "ready" in command("status", "--once", "--config", path).stdout
    # As serve takes it: without being named.
    assert command("status", "--once", directory=tmp_path).returncode == 0
    # Of other programs' files of that name nothing is expected.
    for text in "{", '{"admin": 3}', '{"name": "other"}':
        path.write_text(text)
        assert command("wait", "--admin", running.admin_address, directory=tmp_path).returncode == 0
        found = command("wait", "--timeout", "0", directory=tmp_path)
        assert found.returncode in (0, 69) and (found.returncode == 0 or "127.0.0.1:9901" in found.stderr), found.stderr
    path.write_text("{")
    assert command("status", "--config", path).returncode == 78
    path.write_text('{"admin": {"bind": "nowhere"}}')
    found = command("status", "--config", path)
    assert found.returncode == 78 and "admin.bind" in found.stderr and "--admin" in found.stderr


def test_status_once_and_as_json(running):
    call(running.address)
    found = command("status", "--admin", running.admin_address)
    assert found.returncode == 0 and "ready" in found.stdout and "chime" in found.stdout and "\x1b" not in found.stdout
    assert json.loads(command("status", "--admin", running.admin_address, "--json").stdout)["answers"]["upstream"]["2xx"] == 1
    ask(running.admin_address, "POST", "/freeze", {"by": "alice"})
    assert "FROZEN since" in command("status", "--admin", running.admin_address, "--once").stdout


def test_status_is_drawn_anew_in_a_terminal(running):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (10, 40))
    shown = subprocess.Popen([str(BINARY), "status", "--admin", running.admin_address], stdout=theirs, env=clean_environment())
    os.close(theirs)
    text, deadline = b"", time.monotonic() + 30
    while text.count(b"\x1b[H") < 3 and time.monotonic() < deadline:
        if select.select([ours], [], [], 1)[0]:
            text += os.read(ours, 65536)
    shown.terminate()
    shown.wait(10)
    os.close(ours)
    assert text.count(b"\x1b[H") >= 3
    # As large as the terminal: it neither scrolls nor wraps.
    drawing = text.split(b"\x1b[H")[1].replace(b"\x1b[K", b"").replace(b"\x1b[J", b"").decode()
    lines = drawing.split("\r\n")
    assert len(lines) == 10 and lines[9] == "" and "more lines" in lines[8] and max(map(len, lines)) <= 40, lines


def test_startup_answers_once_the_gateway_has_started(running):
    assert ask(running.admin_address, "GET", "/startup") == (200, "started\n")
    assert status(running.admin_address)["ready"] is True


def test_startup_says_503_until_the_gateway_has_started(upstream, tmp_path):
    """A source of credentials that says nothing holds the start up for a second, during which the admin listener is there already."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        made = config(upstream.url, tmp_path, admin={"bind": f"unix:{tmp_path / 'admin.sock'}"})
        made["credentials"]["chime"] = {"type": "imds", "endpoint": "http://127.0.0.1:%d" % silent.getsockname()[1]}
        path = tmp_path / "config.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
        # A machine that does not look for a whole second has another try.
        for _ in range(5):
            seen = starting(path, f"unix:{tmp_path / 'admin.sock'}")
            if len(seen) > 1:
                break
        assert seen == [(503, "starting: listeners are not open yet\n"), (200, "started\n")]


def starting(path, admin):
    """The answers of /startup while a gateway starts, each once, in their order."""
    process = subprocess.Popen(
        [str(BINARY), "serve", "--config", str(path)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=clean_environment()
    )  # fmt: skip
    seen, deadline = [], time.monotonic() + 60
    try:
        while (not seen or seen[-1][0] != 200) and time.monotonic() < deadline:
            assert process.poll() is None
            with contextlib.suppress(OSError):
                answer = ask(admin, "GET", "/startup")
                if answer not in seen:
                    seen.append(answer)
            time.sleep(0.005)
        return seen
    finally:
        process.terminate()
        process.wait(60)
