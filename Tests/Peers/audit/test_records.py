"""What the gateway records of each kind of request, and what it must not record."""

import datetime
import hashlib
import socket
import threading
import time

import jsonschema
import pytest

from audit.trail import SCHEMA, audited_config, wait_for_records
from audit.verifier import verify
from support.process import SECRET_KEY, basic_config
from support.upstream import always, answer, error
from support.wire import Client, call, request_bytes

NUMBER = "+12065550100"
PATH = "/phone-numbers/%2B12065550100"
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def records(path, count):
    """The records of a trail of exactly `count`, each valid by the schema."""
    found = verify(wait_for_records(path, count))
    assert len(found) == count
    for record in found:
        VALIDATOR.validate(record)
    return found


@pytest.fixture
def path(tmp_path):
    return tmp_path / "audit.jsonl"


def test_deletion(gateway, upstream, path):
    upstream.script = always(answer(204, request_id="from-the-upstream"))
    serving = gateway(audited_config(upstream.url, path))
    found = call(serving.address)
    assert found.status == 204
    intent, outcome = records(path, 2)
    assert intent["stage"] == "intent" and outcome["stage"] == "outcome"
    for record in (intent, outcome):
        assert record["id"] == found.first("countersign-id")
        assert record["caller"]["name"] == "local"
        assert record["source"].startswith("127.0.0.1:")
        assert record["method"] == "DELETE"
        assert record["target"] == PATH
        assert record["operation"] == "DeletePhoneNumber"
        assert record["subject"] == {"phoneNumberId": NUMBER}
        assert (record["upstream"], record["region"], record["accessKeyId"]) == ("chime", "us-east-1", "AKIDEXAMPLE")
    assert outcome["decision"]["state"] == "answered"
    assert outcome["status"] == 204 and outcome["origin"] == "upstream"
    assert outcome["upstreamRequestId"] == "from-the-upstream"
    assert outcome["attempts"] == 1
    deleted = datetime.datetime.fromisoformat(outcome["time"])
    assert datetime.datetime.fromisoformat(outcome["restorableUntil"]) - deleted == datetime.timedelta(days=7)
    assert abs(deleted - datetime.datetime.now(datetime.timezone.utc)) < datetime.timedelta(minutes=1)


def test_members_stand_in_the_documented_order(gateway, upstream, path):
    order = (
        "v seq time stage id instance caller source method target operation subject upstream region accessKeyId decision status origin "
        "errorType upstreamRequestId attempts durationMs restorableUntil note prev hash"
    ).split()
    serving = gateway(audited_config(upstream.url, path))
    call(serving.address)
    for record in records(path, 2):
        assert list(record) == [name for name in order if name in record]


REFUSALS = {
    "bad id": ("DELETE", "/phone-numbers/%252B12065550100", 400, "BadRequestException", "DeletePhoneNumber"),
    "no route": ("DELETE", "/elsewhere/+12065550100", 404, "NotFoundException", None),
    "no such method": ("PATCH", PATH, 404, "NotFoundException", None),
    "protected": ("DELETE", "/phone-numbers/+12065550199", 403, "ForbiddenException", "DeletePhoneNumber"),
}


def guarded(config):
    config["routes"][0]["parameters"]["phoneNumberId"]["deny"] = ["+12065550199"]
    return config


@pytest.mark.parametrize("name", REFUSALS)
def test_refusal(gateway, upstream, path, name):
    method, target, status, code, operation = REFUSALS[name]
    serving = gateway(guarded(audited_config(upstream.url, path)))
    found = call(serving.address, method, target)
    assert found.status == status
    [record] = records(path, 1)
    assert record["stage"] == "refusal"
    assert record["id"] == found.first("countersign-id")
    assert record["status"] == status and record["origin"] == "gateway"
    assert record["errorType"] == code == found.first("x-amzn-errortype")
    assert record["decision"]["reason"] == found.first("countersign-reason")
    if operation:
        assert record["operation"] == operation
    assert not upstream.requests


def test_unknown_caller_is_null(gateway, upstream, path):
    callers = [{"name": "billing", "tokenSha256": "0" * 64}]
    serving = gateway(audited_config(upstream.url, path, callers=callers))
    assert call(serving.address).status == 401
    [record] = records(path, 1)
    assert record["caller"] is None and record["errorType"] == "UnauthorizedClientException"


def test_limit(gateway, upstream, path):
    config = audited_config(upstream.url, path, limits={"account": {"rate": "1/m", "burst": 1}})
    config["routes"][0]["limits"] = ["account"]
    serving = gateway(config)
    assert [call(serving.address).status for _ in range(2)] == [204, 429]
    # The two requests may come over different loops, whose records are not ordered among each other.
    refusal = next(record for record in records(path, 3) if record["stage"] == "refusal")
    assert refusal["errorType"] == "ThrottledClientException"
    assert refusal["decision"]["reason"] == "limit/account"
    assert refusal["decision"]["limits"] == ["account"]


def test_wait_for_a_limit_is_recorded(gateway, upstream, path):
    config = audited_config(upstream.url, path, limits={"account": {"rate": "5/s", "burst": 1, "maxWait": "2s"}})
    config["routes"][0]["limits"] = ["account"]
    serving = gateway(config)
    assert [call(serving.address).status for _ in range(2)] == [204, 204]
    outcome = records(path, 4)[3]
    assert 50 <= outcome["decision"]["waitMs"] <= 1000


@pytest.mark.parametrize(
    "script,status,code",
    [
        (always(error(404, "NotFoundException")), 404, "NotFoundException"),
        (always(error(429, "ThrottledClientException")), 429, "ThrottledClientException"),
        (always(error(500, "ServiceFailureException")), 500, "ServiceFailureException"),
    ],
)
def test_answered_with_an_error(gateway, upstream, path, script, status, code):
    upstream.script = script
    serving = gateway(audited_config(upstream.url, path))
    assert call(serving.address).status == status
    outcome = records(path, 2)[1]
    assert outcome["decision"]["state"] == "answered"
    assert outcome["status"] == status and outcome["errorType"] == code
    assert outcome.get("restorableUntil") is None


def test_upstream_that_closes(gateway, upstream, path):
    upstream.script = lambda request, connection: connection.close()
    serving = gateway(audited_config(upstream.url, path))
    assert call(serving.address).status == 503
    outcome = records(path, 2)[1]
    assert outcome["decision"]["state"] == "unknown: sent, no answer"
    assert outcome["decision"]["cause"] == "upstream closed"
    assert outcome.get("restorableUntil") is None


def test_upstream_that_is_silent(gateway, upstream, path):
    upstream.script = lambda request, connection: time.sleep(3)
    config = audited_config(upstream.url, path)
    config["upstreams"]["chime"]["responseTimeout"] = "300ms"
    serving = gateway(config)
    assert call(serving.address).status == 504
    outcome = records(path, 2)[1]
    assert outcome["decision"]["state"] == "unknown: sent, no answer"
    assert outcome["decision"]["cause"] == "timeout"
    assert outcome["status"] == 504 and outcome["origin"] == "gateway"


def test_upstream_that_cannot_be_reached(gateway, path):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    serving = gateway(audited_config(f"http://127.0.0.1:{port}", path))
    assert call(serving.address).status == 503
    outcome = records(path, 2)[1]
    assert outcome["decision"]["state"] == "notSent"


def test_caller_that_hangs_up(gateway, upstream, path):
    released = threading.Event()

    def late(request, connection):
        released.wait(10)
        connection.send(answer())

    upstream.script = late
    serving = gateway(audited_config(upstream.url, path))
    with Client(serving.address) as client:
        client.send(request_bytes())
        upstream.wait_for_requests(1)
    time.sleep(0.2)
    released.set()
    outcome = records(path, 2)[1]
    # What was sent is awaited, so that the trail can say what became of it.
    assert outcome["decision"]["state"] in ("answered", "unknown: sent, no answer")


MASKED = [{"subject": "last4"}, {"subject": "pseudonym", "subjectKey": "0123456789abcdef0123456789abcdef"}]


@pytest.mark.parametrize("subject", MASKED, ids=["last4", "pseudonym"])
def test_masked_numbers_stand_nowhere(gateway, upstream, path, subject):
    serving = gateway(guarded(audited_config(upstream.url, path, subject=subject)))
    assert call(serving.address).status == 204
    targets = [target for _, target, *_ in REFUSALS.values()]
    targets += ["/phone-numbers/1206%35550100", "/x?number=12065550100", "/phone-numbers/+12065550100/extra"]
    for target in targets:
        assert call(serving.address, "DELETE", target).status in (204, 400, 403, 404)
    found = wait_for_records(path, 2 + len(targets))
    time.sleep(0.2)
    found = path.read_bytes()
    assert b"2065550100" not in found and b"206%35550100" not in found and b"2065550199" not in found
    for record in verify(found):
        VALIDATOR.validate(record)
    assert "2065550100" not in serving.stderr


def test_secrets_are_in_no_output(gateway, upstream, path):
    token, session = "caller-token-canary-0123456789", "session-token-canary-0123456789"
    config = audited_config(
        upstream.url,
        path,
        callers=[{"name": "billing", "tokenSha256": hashlib.sha256(token.encode()).hexdigest()}],
    )
    config["credentials"]["chime"]["sessionToken"] = session
    serving = gateway(config)
    for headers in ([("Authorization", f"Bearer {token}")], [("Authorization", f"Bearer wrong-{token}")], []):
        for target in (PATH, "/elsewhere"):
            call(serving.address, "DELETE", target, headers)
    wait_for_records(path, 7)
    serving.stop()
    signatures = [request.first("authorization").rpartition("Signature=")[2] for request in upstream.requests]
    assert signatures
    outputs = path.read_text() + serving.stderr
    for canary in (SECRET_KEY, session, token, *signatures):
        assert canary not in outputs


@pytest.mark.parametrize("sync", ["always", "interval", "never"])
def test_every_sync_keeps_all_records(gateway, upstream, path, sync):
    serving = gateway(audited_config(upstream.url, path, sync=sync))
    with Client(serving.address) as client:
        assert all(client.request().status == 204 for _ in range(50))
    serving.stop()
    assert len(records(path, 100)) == 100


def test_without_audit_nothing_is_written(gateway, upstream, tmp_path):
    serving = gateway(basic_config(upstream.url))
    assert call(serving.address).status == 204
    assert not list(tmp_path.glob("*audit*"))
