"""An HTTP/1.1 upstream on bare sockets whose every answer a test writes itself, and which keeps the raw bytes it got."""

import itertools
import select
import socket
import ssl
import struct
import threading
import time
import uuid


class Request:
    """One request as it arrived."""

    def __init__(self, head, body, connection):
        self.raw_head = head
        self.body = body
        self.connection = connection
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ")
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:] if line]

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def first(self, name, default=None):
        return next(iter(self.all(name)), default)

    @property
    def names(self):
        return [key.lower() for key, _ in self.headers]


class Connection:
    """One accepted connection; what a script acts on."""

    def __init__(self, sock, number, upstream):
        self.socket = sock
        self.number = number
        self.upstream = upstream
        self.buffer = b""
        self.is_open = True
        self.requests = 0

    def send(self, data):
        self.socket.sendall(data)

    def drip(self, data, pause=0.002, size=1):
        for start in range(0, len(data), size):
            self.send(data[start : start + size])
            time.sleep(pause)

    def close(self):
        self.is_open = False
        try:
            if isinstance(self.socket, ssl.SSLSocket):
                self.socket.unwrap()
        except OSError:
            pass
        self.socket.close()

    def cut(self):
        """Closes the TCP connection without a TLS close_notify."""
        self.is_open = False
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def reset(self):
        self.is_open = False
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def wait_for_close(self, timeout=15):
        """Reads until the peer closes; whether it did."""
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def read_request(self):
        while b"\r\n\r\n" not in self.buffer:
            if not self._fill():
                return None
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        request = Request(head + b"\r\n\r\n", b"", self)
        if request.first("transfer-encoding", "").lower() == "chunked":
            request.body = self._chunked()
        else:
            length = int(request.first("content-length", "0"))
            while len(self.buffer) < length:
                if not self._fill():
                    return None
            request.body, self.buffer = self.buffer[:length], self.buffer[length:]
        self.requests += 1
        return request

    def _chunked(self):
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                if not self._fill():
                    return body
            size, _, self.buffer = self.buffer.partition(b"\r\n")
            length = int(size.split(b";")[0], 16)
            while len(self.buffer) < length + 2:
                if not self._fill():
                    return body
            body, self.buffer = body + self.buffer[:length], self.buffer[length + 2 :]
            if length == 0:
                return body

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except OSError:
            return False
        self.buffer += data
        return bool(data)


def answer(status=204, reason="X", headers=(), body=b"", request_id=None, framing="length"):
    """A response as bytes. `framing`: length, chunked, close or none."""
    lines = [f"HTTP/1.1 {status} {reason}", f"x-amzn-RequestId: {request_id or uuid.uuid4()}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if framing == "length" and status not in (204, 304):
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body = b"".join(b"%x\r\n%s\r\n" % (len(body[i : i + 1000]), body[i : i + 1000]) for i in range(0, len(body), 1000)) + b"0\r\n\r\n"
    elif framing == "close":
        lines.append("Connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + body


def error(status, name, message="said by the upstream", request_id=None, code=None, headers=()):
    """A modelled error as the service writes it."""
    body = b'{"Code":"%s","Message":"%s"}' % ((code or name).encode(), message.encode())
    headers = [("x-amzn-ErrorType", name), ("Content-Type", "application/json"), *headers]
    return answer(status, "Error", headers, body, request_id)


def always(data):
    """A script that answers each request with the same bytes."""
    return lambda request, connection: connection.send(data)


def plain(request, connection):
    """204 with a request id of its own."""
    connection.send(answer())


class Upstream:
    """Listens on a port of its own; `script(request, connection)` answers each request.

    `scripts` is used up first, one for each request; then `script` serves all others.
    """

    def __init__(self, script=plain, tls=None, host="127.0.0.1"):
        self.script = script
        self.scripts = []
        self.tls = tls
        self.requests = []
        self.connections = []
        self.server_names = []
        self.handshake_errors = []
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._stopped = False
        if tls:
            tls.sni_callback = lambda sock, name, context: self.server_names.append(name)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, 0), family=family, backlog=512)
        self.host = host
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{self.authority}"

    @property
    def authority(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def clear(self):
        with self._lock:
            self.requests.clear()
            self.scripts.clear()
        self.script = plain

    def wait_for_requests(self, count, timeout=30):
        deadline = time.monotonic() + timeout
        while len(self.requests) < count and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(self.requests) >= count, f"{len(self.requests)} requests, not {count}"
        return self.requests

    def stop(self):
        self._stopped = True
        self._listener.close()
        for connection in list(self.connections):
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            connection.socket.close()
        self._thread.join(5)

    def _accept(self):
        while not self._stopped:
            try:
                # A closed listener does not wake accept() on Linux.
                if not select.select([self._listener], [], [], 0.1)[0]:
                    continue
                sock, _ = self._listener.accept()
            except (OSError, ValueError):
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        if self.tls:
            try:
                sock.settimeout(10)
                sock = self.tls.wrap_socket(sock, server_side=True)
                sock.settimeout(None)
            except OSError as failure:
                self.handshake_errors.append(str(failure))
                sock.close()
                return
        connection = Connection(sock, next(self._numbers), self)
        self.connections.append(connection)
        try:
            while connection.is_open:
                request = connection.read_request()
                if request is None:
                    break
                with self._lock:
                    self.requests.append(request)
                    script = self.scripts.pop(0) if self.scripts else self.script
                script(request, connection)
        except OSError:
            pass
        finally:
            if connection.is_open:
                connection.is_open = False
                sock.close()
