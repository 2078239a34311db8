"""`recsys package`: what workers install, in one folder.

The wheel holds this project, `requirements.txt` all that it needs in the locked versions, without
the tools of developers. It is complete, so that it is installed without looking for dependencies.
"""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import subprocess
import sys
import tempfile

from packaging import requirements, utils

from modules import environment
from pipeline import doctor
from serving.deploy import gateway_requirements

ROOT = pathlib.Path(__file__).resolve().parent.parent
REQUIREMENTS = "requirements.txt"
_EPOCH = "1577836800"  # 2020: the same sources give the same wheel, byte by byte


class NotPackaged(RuntimeError):
    """The package could not be made; the message says why."""


def main(folder: pathlib.Path) -> None:
    """Writes the wheel and its requirements into `folder`, and prints where they are.

    Raises:
      NotPackaged: this is no checkout, a package is not locked, or the build failed.
    """
    if not (ROOT / "setup.py").is_file():
        raise NotPackaged(
            f"{ROOT}: no setup.py is there, and the wheel is built from a checkout of the project. "
            "Run it there."
        )
    lines = [f"{name}=={version}" for name, version in sorted(locked().items())]
    folder.mkdir(parents=True, exist_ok=True)
    wheel = build(folder)
    target = folder / REQUIREMENTS
    partial = target.with_name(f".{target.name}")
    partial.write_text("\n".join([f"# what {wheel.name} needs", *lines, ""]), encoding="utf-8")
    partial.replace(target)
    print(f"Wheel: {wheel}\nWhat it needs: {target} ({len(lines)} packages)")
    print(
        "In the workers' environment, with Python "
        f"{sys.version_info[0]}.{sys.version_info[1]} and {environment.LEGACY_KERAS}=1:\n"
        f"  uv pip install --no-deps -r {target} {wheel}"
    )


def build(folder: pathlib.Path) -> pathlib.Path:
    """Builds the wheel into `folder`, in place of an older one of the same version.

    Raises:
      NotPackaged: setuptools says no.
    """
    with tempfile.TemporaryDirectory() as scratch:
        command = [sys.executable, "-W", "ignore", "setup.py", "--quiet"]
        command += ["egg_info", "--egg-base", scratch]  # nothing is left in the checkout
        command += ["build", "--build-base", f"{scratch}/build"]
        command += ["bdist_wheel", "--bdist-dir", f"{scratch}/wheel", "--dist-dir", scratch]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH},
            capture_output=True,
            text=True,
            check=False,
        )
        made = list(pathlib.Path(scratch).glob("*.whl"))
        if done.returncode or len(made) != 1:
            reason = (done.stderr.strip().splitlines() or ["setup.py made no wheel"])[-1]
            raise NotPackaged(f"the wheel could not be built: {reason}")
        partial = folder / f".{made[0].name}"
        partial.write_bytes(made[0].read_bytes())
    return partial.replace(folder / made[0].name)


def locked() -> dict[str, str]:
    """Locked version by name of all packages that the project needs, directly or not.

    Found through the metadata of the installed packages.

    Raises:
      NotPackaged: a package is not installed, or not in the lock file.
    """
    file = ROOT / "requirements.lock"
    versions = gateway_requirements.locked(file)
    names = _closure(doctor.PACKAGE) - {doctor.PACKAGE}
    if missing := sorted(names - versions.keys()):
        raise NotPackaged(f"{file}: {', '.join(missing)} are not locked; run `make lock`.")
    return {name: versions[name] for name in names}


def _closure(name: str) -> set[str]:
    """The package and all that it needs here, with the extras that are asked for."""
    found: set[tuple[str, str]] = set()
    waiting = [(name, "")]
    while waiting:
        package, extra = waiting.pop()
        found.add((package, extra))
        try:
            needed = importlib.metadata.requires(package) or ()
        except importlib.metadata.PackageNotFoundError:
            raise NotPackaged(f"{package} is not installed; run `make setup`.") from None
        for each in map(requirements.Requirement, needed):
            if each.marker is None or each.marker.evaluate({"extra": extra}):
                inner = utils.canonicalize_name(each.name)
                waiting += [(inner, e) for e in ("", *each.extras) if (inner, e) not in found]
    return {package for package, _ in found}
