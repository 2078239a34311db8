"""Parameters by the catalogue's size."""

from __future__ import annotations

import pytest

from modules import config
from modules.index import parameters


@pytest.mark.parametrize(
    "items, leaves, searched, reorder, sample",
    [
        (20_000, 140, 70, 800, 20_000),
        (200_000, 1000, 40, 700, 200_000),
        (1_000_000, 4000, 110, 1250, 1_000_000),
    ],
)
def test_the_measured_points_are_met(
    items: int, leaves: int, searched: int, reorder: int, sample: int
) -> None:
    assert parameters.derive(config.Index(body="scann"), items) == parameters.Scann(
        leaves=leaves,
        leaves_to_search=searched,
        reorder=reorder,
        anisotropic_threshold=0.3,
        training_sample=sample,
        k=200,
    )


def test_between_points_the_logarithms_are_interpolated() -> None:
    # 63,246 lies half way between 20,000 and 200,000: the leaves are the geometric mean of 140 and
    # 1,000.
    assert parameters.derive(config.Index(body="scann"), 63_246).leaves == 374


def test_beyond_the_last_point_leaves_grow_as_the_root() -> None:
    found = parameters.derive(config.Index(body="scann"), 4_000_000)
    assert (found.leaves, found.leaves_to_search, found.reorder) == (8000, 220, 1250)


@pytest.mark.parametrize("items", [1, 2, 15, 999])
def test_scann_compares_every_item_of_a_small_catalogue(items: int) -> None:
    found = parameters.derive(config.Index(body="scann", leaves=100), items)
    assert found.leaves == found.leaves_to_search == 1
    assert found.deepened(4) == found


def test_what_is_configured_wins_within_what_is_possible() -> None:
    index = config.Index(
        body="scann", leaves=50, leaves_to_search=40, reorder=333, anisotropic_threshold=0.1
    )
    assert parameters.derive(index, 5000) == parameters.Scann(
        leaves=50,
        leaves_to_search=40,
        reorder=333,
        anisotropic_threshold=0.1,
        training_sample=5000,
        k=200,
    )
    assert parameters.derive(
        config.Index(body="ivf", leaves=7, leaves_to_search=3), 5000
    ) == parameters.Ivf(7, 3)
    assert parameters.derive(
        config.Index(body="ivf", leaves=7, leaves_to_search=3), 16
    ) == parameters.Ivf(2, 2)


def test_a_larger_k_reorders_more() -> None:
    assert parameters.derive(config.Index(body="scann", k=400), 200_000).reorder == 1400


@pytest.mark.parametrize(
    "items, expected", [(parameters.EXACT_UP_TO, "exact"), (parameters.EXACT_UP_TO + 1, "scann")]
)
def test_auto_changes_from_exact_to_scann(items: int, expected: str) -> None:
    assert parameters.derive(config.Index(), items).body == expected


def test_deeper_search_stays_within_the_index() -> None:
    deep = parameters.derive(config.Index(body="scann"), 20_000).deepened(4)
    assert (deep.leaves, deep.leaves_to_search, deep.reorder) == (140, 140, 3200)
    assert parameters.Ivf(partitions=10, probes=4).deepened(4).probes == 10
    assert parameters.Ivf(partitions=10, probes=4).deepened(0.01).probes == 1
