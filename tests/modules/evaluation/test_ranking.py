"""Ranks in a list and the faults of lists, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from modules.evaluation import baselines, personal, ranking, slices, summary
from tests import examples

NOTHING_SEEN: frozenset[bytes] = frozenset()


def _faults(
    ids: list[bytes], scores: list[float], seen: frozenset[bytes] = NOTHING_SEEN, catalogue: int = 9
):
    return ranking.faults_of(np.array(ids, object), np.array(scores, np.float32), seen, catalogue)


@pytest.mark.parametrize(
    "ids,excluded,expected",
    [
        ([b"a", b"b", b"t"], set(), 3),
        ([b"a", b"b", b"t"], {b"a"}, 2),  # the judge drops excluded items
        ([b"a", b"a", b"t"], set(), 2),  # and second times
        ([b"a", b"", b"t"], set(), 2),
        ([b"a", b"b", b"c"], set(), 0),
        ([b"t", b"b", b"c"], {b"t"}, 0),
    ],
)
def test_rank(ids, excluded, expected):
    assert ranking.ranks_in(ids, [b"t"], frozenset(excluded)) == (expected,)


def test_each_target_has_its_rank():
    found = ranking.ranks_in([b"a", b"x", b"b", b"c"], [b"c", b"z", b"a"], frozenset({b"x"}))
    assert found == (3, 0, 1)


def test_baselines_rank_each_target_over_the_catalogue():
    """Popularity is a, b, c, d; after x, which is excluded, c came most often, then b."""
    catalogue = baselines.Popularity.of([(b"a", 9), (b"b", 5), (b"x", 3), (b"c", 2), (b"d", 1)])
    table = baselines.CoOccurrence({b"x": (np.array([1, 3]), np.array([60, 120]))})
    asked = ranking.HeldOut([b"d", b"b", b"unknown"], [b"x"])
    without = dataclasses.replace(asked, excluded=frozenset({b"x"}))
    assert without.ranks(catalogue, table) == {
        "popularity": (4, 2, 0),
        "co_occurrence": (4, 2, 0),  # c, b, a, d
    }
    assert asked.ranks(catalogue, table) == {
        "popularity": (5, 2, 0),
        "co_occurrence": (5, 2, 0),  # c, b, a, x, d
    }


def test_ease_ranks_by_all_that_the_user_has_seen():
    """The catalogue is a, b, c, d; a and b together speak for d, then b, c (0), a."""
    catalogue = baselines.Popularity.of([(b"a", 9), (b"b", 5), (b"c", 2), (b"d", 1)])
    weights = np.array(
        [[0.0, 0.3, 0.1, 0.2], [-0.1, 0.0, -0.1, 0.3], [9, 9, 0, 9], [9, 9, 9, 0]], np.float32
    )
    asked = ranking.HeldOut([b"d", b"a", b"c", b"unknown"], [b"b"], seen={b"a", b"b", b"none"})
    assert asked.ease_ranks(catalogue, weights) == (1, 4, 3, 0)
    without = dataclasses.replace(asked, excluded=frozenset({b"a", b"b"}))
    assert without.ease_ranks(catalogue, weights) == (1, 0, 2, 0)


def test_baselines_leave_out_what_the_user_has_at_that_time():
    """After x at 1 comes c at 2, the time of the request: without c, b follows x."""
    catalogue = baselines.Popularity.of([(b"a", 9), (b"b", 5), (b"x", 3), (b"c", 2), (b"d", 1)])
    table = baselines.CoOccurrence({b"x": (np.array([1, 3]), np.array([60, 120]))})
    history = personal.History([(0, 1, b"x"), (1, 2, b"c")])
    asked = ranking.HeldOut([b"d", b"b", b"c"], [b"x", b"c"])
    left_out = history.before(2, 2, personal.Settings(leaves_out_present=True))
    assert dataclasses.replace(asked, own=left_out).ranks(catalogue, table) == {
        "popularity": (4, 2, 0),
        "co_occurrence": (4, 1, 0),  # b, a, x, d
        "personal_frequency": (0, 0, 0),  # x
        "personal_recency": (0, 0, 0),
        "gp_topfreq": (4, 3, 0),  # x, a, b, d
    }
    kept = history.before(2, 2, personal.Settings())
    assert dataclasses.replace(asked, own=kept).ranks(catalogue, table) == {
        "popularity": (5, 2, 4),
        "co_occurrence": (5, 2, 1),  # c, b, a, x, d
        "personal_frequency": (0, 0, 1),  # c, x
        "personal_recency": (0, 0, 1),
        "gp_topfreq": (5, 4, 1),  # c, x, a, b, d
    }


def test_a_sound_list_has_no_faults():
    assert _faults([b"a", b"b", b"c"], [3, 2, 1]) == ranking.Faults()


def test_a_list_is_as_long_as_the_catalogue_allows():
    assert _faults([b"a", b""], [3, 0], seen=frozenset({b"x"}), catalogue=2) == ranking.Faults()
    assert _faults([b"a", b"", b""], [3, 0, 0]) == ranking.Faults(missing=2)


@pytest.mark.parametrize(
    "ids,scores,seen,expected",
    [
        ([b"a", b"b", b"c"], [np.nan, np.inf, 1], set(), ranking.Faults(not_finite=2)),
        ([b"a", b"b", b"c"], [3, 2, 1], {b"b", b"c"}, ranking.Faults(seen=2)),
        ([b"a", b"a", b"c"], [3, 2, 1], set(), ranking.Faults(duplicates=1)),
        ([b"a", b"b", b"c"], [1, 1, 1], set(), ranking.Faults(constant=1)),
    ],
)
def test_faults(ids, scores, seen, expected):
    assert _faults(ids, scores, frozenset(seen)) == expected


def test_one_list_for_everybody_is_found_though_users_have_seen_different_items():
    everybody = [b"%d" % n for n in range(9)]
    one_seen, other_seen = frozenset({b"0", b"4"}), frozenset({b"1", b"2", b"3"})
    one = [i for i in everybody if i not in one_seen][:4]  # 1 2 3 5
    other = [i for i in everybody if i not in other_seen][:4]  # 0 4 5 6
    assert ranking.same_order(one, one_seen, other, other_seen) is True


def test_one_list_for_everybody_is_found_though_each_begins_with_own_items():
    """Where repeats are allowed; x and y are everybody's, and the user of the first list had z."""
    seen = frozenset({b"a", b"z"}), frozenset({b"b"})
    one, other = [b"a", b"x", b"y"], [b"b", b"x", b"z", b"y"]
    assert ranking.same_order(one, seen[0], other, seen[1]) is True
    assert ranking.same_order(one, seen[0], [b"b", b"y", b"x"], seen[1]) is False


def test_two_lists_of_other_items_or_order_are_two_lists():
    assert ranking.same_order([b"a", b"b"], NOTHING_SEEN, [b"c", b"d"], NOTHING_SEEN) is False
    assert ranking.same_order([b"a", b"b"], NOTHING_SEEN, [b"b", b"a"], NOTHING_SEEN) is False


def test_nothing_to_compare():
    assert ranking.same_order([b"a"], NOTHING_SEEN, [b"b"], frozenset({b"a"})) is None


def test_targets_that_the_user_had_seen_are_counted():
    """The user consumes a, b, a and then, in another request, a new c."""
    data = dataclasses.replace(examples.data(), repeats="exclude")
    judge = ranking._Judge(data, slices.Slicer(data, []))
    catalogue, table = (
        baselines.Popularity.of([(b"a", 2), (b"b", 1), (b"c", 0)]),
        baselines.CoOccurrence({}),
    )
    totals = summary.Lists([1])
    accumulator = totals.create_accumulator()
    for target, rank, seen in ((b"a", 0, True), (b"c", 1, False)):
        example = {
            "user_id": [b"u"],
            "event_item_id": [b"a", b"b", target],
            "event_timestamp": [1, 2, 3],
            "seen_item_id": [b"a", b"b"],
        }
        lists = {ranking.RECALL: (np.array([b"c"], object), np.array([1.0]))}
        (answer,) = judge.process((example, lists, None), catalogue, table, {}, catalogue, None)
        assert (answer.ranks[ranking.RECALL], answer.repeated) == ((rank,), (seen,))
        totals.add_input(accumulator, answer)
    assert totals.extract_output(accumulator)[1]["targets_seen"] == 1
