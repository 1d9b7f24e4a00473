"""A client on bare sockets: what is sent is exactly what a test wrote."""

import socket
import time


class Answer:
    """One response."""

    def __init__(self, head, body=b""):
        lines = head.decode("latin-1").split("\r\n")
        self.version, status, *rest = lines[0].split(" ", 2)
        self.status = int(status)
        self.reason = rest[0] if rest else ""
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]
        self.body = body
        self.head = head

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def first(self, name, default=None):
        return next(iter(self.all(name)), default)

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


class Client:
    """One connection; reads responses by their framing."""

    def __init__(self, address, timeout=60):
        if isinstance(address, tuple):
            self.socket = socket.create_connection(address, timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(address)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data.encode("latin-1") if isinstance(data, str) else data)

    def request(self, method="DELETE", target="/phone-numbers/%2B12065550100", headers=(), body=b"", host="gateway.test"):
        """Sends one request and reads its answer."""
        self.send(request_bytes(method, target, headers, body, host))
        return self.read(method)

    def read(self, method="DELETE"):
        """The next answer, interim ones (1xx) included. EOFError where the gateway closed instead."""
        while b"\r\n\r\n" not in self.buffer:
            self._fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        found = Answer(head)
        if found.status < 200 or found.status in (204, 304) or method == "HEAD":
            return found
        if found.first("transfer-encoding", "").lower() == "chunked":
            found.body = self._chunked()
        elif found.first("content-length") is not None:
            found.body = self._exactly(int(found.first("content-length")))
        else:
            found.body = self.rest()
        return found

    def rest(self):
        """All that comes until the gateway closes."""
        try:
            while True:
                self._fill()
        except EOFError:
            rest, self.buffer = self.buffer, b""
            return rest

    def is_closed(self, timeout=60):
        """Whether the gateway closes the connection within `timeout` seconds without sending anything more."""
        if self.buffer:
            return False
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(65536) == b""
        except TimeoutError:
            return False
        except ConnectionResetError:
            return True

    def seconds_until_closed(self, limit=60):
        started = time.monotonic()
        self.socket.settimeout(limit)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            raise AssertionError(f"still open after {limit} s") from None
        except ConnectionResetError:
            pass
        return time.monotonic() - started

    def _exactly(self, length):
        parts = []
        while len(self.buffer) < length:
            length -= len(self.buffer)
            parts.append(self.buffer)
            self.buffer = b""
            self._fill()
        parts.append(self.buffer[:length])
        self.buffer = self.buffer[length:]
        return b"".join(parts)

    def _chunked(self):
        body = []
        while True:
            while b"\r\n" not in self.buffer:
                self._fill()
            size, _, self.buffer = self.buffer.partition(b"\r\n")
            length = int(size.split(b";")[0], 16)
            body.append(self._exactly(length))
            assert self._exactly(2) == b"\r\n"
            if length == 0:
                return b"".join(body)

    def _fill(self):
        try:
            data = self.socket.recv(262144)
        except ConnectionResetError:
            data = b""
        if not data:
            raise EOFError(f"closed by the gateway after {self.buffer[:200]!r}")
        self.buffer += data


def request_bytes(method="DELETE", target="/phone-numbers/%2B12065550100", headers=(), body=b"", host="gateway.test"):
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"] + [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def call(address, *arguments, **options):
    """One request on a connection of its own."""
    with Client(address) as client:
        return client.request(*arguments, **options)
