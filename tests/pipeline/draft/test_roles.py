"""Roles of columns: user, item, time, action."""

from __future__ import annotations

import pytest

from modules.beam import errors
from pipeline.draft import facts, roles

SECONDS = ["1700000000", "1700000600", "1700000000", "1700001200"]
IDS = ["1", "2", "3", "1"]


def of(**cells) -> roles.Roles:
    return roles.of({name: facts.of(name, values) for name, values in cells.items()})


def test_names_decide():
    found = of(
        basket_id=["7", "8", "9", "9"],
        product_id=["5", "6", "7", "5"],
        household_id=IDS,
        event_type=["view", "buy", "view", "view"],
        ts=SECONDS,
    )
    assert found == roles.Roles("household_id", "product_id", "ts", "event_type", {})


def test_values_decide_where_names_say_nothing():
    found = of(a=["x", "y", "z", "x"], b=IDS, c=["pv", "buy", "pv", "cart"], d=SECONDS)
    assert (found.user, found.item, found.time, found.action) == ("a", "b", "d", "c")
    assert set(found.unsure) == {"user", "item"}


@pytest.mark.parametrize(
    ("times", "chosen"),
    [
        ({"release_date": ["2020-01-01"] * 4, "event_time": SECONDS}, "event_time"),
        (
            {"reviewTime": ["09 13, 2009"] * 4, "unixReviewTime": ["1252800000"] * 4},
            "unixReviewTime",
        ),
        ({"day": ["2023-11-14"] * 4, "when": SECONDS}, "when"),
        ({"price": ["1", "2", "3", "4"]}, None),
    ],
)
def test_the_best_time(times, chosen):
    assert of(user_id=IDS, item_id=IDS, **times).time == chosen


def test_prices_and_ratings_are_no_ids():
    assert of(price=IDS, rating=IDS, user_id=IDS).item is None


def test_what_lacks_is_refused():
    columns = {"price": facts.of("price", ["1.5", "2.5"])}
    with pytest.raises(
        errors.DataError, match=r"x.csv: no column .* user or of the item; found price"
    ):
        roles.require(roles.of(columns), "x.csv", columns)


def test_names_for_columns_without():
    cells = {
        "column_1": ["x", "y", "z", "x"],
        "column_2": IDS,
        "column_3": ["5", "3", "4", "1"],
        "column_4": SECONDS,
    }
    columns = {name: facts.of(name, values) for name, values in cells.items()}
    assert roles.invented(columns, roles.of(columns)) == {
        "column_1": "user_id",
        "column_2": "item_id",
        "column_3": "rating",
        "column_4": "timestamp",
    }
