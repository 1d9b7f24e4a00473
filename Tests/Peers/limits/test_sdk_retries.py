"""What real SDKs make of the one 429. The table in Throttling.md is what is asserted, so page and SDKs cannot drift apart."""

import json
import pathlib
import re
import subprocess
import time

import pytest

from limits.limited import limited_config
from support.process import REPOSITORY, Gateway, basic_config, clean_environment
from support.upstream import Upstream, always, error
from support.wire import call

PAGE = REPOSITORY / "Sources/Gateway/Gateway.docc/Throttling.md"
PEERS = pathlib.Path(__file__).resolve().parents[1]
ENVIRONMENTS = {"1.43": ".venv", "1.44": ".venv-botocore-1.44"}
MODES = {"(default)": None, "legacy": "legacy", "standard": "standard", "adaptive": "adaptive"}


def table():
    """The rows of the table under "What SDKs do", by their first three columns."""
    section = PAGE.read_text().split("### What SDKs do", 1)[1].split("\n#", 1)[0]
    rows = [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in section.splitlines() if line.startswith("|")]
    assert rows[0] == ["botocore", "retry mode", "`throttleStyle".strip("`"), "exception", "attempts", "seconds between, told 3 s",
                       "seconds between, told an hour"], rows[0]
    return {tuple(row[:3]): row[3:] for row in rows[2:]}


def gaps(text):
    """`0–1, 0–2` as [(0.0, 1.0), (0.0, 2.0)]; `3` is the same whatever the dice show."""
    if text == "":
        return []
    ranges = [re.fullmatch(r"([0-9.]+)(?:–([0-9.]+))?", part.strip()) for part in text.split(",")]
    return [(float(low), float(high or low)) for low, high in (found.groups() for found in ranges)]


ROWS = table()


@pytest.fixture(scope="module")
def urls(tmp_path_factory):
    """By (style, what the caller is told): a gateway whose limit is used up for an hour, and one whose upstream always asks for 3 s."""
    throttling, answering = Upstream(), Upstream()
    throttling.script = always(error(429, "ThrottledClientException", headers=[("x-amz-retry-after", "3000")]))
    gateways = {}
    for style in ("modeled", "retryable"):
        config = limited_config(answering.url, {"hourly": {"rate": "1/h", "burst": 1, "per": "upstream"}}, style=style)
        gateways[style, "hour"] = Gateway(config, tmp_path_factory.mktemp(f"hour-{style}"))
        assert call(gateways[style, "hour"].address).status == 204
        config = basic_config(throttling.url)
        config["routes"][0]["throttleStyle"] = style
        gateways[style, "3 s"] = Gateway(config, tmp_path_factory.mktemp(f"seconds-{style}"))
    yield {key: gateway.url for key, gateway in gateways.items()}
    for gateway in gateways.values():
        gateway.kill()
    throttling.stop()
    answering.stop()


def run_program(environment, text):
    python = PEERS / environment / "bin/python"
    assert python.exists(), f"run setup.sh: the environment {environment} is missing"
    result = subprocess.run(
        [str(python), str(PEERS / "limits/sdk_program.py")],
        input=text,
        text=True,
        capture_output=True,
        timeout=100,
        env=clean_environment(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null"),
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture(scope="module")
def observed(urls):
    """By (version, mode, style, told, dice): what the SDK did. One process an environment."""
    found = {}
    for version, environment in ENVIRONMENTS.items():
        keys = [(m, s, told, dice) for m in MODES for s in ("modeled", "retryable") for told in ("3 s", "hour") for dice in (0.0, 1.0)]
        cases = [{"url": urls[style, told], "mode": MODES[mode], "random": dice} for mode, style, told, dice in keys]
        printed = run_program(environment, json.dumps(cases))
        assert printed["version"].startswith(version + "."), printed["version"]
        found |= {(version, *key): calls for key, calls in zip(keys, printed["calls"], strict=True)}
    return found


def test_the_table_has_a_row_for_every_case():
    assert set(ROWS) == {(v, m, s) for v in ENVIRONMENTS for m in MODES for s in ("modeled", "retryable")}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: "-".join(row).replace("(default)", "default"))
def test_the_sdk_does_what_the_table_says(observed, row):
    exception, attempts, *columns = ROWS[row]
    for told, column in zip(("3 s", "hour"), columns):
        expected = gaps(column)
        assert len(expected) == int(attempts) - 1
        for dice, end in ((0.0, 0), (1.0, 1)):
            found = observed[*row, told, dice]
            name, _, code = exception.partition(" ")
            assert found["exception"] == name.strip("`"), found
            assert found["code"] == (code.strip("()`") or name.strip("`")), found
            assert found["attempts"] == int(attempts), found
            assert found["gaps"] == pytest.approx([pair[end] for pair in expected], abs=0.002), found


RETRYING = """
import botocore, botocore.session, json
from botocore.config import Config
client = botocore.session.get_session().create_client(
    "chime-sdk-voice", endpoint_url={url!r}, config=Config(signature_version=botocore.UNSIGNED, region_name="us-east-1"))
results = [client.delete_phone_number(PhoneNumberId="+12065550100")["ResponseMetadata"] for _ in range(2)]
print(json.dumps([(result["HTTPStatusCode"], result["RetryAttempts"]) for result in results]))
"""


def test_a_retryable_throttle_ends_well_with_the_current_sdk_and_its_defaults(gateway, upstream):
    """It sleeps for as long as `x-amz-retry-after` says, and so needs one retry: its own dice would show less than the limit's second."""
    url = gateway(limited_config(upstream.url, {"slow": {"rate": "30/m", "burst": 1, "per": "upstream"}}, style="retryable")).url
    started = time.monotonic()
    result = subprocess.run(
        [str(PEERS / ".venv-botocore-1.44/bin/python"), "-c", RETRYING.format(url=url)],
        text=True,
        capture_output=True,
        timeout=60,
        env=clean_environment(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null"),
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == [[204, 0], [204, 1]]
    assert time.monotonic() - started >= 2
    assert len(upstream.requests) == 2
