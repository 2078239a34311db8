"""Writes the newest models' lists for the held-out requests, for any tool that judges rankings.

The models are the newest run's, pushed or not, so that the lists are those of the report.

A line is `user<TAB>item item ...`: original ids, best first, without seen items where repeats are
excluded. The requests of `test` know the validation events. Where a user has several held-out
requests (split `temporal`), the first one is answered.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import Literal, TextIO

import tqdm

from modules import config, features, release, repeats, request_arrays, requests, two_stage
from pipeline import run_files, runs

BATCH = 64  # requests a call


class ExportError(RuntimeError):
    """Predictions that cannot be written. The message is for the person at the terminal."""


def export(
    cfg: config.Config,
    root: str | pathlib.Path,
    stage: Literal["recall", "two-stage"],
    on: Literal["valid", "test"],
    output: str | pathlib.Path,
) -> int:
    """Writes the file, which appears only when it is complete, and says what was written.

    Args:
      cfg: the configuration of the run.
      root: the folder that holds runs.
      stage: whose lists: those of recall, or ordered again by the rank model.
      on: the split whose requests are answered.
      output: the file.

    Returns:
      The number of lines.

    Raises:
      ExportError: no held-out requests, or ids that the format cannot hold.
      sources.NotMade: nothing has run yet, or not as far as the index, or without ranking.
      release.ReleaseError: the two models do not belong together.
    """
    run = runs.Run(root, cfg.name)
    models = {release.RECALL: run_files.indexed_model(run)}
    if stage == "two-stage":
        models[release.RANK] = run_files.rank_model(run)
        release.check_lineage(models)
    chosen = _first_requests(run_files.serialized_examples(run, on))
    if not chosen:
        raise ExportError(
            f"--on {on}: the newest run in {run.folder} held out no events. Users need at "
            f"least {cfg.split.min_events} events (split.min_events)."
        )
    data = repeats.resolve(cfg.data, run_files.example_files(run, on))
    model = two_stage.TwoStage(*map(str, models.values()))
    wanted = (s for n, s in enumerate(run_files.serialized_examples(run, on)) if n in chosen)
    with _atomic(pathlib.Path(output)) as file:
        lines = _lines(model, data, cfg.features.max_history, wanted)
        for line in tqdm.tqdm(
            lines, total=len(chosen), unit=" users", file=sys.stderr, disable=None
        ):
            file.write(line)
    print(
        f"{output}: {len(chosen)} users of {on}, answered by "
        f"{' and '.join(map(str, models.values()))}"
    )
    return len(chosen)


def _first_requests(serialized: Iterable[bytes]) -> set[int]:
    """Numbers of the examples that hold each user's earliest request."""
    first: dict[bytes, tuple[tuple[int, int], int]] = {}
    for number, example in enumerate(map(requests.read_raw_example, serialized)):
        user, when = example[features.USER_ID][0], example[features.EVENT_TIMESTAMP][-1]
        # Requests of one second: the one with the shorter history comes first.
        place = example[features.WINDOW_START][0] + len(example[features.EVENT_ITEM_ID])
        first[user] = min(first.get(user, ((when, place), number)), ((when, place), number))
    return {number for _, number in first.values()}


def _lines(
    model: two_stage.TwoStage, data: config.Data, max_history: int, serialized: Iterator[bytes]
) -> Iterator[str]:
    """One line a request, in batches through the model."""
    while batch := [requests.read_raw_example(s) for s in itertools.islice(serialized, BATCH)]:
        lists = model(request_arrays.from_examples(batch, data, max_history))
        for example, items in zip(batch, lists.ids):
            words = [word.decode() for word in (example[features.USER_ID][0], *items) if word]
            if bad := next((word for word in words if re.search(r"[\s,]", word)), None):
                raise ExportError(
                    f"The id {bad!r} holds a space or a comma, which separate ids in this "
                    "format. Rename it in the data."
                )
            yield f"{words[0]}\t{' '.join(words[1:])}\n"


@contextlib.contextmanager
def _atomic(path: pathlib.Path) -> Iterator[TextIO]:
    """A text file that takes its name only when the block has ended well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as file:
            yield file
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        pathlib.Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The process's mask of permissions, which `mkstemp` does not apply."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
