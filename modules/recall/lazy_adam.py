"""AdamW for embedding tables of any size: a step costs what the rows of its batch do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

LARGE = 50_000  # rows; of fewer, sweeping over all of them costs little beside the step itself
_SWEEP = 65_536  # rows at a time


class LazyAdamW(tf.keras.optimizers.AdamW):
    """AdamW (arXiv 1711.05101) that leaves rows without a gradient alone, and moves them later.

    Adam (arXiv 1412.6980) moves a row in every step, by its momentum m over the root of v, also
    when it has no gradient; both then shrink by b1 and b2. So k steps without a gradient move it by

      alpha * m / sqrt(v) * (r + r^2 + ... + r^k),  r = b1 / sqrt(b2),

    a geometric series. Alpha, which changes little in the few steps that matter, is taken from the
    middle of them. `catch_up` moves rows by it before they are read. Unlike with an Adam that
    forgets those steps (TensorFlow Addons' LazyAdam), an item that is seen once in a thousand steps
    goes as far as with AdamW.

    All other variables are AdamW's.
    """

    def __init__(self, *args: Any, tables: Sequence[tf.Variable] = (), **kwargs: Any) -> None:
        """Takes AdamW's arguments.

        Args:
          *args: AdamW's.
          tables: float [rows, any], read by their rows alone; those of few rows are AdamW's, too.
          **kwargs: AdamW's.
        """
        kwargs.setdefault("name", "LazyAdamW")
        super().__init__(*args, **kwargs)
        self.tables = [table for table in tables if table.shape[0] > LARGE]
        self.row_steps: Sequence[tf.Variable] = ()  # of each table, int64 [rows]: steps made

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Makes the optimizer's variables, the steps of each table's rows among them."""
        super().build(variables)
        if not self.row_steps:
            self.row_steps = [
                tf.Variable(tf.zeros(table.shape[0], tf.int64), trainable=False)
                for table in self.tables
            ]

    def catch_up(self, table: tf.Variable, rows: tf.Tensor) -> None:
        """Makes the steps that rows have not made, int64 [n], in any order and number.

        Nothing happens to a variable that is AdamW's.
        """
        if not self._is_lazy(table):
            return
        steps, momentum, velocity = self._state(table)
        made = tf.gather(steps, rows)
        missed = tf.cast(self.iterations - made, table.dtype)[:, tf.newaxis]
        b1, b2 = (tf.constant(beta, table.dtype) for beta in (self.beta_1, self.beta_2))
        m, v = tf.gather(momentum, rows), tf.gather(velocity, rows)
        ratio = b1 / tf.sqrt(b2)
        series = ratio * (1.0 - ratio**missed) / (1.0 - ratio)
        # the mean of 1..k, weighted by the terms of the series
        middle = 1.0 / (1.0 - ratio) - tf.math.divide_no_nan(
            missed * ratio**missed, 1.0 - ratio**missed
        )
        first = tf.cast(made, table.dtype)[:, tf.newaxis]
        alpha, _ = self._rates(first + middle - 1.0)
        values = tf.gather(table, rows) - alpha * series * m / (tf.sqrt(v) + self.epsilon)
        if self.weight_decay and super()._use_weight_decay(table):
            _, rate = self._rates(first + missed / 2.0)
            values *= (1.0 - rate * self.weight_decay) ** missed
        _put(table, rows, values)
        _put(momentum, rows, m * b1**missed)
        _put(velocity, rows, v * b2**missed)
        _put(steps, rows, tf.fill(tf.shape(rows), self.iterations))

    def catch_up_all(self) -> None:
        """Makes all steps of all rows; before the tables are read as a whole."""
        for table in self.tables:
            for start in range(0, table.shape[0], _SWEEP):
                end = min(start + _SWEEP, table.shape[0])
                self.catch_up(table, tf.range(start, end, dtype=tf.int64))

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """One step of a variable; of a table, of the rows that have a gradient."""
        if not self._is_lazy(variable):
            super().update_step(gradient, variable)
            return
        rows, values = tf.cast(gradient.indices, tf.int64), gradient.values
        self.catch_up(variable, rows)
        steps, momentum, velocity = self._state(variable)
        m = tf.gather(momentum, rows) * self.beta_1 + values * (1.0 - self.beta_1)
        v = tf.gather(velocity, rows) * self.beta_2 + tf.square(values) * (1.0 - self.beta_2)
        alpha, rate = self._rates(tf.cast(self.iterations, variable.dtype))
        before = tf.gather(variable, rows)
        if self.weight_decay and super()._use_weight_decay(variable):
            before *= 1.0 - rate * self.weight_decay
        _put(variable, rows, before - alpha * m / (tf.sqrt(v) + self.epsilon))
        _put(momentum, rows, m)
        _put(velocity, rows, v)
        _put(steps, rows, tf.fill(tf.shape(rows), self.iterations + 1))

    def _use_weight_decay(self, variable: tf.Variable) -> bool:
        """Whether AdamW's sweep shrinks the variable; tables shrink with their rows' steps."""
        decays: bool = super()._use_weight_decay(variable)
        return decays and not self._is_lazy(variable)

    def _is_lazy(self, variable: tf.Variable) -> bool:
        return any(table is variable for table in self.tables)

    def _state(self, table: tf.Variable) -> tuple[tf.Variable, tf.Variable, tf.Variable]:
        """(steps, momentum, velocity) of a table's rows."""
        place = [known is table for known in self.tables].index(True)
        index = self._index_dict[self._var_key(table)]
        return self.row_steps[place], self._momentums[index], self._velocities[index]

    def _rates(self, done: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """(Adam's alpha, learning rate) of the step after so many, float [...] like `done`."""
        rate = self._learning_rate
        if isinstance(rate, tf.keras.optimizers.schedules.LearningRateSchedule):
            rate = rate(done)
        corrected = tf.sqrt(1.0 - self.beta_2 ** (done + 1.0)) / (1.0 - self.beta_1 ** (done + 1.0))
        return rate * corrected, rate


def _put(variable: tf.Variable, rows: tf.Tensor, values: tf.Tensor) -> None:
    variable.scatter_update(tf.IndexedSlices(values, rows))
