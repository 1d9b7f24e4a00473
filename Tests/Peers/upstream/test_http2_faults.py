"""HTTP/2 upstreams that go away, refuse, fall silent or send nonsense: no request is doubled, none is lost without a word."""

import json
import struct
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Callable

import pytest

from audit.trail import wait_for_records
from support import expect
from support.process import ACCESS_KEY, SECRET_KEY, basic_config, more_routes
from support.signature import claimed, expected_signature
from support.wire import Client
from upstream.http2_upstream import CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PUSH_PROMISE, RST_STREAM, SETTINGS
from upstream.http2_upstream import frame, plain

FIRST, SECOND = "/phone-numbers/%2B12065550101", "/phone-numbers/%2B12065550102"
ANSWERED, NOT_SENT = ("answered", None), ("notSent", None)
CLOSED, TIMEOUT = ("unknown: sent, no answer", "upstream closed"), ("unknown: sent, no answer", "timeout")
STATUS_204 = b"\x89"  # RFC 7541 appendix A, entry 9.


def config_for(url, trail=None, **upstream):
    config = more_routes(basic_config(url, audit={"file": {"path": str(trail)}} if trail else None))
    config["upstreams"]["chime"] |= {"http2": "required"} | upstream
    return config


@dataclass
class Fault:
    """What befalls the first request. `scripts` serve as many arrivals, all later ones are answered plainly."""

    name: str
    scripts: list
    #: What the caller gets: a status, or a status and a reason, or None for an answer that is cut off.
    caller: Any
    state: tuple
    #: How often the request arrives.
    arrivals: int = 1
    #: Connections that two requests, the one that the fault befalls and a second, take.
    connections: int = 2
    upstream: dict = field(default_factory=dict)
    on_connect: Callable | None = None
    attempts: int | None = None

    @property
    def is_cut(self):
        """The caller's connection had to be closed, because its answer had begun."""
        return self.connections is None and self.state == CLOSED and not isinstance(self.caller, tuple)


def goaway(last, code=0, then=None):
    def script(request, connection):
        connection.goaway(last(request.stream) if callable(last) else last, code)
        if then:
            then(request, connection)

    return script


def two_steps(request, connection):
    connection.goaway(2**31 - 1)
    connection.goaway(request.stream - 2 if request.stream > 2 else 0)


def raw(data):
    """Frames by hand; `data(stream)` gives them."""
    return lambda request, connection: connection.raw(data(request.stream))


def reset(code):
    return lambda request, connection: connection.reset(request.stream, code)


def silence(request, connection):
    pass


def cut_body(request, connection):
    connection.headers(request.stream, 200, [("content-length", "100")])
    connection.data(request.stream, b"part")
    connection.reset(request.stream, 2)


def lost_body(request, connection):
    connection.headers(request.stream, 200, [("content-length", "100")])
    connection.data(request.stream, b"part")
    connection.close()


def interim(count, then=plain):
    def script(request, connection):
        for _ in range(count):
            connection.raw(frame(HEADERS, END_HEADERS, request.stream, connection.h2.encoder.encode([(":status", "103")])))
        then(request, connection)

    return script


def head(fields, flags=END_HEADERS | END_STREAM):
    """A HEADERS frame with literal fields, none of them indexed, whatever they are."""

    def literal(text):
        return bytes([len(text)]) + text if len(text) < 127 else b"\x7f" + number(len(text) - 127) + text

    def number(value):
        out = b""
        while value >= 128:
            out, value = out + bytes([value & 127 | 128]), value >> 7
        return out + bytes([value])

    block = b"".join(b"\x00" + literal(name) + literal(value) for name, value in fields)
    return lambda stream: frame(HEADERS, flags, stream, block)


def deaf(request, connection):
    connection.upstream.deaf.set()


def settings(*entries):
    return frame(SETTINGS, payload=b"".join(struct.pack(">HI", *entry) for entry in entries))


MALFORMED = {
    "DATA on stream 0": lambda stream: frame(DATA, END_STREAM, 0, b"x"),
    "a frame larger than allowed": lambda stream: frame(DATA, 0, stream, b"x" * 20_000),
    "a header block that does not decode": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\xff\xff\xff\xff\xff\xff"),
    "an answer to nobody": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, stream + 200, STATUS_204),
    "an answer on an even stream": lambda stream: frame(HEADERS, END_HEADERS | END_STREAM, 2, STATUS_204),
    "a push": lambda stream: frame(PUSH_PROMISE, END_HEADERS, stream, struct.pack(">I", 2) + b"\x82\x84\x86\x41\x01a"),
    "a PING of the wrong size": lambda stream: frame(PING, 0, 0, b"x"),
    "SETTINGS with an initial window beyond all bounds": lambda stream: settings((4, 2**31)),
    "SETTINGS with a frame size too small": lambda stream: settings((5, 100)),
    "a WINDOW_UPDATE of 0": lambda stream: frame(8, 0, 0, struct.pack(">I", 0)),
    "RST_STREAM on stream 0": lambda stream: frame(RST_STREAM, 0, 0, struct.pack(">I", 8)),
    "GOAWAY cut short": lambda stream: frame(GOAWAY, 0, 0, b"\0\0\0"),
    "CONTINUATION out of order": lambda stream: frame(CONTINUATION, END_HEADERS, stream, STATUS_204),
    "text": lambda stream: b"HTTP/1.1 204 No Content\r\n\r\n" * 4,
    "a flood of SETTINGS": lambda stream: settings((3, 100)) * 2000,
    "a flood of PING": lambda stream: frame(PING, 0, 0, b"12345678") * 3000,
    "a flood of CONTINUATION": lambda stream: frame(HEADERS, 0, stream, STATUS_204) + frame(CONTINUATION, 0, stream, b"") * 3000,
    "a header list without end": lambda stream: b"".join(
        head([(b"x-%d" % number, b"x" * 8000)], 0)(stream) if number == 0 else frame(CONTINUATION, 0, stream, head([(b"x", b"x" * 8000)])(stream)[9:])
        for number in range(40)
    ),
}  # fmt: skip

#: Mistakes in one answer, which leave the connection what it is.
MALFORMED_ANSWERS = {
    "no status": head([(b"x-note", b"1")]),
    "a status that is no number": head([(b":status", b"abc")]),
    "101": head([(b":status", b"101")]),
    "a name in upper case": head([(b":status", b"204"), (b"X-Note", b"1")]),
    "a name with a blank": head([(b":status", b"204"), (b"x note", b"1")]),
    "a value with a line break": head([(b":status", b"204"), (b"x-note", b"1\r\nx: y")]),
    "Transfer-Encoding": head([(b":status", b"200"), (b"transfer-encoding", b"chunked")]),
    "Connection": head([(b":status", b"204"), (b"connection", b"close")]),
    "a pseudo-header field of requests": head([(b":status", b"204"), (b":path", b"/")]),
    "a content length that is not kept": head([(b":status", b"200"), (b"content-length", b"5")]),
    "two content lengths": head([(b":status", b"200"), (b"content-length", b"0"), (b"content-length", b"1")]),
    "a content length that is no number": head([(b":status", b"200"), (b"content-length", b"x")]),
    "more fields than allowed": head([(b":status", b"204")] + [(b"x", b"y")] * 101),
    "more interim answers than any exchange needs": lambda stream: head([(b":status", b"103")], END_HEADERS)(stream) * 12,
}  # fmt: skip


FAULTS = [
    # Provably not processed: sent again, and the caller knows nothing of it.
    Fault("GOAWAY before it", [goaway(0)], 204, ANSWERED, 2, attempts=2),
    Fault("GOAWAY before it, and the end", [goaway(0, then=lambda _, c: c.close())], 204, ANSWERED, 2, attempts=2),
    Fault("GOAWAY with an error before it", [goaway(0, 11)], 204, ANSWERED, 2, attempts=2),
    Fault("GOAWAY in two steps", [two_steps], 204, ANSWERED, 2, attempts=2),
    Fault("GOAWAY three times over", [goaway(0)] * 3, 204, ANSWERED, 4, connections=4, attempts=4),
    Fault("GOAWAY for ever", [goaway(0)] * 4, (503, "upstream/closed"), NOT_SENT, 4, connections=5, attempts=4),
    Fault("REFUSED_STREAM", [reset(7)], 204, ANSWERED, 2, attempts=2),
    Fault("REFUSED_STREAM for ever", [reset(7)] * 4, (503, "upstream/closed"), NOT_SENT, 4, connections=None, attempts=4),
    # The request may be at work; it is answered, and the next one goes elsewhere.
    Fault("GOAWAY behind it", [goaway(lambda stream: stream, then=plain)], 204, ANSWERED),
    Fault("GOAWAY without a last stream yet", [goaway(2**31 - 1, then=plain)], 204, ANSWERED),
    # Unknown: never sent again.
    Fault("GOAWAY behind it, and the end", [goaway(lambda s: s, then=lambda _, c: c.close())], (503, "upstream/closed"), CLOSED),
    Fault("the end without a word", [lambda _, c: c.close()], (503, "upstream/closed"), CLOSED),
    Fault("a reset connection", [lambda _, c: c.cut()], (503, "upstream/closed"), CLOSED),
    Fault("half a close", [lambda _, c: c.half_close()], (503, "upstream/closed"), CLOSED),
    Fault("RST_STREAM CANCEL", [reset(8)], (503, "upstream/closed"), CLOSED, connections=1),
    Fault("RST_STREAM INTERNAL_ERROR", [reset(2)], (503, "upstream/closed"), CLOSED, connections=1),
    Fault("RST_STREAM NO_ERROR", [reset(0)], (503, "upstream/closed"), CLOSED, connections=1),
    Fault("RST_STREAM HTTP_1_1_REQUIRED", [reset(13)], (503, "upstream/closed"), CLOSED, connections=1),
    Fault("an interim answer, then the end", [interim(1, then=lambda _, c: c.close())], (503, "upstream/closed"), CLOSED),
    Fault("RST_STREAM within the answer", [cut_body], None, CLOSED, connections=None),
    Fault("the end within the answer", [lost_body], None, CLOSED, connections=None),
    Fault("silence", [silence], (504, "upstream/timeout"), TIMEOUT, connections=None, upstream={"responseTimeout": "2s"}),
    Fault("a dead connection", [deaf], (504, "upstream/timeout"), TIMEOUT,
          upstream={"responseTimeout": "60s", "pingInterval": "1s", "pingTimeout": "2s"}),
    *(Fault(name, [raw(data)], (503, "upstream/"), CLOSED, connections=None) for name, data in MALFORMED.items()),
    *(Fault(name, [raw(data)], (503, "upstream/malformed"), CLOSED, connections=1) for name, data in MALFORMED_ANSWERS.items()),
    # The answer had begun, so its caller's connection is closed.
    Fault("a flood of empty DATA", [raw(lambda s: frame(HEADERS, END_HEADERS, s, b"\x88") + frame(DATA, 0, s) * 3000)], None, CLOSED,
          connections=None),
    Fault("a body that 204 cannot have", [raw(lambda s: head([(b":status", b"204")], END_HEADERS)(s) + frame(DATA, END_STREAM, s, b"x"))],
          204, CLOSED, connections=None),
    # Lawful, if odd.
    Fault("interim answers", [interim(3)], 204, ANSWERED, connections=1),
    Fault("204 whose end comes late", [raw(lambda s: head([(b":status", b"204")], END_HEADERS)(s) + frame(DATA, END_STREAM, s))], 204,
          ANSWERED, connections=1),
    Fault("frames of a kind that nobody knows", [raw(lambda s: frame(0xC, 0, 0, b"\0\0") + head([(b":status", b"204")])(s))], 204,
          ANSWERED, connections=1),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_met_once(gateway, http2_upstream, tmp_path, fault):
    upstream = http2_upstream()
    upstream.scripts = list(fault.scripts)
    trail = tmp_path / "audit.jsonl"
    running = gateway(config_for(upstream.url, trail, **fault.upstream))
    with Client(running.address, timeout=60) as client:
        if fault.caller is None:
            with pytest.raises(EOFError):
                client.request(target=FIRST)
        else:
            status, reason = fault.caller if isinstance(fault.caller, tuple) else (fault.caller, None)
            found = client.request(target=FIRST)
            if reason:
                message = expect.refusal(found, status, reason)
                # Whoever may have been served is told to look first, and nobody else.
                assert ("unknown" in message) == (fault.state not in (ANSWERED, NOT_SENT)), message
            else:
                expect.relayed(found, status)
        upstream.deaf.clear()
        if fault.is_cut:
            with Client(running.address, timeout=60) as another:
                expect.relayed(another.request(target=SECOND), 204)
        else:
            # One caller stays on one loop, whose connections are counted below.
            expect.relayed(client.request(target=SECOND), 204)
    arrived = [request.target for request in upstream.requests]
    assert arrived.count(FIRST) == fault.arrivals and arrived.count(SECOND) == 1, arrived
    if fault.connections is not None:
        assert len(upstream.connections) == fault.connections
    for request in upstream.requests:
        expected, canonical = expected_signature(request, upstream.authority, SECRET_KEY, ACCESS_KEY)
        assert claimed(request)["Signature"] == expected, canonical
    records = [json.loads(line) for line in wait_for_records(trail, 4, timeout=60).splitlines()]
    # The records of two loops come in no fixed order, but for the first.
    assert sorted(record["stage"] for record in records) == ["intent", "intent", "outcome", "outcome"]
    [first] = [record for record in records if record["stage"] == "outcome" and record["id"] == records[0]["id"]]
    assert (first["decision"]["state"], first["decision"].get("cause")) == fault.state
    assert first["attempts"] == (fault.attempts or 1)
    assert running.process.poll() is None


def test_a_timeout_resets_the_stream_and_not_the_connection(gateway, http2_upstream):
    upstream = http2_upstream(script=lambda request, connection: request.target == FIRST or connection.answer(request.stream))
    running = gateway(config_for(upstream.url, responseTimeout="4s"))
    with Client(running.address, timeout=60) as client:
        expect.refusal(client.request(target=FIRST), 504, "upstream/timeout")
        expect.relayed(client.request(target=SECOND), 204)
    [connection] = upstream.connections
    upstream.wait(lambda: connection.resets == {1: 8})


def test_where_request_and_ping_wait_in_vain_the_next_request_goes_elsewhere(gateway, http2_upstream):
    """A request that waits long makes the connection suspect long before the interval is over."""
    upstream = http2_upstream()
    upstream.scripts = [deaf]
    running = gateway(config_for(upstream.url, responseTimeout="2s", pingInterval="10m", pingTimeout="10m"))
    with Client(running.address, timeout=60) as client:
        expect.refusal(client.request(target=FIRST), 504, "upstream/timeout")
        upstream.deaf.clear()
        # The first connection stays deaf: its thread has left the loop that reads.
        expect.relayed(client.request(target=SECOND), 204)
    assert [request.target for request in upstream.requests] == [FIRST, SECOND]
    assert len(upstream.connections) == 2


def test_a_silent_but_living_connection_is_asked_and_kept(gateway, http2_upstream):
    upstream = http2_upstream()
    running = gateway(config_for(upstream.url, pingInterval="200ms", pingTimeout="30s", idleTimeout="10m"))
    with Client(running.address) as client:
        expect.relayed(client.request(target=FIRST), 204)
        upstream.wait(lambda: upstream.connections[0].pings >= 3)
        expect.relayed(client.request(target=SECOND), 204)
    assert len(upstream.connections) == 1


def test_an_idle_dead_connection_is_found_before_a_request_meets_it(gateway, http2_upstream):
    upstream = http2_upstream()
    running = gateway(config_for(upstream.url, pingInterval="500ms", pingTimeout="2s", idleTimeout="10m"))
    with Client(running.address) as client:
        expect.relayed(client.request(target=FIRST), 204)
        upstream.deaf.set()
        # Nothing but the gateway's close ends the read of a deaf connection.
        connection = upstream.connections[0]
        deadline = time.monotonic() + 60
        while _is_open(running) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _is_open(running) and connection.is_open
        upstream.deaf.clear()
        expect.relayed(client.request(target=SECOND), 204)
    assert [request.target for request in upstream.requests] == [FIRST, SECOND]


def _is_open(running):
    with urllib.request.urlopen(running.admin_url + "/status", timeout=30) as answer:
        return json.load(answer)["upstreams"][0]["connections"] > 0
