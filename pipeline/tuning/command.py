"""`recsys tune`: TFX's Tuner on the data of one run, and what it found."""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence
from typing import Any

import yaml

from modules import config, strict, tuning_config
from pipeline import configuration, run, runs, source_digest
from pipeline.ablation import plan
from pipeline.report import sources
from pipeline.tuning import page
from pipeline.tuning import space as space_lib

SUFFIX = "-tuning"  # of the configuration's name: the folder of the run
TUNER = "Tuner"


class NothingFound(RuntimeError):
    """No trial ended well."""


def main(
    space: str,
    config_name: str,
    overrides: Sequence[str],
    root: str | pathlib.Path,
    *,
    minutes: float,
    vertex: space_lib.Vertex | None = None,
    verbose: bool = False,
) -> list[dict[str, Any]]:
    """Searches as long as there is time, and shows what was found.

    Args:
      space: name or file of the space.
      config_name: name or file of the configuration.
      overrides: of it, `KEY=VALUE`.
      root: folder that holds runs.
      minutes: that trials may take, those of earlier searches included.
      vertex: where on Vertex AI to search, if not here.
      verbose: also shows the log on standard error.

    Returns:
      The trials, best first: `trial_id`, `score` and the values by key.

    Raises:
      strict.ConfigError: a space that does not fit, or artifacts that Vertex AI cannot reach.
      NothingFound: no trial ended well.
    """
    found = space_lib.read(space, config_name, overrides)
    cfg = configuration.load(config_name, overrides)
    own = dataclasses.replace(
        cfg,
        name=f"{cfg.name}{SUFFIX}",
        ranking=dataclasses.replace(cfg.ranking, enabled=False, objectives={}),
    )
    place = run.run(own, root, verbose=verbose, build=_builder(found, minutes, vertex, own))
    trials = sources.of(place).json(TUNER, "tuner_results", "tuner_results.json")
    if not trials:
        raise NothingFound(
            f"no trial ended well; {place.folder / 'logs'} says why. Narrow the space."
        )
    monitor = cfg.training.early_stopping.monitor
    chosen = place.folder / "tuned.yaml"
    chosen.write_text(_plan(found, trials[0]), encoding="utf-8")
    shown = place.folder / "tuning.html"
    page.write(shown, cfg.name, found, trials, monitor)
    _say(found, trials, monitor)
    options = "".join(f" -o {text}" for text in overrides)
    print(f"\nPage    {shown}\nValues  {chosen}")
    print("One training each: to see whether it is more than noise,")
    print(f"  recsys ablate {chosen} --config {config_name}{options} --seeds 1 2 3", flush=True)
    return list(trials)


def _builder(
    space: tuning_config.Space,
    minutes: float,
    vertex: space_lib.Vertex | None,
    cfg: config.Config,
) -> run.Build:
    if vertex is not None and not (cfg.runner.artifacts or "").startswith("gs://"):
        raise strict.ConfigError(
            f"--vertex: artifacts have to lie where Vertex AI reaches them; found "
            f"runner.artifacts: {cfg.runner.artifacts}, expected a folder like gs://BUCKET/FOLDER."
        )

    def build(cfg: config.Config, place: runs.Run) -> Any:
        from pipeline import dag  # which imports TFX
        from pipeline.components import example_gen

        plain = strict.to_plain(space)
        root = place.checkpoints if vertex is None else f"{cfg.runner.artifacts}/tuning"
        search = plan.digest(
            cfg,
            json.dumps(plain, sort_keys=True),
            example_gen.input_fingerprint(cfg.data),
            source_digest.of(dag.RECALL_TUNER),
        )
        tuning = {"space": plain, "minutes": minutes, "folder": f"{root}/{search}"}
        return dag.create_tuning(cfg, place, tuning, None if vertex is None else _on_vertex(vertex))

    return build


def _on_vertex(vertex: space_lib.Vertex) -> dict[str, Any]:
    """TFX's settings of a CustomJob on Vertex AI."""
    from tfx.extensions.google_cloud_ai_platform import constants
    from tfx.extensions.google_cloud_ai_platform.tuner import executor

    return {
        constants.ENABLE_VERTEX_KEY: True,
        constants.VERTEX_REGION_KEY: vertex.region,
        executor.TUNING_ARGS_KEY: {
            "project": vertex.project,
            "display_name": "recsys-tune",
            "job_spec": {
                "worker_pool_specs": [
                    {
                        "machine_spec": {"machine_type": "n1-standard-8"},
                        "replica_count": 1,
                        "container_spec": {"image_uri": vertex.image},
                    }
                ]
            },
        },
    }


def _plan(space: tuning_config.Space, best: dict[str, Any]) -> str:
    """The best values, as a plan that `recsys ablate` reads."""
    values = {key: best[key] for key in space.space}
    plan = {
        "title": "Tuned values against the configuration",
        "variants": {"configuration": {}, "tuned": {"on": "configuration", "set": values}},
    }
    return yaml.safe_dump(plan, sort_keys=False)


def _say(space: tuning_config.Space, trials: Sequence[dict[str, Any]], monitor: str) -> None:
    first = next((t for t in trials if not int(t["trial_id"])), None)
    best = trials[0]
    print(f"\n{len(trials)} trials. The best has {monitor} {best['score']:.4f} on validation:")
    for key in space.space:
        print(f"  {key} {best[key]}")
    if first is best:
        print("That is the configuration as it is.")
    elif first is not None:
        print(f"The configuration as it is has {first['score']:.4f}.")
