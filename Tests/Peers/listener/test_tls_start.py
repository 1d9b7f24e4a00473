"""Certificates, keys and lists that cannot work: `check` and `serve` name each of them in one sentence, and exit with 78."""

import json
import os
import subprocess

import pytest

from listener.authority import Authority
from listener.tls import tls_config, tls_listener
from support.process import BINARY, clean_environment

PAST = ("20200101000000Z", "20200201000000Z")
FUTURE = ("20450101000000Z", "20450201000000Z")


class Nowhere:
    url = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    authority = Authority(tmp_path_factory.mktemp("start") / "ca", "start-ca")
    for name, period in [("server", None), ("other", None), ("expired", PAST), ("future", FUTURE)]:
        authority.issue(name, period=period)
    authority.issue("open")
    os.chmod(authority.path("open.key"), 0o644)
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", authority.path("server.key"), "-passout", "pass:secret", "-out", authority.path("locked.key")],
        check=True, capture_output=True,
    )  # fmt: skip
    os.chmod(authority.path("locked.key"), 0o600)
    stranger = Authority(tmp_path_factory.mktemp("start-stranger") / "ca", "stranger-ca")
    stranger.publish_crl()
    authority.publish_crl()
    forged = open(authority.path("crl.pem")).read().splitlines()
    forged[2] = forged[2][::-1]
    open(authority.path("forged.pem"), "w").write("\n".join(forged) + "\n")
    return authority, stranger


def pair(authority, certificate, key=None):
    return {"certificate": authority.path(f"{certificate}.pem"), "privateKey": authority.path(f"{key or certificate}.key")}


MISTAKES = {
    "key of another certificate": (lambda a, s: pair(a, "server", "other"), ["does not match", "other.key", "server.pem"]),
    "expired": (lambda a, s: pair(a, "expired"), ["expired on", "expired.pem"]),
    "not valid yet": (lambda a, s: pair(a, "future"), ["not valid before", "future.pem"]),
    "no such certificate": (lambda a, s: pair(a, "absent", "server"), ["absent.pem", "does not exist"]),
    "no such key": (lambda a, s: pair(a, "server", "absent"), ["absent.key", "does not exist"]),
    "a key for a certificate": (lambda a, s: {"certificate": a.path("server.key")}, ["no PEM certificate"]),
    "a certificate for a key": (lambda a, s: {"privateKey": a.path("server.pem")}, ["server.pem"]),
    "a key that others can read": (lambda a, s: pair(a, "open"), ["chmod 600", "open.key"]),
    "a key under a passphrase": (lambda a, s: {"privateKey": a.path("locked.key")}, ["encrypted", "locked.key"]),
    "another pair that does not match": (lambda a, s: {"additionalCertificates": [pair(a, "other", "server")]}, ["does not match", "other.pem"]),
    "an authority that is none": (lambda a, s: {"clientCA": a.path("server.key")}, ["no PEM certificate"]),
    "a forged list": (lambda a, s: {"clientCA": a.path("ca.pem"), "crlFile": a.path("forged.pem")}, ["forged.pem"]),
    "a list that is none": (lambda a, s: {"clientCA": a.path("ca.pem"), "crlFile": a.path("ca.pem")}, ["X509 CRL"]),
}  # fmt: skip


def run(command, path):
    """`serve` must end by itself: a start that succeeds is a failure here."""
    return subprocess.run([BINARY, command, "--config", path], env=clean_environment(), capture_output=True, text=True, timeout=60)


def written(folder, config):
    path = folder / "config.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(config))
    return str(path)


@pytest.mark.parametrize("command", ["check", "serve"])
@pytest.mark.parametrize("name", MISTAKES)
def test_a_start_that_cannot_work_is_refused(made, tmp_path, name, command):
    changes, says = MISTAKES[name]
    found = run(command, written(tmp_path, tls_config(Nowhere, tls_listener(made[0], **changes(*made)))))
    assert found.returncode == 78, found.stderr + found.stdout
    for part in says:
        assert part in found.stderr
    for key in ("server.key", "other.key", "locked.key"):
        assert open(made[0].path(key)).read().splitlines()[1] not in found.stderr + found.stdout


@pytest.mark.parametrize("command", ["check", "serve"])
def test_every_listener_is_told_of(made, tmp_path, command):
    authority, _ = made
    listeners = [tls_listener(authority, **pair(authority, "expired")), tls_listener(authority, **pair(authority, "server", "other"))]
    found = run(command, written(tmp_path, tls_config(Nowhere, *listeners)))
    assert found.returncode == 78 and "expired on" in found.stderr and "does not match" in found.stderr, found.stderr


def test_what_is_good_is_valid_and_what_is_doubtful_is_said(made, tmp_path):
    authority, stranger = made
    config = tls_config(Nowhere, tls_listener(authority, clientCA=authority.path("ca.pem"), crlFile=authority.path("crl.pem")))
    found = run("check", written(tmp_path, config))
    assert found.returncode == 0 and "is valid" in found.stdout, found.stderr
    config["listeners"][0]["tls"]["crlFile"] = stranger.path("crl.pem")
    found = run("check", written(tmp_path, config))
    assert found.returncode == 0 and "by none of the client CAs" in found.stderr, found.stderr
