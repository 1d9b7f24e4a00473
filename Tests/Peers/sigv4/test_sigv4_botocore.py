"""Generated requests, signed by botocore and by `countersign sign`, must agree at every stage.

    COUNTERSIGN=.build/debug/countersign pytest Tests/Peers/sigv4

SIGV4_REQUESTS (default 4000) and SIGV4_SEED (default 20150830) choose how many and which.
"""

import hashlib
import json
import os
import pathlib
import random
import subprocess
import sys
from urllib.parse import quote

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from botocore_stages import sign  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
COUNTERSIGN = os.path.abspath(os.environ.get("COUNTERSIGN", ROOT / ".build" / "debug" / "countersign"))
COUNT = int(os.environ.get("SIGV4_REQUESTS", "4000"))
SEED = int(os.environ.get("SIGV4_SEED", "20150830"))

UNRESERVED = "ABCxyz019-._~"
DELIMITERS = "*!'()$&,;=:@+"
OTHERS = " \"<>[]{}|\\^`ü電☎\U0001F4DE"
PATH_PIECES = ["%2B", "%2b", "%7E", "%20", "%C3%BC", "%2E%2E", "%252B", "%", "%zz", "+12065550100", "phone-numbers"]
SEGMENTS = [".", "..", "", "...", "phone-numbers", "%2B12065550100"]
NAMES = ["X-One", "x-two", "X-TWO", "Content-Type", "Accept", "Range", "X-Amz-Meta-A", "x-amz-meta-b", "a_b", "User-Agent", "Expect",
         "Connection", "X-Amzn-Trace-Id", "TE", "Zebra"]
HOSTS = ["https://service.chime.aws.amazon.com", "https://Example.AmazonAWS.com:443", "http://127.0.0.1:8080", "http://example.com:80",
         "https://[::1]:8443", "https://user@example.com"]
PAYLOADS = ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"]


def text(rng, alphabet, longest):
    return "".join(rng.choice(alphabet) for _ in range(rng.randint(0, longest)))


def path(rng):
    if rng.random() < 0.05:
        return ""
    segments = []
    for _ in range(rng.randint(0, 5)):
        if rng.random() < 0.4:
            segments.append(rng.choice(SEGMENTS))
        else:
            segments.append(text(rng, UNRESERVED + DELIMITERS + OTHERS, 6) + rng.choice(["", *PATH_PIECES]))
    return "/" + "/".join(segments)


def wire_form(rng, decoded):
    """One of the many ways in which a client may write a decoded query component."""
    written = ""
    for character in decoded:
        choice = rng.random()
        if character in "&=#%" or choice < 0.4:
            encoded = quote(character, safe="")
            written += encoded.lower() if choice < 0.2 and "%" in encoded else encoded
        elif choice < 0.5:
            written += "".join(f"%{byte:02X}" for byte in character.encode())
        else:
            written += character
    return written


def request(rng):
    case = {
        "method": rng.choice(["DELETE", "GET", "POST", "PUT", "PATCH", "HEAD"]),
        "accessKeyId": "AKID" + text(rng, "ABCDEFGH234567", 16),
        "secretAccessKey": text(rng, "abcXYZ019+/=", 60) or "s",
        "service": rng.choice(["chime", "iam", "execute-api", "sts"]),
        "region": rng.choice(["us-east-1", "eu-central-1", "ap-southeast-2"]),
        "at": f"{rng.randint(1970, 2199):04}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}T"
              f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}:{rng.randint(0, 59):02}Z",
        "normalizePath": rng.random() < 0.7,
        "doubleEncode": rng.random() < 0.7,
        "signSessionToken": rng.random() < 0.7,
    }
    if rng.random() < 0.4:
        case["sessionToken"] = text(rng, "abcXYZ019+/=", 400) or "t"
    case["presign"] = rng.random() < 0.2
    case["expires"] = rng.randint(1, 604800)

    alphabet = UNRESERVED + DELIMITERS + OTHERS + "/?&%#"
    pairs = []
    # botocore's presigner keeps one value a name, so names are unique there.
    for number in range(rng.randint(0, 5)):
        name = text(rng, alphabet, 5) + (str(number) if case["presign"] else rng.choice(["", "k"]))
        if name:
            pairs.append([name, text(rng, alphabet, 8)])
    query = "&".join(wire_form(rng, name) + ("" if not value and rng.random() < 0.5 else "=" + wire_form(rng, value)) for name, value in pairs)
    target = path(rng)
    case["url"] = rng.choice(HOSTS) + target + ("?" + query if query else "")
    case["params"] = pairs
    case["botocoreURL"] = case["url"].partition("?")[0]

    headers = []
    for _ in range(rng.randint(0, 5)):
        value = text(rng, "abc  \t\"';,=/ü☎", 16)
        headers.append(f"{rng.choice(NAMES)}:{value}")
    if rng.random() < 0.1:
        headers.append("Host: other.example.com")
    if rng.random() < 0.15:
        headers.append(f"X-Amz-Content-SHA256: {rng.choice(PAYLOADS)}")
    case["headers"] = headers
    if not case["presign"] and rng.random() < 0.5:
        case["data"] = text(rng, alphabet + "\r\n\0", 200)
    return case


def countersign(cases):
    members = ("method", "url", "headers", "data", "accessKeyId", "secretAccessKey", "sessionToken", "service", "region", "at",
               "normalizePath", "doubleEncode", "signSessionToken", "presign", "expires")
    lines = "".join(json.dumps({name: case[name] for name in members if name in case}) + "\n" for case in cases)
    done = subprocess.run([COUNTERSIGN, "sign", "--batch", "-"], input=lines.encode(), capture_output=True, timeout=600)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(results) == len(cases), done.stderr.decode()
    assert done.returncode == 0, [result for result in results if "error" in result][:3]
    return results


@pytest.fixture(scope="module")
def signed():
    rng = random.Random(SEED)
    cases = [request(rng) for _ in range(COUNT)]
    expected = [sign({**case, "url": case["botocoreURL"]}) for case in cases]
    return list(zip(cases, expected, countersign(cases), strict=True))


@pytest.mark.parametrize("stage", ["canonicalRequest", "stringToSign", "signature", "authorization"])
def test_stage_agrees_with_botocore(signed, stage):
    for case, expected, actual in signed:
        # `authorization` is absent where the signature stands in the query.
        assert actual.get(stage) == expected[stage], json.dumps(case, ensure_ascii=False)


def test_presigned_url_carries_the_signature(signed):
    presigned = [(case, actual) for case, _, actual in signed if case["presign"]]
    assert presigned
    for case, actual in presigned:
        assert actual["url"].endswith(f"&X-Amz-Signature={actual['signature']}"), case
        if case.get("sessionToken"):
            assert f"&X-Amz-Security-Token={quote(case['sessionToken'], safe='-_.~')}" in actual["url"], case


def test_headers_hold_what_is_sent(signed):
    for case, _, actual in signed:
        if not case["presign"]:
            assert actual["headers"]["Authorization"] == actual["authorization"]
            assert actual["headers"]["X-Amz-Date"] == case["at"].replace("-", "").replace(":", "")
            assert actual["headers"].get("X-Amz-Security-Token") == case.get("sessionToken")


def run(*arguments, data=b"", environment=None, directory=None):
    return subprocess.run([COUNTERSIGN, *arguments], input=data, capture_output=True, timeout=60, env=environment, cwd=directory)


KEY = ["--access-key-id", "AKIDEXAMPLE", "--secret-access-key", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "--region", "us-east-1",
       "--at", "2015-08-30T12:36:00Z"]
LIST_USERS = b"GET /?Action=ListUsers&Version=2010-05-08 HTTP/1.1\r\nHost: iam.amazonaws.com\r\n" \
    b"Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n\r\n"
LIST_USERS_SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


def test_raw_request_signs_as_published():
    done = run("sign", *KEY, "--service", "iam", "--json", "--request", "-", data=LIST_USERS)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["signature"] == LIST_USERS_SIGNATURE


def test_explain_shows_every_stage_and_no_secret():
    done = run("sign", *KEY, "--service", "iam", "--explain", "--request", "-", data=LIST_USERS)
    output = done.stdout.decode()
    for part in ("GET\n/\nAction=ListUsers&Version=2010-05-08\ncontent-type:application/x-www-form-urlencoded; charset=utf-8\n",
                 "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
                 "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59\n", LIST_USERS_SIGNATURE):
        assert part in output
    assert "wJalrXUtnFEMI" not in output
    assert "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9" not in output


def test_text_output_is_header_lines():
    done = run("sign", *KEY, "--service", "chime", "DELETE", "https://service.chime.aws.amazon.com/phone-numbers/%2B12065550100")
    names = [line.partition(": ")[0] for line in done.stdout.decode().splitlines()]
    assert names == ["Host", "X-Amz-Date", "Authorization"]


def test_data_may_come_from_a_file(tmp_path):
    (tmp_path / "body.json").write_bytes(b'{"a":1}\n')
    from_file = run("sign", *KEY, "--service", "chime", "--data", f"@{tmp_path / 'body.json'}", "POST", "https://h/")
    inline = run("sign", *KEY, "--service", "chime", "--data", '{"a":1}\n', "POST", "https://h/")
    assert from_file.returncode == 0 and from_file.stdout == inline.stdout


def test_key_may_come_from_the_environment():
    environment = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                   "AWS_REGION": "us-east-1"}
    done = run("sign", "--service", "iam", "--at", "2015-08-30T12:36:00Z", "--json", "--request", "-", data=LIST_USERS,
               environment=environment)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["signature"] == LIST_USERS_SIGNATURE


@pytest.fixture
def configuration(tmp_path):
    """Two upstreams; the IAM one has the key of AWS's example."""
    config = {
        "listeners": [{"bind": "127.0.0.1:0"}],
        "credentials": {
            "example": {"type": "static", "accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
            "other": {"type": "static", "accessKeyId": "AKIDOTHER", "secretAccessKey": "other"},
        },
        "upstreams": {
            "chime": {"url": "https://service.chime.aws.amazon.com", "service": "chime", "region": "us-east-1", "credentials": "other"},
            "iam": {"url": "https://iam.amazonaws.com", "service": "iam", "region": "us-east-1", "credentials": "example"},
        },
        "routes": [{"operation": "ListUsers", "method": "GET", "path": "/", "upstream": "iam"}],
    }
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("how", ["option", "option-before-environment", "environment", "working-directory"])
def test_key_service_and_region_may_come_from_the_configuration(configuration, how):
    arguments = ["--config", str(configuration)] if how.startswith("option") else []
    environment = {"option-before-environment": {"AWS_ACCESS_KEY_ID": "AKIDENV", "AWS_SECRET_ACCESS_KEY": "env"},
                   "environment": {"COUNTERSIGN_CONFIG": str(configuration)}}.get(how, {})
    directory = configuration.parent if how == "working-directory" else None
    done = run("sign", *arguments, "--at", "2015-08-30T12:36:00Z", "--json", "--request", "-", data=LIST_USERS,
               environment=environment, directory=directory)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["signature"] == LIST_USERS_SIGNATURE


def test_a_host_that_no_upstream_has_is_an_error(configuration):
    done = run("sign", "--config", str(configuration), "GET", "https://sts.amazonaws.com/", environment={})
    assert done.returncode == 64
    assert "service.chime.aws.amazon.com, iam.amazonaws.com" in done.stderr.decode()


def test_a_bad_configuration_is_exit_78(tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    done = run("sign", "--config", str(tmp_path / "bad.json"), "GET", "https://h/", environment={})
    assert done.returncode == 78 and b"listeners" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "data", "words"),
    [
        (["GET"], b"", "METHOD and URL"),
        (["GET", "example.com/"], b"", "https://"),
        (["GET", "https://h/", "-H", "no colon"], b"", "Name: value"),
        (["GET", "https://h/", "--at", "yesterday"], b"", "2015-08-30T12:36:00Z"),
        (["GET", "https://h/", "--presign", "--expires", "604801"], b"", "604800"),
        (["GET", "https://h/", "--data", "@/nonexistent"], b"", "/nonexistent"),
        (["GET", "https://h/", "--request", "-"], b"", "METHOD and URL cannot"),
        (["--request", "-"], b"GET / HTTP/1.1\n\n", "Host"),
        (["--request", "-"], b"", "empty"),
        (["--batch", "-"], b"{}\n", ""),
        (["GE T", "https://h/"], b"", "method"),
    ],
)
def test_mistakes_are_usage_errors_that_say_what_to_write(arguments, data, words):
    done = run("sign", *KEY, "--service", "chime", *arguments, data=data)
    assert done.returncode == 64
    assert words in done.stderr.decode()
    assert "wJalrXUtnFEMI" not in done.stderr.decode()


@pytest.mark.parametrize("arguments", [["--access-key-id", "A"], [], ["--access-key-id", "A", "--secret-access-key", "s"]])
def test_a_missing_key_service_or_region_is_named(arguments, tmp_path):
    done = run("sign", *arguments, "GET", "https://h/", environment={}, directory=tmp_path)
    assert done.returncode == 64
    assert "--secret-access-key" in done.stderr.decode() or "--service" in done.stderr.decode()


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_hash_token_leaves_the_line_end_out(end):
    done = run("hash-token", data=b"correct-horse-battery" + end)
    assert done.returncode == 0
    assert done.stdout.decode() == hashlib.sha256(b"correct-horse-battery").hexdigest() + "\n"


@pytest.mark.parametrize("token", [b"", b"\n", b"short\n", b"two words of text\n", b"two\nlines-of-text\n"])
def test_hash_token_refuses_what_is_no_token(token):
    done = run("hash-token", data=token)
    assert done.returncode == 64 and done.stdout == b"" and b"token" in done.stderr
