"""Steady load over connections that are kept open, and an honest count of what went wrong."""

import itertools
import threading
import time

from support.wire import Client

_numbers = itertools.count(1)


class Load:
    """`connections` callers, each with one connection, send a request every `pause` seconds until `stop`.

    What counts as a failure: no connection, no answer on a new connection, an answer that is not 204, and a request without an answer
    that the upstream has seen. A connection that ends between two requests is no failure, since any HTTP client opens another (RFC 9112
    section 9.3.1); a request that was on its way then, and that nobody looked at, is sent again and counted in `sent_again`.
    """

    def __init__(self, connect, upstream, connections=32, pause=0.1):
        self.failures = []
        self.done = 0
        self.reconnected = 0
        self.sent_again = 0
        self._connect = connect
        self._upstream = upstream
        self._pause = pause
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(connections)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, count, timeout=60):
        """Until `count` more requests are answered, or one has failed."""
        target = self.done + count
        deadline = time.monotonic() + timeout
        while self.done < target and not self.failures:
            assert time.monotonic() < deadline, f"{self.done} of {target} answers"
            time.sleep(0.01)
        assert self.failures == [], self.failures[:5]

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join(120)
        assert not any(thread.is_alive() for thread in self._threads)
        return self

    def _fail(self, what):
        with self._lock:
            self.failures.append(what)

    def _work(self):
        client = None
        while not self._end.is_set():
            with self._lock:
                number = f"+1206{next(_numbers):07}"
            client = self._request(client, number)
            self._end.wait(self._pause)
        if client:
            client.close()

    def _request(self, client, number):
        for _ in range(3):
            is_new = client is None
            try:
                client = client or self._connect()
                client.send(f"DELETE /phone-numbers/%2B{number[1:]} HTTP/1.1\r\nHost: gateway.test\r\n\r\n")
                found = client.read()
            except (OSError, EOFError) as failure:
                if client:
                    client.close()
                client = None
                if is_new or any(number[1:] in request.target for request in list(self._upstream.requests)):
                    self._fail(f"{failure!r} on a {'new' if is_new else 'kept'} connection")
                    return None
                with self._lock:
                    self.sent_again += 1
                continue
            with self._lock:
                self.done += 1
                self.reconnected += is_new
            if found.status != 204:
                self._fail(repr(found))
            if (found.first("connection") or "").lower() == "close":
                client.close()
                return None
            return client
        self._fail("three connections in a row ended")
        return None


def tls_client(address, context):
    client = Client(address)
    client.socket = context.wrap_socket(client.socket, server_hostname="localhost")
    return client
