"""Loads SavedModels as a stock TensorFlow does, and lists the operations of their graphs.

  python -m tests.stock_ops FOLDER ...

Importing `scann` fails in this process, so only TensorFlow's own operations are known. The warm-up
records are replayed, all outputs computed. A line of JSON is printed for each model, see `Loaded`.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import subprocess
import sys
from typing import Any

ROOT = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Loaded:
    """What the process found.

    Attributes:
      ops: of the graph and of all its functions.
      unknown: those of them that are not registered.
      apart: functions that requests call and TensorFlow cannot inline: they look a table up, and
          have no control output.
      replayed: warm-up records that were answered.
      error: why the model could not be loaded or run; None if it could.
    """

    ops: list[str]
    unknown: list[str]
    apart: list[str]
    replayed: int
    error: str | None


def load(*folders: str | pathlib.Path) -> list[Loaded]:
    """Runs this module in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.stock_ops", *map(str, folders)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "cost_estimator" not in done.stderr, done.stderr  # warnings of shapes that are not known
    return [Loaded(**json.loads(line)) for line in done.stdout.splitlines()]


def _main(folders: list[str]) -> None:
    sys.modules["scann"] = None  # type: ignore[assignment]  # makes `import scann` fail
    from modules import environment

    environment.prepare()
    for folder in folders:
        print(json.dumps(dataclasses.asdict(_load(folder))))


def _load(folder: str) -> Loaded:
    import tensorflow as tf
    from tensorflow.python.framework import op_def_registry
    from tensorflow.python.saved_model import loader_impl

    graph = loader_impl.parse_saved_model(folder).meta_graphs[0].graph_def
    functions = {function.signature.name for function in graph.library.function}
    nodes = [
        *graph.node,
        *(node for function in graph.library.function for node in function.node_def),
    ]
    ops = sorted({node.op for node in nodes} - functions)
    replayed, error = 0, None
    try:
        replayed = _replay(tf.saved_model.load(folder), folder)
    except (tf.errors.OpError, RuntimeError) as problem:  # an unknown op is a RuntimeError
        error = str(problem)
    unknown = [op for op in ops if op_def_registry.get(op) is None]
    return Loaded(ops, unknown, _apart(folder), replayed, error)


def _apart(folder: str) -> list[str]:
    from tensorflow.python.saved_model import loader_impl

    meta = loader_impl.parse_saved_model(folder).meta_graphs[0]
    functions = {f.signature.name: f for f in meta.graph_def.library.function}
    of_signatures = {
        output.name.split(":")[0]
        for signature in meta.signature_def.values()
        for output in signature.outputs.values()
    }
    waiting = [node for node in meta.graph_def.node if node.name in of_signatures]
    called: set[str] = set()
    while waiting:
        called_here = {a.func.name for a in waiting.pop().attr.values() if a.func.name in functions}
        for name in called_here - called:
            called.add(name)
            waiting += functions[name].node_def
    return sorted(
        name
        for name in called
        if any(node.op == "LookupTableFindV2" for node in functions[name].node_def)
        and not functions[name].control_ret
    )


def _replay(model: Any, folder: str) -> int:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    from modules import warmup

    records = list(tf.data.TFRecordDataset(f"{folder}/{warmup.FILE}").as_numpy_iterator())
    for record in records:
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        signature = model.signatures[request.model_spec.signature_name or "serving_default"]
        signature(
            **{name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()}
        )
    return len(records)


if __name__ == "__main__":
    _main(sys.argv[1:])
