"""`recsys doctor`: is this machine set up to run the pipeline? One line a finding, with its remedy.

Versions are read from package metadata, so they are told even where a package is broken; what has
to import TensorFlow runs in a process of its own (`pipeline.doctor_probe`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import importlib.metadata
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal

from modules import globs
from modules.strict import ConfigError
from pipeline import configuration, metadata_file, runs

PACKAGE = "tfx-two-stage-recommender"
PROBE = (sys.executable, "-m", "pipeline.doctor_probe")
PROBE_SECONDS = 300
MIN_MEMORY_GB = 4.0  # what the demo needs
MIN_DISK_GB = 2.0

Status = Literal["ok", "warn", "fail"]


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the result."""

    status: Status
    subject: str
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"\n{'':6}{'':14}-> {self.remedy}" if self.remedy else ""
        return f"{self.status:6}{self.subject:14}{self.detail}{remedy}"


def main(config_name: str, overrides: Sequence[str], root: pathlib.Path) -> int:
    """Prints all findings as they come; returns 1 if one of them is a failure."""
    failed = False
    for finding in findings(config_name, overrides, root):
        print(finding, flush=True)
        failed |= finding.status == "fail"
    print("Not ready: see the lines that begin with fail." if failed else "This machine is ready.")
    return int(failed)


def findings(config_name: str, overrides: Sequence[str], root: pathlib.Path) -> Iterator[Finding]:
    """All checks, the quick ones first."""
    yield python(sys.version_info[:2], importlib.metadata.metadata(PACKAGE)["Requires-Python"])
    yield from versions(importlib.metadata.requires(PACKAGE) or (), importlib.metadata.version)
    yield memory()
    yield disk(root)
    yield from data_files(config_name, overrides)
    with contextlib.suppress(ConfigError):  # which `data_files` has told
        yield from metadata(runs.Run(root, configuration.load(config_name, overrides).name))
    yield from probe(PROBE)


def python(version: tuple[int, int], required: str) -> Finding:
    """Checks the interpreter against the package's Requires-Python, such as `>=3.10,<3.11`."""
    from packaging import specifiers

    if specifiers.SpecifierSet(required).contains(_dotted(version)):
        return Finding("ok", "Python", f"{platform.python_version()} at {sys.executable}")
    return Finding(
        "fail",
        "Python",
        f"{_dotted(version)}; {PACKAGE} needs {required}",
        "run `make setup`, then .venv/bin/recsys",
    )


def _dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def versions(required: Iterable[str], installed: Callable[[str], str]) -> Iterator[Finding]:
    """Compares installed packages with requirements such as `tfx==1.16.0`.

    Args:
      required: as a package's metadata has them; those of extras are left out.
      installed: the version of a package; raises PackageNotFoundError.
    """
    from packaging import requirements

    right = []
    for requirement in map(requirements.Requirement, required):
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        wanted = f"{requirement.name}{requirement.specifier}"
        try:
            version = installed(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding("fail", "packages", f"{wanted} is missing", "run `make setup`")
            continue
        if requirement.specifier.contains(version, prereleases=True):
            right.append(f"{requirement.name} {version}")
        else:
            yield Finding(
                "fail",
                "packages",
                f"{wanted} is needed, {version} is installed",
                "run `make setup`",
            )
    if right:
        yield Finding(
            "ok", "packages", f"{len(right)} as required, among them {', '.join(right[:2])}"
        )


def memory() -> Finding:
    """Checks the memory that is free now."""
    import psutil

    free = psutil.virtual_memory().available / 1e9
    detail = f"{free:.1f} GB free of {psutil.virtual_memory().total / 1e9:.1f} GB"
    if free >= MIN_MEMORY_GB:
        return Finding("ok", "memory", detail)
    return Finding(
        "warn",
        "memory",
        f"{detail}; the demo needs up to {MIN_MEMORY_GB:.0f} GB",
        "end other programs, or use a larger machine",
    )


def disk(root: pathlib.Path) -> Finding:
    """Checks the space where runs will live."""
    folder = next(f for f in (root.resolve(), *root.resolve().parents) if f.exists())
    free = shutil.disk_usage(folder).free / 1e9
    if free >= MIN_DISK_GB:
        return Finding("ok", "disk", f"{free:.1f} GB free at {folder}")
    return Finding(
        "warn",
        "disk",
        f"{free:.1f} GB free at {folder}; a run needs up to {MIN_DISK_GB:.0f} GB",
        "free some, or choose another place with --root",
    )


def data_files(config_name: str, overrides: Sequence[str]) -> Iterator[Finding]:
    """Checks that the configuration can be read and that the files it names are there."""
    try:
        cfg = configuration.load(config_name, overrides)
    except ConfigError as error:
        yield Finding("fail", "data", str(error), "correct the configuration")
        return
    tables = {"events": cfg.data.events, "users": cfg.data.users, "items": cfg.data.items}
    for name, table in tables.items():
        if table is None:
            continue
        if re.match(r"\w+://", table.path):
            yield Finding("warn", "data", f"{name}: {table.path} is remote and was not looked at")
        elif _is_there(table.path):
            yield Finding("ok", "data", f"{name}: {table.path}")
        else:
            yield Finding(
                "fail",
                "data",
                f"{name}: {table.path} does not exist",
                f"correct data.{name}.path; the demo's data comes with `make setup`",
            )


def metadata(run: runs.Run) -> Iterator[Finding]:
    """Checks that what ML Metadata knows of the run can be read, if there was one."""
    try:
        if metadata_file.check(run.metadata):
            yield Finding("ok", "run", str(run.metadata))
    except metadata_file.Unreadable as error:
        yield Finding("fail", "run", error.problem, error.remedy)


def _is_there(path: str) -> bool:
    literal, pattern = globs.divided(path)
    return bool(glob.glob(pattern, root_dir=literal)) if pattern else os.path.exists(literal)


def probe(command: Sequence[str], seconds: float = PROBE_SECONDS) -> Iterator[Finding]:
    """Runs the checks that import TensorFlow in a process of its own.

    Args:
      command: prints one JSON object with the fields of a Finding on each line that starts with
          `{`.
      seconds: how long it may take.
    """
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        yield Finding(
            "fail", "TensorFlow", f"did not answer in {seconds:.0f} s", "run `make setup`"
        )
        return
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield Finding(**json.loads(line))
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
        yield Finding(
            "fail",
            "TensorFlow",
            f"does not work: {reason}",
            "see the versions above; run `make setup` (after `make clean` if that is not enough)",
        )
