"""The requests that are replayed before a version is used: assets.extra/tf_serving_warmup_requests.

The first request of a graph is slow (kernels, tables, ScaNN's searcher); after these it no longer
is.
"""

from __future__ import annotations

import pathlib

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from modules import warmup
from serving.model_server import errors, predict, servable

MAX_RECORDS = 1000  # as in TensorFlow Serving


def replay(model: servable.Servable, folder: pathlib.Path) -> int:
    """Runs each recorded request once; returns how many there were.

    Raises:
      ServingError: the file cannot be read, or the model fails on one of its requests.
    """
    path = folder / warmup.FILE
    if not path.is_file():
        return 0
    count = 0
    try:
        for record in tf.compat.v1.io.tf_record_iterator(str(path)):
            count += 1
            if count > MAX_RECORDS:
                raise errors.invalid(
                    f"Number of warmup records exceeds the maximum ({MAX_RECORDS})"
                )
            _run(model, prediction_log_pb2.PredictionLog.FromString(record))
    except errors.ServingError as error:
        raise errors.ServingError(
            error.code, f"{path}: warm-up record {count}: {error.text}"
        ) from error
    except Exception as error:
        raise errors.ServingError(
            errors.Code.DATA_LOSS, f"{path}: warm-up record {count + 1}: {error}"
        ) from error
    return count


def _run(model: servable.Servable, log: prediction_log_pb2.PredictionLog) -> None:
    kind = log.WhichOneof("log_type")
    if kind != "predict_log":
        raise errors.ServingError(
            errors.Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}"
        )
    request = log.predict_log.request
    signature = predict.signature(model, request.model_spec.signature_name)
    inputs = predict.arrays(signature, request.inputs)
    model.run(signature, inputs, predict.outputs(signature, request.output_filter), None)
