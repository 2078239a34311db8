"""What came of an event, as the objectives of ranking ask it; see `ranking_config.Objective`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from modules import data_config, features, ranking_config, requests


class Objectives:
    """The labels of declared objectives."""

    def __init__(
        self, data: data_config.Data, declared: Mapping[str, ranking_config.Objective]
    ) -> None:
        columns = {feature.column: feature for feature in features.event_features(data)}
        self._declared = {name: (columns[one.column], one) for name, one in declared.items()}

    def of(self, example: requests.RawExample) -> dict[str, float]:
        """Labels of the example's last event by objective: 1 yes, 0 no, NaN for a missing value."""
        return {
            name: _label(example[feature.name][-1], feature, objective)
            for name, (feature, objective) in self._declared.items()
        }


def _label(
    value: bytes | float, feature: features.Feature, objective: ranking_config.Objective
) -> float:
    if isinstance(value, bytes):
        text = value.decode()
        return math.nan if text in ("", *feature.spec.missing) else float(text in objective.values)
    assert objective.at_least is not None  # of a numeric column; config.py sees to it
    return math.nan if math.isnan(value) else float(value >= objective.at_least)
