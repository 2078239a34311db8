"""Generates a data set: tables by Beam, then the oracle's files, and the configuration last."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from typing import Any

import apache_beam as beam
import tqdm
import yaml
from apache_beam.io import filesystems
from apache_beam.options import pipeline_options

from modules import config
from modules.beam import row_counter
from modules.generator import parts, shape
from modules.strict import ConfigError
from pipeline import runners
from pipeline.generate import answers

CONFIG = "dataset.yaml"


class GenerateFailed(RuntimeError):
    """A data set that was not made to its end. The message is for the person at the terminal."""


def main(
    of: shape.Shape, folder: str, *, form: parts.Format, name: str, runner: config.Runner
) -> None:
    """Writes the data set and says what it is.

    Args:
      of: what to generate.
      folder: where, on any file system that Beam knows.
      form: of the tables.
      name: of the data set.
      runner: where Beam runs.

    Raises:
      ConfigError: the folder holds something, or the runner's workers cannot reach it.
      GenerateFailed: it could not be written.
    """
    if runner.kind == "dataflow" and "://" not in folder:
        raise ConfigError(
            f"--out: found {folder!r}, expected a URL like gs://bucket/folder; the workers of "
            "runner.kind: dataflow cannot write on this machine."
        )
    _check_empty(folder)
    begun = time.monotonic()
    try:
        _write_tables(of, folder, form, runner)
    except Exception as error:
        raise GenerateFailed(
            f"{folder}: {_reason(error)}\nWhat is there is not complete; delete it, and generate "
            "again."
        ) from error
    seconds = time.monotonic() - begun
    print(
        f"{folder}: {of.events:,} events of {of.users + (of.hot_user > 0):,} users and "
        f"{of.items:,} items in {of.days} days; {seconds:.1f} s, "
        f"{of.events / seconds:,.0f} events/s",
        flush=True,
    )
    found = answers.write(of, folder)
    path = filesystems.FileSystems.join(folder, CONFIG)
    parts.save(path, yaml_text(of, form, name).encode())
    print("\n".join([*answers.text(found), f"Next: recsys run --config {path}"]))


def yaml_text(of: shape.Shape, form: parts.Format, name: str) -> str:
    """The configuration of the data set, to be run as it is."""
    content: dict[str, Any] = {
        "name": name,
        "data": {
            **{
                table: {"path": table, "format": form, "columns": _COLUMNS[table]}
                for table in _COLUMNS
            },
            "repeats": "allow" if of.allows_repeats else "exclude",
        },
        "features": {"crosses": [{"features": [f"user_{parts.AGE}", f"item_{parts.CATEGORY}"]}]},
    }
    changed = " ".join(f"{shape.option(key)} {value}" for key, value in of.given().items())
    text: str = yaml.safe_dump(content, sort_keys=False)
    return f"# Made by recsys dataset generate {changed}\n{text}"


_COLUMNS: Mapping[str, Mapping[str, str]] = {
    parts.EVENTS: {
        parts.USER_ID: "user_id",
        parts.ITEM_ID: "item_id",
        parts.TIMESTAMP: "timestamp",
    },
    parts.USERS: {
        parts.USER_ID: "user_id",
        parts.AGE: "numeric",
        parts.COUNTRY: "categorical",
    },
    parts.ITEMS: {
        parts.ITEM_ID: "item_id",
        parts.TITLE: "title",
        parts.CATEGORY: "categorical",
        parts.PRICE: "numeric",
    },
}


def _write_tables(of: shape.Shape, folder: str, form: parts.Format, runner: config.Runner) -> None:
    """Runs Beam; where that is in this process, a terminal shows how far it is."""
    options = pipeline_options.PipelineOptions(runners.beam_args(runner))
    with (
        tqdm.tqdm(
            desc="generating", total=of.events, unit=" events", file=sys.stderr, disable=None
        ) as bar,
        row_counter.telling(bar.update),
        beam.Pipeline(options=options) as pipeline,
    ):
        _ = pipeline | "Generate" >> parts.Generate(of, folder, form)


def _reason(error: Exception) -> str:
    """What started it: the last line, below workers' tracebacks, without Beam's name of a step."""
    last = (str(error).strip() or type(error).__name__).splitlines()[-1]
    return re.sub(r" \[while running '[^']*'\]$", "", last)


def _check_empty(folder: str) -> None:
    """Refuses a folder with files in it, also those of a generation that did not end."""
    pattern = filesystems.FileSystems.join(folder, "**")
    found = filesystems.FileSystems.match([pattern], limits=[1])[0].metadata_list
    if found:
        raise ConfigError(
            f"--out: {folder} holds files, such as {found[0].path}; expected a new or empty "
            "folder. Give another one, or delete it."
        )
