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
import sys
import time

ANSWER = b"HTTP/1.1 204 No Content\r\nx-amzn-RequestId: r\r\n\r\n"


def main(seed, share):
    chance = random.Random(seed)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(listener, selectors.EVENT_READ)
    print(listener.getsockname()[1], flush=True)
    taken, buffers, due = {}, {}, []
    closed = {"at_once": 0, "later": 0, "unread": 0}
    running = True

    def stop(*_):
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, stop)

    def close(sock, how):
        # After this call new bytes are answered with a reset by the system; bytes that came before it can still be read.
        sock.shutdown(socket.SHUT_RDWR)
        selector.unregister(sock)
        buffers.pop(sock)
        try:
            if sock.recv(65536):
                closed["unread"] += 1
        except OSError:
            pass
        sock.close()
        closed[how] += 1

    while running:
        wait = max(0, due[0][0] - time.monotonic()) if due else 0.2
        for key, _ in selector.select(wait):
            sock = key.fileobj
            if sock is listener:
                try:
                    connection, _ = listener.accept()
                except BlockingIOError:
                    continue
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                selector.register(connection, selectors.EVENT_READ)
                buffers[connection] = b""
                continue
            try:
                data = sock.recv(65536)
            except OSError:
                data = b""
            if not data:
                selector.unregister(sock)
                buffers.pop(sock)
                sock.close()
                continue
            buffers[sock] += data
            while b"\r\n\r\n" in buffers[sock]:
                head, _, buffers[sock] = buffers[sock].partition(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode()
                taken[target] = taken.get(target, 0) + 1
                sock.sendall(ANSWER)
                dice = chance.random()
                if dice < share:
                    close(sock, "at_once")
                    break
                if dice < 2 * share:
                    heapq.heappush(due, (time.monotonic() + chance.random() * 0.01, id(sock), sock))
        while due and due[0][0] <= time.monotonic():
            _, _, sock = heapq.heappop(due)
            # Idle ones only: bytes that are there already are a request.
            if sock in buffers and not buffers[sock]:
                try:
                    sock.recv(1, socket.MSG_PEEK)
                except BlockingIOError:
                    close(sock, "later")
                except OSError:
                    pass
    print(json.dumps({"taken": taken, "closed": closed}), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
