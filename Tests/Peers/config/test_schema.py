"""deploy/config.schema.json, judged by an independent validator (JSON Schema 2020-12)."""

import copy
import json
from pathlib import Path

import pytest

jsonschema = pytest.importorskip("jsonschema")

ROOT = Path(__file__).resolve().parents[3]
SCHEMA = json.loads((ROOT / "deploy" / "config.schema.json").read_text())
EXAMPLE = json.loads((ROOT / "config.example.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def replaced(path, value):
    """The example with the value at `path` (keys and indices) replaced, or removed where `value` is Ellipsis."""
    config = copy.deepcopy(EXAMPLE)
    node = config
    for key in path[:-1]:
        node = node[key]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return config


def test_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_example_is_valid():
    assert list(VALIDATOR.iter_errors(EXAMPLE)) == []


def test_every_key_is_described():
    def walk(node, path):
        if isinstance(node, dict):
            for name, value in node.get("properties", {}).items():
                assert "description" in value or "$ref" in value, f"{path}.{name}"
            for name, value in node.items():
                walk(value, f"{path}.{name}")
        elif isinstance(node, list):
            for index, value in enumerate(node):
                walk(value, f"{path}[{index}]")

    walk(SCHEMA, "")


@pytest.mark.parametrize(
    "path, value",
    [
        (["admin", "bind"], "unix:/run/countersign/admin.sock"),
        (["listeners", 0, "bind"], "[::1]:0"),
        (["listeners", 0, "bind"], "${BIND}"),
        (["listeners", 0, "mode"], "0660"),
        (["credentials", "chime", "secretAccessKey"], {"file": "/run/secrets/key"}),
        (["upstreams", "chime", "url"], "http://127.0.0.1:8001"),
        (["callers", 0, "networks"], ["fd00::/8", "10.0.0.0/8"]),
        (["callers", 0, "spiffeId"], "spiffe://example.internal/ns/telephony/sa/billing"),
        (["limits", "account", "maxWait"], "0s"),
        (["routes", 0, "query"], True),
        (["limitStore"], {"redis": "rediss://:secret@cache:6380/1"}),
    ],
)
def test_accepts(path, value):
    assert list(VALIDATOR.iter_errors(replaced(path, value))) == []


@pytest.mark.parametrize(
    "path, value",
    [
        (["listeners"], ...),
        (["listeners"], []),
        (["listeners", 0, "bind"], "8080"),
        (["listeners", 0, "mode"], "0690"),
        (["listeners", 0, "unknown"], 1),
        (["credentials", "chime", "type"], "magic"),
        (["credentials", "chime", "secretAccessKey"], ...),
        (["upstreams", "chime", "url"], "service.chime.aws.amazon.com"),
        (["upstreams", "chime", "region"], "US-EAST-1"),
        (["upstreams", "chime", "connectTimeout"], 2),
        (["upstreams", "chime", "connectTimeout"], "2 seconds"),
        (["upstreams", "chime", "maxConnections"], 0),
        (["callers", 0, "networks"], []),
        (["callers", 0, "networks"], ...),
        (["callers", 0, "name"], "*"),
        (["callers", 0, "tokenSha256"], "abc"),
        (["limits", "account", "rate"], "10"),
        (["limits", "account", "per"], "ip"),
        (["limits", "bad name"], {"rate": "1/s"}),
        (["routes", 0, "method"], "delete"),
        (["routes", 0, "path"], "phone-numbers"),
        (["routes", 0, "parameters", "phoneNumberId", "format"], "E164"),
        (["audit", "file", "sync"], "sometimes"),
        (["audit", "file", "path"], ...),
        (["drain"], {"delay": 1}),
        (["limitStore"], {}),
    ],
)
def test_refuses(path, value):
    assert list(VALIDATOR.iter_errors(replaced(path, value))) != []
