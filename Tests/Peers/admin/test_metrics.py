"""What was asked for is counted: requests and durations by route, caller, origin and status, the process, certificates; no number in it."""

import datetime
import re
import subprocess
import urllib.request

from admin.console import config, status
from support.wire import call


def samples(gateway):
    with urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=30) as response:
        text = response.read().decode()
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "12065550100" not in text
    return {name: float(value) for name, value in re.findall(r"^([a-z]\S*) (\S+)$", text, re.MULTILINE)}


def test_requests_and_durations(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path))
    for _ in range(3):
        assert call(running.address).status == 204
    assert call(running.address, target="/none").status == 404
    assert call(running.address, target="/phone-numbers/12065550100").status == 400
    found = samples(running)
    labels = 'route="DeletePhoneNumber",caller="local",origin="{}",status="{}"'
    assert found["countersign_requests_total{%s}" % labels.format("upstream", 204)] == 3
    assert found["countersign_requests_total{%s}" % labels.format("gateway", 400)] == 1
    assert found['countersign_requests_total{route="",caller="local",origin="gateway",status="404"}'] == 1
    place = 'route="DeletePhoneNumber",origin="upstream"'
    assert found["countersign_request_duration_seconds_count{%s}" % place] == 3
    assert found['countersign_request_duration_seconds_bucket{%s,le="+Inf"}' % place] == 3
    assert found["countersign_request_duration_seconds_sum{%s}" % place] > 0
    told = status(running.admin_address)
    assert told["callers"]["local"] == {"204": 3, "400": 1, "404": 1}
    assert any(route["operation"] == "DeletePhoneNumber" and route["answers"] == 3 for route in told["routes"])


def test_the_process(gateway, upstream, tmp_path):
    running = gateway(config(upstream.url, tmp_path))
    found = samples(running)
    assert abs(found["process_resident_memory_bytes"] / 1024 - running.memory_kib()) < 16 * 1024
    assert found["process_virtual_memory_bytes"] > found["process_resident_memory_bytes"]
    assert 5 < found["process_open_fds"] < found["process_max_fds"]
    assert found["process_cpu_seconds_total"] > 0
    assert any(name.startswith("countersign_event_loop_delay_seconds_count") for name in found)


def test_the_ends_of_certificates_are_those_that_openssl_reads(gateway, upstream, tmp_path, certificates):
    settings = config(upstream.url, tmp_path)
    files = {"certificate": certificates.path("good.pem"), "privateKey": certificates.path("good.key")}
    settings["listeners"].append({"bind": "127.0.0.1:0", "tls": files})
    running = gateway(settings)
    labels = 'listener="127.0.0.1:0",certificate="%s"' % files["certificate"]
    told = samples(running)["countersign_tls_certificate_expiry_timestamp_seconds{%s}" % labels]
    command = ["openssl", "x509", "-in", files["certificate"], "-noout", "-enddate", "-dateopt", "iso_8601"]
    end = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip().removeprefix("notAfter=")
    assert datetime.datetime.strptime(end, "%Y-%m-%d %H:%M:%SZ").replace(tzinfo=datetime.timezone.utc).timestamp() == told
    [row] = status(running.admin_address)["certificates"]
    assert row["expires"] == end.replace(" ", "T").replace("Z", ".000Z")


def test_requests_under_way_are_shown_where_they_are_bounded(gateway, upstream, tmp_path):
    settings = config(upstream.url, tmp_path)
    settings["upstreams"]["chime"]["maxInFlight"] = 7
    found = samples(gateway(settings))
    assert found['countersign_upstream_in_flight{upstream="chime"}'] == 0
    assert found['countersign_upstream_in_flight_limit{upstream="chime"}'] == 7
