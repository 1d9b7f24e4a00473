"""Who is let in by certificate: every way to be wrong is refused, and reaches no upstream."""

import hashlib
import json
import signal
import ssl
import time

import pytest

from audit.trail import wait_for_records
from listener.authority import Authority
from listener.http2 import HTTP2Client
from listener.tls import client_context, tls_config, tls_listener
from support.process import Gateway
from support.upstream import Upstream
from support.wire import Client

ID = "spiffe://example.internal/ns/telephony/sa/provisioning"
OTHER = "spiffe://example.internal/ns/telephony/sa/other"
TOGETHER = "spiffe://example.internal/ns/telephony/sa/together"
PAST = ("20200101000000Z", "20200201000000Z")
FUTURE = ("20450101000000Z", "20450201000000Z")
TOKEN = "together-token"


def der(*names):
    """A subjectAltName whose (tag, text) may be what `openssl` would not write: 2 is a DNS name, 6 a URI (RFC 5280 section 4.2.1.6)."""
    inner = b"".join(bytes([0x80 | tag, len(text)]) + text.encode("latin-1") for tag, text in names)
    assert len(inner) < 128
    return "DER:" + (bytes([0x30, len(inner)]) + inner).hex(":")


@pytest.fixture(scope="module")
def people(tmp_path_factory, authority):
    """Certificates of clients by name: (file, key file)."""
    stranger = Authority(tmp_path_factory.mktemp("stranger") / "ca", "stranger-ca")
    found = {
        "none": None,
        "wrong-ca": stranger.issue("wrong-ca", f"URI:{ID}"),
        "expired": authority.issue("expired", f"URI:{ID}", PAST),
        "not-yet-valid": authority.issue("not-yet-valid", f"URI:{ID}", FUTURE),
        "revoked": authority.issue("revoked", f"URI:{ID}"),
        "two-ids": authority.issue("two-ids", f"URI:{ID},URI:{OTHER}"),
        "wrong-id": authority.issue("wrong-id", f"URI:{OTHER}"),
        "longer-id": authority.issue("longer-id", f"URI:{ID}/more"),
        "no-id": authority.issue("no-id", "DNS:provisioning.example.internal"),
        "server-only": authority.issue("server-only", f"URI:{ID}", usage="serverAuth"),
        "nul-in-id": authority.issue("nul-in-id", der((6, ID + "\0.example"))),
        "nul-in-dns": authority.issue("nul-in-dns", der((2, "reports.example.internal\0.example"))),
        "id-and-nul": authority.issue("id-and-nul", der((6, ID), (2, "a\0b"))),
        "not-ascii": authority.issue("not-ascii", der((6, ID + "\xe9"))),
        "capitals": authority.issue("capitals", f"URI:{ID.upper()}"),
        "id-as-dns": authority.issue("id-as-dns", f"DNS:{ID}"),
        "right": authority.issue("right", f"URI:{ID}"),
        "right-dns": authority.issue("right-dns", "DNS:Reports.example.internal"),
        "two-dns": authority.issue("two-dns", "DNS:reports.example.internal,DNS:cron.example.internal"),
        "wrong-dns": authority.issue("wrong-dns", "DNS:reports.example.internal.example,DNS:*.example.internal"),
        "wrong-subject": authority.issue("named-otherwise", "DNS:unknown.example.internal"),
        "right-subject": authority.issue("named", "DNS:unknown.example.internal"),
        "right-comma": authority.issue("svc, Inc.", "DNS:unknown.example.internal"),
        "one-of-two": authority.issue("one-of-two", f"URI:{TOGETHER}"),
    }
    authority.revoke("revoked")
    authority.publish_crl()
    return found


def start(authority, directory, **tls):
    upstream = Upstream()
    listener = tls_listener(authority, clientCA=authority.path("ca.pem"), crlFile=authority.path("crl.pem"), **tls)
    callers = [
        {"name": "provisioning", "spiffeId": ID}, {"name": "token", "tokenSha256": "0" * 64},
        {"name": "reports", "dnsSan": "reports.example.internal"}, {"name": "cron", "dnsSan": "cron.example.internal"},
        {"name": "named", "subject": "CN=named"}, {"name": "comma", "subject": r"CN=svc\, Inc."},
        {"name": "together", "allOf": [{"spiffeId": TOGETHER}, {"tokenSha256": hashlib.sha256(TOKEN.encode()).hexdigest()}]},
    ]  # fmt: skip
    config = tls_config(upstream, listener, callers=callers, audit={"file": {"path": str(directory / "audit.jsonl")}})
    return Gateway(config, directory), upstream


def stop(gateway, upstream):
    try:
        gateway.stop()
    finally:
        gateway.kill()
        upstream.stop()


@pytest.fixture(scope="module", params=["required", "optional"])
def mutual(request, tmp_path_factory, authority, people):
    gateway, upstream = start(authority, tmp_path_factory.mktemp(request.param), clientCertificate=request.param)
    yield gateway, upstream, request.param
    stop(gateway, upstream)


REFUSED = "connection refused"

MATRIX = [
    # certificate, what a listener that requires one says, what one says for which it is optional
    ("none", REFUSED, 401),
    ("wrong-ca", REFUSED, REFUSED),
    ("expired", REFUSED, REFUSED),
    ("not-yet-valid", REFUSED, REFUSED),
    ("revoked", REFUSED, REFUSED),
    ("two-ids", 401, 401),
    ("two-dns", 401, 401),
    ("one-of-two", 401, 401),
    ("server-only", REFUSED, REFUSED),
    ("wrong-id", 401, 401),
    ("longer-id", 401, 401),
    ("no-id", 401, 401),
    ("wrong-dns", 401, 401),
    ("wrong-subject", 401, 401),
    ("nul-in-id", REFUSED, REFUSED),
    ("nul-in-dns", REFUSED, REFUSED),
    ("id-and-nul", REFUSED, REFUSED),
    ("not-ascii", REFUSED, REFUSED),
    ("capitals", 401, 401),
    ("id-as-dns", 401, 401),
    ("right", 204, 204),
    ("right-dns", 204, 204),
    ("right-subject", 204, 204),
    ("right-comma", 204, 204),
]


def status(gateway, authority, identity, protocol, version):
    """The status that a client gets, or REFUSED where the connection ends without an answer."""
    context = client_context(authority, identity, (protocol,))
    context.minimum_version = context.maximum_version = version
    try:
        if protocol == "h2":
            with HTTP2Client(gateway.address, context) as client:
                return client.request(scheme="https").status
        with Client(gateway.address) as client:
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
            return client.request().status
    except (EOFError, OSError):
        return REFUSED


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls1.2", "tls1.3"])
@pytest.mark.parametrize("protocol", ["http/1.1", "h2"])
@pytest.mark.parametrize("name, required, optional", MATRIX, ids=[row[0] for row in MATRIX])
def test_who_is_let_in(mutual, authority, people, name, required, optional, protocol, version):
    gateway, upstream, mode = mutual
    upstream.clear()
    expected = required if mode == "required" else optional
    assert status(gateway, authority, people[name], protocol, version) == expected
    # No caller without a right reaches the upstream.
    assert len(upstream.requests) == (1 if name.startswith("right") else 0)


def test_the_proof_is_in_the_record(mutual, authority, people):
    gateway, upstream, _ = mutual
    assert status(gateway, authority, people["right"], "h2", ssl.TLSVersion.TLSv1_3) == 204
    path = json.loads(gateway.config_path.read_text())["audit"]["file"]["path"]
    wait_for_records(path, 2)
    callers = [json.loads(line)["caller"] for line in open(path, "rb").read().splitlines()]
    assert [caller for caller in callers if caller] and {(c["name"], c["proof"]) for c in callers if c} <= {
        ("provisioning", "spiffe"), ("reports", "dnsSan"), ("named", "subject"), ("comma", "subject"), ("together", "spiffe+token"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name, token, expected, reason, caller",
    [
        ("two-ids", None, 401, "caller/certificate", None),
        ("two-dns", None, 401, "caller/certificate", None),
        ("wrong-id", None, 401, "caller/unknown", None),
        ("one-of-two", None, 401, "caller/incomplete", None),
        ("one-of-two", "wrong", 401, "caller/token", None),
        ("none", TOKEN, 401, "caller/incomplete", None),
        ("one-of-two", TOKEN, 204, None, {"name": "together", "proof": "spiffe+token"}),
    ],
)
def test_the_record_says_why(mutual, authority, people, name, token, expected, reason, caller):
    gateway, upstream, mode = mutual
    upstream.clear()
    context = client_context(authority, people[name], ("http/1.1",))
    path = json.loads(gateway.config_path.read_text())["audit"]["file"]["path"]
    if name == "none" and mode == "required":
        # Such a connection ends before any request, so that there is nothing to record: the token changes nothing.
        before = open(path, "rb").read()
        with Client(gateway.address) as client, pytest.raises((OSError, EOFError)):
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
            client.request(headers=[("x-countersign-token", token)])
        assert upstream.requests == []
        # Whoever is let in afterwards has the next record.
        assert status(gateway, authority, people["right"], "h2", ssl.TLSVersion.TLSv1_3) == 204
        wait_for_records(path, len(before.splitlines()) + 2)
        added = [json.loads(line) for line in open(path, "rb").read()[len(before) :].splitlines()]
        assert [(record["stage"], record["caller"]["name"]) for record in added] == [("intent", "provisioning"), ("outcome", "provisioning")]
        return
    with Client(gateway.address) as client:
        client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
        found = client.request(headers=[("x-countersign-token", token)] if token else [])
    assert (found.status, found.first("countersign-reason")) == (expected, reason)
    assert len(upstream.requests) == (1 if caller else 0)
    deadline = time.monotonic() + 60
    written = []
    while not written and time.monotonic() < deadline:
        time.sleep(0.02)
        lines = open(path, "rb").read().splitlines(keepends=True)
        records = [json.loads(line) for line in lines if line.endswith(b"\n")]
        written = [r for r in records if r["id"] == found.first("countersign-id")]
    assert written[0]["stage"] == ("intent" if caller else "refusal")
    assert (written[0]["caller"], written[0]["decision"].get("reason")) == (caller, reason)


def test_a_revocation_takes_effect_with_a_reload(tmp_path, tmp_path_factory):
    authority = Authority(tmp_path / "own", "own-ca")
    authority.issue("server")
    leaver = authority.issue("leaver", f"URI:{ID}")
    authority.publish_crl()
    gateway, upstream = start(authority, tmp_path)
    try:
        assert status(gateway, authority, leaver, "h2", ssl.TLSVersion.TLSv1_3) == 204
        authority.revoke("leaver")
        authority.publish_crl()
        gateway.signal(signal.SIGHUP)
        assert gateway.wait_for_log(lambda r: r.get("message") == "configuration reloaded")
        assert status(gateway, authority, leaver, "h2", ssl.TLSVersion.TLSv1_3) == REFUSED
        assert len(upstream.requests) == 1
    finally:
        stop(gateway, upstream)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["tls1.2", "tls1.3"])
def test_a_ticket_does_not_outlive_a_revocation(tmp_path, version):
    authority = Authority(tmp_path / "own", "own-ca")
    authority.issue("server")
    leaver = authority.issue("leaver", f"URI:{ID}")
    authority.publish_crl()
    gateway, upstream = start(authority, tmp_path)
    context = client_context(authority, leaver)
    context.minimum_version = context.maximum_version = version

    def call(session=None):
        """(status, whether the session was resumed, the session to resume next)."""
        with Client(gateway.address) as client:
            client.socket = context.wrap_socket(client.socket, server_hostname="localhost", session=session)
            return client.request().status, client.socket.session_reused, client.socket.session

    try:
        found, _, session = call()
        assert found == 204
        found, was_resumed, session = call(session)
        # The caller of a resumed session is still known by its certificate.
        assert (found, was_resumed) == (204, True)
        authority.revoke("leaver")
        authority.publish_crl()
        gateway.signal(signal.SIGHUP)
        assert gateway.wait_for_log(lambda r: r.get("message") == "configuration reloaded")
        with pytest.raises((OSError, EOFError)):
            call(session)
        assert len(upstream.requests) == 2
    finally:
        stop(gateway, upstream)


def test_a_list_that_runs_out_lets_nobody_in(tmp_path):
    """What is revoked since is unknown then, so whoever may have been is refused, until a new list is there."""
    authority = Authority(tmp_path / "own", "own-ca")
    authority.issue("server")
    person = authority.issue("person", f"URI:{ID}")
    authority.publish_crl()
    gateway, upstream = start(authority, tmp_path)
    try:
        assert status(gateway, authority, person, "h2", ssl.TLSVersion.TLSv1_3) == 204
        authority.publish_crl(seconds=8)
        gateway.signal(signal.SIGHUP)
        assert gateway.wait_for_log(lambda r: r.get("message") == "configuration reloaded")
        deadline = time.monotonic() + 60
        while (found := status(gateway, authority, person, "h2", ssl.TLSVersion.TLSv1_3)) == 204 and time.monotonic() < deadline:
            time.sleep(0.2)
        served = len(upstream.requests)
        for protocol in ("h2", "http/1.1"):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                assert status(gateway, authority, person, protocol, version) == found == REFUSED
        assert len(upstream.requests) == served
        authority.publish_crl()
        gateway.signal(signal.SIGHUP)
        deadline = time.monotonic() + 60
        while status(gateway, authority, person, "h2", ssl.TLSVersion.TLSv1_3) != 204:
            assert time.monotonic() < deadline, "the new list was not taken"
            time.sleep(0.2)
    finally:
        stop(gateway, upstream)
