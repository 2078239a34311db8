"""Target attention against its formula, pair by pair."""

import numpy as np
import tensorflow as tf

from modules.ranking.layers import target_attention
from tests import close


def _layer():
    layer = target_attention.TargetAttention(longest=4, units=3)
    layer.build(tf.TensorShape([None, None, 2]))
    for n, weight in enumerate(layer.weights):
        weight.assign(tf.random.stateless_normal(weight.shape, [7, n]))
    return layer


def _expected(layer, candidates, events, given):
    """DIN's activation unit on [q, e, q * e] of each pair."""
    first = np.concatenate(
        [layer.query_kernel.numpy().T, layer.event_kernel, layer.product_kernel.numpy().T]
    )
    views = np.zeros_like(candidates)
    for b, c in np.ndindex(candidates.shape[:2]):
        for j in np.flatnonzero(given[b]):
            query, event = candidates[b, c], events[b, j]
            hidden = np.maximum(
                np.concatenate([query, event, query * event]) @ first + layer.bias, 0
            )
            views[b, c] += (hidden @ layer.output_kernel.numpy()).item() / 4 * event
    return views


def _inputs():
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=(2, 5, 2)).astype(np.float32),
        rng.normal(size=(2, 4, 2)).astype(np.float32),
        np.array([[True, True, True, True], [True, True, False, False]]),
    )


def test_the_weighted_sum_is_that_of_every_pair():
    layer, inputs = _layer(), _inputs()
    view, weights = layer(*inputs)
    np.testing.assert_allclose(view, _expected(layer, *inputs), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(weights[1, :, 2:], np.zeros([5, 2]))


def test_without_history_the_view_is_zero():
    candidates, events, given = _inputs()
    view, _ = _layer()(candidates, events, np.zeros_like(given))
    np.testing.assert_array_equal(view, np.zeros_like(candidates))
    view, _ = _layer()(candidates, events[:, :0], given[:, :0])
    np.testing.assert_array_equal(view, np.zeros_like(candidates))


def test_a_reloaded_layer_gives_the_same(tmp_path):
    layer, inputs = _layer(), _inputs()
    other = target_attention.TargetAttention.from_config(layer.get_config())
    other.build(tf.TensorShape([None, None, 2]))
    other.set_weights(layer.get_weights())
    expected = layer(*inputs)[0].numpy()
    close.assert_close(
        other(*inputs)[0], expected, roundings=close.SUMS, scale=np.abs(expected).max()
    )
