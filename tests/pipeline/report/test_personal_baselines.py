"""The baselines of a user's own items among the results, where items may repeat."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from modules import config
from modules.evaluation import linear_ranker as linear_features
from modules.evaluation import personal
from pipeline.report import lift, linear_ranker, repeats, results, standings, systems
from tests.pipeline.report import small_artifacts, small_two_stage

VALUES = {"personal_frequency": 0.11, "personal_recency": 0.13, "gp_topfreq": 0.12}


def _with_personal(split: dict[str, Any], compared: str) -> None:
    """Adds the systems: in all metrics the same value, and the difference .14 less that."""
    metrics = split["metrics"]["recall"]
    for system, value in VALUES.items():
        split["metrics"][system] = {name: {"value": value, "se": 0.01} for name in metrics}
        paired = {"difference": 0.14 - value, "low": -0.01, "high": 0.05, "significant": False}
        for name in metrics:
            if compared == "lift":
                split["lift"][name][system] = paired
            else:
                split["paired"].setdefault(system, {})[name] = paired


@pytest.fixture
def report() -> dict[str, Any]:
    found = small_artifacts.evaluation()
    for split in found["splits"].values():
        _with_personal(split, "paired")
    return found


@pytest.fixture
def both() -> dict[str, Any]:
    found = small_two_stage.evaluation()
    for split in found["splits"].values():
        _with_personal(split, "lift")
        for of_metric in split["lift"].values():
            of_metric["co_occurrence"] = of_metric["personal_frequency"]
        split["metrics"]["co_occurrence"] = split["metrics"]["personal_frequency"]
    return found


def test_all_of_them_have_a_name() -> None:
    assert tuple(systems.PERSONAL) == personal.SYSTEMS
    assert set(systems.BASELINES) == set(typing.get_args(config.Baseline))
    assert set(systems.BASELINES) < set(lift.OTHERS)


def test_rows_of_recall_alone(report: dict[str, Any]) -> None:
    test, _ = results.tables(report["splits"], [10])
    assert test.columns[4:7] == ("personal frequency#", "personal recency#", "GP-TopFreq#")
    (ndcg,) = (row for row in test.cells if row[0].text == "NDCG@10")
    assert [cell.text[:6] for cell in ndcg[4:7]] == ["0.1100", "0.1300", "0.1200"]
    # recall has .117, the best baseline .13
    assert ndcg[-1].text == "-10%"


def test_rows_with_two_stages(report: dict[str, Any], both: dict[str, Any]) -> None:
    found = standings.of(report, both, "test")
    labels = list(found.rows)
    assert labels[:6] == [
        "popularity",
        "co-occurrence",
        "personal frequency",
        "personal recency",
        "GP-TopFreq",
        "recall alone",
    ]
    assert found.best_untrained("NDCG@10") == "personal recency"
    *_, title, first, second, _ = standings.lines(found, [10], "NDCG@10")
    assert title == "Two stages minus personal recency, the best baseline without training"
    assert first.split() == ["NDCG@10", "+0.0100", "(-0.0100", "to", "+0.0500)"]
    assert second.split()[0] == "HR@10"


def test_the_lift_is_over_all_of_them(both: dict[str, Any]) -> None:
    table = lift.table(both["splits"]["test"], [10])
    assert table.columns[-4:] == (
        "minus co-occurrence#",
        "minus personal frequency#",
        "minus personal recency#",
        "minus GP-TopFreq#",
    )


def test_all_features_of_the_linear_ranker_are_explained() -> None:
    names = [*linear_features.FEATURES, *linear_features.REPEAT_FEATURES]
    table = linear_ranker.weights({"features": names, "weights": [0.5] * len(names)})
    assert [row[0].note for row in table.cells] == names
    assert not {row[0].text for row in table.cells} & set(names)


@pytest.mark.parametrize(
    ("baskets", "decay", "leaves_out", "first", "last"),
    [
        pytest.param(
            10,
            1.0,
            False,
            "Personal recency counts a user's last 10 baskets (all",
            "of all with the weight 0.98.",
            id="ten",
        ),
        pytest.param(
            None,
            0.98,
            True,
            "Personal recency counts all of a user's baskets, each with 0.98 of the next one's "
            "weight (all",
            "No baseline lists what a user has at the time of the request already.",
            id="decay",
        ),
        pytest.param(
            None,
            1.0,
            True,
            "Personal recency counts all of a user's baskets",
            "No baseline lists what a user has at the time of the request already.",
            id="all",
        ),
        pytest.param(
            1, 1.0, False, "Personal recency counts a user's last basket (all", "0.98.", id="1"
        ),
    ],
)
def test_settings_are_told(
    baskets: int | None, decay: float, leaves_out: bool, first: str, last: str
) -> None:
    said = repeats.settings(
        {
            "baskets": baskets,
            "decay": decay,
            "leaves_out_present": leaves_out,
            "users": 2400,
            "NDCG@10": [
                {"baskets": None, "decay": 1.0, "value": 0.29},
                {"baskets": 10, "decay": 1.0, "value": 0.31},
                {"baskets": None, "decay": 0.98, "value": 0.3},
            ],
        }
    )
    assert said.startswith(first) and said.endswith(last)
    assert "what 2,400 users did last in training" in said
    assert "0.2900 of all, 0.3100 of the last 10, 0.3000 of all with the weight 0.98." in said
