"""The page `configuration.md`: every key of a configuration, with type, default and meaning."""

from __future__ import annotations

import re

from docs.hooks import config_keys, markdown, meanings
from modules import config
from pipeline import configuration, yaml_file

_INTRODUCTION = """\
# Configuration

One YAML file says all there is to say about a data set and what to learn from it. Only `name` and
`data.events` are required; everything else has the default that stands here.

The file is read strictly: an unknown key, a wrong type, a duplicate or a contradiction is refused
with file and line, with what was found, what was expected, and the nearest known key. Single values
are replaced on the command line with `-o KEY=VALUE`, where `KEY` is a key of this page and `VALUE`
is YAML: `-o training.epochs=3`, `-o evaluation.ks='[10, 200]'`,
`-o features.crosses[0].buckets=500`.

In the keys, `NAME` is a name of your choice and `N` a place in a list, counted from 0.

"""
_HEAD = ("Key", "Default", "Meaning")


def make() -> str:
    """The page as Markdown."""
    document = yaml_file.read(configuration.FOLDER / "template.yaml")
    template = meanings.of_template(document)
    top = config_keys.read(config.Config, template)
    parts = [_INTRODUCTION, _keys(top)]
    for key in top.keys:
        if key.section:
            parts.append(_heading(2, [key]))
            parts.append(_section(key.section, template, level=3))
    parts.append("## A file with every key {#template}\n\n")
    parts.append(markdown.fenced(document.file.read_text(encoding="utf-8"), "yaml"))
    return "".join(parts)


def _section(section: config_keys.Section, template: dict[str, str], level: int) -> str:
    """What a section is, its keys, and the sections below it: those with the same keys once."""
    parts = [f"{markdown.sentence(section.meaning)}\n\n" if section.meaning else "", _keys(section)]
    alike: dict[type, list[config_keys.Key]] = {}
    for key in section.keys:
        if key.section:
            alike.setdefault(key.section.cls, []).append(key)
    for keys in alike.values():
        first = keys[0].section
        assert first is not None
        parts.append(_heading(level, keys))
        parts.append(_section(first, template, min(level + 1, 6)))
    return "".join(parts)


def _heading(level: int, keys: list[config_keys.Key]) -> str:
    """The title of a section, and one place to point to for each path that has these keys."""
    paths = [key.section.path for key in keys if key.section]
    title = ", ".join(markdown.code(path) for path in paths)
    anchors = "".join(markdown.anchor(f"section-{path}") for path in paths[1:])
    return f"{'#' * level} {title} {{#section-{paths[0]}}}\n\n{anchors}\n\n"


def _keys(section: config_keys.Section) -> str:
    return markdown.table(_HEAD, [_row(key) for key in section.keys])


def _row(key: config_keys.Key) -> tuple[str, str, str]:
    name = f"{markdown.anchor(key.path)}{markdown.code(key.path)}<br>{key.type}"
    if key.section is not None:
        name = name.replace("section", f"[section](#section-{key.section.path})")
    if key.default is None:
        default = "required"
    elif key.section is not None and key.section.path == key.path and key.default != "null":
        default = ""  # that of its keys
    else:
        default = markdown.code(key.default)
    return name, default, markdown.sentence(_with_choices(key.meaning, key.choices))


def _with_choices(meaning: str, choices: tuple[str, ...]) -> str:
    """A meaning that explains choices as in `a: this | b: that`, with one choice a line."""
    if not choices:
        return meaning
    words = "|".join(map(re.escape, choices))
    coded = re.sub(rf"(^|: |\| )({words})(?=:| \||$)", r"\1`\2`", meaning)
    return coded.replace(" | ", "<br>")
