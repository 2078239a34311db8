"""Decides in words whether both stages may be released. Validation decides, as in blessing.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules import config
from modules.evaluation import blessing, two_stage

_FAULTS = {
    "not_finite": "rank scores that are NaN or infinite",
    "lost": "candidates that the rank model took for empty places",
    "constant": "requests with the same rank score for all candidates",
}


def decide(
    valid: Mapping[str, Any], evaluation: config.Evaluation, no_comparison: str
) -> blessing.Verdict:
    """Applies all rules.

    Args:
      valid: what `two_stage_summary.Summarise` gave for the validation requests.
      evaluation: floors of slices and the primary metric.
      no_comparison: why there is no last blessed release to compare with, if there is none.
    """
    if not valid["requests"]:
        return blessing.Verdict(
            (
                blessing.Rule(
                    "requests",
                    False,
                    "There are no validation requests: nothing "
                    "shows that the models work. Users need at least "
                    "split.min_events events.",
                ),
            )
        )
    return blessing.Verdict(
        (
            *_sound(valid),
            _not_worse(valid, evaluation.primary, two_stage.RECALL, "recall's own order has", ""),
            _not_worse(
                valid,
                evaluation.primary,
                two_stage.LAST_BLESSED,
                "the last blessed release has",
                no_comparison,
            ),
            *_not_worse_than_baselines(valid, evaluation),
            *_floors(valid, evaluation),
        )
    )


def _sound(valid: Mapping[str, Any]) -> Iterator[blessing.Rule]:
    for fault, words in _FAULTS.items():
        found = valid["faults"][fault]
        yield blessing.Rule(
            f"sound/{fault}",
            not found,
            f"{found} {words} (of {valid['requests']} requests); expected none.",
        )


def _not_worse(
    valid: Mapping[str, Any], primary: str, other: str, words: str, no_comparison: str
) -> blessing.Rule:
    """Worse is beyond the noise: the whole 95% interval of the paired difference is below 0."""
    paired = valid["lift"][primary].get(other)
    if paired is None:
        return blessing.Rule(other, None, no_comparison)
    new, old = (valid["metrics"][s][primary]["value"] for s in (two_stage.TWO_STAGE, other))
    return blessing.Rule(
        other,
        not paired["high"] < 0,
        f"{primary} of two stages is {new:.4f}, {words} {old:.4f} on the same requests; "
        f"expected not to be worse beyond the noise. {blessing.shown(paired)}",
    )


def _not_worse_than_baselines(
    valid: Mapping[str, Any], evaluation: config.Evaluation
) -> Iterator[blessing.Rule]:
    """No baseline without training is better; if recall alone is below one, two stages have to win.

    Both beyond the noise.
    """
    if (best := blessing.Best.of(valid, evaluation)) is None:
        return
    primary = evaluation.primary
    own, recall = (
        valid["metrics"][s][primary]["value"] for s in (two_stage.TWO_STAGE, two_stage.RECALL)
    )
    paired, below = valid["lift"][primary][best.name], recall < best.value
    yield blessing.Rule(
        blessing.BASELINES,
        paired["low"] > 0 if below else not paired["high"] < 0,
        f"{primary} of two stages is {own:.4f}, that of {best.words}, {best.value:.4f} on the same "
        "requests; "
        + (
            f"expected to be better beyond the noise, as recall's own order has {recall:.4f}. "
            if below
            else "expected not to be worse beyond the noise. "
        )
        + blessing.shown(paired),
    )


def _floors(valid: Mapping[str, Any], evaluation: config.Evaluation) -> Iterator[blessing.Rule]:
    for feature, floors in evaluation.slice_floors.items():
        for value, found in valid["slices"].get(feature, {}).items():
            for metric, floor in floors.items():
                name = f"slice/{feature}/{value}/{metric}"
                if found["users"] < evaluation.min_slice_users:
                    yield blessing.Rule(
                        name,
                        None,
                        f"{found['users']} users have {feature} {value}; it "
                        f"takes {evaluation.min_slice_users} to judge {metric}.",
                    )
                    continue
                own = found[two_stage.TWO_STAGE][metric]["value"]
                yield blessing.Rule(
                    name,
                    own >= floor,
                    f"{metric} of two stages is {own:.4f} for {feature} {value} "
                    f"({found['users']} users); expected at least {floor:g}.",
                )
