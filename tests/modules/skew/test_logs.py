"""Reading logged requests: whole files, files that end in the middle of a record, and none."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from modules.skew import logs


def write(path: pathlib.Path, seconds: list[int], signature: str = "") -> pathlib.Path:
    """A file of requests whose input `x` is the time at which they were logged."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for second in seconds:
            log = prediction_log_pb2.PredictionLog()
            log.log_metadata.timestamp_secs = second
            request = log.predict_log.request
            request.model_spec.name, request.model_spec.signature_name = "recall", signature
            request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([second], np.int64)))
            log.predict_log.response.model_spec.version.value = 2
            writer.write(log.SerializeToString())
    return path


def test_requests_of_all_files_come_in_the_order_of_time(tmp_path):
    (tmp_path / "below").mkdir()
    write(tmp_path / "a.tfrecord", [5, 7])
    write(tmp_path / "below" / "b.tfrecord", [6], "query")
    (tmp_path / "c.txt").write_text("something else")
    read = logs.read(tmp_path)
    assert [(r.seconds, r.signature, r.inputs["x"].tolist()) for r in read.requests] == [
        (5, "serving_default", [5]),
        (6, "query", [6]),
        (7, "serving_default", [7]),
    ]
    assert [r.seconds for r in read.of("recall")] == [5, 7]
    assert read.of("rank") == [] and read.cut_off == ()


@pytest.mark.parametrize(("lost", "said"), [(1, True), (20, True), (50, False)])
def test_a_record_that_was_half_written_is_left_out(tmp_path, lost, said):
    """Of 50 lost bytes not even the record's length is left, so that the file looks whole."""
    path = write(tmp_path / "a.tfrecord", [1, 2])
    path.write_bytes(path.read_bytes()[:-lost])
    read = logs.read(tmp_path)
    assert [r.seconds for r in read.requests] == [1]
    assert read.cut_off == ((path,) if said else ())


def test_a_folder_without_requests_is_refused(tmp_path):
    (tmp_path / "empty.tfrecord").write_bytes(b"")
    with pytest.raises(logs.LogsError, match=r"--request-log.*found 1 without a request"):
        logs.read(tmp_path)
