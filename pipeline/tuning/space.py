"""Spaces of values: found, read and checked before anything is trained."""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
from collections.abc import Sequence
from importlib import resources

from modules import config, strict, tuning_config
from modules.strict import ConfigError
from pipeline import configuration, yaml_file


@dataclasses.dataclass(frozen=True)
class Vertex:
    """Where on Vertex AI trials run."""

    project: str
    region: str
    image: str


def vertex(text: str) -> Vertex:
    """Reads PROJECT/REGION/IMAGE, of which the image may hold slashes."""
    parts = text.split("/", 2)
    if len(parts) < 3 or not all(parts):
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected PROJECT/REGION/IMAGE, like "
            "shop/europe-west4/europe-docker.pkg.dev/shop/images/recsys:1"
        )
    return Vertex(*parts)


def names() -> list[str]:
    """The spaces that come with the package."""
    return sorted(file.stem for file in _folder().glob("*.yaml"))


def read(name_or_file: str, config_name: str, overrides: Sequence[str]) -> tuning_config.Space:
    """Reads a space of the package, or a file, for a configuration.

    Raises:
      ConfigError: it cannot be read, or the configuration does not take one of its values.
    """
    file = _folder() / f"{name_or_file}.yaml"
    if name_or_file not in names():
        file = pathlib.Path(name_or_file).expanduser()
        if not file.is_file():
            raise ConfigError(
                f"{name_or_file}: no such space; expected a YAML file or one of "
                f"{', '.join(names())}."
            )
    document = yaml_file.read(file)
    try:
        found = tuning_config.read(document.content)
    except ConfigError as error:
        raise ConfigError(f"{document.place(str(error).partition(':')[0])}: {error}") from None
    base = configuration.load(config_name, overrides)
    for key, dimension in found.space.items():
        place = document.place(f"space.{key}")
        for value in dimension.ends():
            try:
                configuration.load(config_name, (*overrides, f"{key}={value}"))
            except ConfigError as error:
                raise ConfigError(f"{place}: {error}") from None
        if not dimension.values:
            _check_range(place, key, dimension, base)
    return found


def _check_range(
    place: str, key: str, dimension: tuning_config.Dimension, base: config.Config
) -> None:
    value = tuning_config.value_of(strict.to_plain(base), key)
    low, high = dimension.ends()
    if not low <= value <= high:
        raise ConfigError(
            f"{place}: {key}: the configuration's value, {value}, lies outside of {low} to {high}, "
            "and is tried first; widen the range."
        )


def _folder() -> pathlib.Path:
    return pathlib.Path(str(resources.files(__package__))) / "spaces"
