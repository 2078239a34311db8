"""Facts of a column's cells."""

from __future__ import annotations

import pytest

from pipeline.draft import facts


def test_counts_and_missing_texts():
    found = facts.of("age", ["24", "", "NULL", "24", "7", None, float("nan")])
    assert dict(found.counts) == {"24": 2, "7": 1}
    assert sum(found.missing.values()) == 4
    assert (found.present, found.distinct, found.examples) == (3, 2, ["24", "7"])
    assert found.missing_share == pytest.approx(4 / 7)


def test_lists_and_objects_are_counted():
    found = facts.of("tags", [["a", "b"], ["a", "b"], ["c"]])
    assert dict(found.counts) == {("a", "b"): 2, ("c",): 1}
    assert found.examples == ["['a', 'b']", "['c']"]
    assert facts.hashable({"a": 1}) == '{"a": 1}'


@pytest.mark.parametrize(
    ("cells", "is_id"),
    [
        (["1", "2"], True),
        (["9.0", "10.0"], True),
        (["Half-Life 2", "Team Fortress"], True),
        (["1.5", "2.5"], False),
        (["$1", "$2"], False),
        (["It was a dark and stormy night", "Once upon a time there was"], False),
        ([], False),
    ],
)
def test_what_may_be_ids(cells, is_id):
    assert facts.of("x", cells).is_id_like is is_id


def test_unique():
    assert facts.of("x", [str(n) for n in range(200)] + ["0"]).is_unique
    assert not facts.of("x", ["1", "1", "2"]).is_unique


def test_long_examples_are_cut():
    assert facts.shown("a" * 40) == "a" * 25 + "..."
    assert facts.shown("a\n b") == "a b"
