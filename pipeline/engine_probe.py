"""What a portable engine's worker is asked before the first job: is it fit to run this project?

The submitting process says what it has itself; a worker compares, reads and writes, and what does
not fit becomes the job's error.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
import pathlib
import platform
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.io import filesystems

from modules.beam import errors

SOURCES = ("modules", "pipeline")  # what workers import of this project
_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Side:
    """What runs the project's code on one side.

    Attributes:
      python: its version, such as 3.10.
      packages: version by name, of the packages that the project names.
      sources: a digest of the project's own code.
    """

    python: str
    packages: dict[str, str]
    sources: str


def side() -> Side:
    """What runs here."""
    # the submitter's list: a worker looks up what it is asked for
    from packaging import requirements

    from pipeline import doctor

    listed = importlib.metadata.requires(doctor.PACKAGE) or ()
    needed = [requirements.Requirement(text) for text in listed]
    names = sorted(r.name for r in needed if r.marker is None or r.marker.evaluate({"extra": ""}))
    return Side(_python(), _versions(names), _sources())


def differences(theirs: Side, ours: Side) -> list[str]:
    """What a worker has otherwise than the submitting process, the most telling first."""
    found = []
    if theirs.python != ours.python:
        found.append(f"Python {theirs.python} in place of {ours.python}")
    for name, version in ours.packages.items():
        has = theirs.packages.get(name)
        if has is None:
            found.append(f"no {name}")
        elif has != version:
            found.append(f"{name} {has} in place of {version}")
    if not found and theirs.sources != ours.sources:
        found.append(f"another state of this project's code ({', '.join(SOURCES)})")
    return found[:_SHOWN] + [f"{len(found) - _SHOWN} more"] * (len(found) > _SHOWN)


class Probe(beam.DoFn):
    """Compares a worker with the submitting process, reads its files, and writes an answer."""

    def __init__(self, ours: Side, reads: dict[str, str], answer: str) -> None:
        """Remembers what is expected.

        Args:
          ours: what runs the code of the submitting process.
          reads: files that a worker has to read, by the key that names them.
          answer: where the worker writes what it is; the submitting process reads it.
        """
        self._ours, self._reads, self._answer = ours, reads, answer

    def process(self, element: object) -> Iterator[str]:
        """Yields the worker's host.

        Raises:
          errors.WorkerError: the worker is not fit; the message says why and what to do.
        """
        del element
        theirs = Side(_python(), _versions(list(self._ours.packages)), _sources())
        if found := differences(theirs, self._ours):
            raise errors.WorkerError(
                f"the workers on {platform.node()} have {', '.join(found)}. Install the wheel and "
                "the requirements that `recsys package` writes there, and start them again."
            )
        for key, path in self._reads.items():
            self._read(key, path)
        try:
            with filesystems.FileSystems.create(self._answer) as file:
                file.write(json.dumps({"host": platform.node()}).encode())
        except Exception as error:  # noqa: BLE001 - each file system raises its own
            raise errors.WorkerError(
                f"runner.artifacts: the workers on {platform.node()} cannot write {self._answer}: "
                f"{_one_line(error)}"
            ) from None
        yield platform.node()

    def _read(self, key: str, path: str) -> None:
        try:
            with filesystems.FileSystems.open(path) as file:
                file.read(1)
        except Exception as error:  # noqa: BLE001 - each file system raises its own
            raise errors.WorkerError(
                f"{key}: the workers on {platform.node()} cannot read {path}: {_one_line(error)}. "
                "Put it where all of them reach it at the same place: a mounted folder or a URL."
            ) from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


def _versions(names: list[str]) -> dict[str, str]:
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _sources() -> str:
    """The hex SHA-256 of all Python files of SOURCES."""
    digest = hashlib.sha256()
    for package in SOURCES:
        spec = importlib.util.find_spec(package)
        assert spec is not None and spec.submodule_search_locations  # this file is one of them
        root = pathlib.Path(spec.submodule_search_locations[0])
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{package}/{path.relative_to(root)}\n".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()
