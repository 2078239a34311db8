"""Records that warm a SavedModel up: requests a server replays before calling a version available.

They are where TensorFlow Serving looks for them, a PredictionLog each.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt
from tensorflow_serving.apis import prediction_log_pb2

FILE = "assets.extra/tf_serving_warmup_requests"
BATCH_SIZES = (1, 2, 8)

Inputs = Mapping[str, npt.NDArray[Any]]


@dataclasses.dataclass(frozen=True)
class Request:
    """One record; the first one of some outputs makes a server prepare the graph for them.

    Attributes:
      signature: that is asked.
      inputs: of it.
      outputs: that are asked for; none: all.
    """

    signature: str
    inputs: Inputs
    outputs: tuple[str, ...] = ()


def write(folder: str, model: str, requests: Iterable[Request]) -> None:
    """Writes the records of a SavedModel.

    Args:
      folder: of the SavedModel.
      model: its name.
      requests: in the order in which they are replayed.
    """
    path = os.path.join(folder, FILE)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(path) as writer:
        for record in requests:
            log = prediction_log_pb2.PredictionLog()
            request = log.predict_log.request
            request.model_spec.name = model
            request.model_spec.signature_name = record.signature
            request.output_filter.extend(record.outputs)
            for name, values in record.inputs.items():
                request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
            writer.write(log.SerializeToString())


def repeated(sample: Inputs, size: int) -> dict[str, npt.NDArray[Any]]:
    """A batch of `size` requests, from the first one on and round again."""
    return {
        name: np.take(values, range(size), axis=0, mode="wrap") for name, values in sample.items()
    }
