"""What serving/deploy holds, parsed."""

from __future__ import annotations

import functools
import pathlib
from typing import Any

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "serving" / "deploy"
TF_SERVING = DEPLOY / "tf_serving"
MODELS = ("recall", "rank")
# not in kustomization.yaml: created for each release; with a name of the cluster's own
APART = {"publish-job.yaml", "ingress.yaml"}


class _Strict(yaml.SafeLoader):
    """Refuses a key that stands twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value if key.tag != _MERGE]
        assert len(keys) == len(set(keys)), f"{node.start_mark}: a key stands twice among {keys}"
        return super().construct_mapping(node, deep)


_MERGE = "tag:yaml.org,2002:merge"


def read(path: pathlib.Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(yaml.load_all(path.read_text(encoding="utf-8"), _Strict))


@functools.cache
def manifests() -> dict[str, list[dict[str, Any]]]:
    """The Kubernetes objects by file."""
    return {path.name: read(path) for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))}


def objects(kind: str) -> dict[str, dict[str, Any]]:
    """The Kubernetes objects of a kind by name."""
    return {
        found["metadata"].get("name", found["metadata"].get("generateName")): found
        for each in manifests().values()
        for found in each
        if found["kind"] == kind
    }


def workloads() -> dict[str, dict[str, Any]]:
    """Everything with pods, by name."""
    return objects("Deployment") | objects("StatefulSet") | objects("Job")


def container(name: str) -> dict[str, Any]:
    """The one container of a workload."""
    (found,) = workloads()[name]["spec"]["template"]["spec"]["containers"]
    return found


@functools.cache
def compose() -> dict[str, Any]:
    """The compose file."""
    (found,) = read(DEPLOY / "compose.yaml")
    return found


def command_lines(name: str) -> dict[str, list[str]]:
    """The arguments of a part, in the compose file and in Kubernetes."""
    return {
        "compose": compose()["services"][name]["command"],
        "kubernetes": container(name)["args"],
    }
