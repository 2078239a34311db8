"""Answers as they were logged, and now."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from modules.skew import logs, replay
from tests import fake_recall, fake_trained
from tests.serving import small_models

CYCLE = fake_recall.cycle(len(small_models.ITEMS))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> replay.Model:
    """Answers with the next items of the circle, scores 0, -1, ..."""
    return replay.Model(_save(tmp_path_factory.mktemp("model"), small_models.ITEMS))


def _save(folder: pathlib.Path, items: tuple[str, ...]) -> str:
    return fake_recall.save(folder, small_models.DATA, items, CYCLE, k=3)


def _logged(model: replay.Model, **outputs: np.ndarray) -> logs.Logged:
    """A request after m1 that the model answered m2, m3, m4; `outputs` replaces what was logged."""
    inputs = fake_trained.request(np.array([[1.0, 2.0]]), [[]], b"m1")
    answer = model.ask("serving_default", inputs)
    assert answer["item_id"].tolist() == [[b"m2", b"m3", b"m4"]]
    return logs.Logged("recall", "serving_default", 1, 99, inputs, {**answer, **outputs})


def _ids(*items: bytes) -> np.ndarray:
    return np.array([items], object)


def _scores(*scores: float) -> np.ndarray:
    return np.array([scores], np.float32)


def test_the_same_model_answers_with_the_same_bits(model):
    found = replay.replay(model, [_logged(model), _logged(model)])
    assert found == replay.Answers(2, 2, 0, 0.0, "")


def test_only_logged_outputs_are_compared(model):
    """`output_filter` lets a client ask for some."""
    logged = _logged(model)
    del logged.outputs["score"]
    assert replay.replay(model, [logged]).bitwise == 1


def test_rounding_is_no_difference(model):
    found = replay.replay(model, [_logged(model, score=_scores(0.00005, -1, -2))])
    assert (found.bitwise, found.unequal) == (0, 0)
    assert found.greatest == pytest.approx(0.00005)


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"score": _scores(0.5, -1, -2)}, "score differs by 0.5"),
        ({"item_id": _ids(b"m3", b"m2", b"m4")}, "item_id b'm3' then, b'm2' now"),
        ({"item_id": _ids(b"m2", b"m9", b"m4")}, "item_id b'm9' then, b'm3' now"),
        (
            {"item_id": _ids(b"m2", b"m3"), "score": _scores(0, -1)},
            "item_id (1, 2) then, (1, 3) now",
        ),
        ({"probability": _scores(1)}, "probability (1, 1) then, none now"),
    ],
)
def test_another_answer_is_named(model, outputs, said):
    found = replay.replay(model, [_logged(model), _logged(model, **outputs)])
    assert (found.requests, found.bitwise, found.unequal) == (2, 1, 1)
    assert found.example == f"logged at 99: {said}"


def test_items_of_like_scores_may_change_places(tmp_path):
    scores = CYCLE.copy()
    scores[1, [2, 3, 4, 5]] = [0.0, -0.00001, -0.5, -0.50001]
    alike = replay.Model(
        fake_recall.save(tmp_path, small_models.DATA, small_models.ITEMS, scores, k=3)
    )
    changed = _logged(alike, item_id=_ids(b"m3", b"m2", b"m4"))
    last = _logged(alike, item_id=_ids(b"m2", b"m3", b"m5"))  # as good as the last that comes now
    assert replay.replay(alike, [changed, last]).unequal == 0


def test_a_model_of_other_items_is_found_out(model, tmp_path):
    """Its scores are the same at every place."""
    other = replay.Model(_save(tmp_path, (*small_models.ITEMS[:2], *small_models.ITEMS[:1:-1])))
    found = replay.replay(other, [_logged(model)])
    assert found.unequal == 1 and "then" in found.example
