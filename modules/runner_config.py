"""The configuration's section `runner`: where Beam runs, and who runs the code there.

`config.py` reads it as a part of the whole.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any, Literal

from modules import strict
from modules.strict import ConfigError

_ENDPOINT = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[\w.-]+):(?P<port>\d{1,5})", re.ASCII)
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|\[::1\]")
_KEY_OF = {"external": "address", "process": "command", "docker": "image", "loopback": None}
_PORTABLE_ONLY = ("job_endpoint", "artifact_endpoint", "environment", "parallelism")
# what keys of this section say, so that it is said once
_OPTIONS_OF_KEYS = {
    "runner": "kind",
    "job_endpoint": "job_endpoint",
    "artifact_endpoint": "artifact_endpoint",
    "environment_type": "environment",
    "environment_config": "environment",
    "environment_option": "environment",
    "environment_options": "environment",
    "sdk_worker_parallelism": "workers",
    "parallelism": "parallelism",
}


@dataclasses.dataclass(frozen=True)
class Environment:
    """Who runs the project's code for a portable engine.

    Attributes:
      kind: `external`, a pool of workers that is running already; `process`, a program that the
          engine starts; `docker`, an image that the engine starts; `loopback`, the submitting
          process itself, for engines of this machine.
      address: of `external`, HOST:PORT of the worker pool as the engine reaches it.
      command: of `process`, the path of Beam's `boot` on the engine's machines.
      variables: of `process`, environment variables that the program gets.
      image: of `docker`, the worker image.
    """

    kind: Literal["external", "process", "docker", "loopback"]
    address: str | None = None
    command: str | None = None
    variables: dict[str, str] = dataclasses.field(default_factory=dict)
    image: str | None = None

    def __post_init__(self) -> None:
        needed = _KEY_OF[self.kind]
        if needed and not getattr(self, needed):
            raise ConfigError(f"{needed}: missing; kind: {self.kind} needs it.")
        for kind, key in _KEY_OF.items():
            if key and key != needed and getattr(self, key) is not None:
                raise ConfigError(
                    f"{key}: found {getattr(self, key)!r}, which only kind: {kind} has; the kind "
                    f"is {self.kind}."
                )
        if self.variables and self.kind != "process":
            raise ConfigError(
                f"variables: found {self.variables}, which only kind: process has; those of "
                f"{self.kind} are set where its workers are started."
            )
        if self.address is not None:
            check_endpoint("address", self.address)


@dataclasses.dataclass(frozen=True)
class Runner:
    """Where Beam runs. `options` are passed through, as in `--project=...`."""

    kind: Literal["direct", "multi_process", "portable", "dataflow"] = "direct"
    workers: int = 2
    # of kind: portable
    job_endpoint: str | None = None
    artifact_endpoint: str | None = None
    environment: Environment | None = None
    parallelism: int | None = None
    options: tuple[str, ...] = ()
    # folder or URL of what components write; default: in the run's folder
    artifacts: str | None = None

    def __post_init__(self) -> None:
        strict.at_least(self, workers=1, parallelism=1)
        if self.kind == "portable":
            self._check_portable()
            return
        for key in _PORTABLE_ONLY:
            found: Any = getattr(self, key)
            if found is not None:
                raise ConfigError(
                    f"{key}: found {strict.to_plain(found)!r}, which only kind: portable has; the "
                    f"kind is {self.kind}."
                )

    def _check_portable(self) -> None:
        for key in ("job_endpoint", "artifact_endpoint"):
            endpoint = getattr(self, key)
            if endpoint is not None:
                check_endpoint(key, endpoint)
        if self.job_endpoint is None:
            raise ConfigError(
                "job_endpoint: missing; kind: portable needs HOST:PORT of the engine's job server."
            )
        if self.environment is None:
            raise ConfigError(
                "environment: missing; kind: portable needs who runs the code, such as "
                "{kind: external, address: localhost:50000}."
            )
        for option in self.options:
            name = option.partition("=")[0].removeprefix("--")
            if name in _OPTIONS_OF_KEYS:
                raise ConfigError(
                    f"options: found {option!r}; say it by runner.{_OPTIONS_OF_KEYS[name]}."
                )
        if is_loopback(self.job_endpoint):
            return
        if self.environment.kind == "loopback":
            raise ConfigError(
                f"environment.kind: found loopback with job_endpoint {self.job_endpoint}; only an "
                "engine of this machine reaches this process. Use external, process or docker."
            )
        if self.artifacts is None:
            raise ConfigError(
                f"artifacts: missing; the workers of job_endpoint {self.job_endpoint} do not see "
                "this machine's files. Name a folder that is mounted on all machines at the same "
                "place, or a URL like s3://bucket/folder."
            )


def check_endpoint(key: str, endpoint: str) -> None:
    """Refuses what is not HOST:PORT.

    Raises:
      ConfigError: it is none; the message begins with `key`.
    """
    match = _ENDPOINT.fullmatch(endpoint)
    if match is None or not 0 < int(match["port"]) < 2**16:
        raise ConfigError(f"{key}: found {endpoint!r}, expected HOST:PORT, like localhost:8099.")


def is_loopback(endpoint: str) -> bool:
    """Whether only this machine reaches it."""
    match = _ENDPOINT.fullmatch(endpoint)
    return match is not None and _LOOPBACK.fullmatch(match["host"]) is not None
