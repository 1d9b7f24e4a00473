"""/status as deploy/status.schema.json describes it: everything that a busy gateway says, and nothing else."""

import copy
import json
import signal
import time
import urllib.request

import jsonschema
import pytest

from admin.console import ask, command, config, status
from credentials.services import KeyService
from redis.store import Redis
from support.process import REPOSITORY
from support.upstream import always, answer, error
from support.wire import call

SCHEMA = json.loads((REPOSITORY / "deploy/status.schema.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def resolved(schema):
    return {**SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], **schema} if "$ref" in schema else schema


def declared(schema, path=()):
    """(path, schema) of every object with members of its own, depth first."""
    schema = resolved(schema)
    if "properties" in schema:
        yield path, schema
        for name, member in schema["properties"].items():
            yield from declared(member, (*path, name))
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from declared(schema[key], (*path, "*"))


def seen(schema, value, path=()):
    """Paths of the declared members that `value` has."""
    schema = resolved(schema)
    if isinstance(value, list):
        for one in value:
            yield from seen(schema.get("items", {}), one, (*path, "*"))
    elif "properties" in schema and isinstance(value, dict):
        for name, member in value.items():
            yield (*path, name)
            yield from seen(schema["properties"].get(name, {}), member, (*path, name))
    elif isinstance(value, dict):
        for member in value.values():
            yield from seen(schema["additionalProperties"], member, (*path, "*"))


def objects(schema, value):
    """Every object in `value` whose members are declared."""
    schema = resolved(schema)
    if isinstance(value, list):
        for one in value:
            yield from objects(schema.get("items", {}), one)
    elif isinstance(value, dict):
        if "properties" in schema:
            yield value
        for name, member in value.items():
            yield from objects(schema.get("properties", {}).get(name, schema.get("additionalProperties", {})), member)


def test_the_schema_is_one_and_names_everything():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for path, schema in declared(SCHEMA):
        assert schema["additionalProperties"] is False, path
        assert set(schema["required"]) <= set(schema["properties"]), path
        for name, member in schema["properties"].items():
            assert resolved(member).get("description") or name.endswith("xx"), (*path, name)


def eventually(gateway, holds):
    deadline = time.monotonic() + 60
    while not holds(found := status(gateway.admin_address)):
        assert time.monotonic() < deadline, json.dumps(found, indent=1)
        time.sleep(0.1)
    return found


@pytest.fixture
def services(tmp_path):
    keys, store = KeyService(life=600), Redis()
    yield keys, store
    keys.stop()
    store.stop()


def busy(upstream, tmp_path, services, certificates):
    """A configuration in which everything is in use, and one upstream is not there."""
    keys, store = services
    made = config(upstream.url, tmp_path)
    made["credentials"]["keys"] = {"type": "container", "uri": keys.url + "/keys"}
    made["upstreams"]["chime"] |= {"credentials": "keys", "maxInFlight": 100}
    made["upstreams"]["gone"] = made["upstreams"]["chime"] | {"url": "http://127.0.0.1:9", "credentials": "chime"}
    made["limits"] = {
        name: {"rate": "1000/s", "per": per, "adaptive": per == "upstream"}
        for name, per in {"upstream": "upstream", "route": "route", "caller": "caller", "both": "caller+route"}.items()
    }
    made["limitStore"] = {"redis": f"redis://127.0.0.1:{store.port}"}
    made["routes"][0]["limits"] = list(made["limits"])
    made["routes"].append({"operation": "Describe", "method": "GET", "path": "/gone", "upstream": "gone"})
    made["audit"]["ship"] = [{"to": "stdout"}, {"to": "syslog+tcp://127.0.0.1:9"}]
    tls = {"certificate": certificates.path("good.pem"), "privateKey": certificates.path("good.key")}
    made["listeners"].append({"bind": "127.0.0.1:0", "tls": tls})
    return made


def test_a_busy_gateway_says_what_the_schema_says(gateway, upstream, tmp_path, services, certificates):
    keys, _ = services
    made = busy(upstream, tmp_path, services, certificates)
    running = gateway(made)
    date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
    upstream.scripts += [always(answer(headers=[("Date", date)])), always(error(429, "ThrottledClientException"))]
    assert call(running.address).status == 204
    call(running.address)
    assert call(running.address, target="/phone-numbers/nobody").status == 400
    assert call(running.address, target="/none").status == 404
    assert call(running.address, method="GET", target="/gone").first("countersign-reason") == "upstream/refused"
    first = eventually(running, lambda found: found["audit"].get("lastTime") and not found["audit"]["ship"][1]["up"])
    keys.fails = True
    ask(running.admin_address, "POST", "/freeze", {"by": "alice", "reason": "a test"})
    running.write_config(made | {"routes": []})
    running.signal(signal.SIGHUP)
    second = eventually(running, lambda found: found["configuration"]["failures"] == 1 and found["audit"]["ship"][1].get("reason"))
    for found in (first, second):
        assert [mistake.message for mistake in VALIDATOR.iter_errors(found)] == []
        assert "2065550100" not in json.dumps(found)
    upstreams = {row["name"]: row for row in second["upstreams"]}
    assert upstreams["gone"]["lastFailure"]["reason"] == "upstream/refused" and "lastFailure" not in upstreams["chime"]
    assert [row["expires"] for row in second["credentials"] if row["name"] == "keys"]
    last = json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[-1])
    assert eventually(running, lambda found: found["audit"]["lastSeq"] == last["seq"])["audit"]["lagSeconds"] < 60
    # Only a disk without room and a source that fails show these; tests of their own see them.
    unseen = {("audit", "reason"), ("credentials", "*", "problem")}
    every = {(*path, name) for path, schema in declared(SCHEMA) for name in schema["properties"]}
    assert every - set(seen(SCHEMA, first)) - set(seen(SCHEMA, second)) <= unseen


def test_a_member_that_is_not_described_is_a_mistake(gateway, upstream, tmp_path, services, certificates):
    running = gateway(busy(upstream, tmp_path, services, certificates))
    assert call(running.address).status == 204
    found = status(running.admin_address)
    VALIDATOR.validate(found)
    count = len(list(objects(SCHEMA, found)))
    assert count >= 20
    for number in range(count):
        changed = copy.deepcopy(found)
        list(objects(SCHEMA, changed))[number]["novelty"] = 1
        assert not VALIDATOR.is_valid(changed)


def test_a_source_that_fails_and_a_trail_of_before_are_told(gateway, upstream, tmp_path, services, certificates):
    made = busy(upstream, tmp_path, services, certificates)
    running = gateway(made)
    assert call(running.address).status == 204
    running.stop()
    last = json.loads((tmp_path / "audit.jsonl").read_text().splitlines()[-1])
    services[0].fails = True
    running = gateway(made)
    found = eventually(running, lambda found: not found["ready"])
    VALIDATOR.validate(found)
    assert any(row.get("problem") and not row["usable"] for row in found["credentials"])
    assert (found["audit"]["lastSeq"], found["audit"]["lastTime"]) == (last["seq"], last["time"])


def test_the_table_shows_it_all(gateway, upstream, tmp_path, services, certificates):
    running = gateway(busy(upstream, tmp_path, services, certificates))
    assert call(running.address).status == 204
    call(running.address, method="GET", target="/gone")
    found = eventually(running, lambda found: found["audit"].get("lastTime"))
    shown = command("status", "--admin", running.admin_address, "--once").stdout
    rows = [line.split() for line in shown.splitlines() if line]
    for heading in ("ROUTE", "CALLER", "UPSTREAM", "LIMIT", "CREDENTIALS", "CERTIFICATE", "AUDIT"):
        assert any(row[0] == heading for row in rows), shown
    assert any(row[:2] == ["DeletePhoneNumber", "upstream"] for row in rows)
    assert ["local", "1", "0", "0", "1"] in rows, shown
    [certificate] = found["certificates"]
    assert [certificate["certificate"], certificate["listener"], certificate["expires"]] in rows
    [expiry] = [row["expires"] for row in found["credentials"] if row["name"] == "keys"]
    assert ["keys", "container", "yes", expiry] in rows
    assert any(row[0] == "gone" and "upstream/refused" in row for row in rows)
    assert any(row[0] == "disk" and str(found["audit"]["lastSeq"]) in row for row in rows), shown
    with urllib.request.urlopen(running.admin_url + "/ready", timeout=30) as ready:
        assert ready.status == 200
