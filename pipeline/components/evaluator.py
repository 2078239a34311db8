"""The component that measures the indexed recall model by full ranking and decides on its release.

It takes the place of TFX's Evaluator, whose metrics see one example's label and prediction and no
catalogue. Its outputs are the same: an evaluation that TFMA reads, and a blessing that TFX's Pusher
and resolvers honour.
"""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar

import apache_beam as beam
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils, path_utils

from modules import config, features, repeats, saved_recall, strict
from modules.beam import summary as summary_lib
from modules.evaluation import (
    answers_file,
    baselines,
    blessing,
    ease,
    held_out,
    personal_steps,
    ranking,
    slices,
    summary,
    tfma_results,
)

EXAMPLES, MODEL, BASELINE_MODEL = "examples", "model", "baseline_model"
EVALUATION, BLESSING = "evaluation", "blessing"
CONFIG, SOURCE_DIGEST = "config", "source_digest"

EVALUATION_FILE = "evaluation.json"
TFMA_FOLDER = "tfma"
EASE_FILE = "ease.npy"  # while the pipeline runs
SPLITS = (features.SPLIT_VALID, features.SPLIT_TEST)
_FIRST_MODEL = "There is no earlier blessed model to compare with."


class Executor(base_beam_executor.BaseBeamExecutor):
    """Evaluates on Beam, then writes `evaluation.json` and the blessing."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class."""
        sections = json.loads(exec_properties[CONFIG])
        data = repeats.resolve(
            strict.read(config.Data, sections["data"]),
            split_pattern(input_dict[EXAMPLES], features.SPLIT_VALID),
        )
        derived = strict.read(config.Features, sections["features"])
        evaluation = strict.read(config.Evaluation, sections["evaluation"])
        folder = artifact_utils.get_single_uri(output_dict[EVALUATION])
        split = strict.read(config.Split, sections["split"])
        models, no_comparison = _models(input_dict, split)
        with self._make_beam_pipeline() as pipeline:
            _evaluate(
                pipeline,
                input_dict[EXAMPLES],
                models,
                data,
                derived.max_history,
                evaluation,
                folder,
                unit=split.unit,
            )
        found = {split: take(_summary_path(folder, split)) for split in SPLITS}
        drop(os.path.join(folder, EASE_FILE))
        verdict = blessing.decide(
            found[features.SPLIT_VALID],
            evaluation,
            no_comparison,
            ranked=strict.read(config.Ranking, sections["ranking"]).enabled,
        )
        io_utils.write_string_file(
            os.path.join(folder, EVALUATION_FILE),
            json.dumps(
                {
                    "ks": evaluation.ks,
                    "primary": evaluation.primary,
                    "splits": found,
                    "blessing": verdict.to_json(),
                    **personal_steps.take_settings(folder),
                },
                indent=1,
            ),
        )
        bless(artifact_utils.get_single_instance(output_dict[BLESSING]), verdict, input_dict)


def _models(
    input_dict: dict[str, list[types.Artifact]], split: config.Split
) -> tuple[dict[str, str], str]:
    """SavedModel folders by system, and why the last blessed model is missing, if it is."""
    models = {ranking.RECALL: model_path(artifact_utils.get_single_instance(input_dict[MODEL]))}
    if not input_dict.get(BASELINE_MODEL):
        return models, _FIRST_MODEL
    artifact = artifact_utils.get_single_instance(input_dict[BASELINE_MODEL])
    last = model_path(artifact)
    if not fileio.exists(os.path.join(last, "saved_model.pb")):
        return models, f"The last blessed model is gone from {last}, so nothing was compared."
    given = saved_recall.input_types(models[ranking.RECALL])
    other = [
        name for name, kind in saved_recall.input_types(last).items() if given.get(name) != kind
    ]
    if other:
        return models, (
            "The last blessed model asks for inputs that the data no longer has, or has as "
            f"another kind, so nothing was compared: {', '.join(sorted(other))}."
        )
    if reason := held_out.overlap(
        artifact.get_string_custom_property(held_out.MODEL_PROPERTY), split
    ):
        return models, f"{reason} So nothing was compared."
    return {**models, ranking.LAST_BLESSED: last}, ""


def model_path(model: types.Artifact) -> str:
    """Folder of the SavedModel."""
    path: str = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    return path


def _evaluate(
    pipeline: beam.Pipeline,
    examples: list[types.Artifact],
    models: dict[str, str],
    data: config.Data,
    max_history: int,
    evaluation: config.Evaluation,
    folder: str,
    *,
    unit: str,
) -> None:
    """Adds all steps: per split an executor summary and Parquet file; for both, TFMA's results."""
    parsed = {split: read_split(pipeline, examples, split) for split in features.SEQUENCE_SPLITS}
    catalogue = read_split(pipeline, examples, features.SPLIT_CATALOGUE) | "ItemId" >> beam.Map(
        lambda example: example[features.ITEM_ID][0]
    )
    slicer = slices.Slicer(data, evaluation.slices)
    edges = beam.pvalue.AsSingleton(
        parsed[features.SPLIT_VALID] | "Edges" >> slices.Quartiles(slicer)
    )
    has_ease = ease.fits(items_of(examples))
    systems = *models, *ranking.untrained(data, has_ease=has_ease)
    known = {split: baselines.known_histories(parsed, split) for split in SPLITS}
    counted = {split: baselines.count(known[split], catalogue, split) for split in SPLITS}
    trained, _ = counted[features.SPLIT_VALID]
    ease_path = None
    if has_ease:
        fit = "Ease" >> ease.Fit(trained, os.path.join(folder, EASE_FILE))
        ease_path = beam.pvalue.AsSingleton(known[features.SPLIT_VALID] | fit)
    asked = parsed
    if data.allows_repeats:
        asked, choice = personal_steps.add_own(parsed, unit, counted[features.SPLIT_VALID][0])
        _ = choice | "WriteSettings" >> personal_steps.WriteSettings(folder)
    every = []
    for split in SPLITS:
        popularity, table = counted[split]
        answers = asked[split] | f"AskModels[{split}]" >> ranking.AskModels(
            data, max_history, models, slicer, popularity, table, edges, trained, ease_path
        )
        _ = (
            answers
            | f"Summarise[{split}]"
            >> summary.Summarise(systems, evaluation.ks, popularity, repeats=data.allows_repeats)
            | f"Json[{split}]" >> beam.Map(json.dumps)
            | f"WriteSummary[{split}]"
            >> beam.io.WriteToText(
                _summary_path(folder, split), num_shards=1, shard_name_template=""
            )
        )
        _ = answers | f"WriteRequests[{split}]" >> answers_file.Write(
            os.path.join(folder, answers_file.name(split)),
            systems,
            evaluation.slices,
            several=unit == "basket",
        )
        every.append(
            answers | f"Key[{split}]" >> beam.Map(lambda answer, split: (split, answer), split)
        )
    _ = (
        every
        | "AllSplits" >> beam.Flatten()
        | "TFMA"
        >> tfma_results.Write(os.path.join(folder, TFMA_FOLDER), evaluation.ks, evaluation.slices)
    )


def items_of(examples: list[types.Artifact]) -> int:
    """Items of the catalogue, as ExampleGen counted them."""
    folder = artifact_utils.get_single_instance(examples).uri
    with fileio.open(os.path.join(folder, summary_lib.FILE_NAME)) as file:
        items: int = json.loads(file.read())["items"]
    return items


def drop(path: str) -> None:
    """Removes a file that Beam wrote for itself, if it did."""
    if fileio.exists(path):
        fileio.remove(path)


def split_pattern(examples: list[types.Artifact], split: str) -> str:
    """Pattern of the files of a split."""
    pattern: str = io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, split))
    return pattern


def read_split(
    pipeline: beam.Pipeline, examples: list[types.Artifact], split: str
) -> beam.PCollection:
    """Parsed raw examples."""
    return (
        pipeline
        | f"ReadFiles[{split}]" >> beam.io.ReadFromTFRecord(split_pattern(examples, split))
        | f"Read[{split}]" >> ranking.Read()
    )


def _summary_path(folder: str, split: str) -> str:
    return os.path.join(folder, f"summary-{split}.json")


def take(path: str) -> dict[str, Any]:
    """Reads and removes a file that Beam wrote for the executor."""
    with fileio.open(path) as file:
        found: dict[str, Any] = json.loads(file.read())
    fileio.remove(path)
    return found


def bless(
    artifact: types.Artifact, verdict: blessing.Verdict, input_dict: dict[str, list[types.Artifact]]
) -> None:
    """Sets what TFX's Evaluator sets: the properties and file that Pusher and resolvers look at."""
    model = artifact_utils.get_single_instance(input_dict[MODEL])
    artifact.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri
    )
    artifact.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    if input_dict.get(BASELINE_MODEL):
        last = artifact_utils.get_single_instance(input_dict[BASELINE_MODEL])
        artifact.set_string_custom_property(
            constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, last.uri
        )
        artifact.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, last.id)
    blessed = verdict.blessed
    artifact.set_int_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSED_KEY,
        constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE,
    )
    artifact.set_string_custom_property(
        constants.ARTIFACT_PROPERTY_BLESSING_MESSAGE_KEY,
        " ".join(verdict.to_json()["reasons"]) or "All rules passed.",
    )
    io_utils.write_string_file(
        os.path.join(
            artifact.uri,
            constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME,
        ),
        "",
    )


class RecallEvaluatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of RecallEvaluator."""

    PARAMETERS: ClassVar = {
        CONFIG: component_spec.ExecutionParameter(type=str),
        SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        BASELINE_MODEL: component_spec.ChannelParameter(
            type=standard_artifacts.Model, optional=True
        ),
    }
    OUTPUTS: ClassVar = {
        EVALUATION: component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        BLESSING: component_spec.ChannelParameter(type=standard_artifacts.ModelBlessing),
    }


class RecallEvaluator(base_beam_component.BaseBeamComponent):
    """Ranks held-out events over the full catalogue, against baselines and the last blessed model.

    Outputs: `evaluation` with `evaluation.json`, `requests-<split>.parquet` and TFMA's results in
    `tfma/`; `blessing`, which TFX's Pusher takes.
    """

    SPEC_CLASS = RecallEvaluatorSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        examples: channel.Channel,
        model: channel.Channel,
        config: str,
        source_digest: str,
        baseline_model: channel.Channel | None = None,
    ) -> None:
        """Declares the inputs, parameters and outputs of the component.

        Args:
          examples: raw examples with the splits train, valid, test and catalogue.
          model: the Indexer's model.
          config: JSON of the sections data, split, features and evaluation.
          source_digest: of the code behind this component, for the cache.
          baseline_model: the last blessed model; may resolve to none.
        """
        super().__init__(
            RecallEvaluatorSpec(
                examples=examples,
                model=model,
                baseline_model=baseline_model,
                config=config,
                source_digest=source_digest,
                evaluation=channel.Channel(type=standard_artifacts.ModelEvaluation),
                blessing=channel.Channel(type=standard_artifacts.ModelBlessing),
            )
        )
