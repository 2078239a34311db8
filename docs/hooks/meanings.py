"""Reads what the configuration's keys mean: from docstrings and from the template's comments."""

from __future__ import annotations

import functools
import inspect
import re

import griffe

from pipeline import yaml_file

_COMMENT = re.compile(r"(?:^|\s)#(?:\s|$)")
_EXAMPLE = re.compile(r"(?:- )?(?<![`\w])(?P<code>(?:\w+: )?{(?:[^{}]|{[^{}]*})*}|\[[^\[\]]*\])")


@functools.cache
def of_attributes(cls: type) -> dict[str, str]:
    """Reads the section `Attributes` of a class's docstring, and of the classes it comes from.

    Args:
      cls: a class.

    Returns:
      The text by field.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        for section in _sections(base):
            if section.kind is griffe.DocstringSectionKind.attributes:
                found |= {one.name: _plain(one.description) for one in section.value}
    return found


def of_class(cls: type) -> str:
    """What the docstring says before its sections."""
    texts = [s.value for s in _sections(cls) if s.kind is griffe.DocstringSectionKind.text]
    return "\n\n".join(texts)


def of_template(document: yaml_file.Document) -> dict[str, str]:
    """Reads the comments of a YAML file.

    A comment belongs to the key on its line, else to the last key before it. Where several keys
    stand on a line, the comment is about the first.

    Args:
      document: the file.

    Returns:
      The text by the key's path, as in `training.epochs`.
    """
    keys: dict[int, str] = {}
    for path, at in document.lines.items():
        keys.setdefault(at, path)  # in the file's order, so that the outermost comes first
    found: dict[str, str] = {}
    current = None
    for number, line in enumerate(document.file.read_text(encoding="utf-8").splitlines(), start=1):
        current = keys.get(number, current)
        comment = _COMMENT.search(line)
        if current is not None and comment:
            text = line[comment.end() :].strip()
            found[current] = f"{found.get(current, '')} {text}".strip()
    return {path: _with_examples_as_code(text) for path, text in found.items()}


def _sections(cls: type) -> list[griffe.DocstringSection]:
    text = cls.__dict__.get("__doc__") or ""
    if text.startswith(f"{cls.__name__}("):  # the signature, which dataclasses make up
        return []
    return griffe.Docstring(inspect.cleandoc(text)).parse("google", warnings=False)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _with_examples_as_code(text: str) -> str:
    """Mappings and lists of YAML in the text, as code."""
    return _EXAMPLE.sub(lambda found: f"`{found['code']}`", text)
