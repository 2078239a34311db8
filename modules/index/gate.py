"""The gate: an index that loses too much against exact search is not released."""

from __future__ import annotations

import dataclasses

from modules import config
from modules.index import parameters, quality


class IndexGateError(ValueError):
    """An index not to be served; the message says by how much it fails and what to change."""


@dataclasses.dataclass(frozen=True)
class Report:
    """What is known of an index when the gate decides; written to `assets.extra/index.json`."""

    items: int
    dimension: int
    k: int
    queries: int
    settings: parameters.Parameters
    search: quality.Measured  # of the body alone, width k, nothing excluded
    served: quality.Measured  # with the seen items of each request excluded
    # by `index` and `exact`, then by batch size; without the query tower
    milliseconds: dict[str, dict[str, float]]
    curve: tuple[quality.Point, ...]


def check(report: Report, index: config.Index) -> None:
    """Holds the measures against the configuration.

    Raises:
      IndexGateError: recall@k below `index.min_recall`, a NaN, or fewer items than the catalogue
          holds.
    """
    problems = []
    for name, measured in (("search", report.search), ("search with exclusions", report.served)):
        if not measured.recall >= index.min_recall:  # NaN fails too
            problems.append(
                f"{name}: recall@{report.k} is {measured.recall:.4f}, at least {index.min_recall} "
                "expected"
            )
        if measured.narrow_rows:
            problems.append(
                f"{name}: {measured.narrow_rows} of {report.queries} queries did not get min(k, "
                "items left) distinct items"
            )
        if measured.nan_rows:
            problems.append(
                f"{name}: {measured.nan_rows} of {report.queries} queries got NaN scores"
            )
    if problems:
        raise IndexGateError(
            f"The {report.settings.body} index of {report.items} items is refused. "
            f"{'; '.join(problems)}. Used: {report.settings}. {_remedy(report, index)}"
        )


def _remedy(report: Report, index: config.Index) -> str:
    if parameters.is_fixed(index):
        return (
            "Raise index.reorder and index.leaves_to_search, or leave them out, so that they are "
            "chosen by measuring."
        )
    if report.settings.body == "exact":
        return "Look for NaN in the query vectors of the trained model."
    return "Set index.body: exact, or fewer index.leaves."
