"""How far requests are from training or earlier requests, by feature, and which are too far.

TFDV's comparators measure it: the L-infinity distance of texts, the largest difference of a value's
share; the Jensen-Shannon divergence of numbers, 0 to 1. A share of unknown texts is held against
the first's threshold, too: in a large catalogue no single item's share says that all ids are wrong.
Numbers are compared without NaN, which TFDV puts in other buckets on each side, and shares of NaN
on their own.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping

import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from modules import features, request_arrays
from modules.skew import measure

L_INFINITY, JENSEN_SHANNON = "L-infinity", "Jensen-Shannon"
# Distances that are no skew, of ever so many requests.
THRESHOLDS = {L_INFINITY: 0.05, JENSEN_SHANNON: 0.05}
_MANY_UNKNOWN = 5  # that are named


@dataclasses.dataclass(frozen=True)
class Finding:
    """One feature.

    Attributes:
      feature: its name.
      measure: L_INFINITY or JENSEN_SHANNON.
      distance: None where one side has no values at all.
      threshold: above which it is skewed.
      missing: share of values that requests left out; a default took their place, but not that of
          feedback.
      unknown: share of texts that are not in the vocabulary; None of numbers.
      skewed: whether the distance or the share of unknown texts is above the threshold, or the
          shares of NaN differ by more than chance explains (or, if given, than the feature's
          threshold).
      differs: what differs most, in words.
    """

    feature: str
    measure: str
    distance: float | None
    threshold: float
    missing: float
    unknown: float | None
    skewed: bool
    differs: str


@dataclasses.dataclass(frozen=True)
class Side:
    """One of the two that are compared; `words` as in `3% in training`."""

    statistics: measure.Statistics
    words: str


def threshold(kind: str, requests: int) -> float:
    """The distance above which so many requests are skewed, with what chance alone makes of them.

    A share of n values has a standard error of at most 0.5 / sqrt(n), and two of them are allowed.
    A Jensen-Shannon divergence (in bits) of n values in k buckets that are alike is (k - 1) / (8 n
    ln 2) on the average (Menendez et al. 1997: 8 ln 2 n JSD is chi-squared), and about five times
    that of 10 buckets is allowed.
    """
    chance = 1 / math.sqrt(requests) if kind == L_INFINITY else 10 / requests
    return THRESHOLDS[kind] + chance


def compare(
    names: Mapping[str, features.Feature | None],
    before: Side,
    now: Side,
    *,
    requests: int,
    missing: Mapping[str, float],
    vocabularies: Mapping[str, Collection[str]],
    thresholds: Mapping[str, float],
    drift: bool,
) -> list[Finding]:
    """Compares what both have.

    Args:
      names: see `measure.names`.
      before: training, or earlier requests.
      now: the requests, counted in the buckets of `before`.
      requests: how many they are (of the fewer, if both are).
      missing: see `raw_examples.Sent`.
      vocabularies: the texts that the model knows, by name of a feature.
      thresholds: by name of a feature, in place of the default.
      drift: whether `before` are requests.
    """
    both = {name: feature for name, feature in names.items() if name in before.statistics}
    kinds = {
        name: JENSEN_SHANNON if f is not None and request_arrays.is_number(f) else L_INFINITY
        for name, f in both.items()
    }
    distances = _distances(kinds, before.statistics, now.statistics, drift=drift)
    found = []
    for name, kind in kinds.items():
        most = thresholds.get(name, threshold(kind, requests))
        share, unknown = _unknown(now.statistics.get(name), vocabularies.get(name))
        distance = distances.get(name)
        lacking = distance is None and _values(before.statistics[name]) > 0
        gaps = _gaps(before.statistics[name]), _gaps(now.statistics.get(name))
        uneven = abs(gaps[1] - gaps[0]) > thresholds.get(name, threshold(L_INFINITY, requests))
        skewed = lacking or uneven or (distance or 0) > most or (share or 0) > most
        differs = _differs(name, kind, before, now)
        if uneven:
            differs = f"missing {gaps[0]:.1%} {before.words}, {gaps[1]:.1%} {now.words}; {differs}"
        if unknown:
            differs += f"; unknown: {', '.join(map(repr, unknown))}"
        found.append(
            Finding(name, kind, distance, most, missing.get(name, 0.0), share, skewed, differs)
        )
    return found


def _distances(
    kinds: Mapping[str, str], before: measure.Statistics, now: measure.Statistics, *, drift: bool
) -> dict[str, float]:
    """What TFDV's comparators measure, by name, without features that lack values on one side."""
    schema = schema_pb2.Schema()
    for name, kind in kinds.items():
        if _values(before.get(name)) and _values(now.get(name)):
            feature = schema.feature.add(name=name)
            comparator = feature.drift_comparator if drift else feature.skew_comparator
            norm = (
                comparator.infinity_norm
                if kind == L_INFINITY
                else comparator.jensen_shannon_divergence
            )
            norm.threshold = 0.0
            feature.type = schema_pb2.BYTES if kind == L_INFINITY else schema_pb2.FLOAT
    ours = _dataset(now, schema)
    theirs = _dataset(before, schema)
    if drift:
        found = tfdv.validate_statistics(ours, schema, previous_statistics=theirs)
    else:
        found = tfdv.validate_statistics(theirs, schema, serving_statistics=ours)
    return {".".join(info.path.step): _measured(info) for info in found.drift_skew_info}


def _measured(info: anomalies_pb2.DriftSkewInfo) -> float:
    value: float = (*info.skew_measurements, *info.drift_measurements)[0].value
    return value


def _dataset(
    statistics: measure.Statistics, schema: schema_pb2.Schema
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """The statistics of the schema's features as TFDV takes them, without NaN."""
    found = statistics_pb2.DatasetFeatureStatisticsList()
    dataset = found.datasets.add()
    for feature in schema.feature:
        copied = dataset.features.add()
        copied.CopyFrom(statistics[feature.name])
        for counted in copied.num_stats.histograms if copied.HasField("num_stats") else ():
            counted.num_nan = 0
    dataset.num_examples = max(
        (measure.common(f).num_non_missing for f in dataset.features), default=0
    )
    return found


def _values(feature: statistics_pb2.FeatureNameStatistics | None) -> int:
    """How many there are, without NaN."""
    return (
        measure.common(feature).tot_num_values - measure.missing(feature)
        if feature is not None
        else 0
    )


def _gaps(feature: statistics_pb2.FeatureNameStatistics | None) -> float:
    """The share of NaN."""
    return (
        measure.missing(feature) / (measure.common(feature).tot_num_values or 1) if feature else 0.0
    )


def _unknown(
    feature: statistics_pb2.FeatureNameStatistics | None, known: Collection[str] | None
) -> tuple[float | None, list[str]]:
    """The share of unknown texts, and the most frequent of them; an empty one counts as missing."""
    if known is None or feature is None:
        return None, []
    shares = _shares(feature)
    strange = {text: share for text, share in shares.items() if text and text not in known}
    return sum(strange.values(), 0.0), sorted(strange, key=lambda text: -strange[text])[
        :_MANY_UNKNOWN
    ]


def _shares(feature: statistics_pb2.FeatureNameStatistics) -> dict[str, float]:
    """Shares of the values of a text, the 1000 most frequent ones."""
    total = measure.common(feature).tot_num_values or 1
    return {b.label: b.sample_count / total for b in feature.string_stats.rank_histogram.buckets}


def _differs(name: str, kind: str, before: Side, now: Side) -> str:
    ours, theirs = now.statistics.get(name), before.statistics[name]
    if ours is None or not _values(ours):
        return f"no values {now.words}"
    if not _values(theirs):
        return f"no values {before.words}"
    if kind == JENSEN_SHANNON:
        a, b = theirs.num_stats, ours.num_stats
        return (
            f"median {a.median:.4g} {before.words}, {b.median:.4g} {now.words}; "
            f"{a.min:.4g} to {a.max:.4g}, {b.min:.4g} to {b.max:.4g}"
        )
    a, b = _shares(theirs), _shares(ours)
    text = max({*a, *b}, key=lambda t: (abs(a.get(t, 0.0) - b.get(t, 0.0)), t), default="")
    return f"{text!r} {a.get(text, 0.0):.1%} {before.words}, {b.get(text, 0.0):.1%} {now.words}"
