"""The model: what queries may use, the loss against a NumPy reference, cold items, every switch."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from modules import features
from modules.recall import input_data, loop, trainer
from tests import close

DELTA = features.transformed_name(features.TIME_DELTA)
TIMES = [features.transformed_name(name) for name in features.TIME_FEATURES]


def _changed(batch, name, place):
    """The batch with another value of `name` at `place` in every sequence."""
    values = batch[name].numpy().copy()
    values[:, place] = (
        1 + values[:, place] % 2 if values.dtype == np.int64 else values[:, place] + 1.0
    )
    return {**batch, name: tf.constant(values)}


@pytest.mark.parametrize("request_time", [True, False])
def test_a_query_depends_on_the_past_and_on_its_own_request_only(transformed, request_time):
    settings = transformed.settings({"request_time": request_time, "layers": 2})
    model, batch = transformed.model(settings), transformed.batch(settings)
    place, before = 2, model(batch).numpy()
    layout = transformed.layout(settings)
    request = {"context_device_xf", "context_battery_xf", *(TIMES if request_time else ())}
    assert request < set(layout.events)
    for name in layout.events:
        after = model(_changed(batch, name, place)).numpy()
        # the request's own event is not known to it
        first = place if name in request else place + 1
        # vectors of length 1
        close.assert_close(
            after[:, :first], before[:, :first], roundings=close.SUMS, scale=1, err_msg=name
        )
        assert close.distance(before[:, first:], after[:, first:]) > 0.005, name


def test_padding_changes_nothing(transformed):
    settings = transformed.settings()
    model, batch = transformed.model(settings), transformed.batch(settings)
    layout = transformed.layout(settings)
    row, length = 0, int(np.sum(batch[input_data.ITEMS][0] != 0))
    alone = {name: value[row : row + 1] for name, value in batch.items()}
    alone |= {name: alone[name][:, :length] for name in layout.events}
    np.testing.assert_allclose(model(alone)[0], model(batch)[row, :length], atol=1e-5)
    np.testing.assert_allclose(model.last_queries(batch)[row], model(alone)[0, -1], atol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"layers": 1},
        {"norm_first": False},
        {"relative_time": False},
        {"relative_positions": False},
        {"relative_time": False, "relative_positions": False},
        {"request_time": False, "context_features": False},
    ],
)
def test_the_last_place_alone_equals_the_last_of_all_places(transformed, options):
    settings = transformed.settings({"layers": 2, **options})
    model, batch = transformed.model(settings), transformed.batch(settings)
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.normal(size=w.shape, scale=0.1) for w in model.get_weights()])
    lengths = np.sum(batch[input_data.ITEMS].numpy() != 0, axis=1)
    assert len(set(lengths)) > 1
    queries = model(batch).numpy()[np.arange(len(lengths)), lengths - 1]
    np.testing.assert_allclose(model.last_queries(batch), queries, atol=1e-5)


def _own(batch, row, place, repeats):
    """The user's items that are no negatives: all, or with repeats those of the target's moment."""
    if not repeats:
        return set(batch[input_data.SEEN].numpy()[row])
    items, deltas = batch[input_data.ITEMS].numpy()[row], batch[DELTA].numpy()[row]
    moments = np.cumsum(deltas != 0)
    return {item for item, moment in zip(items, moments) if moment == moments[place]}


def _reference(
    model, batch, counts, *, temperature, log_q, own, duplicates, distinct, repeats=False
):
    """InfoNCE with loops, from the model's queries and candidates."""
    weights, items = batch[input_data.TARGET_WEIGHT].numpy(), batch[input_data.ITEMS].numpy()
    queries, vectors = model(batch).numpy(), model.candidates(model.all_items()).numpy()
    targets = [(row, place) for row, place in np.argwhere(weights > 0)]
    positives = [items[t] for t in targets]
    candidates = sorted(set(positives)) if distinct else positives
    share = np.maximum(counts, 1) / np.maximum(counts, 1).sum()
    probability = 1 - (1 - share) ** (len(targets) if distinct else 1)
    total = 0.0
    for n, (row, place) in enumerate(targets):
        seen, terms, positive = _own(batch, row, place, repeats), [], None
        for m, candidate in enumerate(candidates):
            logit = queries[row, place] @ vectors[candidate - 1] / temperature
            logit -= np.log(probability[candidate]) if log_q else 0.0
            is_positive = candidate == positives[n] if distinct else m == n
            if is_positive:
                positive = logit
            elif (own and candidate in seen) or (duplicates and candidate == positives[n]):
                continue
            terms.append(logit)
        total += weights[row, place] * (np.log(np.sum(np.exp(terms))) - positive)
    return total / weights.sum()


def test_seen_by_hand(transformed):
    model = transformed.model(transformed.settings())
    # 13 is unknown, 0 pads
    batch = {input_data.SEEN: tf.constant([[3, 5, 13], [12, 0, 0]], tf.int64)}
    found = model.seen(batch, tf.constant([5, 12, 1, 5, 13], tf.int64))
    assert found.numpy().tolist() == [
        [True, False, False, True, True],
        [False, True, False, False, False],
    ]


@pytest.mark.parametrize("distinct", [True, False])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("other", [True, False])
def test_loss_against_numpy(transformed, distinct, own, other):
    settings = transformed.settings(
        training={
            "temperature": 0.3,
            "candidates": "distinct" if distinct else "targets",
            "mask_own_positives": own,
            "mask_duplicates": other,
            "logq_correction": other,
        }
    )
    counts = np.array([0, *range(1, 12), 0, 0])
    model, batch = transformed.model(settings, counts), transformed.batch(settings)
    batch = {
        **batch,
        input_data.TARGET_WEIGHT: batch[input_data.TARGET_WEIGHT] * [1.0, 2.0, 1.0, 3.0, 1.0],
    }
    expected = _reference(
        model,
        batch,
        counts,
        temperature=0.3,
        log_q=other,
        own=own,
        duplicates=other,
        distinct=distinct,
    )
    np.testing.assert_allclose(model.compute_loss(batch), expected, rtol=1e-4)


@pytest.mark.parametrize("distinct", [True, False])
def test_where_repeats_are_allowed_only_what_is_taken_at_once_is_no_negative(transformed, distinct):
    settings = transformed.settings(
        training={"candidates": "distinct" if distinct else "targets", "temperature": 0.3}
    )
    allowed = dataclasses.replace(
        settings, data=dataclasses.replace(settings.data, repeats="allow")
    )
    counts = np.ones(14, np.int64)
    model, batch = transformed.model(allowed, counts), transformed.batch(settings)
    ties = (batch[DELTA].numpy()[:, 1:] == 0) & (batch[input_data.ITEMS].numpy()[:, 1:] > 0)
    assert ties.any()  # there are baskets, and sequences of more than one moment
    assert (batch[DELTA].numpy()[:, 1:] > 0).any()
    options = {"temperature": 0.3, "log_q": True, "duplicates": True, "distinct": distinct}
    expected = _reference(model, batch, counts, own=True, repeats=True, **options)
    np.testing.assert_allclose(model.compute_loss(batch), expected, rtol=1e-4)
    others = [
        _reference(model, batch, counts, own=own, repeats=repeats, **options)
        for own, repeats in ((True, False), (False, False))
    ]
    assert min(abs(other - expected) for other in others) > 0.01


def test_targets_count_by_their_weights(transformed):
    """Against all items, one target's loss does not depend on which others there are."""
    settings = transformed.settings(training={"candidates": "catalogue"})
    model, batch = transformed.model(settings), transformed.batch(settings)
    places = np.argwhere(batch[input_data.TARGET_WEIGHT].numpy() > 0)[:5]

    def loss(weights):
        given = np.zeros(batch[input_data.TARGET_WEIGHT].shape, np.float32)
        given[tuple(places.T)] = weights
        return float(model.compute_loss({**batch, input_data.TARGET_WEIGHT: tf.constant(given)}))

    alone = [loss(row) for row in np.eye(5)]
    weights = np.array([0.0, 0.5, 1.0, 2.0, 10.0])

    assert loss(weights) == pytest.approx(np.average(alone, weights=weights), rel=1e-5)
    assert loss(100 * weights) == pytest.approx(loss(weights), rel=1e-5)


def test_a_cold_item_has_the_unknown_item_s_id_and_its_own_features(transformed):
    settings = transformed.settings({"normalise": False})
    counts = np.ones(14, np.int64)
    counts[[11, 12]] = 0
    model = transformed.model(settings, counts)
    cold = model.candidates(tf.constant([11, 12], tf.int64)).numpy()
    tower = model.item_tower
    known = tower.embedding(tf.constant(13)).numpy()
    row = {name: table[11:13] for name, table in tower.table.items()}
    close.assert_close(
        cold, known + tower.encoder(row), roundings=close.SUMS, scale=np.abs(cold).max()
    )
    assert close.distance(cold[0], cold[1]) > 0.01


def test_items_not_in_training_do_not_change_with_their_own_id(transformed):
    settings = transformed.settings({"item_id_dropout": 0.999999, "item_features": False})
    model = transformed.model(settings)
    vectors = model.candidates(tf.constant([1, 2], tf.int64), training=True).numpy()
    # all ids are hidden
    close.assert_close(vectors[0], vectors[1], roundings=close.SUMS, scale=1)
    assert close.distance(*model.candidates(tf.constant([1, 2], tf.int64))) > 0.1


def test_vectors_have_length_one_where_asked(transformed):
    model = transformed.model(transformed.settings())
    batch = transformed.batch(transformed.settings())
    for vectors in (model.candidates(model.all_items()), model.last_queries(batch)):
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1.0, rtol=1e-5)


OLD = {"negatives": "random", "loss": "bce", "lr_schedule": "constant"}
SWITCHES = [  # some together, as each case takes seconds
    ({}, {}),
    ({"norm_first": False, "relative_time": False}, {}),
    ({"time_features": False}, {"learn_temperature": True}),
    ({"request_time": False}, {"candidates": "targets"}),
    ({"user_features": False, "item_features": False}, {"weight_decay": 0.1}),
    ({"event_features": False, "context_features": False}, {"candidates": "catalogue"}),
    ({"normalise": False, "relative_positions": False}, {"temperature": 1.0}),
    ({"item_id_dropout": 0.5}, {"loss": "bce"}),
    (
        {
            "norm_first": False,
            "normalise": False,
            "time_features": False,
            "request_time": False,
            "relative_positions": False,
            "user_features": False,
            "item_features": False,
            "event_features": False,
            "context_features": False,
        },
        OLD,
    ),
]


@pytest.mark.parametrize(
    ("model_options", "training_options"),
    SWITCHES,
    ids=lambda options: ",".join(options) or "default",
)
def test_every_switch_learns(transformed, model_options, training_options):
    settings = transformed.settings(
        {"dropout": 0.0, **model_options},
        {"lr_schedule": "constant", "learning_rate": 0.03, **training_options},
    )
    model, batch = transformed.model(settings), transformed.batch(settings)
    tf.random.set_seed(1)
    model.compute_loss(batch)
    training = loop.Trainer(model, model.settings.training, steps_per_epoch=1)
    values = [float(training.step(batch)[0]) for _ in range(8)]
    assert np.mean(values[-2:]) < 0.95 * np.mean(values[:2])


def test_the_existing_recommender_has_nothing_but_items_and_places(transformed):
    model_options, training_options = SWITCHES[-1]
    settings = transformed.settings(model_options, training_options)
    model, batch = transformed.model(settings), transformed.batch(settings)
    model.compute_loss(batch)
    names = {v.name.split("/")[-2] for v in model.trainable_variables}
    # query_tower: BOS
    assert names == {
        "item_id",
        "position",
        "query_tower",
        "query_key_value",
        "output",
        "expand",
        "contract",
        "norm",
        "norm_0",
        "norm_1",
    }


def test_sections_may_come_as_json():
    columns = {"user_id": "user_id", "item_id": "item_id", "timestamp": "timestamp"}
    plain = {
        "data": {"events": {"path": "x", "columns": columns}},
        "training": {"epochs": 3},
        "index": {},
    }
    assert trainer.read_settings(json.dumps(plain)).training.epochs == 3


@pytest.mark.parametrize("request_time", [True, False])
def test_elapsed_time_by_hand(transformed, request_time):
    # Events at 0, 5 and 13 s. The inputs are BOS, event 0, event 1; the requests are at 0, 5 and 13
    # s, or, where these are not to be known, at the last known events: 0 (BOS), 0 and 5 s.
    settings = transformed.settings({"relative_time": True, "request_time": request_time})
    tower = transformed.model(settings).query_tower
    delta = features.transformed_name(features.TIME_DELTA)
    found = tower._elapsed({delta: tf.constant([[0, 5, 8]], tf.int64)})
    seconds = [[0, 0], [5, 5], [13, 13, 8]] if request_time else [[0, 0], [0, 0], [5, 5, 0]]
    bucket = {0: 0, 5: 3, 8: 4, 13: 4}
    for row, expected in zip(found.numpy()[0], seconds):
        assert row[: len(expected)].tolist() == [bucket[s] for s in expected]
