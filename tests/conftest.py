"""Fixtures for all tests."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import textwrap
import weakref
from collections.abc import Callable, Iterator
from typing import Any

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
def _beam_inspects_a_dofn_once() -> Iterator[None]:
    """Remembers what Beam finds out about a DoFn, which it else does a dozen times for each.

    A fifth of the time of a small Beam pipeline is the inspection of its DoFns' signatures.
    """
    from apache_beam.transforms import userstate

    inspect, known = userstate.get_dofn_specs, weakref.WeakKeyDictionary()

    def specs(dofn: Any) -> Any:
        if dofn not in known:
            known[dofn] = inspect(dofn)
        return known[dofn]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(userstate, "get_dofn_specs", specs)
        yield
