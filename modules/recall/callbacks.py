"""What happens beside training: early stopping, progress, the history file and TensorBoard.

A callback is told of each batch and of each epoch by `loop.fit`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

import tensorflow as tf
import tqdm

from modules import config, ranking_config

PARAMETERS_FILE = "parameters.json"


@dataclasses.dataclass(frozen=True)
class Epoch:
    """What one epoch gave.

    Attributes:
      epoch: counts from 1.
      gradient_norm: mean over its steps of the global norm of the gradients; NaN where it was not
          measured.
    """

    epoch: int
    loss: float
    val_loss: float
    metrics: dict[str, float]
    learning_rate: float
    seconds: float
    positions_per_second: float
    gradient_norm: float = math.nan

    def value(self, monitor: str) -> float:
        """The monitored value, `loss` meaning that of validation."""
        return self.val_loss if monitor == "loss" else self.metrics[monitor]


class Callback:
    """Does nothing; subclasses override what they need."""

    def on_start(self, epochs_done: int, steps_per_epoch: int) -> None:
        """Training starts, or goes on after `epochs_done` epochs."""

    def on_batch(self, loss: float, learning_rate: float, positions: int) -> None:
        """A batch of `positions` target positions was learnt."""

    def on_epoch(self, epoch: Epoch) -> None:
        """An epoch was learnt and validated."""

    def on_end(self) -> None:
        """Training is over."""


class EarlyStopping(tf.Module):
    """Keeps the best epoch's weights and says when to stop; a tf.Module, so checkpoints hold it."""

    def __init__(
        self,
        settings: config.EarlyStopping | ranking_config.RankEarlyStopping,
        weights: Sequence[tf.Variable],
    ):
        """`weights`: the variables that are remembered and restored."""
        super().__init__()
        self.settings = settings
        self._weights = tf.nest.flatten(weights)
        self._best_weights = [tf.Variable(w, trainable=False) for w in self._weights]
        self.best_epoch = tf.Variable(0, trainable=False, dtype=tf.int64)
        self.best_value = tf.Variable(
            math.inf if settings.monitor == "loss" else -math.inf, trainable=False
        )
        self.waited = tf.Variable(0, trainable=False, dtype=tf.int64)

    @property
    def stops(self) -> bool:
        """Whether the monitored value has not improved for `patience` epochs."""
        return self.settings.enabled and int(self.waited) >= self.settings.patience

    def update(self, epoch: Epoch) -> None:
        """Notes the epoch's value, and its weights if best; NaN (no validation) does not count."""
        value = epoch.value(self.settings.monitor)
        if math.isnan(value):
            return
        sign = -1.0 if self.settings.monitor == "loss" else 1.0
        if sign * value > sign * float(self.best_value):
            self.best_value.assign(value)
            self.best_epoch.assign(epoch.epoch)
            self.waited.assign(0)
            for best, current in zip(self._best_weights, self._weights):
                best.assign(current)
        else:
            self.waited.assign_add(1)

    def restore_best(self) -> None:
        """Puts the best epoch's weights back; without early stopping the last ones stay."""
        if self.settings.enabled and int(self.best_epoch):
            for best, current in zip(self._best_weights, self._weights):
                current.assign(best)


class Progress(Callback):
    """A bar of loss, learning rate, positions/s and time left on a terminal, else plain lines."""

    def __init__(
        self,
        epochs: int,
        stream: TextIO | None = None,
        metrics: Sequence[str] = (),
        stage: str = "recall",
        unit: str = "positions",
        remarks: Sequence[str] = (),
    ):
        """Shows the progress of a training.

        Args:
          epochs: of a training that no early stop ends.
          stream: where it is shown.
          metrics: names of the metrics that are shown.
          stage: what is trained.
          unit: what it is trained on, in the plural.
          remarks: lines that stand before the first epoch, of what follows from the data.
        """
        self._epochs, self._stream, self._metrics = epochs, stream or sys.stdout, metrics
        self._stage, self._unit, self._remarks = stage, unit, remarks
        self._bar: tqdm.tqdm | None = None
        self._positions, self._started = 0, 0.0

    def on_start(self, epochs_done: int, steps_per_epoch: int) -> None:
        self._started = time.monotonic()
        for remark in self._remarks:
            print(remark, file=self._stream, flush=True)
        if self._stream.isatty():
            self._bar = tqdm.tqdm(
                total=self._epochs * steps_per_epoch,
                initial=epochs_done * steps_per_epoch,
                file=self._stream,
                unit="batch",
                desc=self._stage,
                leave=False,
                dynamic_ncols=True,
            )

    def on_batch(self, loss: float, learning_rate: float, positions: int) -> None:
        self._positions += positions
        if self._bar is None:
            return
        speed = self._positions / (time.monotonic() - self._started)
        self._bar.set_postfix_str(
            f"loss {loss:.4f}, rate {learning_rate:.2e}, {speed:,.0f} {self._unit}/s", refresh=False
        )
        self._bar.update()

    def on_epoch(self, epoch: Epoch) -> None:
        metrics = "".join(f", {n} {epoch.metrics[n]:.4f}" for n in self._metrics)
        line = (
            f"epoch {epoch.epoch}/{self._epochs}: loss {epoch.loss:.4f}, "
            f"validation loss {epoch.val_loss:.4f}{metrics}, rate {epoch.learning_rate:.2e}, "
            f"{epoch.positions_per_second:,.0f} {self._unit}/s"
        )
        if self._bar is None:
            print(line, file=self._stream, flush=True)
        else:
            self._bar.write(line, file=self._stream)

    def on_end(self) -> None:
        if self._bar is not None:
            self._bar.close()


class TensorBoard(Callback):
    """Scalars of each epoch as TensorBoard logs."""

    def __init__(self, folder: str):
        self._writer = tf.summary.create_file_writer(folder)

    def on_epoch(self, epoch: Epoch) -> None:
        scalars = {
            "loss/train": epoch.loss,
            "loss/validation": epoch.val_loss,
            **epoch.metrics,
            "learning_rate": epoch.learning_rate,
            "positions_per_second": epoch.positions_per_second,
            "gradient_norm": epoch.gradient_norm,
        }
        with self._writer.as_default(step=epoch.epoch):
            for name, value in scalars.items():
                tf.summary.scalar(name, value)

    def on_end(self) -> None:
        self._writer.close()


def read_history(path: str) -> list[Epoch]:
    """The epochs of a history file, none if there is no file."""
    if not tf.io.gfile.exists(path):
        return []
    with tf.io.gfile.GFile(path) as f:
        return [
            Epoch(
                **{
                    **e,
                    "val_loss": _number(e["val_loss"]),
                    "gradient_norm": _number(e.get("gradient_norm")),
                    "metrics": {n: _number(v) for n, v in e["metrics"].items()},
                }
            )
            for e in json.load(f)
        ]


def write_history(path: str, history: Sequence[Epoch]) -> None:
    """Writes the epochs as a JSON list; validation values are null where nothing was measured."""
    plain: list[dict[str, Any]] = [
        {
            **dataclasses.asdict(e),
            "val_loss": _null(e.val_loss),
            "gradient_norm": _null(e.gradient_norm),
            "metrics": {n: _null(v) for n, v in e.metrics.items()},
        }
        for e in history
    ]
    with tf.io.gfile.GFile(path, "w") as f:
        json.dump(plain, f, indent=1, allow_nan=False)


def write_parameters(path: str, variables: Sequence[tf.Variable]) -> None:
    """Writes how many numbers training sets: `{"parameters": N}`."""
    with tf.io.gfile.GFile(path, "w") as f:
        json.dump({"parameters": sum(v.shape.num_elements() for v in variables)}, f)


def _null(value: float) -> float | None:
    """The value as JSON has it, which knows no NaN and no infinity."""
    return value if math.isfinite(value) else None


def _number(value: float | None) -> float:
    return math.nan if value is None else value
