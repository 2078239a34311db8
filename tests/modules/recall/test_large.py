"""What keeps training of much data in bounds: it gives what it gives on little data."""

import numpy as np
import pytest

from modules import strict
from modules.recall import input_data, lazy_adam, trainer


def _train(transformed, folder, **training):
    return trainer.train(
        settings=transformed.settings(
            {"dropout": 0.0}, {"epochs": 6, "learning_rate": 0.01, **training}
        ),
        transform=transformed.output,
        train_files=[transformed.files["train"]],
        catalogue_files=[transformed.files["catalogue"]],
        valid_files=[transformed.files["valid"]],
        checkpoint_folder=str(folder),
    )


@pytest.fixture(scope="module")
def usual(transformed, tmp_path_factory):
    return _train(transformed, tmp_path_factory.mktemp("usual"))


def _losses(history):
    return [(epoch.loss, epoch.val_loss) for epoch in history]


def test_little_memory_learns_the_same(transformed, usual, tmp_path, monkeypatch, capsys):
    """Rows alone in each step, sequences that are read again, validation on some requests."""
    monkeypatch.setattr(lazy_adam, "LARGE", 5)
    stride, number = input_data.every([transformed.files["valid"]], 2)
    assert number > 2 and stride == -(-number // 2)
    model, history = _train(transformed, tmp_path, cache=False, validation_requests=2)
    assert f"each epoch is validated on 2 of {number} requests" in capsys.readouterr().out
    found, expected = np.array(_losses(history)), np.array(_losses(usual[1]))
    np.testing.assert_allclose(found[:, 0], expected[:, 0], rtol=0.02)
    assert not np.allclose(found[:, 1], expected[:, 1], rtol=0.02)
    table, whole = (m.item_tower.embedding.embeddings.numpy() for m in (model, usual[0]))
    assert np.linalg.norm(table - whole) < 0.1 * np.linalg.norm(whole)


def test_every_request_where_there_are_few(transformed):
    files = [transformed.files["valid"]]
    _, number = input_data.every(files, 1)
    assert input_data.every(files, number) == (1, number)


@pytest.mark.parametrize(
    ("items", "asked", "expected"),
    [(1_700, None, 50_000), (100_000, None, 21_474), (2**24, None, 1_000), (1_700, 77, 77)],
)
def test_how_many_requests_validate_by_default(transformed, items, asked, expected):
    training = transformed.settings(training={"validation_requests": asked}).training
    assert trainer.validation_requests(training, items) == expected


def test_a_softmax_that_no_memory_holds_is_refused(transformed, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_MOST_LOGITS", 220)  # 20 positions against 11 items
    with pytest.raises(
        strict.ConfigError,
        match=r"each of 20 positions against 12 items; expected at most 11 items\. Use",
    ):
        _train(transformed, tmp_path, candidates="catalogue")
