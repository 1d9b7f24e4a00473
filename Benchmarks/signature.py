"""A short SigV4 of its own, so that no contender is fast because its signature is wrong."""

import hashlib
import hmac
import http.client
import re
import urllib.parse

PATH = "/phone-numbers/%2B12065550100"


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def is_right(head, secret):
    """Whether the request head (text) carries the signature that its own bytes ask for."""
    lines = head.split("\r\n")
    method, path, _ = lines[0].split(" ")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    claim = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=[^/]+/(\d+)/([^/]+)/([^/]+)/aws4_request, SignedHeaders=(\S+), Signature=([0-9a-f]{64})",
        fields.get("authorization", ""))
    if claim is None:
        return False
    day, region, service, names, signature = claim.groups()
    signed = "".join(f"{name}:{fields[name]}\n" for name in names.split(";"))
    canonical = f"{method}\n{urllib.parse.quote(path)}\n\n{signed}\n{names}\n{hashlib.sha256(b'').hexdigest()}"
    scope = f"{day}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{fields['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = mac(mac(mac(mac(b"AWS4" + secret.encode(), day), region), service), "aws4_request")
    return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signature)


def ask(port, method, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers={"User-Agent": "bench"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("latin-1")
    finally:
        connection.close()


def check(server, stub, secret, signs):
    """One request through the server; ends the run where it does not arrive as it should."""
    status, _ = ask(server.port, "DELETE", PATH)
    if status != 204:
        raise SystemExit(f"bench: {server.name} answered {status} instead of 204; its log:\n{server.log.read_text(errors='replace')[-2000:]}")
    _, head = ask(stub.port, "GET", "/last")
    if not head.startswith(f"DELETE {PATH} HTTP/1.1\r\n"):
        raise SystemExit(f"bench: {server.name} sent another request line: {head.splitlines()[0]}")
    if signs and not is_right(head, secret):
        raise SystemExit(f"bench: {server.name} sent a signature that is not right")
