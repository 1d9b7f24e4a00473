"""boto3 and the AWS CLI work with the endpoint URL alone, unsigned or with dummy keys, and raise the modelled exceptions."""

import json
import os
import pathlib
import subprocess
import sys

import boto3
import botocore
import botocore.exceptions
import pytest
from botocore.config import Config

from support.process import SECRET_KEY, basic_config, clean_environment, more_routes
from support.upstream import answer, error

NUMBER = "+12065550100"
ERRORS = [
    (400, "BadRequestException"),
    (401, "UnauthorizedClientException"),
    (403, "ForbiddenException"),
    (404, "NotFoundException"),
    (429, "ThrottledClientException"),
    (500, "ServiceFailureException"),
    (503, "ServiceUnavailableException"),
]
SERVICES = ["chime", "chime-sdk-voice"]
HERE = pathlib.Path(__file__).parent


@pytest.fixture
def client(monkeypatch, tmp_path):
    """`client(service, gateway_url, signed)`: what a service would write, with nothing but the endpoint URL in its environment."""

    def make(service, url, signed, attempts=1):
        for name in list(os.environ):
            if name.startswith("AWS_"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        config = Config(
            region_name="us-east-1",
            retries={"total_max_attempts": attempts},
            signature_version=None if signed else botocore.UNSIGNED,
        )
        session = boto3.session.Session(
            aws_access_key_id="AKIDDUMMY" if signed else None, aws_secret_access_key="dummy" if signed else None
        )
        return session.client(service, config=config)

    return make


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "dummy-keys"])
@pytest.mark.parametrize("service", SERVICES)
def test_deletes_a_number_through_the_gateway(gateway, double, client, service, signed):
    chime = double()
    url = gateway(basic_config(chime.url)).url
    result = client(service, url, signed).delete_phone_number(PhoneNumberId=NUMBER)["ResponseMetadata"]
    assert result["HTTPStatusCode"] == 204
    assert result["RetryAttempts"] == 0
    assert result["HTTPHeaders"]["countersign-origin"] == "upstream"
    [request] = chime.requests
    assert request["signatureVerified"] and request["status"] == 204
    assert request["target"] == "/phone-numbers/%2B12065550100"
    assert request["canonicalRequest"].startswith("DELETE\n/phone-numbers/%252B12065550100\n\n")


@pytest.mark.parametrize("service", SERVICES)
def test_the_deletion_queue_can_be_seen_and_undone(gateway, double, client, service):
    chime = double()
    config = more_routes(basic_config(chime.url))
    config["routes"] += [
        {"operation": "GetPhoneNumber", "method": "GET", "path": "/phone-numbers/{phoneNumberId}", "upstream": "chime"},
    ]
    config["routes"][2] |= {"operation": "RestorePhoneNumber", "query": True}
    client = client(service, gateway(config).url, False)
    client.delete_phone_number(PhoneNumberId=NUMBER)
    [listed] = client.list_phone_numbers(Status="DeleteInProgress", MaxResults=5)["PhoneNumbers"]
    assert listed["E164PhoneNumber"] == NUMBER
    assert client.get_phone_number(PhoneNumberId=NUMBER)["PhoneNumber"]["DeletionTimestamp"] == listed["DeletionTimestamp"]
    assert client.restore_phone_number(PhoneNumberId=NUMBER)["PhoneNumber"]["Status"] == "Unassigned"
    assert client.list_phone_numbers(Status="DeleteInProgress")["PhoneNumbers"] == []
    assert all(request["signatureVerified"] for request in chime.requests)


@pytest.mark.parametrize("status,name", ERRORS, ids=[name for _, name in ERRORS])
@pytest.mark.parametrize("service", SERVICES)
def test_each_error_arrives_as_the_modelled_exception(plain_pair, client, service, status, name):
    gateway, upstream = plain_pair
    upstream.script = lambda request, connection: connection.send(
        error(status, name, request_id=f"request-of-{name}", code=name.removesuffix("Exception"))
    )
    chime = client(service, gateway.url, True)
    with pytest.raises(getattr(chime.exceptions, name)) as raised:
        chime.delete_phone_number(PhoneNumberId=NUMBER)
    found = raised.value.response
    assert found["Error"]["Code"] == name
    assert found["ResponseMetadata"]["HTTPStatusCode"] == status
    assert found["ResponseMetadata"]["RequestId"] == f"request-of-{name}"
    assert found["ResponseMetadata"]["HTTPHeaders"]["countersign-origin"] == "upstream"
    assert len(upstream.requests) == 1
    if status != 429:
        assert found["Error"]["Message"] == "said by the upstream"


def test_the_special_numbers_of_the_double_raise_their_exceptions(gateway, double, client):
    chime = double()
    client = client("chime-sdk-voice", gateway(basic_config(chime.url)).url, False)
    for status, name in ERRORS:
        with pytest.raises(getattr(client.exceptions, name)):
            client.delete_phone_number(PhoneNumberId=f"+12065550{status}")
    assert [request["status"] for request in chime.requests] == [status for status, _ in ERRORS]
    assert all(request["signatureVerified"] for request in chime.requests)


@pytest.mark.parametrize(
    "identifier,name",
    [("%2B12065550100", "BadRequestException"), (" 12065550100", "BadRequestException"), ("12065550100", "BadRequestException")],
)
def test_a_refusal_is_a_modelled_exception_too(plain_pair, client, identifier, name):
    gateway, upstream = plain_pair
    chime = client("chime", gateway.url, False)
    with pytest.raises(getattr(chime.exceptions, name)) as raised:
        chime.delete_phone_number(PhoneNumberId=identifier)
    assert raised.value.response["ResponseMetadata"]["HTTPHeaders"]["countersign-origin"] == "gateway"
    assert raised.value.response["ResponseMetadata"]["RequestId"]
    assert upstream.requests == []


def test_a_retry_by_the_sdk_succeeds(plain_pair, client):
    gateway, upstream = plain_pair
    upstream.scripts = [lambda request, connection: connection.send(error(503, "ServiceUnavailableException"))]
    result = client("chime", gateway.url, True, attempts=3).delete_phone_number(PhoneNumberId=NUMBER)
    assert result["ResponseMetadata"]["RetryAttempts"] == 1
    assert len(upstream.requests) == 2


def aws(url, tmp_path, *arguments, **environment):
    return subprocess.run(
        [str(pathlib.Path(sys.executable).parent / "aws"), *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(
            AWS_ENDPOINT_URL=url,
            AWS_DEFAULT_REGION="us-east-1",
            AWS_CONFIG_FILE=str(tmp_path / "none"),
            AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "none"),
            AWS_EC2_METADATA_DISABLED="true",
            AWS_MAX_ATTEMPTS="1",
            **environment,
        ),
    )


DUMMY = {"AWS_ACCESS_KEY_ID": "AKIDDUMMY", "AWS_SECRET_ACCESS_KEY": "dummy"}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("flags,environment", [(["--no-sign-request"], {}), ([], DUMMY)], ids=["unsigned", "dummy-keys"])
def test_the_cli_deletes_a_number(gateway, double, tmp_path, service, flags, environment):
    chime = double()
    url = gateway(basic_config(chime.url)).url
    result = aws(url, tmp_path, service, "delete-phone-number", "--phone-number-id", NUMBER, *flags, **environment)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    [request] = chime.requests
    assert request["signatureVerified"] and request["status"] == 204


@pytest.mark.parametrize("status,name", ERRORS, ids=[name for _, name in ERRORS])
def test_the_cli_names_the_error(gateway, double, tmp_path, status, name):
    chime = double()
    url = gateway(basic_config(chime.url)).url
    arguments = ["chime", "delete-phone-number", "--phone-number-id", f"+12065550{status}", "--no-sign-request"]
    result = aws(url, tmp_path, *arguments)
    assert result.returncode == 254 or result.returncode == 255
    assert f"({name})" in result.stderr
    assert len(chime.requests) == 1


def test_botocore_1_44_is_served_alike(gateway, double):
    """The newer botocore has a virtual environment of its own."""
    chime = double()
    url = gateway(basic_config(chime.url)).url
    python = HERE / ".venv-botocore-1.44/bin/python"
    assert python.exists(), "run setup.sh: the environment .venv-botocore-1.44 is missing"
    program = """
import boto3, botocore, json
from botocore.config import Config
client = boto3.client("chime-sdk-voice", config=Config(signature_version=botocore.UNSIGNED, region_name="us-east-1"))
status = client.delete_phone_number(PhoneNumberId="+12065550100")["ResponseMetadata"]["HTTPStatusCode"]
try:
    client.delete_phone_number(PhoneNumberId="+12065550404")
except client.exceptions.NotFoundException as error:
    name = error.response["Error"]["Code"]
print(json.dumps([botocore.__version__, status, name]))
"""
    result = subprocess.run(
        [str(python), "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env=clean_environment(AWS_ENDPOINT_URL=url, AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null"),
    )
    assert result.returncode == 0, result.stderr
    version, status, name = json.loads(result.stdout)
    assert version.startswith("1.44.") and status == 204 and name == "NotFoundException"


def test_no_secret_and_no_number_in_the_log(gateway, upstream, client):
    upstream.script = lambda request, connection: connection.send(answer())
    running = gateway(basic_config(upstream.url))
    client("chime", running.url, True).delete_phone_number(PhoneNumberId=NUMBER)
    running.stop()
    signature = upstream.requests[0].first("authorization").rpartition("Signature=")[2]
    for secret in (SECRET_KEY, signature, "2065550100", "AKIDDUMMY"):
        assert secret not in running.stderr
