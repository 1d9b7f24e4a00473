"""Many requests in one go, whose answers are read late: none is lost, and none is begun before there is room for its answer."""

import socket
import threading
import time

import pytest

from listener.tls import tls_config
from support.wire import request_bytes

COUNT = 60_000


@pytest.mark.parametrize("ends", [True, False], ids=["half closed", "open"])
def test_answers_that_are_read_late_are_all_there(gateway, upstream, ends):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}))
    client = socket.socket()
    client.settimeout(60)
    # The less this side takes, the sooner the gateway has to wait.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
    client.connect(served.address)
    sent = 0

    def send():
        nonlocal sent
        piece = request_bytes("GET", "/nowhere") * 100
        for _ in range(COUNT // 100):
            client.sendall(piece)
            sent += 100
        client.sendall(request_bytes("GET", "/nowhere", headers=[("Connection", "close")]))
        if ends:
            client.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    last = -1
    while sent != last and sender.is_alive():
        last = sent
        time.sleep(0.5)
    assert sent < COUNT, "the gateway took every request although nobody read an answer"
    answers = 0
    rest = b""
    while data := client.recv(1 << 20):
        rest += data
        answers += rest.count(b"HTTP/1.1 404 ")
        # A mark that was counted is not kept, a half one is.
        rest = rest[rest.rfind(b"HTTP/1.1 404 ") + 13 :][-12:]
    sender.join(60)
    client.close()
    assert answers == COUNT + 1
