"""The pages of the code's reference, one a package, found in the tree; mkdocstrings fills them."""

from __future__ import annotations

import pathlib

FOLDER = "reference"
_ROOTS = ("modules", "pipeline", "serving")
_GENERATED = "_pb2"  # how names of modules end that protoc has written
_LATER = "---\nsearch:\n  boost: 0.0005\n---\n\n"  # a title counts a thousand times a text
_INTRODUCTION = """\
# Code reference

What the docstrings say, one page a package. `modules` is what training and serving share and what
workers import, `pipeline` wires and runs it, `serving` holds the servers and
[the clients](serving.client.md). Names that begin with an underscore are left out.

"""


def make(root: pathlib.Path) -> dict[str, str]:
    """Makes the pages.

    Args:
      root: the folder of the repository.

    Returns:
      Markdown by path within the documentation; the first is the list of all.
    """
    packages = _packages(root)
    rows = [f"- [`{package}`]({package}.md)\n" for package in packages]
    pages = {f"{FOLDER}/index.md": _INTRODUCTION + "".join(rows)}
    for package, modules in packages.items():
        parts = [_LATER, _directive(package, 1), *(_directive(module, 2) for module in modules)]
        pages[f"{FOLDER}/{package}.md"] = "".join(parts)
    return pages


def _packages(root: pathlib.Path) -> dict[str, list[str]]:
    """Names of public modules by package, for packages that have any."""
    found: dict[str, list[str]] = {}
    for top in _ROOTS:
        for init in sorted((root / top).rglob("__init__.py")):
            package = ".".join(init.parent.relative_to(root).parts)
            names = sorted(file.stem for file in init.parent.glob("*.py"))
            modules = [n for n in names if not n.startswith("_") and not n.endswith(_GENERATED)]
            if modules:
                found[package] = [f"{package}.{name}" for name in modules]
    return dict(sorted(found.items()))


def _directive(name: str, level: int) -> str:
    """What mkdocstrings replaces with a module's documentation, its heading at the level."""
    return f"::: {name}\n    options:\n      heading_level: {level}\n\n"
