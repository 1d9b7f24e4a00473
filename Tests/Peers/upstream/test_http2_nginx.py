"""HTTP/2 to nginx, over TLS, in front of the Chime double, which checks every signature: a server that nobody here wrote."""

import json
import socket
import subprocess
import threading
import time
import urllib.request

import pytest

from audit.trail import wait_for_records
from support.process import basic_config
from support.wire import Client

CONFIG = """
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log {directory}/error.log warn;
events {{ worker_connections 512; }}
http {{
    log_format line '$server_protocol $connection $status $request_uri';
    access_log {directory}/access.log line;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests {keepalive};
    http2_max_concurrent_streams {streams};
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{
            proxy_pass {upstream};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""


class Nginx:
    def __init__(self, directory, certificates, upstream, keepalive=1000, streams=128):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        self.directory = directory
        (directory / "nginx.conf").write_text(
            CONFIG.format(
                directory=directory, port=self.port, upstream=upstream, keepalive=keepalive, streams=streams,
                certificate=certificates.path("good.pem"), key=certificates.path("good.key"),
            )  # fmt: skip
        )
        self.process = subprocess.Popen(
            ["nginx", "-e", str(directory / "start.log"), "-p", str(directory), "-c", str(directory / "nginx.conf")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert self.process.poll() is None and time.monotonic() < deadline, (directory / "start.log").read_text()
                time.sleep(0.05)

    @property
    def lines(self):
        """protocol, connection, status and target of each request."""
        return [line.split() for line in (self.directory / "access.log").read_text().splitlines()]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()


@pytest.fixture
def nginx(tmp_path, certificates):
    started = []

    def start(upstream, **options):
        started.append(Nginx(tmp_path, certificates, upstream, **options))
        return started[-1]

    yield start
    for one in started:
        one.stop()


def config_for(server, certificates, trail, **upstream):
    config = basic_config(f"https://localhost:{server.port}", audit={"file": {"path": str(trail), "sync": "never"}})
    config["upstreams"]["chime"] |= {"caFile": certificates.path("ca.pem")} | upstream
    return config


def delete(running, clients, each):
    """All statuses of `each` deletes by each of `clients` callers at once; every number once. The double has the first hundred."""
    statuses = []

    def work(caller):
        with Client(running.address, timeout=60) as client:
            for turn in range(each):
                statuses.append(client.request(target=f"/phone-numbers/%2B1206555{100 + caller * each + turn:04}").status)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return statuses


@pytest.mark.parametrize(
    "options",
    [{}, {"keepalive": 25}, {"streams": 1}, {"keepalive": 3, "streams": 2}],
    ids=["plain", "GOAWAY after 25 requests", "one stream at a time", "GOAWAY after three, two streams at a time"],
)
def test_every_request_is_signed_and_carried_out_once(gateway, double, nginx, certificates, tmp_path, options):
    behind = double()
    server = nginx(behind.url, **options)
    trail = tmp_path / "audit.jsonl"
    running = gateway(config_for(server, certificates, trail, connectTimeout="60s"))
    statuses = delete(running, clients=10, each=10)
    seen = behind.requests
    # A few of the double's numbers are in use and cannot be deleted.
    assert sorted(statuses) == sorted(request["status"] for request in seen) and set(statuses) <= {204, 400}, running.stderr
    assert statuses.count(204) > 80
    assert all(request["signatureVerified"] for request in seen)
    targets = [request["target"] for request in seen]
    assert len(targets) == len(set(targets)) == 100
    assert {line[0] for line in server.lines} == {"HTTP/2.0"}
    connections = len({line[1] for line in server.lines})
    with urllib.request.urlopen(running.admin_url + "/status", timeout=30) as answer:
        [pool] = json.load(answer)["upstreams"]
    assert pool["connections"] == pool["http2Connections"]
    if not options:
        # At most one for each loop, of which there are no more than processors.
        assert connections <= 8
    records = [json.loads(line) for line in wait_for_records(trail, 200, timeout=60).splitlines()]
    assert [record["stage"] for record in records].count("outcome") == 100
    assert {record["decision"]["state"] for record in records if record["stage"] == "outcome"} == {"answered"}


def test_an_nginx_that_ends_doubles_nothing(gateway, double, nginx, certificates, tmp_path):
    """Its end cuts connections; what it had is unknown, what it had not is sent again or refused, and nothing is carried out twice."""
    behind = double()
    server = nginx(behind.url)
    trail = tmp_path / "audit.jsonl"
    running = gateway(config_for(server, certificates, trail))
    found = []
    worker = threading.Thread(target=lambda: found.extend(delete(running, clients=4, each=70)))
    worker.start()
    deadline = time.monotonic() + 60
    while len(behind.requests) < 40 and time.monotonic() < deadline:
        time.sleep(0.02)
    server.process.terminate()
    worker.join(120)
    assert len(found) == 280 and set(found) <= {204, 404, 502, 503, 504}
    seen = behind.requests
    targets = [request["target"] for request in seen]
    assert all(request["signatureVerified"] for request in seen)
    assert len(targets) == len(set(targets)), "something was carried out twice"
    records = [json.loads(line) for line in wait_for_records(trail, 560, timeout=60).splitlines()]
    states = {}
    for record in records:
        if record["stage"] == "outcome":
            states[record["target"]] = record["decision"]["state"]
    # Whatever was carried out is told as answered or unknown, never as not sent.
    assert all(states[target] != "notSent" for target in targets)
