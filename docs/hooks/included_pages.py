"""Markdown files of the repository that are pages, too, and links between them."""

from __future__ import annotations

import os
import pathlib
import posixpath
import re
from collections.abc import Callable

from docs.hooks import markdown

_DOCS = "docs/"
_ALONE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "serving/deploy/README.md": "deploy.md",
}
_MEASUREMENTS = "benchmarks"
# a page called index would become that of its whole section, without an entry in the navigation
_RENAMED = {
    f"{_MEASUREMENTS}/index.md": f"{_MEASUREMENTS}/index_bodies.md",
    f"{_MEASUREMENTS}/serving/README.md": f"{_MEASUREMENTS}/serving.md",
}
_IMAGES = (".png", ".svg")
_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#|//")


def pages(root: pathlib.Path) -> dict[str, str]:
    """Finds the files that become pages.

    Args:
      root: the folder of the repository.

    Returns:
      Path within the documentation by path within the repository.
    """
    found = {name: page for name, page in _ALONE.items() if (root / name).is_file()}
    for file in sorted((root / _MEASUREMENTS).rglob("*.md")):
        name = file.relative_to(root).as_posix()
        found[name] = _RENAMED.get(name, name.replace("README.md", "index.md"))
    return found


def images(root: pathlib.Path, sources: dict[str, str]) -> list[str]:
    """Paths, within the repository, of the images that these files show."""
    found = []
    for name in sources:
        for link in _LINK.finditer((root / name).read_text(encoding="utf-8")):
            target = _resolved(name, link["target"])
            if target.endswith(_IMAGES) and not target.startswith(_DOCS):
                found.append(target)
    return sorted(set(found))


def with_links(text: str, source: str, page: str, root: pathlib.Path) -> str:
    """Turns links between files of the repository into links between pages.

    A link to a file that is no page becomes its text; a link to nothing stays, for MkDocs to
    complain about.

    Args:
      text: Markdown of the source.
      source: path within the repository.
      page: path within the documentation.
      root: the folder of the repository.
    """
    known = pages(root)

    def rewritten(link: re.Match[str]) -> str:
        path, hash_, place = link["target"].partition("#")
        target = _resolved(source, path)
        if target in known:
            there = known[target]
        elif target.startswith(_DOCS):
            there = target.removeprefix(_DOCS)
        elif target.endswith(_IMAGES):
            there = target
        elif (root / target).exists():
            return link["text"]
        else:
            return link[0]
        relative = posixpath.relpath(there, posixpath.dirname(page) or ".")
        return f"{link['image']}[{link['text']}]({relative}{hash_}{place})"

    return _outside_code(text, lambda part: _LINK.sub(_only_relative(rewritten), part))


def title(text: str) -> str:
    """The first heading of a page, without marks of Markdown."""
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].replace("`", "") if found else ""


def _only_relative(rewritten: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
    return lambda link: link[0] if _ELSEWHERE.match(link["target"]) else rewritten(link)


def _resolved(source: str, target: str) -> str:
    return os.path.normpath(posixpath.join(posixpath.dirname(source), target.partition("#")[0]))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    return "".join(part if is_code else change(part) for is_code, part in markdown.parts(text))
