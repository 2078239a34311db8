"""The personal baselines' settings and the histories of requests, on Beam, by hand."""

from __future__ import annotations

import math
import pathlib
import pickle
from collections.abc import Callable

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import util

from modules import requests
from modules.evaluation import baselines, personal, personal_steps
from tests import examples, held_out

Choose = Callable[..., personal_steps.Choice]

CATALOGUE = baselines.Popularity(np.array([b"a", b"b", b"c", b"d"], object), np.arange(4, 0, -1))
SECOND = 1 / math.log2(3)  # NDCG of one item on the second place


@pytest.fixture
def choose(tmp_path: pathlib.Path) -> Choose:
    """Of histories of (time, item) by user, with `split.unit`."""

    def chosen(unit: str, **histories: list[tuple[int, bytes]]) -> personal_steps.Choice:
        windows = [
            (user.encode(), [(place, *event)])
            for user, events in histories.items()
            for place, event in enumerate(events)
        ]
        with beam.Pipeline() as pipeline:
            popularity = beam.pvalue.AsSingleton(pipeline | beam.Create([CATALOGUE]))
            _ = (
                pipeline
                | "Events" >> beam.Create(windows)
                | "Choose" >> personal_steps.Choose(unit, popularity)
                | "Keep" >> beam.Map(_keep, tmp_path / "choice")
            )
        return pickle.loads((tmp_path / "choice").read_bytes())

    return chosen


def _keep(value: object, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(value))


def test_the_last_baskets_are_chosen_where_they_tell_more(choose: Choose):
    """Four baskets: a, a, d, and d again.

    By all baskets a (2) comes before d (1): second place. By the last one d is the first.
    """
    choice = choose("basket", u=[(1, b"a"), (2, b"a"), (3, b"d"), (4, b"d")])
    assert choice.users == 1
    assert choice.settings == personal.Settings(1, False)
    assert choice.ndcg[personal.Settings(None, False)] == pytest.approx(SECOND, abs=1e-9)
    assert choice.ndcg[personal.Settings(1, False)] == 1
    found = choice.to_json()
    ndcg = [(way["baskets"], way["decay"], way["value"]) for way in found.pop("NDCG@10")]
    assert found == {"baskets": 1, "decay": 1.0, "leaves_out_present": False, "users": 1}
    assert ndcg == [
        (baskets, decay, 1.0 if baskets == 1 else round(SECOND, 9))
        for baskets, decay in personal_steps.WAYS
    ]


def test_a_decay_is_chosen_where_it_tells_more(choose: Choose):
    """Baskets d, d, d, d, d, c, a, b, b, c, then b.

    By the last one c comes first, by five c and b have two each and c is the later, by all d has
    five. With a weight of .8: b .8 + .8^2 = 1.44, c 1 + .8^4 = 1.41, d .8^5 + ... + .8^9 = 1.10.
    """
    items = [b"d"] * 5 + [b"c", b"a", b"b", b"b", b"c", b"b"]
    choice = choose("basket", u=list(enumerate(items)))
    assert choice.settings == personal.Settings(None, False, 0.8)
    assert choice.ndcg[personal.Settings(None, False, 0.9)] == pytest.approx(SECOND, abs=1e-9)
    assert choice.ndcg[choice.settings] == 1
    assert choice.to_json()["decay"] == 0.8


def test_of_equal_settings_all_baskets_and_nothing_left_out(choose: Choose):
    choice = choose("basket", u=[(1, b"a"), (2, b"a")])
    assert set(choice.ndcg.values()) == {1.0}
    assert choice.settings == personal.Settings(None, False)


def test_a_basket_is_predicted_from_those_before(choose: Choose):
    """{a, c} after b, of which the list holds nothing, and after a, which is its first item.

    The ideal of two targets is 1 + 1 / log2(3); a on the first place has 1 of it.
    """
    choice = choose(
        "basket",
        u=[(1, b"b"), (2, b"a"), (2, b"c")],
        v=[(1, b"a"), (2, b"a"), (2, b"c")],
        once=[(1, b"a"), (1, b"c")],  # no basket before
    )
    assert choice.users == 2
    assert choice.ndcg[personal.Settings()] == pytest.approx(1 / (1 + SECOND) / 2, abs=1e-9)


def test_what_is_present_is_left_out_where_that_tells_more(choose: Choose):
    """First d, then a and d in one basket: before this d, the user had d, and a is present.

    Without it d is the first; with it a is, the later of two with one event.
    """
    choice = choose("event", u=[(1, b"d"), (2, b"a"), (2, b"d")])
    assert choice.settings == personal.Settings(None, True)
    assert choice.ndcg[personal.Settings(None, False)] == pytest.approx(SECOND, abs=1e-9)


def test_of_many_users_a_share_is_drawn():
    """Half of 10,000, to 4 standard deviations of sqrt(10,000 / 4)."""
    users = [b"user%d" % n for n in range(10_000)]
    found = sum(personal_steps.drawn(user, 10_000, 5_000) for user in users)
    assert abs(found - 5_000) < 200
    assert all(personal_steps.drawn(user, 10_000, 10_000) for user in users)


def test_without_anything_to_predict(choose: Choose):
    choice = choose("event", u=[(1, b"a")])
    assert choice.users == 0 and choice.settings == personal.Settings(None, False)


def test_requests_know_the_whole_history_before_them():
    """L = 2: windows of few events; a history of 9, of which the last two are held out."""
    items = ["a", "a", "a", "b", "a", "b", "c", "d", "a"]
    rows = held_out.splits({"u": items, "v": ["c", "c", "c"]}, ["a"], max_history=2)
    parsed = {
        split: [requests.read_raw_example(examples.serialize(row)) for row in rows[split]]
        for split in ("train", "valid", "test")
    }
    for split, known in (("valid", ("train", "valid")), ("test", ("train", "valid", "test"))):
        events = [baselines.keyed_events(s, example) for s in known for example in parsed[s]]
        with beam.Pipeline() as pipeline:
            choice = pipeline | "Choice" >> beam.Create(
                [personal_steps.Choice(1, {personal.Settings(5): 1.0})]
            )
            found = (
                pipeline
                | "Asked" >> beam.Create(parsed[split])
                | personal_steps.WithOwn(
                    pipeline | "Known" >> beam.Create(events), beam.pvalue.AsSingleton(choice)
                )
                | "Told" >> beam.Map(_told)
            )
            # of the last five: b, a, b, c and before a; with d known: a, b, c, d
            own = {
                "valid": {b"a": (4, 0.4), b"b": (2, 0.4), b"c": (1, 0.2)},
                "test": {b"a": (4, 0.2), b"b": (2, 0.4), b"c": (1, 0.2), b"d": (1, 0.2)},
            }[split]
            other = {b"c": (1 if split == "valid" else 2, 1.0)}
            util.assert_that(found, util.equal_to([(b"u", own), (b"v", other)]))


def _told(example: requests.RawExample) -> tuple[bytes, dict[bytes, tuple[int, float]]]:
    (own,) = example[personal_steps.OWN]
    return example["user_id"][0], {
        item: (int(events), float(recent))
        for item, events, recent in zip(own.items, own.events, own.recent)
    }


def test_events_of_a_basket_that_is_held_out():
    row = examples.sequence(
        ["a", "b"], [5, 9], window_start=7, target_item_id=["b", "d", "c"], user_id="u"
    )
    example = requests.read_raw_example(examples.serialize(row))
    assert baselines.keyed_events("test", example) == (
        b"u",
        [(8, 9, b"b"), (9, 9, b"d"), (10, 9, b"c")],
    )
