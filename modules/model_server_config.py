"""Which version of each model is served, as TensorFlow Serving's `--model_config_file` says it.

TensorFlow Serving needs an absolute `base_path`: that of the serving folder when the file was
written. Here, only the versions are read from it, so that a folder that was moved is still
understood.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

LABEL = "stable"  # the label of the versions that are served


def write(versions: Mapping[str, int], serving: pathlib.Path) -> str:
    """Returns a ModelServerConfig as text.

    Args:
      versions: the one version to serve, by the model's name.
      serving: the folder that holds `<name>/<version>`.
    """
    wanted = model_server_config_pb2.ModelServerConfig()
    for name, version in versions.items():
        model = wanted.model_config_list.config.add(
            name=name, base_path=str(serving.resolve() / name), model_platform="tensorflow"
        )
        model.model_version_policy.specific.versions.append(version)
        model.version_labels[LABEL] = version
    text: str = text_format.MessageToString(wanted)
    return text


def read(text: str) -> dict[str, int]:
    """Returns the one version of each model.

    Raises:
      ValueError: no ModelServerConfig, or a model without exactly one version.
    """
    result = {}
    for model in _parse(text).model_config_list.config:
        versions = list(model.model_version_policy.specific.versions)
        if len(versions) != 1:
            raise ValueError(
                f"expected one specific version of the model {model.name!r}, found {versions}."
            )
        result[model.name] = versions[0]
    return result


def named(text: str) -> set[int]:
    """Returns every version of every model.

    Raises:
      ValueError: no ModelServerConfig.
    """
    models = _parse(text).model_config_list.config
    return {version for model in models for version in model.model_version_policy.specific.versions}


def _parse(text: str) -> model_server_config_pb2.ModelServerConfig:
    try:
        return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise ValueError(f"expected a ModelServerConfig as text, found at {error}.") from None
