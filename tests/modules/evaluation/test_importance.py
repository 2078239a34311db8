"""Permutation importance of groups whose share in the score is known."""

from __future__ import annotations

import numpy as np
import pytest

from modules.evaluation import importance

REQUESTS, PLACES, PADDING = 40, 12, -7.0


@pytest.fixture
def world():
    """Parts [B, C, 1], the given places, and targets, best by `strong`; every third is missed."""
    rng = np.random.default_rng(0)
    given = np.arange(PLACES)[np.newaxis] < rng.integers(5, PLACES + 1, REQUESTS)[:, np.newaxis]
    parts = {
        f"part_{name}": np.where(
            given[..., np.newaxis], rng.normal(size=(REQUESTS, PLACES, 1)), PADDING
        )
        for name in ("strong", "weak", "unused")
    }
    targets = np.argmax(np.where(given, parts["part_strong"][..., 0], -np.inf), axis=1)
    missed = np.arange(REQUESTS) % 3 == 0
    return parts, given, np.where(missed, -1, targets)[:, np.newaxis], np.ones(REQUESTS, int)


def _score(parts: dict[str, np.ndarray]) -> np.ndarray:
    return parts["part_strong"][..., 0] + 0.05 * parts["part_weak"][..., 0]


def test_what_the_score_is_made_of_is_what_counts(world):
    targets = world[2]
    drops = importance.measure(*world, _score, "NDCG@10")
    assert set(drops) == {"strong", "weak", "unused"}
    assert drops["strong"].mean() > 0.2 > 0.03 > abs(drops["weak"].mean())
    assert not drops["unused"].any()
    assert not drops["strong"][targets[:, 0] < 0].any()  # recall missed these: no order helps


def test_values_change_hands_among_candidates_alone(world):
    parts, given, _, _ = world
    asked = []

    def score(now: dict[str, np.ndarray]) -> np.ndarray:
        asked.append(now)
        return _score(now)

    importance.measure(*world, score, "NDCG@10")
    assert len(asked) == 1 + 3 * importance.REPEATS
    for name, part in parts.items():
        moved = [now[name] for now in asked if not np.array_equal(now[name], part)]
        assert len(moved) == importance.REPEATS
        for values in moved:
            assert (values[~given] == PADDING).all()
            np.testing.assert_array_equal(
                np.sort(values[given], axis=None), np.sort(part[given], axis=None)
            )


def test_the_same_seed_gives_the_same_importance(world):
    first, second = (importance.measure(*world, _score, "MRR@10")["strong"] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_a_users_requests_are_drawn_together():
    """Two users' requests, half 0, half 1: the interval is narrow drawn one by one, not by user."""
    values = np.repeat([0.0, 1.0], 200)
    alone = importance.with_interval(values, [b"%d" % n for n in range(400)])
    together = importance.with_interval(values, [b"u"] * 200 + [b"v"] * 200)
    assert alone["value"] == together["value"] == 0.5
    assert 0.44 < alone["low"] < 0.47 and 0.53 < alone["high"] < 0.56  # 0.5 -+ 1.96 * 0.5 / 20
    assert together["low"] == 0 and together["high"] == 1


def test_gain_of_ranks():
    np.testing.assert_allclose(
        importance.gain(np.array([[1.0], [3.0], [0.0], [11.0]]), np.ones(4, int), "NDCG@10"),
        [1, 0.5, 0, 0],
    )


def test_gain_of_the_ranks_of_several_targets():
    found = importance.gain(np.array([[2.0, 0.0], [4.0, 1.0]]), np.array([2, 2]), "Recall@3")
    np.testing.assert_array_equal(found, [0.5, 0.5])
