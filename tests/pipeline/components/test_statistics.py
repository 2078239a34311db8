"""InteractionStatistics on what ExampleGen's transforms make of tables, against loops over them."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import itertools
import json
import logging
import pathlib
import random
from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from modules import config, ranking_config, strict
from modules.ranking import count_statistics, tabulate
from modules.ranking import statistics as statistics_lib
from pipeline import runners
from pipeline.components import statistics
from tests import examples, tables, transform_graph

DAY = statistics_lib.SECONDS_A_DAY
ITEMS = [f"i{n}" for n in range(12)]
ABSURD, FENCE = 1e30, 9.0  # a rating among those of 1 to 5, and what it is pulled in to
SECRET = "secret"  # an item that users only meet in the events that are held out for ranking
SETTINGS = ranking_config.Statistics(
    distance=3,
    neighbours=4,
    similarity_neighbours=4,
    session_seconds=2 * DAY,
    session_events=3,
)
TEMPORAL = ranking_config.HoldOut(requests=2, share=0.2)
CROSS_FIT = ranking_config.HoldOut(method="cross_fit", folds=2, requests=2, share=0.2)


@dataclasses.dataclass(frozen=True)
class Event:
    """A line of the table."""

    item: str
    rating: float
    time: int


@dataclasses.dataclass(frozen=True)
class Shop:
    """The tables, ExampleGen's examples of both hold-outs and the transform graph."""

    histories: dict[str, list[Event]]  # of training: without the last two events
    tags: dict[str, list[str]]
    data: config.Data
    examples: dict[str, pathlib.Path]
    graph: str

    def count(
        self,
        hold_out: ranking_config.HoldOut,
        folder: pathlib.Path,
        *,
        examples_folder: pathlib.Path | None = None,
        options: Sequence[str] = (),
        settings: ranking_config.Statistics | None = None,
    ) -> None:
        from tfx.dsl.components.base import base_beam_executor
        from tfx.types import standard_artifacts

        raw, graph, target = (
            standard_artifacts.Examples(),
            standard_artifacts.TransformGraph(),
            statistics.InteractionStatisticsArtifact(),
        )
        raw.uri, graph.uri, target.uri = (
            str(examples_folder or self.examples[hold_out.method]),
            self.graph,
            str(folder),
        )
        raw.split_names = json.dumps(
            [
                path.name.removeprefix("Split-")
                for path in self.examples[hold_out.method].glob("Split-*")
            ]
        )
        sections = {
            "data": self.data,
            "ranking": {"hold_out": hold_out, "statistics": settings or SETTINGS},
        }
        context = base_beam_executor.BaseBeamExecutor.Context(beam_pipeline_args=list(options))
        statistics.Executor(context).Do(
            {"examples": [raw], "transform_graph": [graph]},
            {"statistics": [target]},
            {"config": json.dumps(strict.to_plain(sections)), "source_digest": ""},
        )


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    random.seed(11)
    histories = {}
    for user in range(16):
        length = random.randrange(12, 30)
        times = sorted(random.randrange(20 * DAY, 40 * DAY) for _ in range(length))
        # i10 and i11 are cold
        names = [random.choice([*ITEMS[:10], "gone"]) for _ in range(length)]
        names[length - 4 : length - 2] = [SECRET, SECRET]  # the last two training events
        histories[f"u{user}"] = [
            Event(name, float(random.randrange(1, 6)), time) for name, time in zip(names, times)
        ]
    histories["u3"][2] = dataclasses.replace(histories["u3"][2], item="i1", rating=ABSURD)
    tags = {name: random.sample(["x", "y", "z"], n % 4) for n, name in enumerate([*ITEMS, SECRET])}
    data = _write(folder, histories, tags)
    folders = {}
    for hold_out in (TEMPORAL, CROSS_FIT):
        folders[hold_out.method] = made_in = folder / hold_out.method
        made_in.mkdir()
        made = tables.make(made_in, data, max_history=5, hold_out=hold_out)
        del made["summary"]
        examples.write(made_in, made)
    graph = transform_graph.write(folder, data, [*made["train"], *made["catalogue"]])
    return Shop(
        {user: events[:-2] for user, events in histories.items()}, tags, data, folders, graph
    )


def _write(
    folder: pathlib.Path, histories: dict[str, list[Event]], tags: dict[str, list[str]]
) -> config.Data:
    # 3 is the column's default
    lines = [
        f"{user}\t{e.item}\t{'' if e.rating == 3 else e.rating}\t{e.time}"
        for user, events in histories.items()
        for e in events
    ]
    items = [f"{name}\t{name}\t1\t{' '.join(found)}\t0 1" for name, found in tags.items()]
    users = [f"{user}\t20\tF" for user in histories]
    texts = {
        name: "\n".join([text.splitlines()[0], *rows])
        for name, text, rows in (
            ("events", tables.EVENTS, lines),
            ("users", tables.USERS, users),
            ("items", tables.ITEMS, items),
        )
    }
    return tables.write(folder, unknown_item="keep", repeats="auto", **texts)


def _check(found: statistics_lib.Statistics, histories: dict[str, list[Event]], shop: Shop) -> None:
    """Compares with loops over the events."""
    transform = tft.TFTransformOutput(shop.graph)
    rows = {
        name.decode(): n for n, name in enumerate(transform.vocabulary_by_name("item_id"), start=1)
    }
    tags = [tag.decode() for tag in transform.vocabulary_by_name("item_tags")]
    size = len(rows) + 2
    known = [event for events in histories.values() for event in events if event.item in rows]
    assert (found.events, found.users) == (len(known), len(histories))
    popularity = collections.Counter(rows[event.item] for event in known)
    assert found.popularity.tolist() == [popularity[row] for row in range(size)]
    first = min(event.time for event in known) // DAY
    assert found.first_day == first
    for row in range(size):
        for day in range(found.days):
            until = sum(rows[e.item] == row and e.time // DAY <= first + day for e in known)
            assert found.daily.last(np.array(row), np.array(day)) == until
    cells, given = np.mgrid[:size, :size], found.co_occurrence.lookup
    np.testing.assert_allclose(
        given(*cells), _strongest(_following(histories, rows, size)), rtol=1e-6
    )
    together = _together(histories, rows, size)
    np.testing.assert_array_equal(found.sessions.lookup(*cells), _strongest(together))
    np.testing.assert_array_equal(found.session_totals, together.sum(axis=1))
    ease, kept = _ease(histories, rows, size), found.similarity
    np.testing.assert_allclose(
        kept.weights, np.take_along_axis(ease, kept.items, axis=1), atol=1e-6
    )
    np.testing.assert_allclose(
        np.sort(np.abs(kept.weights)), np.sort(np.abs(ease))[:, -4:], atol=1e-6
    )
    ratings = [min(event.rating, FENCE) for event in known]
    feedback = found.feedback["event_rating"]  # of scaled ratings
    for name, row in rows.items():
        own = [min(event.rating, FENCE) for event in known if event.item == name]
        smooth = (sum(own) + 10 * np.mean(ratings)) / (len(own) + 10)
        assert (feedback.items[row] - feedback.mean) / feedback.spread == pytest.approx(
            (smooth - np.mean(ratings)) / np.std(ratings), rel=1e-4, abs=1e-5
        )
        listed = [tags[n] for n in found.categories["item_tags"].items[row] if n >= 0]
        assert sorted(listed) == sorted(shop.tags[name])
    share = [np.mean([tag in shop.tags[event.item] for event in known]) for tag in tags]
    np.testing.assert_allclose(found.categories["item_tags"].share, [*share, 0], rtol=1e-6)
    _check_repeats(found.repeats, histories, rows)


def _check_repeats(
    found: statistics_lib.Repeats | None,
    histories: dict[str, list[Event]],
    rows: dict[str, int],
) -> None:
    """More than a tenth of the events repeat, so that repeats are allowed."""
    assert found is not None
    own = {
        (user, item): [event.time for event in events if event.item == item]
        for user, events in histories.items()
        for item in rows
    }
    had = {key: times for key, times in own.items() if times}
    logs = {key: np.log1p(np.diff(times)).tolist() for key, times in had.items()}

    def drawn(values: dict[tuple[str, str], list[float]], item: str) -> float:
        mean = np.mean([value for all_of in values.values() for value in all_of])
        of_item = [value for key, all_of in values.items() if key[1] == item for value in all_of]
        return float((sum(of_item) + 10 * mean) / (len(of_item) + 10))

    came_back = {key: [float(len(times) > 1)] for key, times in had.items()}
    repeated = {key: [0.0] + [1.0] * (len(times) - 1) for key, times in had.items()}
    for item, row in rows.items():
        assert found.users[row] == pytest.approx(drawn(came_back, item), rel=1e-6)
        assert found.events[row] == pytest.approx(drawn(repeated, item), rel=1e-6)
        # logs are summed in units of 1/1024
        assert found.log_interval[row] == pytest.approx(drawn(logs, item), abs=1e-3)


def _following(histories: dict[str, list[Event]], rows: dict[str, int], size: int) -> np.ndarray:
    dense = np.zeros((size, size))
    for events in histories.values():
        for n, then in enumerate(events):
            for distance, earlier in enumerate(reversed(events[max(0, n - 3) : n]), start=1):
                if earlier.item in rows and then.item in rows:
                    dense[rows[earlier.item], rows[then.item]] += 1 / distance
    return dense


def _together(histories: dict[str, list[Event]], rows: dict[str, int], size: int) -> np.ndarray:
    dense = np.zeros((size, size))
    for events in histories.values():
        for n, m in itertools.combinations(range(len(events)), 2):
            one, other = events[n], events[m]
            close = m - n <= 3 and other.time - one.time <= 2 * DAY
            if close and one.item != other.item and {one.item, other.item} <= rows.keys():
                dense[rows[one.item], rows[other.item]] += 1
                dense[rows[other.item], rows[one.item]] += 1
    return dense


def _ease(histories: dict[str, list[Event]], rows: dict[str, int], size: int) -> np.ndarray:
    users = np.zeros((len(histories), size))
    for user, events in zip(users, histories.values()):
        user[[rows[event.item] for event in events if event.item in rows]] = 1
    inverse = np.linalg.inv(users.T @ users + 250 * np.eye(size))
    return np.eye(size) - inverse / np.diag(inverse)


def _strongest(dense: np.ndarray) -> np.ndarray:
    """The best 4 of each row; of equals the first."""
    kept = np.argsort(-dense.round(9), axis=1, kind="stable")[:, :4]
    mask = np.zeros_like(dense)
    np.put_along_axis(mask, kept, 1, axis=1)
    return dense * mask


def test_a_temporal_hold_out_counts_no_event_that_ranking_learns_from(
    shop: Shop, tmp_path: pathlib.Path
) -> None:
    shop.count(TEMPORAL, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["final", "part_0"]
    final, part = (tabulate.read(str(tmp_path / name)) for name in ("final", "part_0"))
    _check(final, shop.histories, shop)
    _check(part, {user: events[:-2] for user, events in shop.histories.items()}, shop)
    names = tft.TFTransformOutput(shop.graph).vocabulary_by_name("item_id")
    row = 1 + list(names).index(SECRET.encode())
    assert final.popularity[row] == 32  # two events of each of 16 users
    assert part.popularity[row] == 0
    every = np.arange(len(part.popularity))
    assert not part.co_occurrence.lookup(every, np.full_like(every, row)).any()
    assert part.feedback["event_rating"].items[row] == np.float32(
        part.feedback["event_rating"].mean
    )


@pytest.mark.parametrize("workers", [1, 2])
def test_order_bundles_and_workers_change_nothing(
    shop: Shop, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """The windows in reverse in several files; one user a batch; one process or two."""
    shop.count(TEMPORAL, tmp_path / "plain")
    for split in shop.examples["temporal"].glob("Split-*"):
        files = list(map(str, split.glob("*")))
        windows = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())[::-1]
        (tmp_path / "reversed" / split.name).mkdir(parents=True)
        for n in range(3):
            file = str(tmp_path / "reversed" / split.name / f"data_tfrecord-{n:05d}-of-00003.gz")
            with tf.io.TFRecordWriter(file, "GZIP") as writer:
                for window in windows[n::3]:
                    writer.write(window)
    options = [
        f"--runner={runners.LOCAL_RUNNER}",
        "--direct_running_mode=multi_processing",
        f"--direct_num_workers={workers}",
    ]
    monkeypatch.setattr(count_statistics, "_EVENTS", 1)
    given = {"examples_folder": tmp_path / "reversed", "options": options if workers > 1 else ()}
    shop.count(TEMPORAL, tmp_path / "other", **given)
    for name in ("final", "part_0"):
        one, other = (tabulate.read(str(tmp_path / f / name)) for f in ("plain", "other"))
        tables = {"daily", "co_occurrence", "sessions"}
        for field in dataclasses.fields(statistics_lib.Statistics):
            values = getattr(one, field.name), getattr(other, field.name)
            if field.name == "feedback":  # sums of numbers that are not whole
                (rating,), (again,) = (list(v.values()) for v in values)
                np.testing.assert_allclose(again.items, rating.items, rtol=1e-6)
                assert again.mean == pytest.approx(rating.mean, abs=1e-9)
            elif field.name in tables or dataclasses.is_dataclass(values[0]):
                for array in vars(values[0]):
                    np.testing.assert_array_equal(*(getattr(v, array) for v in values))
            elif field.name == "categories":
                for array in ("items", "share"):
                    np.testing.assert_array_equal(*(getattr(v["item_tags"], array) for v in values))
            else:
                np.testing.assert_array_equal(*values)


def test_ease_is_left_out_of_a_larger_catalogue_and_the_log_says_so(
    shop: Shop, tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    shop.count(TEMPORAL, tmp_path / "with")
    with caplog.at_level(logging.INFO):
        shop.count(
            TEMPORAL,
            tmp_path / "without",
            settings=dataclasses.replace(SETTINGS, similarity_items=len(shop.tags) - 1),
        )
    assert "EASE is left out: the catalogue has 13 items" in caplog.text
    assert "ranking.statistics.similarity_items allows 12" in caplog.text
    with_ease, without = (
        tabulate.read(str(tmp_path / name / "final")) for name in ("with", "without")
    )
    assert with_ease.similarity is not None and without.similarity is None
    np.testing.assert_array_equal(without.popularity, with_ease.popularity)


def test_without_repeats_nothing_is_counted_of_returns(shop: Shop, tmp_path: pathlib.Path) -> None:
    declared = dataclasses.replace(shop.data, repeats="exclude")
    dataclasses.replace(shop, data=declared).count(TEMPORAL, tmp_path)
    assert tabulate.read(str(tmp_path / "final")).repeats is None


def test_cross_fit_counts_only_the_users_of_other_folds(shop: Shop, tmp_path: pathlib.Path) -> None:
    shop.count(CROSS_FIT, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["final", "part_0", "part_1"]
    folds = {
        user: int(hashlib.sha256(user.encode()).hexdigest()[:16], 16) % 2 for user in shop.histories
    }
    assert set(folds.values()) == {0, 1}
    for fold in (0, 1):
        others = {user: events for user, events in shop.histories.items() if folds[user] != fold}
        _check(tabulate.read(str(tmp_path / f"part_{fold}")), others, shop)


@pytest.mark.parametrize(
    "method, expected",
    [
        ("temporal", {"train": ["final"], "recall_0": ["part_0"]}),
        ("cross_fit", {"train": ["final"], "recall_0": ["part_0"], "recall_1": ["part_1"]}),
        ("none", {"train": ["final", "part_0"]}),
    ],
)
def test_folders(method: str, expected: dict[str, list[str]]) -> None:
    assert statistics.folders_by_split(ranking_config.HoldOut(method=method)) == expected
