"""A Parquet file that cannot be reached is no damaged one: a runner has to try it again."""

from __future__ import annotations

import pathlib

import pyarrow as pa
import pytest
from apache_beam.io import filesystem, restriction_trackers
from pyarrow import parquet as pyarrow_parquet

from modules import config
from modules.beam import files, parquet, problems, rows

TABLE = config.Table(
    path="e.parquet",
    format="parquet",
    columns={
        "user_id": config.Column(role="user_id"),
        "item_id": config.Column(role="item_id"),
        "timestamp": config.Column(role="timestamp"),
    },
)


@pytest.fixture
def element(tmp_path: pathlib.Path) -> rows.File:
    """A file of three row groups with a row each."""
    path = tmp_path / "e.parquet"
    events = {"user_id": ["u", "v", "w"], "item_id": ["a", "b", "c"], "timestamp": [1, 2, 3]}
    pyarrow_parquet.write_table(pa.table(events), path, row_group_size=1)
    return 0, str(path), path.stat().st_size, False


def _read(element: rows.File) -> list:
    """All that is read, with the restriction that Beam would ask for."""
    provider = parquet._RowGroups()
    restriction = provider.initial_restriction(element)
    listing = files.Listing("events", "parquet", (element[1],), (element[2],))
    reader = parquet.ReadRows(listing, TABLE)
    reader.setup()
    found = []
    for group in range(restriction.start, restriction.stop):
        part = restriction_trackers.OffsetRange(group, group + 1)
        tracker = restriction_trackers.OffsetRestrictionTracker(part)
        found += reader.process(element, _Tracker(tracker))
    return found


class _Tracker:
    """What a DoFn sees of a tracker."""

    def __init__(self, tracker: restriction_trackers.OffsetRestrictionTracker) -> None:
        self._tracker = tracker
        self.try_claim = tracker.try_claim

    def current_restriction(self) -> restriction_trackers.OffsetRange:
        return self._tracker.current_restriction()


def test_all_row_groups_are_read(element: rows.File) -> None:
    assert [row[1] for row in _read(element)] == [("u", "a", 1), ("v", "b", 2), ("w", "c", 3)]


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError("timed out"),
        filesystem.BeamIOError("the store does not answer"),
        OSError(5, "Input/output error"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("at", [1, 2])
def test_what_cannot_be_reached_is_raised(
    monkeypatch: pytest.MonkeyPatch, element: rows.File, error: OSError, at: int
) -> None:
    """At the first opening, which counts the row groups, and at the second, which reads one."""
    opened, whole = [], parquet.parquet.ParquetFile

    def opens(stream: object) -> pyarrow_parquet.ParquetFile:
        opened.append(stream)
        if len(opened) == at:
            raise error
        return whole(stream)

    monkeypatch.setattr(parquet.parquet, "ParquetFile", opens)
    with pytest.raises(type(error), match=str(error.args[-1])):
        _read(element)


def test_damaged_content_is_a_problem_of_the_file(element: rows.File) -> None:
    path = pathlib.Path(element[1])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    (found,) = _read(element)
    assert found.tag == problems.TAG
    assert "the file is cut off or corrupt (Parquet: " in found.value[2]
