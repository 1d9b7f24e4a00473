"""The README's table of countersign-reason is that of the code, and each `http/…` reason is what a client with that mistake is told."""

import re

import pytest

from readme.document import ROOT, names, section, swift, tables
from support.wire import Client

SOURCES = ROOT / "Sources"


def reasons_table():
    [named] = tables(section("Troubleshooting by `countersign-reason`"))
    [http] = tables(section("HTTP mistakes"))
    return {names(row["reason"])[0]: row["status"] for row in named}, {names(row["reason"])[0]: row["status"] for row in http}


def test_every_reason_of_the_code_is_in_the_table_and_none_else():
    code = swift("Gateway", "GatewayCore")
    literals = set(re.findall(r'"([a-z]+/[a-z0-9-]+)"', code)) - {"application/json", "application/xml", "text/html", "text/plain"}
    assert '"limit/\\(' in code
    documented, _ = reasons_table()
    assert set(documented) == literals | {"limit/NAME", "http/…"}


def test_the_statuses_in_the_table_are_those_of_the_code():
    code = swift("Gateway", "GatewayCore")
    statuses = dict(re.findall(r"case \.(\w+): ErrorShape\(status: (\d+)", (SOURCES / "GatewayCore/Response/ErrorShape.swift").read_text()))
    statuses["throttled"] = "429"
    documented, _ = reasons_table()
    made = re.findall(r'Refusal\(\s*\.(\w+),\s*"([a-z]+/[a-z0-9-]+)"', code)
    assert len(made) > 25
    for kind, reason in made:
        # Whoever hung up is answered nothing.
        assert documented[reason] == ("none" if reason == "caller/gone" else statuses[kind]), reason
    assert {row["status"] for row in tables(section("What is refused, and why"))[0]} == set(statuses.values())


def head(*lines, body=""):
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


DELETE = "DELETE /phone-numbers/%2B12065550100 HTTP/1.1"
HOST = "Host: a"
POST = ("POST /phone-numbers/%2B12065550100 HTTP/1.1", HOST)
CHUNKED = (*POST, "Transfer-Encoding: chunked")
MISTAKES = {
    "empty-request-line": b"\r\n\r\n\r\n" + head(DELETE, HOST),
    "malformed-request-line": head("DELETE /a", HOST),
    "request-line-too-long": head("DELETE /" + "a" * 9000 + " HTTP/1.1", HOST),
    "method-too-long": head("D" * 40 + " /a HTTP/1.1", HOST),
    "invalid-method": head("DEL(TE /a HTTP/1.1", HOST),
    "invalid-target": head('DELETE /"a" HTTP/1.1', HOST),
    "fragment-in-target": head("DELETE /a#b HTTP/1.1", HOST),
    "unsupported-target-form": head("OPTIONS * HTTP/1.1", HOST),
    "unsupported-version": head("DELETE /a HTTP/2.5", HOST),
    "http2-preface": head(DELETE, "Connection: keep-alive", HOST) + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls-handshake": b"\x16\x03\x01\x02\x00\x01\x00",
    "bare-line-feed": b"DELETE /a HTTP/1.1\nHost: a\r\n\r\n",
    "bare-carriage-return": head(DELETE, HOST, "X: a\rb"),
    "folded-line": head(DELETE, HOST, " more"),
    "space-before-colon": head(DELETE, HOST, "X : a"),
    "missing-colon": head(DELETE, HOST, "X"),
    "empty-field-name": head(DELETE, HOST, ": a"),
    "invalid-field-name": head(DELETE, HOST, "X(: a"),
    "control-in-field-value": head(DELETE, HOST, "X: a\x01"),
    "too-many-fields": head(DELETE, HOST, *[f"X{number}: a" for number in range(120)]),
    "head-too-large": head(DELETE, HOST, *[f"X{number}: " + "a" * 4000 for number in range(20)]),
    "missing-host": head(DELETE),
    "repeated-host": head(DELETE, HOST, HOST),
    "invalid-host": head(DELETE, "Host: a b"),
    "host-mismatch": head("DELETE http://b/phone-numbers/%2B12065550100 HTTP/1.1", HOST),
    "invalid-connection": head(DELETE, HOST, "Connection: a b"),
    "unsupported-expectation": head(DELETE, HOST, "Expect: the-unexpected"),
    "invalid-content-length": head(DELETE, HOST, "Content-Length: +1"),
    "repeated-content-length": head(DELETE, HOST, "Content-Length: 1", "Content-Length: 1"),
    "content-length-with-transfer-encoding": head(DELETE, HOST, "Content-Length: 1", "Transfer-Encoding: chunked"),
    "unknown-transfer-coding": head(DELETE, HOST, "Transfer-Encoding: gzip"),
    "invalid-transfer-encoding": head(DELETE, HOST, "Transfer-Encoding: chunked, chunked"),
    "transfer-encoding-in-old-version": head("DELETE /a HTTP/1.0", HOST, "Transfer-Encoding: chunked"),
    "invalid-chunk-size": head(*CHUNKED, body="x\r\n"),
    "chunk-size-overflow": head(*CHUNKED, body="f" * 20 + "\r\n"),
    "invalid-chunk-extension": head(*CHUNKED, body="1; a\r\n"),
    "chunk-extensions-too-large": head(*CHUNKED, body="1;a=" + "b" * 100_000),
    "missing-chunk-end": head(*CHUNKED, body="1\r\nab"),
    "forbidden-trailer": head(*CHUNKED, body="0\r\nContent-Length: 1\r\n\r\n"),
    "trailers-too-large": head(*CHUNKED, body="0\r\nX: " + "a" * 200_000),
    "content-too-large": head(*CHUNKED, body="7fffffff\r\n"),
}  # fmt: skip
# Mistakes of upstreams, and one of peers that half-close, which are told nothing.
NEVER_TOLD_TO_CALLERS = {"malformedStatusLine", "statusLineTooLong", "unexpectedUpgrade", "truncatedBody"}


def plain(text):
    return text.lower().replace("-", "")


def test_every_http_mistake_of_the_code_is_in_the_table_and_none_else():
    kinds = re.search(r"enum Kind.*?\n    }", (SOURCES / "Wire/HTTP1/HTTP1Error.swift").read_text(), re.DOTALL)[0]
    cases = {name for line in re.sub(r"//.*", "", kinds).split("case ")[1:] for name in re.findall(r"\w+", line)} - NEVER_TOLD_TO_CALLERS
    _, documented = reasons_table()
    assert sorted(plain(reason.removeprefix("http/")) for reason in documented) == sorted(plain(name) for name in cases)
    assert sorted(map(plain, MISTAKES)) == sorted(plain(name) for name in cases)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_an_http_mistake_is_told_by_its_name(shared, mistake):
    gateway, _ = shared
    _, documented = reasons_table()
    with Client(gateway.address) as client:
        client.send(MISTAKES[mistake])
        answer = client.read()
        if mistake == "http2-preface":
            answer = client.read()
    reason = answer.first("countersign-reason")
    assert plain(reason) == plain("http/" + mistake), answer
    assert documented[reason] == str(answer.status)
