"""AdamW for large tables against AdamW itself."""

import numpy as np
import pytest
import tensorflow as tf

from modules.recall import lazy_adam, schedule

ROWS, WIDTH, STEPS = 12, 3, 300


@pytest.fixture(autouse=True)
def _tables_are_large_from_ten_rows(monkeypatch):
    monkeypatch.setattr(lazy_adam, "LARGE", 10)
    monkeypatch.setattr(lazy_adam, "_SWEEP", 5)  # so that a sweep has a smaller last part


def _gradients(seed=0):
    """For each step (rows, values); row r has a gradient in one step of 2^(r / 2)."""
    rng = np.random.default_rng(seed)
    for _ in range(STEPS):
        rows = np.flatnonzero(rng.random(ROWS) < 2.0 ** (-np.arange(ROWS) / 2))
        yield rows, rng.normal(size=(len(rows), WIDTH)).astype(np.float32) + 0.3


def _variables():
    rng = np.random.default_rng(1)
    return (
        tf.Variable(rng.normal(size=(ROWS, WIDTH)).astype(np.float32), name="embeddings"),
        tf.Variable(np.ones(2, np.float32), name="kernel"),
    )


def _trained(make, catch_up=False, **options):
    table, kernel = _variables()
    optimizer = make(table, **options)
    optimizer.build([table, kernel])

    @tf.function(
        input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, WIDTH])],
        autograph=False,
    )
    def step(rows, values):
        if catch_up:
            optimizer.catch_up(table, tf.tile(rows, [2]))
        slices = tf.IndexedSlices(values, rows, tf.shape(table))
        optimizer.apply_gradients([(slices, table), (tf.constant([0.1, -0.2]), kernel)])

    for rows, values in _gradients():
        step(tf.constant(rows), tf.constant(values))
    if catch_up:
        optimizer.catch_up_all()
    return table.numpy(), kernel.numpy()


def _adamw(table, rate=0.01, decay=0.0):
    del table
    return tf.keras.optimizers.AdamW(rate, weight_decay=decay)


def _lazy(table, rate=0.01, decay=0.0):
    return lazy_adam.LazyAdamW(rate, weight_decay=decay, tables=[table])


def _rate(kind):
    return 0.01 if kind == "constant" else schedule.WarmupCosine(0.01, STEPS, STEPS // 10)


@pytest.mark.parametrize("kind", ["constant", "cosine"])
@pytest.mark.parametrize("decay", [0.0, 0.02])
def test_rows_go_where_adamw_takes_them(kind, decay):
    start = _variables()[0].numpy()
    expected, kernel = _trained(_adamw, rate=_rate(kind), decay=decay)
    found, same = _trained(_lazy, catch_up=True, rate=_rate(kind), decay=decay)
    np.testing.assert_array_equal(same, kernel)
    way = np.linalg.norm(expected - start, axis=1)
    # alpha's change is not a straight line while momentum fades
    assert np.all(np.linalg.norm(found - expected, axis=1) < 0.05 * way)


def test_without_the_steps_between_rare_rows_would_lag_behind():
    """The test above can tell: one that leaves them out goes a fraction of the way."""
    start = _variables()[0].numpy()
    expected, _ = _trained(_adamw)

    def forgetful(table):
        optimizer = _lazy(table)
        optimizer.catch_up = lambda table, rows: None
        return optimizer

    found, _ = _trained(forgetful)
    rare = slice(8, None)
    assert np.abs(found - start)[rare].mean() < 0.5 * np.abs(expected - start)[rare].mean()


def test_a_row_in_every_step_is_adamws():
    """Nothing is missed, so nothing is approximated."""

    def train(make):
        table, _ = _variables()
        optimizer = make(table, decay=0.1)
        optimizer.build([table])
        rng = np.random.default_rng(2)
        for _ in range(20):
            values = tf.constant(rng.normal(size=(ROWS, WIDTH)).astype(np.float32))
            slices = tf.IndexedSlices(values, tf.range(ROWS), tf.shape(table))
            optimizer.apply_gradients([(slices, table)])
        return table.numpy()

    expected = train(_adamw)
    found = train(_lazy)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_rows_that_several_lookups_share_add_their_gradients():
    table, _ = _variables()
    twice = tf.IndexedSlices(tf.ones([2, WIDTH]), tf.constant([4, 4]), tf.shape(table))
    once = tf.IndexedSlices(2 * tf.ones([1, WIDTH]), tf.constant([4]), tf.shape(table))
    ends = []
    for slices in (twice, once):
        table, _ = _variables()
        optimizer = _lazy(table)
        optimizer.build([table])
        optimizer.apply_gradients([(slices, table)])
        ends.append(table.numpy())
    np.testing.assert_allclose(*ends, rtol=1e-6)


def test_rows_without_a_gradient_cost_nothing_until_they_are_read():
    table, _ = _variables()
    optimizer = _lazy(table)
    optimizer.build([table])
    slices = tf.IndexedSlices(tf.ones([1, WIDTH]), tf.constant([4]), tf.shape(table))
    for _ in range(3):
        optimizer.apply_gradients([(slices, table)])
    assert optimizer.row_steps[0].numpy().tolist() == [0] * 4 + [3] + [0] * 7
    optimizer.catch_up(table, tf.constant([1, 1], tf.int64))
    assert optimizer.row_steps[0].numpy().tolist() == [0, 3, 0, 0, 3] + [0] * 7
    optimizer.catch_up_all()
    assert optimizer.row_steps[0].numpy().tolist() == [3] * ROWS


def test_a_checkpoint_holds_the_steps(tmp_path):
    def make():
        table, _ = _variables()
        optimizer = _lazy(table)
        optimizer.build([table])
        return table, optimizer, tf.train.Checkpoint(optimizer=optimizer, table=table)

    slices = lambda row: tf.IndexedSlices(tf.ones([1, WIDTH]), tf.constant([row]), [ROWS, WIDTH])
    table, optimizer, checkpoint = make()
    optimizer.apply_gradients([(slices(2), table)])
    optimizer.apply_gradients([(slices(5), table)])
    saved = checkpoint.save(str(tmp_path / "state"))
    again, resumed, other = make()
    other.restore(saved).assert_consumed()
    for t, o in ((table, optimizer), (again, resumed)):
        o.apply_gradients([(slices(2), t)])
        o.catch_up_all()
    np.testing.assert_array_equal(again.numpy(), table.numpy())


def test_small_tables_are_adamws(monkeypatch):
    monkeypatch.setattr(lazy_adam, "LARGE", ROWS)
    expected, _ = _trained(_adamw, decay=0.1)
    found, _ = _trained(_lazy, catch_up=True, decay=0.1)
    np.testing.assert_array_equal(found, expected)
