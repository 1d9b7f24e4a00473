"""Trails written by the rule of the documentation, to give to `countersign audit`, and what the audit tests share."""

import hashlib
import json
import pathlib
import subprocess
import time

from support.process import BINARY, REPOSITORY, basic_config, clean_environment

SCHEMA = json.loads((REPOSITORY / "deploy/audit.schema.json").read_text())


def line(sequence, previous, body):
    """One record as bytes, newline included, and its hash. `body` holds the members between `seq` and `prev`."""
    members = json.dumps({"v": 1, "seq": sequence} | body, separators=(",", ":"), ensure_ascii=False)
    covered = f'{members[:-1]},"prev":"{previous}"'.encode()
    digest = hashlib.sha256(covered).hexdigest()
    return covered + f',"hash":"{digest}"}}\n'.encode(), digest


def chain(bodies, sequence=1, previous="0" * 64):
    """The lines of a trail."""
    lines = []
    for body in bodies:
        data, previous = line(sequence, previous, body)
        lines.append(data)
        sequence += 1
    return lines


def body(stage="intent", id="id-1", number="+12065550100", time="2026-02-01T00:00:00.000Z", **members):
    found = {
        "time": time,
        "stage": stage,
        "id": id,
        "instance": "gw-1",
        "caller": {"name": "billing", "proof": "token"},
        "source": "192.0.2.1:4711",
        "method": "DELETE",
        "target": f"/phone-numbers/{number.replace('+', '%2B')}",
        "operation": "DeletePhoneNumber",
        "subject": {"phoneNumberId": number},
        "upstream": "chime",
        "region": "us-east-1",
        "accessKeyId": "AKIDEXAMPLE",
        "decision": {"verdict": "allowed", "waitMs": 0},
    }
    if stage == "outcome":
        found["decision"]["state"] = "answered"
        found |= {"status": 204, "origin": "upstream", "attempts": 1, "durationMs": 1.5}
    if stage == "refusal":
        found["decision"] = {"verdict": "refused", "reason": "limit/account", "waitMs": 0}
        found |= {"status": 429, "origin": "gateway", "errorType": "ThrottledClientException", "durationMs": 0.1}
    return found | members


def simple_trail(count=8):
    return chain(body("intent" if n % 2 == 0 else "outcome", id=f"id-{n // 2}") for n in range(count))


def audit(*arguments, stdin=None):
    """Runs `countersign audit …`."""
    return subprocess.run(
        [str(BINARY), "audit", *map(str, arguments)], input=stdin, capture_output=True, timeout=60, env=clean_environment()
    )


def audited_config(upstream_url, path, sync="always", subject=None, **changes):
    """The basic configuration with a trail."""
    audit = {"file": {"path": str(path), "sync": sync}}
    return basic_config(upstream_url, audit=audit | (subject or {}), **changes)


def wait_for_records(path, count, timeout=60):
    """The bytes of a trail once it has that many records."""
    deadline = time.monotonic() + timeout
    while True:
        data = pathlib.Path(path).read_bytes() if pathlib.Path(path).exists() else b""
        found = data.count(b"\n")
        if found >= count:
            return data
        assert time.monotonic() < deadline, f"{found} records, not {count}"
        time.sleep(0.01)
