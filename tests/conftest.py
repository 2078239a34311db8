"""Fixtures for all tests."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def run_python() -> Callable[[str], str]:
    """Runs Python code in its own process, in the project's folder, and returns what it prints."""

    def run(code: str) -> str:
        command = [sys.executable, "-c", textwrap.dedent(code)]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture(scope="session", autouse=True)
def _small_pipelines() -> Iterator[None]:
    """Half of the time of a small Beam pipeline is spent on what the tests do without."""
    from tests import small_pipelines  # which imports Beam

    with pytest.MonkeyPatch.context() as patch:
        small_pipelines.lighten(patch)
        yield
