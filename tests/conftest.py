"""Fixtures for all tests."""

from __future__ import annotations

import inspect
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
def _beam_looks_once() -> Iterator[None]:
    """Remembers what Beam finds out about a DoFn's methods and about options, again and again.

    Half of the time of a small Beam pipeline is the inspection of signatures and the parsing of the
    same empty command line into views of its options. A pipeline without a runner gets that of
    runs, not the one that first tries to download another.
    """
    from apache_beam.options import pipeline_options
    from apache_beam.transforms import core

    from pipeline import runners

    options = pipeline_options.PipelineOptions
    arguments_of, arguments = core.get_function_args_defaults, weakref.WeakKeyDictionary()
    view_as, views = options.view_as, weakref.WeakKeyDictionary()

    def arguments_once(function: Any) -> Any:
        if not inspect.ismethod(function):
            return arguments_of(function)
        if function.__func__ not in arguments:
            arguments[function.__func__] = arguments_of(function)
        return tuple(map(list, arguments[function.__func__]))

    def view_once(self: Any, cls: Any) -> Any:
        known = views.setdefault(self, {})
        if cls not in known:
            known[cls] = view_as(self, cls)
        return known[cls]

    runner = pipeline_options.StandardOptions, "DEFAULT_RUNNER", runners.LOCAL_RUNNER
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(*runner)
        patch.setattr(core, "get_function_args_defaults", arguments_once)
        patch.setattr(options, "view_as", view_once)
        yield
