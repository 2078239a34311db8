"""The rows of a plan's table: means over the seeds, and paired differences with intervals."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy import typing as npt

from modules import features
from pipeline.ablation import paired, trial, trials
from pipeline.ablation import plan as plan_lib

_TRAINERS = ("Trainer", "HoldOutTrainer", "RankTrainer")  # ids of components begin so


@dataclasses.dataclass(frozen=True)
class Row:
    """One variant.

    Attributes:
      name: of the variant.
      seeds: those that are done.
      failure: why a trial failed, if one did.
      compared_with: name of the row that `differences` are to; None without one.
      validation: the primary metric on validation, mean over the seeds; None where none is done.
      test: metrics on test, means over the seeds.
      errors: standard errors of those over users.
      differences: of the headline's metrics on test, this row minus the other one.
      seconds: of the whole pipeline, as if nothing had been reused; mean over the seeds.
      training_seconds: of the trainings of all models.
      positions_per_second: of the recall model's training.
      parameters: that training set.
      epochs: of the recall model, mean over the seeds.
      chosen: what was chosen of a grid.
      note: what the plan says of it.
      results: by seed.
    """

    name: str
    seeds: tuple[int, ...] = ()
    failure: str | None = None
    compared_with: str | None = None
    validation: float | None = None
    test: Mapping[str, float] = dataclasses.field(default_factory=dict)
    errors: Mapping[str, float] = dataclasses.field(default_factory=dict)
    differences: Mapping[str, paired.Difference] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    training_seconds: float = 0.0
    positions_per_second: float = 0.0
    parameters: int = 0
    epochs: float = 0.0
    chosen: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    note: str = ""
    results: Mapping[int, trial.Result] = dataclasses.field(default_factory=dict)


class Results(Protocol):
    """Where the trials of a plan and their results are: `trials.Workspace`, for one."""

    def of(
        self, reader: plan_lib.Reader, name: str, choices: plan_lib.Choices, seed: int
    ) -> trials.Trial:
        """A variant's trial with a seed."""

    def result(self, wanted: trials.Trial) -> trial.Result | None:
        """What a trial gave, if it is done."""

    def failure(self, wanted: trials.Trial, /) -> str | None:
        """Why a trial failed, if it did."""

    def values(self, wanted: trials.Trial, split: str) -> pa.Table:
        """A row a request, in the same order in all trials: its user, and the metrics."""


def headline(primary: str) -> tuple[str, ...]:
    """The metrics of the table: the primary one, and HR (or Recall) at its depth."""
    depth = primary.partition("@")[2]
    return tuple(dict.fromkeys((primary, f"HR@{depth}")))


def shown(primary: str, metrics: Sequence[str]) -> tuple[str, ...]:
    """The headline's metrics, and HR at the greatest depth, which no second stage can exceed."""
    deepest = max((m for m in metrics if m.startswith("HR@")), key=lambda m: int(m[3:]))
    return tuple(dict.fromkeys((*headline(primary), deepest)))


def best(
    reader: plan_lib.Reader,
    space: Results,
    name: str,
    choices: plan_lib.Choices,
    seed: int,
    primary: str,
) -> tuple[float, dict[str, Any]] | None:
    """The best value on validation of a variant's grid, and its point; None if none was trained.

    Args:
      reader: of the plan.
      space: where the trials are.
      name: of the variant.
      choices: what was chosen of the grids below it.
      seed: of the trials.
      primary: the metric that decides.
    """
    measured = [
        (found.means[features.SPLIT_VALID][primary], point)
        for point in reader.choices_of(name)
        if (found := space.result(space.of(reader, name, {**choices, name: point}, seed)))
    ]
    return max(measured, key=lambda pair: pair[0]) if measured else None


def of(
    reader: plan_lib.Reader,
    space: Results,
    names: Sequence[str],
    seeds: Sequence[int],
    choices: plan_lib.Choices,
    primary: str,
) -> list[Row]:
    """Reads what the trials gave.

    Args:
      reader: of the plan.
      space: where the trials are.
      names: of the variants, as the table shows them.
      seeds: of the trainings.
      choices: what was chosen of the grids.
      primary: the metric that decides.
    """
    found = {name: _Trials(reader, space, name, seeds, choices) for name in names}
    return [_row(reader, found, name, choices, primary) for name in names]


class _Trials:
    """The trials of one variant.

    Attributes:
      results: by seed, of those that are done.
      failure: of the first that failed.
    """

    def __init__(
        self,
        reader: plan_lib.Reader,
        space: Results,
        name: str,
        seeds: Sequence[int],
        choices: plan_lib.Choices,
    ) -> None:
        self.results: dict[int, trial.Result] = {}
        self.failure: str | None = None
        self._space, self._trials = space, dict[int, trials.Trial]()
        if missing := [g for g in reader.plan.grids_below(name) if g not in choices]:
            self.failure = f"Nothing could be chosen for {missing[0]}, on which it builds."
            return
        for seed in seeds:
            wanted = space.of(reader, name, choices, seed)
            if result := space.result(wanted):
                self.results[seed], self._trials[seed] = result, wanted
            else:
                self.failure = self.failure or space.failure(wanted)

    def per_user(self, seed: int, metric: str) -> npt.NDArray[np.float64]:
        """A test metric of each user: float [users]; see `paired.by_user`."""
        table = self._space.values(self._trials[seed], features.SPLIT_TEST)
        return paired.by_user(table[trial.USER_ID].to_pylist(), np.asarray(table[metric]))


def _row(
    reader: plan_lib.Reader,
    found: Mapping[str, _Trials],
    name: str,
    choices: plan_lib.Choices,
    primary: str,
) -> Row:
    own, variant = found[name], reader.plan.variants[name]
    results = list(own.results.values())
    if not results:
        return Row(name, failure=own.failure or "not run yet", note=variant.note)
    other = _compared_with(reader.plan, found, name)

    def mean(of_result: Callable[[trial.Result], float]) -> float:
        return statistics.mean(map(of_result, results))

    metrics = list(results[0].means[features.SPLIT_TEST])
    return Row(
        name=name,
        seeds=tuple(own.results),
        failure=own.failure,
        compared_with=other,
        validation=mean(lambda result: result.means[features.SPLIT_VALID][primary]),
        test={
            m: statistics.mean(r.means[features.SPLIT_TEST][m] for r in results) for m in metrics
        },
        errors={m: _error(own, m) for m in shown(primary, metrics)},
        differences={} if other is None else _differences(own, found[other], headline(primary)),
        seconds=mean(lambda result: result.seconds),
        training_seconds=mean(_training_seconds),
        positions_per_second=mean(lambda result: result.positions_per_second),
        parameters=results[0].parameters,
        epochs=mean(lambda result: result.epochs),
        chosen=choices.get(name, {}),
        note=variant.note,
        results=own.results,
    )


def _training_seconds(result: trial.Result) -> float:
    return sum(s for name, s in result.components.items() if name.startswith(_TRAINERS))


def _compared_with(plan: plan_lib.Plan, found: Mapping[str, _Trials], name: str) -> str | None:
    """The nearest variant below that is in the table and ranked the same held-out events."""
    other = plan.variants[name].compared_with
    while other is not None and other not in found:
        other = plan.variants[other].on
    if other is None or not set(found[name].results) & set(found[other].results):
        return None
    own, others = (next(iter(found[n].results.values())) for n in (name, other))
    split = features.SPLIT_TEST
    return other if own.requests[split] == others.requests[split] else None


def _differences(
    own: _Trials, other: _Trials, metrics: Sequence[str]
) -> dict[str, paired.Difference]:
    seeds = [seed for seed in own.results if seed in other.results]
    return {
        m: paired.interval(np.stack([own.per_user(s, m) - other.per_user(s, m) for s in seeds]))
        for m in metrics
    }


def _error(own: _Trials, metric: str) -> float:
    values = np.mean([own.per_user(seed, metric) for seed in own.results], axis=0)
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
