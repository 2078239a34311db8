"""The manifests are valid for the versions of Kubernetes that are named, and fit together."""

from __future__ import annotations

from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.serving.deploy import files

VERSIONS = ("1.27", "1.31", "1.37")  # README.md names the first and the last
RUNNING = sorted(files.workloads())
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", files.manifests())
def test_manifests_are_valid(name: str, version: str) -> None:
    for found in files.manifests()[name]:
        kubernetes_validate.validate(found, version, strict=True)


def test_the_validator_refuses_what_is_wrong() -> None:
    service = files.objects("Service")["recall"]
    wrong = {**service, "spec": {**service["spec"], "prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


def test_kustomization_names_every_file_that_is_there() -> None:
    (found,) = files.read(files.DEPLOY / "kustomization.yaml")
    listed = {name.removeprefix("kubernetes/") for name in found["resources"]}
    assert listed == set(files.manifests()) - files.APART
    for generated in found["configMapGenerator"]:
        assert [name for name in generated["files"] if not (files.DEPLOY / name).is_file()] == []


def test_recall_and_rank_differ_in_their_name_only() -> None:
    texts = [(files.DEPLOY / "kubernetes" / f"{name}.yaml").read_text() for name in files.MODELS]
    assert texts[0].replace("recall", "rank") == texts[1]


@pytest.mark.parametrize("name", RUNNING)
def test_selectors_match_the_pods(name: str) -> None:
    spec = files.workloads()[name]["spec"]
    labels = spec["template"]["metadata"]["labels"].items()
    if "selector" in spec:  # a Job makes its own
        assert spec["selector"]["matchLabels"].items() <= labels
    for spread in spec["template"]["spec"].get("topologySpreadConstraints", ()):
        assert spread["labelSelector"]["matchLabels"].items() <= labels


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget", "NetworkPolicy"])
def test_what_selects_pods_finds_some(kind: str) -> None:
    pods = [found["spec"]["template"]["metadata"]["labels"] for found in files.workloads().values()]
    for name, found in files.objects(kind).items():
        spec = found["spec"]
        selector = spec.get("podSelector", spec.get("selector"))
        selector = selector if kind != "Service" else {"matchLabels": selector}
        assert any(_selects(selector, labels) for labels in pods), f"{kind} {name} selects no pod"


@pytest.mark.parametrize("name", files.objects("Service"))
def test_services_lead_to_ports_of_their_pods(name: str) -> None:
    there = {port["name"]: port["containerPort"] for port in files.container(name)["ports"]}
    for port in files.objects("Service")[name]["spec"]["ports"]:
        assert port["targetPort"] in there
    # DNS names pods: no translation
    if files.objects("Service")[name]["spec"].get("clusterIP") == "None":
        assert {
            port["targetPort"]: port["port"]
            for port in files.objects("Service")[name]["spec"]["ports"]
        } == there


def test_the_ingress_ends_tls_and_lets_only_the_api_in() -> None:
    (found,) = files.objects("Ingress").values()
    (rule,) = found["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    assert (path["path"], path["pathType"]) == ("/v1", "Prefix")
    assert found["spec"]["tls"][0]["hosts"] == [rule["host"]]
    backend = path["backend"]["service"]
    ports = files.objects("Service")[backend["name"]]["spec"]["ports"]
    assert backend["port"]["name"] in {port["name"] for port in ports}
    (namespace,) = files.objects("Namespace")
    assert found["metadata"]["namespace"] == namespace


@pytest.mark.parametrize("name", sorted(files.objects("Deployment") | files.objects("StatefulSet")))
def test_probes_and_metrics_use_ports_that_there_are(name: str) -> None:
    container = files.container(name)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    for probe in PROBES:
        asked = container[probe].get("httpGet") or container[probe].get("tcpSocket")
        assert asked is None or asked["port"] in ports
    notes = files.workloads()[name]["spec"]["template"]["metadata"].get("annotations", {})
    assert int(notes.get("prometheus.io/port", 0)) in {0, *ports.values()}


@pytest.mark.parametrize("name", RUNNING)
def test_pods_are_restricted(name: str) -> None:
    """Pod Security Standard `restricted`, enforced by the namespace; root file system read-only."""
    pod = files.workloads()[name]["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] in files.objects("ServiceAccount")
    assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
    assert {key for volume in pod["volumes"] for key in volume} <= {
        "name",
        "persistentVolumeClaim",
        "configMap",
        "secret",
        "emptyDir",
    }
    assert files.container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@pytest.mark.parametrize("name", RUNNING)
def test_pods_have_their_resources_and_mounts(name: str) -> None:
    spec, container = files.workloads()[name]["spec"], files.container(name)
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    assert ":" in container["image"] and not container["image"].endswith(":latest")
    volumes = {volume["name"] for volume in spec["template"]["spec"]["volumes"]} | {
        claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", ())
    }
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes


@pytest.mark.parametrize("name", [*files.MODELS, "gateway"])
def test_only_publishing_may_write_releases(name: str) -> None:
    pod = files.workloads()[name]["spec"]["template"]["spec"]
    (claim,) = (
        volume["persistentVolumeClaim"] for volume in pod["volumes"] if volume["name"] == "releases"
    )
    (mount,) = (
        found for found in files.container(name)["volumeMounts"] if found["name"] == "releases"
    )
    assert claim == {"claimName": "releases", "readOnly": True} and mount["readOnly"] is True
    assert "releases" in files.objects("PersistentVolumeClaim")


@pytest.mark.parametrize("name", [*files.MODELS, "gateway"])
def test_draining_fits_into_the_grace_period(name: str) -> None:
    pod, container = files.workloads()[name]["spec"]["template"]["spec"], files.container(name)
    command, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert command == "sleep"
    assert int(seconds) < pod["terminationGracePeriodSeconds"]
    # out of the Service before the server goes, even by the probe alone
    ready = container["readinessProbe"]
    assert int(seconds) >= ready["periodSeconds"] * ready["failureThreshold"]


@pytest.mark.parametrize("name", [*files.MODELS, "gateway"])
def test_the_autoscaler_scales_it_and_disruptions_leave_one(name: str) -> None:
    scaler = files.objects("HorizontalPodAutoscaler")[name]["spec"]
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
    assert "replicas" not in files.workloads()[name]["spec"]
    assert (
        scaler["minReplicas"] > files.objects("PodDisruptionBudget")[name]["spec"]["maxUnavailable"]
    )


def test_the_network_lets_through_what_is_needed_and_no_more() -> None:
    """(from, to, port) of all pods and ports of containers."""
    pods = {
        name: each["spec"]["template"]["metadata"]["labels"]
        for name, each in files.workloads().items()
    }
    ports = {
        port["containerPort"] for name in RUNNING for port in files.container(name).get("ports", ())
    }
    allowed = {
        (a, b, port)
        for a in pods
        for b in pods
        for port in ports
        if _allowed(pods[a], pods[b], port, "Egress")
        and _allowed(pods[b], pods[a], port, "Ingress")
    }
    assert allowed == {
        ("gateway", "recall", 8500),
        ("gateway", "rank", 8500),
        ("gateway", "redis", 6379),
        ("publish-", "recall", 8501),
        ("publish-", "rank", 8501),
    }


def test_other_namespaces_reach_the_gateway_and_metrics_only() -> None:
    reached = set()
    for found in files.objects("NetworkPolicy").values():
        for rule in found["spec"].get("ingress", ()):
            for peer in rule["from"]:
                if "namespaceSelector" in peer:
                    (label,) = peer["namespaceSelector"]["matchLabels"]
                    reached |= {(label.rpartition("/")[2], port["port"]) for port in rule["ports"]}
    assert reached == {("clients", 8080), ("metrics", 8080), ("metrics", 8501)}


def test_secrets_are_named_alike_and_none_is_in_the_files() -> None:
    assert files.objects("Secret") == {}
    pods = yaml.safe_dump([found["spec"] for found in files.workloads().values()])
    assert set(_values(yaml.safe_load(pods), "secretName")) | {
        reference["name"] for reference in _values(yaml.safe_load(pods), "secretKeyRef")
    } == {"recommender"}


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    for wanted in selector.get("matchExpressions", ()):
        assert wanted["operator"] == "In"
        if labels.get(wanted["key"]) not in wanted["values"]:
            return False
    return selector.get("matchLabels", {}).items() <= labels.items()


def _allowed(pod: dict[str, str], peer: dict[str, str], port: int, direction: str) -> bool:
    """Whether a pod may send to, or be sent to by, a pod of the same namespace."""
    policies = [
        found["spec"]
        for found in files.objects("NetworkPolicy").values()
        if direction in found["spec"]["policyTypes"] and _selects(found["spec"]["podSelector"], pod)
    ]
    assert policies != []  # one forbids everything
    rules = [rule for policy in policies for rule in policy.get(direction.lower(), ())]
    return any(
        "namespaceSelector" not in each and _selects(each["podSelector"], peer)
        for rule in rules
        if port in [found["port"] for found in rule["ports"]]
        for each in rule["from" if direction == "Ingress" else "to"]
    )


def _values(found: Any, key: str) -> list[Any]:
    """All values of a key, however deep."""
    if isinstance(found, list):
        return [value for each in found for value in _values(each, key)]
    if isinstance(found, dict):
        return [
            value
            for name, each in found.items()
            for value in ([each] if name == key else _values(each, key))
        ]
    return []
