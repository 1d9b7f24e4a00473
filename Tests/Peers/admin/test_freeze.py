"""A freeze stops what changes something, at once and for good: under load, across restarts, and when its file cannot be read."""

import json
import signal
import threading
import time

import pytest

from admin.console import TOKEN, ask, command, config, status
from support.process import more_routes
from support.upstream import answer
from support.wire import Client, call

NUMBER = "/phone-numbers/%2B12065550100"


def records(directory):
    return [json.loads(line) for line in (directory / "audit.jsonl").read_text().splitlines()]


def frozen(found):
    return found.status == 503 and found.first("countersign-reason") == "gateway/frozen"


def test_nothing_leaves_after_the_answer(gateway, upstream, tmp_path):
    # Answers take a while, so that requests are under way, in the pool's line and in a limit's queue when the freeze comes.
    arrivals = []

    def script(request, connection):
        arrivals.append(time.monotonic())
        time.sleep(0.02)
        connection.send(answer(204, "No Content"))

    upstream.script = script
    limits = {"account": {"rate": "100/s", "burst": 5, "per": "upstream", "maxWait": "10s"}}
    settings = config(upstream.url, tmp_path, limits=limits)
    settings["routes"][0]["limits"] = ["account"]
    settings["upstreams"]["chime"]["maxConnections"] = 2
    running = gateway(settings)
    found, ends = [], threading.Event()

    def load():
        with Client(running.address, timeout=60) as client:
            while not ends.is_set():
                found.append(client.request("DELETE", NUMBER))

    threads = [threading.Thread(target=load) for _ in range(16)]
    for thread in threads:
        thread.start()
    try:
        upstream.wait_for_requests(20)
        code, text = ask(running.admin_address, "POST", "/freeze", {"reason": "wrong list", "by": "alice"})
        answered = time.monotonic()
        assert code == 200 and "alice: wrong list" in text, text
        before = len(upstream.requests)
        deadline = time.monotonic() + 30
        while sum(map(frozen, found)) < 50 and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        ends.set()
        for thread in threads:
            thread.join(60)
    assert sum(map(frozen, found)) >= 50
    assert len(upstream.requests) == before, "something left after the answer"
    assert all(arrival < answered for arrival in arrivals)
    refused = next(one for one in found if frozen(one))
    message = json.loads(refused.body)["Message"]
    assert "alice" in message and "wrong list" in message and "countersign thaw" in message
    # Each intent has its outcome, and the freeze its record.
    running.stop()
    stages = records(tmp_path)
    intents = {r["id"] for r in stages if r["stage"] == "intent"}
    assert intents == {r["id"] for r in stages if r["stage"] == "outcome"}
    [told] = [r for r in stages if r["stage"] == "admin"]
    assert told["admin"] == {"action": "freeze", "by": "alice", "reason": "wrong list"}
    assert any(r["stage"] == "refusal" and r["decision"]["reason"] == "gateway/frozen" for r in stages)
    assert command("audit", "verify", tmp_path / "audit.jsonl").returncode == 0
    shown = command("audit", "query", tmp_path / "audit.jsonl", "--stage", "admin", "--json").stdout
    assert json.loads(shown)["admin"]["action"] == "freeze"


def test_what_reads_still_goes_through_and_the_gateway_stays_ready(gateway, upstream, tmp_path):
    running = gateway(more_routes(config(upstream.url, tmp_path)))
    assert ask(running.admin_address, "POST", "/freeze")[0] == 200
    assert call(running.address, "GET", "/phone-numbers").status == 204
    assert frozen(call(running.address, "DELETE", NUMBER))
    assert frozen(call(running.address, "POST", NUMBER, body=b"{}"))
    code, text = ask(running.admin_address, "GET", "/ready")
    assert code == 200 and "frozen: " in text
    assert "countersign_frozen 1" in ask(running.admin_address, "GET", "/metrics")[1]
    assert status(running.admin_address)["frozen"]["by"] == "an operator"
    assert ask(running.admin_address, "POST", "/thaw")[0] == 200
    assert call(running.address, "DELETE", NUMBER).status == 204
    assert "countersign_frozen 0" in ask(running.admin_address, "GET", "/metrics")[1]
    assert status(running.admin_address).get("frozen") is None
    assert ask(running.admin_address, "POST", "/thaw") == (200, "not frozen: nothing was done\n")
    assert [r["admin"]["action"] for r in records(tmp_path) if r["stage"] == "admin"] == ["freeze", "thaw"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_freeze_outlives_the_process(gateway, upstream, tmp_path, end):
    first = gateway(config(upstream.url, tmp_path))
    assert ask(first.admin_address, "POST", "/freeze", {"reason": "storm", "by": "bob"})[0] == 200
    getattr(first, end)()
    second = gateway(config(upstream.url, tmp_path))
    found = call(second.address, "DELETE", NUMBER)
    assert frozen(found) and "storm" in found.body.decode()
    assert upstream.requests == []
    assert ask(second.admin_address, "POST", "/thaw")[0] == 200
    second.kill()
    third = gateway(config(upstream.url, tmp_path))
    assert call(third.address, "DELETE", NUMBER).status == 204


@pytest.mark.parametrize("spoil", ["garbage", "cut short", "folder", "empty"])
def test_a_file_that_cannot_be_read_counts_as_frozen(gateway, upstream, tmp_path, spoil):
    state = tmp_path / "freeze"
    whole = "countersign freeze 1\nsince: 1\nby: a\nsource: b\nreason: c\nend\n"
    if spoil == "folder":
        state.mkdir()
    else:
        state.write_text({"garbage": "thawed\n", "cut short": whole[:-3], "empty": ""}[spoil])
    running = gateway(config(upstream.url, tmp_path, admin={"stateFile": str(state)}))
    found = call(running.address, "DELETE", NUMBER)
    assert frozen(found) and str(state) in found.body.decode()
    code, text = ask(running.admin_address, "POST", "/thaw")
    if spoil == "folder":
        assert code == 503 and "still frozen" in text
        assert frozen(call(running.address, "DELETE", NUMBER))
    else:
        assert code == 200 and not state.exists()
        assert call(running.address, "DELETE", NUMBER).status == 204


def test_a_freeze_that_cannot_be_kept_is_in_force_all_the_same(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path, admin={"stateFile": str(tmp_path / "absent/freeze")}))
    code, text = ask(running.admin_address, "POST", "/freeze")
    assert code == 500 and "a restart would forget it" in text
    assert frozen(call(running.address, "DELETE", NUMBER))


def test_a_reload_keeps_it_and_takes_it_to_its_new_place(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path))
    assert ask(running.admin_address, "POST", "/freeze")[0] == 200
    running.write_config(config(upstream.url, tmp_path, admin={"stateFile": str(tmp_path / "elsewhere")}))
    running.signal(signal.SIGHUP)
    assert running.wait_for_log(lambda r: r.get("message") == "configuration reloaded")
    assert (tmp_path / "elsewhere").exists()
    assert frozen(call(running.address, "DELETE", NUMBER))


@pytest.mark.parametrize("path", ["/freeze", "/thaw", "/quit"])
def test_only_the_operator_of_this_machine_may(gateway, upstream, tmp_path, path):
    running = gateway(config(upstream.url, tmp_path))
    address = running.admin_address
    assert ask(address, "POST", path, token=None)[0] == 401
    assert ask(address, "POST", path, token="wrong")[0] == 401
    assert ask(address, "GET", path)[0] == 405
    for headers in (
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Host": "evil.example:9901"}, {"Host": "127.0.0.1.evil.example"},
    ):  # fmt: skip
        assert ask(address, "POST", path, headers=headers)[0] == 403, headers
    assert call(running.address, "DELETE", NUMBER).status == 204
    assert running.process.poll() is None
    assert TOKEN not in running.stderr and TOKEN not in (tmp_path / "audit.jsonl").read_text()


def test_without_a_token_nobody_may(gateway, upstream, tmp_path):
    settings = config(upstream.url, tmp_path)
    del settings["admin"]["tokenSha256"]
    code, text = ask(gateway(settings).admin_address, "POST", "/freeze")
    assert code == 403 and "tokenSha256" in text and "hash-token" in text


def test_a_reason_must_not_name_a_number(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path))
    assert ask(running.admin_address, "POST", "/freeze", {"reason": "deleted +1 206 555 0100"})[0] == 400
    assert call(running.address, "DELETE", NUMBER).status == 204


def test_quit_is_a_sigterm(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path, admin={"bind": f"unix:{tmp_path}/admin.sock"}))
    assert ask(running.admin_address, "POST", "/quit", {"by": "carol"})[0] == 202
    running.process.wait(30)
    assert running.process.returncode == 0
    [told] = [r for r in records(tmp_path) if r["stage"] == "admin"]
    assert told["admin"]["action"] == "quit" and told["source"].startswith("unix:uid=")
