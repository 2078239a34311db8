"""TFDV's statistics of requests, aligned with those of training so that only what matters differs.

A window of training holds events that have happened; a request ends with one that has not, so the
places of its item and of its feedback are left out. Numbers are counted in the buckets of the
statistics that they are compared with: TFDV spreads a bucket's count evenly, so that two samples of
the same whole numbers would differ by where their buckets begin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow_data_validation as tfdv
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.coders import example_coder

from modules import config, data_config, features
from modules.beam import histories
from modules.skew import raw_examples

Statistics = Mapping[str, statistics_pb2.FeatureNameStatistics]  # by name of the feature
_STANDARD = statistics_pb2.Histogram.STANDARD


def names(data: config.Data) -> dict[str, features.Feature | None]:
    """What requests and training have both, by name; None for items."""
    declared = (
        *features.user_features(data),
        *features.event_features(data),
        *features.context_features(data),
    )
    return {
        features.EVENT_ITEM_ID: None,
        **{f.name: f for f in declared},
        **earlier_names(data),
    }


def earlier_names(data: config.Data) -> dict[str, features.Feature | None]:
    """Those that requests alone have: what came before the past events, where repeats are allowed.

    Windows of training have none of it, the requests of validation do.
    """
    if not data.allows_repeats:
        return {}
    count = features.Feature(
        name=features.EARLIER_COUNT,
        table="event",
        column=features.EARLIER_COUNT,
        kind="numeric",
        spec=data_config.Column(kind="numeric"),
    )
    return {features.EARLIER_ITEM_ID: None, count.name: count}


def training(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> Statistics:
    """The statistics of a split, by name."""
    return {".".join(f.path.step): f for dataset in statistics.datasets for f in dataset.features}


def requests(
    rows: Sequence[histories.RawFeatures], data: config.Data, like: Statistics | None
) -> Statistics:
    """Measures requests.

    Args:
      rows: as `raw_examples.of` gives them.
      data: the declared columns.
      like: whose buckets numbers are counted in, None for their own.
    """
    unknown = {features.EVENT_ITEM_ID, *(f.name for f in features.event_features(data))}
    aligned = [
        {name: row[name][:-1] if name in unknown else row[name] for name in names(data)}
        for row in rows
    ]
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(
        raw_examples.serialize(aligned, data)
    )
    measured = training(stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions()))
    buckets = measured if like is None else like
    for name, feature in measured.items():
        if name in buckets and feature.HasField("num_stats"):
            _count_like(feature, [v for row in aligned for v in row[name]], buckets[name])
    return measured


def histogram(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.Histogram | None:
    """The histogram with buckets of one width, of a number."""
    return next((h for h in feature.num_stats.histograms if h.type == _STANDARD), None)


def common(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    """Counts, of a feature of any type."""
    return getattr(feature, feature.WhichOneof("stats")).common_stats


def missing(feature: statistics_pb2.FeatureNameStatistics) -> int:
    """How many values of a number are NaN."""
    found = histogram(feature)
    return int(found.num_nan) if found else 0


def _count_like(
    feature: statistics_pb2.FeatureNameStatistics,
    values: Sequence[float],
    like: statistics_pb2.FeatureNameStatistics,
) -> None:
    """Replaces the histogram by one with `like`'s buckets, and one more on each side if needed."""
    ours, theirs = histogram(feature), histogram(like)
    if ours is None or theirs is None or not theirs.buckets:
        return
    numbers = np.asarray(values, np.float64)
    numbers = numbers[~np.isnan(numbers)]
    edges = [bucket.low_value for bucket in theirs.buckets] + [theirs.buckets[-1].high_value]
    low, high = edges[0], edges[-1]
    within = numbers[(numbers >= low) & (numbers <= high)]
    # A value on an edge belongs to the bucket below, as in TFDV's; of a constant, all are one
    # point.
    places = np.maximum(np.searchsorted(edges, within, side="left") - 1, 0)
    counts = np.bincount(places, minlength=len(edges) - 1)
    buckets = list(zip(edges, edges[1:], counts))
    if below := int(np.sum(numbers < low)):
        buckets.insert(0, (numbers.min(), low, below))
    if above := int(np.sum(numbers > high)):
        buckets.append((high, numbers.max(), above))
    del ours.buckets[:]
    for start, end, count in buckets:
        ours.buckets.add(low_value=start, high_value=end, sample_count=count)
