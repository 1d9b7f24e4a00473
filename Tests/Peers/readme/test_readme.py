"""README.md tells the truth: its commands do what it prints, and its tables are those of the program."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import pytest

from readme import document
from readme.document import BLOCKS, GROUPS, ROOT, TEXT, names, section, tables
from redis.store import Redis
from support.process import ACCESS_KEY, BINARY, SECRET_KEY, Double, Gateway, basic_config, clean_environment
from support.wire import call

SOURCES = ROOT / "Sources"
SHELL_NOT_RUN_HERE = {"make run", "make test", "countersign serve"}


# MARK: Commands


class Demo:
    """A running `countersign demo` on free ports."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [str(BINARY), "demo", "--port", "0"], stdout=open(folder / "demo.out", "wb"), stderr=subprocess.DEVNULL, cwd=folder,
            env=clean_environment(),
        )  # fmt: skip
        self.path = folder / "demo.out"
        deadline = time.monotonic() + 20
        while "Running until" not in self.text and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.ports = {8080: int(re.search(r"curl -i -X DELETE http://127\.0\.0\.1:(\d+)/", self.text)[1])}

    @property
    def text(self):
        return self.path.read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(20) == 0


class Serving:
    """The gateway of a group: the README's configuration, with free ports, and the stand-in in the place of AWS."""

    def __init__(self, text, folder):
        self.double = Double(folder)
        config = json.loads(text)
        for upstream in config["upstreams"].values():
            upstream["url"] = self.double.url
        binds = [*config["listeners"], *([config["admin"]] if "admin" in config else [])]
        wanted = [port(entry["bind"]) for entry in binds]
        for entry in binds:
            if port(entry["bind"]):
                entry["bind"] = "127.0.0.1:0"
        for caller in config.get("callers", []):
            if "unixUid" in caller:
                caller["unixUid"] = os.getuid()
        keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
        try:
            self.gateway = Gateway(config, folder, environment=keys)
        except AssertionError:
            self.double.stop()
            raise
        taken = [*self.gateway.listeners, *([self.gateway.admin_address] if "admin" in config else [])]
        self.ports = {old: port(new) for old, new in zip(wanted, taken) if old}

    def stop(self):
        try:
            self.gateway.stop()
        finally:
            self.gateway.kill()
            self.double.stop()


def port(address):
    return None if address.startswith("unix:") else int(address.rpartition(":")[2])


@pytest.fixture
def folder():
    # Short, because a socket's path has at most 107 bytes.
    path = pathlib.Path(tempfile.mkdtemp(prefix="readme-", dir="/tmp"))
    (path / "bin").mkdir()
    (path / "bin" / "countersign").symlink_to(BINARY.resolve())
    yield path
    shutil.rmtree(path)


def run(block, folder, ports):
    text = block.text
    for old, new in ports.items():
        text = re.sub(rf":{old}\b", f":{new}", text)
    command = ["sh", "-euc", text] if block.language == "sh" else [sys.executable, "-c", text]
    environment = clean_environment(
        PATH=os.pathsep.join([str(folder / "bin"), str(pathlib.Path(sys.executable).parent), os.environ["PATH"]]),
        AWS_EC2_METADATA_DISABLED="true", AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null",
    )  # fmt: skip
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("group", GROUPS)
def test_the_commands_print_what_the_readme_says(group, folder):
    shutil.copy(ROOT / "config.example.json", folder)
    server = Demo(folder) if group == "demo" else None
    printed = ""
    try:
        for block, following in zip(BLOCKS, [*BLOCKS[1:], None]):
            if block.group != group:
                continue
            if block.file:
                text = block.text.replace("64 hexadecimal digits", printed.strip())
                (folder / block.file).write_text(text)
                if block.file == "config.json":
                    server = Serving(text, folder)
                continue
            result = run(block, folder, server.ports if server else {})
            printed = result.stdout
            assert result.returncode == 0, f"README.md:{block.line}\n{result.stdout}{result.stderr}"
            if following and following.mark == "output":
                assert document.output_matches(following.text, printed), f"README.md:{following.line} says otherwise:\n{printed}"
    finally:
        if server:
            server.stop()


def test_the_demo_prints_what_the_readme_says(folder):
    demo = Demo(folder)
    demo.stop()
    [block] = [block for block in BLOCKS if block.mark == "demo output"]
    assert document.output_matches(block.text, demo.text), demo.text


def test_no_command_is_left_out():
    for block in BLOCKS:
        if block.language in ("sh", "bash", "python") and not block.group:
            assert block.text.strip() in SHELL_NOT_RUN_HERE, f"README.md:{block.line}: mark it with <!-- test: GROUP -->"


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z]+)`", TEXT) + re.findall(r"^make ([a-z]+)$", TEXT, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
    recipe = subprocess.run(["make", "--no-print-directory", "-n", "run"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert recipe.rstrip().endswith("countersign demo")


@pytest.mark.parametrize("page", document.PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if not link.startswith("http"):
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            assert target.exists(), link
            assert not anchor or anchor in document.anchors(target.read_text()), link


def test_the_limits_shown_are_those_of_the_example():
    [block] = [block for block in BLOCKS if block.text.startswith('"limits": {')]
    assert json.loads("{" + block.text + "}")["limits"] == json.loads((ROOT / "config.example.json").read_text())["limits"]


# MARK: Configuration keys

SCHEMA = json.loads((ROOT / "deploy/config.schema.json").read_text())
# Read by the configuration, but not yet a part of the gateway. Whoever finishes one writes its table and takes it from here.
def objects(node, path=""):
    """Every object of the schema that has keys of its own: path -> its schema."""
    while "$ref" in node:
        target = SCHEMA
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        node = target | {key: value for key, value in node.items() if key != "$ref"}
    found = {}
    if "properties" in node:
        found[path] = node
        for key, child in node["properties"].items():
            found |= objects(child, f"{path}.{key}".lstrip("."))
    if isinstance(node.get("additionalProperties"), dict):
        found |= objects(node["additionalProperties"], path + ".*")
    if "items" in node:
        found |= objects(node["items"], path + "[]")
    return found


@pytest.mark.parametrize("path,node", objects(SCHEMA).items(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_key_is_in_the_reference(path, node):
    [table] = tables(section(f"`{path}`" if path else "Top level"))
    rows = {names(row["key"])[0]: row for row in table}
    properties = node["properties"]
    assert list(rows) == list(properties)
    for key, row in rows.items():
        assert row["key"].startswith("**") == (key in node.get("required", [])), f"{path}.{key} is bold where it must be there"
        assert row["meaning"]
        default = properties[key].get("default")
        if default is not None:
            shown = default if isinstance(default, str) else json.dumps(default)
            assert names(row["default"]) == [shown], f"{path}.{key}"


# MARK: Metrics, admin, commands


@pytest.fixture
def store():
    one = Redis()
    yield one
    one.stop()


def test_the_metrics_are_those_in_the_table(gateway, upstream, tmp_path, certificates, store):
    scopes = {"upstream": "upstream", "route": "route", "caller": "caller", "both": "caller+route"}
    config = basic_config(upstream.url, limits={name: {"rate": "100/s", "per": per} for name, per in scopes.items()})
    config["routes"][0]["limits"] = list(scopes)
    config["audit"] = {"file": {"path": str(tmp_path / "audit.jsonl")}, "ship": [{"to": "stdout"}]}
    config["limitStore"] = {"redis": f"redis://127.0.0.1:{store.port}"}
    config["upstreams"]["chime"]["maxInFlight"] = 8
    tls = {"certificate": str(certificates.path("good.pem")), "privateKey": str(certificates.path("good.key"))}
    config["listeners"].append({"bind": "127.0.0.1:0", "tls": tls})
    running = gateway(config)
    assert call(running.address).status == 204
    assert call(running.address, target="/none").status == 404
    with urllib.request.urlopen(running.admin_url + "/metrics", timeout=10) as response:
        text = response.read().decode()
    [table] = tables(section("Metrics"))
    documented = {names(row["name"])[0]: (row["type"], set(names(row["labels"]))) for row in table}
    found = {name: (kind, set()) for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)}
    # What has nothing to say here: no upstream that tells its time, no credentials that end.
    for silent in ("countersign_clock_skew_seconds", "countersign_credentials_expiry_timestamp_seconds"):
        found[silent][1].update(documented[silent][1])
    for name, labels in re.findall(r"^(\w+)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        family = name if name in found else re.sub(r"_(bucket|sum|count)$", "", name)
        found[family][1].update(set(re.findall(r'(\w+)="', labels)) - {"le"})
    assert found == documented


def test_the_admin_paths_are_those_in_the_table(serving):
    [table] = tables(section("Admin listener"))
    with urllib.request.urlopen(serving.admin_url + "/metrics", timeout=10) as response:
        assert response.status == 200
    source = (SOURCES / "Gateway/Admin/AdminSource.swift").read_text()
    assert sorted(names(row["path"])[0] for row in table) == sorted(re.findall(r'case "(/\w*)"', source))


def test_the_commands_are_those_in_the_table():
    [table] = tables(section("Commands and exit codes"))
    documented = {names(row["command"])[0].removeprefix("countersign ") for row in table}
    found = set()
    for command in (), ("audit",):
        text = subprocess.run([str(BINARY), "help", *command], capture_output=True, text=True, check=True).stdout
        found |= {" ".join([*command, name]) for name in re.findall(r"^  ([a-z-]+)  ", text.partition("SUBCOMMANDS:")[2], re.MULTILINE)}
    assert documented == found - {"audit"}
