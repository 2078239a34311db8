"""What is set before TensorFlow is imported, and what a process prints when it ends."""

from __future__ import annotations

import subprocess
import sys

import pytest

# A graph that is deleted after TensorFlow's modules, as those that Beam's workers hold are.
_LAST = """
import atexit, gc, sys
held = []

def last():  # runs after what was registered later
    from tensorflow.python.eager.polymorphic_function import atomic_function
    atomic_function.RUNTIME_FUNCTION_REFS = None
    held.clear()
    gc.collect()

atexit.register(last)
if {prepared}:
    import modules
import tensorflow as tf
held.append(tf.function(lambda x: x + 1).get_concrete_function(tf.TensorSpec([], tf.float32)))
"""


@pytest.mark.parametrize("prepared", [True, False])
def test_graphs_that_live_to_the_end_are_left_in_silence(prepared: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _LAST.format(prepared=prepared)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ("TypeError: 'NoneType' object" in done.stderr) is not prepared
    if prepared:
        assert done.stderr == ""
