"""The layers: values by an independent NumPy reference, bad input, save and reload."""

import numpy as np
import pytest
import tensorflow as tf

from modules import config, features
from modules.recall import layers
from tests import close

ELAPSED = np.random.default_rng(2).integers(0, layers.DELTA_BUCKETS, size=(2, 5, 5))
INPUTS = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _norm(x):
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-6)


def _attention(layer, x):
    """Written with loops over heads and places."""
    weights = {w.name.split("/", 1)[1]: w.numpy() for w in layer.weights}
    projected = x @ weights["query_key_value/kernel:0"] + weights["query_key_value/bias:0"]
    query, key, value = np.split(projected, 3, axis=-1)
    result, width = np.zeros_like(x), 8 // layer.heads
    for head in range(layer.heads):
        part = slice(head * width, (head + 1) * width)
        for place in range(x.shape[1]):
            scores = np.einsum(
                "bd,bkd->bk", query[:, place, part], key[:, : place + 1, part]
            ) / np.sqrt(width)
            if layer.relative_positions:
                scores = scores + weights["distance_bias:0"][place - np.arange(place + 1), head]
            if layer.relative_time:
                scores = scores + weights["time_bias:0"][ELAPSED[:, place, : place + 1], head]
            result[:, place, part] = np.einsum(
                "bk,bkd->bd", _softmax(scores), value[:, : place + 1, part]
            )
    return result @ weights["output/kernel:0"] + weights["output/bias:0"]


def _random(layer):
    layer(INPUTS, ELAPSED)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape) * 0.5 for w in layer.get_weights()])
    return layer


@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize("time", [False, True])
def test_attention_against_numpy(positions, time):
    layer = _random(layers.CausalSelfAttention(8, 2, 0.0, positions, time, name="attention"))
    np.testing.assert_allclose(
        layer(INPUTS, ELAPSED), _attention(layer, INPUTS), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("positions", [False, True])
@pytest.mark.parametrize("time", [False, True])
def test_every_head_has_its_bias(positions, time):
    """OneDNN is a hundred times slower where heads share one: validation took six times as long."""
    layer = _random(layers.CausalSelfAttention(8, 2, 0.0, positions, time, name="attention"))
    bias = layer._bias(tf.range(5)[tf.newaxis], tf.constant(5), tf.constant(ELAPSED))
    assert bias.shape == [2 if time else 1, layer.heads, 5, 5]


def test_attention_refuses_heads_that_do_not_divide():
    with pytest.raises(ValueError, match="found 3 and 8; change one of them"):
        layers.CausalSelfAttention(dim=8, heads=3, dropout=0.0)


@pytest.mark.parametrize("norm_first", [True, False])
def test_block_against_numpy(norm_first):
    block = layers.TransformerBlock(dim=8, heads=2, dropout=0.0, norm_first=norm_first, hidden=12)
    _random(block)
    for norm in block.norms:
        norm.set_weights([np.ones(8), np.zeros(8)])
    expand, contract = (w.get_weights() for w in (block.expand, block.contract))
    feed = lambda x: np.maximum(x @ expand[0] + expand[1], 0) @ contract[0] + contract[1]
    attend = lambda x: block.attention(x).numpy()
    if norm_first:
        middle = INPUTS + attend(_norm(INPUTS))
        expected = middle + feed(_norm(middle))
    else:
        middle = _norm(INPUTS + attend(INPUTS))
        expected = _norm(middle + feed(middle))
    np.testing.assert_allclose(block(INPUTS), expected, rtol=1e-3, atol=1e-4)


def test_block_never_looks_ahead():
    block = _random(layers.TransformerBlock(8, 2, 0.0, True, hidden=12, relative_positions=True))
    changed = INPUTS.copy()
    changed[:, 3:] += 5.0
    before, after = block(INPUTS).numpy(), block(changed).numpy()
    close.assert_close(
        after[:, :3], before[:, :3], roundings=close.SUMS, scale=np.abs(before).max()
    )
    assert close.distance(before[:, 3:], after[:, 3:]) > 1


def test_layer_norm_against_keras():
    layer = layers.LayerNorm()
    layer(INPUTS)
    layer.set_weights([np.arange(8.0), np.ones(8)])
    keras = tf.keras.layers.LayerNormalization(epsilon=1e-6)
    keras(INPUTS)
    keras.set_weights([np.arange(8.0), np.ones(8)])
    np.testing.assert_allclose(layer(INPUTS), keras(INPUTS), rtol=1e-3, atol=1e-5)


def test_log2_buckets_by_hand():
    seconds = [-5, 0, 1, 2, 3, 4, 7, 8, 3600, 2**30, 2**31 - 1, 2**31, 2**40]
    expected = [0, 0, 1, 2, 2, 3, 3, 4, 12, 31, 31, 32, 32]
    assert layers.log2_bucket(tf.constant([seconds], tf.int64)).numpy().tolist() == [expected]
    assert max(expected) == layers.DELTA_BUCKETS - 1


def test_distance_buckets_double():
    # 16 to 22 is the first half doubling from 16, 23 to 31 the second, then from 32, 64, ...
    distances = tf.constant([0, 1, 15, 16, 22, 23, 31, 32, 64, 128, 999, 10**6])
    expected = [0, 1, 15, 16, 16, 17, 17, 18, 20, 22, 27, layers.DISTANCE_BUCKETS - 1]
    assert layers.distance_bucket(distances).numpy().tolist() == expected


def test_time_encoder_adds_three_embeddings():
    layer = layers.TimeEncoder(4)
    inputs = {
        "event_time_of_day_xf": tf.constant([[23, 0]]),
        "event_day_of_week_xf": tf.constant([[6, 1]]),
        "event_time_delta_xf": tf.constant([[0, 5]]),
    }
    found = layer(inputs).numpy()
    hour, day, delta = (e.get_weights()[0] for e in (layer.hour, layer.day, layer.delta))
    expected = [hour[23] + day[6] + delta[0], hour[0] + day[1] + delta[3]]
    close.assert_close(found[0], expected, roundings=close.FUNCTIONS, scale=np.abs(hour).max())


def test_feature_encoder_adds_what_is_known():
    spec = lambda name, kind, **more: features.Feature(
        name=name, table="item", column=name, kind=kind, spec=config.Column(kind=kind, **more)
    )
    layer = layers.FeatureEncoder(
        2,
        [
            spec("brand", "categorical"),
            spec("tags", "multi_categorical"),
            spec("price", "numeric"),
            spec("image", "vector", dimension=2),
        ],
        {"brand": 2, "tags": 3},
    )
    inputs = {
        "brand_xf": tf.constant([0, 1]),
        "tags_xf": tf.constant([[0, 2], [-1, -1]]),
        "price_xf": tf.constant([2.0, 0.0]),
        "image_xf": tf.constant([[1.0, 0.0], [0.0, 3.0]]),
    }
    layer(inputs)
    weights = {
        "brand": [[1, 0], [0, 1]],
        "tags": [[10, 10], [99, 99], [30, 0]],
        "price": [[5, 7]],
        "image": [[100, 0], [0, 100]],
    }
    for name, value in weights.items():
        layer.encoders[name].set_weights([np.array(value, np.float32)])
    # Item 0: brand (1, 0), mean of tags (20, 5), twice the price (10, 14), image (100, 0). Item 1:
    # no tags.
    assert layer(inputs).numpy().tolist() == [[131.0, 19.0], [0.0, 301.0]]


@pytest.mark.parametrize(
    "layer",
    [
        layers.LayerNorm(),
        layers.CausalSelfAttention(8, 2, 0.1, relative_positions=True),
        layers.TransformerBlock(8, 2, 0.1, True, 12, relative_positions=True),
    ],
    ids=["norm", "attention", "block"],
)
def test_layers_reload(layer, tmp_path):
    inputs = tf.keras.Input([None, 8])
    model = tf.keras.Model(inputs, layer(inputs))
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    expected = model(INPUTS).numpy()
    close.assert_close(again(INPUTS), expected, roundings=close.SUMS, scale=np.abs(expected).max())


def test_time_encoder_reloads():
    layer = layers.TimeEncoder(4)
    assert layers.TimeEncoder.from_config(layer.get_config()).dim == 4
