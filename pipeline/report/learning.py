"""Sections: how the recall model and the rank model learnt, epoch by epoch."""

from __future__ import annotations

import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any

from modules import config, ranking_config
from pipeline.report import blocks, charts, sources, text

# epoch, loss, val_loss, metrics{}, learning_rate, seconds, positions_per_second, gradient_norm; the
# values of validation (val_loss and metrics) are None where no held-out item is in the catalogue.
Epoch = dict[str, Any]
EarlyStopping = config.EarlyStopping | ranking_config.RankEarlyStopping


@dataclasses.dataclass(frozen=True)
class Learner:
    """What a history is of.

    Attributes:
      early_stopping: how the exported epoch was found.
      unit: what `positions_per_second` counts.
    """

    early_stopping: EarlyStopping
    unit: str


def recall(source: sources.Source) -> list[blocks.Block]:
    """The learning curves of the recall model."""
    history = source.json(sources.TRAINER, "model_run", "history.json")
    return curves(history, Learner(source.cfg.training.early_stopping, "target positions"))


def rank(source: sources.Source) -> list[blocks.Block]:
    """The learning curves of the rank model."""
    history = source.json(sources.RANK_TRAINER, "model_run", "history.json")
    return curves(history, Learner(source.cfg.ranking.training.early_stopping, "requests"))


def exported(history: Sequence[Epoch], settings: EarlyStopping) -> Epoch:
    """The epoch whose weights are exported: the first best, or the last without early stopping."""
    measured = [e for e in history if not math.isnan(value(e, settings.monitor))]
    if not settings.enabled or not measured:
        return history[-1]
    sign = 1 if settings.monitor == "loss" else -1
    return min(measured, key=lambda e: sign * value(e, settings.monitor))


def value(epoch: Epoch, monitor: str) -> float:
    """What early stopping looks at; NaN where validation measured nothing."""
    return _value(epoch, "val_loss" if monitor == "loss" else monitor)


def curves(history: Sequence[Epoch], learner: Learner) -> list[blocks.Block]:
    """Facts, curves and, folded, all numbers."""
    settings = learner.early_stopping
    best = exported(history, settings)
    mark = (best["epoch"], f"exported: {best['epoch']}")
    names = list(history[0]["metrics"])
    kinds: dict[str, list[str]] = {}
    for name in names:
        kinds.setdefault(name.partition("@")[0], []).append(name)
    series = {
        "loss": {"training": points(history, "loss"), "validation": points(history, "val_loss")}
    }
    for kind, of_kind in kinds.items():
        series[f"{kind} on validation"] = {
            n: points(history, n) for n in of_kind[: charts.MOST_SERIES]
        }
    for key in ("learning_rate", "gradient_norm"):
        what = key.replace("_", " ")
        series[what] = {what: points(history, key)}
    figures = [f for what, points in series.items() for f in _figure(points, what, mark)]
    shown = "validation loss" if settings.monitor == "loss" else settings.monitor
    return [
        blocks.Facts(
            (
                ("epochs", str(len(history))),
                ("exported epoch", str(best["epoch"])),
                (f"its {shown}", _text(value(best, settings.monitor))),
                ("training time", text.duration(sum(e["seconds"] for e in history))),
                (
                    f"{learner.unit} per second",
                    f"{statistics.median(e['positions_per_second'] for e in history):,.0f}",
                ),
            )
        ),
        blocks.Grid(tuple(figures)),
        blocks.Folded("All epochs as numbers", (_table(history, names, best, learner.unit),)),
    ]


def points(history: Sequence[Epoch], key: str) -> list[tuple[float, float]]:
    """(epoch, value) of a key of the epochs or of their metrics, where it was measured."""
    return [(e["epoch"], _value(e, key)) for e in history if not math.isnan(_value(e, key))]


def _value(epoch: Epoch, key: str) -> float:
    found = epoch[key] if key in epoch else epoch["metrics"].get(key)
    return math.nan if found is None else found


def _text(value: float) -> str:
    return "not measured" if math.isnan(value) else f"{value:.4f}"


def _figure(
    points: dict[str, list[tuple[float, float]]], what: str, mark: tuple[float, str]
) -> list[blocks.Figure]:
    """One figure, or none if nothing of it was measured."""
    points = {label: values for label, values in points.items() if values}
    if not points:
        return []
    ends = ", ".join(
        f"{label} from {values[0][1]:.4g} to {values[-1][1]:.4g}"
        for label, values in points.items()
    )
    svg = charts.lines(
        points, alt=f"{what} by epoch: {ends}; {mark[1]}.", x_label="epoch", y_label=what, mark=mark
    )
    return [blocks.Figure(svg, "")]


def _table(history: Sequence[Epoch], names: Sequence[str], best: Epoch, unit: str) -> blocks.Table:
    rows = []
    for e in history:
        values = [
            str(e["epoch"]),
            f"{e['loss']:.4f}",
            *(_text(_value(e, n)) for n in ("val_loss", *names)),
            f"{e['learning_rate']:.2e}",
            f"{e['seconds']:.1f}",
            f"{e['positions_per_second']:,.0f}",
        ]
        rows.append(tuple(blocks.Cell(v, "strong" if e is best else "") for v in values))
    return blocks.Table(
        "Every epoch; the exported one in bold.",
        (
            "epoch#",
            "loss#",
            "validation loss#",
            *(f"{n}#" for n in names),
            "learning rate#",
            "seconds#",
            f"{unit}/s#",
        ),
        tuple(rows),
    )
