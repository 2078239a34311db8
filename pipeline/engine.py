"""Looks at a portable engine before the first job, so that what is wrong is told at once.

Its job server is asked whether it is one, the worker pool likewise, and then a probe job asks a
worker what it has and whether it reaches what this machine reads and writes (`engine_probe.py`).
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import uuid
from collections.abc import Iterator

import apache_beam as beam
import grpc
from apache_beam.io import filesystem, filesystems
from apache_beam.options import pipeline_options
from apache_beam.portability.api import (
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    beam_job_api_pb2,
    beam_job_api_pb2_grpc,
)
from apache_beam.runners import runner as beam_runner

from modules import config, runner_config
from modules.beam import errors, files
from pipeline import engine_probe, runners

_CALL_SECONDS = 20.0
_PROBE_SECONDS = 300  # an engine may have to fetch an image first
_NO_WHEEL = "No module named '{}'"
_COMMANDS = "docs/production.md has the commands."
_TRACEBACK = "Traceback (most recent call last)"
# how Prism and Beam's local job service say that a worker is gone
_LOST_WORKER = ("SDK worker disconnected", "Channel closed prematurely")


def check(cfg: config.Config, folder: pathlib.Path) -> None:
    """Checks a portable engine and prints what its workers are; does nothing for other kinds.

    Args:
      cfg: the configuration.
      folder: where components write, unless `runner.artifacts` says otherwise.

    Raises:
      runners.NotReady: something has to be started, installed or corrected first.
      errors.DataError: a table is not there.
    """
    runner = cfg.runner
    if runner.kind != "portable":
        return
    assert runner.job_endpoint is not None and runner.environment is not None
    print(f"engine at {runner.job_endpoint}: asking its workers ...", flush=True)
    _check_parallelism(runner, _engine_options(runner.job_endpoint))
    if runner.artifact_endpoint is not None:
        _check_artifact_endpoint(runner.artifact_endpoint)
    # Elsewhere, the pool's address need not be one from here: it is the engine that calls it.
    if runner.environment.address and runner_config.is_loopback(runner.job_endpoint):
        _check_pool(runner.environment.address)
    host = _probe(cfg, runners.artifact_root(cfg, folder))
    print(f"        workers on {host}: the same versions and code, and they reach all files")


def _engine_options(endpoint: str) -> set[str]:
    """Names of the engine's own options, which not every one tells."""
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        try:
            answer = service.DescribePipelineOptions(
                beam_job_api_pb2.DescribePipelineOptionsRequest(), timeout=_CALL_SECONDS
            )
        except grpc.RpcError as error:
            raise runners.NotReady(
                f"runner.job_endpoint: no Beam job server answers at {endpoint} "
                f"({_why(error)}). Start the engine's, or correct the endpoint; {_COMMANDS}"
            ) from error
    return {option.name for option in answer.options}


def _check_parallelism(runner: config.Runner, known: set[str]) -> None:
    if runner.parallelism is not None and "parallelism" not in known:
        raise runners.NotReady(
            f"runner.parallelism: found {runner.parallelism}; the engine at {runner.job_endpoint} "
            "has no such option. Leave it out."
        )


def _check_artifact_endpoint(endpoint: str) -> None:
    with grpc.insecure_channel(endpoint) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_CALL_SECONDS)
        except grpc.FutureTimeoutError:
            raise runners.NotReady(
                f"runner.artifact_endpoint: nothing answers at {endpoint} within "
                f"{_CALL_SECONDS:.0f} s. Correct it, or leave it out: job servers tell theirs."
            ) from None


def _check_pool(address: str) -> None:
    """Asks the pool to stop a worker that it does not have, which a pool answers and ignores."""
    with grpc.insecure_channel(address) as channel:
        pool = beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(channel)
        try:
            pool.StopWorker(
                beam_fn_api_pb2.StopWorkerRequest(worker_id=f"none-{uuid.uuid4().hex}"),
                timeout=_CALL_SECONDS,
            )
        except grpc.RpcError as error:
            raise runners.NotReady(
                f"runner.environment.address: no worker pool answers at {address} "
                f"({_why(error)}). Start one there, or correct the address; {_COMMANDS}"
            ) from error


def _why(error: grpc.RpcError) -> str:
    """Such as `Connection refused`, without the layers that gRPC puts around it."""
    if error.code() == grpc.StatusCode.UNIMPLEMENTED:
        return "another service does"
    details = (error.details() or "").splitlines() or [""]
    return details[0].rpartition(": ")[2] or error.code().name.lower().replace("_", " ")


def _probe(cfg: config.Config, root: str) -> str:
    """Runs a job of one element; returns the host of the worker that answered."""
    reads = {f"data.{t}.path": found.paths[0] for t, found in files.list_tables(cfg.data).items()}
    with _scratch(root) as folder:
        note, answer = (filesystems.FileSystems.join(folder, name) for name in ("note", "answer"))
        with filesystems.FileSystems.create(note) as file:
            file.write(b"?")
        question = engine_probe.Probe(
            engine_probe.side(), {**reads, "runner.artifacts": note}, answer
        )
        _run(cfg.runner, question)
        if not filesystems.FileSystems.exists(answer):
            raise runners.NotReady(
                f"runner.artifacts: what a worker wrote to {answer} did not arrive here. Name a "
                "folder that is mounted on all machines at the same place, or a URL."
            )
        with filesystems.FileSystems.open(answer) as file:
            return str(json.loads(file.read())["host"])


def _run(runner: config.Runner, question: beam.DoFn) -> None:
    options = pipeline_options.PipelineOptions(runners.beam_args(runner))
    pipeline = beam.Pipeline(options=options)
    _ = pipeline | "Impulse" >> beam.Impulse() | "AskWorker" >> beam.ParDo(question)
    try:
        result = pipeline.run()
        state = result.wait_until_finish(duration=_PROBE_SECONDS * 1000)
    except Exception as error:
        raise runners.NotReady(_failure(runner, error)) from error
    if not beam_runner.PipelineState.is_terminal(state):
        with contextlib.suppress(Exception):  # it is given up in any case
            result.cancel()
        raise runners.NotReady(
            f"runner.environment: no worker answered within {_PROBE_SECONDS} s. See the logs of "
            f"the engine at {runner.job_endpoint} and of its workers: can it start them?"
        )


def reason(error: BaseException) -> str:
    """One line for what ended a job, from the pages that engines send."""
    if isinstance(error, grpc.RpcError):
        return (
            f"the engine does not answer any more ({_why(error)}). Start it again; the next run "
            "goes on after what had finished."
        )
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if any(sign in text for sign in _LOST_WORKER):
        return (
            f"a worker of the engine ended in the middle of a job ({lines[-1]}). Look at its log "
            "and its memory; the next run goes on after what had finished."
        )
    if _TRACEBACK in text:
        return lines[-1]
    return f"{type(error).__name__}: {text}"


def _failure(runner: config.Runner, error: Exception) -> str:
    """Why a probe job could not run."""
    if told := errors.unwrap(error):
        return told
    if any(_NO_WHEEL.format(package) in str(error) for package in engine_probe.SOURCES):
        return (
            f"the workers of the engine at {runner.job_endpoint} do not have this project. "
            "Install the wheel and the requirements that `recsys package` writes in their "
            "environment, and start them again."
        )
    return (
        f"the engine at {runner.job_endpoint} could not run a probe job: "
        f"{' '.join(reason(error).split())}"
    )


@contextlib.contextmanager
def _scratch(root: str) -> Iterator[str]:
    """A folder for the time of the probe."""
    folder = filesystems.FileSystems.join(root, f".probe-{uuid.uuid4().hex}")
    try:
        filesystems.FileSystems.mkdirs(folder)
    except Exception as error:
        raise runners.NotReady(
            f"runner.artifacts: {root} cannot be written from this machine: {error}"
        ) from error
    try:
        yield folder
    finally:
        left = filesystems.FileSystems.match([filesystems.FileSystems.join(folder, "*")])
        filesystems.FileSystems.delete([found.path for found in left[0].metadata_list])
        with contextlib.suppress(filesystem.BeamIOError):  # object stores have no folders
            filesystems.FileSystems.delete([folder])
