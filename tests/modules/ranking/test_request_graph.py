"""From a request to the ranker's inputs where repeats are allowed, up to the SavedModel."""

from __future__ import annotations

import dataclasses
import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from modules import (
    config,
    features,
    graphs,
    ranking_config,
    repeats,
    request_arrays,
    requests,
    saved_rank,
)
from modules.ranking import entries, export, repeat_features, request_graph, statistic_features
from modules.ranking import model as model_lib
from modules.ranking import statistics as statistics_lib
from modules.recall import trainer as recall_trainer
from tests import close, examples
from tests import transformed as transformed_lib
from tests.modules.ranking import conftest

DATA = repeats.resolved(examples.data(), allow=True)
DAY, NOW = statistics_lib.SECONDS_A_DAY, 10**9 + 100 * statistics_lib.SECONDS_A_DAY
ROW = examples.sequence(
    ["i1", "i2", "i1", "i4", "?"],
    [NOW - 9 * DAY, NOW - 9 * DAY, NOW - 3 * DAY, NOW - DAY, NOW],
    earlier_item_id=["i1", "gone", "i3"],
    earlier_count=[4, 3, 1],
    earlier_first_timestamp=[NOW - 60 * DAY, NOW - 50 * DAY, NOW - 40 * DAY],
    earlier_last_timestamp=[NOW - 20 * DAY, NOW - 45 * DAY, NOW - 40 * DAY],
    repeats_allowed=1,
)
CANDIDATES = np.array([[b"i3", b"i1", b"i5", b"no such item", b""]], object)


def _statistics(transformed: transformed_lib.Transformed) -> statistics_lib.Statistics:
    plain = conftest.statistics_of(transformed)
    tables = [np.full(len(plain.popularity), value, np.float32) for value in (0.5, 0.4, 13.0)]
    return dataclasses.replace(plain, repeats=statistics_lib.Repeats(*tables))


def _request() -> dict[str, np.ndarray]:
    row = requests.read_raw_example(examples.serialize(ROW))
    batch = request_arrays.from_examples([row], DATA, transformed_lib.MAX_HISTORY)
    del batch[requests.EXCLUDE_ITEM_ID]
    return batch


def _inputs(request: dict[str, np.ndarray]) -> dict[str, tf.Tensor]:
    scores = np.zeros(CANDIDATES.shape, np.float32)
    whole = {**request, features.CANDIDATE_ITEM_ID: CANDIDATES, features.RECALL_SCORE: scores}
    return {name: tf.constant(values) for name, values in whole.items()}


@pytest.fixture(scope="module")
def graph(transformed: transformed_lib.Transformed) -> request_graph.RequestGraph:
    return _graph(transformed, DATA)


def _graph(
    transformed: transformed_lib.Transformed, data: config.Data
) -> request_graph.RequestGraph:
    return request_graph.RequestGraph(
        data,
        graphs.TransformGraph(transformed.output),
        max_history=transformed_lib.MAX_HISTORY,
        history=3,
        longest_list=6,
        sizes=recall_trainer.vocabulary_sizes(data, transformed.output),
    )


@pytest.fixture(scope="module")
def made(transformed: transformed_lib.Transformed) -> statistic_features.StatisticFeatures:
    return statistic_features.StatisticFeatures(
        _statistics(transformed), ranking_config.Statistics()
    )


def test_the_inputs_are_those_of_requests_with_earlier_items() -> None:
    specs = request_graph.input_specs(DATA)
    assert specs.keys() == {*_request(), features.CANDIDATE_ITEM_ID, features.RECALL_SCORE}
    without = request_graph.input_specs(examples.data())
    assert specs.keys() - without.keys() == set(request_arrays.earlier_types())


def test_the_whole_known_past_by_hand(
    graph: request_graph.RequestGraph, made: statistic_features.StatisticFeatures
) -> None:
    """Of i1 two events and four earlier ones, of i3 an earlier one; "gone" is not known."""
    batch = request_graph.with_statistics(graph(_inputs(_request())), made)
    assert entries.Entries.of_batch(batch) is None
    found = dict(zip(made.names, batch[request_graph.STATISTICS].numpy()[0].T, strict=True))
    log, year = math.log1p, 365 * DAY
    expected = {
        "own": [1, 1, 0, 0, 0],
        "own_count": [log(1), log(6), 0, 0, 0],
        "own_last_5_baskets": [0, log(2), 0, 0, 0],
        "own_share": [log(100 / 9), log(600 / 9), 0, 0, 0],
        "own_seconds_since": [log(40 * DAY) / log(year), log(3 * DAY) / log(year), 1, 1, 1],
        "own_events_since": [log(4) / log(200), log(1) / log(200), 1, 1, 1],
        "own_baskets_since": [log(3) / log(200), log(1) / log(200), 1, 1, 1],
        "own_due": [0, log(3 * DAY) - log(57 * DAY / 5), 0, 0, 0],
        "returning_users": [0.5] * 5,
        "user_repeats": [5 / 9] * 5,
    }
    for name, values in expected.items():
        close.assert_close(
            found[name], values, roundings=close.FUNCTIONS, scale=log(year), err_msg=name
        )


def test_a_hidden_time_changes_nothing(
    transformed: transformed_lib.Transformed, made: statistic_features.StatisticFeatures
) -> None:
    """A request a day after its last event, and one five years and two hours later."""
    later = {**_request(), features.REQUEST_TIMESTAMP: np.array([NOW + 5 * 365 * DAY + 7200])}
    depends = {*map(features.transformed_name, features.TIME_FEATURES)}
    depends |= {request_graph.STATISTICS, request_graph.SESSION}
    for request_time, changed in (("hidden", set()), ("known", depends)):
        graph = _graph(transformed, dataclasses.replace(DATA, request_time=request_time))
        one, other = (
            request_graph.with_statistics(graph(_inputs(r)), made) for r in (_request(), later)
        )
        same = {name for name in one if np.array_equal(one[name], other[name])}
        assert one.keys() == other.keys()
        assert one.keys() - same == changed


def test_padding_counts_for_nothing(
    graph: request_graph.RequestGraph, made: statistic_features.StatisticFeatures
) -> None:
    request = _request()
    wide = request_arrays.at_full_width(request, DATA, events=9, exclusions=0, earlier=12)
    assert wide[features.EARLIER_ITEM_ID].shape == (1, 12)
    found, expected = (
        request_graph.with_statistics(graph(_inputs(r)), made) for r in (wide, request)
    )
    assert found.keys() == expected.keys()
    for name in (request_graph.STATISTICS, request_graph.CANDIDATES, request_graph.RECALL):
        np.testing.assert_array_equal(found[name], expected[name])


def test_without_any_history(
    graph: request_graph.RequestGraph, made: statistic_features.StatisticFeatures
) -> None:
    per_event = {"event_item_id", "event_timestamp", *request_arrays.earlier_types()}
    per_event |= {
        f.name for f in (*features.event_features(DATA), *features.context_features(DATA))
    }
    empty = {n: v[:, :0] if n in per_event else v for n, v in _request().items()}
    batch = request_graph.with_statistics(graph(_inputs(empty)), made)
    values = batch[request_graph.STATISTICS].numpy()
    assert values.shape == (1, 5, len(made.names)) and np.isfinite(values).all()
    assert not values[..., made.names.index("own")].any()


def test_where_repeats_are_excluded_nothing_changes(
    transformed: transformed_lib.Transformed, prepared: object
) -> None:
    names = statistic_features.names(
        conftest.statistics_of(transformed), ranking_config.Statistics()
    )
    assert prepared.known.statistics == names  # type: ignore[attr-defined]
    added = repeat_features.names(has_times=True)
    with_repeats = statistic_features.names(_statistics(transformed), ranking_config.Statistics())
    assert with_repeats == (*names, *added) and not set(names) & set(added)
    assert not any(n.startswith("entry_") for n in prepared.train.spread(1))  # type: ignore[attr-defined]


def test_the_saved_model_knows_what_came_before(
    transformed: transformed_lib.Transformed,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    statistics = _statistics(transformed)
    monkeypatch.setattr(conftest, "statistics_of", lambda _: statistics)
    earlier = {
        "earlier_item_id": transformed_lib.ITEMS[:4],
        "earlier_count": [1, 2, 3, 4],
        "earlier_first_timestamp": [1, 2, 3, 4],
        "earlier_last_timestamp": [5, 6, 7, 8],
    }
    raw = {
        split: [{**row, **earlier} for row in transformed.raw[split]]
        for split in ("train", "valid")
    }
    ranked = conftest.with_candidates(
        dataclasses.replace(transformed, raw=raw), tmp_path / "candidates"
    )
    settings = conftest.settings(training={"epochs": 1})
    trained = ranked.train(dataclasses.replace(settings, data=DATA), tmp_path / "checkpoints")
    assert set(trained.sample) == set(request_graph.input_specs(DATA))
    export.save(trained, str(tmp_path / "model"), conftest.MADE_OF)
    saved = saved_rank.SavedRank(str(tmp_path / "model"))
    request, scores = _request(), np.zeros(CANDIDATES.shape, np.float32)
    found = saved(request, CANDIDATES, scores)
    assert np.isfinite(found["score"][0, :4]).all()
    own = trained.statistics.names.index("own_count")

    def own_counts(asked: dict[str, np.ndarray]) -> np.ndarray:
        return saved.parts(asked, CANDIDATES, scores)[f"part_{model_lib.STATISTICS}"][0, :, own]

    more = {**request, features.EARLIER_COUNT: request[features.EARLIER_COUNT] + [[0, 0, 5]]}
    changed = own_counts(more) - own_counts(request)
    assert changed[0] > 0.01 and not changed[1:].any()  # i3 alone
