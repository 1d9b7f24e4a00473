"""deploy/rsyslog/60-countersign.conf in a real rsyslogd: what a gateway ships over TLS arrives as a trail that can be verified."""

import subprocess

import pytest

from audit.trail import audit
from ship.load import shipped_config, wait_until
from ship.rsyslog import COMMAND, free_port
from support.process import REPOSITORY
from support.wire import Client

RECIPE = (REPOSITORY / "deploy/rsyslog/60-countersign.conf").read_text()
KEYS = "/etc/rsyslog.d/countersign/"


@pytest.fixture
def collector(tmp_path, certificates):
    """(port, folder of the collected files) of an rsyslogd with the recipe, below `tmp_path`."""
    port = free_port()
    text = RECIPE
    for old, new in (
        (f"{KEYS}ca.crt", certificates.path("ca.pem")), (f"{KEYS}collector.crt", certificates.path("good.pem")),
        (f"{KEYS}collector.key", certificates.path("good.key")), ("/var/log/countersign/", f"{tmp_path}/collected/"),
        ('port="6514"', f'address="127.0.0.1" port="{port}"'),
        ("global(\n", f'global(\n    workDirectory="{tmp_path}"\n    processInternalMessages="off"\n'),
    ):  # fmt: skip
        assert old in text, old
        text = text.replace(old, new)
    path = tmp_path / "rsyslog.conf"
    path.write_text(text)
    checked = subprocess.run([COMMAND, "-N1", "-f", path], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0 and "error" not in checked.stderr.lower(), checked.stderr
    with open(tmp_path / "rsyslogd.err", "wb") as errors:
        process = subprocess.Popen([COMMAND, "-n", "-i", tmp_path / "rsyslogd.pid", "-f", path], stdin=subprocess.DEVNULL, stderr=errors)
    yield port, tmp_path / "collected"
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def test_rsyslog_finds_no_mistake(collector):
    assert collector


def test_what_arrives_is_the_trail(gateway, upstream, collector, certificates, tmp_path):
    port, collected = collector
    destination = {
        "to": f"syslog+tls://127.0.0.1:{port}", "caFile": certificates.path("ca.pem"),
        "certificate": certificates.path("good.pem"), "privateKey": certificates.path("good.key"),
    }  # fmt: skip
    trail = tmp_path / "audit.jsonl"
    serving = gateway(shipped_config(upstream.url, trail, destination))
    with Client(serving.address) as client:
        assert {client.request().status for _ in range(20)} == {204}
        assert client.request(target="/phone-numbers/%252B1").status == 400
    wait_until(lambda: trail.read_bytes().count(b"\n") == 41, 60, "41 records")
    wait_until(lambda: arrived(collected) == trail.read_bytes(), 90, "the arrival of every record, word for word")
    [file] = collected.iterdir()
    found = audit("verify", file)
    assert found.returncode == 0, found.stdout + found.stderr
    assert file.stat().st_mode & 0o777 == 0o600


def arrived(folder):
    """The one collected file, without second arrivals, which a reconnect may cause."""
    lines = [line for file in (folder.iterdir() if folder.exists() else ()) for line in file.read_bytes().splitlines(keepends=True)]
    return b"".join(dict.fromkeys(lines))
