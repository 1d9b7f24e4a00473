"""The AWS SDK for Go v2, as Debian has it: its path, its signature that is dropped, its exceptions and its retries."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from support.process import basic_config, clean_environment

SOURCE = pathlib.Path(__file__).parent / "support/go/client.go"
# golang-github-aws-aws-sdk-go-v2-dev
LIBRARIES = "/usr/share/gocode"


@pytest.fixture(scope="module")
def delete(tmp_path_factory):
    """`delete(url, number, ...)`: what the SDK made of each answer."""
    folder = tmp_path_factory.mktemp("go")
    assert shutil.which("go") and os.path.isdir(f"{LIBRARIES}/src/github.com/aws/aws-sdk-go-v2"), "missing: deploy/packages.sh test"
    # From Debian's sources alone: nothing is downloaded.
    environment = clean_environment(
        GO111MODULE="off", GOPATH=LIBRARIES, GOCACHE=str(folder / "cache"), GOPROXY="off", GOFLAGS="", GOTOOLCHAIN="local", CGO_ENABLED="0",
    )  # fmt: skip
    subprocess.run(["go", "build", "-o", folder / "client", SOURCE], env=environment, check=True, timeout=600)

    def delete(url, *numbers):
        found = subprocess.run([folder / "client", url, *numbers], env=clean_environment(), capture_output=True, text=True, timeout=120)
        assert found.returncode == 0, found.stderr
        return [json.loads(line) for line in found.stdout.splitlines()]

    return delete


def test_deletes_a_number(gateway, double, delete):
    chime = double()
    [found] = delete(gateway(basic_config(chime.url)).url, "+12065550100")
    assert (found["status"], found["attempts"]) == (204, 1)
    [request] = chime.requests
    assert request["signatureVerified"] and request["status"] == 204
    assert request["target"] == "/phone-numbers/%2B12065550100"


def test_each_refusal_is_the_modelled_exception(gateway, double, delete):
    config = basic_config(double().url)
    config["routes"][0]["parameters"]["phoneNumberId"]["deny"] = ["+12065550199"]
    config["callers"] = [{"name": "here", "networks": ["127.0.0.0/8"]}]
    url = gateway(config).url
    for number, status, code, reason in [
        ("+12065550199", 403, "ForbiddenException", "id/protected"),
        # The SDK encodes by itself: an id that is encoded already arrives encoded twice.
        ("%2B12065550100", 400, "BadRequestException", "id/double-encoded"),
        ("12065550100", 400, "BadRequestException", "id/format"),
    ]:
        [found] = delete(url, number)
        assert (found["status"], found["code"], found["modelled"], found["reason"]) == (status, code, code, reason), found
        assert found["message"] and found["attempts"] == 1
    config["callers"] = [{"name": "elsewhere", "networks": ["192.0.2.0/24"]}]
    [found] = delete(gateway(config).url, "+12065550100")
    assert (found["status"], found["modelled"], found["reason"]) == (401, "UnauthorizedClientException", "caller/unknown")


def test_a_throttle_is_told_or_tried_again(gateway, double, delete):
    config = basic_config(double().url)
    config["limits"] = {"account": {"rate": "1/h", "burst": 1, "per": "upstream"}}
    for style, code, modelled, attempts in [
        ("modeled", "ThrottledClientException", "ThrottledClientException", 1), ("retryable", "ThrottlingException", "", 3),
    ]:  # fmt: skip
        config["routes"][0] |= {"limits": ["account"], "throttleStyle": style}
        first, second = delete(gateway(config).url, "+12065550100", "+12065550101")
        assert (first["status"], first["attempts"]) == (204, 1)
        assert (second["status"], second["code"], second["modelled"], second["attempts"]) == (429, code, modelled, attempts), second
        assert second["reason"] == "limit/account"
