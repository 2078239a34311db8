"""New items in a trained recall and rank model: their values, and those of all others."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from modules import features, item_tables, request_arrays, requests, saved_rank, signatures
from modules.ranking import examples as candidate_examples
from modules.ranking import export as rank_export
from modules.ranking import statistics as statistics_lib
from modules.ranking import trainer as rank_trainer
from modules.recall import export as recall_export
from modules.recall import trainer
from pipeline.refresh import tables
from tests import examples
from tests import transformed as transformed_lib
from tests.modules.ranking import conftest as small_rank

GONE, CHANGED, COLD = "i3", "i5", "i11"


@pytest.fixture(scope="module")
def transformed(tmp_path_factory: pytest.TempPathFactory) -> transformed_lib.Transformed:
    return transformed_lib.made(tmp_path_factory.getbasetemp())


def _catalogue(transformed: transformed_lib.Transformed) -> list[dict[str, Any]]:
    """i3 is gone, i5 costs less, and there are `twin`, with i11's features, and `other`."""
    rows = {row["item_id"]: dict(row) for row in transformed.raw["catalogue"]}
    del rows[GONE]
    rows[CHANGED]["item_price"] = 0.5
    rows["twin"] = {**rows[COLD], "item_id": "twin"}
    rows["other"] = examples.item(
        "other", item_brand="never seen", item_tags=["x", "y", "x"], item_price=float("nan")
    )
    return [{n: v if isinstance(v, list) else [v] for n, v in row.items()} for row in rows.values()]


@pytest.fixture(scope="module")
def vocabulary(transformed: transformed_lib.Transformed) -> list[bytes]:
    ids = trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)
    return [*ids, b"other", b"twin"]


@pytest.fixture(scope="module")
def known(
    transformed: transformed_lib.Transformed,
    vocabulary: list[bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> tables.Known:
    graph = tmp_path_factory.mktemp("known") / "graph"
    shutil.copytree(transformed.graph, graph)
    item_tables.write_vocabulary(graph / "transform_fn", vocabulary)
    output = tft.TFTransformOutput(str(graph))
    return tables.known(_catalogue(transformed), output, examples.data(), 2)


def test_the_catalogue_is_transformed_as_in_training(
    transformed: transformed_lib.Transformed, known: tables.Known, vocabulary: list[bytes]
) -> None:
    before = transformed.catalogue(transformed.settings())
    assert [vocabulary[row - 1] for row in known.rows] == list(known.ids)
    assert set(known.ids) == {*vocabulary} - {GONE.encode()}
    for name, values in known.values.items():
        for row, value in zip(known.rows, values):
            item = vocabulary[row - 1]
            if item in (b"other", b"twin", CHANGED.encode()):
                continue
            expected = before.features[name][row]
            if known.specs[name].kind == "multi_categorical":
                expected, value = expected[expected >= 0], value[value >= 0]
            np.testing.assert_allclose(value, expected, rtol=1e-6)
    places = {item: place for place, item in enumerate(known.ids)}
    brands = trainer.vocabulary_sizes(examples.data(), transformed.output)["item_brand"]
    assert known.values["item_brand_xf"][places[b"other"]] == brands - 1  # unknown
    for values in known.values.values():
        np.testing.assert_array_equal(values[places[b"twin"]], values[places[COLD.encode()]])


@pytest.fixture(scope="module")
def recall(
    transformed: transformed_lib.Transformed, tmp_path_factory: pytest.TempPathFactory
) -> pathlib.Path:
    """An untrained recall model to which i10 and i11 are cold."""
    settings = transformed.settings()
    ids = trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)
    counts = np.array([0, *(item not in (b"i10", b"i11") for item in ids), 0], np.int64)
    model = transformed.model(settings, counts)
    model(transformed.batch(settings))
    folder = tmp_path_factory.mktemp("recall") / "model"
    recall_export.save(model, transformed.output, ids, str(folder), small_rank.MADE_OF)
    return folder


def _grown(
    source: pathlib.Path, target: pathlib.Path, values: Any, vocabulary: list[bytes]
) -> pathlib.Path:
    shutil.copytree(source, target)
    model = item_tables.Tables(target)
    made = values(model)
    item_tables.write_vocabulary(target, vocabulary)
    model.grow(2, made)
    return target


def _vectors(model: Any) -> dict[bytes, np.ndarray]:
    found = model.signatures[signatures.CANDIDATES]()
    return dict(zip(found[signatures.ITEM_ID].numpy(), found[signatures.VECTOR].numpy()))


def test_recall_has_vectors_of_all_items(
    transformed: transformed_lib.Transformed,
    recall: pathlib.Path,
    known: tables.Known,
    vocabulary: list[bytes],
    tmp_path: pathlib.Path,
) -> None:
    grown = _grown(recall, tmp_path / "grown", known.of_recall, vocabulary)
    before = tf.saved_model.load(str(recall))
    after = tf.saved_model.load(str(grown))
    old, new = _vectors(before), _vectors(after)
    assert set(new) == set(known.ids)
    for item in set(old) & set(new) - {CHANGED.encode()}:
        np.testing.assert_allclose(new[item], old[item], rtol=1e-5, atol=1e-6)
    assert not np.allclose(new[CHANGED.encode()], old[CHANGED.encode()], atol=1e-3)
    # an item of training that nobody had taken, with the same features
    np.testing.assert_allclose(new[b"twin"], old[COLD.encode()], rtol=1e-5, atol=1e-6)
    assert not np.allclose(new[b"other"], new[b"twin"], atol=1e-3)

    def query(model: Any, item: bytes) -> np.ndarray:
        """Of a user whose last event is `item`."""
        row = requests.read_raw_example(examples.serialize(transformed.raw["valid"][0]))
        past = len(row[features.EVENT_ITEM_ID]) - 1
        row[features.EVENT_ITEM_ID][:past] = [b"i1"] * (past - 1) + [item]
        arrays = request_arrays.from_examples([row], examples.data(), transformed_lib.MAX_HISTORY)
        ask = model.signatures[signatures.QUERY]
        names = ask.structured_input_signature[1]
        return ask(**{n: tf.constant(arrays[n]) for n in names})[signatures.QUERY].numpy()

    for item in (b"i1", GONE.encode(), b"nobody"):
        np.testing.assert_allclose(query(after, item), query(before, item), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        query(after, b"twin"), query(before, COLD.encode()), rtol=1e-4, atol=1e-5
    )


class _Counted(small_rank.Ranked):
    """With statistics as they are counted: the items' own categories, none of unknown items."""

    def _arguments(self) -> dict[str, Any]:
        before = small_rank.statistics_of(self.transformed)
        catalogue = self.transformed.catalogue(self.transformed.settings())
        brands = catalogue.features["item_brand_xf"].astype(np.int32)[:, np.newaxis].copy()
        brands[[0, -1]] = -1
        size = len(brands)
        matrix = np.random.default_rng(5).normal(size=(size, size))
        matrix[[0, -1]] = matrix[:, [0, -1]] = 0
        counted = dataclasses.replace(
            before,
            similarity=statistics_lib.Neighbours.of(matrix, 3),
            categories={
                "item_brand": dataclasses.replace(before.categories["item_brand"], items=brands)
            },
        )
        return {
            **super()._arguments(),
            "statistics": dict.fromkeys((0, rank_trainer.FINAL), counted),
        }


@pytest.fixture(scope="module")
def ranked(
    transformed: transformed_lib.Transformed, tmp_path_factory: pytest.TempPathFactory
) -> small_rank.Ranked:
    made = small_rank.with_candidates(transformed, tmp_path_factory.mktemp("candidates"))
    return _Counted(made.transformed, made.folder, made.rows)


@pytest.fixture(scope="module")
def rank(ranked: small_rank.Ranked, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A rank model of all groups of features."""
    settings = small_rank.settings(training={"learning_rate": 0.02, "epochs": 1})
    trained = ranked.train(settings, tmp_path_factory.mktemp("checkpoints"))
    folder = tmp_path_factory.mktemp("rank") / "model"
    rank_export.save(trained, str(folder), small_rank.MADE_OF)
    return folder


@pytest.fixture(scope="module")
def grown_rank(
    rank: pathlib.Path,
    known: tables.Known,
    vocabulary: list[bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> pathlib.Path:
    vectors = small_rank.vectors()
    vectors |= {b"twin": vectors[COLD.encode()], b"other": np.zeros(4, np.float32)}
    of_items = np.stack([vectors[item] for item in known.ids])
    return _grown(
        rank,
        tmp_path_factory.mktemp("grown") / "model",
        lambda model: known.of_rank(model, str(rank), of_items),
        vocabulary,
    )


def _asked(ranked: small_rank.Ranked) -> tuple[Any, ...]:
    rows = list(candidate_examples.read(str(ranked.folder / "Split-valid" / "*")))
    request, ids, scores, _ = candidate_examples.requests_of(
        rows, examples.data(), transformed_lib.MAX_HISTORY
    )
    known = ~np.isin(request[features.EVENT_ITEM_ID], [CHANGED.encode()]).any(axis=1)
    assert known.any()
    return {n: v[known] for n, v in request.items()}, ids[known], scores[known]


def test_rank_answers_as_before_for_items_that_have_not_changed(
    ranked: small_rank.Ranked, rank: pathlib.Path, grown_rank: pathlib.Path
) -> None:
    request, ids, scores = _asked(ranked)
    before = saved_rank.SavedRank(str(rank))(request, ids, scores)[signatures.SCORE]
    after = saved_rank.SavedRank(str(grown_rank))(request, ids, scores)[signatures.SCORE]
    same = (ids != b"") & (ids != CHANGED.encode())
    assert same.sum() > 10
    np.testing.assert_allclose(after[same], before[same], rtol=1e-4, atol=1e-4)


def test_rank_knows_the_features_of_new_items_and_no_events(
    ranked: small_rank.Ranked, rank: pathlib.Path, grown_rank: pathlib.Path
) -> None:
    """A twin has the item, the crosses and the attention of its cold twin; all counts are nil."""
    request, ids, scores = _asked(ranked)
    before, after = (saved_rank.SavedRank(str(path)) for path in (rank, grown_rank))
    ids, scores = ids[:, :1].copy(), scores[:, :1]

    def parts(model: saved_rank.SavedRank, item: bytes) -> dict[str, np.ndarray]:
        ids[:] = item
        return model.parts(request, ids, scores)

    twin, cold, unknown = (
        parts(after, b"twin"), parts(before, COLD.encode()), parts(before, b"nobody"),
    )  # fmt: skip
    for group in ("item", "crosses", "target_attention", "profile", "recall_score"):
        name = signatures.part(group)
        np.testing.assert_allclose(twin[name], cold[name], rtol=1e-4, atol=1e-5)
    assert not np.allclose(twin["part_item"], unknown["part_item"], atol=1e-3)
    settings = small_rank.settings()
    names = ranked.prepare(settings).statistics.names
    counted = [n for n, name in enumerate(names) if not name.startswith("item_brand")]
    np.testing.assert_allclose(
        twin["part_statistics"][..., counted],
        unknown["part_statistics"][..., counted],
        rtol=1e-4,
        atol=1e-5,
    )


def test_ranks_tables_of_categories_and_crosses(
    known: tables.Known, grown_rank: pathlib.Path, vocabulary: list[bytes]
) -> None:
    model = item_tables.Tables(grown_rank)
    rows = {item: row for row, item in enumerate(vocabulary, start=1)}
    places = {item: place for place, item in enumerate(known.ids)}
    brands = model.get(item_tables.CATEGORIES, "item_brand")
    assert brands[rows[b"other"]].tolist() == [known.values["item_brand_xf"][places[b"other"]]]
    tags = model.get(item_tables.CROSSED, "item_tags")
    assert tags[rows[b"twin"]].tolist() == tags[rows[COLD.encode()]].tolist()
    assert (tags[rows[b"other"]] >= 0).sum() == 3
    prices = model.get(item_tables.CROSSED, "item_price")
    assert prices[rows[b"twin"]] == prices[rows[COLD.encode()]] > prices[rows[CHANGED.encode()]]
    for kind, name in ((item_tables.CATEGORIES, "item_brand"), (item_tables.ENCODED, "")):
        assert len(model.get(kind, name)) == len(vocabulary) + 2
