"""A gateway with everything in use, what its /metrics says, and what expressions ask of it."""

import contextlib
import pathlib
import re
import subprocess
import urllib.request

import yaml

from readme.document import names, section, tables
from support.certificates import Certificates
from support.process import Gateway, basic_config
from support.wire import call


@contextlib.contextmanager
def everything(upstream, folder):
    """A running gateway that has every part which has metrics of its own."""
    scopes = {"upstream": "upstream", "route": "route", "caller": "caller", "both": "caller+route"}
    config = basic_config(upstream.url, limits={name: {"rate": "100/s", "per": per} for name, per in scopes.items()})
    config["routes"][0]["limits"] = list(scopes)
    config["audit"] = {"file": {"path": str(folder / "audit.jsonl")}, "ship": [{"to": "stdout"}]}
    certificates = Certificates(folder)
    tls = {"certificate": certificates.path("good.pem"), "privateKey": certificates.path("good.key")}
    config["listeners"].append({"bind": "127.0.0.1:0", "tls": tls})
    config["upstreams"]["chime"]["maxInFlight"] = 100
    gateway = Gateway(config, folder)
    try:
        assert call(gateway.address).status == 204
        assert call(gateway.address, target="/none").status == 404
        yield gateway
        gateway.stop()
    finally:
        gateway.kill()


def families(gateway):
    """{name: labels} of every sample, {name: type} of every family, and the text. A label may be known only from the documentation,
    where nothing has happened yet that has it."""
    with urllib.request.urlopen(gateway.admin_url + "/metrics", timeout=30) as response:
        text = response.read().decode()
    samples = {}
    for name, labels in re.findall(r"^([a-z]\w*)(?:\{(.*)\})? \S+$", text, re.MULTILINE):
        samples.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    for row in tables(section("Metrics"))[0]:
        name = names(row["name"])[0]
        if name in types and types[name] != "histogram":
            samples.setdefault(name, set()).update(names(row["labels"]))
    return samples, types, text


def assert_answerable(expression, samples, types):
    """Every metric in `expression` exists, with the labels it is asked by; counters are asked for their rate, gauges are not."""
    names = re.findall(r"\b(?:countersign|process)_\w+", expression)
    assert names, expression
    for name in names:
        assert name in samples, f"{name} is not in /metrics"
    for name, selectors in re.findall(r"\b(countersign_\w+)\{([^}]*)\}", expression):
        asked = set(re.findall(r"(\w+)\s*(?:=|!=|=~|!~)", selectors)) - {"instance", "job"}
        assert asked <= samples[name], f"{name} has no {asked - samples[name]}"
    grouped = {label.strip() for text in re.findall(r"\bby ?\(([^)]*)\)", expression) for label in text.split(",")}
    known = {label for name in names for label in samples[name]}
    assert grouped - {"instance", "job"} <= known, f"{expression}: {grouped - known}"
    for name in names:
        family = name if name in types else re.sub(r"_(bucket|sum|count)$", "", name)
        counts = types[family] in ("counter", "histogram")
        rated = re.search(rf"\b(?:rate|increase)\({name}\b", expression) is not None
        assert rated == counts, f"{name} is a {types[family]}: {expression}"


def parses(expressions, folder):
    """Asks promtool whether these are PromQL."""
    path = pathlib.Path(folder) / "expressions.yaml"
    rules = [{"record": f"expression:{number}", "expr": text} for number, text in enumerate(expressions)]
    path.write_text(yaml.safe_dump({"groups": [{"name": "expressions", "rules": rules}]}))
    found = subprocess.run(["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stdout + found.stderr
