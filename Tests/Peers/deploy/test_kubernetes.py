"""The manifests: rendered by kustomize, valid by Kubernetes' own schemas, closed, and with a configuration that serves."""

import ipaddress
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import kubernetes_validate
import pytest
import yaml

from deploy.commands import assert_known
from deploy.manifests import FOLDER, OVERLAYS, containers, gateway, objects, of_kind, pods, rendered
from support.process import ACCESS_KEY, BINARY, REPOSITORY, SECRET_KEY, Double, Gateway, clean_environment
from support.wire import call

VERSIONS = ("1.29", kubernetes_validate.latest_version())
# Custom resources, whose schemas Kubernetes does not have: their tests are below.
CUSTOM = {"ServiceMonitor"}


def test_every_file_is_used():
    """A manifest that no kustomization names would be checked by nothing."""
    named = set()
    for kustomization in FOLDER.rglob("kustomization.yaml"):
        found = yaml.safe_load(kustomization.read_text())
        named.add(kustomization.resolve())
        paths = [*found.get("resources", []), *found.get("components", [])]
        paths += [patch["path"] for patch in found.get("patches", []) if "path" in patch]
        paths += [file for generator in found.get("configMapGenerator", []) for file in generator["files"]]
        named |= {(kustomization.parent / path).resolve() for path in paths}
    assert {path.resolve() for path in FOLDER.rglob("*") if path.is_file()} <= named


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid(overlay):
    assert objects(overlay)
    for one in objects(overlay):
        for version in VERSIONS:
            if one["kind"] not in CUSTOM:
                kubernetes_validate.validate(one, version, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_pod_names_is_there(overlay):
    found = {(one["kind"], one["metadata"]["name"]) for one in objects(overlay)}
    # Made by hand or by cert-manager, as the kustomization says.
    comment = "".join(path.read_text() for path in (FOLDER / "overlays" / overlay).glob("kustomization.yaml"))
    for _, pod in pods(overlay):
        assert ("ServiceAccount", pod["serviceAccountName"]) in found
        for volume in pod["volumes"]:
            if "secret" in volume:
                name = volume["secret"]["secretName"]
                assert ("Secret", name) in found or name in by_hand(overlay, comment), name
            if "configMap" in volume:
                assert ("ConfigMap", volume["configMap"]["name"]) in found
        names = {volume["name"] for volume in pod["volumes"]}
        for container in containers(pod):
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= names


def by_hand(overlay, comment):
    for base in re.findall(r"- \.\./(\w[\w-]*)$", comment, re.MULTILINE):
        comment += (FOLDER / "overlays" / base / "kustomization.yaml").read_text()
    return re.findall(r"kubectl -n countersign create secret (?:tls|generic) ([\w-]+)", comment)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_is_restricted(overlay):
    """The "restricted" Pod Security Standard, and a root that cannot be written."""
    for name, pod in pods(overlay):
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        for volume in pod["volumes"]:
            assert {"configMap", "secret", "emptyDir", "projected"} & volume.keys(), volume
        for container in containers(pod):
            context = pod.get("securityContext", {}) | container["securityContext"]
            assert context["runAsNonRoot"] is True and context["runAsUser"] > 0, name
            assert context["allowPrivilegeEscalation"] is False and context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
            assert "@" in container["image"] or not container["image"].endswith((":latest", "countersign"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_image_is_the_one_that_is_built(overlay):
    """User, paths and version of deploy/docker/Dockerfile."""
    pod, container, config = gateway(overlay)
    dockerfile = (REPOSITORY / "deploy/docker/Dockerfile").read_text()
    context = pod.get("securityContext", {}) | container["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in dockerfile
    assert pod["securityContext"]["fsGroup"] == context["runAsGroup"]
    version = subprocess.run([str(BINARY), "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]
    assert container["image"].endswith(f"/countersign:{version}")
    assert "COUNTERSIGN_CONFIG=/etc/countersign/config.json\n" in dockerfile
    writable = {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")}
    for path in written(config):
        assert str(pathlib.Path(path).parent) in writable, path


def written(config):
    binds = [entry["bind"] for entry in [*config["listeners"], config["admin"]]]
    return [bind.removeprefix("unix:") for bind in binds if bind.startswith("unix:")] + [config["audit"]["file"]["path"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_commands_and_probes_exist(overlay):
    _, container, config = gateway(overlay)
    assert_known(container["args"])
    paths = set(re.findall(r'case "(/\w*)"', (REPOSITORY / "Sources/Gateway/Admin/AdminSource.swift").read_text()))
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    probes = [container[key] for key in ("startupProbe", "readinessProbe", "livenessProbe") if key in container]
    assert len(probes) >= 2
    for probe in probes:
        if "exec" in probe:
            assert probe["exec"]["command"][0] == "countersign"
            assert_known(probe["exec"]["command"][1:])
            # The command gives up by itself before the kubelet ends it.
            assert int(probe["exec"]["command"][-1]) < probe["timeoutSeconds"]
        else:
            assert probe["httpGet"]["path"] in paths
            assert f"0.0.0.0:{ports[probe['httpGet']['port']]}" == config["admin"]["bind"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_is_given_time_to_drain(overlay):
    pod, _, config = gateway(overlay)
    seconds = [int(re.fullmatch(r"(\d+)(m?s)", text)[1]) / (1000 if text.endswith("ms") else 1) for text in config["drain"].values()]
    assert pod["terminationGracePeriodSeconds"] > sum(seconds)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_configuration_is_good(overlay, tmp_path, certificates):
    config = at_home(overlay, tmp_path, certificates)
    fill_in(config)
    found = check(overlay, config, tmp_path)
    assert found.returncode == 0 and not found.stderr, found.stderr
    # Where the kubelet and Prometheus get in, others could: the NetworkPolicy keeps them out.
    assert ("the admin listener can be reached from other machines" in found.stdout) == config["admin"]["bind"].startswith("0.0.0.0")


def test_placeholders_are_refused_at_the_start(tmp_path, certificates):
    found = check("sidecar", at_home("sidecar", tmp_path, certificates), tmp_path)
    assert found.returncode == 78 and "access-key-id is not an access key id" in found.stderr


def fill_in(config):
    for key, secret in (("accessKeyId", ACCESS_KEY), ("secretAccessKey", SECRET_KEY)):
        reference = config["credentials"]["chime"].get(key)
        if reference:
            pathlib.Path(reference["file"]).write_text(secret)


def check(overlay, config, folder):
    (folder / "config.json").write_text(json.dumps(config))
    command = [str(BINARY), "check", "--config", str(folder / "config.json")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=clean_environment(**environment(overlay)))


def environment(overlay):
    """What the container finds; with a role, also what EKS sets (IAM Roles for Service Accounts, "Pod Identity Webhook")."""
    _, container, _ = gateway(overlay)
    found = {entry["name"]: entry["value"] for entry in container.get("env", []) if "value" in entry}
    [account] = of_kind(overlay, "ServiceAccount")
    role = account["metadata"].get("annotations", {}).get("eks.amazonaws.com/role-arn")
    if role:
        found |= {"AWS_ROLE_ARN": role, "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"}
    return found


def at_home(overlay, folder, certificates):
    """The configuration of the ConfigMap with the Pod's mounted files, and the Secrets' keys as files, below `folder`."""
    pod, container, _ = gateway(overlay)
    text = json.dumps(gateway(overlay)[2])
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    secrets = {one["metadata"]["name"]: one for one in of_kind(overlay, "Secret")}
    files = {"tls.crt": "good.pem", "tls.key": "good.key", "ca.crt": "ca.pem"}
    for mount in container["volumeMounts"]:
        home = folder / mount["mountPath"].strip("/")
        home.mkdir(parents=True, exist_ok=True)
        text = text.replace(f'{mount["mountPath"]}/', f"{home}/")
        secret = volumes[mount["name"]].get("secret")
        if secret and secret["secretName"] in secrets:
            for key, value in secrets[secret["secretName"]]["stringData"].items():
                (home / key).touch(mode=0o600)
                (home / key).write_text(value)
        elif secret:
            for name, source in files.items():
                (home / name).touch(mode=0o600)
                (home / name).write_bytes(pathlib.Path(certificates.path(source)).read_bytes())
    return json.loads(text)


@pytest.fixture
def folder():
    # Short, because a socket's path has at most 107 bytes.
    path = pathlib.Path(tempfile.mkdtemp(prefix="pod-", dir="/tmp"))
    yield path
    shutil.rmtree(path)


def test_a_sidecar_serves_the_application_and_nobody_else(folder, certificates):
    """The component's configuration, with the port free, the stand-in for Chime, and this user as the application."""
    double = Double(folder)
    try:
        config = at_home("sidecar", folder, certificates)
        [by_user, _] = config["callers"]
        assert by_user["unixUid"] == application("sidecar")["securityContext"]["runAsUser"]
        config["callers"] = [by_user | {"unixUid": os.getuid()}]
        config["upstreams"]["chime"]["url"] = double.url
        fill_in(config)
        [socket, port] = config["listeners"]
        port["bind"] = "127.0.0.1:0"
        running = Gateway(config, folder)
        try:
            path = socket["bind"].removeprefix("unix:")
            assert call(path).status == 204
            assert call(running.address).status == 401
            assert os.stat(path).st_mode & 0o777 == 0o660
            running.stop()
        finally:
            running.kill()
    finally:
        double.stop()


def test_it_runs_as_the_images_user_with_roots_secrets(folder, certificates):
    """Who is root can be the Pod: user 65532, the group of `fsGroup`, no capabilities, and Secrets as the kubelet mounts them."""
    _, container, _ = gateway("sidecar")
    user, group = container["securityContext"]["runAsUser"], container["securityContext"]["runAsGroup"]
    demoted = [
        "setpriv", f"--reuid={user}", f"--regid={group}", f"--groups={group}", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all",
    ]  # fmt: skip
    if os.geteuid() != 0 or subprocess.run([*demoted, str(BINARY), "--version"], capture_output=True).returncode != 0:
        pytest.skip("another user cannot run the program here")
    double = Double(folder)
    try:
        config = at_home("sidecar", folder, certificates)
        fill_in(config)
        config["upstreams"]["chime"]["url"] = double.url
        config["listeners"][1]["bind"] = "127.0.0.1:0"
        folder.chmod(0o755)
        for mount in container["volumeMounts"]:
            home = folder / mount["mountPath"].strip("/")
            os.chown(home, 0, group)
            # As the kubelet makes an emptyDir for a group.
            home.chmod(0o750 if mount.get("readOnly") else 0o2777)
            for file in home.iterdir():
                os.chown(file, 0, group)
                file.chmod(0o440)
        (folder / "config.json").write_text(json.dumps(config))
        found = subprocess.run([*demoted, str(BINARY), "check", "--config", str(folder / "config.json")], capture_output=True, text=True)
        assert found.returncode == 0 and not found.stderr, found.stderr
        running = Gateway(config, folder, command=[*demoted, str(BINARY)], config_mode=0o644)
        try:
            assert call(running.address).status == 204
            socket = config["listeners"][0]["bind"].removeprefix("unix:")
            assert (os.stat(socket).st_gid, os.stat(socket).st_mode & 0o777) == (group, 0o660)
            # This user is neither the application nor anybody else that is known.
            assert call(socket).status == 401
            # The application: another user, in the group that `fsGroup` puts every container into. And who is not in the Pod.
            beside = application("sidecar")["securityContext"]
            assert asked_by(socket, beside["runAsUser"], beside["runAsGroup"], group) == (0, "204")
            assert asked_by(socket, beside["runAsUser"], beside["runAsGroup"]) == (7, "000"), "curl could connect"
            running.stop()
        finally:
            running.kill()
    finally:
        double.stop()


def asked_by(socket, user, group, *more):
    """curl's exit code, and the status that another user gets on the socket; `more` are further groups."""
    groups = f"--groups={','.join(map(str, more))}" if more else "--clear-groups"
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "60", "-X", "DELETE", "--unix-socket", socket]
    found = subprocess.run(
        ["setpriv", f"--reuid={user}", f"--regid={group}", groups, "--no-new-privs", *curl, "http://gateway/phone-numbers/+12065550101"],
        capture_output=True, text=True,
    )  # fmt: skip
    return found.returncode, found.stdout


def application(overlay):
    [found] = [one for _, pod in pods(overlay) for one in containers(pod) if one["name"] != "countersign"]
    return found


@pytest.mark.parametrize("overlay", ["sidecar", "job"])
def test_an_application_beside_a_sidecar(overlay):
    """The sidecar is native, the socket is shared and cannot be removed by the application, the admin listener and the keys are not."""
    _, container, config = gateway(overlay)
    assert container["restartPolicy"] == "Always"
    [(_, pod)] = pods(overlay)
    assert container in pod["initContainers"]
    mounts = {mount["name"]: mount for mount in application(overlay)["volumeMounts"]}
    assert mounts.keys() == {"countersign-socket"} and mounts["countersign-socket"]["readOnly"] is True
    assert mounts["countersign-socket"]["mountPath"] + "/gateway.sock" == config["listeners"][0]["bind"].removeprefix("unix:")
    assert config["admin"]["bind"].startswith("unix:"), "containers of a Pod share their loopback"
    [endpoint] = [entry["value"] for entry in application(overlay)["env"] if entry["name"].startswith("AWS_ENDPOINT_URL")]
    assert endpoint.removeprefix("http://") == config["listeners"][1]["bind"]


def test_selectors_find_the_gateways_pods():
    [deployment] = of_kind("gateway", "Deployment")
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    [budget] = of_kind("gateway", "PodDisruptionBudget")
    [policy] = of_kind("gateway", "NetworkPolicy")
    services = of_kind("gateway", "Service")
    for selector in (
        deployment["spec"]["selector"]["matchLabels"], budget["spec"]["selector"]["matchLabels"],
        policy["spec"]["podSelector"]["matchLabels"], *[service["spec"]["selector"] for service in services],
    ):  # fmt: skip
        assert selector.items() <= labels.items()
    assert budget["spec"]["minAvailable"] < deployment["spec"]["replicas"]
    ports = {port["name"] for port in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    assert {port["targetPort"] for service in services for port in service["spec"]["ports"]} == ports
    assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} == ports
    assert {one["metadata"].get("namespace") for one in objects("gateway") if one["kind"] != "Namespace"} == {"countersign"}


def leaves(address, port, protocol="TCP"):
    """Whether the NetworkPolicy lets the gateway's Pods go to an address outside the cluster (NetworkPolicy v1: IPBlock)."""
    [policy] = of_kind("gateway", "NetworkPolicy")
    address = ipaddress.ip_address(address)
    for rule in policy["spec"]["egress"]:
        if not any(one["port"] == port and one.get("protocol", "TCP") == protocol for one in rule["ports"]):
            continue
        for block in (peer["ipBlock"] for peer in rule["to"] if "ipBlock" in peer):
            inside = [ipaddress.ip_network(text) for text in (block["cidr"], *block.get("except", []))]
            if [address in network for network in inside].count(True) == 1 and address in inside[0]:
                return True
    return False


def test_the_gateway_reaches_aws_and_the_names_and_nothing_inside():
    [policy] = of_kind("gateway", "NetworkPolicy")
    assert set(policy["spec"]["policyTypes"]) == {"Ingress", "Egress"}, "what is not named here is not limited"
    # Addresses of AWS's published ranges, and of nobody but the cluster.
    assert leaves("52.94.1.1", 443) and leaves("2600:1f00::1", 443)
    for inside in "10.0.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "fd00::1", "fe80::1":
        assert not leaves(inside, 443), inside
    assert not leaves("52.94.1.1", 80) and not leaves("52.94.1.1", 443, "UDP")
    [names] = [rule for rule in policy["spec"]["egress"] if any(one["port"] == 53 for one in rule["ports"])]
    assert {(one["port"], one["protocol"]) for one in names["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert names["to"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}]
    # Callers reach the listener of the configuration, the monitoring the admin listener, and nobody both.
    by_port = {one["port"]: rule["from"] for rule in policy["spec"]["ingress"] for one in rule["ports"]}
    assert by_port["https"] == [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"countersign/client": "true"}}}]
    assert by_port["admin"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]
    [deployment] = of_kind("gateway", "Deployment")
    numbers = {one["name"]: one["containerPort"] for one in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]}
    _, _, config = gateway("gateway")
    assert [one["bind"] for one in config["listeners"]] == [f"0.0.0.0:{numbers['https']}"]
    assert config["admin"]["bind"] == f"0.0.0.0:{numbers['admin']}"


def test_the_service_monitor_finds_the_admin_service():
    [monitor] = of_kind("gateway", "ServiceMonitor")
    assert monitor["apiVersion"] == "monitoring.coreos.com/v1"
    matching = [
        service for service in of_kind("gateway", "Service")
        if monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ]  # fmt: skip
    [service] = matching
    [endpoint] = monitor["spec"]["endpoints"]
    assert endpoint.keys() <= {"port", "path", "interval", "scrapeTimeout"}
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]} and endpoint["path"] == "/metrics"


def test_nothing_secret_stands_in_a_manifest():
    for overlay in OVERLAYS:
        for secret in of_kind(overlay, "Secret"):
            assert all(value.startswith("REPLACE-WITH-") for value in secret["stringData"].values())
        assert "PRIVATE KEY" not in rendered(overlay)
