"""Runs the pipeline locally: progress on the terminal, details in a log file, one clear error."""

from __future__ import annotations

import contextlib
import logging
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from modules import config, release, strict
from pipeline import metadata_file, moved, progress, runners, runs
from pipeline import warm_start as warm_start_lib

Build = Callable[[config.Config, runs.Run], Any]  # to a tfx.dsl.Pipeline; may import TFX


class RunFailed(RuntimeError):
    """A component failed. The message is for the person at the terminal and names the log file."""


class NotBlessed(RuntimeError):
    """The pipeline ran to its end, and the evaluation refused the model."""


def run(
    cfg: config.Config,
    root: str | pathlib.Path,
    *,
    verbose: bool = False,
    use_cache: bool = True,
    warm_start: bool = False,
    build: Build | None = None,
) -> runs.Run:
    """Runs every component that is not cached and prints a line for each.

    Args:
      cfg: the configuration, with resolved paths.
      root: the folder that holds runs; this one lives in `<root>/<name>`.
      verbose: also shows the log on standard error.
      use_cache: whether unchanged components of earlier runs are reused.
      warm_start: whether trainings go on from the models of the release in force.
      build: makes the pipeline; None: the whole one, up to the release.

    Raises:
      warm_start.NoBase: there is no release to go on from; nothing has run.
      RunFailed: a component failed; what it had written is removed, and the next run continues
          before it.
      runners.NotReady: the engine that is to run Beam's steps cannot; nothing has run.
      metadata_file.Unreadable: what ML Metadata knows of earlier runs cannot be read.
    """
    place = runs.Run(root, cfg.name)
    started = time.monotonic()
    lines = progress.ComponentProgress()
    with place.locked():
        _prepare(place)
        in_force = release.current_if_readable(place.serving)
        print(f"{cfg.name}: loading TFX ...", flush=True)
        with progress.logs_to_file(place.folder / "logs", lines, verbose) as log:
            try:
                _run(cfg, place, lines, build or _whole(use_cache=use_cache, warm=warm_start))
                if not build:
                    _prune(cfg, place, in_force)
            except (strict.ConfigError, runners.NotReady, warm_start_lib.NoBase):
                raise
            except Exception as error:
                logging.getLogger(__name__).exception("The run failed.")
                raise RunFailed(
                    f"{lines.running or 'The pipeline'} failed: {_reason(error)}\nDetails: {log}"
                ) from error
    print(f"Done in {time.monotonic() - started:.0f} s.", flush=True)
    return place


def report(cfg: config.Config, place: runs.Run) -> None:
    """Writes the report of the newest run and prints the results, the verdict and where things are.

    Raises:
      NotBlessed: an evaluation refused the models.
    """
    from pipeline import releases
    from pipeline.report import report as page

    page.write(cfg, place.folder.parent)
    print(f"\n{page.results_table(place)}", flush=True)
    refused = [verdict for verdict in _verdicts(place) if not verdict["blessed"]]
    if refused:
        reasons = " ".join(reason for verdict in refused for reason in verdict["reasons"])
        raise NotBlessed(f"the new models were refused: {reasons} What is served stays as it was.")
    if remark := releases.remark(place):
        print(f"Note: {remark}", flush=True)


def _verdicts(place: runs.Run) -> Iterator[dict[str, Any]]:
    """The blessings of recall and, if the run has two stages, of both together."""
    from pipeline.report import sources

    found = sources.of(place)
    yield found.evaluation()["blessing"]
    if found.pipeline_run.execution(sources.TWO_STAGE_EVALUATOR):
        yield found.json(sources.TWO_STAGE_EVALUATOR, "evaluation", "two_stage.json")["blessing"]


def _prepare(place: runs.Run) -> None:
    """Looks at what earlier runs left, and lets it name the folder where it is now."""
    if not metadata_file.check(place.metadata, writing=True):
        return
    if old := moved.settle(place):
        print(
            f"{place.folder}: was moved or copied from {' and '.join(old)}; {place.metadata.name} "
            "now names its new place. Components that read from the old one run once more.",
            flush=True,
        )
    if place.serving.is_dir():
        from pipeline import release_writer

        with contextlib.suppress(release.ReleaseError):  # the run pushes another one
            release_writer.repoint(place.serving)


def _whole(*, use_cache: bool, warm: bool) -> Build:
    def build(cfg: config.Config, place: runs.Run) -> Any:
        from pipeline import dag  # which imports TFX

        bases = warm_start_lib.bases(cfg, place) if warm else {}
        return dag.create(cfg, place, use_cache=use_cache, bases=bases)

    return build


def _run(
    cfg: config.Config, place: runs.Run, lines: progress.ComponentProgress, build: Build
) -> None:
    from tfx import v1 as tfx  # 20 s and more; only commands that run the pipeline pay for it

    from pipeline import engine

    pipeline = build(cfg, place)
    lines.total = len(pipeline.components)
    engine.check(cfg, place.artifacts)
    tfx.orchestration.LocalDagRunner().run(pipeline)


def _prune(cfg: config.Config, place: runs.Run, in_force: int | None) -> None:
    from pipeline import release_writer

    try:
        old = release_writer.prune(place.serving, cfg.releases.keep, spare=in_force)
    except OSError as error:  # the run itself is done
        print(f"Note: old releases could not be deleted: {error}", flush=True)
    else:
        if old:
            print(
                f"Old releases deleted (releases.keep: {cfg.releases.keep}): "
                f"{', '.join(map(str, old))}",
                flush=True,
            )


def _reason(error: Exception) -> str:
    """The message of the error that started it, without the layers Beam and TFX put around it."""
    from modules.beam import errors
    from pipeline import engine

    return errors.unwrap(error) or engine.reason(error)
