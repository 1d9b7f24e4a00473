"""A caller that shuts down its sending side, or is told that the connection closes, still gets the whole answer, however slowly it reads."""

import concurrent.futures
import socket
import struct
import time

import pytest

from listener.http2 import HTTP2Client, SETTINGS, WINDOW_UPDATE, frame
from listener.tls import client_context, tls_config, tls_listener
from support.upstream import answer
from support.wire import request_bytes

# The kernel takes an answer in portions of a third of its buffer; the sizes cover more than one portion, so that some answers end where the
# socket takes no more and the rest waits in the gateway.
SIZES = range(6_000_000, 7_600_000, 100_000)


def slow_socket(address):
    """Takes little at a time, so that the end of a large answer waits in the gateway."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    made.settimeout(20)
    made.connect(address)
    return made


def read_slowly(made, pause):
    time.sleep(pause)
    total = 0
    while data := made.recv(262144):
        total += len(data)
    return total


def http1(address, size, fields, half_closes, context=None):
    with slow_socket(address) as made:
        if context:
            made = context.wrap_socket(made, server_hostname="localhost")
        made.sendall(request_bytes("GET", f"/phone-numbers?size={size}", fields))
        if half_closes:
            made.shutdown(socket.SHUT_WR)
        return read_slowly(made, 0.8)


def http2(address, size):
    client = HTTP2Client(address, settings=struct.pack(">HI", 4, 0x7FFF_FFFF), acknowledges=False)
    client.socket.close()
    client.socket = slow_socket(address)
    with client:
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0x7FFF_FFFF)))
        client.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7FFF_0000)))
        client.open("GET", f"/phone-numbers?size={size}")
        client.socket.shutdown(socket.SHUT_WR)
        return read_slowly(client.socket, 0.8)


@pytest.mark.parametrize("way", ["half-closed", "told to close", "half-closed http2", "told to close over tls"])
def test_the_whole_answer_arrives(gateway, upstream, authority, way):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}, tls_listener(authority)))
    upstream.script = lambda request, connection: connection.send(answer(200, body=b"x" * int(request.target.partition("=")[2])))
    host, port = served.listeners[1].split(":")
    calls = {
        "half-closed": lambda size: http1(served.address, size, (), True),
        "told to close": lambda size: http1(served.address, size, [("Connection", "close")], False),
        "half-closed http2": lambda size: http2(served.address, size),
        "told to close over tls": lambda size: http1((host, int(port)), size, [("Connection", "close")], False, client_context(authority)),
    }
    with concurrent.futures.ThreadPoolExecutor(len(SIZES)) as pool:
        counts = list(pool.map(calls[way], SIZES))
    assert [size - count for size, count in zip(SIZES, counts) if count < size] == []
