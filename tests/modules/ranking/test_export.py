"""The SavedModel: the same as the trained model, whatever is asked."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from modules import features, graphs, lineage, saved_rank, signatures, warmup
from modules.ranking import calibration, export, request_graph
from modules.ranking import examples as candidate_examples
from modules.ranking import model as model_lib
from tests import close, stock_ops
from tests.modules.ranking import conftest

LOWEST = np.finfo(np.float32).min


@pytest.fixture(scope="module")
def saved(exported):
    return saved_rank.SavedRank(exported)


def _asked(ranked):
    """(request, ids, recall's scores, places) of the validation examples."""
    rows = list(candidate_examples.read(str(ranked.folder / "Split-valid" / "*")))
    settings = conftest.settings()
    return candidate_examples.requests_of(rows, settings.data, settings.features.max_history)


def _one(ranked):
    request, ids, scores, _ = _asked(ranked)
    return {name: values[:1] for name, values in request.items()}, ids[:1], scores[:1]


def test_the_saved_scores_are_the_model_s(ranked, trained, saved):
    request, ids, scores, _ = _asked(ranked)
    inputs = {**request, features.CANDIDATE_ITEM_ID: ids, features.RECALL_SCORE: scores}
    batch = request_graph.with_statistics(
        trained.graph({n: tf.constant(v) for n, v in inputs.items()}), trained.statistics
    )
    expected = trained.model(batch)[model_lib.SCORE].numpy()
    found = saved(request, ids, scores)
    np.testing.assert_allclose(
        found["score"][ids != b""], expected[ids != b""], rtol=1e-4, atol=1e-5
    )
    np.testing.assert_array_equal(found["score"][ids == b""], LOWEST)


def test_probabilities_are_calibrated(ranked, trained, saved):
    request, ids, scores, _ = _asked(ranked)
    found, fitted = saved(request, ids, scores), trained.calibration
    assert fitted.coverage == pytest.approx(7 / 8)
    np.testing.assert_allclose(found["probability"].sum(axis=1), fitted.coverage, rtol=1e-5)
    np.testing.assert_array_equal(found["probability"][ids == b""], 0)
    ratio = np.log(found["probability"][0, 0] / found["probability"][0, 1])
    difference = (found["score"][0, 0] - found["score"][0, 1]) / fitted.temperature
    assert ratio == pytest.approx(difference, abs=1e-3)
    for name in ("probability_bought", "probability_liked"):
        assert ((found[name] >= 0) & (found[name] <= 1)).all() and found[name].shape == ids.shape


def test_probabilities_of_several_targets(ranked, trained):
    """The sigmoid of the calibrated log-odds of the softmax's shares."""
    several = calibration.Platt(0.8, 0.5)
    fitted = dataclasses.replace(trained.calibration, temperature=1.0, several=several)
    module = export.RankModule(dataclasses.replace(trained, calibration=fitted))
    request, ids, scores, _ = _asked(ranked)
    inputs = {**request, features.CANDIDATE_ITEM_ID: ids, features.RECALL_SCORE: scores}
    answer = module.serve(**{name: tf.constant(values) for name, values in inputs.items()})
    found = {name: values.numpy() for name, values in answer.items()}
    score = np.where(ids != b"", found["score"].astype(np.float64), -np.inf)
    share = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    share = np.clip(share, 1e-9, 1 - 1e-6)
    logits = 0.8 * np.log(share / (1 - share)) + 0.5
    expected = np.where(ids != b"", 1 / (1 + np.exp(-logits)), 0)
    np.testing.assert_allclose(found["probability"], expected, rtol=1e-4)


def test_parts_lead_to_the_score(ranked, saved):
    request, ids, scores, _ = _asked(ranked)
    parts, given = saved.parts(request, ids, scores), ids != b""
    np.testing.assert_allclose(
        saved.score_parts(parts)[given],
        saved(request, ids, scores)["score"][given],
        rtol=1e-4,
        atol=1e-5,
    )
    groups, effects = saved.explain(request, ids, scores)
    assert groups == tuple(sorted(model_lib.GROUPS)) and effects.shape == (*ids.shape, len(groups))
    zeroed = {**parts, "part_item": np.zeros_like(parts["part_item"])}
    expected = saved.score_parts(parts) - saved.score_parts(zeroed)
    np.testing.assert_allclose(effects[given][:, groups.index("item")], expected[given], atol=1e-5)
    np.testing.assert_array_equal(effects[~given], 0)


def test_an_empty_list_has_an_empty_answer(ranked, saved):
    request, ids, scores = _one(ranked)
    found = saved(request, ids[:, :0], scores[:, :0])
    assert found["score"].shape == found["probability"].shape == (1, 0)
    assert saved.parts(request, ids[:, :0], scores[:, :0])["part_profile"].shape == (1, 0, 8)


@pytest.mark.parametrize("number", [3, 10_000])
def test_lists_of_any_length(ranked, saved, number):
    request, ids, scores = _one(ranked)
    places = np.arange(number) % ids.shape[1]
    found = saved(request, ids[:, places], scores[:, places])
    assert found["score"].shape == (1, number) and np.isfinite(found["score"]).all()
    assert found["probability"].sum() == pytest.approx(7 / 8, rel=1e-3)


def test_padding_changes_nothing(ranked, saved):
    request, ids, scores = _one(ranked)
    padded = np.concatenate([ids, np.full([1, 4], b"", object)], axis=1)
    more = np.concatenate([scores, np.full([1, 4], 99, np.float32)], axis=1)
    np.testing.assert_allclose(
        saved(request, padded, more)["score"][:, : ids.shape[1]],
        saved(request, ids, scores)["score"],
        rtol=1e-4,
        atol=1e-5,
    )


def test_candidates_in_another_order(ranked, saved):
    request, ids, scores = _one(ranked)
    order = np.array([4, 1, 5, 0, 3, 2])
    np.testing.assert_allclose(
        saved(request, ids[:, order], scores[:, order])["score"],
        saved(request, ids, scores)["score"][:, order],
        rtol=1e-4,
        atol=1e-5,
    )


def test_unknown_candidates_are_scored_alike(ranked, saved):
    request, ids, scores = _one(ranked)
    ids[0, 1], ids[0, 3], scores[0, 3] = b"no such item", b"nor this", scores[0, 1]
    found = saved(request, ids, scores)["score"]
    assert np.isfinite(found).all()
    assert found[0, 1] == pytest.approx(found[0, 3], abs=1e-5)


def test_recall_scores_that_are_not_numbers_count_as_the_lowest(ranked, saved):
    request, ids, scores = _one(ranked)
    last = int(np.argmin(scores))
    broken = scores.copy()
    broken[0, last] = np.nan
    found = saved(request, ids, broken)["score"]
    assert np.isfinite(found).all()
    assert np.isfinite(saved(request, ids, np.full_like(scores, np.nan))["score"]).all()


def test_missing_and_unknown_inputs_take_the_default_and_are_counted(ranked, saved):
    request, ids, scores = _one(ranked)
    whole = saved(request, ids, scores)["missing_inputs"][0]
    gone = {
        **request,
        "request_device": np.array([b"NA"], object),
        "request_battery": np.array([np.nan], np.float32),
    }
    found = saved(gone, ids, scores)
    assert found["missing_inputs"][0] - whole == 2 and np.isfinite(found["score"]).all()
    # as the columns declare
    default = {
        **request,
        "request_device": np.array([b"web"], object),
        "request_battery": np.array([0.0], np.float32),
    }
    expected = saved(default, ids, scores)["score"]
    close.assert_close(found["score"], expected, roundings=close.SUMS, scale=np.abs(expected).max())
    unknown = saved({**request, "request_device": np.array([b"fridge"], object)}, ids, scores)
    assert unknown["missing_inputs"][0] - whole == 1 and np.isfinite(unknown["score"]).all()


def test_a_profile_of_nothing(ranked, saved):
    request, ids, scores = _one(ranked)
    empty = {
        **request,
        "user_age": np.array([np.nan], np.float32),
        "user_gender": np.array([b""], object),
        "user_hobbies": np.full([1, 1], b"", object),
        "user_taste": np.full([1, 2], np.nan, np.float32),
    }
    found = saved(empty, ids, scores)
    assert np.isfinite(found["score"]).all()
    assert found["missing_inputs"][0] >= 4


def test_a_user_without_history(ranked, saved):
    request, ids, scores = _one(ranked)
    events = {
        features.EVENT_ITEM_ID,
        features.EVENT_TIMESTAMP,
        "event_action_type",
        "event_rating",
        "context_device",
        "context_battery",
    }
    new = {name: values[:, :0] if name in events else values for name, values in request.items()}
    assert np.isfinite(saved(new, ids, scores)["score"]).all()
    assert np.isfinite(saved(new, ids, scores)["probability"]).all()


def test_what_is_beside_the_model(exported, trained):
    folder = pathlib.Path(exported)
    described = json.loads((folder / "assets.extra" / "rank.json").read_text())
    assert described["groups"] == list(model_lib.GROUPS)
    assert described["objectives"] == ["bought", "liked"]
    assert described["calibration"]["temperature"] == pytest.approx(trained.calibration.temperature)
    assert described["history"] == 3
    assert described["parameters"] == sum(v.numpy().size for v in trained.model.trainable_variables)
    assert lineage.read(exported) == conftest.MADE_OF


def test_warm_up_records_are_answered_by_every_signature(exported):
    loaded = tf.saved_model.load(exported)
    records = list(tf.data.TFRecordDataset(f"{exported}/{warmup.FILE}").as_numpy_iterator())
    sizes: dict[str, list[tuple[int, ...]]] = {}
    for record in records:
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        inputs = {
            name: tf.constant(tf.make_ndarray(value)) for name, value in request.inputs.items()
        }
        name = request.model_spec.signature_name
        loaded.signatures[name](**inputs)
        lists = inputs["part_item" if name == "score_parts" else features.CANDIDATE_ITEM_ID]
        sizes.setdefault(name, []).append(tuple(lists.shape[:2]))
    assert sizes == {
        "serving_default": [(1, 6), (2, 6), (8, 6), (1, 0)],
        "parts": [(1, 6), (2, 6), (8, 6)],
        "score_parts": [(1, 6)],
    }
    # else the first request of one would be slow; of new items nobody asks who is waiting
    assert set(sizes) == set(loaded.signatures) - {signatures.ITEMS}


def test_the_exported_model_loads_without_this_package(exported, run_python):
    printed = run_python(f"""
        import sys, tensorflow as tf
        saved = tf.saved_model.load({exported!r})
        print(sorted(saved.signatures), [m for m in sys.modules if m.startswith("modules")])
    """)
    assert printed.strip() == "['items', 'parts', 'score_parts', 'serving_default'] []"


def test_no_table_is_copied_by_a_request(trained):
    """As a variable is, each time that it is read, once rows were gathered from it as such."""
    specs = request_graph.input_specs(trained.model.settings.data)
    serve = graphs.function(export.RankModule(trained).serve)
    operations = serve.get_concrete_function(**specs).graph.get_operations()
    read, gathered = (
        {operation.inputs[0].name for operation in operations if operation.type == kind}
        for kind in ("ReadVariableOp", "ResourceGather")
    )
    assert read and gathered and not read & gathered


def test_all_ops_are_stock_tensorflow_s(exported):
    (found,) = stock_ops.load(exported)
    assert (found.error, found.unknown, found.apart) == (None, [], [])
    assert [op for op in found.ops if op.startswith("Scann")] == []
    assert found.replayed >= len(warmup.BATCH_SIZES)
