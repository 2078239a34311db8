"""Which recall models an unmodified TensorFlow Serving can load: all but those with ScaNN's index.

The rank model's test is in tests/modules/ranking/test_export.py, beside the model it needs.
"""

from __future__ import annotations

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from modules import config, warmup
from modules.index import bodies, export, parameters
from tests import fake_trained, stock_ops

ITEMS = 64


def save(folder: pathlib.Path, body: str) -> str:
    """A recall model of 64 items in 4 dimensions with the index `body`; returns its folder."""
    random = np.random.default_rng(0)
    names = [f"i{number}".encode() for number in range(ITEMS)]
    trained = tf.saved_model.load(
        fake_trained.save(
            folder / "trained", names, random.normal(size=(ITEMS, 4)).astype(np.float32)
        )
    )
    item_ids, vectors = export.candidates(trained)
    settings = parameters.derive(config.Index(body=body, k=5, leaves=4, leaves_to_search=4), ITEMS)
    export.save(
        trained,
        bodies.build(vectors, settings),
        item_ids,
        str(folder / "recall"),
        k=5,
        max_exclusions=2,
        sample=fake_trained.request(np.ones((2, 4)), [[], [b"i3"]]),
        description={},
    )
    return str(folder / "recall")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, stock_ops.Loaded]:
    """What became of the models in a process without ScaNN, by the index body."""
    names = ("exact", "ivf", "scann")
    return dict(
        zip(names, stock_ops.load(*(save(tmp_path_factory.mktemp(name), name) for name in names)))
    )


@pytest.mark.parametrize("body", ["exact", "ivf"])
def test_exact_and_ivf_have_stock_ops_only(body: str, loaded: dict[str, stock_ops.Loaded]) -> None:
    found = loaded[body]
    assert found.error is None
    assert found.unknown == []
    assert [op for op in found.ops if op.startswith("Scann")] == []
    assert "TopKV2" in found.ops  # it is in a function: these were looked into
    assert found.replayed >= len(warmup.BATCH_SIZES)


def test_an_index_of_scann_is_refused_and_the_error_names_its_op(
    loaded: dict[str, stock_ops.Loaded],
) -> None:
    found = loaded["scann"]
    assert found.error is not None
    assert "Op type not registered 'Scann>" in found.error
    assert found.unknown != [] and all(op.startswith("Scann>") for op in found.unknown)
    assert found.replayed == 0
