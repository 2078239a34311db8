"""Examples of Candidates as batches: lists of differing length, also empty ones, are padded."""

from __future__ import annotations

import math
import pathlib
from typing import Any

import numpy as np

from modules import requests
from modules.ranking import examples as ranking_examples
from tests import examples


def row(user: str, items: list[str], scores: list[float], place: int | list[int]) -> dict[str, Any]:
    past = examples.sequence(["a", "b"], [1, 2], user_id=user)
    return {
        **past,
        "candidate_item_id": items,
        "recall_score": scores,
        "target_place": place,
        "positive_added": 0,
        "part": 0,
    }


def test_files_are_read_in_order_and_padded(tmp_path: pathlib.Path) -> None:
    examples.write(
        tmp_path,
        {
            "one": [row("u1", ["c", "b"], [0.5, 0.25], 1)],
            "two": [row("u2", [], [], -1), row("u3", ["b"], [0.75], 0)],
        },
    )
    parsed = list(ranking_examples.read(f"{tmp_path}/Split-*/*"))
    assert [example["user_id"] for example in parsed] == [[b"u1"], [b"u2"], [b"u3"]]
    batch, ids, scores, places = ranking_examples.requests_of(
        parsed, examples.data(), max_history=5
    )
    assert set(batch) == set(requests.input_specs(examples.data(), exclusions=False))
    assert batch["event_item_id"].tolist() == [[b"a"]] * 3  # without the target
    assert ids.tolist() == [[b"c", b"b"], [b"", b""], [b"b", b""]]
    np.testing.assert_array_equal(scores, [[0.5, 0.25], [math.nan, math.nan], [0.75, math.nan]])
    assert scores.dtype == np.float32
    assert places.tolist() == [[1], [-1], [0]]


def test_requests_without_any_candidate(tmp_path: pathlib.Path) -> None:
    examples.write(tmp_path, {"one": [row("u1", [], [], -1)]})
    _, ids, scores, places = ranking_examples.requests_of(
        list(ranking_examples.read([f"{tmp_path}/Split-one/*"])), examples.data(), max_history=5
    )
    assert (ids.shape, scores.shape, places.tolist()) == ((1, 0), (1, 0), [[-1]])


def test_requests_of_several_targets_are_padded_to_the_most(tmp_path: pathlib.Path) -> None:
    rows = [row("u1", ["c", "b"], [0.5, 0.25], [1, -1, 0]), row("u2", ["b"], [0.75], [0])]
    examples.write(tmp_path, {"one": rows})
    *_, places = ranking_examples.requests_of(
        list(ranking_examples.read([f"{tmp_path}/Split-one/*"])), examples.data(), max_history=5
    )
    assert places.tolist() == [[1, -1, 0], [0, -1, -1]]
