"""Finds and reads the configuration: a YAML file, the command line's overrides, resolved paths."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import yaml

from modules import config, strict
from modules.strict import ConfigError
from pipeline import yaml_file

FOLDER = pathlib.Path(__file__).parent / "configs"
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_PACKAGE = "package:"
_EXAMPLES = "examples"


def load(name_or_file: str, overrides: Sequence[str] = ()) -> config.Config:
    """Reads a configuration, ready to use.

    Args:
      name_or_file: a name of `names()`, else the path of a YAML file.
      overrides: `KEY=VALUE` texts: the key's path (`training.epochs`,
          `features.crosses[0].buckets`) and the value as YAML. The last one wins.

    Returns:
      The configuration; paths are absolute, `package:`, `~` and `$VARIABLE` are resolved.

    Raises:
      ConfigError: with the file and line, or the override, that is to blame.
    """
    document = yaml_file.read(find(name_or_file))
    parsed = [parse_override(text) for text in overrides]
    content = document.content
    for key, value in parsed:
        content = _replaced(content, _steps(key), value, key)
    try:
        found = strict.read(config.Config, content)
        data = _resolved(found.data, document.file, [key for key, _ in parsed])
        return dataclasses.replace(found, data=data)
    except ConfigError as error:
        raise ConfigError(f"{_blame(document, str(error), overrides)}: {error}") from None


def names() -> list[str]:
    """The configurations that come with the package; those of public layouts as `examples/NAME`."""
    found = (file.relative_to(FOLDER).with_suffix("") for file in FOLDER.rglob("*.yaml"))
    return sorted(file.as_posix() for file in found)


def main_names() -> list[str]:
    """The configurations of the package without the examples."""
    return [name for name in names() if "/" not in name]


def find(name_or_file: str) -> pathlib.Path:
    """The file of a packaged name, or the file itself."""
    if name_or_file in names():
        return FOLDER / f"{name_or_file}.yaml"
    file = pathlib.Path(name_or_file).expanduser()
    if file.is_file():
        return file
    if file.parts[:1] == (_EXAMPLES,):
        examples = [name for name in names() if "/" in name]
        raise ConfigError(
            f"{name_or_file}: neither a configuration of the package nor a file."
            f"{strict.nearest(name_or_file, examples)}"
        )
    if file.suffix in (".yaml", ".yml") or len(file.parts) > 1:
        known = ", ".join(main_names())
        raise ConfigError(f"{name_or_file}: no such file; expected a YAML file or one of {known}.")
    example = f"{_EXAMPLES}/{name_or_file}"
    raise ConfigError(
        f"{name_or_file}: neither a configuration of the package nor a file."
        + (
            f" Did you mean '{example}'?"
            if example in names()
            else strict.nearest(name_or_file, main_names())
        )
    )


def parse_override(text: str) -> tuple[str, Any]:
    """Splits `training.epochs=3` into the key and its value.

    Raises:
      ConfigError: no `=`, no key, or a value that is no YAML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"-o {text}: expected KEY=VALUE, like training.epochs=3.")
    try:
        return key.strip(), yaml_file.read_value(value)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ConfigError(f"-o {text}: the value is not valid YAML: {problem}.") from None


def _steps(key: str) -> list[str]:
    """`features.crosses[0].buckets`, or `features.crosses.0.buckets`, as four steps."""
    return [step for step in re.split(r"[.\[\]]+", key) if step]


def _replaced(content: Any, steps: Sequence[str], value: Any, key: str) -> Any:
    """A copy of `content` with the value at path `steps`; missing mappings on the way are made."""
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if content is None:
        content = {}
    if isinstance(content, list):
        if not step.isdecimal() or int(step) >= len(content):
            raise ConfigError(
                f"-o {key}: found {step!r}, expected a place in a list of {len(content)}, "
                "counted from 0."
            )
        return [
            _replaced(v, rest, value, key) if n == int(step) else v for n, v in enumerate(content)
        ]
    if not isinstance(content, dict):
        raise ConfigError(
            f"-o {key}: '{step}' lies inside {content!r}, which is no mapping; "
            "replace the whole value, as in KEY='{kind: numeric, default: 0}'."
        )
    return {**content, step: _replaced(content.get(step), rest, value, key)}


def _blame(document: yaml_file.Document, message: str, overrides: Sequence[str]) -> str:
    """The override whose key the message is about, else the file and line with all overrides."""
    key = message.partition(":")[0]
    for text in reversed(overrides):
        steps, about = _steps(text.partition("=")[0]), _steps(key)
        if steps[: len(about)] == about or about[: len(steps)] == steps:
            return f"{document.file} with -o {text}"
    return document.place(key) + "".join(f" with -o {text}" for text in overrides)


def _resolved(data: config.Data, file: pathlib.Path, overridden: Sequence[str]) -> config.Data:
    """`data` with absolute paths.

    What came from the command line is relative to the working directory.
    """

    def resolve(path: str, key: str) -> str:
        here = any(_steps(key)[: len(_steps(o))] == _steps(o) for o in overridden)
        return resolve_path(path, key, pathlib.Path.cwd() if here else file.resolve().parent)

    tables = {
        name: dataclasses.replace(table, path=resolve(table.path, f"data.{name}.path"))
        for name in ("events", "users", "items")
        if (table := getattr(data, name)) is not None
    }
    schema = resolve(data.schema, "data.schema") if data.schema else data.schema
    return dataclasses.replace(data, schema=schema, **tables)


def resolve_path(path: str, key: str, folder: pathlib.Path) -> str:
    """The absolute path of a declared one.

    Args:
      path: `package:NAME/REST` (a file in an installed package), a URL (returned as it is), or a
          path that may hold `~` and `$VARIABLE`s.
      key: the path's own key, for error messages.
      folder: what a relative path is relative to.
    """
    if path.startswith(_PACKAGE):
        return _in_package(path, key)
    expanded = os.path.expandvars(os.path.expanduser(path))
    unset = re.search(r"\$\{?([A-Za-z_]\w*)", expanded)
    if unset:
        raise ConfigError(
            f"{key}: the environment variable {unset[1]} is not set (found {path}). Set it, as "
            f"in `export {unset[1]}=FOLDER`, or give the file itself: `-o {key}=FILE`."
        )
    return expanded if _URL.match(expanded) else str(folder / expanded)


def _in_package(path: str, key: str) -> str:
    """Looks a package up without importing it: a data package's own dependencies may be absent."""
    package, slash, rest = path.removeprefix(_PACKAGE).partition("/")
    if not package.isidentifier() or not slash or not rest:
        raise ConfigError(
            f"{key}: found {path!r}, expected package:NAME/FILE with the name of a "
            "top-level package."
        )
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError(
            f"{key}: the package {package!r} that holds {rest} is not installed; run `make setup`."
        )
    return str(pathlib.Path(spec.submodule_search_locations[0]) / rest)
