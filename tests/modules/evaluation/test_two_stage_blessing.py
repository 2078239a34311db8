"""Each rule of the release of both stages, passed and failed."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import pytest

from modules import config, strict
from modules.evaluation import two_stage_blessing

VALID: dict[str, Any] = {
    "requests": 100,
    "faults": {"not_finite": 0, "lost": 0, "constant": 0},
    "metrics": {
        "two_stage": {"NDCG@10": {"value": 0.14}},
        "recall": {"NDCG@10": {"value": 0.12}},
        "last_blessed": {"NDCG@10": {"value": 0.15}},
    },
    "lift": {
        "NDCG@10": {
            "recall": {"difference": 0.02, "low": 0.01, "high": 0.03},
            "last_blessed": {"difference": -0.01, "low": -0.02, "high": 0.001},
        }
    },
    "slices": {
        "user_gender": {
            "F": {"users": 60, "two_stage": {"HR@10": {"value": 0.21}}},
            "M": {"users": 29, "two_stage": {"HR@10": {"value": 0.0}}},
        }
    },
}
EVALUATION = strict.read(
    config.Evaluation,
    {
        "slices": ["user_gender"],
        "slice_floors": {"user_gender": {"HR@10": 0.2}},
        "min_slice_users": 30,
    },
)


def _failed(valid: dict[str, Any], evaluation: config.Evaluation = EVALUATION) -> list[str]:
    verdict = two_stage_blessing.decide(valid, evaluation, "")
    assert verdict.blessed == (not verdict.to_json()["reasons"])
    return [rule.name for rule in verdict.rules if rule.passed is False]


def _changed(change: dict[str, Any]) -> dict[str, Any]:
    valid = copy.deepcopy(VALID)
    valid["lift"]["NDCG@10"].update(change)
    return valid


def test_a_sound_release_passes_and_small_groups_are_not_judged():
    verdict = two_stage_blessing.decide(VALID, EVALUATION, "")
    assert verdict.blessed
    passed = {rule.name: rule.passed for rule in verdict.rules}
    assert passed["slice/user_gender/F/HR@10"] is True
    assert passed["slice/user_gender/M/HR@10"] is None  # 29 users
    assert passed["last_blessed"] is True  # the interval holds 0


@pytest.mark.parametrize("other", ["recall", "last_blessed"])
def test_worse_beyond_the_noise_fails(other):
    worse = _changed({other: {"difference": -0.02, "low": -0.03, "high": -0.01}})
    assert _failed(worse) == [other]
    (reason,) = two_stage_blessing.decide(worse, EVALUATION, "").to_json()["reasons"]
    assert "NDCG@10 of two stages is 0.1400" in reason
    assert "95% interval -0.0300 to -0.0100" in reason


def _with_baselines(best: float, low: float, high: float) -> dict[str, Any]:
    """Personal recency is the best of the baselines; this is the interval of two stages minus it.

    Two stages have .14 and recall .12.
    """
    valid = copy.deepcopy(VALID)
    values = {"co_occurrence": 0.05, "personal_frequency": best - 0.01, "personal_recency": best}
    for system, value in values.items():
        valid["metrics"][system] = {"NDCG@10": {"value": value}}
        valid["lift"]["NDCG@10"][system] = {"difference": 0.14 - value, "low": -0.03, "high": -0.02}
    valid["lift"]["NDCG@10"]["personal_recency"].update(low=low, high=high)
    return valid


@pytest.mark.parametrize(
    ("best", "low", "high", "failed"),
    [
        (0.11, -0.01, 0.05, []),  # recall alone is better
        (0.11, -0.05, -0.01, ["baselines"]),
        (0.13, 0.001, 0.02, []),  # recall alone is not, so two stages have to win
        (0.13, -0.001, 0.02, ["baselines"]),
        (0.16, -0.03, -0.001, ["baselines"]),
    ],
)
def test_only_the_best_of_the_baselines_decides_beyond_the_noise(best, low, high, failed):
    assert _failed(_with_baselines(best, low, high)) == failed


def test_what_is_said_of_baselines():
    verdict = two_stage_blessing.decide(_with_baselines(0.13, -0.001, 0.02), EVALUATION, "")
    (reason,) = verdict.to_json()["reasons"]
    assert reason == (
        "NDCG@10 of two stages is 0.1400, that of personal-recency, the best of "
        "evaluation.baselines (co-occurrence 0.0500, personal-frequency 0.1200, personal-recency "
        "0.1300), 0.1300 on the same requests; expected to be better beyond the noise, as recall's "
        "own order has 0.1200. Paired difference +0.0100, 95% interval -0.0010 to +0.0200."
    )


def test_without_baselines_there_is_no_rule():
    for valid, evaluation in (
        (VALID, EVALUATION),
        (_with_baselines(0.2, -0.1, -0.05), dataclasses.replace(EVALUATION, baselines=())),
    ):
        names = [r.name for r in two_stage_blessing.decide(valid, evaluation, "").rules]
        assert "baselines" not in names


@pytest.mark.parametrize("fault", ["not_finite", "lost", "constant"])
def test_faults_fail(fault):
    assert _failed({**VALID, "faults": {**VALID["faults"], fault: 1}}) == [f"sound/{fault}"]


def test_a_slice_below_its_floor_fails():
    evaluation = strict.read(
        config.Evaluation,
        {
            "slices": ["user_gender"],
            "slice_floors": {"user_gender": {"HR@10": 0.2}},
            "min_slice_users": 29,
        },
    )
    assert _failed(VALID, evaluation) == ["slice/user_gender/M/HR@10"]


def test_without_an_earlier_release_the_reason_is_given():
    valid = copy.deepcopy(VALID)
    del valid["lift"]["NDCG@10"]["last_blessed"]
    rules = {r.name: r for r in two_stage_blessing.decide(valid, EVALUATION, "None there.").rules}
    assert rules["last_blessed"].passed is None and rules["last_blessed"].reason == "None there."


def test_no_requests_show_nothing():
    assert _failed({"requests": 0}) == ["requests"]
