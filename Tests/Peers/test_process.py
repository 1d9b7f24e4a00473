"""The process: readiness, the end by SIGTERM, exit codes, and mistakes in the configuration."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest

from support import expect
from support.process import BINARY, SECRET_KEY, basic_config, clean_environment
from support.upstream import answer
from support.wire import Client, call


def get(url):
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_live_and_ready(serving):
    assert get(serving.admin_url + "/live")[0] == 200
    assert get(serving.admin_url + "/ready")[0] == 200
    assert get(serving.admin_url + "/none")[0] == 404


def test_the_admin_listener_forwards_nothing(serving, upstream):
    host, port = serving.admin_url.removeprefix("http://").split(":")
    found = call((host, int(port)))
    assert found.status in (404, 405)
    assert upstream.requests == []


def test_the_gateway_listener_has_no_admin_pages(serving):
    for target in ("/live", "/ready", "/metrics", "/status"):
        expect.refusal(call(serving.address, "GET", target), 404, "route/")


def test_the_log_is_json_with_level_time_and_message(serving):
    for line in serving.lines:
        record = json.loads(line)
        assert {"level", "message"} <= set(record) and {"time", "timestamp"} & set(record), line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_gateway_ends_with_0(serving, number):
    idle = Client(serving.address)
    assert idle.request().status == 204
    serving.signal(number)
    serving.process.wait(60)
    assert serving.process.returncode == 0
    idle.close()


def test_sigterm_finishes_what_is_in_flight(gateway, upstream):
    go_on = threading.Event()
    upstream.script = lambda request, connection: (go_on.wait(60), connection.send(answer(200, "OK", [], b"finished")))
    running = gateway(basic_config(upstream.url, drain={"delay": "300ms", "timeout": "60s"}))
    clients = [Client(running.address) for _ in range(10)]
    for client in clients:
        client.send("DELETE /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
    upstream.wait_for_requests(10)
    running.signal(signal.SIGTERM)
    # Not ready at once, while it still accepts for drain.delay.
    deadline = time.monotonic() + 30
    while (state := get_or_none(running.admin_url + "/ready")) == 200 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert state in (503, None)
    # Then it lets nobody in, and goes on with what it has.
    while can_connect(running.address):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert running.process.poll() is None, "ended before its requests"
    go_on.set()
    for client in clients:
        found = client.read()
        assert (found.status, found.body) == (200, b"finished")
        client.close()
    running.process.wait(60)
    assert running.process.returncode == 0


def get_or_none(url):
    try:
        return get(url)[0]
    except OSError:
        return None


def test_requests_within_the_drain_delay_are_served(gateway, upstream):
    running = gateway(basic_config(upstream.url, drain={"delay": "3s", "timeout": "30s"}))
    with Client(running.address) as kept:
        assert kept.request().status == 204
        running.signal(signal.SIGTERM)
        assert running.wait_for_log(lambda record: "drain" in json.dumps(record).lower() or "SIGTERM" in json.dumps(record))
        assert call(running.address).status == 204
    running.process.wait(60)
    assert running.process.returncode == 0


def test_no_request_fails_over_a_drain_under_load(gateway, upstream):
    """Callers that reconnect when told `Connection: close` or when an idle connection ends see no error until the port is closed."""
    running = gateway(basic_config(upstream.url, drain={"delay": "500ms", "timeout": "60s"}))
    failures, done = [], []

    def work(caller):
        client = None
        for number in range(100_000):
            try:
                if client is None:
                    client = Client(running.address)
            except OSError:
                return
            sent = False
            try:
                client.send(f"DELETE /phone-numbers/%2B12{caller:02}{number:05} HTTP/1.1\r\nHost: a\r\n\r\n")
                sent = True
                found = client.read()
            except (EOFError, OSError) as failure:
                # A connection closed between requests is lawful; one that swallowed a request is not.
                if sent and f"%2B12{caller:02}{number:05}" in {request.target[15:] for request in list(upstream.requests)}:
                    failures.append(repr(failure))
                client = None
                continue
            done.append(found.status)
            if found.status != 204:
                failures.append(repr(found))
            if (found.first("connection") or "").lower() == "close":
                client.close()
                client = None

    threads = [threading.Thread(target=work, args=(caller,)) for caller in range(10, 16)]
    for thread in threads:
        thread.start()
    upstream.wait_for_requests(500)
    running.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(60)
    running.process.wait(60)
    assert running.process.returncode == 0
    assert failures == []
    assert len(done) >= 500 - len(threads)


@pytest.mark.parametrize("moment", ["delay", "timeout"])
def test_a_second_sigterm_ends_now_and_leaves_no_orphan(gateway, upstream, tmp_path, moment):
    go_on = threading.Event()
    upstream.script = lambda request, connection: go_on.wait(60)
    trail = tmp_path / "audit.jsonl"
    drain = {"delay": "5m" if moment == "delay" else "0ms", "timeout": "1h"}
    running = gateway(basic_config(upstream.url, drain=drain, audit={"file": {"path": str(trail), "sync": "never"}}))
    with Client(running.address) as client:
        client.send("DELETE /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.wait_for_requests(1)
        running.signal(signal.SIGTERM)
        assert running.wait_for_log(lambda record: record.get("message") == "draining", 30)
        if moment == "timeout":
            # Into the second phase: nobody is let in any more.
            deadline = time.monotonic() + 30
            while can_connect(running.address):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        running.signal(signal.SIGTERM)
        found = client.read()
        assert found.status == 503 and found.first("countersign-origin") == "gateway"
    running.process.wait(30)
    go_on.set()
    assert running.process.returncode == 0
    assert "ERROR" not in running.stderr
    assert [json.loads(line)["stage"] for line in trail.read_text().splitlines()] == ["intent", "outcome"]


def can_connect(address):
    try:
        Client(address, timeout=2).close()
        return True
    except OSError:
        return False


def test_a_second_gateway_on_the_port_exits_69(gateway, upstream, tmp_path):
    running = gateway(basic_config(upstream.url))
    config = basic_config(upstream.url, listeners=[{"bind": "127.0.0.1:%d" % running.address[1]}])
    result = serve(config, tmp_path)
    assert result.returncode == 69, result.stderr
    assert str(running.address[1]) in result.stderr


def serve(config, tmp_path, command="serve", mode=0o600, text=None):
    path = tmp_path / "bad.json"
    path.write_text(text if text is not None else json.dumps(config))
    path.chmod(mode)
    return subprocess.run(
        [str(BINARY), command, "--config", str(path)], capture_output=True, text=True, timeout=60, cwd=tmp_path, env=clean_environment()
    )


def change(path, value):
    """A change of the basic configuration at `path`: names and indices."""

    def apply(config):
        place = config
        for step in path[:-1]:
            place = place[step]
        if value is DELETED:
            del place[path[-1]]
        else:
            place[path[-1]] = value
        return config

    return apply


DELETED = object()

# A change, and the path that the complaint must name.
MISTAKES = [
    (change(["listener"], []), "listener"),
    (change(["listeners"], DELETED), "listeners"),
    (change(["listeners"], []), "listeners"),
    (change(["listeners", 0, "bind"], "127.0.0.1"), "listeners[0].bind"),
    (change(["listeners", 0, "bind"], "127.0.0.1:99999"), "listeners[0].bind"),
    (change(["listeners", 0, "bind"], 8080), "listeners[0].bind"),
    (change(["listeners", 0, "bind"], "0.0.0.0:0"), "listeners[0]"),
    (change(["listeners", 0, "bnid"], "127.0.0.1:0"), "listeners[0].bnid"),
    (change(["listeners", 0, "timeouts"], {"head": "10"}), "listeners[0].timeouts.head"),
    (change(["listeners", 0, "timeouts"], {"head": "10 seconds"}), "listeners[0].timeouts.head"),
    (change(["listeners", 0, "tls"], {"certificate": "none.crt", "privateKey": "none.key"}), "listeners[0].tls"),
    (change(["admin", "bind"], "localhost"), "admin.bind"),
    (change(["credentials"], DELETED), "credentials"),
    (change(["credentials", "chime", "type"], "magic"), "credentials.chime.type"),
    (change(["credentials", "chime", "accessKeyId"], ""), "credentials.chime.accessKeyId"),
    (change(["credentials", "chime", "secretAccessKey"], DELETED), "credentials.chime.secretAccessKey"),
    (change(["credentials", "chime", "secretAccessKey"], {"file": "/no/such/file"}), "credentials.chime.secretAccessKey"),
    (change(["credentials", "chime", "secretAccessKey"], "${NO_SUCH_VARIABLE}"), "credentials.chime.secretAccessKey"),
    (change(["upstreams", "chime", "url"], "service.chime.aws.amazon.com"), "upstreams.chime.url"),
    (change(["upstreams", "chime", "url"], "ftp://a"), "upstreams.chime.url"),
    (change(["upstreams", "chime", "credentials"], "other"), "upstreams.chime.credentials"),
    (change(["upstreams", "chime", "region"], DELETED), "upstreams.chime.region"),
    (change(["upstreams", "chime", "service"], ""), "upstreams.chime.service"),
    (change(["upstreams", "chime", "connectTimeout"], "-1s"), "upstreams.chime.connectTimeout"),
    (change(["upstreams", "chime", "maxConnections"], 0), "upstreams.chime.maxConnections"),
    (change(["upstreams", "chime", "caFile"], "/no/such/file.pem"), "upstreams.chime.caFile"),
    (change(["callers"], [{"name": "a", "networks": ["10.0.0.0/33"]}]), "callers[0].networks[0]"),
    (change(["callers"], [{"name": "a", "tokenSha256": "abc"}]), "callers[0].tokenSha256"),
    (change(["callers"], [{"networks": ["10.0.0.0/8"]}]), "callers[0].name"),
    (change(["callers"], [{"name": "a", "unixUid": "root"}]), "callers[0].unixUid"),
    (change(["callers"], [{"name": "a", "unixUid": 1}, {"name": "a", "unixUid": 2}]), "callers[1].name"),
    (change(["limits"], {"account": {"rate": "10", "per": "upstream"}}), "limits.account.rate"),
    (change(["limits"], {"account": {"rate": "10/w", "per": "upstream"}}), "limits.account.rate"),
    (change(["limits"], {"account": {"rate": "10/s", "burst": 0, "per": "upstream"}}), "limits.account.burst"),
    (change(["limits"], {"account": {"rate": "10/s", "per": "planet"}}), "limits.account.per"),
    (change(["routes"], []), "routes"),
    (change(["routes", 0, "upstream"], "other"), "routes[0].upstream"),
    (change(["routes", 0, "path"], "phone-numbers/{phoneNumberId}"), "routes[0].path"),
    (change(["routes", 0, "path"], "/phone-numbers/{phoneNumberId"), "routes[0].path"),
    (change(["routes", 0, "method"], "delete"), "routes[0].method"),
    (change(["routes", 0, "limits"], ["none"]), "routes[0].limits[0]"),
    (change(["routes", 0, "callers"], ["nobody"]), "routes[0].callers[0]"),
    (change(["routes", 0, "parameters", "phoneNumberId", "format"], "e165"), "routes[0].parameters.phoneNumberId.format"),
    (change(["routes", 0, "parameters"], {"other": {"format": "any"}}), "routes[0].parameters.other"),
    (change(["routes", 0, "throttleStyle"], "polite"), "routes[0].throttleStyle"),
    (change(["audit"], {"file": {"path": "a.jsonl", "sync": "sometimes"}}), "audit.file.sync"),
    (change(["audit"], {"file": {"path": "a.jsonl"}, "subject": "hidden"}), "audit.subject"),
    (change(["drain"], {"delay": 5}), "drain.delay"),
    (change(["limitStore"], {"redis": "http://x"}), "limitStore.redis"),
]


@pytest.mark.parametrize("command", ["serve", "check"])
@pytest.mark.parametrize("apply,path", MISTAKES, ids=[f"{index}-{path}" for index, (_, path) in enumerate(MISTAKES)])
def test_a_mistake_exits_78_and_is_named_by_its_path(tmp_path, apply, path, command):
    result = serve(apply(basic_config("http://127.0.0.1:1")), tmp_path, command)
    assert result.returncode == 78, f"{result.returncode}: {result.stderr}"
    assert path in result.stderr + result.stdout
    assert SECRET_KEY not in result.stderr + result.stdout


def test_all_mistakes_are_reported_at_once(tmp_path):
    config = basic_config("nonsense")
    config["listeners"][0]["bind"] = "here"
    config["routes"][0]["upstream"] = "other"
    config["credentials"]["chime"]["type"] = "magic"
    config["typo"] = 1
    result = serve(config, tmp_path)
    assert result.returncode == 78
    for path in ("listeners[0].bind", "routes[0].upstream", "credentials.chime.type", "upstreams.chime.url", "typo"):
        assert path in result.stderr, result.stderr


@pytest.mark.parametrize("text", ["", "{", "[]", '{"listeners": [}', '{"a":1,"a":2}', "\x00", '{"listeners": "' + "x" * 100_000])
def test_what_is_no_json_exits_78(tmp_path, text):
    result = serve(None, tmp_path, text=text)
    assert result.returncode == 78, result.stderr
    assert "bad.json" in result.stderr


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_configuration_with_a_key_that_others_can_read_is_warned_of(gateway, upstream, mode):
    running = gateway(basic_config(upstream.url))
    running.config_path.chmod(mode)
    running.signal(signal.SIGHUP)
    warning = running.wait_for_log(lambda record: "chmod" in record.get("cause", ""))
    assert warning["level"] == "warning" and f"run: chmod 600 {running.config_path}" in warning["cause"]
    assert running.wait_for_log(lambda record: record.get("message") == "configuration reloaded")
    assert call(running.address).status == 204
    assert SECRET_KEY not in running.stderr


def test_a_key_file_that_others_can_read_is_refused(tmp_path):
    key = tmp_path / "key"
    key.write_text(SECRET_KEY + "\n")
    key.chmod(0o644)
    config = basic_config("http://127.0.0.1:1")
    config["credentials"]["chime"]["secretAccessKey"] = {"file": str(key)}
    result = serve(config, tmp_path)
    assert result.returncode == 78
    assert "chmod" in result.stderr and str(key) in result.stderr


def test_keys_from_files_and_from_the_environment_sign_alike(gateway, double, tmp_path):
    chime = double()
    key = tmp_path / "key"
    key.write_text(SECRET_KEY + "\n")
    key.chmod(0o600)
    for value, environment in (({"file": str(key)}, {}), ("${CHIME_SECRET}", {"CHIME_SECRET": SECRET_KEY})):
        config = basic_config(chime.url)
        config["credentials"]["chime"]["secretAccessKey"] = value
        assert call(gateway(config, environment=environment).address).status == 204
    assert [request["signatureVerified"] for request in chime.requests] == [True, True]


def test_check_prints_the_effective_configuration_without_secrets(tmp_path):
    config = basic_config("http://127.0.0.1:1")
    config["routes"][0]["parameters"]["phoneNumberId"]["deny"] = ["+12065550199"]
    result = serve(config, tmp_path, "check")
    assert result.returncode == 0, result.stderr
    for word in ("127.0.0.1:0", "DeletePhoneNumber", "/phone-numbers/{phoneNumberId}"):
        assert word in result.stdout
    assert SECRET_KEY not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "arguments,code",
    [(["--version"], 0), (["--help"], 0), (["serve", "--help"], 0), (["check", "--help"], 0), (["sign", "--help"], 0), (["nonsense"], 64)],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_command_line(arguments, code):
    result = subprocess.run([str(BINARY), *arguments], capture_output=True, text=True, timeout=60, env=clean_environment())
    assert result.returncode == code
    assert result.stdout or result.stderr


def test_a_missing_configuration_file_exits_78(tmp_path):
    result = subprocess.run(
        [str(BINARY), "serve", "--config", str(tmp_path / "none.json")], capture_output=True, text=True, timeout=60, env=clean_environment()
    )
    assert result.returncode == 78 and "none.json" in result.stderr


def test_memory_at_rest_is_bounded(serving):
    for _ in range(50):
        assert call(serving.address).status == 204
    assert serving.memory_kib() < 64 << 10


def test_file_descriptors_are_given_back(serving):
    def count():
        return len(os.listdir(f"/proc/{serving.pid}/fd"))

    for _ in range(20):
        call(serving.address)
    before = count()
    for _ in range(200):
        call(serving.address)
        with socket.create_connection(serving.address) as client:
            client.sendall(b"DELETE /half")
    deadline = time.monotonic() + 30
    while count() > before + 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert count() <= before + 4
