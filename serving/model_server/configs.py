"""models.config as TensorFlow Serving reads it, and the versions that a model's policy picks."""

from __future__ import annotations

import pathlib
import re
from typing import TypeAlias

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from serving.model_server import errors

ModelConfig: TypeAlias = model_server_config_pb2.ModelConfig
_PLATFORM = "tensorflow"


def parse(text: str) -> model_server_config_pb2.ModelServerConfig:
    """Reads and checks the text of a models.config.

    Raises:
      ServingError: INVALID_ARGUMENT, it cannot be used.
    """
    try:
        found = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise errors.invalid(f"expected a ModelServerConfig as text, found at {error}") from None
    check(found)
    return found


def check(config: model_server_config_pb2.ModelServerConfig) -> None:
    """Refuses a configuration that cannot be used."""
    if config.WhichOneof("config") != "model_config_list":
        raise errors.invalid(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. Only "
            "ModelConfigList is currently supported"
        )
    names = set()
    for model in config.model_config_list.config:
        if not model.name or model.name in names:
            raise errors.invalid(
                "Illegal to list model names more than once or without a name; found "
                f"{model.name!r}"
            )
        if not model.base_path:
            raise errors.invalid(f"model {model.name}: expected a base_path, found none")
        if model.model_platform not in ("", _PLATFORM):
            raise errors.invalid(
                f"model {model.name}: expected model_platform {_PLATFORM!r}, found "
                f"{model.model_platform!r}"
            )
        names.add(model.name)


def folder(model: ModelConfig, config_file: pathlib.Path) -> pathlib.Path:
    """Where the versions lie: `base_path`, or beside the file if its folder was moved whole."""
    absolute = pathlib.Path(model.base_path)
    beside = config_file.parent / absolute.name
    return beside if not absolute.is_dir() and beside.is_dir() else absolute


def wanted(model: ModelConfig, base: pathlib.Path) -> list[int]:
    """The versions that are to be served, newest first; `specific` ones even where no folder is."""
    policy = model.model_version_policy
    kind = policy.WhichOneof("policy_choice") or "latest"
    if kind == "specific":
        return sorted(set(policy.specific.versions), reverse=True)
    found = versions(base)
    return found if kind == "all" else found[: max(policy.latest.num_versions, 1)]


def versions(base: pathlib.Path) -> list[int]:
    """The numbered folders, newest first."""
    names = [path.name for path in base.iterdir() if path.is_dir()] if base.is_dir() else []
    return sorted((int(name) for name in names if re.fullmatch(r"\d{1,18}", name)), reverse=True)


def version_folder(base: pathlib.Path, version: int) -> pathlib.Path:
    """The folder of a version; TensorFlow Serving also takes leading zeros."""
    plain = base / str(version)
    padded = [
        path
        for path in base.glob(f"0*{version}")
        if path.name.isdigit() and int(path.name) == version
    ]
    return plain if plain.is_dir() or not padded else padded[0]


def fingerprint(path: pathlib.Path) -> tuple[tuple[str, int, int], ...]:
    """Changes when a file below the folder does: (name, bytes, nanoseconds of the last change)."""
    found = []
    for file in sorted(path.rglob("*")):
        try:
            stat = file.stat()
        except FileNotFoundError:  # being written or removed
            continue
        found.append((str(file), stat.st_size, stat.st_mtime_ns))
    return tuple(found)
