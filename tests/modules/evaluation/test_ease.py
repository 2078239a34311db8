"""EASE against its formula in double precision, and by hand."""

from __future__ import annotations

import pathlib

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import test_pipeline, util

from modules.evaluation import baselines, ease


def test_two_items_by_hand():
    """One user, both items: X'X + l2 I = [[1+l2, 1], [1, 1+l2]]; B01 = -P01 / P11 = 1 / (1+l2)."""
    found = ease.fit([np.array([0, 1])], 2, l2=3.0)
    np.testing.assert_allclose(found, [[0, 0.25], [0.25, 0]], atol=1e-6)


@pytest.mark.parametrize("block", [1024, 5, 12, 1])
def test_the_formula_in_double_precision(monkeypatch, block):
    monkeypatch.setattr(ease, "_BLOCK", block)
    rng = np.random.default_rng(3)
    x = (rng.random((80, 12)) < 0.3).astype(np.float64)
    p = np.linalg.inv(x.T @ x + 250 * np.eye(12))
    expected = np.eye(12) - p @ np.diag(1 / np.diag(p))
    found = ease.fit([np.flatnonzero(row) for row in x], 12)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert np.all(np.diag(found) == 0)
    assert np.ptp(found, axis=0).min() > 0.01  # the expectation is no table of zeros


def test_scores_are_sums_over_the_history_and_0_outside_the_catalogue():
    weights = np.array([[0, 1, 2], [4, 0, 8], [16, 32, 0]], np.float32)
    np.testing.assert_array_equal(
        ease.scores(weights, np.array([0, 1]), np.array([2, 0, -1])), [10, 4, 0]
    )


def test_scores_of_all_items_are_the_same():
    weights = np.random.default_rng(0).normal(size=(9, 9)).astype(np.float32)
    for history in ([], [3], [0, 4, 8]):
        own = np.array(history, np.int64)
        np.testing.assert_allclose(
            ease.all_scores(weights, own), ease.scores(weights, own, np.arange(9)), atol=1e-6
        )


def test_no_history_scores_0():
    found = ease.scores(np.ones((2, 2), np.float32), np.zeros(0, np.int64), np.array([0, 1]))
    assert found.tolist() == [0, 0]


@pytest.mark.parametrize("places", [[], [np.zeros(0, np.int64)]])
def test_without_events_no_item_says_anything_of_another(places):
    assert not ease.fit(places, 3).any()


def _fit_on_beam(path: pathlib.Path, expected: str | None) -> None:
    """Of a catalogue x, y and users [x, y, x] and [gone, y]."""
    catalogue = baselines.Popularity(np.array([b"x", b"y"], object), np.array([2, 2]))
    with test_pipeline.TestPipeline() as pipeline:
        side = beam.pvalue.AsSingleton(pipeline | "Catalogue" >> beam.Create([catalogue]))
        histories = pipeline | beam.Create([(b"u", [b"x", b"y", b"x"]), (b"v", [b"gone", b"y"])])
        util.assert_that(histories | ease.Fit(side, str(path)), util.equal_to([expected]))


def test_on_beam_each_user_counts_an_item_once_and_only_those_of_the_catalogue(tmp_path):
    _fit_on_beam(tmp_path / "ease.npy", str(tmp_path / "ease.npy"))
    np.testing.assert_allclose(
        ease.read(str(tmp_path / "ease.npy")),
        # X'X + 250 I = [[251, 1], [1, 252]]
        [[0, 1 / 251], [1 / 252, 0]],
        rtol=1e-5,
    )


def test_a_catalogue_that_is_too_large_has_no_matrix(tmp_path, monkeypatch):
    monkeypatch.setattr(ease, "MOST_ITEMS", 1)
    _fit_on_beam(tmp_path / "ease.npy", None)
    assert not (tmp_path / "ease.npy").exists()
