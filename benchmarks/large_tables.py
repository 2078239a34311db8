"""A training step's cost by the size of the item table: AdamW's sweep against rows alone.

    python -m benchmarks.large_tables

Both in turns, on the same batches; for each size a line of milliseconds (medians) and what it costs
to bring the whole table up to date, which happens once an epoch.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from modules import graphs
from modules.recall import lazy_adam

SIZES = 10_000, 50_000, 100_000, 1_000_000
DIM, POSITIONS, STEPS, ROUNDS = 128, 2048, 5, 5


def main() -> None:
    """Prints the table."""
    print(f"{'rows':>9}  {'AdamW':>8}  {'rows alone':>10}  {'ratio':>6}  {'catching up':>11}")
    for size in SIZES:
        lazy_adam.LARGE = 0
        plain, _ = _stepper(size, lazy=False)
        lazy, optimizer = _stepper(size, lazy=True)
        seconds: dict[str, list[float]] = {"plain": [], "lazy": [], "sweep": []}
        for n in range(ROUNDS):
            for name, step in (("plain", plain), ("lazy", lazy)):
                seconds[name].append(_timed(step, n) / STEPS)
            seconds["sweep"].append(_timed(optimizer.catch_up_all))
        all_rows, rows, sweep = (1000 * statistics.median(s) for s in seconds.values())
        print(
            f"{size:>9,}  {all_rows:>5.1f} ms  {rows:>7.1f} ms  {all_rows / rows:>6.1f}  "
            f"{sweep:>8.0f} ms",
            flush=True,
        )


def _stepper(size: int, *, lazy: bool) -> tuple[Callable[[int], None], lazy_adam.LazyAdamW]:
    """(makes STEPS steps of a seed, the optimizer)."""
    table = tf.Variable(tf.random.normal([size, DIM]))
    optimizer = lazy_adam.LazyAdamW(1e-3, weight_decay=0.0, tables=[table] if lazy else [])
    optimizer.build([table])

    def step(rows: tf.Tensor) -> None:
        optimizer.catch_up(table, rows)
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(tf.gather(table, rows)))
        optimizer.apply_gradients([(tape.gradient(loss, table), table)])

    compiled = graphs.function(step)

    def steps(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(STEPS):
            compiled(tf.constant(rng.zipf(1.2, POSITIONS) % size, tf.int64))

    steps(0)  # traces
    return steps, optimizer


def _timed(call: Callable[..., object], *arguments: int) -> float:
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
