"""`countersign audit query` over trails that were written here."""

import datetime
import hashlib
import hmac
import json

import pytest

from audit.trail import audit, body, chain

NOW = datetime.datetime.now(datetime.timezone.utc)


def stamp(**delta):
    return (NOW + datetime.timedelta(**delta)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture
def trail(tmp_path):
    bodies = [
        body("intent", "a", time=stamp(days=-9)),
        body("outcome", "a", time=stamp(days=-9), restorableUntil=stamp(days=-2)),
        body("intent", "b", "+12065550101", time=stamp(days=-1), caller={"name": "local", "proof": "network"}),
        body("outcome", "b", "+12065550101", time=stamp(days=-1), restorableUntil=stamp(days=6), caller={"name": "local", "proof": "network"}),
        body("refusal", "c", "+12065550102", time=stamp(hours=-1)),
        body("intent", "d", "+12065550103", time=stamp(minutes=-5)),
        body("refusal", "e", time=stamp(minutes=-1), caller=None, operation=None, subject=None),
    ]
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(chain(bodies)))
    return path


def ids(*arguments):
    found = audit("query", "--json", *arguments)
    assert found.returncode == 0, found
    return [json.loads(line)["id"] + json.loads(line)["stage"][0] for line in found.stdout.splitlines()]


@pytest.mark.parametrize(
    "arguments,expected",
    [
        ([], "ai ao bi bo cr di er"),
        (["--caller", "local"], "bi bo"),
        (["--caller", "nobody"], ""),
        (["--subject", "+12065550100"], "ai ao"),
        (["--stage", "refusal"], "cr er"),
        (["--operation", "DeletePhoneNumber", "--stage", "intent"], "ai bi di"),
        (["--status", "429"], "cr er"),
        (["--id", "b"], "bi bo"),
        (["--since", stamp(hours=-2)], "cr di er"),
        (["--until", stamp(days=-2)], "ai ao"),
        (["--since", stamp(days=-2), "--until", stamp(hours=-2)], "bi bo"),
        (["--orphans"], "di"),
        (["--orphans", "--caller", "local"], ""),
        (["--restorable"], "bo"),
        (["--restorable", "--caller", "billing"], ""),
    ],
)
def test_filters(trail, arguments, expected):
    assert ids(trail, *arguments) == expected.split()


def test_table(trail):
    found = audit("query", trail, "--subject", "+12065550101")
    header, intent, outcome = found.stdout.decode().splitlines()
    assert header.split() == ["SEQ", "TIME", "STAGE", "CALLER", "OPERATION", "SUBJECT", "STATUS", "RESULT", "ID"]
    assert intent.split()[2:6] == ["intent", "local", "DeletePhoneNumber", "+12065550101"]
    assert outcome.split()[5:] == ["+12065550101", "204", "answered", "b"]
    restorable = audit("query", trail, "--restorable").stdout.decode().splitlines()[1]
    assert restorable.endswith(stamp(days=6))
    assert audit("query", trail, "--caller", "nobody").stdout == b"no records\n"


def test_json_lines_are_those_of_the_trail(trail):
    assert audit("query", "--json", trail).stdout == trail.read_bytes()


def test_pseudonym_is_found_with_its_key(tmp_path):
    key = b"0123456789abcdef0123456789abcdef"
    code = hmac.new(key, b"+12065550100", hashlib.sha256).hexdigest()
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(chain([body(id="a", subject={"phoneNumberId": f"+1:hmac-sha256:{code}"}), body(id="b")])))
    key_file = tmp_path / "key"
    key_file.write_bytes(key + b"\n")
    assert ids(path, "--subject", "+12065550100", "--subject-key-file", key_file) == ["ai", "bi"]
    assert ids(path, "--subject", "+12065550100") == ["bi"]
    assert audit("query", path, "--subject", "+1", "--subject-key-file", tmp_path / "none").returncode == 2


def test_last4_is_found_by_its_digits(tmp_path):
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b"".join(chain([body(id="a", subject={"phoneNumberId": "\u20260100"}), body(id="b", number="+12065550101")])))
    assert ids(path, "--subject", "+12065550100") == ["ai"]


@pytest.mark.parametrize(
    "arguments", [["--since", "yesterday"], ["--stage", "other"], ["--orphans", "--restorable"], ["--subject-key-file", "x"]]
)
def test_usage_mistakes(trail, arguments):
    assert audit("query", trail, *arguments).returncode == 64


def test_lines_that_are_no_records_are_counted(trail):
    trail.write_bytes(trail.read_bytes() + b"{}\nnonsense\n")
    found = audit("query", "--json", trail)
    assert found.returncode == 0
    assert b"2 lines are no records" in found.stderr


def test_unreadable(tmp_path):
    assert audit("query", tmp_path / "none").returncode == 2
