"""Arguments of Beam's runners, and that the graph goes to each of them."""

from __future__ import annotations

import dataclasses
import os
import pathlib

import apache_beam as beam
import pytest
from apache_beam.options import pipeline_options
from apache_beam.runners.dataflow import dataflow_runner

from modules import config
from modules.beam import errors, examples, files
from modules.strict import ConfigError
from pipeline import runners
from tests import tables

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = ("--project=shop", "--region=europe-west1", "--temp_location=gs://shop/tmp")


@pytest.fixture
def workers_find_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))


def _runner(**values: object) -> pipeline_options.PipelineOptions:
    arguments = runners.beam_args(config.Runner(**values))  # type: ignore[arg-type]
    return pipeline_options.PipelineOptions(arguments)


def test_direct_runs_in_this_process() -> None:
    options = _runner()
    assert options.view_as(pipeline_options.StandardOptions).runner.endswith(
        "fn_runner.FnApiRunner"
    )
    assert options.view_as(pipeline_options.DirectOptions).direct_running_mode == "in_memory"


def test_multi_process_starts_the_workers() -> None:
    options = _runner(kind="multi_process", workers=3).view_as(pipeline_options.DirectOptions)
    assert (options.direct_running_mode, options.direct_num_workers) == ("multi_processing", 3)


def test_dataflow_takes_the_options_and_installs_this_package() -> None:
    options = _runner(kind="dataflow", options=OPTIONS)
    cloud = options.view_as(pipeline_options.GoogleCloudOptions)
    assert (cloud.project, cloud.region, cloud.temp_location) == (
        "shop",
        "europe-west1",
        "gs://shop/tmp",
    )
    assert options.view_as(pipeline_options.SetupOptions).setup_file == "./setup.py"
    image = _runner(kind="dataflow", options=(*OPTIONS, "--sdk_container_image=shop/worker"))
    assert image.view_as(pipeline_options.SetupOptions).setup_file is None


@pytest.mark.parametrize("missing", ["project", "region", "temp_location"])
def test_dataflow_without_its_options_is_refused(missing: str) -> None:
    options = tuple(option for option in OPTIONS if missing not in option)
    with pytest.raises(
        ConfigError, match=rf"^runner\.options: --{missing} is missing; kind: dataflow needs"
    ):
        runners.beam_args(config.Runner(kind="dataflow", options=options))


@pytest.mark.parametrize(
    "environment, expected",
    [
        ({"kind": "external", "address": "pool:5"}, ("EXTERNAL", "pool:5", "local")),
        (
            {"kind": "docker", "image": "shop/worker:1"},
            ("DOCKER", "shop/worker:1", "shop/worker:1"),
        ),
        ({"kind": "loopback"}, ("LOOPBACK", None, "local")),
        (
            {"kind": "process", "command": "/boot", "variables": {"A": "1"}},
            ("PROCESS", '{"command": "/boot", "env": {"A": "1"}}', "local"),
        ),
    ],
)
def test_portable_takes_the_engine_and_who_runs_the_code(
    environment: dict, expected: tuple[str, str | None, str]
) -> None:
    options = _runner(
        kind="portable",
        job_endpoint="localhost:8099",
        artifact_endpoint="localhost:8098",
        environment=config.Environment(**environment),
        workers=3,
        parallelism=4,
        options=("--flink_master=shop",),
    )
    assert options.view_as(pipeline_options.StandardOptions).runner == "PortableRunner"
    portable = options.view_as(pipeline_options.PortableOptions)
    assert (portable.job_endpoint, portable.artifact_endpoint) == (
        "localhost:8099",
        "localhost:8098",
    )
    image = options.view_as(pipeline_options.WorkerOptions).sdk_container_image
    assert (portable.environment_type, portable.environment_config, image) == expected
    assert int(portable.sdk_worker_parallelism) == 3
    assert portable.job_server_timeout > 7 * 24 * 3600  # of each job, not only of each call
    assert options._flags[-1] == "--flink_master=shop" and "--parallelism=4" in options._flags


@pytest.mark.usefixtures("workers_find_the_sources")
def test_worker_processes_make_what_this_process_makes(tmp_path: pathlib.Path) -> None:
    data = tables.write(tmp_path)
    one, two = tmp_path / "1", tmp_path / "2"
    one.mkdir()
    two.mkdir()
    expected = tables.make(one, data)
    found = tables.make(two, data, options=_runner(kind="multi_process", workers=2))
    assert {name: sorted(map(str, rows)) for name, rows in found.items()} == {
        name: sorted(map(str, rows)) for name, rows in expected.items()
    }


@pytest.mark.usefixtures("workers_find_the_sources")
def test_a_bad_row_in_a_worker_process_gives_the_same_error(tmp_path: pathlib.Path) -> None:
    data = tables.write(tmp_path, events=tables.EVENTS + "u1\ta\t5\tx\n")
    message = tables.refusal(data, options=_runner(kind="multi_process", workers=1))
    assert message == tables.refusal(data)
    assert "shop.inter, line 9: column 'timestamp': found 'x'" in message


def test_the_graph_becomes_a_dataflow_job(tmp_path: pathlib.Path) -> None:
    """Beam's dry run builds and validates the job as it is sent, without a network."""
    data = tables.write(tmp_path)
    options = _runner(kind="dataflow", options=(*OPTIONS, "--dry_run=true", "--job_name=shop"))
    pipeline = beam.Pipeline(runner=dataflow_runner.DataflowRunner(), options=options)
    pipeline | examples.MakeExamples(
        data, config.Split(), config.Features(), files.list_tables(data)
    )
    job = pipeline.run().job
    names = [
        transform.unique_name for transform in job.proto_pipeline.components.transforms.values()
    ]
    assert any(name.endswith("MakeWindows") for name in names)


def test_a_missing_file_is_told_before_anything_is_submitted(tmp_path: pathlib.Path) -> None:
    data = tables.write(tmp_path)
    (tmp_path / "shop.item").unlink()
    with pytest.raises(errors.DataError, match=r"^data\.items\.path: nothing found"):
        files.list_tables(data)


def test_dataflow_refuses_what_its_workers_cannot_reach(tmp_path: pathlib.Path) -> None:
    roles = ("user_id", "item_id", "timestamp")
    columns = {role: config.Column(role=role) for role in roles}  # type: ignore[arg-type]
    table = config.Table(path="gs://shop/events.csv", format="csv", columns=columns)
    cloud = config.Runner(kind="dataflow", options=OPTIONS, artifacts="gs://shop/artifacts")
    cfg = config.Config(name="shop", data=config.Data(events=table), runner=cloud)
    assert runners.artifact_root(cfg, tmp_path) == "gs://shop/artifacts"
    local = dataclasses.replace(table, path="/data/events.csv")
    with pytest.raises(
        ConfigError, match=r"^data\.events\.path: found '/data/events.csv', expected a URL"
    ):
        runners.artifact_root(dataclasses.replace(cfg, data=config.Data(events=local)), tmp_path)
    with pytest.raises(ConfigError, match=r"^runner\.artifacts: found None, expected a URL"):
        runners.artifact_root(
            dataclasses.replace(cfg, runner=config.Runner(kind="dataflow")), tmp_path
        )
    assert runners.artifact_root(dataclasses.replace(cfg, runner=config.Runner()), tmp_path) == str(
        tmp_path
    )
