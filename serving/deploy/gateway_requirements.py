"""Lists what the gateway's image installs: python -m serving.deploy.gateway_requirements > FILE.

The gateway needs no TensorFlow, so its image has a fraction of requirements.lock: the packages
below with all that they need, in the locked versions. The list is complete and is installed with
--no-deps, since tensorflow-serving-api, of which one protocol buffer is used, would bring
TensorFlow.
"""

from __future__ import annotations

import importlib.metadata
import pathlib
import re
from collections.abc import Mapping

from packaging import requirements, utils

FILE = pathlib.Path(__file__).with_name("gateway-requirements.txt")
LOCK = pathlib.Path(__file__).resolve().parents[2] / "requirements.lock"
DIRECT = (
    "fastapi",
    "grpcio",
    "httptools",
    "numpy",
    "orjson",
    "prometheus-client",
    "protobuf",
    "pyarrow",
    "pyarrow-hotfix",
    "pydantic",
    "pyyaml",
    "redis",
    "tensorflow-serving-api",
    "tzdata",
    "uvicorn",
    "uvloop",
)
LEFT_OUT = frozenset({"tensorflow"})


def text() -> str:
    """The content of the file.

    Raises:
      LookupError: a package is not locked, or not installed.
    """
    versions = locked()
    lines = [f"{name}=={versions[name]}" for name in sorted(needed())]
    return "\n".join(["# python -m serving.deploy.gateway_requirements", *lines, ""])


def needed() -> set[str]:
    """The packages by name, found through the metadata of the installed ones."""
    found: set[str] = set()
    todo = {utils.canonicalize_name(name) for name in DIRECT}
    while todo:
        name = todo.pop()
        found.add(name)
        wanted = map(requirements.Requirement, importlib.metadata.requires(name) or ())
        todo |= (
            {
                utils.canonicalize_name(r.name)
                for r in wanted
                if r.marker is None or r.marker.evaluate({"extra": ""})
            }
            - found
            - LEFT_OUT
        )
    return found


def locked(file: pathlib.Path = LOCK) -> Mapping[str, str]:
    """Version by canonical name of all that a lock file pins."""
    lines = file.read_text(encoding="utf-8").splitlines()
    pins = (re.fullmatch(r"([\w.-]+)==(\S+)", line) for line in lines)
    return {utils.canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


if __name__ == "__main__":
    print(text(), end="")
