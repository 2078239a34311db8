"""Whether items of a user's history may be recommended again: declared, or by the training events.

Where they may not, they are left out everywhere: of the index's answers, of the evaluation and its
baselines, and at the gateway. Where they may, a user's own items are candidates beside those of the
index, the ranker sees how often and when the user had each, and nothing is left out but what a
request excludes.

ExampleGen decides, and each example of a sequence says what it decided (`repeats_allowed`), raw and
transformed, so that whoever reads examples knows; `resolve` puts it into the section `data`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from modules import config, data_config, features

THRESHOLD = 0.1  # share of the training events that repeat, from which on `auto` allows it


def allowed(data: data_config.Data, events: int, repeats: int) -> bool:
    """Whether repeats are allowed.

    Args:
      data: what is declared.
      events: training events.
      repeats: those of them whose item the user had before.
    """
    if data.repeats == "auto":
        return repeats >= THRESHOLD * max(events, 1)
    return data.repeats == "allow"


def resolved(data: config.Data, *, allow: bool) -> config.Data:
    """The section with the choice in the place of `auto`."""
    return dataclasses.replace(data, repeats="allow" if allow else "exclude")


def resolve(data: config.Data, patterns: str | Sequence[str]) -> config.Data:
    """The section with what was decided when examples were made.

    Args:
      data: what is declared.
      patterns: of files of compressed tf.Examples of sequences (not of the catalogue), raw or
          transformed.
    """
    if data.repeats != "auto":
        return data
    import tensorflow as tf  # here: who decides needs none of it

    for record in _records([patterns] if isinstance(patterns, str) else patterns):
        found = tf.train.Example.FromString(record).features.feature
        raw, transformed = (
            features.REPEATS_ALLOWED,
            features.transformed_name(features.REPEATS_ALLOWED),
        )
        name = raw if raw in found else transformed
        if found[name].int64_list.value:
            return resolved(data, allow=bool(found[name].int64_list.value[0]))
        break
    raise ValueError(
        f"No example of {patterns} says whether repeats are allowed. They were made by an earlier "
        "version of this project; run the pipeline again."
    )


def _records(patterns: Sequence[str]) -> Iterator[bytes]:
    import tensorflow as tf

    files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
    yield from tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
