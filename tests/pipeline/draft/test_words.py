"""Names of columns are taken apart, and say what the column is for."""

from __future__ import annotations

import pytest

from pipeline.draft import words


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("reviewerID", ("reviewer", "id")),
        ("User-ID", ("user", "id")),
        ("visitorid", ("visitor", "id")),
        ("t_dat", ("t", "dat")),
        ("unixReviewTime", ("unix", "review", "time")),
        ("paid", ("paid",)),
        ("ISBN", ("isbn",)),
    ],
)
def test_parts(name, parts):
    assert words.parts(name) == parts


@pytest.mark.parametrize(
    ("names", "vocabulary", "best"),
    [
        (["session_id", "user_id", "user_name"], words.USER, "user_id"),
        (["household_id", "store_id"], words.USER, "household_id"),
        (["video_category", "video_id"], words.ITEM, "video_id"),
        (["artist_id", "track_id", "track_name"], words.ITEM, "track_id"),
        (["StockCode", "Description"], words.ITEM, "StockCode"),
        (["product_price", "asin"], words.ITEM, "asin"),
    ],
)
def test_the_best_id(names, vocabulary, best):
    assert max(names, key=lambda name: words.score(name, vocabulary)) == best


@pytest.mark.parametrize("name", ["price", "CustomerID", "timestamp", "rating"])
def test_no_item(name):
    assert words.score(name, words.ITEM) == 0


def test_times():
    assert words.time_score("event_timestamp") > words.time_score("release_date") > 0
    assert words.time_score("price") == 0
