"""The ranker's lists on disk: rows, padding, batches, orders, a full disk, memory."""

import errno
import tempfile

import numpy as np
import pytest

from modules.ranking import lists
from modules.ranking import model as model_lib

NARROW = {
    "numbers": np.array([[[1.5, 2.5]], [[3.5, np.nan]]], np.float32),  # [2, 1, 2]
    "user_tags": np.array([[0, 3], [4, -1]], np.int64),
    "session": np.array([7.0, 8.0], np.float32),
    model_lib.TARGET: np.array([[0], [-1]], np.int64),
}
WIDE = {
    "numbers": np.array([[[4.5, 5.5], [6.5, 7.5]]], np.float32),
    "user_tags": np.array([[1, 2, 3]], np.int64),
    "session": np.array([9.0], np.float32),
    model_lib.TARGET: np.array([[1, 0]], np.int64),
}
EXPECTED = {
    "numbers": [[[1.5, 2.5], [0, 0]], [[3.5, np.nan], [0, 0]], [[4.5, 5.5], [6.5, 7.5]]],
    "user_tags": [[0, 3, -1], [4, -1, -1], [1, 2, 3]],
    "session": [7.0, 8.0, 9.0],
    model_lib.TARGET: [[0, -1], [-1, -1], [1, 0]],
}


def _lists(*batches, change=lambda batch: batch):
    spool = lists.Spool()
    for batch in batches:
        spool.add(batch)
    return lists.Lists(spool, {"raw": np.zeros(1)}, change)


@pytest.fixture
def two():
    return _lists(NARROW, WIDE)


def _equal(found, rows):
    assert list(found) == list(EXPECTED)
    for name, values in EXPECTED.items():
        np.testing.assert_array_equal(found[name], np.array(values)[rows])
        assert found[name].dtype == NARROW[name].dtype


def test_requests_are_padded_to_the_widest(two):
    assert two.size == 3
    _equal(two.rows(np.arange(3)), [0, 1, 2])


def test_rows_come_in_the_order_that_is_asked_for(two):
    _equal(two.rows(np.array([2, 0, 2])), [2, 0, 2])


@pytest.mark.parametrize("row", [3, -1])
def test_a_request_that_is_not_there(two, row):
    with pytest.raises((IndexError, OSError)):
        two.rows(np.array([row]))


@pytest.mark.parametrize(("most", "rows"), [(9, [0, 1, 2]), (2, [0, 2]), (1, [0])])
def test_a_spread_of_them(two, most, rows):
    _equal(two.spread(most), rows)


@pytest.mark.parametrize("order", [None, [2, 0, 1]])
def test_batches(two, order):
    rows = order or [0, 1, 2]
    data = two.batches(2, None if order is None else np.array(order))
    first, last = data.as_numpy_iterator()
    _equal(first, rows[:2])
    _equal(last, rows[2:])
    assert data.element_spec["numbers"].shape.as_list() == [None, 2, 2]


def test_a_change_of_each_batch():
    changed = _lists(NARROW, WIDE, change=lambda b: {**b, "session": b["session"] / 2})
    assert changed.spread(3)["session"].tolist() == [3.5, 4.0, 4.5]


def test_a_full_disk_names_the_folder_and_the_remedy(monkeypatch):
    class Full:
        def write(self, _):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(lists, "_unnamed_file", Full)
    spool = lists.Spool()
    with pytest.raises(OSError, match="set TMPDIR to a folder with more") as caught:
        spool.add(NARROW)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, tempfile.gettempdir())


def test_the_file_has_no_name_that_could_be_left_behind(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    found = _lists(NARROW)
    assert not list(tmp_path.iterdir())
    assert found.rows(np.array([1]))["session"].tolist() == [8.0]
