"""Units, splits and hold-outs of baskets, by hand: what a user does at one time is not divided."""

from __future__ import annotations

import pytest

from modules import config, ranking_config
from modules.beam import sequences

BASKETS = [1.0, 1.0, 4.0, 6.0, 6.0, 6.0, 9.0, 9.0]  # of two, one, three and two events


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ([], []),
        ([5.0], [range(1)]),
        ([5.0] * 1000, [range(1000)]),
        (BASKETS, [range(2), range(2, 3), range(3, 6), range(6, 8)]),
    ],
    ids=["none", "one", "a thousand", "four"],
)
def test_a_basket_is_all_that_has_one_time(times: list[float], expected: list[range]) -> None:
    assert sequences.units(times, "basket") == expected
    assert sequences.units(times, "event") == [range(n, n + 1) for n in range(len(times))]


@pytest.mark.parametrize(
    ("times", "train", "valid", "test"),
    [
        (BASKETS, 3, (range(3, 6),), (range(6, 8),)),
        ([1.0, 2.0, 2.0], 3, (), ()),  # three events, but two baskets
        ([1.0, 2.0, 3.0], 1, (range(1, 2),), (range(2, 3),)),
        ([7.0] * 1000, 1000, (), ()),
        ([], 0, (), ()),
    ],
    ids=["four", "too few", "three", "a thousand in one", "none"],
)
def test_the_last_basket_tests_and_the_one_before_validates(
    times: list[float], train: int, valid: tuple[range, ...], test: tuple[range, ...]
) -> None:
    assert sequences.divide(times, config.Split(unit="basket")) == sequences.Parts(
        train, valid, test
    )


def test_each_basket_after_a_cut_off_is_asked_for() -> None:
    split = config.Split(unit="basket", method="temporal", valid_from=4.0, test_from=9.0)
    assert sequences.divide(BASKETS, split) == sequences.Parts(
        2, (range(2, 3), range(3, 6)), (range(6, 8),)
    )
    few = [1.0, 5.0, 5.0]  # two baskets, of which the later neither trains nor validates
    assert sequences.divide(few, split) == sequences.Parts(1, (), ())


@pytest.mark.parametrize(
    ("method", "learned", "learners"),
    [("temporal", 2, (0,)), ("none", 2, ()), ("cross_fit", 8, None)],
)
def test_the_ranker_is_asked_for_whole_baskets(
    method: str, learned: int, learners: tuple[int, ...] | None
) -> None:
    """Three of four baskets, and three quarters of them."""
    settings = ranking_config.HoldOut(method=method, requests=9, share=0.75)
    held = sequences.hold_out("u", BASKETS, settings, "basket")
    assert held.requests == (range(2, 3), range(3, 6), range(6, 8))
    assert held.learned == learned
    if learners is not None:
        assert held.learners == learners


def test_the_number_of_requests_is_one_of_baskets() -> None:
    settings = ranking_config.HoldOut(requests=1, share=0.9)
    assert sequences.hold_out("u", BASKETS, settings, "basket").requests == (range(6, 8),)
    late = ranking_config.HoldOut(requests=2, starts=4.0)
    held = sequences.hold_out("u", BASKETS, late, "basket")
    assert (held.learned, held.requests) == (2, (range(3, 6), range(6, 8)))
