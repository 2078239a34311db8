"""The log of served requests: what is sampled and written, how much, and what if that fails."""

from __future__ import annotations

import collections
import pathlib
import resource
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import model_pb2, predict_pb2
from tensorflow_serving.config import logging_config_pb2, model_server_config_pb2

from modules.skew import logs
from serving import request_log
from serving.model_server import metrics
from tests.serving import conftest, small_models

NOTHING = logging_config_pb2.LoggingConfig()


class Counts:
    """What became of sampled requests."""

    def __init__(self) -> None:
        self.found: collections.Counter[tuple[str, str]] = collections.Counter()

    def __call__(self, model: str, status: str) -> None:
        self.found[model, status] += 1


def _served(model: str = "recall", text: bytes = b"a", version: int = 3) -> request_log.Served:
    return request_log.Served(
        model_pb2.ModelSpec(name=model),
        {"text": np.array([text, b"\xff"], object)},
        {"score": np.array([[0.5, -1.0]], np.float32)},
        version,
    )


def _log(
    folder: pathlib.Path | None,
    counts: Counts,
    declared: logging_config_pb2.LoggingConfig = NOTHING,
    **settings: object,
) -> request_log.RequestLog:
    return request_log.RequestLog(
        request_log.Settings(folder, **{"rate": 1.0, **settings}), lambda model: declared, counts
    )


@pytest.fixture
def counts() -> Counts:
    return Counts()


# --- what is written ---


def test_a_request_is_read_back_as_it_was_served(tmp_path, counts):
    log = _log(tmp_path, counts, rate=0.99999)
    log.offer(_served(version=7))
    log.close()
    (read,) = logs.read(tmp_path).requests
    assert (read.model, read.signature, read.version) == ("recall", "serving_default", 7)
    assert read.inputs["text"].tolist() == [b"a", b"\xff"]
    np.testing.assert_array_equal(read.outputs["score"], np.array([[0.5, -1.0]], np.float32))
    assert counts.found == {("recall", "written"): 1}


def test_chance_chooses_the_share_that_was_asked_for(tmp_path, counts, monkeypatch):
    drawn = iter([0.24, 0.25, 0.9, 0.0])
    monkeypatch.setattr(request_log.random, "random", lambda: next(drawn))
    log = _log(tmp_path, counts, rate=0.25)
    for number in range(4):
        log.offer(_served(version=number))
    log.close()
    assert [r.version for r in logs.read(tmp_path).requests] == [0, 3]


def test_nothing_is_logged_without_a_folder(counts):
    log = _log(None, counts)
    log.offer(_served())
    log.close()
    assert counts.found == {}


def test_models_config_goes_before_the_command_line(tmp_path, counts):
    declared = logging_config_pb2.LoggingConfig()
    declared.sampling_config.sampling_rate = 1.0
    declared.log_collector_config.filename_prefix = str(tmp_path / "own" / "requests")
    log = _log(tmp_path / "folder", counts, declared, rate=0.0)
    log.offer(_served())
    log.close()
    (file,) = (tmp_path / "own").iterdir()
    assert file.name.startswith("requests-")
    assert not (tmp_path / "folder").exists()


# --- how much ---


def test_old_files_make_room_and_those_of_others_stay(tmp_path, counts):
    other = tmp_path / "recall-2-20260101T000000-1-0001.tfrecord"
    other.write_bytes(b"of another model")
    log = _log(tmp_path, counts, max_bytes=8000)
    for number in range(40):  # of about 600 bytes each
        log.offer(_served(text=b"x" * 500, version=number))
    log.close()
    assert counts.found == {("recall", "written"): 40}
    files = [path for path in tmp_path.iterdir() if path != other]
    assert sum(path.stat().st_size for path in files) <= 8000
    other.unlink()
    kept = sorted(r.version for r in logs.read(tmp_path).requests)
    assert kept == list(range(kept[0], 40))
    assert 6 <= len(kept) <= 13


def test_a_full_queue_drops_and_does_not_wait(tmp_path, counts, monkeypatch):
    write, go_on = request_log._Files.write, threading.Event()

    def slow(self: object, record: bytes, *, flush: bool) -> bool:
        assert go_on.wait(30)
        return write(self, record, flush=flush)

    monkeypatch.setattr(request_log._Files, "write", slow)
    monkeypatch.setattr(request_log, "MAX_QUEUED", 5)
    log = _log(tmp_path, counts)
    for _ in range(20):
        log.offer(_served())
    dropped = counts.found["recall", "dropped"]
    go_on.set()
    log.close()
    assert dropped in (14, 15)  # 5 wait, and one may be at the writer's
    assert counts.found["recall", "written"] == 20 - dropped


def test_large_requests_do_not_fill_the_memory(tmp_path, counts, monkeypatch):
    monkeypatch.setattr(request_log, "MAX_QUEUED_BYTES", 1000)
    log = _log(tmp_path, counts)
    log.offer(_served(text=b"x" * 2000))
    log.offer(_served(text=b"x" * 200))
    log.close()
    assert counts.found == {("recall", "dropped"): 1, ("recall", "written"): 1}


# --- when it cannot ---


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 2000 bytes: the system refuses to write, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_stops_logging_and_says_so(tmp_path, counts, small_disk, caplog, monkeypatch):
    log = _log(tmp_path, counts)
    for number in range(3):
        log.offer(_served(text=b"x" * 1500, version=number))
    log.close()
    assert counts.found["recall", "failed"] >= 1
    assert sum(counts.found.values()) == 3
    assert "requests are NOT logged" in caplog.text


def test_logging_goes_on_when_there_is_room_again(tmp_path, counts, monkeypatch):
    monkeypatch.setattr(request_log, "RETRY_SECONDS", 0.0)
    log = _log(tmp_path / "file" / "folder", counts)
    (tmp_path / "file").write_text("in the way")
    log.offer(_served(version=1))
    _wait(counts, ("recall", "failed"))
    (tmp_path / "file").unlink()
    log.offer(_served(version=2))
    log.close()
    assert [r.version for r in logs.read(tmp_path).requests] == [2]


def _wait(counts: Counts, what: tuple[str, str]) -> None:
    for _ in range(500):
        if counts.found[what]:
            return
        threading.Event().wait(0.01)
    pytest.fail(f"{what} did not happen, found {counts.found}")


# --- in the server ---


def test_grpc_and_rest_requests_are_logged_with_their_answers(tmp_path, models_config):
    settings = request_log.Settings(tmp_path, rate=1.0)
    with conftest.serve(models_config, log=settings) as client:
        answered = client.prediction.Predict(small_models.rank_request(label="canary"), timeout=30)
        assert (
            client.http.post(
                "/v1/models/echo:predict",
                json={"signature_name": "half_plus_two", "instances": [4.0, 8.0]},
            ).status_code
            == 200
        )
        assert (
            client.http.post("/v1/models/echo:predict", json={"instances": []}).status_code == 400
        )
        counted = client.http.get(metrics.PATH).text
    rank, echo = sorted(logs.read(tmp_path).requests, key=lambda r: r.model, reverse=True)
    assert (rank.model, rank.version) == ("rank", 2)
    np.testing.assert_array_equal(rank.outputs["score"], tf.make_ndarray(answered.outputs["score"]))
    assert rank.inputs["candidate_item_id"].tolist() == [[b"m1", b"m2"]]
    assert (echo.signature, echo.version) == ("half_plus_two", 1)
    assert (echo.inputs["x"].tolist(), echo.outputs["y"].tolist()) == ([4.0, 8.0], [4.0, 6.0])
    assert ':recsys:serving:request_log_count{model_name="rank",status="written"} 1.0' in counted


def test_a_model_s_logging_config_is_honoured(tmp_path, models_config):
    declared = text_format.Parse(
        models_config.read_text(), model_server_config_pb2.ModelServerConfig()
    )
    for model in declared.model_config_list.config:
        if model.name == "echo":
            model.logging_config.sampling_config.sampling_rate = 1.0
            model.logging_config.log_collector_config.filename_prefix = str(tmp_path / "logs" / "e")
    config = tmp_path / "models.config"
    config.write_text(text_format.MessageToString(declared))
    with conftest.serve(config) as client:
        client.prediction.Predict(small_models.rank_request(), timeout=30)
        request = predict_pb2.PredictRequest()
        request.model_spec.name, request.model_spec.signature_name = "echo", "divide"
        request.inputs["x"].CopyFrom(tf.make_tensor_proto(np.array([3], np.int64)))
        client.prediction.Predict(request, timeout=30)
    (read,) = logs.read(tmp_path).requests
    assert (read.model, read.signature, read.outputs["y"].tolist()) == ("echo", "divide", [4])
