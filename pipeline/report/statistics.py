"""StatisticsGen's data statistics as plain numbers, for the report's tables and charts."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import statistics_pb2

FILE_NAME = "FeatureStats.pb"  # TFX's, in Split-<name>
_TOP = 20  # values of a text feature that are listed


def tables(uri: str) -> dict[str, dict[str, Any]]:
    """Reads a statistics artifact.

    Args:
      uri: its folder, with one folder a split.

    Returns:
      By split: `examples`, and `features` by name as `table` gives them.
    """
    result = {}
    for path in sorted(tf.io.gfile.glob(f"{uri}/Split-*/{FILE_NAME}")):
        split = pathlib.PurePath(path).parent.name.removeprefix("Split-")
        result[split] = tables_of(load(path))
    return result


def load(path: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads the statistics of one split."""
    with tf.io.gfile.GFile(path, "rb") as file:
        return statistics_pb2.DatasetFeatureStatisticsList.FromString(file.read())


def tables_of(measured: statistics_pb2.DatasetFeatureStatisticsList) -> dict[str, Any]:
    """The statistics of one split: `examples`, and `features` by name; empty where the split is."""
    dataset = (
        measured.datasets[0] if measured.datasets else statistics_pb2.DatasetFeatureStatistics()
    )
    features = {name(feature): table(feature) for feature in dataset.features}
    return {"examples": dataset.num_examples, "features": dict(sorted(features.items()))}


def table(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, Any]:
    """One feature as plain numbers.

    Returns:
      `type`, `examples` (that have the feature), `missing` (that have not), `values`,
      `values_per_example` (min, mean, max); of a number also `min`, `mean`, `median`, `max`, `std`,
      `zeros` (a share), `nan` and `histogram`, a list of (low, high, count); of a text also
      `unique`, `mean_length` and `top`, a list of (value, count).
    """
    counts = common(feature)
    result: dict[str, Any] = {
        "type": statistics_pb2.FeatureNameStatistics.Type.Name(feature.type),
        "examples": counts.num_non_missing,
        "missing": counts.num_missing,
        "values": counts.tot_num_values,
        "values_per_example": (counts.min_num_values, counts.avg_num_values, counts.max_num_values),
    }
    return result | (
        _numbers(feature) if feature.HasField("num_stats") else _texts(feature.string_stats)
    )


def name(feature: statistics_pb2.FeatureNameStatistics) -> str:
    """The feature's name, its path joined by dots."""
    return ".".join(feature.path.step)


def common(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.CommonStatistics:
    """Counts, of a feature of any type."""
    return getattr(feature, feature.WhichOneof("stats")).common_stats


def histogram(feature: statistics_pb2.FeatureNameStatistics) -> statistics_pb2.Histogram:
    """The histogram with buckets of one width, of a numeric feature; empty where there is none."""
    standard = statistics_pb2.Histogram.STANDARD
    return next(
        (h for h in feature.num_stats.histograms if h.type == standard), statistics_pb2.Histogram()
    )


def _numbers(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, Any]:
    numbers, bars = feature.num_stats, histogram(feature)
    total = numbers.common_stats.tot_num_values
    return {
        "min": numbers.min,
        "mean": numbers.mean,
        "median": numbers.median,
        "max": numbers.max,
        "std": numbers.std_dev,
        "zeros": numbers.num_zeros / total if total else 0.0,
        "nan": bars.num_nan,
        "histogram": [(b.low_value, b.high_value, round(b.sample_count)) for b in bars.buckets],
    }


def _texts(texts: statistics_pb2.StringStatistics) -> dict[str, Any]:
    ranked = texts.rank_histogram.buckets or ()
    return {
        "unique": texts.unique,
        "mean_length": texts.avg_length,
        "top": [(b.label, round(b.sample_count)) for b in ranked[:_TOP]],
    }
