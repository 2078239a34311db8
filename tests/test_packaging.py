"""What Beam workers install (`--setup_file=./setup.py`) holds the data files the code reads."""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tarfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PACKAGES = ("modules", "pipeline", "serving", "schema")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory) -> set[str]:
    """Paths in the source distribution, relative to the project."""
    copy = tmp_path_factory.mktemp("source")
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for name in ("setup.py", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    command = [sys.executable, "setup.py", "--quiet", "sdist"]
    done = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    with tarfile.open(next((copy / "dist").glob("*.tar.gz"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def _sources(*patterns: str) -> set[str]:
    return {
        str(file.relative_to(ROOT))
        for package in PACKAGES
        for pattern in patterns
        for file in (ROOT / package).rglob(pattern)
    }


def test_all_code_is_shipped(shipped):
    assert _sources("*.py") - shipped == set()


def test_configurations_schemas_and_the_report_are_shipped(shipped):
    data = _sources("*.yaml", "*.pbtxt", "*.html", "*.css")
    assert {
        "pipeline/configs/movielens-100k.yaml",
        "pipeline/configs/examples/ml-1m.yaml",
        "schema/movielens-100k/schema.pbtxt",
    } <= data
    assert data - shipped == set()


def test_the_licence_is_shipped(shipped):
    assert "LICENSE" in shipped
