"""One trial: the pipeline with one variant and seed, in a process of its own, and what came of it.

`python -m pipeline.ablation.trial FILE` runs what `Spec` says and fills its folder:

  result.json            a `Result`; written last, so that a folder with it is done
  test.parquet           a row a request: user_id, and the metrics' values
  valid.parquet
  predictions.tsv        a line a user, as `recsys export-predictions` writes it

A trial that fails leaves `failed.txt` with its reason.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modules import config, features
from modules.evaluation import metrics
from pipeline import cli, configuration, export_predictions, run, runs
from pipeline.report import learning, sources

RESULT_FILE, FAILED_FILE, LOG_FILE = "result.json", "failed.txt", "log.txt"
PREDICTIONS_FILE = "predictions.tsv"
USER_ID = "user_id"
SPLITS = (features.SPLIT_VALID, features.SPLIT_TEST)


@dataclasses.dataclass(frozen=True)
class Spec:
    """What one trial runs.

    Attributes:
      config: name or file of the configuration.
      overrides: of it, the variant's and the seed's among them.
      root: folder that holds the run, which all trials share.
      folder: of the trial.
    """

    config: str
    overrides: tuple[str, ...]
    root: str
    folder: str


@dataclasses.dataclass(frozen=True)
class Result:
    """What is known of a trial beside its requests.

    Attributes:
      requests: digest of the held-out events of each split; trials of the same can be compared.
      means: by split, the metrics' means over requests.
      components: seconds that each took, in this trial or in an earlier one that made the same.
      parameters: that training set, of both stages together.
      epochs: of the recall model.
      exported: the epoch whose weights are exported.
      positions_per_second: of the recall model's training, the median of its epochs.
      history: of the recall model, an entry an epoch.
      rank_history: of the rank model; empty where there is none.
    """

    requests: dict[str, str]
    means: dict[str, dict[str, float]]
    components: dict[str, float]
    parameters: int
    epochs: int
    exported: int
    positions_per_second: float
    history: list[dict[str, Any]]
    rank_history: list[dict[str, Any]]

    @property
    def seconds(self) -> float:
        """Of all components."""
        return sum(self.components.values())


def main(file: str) -> int:
    """Runs the trial of a file; returns the exit code."""
    spec = Spec(**json.loads(pathlib.Path(file).read_text(encoding="utf-8")))
    folder = pathlib.Path(spec.folder)
    try:
        result = _run(spec)
    except Exception as error:
        (folder / FAILED_FILE).write_text(f"{error}\n", encoding="utf-8")
        if not cli.is_declared(error):
            raise
        print(f"recsys: {error}", file=sys.stderr)
        return cli.EXIT_FAILED
    write_json(folder / RESULT_FILE, dataclasses.asdict(result))
    return 0


def read(folder: pathlib.Path) -> Result | None:
    """What a trial's folder holds; None where it is not done."""
    file = folder / RESULT_FILE
    return Result(**json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else None


def values(folder: pathlib.Path, split: str) -> pa.Table:
    """A row a request, in the same order in all trials of the same requests."""
    return pq.read_table(folder / f"{split}.parquet")


def write_json(path: pathlib.Path, content: Mapping[str, Any]) -> None:
    """Writes a file at once or not at all."""
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_text(json.dumps(content, indent=1), encoding="utf-8")
    os.replace(unfinished, path)


def _run(spec: Spec) -> Result:
    cfg = configuration.load(spec.config, spec.overrides)
    place = run.run(cfg, spec.root, build=_build)
    found = sources.of(place)
    folder, digests, means = pathlib.Path(spec.folder), {}, {}
    for split in SPLITS:
        table, digests[split] = requests(found, split, two_stages=cfg.ranking.enabled)
        pq.write_table(table, folder / f"{split}.parquet")
        means[split] = {
            name: float(np.mean(table[name])) for name in table.column_names if name != USER_ID
        }
    export_predictions.export(
        cfg,
        spec.root,
        "two-stage" if cfg.ranking.enabled else "recall",
        "test",
        folder / PREDICTIONS_FILE,
    )
    trainers = [sources.TRAINER, *([sources.RANK_TRAINER] if cfg.ranking.enabled else [])]
    histories = [found.json(name, "model_run", "history.json") for name in trainers]
    exported = learning.exported(histories[0], cfg.training.early_stopping)
    return Result(
        requests=digests,
        means=means,
        components={e.component: round(e.seconds, 1) for e in found.pipeline_run.executions},
        parameters=sum(
            found.json(name, "model_run", "parameters.json")["parameters"] for name in trainers
        ),
        epochs=len(histories[0]),
        exported=exported["epoch"],
        positions_per_second=float(
            np.median([epoch["positions_per_second"] for epoch in histories[0]])
        ),
        history=histories[0],
        rank_history=histories[1] if len(histories) > 1 else [],
    )


def _build(cfg: config.Config, place: runs.Run) -> Any:
    """The pipeline up to the evaluations."""
    from pipeline import dag  # which imports TFX

    return dag.create(cfg, place, releases=False)


def requests(found: sources.Artifacts, split: str, *, two_stages: bool) -> tuple[pa.Table, str]:
    """(user and metrics of each request, digest of the held-out events)."""
    if two_stages:
        file = found.file(sources.TWO_STAGE_EVALUATOR, "evaluation", f"two-stage-{split}.parquet")
        column, ks = "two_stage_rank", found.two_stage()["ks"]
    else:
        file = found.file(sources.EVALUATOR, "evaluation", f"requests-{split}.parquet")
        column, ks = "rank_recall", found.evaluation()["ks"]
    table = pq.read_table(file)
    target = "targets" if "targets" in table.column_names else "target"
    keys = [USER_ID, "timestamp", target]
    rows = sorted(table.select([*keys, column]).to_pylist(), key=lambda row: _key(row, keys))
    lists = [r[column] if isinstance(r[column], list) else [r[column]] for r in rows]
    if not rows:
        raise sources.NotMade(f"There were no requests of the split {split}.")
    ranks, targets = metrics.padded([[ranks] for ranks in lists])
    measured = metrics.values(ranks, ks, targets)[:, 0]
    columns = {name: measured[:, n] for n, name in enumerate(metrics.names(ks))}
    digest = hashlib.sha256("\n".join(_key(row, keys) for row in rows).encode()).hexdigest()
    return pa.table({USER_ID: [row[USER_ID] for row in rows], **columns}), digest[:16]


def _key(row: Mapping[str, Any], keys: list[str]) -> str:
    return json.dumps([row[key] for key in keys])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
