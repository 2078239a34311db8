"""The component that measures recall and rank together and decides about the release of both.

Writes `two_stage.json`:

{"ks", "primary",
 "splits": {"valid", "test": see modules/evaluation/two_stage_summary.py},
 "blessing": {"blessed", "decided_on", "reasons", "rules"}, as of `evaluation.json`,
 "linear": {"features", "weights", "lists", and "left_out" if there is no EASE}, the baseline
    ranker,
 "last_blessed": {"rank", "recall"}, URIs of the release compared with, or {"reason"} why there is
    none,
 "settings": of personal recency, see modules/evaluation/personal_steps.py, where items may repeat}

The systems are `two_stage`, `recall` (its own order of the same candidates), `linear` (the
baseline's order of them), and `last_blessed`, both models of the last blessed release, which finds
candidates of its own; and the baselines without training (`ranking.untrained`), over the whole
catalogue.
"""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar

import apache_beam as beam
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils, path_utils

from modules import config, features, repeats, saved_recall, strict
from modules.evaluation import (
    ease,
    held_out,
    importance,
    linear_ranker,
    personal_steps,
    slices,
    two_stage,
    two_stage_blessing,
    two_stage_file,
    two_stage_sides,
    two_stage_summary,
)
from pipeline.components import evaluator

CANDIDATES, EXAMPLES, MODEL, RECALL_MODEL = "candidates", "examples", "model", "recall_model"
BASELINE_MODEL, BASELINE_BLESSING = evaluator.BASELINE_MODEL, "baseline_blessing"
EVALUATION, BLESSING = "evaluation", "blessing"
CONFIG, SOURCE_DIGEST = "config", "source_digest"

EVALUATION_FILE = "two_stage.json"
SPLITS = evaluator.SPLITS
# Properties of the blessing: URI of the recall model that was judged with the rank model; the split
# under which both were trained.
RECALL_PROPERTY, SPLIT_PROPERTY = "recall_model", held_out.MODEL_PROPERTY
_LINEAR_FILE = "linear.json"
_FIRST_RELEASE = "There is no earlier blessed release to compare with."


class Executor(base_beam_executor.BaseBeamExecutor):
    """Evaluates on Beam, then writes `two_stage.json` and the blessing."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class."""
        sections = _Sections(json.loads(exec_properties[CONFIG]), input_dict[EXAMPLES])
        folder = artifact_utils.get_single_uri(output_dict[EVALUATION])
        models, last = _models(input_dict, sections)
        with self._make_beam_pipeline() as pipeline:
            _evaluate(pipeline, input_dict, models, sections, folder)
        found = {split: evaluator.take(_summary_path(folder, split)) for split in SPLITS}
        linear = evaluator.take(os.path.join(folder, _LINEAR_FILE))
        evaluator.drop(os.path.join(folder, evaluator.EASE_FILE))
        verdict = two_stage_blessing.decide(
            found[features.SPLIT_VALID], sections.evaluation, last.get("reason", "")
        )
        io_utils.write_string_file(
            os.path.join(folder, EVALUATION_FILE),
            json.dumps(
                {
                    "ks": sections.evaluation.ks,
                    "primary": sections.evaluation.primary,
                    "splits": found,
                    "blessing": verdict.to_json(),
                    "linear": linear,
                    "last_blessed": last,
                    **personal_steps.take_settings(folder),
                },
                indent=1,
            ),
        )
        artifact = artifact_utils.get_single_instance(output_dict[BLESSING])
        artifact.set_string_custom_property(
            RECALL_PROPERTY, artifact_utils.get_single_uri(input_dict[RECALL_MODEL])
        )
        artifact.set_string_custom_property(SPLIT_PROPERTY, held_out.describe(sections.split))
        evaluator.bless(artifact, verdict, input_dict)


class _Sections:
    """The configuration that the component reads; of `index` only the number of candidates."""

    def __init__(self, plain: dict[str, Any], examples: list[types.Artifact]) -> None:
        self.data = repeats.resolve(
            strict.read(config.Data, plain["data"]),
            evaluator.split_pattern(examples, features.SPLIT_VALID),
        )
        self.split = strict.read(config.Split, plain["split"])
        self.features = strict.read(config.Features, plain["features"])
        self.ranking = strict.read(config.Ranking, plain["ranking"])
        self.evaluation = strict.read(config.Evaluation, plain["evaluation"])
        self.candidates = strict.read(config.Index, plain["index"]).places


def _models(
    input_dict: dict[str, list[types.Artifact]], sections: _Sections
) -> tuple[two_stage.Models, dict[str, str]]:
    """Folders of the models to ask, and what the report says of the last blessed release."""
    rank = evaluator.model_path(artifact_utils.get_single_instance(input_dict[MODEL]))
    if not input_dict.get(BASELINE_MODEL) or not input_dict.get(BASELINE_BLESSING):
        return two_stage.Models(rank), {"reason": _FIRST_RELEASE}
    last_rank = artifact_utils.get_single_instance(input_dict[BASELINE_MODEL])
    blessing = artifact_utils.get_single_instance(input_dict[BASELINE_BLESSING])
    last_recall = blessing.get_string_custom_property(RECALL_PROPERTY)
    pair = path_utils.serving_model_path(last_recall), evaluator.model_path(last_rank)
    recall = evaluator.model_path(artifact_utils.get_single_instance(input_dict[RECALL_MODEL]))
    for last, new, name in zip(pair, (recall, rank), ("recall", "rank")):
        if reason := _not_comparable(last, new, name):
            return two_stage.Models(rank), {"reason": reason}
    if reason := held_out.overlap(
        blessing.get_string_custom_property(SPLIT_PROPERTY), sections.split
    ):
        return two_stage.Models(rank), {"reason": f"{reason} So nothing was compared."}
    return two_stage.Models(rank, pair), {"rank": last_rank.uri, "recall": last_recall}


def _not_comparable(last: str, new: str, name: str) -> str:
    """Why a model of the last blessed release cannot be asked, as a sentence; "" if it can."""
    if not fileio.exists(os.path.join(last, "saved_model.pb")):
        return f"The last blessed {name} model is gone from {last}, so nothing was compared."
    given = saved_recall.input_types(new)
    other = sorted(n for n, kind in saved_recall.input_types(last).items() if given.get(n) != kind)
    return (
        (
            f"The last blessed {name} model asks for inputs that the data no longer has, or has "
            f"as another kind, so nothing was compared: {', '.join(other)}."
        )
        if other
        else ""
    )


def _evaluate(
    pipeline: beam.Pipeline,
    input_dict: dict[str, list[types.Artifact]],
    models: two_stage.Models,
    sections: _Sections,
    folder: str,
) -> None:
    """Adds all steps: per split an executor summary and a Parquet file; and the linear ranker."""
    data, max_history, evaluation = (
        sections.data,
        sections.features.max_history,
        sections.evaluation,
    )
    parsed = {
        split: evaluator.read_split(pipeline, input_dict[CANDIDATES], split) for split in SPLITS
    }
    slicer = slices.Slicer(data, evaluation.slices)
    edges = parsed[features.SPLIT_VALID] | "Edges" >> slices.Quartiles(slicer)
    train, catalogue = (
        evaluator.read_split(pipeline, input_dict[EXAMPLES], split)
        for split in (features.SPLIT_TRAIN, features.SPLIT_CATALOGUE)
    )
    events = {features.SPLIT_TRAIN: train, **parsed}
    sides = two_stage_sides.count(
        events,
        catalogue | "ItemId" >> beam.Map(lambda example: example[features.ITEM_ID][0]),
        edges,
        os.path.join(folder, evaluator.EASE_FILE),
    )
    asked = parsed
    if data.allows_repeats:
        asked, choice = personal_steps.add_own(
            events, sections.split.unit, sides[features.SPLIT_VALID].catalogue
        )
        _ = choice | "WriteSettings" >> personal_steps.WriteSettings(folder)
    has_ease = ease.fits(evaluator.items_of(input_dict[EXAMPLES]))
    systems = models.systems(data, has_ease=has_ease)
    width = linear_ranker.width(repeats=data.allows_repeats)
    answers = {
        split: asked[split]
        | f"AskModels[{split}]"
        >> two_stage.AskModels(
            data, max_history, models, slicer, sections.ranking.objectives, sides[split]
        )
        for split in SPLITS
    }
    weights = answers[features.SPLIT_VALID] | "FitLinear" >> two_stage.FitLinear(width)
    _ = (
        weights
        | "LinearToJson"
        >> beam.Map(
            lambda found, path: json.dumps(found.to_json(with_ease=path is not None)),
            sides[features.SPLIT_VALID].ease_path,
        )
        | "WriteLinear" >> _write(os.path.join(folder, _LINEAR_FILE))
    )
    for split in SPLITS:
        complete = answers[split] | f"Linear[{split}]" >> beam.Map(
            two_stage.with_linear, beam.pvalue.AsSingleton(weights)
        )
        moved = parsed[split] | f"Importance[{split}]" >> importance.Importance(
            data, max_history, models.rank, evaluation.primary
        )
        _ = (
            complete
            | f"Summarise[{split}]"
            >> two_stage_summary.Summarise(
                systems,
                evaluation.ks,
                sections.candidates,
                beam.pvalue.AsSingleton(moved),
                repeats=data.allows_repeats,
            )
            | f"Json[{split}]" >> beam.Map(json.dumps)
            | f"WriteSummary[{split}]" >> _write(_summary_path(folder, split))
        )
        _ = complete | f"WriteRequests[{split}]" >> two_stage_file.Write(
            os.path.join(folder, two_stage_file.name(split)),
            systems,
            evaluation.slices,
            several=sections.split.unit == "basket",
            repeats=data.allows_repeats,
        )


def _write(path: str) -> beam.io.WriteToText:
    return beam.io.WriteToText(path, num_shards=1, shard_name_template="")


def _summary_path(folder: str, split: str) -> str:
    return os.path.join(folder, f"summary-{split}.json")


class TwoStageEvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of TwoStageEvaluator."""

    PARAMETERS: ClassVar = {
        CONFIG: component_spec.ExecutionParameter(type=str),
        SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        RECALL_MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        BASELINE_MODEL: component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
        BASELINE_BLESSING: component_spec.ChannelParameter(
            type=standard_artifacts.ModelBlessing, optional=True
        ),
    }
    OUTPUTS: ClassVar = {
        EVALUATION: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        BLESSING: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class TwoStageEvaluator(base_beam_component.BaseBeamComponent):
    """Re-ranks the candidates of held-out requests against recall, a baseline and the last release.

    Outputs: `evaluation` with `two_stage.json` and `two-stage-<split>.parquet`; `blessing` of the
    rank model, which also says which recall model it was judged with.
    """

    SPEC_CLASS = TwoStageEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        candidates: channel.Channel,
        examples: channel.Channel,
        model: channel.Channel,
        recall_model: channel.Channel,
        config: str,
        source_digest: str,
        baseline_model: channel.Channel | None = None,
        baseline_blessing: channel.Channel | None = None,
    ) -> None:
        """Declares the inputs, parameters and outputs of the component.

        Args:
          candidates: of Candidates, with the splits valid and test.
          examples: raw examples with the splits train and catalogue, for the baseline ranker.
          model: the rank model.
          recall_model: the Indexer's model, which found the candidates.
          config: JSON of the sections data, split, features, ranking, evaluation, and of index with
              k.
          source_digest: of the code behind this component, for the cache.
          baseline_model: the last blessed rank model; may resolve to none.
          baseline_blessing: its blessing by this component.
        """
        super().__init__(
            TwoStageEvaluatorSpec(
                candidates=candidates,
                examples=examples,
                model=model,
                recall_model=recall_model,
                baseline_model=baseline_model,
                baseline_blessing=baseline_blessing,
                config=config,
                source_digest=source_digest,
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
