"""SIGTERM with HTTP/2 connections open: GOAWAY in two steps, and no request is lost."""

import signal
import threading

from listener.http2 import NO_ERROR, PING, SETTINGS, HTTP2Client, frame
from listener.tls import tls_config, tls_listener
from support.upstream import answer

ANY_STREAM = 0x7FFF_FFFF


def test_streams_under_way_are_answered(gateway, upstream, authority, h2_context):
    served = gateway(tls_config(upstream, tls_listener(authority)))
    release = threading.Event()
    upstream.script = lambda request, connection: (release.wait(60), connection.send(answer()))
    with HTTP2Client(served.address, h2_context) as client:
        streams = [client.open(scheme="https") for _ in range(20)]
        upstream.wait_for_requests(20)
        served.signal(signal.SIGTERM)
        client.run(lambda: client.goaways)
        assert client.goaways[0] == (ANY_STREAM, NO_ERROR)
        client.run(lambda: len(client.goaways) == 2)
        assert client.goaways[1] == (streams[-1], NO_ERROR)
        # Whoever opens a stream after that knows from the last GOAWAY that nobody has looked at it.
        client.open(scheme="https")
        release.set()
        for stream in streams:
            assert client.wait(stream).status == 204
        client.read_to_end()
    assert len(upstream.requests) == 20
    served.stop()


def test_requests_that_cross_the_announcement_are_served(gateway, upstream):
    """A client that has not seen the first GOAWAY yet goes on; what it sent before its PING answer is served."""
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}))
    with HTTP2Client(served.address) as client:
        assert client.request().status == 204
        answers = client.send
        late = []
        # Acknowledgements are held back, as if the network were slow.
        client.send = lambda data: late.append(data) if data[3] in (PING, SETTINGS) else answers(data)
        served.signal(signal.SIGTERM)
        client.run(lambda: client.goaways)
        streams = [client.open() for _ in range(10)]
        for stream in streams:
            assert client.wait(stream).status == 204
        answers(b"".join(late))
        client.run(lambda: len(client.goaways) == 2)
        assert client.goaways[1] == (streams[-1], NO_ERROR)
        client.read_to_end()
    served.stop()


def test_idle_connections_are_told_and_closed(gateway, upstream):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}))
    clients = [HTTP2Client(served.address) for _ in range(20)]
    for client in clients:
        assert client.request().status == 204
    served.signal(signal.SIGTERM)
    for client in clients:
        assert client.read_to_end()[-1] == (1, NO_ERROR)
        client.socket.close()
    served.stop()


def test_a_client_that_never_answers_a_ping_delays_nothing_for_long(gateway, upstream):
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}))
    with HTTP2Client(served.address, acknowledges=False) as client:
        assert client.request().status == 204
        served.signal(signal.SIGTERM)
        assert [error for _, error in client.read_to_end()] == [NO_ERROR, NO_ERROR]
    served.stop()


def test_no_request_is_lost_while_clients_keep_coming(gateway, upstream):
    """Each request that was sent is answered, or the last GOAWAY says that it was not looked at."""
    served = gateway(tls_config(upstream, {"bind": "127.0.0.1:0"}, drain={"delay": "50ms", "timeout": "60s"}))
    results = []

    def work():
        with HTTP2Client(served.address) as client:
            opened = []
            try:
                while not client.goaways:
                    opened.append(client.open())
                    client.run(lambda: client.goaways or client.streams.get(opened[-1], None) and client.streams[opened[-1]].is_ended)
                client.read_to_end()
            except (EOFError, OSError):
                pass
            last = client.goaways[-1][0] if client.goaways else -1
            answered = [s for s in opened if s in client.streams and client.streams[s].is_ended]
            results.append((len(answered), [s for s in opened if s <= last and s not in answered], last))

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    upstream.wait_for_requests(200)
    served.signal(signal.SIGTERM)
    for worker in workers:
        worker.join(60)
    served.stop()
    assert len(results) == 8 and all(lost == [] and last > 0 for _, lost, last in results), results
    assert sum(count for count, _, _ in results) == len(upstream.requests)


def test_frame_helper_spells_a_frame():
    assert frame(PING, 0, 0, b"12345678") == b"\x00\x00\x08\x06\x00\x00\x00\x00\x0012345678"
