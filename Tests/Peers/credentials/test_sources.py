"""Every source of credentials, with botocore as the judge of what it gives and moto's server as STS."""

import json
import subprocess
import sys
import urllib.request

import pytest

from credentials.services import Moto, as_botocore_sees, config
from support.process import BINARY, clean_environment
from support.wire import call

ROLE = "arn:aws:iam::123456789012:role/phone-numbers"


@pytest.fixture(scope="module")
def moto(tmp_path_factory):
    server = Moto(tmp_path_factory.mktemp("moto"))
    yield server
    server.stop()


def used(upstream):
    """(key id, token) of the last signed request."""
    last = upstream.requests[-1]
    return last.first("authorization").split("Credential=")[1].split("/")[0], last.first("x-amz-security-token")


def signature_of(upstream, secret):
    """What `countersign sign` makes of the last request with that secret: the check that the secret was the right one."""
    last = upstream.requests[-1]
    key, token = used(upstream)
    date = last.first("x-amz-date")
    at = f"{date[:4]}-{date[4:6]}-{date[6:11]}:{date[11:13]}:{date[13:]}"
    command = [
        str(BINARY), "sign", "--access-key-id", key, "--secret-access-key", secret, "--service", "chime", "--region", "us-east-1",
        "--at", at, "--json", *(["--session-token", token] if token else []), "DELETE", upstream.url + last.target,
    ]  # fmt: skip
    found = subprocess.run(command, capture_output=True, text=True, env=clean_environment())
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)["authorization"]


def assert_signed_with(upstream, serving, access_key, secret, token):
    assert call(serving.address).status == 204
    assert used(upstream) == (access_key, token)
    assert upstream.requests[-1].first("authorization") == signature_of(upstream, secret)
    for text in (serving.stderr, urllib.request.urlopen(serving.admin_url + "/status", timeout=10).read().decode()):
        assert secret not in text and (token is None or token not in text)


def ready(serving):
    try:
        return urllib.request.urlopen(serving.admin_url + "/ready", timeout=10).read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


# MARK: - Sources that botocore reads, too


def profile_files(folder, process):
    (folder / "config").write_text(
        f"[profile plain]\naws_access_key_id = AKIAPLAIN\naws_secret_access_key = plain/secret\n"
        f"[profile process]\ncredential_process = {process}\n"
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = plain\nexternal_id = ext\nregion = us-east-1\n"
        f"[profile twice]\nrole_arn = {ROLE}-two\nsource_profile = role\n"
    )
    (folder / "credentials").touch(mode=0o600)
    (folder / "credentials").write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = default/secret\naws_session_token = default-token\n"
    )
    return {"AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials")}


@pytest.fixture
def process(tmp_path):
    program = tmp_path / "give keys.py"
    document = {"Version": 1, "AccessKeyId": "AKIAPROCESS", "SecretAccessKey": "process/secret", "SessionToken": "process-token"}
    program.write_text(f"import json, sys\nprint(json.dumps({document!r}))\nprint('stderr-canary', file=sys.stderr)\n")
    return f'{sys.executable} "{program}"'


@pytest.mark.parametrize("profile", [None, "plain", "process"])
@pytest.mark.parametrize("kind", ["profile", "chain"])
def test_profiles_are_read_as_botocore_reads_them(gateway, upstream, tmp_path, process, profile, kind):
    environment = profile_files(tmp_path, process) | ({"AWS_PROFILE": profile} if profile else {}) | {"HOME": str(tmp_path)}
    expected = as_botocore_sees(clean_environment(**environment))
    serving = gateway(config(upstream, {"type": kind}), environment=environment)
    assert_signed_with(upstream, serving, *expected)
    assert "stderr-canary" not in serving.stderr


@pytest.mark.parametrize("kind", ["env", "chain"])
def test_the_environment_is_read_as_botocore_reads_it(gateway, upstream, kind):
    environment = {"AWS_ACCESS_KEY_ID": "AKIAENV", "AWS_SECRET_ACCESS_KEY": "env/secret", "AWS_SESSION_TOKEN": "env-token"}
    expected = as_botocore_sees(clean_environment(**environment))
    assert_signed_with(upstream, gateway(config(upstream, {"type": kind}), environment=environment), *expected)


@pytest.mark.parametrize("kind", ["container", "chain"])
@pytest.mark.parametrize("token", ["variable", "file"])
def test_containers_are_asked_as_botocore_asks_them(gateway, upstream, tmp_path, keys, kind, token):
    service = keys(authorization="Bearer container-canary")
    (tmp_path / "token").write_text("Bearer container-canary\n" if token == "variable" else "container-canary")
    environment = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": service.url + "/keys", "HOME": str(tmp_path)}
    if token == "variable":
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "Bearer container-canary"
    else:
        service.authorization = "container-canary"
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = str(tmp_path / "token")
    assert as_botocore_sees(clean_environment(**environment))[0] in service.grants
    serving = gateway(config(upstream, {"type": kind}), environment=environment)
    key = f"ASIAGRANT{len(service.grants) - 1:07}"
    assert_signed_with(upstream, serving, key, f"secret-of-{key}", f"token-of-{key}")


@pytest.mark.parametrize("kind", ["imds", "chain"])
def test_the_instance_is_asked_as_botocore_asks_it(gateway, upstream, tmp_path, keys, kind):
    service = keys()
    environment = {"AWS_EC2_METADATA_SERVICE_ENDPOINT": service.url + "/", "HOME": str(tmp_path)}
    assert as_botocore_sees(clean_environment(**environment))[0] in service.grants
    paths = [path for _, path, _ in service.requests]
    service.requests.clear()
    serving = gateway(config(upstream, {"type": kind}), environment=environment)
    key = f"ASIAGRANT{len(service.grants) - 1:07}"
    assert_signed_with(upstream, serving, key, f"secret-of-{key}", f"token-of-{key}")
    assert {path for _, path, _ in service.requests} == set(paths)


def test_moto_is_an_instance(gateway, upstream, moto):
    serving = gateway(config(upstream, {"type": "imds", "endpoint": moto.url, "timeout": "20s"}))
    assert serving.wait_for_log(lambda r: r.get("message") == "credentials fetched")
    assert call(serving.address).status == 204
    assert used(upstream)[1]


# MARK: - STS


def test_a_role_is_taken_on(gateway, upstream, moto):
    base = {"type": "static", "accessKeyId": "AKIABASE", "secretAccessKey": "base/secret"}
    role = {"type": "assumeRole", "roleArn": ROLE, "source": "base", "externalId": "ext+1", "sessionName": "tests", "duration": "15m"}
    serving = gateway(config(upstream, role | {"stsEndpoint": moto.url, "region": "us-east-1"}, base=base))
    fetched = serving.wait_for_log(lambda r: r.get("message") == "credentials fetched")
    assert fetched["accessKeyId"].startswith("ASIA") and fetched["expires"].endswith("Z")
    assert call(serving.address).status == 204
    key, token = used(upstream)
    assert key == fetched["accessKeyId"] and token


def test_a_role_for_a_token(gateway, upstream, moto, tmp_path):
    (tmp_path / "token").write_text("header.payload.signature\n")
    web = {"type": "webIdentity", "roleArn": ROLE, "tokenFile": str(tmp_path / "token"), "stsEndpoint": moto.url}
    serving = gateway(config(upstream, web))
    assert serving.wait_for_log(lambda r: r.get("message") == "credentials fetched")
    assert call(serving.address).status == 204
    environment = {"AWS_ROLE_ARN": ROLE, "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"), "AWS_ENDPOINT_URL_STS": moto.url,
                   "AWS_REGION": "us-east-1", "HOME": str(tmp_path)}  # fmt: skip
    assert as_botocore_sees(clean_environment(**environment))[0].startswith("ASIA")
    chained = gateway(config(upstream, {"type": "chain"}), environment=environment)
    assert chained.wait_for_log(lambda r: r.get("message") == "credentials fetched")
    assert call(chained.address).status == 204


@pytest.mark.parametrize("profile", ["role", "twice"])
def test_roles_of_profiles_are_taken_on(gateway, upstream, moto, tmp_path, process, profile):
    environment = profile_files(tmp_path, process) | {"AWS_PROFILE": profile, "AWS_ENDPOINT_URL_STS": moto.url, "HOME": str(tmp_path), "AWS_DEFAULT_REGION": "us-east-1"}
    assert as_botocore_sees(clean_environment(**environment))[0].startswith("ASIA")
    serving = gateway(config(upstream, {"type": "profile"}), environment=environment)
    assert serving.wait_for_log(lambda r: r.get("message") == "credentials fetched")
    assert call(serving.address).status == 204
    assert used(upstream)[0].startswith("ASIA")


# MARK: - Where there are none


@pytest.mark.parametrize(
    "credentials,words",
    [
        ({"type": "env"}, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set"),
        ({"type": "container"}, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        ({"type": "container", "uri": "http://198.51.100.1/keys"}, "only https, loopback"),
        ({"type": "profile", "profile": "nobody"}, 'no profile "nobody"'),
        ({"type": "webIdentity", "roleArn": ROLE, "tokenFile": "/nonexistent"}, "the token file /nonexistent does not exist"),
        ({"type": "chain"}, "no source has credentials"),
    ],
)
def test_without_credentials_nothing_is_sent(gateway, upstream, tmp_path, credentials, words):
    environment = {"HOME": str(tmp_path), "AWS_EC2_METADATA_DISABLED": "true"}
    made = config(upstream, credentials) | {"audit": {"file": {"path": str(tmp_path / "audit.jsonl"), "sync": "never"}}}
    serving = gateway(made, environment=environment)
    failed = serving.wait_for_log(lambda r: r.get("message") == "credentials not fetched")
    assert words in failed["cause"]
    found = call(serving.address)
    assert (found.status, found.first("countersign-reason")) == (503, "credentials/unavailable")
    assert upstream.requests == []
    assert ready(serving).startswith("credentials: chime: ") and words in ready(serving)
    serving.stop()
    # Refused before anything was meant to be sent.
    assert [json.loads(line)["stage"] for line in (tmp_path / "audit.jsonl").read_text().splitlines()] == ["refusal"]


def test_a_readable_credentials_file_is_refused(gateway, upstream, tmp_path, process):
    environment = profile_files(tmp_path, process) | {"HOME": str(tmp_path)}
    (tmp_path / "credentials").chmod(0o644)
    serving = gateway(config(upstream, {"type": "profile"}), environment=environment)
    failed = serving.wait_for_log(lambda r: r.get("message") == "credentials not fetched")
    assert f"chmod 600 {tmp_path}/credentials" in failed["cause"]
    (tmp_path / "credentials").chmod(0o600)
    assert serving.wait_for_log(lambda r: r.get("message") == "credentials fetched")
    assert call(serving.address).status == 204


def test_a_failing_process_says_so(gateway, upstream, tmp_path):
    environment = profile_files(tmp_path, "exit 7") | {"HOME": str(tmp_path), "AWS_PROFILE": "process"}
    serving = gateway(config(upstream, {"type": "profile"}), environment=environment)
    assert "status 7" in serving.wait_for_log(lambda r: r.get("message") == "credentials not fetched")["cause"]


def test_a_refusal_of_sts_is_told(gateway, upstream, tmp_path):
    import http.server
    import threading

    class Refusing(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not &lt;you&gt;</Message></Error></ErrorResponse>"
            self.send_response(403)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        (tmp_path / "token").write_text("token-canary")
        web = {"type": "webIdentity", "roleArn": ROLE, "tokenFile": str(tmp_path / "token")}
        serving = gateway(config(upstream, web | {"stsEndpoint": f"http://127.0.0.1:{server.server_port}"}))
        cause = serving.wait_for_log(lambda r: r.get("message") == "credentials not fetched")["cause"]
        assert "AccessDenied: not <you>" in cause and "token-canary" not in serving.stderr
    finally:
        server.shutdown()
