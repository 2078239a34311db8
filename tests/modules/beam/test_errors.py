"""A DataError is found again in everything that Beam makes of it."""

from __future__ import annotations

import pytest

from modules.beam import errors

TEXT = "/data/a.inter, line 3: column 'timestamp': found 'x'."
# As worker processes and Dataflow send it: the traceback as text, the step in brackets.
REMOTE = f"""Error message from worker: generic::unknown: Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1499, in apache_beam.runners.common.DoFnRunner.process
modules.beam.errors.DataError: {TEXT}

During handling of the above exception, another exception occurred:
modules.beam.errors.DataError: {TEXT} [while running 'Make/Refuse[0]-ptransform-31']
"""


def _chained() -> BaseException:
    try:
        try:
            raise errors.DataError(f"{TEXT} [while running 'Refuse']")
        except errors.DataError as inner:
            raise RuntimeError("Pipeline failed") from inner
    except RuntimeError as outer:
        return outer


@pytest.mark.parametrize(
    "error",
    [
        errors.DataError(TEXT),
        errors.DataError(f"{TEXT} [while running 'Refuse']"),
        RuntimeError(REMOTE),
        _chained(),
    ],
)
def test_unwrap_finds_the_message(error: BaseException) -> None:
    assert errors.unwrap(error) == TEXT


def test_unwrap_leaves_other_errors_alone() -> None:
    assert errors.unwrap(RuntimeError("KeyError: 'x' [while running 'Refuse']")) is None


def test_a_message_of_several_lines_is_kept_whole() -> None:
    assert errors.unwrap(errors.DataError("2 problems:\n  a\n  b")) == "2 problems:\n  a\n  b"
