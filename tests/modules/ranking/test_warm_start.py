"""A training that goes on from an earlier model, whose vocabularies were others."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from modules import config, features, item_tables, warm_start
from modules.ranking import trainer
from modules.ranking.layers import hashed_cross
from modules.recall import export as recall_export
from modules.recall import trainer as recall_trainer
from tests import close
from tests.modules.ranking import conftest

STILL = {"warm_start": {"epochs": 1}, "learning_rate": 1e-9}


def _plain(variables: list[tf.Variable]) -> dict[str, np.ndarray]:
    return {f"{n} {v.name.partition('/')[2]}": v.numpy() for n, v in enumerate(variables)}


@pytest.fixture(scope="module")
def recall(transformed, tmp_path_factory) -> tuple:
    """(model, folder of its SavedModel)."""
    model = transformed.model(transformed.settings())
    model(transformed.batch(transformed.settings()))
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    folder = tmp_path_factory.mktemp("recall") / "model"
    ids = recall_trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)
    recall_export.save(model, transformed.output, ids, str(folder), conftest.MADE_OF)
    return model, folder


def _begun(transformed, folder: pathlib.Path) -> tf.Module:
    settings = transformed.settings()
    model = transformed.model(settings)
    model(transformed.batch(settings))
    values = lambda name: recall_trainer.vocabulary(transformed.output, name)
    table = warm_start.tables(settings.data, (), {}, values)
    warm_start.start(model.trainable_variables, warm_start.Base(str(folder)), table)
    return model


def test_the_same_vocabularies_give_the_same_model(transformed, recall) -> None:
    model, folder = recall
    found = _plain(_begun(transformed, folder).trainable_variables)
    for name, value in _plain(model.trainable_variables).items():
        if "item_id" not in name:
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    batch = transformed.batch(transformed.settings())
    close.assert_close(
        _begun(transformed, folder)(batch).numpy(), model(batch).numpy(), roundings=close.SUMS
    )


def test_rows_follow_their_values(transformed, recall, tmp_path) -> None:
    """The earlier catalogue had other items, in another order, and one brand less."""
    model, folder = recall
    shutil.copytree(folder, tmp_path / "model")
    base = tmp_path / "model"
    items = recall_trainer.vocabulary(transformed.output, features.ITEM_VOCABULARY)
    earlier = [b"gone", *items[:0:-1]]  # items[0] is new
    item_tables.write_vocabulary(base, earlier)
    brands = recall_trainer.vocabulary(transformed.output, "item_brand")
    (base / "assets" / "item_brand").write_bytes(b"".join(b + b"\n" for b in brands[::-1]))
    found = {v.name.partition("/")[2]: v.numpy() for v in _begun(transformed, base).variables}
    was = {v.name.partition("/")[2]: v.numpy() for v in model.variables}
    name = "item_tower/item_id/embeddings:0"
    trained = model.item_tower.id_row.numpy()
    for row, item in enumerate(items, start=1):
        place = 1 + earlier.index(item) if item in earlier else len(earlier) + 1
        np.testing.assert_array_equal(found[name][row], was[name][trained[place]])
    np.testing.assert_array_equal(found[name][-1], was[name][-1])
    name = "item_tower/item_features/item_brand/embeddings:0"
    np.testing.assert_array_equal(found[name][:-1], was[name][:-1][::-1])
    np.testing.assert_array_equal(found[name][-1], was[name][-1])


def test_another_model_is_refused(transformed, recall) -> None:
    _, folder = recall
    settings = transformed.settings({"dim": 4})
    model = transformed.model(settings)
    model(transformed.batch(settings))
    table = warm_start.tables(settings.data, (), {}, lambda _: [])
    with pytest.raises(
        warm_start.CannotStart,
        match=r"item_tower/item_id/embeddings: found 14 x 8, expected 14 x 4\. .*--warm-start once",
    ):
        warm_start.start(model.trainable_variables, warm_start.Base(str(folder)), table)
    deeper = transformed.settings({"layers": 2})
    model = transformed.model(deeper)
    model(transformed.batch(deeper))
    with pytest.raises(warm_start.CannotStart, match=r"block_1/.*: found 0 such weights, expected"):
        warm_start.start(
            model.trainable_variables,
            warm_start.Base(str(folder)),
            warm_start.tables(
                deeper.data,
                (),
                {},
                lambda name: recall_trainer.vocabulary(transformed.output, name),
            ),
        )


@dataclasses.dataclass(frozen=True)
class _Base:
    """Vocabularies alone."""

    vocabularies: dict[str, list[bytes]]

    def values(self, vocabulary: str) -> list[bytes]:
        return self.vocabularies[vocabulary]


@pytest.mark.parametrize("buckets", [1000, 5000])
def test_combinations_follow_the_values_they_cross(buckets: int) -> None:
    """Hashed where 32 * 42 combinations have 1000 buckets."""
    specs, sizes, rng = _specs(), (32, 42), np.random.default_rng(0)

    def drawn() -> dict[str, list[bytes]]:
        return {
            spec.vocabulary: [b"%d" % n for n in rng.permutation(50)[: size - 1]]
            for spec, size in zip(specs, sizes)
        }

    old, new = drawn(), drawn()
    made = warm_start.Combinations(specs, buckets, sizes, new.__getitem__)
    rows = made.rows(_Base(old))
    count = sizes[0] * sizes[1]
    assert len(rows) == min(buckets, count)

    def row(values: tuple[bytes, bytes], vocabularies: dict[str, list[bytes]]) -> int:
        first, second = (
            v.index(x) if x in v else len(v) for v, x in zip(vocabularies.values(), values)
        )
        return int(hashed_cross.bucket(first * sizes[1] + second, buckets, count))

    right = [
        rows[row(pair, new)] == row(pair, old)
        for pair in itertools.product(*(set(new[name]) & set(old[name]) for name in new))
    ]
    # of combinations that share a bucket, one is followed
    assert np.mean(right) == 1 if buckets > count else np.mean(right) > 0.6


def _specs() -> list[features.Feature]:
    data = config.Data(
        events=config.Table(
            path="e",
            columns={
                "u": config.Column(role="user_id"),
                "i": config.Column(role="item_id"),
                "t": config.Column(role="timestamp"),
            },
        ),
        users=config.Table(
            path="u",
            columns={
                "u": config.Column(role="user_id"),
                "a": config.Column(kind="categorical"),
                "b": config.Column(kind="categorical"),
            },
        ),
    )
    return list(features.user_features(data))


def test_the_ranker_goes_on(ranked, trained, exported, tmp_path) -> None:
    settings = conftest.settings(training=STILL)
    found = trainer.train(
        settings=settings,
        checkpoint_folder=str(tmp_path),
        base=exported,
        **ranked._arguments(),
    )
    assert len(found.history) == 1
    ours, theirs = (_plain(t.model.trainable_variables) for t in (found, trained))
    assert len(ours) == len(theirs) > 20
    for (name, value), other in zip(ours.items(), theirs.values()):
        np.testing.assert_allclose(value, other, atol=1e-6, err_msg=name)
