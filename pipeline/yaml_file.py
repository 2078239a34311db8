"""Reads YAML strictly: syntax errors and duplicate keys give file and line; keys know their lines.

YAML's guess at times is off: `1998-03-01` stays a text, since the configuration reads its own
times. So are all its guesses in lists of texts as they stand in a data file (`_TEXTS`): there `No`,
`NULL` and 007 are what is written.
"""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import yaml

from modules.strict import ConfigError


@dataclasses.dataclass(frozen=True)
class Document:
    """What one file holds.

    `lines` maps a path, as in `features.crosses[0].buckets`, to its line, from 1.
    """

    file: pathlib.Path
    content: Any
    lines: dict[str, int]

    def place(self, key: str) -> str:
        """`file:line` of the key or of the nearest mapping around it; else the file alone."""
        while key and key not in self.lines:
            key = key[: max(key.rfind("."), key.rfind("["), 0)]
        return f"{self.file}:{self.lines[key]}" if key else str(self.file)


_TEXTS = ("missing", "header", "symbols")


class _Loader(yaml.SafeLoader):
    """SafeLoader without implicit timestamps."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [
            (tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(file: pathlib.Path) -> Document:
    """Reads one YAML document.

    Raises:
      ConfigError: the file is missing, no text, no YAML, or names a key twice.
    """
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: byte {error.start} is not UTF-8; save the file as UTF-8."
        ) from None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        lines: dict[str, int] = {}
        if node is not None:
            _walk(node, "", lines, file)
        return Document(file, loader.construct_document(node) if node is not None else None, lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else str(file)
        raise ConfigError(f"{where}: not valid YAML: {error.problem or error.context}.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {str(error).splitlines()[0]}.") from None


def read_value(text: str) -> Any:
    """The value that a text has in YAML: `3` is a number, `[a, b]` a list, `null` nothing.

    Raises:
      yaml.YAMLError: the text is no YAML.
    """
    return yaml.load(text, _Loader)


def _walk(node: yaml.Node, path: str, lines: dict[str, int], file: pathlib.Path) -> None:
    """Notes the line of each key below `node` and refuses a key that stands twice in a mapping."""
    if isinstance(node, yaml.SequenceNode):
        for n, child in enumerate(node.value):
            lines[f"{path}[{n}]"] = child.start_mark.line + 1
            _walk(child, f"{path}[{n}]", lines, file)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key, child in node.value:
            if isinstance(key, yaml.ScalarNode):  # names, also no, on, 010 and ~
                key.tag = "tag:yaml.org,2002:str"
            line, name = key.start_mark.line + 1, str(key.value)
            inner = f"{path}.{name}" if path else name
            if name in seen:
                raise ConfigError(
                    f"{file}:{line}: {inner}: stands twice, first on line {seen[name]}; remove one."
                )
            seen[name] = lines[inner] = line
            if name in _TEXTS and isinstance(child, yaml.SequenceNode):
                for scalar in child.value:
                    if isinstance(scalar, yaml.ScalarNode):
                        scalar.tag = "tag:yaml.org,2002:str"
            _walk(child, inner, lines, file)
