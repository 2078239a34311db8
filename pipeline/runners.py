"""Where Beam runs, as the arguments of a Beam pipeline."""

from __future__ import annotations

import json
import pathlib

from modules import config
from modules.strict import ConfigError

# Named in full: Beam's `DirectRunner` first tries Prism, whose binary it downloads, then this one.
LOCAL_RUNNER = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"
# Keeps TFX from packing its sources for remote workers in every component. Only workers in
# containers read it.
_NO_PACKAGE = "--sdk_container_image=local"
# Beam would stage what `pip freeze` says, which fails without pip; the probe compares more.
_NO_FREEZE = "--experiments=disable_logging_submission_environment"
# Beam's PortableRunner also gives up a job that runs for longer; by default, after five minutes.
_JOB_SECONDS = 30 * 24 * 3600
_SETUP_FILE = "--setup_file=./setup.py"
_DATAFLOW_OPTIONS = ("project", "region", "temp_location")


class NotReady(RuntimeError):
    """An engine, or its workers, cannot run this project; the message says what to do first."""


def beam_args(runner: config.Runner) -> list[str]:
    """Arguments of the Beam pipelines of every component.

    `direct` runs in this process, `multi_process` in `runner.workers` processes of this machine,
    `portable` on the engine behind `runner.job_endpoint`, `dataflow` on Google Cloud.
    `runner.options` come last, so that they win.

    Raises:
      ConfigError: `dataflow` lacks an option that it needs.
    """
    if runner.kind == "dataflow":
        return _dataflow(runner.options)
    if runner.kind == "portable":
        return _portable(runner)
    arguments = [f"--runner={LOCAL_RUNNER}", _NO_PACKAGE]
    if runner.kind == "multi_process":
        arguments += [
            "--direct_running_mode=multi_processing",
            f"--direct_num_workers={runner.workers}",
        ]
    return [*arguments, *runner.options]


def artifact_root(cfg: config.Config, folder: pathlib.Path) -> str:
    """Where components write: `runner.artifacts`, else `folder`.

    Raises:
      ConfigError: Dataflow's workers could not read the data, or not write where this machine
          reads.
    """
    if cfg.runner.kind == "dataflow":
        tables = {"events": cfg.data.events, "users": cfg.data.users, "items": cfg.data.items}
        places = {f"data.{name}.path": table.path for name, table in tables.items() if table}
        for key, place in {**places, "runner.artifacts": cfg.runner.artifacts}.items():
            if "://" not in (place or ""):
                raise ConfigError(
                    f"{key}: found {place!r}, expected a URL like gs://bucket/folder; the "
                    "workers of runner.kind: dataflow cannot reach this machine's files."
                )
    return cfg.runner.artifacts or str(folder)


def _dataflow(options: tuple[str, ...]) -> list[str]:
    names = {option.partition("=")[0].removeprefix("--") for option in options}
    for name in _DATAFLOW_OPTIONS:
        if name not in names:
            raise ConfigError(
                f"runner.options: --{name} is missing; kind: dataflow needs "
                f"{', '.join(f'--{n}=...' for n in _DATAFLOW_OPTIONS)}."
            )
    packaging = [] if names & {"setup_file", "sdk_container_image"} else [_SETUP_FILE]
    return ["--runner=DataflowRunner", *packaging, *options]


def _portable(runner: config.Runner) -> list[str]:
    assert runner.environment is not None  # the configuration was checked
    arguments = [
        "--runner=PortableRunner",
        f"--job_endpoint={runner.job_endpoint}",
        f"--environment_type={runner.environment.kind.upper()}",
        f"--sdk_worker_parallelism={runner.workers}",
        f"--job_server_timeout={_JOB_SECONDS}",
        _NO_FREEZE,
    ]
    if runner.artifact_endpoint is not None:
        arguments.append(f"--artifact_endpoint={runner.artifact_endpoint}")
    if runner.parallelism is not None:
        arguments.append(f"--parallelism={runner.parallelism}")
    return [*arguments, *_environment(runner.environment), *runner.options]


def _environment(environment: config.Environment) -> list[str]:
    if environment.kind == "docker":
        image = environment.image
        return [f"--environment_config={image}", f"--sdk_container_image={image}"]
    if environment.kind == "external":
        return [f"--environment_config={environment.address}", _NO_PACKAGE]
    if environment.kind == "process":
        program = {"command": environment.command, "env": environment.variables}
        return [f"--environment_config={json.dumps(program)}", _NO_PACKAGE]
    return [_NO_PACKAGE]
