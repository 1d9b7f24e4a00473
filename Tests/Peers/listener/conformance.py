"""What a server must refuse, as frames on the wire: RFC 9113 by section, RFC 7541 behind it.

A row is (section, name, what is sent, what must come back). What is sent is bytes, or a function of the client where something has to be
read in between. What must come back is one of:

* `ends(code)`: GOAWAY with that code, and the connection closed;
* `resets(code)`: RST_STREAM for stream 1 with that code, the connection goes on;
* `answers(status)`: that answer on stream 1, the connection goes on;
* `PASSES`: nothing at all, the connection goes on.

Where the RFC leaves the choice between a stream error and a connection error, the row names the one that this server makes.
"""

import struct

from listener.http2 import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, frame,
)  # fmt: skip
from listener.pushing import integer, literal, text

FLOW_CONTROL_ERROR, STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, COMPRESSION_ERROR = 0x3, 0x5, 0x6, 0x7, 0x9
PADDED, PRIORITIZED = 0x8, 0x20
TARGET = "/phone-numbers/%2B12065550100"
GREATEST = 0x7FFF_FFFF


def ends(code):
    return ("ends", code)


def resets(code):
    return ("resets", code)


def answers(status):
    return ("answers", status)


PASSES = ("passes", None)


def number(value):
    return struct.pack(">I", value)


def block(*fields):
    return b"".join(literal(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields)


def head(method="DELETE", scheme="http", path=TARGET, authority="gateway.test"):
    """The pseudo-header fields of a request; None leaves one out."""
    pairs = [(":method", method), (":scheme", scheme), (":path", path), (":authority", authority)]
    return [(name, value) for name, value in pairs if value is not None]


GET = block(*head())
POST = block(*head("POST"))


def headers(fields, stream=1, flags=END_HEADERS | END_STREAM):
    return frame(HEADERS, flags, stream, fields)


def opened(stream=1):
    """A request whose body is still to come."""
    return headers(POST, stream, END_HEADERS)


def data(content, stream=1, flags=0):
    return frame(DATA, flags, stream, content)


def settings(*entries):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *entry) for entry in entries))


def update(stream, increment):
    return frame(WINDOW_UPDATE, 0, stream, number(increment))


def priority(stream, dependency=0, weight=15):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", dependency, weight))


def reset(stream, code=CANCEL):
    return frame(RST_STREAM, 0, stream, number(code))


def after_the_answer(sent):
    """`sent` on stream 1 once that is answered and closed."""

    def send(client):
        client.send(headers(GET))
        client.wait(1)
        client.send(sent)

    return send


def after_our_reset(sent):
    """`sent` on stream 1 once the server has reset it, which a client may not know yet (section 5.1)."""

    def send(client):
        client.send(headers(POST + block(("connection", "close")), flags=END_HEADERS))
        client.run(lambda: 1 in client.streams and client.streams[1].reset is not None)
        client.streams.clear()
        client.send(sent)

    return send


CONNECTION = [
    ("4.1", "a frame of an unknown type", frame(0x16, 0xFF, 0, b"abc"), PASSES),
    ("4.1", "a frame of an unknown type on an idle stream", frame(0x16, 0xFF, 9, b"abc"), PASSES),
    ("4.1", "flags that mean nothing", frame(PING, 0x16, 0, bytes(8)), PASSES),
    ("4.1", "the reserved bit", frame(PING, 0, 1 << 31, bytes(8)), PASSES),
    ("4.2", "DATA of the greatest size", opened() + data(bytes(16_384)), PASSES),
    ("4.2", "DATA beyond the greatest size", opened() + data(bytes(16_385)), ends(FRAME_SIZE_ERROR)),
    ("4.2", "HEADERS beyond the greatest size", headers(bytes(16_385)), ends(FRAME_SIZE_ERROR)),
    (
        "4.2", "CONTINUATION beyond the greatest size",
        headers(GET, flags=END_STREAM) + frame(CONTINUATION, 4, 1, bytes(16_385)), ends(FRAME_SIZE_ERROR),
    ),
    ("4.2", "SETTINGS beyond the greatest size", settings(*[(3, 1)] * 2731), ends(FRAME_SIZE_ERROR)),
    ("4.2", "an unknown frame beyond the greatest size", frame(0x20, 0, 0, bytes(16_385)), ends(FRAME_SIZE_ERROR)),
    ("4.2", "PING too short", frame(PING, 0, 0, bytes(6)), ends(FRAME_SIZE_ERROR)),
    ("4.3", "a block that is no block", headers(b"\xff" * 6), ends(COMPRESSION_ERROR)),
    ("4.3", "PRIORITY within a block", headers(GET, flags=END_STREAM) + priority(1), ends(PROTOCOL_ERROR)),
    ("4.3", "PING within a block", headers(GET, flags=END_STREAM) + frame(PING, 0, 0, bytes(8)), ends(PROTOCOL_ERROR)),
    ("4.3", "an unknown frame within a block", headers(GET, flags=END_STREAM) + frame(0x20, 0, 1), ends(PROTOCOL_ERROR)),
    ("4.3", "DATA within a block", headers(POST, flags=0) + data(b"a"), ends(PROTOCOL_ERROR)),
    ("4.3", "SETTINGS within a block", headers(GET, flags=END_STREAM) + settings(), ends(PROTOCOL_ERROR)),
    ("4.3", "RST_STREAM within a block", headers(GET, flags=END_STREAM) + reset(1), ends(PROTOCOL_ERROR)),
    ("4.3", "HEADERS of another stream within a block", headers(GET, flags=END_STREAM) + headers(GET, 3), ends(PROTOCOL_ERROR)),
    ("4.3", "HEADERS of the same stream within a block", headers(GET, flags=END_STREAM) + headers(GET), ends(PROTOCOL_ERROR)),
]

STREAMS = [
    ("5.1", "idle: DATA", data(b"a", flags=END_STREAM), ends(PROTOCOL_ERROR)),
    ("5.1", "idle: RST_STREAM", reset(1), ends(PROTOCOL_ERROR)),
    ("5.1", "idle: WINDOW_UPDATE", update(1, 100), ends(PROTOCOL_ERROR)),
    ("5.1", "idle: CONTINUATION", frame(CONTINUATION, END_HEADERS, 1, GET), ends(PROTOCOL_ERROR)),
    ("5.1", "idle: PRIORITY", priority(1), PASSES),
    ("5.1", "idle beyond an open one: DATA", opened() + data(b"a", 3), ends(PROTOCOL_ERROR)),
    ("5.1", "idle beyond an open one: WINDOW_UPDATE", opened() + update(5, 1), ends(PROTOCOL_ERROR)),
    ("5.1", "the server's, idle: DATA", data(b"a", 2), ends(PROTOCOL_ERROR)),
    ("5.1", "the server's, idle: RST_STREAM", reset(2), ends(PROTOCOL_ERROR)),
    ("5.1", "the server's, idle: WINDOW_UPDATE", update(2, 1), ends(PROTOCOL_ERROR)),
    ("5.1", "half-closed: DATA", headers(GET) + data(b"a"), ends(STREAM_CLOSED)),
    ("5.1", "half-closed: HEADERS", headers(GET) + headers(GET), ends(STREAM_CLOSED)),
    ("5.1", "half-closed by DATA: trailers", opened() + data(b"a", flags=END_STREAM) + headers(block(("x", "y"))), ends(STREAM_CLOSED)),
    ("5.1", "half-closed: CONTINUATION", headers(GET) + frame(CONTINUATION, END_HEADERS, 1, GET), ends(PROTOCOL_ERROR)),
    ("5.1", "half-closed: WINDOW_UPDATE and PRIORITY", headers(GET) + update(1, 5) + priority(1), answers(204)),
    ("5.1", "half-closed: RST_STREAM", headers(GET) + reset(1), PASSES),
    ("5.1", "closed by its end: DATA", after_the_answer(data(b"a")), ends(STREAM_CLOSED)),
    ("5.1", "closed by its end: HEADERS", after_the_answer(headers(GET)), ends(STREAM_CLOSED)),
    ("5.1", "closed by its end: CONTINUATION", after_the_answer(frame(CONTINUATION, END_HEADERS, 1, GET)), ends(PROTOCOL_ERROR)),
    (
        "5.1", "closed by its end: WINDOW_UPDATE, PRIORITY, RST_STREAM",
        after_the_answer(update(1, 5) + priority(1) + reset(1)), answers(204),
    ),
    ("5.1", "closed by RST_STREAM: DATA", opened() + reset(1) + data(b"a"), ends(STREAM_CLOSED)),
    ("5.1", "closed by RST_STREAM: HEADERS", opened() + reset(1) + headers(GET), ends(STREAM_CLOSED)),
    ("5.1", "closed by RST_STREAM: CONTINUATION", opened() + reset(1) + frame(CONTINUATION, END_HEADERS, 1, GET), ends(PROTOCOL_ERROR)),
    ("5.1", "reset by the server: DATA that was on its way", after_our_reset(data(b"a") * 20), PASSES),
    ("5.1", "reset by the server: trailers that were on their way", after_our_reset(headers(block(("x", "y")))), PASSES),
    ("5.1", "reset by the server: WINDOW_UPDATE and RST_STREAM", after_our_reset(update(1, 5) + reset(1)), PASSES),
    ("5.1.1", "an even number", headers(GET, 2), ends(PROTOCOL_ERROR)),
    ("5.1.1", "a number below the last", headers(GET, 5) + headers(GET, 3), ends(PROTOCOL_ERROR)),
    ("5.1.1", "numbers with gaps", headers(GET, 1) + headers(GET, 9), answers(204)),
    (
        "5.3.1 of 7540", "HEADERS that depend on themselves",
        headers(struct.pack(">IB", 1, 15) + GET, flags=END_HEADERS | END_STREAM | PRIORITIZED), ends(PROTOCOL_ERROR),
    ),
    ("5.3.1 of 7540", "PRIORITY that depends on itself", priority(3, 3), ends(PROTOCOL_ERROR)),
    ("5.4.1", "bytes behind a connection error", frame(PING, 0, 0, bytes(6)) + headers(GET), ends(FRAME_SIZE_ERROR)),
]

FRAMES = [
    ("6.1", "DATA on the connection", data(b"a", 0), ends(PROTOCOL_ERROR)),
    ("6.1", "padding as long as the frame", opened() + data(b"\x06abcde", flags=END_STREAM | PADDED), ends(PROTOCOL_ERROR)),
    ("6.1", "padding of 255 in a short frame", opened() + data(b"\xff", flags=PADDED), ends(PROTOCOL_ERROR)),
    ("6.1", "padded without a length", opened() + data(b"", flags=END_STREAM | PADDED), ends(FRAME_SIZE_ERROR)),
    ("6.1", "nothing but padding", opened() + data(b"\x05abcde", flags=END_STREAM | PADDED), answers(204)),
    ("6.2", "HEADERS on the connection", headers(GET, 0), ends(PROTOCOL_ERROR)),
    ("6.2", "padding longer than the frame", headers(b"\xff" + GET, flags=END_HEADERS | END_STREAM | PADDED), ends(PROTOCOL_ERROR)),
    (
        "6.2", "padding one longer than the block",
        headers(bytes([len(GET) + 1]) + GET, flags=END_HEADERS | END_STREAM | PADDED), ends(PROTOCOL_ERROR),
    ),
    (
        "6.2", "padding in the place of the block",
        headers(bytes([len(GET)]) + GET, flags=END_HEADERS | END_STREAM | PADDED), resets(PROTOCOL_ERROR),
    ),
    ("6.2", "padded without a length", headers(b"", flags=END_HEADERS | END_STREAM | PADDED), ends(FRAME_SIZE_ERROR)),
    (
        "6.2", "padding that leaves no room for the priority",
        headers(b"\x03" + bytes(5), flags=END_HEADERS | END_STREAM | PADDED | PRIORITIZED), ends(PROTOCOL_ERROR),
    ),
    ("6.2", "too short for its priority", headers(bytes(4), flags=END_HEADERS | END_STREAM | PRIORITIZED), ends(FRAME_SIZE_ERROR)),
    (
        "6.2", "padding and priority",
        headers(b"\x02" + bytes(4) + b"\x0f" + GET
        + bytes(2), flags=END_HEADERS | END_STREAM | PADDED | PRIORITIZED), answers(204),
    ),
    ("6.3", "PRIORITY on the connection", priority(0), ends(PROTOCOL_ERROR)),
    ("6.3", "PRIORITY of four bytes", frame(PRIORITY, 0, 1, bytes(4)), ends(FRAME_SIZE_ERROR)),
    ("6.3", "PRIORITY of six bytes", frame(PRIORITY, 0, 1, bytes(6)), ends(FRAME_SIZE_ERROR)),
    ("6.4", "RST_STREAM on the connection", reset(0), ends(PROTOCOL_ERROR)),
    ("6.4", "RST_STREAM of three bytes", opened() + frame(RST_STREAM, 0, 1, bytes(3)), ends(FRAME_SIZE_ERROR)),
    ("6.4", "RST_STREAM of five bytes", opened() + frame(RST_STREAM, 0, 1, bytes(5)), ends(FRAME_SIZE_ERROR)),
    ("6.4", "RST_STREAM with an unknown code", opened() + reset(1, 0xFF), PASSES),
    ("6.5", "an acknowledgement with content", frame(SETTINGS, ACK, 0, bytes(6)), ends(FRAME_SIZE_ERROR)),
    ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1, struct.pack(">HI", 3, 100)), ends(PROTOCOL_ERROR)),
    ("6.5", "SETTINGS of three bytes", frame(SETTINGS, 0, 0, bytes(3)), ends(FRAME_SIZE_ERROR)),
    ("6.5.2", "ENABLE_PUSH of 2", settings((2, 2)), ends(PROTOCOL_ERROR)),
    ("6.5.2", "INITIAL_WINDOW_SIZE of 2^31", settings((4, 1 << 31)), ends(FLOW_CONTROL_ERROR)),
    ("6.5.2", "INITIAL_WINDOW_SIZE of 2^32-1", settings((4, 0xFFFF_FFFF)), ends(FLOW_CONTROL_ERROR)),
    ("6.5.2", "MAX_FRAME_SIZE of 16,383", settings((5, 16_383)), ends(PROTOCOL_ERROR)),
    ("6.5.2", "MAX_FRAME_SIZE of 2^24", settings((5, 1 << 24)), ends(PROTOCOL_ERROR)),
    ("6.5.2", "MAX_FRAME_SIZE at its ends", settings((5, 16_384)) + settings((5, (1 << 24) - 1)), PASSES),
    ("6.5.2", "an unknown setting", settings((0xFF, 0xFFFF_FFFF)), PASSES),
    ("6.5.3", "an acknowledgement of nothing", frame(SETTINGS, ACK), ends(PROTOCOL_ERROR)),
    ("6.6", "PUSH_PROMISE of a client", opened() + frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + GET), ends(PROTOCOL_ERROR)),
    ("6.6", "PUSH_PROMISE on the connection", frame(PUSH_PROMISE, END_HEADERS, 0, number(2) + GET), ends(PROTOCOL_ERROR)),
    ("6.7", "PING on a stream", frame(PING, 0, 1, bytes(8)), ends(PROTOCOL_ERROR)),
    ("6.7", "PING of nine bytes", frame(PING, 0, 0, bytes(9)), ends(FRAME_SIZE_ERROR)),
    ("6.7", "PING that is an answer", frame(PING, ACK, 0, b"unasked!"), PASSES),
    ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, bytes(8)), ends(PROTOCOL_ERROR)),
    ("6.8", "GOAWAY of seven bytes", frame(GOAWAY, 0, 0, bytes(7)), ends(FRAME_SIZE_ERROR)),
    ("6.9", "WINDOW_UPDATE of 0", update(0, 0), ends(PROTOCOL_ERROR)),
    ("6.9", "WINDOW_UPDATE of 0 on a stream", opened() + update(1, 0), ends(PROTOCOL_ERROR)),
    ("6.9", "WINDOW_UPDATE of 0 but for the reserved bit", update(0, 1 << 31), ends(PROTOCOL_ERROR)),
    ("6.9", "WINDOW_UPDATE of three bytes", frame(WINDOW_UPDATE, 0, 0, bytes(3)), ends(FRAME_SIZE_ERROR)),
    ("6.9", "WINDOW_UPDATE of five bytes", frame(WINDOW_UPDATE, 0, 0, bytes(5)), ends(FRAME_SIZE_ERROR)),
    ("6.9.1", "the connection's window beyond 2^31-1", update(0, GREATEST), ends(FLOW_CONTROL_ERROR)),
    ("6.9.1", "a stream's window beyond 2^31-1", opened() + update(1, GREATEST), resets(FLOW_CONTROL_ERROR)),
    (
        "6.9.2", "a stream's window beyond 2^31-1 by SETTINGS",
        opened() + update(1, GREATEST - 65_535) + settings((4, 65_536)), ends(FLOW_CONTROL_ERROR),
    ),
    ("6.9.2", "a stream's window of exactly 2^31-1", opened() + update(1, GREATEST - 65_535) + data(b"", flags=END_STREAM), answers(204)),
    ("6.10", "CONTINUATION on the connection", headers(GET, flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 0), ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION of another stream", headers(GET, flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 3), ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION first", frame(CONTINUATION, END_HEADERS, 0, GET), ends(PROTOCOL_ERROR)),
    ("6.10", "CONTINUATION behind a whole block", opened() + frame(CONTINUATION, END_HEADERS, 1, b""), ends(PROTOCOL_ERROR)),
    (
        "6.10", "CONTINUATION behind the last CONTINUATION",
        headers(GET, flags=END_STREAM) + frame(CONTINUATION, END_HEADERS, 1) * 2, ends(PROTOCOL_ERROR),
    ),
    ("6.10", "CONTINUATION behind DATA", opened() + data(b"a") + frame(CONTINUATION, END_HEADERS, 1, GET), ends(PROTOCOL_ERROR)),
    (
        "6.10", "a block in four frames",
        headers(GET[:3], flags=END_STREAM) + frame(CONTINUATION, 0, 1, GET[3:9]) + frame(CONTINUATION, 0, 1)
        + frame(CONTINUATION, END_HEADERS, 1, GET[9:]), answers(204),
    ),
]


def malformed(section, name, *fields, **parts):
    """A request that is reset: pseudo-header fields changed by `parts`, with `fields` behind them."""
    return (section, name, headers(block(*head(**parts), *fields)), resets(PROTOCOL_ERROR))


def reordered(*fields):
    return headers(block(*fields))


REST = head(path=None)
MESSAGES = [
    ("8.1", "HEADERS between head and end", opened() + headers(block(("x", "y")), flags=END_HEADERS), resets(PROTOCOL_ERROR)),
    ("8.1", "HEADERS between DATA and end", opened() + data(b"a") + headers(block(("x", "y")), flags=END_HEADERS), resets(PROTOCOL_ERROR)),
    ("8.1", "trailers", opened() + data(b"a") + headers(block(("x", "y"))), answers(204)),
    ("8.1", "no content, and its end in a frame of its own", headers(GET, flags=END_HEADERS) + data(b"", flags=END_STREAM), answers(204)),
    ("8.1", "padding for content", headers(GET, flags=END_HEADERS) + data(b"\x03abc", flags=END_STREAM | PADDED), answers(204)),
    ("8.1", "no content, and trailers", headers(GET, flags=END_HEADERS) + headers(block(("x", "y"))), answers(204)),
    ("8.1", "content where the operation has none", headers(GET, flags=END_HEADERS) + data(b"a", flags=END_STREAM), answers(400)),
    ("8.1", "a pseudo-header field in trailers", opened() + data(b"a") + headers(block((":method", "DELETE"))), resets(PROTOCOL_ERROR)),
    ("8.1", "an unknown pseudo-header field in trailers", opened() + data(b"a") + headers(block((":x", "y"))), resets(PROTOCOL_ERROR)),
    ("8.1", "a capital in trailers", opened() + data(b"a") + headers(block(("X", "y"))), resets(PROTOCOL_ERROR)),
    ("8.1", "Connection in trailers", opened() + data(b"a") + headers(block(("connection", "close"))), resets(PROTOCOL_ERROR)),
    (
        "8.1.1", "content shorter than its length",
        headers(POST + block(("content-length", "2")), flags=END_HEADERS) + data(b"a", flags=END_STREAM), resets(PROTOCOL_ERROR),
    ),
    (
        "8.1.1", "content longer than its length",
        headers(POST + block(("content-length", "1")), flags=END_HEADERS)
        + data(b"ab", flags=END_STREAM), resets(PROTOCOL_ERROR),
    ),
    (
        "8.1.1", "content in pieces longer than its length",
        headers(POST + block(("content-length", "1")), flags=END_HEADERS) + data(b"a") + data(b"b"), resets(PROTOCOL_ERROR),
    ),
    (
        "8.1.1", "content shorter than its length, ended by trailers",
        headers(POST + block(("content-length", "2")), flags=END_HEADERS) + data(b"a")
        + headers(block(("x", "y"))), resets(PROTOCOL_ERROR),
    ),
    (
        "8.1.1", "content of a length of 0",
        headers(POST + block(("content-length", "0")), flags=END_HEADERS) + data(b"a", flags=END_STREAM), resets(PROTOCOL_ERROR),
    ),
    (
        "8.1.1", "padding is no content",
        headers(POST + block(("content-length", "1")), flags=END_HEADERS)
        + data(b"\x05abcdef", flags=END_STREAM | PADDED), answers(204),
    ),
    malformed("8.1.1", "a length without content", ("content-length", "1"), method="POST"),
    malformed("8.1.1", "a length that is none", ("content-length", "x"), method="POST"),
    malformed("8.1.1", "a length with a sign", ("content-length", "+0"), method="POST"),
    malformed("8.1.1", "a list of lengths", ("content-length", "0, 0"), method="POST"),
    malformed("8.1.1", "an empty length", ("content-length", ""), method="POST"),
    malformed("8.1.1", "two lengths", ("content-length", "0"), ("content-length", "0"), method="POST"),
    malformed("8.1.1", "a length beyond 64 bits", ("content-length", "18446744073709551616"), method="POST"),
    malformed("8.2.1", "a capital in a name", ("X-Test", "1")),
    malformed("8.2.1", "a blank in a name", ("x test", "1")),
    malformed("8.2.1", "a colon in a name", ("x:test", "1")),
    malformed("8.2.1", "an empty name", ("", "1")),
    malformed("8.2.1", "a control in a name", ("x\x01", "1")),
    malformed("8.2.1", "NUL in a name", ("x\x00", "1")),
    malformed("8.2.1", "a byte above ASCII in a name", ("x\x80", "1")),
    malformed("8.2.1", "NUL in a value", ("x", "a\x00b")),
    malformed("8.2.1", "LF in a value", ("x", "a\nb")),
    malformed("8.2.1", "CR in a value", ("x", "a\rb")),
    malformed("8.2.1", "a line end that would begin a field", ("x", "a\r\nhost: b")),
    malformed("8.2.1", "a blank before a value", ("x", " a")),
    malformed("8.2.1", "a blank behind a value", ("x", "a ")),
    malformed("8.2.1", "a tab before a value", ("x", "\ta")),
    malformed("8.2.1", "a tab behind a value", ("x", "a\t")),
    malformed("8.2.2", "Connection", ("connection", "keep-alive")),
    malformed("8.2.2", "Keep-Alive", ("keep-alive", "timeout=5")),
    malformed("8.2.2", "Proxy-Connection", ("proxy-connection", "keep-alive")),
    malformed("8.2.2", "Transfer-Encoding", ("transfer-encoding", "chunked")),
    malformed("8.2.2", "Upgrade", ("upgrade", "h2c")),
    malformed("8.2.2", "TE of more than trailers", ("te", "trailers, deflate")),
    malformed("8.2.2", "TE of chunked", ("te", "chunked")),
    ("8.2.2", "TE of trailers", headers(GET + block(("te", "trailers"))), answers(204)),
    ("8.2.3", "cookies in crumbs", headers(GET + block(("cookie", "a=b"), ("cookie", "c=d"))), answers(204)),
    malformed("8.3", "an unknown pseudo-header field", (":test", "1")),
    malformed("8.3", "a pseudo-header field of an answer", (":status", "200")),
    malformed("8.3", "the pseudo-header field of an extension that is not offered", (":protocol", "websocket")),
    ("8.3", "a pseudo-header field behind another field", reordered(*REST, ("x", "1"), (":path", TARGET)), resets(PROTOCOL_ERROR)),
    ("8.3", "a capital in a pseudo-header field", reordered(*REST, (":Path", TARGET)), resets(PROTOCOL_ERROR)),
    malformed("8.3.1", "no :method", method=None),
    malformed("8.3.1", "no :scheme", scheme=None),
    malformed("8.3.1", "no :path", path=None),
    malformed("8.3.1", "neither :authority nor Host", authority=None),
    malformed("8.3.1", "an empty :method", method=""),
    malformed("8.3.1", "an empty :scheme", scheme=""),
    malformed("8.3.1", "an empty :path", path=""),
    malformed("8.3.1", "an empty :authority", authority=""),
    ("8.3.1", "two :method", reordered((":method", "DELETE"), *head()), resets(PROTOCOL_ERROR)),
    ("8.3.1", "two :scheme", reordered((":scheme", "http"), *head()), resets(PROTOCOL_ERROR)),
    ("8.3.1", "two :path", reordered((":path", TARGET), *head()), resets(PROTOCOL_ERROR)),
    ("8.3.1", "two :authority", reordered((":authority", "gateway.test"), *head()), resets(PROTOCOL_ERROR)),
    malformed("8.3.1", "two Host", ("host", "gateway.test"), ("host", "gateway.test"), authority=None),
    malformed("8.3.1", "Host that differs from :authority", ("host", "other.test")),
    ("8.3.1", "Host that repeats :authority", headers(GET + block(("host", "Gateway.test"))), answers(204)),
    ("8.3.1", "Host in the place of :authority", reordered(*head(authority=None), ("host", "gateway.test")), answers(204)),
    malformed("8.3.1", "a :path that is none", path="phone-numbers"),
    malformed("8.3.1", "a :path in absolute form", path="http://gateway.test" + TARGET),
    malformed("8.3.1", "an asterisk without OPTIONS", path="*"),
    malformed("8.3.1", "a blank in :path", path="/a b"),
    malformed("8.3.1", "NUL in :path", path="/\x00"),
    malformed("8.3.1", "a line end in :path", path="/ HTTP/1.1\r\nx: y"),
    malformed("8.3.1", "a blank in :method", method="DELETE /"),
    malformed("8.3.1", "a line end in :method", method="DELETE\r\n"),
    malformed("8.3.1", "a blank in :scheme", scheme="ht tp"),
    malformed("8.3.1", "a line end in :authority", authority="a\r\nx: y"),
    ("8.3.1", "user information in :authority", headers(block(*head(authority="user@gateway.test"))), answers(400)),
    ("8.3.1", "a scheme that is not served", headers(block(*head(scheme="ftp"))), answers(400)),
    ("8.3.1", "a fragment in :path", headers(block(*head(path=TARGET + "#f"))), answers(400)),
    ("8.5", "CONNECT", headers(block((":method", "CONNECT"), (":authority", "gateway.test"))), answers(400)),
    malformed("8.5", "CONNECT with :scheme and :path", method="CONNECT"),
    malformed("8.5", "CONNECT without :authority", method="CONNECT", scheme=None, path=None, authority=None),
]

NAME = b"\x00\x85\xf2\xb2\x4a\x84\xff"


def coded(tail):
    return headers(GET + tail)


COMPRESSION = [
    ("2.3.2", "an entry of the dynamic table", headers(GET + b"\x40" + text(b"x") + text(b"y") + b"\xbe"), answers(204)),
    ("2.3.3", "an index beyond both tables", coded(integer(70, 7, 0x80)), ends(COMPRESSION_ERROR)),
    ("2.3.3", "the first index beyond both tables", coded(b"\xbe"), ends(COMPRESSION_ERROR)),
    ("2.3.3", "the index of a name beyond both tables", coded(integer(70, 6, 0x40) + text(b"a")), ends(COMPRESSION_ERROR)),
    ("2.3.3", "the index of a name that is not kept, beyond both tables", coded(integer(70, 4) + text(b"a")), ends(COMPRESSION_ERROR)),
    ("4.2", "a change of size behind a field", coded(b"\x20"), ends(COMPRESSION_ERROR)),
    (
        "4.3", "an entry that a smaller table has lost",
        headers(GET + b"\x40" + text(b"x") + text(b"y")) + headers(b"\x20" + GET + b"\xbe", 3), ends(COMPRESSION_ERROR),
    ),
    (
        "4.4", "an entry larger than the table, and the empty table behind it",
        coded(b"\x40" + text(b"x") + text(b"y" * 5000) + b"\xbe"), ends(COMPRESSION_ERROR),
    ),
    ("4.4", "an entry larger than the table", coded(b"\x40" + text(b"x") + text(b"y" * 5000)), answers(204)),
    (
        "4.4", "an entry that others have pushed out",
        coded((b"\x40" + text(b"x") + text(b"y" * 900)) * 5 + integer(62 + 4, 7, 0x80)), ends(COMPRESSION_ERROR),
    ),
    ("4.4", "the oldest entry that is left", coded((b"\x40" + text(b"x") + text(b"y" * 900)) * 5 + integer(62 + 3, 7, 0x80)), answers(204)),
    ("5.1", "an integer that overflows", coded(b"\xff" * 10 + b"\x7f"), ends(COMPRESSION_ERROR)),
    ("5.1", "an integer of zeros without end", coded(b"\xff" + b"\x80" * 20 + b"\x00"), ends(COMPRESSION_ERROR)),
    ("5.1", "an integer that is cut off", coded(b"\xff\x80"), ends(COMPRESSION_ERROR)),
    ("5.2", "a length that overflows", coded(b"\x00" + b"\x7f" + b"\xff" * 10 + b"\x7f"), ends(COMPRESSION_ERROR)),
    ("5.2", "a string longer than the block", coded(b"\x00\x05a"), ends(COMPRESSION_ERROR)),
    ("5.2", "Huffman padding of more than seven bits", coded(NAME + b"\x84\x49\x50\x9f\xff"), ends(COMPRESSION_ERROR)),
    ("5.2", "Huffman padding of zeros", coded(NAME + b"\x83\x49\x50\x90"), ends(COMPRESSION_ERROR)),
    ("5.2", "Huffman padding of eight ones alone", coded(NAME + b"\x81\xff"), ends(COMPRESSION_ERROR)),
    ("5.2", "the end of string in a Huffman string", coded(NAME + b"\x87\x49\x51\xff\xff\xff\xfa\x7f"), ends(COMPRESSION_ERROR)),
    ("5.2", "the end of string alone", coded(NAME + b"\x84\xff\xff\xff\xff"), ends(COMPRESSION_ERROR)),
    ("6.1", "index 0", coded(b"\x80"), ends(COMPRESSION_ERROR)),
    ("6.2", "a literal that is cut off", coded(b"\x00\x01a"), ends(COMPRESSION_ERROR)),
    ("6.2.3", "a field that is never indexed", coded(b"\x10" + text(b"x") + text(b"y")), answers(204)),
    ("6.3", "a table larger than allowed", headers(integer(4097, 5, 0x20) + GET), ends(COMPRESSION_ERROR)),
    ("6.3", "a table size that overflows", headers(b"\x3f" + b"\xff" * 10 + b"\x7f" + GET), ends(COMPRESSION_ERROR)),
    ("6.3", "a table as large as allowed", headers(integer(4096, 5, 0x20) + GET), answers(204)),
    ("6.3", "two changes of size first", headers(b"\x20" + integer(4096, 5, 0x20) + GET), answers(204)),
    ("6.3", "a block without fields", headers(b"\x20"), resets(PROTOCOL_ERROR)),
    (
        "4.3", "an error in the block of a stream that is refused",
        headers(block(("connection", "close"), *head()) + b"\x80"), ends(COMPRESSION_ERROR),
    ),
    ("4.3", "an error in the block of trailers", opened() + data(b"a") + headers(b"\x80"), ends(COMPRESSION_ERROR)),
]

ROWS = [("9113 " + section, *rest) for section, *rest in CONNECTION + STREAMS + FRAMES + MESSAGES] + [
    ("7541 " + section, *rest) for section, *rest in COMPRESSION
]

# How a connection begins: nothing has been sent before.
OPENINGS = [
    ("a preface that is none", b"INVALID CONNECTION PREFACE\r\n\r\n"),
    ("a preface with a wrong last byte", PREFACE[:-1] + b"\x0b"),
    ("a request of HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("PING first", PREFACE + frame(PING, 0, 0, bytes(8))),
    ("HEADERS first", PREFACE + headers(GET)),
    ("an acknowledgement first", PREFACE + frame(SETTINGS, ACK)),
    ("GOAWAY first", PREFACE + frame(GOAWAY, 0, 0, bytes(8))),
    ("an unknown frame first", PREFACE + frame(0x20, 0, 0, b"abc")),
]

# What comes behind a head that is answered before its request has ended: it is judged like any other.
LATE = [
    ("content shorter than its length", [("content-length", "8")], data(b"four", flags=END_STREAM), resets(PROTOCOL_ERROR)),
    ("content longer than its length", [("content-length", "1")], data(b"four", flags=END_STREAM), resets(PROTOCOL_ERROR)),
    ("content in pieces shorter than its length", [("content-length", "9")], data(b"four") + data(b"four", flags=END_STREAM), resets(PROTOCOL_ERROR)),
    ("content in pieces longer than its length", [("content-length", "5")], data(b"four") + data(b"four", flags=END_STREAM), resets(PROTOCOL_ERROR)),
    ("HEADERS that do not end it", [], headers(block(("x", "y")), flags=END_HEADERS), resets(PROTOCOL_ERROR)),
    ("a pseudo-header field in trailers", [], headers(block((":method", "POST"))), resets(PROTOCOL_ERROR)),
    ("a window beyond 2^31-1", [], update(1, GREATEST), resets(FLOW_CONTROL_ERROR)),
    ("WINDOW_UPDATE of 0", [], update(1, 0), ends(PROTOCOL_ERROR)),
    ("padding as long as the frame", [], data(b"\x06abcde", flags=END_STREAM | PADDED), ends(PROTOCOL_ERROR)),
    ("DATA beyond the greatest size", [], data(bytes(16_385)), ends(FRAME_SIZE_ERROR)),
    ("PUSH_PROMISE", [], frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + GET), ends(PROTOCOL_ERROR)),
    ("CONTINUATION", [], frame(CONTINUATION, END_HEADERS, 1, GET), ends(PROTOCOL_ERROR)),
    ("an undecodable block", [], headers(b"\x80"), ends(COMPRESSION_ERROR)),
    ("DATA behind its end", [], data(b"a", flags=END_STREAM) + data(b"b"), ends(STREAM_CLOSED)),
    ("content", [], data(b"four") + data(b"four", flags=END_STREAM), PASSES),
    ("trailers", [], data(b"four") + headers(block(("x", "y"))), PASSES),
    ("more content than anybody wants", [("content-length", "1000000")], b"", resets(0)),
]  # fmt: skip
