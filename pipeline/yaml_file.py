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
    """SafeLoader without implicit timestamps, and without values that hold themselves."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own class attribute
        first: [
            (tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._open: list[str | None] = []  # anchors of the values around the next one

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuses an alias inside of what it stands for."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) and event.anchor in self._open:
            raise yaml.composer.ComposerError(
                None,
                None,
                f"*{event.anchor} stands inside of &{event.anchor}, which it stands for; write "
                "the value out",
                event.start_mark,  # type: ignore[arg-type]
            )
        self._open.append(getattr(event, "anchor", None))
        try:
            return super().compose_node(parent, index)
        finally:
            self._open.pop()


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
    except RecursionError:
        raise ConfigError(f"{file}: not valid YAML: lists or keys are nested too deep.") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not valid YAML: {str(error).splitlines()[0]}.") from None


def read_value(text: str) -> Any:
    """The value that a text has in YAML: `3` is a number, `[a, b]` a list, `null` nothing.

    Raises:
      yaml.YAMLError: the text is no YAML.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise yaml.YAMLError("lists or keys are nested too deep") from None


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
