"""What the commands behind a run read: its examples and the models that it made."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import tensorflow as tf

from pipeline import runs
from pipeline.report import sources


def example_files(run: runs.Run, split: str) -> list[str]:
    """The files of one split of the newest run's examples, in order.

    Raises:
      sources.NotMade: nothing has run yet.
    """
    folder = sources.of(run).artifact(sources.EXAMPLE_GEN, "examples").path / f"Split-{split}"
    return sorted(str(path) for path in folder.iterdir() if path.name.endswith(".gz"))


def serialized_examples(run: runs.Run, split: str) -> Iterator[bytes]:
    """The tf.Examples of one split of the newest run, one after the other.

    Raises:
      sources.NotMade: nothing has run yet.
    """
    found: Iterator[bytes] = tf.data.TFRecordDataset(
        example_files(run, split), compression_type="GZIP"
    ).as_numpy_iterator()
    return found


def indexed_model(run: runs.Run) -> pathlib.Path:
    """The newest run's model, which its report is about, whether it was pushed or not.

    Raises:
      sources.NotMade: nothing has run yet, or not as far as the index.
    """
    return sources.of(run).artifact(sources.INDEXER, "model").path / "Format-Serving"


def rank_model(run: runs.Run) -> pathlib.Path:
    """The newest run's rank model, whether it was pushed or not.

    Raises:
      sources.NotMade: nothing has run yet, or without ranking.
    """
    try:
        return sources.of(run).artifact(sources.RANK_TRAINER, "model").path / "Format-Serving"
    except sources.NotMade as missing:
        raise sources.NotMade(
            f"{missing} For two stages, run `recsys run` with ranking.enabled: true."
        ) from None
