"""An HTTP/2 upstream on the `h2` package whose every answer, and every misdeed, a test writes itself."""

import itertools
import select
import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.settings
import hpack

# Frame types of RFC 9113 section 6, for frames that the package would refuse to send.
DATA, HEADERS, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, CONTINUATION = 0x0, 0x1, 0x3, 0x4, 0x5, 0x6, 0x7, 0x9
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Request:
    """One request as it arrived, in the shape of `support.upstream.Request`, so that the same check of signatures reads both."""

    def __init__(self, connection, stream, fields):
        self.connection = connection
        self.stream = stream
        self.fields = list(fields)
        self.body = b""
        pseudo = {name: value for name, value in self.fields if name.startswith(":")}
        self.method, self.target = pseudo[":method"], pseudo[":path"]
        self.scheme, self.authority = pseudo[":scheme"], pseudo[":authority"]
        # `:authority` is what HTTP/1.1 calls Host, and the signature covers it by that name.
        self.headers = [("host", self.authority)] + [(name, value) for name, value in self.fields if not name.startswith(":")]

    def all(self, name):
        return [value for key, value in self.headers if key == name.lower()]

    def first(self, name, default=None):
        return next(iter(self.all(name)), default)

    @property
    def names(self):
        return [name for name, _ in self.headers]

    @property
    def never_indexed(self):
        return {name for name, value in ((field[0], field) for field in self.fields) if isinstance(value, hpack.NeverIndexedHeaderTuple)}


class Connection:
    """One accepted connection. Its methods may be called from any thread."""

    def __init__(self, sock, number, upstream):
        self.socket = sock
        self.number = number
        self.upstream = upstream
        self.lock = threading.RLock()
        self.is_open = True
        self.requests = {}
        self.resets = {}
        self.pings = 0
        self.goaways = []
        self.windows = threading.Condition(self.lock)
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config=config)

    def start(self, settings):
        with self.lock:
            self.h2.initiate_connection()
            if settings:
                self.h2.update_settings(settings)
            self.flush()

    def flush(self):
        with self.lock:
            data = self.h2.data_to_send()
            if data:
                self.socket.sendall(data)

    def raw(self, data):
        with self.lock:
            self.flush()
            self.socket.sendall(data)

    def headers(self, stream, status=204, fields=(), end=False):
        with self.lock:
            self.h2.send_headers(stream, [(":status", str(status)), *fields], end_stream=end)
            self.flush()

    def answer(self, stream, status=204, fields=(), body=b"", trailers=()):
        """A whole answer; waits for the windows where the body is larger."""
        fields = [("x-amzn-requestid", f"request-{stream}"), *fields]
        self.headers(stream, status, fields, end=not body and not trailers)
        self.data(stream, body, end=not trailers) if body else None
        if trailers:
            with self.lock:
                self.h2.send_headers(stream, list(trailers), end_stream=True)
                self.flush()

    def data(self, stream, body, end=False):
        while body or end:
            with self.lock:
                room = min(self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size)
                if room <= 0 and body:
                    self.windows.wait(30)
                    continue
                piece, body = body[:room], body[room:]
                self.h2.send_data(stream, piece, end_stream=end and not body)
                self.flush()
            if not body:
                return

    def reset(self, stream, code):
        with self.lock:
            self.h2.reset_stream(stream, code)
            self.flush()

    def goaway(self, last, code=0, debug=b""):
        # By hand: after its own GOAWAY the package would send nothing more.
        self.raw(frame(GOAWAY, payload=struct.pack(">II", last, code) + debug))

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.is_open = False
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def cut(self):
        """A reset instead of a polite end."""
        self.is_open = False
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def plain(request, connection):
    connection.answer(request.stream)


class HTTP2Upstream:
    """Listens on a port of its own; `script(request, connection)` answers each complete request on a thread of its own.

    `scripts` is used up first, one for each request. `on_connect(connection)` may misbehave before any request. With `deaf` set nothing
    that comes is read or answered any more, PING included.
    """

    def __init__(self, script=plain, tls=None, settings=None, on_connect=None):
        self.script = script
        self.scripts = []
        self.tls = tls
        self.settings = settings
        self.on_connect = on_connect
        self.deaf = threading.Event()
        self.grants_windows = True
        self.requests = []
        self.connections = []
        self.protocols = []
        self._changed = threading.Condition()
        self._numbers = itertools.count()
        self._stopped = False
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listener.getsockname()[1]
        self.authority = f"127.0.0.1:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.authority}"
        threading.Thread(target=self._accept, daemon=True).start()

    def wait(self, condition, timeout=60):
        """Until `condition()` holds."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                assert left > 0, "what a test waited for did not come"
                self._changed.wait(min(left, 0.05))

    def wait_for_requests(self, count):
        self.wait(lambda: len(self.requests) >= count)
        return self.requests

    def stop(self):
        self._stopped = True
        self._listener.close()
        for connection in list(self.connections):
            connection.close()

    def _accept(self):
        while not self._stopped:
            try:
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
                sock.settimeout(30)
                sock = self.tls.wrap_socket(sock, server_side=True)
                sock.settimeout(None)
                self.protocols.append(sock.selected_alpn_protocol())
            except OSError:
                sock.close()
                return
        connection = Connection(sock, next(self._numbers), self)
        with self._changed:
            self.connections.append(connection)
            self._changed.notify_all()
        try:
            if self.on_connect:
                self.on_connect(connection)
            connection.start(self.settings)
            while connection.is_open and not self.deaf.is_set():
                if not select.select([sock], [], [], 0.05)[0] and not (self.tls and sock.pending()):
                    continue
                data = sock.recv(65536)
                if not data:
                    break
                self._receive(connection, data)
            while connection.is_open and self.deaf.is_set() and not self._stopped:
                time.sleep(0.02)
        except (OSError, ValueError, h2.exceptions.ProtocolError):
            pass
        finally:
            connection.close()

    def _receive(self, connection, data):
        ready = []
        with connection.lock:
            for event in connection.h2.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    connection.requests[event.stream_id] = Request(connection, event.stream_id, event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    connection.requests[event.stream_id].body += event.data
                    if self.grants_windows:
                        connection.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    ready.append(connection.requests[event.stream_id])
                elif isinstance(event, h2.events.StreamReset):
                    connection.resets[event.stream_id] = event.error_code
                elif isinstance(event, h2.events.PingReceived):
                    connection.pings += 1
                elif isinstance(event, h2.events.ConnectionTerminated):
                    connection.goaways.append(event.error_code)
            connection.flush()
            connection.windows.notify_all()
        with self._changed:
            for request in ready:
                self.requests.append(request)
                script = self.scripts.pop(0) if self.scripts else self.script
                threading.Thread(target=self._run, args=(script, request, connection), daemon=True).start()
            self._changed.notify_all()

    @staticmethod
    def _run(script, request, connection):
        try:
            script(request, connection)
        except (OSError, h2.exceptions.ProtocolError):
            pass
