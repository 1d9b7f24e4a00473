"""Who may do what: conditions on ids for a caller, and a policy that is only reported. Seen from the answer, the record and the metrics."""

import hashlib
import json
import os
import subprocess
import urllib.request

import pytest

from audit.trail import wait_for_records
from support.process import BINARY, basic_config
from support.wire import call

TOKENS = {"billing": "billing-token", "reports": "reports-token"}
PROTECTED = "+12065550199"


def digest(name):
    return hashlib.sha256(TOKENS[name].encode()).hexdigest()


def config(upstream, tmp_path, **route):
    made = basic_config(
        upstream.url,
        callers=[{"name": name, "tokenSha256": digest(name)} for name in TOKENS],
        audit={"file": {"path": str(tmp_path / "audit.jsonl"), "sync": "never"}},
    )
    made["routes"][0] |= {
        "parameters": {"phoneNumberId": {"format": "e164", "deny": [PROTECTED]}},
        "callers": ["billing", {"name": "reports", "parameters": {"phoneNumberId": {"allowPrefix": ["+1206"], "deny": ["+12065550111"]}}}],
    } | route
    return made


def delete(serving, number, caller=None, token=None):
    token = token or TOKENS.get(caller)
    return call(serving.address, target=f"/phone-numbers/{number}", headers=[("x-countersign-token", token)] if token else [])


def records(tmp_path, count):
    wait_for_records(tmp_path / "audit.jsonl", count)
    return [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "caller,number,status,reason",
    [
        ("billing", "+442079460000", 204, None),
        ("billing", "+12065550111", 204, None),
        ("reports", "+12065550100", 204, None),
        ("reports", "+442079460000", 403, "id/not-permitted"),
        ("reports", "+12065550111", 403, "id/not-permitted"),
        ("reports", "%2B12065550111", 403, "id/not-permitted"),
        ("billing", PROTECTED, 403, "id/protected"),
        ("reports", PROTECTED, 403, "id/protected"),
        (None, "+12065550100", 401, "caller/unknown"),
    ],
)
def test_what_a_caller_may_name(gateway, upstream, tmp_path, caller, number, status, reason):
    serving = gateway(config(upstream, tmp_path))
    found = delete(serving, number, caller)
    assert (found.status, found.first("countersign-reason")) == (status, reason)
    assert len(upstream.requests) == (1 if status == 204 else 0)
    if reason and caller:
        last = records(tmp_path, 1)[-1]
        assert last["stage"] == "refusal" and last["decision"]["reason"] == reason and last["caller"]["name"] == caller
        assert number.removeprefix("%2B").lstrip("+") not in found.body.decode()


@pytest.mark.parametrize("place", ["top", "route"])
def test_a_reported_policy_lets_through_and_says_so(gateway, upstream, tmp_path, place):
    made = config(upstream, tmp_path, **({"mode": "report"} if place == "route" else {}), callers=["billing"])
    if place == "top":
        made["mode"] = "report"
    serving = gateway(made)
    assert serving.wait_for_log(lambda r: r.get("message") == "policy is reported, not enforced" and r.get("operation") == "DeletePhoneNumber")
    expected = {}
    for caller, number, status, marked in [
        ("billing", "+12065550100", 204, None),
        ("reports", "+12065550101", 204, "caller/not-allowed"),
        (None, "+12065550102", 204, "caller/unknown"),
    ]:
        found = delete(serving, number, caller)
        assert (found.status, found.first("countersign-would-refuse")) == (status, marked)
        expected[found.first("countersign-id")] = (caller or "unrecognised", marked)
    # These are no matter of the policy.
    for caller, token, number, status, reason in [
        ("reports", None, PROTECTED, 403, "id/protected"),
        (None, None, PROTECTED, 403, "id/protected"),
        (None, "wrong", "+12065550103", 401, "caller/token"),
        (None, None, "nobody", 401, "caller/unknown"),
        ("reports", None, "nobody", 400, "id/not-e164"),
    ]:
        found = delete(serving, number, caller, token)
        assert (found.status, found.first("countersign-reason").split("/")[0]) == (status, reason.split("/")[0]), number
    assert len(upstream.requests) == 3
    written = records(tmp_path, 11)
    # An outcome may be written after the next request's intent, so records are known by their ids.
    allowed = [r for r in written if r["stage"] != "refusal"]
    assert {(r["id"], r["stage"]) for r in allowed} == {(id, stage) for id in expected for stage in ("intent", "outcome")}
    assert all((r["caller"]["name"], r["decision"].get("wouldRefuse")) == expected[r["id"]] for r in allowed)
    assert all((r["decision"].get("mode") == "report") == ("wouldRefuse" in r["decision"]) for r in written)
    assert [r["caller"] for r in written if r.get("status") == 401] == [None, None]
    metrics = urllib.request.urlopen(serving.admin_url + "/metrics", timeout=10).read().decode()
    for reason in ("caller/not-allowed", "caller/unknown"):
        assert f'countersign_would_refuse_total{{reason="{reason}"}} 1' in metrics
    found = subprocess.run(
        [BINARY, "audit", "query", "--json", "--would-refuse", str(tmp_path / "audit.jsonl")], capture_output=True, text=True
    )
    assert [json.loads(line)["seq"] for line in found.stdout.splitlines()] == [r["seq"] for r in written if "wouldRefuse" in r["decision"]]
    assert len(found.stdout.splitlines()) == 4
    table = subprocess.run([BINARY, "audit", "query", "--would-refuse", str(tmp_path / "audit.jsonl")], capture_output=True, text=True).stdout
    assert table.count("would refuse: caller/not-allowed") == table.count("would refuse: caller/unknown") == 2
    assert subprocess.run([BINARY, "audit", "verify", str(tmp_path / "audit.jsonl")], capture_output=True).returncode == 0


def test_one_route_enforces_beside_a_reported_one(gateway, upstream, tmp_path):
    made = config(upstream, tmp_path, callers=["billing"])
    made["mode"] = "report"
    made["routes"].append({"operation": "GetPhoneNumber", "method": "GET", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime",
                           "callers": ["billing"], "mode": "enforce"})  # fmt: skip
    serving = gateway(made)
    for caller, status in [("billing", 204), ("reports", 403), (None, 401)]:
        headers = [("x-countersign-token", TOKENS[caller])] if caller else []
        assert call(serving.address, method="GET", target="/phone-numbers/1", headers=headers).status == status
    assert delete(serving, "+12065550100", "reports").status == 204


def test_the_unrecognised_are_limited_together(gateway, upstream, tmp_path):
    made = config(upstream, tmp_path, callers=["billing"], mode="report", limits=["fair"])
    made["limits"] = {"fair": {"rate": "1/h", "burst": 2, "per": "caller"}}
    serving = gateway(made)
    assert [delete(serving, f"+1206555010{n}").status for n in range(4)] == [204, 204, 429, 429]
    assert [delete(serving, f"+1206555010{n}", "billing").status for n in range(3)] == [204, 204, 429]


def test_two_proofs_over_a_unix_socket(gateway, upstream, tmp_path):
    made = config(upstream, tmp_path, callers=["cron"])
    proofs = [{"unixUid": os.getuid()}, {"tokenSha256": digest("billing")}]
    made["callers"] = [{"name": "cron", "allOf": proofs}, {"name": "anybody", "unixUid": os.getuid()}]
    made["listeners"] = [{"bind": f"unix:{tmp_path}/gateway.sock"}]
    gateway(made)

    def curl(*options):
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %header{countersign-reason}", "-X", "DELETE"]
        url = "http://gateway/phone-numbers/+12065550100"
        return subprocess.run(command + ["--unix-socket", f"{tmp_path}/gateway.sock", *options, url], capture_output=True, text=True).stdout

    assert curl("-H", f"x-countersign-token: {TOKENS['billing']}").strip() == "204"
    assert curl() == "403 caller/not-allowed"
    assert curl("-H", "x-countersign-token: wrong") == "401 caller/token"
    callers = [(r["stage"], r["caller"]) for r in records(tmp_path, 4)]
    cron = {"name": "cron", "proof": "unixUid+token"}
    for expected in [("intent", cron), ("outcome", cron), ("refusal", {"name": "anybody", "proof": "unixUid"}), ("refusal", None)]:
        assert expected in callers
