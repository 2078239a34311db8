"""A user's own items as baselines, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from modules.evaluation import baselines, personal

CATALOGUE = baselines.Popularity(
    np.array([b"a", b"b", b"c", b"d", b"e"], object), np.array([9, 7, 5, 2, 0])
)
# Baskets at 10: b, c; at 20: c, d; at 30: a; at 40: b. Places 0 to 5.
EVENTS = [(0, 10, b"b"), (1, 10, b"c"), (2, 20, b"c"), (3, 20, b"d"), (4, 30, b"a"), (5, 40, b"b")]


def _own(
    place: int = 6,
    time: int = 50,
    baskets: int | None = None,
    leaves_out: bool = False,
    decay: float = 1.0,
) -> personal.Own:
    settings = personal.Settings(baskets, leaves_out, decay)
    return personal.History(EVENTS).before(place, time, settings)


def _by_item(own: personal.Own) -> dict[bytes, tuple[int, int, float]]:
    """Events, baskets since the last, and recency of each item."""
    return {
        item: (int(events), int(since), float(recent))
        for item, events, since, recent in zip(own.items, own.events, own.since, own.recent)
    }


def _lists(own: personal.Own) -> tuple[str, str]:
    lists = personal.Lists.of(own, CATALOGUE)
    frequency, recency = (
        b"".join(CATALOGUE.items[places]).decode() for places in (lists.frequency, lists.recency)
    )
    return frequency, recency


def test_events_of_a_history():
    own = _own()
    assert own.baskets == 4
    assert _by_item(own) == {
        b"b": (2, 1, 2 / 4),
        b"c": (2, 3, 2 / 4),
        b"d": (1, 3, 1 / 4),
        b"a": (1, 2, 1 / 4),
    }


def test_a_request_knows_what_came_before_it():
    own = _own(place=3)  # b, c at 10; c at 20
    assert own.baskets == 2
    assert _by_item(own) == {b"b": (1, 2, 1 / 2), b"c": (2, 1, 2 / 2)}


@pytest.mark.parametrize(
    ("baskets", "recent"),
    [
        pytest.param(1, {b"b": 1.0, b"c": 0.0, b"d": 0.0, b"a": 0.0}, id="last"),
        pytest.param(2, {b"b": 0.5, b"c": 0.0, b"d": 0.0, b"a": 0.5}, id="last two"),
        pytest.param(50, {b"b": 0.5, b"c": 0.5, b"d": 0.25, b"a": 0.25}, id="more than there are"),
    ],
)
def test_share_of_the_last_baskets(baskets, recent):
    assert {item: found[2] for item, found in _by_item(_own(baskets=baskets)).items()} == recent


def test_a_basket_weighs_a_part_of_the_next_one():
    """From the last: b 1, a 1/2, c and d 1/4, b and c 1/8, together 15/8."""
    recent = {item: found[2] for item, found in _by_item(_own(decay=0.5)).items()}
    assert recent == pytest.approx({b"b": 9 / 15, b"a": 4 / 15, b"c": 3 / 15, b"d": 2 / 15})
    recent = {item: found[2] for item, found in _by_item(_own(baskets=3, decay=0.5)).items()}
    assert recent == pytest.approx({b"b": 4 / 7, b"a": 2 / 7, b"c": 1 / 7, b"d": 1 / 7})
    assert _lists(_own(decay=0.5)) == ("bcad", "bacd")


def test_lists_go_by_frequency_then_by_the_last_then_by_popularity():
    """All: b and c have 2 events, b's the later; a and d 1, a's the later."""
    assert _lists(_own()) == ("bcad", "bcad")
    assert _lists(_own(place=5)) == ("cadb", "cadb")  # without the last b: a, d, b had once
    assert _lists(_own(place=2)) == ("bc", "bc")  # one basket: b is the more popular


def test_recency_puts_the_last_baskets_first_and_the_rest_by_frequency():
    """The last two baskets: b, a, half each; b has more events. Then c with 2, d with 1."""
    assert _lists(_own(baskets=2)) == ("bcad", "bacd")


def test_ranks_of_all_targets():
    """By popularity a, b, c, d, e: behind b, c, a, d comes e."""
    found = personal.ranks([b"d", b"e", b"b", b"gone"], _own(baskets=2), CATALOGUE)
    assert found == {
        personal.FREQUENCY: (4, 0, 1, 0),
        personal.RECENCY: (4, 0, 1, 0),
        personal.FILLED_UP: (4, 5, 1, 0),
    }


def test_popular_items_fill_up_without_the_own_ones():
    """b, c, then a, d, e."""
    found = personal.ranks([b"a", b"d", b"e", b"c"], _own(place=2), CATALOGUE)
    assert found[personal.FILLED_UP] == (3, 4, 5, 2)
    assert found[personal.FREQUENCY] == (0, 0, 0, 2)


def test_an_empty_history():
    own = _own(place=0)
    assert own.baskets == 0 and _by_item(own) == {}
    assert personal.ranks([b"c"], own, CATALOGUE) == {
        personal.FREQUENCY: (0,),
        personal.RECENCY: (0,),
        personal.FILLED_UP: (3,),
    }


@pytest.mark.parametrize("leaves_out", [False, True])
def test_a_request_without_any_event(leaves_out):
    own = personal.History([]).before(0, 10, personal.Settings(5, leaves_out))
    assert own.baskets == 0 and _lists(own) == ("", "")


def test_what_is_present_is_left_out():
    """A request at 20 for d: c is in the same basket. Before it: b and c."""
    own = _own(place=3, time=20, leaves_out=True)
    assert own.baskets == 1
    assert _by_item(own) == {b"b": (1, 1, 1.0), b"c": (2, 0, 1.0)}
    assert own.present(CATALOGUE).tolist() == [2]
    assert _lists(own) == ("b", "b")
    found = personal.ranks([b"d", b"c", b"a"], own, CATALOGUE)
    assert found[personal.FILLED_UP] == (3, 0, 2)  # b, a, d, e


def test_nothing_is_present_at_another_time():
    own = _own(place=3, time=21, leaves_out=True)
    assert _by_item(own) == _by_item(_own(place=3))
    assert own.present(CATALOGUE).size == 0


def test_one_item_a_thousand_times():
    history = personal.History([(n, n, b"d") for n in range(1000)])
    own = history.before(1000, 1000, personal.Settings(5))
    assert _by_item(own) == {b"d": (1000, 1, 1.0)}
    assert own.baskets == 1000
    assert personal.ranks([b"d", b"a"], own, CATALOGUE) == {
        personal.FREQUENCY: (1, 0),
        personal.RECENCY: (1, 0),
        personal.FILLED_UP: (1, 2),
    }


def test_one_item_a_thousand_times_at_one_time_is_one_basket():
    own = personal.History([(n, 7, b"d") for n in range(1000)]).before(
        1000, 8, personal.Settings(5)
    )
    assert _by_item(own) == {b"d": (1000, 1, 1.0)} and own.baskets == 1


def test_a_basket_of_a_thousand_items():
    """All tie in everything but popularity, which orders them by their places."""
    items = [b"%03d" % n for n in range(1000)]
    catalogue = baselines.Popularity(np.array(items, object), np.arange(1000, 0, -1))
    events = [(n, 7, item) for n, item in enumerate(reversed(items))]
    own = personal.History(events).before(1000, 8, personal.Settings(1))
    found = personal.ranks([b"000", b"500", b"999"], own, catalogue)
    assert found == dict.fromkeys(personal.SYSTEMS, (1, 501, 1000))


def test_items_of_no_catalogue_take_no_place():
    own = personal.History([(0, 1, b"gone"), (1, 2, b"gone"), (2, 3, b"d")]).before(
        3, 4, personal.Settings()
    )
    assert _lists(own) == ("d", "d")
    assert personal.ranks([b"gone"], own, CATALOGUE) == dict.fromkeys(personal.SYSTEMS, (0,))
