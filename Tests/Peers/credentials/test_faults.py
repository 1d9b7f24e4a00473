"""Sources of credentials that hang, refuse, go in a circle or change under way; and which of several counts."""

import http.server
import json
import socket
import threading
import time

import pytest

from credentials.services import KeyService, Sts, as_botocore_sees, config
from credentials.test_rotation import key_of
from support.expect import refusal
from support.process import clean_environment
from support.wire import call

ROLE = "arn:aws:iam::123456789012:role/phone-numbers"


def cause(serving):
    failed = serving.wait_for_log(lambda r: r.get("message") == "credentials not fetched")
    assert failed, serving.stderr
    return failed["cause"]


def eventually(holds):
    deadline = time.monotonic() + 60
    while not (found := holds()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


# MARK: - Instance metadata


def test_an_instance_whose_answers_do_not_reach_a_container(gateway, upstream):
    """With a hop limit of 1 the request arrives, and the answer to the PUT dies on its way."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = "http://127.0.0.1:%d" % silent.getsockname()[1]
        serving = gateway(config(upstream, {"type": "imds", "endpoint": endpoint, "timeout": "200ms"}))
        words = cause(serving)
        assert f"the instance metadata service at {endpoint}: " in words and "hop limit must be 2" in words
        refusal(call(serving.address), 503, "credentials/unavailable")
        # Tried again and again.
        silent.settimeout(60)
        for _ in range(3):
            silent.accept()[0].close()
    assert upstream.requests == []


def test_an_instance_with_version_1_alone_is_not_asked_for_keys(gateway, upstream):
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_PUT(self):
            asked.append("PUT " + self.path)
            self.send_error(405)

        def do_GET(self):
            asked.append("GET " + self.path)
            self.send_error(500)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        serving = gateway(config(upstream, {"type": "imds", "endpoint": f"http://127.0.0.1:{server.server_port}", "timeout": "10s"}))
        assert "version 2 of the service is needed" in cause(serving)
        eventually(lambda: len(asked) > 1)
        assert set(asked) == {"PUT /latest/api/token"}
    finally:
        server.shutdown()
        server.server_close()


# MARK: - Tokens that are renewed


def test_the_token_of_a_container_is_read_for_each_fetch(gateway, upstream, tmp_path, service):
    """EKS Pod Identity: the agent takes the token that the file holds now."""
    agent = service(KeyService, life=6, authorization="first-canary")
    token = tmp_path / "token"
    token.write_text("first-canary")
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + "/keys", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)}
    serving = gateway(config(upstream, {"type": "container"}), environment=environment)
    assert call(serving.address).status == 204
    token.write_text("second-canary")
    agent.authorization = "second-canary"
    eventually(lambda: call(serving.address).status == 204 and key_of(upstream.requests[-1]) != key_of(upstream.requests[0]))
    assert "canary" not in serving.stderr


def test_the_token_of_a_web_identity_is_read_for_each_fetch(gateway, upstream, tmp_path, service):
    sts = service(Sts, life=6)
    token = tmp_path / "token"
    token.write_text("first-canary\n")
    web = {"type": "webIdentity", "roleArn": ROLE, "tokenFile": str(token), "stsEndpoint": sts.url, "sessionName": "numbers", "duration": "15m"}
    serving = gateway(config(upstream, web))
    assert call(serving.address).status == 204
    first = sts.forms[0]
    assert first == {
        "Action": "AssumeRoleWithWebIdentity", "Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "numbers",
        "DurationSeconds": "900", "WebIdentityToken": "first-canary",
    }  # fmt: skip
    assert sts.dates == [], "the token is the proof, nothing is signed"
    token.write_text("second-canary")
    eventually(lambda: sts.forms[-1]["WebIdentityToken"] == "second-canary")
    eventually(lambda: call(serving.address).status == 204 and key_of(upstream.requests[-1]) != "ASIAROLE0000000")
    assert "canary" not in serving.stderr


# MARK: - Roles


def test_a_role_is_asked_for_as_configured(gateway, upstream, service):
    sts = service(Sts)
    base = {"type": "static", "accessKeyId": "AKIABASE", "secretAccessKey": "base/secret"}
    role = {"type": "assumeRole", "roleArn": ROLE, "source": "base", "externalId": "ext+1=,.@:/_-", "sessionName": "tests", "duration": "15m"}
    serving = gateway(config(upstream, role | {"stsEndpoint": sts.url, "region": "us-east-1"}, base=base))
    assert call(serving.address).status == 204
    assert sts.forms == [
        {
            "Action": "AssumeRole", "Version": "2011-06-15", "RoleArn": ROLE, "RoleSessionName": "tests", "ExternalId": "ext+1=,.@:/_-",
            "DurationSeconds": "900",
        }
    ]  # fmt: skip


def test_profiles_that_lead_in_a_circle_are_refused(gateway, upstream, tmp_path):
    (tmp_path / "config").write_text(
        f"[profile a]\nrole_arn = {ROLE}\nsource_profile = b\n[profile b]\nrole_arn = {ROLE}\nsource_profile = a\n"
    )
    made = {"type": "profile", "profile": "a", "configFile": str(tmp_path / "config"), "credentialsFile": str(tmp_path / "none")}
    serving = gateway(config(upstream, made))
    assert "a -> b -> a" in cause(serving)
    refusal(call(serving.address), 503, "credentials/unavailable")


# MARK: - A program


def test_a_program_is_named_and_what_it_prints_is_not(gateway, upstream, tmp_path):
    program = tmp_path / "keys"
    program.write_text("#!/bin/sh\necho canary-on-stdout $1\necho canary-on-stderr >&2\nexit 3\n")
    program.chmod(0o755)
    (tmp_path / "config").write_text(f"[default]\ncredential_process = {program} --secret canary-argument\n")
    made = {"type": "profile", "configFile": str(tmp_path / "config"), "credentialsFile": str(tmp_path / "none")}
    serving = gateway(config(upstream, made))
    assert f"the credential_process {program} failed (status 3)" in cause(serving)
    assert "canary" not in serving.stderr


# MARK: - The usual order


@pytest.fixture
def places(tmp_path, service):
    """The steps of the chain in their order: what each needs in the environment, and whose key is used then."""
    sts, container, instance = service(Sts), service(KeyService), service(KeyService)
    token = tmp_path / "token"
    token.write_text("token")
    credentials = tmp_path / "credentials"
    credentials.touch(mode=0o600)
    credentials.write_text("[default]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = p\n")
    return [
        ({"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "e"}, lambda: {"AKIAENV"}),
        ({"AWS_WEB_IDENTITY_TOKEN_FILE": str(token), "AWS_ROLE_ARN": ROLE, "AWS_ENDPOINT_URL_STS": sts.url}, lambda: set(sts.grants)),
        ({"AWS_SHARED_CREDENTIALS_FILE": str(credentials)}, lambda: {"AKIAPROFILE"}),
        ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": container.url + "/keys"}, lambda: set(container.grants)),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": instance.url}, lambda: set(instance.grants)),
    ]


@pytest.mark.parametrize("first", range(5))
def test_the_first_place_that_is_configured_counts(gateway, upstream, tmp_path, places, first):
    environment = {"HOME": str(tmp_path), "AWS_REGION": "us-east-1"}
    for needs, _ in places[first:]:
        environment |= needs
    serving = gateway(config(upstream, {"type": "chain"}), environment=environment)
    assert call(serving.address).status == 204
    allowed = places[first][1]()
    assert key_of(upstream.requests[-1]) in allowed
    assert as_botocore_sees(clean_environment(**environment))[0] in places[first][1]()


def test_a_place_that_fails_is_not_passed_over(gateway, upstream, tmp_path, places):
    environment = {"HOME": str(tmp_path)} | places[1][0] | places[2][0] | {"AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "gone")}
    serving = gateway(config(upstream, {"type": "chain"}), environment=environment)
    assert "the token file" in cause(serving)
    refusal(call(serving.address), 503, "credentials/unavailable")
    assert json.dumps("AKIAPROFILE") not in serving.stderr and upstream.requests == []
