"""The pipeline: which components there are and how they are wired. Values live in the configuration.

ExampleGen -> StatisticsGen -> DataValidator (blocks) -> Transform -> Trainer -> Indexer -> Evaluator
  -> Pusher
"""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from tfx import types
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from modules import config
from modules import features
from modules import strict
from pipeline import resolver
from pipeline import runners
from pipeline import runs
from pipeline import schema_source
from pipeline import source_digest
from pipeline.components import data_validator
from pipeline.components import evaluator
from pipeline.components import example_gen
from pipeline.components import indexer

PREPROCESSING = "modules.preprocessing"
RECALL_TRAINER = "modules.recall.trainer"

# Sections of the configuration that a component reads. It gets no other: a change elsewhere leaves it cached.
EXAMPLE_GEN_SECTIONS = ("data", "split", "features")
TRANSFORM_SECTIONS = ("data", "features")
TRAINER_SECTIONS = ("data", "features", "model", "training")
INDEXER_SECTIONS = ("data", "split", "features", "index")
EVALUATOR_SECTIONS = ("data", "split", "features", "evaluation")


def create(cfg: config.Config, run: runs.Run, *, use_cache: bool = True) -> tfx.dsl.Pipeline:
    """Wires the components of one run.

    Args:
      cfg: the configuration, with resolved paths.
      run: where artifacts, metadata and pushed models live.
      use_cache: whether unchanged components are taken from earlier runs.

    Returns:
      A pipeline for any TFX runner.
    """
    return tfx.dsl.Pipeline(
        pipeline_name=cfg.name,
        pipeline_root=runners.artifact_root(cfg, run.artifacts),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(run.metadata)
        ),
        components=_components(cfg, run),
        enable_cache=use_cache,
        beam_pipeline_args=runners.beam_args(cfg.runner),
    )


def _components(cfg: config.Config, run: runs.Run) -> list[Any]:
    length_only = dataclasses.replace(cfg, features=config.Features(max_history=cfg.features.max_history))
    examples = example_gen.InteractionsExampleGen(
        config=_sections(length_only, EXAMPLE_GEN_SECTIONS),
        input_fingerprint=example_gen.input_fingerprint(cfg.data),
        source_digest=source_digest.of("pipeline.components.example_gen"),
    )
    statistics = tfx.components.StatisticsGen(examples=examples.outputs["examples"])
    schema = tfx.components.ImportSchemaGen(
        schema_file=str(schema_source.materialise(cfg, run.folder / "schema"))
    )
    validator = data_validator.DataValidator(
        statistics=statistics.outputs["statistics"],
        schema=schema.outputs["schema"],
        schema_name=schema_source.describe(cfg),
        source_digest=source_digest.of("pipeline.components.data_validator"),
    )
    transform = tfx.components.Transform(
        examples=examples.outputs["examples"],
        schema=schema.outputs["schema"],
        preprocessing_fn=f"{PREPROCESSING}.preprocessing_fn",
        splits_config=tfx.proto.SplitsConfig(
            analyze=[features.SPLIT_TRAIN, features.SPLIT_CATALOGUE],
            transform=[*features.SEQUENCE_SPLITS, features.SPLIT_CATALOGUE],
        ),
        disable_statistics=True,
        disable_analyzer_cache=True,
        custom_config=_custom_config(_columns_only(cfg), TRANSFORM_SECTIONS, PREPROCESSING),
    )
    transform.add_upstream_node(validator)
    trainer = tfx.components.Trainer(
        run_fn=f"{RECALL_TRAINER}.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        train_args=tfx.proto.TrainArgs(splits=[features.SPLIT_TRAIN, features.SPLIT_CATALOGUE]),
        eval_args=tfx.proto.EvalArgs(splits=[features.SPLIT_VALID]),
        custom_config={
            **_custom_config(_columns_only(cfg), TRAINER_SECTIONS, RECALL_TRAINER),
            "checkpoint_root": str(run.checkpoints),
        },
    )
    index = indexer.Indexer(
        model=trainer.outputs["model"],
        examples=examples.outputs["examples"],
        config=_sections(_columns_only(length_only), INDEXER_SECTIONS),
        source_digest=source_digest.of("pipeline.components.indexer"),
    )
    return [
        examples,
        statistics,
        schema,
        validator,
        transform,
        trainer,
        index,
        *_release(length_only, run, examples, index),
    ]


def _release(cfg: config.Config, run: runs.Run, examples: Any, index: Any) -> list[Any]:
    """What decides whether the indexed model is released, and releases it."""
    last_blessed = tfx.dsl.Resolver(
        strategy_class=resolver.LastOtherBlessedModel,
        config={"producer": resolver.node(cfg.name, index.id)},
        model=types.Channel(type=standard_artifacts.Model),
        model_blessing=types.Channel(type=standard_artifacts.ModelBlessing),
    ).with_id("LastBlessedModel")
    last_blessed.add_upstream_node(index)
    evaluation = evaluator.RecallEvaluator(
        examples=examples.outputs["examples"],
        model=index.outputs["model"],
        baseline_model=last_blessed.outputs["model"],
        config=_sections(_columns_only(cfg), EVALUATOR_SECTIONS),
        source_digest=source_digest.of("pipeline.components.evaluator"),
    )
    pusher = tfx.components.Pusher(
        model=index.outputs["model"],
        model_blessing=evaluation.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(run.serving / "recall"))
        ),
    )
    return [last_blessed, evaluation, pusher]


def _columns_only(cfg: config.Config) -> config.Config:
    """The configuration without what only ExampleGen reads, or (crosses) only ranking."""

    def columns(table: config.Table | None, name: str) -> config.Table | None:
        return table and config.Table(path=name, columns=table.columns)

    data = config.Data(
        events=config.Table(path="events", columns=cfg.data.events.columns),
        users=columns(cfg.data.users, "users"),
        items=columns(cfg.data.items, "items"),
    )
    return dataclasses.replace(cfg, data=data, features=dataclasses.replace(cfg.features, crosses=()))


def _sections(cfg: config.Config, names: tuple[str, ...]) -> str:
    """The named sections as JSON, the same text for the same values."""
    return json.dumps(_plain_sections(cfg, names), sort_keys=True)


def _plain_sections(cfg: config.Config, names: tuple[str, ...]) -> dict[str, Any]:
    return {n: strict.to_plain(getattr(cfg, n)) for n in names}


def _custom_config(cfg: config.Config, sections: tuple[str, ...], module: str) -> dict[str, Any]:
    return {"config": _plain_sections(cfg, sections), "source_digest": source_digest.of(module)}
