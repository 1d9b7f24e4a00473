"""An upstream that closes idle connections at random, and can say for each request whether it took it.

A process of its own with one thread, so that nothing comes between its look at a connection and its closing it. Prints its
port; on SIGTERM a JSON object: how often each target was taken, and how many requests lay unread in a connection that was
being closed. Those may have been processed as far as the sender can tell; they are the only ones it may answer 503.
"""

import heapq
import json
import random
import selectors
import signal
import socket
import ssl
import sys
import time

ANSWER = b"HTTP/1.1 204 No Content\r\nx-amzn-RequestId: r\r\n\r\n"


class Connection:
    """HTTP/1.1, one connection."""

    def __init__(self, sock):
        self.sock = sock
        self.buffer = b""

    def received(self, data):
        self.buffer += data

    def answer_requests(self):
        """Answers each request that is whole. Yields their targets."""
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            yield head.split(b" ", 2)[1].decode()
            self.sock.sendall(ANSWER)

    def say_goodbye(self):
        pass


def serve(seed, share, connect):
    """Until SIGTERM. `connect(socket)` makes the protocol's connection; of those that have answered, `share` are closed at once and as many
    a moment later, if they are idle then."""
    chance = random.Random(seed)
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
                connections[accepted] = connect(accepted)
                continue
            answered = 0
            try:
                data = sock.recv(65536)
                if not data:
                    forget(sock)
                    continue
                connections[sock].received(data)
                for target in connections[sock].answer_requests():
                    taken[target] = taken.get(target, 0) + 1
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
    serve(int(sys.argv[1]), float(sys.argv[2]), Connection)
