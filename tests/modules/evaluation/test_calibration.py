"""Reliability bins and their error, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modules.evaluation import calibration


def _found(*parts: tuple[list[float], list[int]], bins: int = 2) -> dict:
    combine = calibration.Reliability(bins)
    return combine.extract_output(
        combine.merge_accumulators(
            [
                combine.add_input(combine.create_accumulator(), (np.array(p), np.array(y)))
                for p, y in parts
            ]
        )
    )


def test_bins_and_error_by_hand():
    """Half says 0.2 and is right 1 time in 4, half says 0.8 and is right 2 times in 4.

    The error is 1/2 |0.25 - 0.2| + 1/2 |0.5 - 0.8| = 0.175.
    """
    found = _found(([0.2, 0.8, 0.2, 0.8], [1, 0, 0, 1]), ([0.8, 0.8, 0.2, 0.2], [0, 1, 0, 0]))
    assert [b["count"] for b in found["bins"]] == [4, 4]
    assert [b["predicted"] for b in found["bins"]] == pytest.approx([0.2, 0.8])
    assert [b["observed"] for b in found["bins"]] == pytest.approx([0.25, 0.5])
    assert found["ece"] == pytest.approx(0.175)


def test_bins_hold_about_the_same_number():
    rng = np.random.default_rng(0)
    predicted = rng.beta(0.3, 30, 20_000)
    found = _found((predicted.tolist(), (rng.random(20_000) < predicted).tolist()), bins=10)
    assert len(found["bins"]) == 10
    assert all(1_800 < b["count"] < 2_200 for b in found["bins"])
    edges = [b["predicted"] for b in found["bins"]]
    assert edges == sorted(edges)
    assert found["ece"] < 0.002  # drawn as predicted


def test_certain_predictions_have_bins_too():
    found = _found(([0.0, 1.0], [0, 1]))
    assert [(b["predicted"], b["observed"]) for b in found["bins"]] == [(0, 0), (1, 1)]
    assert found["ece"] == 0


def test_what_is_no_number_is_left_out():
    found = _found(([np.nan, 0.5], [1, 1]))
    assert found == {"bins": [{"predicted": 0.5, "observed": 1.0, "count": 1}], "ece": 0.5}


@pytest.mark.parametrize("parts", [[], [([], [])]])
def test_nothing_has_no_error(parts):
    assert _found(*parts) == {"bins": [], "ece": None}
