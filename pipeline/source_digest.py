"""A digest of the project's own code that a component runs, so that TFX's cache sees an edit of it.

TFX's cache key holds inputs and parameters but not the code behind a dotted path. Each component
therefore carries the digest of the modules it imports, found by following the import statements
from its entry module. An edit of the recall model then reruns the Trainer and what follows, and not
ExampleGen.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
import pathlib
from collections.abc import Iterable, Iterator

PACKAGES = ("modules", "pipeline")
LIBRARIES = (
    "apache-beam",
    "scann",
    "tensorflow",
    "tensorflow-recommenders",
    "tensorflow-transform",
)


def of(*entry_modules: str) -> str:
    """Returns the hex SHA-256 of the sources of the modules and of all project modules they import.

    The versions of LIBRARIES count too: what they made is not reused beside others.

    Args:
      entry_modules: dotted names, like `modules.recall.trainer`.

    Raises:
      ModuleNotFoundError: an entry module does not exist.
    """
    digest = hashlib.sha256()
    for library in LIBRARIES:
        digest.update(f"{library} {importlib.metadata.version(library)}\n".encode())
    for name in closure(entry_modules):
        digest.update(name.encode())
        digest.update(_source(name).read_bytes())
    return digest.hexdigest()


def closure(entry_modules: Iterable[str]) -> list[str]:
    """Sorted names of the entry modules and all project modules they import, even indirectly."""
    found: set[str] = set()
    waiting = list(entry_modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(_imports(name))
    return sorted(found)


@functools.cache
def _imports(name: str) -> tuple[str, ...]:
    return tuple(sorted(set(_imported(ast.parse(_source(name).read_text(encoding="utf-8"))))))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            candidates = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            candidates = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (c for c in candidates if c.split(".")[0] in PACKAGES and _find(c))


@functools.cache
def _find(name: str) -> pathlib.Path | None:
    package, *inside = name.split(".")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = pathlib.Path(spec.submodule_search_locations[0]).joinpath(*inside)
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


def _source(name: str) -> pathlib.Path:
    path = _find(name)
    if path is None:
        raise ModuleNotFoundError(f"{name}: no such module in {', '.join(PACKAGES)}.", name=name)
    return path
