"""No request is lost or doubled when the upstream closes its connections: sent again only if it provably was not processed."""

import time

import pytest

from support import expect
from support.closing import ClosingUpstream, load
from support.process import basic_config
from support.upstream import answer
from support.wire import Client, call


@pytest.mark.parametrize("seed,share", [(1, 0.05), (2, 0.3)])
def test_idle_connections_closed_at_random_under_load(gateway, seed, share):
    callers, each = 12, 350
    upstream = ClosingUpstream("closing_upstream.py", seed, share)
    running = gateway(basic_config(upstream.url))
    statuses, failures = load(running.address, callers, each, every=40, pause=0.02)
    seen = upstream.stop()
    assert failures == []
    assert len(statuses) == callers * each
    assert seen["closed"]["at_once"] + seen["closed"]["later"] > callers * each * share / 4, "too few closures to prove anything"
    doubled = {target: count for target, count in seen["taken"].items() if count > 1}
    assert doubled == {}
    lost = [target for target, status in statuses.items() if status == 204 and target not in seen["taken"]]
    assert lost == []
    refused = {target: status for target, status in statuses.items() if status != 204}
    assert set(refused.values()) <= {503}
    # What was taken got its answer. What was not taken was sent again, but for the few that lay unread in a connection being closed.
    assert [target for target in refused if target in seen["taken"]] == []
    assert len(refused) <= seen["closed"]["unread"], f"{len(refused)} refused, {seen['closed']}"


def test_a_connection_closed_while_idle_is_not_used_again(serving, upstream):
    upstream.script = lambda request, connection: (connection.send(answer()), connection.close())
    for _ in range(50):
        assert call(serving.address).status == 204
        time.sleep(0.002)
    assert len(upstream.requests) == 50


@pytest.mark.parametrize("how", ["close", "reset", "half_close"])
@pytest.mark.parametrize("fresh", [True, False], ids=["first request", "reused connection"])
def test_a_request_that_was_read_is_never_sent_again(serving, upstream, how, fresh):
    with Client(serving.address) as client:
        if not fresh:
            assert client.request(target="/phone-numbers/%2B12065550101").status == 204
        before = len(upstream.requests)
        upstream.script = lambda request, connection: getattr(connection, how)()
        expect.refusal(client.request(), 503, "upstream/closed")
        time.sleep(0.3)
        assert len(upstream.requests) == before + 1
        upstream.script = lambda request, connection: connection.send(answer())
        assert client.request().status == 204


@pytest.mark.parametrize(
    "part", [b"H", b"HTTP/1.1 204 No Content", b"HTTP/1.1 204 No Content\r\nX-Note: 1\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
@pytest.mark.parametrize("how", ["close", "reset"])
def test_half_an_answer_is_503_and_sent_once(serving, upstream, part, how):
    def script(request, connection):
        connection.send(part)
        time.sleep(0.05)
        getattr(connection, how)()

    upstream.script = script
    expect.refusal(call(serving.address), 503, "upstream/")
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(
    "head,body", [(b"Content-Length: 10", b"half"), (b"Transfer-Encoding: chunked", b"5\r\nab"), (b"Transfer-Encoding: chunked", b"2\r\nab\r\n")]
)
def test_a_cut_body_reaches_the_caller_as_cut(serving, upstream, head, body, how):
    """The head is on its way already, so nothing but the connection's end can say that the body is not whole."""

    def script(request, connection):
        connection.send(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n" + body)
        time.sleep(0.1)
        getattr(connection, how)()

    upstream.script = script
    with Client(serving.address) as client:
        with pytest.raises(EOFError):
            found = client.request()
            raise AssertionError(f"whole: {found}")
    assert len(upstream.requests) == 1


def test_bytes_after_an_answer_end_the_connection(serving, upstream):
    """What comes without a request cannot be the answer of the next one."""
    upstream.script = lambda request, connection: connection.send(answer() + answer(200, "OK", [], b"stray"))
    with Client(serving.address) as client:
        for _ in range(5):
            found = client.request()
            assert (found.status, found.body) == (204, b"")
            time.sleep(0.02)
    assert len({request.connection.number for request in upstream.requests}) == 5
