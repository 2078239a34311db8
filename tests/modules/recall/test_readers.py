"""The model sees the same history in training's validation, in the Evaluator and in serving."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from modules import features, request_arrays, requests
from modules.beam import sequences
from modules.recall import input_data
from tests import close, examples
from tests import transformed as transformed_lib

LENGTH = transformed_lib.MAX_HISTORY
DELTA = features.transformed_name(features.TIME_DELTA)
KNOWN_TO_THE_REQUEST = [
    features.transformed_name(name)
    for name in (*features.TIME_FEATURES, "context_device", "context_battery")
]


def _row(start: int, stop: int) -> dict:
    """Events [start, stop) of a user whose event n is n * n hours after the first."""
    items = transformed_lib.ITEMS[start:stop]
    return examples.sequence(
        items,
        [10**9 + 3600 * n * n for n in range(start, stop)],
        window_start=start,
        context_battery=[float(n) for n in range(start, stop)],
        event_rating=[float(n % 5) for n in range(start, stop)],
    )


def _of_training(
    transformed: transformed_lib.Transformed,
    row: dict,
    layout: input_data.Layout,
    folder: pathlib.Path,
) -> dict[str, np.ndarray]:
    """The sequence that the trainer's validation reads."""
    parsed = requests.read_raw_example(examples.serialize(row))
    raw = {
        name: tf.RaggedTensor.from_tensor(tf.constant([value]), row_splits_dtype=tf.int64)
        for name, value in parsed.items()
        if name != features.USER_ID
    }
    for name in (features.EVENT_TIMESTAMP, features.WINDOW_START, features.REPEATS_ALLOWED):
        raw[name] = tf.cast(raw[name], tf.int64)
    graph = transformed.output.transform_features_layer()(raw)
    spec = transformed.output.transformed_feature_spec()
    flat = {
        getattr(spec[name], "value_key", name):  # ragged ones are stored under another name
        value.flat_values if isinstance(value, tf.RaggedTensor) else tf.reshape(value, [-1])
        for name, value in graph.items()
    }
    path = folder / "examples.gz"
    with tf.io.TFRecordWriter(str(path), options="GZIP") as writer:
        writer.write(
            examples.serialize({name: value.numpy().tolist() for name, value in flat.items()})
        )
    (found,) = input_data.sequences(
        [str(path)], spec, layout, len(transformed_lib.ITEMS) + 1, only_last=True
    ).as_numpy_iterator()
    return found


def _of_request(
    transformed: transformed_lib.Transformed, row: dict, layout: input_data.Layout, sent: int
) -> dict[str, np.ndarray]:
    """Model inputs for a request sending the last `sent` + 1 events before the row's target."""
    parsed = [requests.read_raw_example(examples.serialize(row))]
    batch = request_arrays.from_examples(parsed, examples.data(), sent)
    specs = requests.input_specs(examples.data(), exclusions=True)
    inputs = {name: tf.constant(value, specs[name].dtype) for name, value in batch.items()}
    raw = requests.to_raw_features(inputs, examples.data())
    dense = input_data.dense_request(transformed.output.transform_features_layer()(raw), layout)
    return {name: value.numpy()[0] for name, value in dense.items()}


@pytest.mark.parametrize("before", [LENGTH - 1, LENGTH, LENGTH + 1, LENGTH + 2, LENGTH + 4])
def test_all_readers_keep_the_same_events_and_deltas(
    transformed: transformed_lib.Transformed, tmp_path: pathlib.Path, before: int
) -> None:
    layout = transformed.layout(transformed.settings())
    window = _row(*sequences.request_window(before, LENGTH))
    trained = _of_training(transformed, window, layout, tmp_path)
    evaluated = _of_request(transformed, window, layout, LENGTH)
    # a client sends all it knows
    served = _of_request(transformed, _row(0, before + 1), layout, before)

    kept = range(max(0, before - LENGTH), before + 1)
    hours = [n * n - (n - 1) ** 2 if n else 0 for n in kept]  # between n - 1 and n
    assert trained[DELTA].tolist() == [3600 * h for h in hours]
    for found in (evaluated, served):
        # the last place is the request, which lacks its item and what was done
        for name in layout.events:
            last = None if name in KNOWN_TO_THE_REQUEST else -1
            if trained[name].dtype == np.int64:
                np.testing.assert_array_equal(
                    found[name][:last], trained[name][:last], err_msg=name
                )
            else:  # differences of numbers of up to ten deviations
                close.assert_close(
                    found[name][:last],
                    trained[name][:last],
                    roundings=close.FUNCTIONS,
                    scale=10,
                    err_msg=name,
                )
        assert len(found[input_data.ITEMS]) == len(kept)
