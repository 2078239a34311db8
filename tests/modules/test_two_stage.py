"""Two stages: the rank model orders what recall found, and says why."""

from __future__ import annotations

import numpy as np
import pytest

from modules import request_arrays, two_stage
from tests import examples, fake_rank, fake_recall

ITEMS = [f"item{n}" for n in range(6)]
K = 4


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Recall walks the circle with scores -0, -1, ...; the rank model moves item3 up by 2.5."""
    folder = tmp_path_factory.mktemp("models")
    return (
        fake_recall.save(folder / "recall", examples.data(), ITEMS, fake_recall.cycle(6), k=K),
        fake_rank.save(folder / "rank", examples.data(), {"item3": 2.5, "item5": -9.0}),
    )


def _request(*histories: list[str], exclude: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    data = examples.data()
    made = []
    for items in histories:
        events = [item.encode() for item in items] + [b""]
        example: dict[str, list] = {
            "event_item_id": events,
            "event_timestamp": list(range(len(events))),
            "seen_item_id": [item.encode() for item in exclude],
        }
        for name in ("event_action_type", "context_device"):
            example[name] = [b""] * len(events)
        for name in ("event_rating", "context_battery"):
            example[name] = [0.0] * len(events)
        made.append(example)
    return request_arrays.from_examples(made, data, 4)


def test_the_rank_model_orders_what_recall_found(models: tuple[str, str]) -> None:
    """After item0, recall says item1..4 with 0, -1, -2, -3; item3 gets -2 + 2.5."""
    found = two_stage.TwoStage(*models)(_request(["item0"], ["item4"]))
    assert found.ids.tolist() == [
        [b"item3", b"item1", b"item2", b"item4"],
        [b"item0", b"item1", b"item2", b"item5"],
    ]
    np.testing.assert_allclose(found.rank_scores, [[0.5, 0, -1, -3], [-1, -2, -3, -9]])
    assert found.recall_ranks.tolist() == [[3, 1, 2, 4], [2, 3, 4, 1]]
    np.testing.assert_allclose(found.recall_scores, [[-2, 0, -1, -3], [-1, -2, -3, 0]])
    assert found.groups == () and found.effects is None


def test_what_moved_an_item_goes_with_it(models: tuple[str, str]) -> None:
    found = two_stage.TwoStage(*models)(_request(["item0"]), explain=True)
    assert found.groups == ("item", "recall_score")
    np.testing.assert_allclose(found.effects, [[[2.5, -2], [0, 0], [0, -1], [0, -3]]])


def test_recall_alone(models: tuple[str, str]) -> None:
    found = two_stage.TwoStage(models[0])(_request(["item0"]))
    assert found.ids.tolist() == [[b"item1", b"item2", b"item3", b"item4"]]
    assert found.recall_ranks.tolist() == [[1, 2, 3, 4]] and found.rank_scores is None


def test_places_that_could_not_be_filled_stay_last(models: tuple[str, str]) -> None:
    """Of the others, item5 has -4 - 9, and item0, which was seen but is not excluded, -5."""
    found = two_stage.TwoStage(*models)(_request(["item0"], exclude=("item1", "item2", "item4")))
    assert found.ids.tolist() == [[b"item3", b"item0", b"item5", b""]]
