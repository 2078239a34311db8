"""What the second stage's baselines and slices know of earlier events, counted on Beam."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import apache_beam as beam

from modules import features
from modules.evaluation import baselines, ease


@dataclasses.dataclass(frozen=True)
class Sides:
    """Side inputs of `two_stage.AskModels`.

    Of training events there are `baselines.Popularity`, `baselines.CoOccurrence` and the path
    of EASE's matrix (None without it); `edges` are the bounds of the numeric slices by feature;
    `known_...` are the same of the events that the requests may know.
    """

    catalogue: beam.pvalue.AsSingleton
    table: beam.pvalue.AsSingleton
    ease_path: beam.pvalue.AsSingleton | None
    edges: beam.pvalue.AsSingleton
    known_catalogue: beam.pvalue.AsSingleton
    known_table: beam.pvalue.AsSingleton


def count(
    parsed: Mapping[str, beam.PCollection],
    catalogue: beam.PCollection,
    edges: beam.PCollection,
    ease_path: str,
) -> dict[str, Sides]:
    """Counts events for the requests of valid and of test.

    Args:
      parsed: raw examples of train, valid and test by split.
      catalogue: ids of all items, bytes.
      edges: one dictionary, the bounds of the numeric slices by feature.
      ease_path: of the file that is written.
    """
    histories = baselines.known_histories(parsed, features.SPLIT_VALID)
    training = baselines.count(histories, catalogue, features.SPLIT_VALID)
    path = histories | "Ease" >> ease.Fit(training[0], ease_path)
    later = baselines.count(
        baselines.known_histories(parsed, features.SPLIT_TEST), catalogue, features.SPLIT_TEST
    )
    sides = *training, beam.pvalue.AsSingleton(path), beam.pvalue.AsSingleton(edges)
    return {
        split: Sides(*sides, *known)
        for split, known in ((features.SPLIT_VALID, training), (features.SPLIT_TEST, later))
    }
