"""Alerts and dashboard: promtool's verdict, every alert seen firing and quiet, and metrics and labels that a gateway really has."""

import json
import re
import subprocess

import pytest
import yaml

from deploy.metrics import assert_answerable, everything, families, parses
from readme.document import names, tables
from support.process import REPOSITORY
from support.upstream import Upstream

ALERTS = REPOSITORY / "deploy/prometheus/alerts.yaml"
ALERT_TESTS = REPOSITORY / "deploy/prometheus/alerts.test.yaml"
DASHBOARD = json.loads((REPOSITORY / "deploy/grafana/dashboard.json").read_text())
RULES = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [target["expr"] for panel in PANELS for target in panel["targets"]]
QUERIES = TARGETS + [annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]]


@pytest.fixture(scope="module")
def metrics(tmp_path_factory):
    upstream = Upstream()
    try:
        with everything(upstream, tmp_path_factory.mktemp("metrics")) as gateway:
            yield families(gateway)
    finally:
        upstream.stop()


def promtool(*arguments):
    found = subprocess.run(["promtool", *arguments], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0, found.stdout + found.stderr


def test_prometheus_reads_what_the_gateway_says(metrics):
    """The parser of Prometheus, and its lint of names, units and help texts."""
    _, _, text = metrics
    found = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stdout + found.stderr


def test_the_rules_are_rules():
    promtool("check", "rules", ALERTS)


def test_the_alerts_fire_when_they_should():
    promtool("test", "rules", ALERT_TESTS)


def test_every_alert_is_seen_firing_and_quiet():
    firing = [
        re.search(r'alertname="(\w+)"', sample["labels"])[1]
        for test in yaml.safe_load(ALERT_TESTS.read_text())["tests"]
        for expression in test["promql_expr_test"]
        for sample in expression.get("exp_samples", [])
    ]
    assert sorted(firing) == sorted(rule["alert"] for rule in RULES)
    for test in yaml.safe_load(ALERT_TESTS.read_text())["tests"]:
        assert any(not expression.get("exp_samples") for expression in test["promql_expr_test"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_asks_for_what_there_is(rule, metrics):
    samples, types, _ = metrics
    assert_answerable(rule["expr"], samples, types)
    asked = {label for name in re.findall(r"\bcountersign_\w+", rule["expr"]) for label in samples[name]} | {"instance"}
    grouped = re.search(r"\bby ?\(([^)]*)\)", rule["expr"])
    left = {label.strip() for label in grouped[1].split(",")} if grouped else asked
    assert set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"]))) <= left
    assert rule["labels"]["severity"] in ("page", "ticket") and rule["annotations"]["summary"]


def test_the_reasons_that_alerts_name_exist():
    documented = {name for table in tables((REPOSITORY / "README.md").read_text()) for row in table for name in names(row.get("reason", ""))}
    documented |= {name.replace("NAME", "fuse") for name in documented}
    for rule in RULES:
        for selector in re.findall(r'reason=~?"([^"]+)"', rule["expr"]):
            assert any(re.fullmatch(selector, reason) for reason in documented), selector


@pytest.mark.parametrize("query", QUERIES)
def test_a_panel_asks_for_what_there_is(query, metrics):
    samples, types, _ = metrics
    assert '{job=~"$job",instance=~"$instance"' in query, "the choice at the top of the page counts for every panel"
    if query in TARGETS:
        assert_answerable(query, samples, types)


def test_the_panels_speak_promql(tmp_path):
    values = {"$__rate_interval": "5m", "$job": ".*", "$instance": ".*"}
    parses([substituted(query, values) for query in QUERIES], tmp_path)


def substituted(text, values):
    for name, value in values.items():
        text = text.replace(name, value)
    assert "$" not in text, text
    return text


def test_legends_name_labels_that_are_left():
    for panel in PANELS:
        for target in panel["targets"]:
            grouped = re.search(r"\bby ?\(([^)]*)\)", target["expr"])
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert shown <= ({label.strip() for label in grouped[1].split(",")} if grouped else {"instance"}), target


def test_the_dashboard_is_one():
    assert {"uid", "title", "schemaVersion", "templating", "panels", "time"} <= DASHBOARD.keys()
    assert "id" not in DASHBOARD, "an id belongs to one Grafana"
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, f"{panel['title']} lies on another panel"
        taken |= cells
    for panel in PANELS:
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["title"] and panel["fieldConfig"]["defaults"]["unit"]
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "job", "instance"}
