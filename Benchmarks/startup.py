"""From the start to the first answer, and what the gateway takes while nobody asks: the sidecar of deploy/, as it is deployed."""

import http.client
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import time

import servers

SIDECAR = servers.HERE.parent / "deploy" / "kubernetes" / "components" / "sidecar" / "config.json"
STARTS = 20
QUICK_STARTS = 5
# It is ready long before; so long, what the start has freed is given back and the clock has ticked.
REST_SECONDS = 3


def configure(folder):
    """The sidecar's configuration with the places of this machine: its files, its sockets, this user. Returns the file and the admin socket."""
    settings = json.loads(SIDECAR.read_text())
    admin = folder / "admin.sock"
    settings["listeners"] = [{"bind": f"unix:{folder / 'gateway.sock'}", "mode": "0660"}, {"bind": "127.0.0.1:0"}]
    settings["admin"]["bind"] = f"unix:{admin}"
    key, secret = folder / "access-key-id", folder / "secret-access-key"
    key.write_text(servers.ACCESS)
    secret.write_text(servers.SECRET)
    key.chmod(0o600)
    secret.chmod(0o600)
    settings["credentials"]["chime"] = {
        "type": "static", "accessKeyId": {"file": str(key)}, "secretAccessKey": {"file": str(secret)},
    }
    settings["callers"][0]["unixUid"] = os.getuid()
    settings["audit"]["file"]["path"] = str(folder / "audit.jsonl")
    path = folder / "config.json"
    path.write_text(json.dumps(settings, indent=2))
    path.chmod(0o600)
    return path, admin


def is_ready(admin):
    """Whether `GET /ready` on the admin socket says 200."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.sock.connect(str(admin))
        connection.request("GET", "/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def memory(pid, key):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{key}:"))


def start(binary, path, admin, rests):
    """Starts and ends it once: (milliseconds until it is ready, MiB at rest or None)."""
    admin.unlink(missing_ok=True)
    with path.with_name("log.txt").open("wb") as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            [str(binary), "serve", "--config", str(path)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
    try:
        while not is_ready(admin):
            if process.poll() is not None or time.monotonic() > begun + 30:
                raise SystemExit(f"bench: the sidecar did not start; its log:\n{path.with_name('log.txt').read_text()[-2000:]}")
            time.sleep(0.001)
        milliseconds = 1000 * (time.monotonic() - begun)
        if not rests:
            return milliseconds, None
        time.sleep(REST_SECONDS)
        return milliseconds, memory(process.pid, "VmRSS")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def measure(binary, folder, quick):
    folder.mkdir(parents=True, exist_ok=True)
    path, admin = configure(folder)
    times, at_rest = [], []
    starts = QUICK_STARTS if quick else STARTS
    for turn in range(starts):
        milliseconds, rest = start(binary, path, admin, rests=turn < 3)
        times.append(milliseconds)
        if rest is not None:
            at_rest.append(rest)
    title = f"The sidecar of deploy/: from the start of the process to 200 of /ready, {starts} starts; VmRSS {REST_SECONDS} s later"
    return title, ["", "median", "smallest", "largest"], [
        ["ready after, ms", f"{statistics.median(times):.0f}", f"{min(times):.0f}", f"{max(times):.0f}"],
        ["at rest, MiB", f"{statistics.median(at_rest):.1f}", f"{min(at_rest):.1f}", f"{max(at_rest):.1f}"],
    ]
