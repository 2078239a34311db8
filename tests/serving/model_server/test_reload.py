"""Versions come and go while the server runs, and no request notices."""

from __future__ import annotations

import pathlib
import shutil
import threading
import time

import grpc
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests.serving import conftest, small_models


@pytest.fixture
def folder(models_config: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
    """A copy of the rank models 1 and 2."""
    shutil.copytree(models_config.parent / "rank", tmp_path / "rank")
    return tmp_path


def _scored(client: conftest.Client, version: int | None = None, label: str = "") -> int:
    """The version that answered; its score is checked to be that version's."""
    answer = client.prediction.Predict(small_models.rank_request(version, label), timeout=60)
    score = tf.make_ndarray(answer.outputs["score"])[0, 0]
    assert score == 0.5 + answer.model_spec.version.value
    return answer.model_spec.version.value


def test_twenty_reloads_under_load_fail_no_request(folder):
    config = small_models.write_config(folder, {"rank": [1]}, {"stable": 1})
    stop, answered, failures = threading.Event(), [], []

    def ask(label: str) -> None:
        while not stop.is_set():
            try:
                answered.append(_scored(client, label=label))
            except Exception as error:  # noqa: BLE001 - whatever fails is a failure
                failures.append(error)

    with conftest.serve(config, poll_seconds=0.02) as client:
        threads = [threading.Thread(target=ask, args=(label,)) for label in ("", "stable")]
        for thread in threads:
            thread.start()
        for reload in range(20):
            number = 2 - reload % 2
            small_models.write_config(folder, {"rank": [number]}, {"stable": number})
            client.wait("rank", number, "AVAILABLE")
            client.wait("rank", 3 - number, "END")
            assert _scored(client) == _scored(client, label="stable") == number
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == [] and set(answered) == {1, 2}


def test_policies_and_new_folders(folder):
    config = folder / "models.config"
    entry = f'config {{ name: "rank" base_path: "{folder}/rank" model_version_policy {{ %s }} }}'
    config.write_text("model_config_list { " + entry % "latest { num_versions: 1 }" + " }")
    with conftest.serve(config) as client:
        assert client.states("rank") == {2: ("AVAILABLE", "")}
        small_models.save_rank(folder, 3)
        client.wait("rank", 3, "AVAILABLE")
        client.wait("rank", 2, "END")
        assert _scored(client) == 3
        config.write_text("model_config_list { " + entry % "all {}" + " }")
        for number in (1, 2, 3):
            client.wait("rank", number, "AVAILABLE")
            assert _scored(client, number) == number


@pytest.mark.parametrize("damage", ["truncated", "empty", "no variables", "nothing"])
def test_a_broken_version_leaves_the_old_one_in_service_until_it_is_mended(folder, damage):
    config = small_models.write_config(folder, {"rank": [1]}, {"stable": 1})
    broken = folder / "rank" / "3"
    small_models.save_rank(folder, 3)
    whole = shutil.copytree(broken, folder / "whole")
    graph = broken / "saved_model.pb"
    if damage == "truncated":
        graph.write_bytes(graph.read_bytes()[:-1000])
    elif damage == "empty":
        graph.write_bytes(b"")
    elif damage == "no variables":
        shutil.rmtree(broken / "variables")
    else:
        shutil.rmtree(broken)
    with conftest.serve(config) as client:
        small_models.write_config(folder, {"rank": [3]}, {"stable": 3})
        error = client.wait("rank", 3, "END")
        assert error
        assert "error_code" in client.http.get("/v1/models/rank/versions/3").text
        assert _scored(client) == _scored(client, label="stable") == 1
        shutil.rmtree(broken, ignore_errors=True)
        whole.rename(broken)
        client.wait("rank", 3, "AVAILABLE")
        assert _scored(client) == _scored(client, label="stable") == 3


def test_warmup_records_are_replayed_first_and_their_failure_is_the_versions(folder):
    config = small_models.write_config(folder, {"rank": [1]})
    good, bad = small_models.rank_request(), small_models.rank_request()
    del bad.inputs["recall_score"]
    small_models.write_warmup(folder / "rank" / "1", [good, good])
    small_models.write_warmup(folder / "rank" / "2", [good, bad])
    with conftest.serve(config) as client:
        assert client.states("rank") == {1: ("AVAILABLE", "")}
        small_models.write_config(folder, {"rank": [2]})
        error = client.wait("rank", 2, "END")
        assert "warm-up record 2: input size does not match signature" in error
        assert _scored(client) == 1


def test_a_configuration_that_cannot_be_used_changes_nothing(folder):
    config = small_models.write_config(folder, {"rank": [1]})
    with conftest.serve(config) as client:
        for text in (
            "model_config_list {",
            "what: 1",
            "",
            'model_config_list { config { name: "rank" } }',
        ):
            config.write_text(text)
            time.sleep(0.3)
            assert _scored(client) == 1
        config.unlink()
        time.sleep(0.3)
        assert _scored(client) == 1
        small_models.write_config(folder, {"rank": [2]})
        client.wait("rank", 2, "AVAILABLE")


def test_a_folder_that_was_moved_is_served(folder, tmp_path_factory):
    small_models.write_config(folder, {"rank": [1]})
    moved = tmp_path_factory.mktemp("moved") / "serving"
    shutil.move(folder, moved)
    with conftest.serve(moved / "models.config") as client:
        assert _scored(client) == 1


def _reload(client: conftest.Client, text: str) -> None:
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(text, request.config)
    assert client.models.HandleReloadConfigRequest(request, timeout=60).status.error_code == 0


def test_reload_by_rpc_waits_for_the_versions(folder):
    config = small_models.write_config(folder, {"rank": [1]})
    text = (
        'model_config_list { config { name: "rank" base_path: "%s/rank" version_labels { key: '
        '"stable" '
        "value: %d } model_version_policy { specific { versions: 2 } } } }"
    )
    with conftest.serve(config) as client:
        _reload(client, text % (folder, 2))
        assert _scored(client) == _scored(client, label="stable") == 2
        with pytest.raises(grpc.RpcError) as failure:
            _reload(client, text % (folder, 9))
        assert failure.value.code() == grpc.StatusCode.FAILED_PRECONDITION
        assert (
            "Request to assign label to version 9 of model rank, which is not currently available"
            in (failure.value.details())
        )
        with pytest.raises(grpc.RpcError) as failure:
            _reload(client, (text % (folder, 2)).replace("versions: 2", "versions: 9"))
        assert (
            "1 servable(s) did not become available: {{{Name: rank Version: 9}"
            in failure.value.details()
        )
        assert _scored(client) == 2


def test_a_model_that_is_no_longer_configured_is_unloaded(folder):
    shutil.copytree(folder / "rank", folder / "other")
    config = small_models.write_config(folder, {"rank": [1], "other": [1]})
    with conftest.serve(config) as client:
        assert client.states("other") == {1: ("AVAILABLE", "")}
        small_models.write_config(folder, {"rank": [1]})
        end = time.monotonic() + 30
        while client.http.get("/v1/models/other").status_code != 404 and time.monotonic() < end:
            time.sleep(0.05)
        assert client.http.get("/v1/models/other").status_code == 404


def test_the_newest_version_answers_again_after_it_was_rolled_back_and_forward(folder):
    config = small_models.write_config(folder, {"rank": [2]})
    with conftest.serve(config, linger_seconds=2) as client:
        small_models.write_config(folder, {"rank": [1]})
        client.wait("rank", 1, "AVAILABLE")
        # 2 lingers, but only for those who name it
        assert _scored(client) == 1 and _scored(client, 2) == 2
        client.wait("rank", 2, "END")
        small_models.write_config(folder, {"rank": [2]})
        client.wait("rank", 2, "AVAILABLE")
        assert _scored(client) == 2


def test_an_unknown_policy_or_platform_is_refused(folder):
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(
        name="rank", base_path=str(folder), model_platform="pytorch"
    )
    (folder / "models.config").write_text(text_format.MessageToString(config))
    with (
        pytest.raises(Exception, match=r"expected model_platform 'tensorflow', found 'pytorch'"),
        conftest.serve(folder / "models.config"),
    ):
        pass


def test_no_request_changes_the_configuration_unless_that_is_allowed(models_config):
    with conftest.serve(models_config, allow_reload=False) as client:
        with pytest.raises(grpc.RpcError) as refused:
            _reload(client, models_config.read_text())
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert "--allow-reload" in refused.value.details()
        assert _scored(client) == 2
