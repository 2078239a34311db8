"""TFDV's anomalies as sentences for whoever must act: split, feature, rule, how many, what to do.

TFDV describes most anomalies without a number; the numbers come from the statistics it looked at.
Histograms know values, not examples, and know them by bucket: such counts say 'values' and, where a
bucket straddles a bound, 'at least'.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator

from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from pipeline.report import statistics

_Type = anomalies_pb2.AnomalyInfo
_DATASET = "(whole split)"

_OUT_OF_RANGE = (
    _Type.FLOAT_TYPE_SMALL_FLOAT,
    _Type.FLOAT_TYPE_BIG_FLOAT,
    _Type.INT_TYPE_SMALL_INT,
    _Type.INT_TYPE_BIG_INT,
)
_NOT_FINITE = (_Type.FLOAT_TYPE_HAS_NAN, _Type.FLOAT_TYPE_HAS_INF)
_ABSENT = (
    _Type.FEATURE_TYPE_LOW_FRACTION_PRESENT,
    _Type.FEATURE_TYPE_LOW_NUMBER_PRESENT,
    _Type.FEATURE_TYPE_NOT_PRESENT,
    _Type.SCHEMA_MISSING_COLUMN,
)
_WRONG_COUNT = (_Type.FEATURE_TYPE_LOW_NUMBER_VALUES, _Type.FEATURE_TYPE_HIGH_NUMBER_VALUES)

_CORRECT = "correct the data, or, where the values are right, widen the rule in {schema}"
_REMEDIES = {
    **dict.fromkeys(_ABSENT, "fill the column, or declare its default in the configuration"),
    **dict.fromkeys(
        _NOT_FINITE, "replace NaN and infinity in the data; leave a missing value empty"
    ),
    _Type.SCHEMA_NEW_COLUMN: (
        "add the feature to {schema}, or take its column out of the configuration"
    ),
}


class AnomaliesFound(ValueError):
    """The data break the rules of the schema; the message lists every case."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One broken rule of one feature."""

    split: str
    feature: str
    rule: str
    count: str
    remedy: str

    def __str__(self) -> str:
        count = f" ({self.count})" if self.count else ""
        return (
            f"split {self.split}, feature {self.feature}: {self.rule}{count}.\n"
            f"    To do: {self.remedy}."
        )


def message(findings: Iterable[Finding]) -> str:
    """All findings as one text."""
    lines = [f"  - {finding}" for finding in findings]
    number = (
        "1 rule of the schema is" if len(lines) == 1 else f"{len(lines)} rules of the schema are"
    )
    return "\n".join([f"The data were not accepted: {number} broken.", *lines])


def findings(
    split: str,
    anomalies: anomalies_pb2.Anomalies,
    measured: statistics_pb2.DatasetFeatureStatisticsList,
    schema: schema_pb2.Schema,
    schema_name: str,
) -> Iterator[Finding]:
    """Reads the anomalies of one split, features in the order of their names.

    Args:
      split: its name.
      anomalies: what `tfdv.validate_statistics` returned.
      measured: the split's statistics; one data set, or none where the split is empty.
      schema: that was validated against; it holds the domains that the counts need.
      schema_name: what the remedies call the schema.
    """
    by_name = {statistics.name(f): f for dataset in measured.datasets for f in dataset.features}
    examples = sum(dataset.num_examples for dataset in measured.datasets)
    broken = [_sentence(reason.description) for reason in anomalies.dataset_anomaly_info.reason]
    # of nothing TFDV says nothing
    if not examples and schema.dataset_constraints.min_examples_count:
        broken.append("there are no examples")
    for rule in broken:
        yield Finding(split, _DATASET, rule, "", "check the source and how it is split")
    rules = {feature.name: feature for feature in schema.feature}
    for name, info in sorted(anomalies.anomaly_info.items()):
        for reason in info.reason:
            yield Finding(
                split,
                name,
                f"{reason.short_description}: {_sentence(reason.description)}",
                _count(
                    reason.type, by_name.get(name), rules.get(name, schema_pb2.Feature()), examples
                ),
                _REMEDIES.get(reason.type, _CORRECT).format(schema=schema_name),
            )


def _count(
    kind: int,
    feature: statistics_pb2.FeatureNameStatistics | None,
    rule: schema_pb2.Feature,
    examples: int,
) -> str:
    """How many examples or values break the rule; empty where the statistics cannot tell."""
    if feature is None:
        return f"{examples} of {examples} examples"
    common = statistics.common(feature)
    of_examples, of_values = f"of {examples} examples", f"of {common.tot_num_values} values"
    if kind in _ABSENT:
        return f"{examples - common.num_non_missing} {of_examples}"
    if kind in _WRONG_COUNT:
        most = rule.value_count.max or math.inf
        return (
            f"{_outside([common.num_values_histogram], rule.value_count.min, most)} {of_examples}"
        )
    if kind in _OUT_OF_RANGE:
        return f"{_outside(feature.num_stats.histograms, *_bounds(rule))} {of_values}"
    if kind == _Type.FLOAT_TYPE_HAS_NAN:
        return f"{statistics.histogram(feature).num_nan} {of_values}"
    if kind == _Type.FLOAT_TYPE_HAS_INF:
        return ""
    if kind == _Type.ENUM_TYPE_UNEXPECTED_STRING_VALUES:
        known = set(rule.string_domain.value)
        buckets = feature.string_stats.rank_histogram.buckets
        return f"{round(sum(b.sample_count for b in buckets if b.label not in known))} {of_values}"
    return f"{common.num_non_missing} {of_examples}"


def _outside(histograms: Iterable[statistics_pb2.Histogram], low: float, high: float) -> str:
    """How many values lie below `low` or above `high`; 'at least' where buckets lie on a bound."""
    least = 1
    for histogram in histograms:
        broken = [b for b in histogram.buckets if b.low_value < low or b.high_value > high]
        outside = [b for b in broken if b.high_value < low or b.low_value > high]
        count = round(sum(bucket.sample_count for bucket in outside))
        if len(outside) == len(broken) and histogram.type == statistics_pb2.Histogram.STANDARD:
            return f"{count}"
        least = max(least, count)
    return f"at least {least}"


def _bounds(rule: schema_pb2.Feature) -> tuple[float, float]:
    """The least and the greatest value that the rule of a numeric feature allows."""
    domain = rule.int_domain if rule.HasField("int_domain") else rule.float_domain
    return (
        domain.min if domain.HasField("min") else -math.inf,
        domain.max if domain.HasField("max") else math.inf,
    )


def _sentence(text: str) -> str:
    """TFDV ends some descriptions with a stop and others not."""
    return text.strip().rstrip(".")
