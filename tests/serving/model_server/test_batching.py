"""Requests that are run together get their own rows, and share what goes wrong."""

from __future__ import annotations

import concurrent.futures
import pathlib
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving.model_server import batching, errors, servable
from tests.serving import conftest, small_models


@pytest.fixture
def model(models_config: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """Loads `echo` with parameters; `runs` has the number of rows of each run of the graph."""
    runs: list[int] = []
    run = servable.Servable.run

    def counted(self, signature, inputs, outputs, timeout):
        runs.append(len(next(iter(inputs.values()))))
        return run(self, signature, inputs, outputs, timeout)

    monkeypatch.setattr(servable.Servable, "run", counted)

    def load(**parameters):
        return batching.BatchingServable(
            models_config.parent / "echo" / "1", batching.Parameters(**parameters)
        ), runs

    return load


def _ask(model, *inputs, signature="half_plus_two", timeout=60.0):
    """The answers (or errors) to requests made at once."""
    start = threading.Barrier(len(inputs))

    def ask(x):
        start.wait()
        try:
            return model.run(model.signatures[signature], {"x": np.array(x)}, ("y",), timeout)[
                "y"
            ].tolist()
        except errors.ServingError as error:
            return error

    with concurrent.futures.ThreadPoolExecutor(len(inputs)) as pool:
        return list(pool.map(ask, inputs))


def _f(*values):
    return np.float32(values)


def test_a_full_batch_runs_once_and_everyone_gets_their_rows(model):
    """The model gives x / 2 + 2; three requests of 1, 2 and 1 rows fill the 4 places."""
    batched, runs = model(max_batch_size=4, batch_timeout_micros=60_000_000)
    assert _ask(batched, _f(2), _f(4, 6), _f(8)) == [[3.0], [4.0, 5.0], [6.0]]
    assert runs == [4]


def test_signatures_that_share_tensors_under_other_names_are_apart(model):
    batched, runs = model(max_batch_size=2, batch_timeout_micros=200_000)
    other = meta_graph_pb2.SignatureDef()
    other.CopyFrom(batched.signatures["half_plus_two"])
    other.outputs["z"].CopyFrom(other.outputs["y"])
    del other.outputs["y"]
    start = threading.Barrier(2)

    def ask(signature, name):
        start.wait()
        return batched.run(signature, {"x": _f(2)}, (name,), 60.0)

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        found = pool.map(ask, (batched.signatures["half_plus_two"], other), "yz")
        assert list(found) == [{"y": [3.0]}, {"z": [3.0]}]
    assert runs == [1, 1]


def test_a_batch_that_does_not_fill_runs_after_its_time(model):
    batched, runs = model(max_batch_size=100, batch_timeout_micros=1_000_000)
    assert _ask(batched, _f(2), _f(4)) == [[3.0], [4.0]]
    assert sum(runs) == 2


def test_a_batch_is_filled_up_to_an_allowed_size(model):
    batched, runs = model(max_batch_size=4, allowed_batch_sizes=(1, 4))
    assert _ask(batched, _f(2, 4)) == [[3.0, 4.0]]
    assert runs == [4]


def test_an_empty_request(model):
    assert _ask(model(max_batch_size=4)[0], _f()) == [[]]


def test_other_signatures_run_apart(model):
    batched, runs = model(max_batch_size=2, batch_timeout_micros=0)
    assert _ask(batched, np.int64([3]), signature="divide") == [[4]]
    assert _ask(batched, _f(2)) == [[3.0]]
    assert runs == [1, 1]


def test_an_error_is_told_to_the_whole_batch(model):
    batched, _ = model(max_batch_size=2, batch_timeout_micros=60_000_000)
    found = _ask(batched, np.int64([0]), np.int64([3]), signature="divide")
    assert [error.code for error in found] == [errors.Code.INVALID_ARGUMENT] * 2
    found = _ask(batched, np.int64([1]), np.int64([3]), signature="divide")
    assert found == [[12], [4]]


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (np.float32(1), "Batching Run() input tensors must have at least one dimension"),
        (np.zeros(5, np.float32), "Task size 5 is larger than maximum input batch size 4"),
    ],
)
def test_inputs_that_do_not_fit(model, x, text):
    assert _ask(model(max_batch_size=4)[0], x)[0].text == text


def test_more_batches_than_may_wait_are_refused(model):
    """One runs for two seconds, one waits; the third finds the queue full."""
    batched, _ = model(max_batch_size=1, num_batch_threads=1, max_enqueued_batches=1)
    codes = [
        getattr(a, "code", None)
        for a in _ask(batched, _f(2), _f(2), _f(2), _f(2), signature="slow")
    ]
    assert codes.count(errors.Code.UNAVAILABLE) in (2, 3) and codes.count(None) in (1, 2)


def test_parameters_are_read_as_tensorflow_serving_writes_them(tmp_path):
    path = tmp_path / "batching_parameters"
    path.write_text(
        "# how\nmax_batch_size { value: 8 }\nbatch_timeout_micros { value: 500 }\n"
        "allowed_batch_sizes: 4\nallowed_batch_sizes: 8\nnum_batch_threads{value:2}\n"
    )
    assert batching.read(path) == batching.Parameters(
        max_batch_size=8, batch_timeout_micros=500, allowed_batch_sizes=(4, 8), num_batch_threads=2
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_batch_sice { value: 8 }", "max_batch_size"),
        ("what", "expected `name { value: N }`"),
        ("max_batch_size { value: 0 }", "at least 1"),
        ("allowed_batch_sizes: 4", "end with max_batch_size 1000"),
    ],
)
def test_parameters_that_cannot_be_used(tmp_path, text, expected):
    path = tmp_path / "batching_parameters"
    path.write_text(text)
    with pytest.raises(errors.ServingError, match=expected):
        batching.read(path)


def test_the_server_answers_with_batching(models_config):
    parameters = batching.Parameters(max_batch_size=8, batch_timeout_micros=2000)
    with conftest.serve(models_config, batching=parameters) as client:
        futures = [
            client.prediction.Predict.future(small_models.rank_request(n % 2 + 1), timeout=60)
            for n in range(20)
        ]
        found = [tf.make_ndarray(future.result().outputs["score"])[0, 0] for future in futures]
    assert found == [0.5 + n % 2 + 1 for n in range(20)]
