"""config.example.json works once two values are filled in: by the environment or in the file, for check and for serve."""

import json
import re
import subprocess

import pytest

from readme.document import ROOT
from support.process import ACCESS_KEY, BINARY, SECRET_KEY, Double, Gateway, clean_environment
from support.wire import call

EXAMPLE = (ROOT / "config.example.json").read_text()
VALUES = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def check(folder, **environment):
    command = [str(BINARY), "check"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, env=clean_environment(**environment))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text(EXAMPLE)
    return tmp_path


def test_two_values_are_missing_and_nothing_else(folder):
    assert set(re.findall(r"\$\{(\w+)\}", EXAMPLE)) == VALUES.keys()
    found = check(folder)
    assert found.returncode == 78 and "2 mistakes" in found.stderr
    for name in VALUES:
        assert f"the environment variable {name} is not set" in found.stderr


def test_the_schema_that_it_names_is_there():
    assert (ROOT / json.loads(EXAMPLE)["$schema"]).exists()


def test_by_the_environment(folder):
    found = check(folder, **VALUES)
    assert found.returncode == 0 and not found.stderr and "is valid" in found.stdout


def test_in_the_file(folder):
    text = EXAMPLE
    for name, value in VALUES.items():
        text = text.replace("${" + name + "}", value)
    (folder / "config.json").write_text(text)
    (folder / "config.json").chmod(0o644)
    found = check(folder)
    assert found.returncode == 0 and "is valid" in found.stdout
    assert "chmod 600" in found.stderr and SECRET_KEY not in found.stderr + found.stdout
    (folder / "config.json").chmod(0o600)
    assert check(folder).stderr == ""


def test_it_serves(folder):
    """As it is, but for the address of the service and the ports, which may be taken here."""
    double = Double(folder)
    try:
        config = json.loads(EXAMPLE)
        config["upstreams"]["chime"]["url"] = double.url
        for entry in (*config["listeners"], config["admin"]):
            entry["bind"] = "127.0.0.1:0"
        running = Gateway(config, folder, environment=VALUES)
        try:
            assert call(running.address).status == 204
            found = call(running.address, target="/phone-numbers/+12065550199")
            assert (found.status, found.first("countersign-reason")) == (403, "id/protected")
            running.stop()
        finally:
            running.kill()
        assert [request["signatureVerified"] for request in double.requests] == [True]
        trail = folder / config["audit"]["file"]["path"]
        found = subprocess.run([str(BINARY), "audit", "verify", str(trail)], capture_output=True, text=True, timeout=60)
        assert found.returncode == 0 and "3 records" in found.stdout, found.stdout + found.stderr
    finally:
        double.stop()
