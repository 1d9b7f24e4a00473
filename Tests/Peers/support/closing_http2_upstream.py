"""The HTTP/2 sister of `closing_upstream`: closes connections at random while they are idle, without GOAWAY, and can say which requests
it took.

A process of its own with one thread. With a certificate and a key as further arguments it speaks TLS, and says close_notify before it
closes. Prints its port; on SIGTERM a JSON object like its sister's.
"""

import heapq
import json
import random
import selectors
import signal
import socket
import ssl
import struct
import sys
import time

import hpack

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

    def requests(self):
        """(stream, target) of each request that is whole; the rest of the protocol is done on the way."""
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
                yield stream, dict(self.decoder.decode(payload))[":path"]


def main(seed, share, *files):
    chance = random.Random(seed)
    tls = None
    if files:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*files)
        tls.set_alpn_protocols(["h2"])
        tls.num_tickets = 0
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    print(listener.getsockname()[1], flush=True)
    taken, connections, due = {}, {}, []
    closed = {"at_once": 0, "later": 0, "unread": 0}
    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)

    def close(sock, how):
        # After shutdown new bytes are answered with a reset by the system; bytes that came before it can still be read.
        try:
            connections[sock].say_goodbye()
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        selector.unregister(sock)
        connections.pop(sock)
        try:
            if sock.recv(65536):
                closed["unread"] += 1
        except OSError:
            pass
        sock.close()
        closed[how] += 1

    def forget(sock):
        selector.unregister(sock)
        connections.pop(sock)
        sock.close()

    while running:
        wait = max(0, due[0][0] - time.monotonic()) if due else 0.2
        for key, _ in selector.select(wait):
            sock = key.fileobj
            if sock is listener:
                try:
                    accepted, _ = listener.accept()
                except BlockingIOError:
                    continue
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(accepted, selectors.EVENT_READ)
                connections[accepted] = Connection(accepted, tls)
                continue
            connection = connections[sock]
            try:
                data = sock.recv(65536)
                if not data:
                    forget(sock)
                    continue
                connection.received(data)
                answered = 0
                for stream, target in connection.requests():
                    taken[target] = taken.get(target, 0) + 1
                    connection.send(frame(HEADERS, 5, stream, STATUS_204))
                    answered += 1
            except (OSError, ssl.SSLError):
                forget(sock)
                continue
            if answered:
                dice = chance.random()
                if dice < share:
                    close(sock, "at_once")
                elif dice < 2 * share:
                    heapq.heappush(due, (time.monotonic() + chance.random() * 0.01, id(sock), sock))
        while due and due[0][0] <= time.monotonic():
            _, _, sock = heapq.heappop(due)
            # Idle ones only: bytes that are there already are a request.
            if sock in connections and not connections[sock].buffer:
                try:
                    sock.recv(1, socket.MSG_PEEK)
                except BlockingIOError:
                    close(sock, "later")
                except OSError:
                    pass
    print(json.dumps({"taken": taken, "closed": closed}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
