"""deploy/logrotate/countersign: logrotate finds no mistake, and what it rotates under load is one chain."""

import grp
import os
import pwd
import shutil
import subprocess
import threading
import time

import pytest

from audit.trail import audit, audited_config
from audit.verifier import verify
from support.process import REPOSITORY
from support.wire import Client

LOGROTATE = shutil.which("logrotate", path="/usr/sbin:/sbin:/usr/bin:/bin")
RECIPE = (REPOSITORY / "deploy/logrotate/countersign").read_text()
RELOAD = "systemctl try-reload-or-restart countersign.service"


def logrotate(recipe, state, *options):
    found = subprocess.run([LOGROTATE, *options, "--state", state, recipe], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0 and "error" not in found.stderr, found.stderr
    return found.stderr


@pytest.fixture
def recipe(tmp_path):
    """The recipe for a trail in `tmp_path` of this user; `signal` stands for systemd's reload."""
    me = f"{pwd.getpwuid(os.getuid()).pw_name} {grp.getgrgid(os.getgid()).gr_name}"
    (tmp_path / "trail").mkdir()

    def write(signal="true"):
        text = RECIPE
        for old, new in (
            ("/var/lib/countersign/", f"{tmp_path}/trail/"), ("su countersign countersign", f"su {me}"), (RELOAD, signal),
        ):  # fmt: skip
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "recipe"
        path.write_text(text)
        path.chmod(0o644)
        return path

    return write


def test_logrotate_finds_no_mistake(recipe, tmp_path):
    (tmp_path / "trail/audit.jsonl").write_text("{}\n")
    told = logrotate(recipe(), tmp_path / "state", "--debug")
    # The mode itself is one warning.
    assert "/trail/audit.jsonl" in told and told.count("warning") == 1, told


def test_the_unit_can_reload():
    assert "ExecReload=/bin/kill -HUP $MAINPID" in (REPOSITORY / "deploy/systemd/countersign.service").read_text()
    assert "copytruncate" not in "".join(line for line in RECIPE.split("\n") if not line.lstrip().startswith("#"))


def test_rotation_under_load_is_one_chain(gateway, upstream, recipe, tmp_path):
    trail = tmp_path / "trail/audit.jsonl"
    serving = gateway(audited_config(upstream.url, trail))
    path = recipe(f"kill -HUP {serving.pid}")
    stop, statuses, troubles = threading.Event(), [], []

    def load():
        try:
            with Client(serving.address) as client:
                while not stop.is_set():
                    statuses.append(client.request().status)
        except (OSError, EOFError, AssertionError) as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            before = len(statuses)
            await_that(lambda: len(statuses) > before + 20, "requests", troubles)
            logrotate(path, tmp_path / "state", "--force")
            await_that(trail.exists, "the new file", troubles)
            # The next name has another second in it.
            second = int(time.time())
            await_that(lambda: int(time.time()) > second, "the next second", troubles)
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    serving.stop()
    assert not troubles and set(statuses) == {204}, serving.stderr
    rotated = sorted(path for path in trail.parent.glob("audit.jsonl-*"))
    assert [path.suffix == ".gz" for path in rotated] == [True, True, False], "compressed but for the last one"
    assert trail.stat().st_mode & 0o777 == 0o600
    found = audit("verify", *rotated, trail)
    assert found.returncode == 0, found.stdout + found.stderr
    contents = [subprocess.run(["zcat", "--force", path], capture_output=True, check=True).stdout for path in [*rotated, trail]]
    assert len(verify(*contents)) == 2 * len(statuses)


def await_that(condition, what, troubles):
    deadline = time.monotonic() + 60
    while not condition():
        assert not troubles and time.monotonic() < deadline, f"{what} did not come: {troubles}"
        time.sleep(0.02)
