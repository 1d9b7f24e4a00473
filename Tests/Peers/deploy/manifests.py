"""Manifests as `kubectl kustomize` renders them."""

import functools
import json
import pathlib
import subprocess
import sys

import yaml

from support.process import REPOSITORY

FOLDER = REPOSITORY / "deploy/kubernetes"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())
KUBECTL = pathlib.Path(sys.executable).parent / "kubectl"


@functools.cache
def rendered(overlay):
    found = subprocess.run([KUBECTL, "kustomize", FOLDER / "overlays" / overlay], capture_output=True, text=True, timeout=120)
    assert found.returncode == 0 and not found.stderr, found.stderr
    return found.stdout


def objects(overlay):
    return [one for one in yaml.safe_load_all(rendered(overlay)) if one]


def of_kind(overlay, *kinds):
    return [one for one in objects(overlay) if one["kind"] in kinds]


def pods(overlay):
    """(name, pod's spec) of everything that makes Pods."""
    return [(one["metadata"]["name"], one["spec"]["template"]["spec"]) for one in of_kind(overlay, "Deployment", "Job")]


def containers(pod):
    return [*pod.get("initContainers", []), *pod["containers"]]


def gateway(overlay):
    """(pod's spec, the container that runs countersign, its configuration)."""
    [(pod, container)] = [(pod, one) for _, pod in pods(overlay) for one in containers(pod) if one["name"] == "countersign"]
    [mount] = [mount for mount in container["volumeMounts"] if mount["mountPath"] == "/etc/countersign"]
    [volume] = [volume for volume in pod["volumes"] if volume["name"] == mount["name"]]
    [config] = [one for one in of_kind(overlay, "ConfigMap") if one["metadata"]["name"] == volume["configMap"]["name"]]
    return pod, container, json.loads(config["data"]["config.json"])
