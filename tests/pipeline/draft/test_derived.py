"""Columns of events that belong to the items or users."""

from __future__ import annotations

import pytest

from modules import config
from modules.beam import check
from pipeline.draft import derived
from tests.pipeline.draft import drafts


@pytest.mark.parametrize(
    ("cells", "agreement"),
    [
        (["a", "b", "c"] * 20, 1.0),  # one for each id
        ([0, 1] * 30, 0.0),  # another in each row of an id: less than chance
        (["a"] * 60, 0.0),  # the same in all rows says nothing
    ],
)
def test_agreement(cells, agreement):
    ids = [0, 1, 2] * 20
    found = derived.agreement(ids, cells)
    assert found == pytest.approx(agreement) or (agreement == 0 and found <= 0)


def test_by_hand():
    # 60 rows of 2 ids, 58 of which repeat; 29 agree. Chance: 1/2 of the cells are a, 1/2 b.
    cells = ["a", "a", "b", "b"] * 15
    agreed = sum(cells[at] == cells[at % 2] for at in range(2, 60))
    assert agreed == 28
    assert derived.agreement([0, 1] * 30, cells) == pytest.approx((28 / 58 - 0.5) / 0.5)


def test_few_repeats_say_nothing():
    assert derived.agreement(["x", "y"] * 5, ["a", "b"] * 5) == 0


def test_items_and_users_from_the_events(tmp_path):
    lines = [
        f"{u}\t{i}\t{t}\t{20 + int(u[1:])}\tThe thing {i}\t{t % 7}"
        for u, i, t in drafts.rows(users=20)
    ]
    header = "user\titem\ttime\tage\tname\tprice"
    for name, rows in (("a.tsv", [header, *lines]), ("b.tsv", lines)):
        text = drafts.make(drafts.write(tmp_path / name, rows))
        data = drafts.load(text, tmp_path)
        kinds = [list(drafts.roles(t).values()) for t in (data.events, data.users, data.items)]
        assert kinds == [
            ["user_id", "item_id", "timestamp", "numeric"],
            ["user_id", "numeric"],
            ["item_id", "title"],
        ]
        assert (data.duplicate_users, data.duplicate_items) == ("first", "first")
        check.check(data, config.Split())
