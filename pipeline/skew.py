"""`recsys skew`: logged requests against training, and replayed by the pipeline and the release.

Distances say whether users are asked about as the models learned of them; replaying proves, value
by value, that the graph that is served transforms a request as the pipeline transforms examples,
and that the release still answers as it did.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_transform as tft
from numpy import typing as npt
from tfx.utils import io_utils

from modules import (
    config,
    features,
    lineage,
    release,
    repeats,
    requests,
    schemas,
    signatures,
    strict,
)
from modules.ranking import request_graph
from modules.skew import compare, measure, raw_examples, times, transformed
from modules.skew import logs as logs_lib
from modules.skew import replay as replay_lib
from pipeline import run_files, runs, skew_report
from pipeline.report import sources, statistics

MOST_MEASURED = 20_000  # requests of a model that are compared
TRANSFORM, SCHEMA_GEN = "Transform", "ImportSchemaGen"
_BATCH = 64  # requests a call


class SkewError(ValueError):
    """Logs that cannot be compared. The message is for the person at the terminal."""


def main(
    cfg: config.Config,
    root: str | pathlib.Path,
    *,
    logs: pathlib.Path,
    against: pathlib.Path | None = None,
    replay: int = 200,
    thresholds: Mapping[str, float] | None = None,
    as_json: bool = False,
) -> skew_report.Result:
    """Compares, replays, and prints what it found.

    Args:
      cfg: the configuration of the run.
      root: the folder that holds runs.
      logs: folder that the model server logged requests to.
      against: a folder of older logs, to compare with as well.
      replay: requests of each model that are asked again, at most.
      thresholds: by name of a feature, of its distance and of the difference in missing numbers.
      as_json: prints JSON.

    Raises:
      logs_lib.LogsError: there are no logs.
      SkewError: they are not of this configuration's models.
      sources.NotMade: nothing has run yet, or not as far as Transform.
    """
    found = Skew(cfg, runs.Run(root, cfg.name), thresholds or {}).check(logs, against, replay)
    print(json.dumps(found.to_json(), indent=1, ensure_ascii=False) if as_json else found.to_text())
    return found


class Skew:
    """Finds what a run made, and holds logged requests against it."""

    def __init__(self, cfg: config.Config, run: runs.Run, thresholds: Mapping[str, float]) -> None:
        examples = run_files.example_files(run, features.SPLIT_TRAIN)
        data = repeats.resolve(cfg.data, examples)
        self._cfg, self._run = dataclasses.replace(cfg, data=data), run
        self._made, self._thresholds = sources.of(run), thresholds
        self._names = measure.names(data)
        for name in thresholds:
            if name not in self._names:
                raise strict.ConfigError(
                    f"--threshold: unknown feature {name!r}." + strict.nearest(name, self._names)
                )
        self._graph = self._made.artifact(TRANSFORM, "transform_graph").path
        schema_folder = self._made.artifact(SCHEMA_GEN, "schema").path
        self._schema = io_utils.SchemaReader().read(
            io_utils.get_only_uri_in_dir(str(schema_folder))
        )

    def check(
        self, folder: pathlib.Path, against: pathlib.Path | None, replay: int
    ) -> skew_report.Result:
        """See `main`."""
        read = logs_lib.read(folder)
        older = logs_lib.read(against) if against else None
        vocabularies = dict(self._vocabularies())
        models = [m for m in (release.RECALL, release.RANK) if read.of(m)]
        if not models:
            raise SkewError(
                f"{folder}: expected requests of {release.RECALL} or {release.RANK}, found those "
                f"of {', '.join(sorted({r.model for r in read.requests}))}."
            )
        comparisons = []
        for model in models:
            comparisons.append(self._with_training(model, read, vocabularies))
            if older is not None and older.of(model):
                comparisons.append(self._with_older(model, read, older, str(against), vocabularies))
        return skew_report.Result(
            str(folder),
            {m: len(read.of(m)) for m in models},
            tuple(map(str, read.cut_off)),
            tuple(comparisons),
            tuple(self._replays(read, models, replay)) if replay else (),
        )

    def _with_training(
        self, model: str, read: logs_lib.Logs, vocabularies: Mapping[str, Collection[str]]
    ) -> skew_report.Comparison:
        learned = dict(self._measured(features.SPLIT_TRAIN))
        if earlier := measure.earlier_names(self._cfg.data):
            asked = self._measured(features.SPLIT_VALID)
            learned |= {name: asked[name] for name in earlier if name in asked}
        sent = self._sent(model, read)
        findings = self._compare(
            compare.Side(learned, "in training"), sent, vocabularies, len(sent.rows), drift=False
        )
        checked = (
            None
            if self._cfg.data.events.is_timeless
            else times.check(sent, learned.get(features.EVENT_TIMESTAMP))
        )
        return skew_report.Comparison(model, "training", len(sent.rows), tuple(findings), checked)

    def _measured(self, split: str) -> measure.Statistics:
        """The statistics of a split of the examples."""
        path = self._made.file(
            sources.STATISTICS_GEN, "statistics", f"Split-{split}", statistics.FILE_NAME
        )
        return measure.training(statistics.load(str(path)))

    def _with_older(
        self,
        model: str,
        read: logs_lib.Logs,
        older: logs_lib.Logs,
        name: str,
        vocabularies: Mapping[str, Collection[str]],
    ) -> skew_report.Comparison:
        before, now = self._sent(model, older), self._sent(model, read)
        measured = measure.requests(before.rows, self._cfg.data, None)
        fewer = min(len(before.rows), len(now.rows))
        findings = self._compare(
            compare.Side(measured, "before"), now, vocabularies, fewer, drift=True
        )
        return skew_report.Comparison(
            model,
            f"{len(before.rows):,} older ones in {name}",
            len(now.rows),
            tuple(findings),
            None,
        )

    def _compare(
        self,
        before: compare.Side,
        sent: raw_examples.Sent,
        vocabularies: Mapping[str, Collection[str]],
        number: int,
        *,
        drift: bool,
    ) -> list[compare.Finding]:
        now = measure.requests(sent.rows, self._cfg.data, before.statistics)
        return compare.compare(
            self._names,
            before,
            compare.Side(now, "now"),
            requests=number,
            missing=sent.missing,
            vocabularies=vocabularies,
            thresholds=self._thresholds,
            drift=drift,
        )

    def _sent(self, model: str, read: logs_lib.Logs) -> raw_examples.Sent:
        """The requests of a model as raw examples; a sample of very many."""
        found = sample(read.of(model), MOST_MEASURED)
        specs = (
            requests.input_specs(self._cfg.data, exclusions=True)
            if model == release.RECALL
            else request_graph.input_specs(self._cfg.data)
        )
        for request in found:
            if wrong := specs.keys() ^ request.inputs.keys():
                raise SkewError(
                    f"{model}: a request's inputs and the columns of the configuration differ in "
                    f"{', '.join(sorted(wrong))}. Name the configuration of the release that was "
                    "asked, with --config."
                )
        return self._raw(found)

    def _raw(self, found: Iterable[logs_lib.Logged]) -> raw_examples.Sent:
        return raw_examples.of(
            [r.inputs for r in found],
            self._cfg.data,
            self._cfg.features.max_history,
            schemas.filled_feedback(self._schema, self._cfg.data),
        )

    def _vocabularies(self) -> Iterable[tuple[str, Collection[str]]]:
        output = tft.TFTransformOutput(str(self._graph))
        for name, feature in self._names.items():
            if feature is None or feature.kind in ("categorical", "multi_categorical"):
                file = features.ITEM_VOCABULARY if feature is None else feature.vocabulary
                yield name, {word.decode() for word in output.vocabulary_by_name(file)}

    def _replays(
        self, read: logs_lib.Logs, models: Sequence[str], most: int
    ) -> Iterable[skew_report.Replay]:
        for model in models:
            asked = sample([r for r in read.requests if r.model == model], most)
            for version in sorted({r.version for r in asked}):
                yield self._replay(model, version, [r for r in asked if r.version == version])

    def _replay(
        self, model: str, version: int, asked: Sequence[logs_lib.Logged]
    ) -> skew_report.Replay:
        try:
            found = release.load(self._run.serving, version)
        except release.ReleaseError as error:
            return skew_report.Replay(model, version, not_checked=str(error))
        folder = found.recall if model == release.RECALL else found.rank
        if folder is None:
            return skew_report.Replay(model, version, not_checked="the release has no such model.")
        loaded = replay_lib.Model(str(folder))
        answers = replay_lib.replay(loaded, asked)
        if model != release.RECALL:
            return skew_report.Replay(model, version, answers=answers)
        graph = self._graph_of(lineage.read(str(folder)))
        reason = ""
        if signatures.FEATURES not in loaded:
            reason = transformed.unknown_signature(folder)
        elif graph is None:
            reason = (
                f"the transform graph of the release is no longer in {self._graph.parent}; "
                "requests cannot be transformed as it did."
            )
        made = self._transformed(loaded, asked, graph) if graph and not reason else []
        return skew_report.Replay(model, version, tuple(made), answers, reason)

    def _graph_of(self, made_of: lineage.Lineage) -> pathlib.Path | None:
        """The transform graph of a release: the newest run's, or one of an earlier run."""
        others = sorted(self._graph.parent.iterdir()) if self._graph.parent.is_dir() else []
        return next(
            (
                path
                for path in (self._graph, *reversed(others))
                if lineage.describe(str(path), (), "").transform == made_of.transform
            ),
            None,
        )

    def _transformed(
        self, model: replay_lib.Model, asked: Sequence[logs_lib.Logged], graph: pathlib.Path
    ) -> list[transformed.Difference]:
        """What the model transforms, against what the pipeline does."""
        asked = [request for request in asked if request.signature == signatures.DEFAULT]
        serialized = raw_examples.serialize(self._raw(asked).rows, self._cfg.data)
        layout = transformed.layout(self._cfg.data, self._cfg.features.max_history)
        expected = transformed.by_pipeline(serialized, self._schema, str(graph), layout)
        served = [
            row
            for request in asked
            for row in transformed.of_served(
                model.ask(signatures.FEATURES, request.inputs), _lengths(request.inputs), layout
            )
        ]
        return transformed.differences(expected, served)


def sample(found: Sequence[logs_lib.Logged], most: int) -> list[logs_lib.Logged]:
    """At most so many, evenly over time."""
    if len(found) <= most:
        return list(found)
    return [found[int(place)] for place in np.linspace(0, len(found) - 1, most)]


def _lengths(inputs: Mapping[str, npt.NDArray[Any]]) -> list[int]:
    """Events of each request of a batch, itself included."""
    return list((inputs[features.EVENT_ITEM_ID] != b"").sum(axis=1) + 1)
