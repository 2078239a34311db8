"""Decides in words whether a model may be released.

Validation decides; test is reported and never gates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from modules import config
from modules.evaluation import personal, ranking

BASELINES = "baselines"  # a rule's name
# share of neighbouring lists that may be the same one, from which a model knows only one
_SAME_ORDER = 0.95
_FAULTS = {
    "not_finite": "scores that are NaN or infinite",
    "missing": "places without an item though items were left",
    "seen": "recommended items that the user had seen",
    "duplicates": "items that stood twice in one list",
    "constant": "lists with the same score for all items",
}


@dataclasses.dataclass(frozen=True)
class Rule:
    """One rule and how it went: `passed` is None if it could not be applied."""

    name: str
    passed: bool | None
    reason: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Blessed if no rule failed."""

    rules: tuple[Rule, ...]

    @property
    def blessed(self) -> bool:
        return all(rule.passed is not False for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        return {
            "blessed": self.blessed,
            "decided_on": "valid",
            "reasons": [r.reason for r in self.rules if r.passed is False],
            "rules": [dataclasses.asdict(r) for r in self.rules],
        }


def decide(
    valid: Mapping[str, Any],
    evaluation: config.Evaluation,
    no_comparison: str,
    *,
    ranked: bool = False,
) -> Verdict:
    """Applies all rules.

    Args:
      valid: what `summary.Summarise` gave for the validation requests.
      evaluation: thresholds and the primary metric.
      no_comparison: why there is no last blessed model to compare with, if there is none.
      ranked: whether a rank model follows, which may make up for recall.
    """
    if not valid["requests"]:
        return Verdict(
            (
                Rule(
                    "requests",
                    False,
                    "There are no validation requests: nothing shows that the "
                    "model works. Users need at least split.min_events events.",
                ),
            )
        )
    return Verdict(
        (
            *_sound(valid),
            *_thresholds(valid, evaluation),
            *_as_a_source(valid, max(evaluation.ks)),
            *_not_worse_than_baselines(valid, evaluation, ranked=ranked),
            _not_worse(valid, evaluation.primary, no_comparison),
        )
    )


def _sound(valid: Mapping[str, Any]) -> Iterator[Rule]:
    for fault, words in _FAULTS.items():
        if fault not in valid["sanity"]:  # where repeats are allowed, a seen item is none
            continue
        found = valid["sanity"][fault]
        yield Rule(
            f"sound/{fault}",
            not found,
            f"{found} {words} (of {valid['requests']} lists); expected none.",
        )
    compared, same = valid["sanity"]["lists_compared"], valid["sanity"]["same_order"]
    if not compared:
        yield Rule("sound/personal", None, "Too few lists to see whether they differ.")
        return
    yield Rule(
        "sound/personal",
        same / compared < _SAME_ORDER,
        f"{same} of {compared} lists are another user's list, seen items aside; expected less than "
        f"{_SAME_ORDER:.0%}, else everybody gets one list.",
    )


def _thresholds(valid: Mapping[str, Any], evaluation: config.Evaluation) -> Iterator[Rule]:
    own = valid["metrics"][ranking.RECALL]
    for metric, threshold in evaluation.thresholds.items():
        value = own[metric]["value"]
        if threshold.min is not None:
            yield Rule(
                f"{metric}/min",
                value >= threshold.min,
                f"{metric} is {value:.4f}; expected at least {threshold.min:g}.",
            )
        for baseline in threshold.beats:
            if baseline in personal.SYSTEMS and baseline not in valid["metrics"]:
                yield Rule(
                    f"{metric}/beats/{baseline}",
                    True,
                    f"{metric} counts as more than the {_named(baseline)} baseline's: items of the "
                    "history are left out (data.repeats), so that baseline's list is empty.",
                )
                continue
            other = valid["metrics"][baseline][metric]["value"]
            yield Rule(
                f"{metric}/beats/{baseline}",
                value > other,
                f"{metric} is {value:.4f}; expected more than the {_named(baseline)} "
                f"baseline's {other:.4f}. {shown(valid['paired'][baseline][metric])}",
            )


def _named(baseline: str) -> str:
    return baseline.replace("_", "-")


def _as_a_source(valid: Mapping[str, Any], k: int) -> Iterator[Rule]:
    """Where items may repeat, the longest lists hold no less than those of co-occurrence do."""
    if personal.FREQUENCY not in valid["metrics"]:
        return
    metric, other = f"Recall@{k}", ranking.CO_OCCURRENCE
    own, counted = (valid["metrics"][s][metric]["value"] for s in (ranking.RECALL, other))
    paired = valid["paired"][other][metric]
    yield Rule(
        f"source/{other}",
        not paired["high"] < 0,
        f"{metric} is {own:.4f}, {_named(other)}'s {counted:.4f} on the same requests; expected "
        f"not to be worse beyond the noise: these are the ranker's candidates. {shown(paired)}",
    )


def _not_worse(valid: Mapping[str, Any], primary: str, no_comparison: str) -> Rule:
    """Worse is beyond the noise: the whole 95% interval of the paired difference is below 0."""
    paired = valid["paired"].get(ranking.LAST_BLESSED)
    if paired is None:
        return Rule("last_blessed", None, no_comparison)
    new, old = (
        valid["metrics"][s][primary]["value"] for s in (ranking.RECALL, ranking.LAST_BLESSED)
    )
    return Rule(
        "last_blessed",
        not paired[primary]["high"] < 0,
        f"{primary} is {new:.4f}, the last blessed model's {old:.4f} on the same requests; "
        "expected not to be worse beyond the noise. "
        f"{shown(paired[primary])}",
    )


@dataclasses.dataclass(frozen=True)
class Best:
    """The best of the baselines that `evaluation.baselines` names, as far as they were measured.

    Attributes:
      name: as a system.
      value: of the primary metric.
      words: a clause that says all their values.
    """

    name: str
    value: float
    words: str

    @classmethod
    def of(cls, valid: Mapping[str, Any], evaluation: config.Evaluation) -> Best | None:
        """None if none was measured."""
        values = {
            name: valid["metrics"][name][evaluation.primary]["value"]
            for name in evaluation.baselines
            if name in valid["metrics"]
        }
        if not values:
            return None
        name = max(values, key=values.__getitem__)
        listed = ", ".join(f"{_named(other)} {value:.4f}" for other, value in values.items())
        words = f"{_named(name)}, the best of evaluation.baselines ({listed})"
        return cls(name, values[name], words)


def _not_worse_than_baselines(
    valid: Mapping[str, Any], evaluation: config.Evaluation, *, ranked: bool
) -> Iterator[Rule]:
    """No baseline that needs no training is better beyond the noise, if no rank model follows."""
    if (best := Best.of(valid, evaluation)) is None:
        return
    own = valid["metrics"][ranking.RECALL][evaluation.primary]["value"]
    paired = valid["paired"][best.name][evaluation.primary]
    passed = not paired["high"] < 0
    yield Rule(
        BASELINES,
        passed or (None if ranked else False),
        f"{evaluation.primary} is {own:.4f}, that of {best.words}, {best.value:.4f} on the same "
        "requests; "
        + (
            "expected not to be worse beyond the noise"
            if passed or not ranked
            else "so that it "
            "takes two stages that are better beyond the noise, which is decided after ranking"
        )
        + f". {shown(paired)}",
    )


def shown(paired: Mapping[str, float]) -> str:
    """A paired difference with its interval, as a sentence."""
    return (
        f"Paired difference {paired['difference']:+.4f}, 95% interval {paired['low']:+.4f} to "
        f"{paired['high']:+.4f}."
    )
