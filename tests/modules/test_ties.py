"""Whether a file's ties are sorted by item, by hand."""

from __future__ import annotations

import itertools

import pytest

from modules import ties


def test_neighbours_of_one_time() -> None:
    """Item b stands before a, and a before c; a twice is no pair, and c is of another time."""
    found = ties.pairs([1, 1, 1, 1, 2], ["b", "a", "a", "c", "d"])
    assert found == [(("a", "b"), False), (("a", "c"), True)]
    assert ties.pairs([1], ["a"]) == ties.pairs([], []) == []


def test_users_with_many_ties_tell_of_the_same_pairs() -> None:
    items = [f"i{n:02}" for n in range(100)]
    found = ties.pairs([0] * 100, items)
    assert len(found) == ties.MOST_PAIRS and len({pair for pair, _ in found}) == len(found)
    other = ties.pairs([0] * 100, items[::-1])
    assert {pair for pair, _ in other} == {pair for pair, _ in found}
    assert all(ascends for _, ascends in found) and not any(ascends for _, ascends in other)


@pytest.mark.parametrize("cases", [2, 3, 4, 7])
def test_by_lot_is_the_mean_over_all_outcomes(cases: int) -> None:
    outcomes = [sum(sides) for sides in itertools.product((0, 1), repeat=cases)]
    expected = sum(max(n, cases - n) for n in outcomes) / len(outcomes)
    assert ties.by_lot(cases) == pytest.approx(expected)


def test_a_lot_is_the_same_every_time_and_differs_between_users() -> None:
    items = [f"i{n}" for n in range(20)]
    orders = {
        tuple(sorted(items, key=lambda item: ties.lot(user, item))) for user in ("u", "v", "w", "u")
    }
    assert len(orders) == 3 and tuple(items) not in orders


@pytest.mark.parametrize(
    ("cases", "same_way", "lot", "expected"),
    [
        (3408, 3408, 2355, True),
        (3408, 2400, 2355, False),  # within what a lot gives
        (3408, 2900, 2355, False),  # a habit: now and then the other way round
        (4, 4, 3, False),  # too few to tell
        (0, 0, 0, False),
    ],
    ids=["sorted", "by lot", "a habit", "few", "none"],
)
def test_sorted_files(cases: int, same_way: int, lot: int, expected: bool) -> None:
    found = ties.told({ties.CASES: cases, ties.SAME_WAY: same_way, ties.BY_LOT: lot})
    assert ties.are_sorted(found) is expected
