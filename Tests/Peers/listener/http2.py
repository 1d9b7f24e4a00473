"""An HTTP/2 client that sends frames one by one, lawful or not, and keeps every frame that comes back (RFC 9113 section 4.1)."""

import socket
import ssl
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4
NO_ERROR, PROTOCOL_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0x0, 0x1, 0x8, 0xB


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Stream:
    """What has come of one answer."""

    def __init__(self):
        self.headers = []
        self.body = b""
        self.is_ended = False
        self.reset = None

    @property
    def status(self):
        return int(dict(self.headers)[":status"])

    def first(self, name, default=None):
        return dict(self.headers).get(name.lower(), default)

    def all(self, name):
        return [value for key, value in self.headers if key == name.lower()]


class HTTP2Client:
    """One connection. `tls` is an SSLContext that offers h2; without `acknowledges`, SETTINGS and PING go unanswered."""

    def __init__(self, address, tls=None, timeout=60, settings=b"", starts=True, acknowledges=True):
        self.socket = socket.create_connection(address, timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
            assert self.socket.selected_alpn_protocol() == "h2"
        self.acknowledges = acknowledges
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.streams = {}
        self.goaways = []
        self.pongs = []
        self.settings_count = 0
        self.settings_acks = 0
        self.settings = []
        self.is_closed = False
        self.next_stream = 1
        self._buffer = b""
        self._block = b""
        if starts:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self, method="DELETE", path="/phone-numbers/%2B12065550100", fields=(), scheme="http"):
        return self.encoder.encode([(":method", method), (":scheme", scheme), (":authority", "gateway.test"), (":path", path), *fields])

    def open(self, *arguments, ends=True, **options):
        """Sends a request's head and returns the number of its stream."""
        stream = self.next_stream
        self.next_stream += 2
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if ends else 0), stream, self.head(*arguments, **options)))
        return stream

    def request(self, *arguments, **options):
        return self.wait(self.open(*arguments, **options))

    def wait(self, stream, timeout=60):
        """The whole answer on a stream."""
        self.run(lambda: stream in self.streams and (self.streams[stream].is_ended or self.streams[stream].reset is not None), timeout)
        return self.streams[stream]

    def run(self, until, timeout=60):
        """Reads frames until `until()` holds; EOFError where the gateway closes first."""
        deadline = time.monotonic() + timeout
        while not until():
            left = deadline - time.monotonic()
            assert left > 0, "nothing came in time"
            self.socket.settimeout(left)
            try:
                data = self.socket.recv(262144)
            except TimeoutError:
                raise AssertionError("nothing came in time") from None
            except (ConnectionResetError, ssl.SSLError):
                data = b""
            if not data:
                self.is_closed = True
                if until():
                    return
                raise EOFError(f"closed by the gateway after {self.goaways}")
            self._buffer += data
            self._take()

    def read_to_end(self, timeout=60):
        """Reads until the gateway closes; whether a GOAWAY came before."""
        self.run(lambda: self.is_closed, timeout)
        return self.goaways

    def _take(self):
        while len(self._buffer) >= 9:
            length = int.from_bytes(self._buffer[:3], "big")
            if len(self._buffer) < 9 + length:
                return
            kind, flags, number = struct.unpack(">BBI", self._buffer[3:9])
            payload, self._buffer = self._buffer[9 : 9 + length], self._buffer[9 + length :]
            self._frame(kind, flags, number, payload)

    def _frame(self, kind, flags, number, payload):
        stream = self.streams.setdefault(number, Stream()) if number else None
        if kind in (HEADERS, CONTINUATION):
            self._block += payload
            if flags & END_HEADERS:
                stream.headers += self.decoder.decode(self._block)
                self._block = b""
        elif kind == DATA:
            stream.body += payload
        elif kind == RST_STREAM:
            stream.reset = struct.unpack(">I", payload)[0]
        elif kind == GOAWAY:
            self.goaways.append(struct.unpack(">II", payload[:8]))
        elif kind == PING and flags & ACK:
            self.pongs.append(payload)
        elif kind == SETTINGS and flags & ACK:
            self.settings_acks += 1
        elif kind in (PING, SETTINGS) and not flags & ACK:
            self.settings_count += kind == SETTINGS
            if kind == SETTINGS:
                self.settings += struct.iter_unpack(">HI", payload)
            if self.acknowledges:
                self.send(frame(kind, ACK, 0, payload if kind == PING else b""))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            stream.is_ended = True
