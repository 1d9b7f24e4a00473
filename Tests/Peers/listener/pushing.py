"""What a client without end sends at each limit, over HTTP/1.1, HTTP/2 and TLS."""

import itertools
import struct

from listener.http2 import (
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE,
    frame,
)  # fmt: skip
from support.wire import request_bytes

PADDED = 0x8
PIECE = 65_536
POST = b"POST /phone-numbers/%2B12065550100 HTTP/1.1\r\nHost: gateway.test\r\n"
FIELDS = [(":method", "POST"), (":scheme", "http"), (":authority", "gateway.test"), (":path", "/phone-numbers/%2B12065550100")]


def endless(opening, piece):
    """A source of bytes: `opening` once, then `piece` again and again, in writes of about 64 KiB."""
    piece *= max(1, PIECE // len(piece))
    return lambda: itertools.chain([opening], itertools.repeat(piece))


def literal(name, value):
    """A field that is not indexed, without Huffman coding (RFC 7541 section 6.2.2)."""
    return b"\x00" + text(name) + text(value)


def text(value):
    """A string literal (RFC 7541 section 5.2)."""
    return integer(len(value), 7) + value


def integer(value, prefix, pattern=0):
    """An integer (RFC 7541 section 5.1)."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([pattern | value])
    found, value = [pattern | limit], value - limit
    while value >= 128:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(found + [value])


HEAD = b"".join(literal(name.encode(), value.encode()) for name, value in FIELDS)
START = PREFACE + frame(SETTINGS) + frame(SETTINGS, 1)
OPEN = START + frame(HEADERS, END_HEADERS, 1, HEAD)
# One large field goes into the dynamic table (index 62); each further byte 0xBE repeats it.
BOMB = frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD + b"\x40" + text(b"x") + text(b"y" * 3900) + b"\xbe" * 12_000)
RECORD = b"\x16\x03\x01\x40\x00"
TOKEN = request_bytes(headers=[("Authorization", "Bearer " + "t" * 60_000)])



def streams(*frames):
    """Each piece holds the frames of 20 new streams; `frames` are functions of a stream's number."""
    def source():
        yield START
        for first in itertools.count(1, 40):
            yield b"".join(made(number) for number in range(first, first + 40, 2) for made in frames)

    return source


def request(number, flags=END_HEADERS | END_STREAM, block=HEAD.replace(b"/phone-numbers/", b"/nowhere-at-all/")):
    return frame(HEADERS, flags, number, block)


HTTP1 = {
    "request line": endless(b"DELETE /", b"a"),
    "method": endless(b"", b"A"),
    "empty lines before a request": endless(b"", b"\r\n"),
    "field name": endless(POST, b"a"),
    "field value": endless(POST + b"X: ", b"a"),
    "field count": endless(POST, b"a: b\r\n"),
    "token": endless(POST + b"Authorization: Bearer ", b"a"),
    "requests with tokens as long as they may be": endless(b"", TOKEN),
    "body of a length": endless(POST + b"Content-Length: 1073741824\r\n\r\n", bytes(PIECE)),
    "body in chunks": endless(POST + b"Transfer-Encoding: chunked\r\n\r\n", b"8000\r\n" + bytes(0x8000) + b"\r\n"),
    "chunk size": endless(POST + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "chunk extension": endless(POST + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"),
    "chunks with extensions": endless(POST + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"a" * 4000 + b"\r\nx\r\n"),
    "trailer": endless(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"a"),
    "trailer count": endless(POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"a: b\r\n"),
    "requests whose answers nobody reads": endless(b"", request_bytes("GET", "/nowhere") * 100),
}

HTTP2 = {
    "header block": endless(START + frame(HEADERS, END_STREAM, 1, HEAD), frame(CONTINUATION, 0, 1, literal(b"x", b"y" * 16_000))),
    "one field of a header block": endless(
        START + frame(HEADERS, END_STREAM, 1, HEAD + b"\x00" + text(b"x") + integer(1 << 30, 7)), frame(CONTINUATION, 0, 1, b"y" * 16_384)
    ),
    "field repeated from the table": endless(START, BOMB),
    "table as large as it may be": endless(START, frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD + (b"\x40" + text(b"n") + text(b"v" * 990)) * 16)),
    "data beyond the window": endless(OPEN, frame(DATA, 0, 1, bytes(16_384))),
    "data behind the end": endless(START + frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD), frame(DATA, 0, 1, bytes(16_384))),
    "trailers": endless(OPEN + frame(HEADERS, END_STREAM, 1, b""), frame(CONTINUATION, 0, 1, literal(b"x", b"y" * 16_000))),
    "frame larger than allowed": endless(START + b"\xff\xff\xff\x00\x00" + struct.pack(">I", 1), bytes(PIECE)),
    "frames of no known type": endless(START, frame(0xEE, 0, 0, bytes(16_384))),
    "pings whose answers nobody reads": endless(START, frame(PING, 0, 0, b"12345678")),
    "requests that nobody reads the answers of": streams(request),
    "requests with bodies beyond the limit": streams(
        lambda n: request(n, END_HEADERS, HEAD + literal(b"content-length", b"1073741824")), lambda n: frame(DATA, 0, n, bytes(16_384))
    ),
    "tokens as long as they may be, over and over": streams(
        lambda n: request(n, 0, HEAD), lambda n: frame(CONTINUATION, END_HEADERS, n, literal(b"authorization", b"Bearer " + b"t" * 15_000))
    ),
    "requests that are reset at once": streams(request, lambda n: frame(RST_STREAM, 0, n, struct.pack(">I", CANCEL))),
    "requests that the gateway must reset": streams(lambda n: request(n, block=HEAD + literal(b"connection", b"close"))),
    "requests that never end": streams(lambda n: request(n, END_HEADERS)),
    "data without content": endless(OPEN, frame(DATA, 0, 1)),
    "data that is all padding": endless(OPEN, frame(DATA, PADDED, 1, b"\xff" + bytes(255))),
    "priorities": endless(START, frame(PRIORITY, 0, 3, struct.pack(">IB", 1, 15))),
    "priorities of ever new streams": streams(lambda n: frame(PRIORITY, 0, n, struct.pack(">IB", 0, 15))),
    "window updates": endless(OPEN, frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1))),
    "answers to pings that nobody sent": endless(START, frame(PING, ACK, 0, b"12345678")),
    "goodbyes": endless(START, frame(GOAWAY, 0, 0, bytes(8) + bytes(16_000))),
    "crumbs of a cookie": endless(START + frame(HEADERS, END_STREAM, 1, HEAD), frame(CONTINUATION, 0, 1, literal(b"cookie", b"a=b") * 1000)),
    "settings": endless(START, frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 65_535) * 30)),
}

TLS = {
    "no handshake": endless(b"", bytes(range(256)) * 256),
    "client hello": endless(RECORD + b"\x01\xff\xff\xff\x03\x03", RECORD + bytes(0x4000)),
    "records without content": endless(b"", b"\x16\x03\x01\x00\x00"),
}
