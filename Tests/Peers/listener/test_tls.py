"""TLS versions, ciphers, certificates by name, and their reload."""

import signal
import socket
import ssl
import subprocess
import time

import pytest

from listener.authority import Authority
from listener.http2 import HTTP2Client
from listener.tls import FAST, client_context, tls_config, tls_listener
from support.wire import Client, request_bytes


@pytest.fixture(scope="module")
def served(tmp_path_factory, authority):
    from support.process import Gateway
    from support.upstream import Upstream

    upstream = Upstream()
    gateway = Gateway(tls_config(upstream, tls_listener(authority)), tmp_path_factory.mktemp("tls"))
    yield gateway
    try:
        gateway.stop()
    finally:
        gateway.kill()
        upstream.stop()


def s_client(gateway, *options):
    """What `openssl s_client` prints, and whether the handshake was complete."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", "%s:%d" % gateway.address, *options],
        input="", capture_output=True, text=True, errors="replace", timeout=20,
    )  # fmt: skip
    return done.stdout + done.stderr, done.returncode == 0 and "Cipher is (NONE)" not in done.stdout


VERSIONS = [
    # options, whether the handshake ends well, text that must stand in the output
    (["-tls1_3"], True, "TLSv1.3"),
    (["-tls1_2"], True, "TLSv1.2"),
    (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], False, ""),
    (["-tls1", "-cipher", "ALL:@SECLEVEL=0"], False, ""),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"], True, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"], True, "ECDHE-ECDSA-CHACHA20-POLY1305"),
    (["-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"], False, ""),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"], False, ""),
    (["-tls1_2", "-cipher", "aNULL:eNULL:@SECLEVEL=0"], False, ""),
    (["-alpn", "h2,http/1.1"], True, "ALPN protocol: h2"),
    (["-alpn", "http/1.1"], True, "ALPN protocol: http/1.1"),
    (["-alpn", "spdy/3"], False, ""),
    ([], True, "No ALPN negotiated"),
]


@pytest.mark.parametrize("options, succeeds, text", VERSIONS, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_versions_ciphers_and_protocols(served, options, succeeds, text):
    output, ended_well = s_client(served, *options)
    assert ended_well == succeeds, output
    assert text in output, output


def test_no_renegotiation_and_no_compression(served):
    output, _ = s_client(served, "-tls1_2")
    assert "Compression: NONE" in output and "Secure Renegotiation IS supported" in output


def test_tickets_resume(served, tmp_path):
    session = tmp_path / "session.pem"
    s_client(served, "-tls1_2", "-sess_out", str(session))
    output, _ = s_client(served, "-tls1_2", "-sess_in", str(session))
    assert "Reused, TLSv1.2" in output


def test_plaintext_to_a_tls_listener_is_refused_and_tls_to_a_plain_one_told(served, serving, authority):
    with Client(served.address) as client:
        client.send(request_bytes())
        client.socket.settimeout(10)
        try:
            assert not client.socket.recv(4096).startswith(b"HTTP")
        except ConnectionResetError:
            pass
    with socket.create_connection(serving.address, 10) as plain, pytest.raises(ssl.SSLError):
        client_context(authority).wrap_socket(plain, server_hostname="localhost")


def test_a_certificate_for_each_server_name(gateway, upstream, authority):
    for name in ("one.example", "two.example"):
        authority.issue(name, f"DNS:{name}")
    authority.issue("any", "DNS:*.wild.example")
    more = [
        {"certificate": authority.path(f"{name}.pem"), "privateKey": authority.path(f"{name}.key")}
        for name in ("one.example", "two.example", "any")
    ]
    served = gateway(tls_config(upstream, tls_listener(authority, additionalCertificates=more)))
    context = client_context(authority)
    for asked, shown in [
        ("one.example", "one.example"),
        ("TWO.example", "two.example"),
        ("host.wild.example", "any"),
        ("localhost", "server"),
    ]:
        with socket.create_connection(served.address, 10) as plain, context.wrap_socket(plain, server_hostname=asked) as secure:
            subject = dict(pair[0] for pair in secure.getpeercert()["subject"])
            assert subject["commonName"] == shown
    context.check_hostname = False
    for asked in ("unknown.example", "a.b.wild.example", None):
        with socket.create_connection(served.address, 10) as plain, context.wrap_socket(plain, server_hostname=asked) as secure:
            assert dict(pair[0] for pair in secure.getpeercert()["subject"])["commonName"] == "server"


def serial(address, context):
    with socket.create_connection(address, 10) as plain, context.wrap_socket(plain, server_hostname="localhost") as secure:
        return secure.getpeercert()["serialNumber"]


def test_a_certificate_is_renewed_without_dropping_a_connection(gateway, upstream, tmp_path):
    authority = Authority(tmp_path / "renewing", "renewing-ca")
    authority.issue("server")
    served = gateway(tls_config(upstream, tls_listener(authority)))
    context = client_context(authority)
    h2 = client_context(authority, protocols=("h2",))
    old = serial(served.address, context)
    with HTTP2Client(served.address, h2) as kept, Client(served.address) as other:
        other.socket = context.wrap_socket(other.socket, server_hostname="localhost")
        assert kept.request(scheme="https").status == 204 and other.request().status == 204
        authority.issue("server")
        served.signal(signal.SIGHUP)
        assert served.wait_for_log(lambda r: r.get("message") == "configuration reloaded")
        assert serial(served.address, context) != old
        assert kept.request(scheme="https").status == 204 and other.request().status == 204
        # A key that does not fit is refused, and what was good stays.
        (tmp_path / "renewing/server.key").write_bytes((tmp_path / "renewing/ca.key").read_bytes())
        now = serial(served.address, context)
        served.signal(signal.SIGHUP)
        assert served.wait_for_log(lambda r: r.get("level") == "error")
        assert serial(served.address, context) == now
        assert kept.request(scheme="https").status == 204


def test_a_renewed_certificate_is_found_without_a_signal(gateway, upstream, tmp_path):
    authority = Authority(tmp_path / "renewing", "renewing-ca")
    authority.issue("server")
    served = gateway(tls_config(upstream, tls_listener(authority)))
    context = client_context(authority)
    old = serial(served.address, context)
    time.sleep(2.5)
    authority.issue("server")
    assert served.wait_for_log(lambda r: r.get("message") == "configuration reloaded", 20)
    assert serial(served.address, context) != old


def test_a_reload_never_turns_a_tls_listener_plain(gateway, upstream, authority):
    config = tls_config(upstream, tls_listener(authority))
    served = gateway(config)
    served.write_config(config | {"listeners": [{"bind": "127.0.0.1:0"}]})
    served.signal(signal.SIGHUP)
    assert served.wait_for_log(lambda r: r.get("message") == "configuration reloaded")
    assert served.wait_for_log(lambda r: r.get("level") == "warning" and "TLS of" in r.get("message", ""))
    with socket.create_connection(served.address, 10) as plain:
        plain.sendall(request_bytes())
        plain.settimeout(10)
        try:
            assert not plain.recv(4096).startswith(b"HTTP")
        except ConnectionResetError:
            pass
    assert serial(served.address, client_context(authority))


def test_an_unfinished_handshake_ends_in_time(gateway, upstream, authority):
    served = gateway(tls_config(upstream, tls_listener(authority) | {"timeouts": FAST}))
    with Client(served.address) as client:
        client.send(b"\x16\x03\x01\x02\x00\x01")
        started = time.monotonic()
        client.seconds_until_closed(10)
        assert time.monotonic() - started > 0.5
