"""Where credentials come from in tests: moto's server as STS and instance metadata, and a small service that gives short-lived keys."""

import contextlib
import datetime
import http.server
import json
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import botocore.session

from support.process import basic_config, clean_environment


def config(upstream, credentials, **others):
    """The usual configuration with these credentials; `others` are what a role may name as its source."""
    made = basic_config(upstream.url)
    made["credentials"] = {"chime": credentials, **others}
    return made


def rfc3339(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Moto:
    """`moto_server` on a free port of loopback."""

    def __init__(self, directory):
        self.log = open(directory / "moto.log", "wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, env=clean_environment(PYTHONUNBUFFERED="1"),
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            text = (directory / "moto.log").read_text()
            if "Running on http://127.0.0.1:" in text:
                self.url = "http://127.0.0.1:" + text.split("Running on http://127.0.0.1:")[1].split()[0]
                break
            assert self.process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.05)
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.url + "/moto-api/", timeout=10).close()
                return
            assert time.monotonic() < deadline

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


class KeyService:
    """Answers as a container's credential service and as instance metadata version 2. Each grant is a key of its own, which lives `life` seconds."""

    TOKEN = "imds-token-canary"

    def __init__(self, life=3600, authorization=None, ahead=0):
        self.life = life
        # By how many seconds its clock, which ends its keys and is told in `Date`, is ahead of this machine's.
        self.ahead = ahead
        self.authorization = authorization
        self.fails = False
        self.grants = {}
        self.requests = []
        service = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                service.requests.append((self.command, self.path, dict(self.headers)))
                if service.fails:
                    return self.answer(500, b'{"message": "out of order"}')
                if self.path.startswith("/latest/"):
                    if self.headers.get("X-aws-ec2-metadata-token") != service.TOKEN:
                        return self.answer(401, b"")
                    if self.path == "/latest/meta-data/iam/security-credentials/":
                        return self.answer(200, b"the-role\n")
                    if self.path != "/latest/meta-data/iam/security-credentials/the-role":
                        return self.answer(404, b"")
                elif service.authorization is not None and self.headers.get("Authorization") != service.authorization:
                    return self.answer(403, b'{"message": "not you"}')
                return self.answer(200, json.dumps(service.grant()).encode())

            def do_PUT(self):
                service.requests.append((self.command, self.path, dict(self.headers)))
                if service.fails or self.path != "/latest/api/token" or "X-aws-ec2-metadata-token-ttl-seconds" not in self.headers:
                    return self.answer(400, b"")
                return self.answer(200, service.TOKEN.encode())

            def date_time_string(self, timestamp=None):
                return super().date_time_string(service.now())

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def now(self):
        return time.time() + self.ahead

    def grant(self):
        key = f"ASIAGRANT{len(self.grants):07}"
        self.grants[key] = self.now() + self.life
        return {
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": f"secret-of-{key}", "Token": f"token-of-{key}",
            "Expiration": rfc3339(self.grants[key] + 0.999),
        }  # fmt: skip

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Sts:
    """Gives roles, to signatures that are at most five minutes off its own time. Keeps the forms that it got, and how far off they were."""

    def __init__(self, ahead=0, life=3600):
        self.forms = []
        self.dates = []
        self.grants = {}
        sts = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def date_time_string(self, timestamp=None):
                return super().date_time_string(time.time() + ahead)

            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                sts.forms.append({name: value for name, [value] in form.items()})
                if "X-Amz-Date" in self.headers:
                    signed = datetime.datetime.strptime(self.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
                    sts.dates.append(signed.timestamp() - time.time())
                    if abs(sts.dates[-1] - ahead) > 300:
                        return self.answer(403, "<Error><Code>SignatureDoesNotMatch</Code><Message>Signature expired</Message></Error>")
                key = f"ASIAROLE{len(sts.grants):07}"
                sts.grants[key] = time.time() + ahead + life
                keys = f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>"
                end = f"<Expiration>{rfc3339(sts.grants[key] + 0.999)}</Expiration>"
                action = form["Action"][0]
                result = f"<{action}Result><Credentials>{keys}{end}</Credentials></{action}Result>"
                self.answer(200, f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{result}</{action}Response>')

            def answer(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def as_botocore_sees(environment, **session):
    """(key id, secret, token) as botocore finds them in this environment: the judge of where credentials come from."""
    program = (
        "import botocore.session, json, sys\n"
        "s = botocore.session.Session(**json.loads(sys.argv[1]))\n"
        "c = s.get_credentials().get_frozen_credentials()\n"
        "print(json.dumps([c.access_key, c.secret_key, c.token]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", program, json.dumps(session)], capture_output=True, text=True, env=environment, timeout=60
    )
    assert found.returncode == 0, found.stderr
    return json.loads(found.stdout)


def sts_caller(url, access_key, secret, token):
    """Who moto takes this key for."""
    client = botocore.session.Session().create_client(
        "sts", "us-east-1", endpoint_url=url, aws_access_key_id=access_key, aws_secret_access_key=secret, aws_session_token=token
    )
    return client.get_caller_identity()["Arn"]
