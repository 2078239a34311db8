"""`recall.config`, `rank.config`: which versions a model's servers have loaded, and their labels.

TensorFlow Serving's `--model_config_file`, one model each. A label moves only to a version that is
loaded, so two versions are listed, and the labels say which is for what.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2


@dataclasses.dataclass(frozen=True)
class Served:
    """What a file says."""

    versions: tuple[int, ...] = ()
    labels: Mapping[str, int] = dataclasses.field(default_factory=dict)


def path(folder: pathlib.Path, model: str) -> pathlib.Path:
    """Where the file of a model is."""
    return folder / f"{model}.config"


def write(model: str, served: Served, base: pathlib.PurePath) -> str:
    """The text of the file; it lists no model if there is no version of it.

    Args:
      model: its name.
      served: versions that are there, and the labels for them.
      base: the folder that holds `<model>/<version>`, as the servers see it.
    """
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    if served.versions:
        entry = config.model_config_list.config.add(
            name=model, base_path=str(base / model), model_platform="tensorflow"
        )
        entry.model_version_policy.specific.versions.extend(sorted(served.versions))
        entry.version_labels.update(served.labels)
    text: str = text_format.MessageToString(config)
    return text


def read(folder: pathlib.Path, model: str) -> Served:
    """Reads the file; nothing is served where there is none.

    Raises:
      ValueError: it is no ModelServerConfig.
    """
    file = path(folder, model)
    try:
        text = file.read_text(encoding="utf-8")
        found = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except FileNotFoundError:
        return Served()
    except text_format.ParseError as error:
        raise ValueError(
            f"{file}: expected a ModelServerConfig as text, found at {error}."
        ) from None
    entries = [entry for entry in found.model_config_list.config if entry.name == model]
    if not entries:
        return Served()
    return Served(
        tuple(entries[0].model_version_policy.specific.versions), dict(entries[0].version_labels)
    )
