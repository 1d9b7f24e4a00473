"""The HTTP/2 sister of `closing_upstream`: closes connections at random while they are idle, without GOAWAY, and can say which requests
it took.

A process of its own with one thread. With a certificate and a key as further arguments it speaks TLS, and says close_notify before it
closes. Prints its port; on SIGTERM a JSON object like its sister's.
"""

import ssl
import struct
import sys

import hpack
from closing_upstream import serve

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, SETTINGS, PING = 1, 4, 6
STATUS_204 = b"\x89"


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Connection:
    def __init__(self, sock, tls):
        self.sock = sock
        self.bytes_in, self.bytes_out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = tls.wrap_bio(self.bytes_in, self.bytes_out, server_side=True) if tls else None
        self.decoder = hpack.Decoder()
        self.buffer = b""
        self.begun = False
        self.ready = tls is None

    def received(self, data):
        if not self.tls:
            self.buffer += data
            return
        self.bytes_in.write(data)
        try:
            if not self.ready:
                self.tls.do_handshake()
                self.ready = True
            while piece := self.tls.read(65536):
                self.buffer += piece
        except ssl.SSLWantReadError:
            pass
        self.flush()

    def send(self, data):
        if not self.tls:
            return self.sock.sendall(data)
        self.tls.write(data)
        self.flush()

    def flush(self):
        if data := self.bytes_out.read():
            self.sock.sendall(data)

    def say_goodbye(self):
        if self.tls:
            try:
                self.tls.unwrap()
            except ssl.SSLError:
                pass
            self.flush()

    def answer_requests(self):
        """Answers each request that is whole, and does the rest of the protocol on the way. Yields their targets."""
        if self.ready and not self.begun and len(self.buffer) >= len(PREFACE):
            self.begun = True
            self.buffer = self.buffer[len(PREFACE) :]
            self.send(frame(SETTINGS))
        while self.begun and len(self.buffer) >= 9:
            length = int.from_bytes(self.buffer[:3], "big")
            if len(self.buffer) < 9 + length:
                return
            kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
            payload, self.buffer = self.buffer[9 : 9 + length], self.buffer[9 + length :]
            if kind == SETTINGS and not flags & 1:
                self.send(frame(SETTINGS, 1))
            elif kind == PING and not flags & 1:
                self.send(frame(PING, 1, 0, payload))
            elif kind == HEADERS:
                yield dict(self.decoder.decode(payload))[":path"]
                self.send(frame(HEADERS, 5, stream, STATUS_204))


def secured(certificate, key):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    tls.set_alpn_protocols(["h2"])
    tls.num_tickets = 0
    return tls


if __name__ == "__main__":
    context = secured(*sys.argv[3:]) if sys.argv[3:] else None
    serve(int(sys.argv[1]), float(sys.argv[2]), lambda sock: Connection(sock, context))
