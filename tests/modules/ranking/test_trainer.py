"""Training of the ranker as a whole: resumption, early stopping, validation, calibration."""

import numpy as np
import pytest
import tensorflow as tf

from modules.ranking import model as model_lib
from modules.ranking import trainer, validation
from modules.recall import callbacks
from tests.modules.ranking import conftest


class _Killed(callbacks.Callback):
    """Ends the training after an epoch, as a signal would."""

    def on_epoch(self, epoch):
        if epoch.epoch == 1:
            raise KeyboardInterrupt


def test_a_killed_training_goes_on_as_if_nothing_had_happened(ranked, trained, tmp_path):
    settings = trained.model.settings
    with pytest.raises(KeyboardInterrupt):
        ranked.train(settings, tmp_path / "killed", (_Killed(),))
    resumed = ranked.train(settings, tmp_path / "killed")
    assert [e.epoch for e in resumed.history] == [1, 2]
    for before, after in zip(trained.history, resumed.history):
        assert before.loss == pytest.approx(after.loss, rel=1e-5)
        assert before.metrics == pytest.approx(after.metrics, rel=1e-5)
    for one, other in zip(trained.model.trainable_variables, resumed.model.trainable_variables):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_ranker_learns(ranked, tmp_path):
    settings = conftest.settings(
        training={"epochs": 30, "learning_rate": 0.02, "early_stopping": {"enabled": False}}
    )
    history = ranked.train(settings, tmp_path).history
    assert history[-1].loss < 0.5 * history[0].loss


def test_a_loss_that_is_not_finite_is_an_error(ranked, tmp_path):
    settings = conftest.settings(training={"learning_rate": 1e30, "lr_schedule": "constant"})
    with pytest.raises(FloatingPointError, match=r"Lower ranking\.training\.learning_rate"):
        ranked.train(settings, tmp_path)


class _Fixed:
    """A model that gives the scores it was given."""

    objectives = ()

    def __call__(self, batch):
        return {model_lib.SCORE: batch["given"]}


def _validation(scores, targets, rows, numbers=None):
    tensors = {
        "given": np.array(scores, np.float32),
        model_lib.TARGET: np.array(targets).reshape(len(scores), -1),
        model_lib.TARGETS: np.array(numbers or [1] * len(scores)),
        "candidate_rows": np.array(rows),
    }
    return validation.Validation(
        _Fixed(), tf.data.Dataset.from_tensor_slices(tensors).batch(2), "MRR@2"
    )


def test_a_target_that_recall_missed_is_a_miss():
    validate = _validation(
        [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]],
        [0, 2, -1],
        [[1, 2, 3], [1, 2, 3], [1, 2, 3]],
    )
    loss, metrics = validate()
    assert metrics["HR@10"] == pytest.approx(2 / 3)
    assert metrics["NDCG@10"] == pytest.approx((1 + 1 / 2) / 3)  # ranks 1 and 3: 1 and 1 / log2(4)
    assert metrics["MRR@2"] == pytest.approx(1 / 3)
    whole = np.log(np.exp([3.0, 2.0, 1.0]).sum())
    assert loss == pytest.approx(((whole - 3) + (whole - 1)) / 2, rel=1e-5)
    assert validate.calibration().coverage == pytest.approx(2 / 3)


def test_several_targets_of_a_request():
    """Ranks 1 and 3 of three targets; rank 2 of one; one of two missed, the other in place 1."""
    scores = [[3.0, 2.0, 1.0], [3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]
    validate = _validation(
        scores,
        [[0, 2, -1], [1, -1, -1], [-1, 0, -1]],
        [[1, 2, 3], [1, 2, 3], [1, 2, 3]],
        numbers=[3, 1, 2],
    )
    loss, found = validate()
    assert found["HR@10"] == 1.0
    assert found["Recall@10"] == pytest.approx((2 / 3 + 1 + 1 / 2) / 3)
    ideal = [1.0, 1 / np.log2(3), 1 / np.log2(4)]
    assert found["NDCG@10"] == pytest.approx(
        ((1 + 1 / 2) / sum(ideal) + ideal[1] + 1 / sum(ideal[:2])) / 3
    )
    assert found["MRR@2"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    whole = np.log(np.exp([3.0, 2.0, 1.0]).sum())
    # the mean over a request's targets in the list, then over requests
    assert loss == pytest.approx(((whole - 2) + (whole - 2) + (whole - 3)) / 3, rel=1e-5)
    assert validate.places().tolist() == [1, 2, np.inf]  # of the first targets
    fitted = validate.calibration()
    assert fitted.coverage == 1.0 and fitted.temperature == 1.0 and fitted.several is not None


def test_one_target_leaves_no_name_of_sets():
    _, found = _validation([[1.0, 0.0]], [0], [[1, 2]])()
    assert {name.split("@")[0] for name in found} == {"HR", "NDCG", "MRR"}


def test_padding_takes_no_place():
    _, metrics = _validation([[1.0, 1.0, 1.0], [0.0, 5.0, 9.0]], [0, 0], [[4, 0, 0], [1, 0, 0]])()
    assert metrics["MRR@10"] == 1.0


def test_vectors_are_put_in_the_catalogue_s_order():
    found = trainer.rows_of({b"b": np.array([1.0, 2.0]), b"a": np.array([3.0, 4.0])}, [b"a", b"b"])
    np.testing.assert_array_equal(found, [[0, 0], [3, 4], [1, 2], [0, 0]])
    with pytest.raises(
        ValueError, match=r"1 are missing, first b'c'.*Train recall and rank in one run"
    ):
        trainer.rows_of({b"a": np.zeros(2)}, [b"a", b"c"])


def test_centres_are_the_mean_parts_of_training(trained):
    recall = trained.centres["recall_score"]
    assert recall.shape == (3,)
    # the numbers are standardised over the same candidates
    np.testing.assert_allclose(recall, 0, atol=1e-4)
    assert set(trained.centres) == set(trained.model.groups)
