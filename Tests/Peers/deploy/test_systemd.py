"""The systemd units: systemd's own verdict, a low exposure, and a sandbox in which the gateway really does its work."""

import json
import os
import pathlib
import re
import signal
import subprocess

import pytest

from deploy.commands import assert_known
from support.certificates import Certificates
from support.process import BINARY, REPOSITORY, Gateway, basic_config
from support.upstream import Upstream
from support.wire import call

FOLDER = REPOSITORY / "deploy/systemd"
SERVICE = (FOLDER / "countersign.service").read_text()
SOCKET = (FOLDER / "countersign.socket").read_text()


def value(text, key):
    [found] = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)
    return found


@pytest.fixture
def units(tmp_path):
    """The units with the program where it lies here."""
    (tmp_path / "countersign.service").write_text(SERVICE.replace("/usr/local/bin/countersign", str(BINARY.resolve())))
    (tmp_path / "countersign.socket").write_text(SOCKET)
    return tmp_path


@pytest.mark.parametrize("unit", ["countersign.service", "countersign.socket"])
def test_systemd_finds_nothing_wrong(units, unit):
    found = subprocess.run(["systemd-analyze", "verify", "--man=no", units / unit], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0 and "countersign" not in found.stderr, found.stderr


def test_the_exposure_is_below_two(units):
    found = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=19", "--no-pager", units / "countersign.service"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
    level = re.search(r"Overall exposure level.*: ([\d.]+)", found.stdout)[1]
    assert float(level) < 2.0, found.stdout


def test_the_command_exists_and_a_drain_fits_into_the_stop():
    assert_known(value(SERVICE, "ExecStart").split()[1:])
    assert value(SERVICE, "ExecReload") == "/bin/kill -HUP $MAINPID"
    # The default drain: 500 ms and 10 s.
    assert int(value(SERVICE, "TimeoutStopSec").removesuffix("s")) > 10.5
    # A stuck process is ended and, as any other that failed, started again.
    assert value(SERVICE, "WatchdogSec") == "30s" and value(SERVICE, "Restart") == "on-failure" and value(SERVICE, "Type") == "notify"
    # An image that another process may dump or swap would show keys.
    assert value(SERVICE, "LimitCORE") == "0"


def test_the_credentials_are_used_as_the_unit_says(tmp_path):
    """The lines of the unit's comment, under the variables that systemd would set."""
    names = re.findall(r"^LoadCredential=([\w-]+):/etc/countersign/", SERVICE, re.MULTILINE)
    credentials, state = tmp_path / "credentials", tmp_path / "state"
    credentials.mkdir()
    state.mkdir()
    for name in names:
        # With the access control list's mask in the place of the group, as systemd makes it.
        (credentials / name).write_text("AKIDEXAMPLE")
        (credentials / name).chmod(0o440)
    lines = dict(re.findall(r'^#   "(\w+)": *(\{.*\})$', SERVICE, re.MULTILINE))
    config = basic_config("http://127.0.0.1:9", audit=json.loads(lines["audit"]))
    for key in ("accessKeyId", "secretAccessKey"):
        config["credentials"]["chime"][key] = json.loads(lines[key])
        assert lines[key].split("/")[-1].rstrip('"}') in names
    (tmp_path / "config.json").write_text(json.dumps(config))
    environment = os.environ | {"CREDENTIALS_DIRECTORY": str(credentials), "STATE_DIRECTORY": str(state)}
    command = [str(BINARY), "check", "--config", str(tmp_path / "config.json")]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0 and not found.stderr, found.stderr
    assert f"{state}/audit.jsonl" in found.stdout
    without = {key: text for key, text in environment.items() if key != "CREDENTIALS_DIRECTORY"}
    found = subprocess.run(command, env=without, capture_output=True, text=True, timeout=60)
    assert found.returncode == 78 and "CREDENTIALS_DIRECTORY is not set" in found.stderr


def allowed_calls():
    """The system calls that the unit's filter lets through, by systemd's own sets."""
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], capture_output=True, text=True, check=True).stdout
    sets = {}
    for line in text.split("\n"):
        if line.startswith("@"):
            members = sets.setdefault(line.strip(), [])
        elif line.startswith("    ") and not line.lstrip().startswith("#"):
            members.append(line.strip())

    def members_of(name):
        return {call for member in sets[name] for call in members_of(member)} if name.startswith("@") else {name}

    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)$", SERVICE, re.MULTILINE):
        for name in line.removeprefix("~").split():
            allowed = allowed - members_of(name) if line.startswith("~") else allowed | members_of(name)
    return allowed


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """One life under strace: start, requests over TLS and a unix socket, records on disk and shipped, a reload, a drain."""
    folder = tmp_path_factory.mktemp("trace")
    certificates = Certificates(folder)
    upstream = Upstream(tls=certificates.server_context())
    try:
        lines = folder / "trace"
        config = basic_config(upstream.url, audit={"file": {"path": str(folder / "audit.jsonl")}, "ship": [{"to": "stdout"}]})
        config["upstreams"]["chime"]["caFile"] = certificates.path("ca.pem")
        tls = {"certificate": certificates.path("good.pem"), "privateKey": certificates.path("good.key")}
        config["listeners"] += [{"bind": f"unix:{folder}/gateway.sock"}, {"bind": "127.0.0.1:0", "tls": tls}]
        gateway = Gateway(config, folder, command=["strace", "-f", "-qq", "-o", str(lines), str(BINARY)])
        try:
            children = pathlib.Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split()
            [traced] = map(int, children)
            assert call(gateway.address).status == 204
            assert call(f"{folder}/gateway.sock").status == 204
            target = f"https://{gateway.listeners[-1]}/phone-numbers/+12065550100"
            curl = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert", certificates.path("ca.pem"), "-X", "DELETE", target]
            assert subprocess.run(curl, capture_output=True, text=True, timeout=60).stdout == "204"
            gateway.write_config(config | {"drain": {"delay": "1ms", "timeout": "10s"}})
            os.kill(traced, signal.SIGHUP)
            assert gateway.wait_for_log(lambda record: "reload" in record.get("message", "").lower(), 60), gateway.stderr
            os.kill(traced, signal.SIGTERM)
            assert gateway.process.wait(60) == 0
        finally:
            gateway.kill()
    finally:
        upstream.stop()
    return lines.read_text()


def test_the_filter_lets_through_what_the_gateway_calls(trace):
    made = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", trace, re.MULTILINE))
    assert {"execve", "bind", "fdatasync", "accept4"} <= made
    assert made - allowed_calls() == set()


def test_memory_is_never_both_written_and_executed(trace):
    """MemoryDenyWriteExecute= refuses such mappings, and making a mapping executable later (systemd.exec(5))."""
    assert "PROT_EXEC" in trace
    assert not re.findall(r"mmap\([^)]*PROT_WRITE\|PROT_EXEC.*|(?:pkey_)?mprotect\([^)]*PROT_EXEC.*|shmat\([^)]*SHM_EXEC.*", trace)


def test_only_the_allowed_families_are_used(trace):
    allowed = set(value(SERVICE, "RestrictAddressFamilies").split())
    assert set(re.findall(r"\bsocket\((AF_\w+)", trace)) <= allowed


def test_only_its_folders_are_written(trace, tmp_path_factory):
    """ProtectSystem=strict leaves the state and runtime directories and devices that hold nothing."""
    written = re.findall(r'\bopenat?\((?:AT_FDCWD, )?"([^"]+)", [^,)]*O_(?:WRONLY|RDWR|CREAT)', trace)
    folder = str(tmp_path_factory.getbasetemp())
    assert any(path.endswith("audit.jsonl") for path in written)
    assert [path for path in written if not path.startswith((folder, "/dev/null"))] == []


def test_nothing_is_asked_for_that_takes_privileges(trace):
    """Root is allowed it, and so would never see that the service's user is refused: socket(7), options that need CAP_NET_ADMIN."""
    assert "TCP_NODELAY" in trace
    assert not re.findall(r"setsockopt\(.*(?:SO_DEBUG|SO_MARK|SO_(?:RCV|SND)BUFFORCE|SO_PRIORITY).*", trace)
