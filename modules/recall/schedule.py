"""The optimizer and its learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from modules import config, ranking_config
from modules.recall import lazy_adam

Settings = config.Training | ranking_config.RankTraining  # of either stage


@tf.keras.utils.register_keras_serializable("recall")
class WarmupCosine(tf.keras.optimizers.schedules.LearningRateSchedule):
    """Linear warm-up to `peak`, then cosine annealing to 0.

    As arXiv 1608.03983, equation 5, but without restarts.

    With w warm-up steps of n: peak * (step + 1) / w before step w, then
    peak / 2 * (1 + cos(pi * (step - w) / (n - w))).
    """

    def __init__(self, peak: float, steps: int, warmup_steps: int):
        if not 0 <= warmup_steps < steps:
            raise ValueError(
                f"warmup_steps has to be at least 0 and below steps, found {warmup_steps} of "
                f"{steps}; lower training.warmup_fraction or train longer."
            )
        self.peak, self.steps, self.warmup_steps = peak, steps, warmup_steps

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """Learning rate of the 0-based `step`."""
        step = tf.cast(step, tf.float32)
        rising = (step + 1.0) / max(self.warmup_steps, 1)
        done = (step - self.warmup_steps) / (self.steps - self.warmup_steps)
        falling = 0.5 * (1.0 + tf.cos(math.pi * tf.clip_by_value(done, 0.0, 1.0)))
        return self.peak * tf.where(step < self.warmup_steps, rising, falling)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "steps": self.steps, "warmup_steps": self.warmup_steps}


def optimizer(
    settings: Settings, steps: int, tables: Sequence[tf.Variable] = ()
) -> lazy_adam.LazyAdamW:
    """AdamW (arXiv 1711.05101), which is Adam where `weight_decay` is 0.

    Biases and norms do not decay.

    Args:
      settings: the learning rate, its schedule and the weight decay.
      steps: of the whole training.
      tables: of which a step touches the rows of its batch alone, where there are many.
    """
    rate: Any = settings.learning_rate
    if settings.lr_schedule == "warmup_cosine":
        rate = WarmupCosine(settings.learning_rate, steps, int(steps * settings.warmup_fraction))
    found = lazy_adam.LazyAdamW(rate, weight_decay=settings.weight_decay, tables=tables)
    found.exclude_from_weight_decay(var_names=["bias", "scale", "offset", "temperature"])
    return found
