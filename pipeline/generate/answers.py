"""What the best ranking reaches: brings the parts of `oracle/` together, in the order of parts."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from apache_beam.io import filesystems

from modules.evaluation import metrics
from modules.generator import judged, parts, shape

FILE = "attainable.json"
_SHOWN = ("NDCG@10", "HR@10", "HR@200")
_SPLITS = ("train", "valid", "test")


def write(of: shape.Shape, folder: str) -> dict[str, Any]:
    """Writes `attainable.json` and the files of `oracle/`, and removes the parts that they are of.

    Files of `oracle/` have a line a user (`predictions.tsv`) or an event (`train.tsv`, `valid.tsv`
    and `test.tsv`: user, item, Unix seconds, separated by tabs).

    Returns:
      What `attainable.json` holds.
    """
    join = filesystems.FileSystems.join
    paths = [join(folder, judged.file(part)) for part in range(of.user_parts)]
    files = {name: io.StringIO() for name in (*_SPLITS, "predictions")}
    expected, ranks = [], []
    for one in _read(paths):
        expected.append(one.expected)
        target = one.events[-1][0]
        ranks.append(one.best.index(target) + 1 if target in one.best else 0)
        files["predictions"].write(f"{one.user}\t{' '.join(one.best)}\n")
        for place, (item, when) in enumerate(one.events):
            split = _SPLITS[max(place - len(one.events) + len(_SPLITS), 0)]
            files[split].write(f"{one.user}\t{item}\t{when}\n")
    found = {
        "split": "leave_one_out, test",
        "seen_items": "kept" if of.allows_repeats else "excluded",
        "users": of.users,
        "judged_users": len(ranks),
        "expected": _means(np.array(expected)),
        "realised": _means(metrics.values(np.array(ranks)[:, np.newaxis], judged.KS)),
        "generated": of.given(),
    }
    for name, text in files.items():
        parts.save(join(folder, judged.FOLDER, f"{name}.tsv"), text.getvalue().encode())
    parts.save(join(folder, FILE), (json.dumps(found, indent=1) + "\n").encode())
    filesystems.FileSystems.delete(paths)
    return found


def text(found: dict[str, Any]) -> Iterator[str]:
    """Yields lines for a person."""
    yield (
        f"attainable on the last events of {found['judged_users']:,} of {found['users']:,} users, "
        f"seen items {found['seen_items']}, +- standard error:"
    )
    for kind in ("expected", "realised"):
        values = [
            f"{name} {found[kind][name]['mean']:.4f} +- {found[kind][name]['error']:.4f}"
            for name in _SHOWN
        ]
        yield f"  {kind}  {', '.join(values)}"


def _read(paths: Sequence[str]) -> Iterator[judged.Judged]:
    for path in paths:
        with filesystems.FileSystems.open(path) as stream:
            for line in stream.read().decode().splitlines():
                yield judged.Judged(**json.loads(line))


def _means(values: np.ndarray[Any, Any]) -> dict[str, dict[str, float | None]]:
    """Of metrics of users, float [users, metrics]: mean, and its standard error, by name."""
    number = len(values)
    means = values.mean(axis=0)
    errors = values.std(axis=0, ddof=1) / np.sqrt(number) if number > 1 else [None] * len(means)
    return {
        name: {"mean": float(mean), "error": None if error is None else float(error)}
        for name, mean, error in zip(metrics.names(judged.KS), means, errors)
        if not name.startswith("Recall")  # one item is held out: HR
    }
