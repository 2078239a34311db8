"""What is wrong with a portable engine is told before the first job; what is right makes the same.

The job server and the pool of workers are Beam's own and run in this process, in threads: all goes
by gRPC as it does with an engine elsewhere.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import socket
import threading
import types
from collections.abc import Iterator

import grpc
import pytest
from apache_beam.options import pipeline_options
from apache_beam.portability.api import beam_job_api_pb2, beam_job_api_pb2_grpc
from apache_beam.runners.portability import local_job_service
from apache_beam.runners.worker import worker_pool_main

from modules import config
from pipeline import engine, engine_probe, run, runners, runs
from tests import tables

TRACEBACK = "Traceback (most recent call last):\n  File x\n"
OURS = engine_probe.Side("3.10", {"apache-beam": "2.74.0", "tfx": "1.16.0"}, "abc")


@pytest.fixture(scope="module")
def job_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = local_job_service.LocalJobServicer(str(tmp_path_factory.mktemp("staging")))
    yield f"localhost:{server.start_grpc_server()}"
    server.stop()


@pytest.fixture(scope="module")
def pool() -> Iterator[str]:
    address, server = worker_pool_main.BeamFnExternalWorkerPoolServicer.start()
    yield address
    server.stop(0)


@pytest.fixture(scope="module")
def nobody() -> str:
    """An address at which nothing listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"localhost:{found.getsockname()[1]}"


@pytest.fixture(scope="module")
def another_service() -> Iterator[str]:
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("localhost:0")
    server.start()
    yield f"localhost:{port}"
    server.stop(0)


def _cfg(folder: pathlib.Path, job_endpoint: str, pool: str, **more: object) -> config.Config:
    runner = config.Runner(
        kind="portable",
        job_endpoint=job_endpoint,
        environment=config.Environment("external", address=pool),
        **more,  # type: ignore[arg-type]
    )
    return config.Config(name="shop", data=tables.write(folder), runner=runner)


def _refusal(cfg: config.Config, folder: pathlib.Path) -> str:
    with pytest.raises(runners.NotReady) as refused:
        engine.check(cfg, folder / "artifacts")
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_a_fit_engine_is_told_and_nothing_is_left(
    tmp_path: pathlib.Path, job_endpoint: str, pool: str, capsys: pytest.CaptureFixture[str]
) -> None:
    engine.check(_cfg(tmp_path, job_endpoint, pool), tmp_path / "artifacts")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"engine at {job_endpoint}: asking its workers ..."
    assert lines[1].endswith(": the same versions and code, and they reach all files")
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_a_run_ends_before_its_first_component(
    tmp_path: pathlib.Path, nobody: str, pool: str
) -> None:
    place = runs.Run(tmp_path / "runs", "shop")
    with pytest.raises(runners.NotReady, match=r"^runner\.job_endpoint: no Beam job server"):
        run.run(
            _cfg(tmp_path, nobody, pool),
            tmp_path / "runs",
            build=lambda *_: types.SimpleNamespace(components=[]),
        )
    assert not place.metadata.exists() and not place.artifacts.exists()


def test_other_kinds_are_not_asked(tmp_path: pathlib.Path) -> None:
    engine.check(config.Config(name="shop", data=tables.write(tmp_path)), tmp_path / "artifacts")
    assert not (tmp_path / "artifacts").exists()


def test_no_job_server(tmp_path: pathlib.Path, nobody: str, pool: str) -> None:
    message = _refusal(_cfg(tmp_path, nobody, pool), tmp_path)
    assert message.startswith(
        f"runner.job_endpoint: no Beam job server answers at {nobody} (Connection refused). Start"
    )


def test_another_service_is_no_job_server(
    tmp_path: pathlib.Path, another_service: str, pool: str
) -> None:
    message = _refusal(_cfg(tmp_path, another_service, pool), tmp_path)
    assert f"no Beam job server answers at {another_service} (another service does)" in message


def test_no_worker_pool(tmp_path: pathlib.Path, job_endpoint: str, nobody: str) -> None:
    message = _refusal(_cfg(tmp_path, job_endpoint, nobody), tmp_path)
    assert message.startswith(
        f"runner.environment.address: no worker pool answers at {nobody} (Connection refused)."
    )


def test_another_service_is_no_worker_pool(tmp_path: pathlib.Path, job_endpoint: str) -> None:
    message = _refusal(_cfg(tmp_path, job_endpoint, job_endpoint), tmp_path)
    assert f"no worker pool answers at {job_endpoint} (another service does)" in message


def test_no_artifact_endpoint(
    tmp_path: pathlib.Path,
    job_endpoint: str,
    pool: str,
    nobody: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "_CALL_SECONDS", 1.0)
    message = _refusal(_cfg(tmp_path, job_endpoint, pool, artifact_endpoint=nobody), tmp_path)
    assert message.startswith(f"runner.artifact_endpoint: nothing answers at {nobody} within 1 s.")


def test_an_engine_without_parallelism(
    tmp_path: pathlib.Path, job_endpoint: str, pool: str
) -> None:
    message = _refusal(_cfg(tmp_path, job_endpoint, pool, parallelism=4), tmp_path)
    assert message == (
        f"runner.parallelism: found 4; the engine at {job_endpoint} has no such option. Leave it "
        "out."
    )


def test_workers_with_other_packages(
    tmp_path: pathlib.Path, job_endpoint: str, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The submitting process says that it has another Beam; the worker has the one that is here."""
    here = engine_probe.side()
    packages = {**here.packages, "apache-beam": "2.73.0"}
    monkeypatch.setattr(engine_probe, "side", lambda: dataclasses.replace(here, packages=packages))
    message = _refusal(_cfg(tmp_path, job_endpoint, pool), tmp_path)
    assert f"apache-beam {here.packages['apache-beam']} in place of 2.73.0. Install the" in message


def test_workers_that_do_not_reach_the_tables(
    tmp_path: pathlib.Path, job_endpoint: str, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(engine_probe.Probe):
        """A worker whose machine has another file system."""

        def process(self, element: object) -> Iterator[str]:
            self._reads = {key: f"/elsewhere{path}" for key, path in self._reads.items()}
            return super().process(element)

    monkeypatch.setattr(engine_probe, "Probe", Elsewhere)
    message = _refusal(_cfg(tmp_path, job_endpoint, pool), tmp_path)
    assert message.startswith("data.events.path: the workers on ")
    assert f"cannot read /elsewhere{tmp_path}/shop.inter" in message
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_workers_that_write_elsewhere(
    tmp_path: pathlib.Path, job_endpoint: str, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Elsewhere(engine_probe.Probe):
        """A worker for which the folder is another one of the same name."""

        def process(self, element: object) -> Iterator[str]:
            self._answer += "-on-the-worker"
            return super().process(element)

    monkeypatch.setattr(engine_probe, "Probe", Elsewhere)
    message = _refusal(_cfg(tmp_path, job_endpoint, pool), tmp_path)
    assert message.startswith("runner.artifacts: what a worker wrote to ")
    assert "did not arrive here" in message


def test_workers_that_never_answer(
    tmp_path: pathlib.Path, job_endpoint: str, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = tmp_path / "release"

    class Waits(engine_probe.Probe):
        def process(self, element: object) -> Iterator[str]:
            del element
            while not release.exists():
                threading.Event().wait(0.1)
            yield "late"

    monkeypatch.setattr(engine_probe, "Probe", Waits)
    monkeypatch.setattr(engine, "_PROBE_SECONDS", 1)
    message = _refusal(_cfg(tmp_path, job_endpoint, pool), tmp_path)
    release.touch()
    assert message.startswith("runner.environment: no worker answered within 1 s. See the logs of")


@pytest.mark.parametrize(
    "theirs, told",
    [
        ({}, []),
        ({"python": "3.11"}, ["Python 3.11 in place of 3.10"]),
        ({"packages": {"tfx": "1.16.0"}}, ["no apache-beam"]),
        (
            {"packages": {"apache-beam": "2.73.0", "tfx": "1.15.0"}, "sources": "def"},
            ["apache-beam 2.73.0 in place of 2.74.0", "tfx 1.15.0 in place of 1.16.0"],
        ),
        ({"sources": "def"}, ["another state of this project's code (modules, pipeline)"]),
    ],
)
def test_differences_are_named(theirs: dict, told: list[str]) -> None:
    assert engine_probe.differences(dataclasses.replace(OURS, **theirs), OURS) == told


def test_many_differences_are_counted() -> None:
    ours = dataclasses.replace(OURS, packages={f"p{n}": "1" for n in range(9)})
    told = engine_probe.differences(dataclasses.replace(OURS, packages={}), ours)
    assert told == ["no p0", "no p1", "no p2", "no p3", "5 more"]


def test_workers_without_the_project_are_told_the_remedy() -> None:
    runner = config.Runner(
        kind="portable", job_endpoint="localhost:1", environment=config.Environment("loopback")
    )
    error = RuntimeError("Traceback ...\nModuleNotFoundError: No module named 'pipeline'\n")
    assert "do not have this project. Install the wheel" in engine._failure(runner, error)


@pytest.mark.parametrize(
    "text, told",
    [
        (
            "bundle inst006 stage-009 failed:SDK worker disconnected: worker[w], error: canceled",
            "a worker of the engine ended in the middle of a job (bundle inst006 stage-009",
        ),
        (
            f"Pipeline failed.\n{TRACEBACK}RuntimeError: Channel closed prematurely.\n",
            "a worker of the engine ended in the middle of a job (RuntimeError: Channel closed pr",
        ),
        (
            f"bundle failed:{TRACEBACK}KeyError: 'a' [while running 'Step']\n\n",
            "KeyError: 'a' [while running 'Step']",
        ),
        ("of this process,\nwith two lines", "RuntimeError: of this process,\nwith two lines"),
    ],
)
def test_what_ended_a_job_is_one_line(text: str, told: str) -> None:
    assert engine.reason(RuntimeError(text)).startswith(told)


def test_an_engine_that_is_gone(nobody: str) -> None:
    with grpc.insecure_channel(nobody) as channel, pytest.raises(grpc.RpcError) as gone:
        beam_job_api_pb2_grpc.JobServiceStub(channel).GetJobs(beam_job_api_pb2.GetJobsRequest())
    told = engine.reason(gone.value)
    assert told.startswith("the engine does not answer any more (Connection refused). Start it")


@pytest.mark.parametrize("environment", ["external", "loopback"])
def test_a_portable_engine_makes_what_direct_makes(
    environment: str, tmp_path: pathlib.Path, job_endpoint: str, pool: str
) -> None:
    data = tables.write(tmp_path)
    one, two = tmp_path / "1", tmp_path / "2"
    one.mkdir()
    two.mkdir()
    address = pool if environment == "external" else None
    runner = config.Runner(
        kind="portable",
        job_endpoint=job_endpoint,
        environment=config.Environment(environment, address=address),  # type: ignore[arg-type]
    )
    options = pipeline_options.PipelineOptions(runners.beam_args(runner))
    expected = tables.make(one, data)
    found = tables.make(two, data, options=options)
    assert {name: sorted(map(str, rows)) for name, rows in found.items()} == {
        name: sorted(map(str, rows)) for name, rows in expected.items()
    }
