"""Counts to tables, by hand."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from modules.ranking import statistics, tabulate

DAY = statistics.SECONDS_A_DAY
# Items 1, 2 and 3; ratings of item 1: 5 and 3 on day 10, 4 on day 12; of item 3: 1 on day 11.
COUNTS = tabulate.DayCounts.of(
    [((3, 11), (1.0, 1.0, 1.0)), ((1, 12), (1.0, 4.0, 16.0)), ((1, 10), (2.0, 8.0, 34.0))]
)
SPAN = tabulate.Span(2, 10 * DAY + 5, 12 * DAY + 7)
FOLLOWING = [(1, np.array([1, 3]), np.array([1.0, 0.5])), (3, np.array([1]), np.array([1.0]))]


def _tabulate(tags: np.ndarray, size: int) -> statistics.Statistics:
    given = {"item_tags": statistics.Categories(tags, np.zeros(size, np.float32))}
    return tabulate.tabulate(COUNTS, SPAN, FOLLOWING, given, ["event_rating"], rows=5)


def test_all_tables_by_hand(tmp_path: pathlib.Path) -> None:
    tags = tabulate.category_table([(1, [2, 0, 2]), (3, [0])], rows=5)
    assert tags.tolist() == [[-1, -1], [0, 2], [-1, -1], [0, -1], [-1, -1]]
    made = _tabulate(tags, size=4)
    made.write(str(tmp_path / "kept"))
    for found in (made, statistics.Statistics.read(str(tmp_path / "kept"))):
        assert found.repeats is None
        assert found.popularity.tolist() == [0, 3, 0, 1, 0] and found.popularity.dtype == np.float32
        assert (found.first_day, found.days, found.events, found.users) == (10, 3, 4, 2)
        assert (found.first_timestamp, found.last_timestamp) == (10 * DAY + 5, 12 * DAY + 7)
        days = np.arange(3)
        assert found.daily.last(np.full(3, 1), days).tolist() == [2, 2, 3]
        assert found.daily.last(np.full(3, 2), days).tolist() == [0, 0, 0]
        assert found.daily.last(np.full(3, 3), days).tolist() == [0, 1, 1]
        rows, columns = np.mgrid[:5, :5]
        dense = np.zeros((5, 5))
        dense[1, 1], dense[1, 3], dense[3, 1] = 1, 0.5, 1
        np.testing.assert_array_equal(found.co_occurrence.lookup(rows, columns), dense)
        np.testing.assert_array_equal(found.categories["item_tags"].items, tags)
        np.testing.assert_allclose(found.categories["item_tags"].share, [1, 0, 0.75, 0])
        rating = found.feedback["event_rating"]
        assert rating.mean == 13 / 4
        assert rating.spread == pytest.approx(np.std([5, 3, 4, 1]))
        # 10 more events of the mean: item 1 (12 + 32.5) / 13, item 3 (1 + 32.5) / 11
        np.testing.assert_allclose(
            rating.items, [3.25, 44.5 / 13, 3.25, 33.5 / 11, 3.25], rtol=1e-6
        )


def test_returns_by_hand(tmp_path: pathlib.Path) -> None:
    """Item 1: two users, one of whom came back, once, after e - 1 seconds; item 3: one user."""
    made = tabulate.tabulate(
        COUNTS,
        SPAN,
        [],
        {},
        ["event_rating"],
        rows=5,
        returns=[(1, (2.0, 1.0, 1.0, 1024.0)), (3, (1.0, 0.0, 0.0, 0.0))],
    )
    made.write(str(tmp_path))
    for found in (made, statistics.Statistics.read(str(tmp_path))):
        assert found.repeats is not None
        # 10 more of the mean of all: one of three users, one of four events, e - 1 seconds
        users, events = 1 / 3, 1 / 4
        np.testing.assert_allclose(
            found.repeats.users, [users, 13 / 36, users, 10 / 33, users], rtol=1e-6
        )
        np.testing.assert_allclose(
            found.repeats.events, [events, 3.5 / 13, events, 2.5 / 11, events], rtol=1e-6
        )
        np.testing.assert_allclose(found.repeats.log_interval, 1.0, rtol=1e-6)
        assert found.repeats.users.dtype == np.float32


def test_no_return_at_all() -> None:
    made = tabulate.tabulate(
        COUNTS, SPAN, [], {}, ["event_rating"], rows=5, returns=[(1, (3.0, 0.0, 0.0, 0.0))]
    )
    assert made.repeats is not None
    for values in vars(made.repeats).values():
        assert values.tolist() == [0.0] * 5


def test_items_without_any_category() -> None:
    made = _tabulate(tabulate.category_table([(1, []), (3, [])], rows=5), size=1)
    assert made.categories["item_tags"].items.tolist() == [[-1]] * 5
    assert made.categories["item_tags"].share.tolist() == [0]


def test_feedback_that_is_always_the_same_has_the_spread_1() -> None:
    counts = tabulate.DayCounts.of(
        [((1, 10), (7.0, 7 * 0.1, 7 * 0.1 * 0.1)), ((2, 10), (3.0, 0.3, 0.03))]
    )
    made = tabulate.tabulate(counts, tabulate.Span(1, 10 * DAY, 10 * DAY), [], {}, ["f"], rows=4)
    assert made.feedback["f"].spread == 1.0
    np.testing.assert_allclose(made.feedback["f"].items, 0.1, rtol=1e-6)
    assert made.co_occurrence.keys.tolist() == [-1]


def test_spans_widen() -> None:
    assert tabulate.Span(1, 5, 9) + tabulate.Span(2) + tabulate.Span(1, 2, 6) == tabulate.Span(
        4, 2, 9
    )


def test_no_event_of_a_known_item_is_refused() -> None:
    with pytest.raises(
        ValueError, match="at least one event of an item of the catalogue, found none"
    ):
        tabulate.tabulate(tabulate.DayCounts.of([]), tabulate.Span(3), [], {}, [], rows=4)
