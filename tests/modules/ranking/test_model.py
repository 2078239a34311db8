"""The rank model: where it starts, what its loss is, and what it computes once a request."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from modules import config, features
from modules.ranking import examples as candidate_examples
from modules.ranking import input_data, losses, request_graph
from modules.ranking import model as model_lib
from tests import close
from tests.modules.ranking import conftest


def _model(prepared, training=None, **switches):
    """Makes a model that has not learnt; returns it and all training requests."""
    model = model_lib.RankModel(conftest.settings(switches, training), prepared.known)
    model.adapt(prepared.train.spread(100))
    (batch,) = prepared.train.batches(100)
    return model, batch


def test_training_starts_from_recall_s_scores(prepared):
    model, batch = _model(prepared)
    scores, recall = (
        model(batch)[model_lib.SCORE].numpy(),
        batch[request_graph.RECALL].numpy()[..., 0],
    )
    given = batch[request_graph.CANDIDATES].numpy() != features.PADDING_ID
    slope, _ = np.polyfit(recall[given], scores[given], 1)
    assert slope > 0
    np.testing.assert_allclose(np.corrcoef(recall[given], scores[given])[0, 1], 1.0, atol=1e-5)
    np.testing.assert_array_equal(scores[~given], losses.MASKED)


@pytest.mark.parametrize("loss", ["softmax", "bce"])
def test_the_loss_is_the_list_s_and_the_weighted_objectives(prepared, loss):
    model, batch = _model(prepared, {"loss": loss})
    scores, target = model(batch)[model_lib.SCORE].numpy(), batch[model_lib.TARGET].numpy()
    assert target.shape == (len(scores), 1)
    own = scores[np.arange(len(scores)), target[:, 0]]
    weights = batch[model_lib.WEIGHT].numpy()
    if loss == "softmax":
        costs = np.log(np.exp(scores).sum(axis=1)) - own
    else:
        costs = np.log1p(np.exp(scores)).sum(axis=1) - own
    assert len(set(weights)) > 1
    expected = np.average(costs, weights=weights)
    # the heads start at 0: either answer costs log 2, whatever the label
    expected += 2 * 0.1 * np.log(2)
    assert float(model.compute_loss(batch)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["softmax", "bce"])
def test_several_targets_of_a_request(prepared, loss):
    """The objectives are of the first target: where it is not in the list, they cost nothing."""
    model, batch = _model(prepared, {"loss": loss})
    rows = batch[model_lib.TARGET].shape[0]
    targets = np.tile([[1, 3, -1]], [rows, 1])
    targets[0] = [-1, 2, -1]
    scores = model(batch)[model_lib.SCORE].numpy().astype(np.float64)
    weights = batch[model_lib.WEIGHT].numpy()
    own = [np.mean(row[t[t >= 0]]) for row, t in zip(scores, targets)]
    if loss == "softmax":
        costs = np.log(np.exp(scores).sum(axis=1)) - own
    else:
        costs = np.log1p(np.exp(scores)).sum(axis=1) - own * np.sum(targets >= 0, axis=1)
    known = np.arange(rows) > 0
    expected = np.mean(weights * costs) + 2 * 0.1 * np.log(2) * np.mean(weights * known)
    found = float(model.compute_loss({**batch, model_lib.TARGET: tf.constant(targets)}))
    assert found == pytest.approx(expected, rel=1e-5)


def test_labels_that_are_not_known_cost_nothing(prepared):
    model, batch = _model(prepared)
    label = model_lib.objective_label("liked")
    half = {**batch, label: tf.tensor_scatter_nd_update(batch[label], [[0]], [float("nan")])}
    rows = batch[label].shape[0]
    whole = float(model.compute_loss(batch))
    difference = whole - float(model.compute_loss(half))
    weight = float(batch[model_lib.WEIGHT][0])
    close.assert_close(
        difference, weight * 0.1 * np.log(2) / rows, roundings=close.SUMS, scale=whole
    )


def test_labels_that_are_not_known_have_no_gradient(prepared):
    """Neither on their head nor, through it, on what the heads share."""
    model, batch = _model(prepared)
    head = model.objective_heads["liked"]
    label = model_lib.objective_label("liked")
    unknown = {**batch, label: tf.fill(batch[label].shape, float("nan"))}
    model(batch)
    head.kernel.assign(tf.ones_like(head.kernel))
    for inputs, expected in ((batch, True), (unknown, False)):
        with tf.GradientTape() as tape:
            loss = model.compute_loss(inputs)
        gradients = tape.gradient(loss, head.trainable_variables)
        assert all(bool(tf.reduce_any(g != 0)) == expected for g in gradients)

    def shared(weight):
        """The gradients of all but the head."""
        model.objectives["liked"] = dataclasses.replace(model.objectives["liked"], weight=weight)
        own = [v.ref() for v in head.trainable_variables]
        others = [v for v in model.trainable_variables if v.ref() not in own]
        with tf.GradientTape() as tape:
            loss = model.compute_loss(unknown)
        return [tf.convert_to_tensor(g) for g in tape.gradient(loss, others) if g is not None]

    for one, other in zip(shared(100.0), shared(0.0), strict=True):
        close.assert_close(one, other, roundings=close.SUMS, scale=np.abs(other).max())


def test_the_user_s_side_is_computed_once_a_request(prepared, monkeypatch):
    model, batch = _model(prepared)
    shapes = {}
    for name, layer in (
        ("history", model.history),
        ("profile", model.users),
        ("moment", model.moment),
    ):
        call = layer.call
        monkeypatch.setattr(
            layer,
            "call",
            lambda *args, call=call, name=name, **kwargs: shapes.setdefault(
                name, call(*args, **kwargs)
            ),
        )
    model(batch)
    requests = batch[model_lib.TARGET].shape[0]
    assert shapes["history"][0].shape == (requests, 3, 8)
    assert shapes["profile"].shape == shapes["moment"].shape == (requests, 8)


def test_candidates_in_another_order_have_their_scores_in_that_order(prepared, trained):
    (batch,) = prepared.valid.batches(100)
    order = np.array([3, 0, 5, 1, 4, 2])
    turned = {
        name: tf.gather(value, order, axis=1)
        if name in (request_graph.CANDIDATES, request_graph.RECALL, request_graph.STATISTICS)
        else value
        for name, value in batch.items()
    }
    expected = trained.model(batch)[model_lib.SCORE].numpy()[:, order]
    np.testing.assert_allclose(
        trained.model(turned)[model_lib.SCORE], expected, rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize(
    ("switch", "group"),
    [
        ("recall_score", "recall_score"),
        ("statistics", "statistics"),
        ("profile", "profile"),
        ("context", "context"),
        ("crosses", "crosses"),
        ("target_attention", "target_attention"),
    ],
)
def test_a_group_that_is_off_is_not_there(prepared, switch, group):
    model, batch = _model(prepared, **{switch: False})
    assert group not in model.groups and len(model.groups) == len(model_lib.GROUPS) - 1
    assert np.isfinite(float(model.compute_loss(batch)))


def test_items_without_vectors_and_features_have_an_embedding_of_their_own(prepared):
    model, batch = _model(prepared, item_vectors=False, item_features=False)
    assert "item" not in model.groups
    assert np.isfinite(float(model.compute_loss(batch)))
    assert model.item_encoder.embedding.input_dim == 14


def test_a_model_of_no_group_is_refused(prepared):
    settings = conftest.settings(
        dict.fromkeys(
            (
                "recall_score",
                "statistics",
                "item_vectors",
                "item_features",
                "profile",
                "context",
                "crosses",
                "target_attention",
            ),
            False,
        )
    )
    with pytest.raises(config.ConfigError, match=r"ranking\.model: no group .* switch one on"):
        model_lib.RankModel(settings, prepared.known)


def test_labels_and_what_is_learnt_from():
    settings = conftest.settings()
    examples = [
        {
            "event_action_type": [b"click", b"buy"],
            "event_rating": [5.0, 3.9],
            "candidate_item_id": [b"a", b"b", b"c"],
            "recall_score": [3.0, 2.0, 1.0],
            "target_place": [2],
            "positive_added": [0],
        },
        {
            "event_action_type": [b"buy", b"click"],
            "event_rating": [1.0, 4.0],
            "target_place": [-1],
            "positive_added": [0],
        },
        {
            "event_action_type": [b"buy", b""],
            "event_rating": [1.0, float("nan")],
            "candidate_item_id": [b"a", b"b", b"c", b"d"],
            "recall_score": [3.0, 2.0, 1.0, 0.0],
            "target_place": [3],
            "positive_added": [1],
        },
    ]
    found = input_data.labels(examples, settings)
    np.testing.assert_array_equal(found["label_bought"], [1, 0, np.nan])
    np.testing.assert_array_equal(found["label_liked"], [0, 1, np.nan])
    assert [input_data.learnable(e, settings) for e in examples] == [True, False, False]
    also = conftest.settings(training={"missed_positives": True})
    assert [input_data.learnable(e, also) for e in examples] == [True, False, True]
    light = {**examples[0], "event_weight": [1.0, 0.0]}  # the last event is the target
    assert not input_data.learnable(light, settings)


def test_targets_that_were_added_leave_the_list():
    example = {
        "candidate_item_id": [b"a", b"b", b"c", b"d"],
        "recall_score": [0.4, 0.3, 0.2, 0.1],
        "target_place": [2, 1, -1, 3],
        "positive_added": [1, 0, 0, 1],
    }
    settings = conftest.settings()
    assert input_data.learnt_from(example, settings) == {
        "candidate_item_id": [b"a", b"b"],
        "recall_score": [0.4, 0.3],
        "target_place": [-1, 1, -1, -1],
        "positive_added": [1, 0, 0, 1],
    }
    assert input_data.learnable(example, settings)
    also = conftest.settings(training={"missed_positives": True})
    assert input_data.learnt_from(example, also) == example
    only_added = {**example, "target_place": [2, -1, -1, 3]}
    assert not input_data.learnable(only_added, settings)
    assert input_data.learnable(only_added, also)


def test_requests_of_different_numbers_of_targets_are_padded(ranked):
    rows = list(candidate_examples.read(str(ranked.folder / "Split-valid" / "*")))
    rows = [row for row in rows if row["target_place"][0] >= 0][:3]
    other = 0 if rows[1]["target_place"][0] else 1
    rows[1] = {**rows[1], "target_place": [rows[1]["target_place"][0], other, -1]}
    rows[1]["positive_added"] = [0, 0, 0]
    # one request a part, so that none is in a batch with another
    rows = [{**row, "part": [n]} for n, row in enumerate(rows)]

    def graph(_, inputs):
        return {request_graph.MISSING_INPUTS: inputs["recall_score"][:, 0]}

    lists = input_data.read(rows, "valid", conftest.settings(), graph)
    places = [row["target_place"][0] for row in rows]
    assert lists.spread(3)[model_lib.TARGET].tolist() == [
        [places[0], -1, -1],
        [places[1], other, -1],
        [places[2], -1, -1],
    ]
    assert lists.spread(3)[model_lib.TARGETS].tolist() == [1, 3, 1]


def test_a_target_weighs_what_its_event_does_relative_to_all(ranked, prepared):
    settings = conftest.settings()
    learnt = [
        row["event_weight"][-1]
        for row in ranked.rows["train"]
        if row["target_place"] >= 0 and not row["positive_added"] and row["event_weight"][-1] > 0
    ]
    assert prepared.train.size == len(learnt)
    np.testing.assert_allclose(
        prepared.train.spread(len(learnt))[model_lib.WEIGHT], learnt / np.mean(learnt), rtol=1e-6
    )
    assert features.EVENT_WEIGHT not in request_graph.input_specs(settings.data)


@pytest.mark.parametrize(
    ("split", "message"),
    [
        ("train", r"the split train whose target is among .* found none; train recall longer"),
        (
            "valid",
            r"the split valid, .* found none; lower split\.min_events .* or move split\.valid_from",
        ),
    ],
)
def test_a_split_without_requests_is_an_error(ranked, tmp_path, split, message):
    (tmp_path / f"Split-{split}").mkdir()
    for other in {"train", "valid"} - {split}:
        (tmp_path / f"Split-{other}").symlink_to(ranked.folder / f"Split-{other}")
    (file,) = (ranked.folder / f"Split-{split}").iterdir()
    with tf.io.TFRecordWriter(str(tmp_path / f"Split-{split}" / file.name), options="GZIP"):
        pass
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(ranked, folder=tmp_path).prepare(conftest.settings())


def test_a_vector_is_no_feature_to_cross(ranked):
    settings = conftest.settings(crosses=[{"features": ["item_image", "user_age"]}])
    with pytest.raises(config.ConfigError, match="item_image is a vector"):
        ranked.prepare(settings)
