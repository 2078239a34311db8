"""Recommends to all users of a data set at once: `recsys batch-recommend`."""

from __future__ import annotations

import contextlib
import functools
import json
import pathlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
import tqdm
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options

from modules import catalogue, config, ids, release
from modules.beam import causes, errors, problems, row_counter, users
from modules.beam import files as tables
from pipeline import declared, listed, recommend, request_example, runners, runs
from pipeline.batch import answers, folder, options
from pipeline.report import text

_COPIED = "_copied"  # last file of a model's copy


class BatchError(RuntimeError):
    """A batch that cannot be answered. The message is for the person at the terminal."""


def main(
    cfg: config.Config,
    root: str | pathlib.Path,
    *,
    output: str,
    replace: bool = False,
    only: pathlib.Path | None = None,
    k: int = 10,
    at: str | int = options.DATA_END,
    exclude_seen: bool | None = None,
    stage: recommend.Stage | None = None,
) -> dict[str, Any]:
    """Writes the recommendations, prints what was written and returns the summary.

    Args:
      cfg: the data set, and where Beam runs.
      root: the folder that holds runs.
      output: folder or URL that is to be made.
      replace: whether one that an earlier call made may be replaced.
      only: a file of the ids of the users to answer, one a line; None: all users.
      k: items a user.
      at: the requests' time: `options.DATA_END`, `options.NOW`, or Unix seconds.
      exclude_seen: whether items of the history are left out; None: as the release does.
      stage: whose order; by default two stages if the release has both.

    Raises:
      request_example.WrongArgument: an argument that the release or the data set does not allow.
      request_example.RequestError, declared.OtherColumns, folder.OutputError: see there.
      BatchError: no user can be answered.
      release.NoRelease, release.ReleaseError, catalogue.CatalogueError: there is no release, or it
          must not be used.
      errors.DataError: the data set cannot be used, as `recsys dataset check` says.
    """
    started = time.monotonic()
    wanted = None if only is None else read_ids(only)
    chosen = release.in_force(runs.Run(root, cfg.name).serving)
    stage = recommend.chosen_stage(chosen, stage)
    about = catalogue.About.read(chosen.recall)
    _check(cfg, about, chosen, k, at)
    _check_places(cfg, output)
    models = [chosen.recall, *([chosen.rank] if stage == "two-stage" and chosen.rank else [])]
    leaves_out = not about.data.allows_repeats if exclude_seen is None else exclude_seen
    facts = {
        "name": cfg.name,
        "release": chosen.id,
        "stage": stage,
        "k": k,
        "exclude_seen": leaves_out,
    }
    moment = int(time.time()) if at == options.NOW else at
    listings = tables.list_tables(cfg.data)
    with folder.whole(output, answers.SUMMARY_FILE, replace=replace) as work:
        ask = answers.Ask(
            _reachable(cfg, chosen, models),
            about,
            k,
            moment if isinstance(moment, int) else None,
            leaves_out,
        )
        print(f"{cfg.name}: release {chosen.id} answers, stage {stage} ...", flush=True)
        wrong = _run(
            cfg,
            users.ReadUsers(cfg.data, about.history_events, listings),
            answers.WriteAnswers(ask, work, facts, wanted),
            work,
        )
        causes.refuse(wrong, listings)
        summary: dict[str, Any] = _read_json(f"{work}/{answers.SUMMARY_FILE}")
        if not summary["users"]:
            raise BatchError(
                f"{only}: none of the {len(wanted)} ids is one of a user of the data set."
                if wanted is not None
                else "The data set has no users."
            )
    seconds = time.monotonic() - started
    print("\n".join(_lines(summary, output, only, seconds)), flush=True)
    return summary


def read_ids(path: pathlib.Path) -> list[str]:
    """The distinct ids of a file, one a line, in its order.

    Raises:
      BatchError: it cannot be read, or a line cannot be an id.
    """
    found: dict[str, None] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise BatchError(
            f"--users: {path} cannot be read ({what}); expected a text file with a user id a line."
        ) from None
    for number, line in enumerate(lines, start=1):
        if line and (problem := ids.problem(line)):
            raise BatchError(f"{path}, line {number}: found {line[:60]!r}; {problem}.")
        if line:
            found[line] = None
    if not found:
        raise BatchError(f"{path}: found no id, expected a user id a line.")
    return list(found)


def _check(
    cfg: config.Config,
    about: catalogue.About,
    chosen: release.Release,
    k: int,
    at: str | int,
) -> None:
    """Whether the arguments and the data's columns are such that the release can answer."""
    if k > about.k:
        raise request_example.WrongArgument(
            f"--k: found {k}, the model gives at most {about.k} items (index.k)."
        )
    if about.data.events.is_timeless and at != options.DATA_END:
        raise request_example.WrongArgument(
            f"--at {at}: the events of this data set have no times (timestamp: {{from: "
            "file_order}); leave it out."
        )
    declared.check(cfg.data, about, chosen, ("users", "events"))


def _check_places(cfg: config.Config, output: str) -> None:
    """Whether workers of Dataflow can reach what they read and write.

    Raises:
      strict.ConfigError: they cannot.
    """
    runners.artifact_root(cfg, pathlib.Path())
    if cfg.runner.kind == "dataflow" and "://" not in output:
        raise request_example.WrongArgument(
            f"--output: found {output!r}, expected a URL like gs://bucket/folder; the workers of "
            "runner.kind: dataflow cannot reach this machine's files."
        )


def _reachable(
    cfg: config.Config, chosen: release.Release, models: Sequence[pathlib.Path]
) -> tuple[str, ...]:
    """Folders of the models where workers find them: elsewhere, copies in `runner.artifacts`."""
    if cfg.runner.kind in ("direct", "multi_process") or not cfg.runner.artifacts:
        return tuple(map(str, models))
    from tfx.utils import io_utils  # 10 s and more, which only those who use it wait for

    copies = [f"{cfg.runner.artifacts}/releases/{chosen.id}/{m.parent.name}" for m in models]
    for model, copy in zip(models, copies):
        if not filesystems.FileSystems.exists(f"{copy}/{_COPIED}"):
            io_utils.copy_dir(str(model), copy)
            io_utils.write_string_file(f"{copy}/{_COPIED}", "")
    return tuple(copies)


def _run(
    cfg: config.Config, read: beam.PTransform, write: beam.PTransform, work: str
) -> dict[str, Any]:
    """Runs both where the configuration says and returns the problems of the tables."""
    path = f"{work}/{problems.FILE_NAME}"
    try:
        with (
            _progress(),
            beam.Pipeline(
                options=pipeline_options.PipelineOptions(runners.beam_args(cfg.runner))
            ) as pipeline,
        ):
            made = pipeline | "Read" >> read
            _ = made[users.USERS] | "Recommend" >> write
            _ = (
                made[problems.TAG]
                | "ToJson" >> beam.Map(json.dumps).with_output_types(str)
                | "WriteProblems" >> beam.io.WriteToText(path, shard_name_template="")
            )
    except Exception as error:
        message = errors.unwrap(error)
        if message is None:
            raise
        raise errors.DataError(message) from None
    found: dict[str, Any] = _read_json(path)
    filesystems.FileSystems.delete([path])
    return found


@contextlib.contextmanager
def _progress() -> Iterator[None]:
    """Shows how many rows were read and users answered, by workers in this process."""
    bar = functools.partial(tqdm.tqdm, file=sys.stderr, disable=None)
    with (
        bar(desc="reading", unit=" rows") as rows,
        bar(desc="answering", unit=" users") as answered,
        row_counter.telling(rows.update),
        answers.telling(answered.update),
    ):
        yield


def _read_json(path: str) -> Any:
    with filesystems.FileSystems.open(path) as stream:
        return json.load(stream)


def _lines(
    summary: dict[str, Any], output: str, only: pathlib.Path | None, seconds: float
) -> Iterator[str]:
    """What was written, for a person."""
    at = summary["request_timestamp"]
    yield (
        f"{output}: {summary['recommendations']:,} recommendations to {summary['users']:,} users, "
        f"{summary['items']:,} different items"
        + ("" if at is None else f", at {text.moment(at)}")
        + f" ({seconds:.1f} s)"
    )
    if summary["users_without_events"]:
        yield f"Note: {summary['users_without_events']:,} users have no events."
    if summary["short_lists"]:
        yield (
            f"Note: {summary['short_lists']:,} users got fewer than {summary['k']} items; no more "
            "are left."
        )
    if unknown := summary["unknown_users"]:
        named = ", ".join(map(listed.written, summary["first_unknown_users"]))
        yield (
            f"Note: {unknown:,} ids of {only} belong to no user of the data set and have no rows: "
            f"{named}{', ...' if unknown > len(summary['first_unknown_users']) else ''}."
        )
