"""What the commands behind a run read: its examples and the model to answer with."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import tensorflow as tf

from pipeline import runs
from pipeline.report import sources

MODEL = "recall"  # folder of the pushed versions, below `runs.Run.serving`


class NoModel(LookupError):
    """No model has been pushed."""


def serialized_examples(run: runs.Run, split: str) -> Iterator[bytes]:
    """The tf.Examples of one split of the newest run, one after the other.

    Raises:
      sources.NotMade: nothing has run yet.
    """
    folder = sources.of(run).artifact(sources.EXAMPLE_GEN, "examples").path / f"Split-{split}"
    files = sorted(str(path) for path in folder.iterdir() if path.name.endswith(".gz"))
    return tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()


def pushed_model(run: runs.Run) -> pathlib.Path:
    """The newest pushed version, as TensorFlow Serving would choose it.

    Raises:
      NoModel: none has been pushed.
    """
    folder = run.serving / MODEL
    versions = [p for p in folder.iterdir() if p.name.isdecimal() and (p / "saved_model.pb").is_file()
                ] if folder.is_dir() else []
    if not versions:
        raise NoModel(f"{folder}: no model has been pushed. Run `recsys run` first; if it has run, its model "
                      "was not blessed: `recsys report` says why.")
    return max(versions, key=lambda path: int(path.name))


def indexed_model(run: runs.Run) -> pathlib.Path:
    """The newest run's model, which its report is about, whether it was pushed or not.

    Raises:
      sources.NotMade: nothing has run yet, or not as far as the index.
    """
    return sources.of(run).artifact(sources.INDEXER, "model").path / "Format-Serving"
