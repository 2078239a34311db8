"""The baselines against hand calculation and a dense, independent reference."""

from __future__ import annotations

import collections
import pathlib
import pickle

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.testing import util

from modules import requests
from modules.evaluation import baselines
from tests import examples, fake_recall, held_out


def _parsed(rows: dict, splits: list[str]) -> list[tuple[str, dict]]:
    return [
        (split, requests.read_raw_example(examples.serialize(row)))
        for split in splits
        for row in rows[split]
    ]


@pytest.mark.parametrize("length", [3, 6, 7, 8, 9, 25])
def test_windows_become_the_history_again(length):
    """L = 4: windows of at most 6 events; lengths around their borders."""
    items = [f"i{n % 7}" for n in range(length)]  # items repeat, events do not
    rows = held_out.splits({"u": items}, ["i0"], max_history=4)
    for known, expected in ((["train"], items[:-2]), (["train", "valid"], items[:-1])):
        with beam.Pipeline() as pipeline:
            found = pipeline | beam.Create(_parsed(rows, known)) | baselines.Histories()
            util.assert_that(found, util.equal_to([(b"u", [i.encode() for i in expected])]))


def test_popularity_lists_the_whole_catalogue_and_nothing_else(tmp_path):
    popularity = _count(tmp_path, [["a", "b", "a", "gone"], ["b", "a"]], ["a", "b", "cold"])[0]
    assert list(popularity.items) == [b"a", b"b", b"cold"]
    assert list(popularity.counts) == [3, 2, 0]
    np.testing.assert_allclose(popularity.share_before, [0, 0.6, 1])
    assert pickle.loads(pickle.dumps(popularity)).places == {b"a": 0, b"b": 1, b"cold": 2}


def test_ties_do_not_follow_the_ids():
    items = [f"{n:03d}".encode() for n in range(50)]
    ordered = list(baselines.Popularity.of([(item, 1) for item in items]).items)
    assert ordered != items and sorted(ordered) == items
    assert abs(np.corrcoef([items.index(i) for i in ordered], range(50))[0, 1]) < 0.4


def test_ranks_equal_a_dense_reference(tmp_path):
    walks = fake_recall.walks(users=40, items=30, length=9, seed=4)
    histories = [[f"i{n}" for n in walk] for walk in walks]
    catalogue = [f"i{n}" for n in range(32)]
    popularity, table = _count(tmp_path, histories, catalogue)
    dense = collections.defaultdict(float)
    for items in histories:
        for place, item in enumerate(items):
            for before in range(max(0, place - 5), place):
                dense[items[before], item] += 1 / (place - before)
    places, nothing = popularity.places, np.zeros(0, int)
    for items in histories[:10]:
        seen = {i.encode() for i in items}
        summed = {
            i.encode(): round(sum(dense[last, i] for last in items[-5:]), 6) for i in catalogue
        }
        for scores, sparse in (
            (summed, table.scores([i.encode() for i in items])),
            (dict.fromkeys(summed, 0), (nothing, nothing)),
        ):
            unseen = sorted(set(summed) - seen, key=lambda i: (-scores[i], places[i]))
            for target in popularity.items:
                expected = unseen.index(target) + 1 if target in unseen else 0
                assert (
                    baselines.rank(places[target], popularity.places_of(seen), *sparse) == expected
                )


def _count(
    folder: pathlib.Path, histories: list[list[str]], catalogue: list[str]
) -> tuple[baselines.Popularity, baselines.CoOccurrence]:
    """Both tables, out of a Beam pipeline."""
    with beam.Pipeline() as pipeline:
        listed = pipeline | "Catalogue" >> beam.Create([i.encode() for i in catalogue])
        pairs = pipeline | "Histories" >> beam.Create(
            [(b"%d" % n, [i.encode() for i in items]) for n, items in enumerate(histories)]
        )
        popularity = pairs | baselines.CountPopularity(listed)
        table = pairs | baselines.CountCoOccurrence(beam.pvalue.AsSingleton(popularity))
        for name, found in (("popularity", popularity), ("table", table)):
            _ = found | name >> beam.Map(_keep, folder / name)
    return tuple(pickle.loads((folder / name).read_bytes()) for name in ("popularity", "table"))


def _keep(value: object, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(value))
