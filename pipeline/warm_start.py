"""The models that a warm start goes on from: those of which the release in force was made.

Each trainer goes on from the model of the same trainer. So the recall model from whose candidates
the ranker learns never saw a request that the ranker is asked: an earlier one saw even less of it.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from modules import config, release, strict
from pipeline import runs
from pipeline.report import metadata, sources

_HOLD_OUT_TRAINERS = "HoldOutTrainer_"  # ids begin so
_MODEL, _BASE_MODEL = "model", "base_model"
_FINGERPRINT = "input_fingerprint"
_TIMES = ("valid_from", "test_from", "starts")


class NoBase(RuntimeError):
    """There is nothing to go on from. The message says why and the remedy."""


def hold_out(part: int) -> str:
    """Id of the trainer that leaves a part of the users' last events out."""
    return f"{_HOLD_OUT_TRAINERS}{part}"


def bases(cfg: config.Config, run: runs.Run) -> dict[str, str]:
    """Finds the models by ML Metadata, and says which release they are of.

    A release that was made of the very same data is no model to go on from: the run that made it is
    made again, from where that one began, and reuses what has not changed.

    Args:
      cfg: of the run.
      run: where the release and its artifacts are.

    Returns:
      By id of the component that trained it, the URI of the model; empty where the release was made
      of the same data without a warm start.

    Raises:
      NoBase: there is no release, what it was made of is gone, or events are held out in another
          way.
    """
    from pipeline.components import example_gen  # Beam

    try:
        chosen = release.in_force(run.serving)
    except release.NoRelease as error:
        raise NoBase(f"--warm-start: {error} Run `recsys run` without it once.") from None
    made = chosen.manifest.artifacts if chosen.manifest else {}
    models = [made[key].id for key in ("recall_model", "rank_model") if key in made]
    executions = list(metadata.upstream(run.metadata, models))
    _refuse_learnt(cfg, executions, chosen)
    is_same = _property(executions, _FINGERPRINT) == example_gen.input_fingerprint(cfg.data)
    found: dict[str, str] = {}
    for execution in executions:
        if _trains(execution.component) and execution.component not in found:
            given, key = (execution.inputs, _BASE_MODEL) if is_same else (execution.outputs, _MODEL)
            for artifact in given:
                if artifact.key == key:
                    _check(artifact, chosen)
                    found[execution.component] = artifact.uri
    if not found and not is_same:
        raise NoBase(
            f"--warm-start: {run.metadata} does not know what release {chosen.id} was made of. "
            "Run `recsys run` without it once."
        )
    print(_told(chosen, found, is_same=is_same), flush=True)
    return found


def _trains(component: str) -> bool:
    return component in (sources.TRAINER, sources.RANK_TRAINER) or component.startswith(
        _HOLD_OUT_TRAINERS
    )


def _property(executions: Sequence[metadata.Execution], name: str) -> object:
    """What the nearest ExampleGen was told; None if there was none."""
    return next(
        (e.properties.get(name) for e in executions if e.component == sources.EXAMPLE_GEN), None
    )


def _refuse_learnt(
    cfg: config.Config, executions: Sequence[metadata.Execution], chosen: release.Release
) -> None:
    """Refuses a way to hold events out by which models would be asked what they have learnt.

    While events only come, none of those held out now was one to learn from then: of each user they
    are the last ones, or those after a time that does not move back.
    """
    told = _property(executions, "config")
    if not isinstance(told, str):
        return
    before = json.loads(told)
    pairs: list[tuple[str, Any, Any]] = [
        ("split", cfg.split, strict.read(config.Split, before["split"]))
    ]
    if cfg.ranking.enabled and before["ranking"]["enabled"]:
        hold_out = cfg.ranking.hold_out
        found = strict.read(type(hold_out), before["ranking"]["hold_out"])
        pairs.append(("ranking.hold_out", hold_out, found))
    for section, ours, theirs in pairs:
        for field in dataclasses.fields(ours):
            now, then = (getattr(value, field.name) for value in (ours, theirs))
            moves_on = (
                field.name in _TIMES
                and None not in (now, then)
                and config.unix_seconds(field.name, now) >= config.unix_seconds(field.name, then)
            )
            if now != then and not moves_on:
                raise NoBase(
                    f"--warm-start: {section}.{field.name}: found {now}, release {chosen.id} was "
                    f"made with {then}. Its models may have learnt what would be held out now. "
                    "Run `recsys run` without it once."
                )


def _check(artifact: metadata.Artifact, chosen: release.Release) -> None:
    if "://" not in artifact.uri and not artifact.path.is_dir():
        raise NoBase(
            f"--warm-start: {artifact.path} is gone, expected a model of which release {chosen.id} "
            "was made. Run `recsys run` without it once."
        )


def _told(chosen: release.Release, found: dict[str, str], *, is_same: bool) -> str:
    if not is_same:
        return f"Warm start from release {chosen.id}: {', '.join(found)}."
    began = "goes on from the models before it" if found else "began with new weights"
    return f"Release {chosen.id} was made of the same data and {began}; so does this run."
