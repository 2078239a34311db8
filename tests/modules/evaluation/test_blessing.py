"""The rules of a blessing, one by one."""

from __future__ import annotations

import copy
import dataclasses
import typing
from typing import Any

import pytest

from modules import config
from modules.evaluation import blessing, personal, ranking

EVALUATION = config.Evaluation(
    thresholds={"NDCG@10": config.Threshold(min=0.09, beats=("popularity",))}
)
NO_COMPARISON = "There is no earlier model."


def _paired(difference: float, low: float, high: float) -> dict[str, Any]:
    return {"NDCG@10": {"difference": difference, "low": low, "high": high}}


@pytest.fixture
def valid() -> dict[str, Any]:
    """A sound model, better than popularity and than the last blessed one."""
    values = {"recall": 0.12, "popularity": 0.04, "last_blessed": 0.11}
    return {
        "requests": 50,
        "users": 50,
        "metrics": {system: {"NDCG@10": {"value": v, "se": 0.01}} for system, v in values.items()},
        "paired": {
            "popularity": _paired(0.08, 0.06, 0.1),
            "last_blessed": _paired(0.01, -0.01, 0.03),
        },
        "sanity": {
            "not_finite": 0,
            "missing": 0,
            "seen": 0,
            "duplicates": 0,
            "constant": 0,
            "lists_compared": 49,
            "same_order": 1,
        },
    }


def _failed(valid: dict[str, Any]) -> list[str]:
    verdict = blessing.decide(valid, EVALUATION, NO_COMPARISON)
    failed = [rule.name for rule in verdict.rules if rule.passed is False]
    assert verdict.blessed == (not failed)
    assert len(verdict.to_json()["reasons"]) == len(failed)
    return failed


def test_a_good_model_passes_every_rule(valid: dict[str, Any]) -> None:
    assert _failed(valid) == []
    assert all(rule.passed for rule in blessing.decide(valid, EVALUATION, NO_COMPARISON).rules)


@pytest.mark.parametrize("fault", ["not_finite", "missing", "seen", "duplicates", "constant"])
def test_a_single_fault_fails(valid: dict[str, Any], fault: str) -> None:
    valid["sanity"][fault] = 1
    assert _failed(valid) == [f"sound/{fault}"]


@pytest.mark.parametrize("same,failed", [(46, []), (47, ["sound/personal"])])  # 95% of 49 is 46.55
def test_nearly_one_list_for_everybody_fails(
    valid: dict[str, Any], same: int, failed: list[str]
) -> None:
    valid["sanity"]["same_order"] = same
    assert _failed(valid) == failed


def test_thresholds(valid: dict[str, Any]) -> None:
    low = copy.deepcopy(valid)
    low["metrics"]["recall"]["NDCG@10"]["value"] = 0.08
    assert _failed(low) == ["NDCG@10/min"]
    low["metrics"]["popularity"]["NDCG@10"]["value"] = 0.08  # equal does not beat
    assert _failed(low) == ["NDCG@10/min", "NDCG@10/beats/popularity"]


def test_personal_baselines_that_were_not_measured_count_as_beaten(valid: dict[str, Any]) -> None:
    evaluation = config.Evaluation(
        thresholds={"NDCG@10": config.Threshold(beats=("personal_frequency", "gp_topfreq"))}
    )
    rules = {r.name: r for r in blessing.decide(valid, evaluation, NO_COMPARISON).rules}
    for name in ("personal_frequency", "gp_topfreq"):
        assert rules[f"NDCG@10/beats/{name}"].passed is True
        assert "data.repeats" in rules[f"NDCG@10/beats/{name}"].reason
    valid = _with_repeats(valid, 0.01)
    valid["metrics"]["personal_frequency"] = {"NDCG@10": {"value": 0.2, "se": 0.01}}
    valid["paired"]["personal_frequency"] = _paired(-0.08, -0.1, -0.06)
    rules = {r.name: r for r in blessing.decide(valid, evaluation, NO_COMPARISON).rules}
    assert rules["NDCG@10/beats/personal_frequency"].passed is False
    assert "the personal-frequency baseline's 0.2000" in (
        rules["NDCG@10/beats/personal_frequency"].reason
    )


def _with_repeats(valid: dict[str, Any], high: float) -> dict[str, Any]:
    """Recall@200 of .3 against co-occurrence's .4, with this end of the paired interval."""
    found = copy.deepcopy(valid)
    metrics = found["metrics"]
    metrics["recall"]["Recall@200"] = {"value": 0.3, "se": 0.01}
    for name in ("co_occurrence", "personal_frequency"):
        metrics[name] = {"NDCG@10": {"value": 0.1, "se": 0.01}}
        found["paired"][name] = _paired(0.02, 0.01, 0.03)
    metrics["co_occurrence"]["Recall@200"] = {"value": 0.4, "se": 0.01}
    found["paired"]["co_occurrence"]["Recall@200"] = {
        "difference": -0.1,
        "low": -0.2,
        "high": high,
    }
    return found


@pytest.mark.parametrize("high,failed", [(0.001, []), (-0.001, ["source/co_occurrence"])])
def test_where_items_repeat_co_occurrence_is_no_better_source(
    valid: dict[str, Any], high: float, failed: list[str]
) -> None:
    assert _failed(_with_repeats(valid, high)) == failed


@pytest.mark.parametrize(
    ("high", "ranked", "passed", "said"),
    [
        (0.001, False, True, "expected not to be worse beyond the noise."),
        (-0.001, False, False, "expected not to be worse beyond the noise."),
        (-0.001, True, None, "it takes two stages that are better beyond the noise"),
    ],
)
def test_a_baseline_that_is_better_needs_two_stages(
    valid: dict[str, Any], high: float, ranked: bool, passed: bool | None, said: str
) -> None:
    valid["metrics"]["ease"] = {"NDCG@10": {"value": 0.14, "se": 0.01}}
    valid["paired"]["ease"] = _paired(-0.02, -0.03, high)
    verdict = blessing.decide(valid, EVALUATION, NO_COMPARISON, ranked=ranked)
    (rule,) = (rule for rule in verdict.rules if rule.name == "baselines")
    assert rule.passed is passed and said in rule.reason
    assert (
        "NDCG@10 is 0.1200, that of ease, the best of evaluation.baselines (popularity 0.0400, "
        "ease 0.1400), 0.1400 on the same requests" in rule.reason
    )


def test_only_named_baselines_count(valid: dict[str, Any]) -> None:
    valid["metrics"]["ease"] = {"NDCG@10": {"value": 0.14, "se": 0.01}}
    valid["paired"]["ease"] = _paired(-0.02, -0.03, -0.01)
    for named, rules in ((("popularity",), [True]), ((), [])):
        evaluation = dataclasses.replace(EVALUATION, baselines=named)
        verdict = blessing.decide(valid, evaluation, NO_COMPARISON)
        assert [rule.passed for rule in verdict.rules if rule.name == "baselines"] == rules


def test_every_baseline_can_be_named() -> None:
    named = set(typing.get_args(config.Baseline))
    assert named == {ranking.POPULARITY, ranking.CO_OCCURRENCE, ranking.EASE, *personal.SYSTEMS}


def test_only_a_difference_beyond_the_noise_is_worse(valid: dict[str, Any]) -> None:
    valid["paired"]["last_blessed"] = _paired(-0.02, -0.05, 0.001)
    assert _failed(valid) == []
    valid["paired"]["last_blessed"] = _paired(-0.02, -0.03, -0.001)
    assert _failed(valid) == ["last_blessed"]


def test_without_a_last_model_the_reason_is_kept(valid: dict[str, Any]) -> None:
    del valid["paired"]["last_blessed"]
    rule = blessing.decide(valid, EVALUATION, NO_COMPARISON).rules[-1]
    assert (rule.passed, rule.reason) == (None, NO_COMPARISON)


def test_no_requests_no_blessing(valid: dict[str, Any]) -> None:
    verdict = blessing.decide({**valid, "requests": 0}, EVALUATION, NO_COMPARISON)
    assert not verdict.blessed and "no validation requests" in verdict.rules[0].reason
