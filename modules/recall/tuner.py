"""The user code of TFX's Tuner for the recall model: KerasTuner's Bayesian optimisation.

A trial is a whole training, early stopping included; its objective is the metric that early
stopping watches, on validation. The first trial is the configuration as it is.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
import os
import time
from collections.abc import Mapping
from typing import Any

import keras_tuner
import tensorflow as tf
import tensorflow_transform as tft
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as trial_lib
from tfx import v1 as tfx
from tfx.components.tuner import component

from modules import repeats, strict, tuning_config
from modules.recall import callbacks, trainer

SECONDS = "seconds"  # metric of a trial: what it took
_PROJECT = "trials"
_MOST = 9999  # trials
_WORST_LOSS = 100.0  # far above that of equal scores for all items, the logarithm of their number
_MOST_FAILED = 20  # in a row


def tuner_fn(fn_args: tfx.components.FnArgs) -> component.TunerFnResult:
    """Makes the tuner that TFX runs.

    `fn_args.custom_config` holds `config` (the sections of trainer.SECTIONS), `space` (of
    `tuning_config`), `minutes`, and `folder`, in which a search that was stopped goes on.
    """
    custom = fn_args.custom_config
    return component.TunerFnResult(
        Tuner(
            sections=custom["config"],
            space=tuning_config.read(custom["space"]),
            minutes=custom["minutes"],
            folder=custom["folder"],
        ),
        {"files": Files.of(fn_args), "verbose": 0},
    )


@dataclasses.dataclass(frozen=True)
class Files:
    """What trials read."""

    transform: str
    train: list[str]
    catalogue: list[str]
    valid: list[str]

    @classmethod
    def of(cls, fn_args: tfx.components.FnArgs) -> Files:
        """As TFX gives them to a Trainer."""
        train, catalogue = trainer.split(fn_args.train_files)
        return cls(fn_args.transform_graph_path, train, catalogue, list(fn_args.eval_files))


class Oracle(keras_tuner.oracles.BayesianOptimizationOracle):
    """Bayesian optimisation that begins with the defaults and ends when the time is used up."""

    def __init__(self, budget_seconds: float, **options: Any) -> None:
        """Stops proposing once finished trials, of earlier searches too, took that long."""
        super().__init__(**options)
        self.budget_seconds = budget_seconds

    @property
    def used_seconds(self) -> float:
        """What finished trials took."""
        return sum(
            float(trial.metrics.get_best_value(SECONDS))
            for trial in self.trials.values()
            if trial.metrics.exists(SECONDS)
        )

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """Values for the next trial; see the base class."""
        if self.used_seconds >= self.budget_seconds:
            return {"status": trial_lib.TrialStatus.STOPPED, "values": None}
        if not self.trials:
            defaults = {hp.name: hp.default for hp in self.hyperparameters.space}
            return {"status": trial_lib.TrialStatus.RUNNING, "values": defaults}
        found: dict[str, Any] = super().populate_space(trial_id)
        return found


class Tuner(base_tuner.BaseTuner):
    """Trains a recall model a trial."""

    def __init__(
        self,
        *,
        sections: Mapping[str, Any],
        space: tuning_config.Space,
        minutes: float,
        folder: str,
    ) -> None:
        """Goes on with the search in the folder, if there is one.

        Args:
          sections: of the configuration, as plain values.
          space: what is tried.
          minutes: that all trials may take; one that has begun is finished.
          folder: of the search.
        """
        self._sections, self._folder, self._minutes = sections, folder, minutes
        self.monitor = trainer.read_settings(sections).training.early_stopping.monitor
        direction = "min" if self.monitor == "loss" else "max"
        super().__init__(
            Oracle(
                minutes * 60,
                objective=keras_tuner.Objective(self.monitor, direction),
                max_trials=_MOST,
                hyperparameters=hyperparameters(space, sections),
                seed=trainer.read_settings(sections).training.seed,
                max_consecutive_failed_trials=_MOST_FAILED,
            ),
            directory=folder,
            project_name=_PROJECT,
        )

    def search_space_summary(self, extended: bool = False) -> None:
        """Says what is searched."""
        del extended
        keys = ", ".join(hp.name for hp in self.oracle.hyperparameters.space)
        print(f"{self._minutes:g} minutes of {keys}; {len(self.oracle.trials)} trials done before")

    def results_summary(self, num_trials: int = 10) -> None:
        """Says nothing: the command shows the results."""

    def run_trial(self, trial: trial_lib.Trial, *, files: Files, verbose: int) -> dict[str, float]:
        """Trains with a trial's values.

        Returns:
          The monitored value of the best epoch, and the seconds of the trial. A training that
          diverged has the worst value, so that the search learns to keep away.

        Raises:
          keras_tuner.errors.FailedTrialError: the values cannot be together.
          keras_tuner.errors.FatalError: anything else, which ends the search.
        """
        del verbose
        started = time.monotonic()
        try:
            return self._train(trial, files, started)
        except FloatingPointError as error:
            print(f"        diverged: {error}", flush=True)
            worst = _WORST_LOSS if self.monitor == "loss" else 0.0
            return {self.monitor: worst, SECONDS: time.monotonic() - started}
        except strict.ConfigError as error:
            print(f"        failed: {error}", flush=True)
            raise keras_tuner.errors.FailedTrialError(str(error)) from error
        except Exception as error:
            raise keras_tuner.errors.FatalError(f"{type(error).__name__}: {error}") from error

    def _train(self, trial: trial_lib.Trial, files: Files, started: float) -> dict[str, float]:
        values = trial.hyperparameters.values
        shown = ", ".join(f"{key} {_shown(value)}" for key, value in values.items())
        print(f"trial {int(trial.trial_id) + 1}: {shown}", flush=True)
        settings = trainer.read_settings(replaced(self._sections, values))
        checkpoints = os.path.join(self._folder, "checkpoints", trial.trial_id)
        settings = dataclasses.replace(settings, data=repeats.resolve(settings.data, files.train))
        _, history = trainer.train(
            settings=settings,
            transform=tft.TFTransformOutput(files.transform),
            train_files=files.train,
            catalogue_files=files.catalogue,
            valid_files=files.valid,
            checkpoint_folder=checkpoints,
            watchers=[callbacks.TensorBoard(os.path.join(self._folder, "logs", trial.trial_id))],
        )
        tf.io.gfile.rmtree(checkpoints)
        best = (min if self.monitor == "loss" else max)(e.value(self.monitor) for e in history)
        seconds = time.monotonic() - started
        used = (self.oracle.used_seconds + seconds) / 60
        print(
            f"        {self.monitor} {best:.4f} after {len(history)} epochs, {seconds:.0f} s; "
            f"{used:.0f} of {self._minutes:g} minutes used",
            flush=True,
        )
        tf.keras.backend.clear_session()
        gc.collect()
        return {self.monitor: best, SECONDS: seconds}


def hyperparameters(
    space: tuning_config.Space, sections: Mapping[str, Any]
) -> keras_tuner.HyperParameters:
    """The space as KerasTuner has it; defaults are the configuration's values.

    Raises:
      strict.ConfigError: the configuration's value lies outside of a range.
    """
    found = keras_tuner.HyperParameters()
    for key, dimension in space.space.items():
        default = tuning_config.value_of(sections, key)
        if dimension.values:
            known = (
                dimension.values if default in dimension.values else (default, *dimension.values)
            )
            found.Choice(key, list(known), default=default)
            continue
        low, high = dimension.low, dimension.high
        if not low <= default <= high:
            raise strict.ConfigError(
                f"space.{key}: the configuration's value, {default}, lies outside of {low} to "
                f"{high}, and is tried first; widen the range."
            )
        kind = found.Int if all(isinstance(v, int) for v in (low, high, default)) else found.Float
        sampling = {"sampling": "log"} if dimension.log else {}
        kind(key, low, high, step=dimension.step, default=default, **sampling)
    return found


def replaced(sections: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the sections with other values."""
    found = copy.deepcopy(dict(sections))
    for key, value in values.items():
        *path, last = key.split(".")
        inner = found
        for step in path:
            inner = inner[step]
        inner[last] = value
    return found


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
