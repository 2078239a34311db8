"""Reads examples of Candidates (see candidates.py): requests, recall's lists, targets' places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import config, features, request_arrays, requests


def read(patterns: str | Sequence[str]) -> Iterator[requests.RawExample]:
    """The parsed examples in the files, compressed TFRecords, file by file in order of name."""
    given = [patterns] if isinstance(patterns, str) else patterns
    files = sorted(file for pattern in given for file in tf.io.gfile.glob(pattern))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        yield requests.read_raw_example(record)


def requests_of(
    examples: Sequence[requests.RawExample], data: config.Data, max_history: int
) -> tuple[
    dict[str, npt.NDArray[Any]],
    npt.NDArray[np.object_],
    npt.NDArray[np.float32],
    npt.NDArray[np.int64],
]:
    """A batch for the rank model.

    Args:
      examples: B parsed examples of Candidates.
      data: the declared columns.
      max_history: events that the models see.

    Returns:
      (the requests: arrays as `requests.input_specs(data, exclusions=False)` says;
      candidates' ids: bytes objects [B, C], C of the longest list, padded with b"";
      recall's scores: float32 [B, C], padded with NaN;
      places of the targets among them: int64 [B, T], T of the request with the most targets; -1
          for one that is not there, and as padding).
    """
    batch = request_arrays.from_examples(examples, data, max_history)
    del batch[requests.EXCLUDE_ITEM_ID]
    lists = [example[features.CANDIDATE_ITEM_ID] for example in examples]
    ids = np.full((len(examples), max(map(len, lists), default=0)), b"", object)
    scores = np.full(ids.shape, np.nan, np.float32)
    for row, (items, example) in enumerate(zip(lists, examples)):
        ids[row, : len(items)] = items
        scores[row, : len(items)] = example[features.RECALL_SCORE]
    wanted = [example[features.TARGET_PLACE] for example in examples]
    places = np.full((len(examples), max(map(len, wanted), default=0)), -1)
    for row, own in zip(places, wanted):
        row[: len(own)] = own
    return batch, ids, scores, places
