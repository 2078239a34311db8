"""What has to be set before TensorFlow is imported, and when it is left; nothing else sets it."""

import atexit
import gc
import os
import sys

# New objects between two collections, instead of 700. TensorFlow and TFX make millions of objects
# that stay when they are imported and when a graph is traced, and each collection looks at them
# again: half of the time of importing TFX. Garbage in cycles is freed a little later.
_GC_THRESHOLD = 50_000

LEGACY_KERAS = "TF_USE_LEGACY_KERAS"
_ONEDNN = "TF_ENABLE_ONEDNN_OPTS"
_ATOMIC_FUNCTION = "tensorflow.python.eager.polymorphic_function.atomic_function"


def prepare(*, serving: bool = False) -> None:
    """Sets legacy Keras on (TFRS, TFX 1.16) and TensorFlow's chatter off; errors are raised.

    Args:
      serving: whether this process answers requests. oneDNN trains 1.6 times as fast on a CPU, but
          slows the many small operations of one request down (rank: 4.8 ms with it, 3.6 without).
    """
    os.environ[LEGACY_KERAS] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if serving:
        os.environ[_ONEDNN] = "0"  # also where a process that trains has started this one
    else:
        os.environ.setdefault(_ONEDNN, "1")
    gc.set_threshold(_GC_THRESHOLD, *gc.get_threshold()[1:])
    # What is left at the end goes with the process, without a search through all of it. A file has
    # to be closed by who opened it, as always.
    atexit.register(gc.freeze)
    atexit.register(_leave_graphs_alone)


def _leave_graphs_alone() -> None:
    """Keeps TensorFlow 2.16 from printing a TypeError for every graph that lives to the very end.

    `AtomicFunction.__del__` counts in a dictionary of its module. Graphs that something global
    holds, such as Beam's workers, are deleted after that module, when the dictionary is None.
    """
    module = sys.modules.get(_ATOMIC_FUNCTION)
    if module is not None and "__del__" in vars(module.AtomicFunction):
        del module.AtomicFunction.__del__
