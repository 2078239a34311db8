"""TensorFlow Serving's configuration and command lines against its protos, flags and our server."""

from __future__ import annotations

import pathlib
import re
import shlex
import subprocess
from collections.abc import Iterator

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from google.protobuf.message import Message
from tensorflow_serving.config import model_server_config_pb2

from modules import model_server_config
from serving.deploy import configs
from serving.model_server import batching
from serving.model_server import configs as server_configs
from tests import fake_recall
from tests.serving import conftest, small_models
from tests.serving.deploy import files

# The flags of tensorflow_serving/model_servers/main.cc, with their types. Its sources at hand are
# older than 2.16; flags have only been added since.
FLAGS = {
    **dict.fromkeys(
        (
            "port",
            "rest_api_port",
            "rest_api_num_threads",
            "rest_api_timeout_in_ms",
            "model_config_file_poll_wait_seconds",
            "num_load_threads",
            "num_unload_threads",
            "max_num_load_retries",
            "load_retry_interval_micros",
            "file_system_poll_wait_seconds",
            "tensorflow_session_parallelism",
            "tensorflow_intra_op_parallelism",
            "tensorflow_inter_op_parallelism",
            "grpc_max_threads",
            "num_request_iterations_for_warmup",
            "num_tflite_pools",
            "num_tflite_interpreters_per_pool",
        ),
        r"\d+",
    ),
    **dict.fromkeys(
        (
            "rest_api_enable_cors_support",
            "enable_batching",
            "allow_version_labels_for_unavailable_models",
            "enable_per_model_batching_parameters",
            "flush_filesystem_caches",
            "use_alts_credentials",
            "enable_model_warmup",
            "version",
            "remove_unused_fields_from_bundle_metagraph",
            "prefer_tflite_model",
            "enable_signature_method_name_check",
            "xla_cpu_compilation_enabled",
            "enable_profiler",
        ),
        "true|false",
    ),
    **dict.fromkeys(
        (
            "grpc_socket_path",
            "batching_parameters_file",
            "model_config_file",
            "model_name",
            "model_base_path",
            "tensorflow_session_config_file",
            "ssl_config_file",
            "platform_config_file",
            "per_process_gpu_memory_fraction",
            "saved_model_tags",
            "monitoring_config_file",
            "thread_pool_factory_config_file",
        ),
        r"\S+",
    ),
    "grpc_channel_arguments": r"[a-z_.]+=\d+(,[a-z_.]+=\d+)*",
}
# What tensorflow-serving-api leaves out, with the numbers and types of
# tensorflow_serving/servables/tensorflow/session_bundle_config.proto (the fields that it had from
# the start) and tensorflow_serving/config/monitoring_config.proto.
PROTOS = """
  name: "two.proto" syntax: "proto3" dependency: "google/protobuf/wrappers.proto"
  message_type {
    name: "BatchingParameters"
    field { name: "max_batch_size" number: 1 type_name: ".google.protobuf.Int64Value" }
    field { name: "batch_timeout_micros" number: 2 type_name: ".google.protobuf.Int64Value" }
    field { name: "max_enqueued_batches" number: 3 type_name: ".google.protobuf.Int64Value" }
    field { name: "num_batch_threads" number: 4 type_name: ".google.protobuf.Int64Value" }
    field { name: "thread_pool_name" number: 5 type_name: ".google.protobuf.StringValue" }
    field { name: "allowed_batch_sizes" number: 6 type: TYPE_INT64 label: LABEL_REPEATED }
    field { name: "pad_variable_length_inputs" number: 7 type: TYPE_BOOL }
  }
  message_type {
    name: "PrometheusConfig"
    field { name: "enable" number: 1 type: TYPE_BOOL }
    field { name: "path" number: 2 type: TYPE_STRING }
  }
  message_type {
    name: "MonitoringConfig"
    field { name: "prometheus_config" number: 1 type_name: ".PrometheusConfig" }
  }"""
FIRST, SECOND = 1795581336, 1795592052  # releases of the examples
FOLDER = pathlib.PurePosixPath("/releases")


def command_lines() -> Iterator[tuple[str, str, dict[str, str]]]:
    """(model, where, flags) of every model server."""
    for model in files.MODELS:
        for where, arguments in files.command_lines(model).items():
            pairs = [argument.partition("=")[::2] for argument in arguments]
            assert len(dict(pairs)) == len(pairs)
            yield model, where, {name.removeprefix("--"): value for name, value in pairs}


@pytest.mark.parametrize("model, where, flags", command_lines())
def test_flags_are_known_and_name_mounted_files(
    model: str, where: str, flags: dict[str, str]
) -> None:
    for name, value in flags.items():
        assert re.fullmatch(FLAGS[name], value), f"--{name}={value}"
    assert flags["model_config_file"] == str(configs.path(FOLDER, model))
    for name in ("monitoring_config_file", "batching_parameters_file"):
        folder, _, file = flags[name].rpartition("/")
        assert folder == "/etc/tf_serving" and (files.TF_SERVING / file).is_file()
    assert flags["allow_version_labels_for_unavailable_models"] == "true"  # else it does not start
    assert int(flags["model_config_file_poll_wait_seconds"]) > 0  # 0 would never look again


def test_both_ways_to_run_it_agree() -> None:
    found = {(model, where): flags for model, where, flags in command_lines()}
    for model in files.MODELS:
        # pods come and go there only
        connections = found[model, "kubernetes"].pop("grpc_channel_arguments")
        assert "grpc.max_connection_age_ms" in connections
        assert found[model, "compose"] == found[model, "kubernetes"]
    assert (
        files.compose()["services"]["recall"]["image"].rpartition(":")[2].rstrip("}")
        == files.container("recall")["image"].rpartition(":")[2]
    )


@pytest.mark.parametrize("model", files.MODELS)
def test_the_example_of_a_model_is_what_publish_writes(model: str) -> None:
    served = configs.Served((FIRST, SECOND), {"stable": FIRST, "canary": SECOND})
    text = (files.TF_SERVING / f"{model}.config").read_text()
    assert _uncommented(text) == configs.write(model, served, FOLDER)
    assert configs.read(files.TF_SERVING, model) == served


def test_the_example_for_one_server_is_what_a_push_writes() -> None:
    text = (files.TF_SERVING / "models.config").read_text()
    expected = model_server_config.write({"recall": FIRST, "rank": FIRST}, pathlib.Path(FOLDER))
    assert _uncommented(text) == expected
    assert model_server_config.read(text) == {"recall": FIRST, "rank": FIRST}


@pytest.mark.parametrize("name", ["models", *files.MODELS])
def test_our_server_takes_the_examples_of_models(name: str) -> None:
    found = server_configs.parse((files.TF_SERVING / f"{name}.config").read_text())
    for model in found.model_config_list.config:
        assert set(model.version_labels.values()) <= set(
            model.model_version_policy.specific.versions
        )
    assert isinstance(found, model_server_config_pb2.ModelServerConfig)


def test_batching_parameters() -> None:
    path = files.TF_SERVING / "batching_parameters.config"
    found = text_format.Parse(path.read_text(), _message("BatchingParameters"))
    assert batching.read(path) == batching.Parameters(
        max_batch_size=found.max_batch_size.value,
        batch_timeout_micros=found.batch_timeout_micros.value,
        max_enqueued_batches=found.max_enqueued_batches.value,
        num_batch_threads=found.num_batch_threads.value,
    )
    assert found.num_batch_threads.value == int(
        files.container("recall")["resources"]["requests"]["cpu"]
    )
    assert not found.pad_variable_length_inputs  # it would pad with the first item of the history


def test_monitoring() -> None:
    text = (files.TF_SERVING / "monitoring.config").read_text()
    found = text_format.Parse(text, _message("MonitoringConfig"))
    assert found.prometheus_config.enable
    for model in files.MODELS:
        notes = files.workloads()[model]["spec"]["template"]["metadata"]["annotations"]
        assert notes["prometheus.io/path"] == found.prometheus_config.path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[conftest.Client]:
    """Recall and rank with the batching that production has."""
    folder = tmp_path_factory.mktemp("served")
    fake_recall.save(
        folder / "recall" / "1",
        small_models.DATA,
        small_models.ITEMS,
        fake_recall.cycle(len(small_models.ITEMS)),
        k=small_models.K,
    )
    small_models.save_rank(folder, 1)
    config = small_models.write_config(folder, {"recall": [1], "rank": [1]})
    parameters = batching.read(files.TF_SERVING / "batching_parameters.config")
    with conftest.serve(config, batching=parameters) as found:
        yield found


@pytest.mark.parametrize("model", files.MODELS)
def test_probes_ask_for_what_there_is(model: str, server: conftest.Client) -> None:
    container = files.container(model)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert server.http.get(path).status_code == 200
        assert server.http.get(path.replace(model, "another")).status_code == 404


@pytest.mark.parametrize("model", files.MODELS)
def test_the_health_check_of_compose(model: str, server: conftest.Client) -> None:
    kind, *command = files.compose()["services"][model]["healthcheck"]["test"]
    assert kind == "CMD"
    port = server.rest_address.rpartition(":")[2]
    for name, code in ((model, 0), ("another", 1)):
        asked = [part.replace("8501", port).replace(f"/{model}/", f"/{name}/") for part in command]
        assert subprocess.run(asked, timeout=30, check=False).returncode == code, shlex.join(asked)


def _uncommented(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))


def _message(name: str) -> Message:
    """An empty message of a proto of `PROTOS`."""
    file = text_format.Parse(PROTOS, descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))()
