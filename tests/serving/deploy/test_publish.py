"""Releases reach the model servers, and requests move to them and back without one that fails."""

from __future__ import annotations

import contextlib
import itertools
import pathlib
import threading
import time
from collections.abc import Iterator

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from modules import features, release, requests
from serving.deploy import configs, publish, servers
from tests import small_release
from tests.serving import conftest, small_serving


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A serving folder with two releases that load, and a third that does not."""
    folder = tmp_path_factory.mktemp("source")
    serving = small_serving.write(folder)
    small_serving.add_release(serving)
    small_release.push(serving, small_release.pair(folder / "broken"), small_release.facts())
    return serving


def here(target: pathlib.Path, *addresses: servers.Address) -> publish.Servers:
    return publish.Servers(target, addresses, timeout=30)


def address(model: str, client: conftest.Client) -> servers.Address:
    return servers.address(f"{model}={client.rest_address}")


def ask(client: conftest.Client, model: str, *, label: str = "", version: int = 0) -> int:
    """Asks a model for anything; returns the version that answered."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    if label:
        request.model_spec.version_label = label
    else:
        request.model_spec.version.value = version
    specs = requests.input_specs(small_serving.DATA, exclusions=model == release.RECALL)
    if model == release.RANK:
        specs |= {
            features.CANDIDATE_ITEM_ID: tf.TensorSpec([None, None], tf.string),
            features.RECALL_SCORE: tf.TensorSpec([None, None], tf.float32),
        }
    for name, spec in specs.items():
        value = np.zeros([size or 1 for size in spec.shape], spec.dtype.as_numpy_dtype)
        request.inputs[name].CopyFrom(
            tf.make_tensor_proto(
                value if spec.dtype != tf.string else np.full(value.shape, b"m1"), spec.dtype
            )
        )
    return client.prediction.Predict(request, timeout=30).model_spec.version.value


@contextlib.contextmanager
def traffic(recall: conftest.Client, rank: conftest.Client) -> Iterator[list[int]]:
    """Asks both as the gateway does, again and again; gives the versions that answered."""
    versions: list[int] = []
    problems: list[Exception] = []
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                version = ask(recall, release.RECALL, label="stable")
                assert ask(rank, release.RANK, version=version) == version
                versions.append(version)
            except (grpc.RpcError, AssertionError) as problem:
                problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield versions
    finally:
        stop.set()
        thread.join(30)
    assert problems == []


def wait_for(versions: list[int], wanted: int) -> None:
    """Until requests are answered by a version."""
    end = time.monotonic() + 30
    while not versions or versions[-1] != wanted:
        assert time.monotonic() < end, f"expected {wanted} last, found {versions[-3:]}"
        time.sleep(0.01)


def test_requests_move_to_a_release_and_back(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    target = tmp_path / "releases"
    first, second, broken = release.ids(source)
    publish.load(target, first, source, here(target))
    with (
        conftest.serve(configs.path(target, release.RECALL)) as recall,
        conftest.serve(configs.path(target, release.RANK)) as rank,
    ):
        asked = here(target, address("recall", recall), address("rank", rank))
        publish.promote(target, first, asked)
        with traffic(recall, rank) as versions:
            wait_for(versions, first)
            publish.load(target, second, source, asked)
            assert ask(recall, release.RECALL, label="canary") == second
            assert set(versions) == {first}  # nobody is moved by loading
            publish.promote(target, second, asked)
            wait_for(versions, second)
            assert release.current(target) == second
            publish.promote(target, first, asked)  # the rollback; nothing has to be loaded
            wait_for(versions, first)
            with pytest.raises(
                publish.PublishError, match=rf"cannot load version {broken}.*stay with"
            ):
                publish.load(target, broken, source, asked)
            time.sleep(0.5)  # several looks of the servers at their files
            wait_for(versions, first)
        assert broken not in versions
    changes = [a for a, b in itertools.pairwise(versions) if a != b]
    assert changes == [first, second]
    assert release.current(target) == first


def test_a_release_that_is_not_loaded_is_not_promoted(
    source: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    first, second, _ = release.ids(source)
    publish.load(tmp_path, first, source, here(tmp_path))
    with pytest.raises(
        publish.PublishError, match=f"release {second} is not loaded, only .{first}."
    ):
        publish.promote(tmp_path, second, here(tmp_path))
    assert configs.read(tmp_path, "recall") == configs.Served(
        (first,), {"stable": first, "canary": first}
    )


def test_a_copy_that_died_is_begun_again(source: pathlib.Path, tmp_path: pathlib.Path) -> None:
    first = release.ids(source)[0]
    half = tmp_path / "recall" / str(first) / "saved_model.pb"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"only the beginn")
    (tmp_path / f".unfinished-{first}").mkdir()
    publish.load(tmp_path, first, source, here(tmp_path))
    assert release.load(tmp_path, first).recall == half.parent
    assert release.unfinished_ids(tmp_path) == []


def test_what_is_not_a_whole_release_is_refused(
    source: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    first = release.ids(source)[0]
    with pytest.raises(release.ReleaseError, match="there is no release 7"):
        publish.load(tmp_path, 7, source, here(tmp_path))
    publish.load(tmp_path, first, source, here(tmp_path))
    (tmp_path / "rank" / str(first) / "saved_model.pb").write_bytes(b"changed on the way")
    with pytest.raises(release.ReleaseError, match="cut off or changed"):
        publish.promote(tmp_path, first, here(tmp_path))


def test_without_a_rank_model_its_servers_get_nothing_to_load(tmp_path: pathlib.Path) -> None:
    serving = tmp_path / "serving"
    only = small_release.push(
        serving, {"recall": small_release.model(tmp_path / "m", "x")}, small_release.facts()
    ).release
    publish.load(tmp_path / "releases", only, serving, here(tmp_path / "releases"))
    assert configs.read(tmp_path / "releases", "rank") == configs.Served()
    assert configs.path(tmp_path / "releases", "rank").read_text() == "model_config_list {\n}\n"


def test_a_server_that_does_not_answer_is_named_after_the_time(
    source: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    first = release.ids(source)[0]
    nobody = publish.Servers(tmp_path, [servers.address("rank=127.0.0.1:1")], timeout=0)
    with pytest.raises(
        publish.PublishError, match=r"rank=127.0.0.1:1: versions/.* does not answer"
    ):
        publish.load(tmp_path, first, source, nobody)
    assert not configs.path(tmp_path, "recall").exists()  # recall is told only when rank has it


def test_the_command_line(source: pathlib.Path, tmp_path: pathlib.Path, capsys) -> None:
    third = release.ids(source)[2]
    target = ["--to", str(tmp_path), "--base-path", "/releases"]
    assert publish.main(["load", "--from", str(source), *target]) == 0
    assert publish.main(["promote", str(third), *target]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"release {third} has the label canary",
        f"release {third} has the label stable",
    ]
    assert 'base_path: "/releases/rank"' in (tmp_path / "rank.config").read_text()
    assert 'base_path: "/releases/rank"' in (tmp_path / "models.config").read_text()
    assert publish.main(["promote", "7", *target]) == 1
    assert f"release 7 is not loaded, only [{third}]." in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        publish.main(["load", "--to", str(tmp_path), "--server", "recall:8501"])
    assert "expected MODEL=HOST:PORT such as recall=localhost:8501" in capsys.readouterr().err
