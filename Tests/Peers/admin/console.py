"""The operator's side: the token, and requests to the admin listener as anybody could send them."""

import hashlib
import http.client
import json
import socket
import subprocess
import urllib.parse

from support.process import BINARY, basic_config, clean_environment

TOKEN = "correct-horse-battery-staple"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()


def config(url, directory, **changes):
    admin = {"bind": "127.0.0.1:0", "tokenSha256": DIGEST} | changes.pop("admin", {})
    return basic_config(url, admin=admin, audit={"file": {"path": str(directory / "audit.jsonl")}}) | changes


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def ask(address, method, path, form=None, token=TOKEN, headers=None):
    """(status, text) of an admin request; `address` as the log says it."""
    if address.startswith("unix:"):
        connection = UnixConnection(address.removeprefix("unix:"))
    else:
        host, _, port = address.rpartition(":")
        connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=30)
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    body = urllib.parse.urlencode(form) if form else None
    connection.request(method, path, body, sent | (headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def status(address):
    return json.loads(ask(address, "GET", "/status")[1])


def command(*arguments, token=TOKEN, directory=None, **environment):
    """A finished `countersign` command."""
    extra = {"COUNTERSIGN_ADMIN_TOKEN": token} if token else {}
    return subprocess.run(
        [str(BINARY), *map(str, arguments)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, env=clean_environment(**extra, **environment),
        cwd=directory,
    )  # fmt: skip
