"""Counts to tables in a folder, and back, by hand."""

from __future__ import annotations

import json
import pathlib
import shutil

import numpy as np
import pytest

from modules.beam import sparse_counts
from modules.ranking import layout, shards, statistics, tabulate

DAY = statistics.SECONDS_A_DAY
ROWS = 5  # items 1, 2 and 3
SPAN = layout.Span(2, 10 * DAY + 5, 12 * DAY + 7)
# ratings of item 1: 5 and 3 on day 10, 4 on day 12; of item 3: 1 on day 11
EVENTS = {1: [(5, 10), (3, 10), (4, 12)], 3: [(1, 11)]}


def _cells(cells: dict[int, list[float]], dtype: type) -> sparse_counts.Cells:
    return sparse_counts.Cells(
        np.array(list(cells), np.int64), np.array(list(cells.values()), dtype)
    )


def _counted() -> dict[str, sparse_counts.Cells]:
    days = [(row, day) for row, events in EVENTS.items() for _, day in events]
    rows, on = np.array(days).T
    sums = {
        row: [sum(rating for rating, _ in events), sum(rating**2 for rating, _ in events)]
        for row, events in EVENTS.items()
    }
    return {
        layout.POPULARITY: _cells({row: [len(events)] for row, events in EVENTS.items()}, int),
        layout.DAILY: sparse_counts.Cells.counted(layout.day_keys(rows, on * DAY + 99)),
        layout.FEEDBACK: _cells(sums, float),
        layout.FOLLOWING: _cells({1 * ROWS + 1: [2], 1 * ROWS + 3: [1], 3 * ROWS + 1: [2]}, int),
    }


def _write(
    folder: pathlib.Path,
    tables: dict[str, sparse_counts.Cells],
    *,
    span: layout.Span = SPAN,
    categories: dict[str, int] | None = None,
    days: int = 99,
) -> statistics.Statistics:
    files = [
        shards.write_block(str(folder), table, block, layout.columns(table, part, ROWS, unit))
        for table, cells in tables.items()
        for unit in [2 if table == layout.FOLLOWING else 1]
        for block, part in sparse_counts.blocks(cells, layout.width(table, ROWS))
    ]
    facts = layout.manifest(span, ROWS, categories or {}, ["event_rating"], days, files)
    shards.write_manifest(str(folder), facts)
    return tabulate.read(str(folder))


@pytest.mark.parametrize("rows_of_a_block", [1, 2, 4096])
def test_all_tables_by_hand(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, rows_of_a_block: int
) -> None:
    monkeypatch.setattr(sparse_counts, "ROWS", rows_of_a_block)
    width = layout.CATEGORIES_WIDTH
    tags = _cells({1 * width: [1], 1 * width + 2: [1], 3 * width: [1]}, int)
    given = {**_counted(), layout.categories_table(0): tags}
    found = _write(tmp_path, given, categories={"item_tags": 4})
    assert found.repeats is None and found.similarity is None
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
    assert found.sessions.keys.tolist() == [-1] and not found.session_totals.any()
    assert found.categories["item_tags"].items.tolist() == [
        [-1, -1],
        [0, 2],
        [-1, -1],
        [0, -1],
        [-1, -1],
    ]
    np.testing.assert_allclose(found.categories["item_tags"].share, [1, 0, 0.75, 0])
    rating = found.feedback["event_rating"]
    assert rating.mean == 13 / 4
    assert rating.spread == pytest.approx(np.std([5, 3, 4, 1]))
    # 10 more events of the mean: item 1 (12 + 32.5) / 13, item 3 (1 + 32.5) / 11
    np.testing.assert_allclose(rating.items, [3.25, 44.5 / 13, 3.25, 33.5 / 11, 3.25], rtol=1e-6)


def test_returns_by_hand(tmp_path: pathlib.Path) -> None:
    """Item 1: two users, one of whom came back, once, after e - 1 seconds; item 3: one user."""
    returns = _cells({1: [2, 1, 1, 1024], 3: [1, 0, 0, 0]}, int)
    found = _write(tmp_path, {**_counted(), layout.RETURNS: returns})
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


def test_no_return_at_all(tmp_path: pathlib.Path) -> None:
    found = _write(tmp_path, {**_counted(), layout.RETURNS: _cells({1: [3, 0, 0, 0]}, int)})
    assert found.repeats is not None
    for values in vars(found.repeats).values():
        assert values.tolist() == [0.0] * 5


def test_older_days_are_left_out_and_popularity_is_not(tmp_path: pathlib.Path) -> None:
    counted = _counted()
    counted[layout.DAILY] = layout.newest_days(counted[layout.DAILY], SPAN, 2)
    found = _write(tmp_path, counted, days=2)
    assert (found.first_day, found.days) == (11, 2)
    assert found.popularity.tolist() == [0, 3, 0, 1, 0]
    assert found.daily.last(np.full(2, 1), np.arange(2)).tolist() == [0, 1]
    assert found.daily.last(np.full(2, 3), np.arange(2)).tolist() == [1, 1]


def test_days_before_1970() -> None:
    keys = layout.day_keys(np.array([3, 3]), np.array([-1, -DAY - 1]))
    cells = sparse_counts.Cells.counted(keys)
    assert layout.columns(layout.DAILY, cells, ROWS)["day"].tolist() == [-2, -1]


def test_similarity_comes_back_as_it_was(tmp_path: pathlib.Path) -> None:
    weights = np.random.default_rng(1).normal(size=(ROWS, ROWS)).astype(np.float32)
    weights[[0, 4]] = 0
    kept = statistics.Neighbours.of(weights, 3)
    columns = layout.similarity_columns(kept)
    name = shards.write_block(str(tmp_path), layout.SIMILARITY, 0, columns)
    shards.write_manifest(
        str(tmp_path), {**layout.manifest(SPAN, ROWS, {}, [], 99, [name]), "files": [name]}
    )
    files = shards.read_manifest(str(tmp_path))["files"]
    assert shards.read_table(str(tmp_path), files, layout.SIMILARITY).keys() == columns.keys()
    found = _write(tmp_path / "whole", _counted())
    assert found.similarity is None
    shutil.copy(tmp_path / name, tmp_path / "whole" / name)
    facts = shards.read_manifest(str(tmp_path / "whole"))
    shards.write_manifest(str(tmp_path / "whole"), {**facts, "files": [*facts["files"], name]})
    similarity = tabulate.read(str(tmp_path / "whole")).similarity
    assert similarity is not None
    np.testing.assert_array_equal(similarity.weights, kept.weights)
    given = kept.weights != 0
    np.testing.assert_array_equal(similarity.items[given], kept.items[given])


def test_items_without_any_category(tmp_path: pathlib.Path) -> None:
    found = _write(tmp_path, _counted(), categories={"item_tags": 1}).categories["item_tags"]
    assert found.items.tolist() == [[-1]] * 5
    assert found.share.tolist() == [0]


def test_feedback_that_is_always_the_same_has_the_spread_1(tmp_path: pathlib.Path) -> None:
    counted = {
        layout.POPULARITY: _cells({1: [7], 2: [3]}, int),
        layout.DAILY: _counted()[layout.DAILY],
        layout.FEEDBACK: _cells({1: [7 * 0.1, 7 * 0.1 * 0.1], 2: [0.3, 0.03]}, float),
    }
    found = _write(tmp_path, counted)
    assert found.feedback["event_rating"].spread == 1.0
    np.testing.assert_allclose(found.feedback["event_rating"].items, 0.1, rtol=1e-6)
    assert found.co_occurrence.keys.tolist() == [-1]


def test_spans_widen() -> None:
    assert layout.Span(1, 5, 9) + layout.Span(2) + layout.Span(1, 2, 6) == layout.Span(4, 2, 9)
    assert layout.Span.of(3, np.array([7, 2])) == layout.Span(3, 2, 7)
    assert layout.Span.of(3, np.zeros(0, np.int64)) == layout.Span(3)


def test_no_event_of_a_known_item_is_refused() -> None:
    with pytest.raises(
        ValueError, match="at least one event of an item of the catalogue, found none"
    ):
        layout.manifest(layout.Span(3), 4, {}, [], 9, [])


def test_a_file_that_is_missing_or_cut_off_is_named(tmp_path: pathlib.Path) -> None:
    _write(tmp_path, _counted())
    file = tmp_path / "following-00000.parquet"
    content = file.read_bytes()
    file.write_bytes(content[:-20])
    with pytest.raises(shards.BrokenFolder, match=rf"{file}: expected a Parquet file, found \d+"):
        tabulate.read(str(tmp_path))
    file.unlink()
    with pytest.raises(shards.BrokenFolder, match=rf"{file}: is missing. Run the component"):
        tabulate.read(str(tmp_path))
    (tmp_path / shards.MANIFEST).write_text('{"rows": 5')
    with pytest.raises(shards.BrokenFolder, match="found no JSON with `files`"):
        tabulate.read(str(tmp_path))
    (tmp_path / shards.MANIFEST).unlink()
    with pytest.raises(shards.BrokenFolder, match=rf"{shards.MANIFEST}: is missing"):
        tabulate.read(str(tmp_path))


def test_a_block_that_is_written_again_leaves_nothing_behind(tmp_path: pathlib.Path) -> None:
    for _ in range(2):
        shards.write_block(str(tmp_path), "t", 7, {"row": np.arange(3)})
    assert [path.name for path in tmp_path.iterdir()] == ["t-00007.parquet"]
    assert json.dumps(shards.read_table(str(tmp_path), ["t-00007.parquet"], "t")["row"].tolist())
