"""The pipeline: which components there are and how they are wired.

Values live in the configuration.

ExampleGen -> StatisticsGen -> DataValidator (blocks) -> Transform -> InteractionStatistics
  -> Trainer -> Indexer -> Evaluator
  -> hold-out Trainers and Indexers -> Candidates -> RankTrainer
  -> TwoStageEvaluator
  -> ServingCatalogue -> Pusher, one release of both models or none

Without `ranking.enabled`, InteractionStatistics and all from the hold-out Trainers to
TwoStageEvaluator is left out and a release holds recall alone.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import types as types_lib
from collections.abc import Mapping
from typing import Any

from tfx import types
from tfx import v1 as tfx
from tfx.types import standard_artifacts

from modules import config, features, strict
from modules.beam import examples
from pipeline import resolver, runners, runs, schema_source, source_digest, warm_start
from pipeline.components import candidates as candidates_component
from pipeline.components import (
    data_validator,
    evaluator,
    example_gen,
    indexer,
    rank_trainer,
    release_pusher,
    serving_catalogue,
    two_stage_evaluator,
)
from pipeline.components import statistics as statistics_component

PREPROCESSING = "modules.preprocessing"
RECALL_TRAINER = "modules.recall.trainer"
RECALL_TUNER = "modules.recall.tuner"
RANK_TRAINER_ID = rank_trainer.RankTrainer.__name__

# Sections of the configuration that a component reads, and of some the only fields. It gets no
# other: a change elsewhere leaves it cached.
Sections = Mapping[str, tuple[str, ...]]
ALL: tuple[str, ...] = ()
CANDIDATE_FIELDS = ("k", "additional")  # of index, that say how many candidates there are
EXAMPLE_GEN: Sections = {
    "data": ALL,
    "split": ALL,
    "features": ALL,
    "ranking": ("enabled", "hold_out"),
}
TRANSFORM: Sections = {"data": ALL, "features": ALL}
TRAINER: Sections = {"data": ALL, "features": ALL, "model": ALL, "training": ALL}
INDEXER: Sections = {"data": ALL, "split": ALL, "features": ALL, "index": ALL}
EVALUATOR: Sections = {
    "data": ALL,
    "split": ALL,
    "features": ALL,
    "evaluation": ALL,
    "ranking": ("enabled",),
}
STATISTICS: Sections = {"data": ALL, "ranking": ("hold_out", "statistics")}
CANDIDATES: Sections = {"data": ALL, "features": ALL, "index": ("k",), "ranking": ("hold_out",)}
RANK_TRAINER: Sections = {
    "data": ALL,
    "features": ALL,
    "index": CANDIDATE_FIELDS,
    "ranking": ("statistics", "model", "training", "objectives"),
}
TWO_STAGE_EVALUATOR: Sections = {
    "data": ALL,
    "split": ALL,
    "features": ALL,
    "evaluation": ALL,
    "index": CANDIDATE_FIELDS,
    "ranking": ("objectives",),
}
LENGTHS = ("max_history", "repeat_history", "repeat_items")  # of features, that ExampleGen reads
# what the models follow from
MODELS = ("data", "split", "features", "model", "training", "index", "ranking")


def create(
    cfg: config.Config,
    run: runs.Run,
    *,
    use_cache: bool = True,
    releases: bool = True,
    bases: Mapping[str, str] | None = None,
) -> tfx.dsl.Pipeline:
    """Wires the components of one run.

    Args:
      cfg: the configuration, with resolved paths.
      run: where artifacts, metadata and releases live.
      use_cache: whether unchanged components are taken from earlier runs.
      releases: whether models are compared with the last blessed ones and pushed; without it the
          pipeline ends with the evaluations.
      bases: by id of a component that trains, the artifact of the model that it goes on from, see
          pipeline/warm_start.py.

    Returns:
      A pipeline for any TFX runner.
    """
    wiring = _Wiring(cfg, run, releases=releases, bases=bases or {})
    return _pipeline(cfg, run, wiring.models(), use_cache)


def create_tuning(
    cfg: config.Config, run: runs.Run, tuning: Mapping[str, Any], vertex: Mapping[str, Any] | None
) -> tfx.dsl.Pipeline:
    """Wires the data's components, and TFX's Tuner for the recall model behind them.

    Args:
      cfg: the configuration, with resolved paths.
      run: where artifacts and metadata live.
      tuning: what `modules.recall.tuner` reads beside the configuration.
      vertex: TFX's `custom_config` for Vertex AI, where the Tuner is to run there.
    """
    return _pipeline(cfg, run, _Wiring(cfg, run, releases=False).tuner(tuning, vertex))


def _pipeline(
    cfg: config.Config, run: runs.Run, components: list[Any], use_cache: bool = True
) -> tfx.dsl.Pipeline:
    return tfx.dsl.Pipeline(
        pipeline_name=cfg.name,
        pipeline_root=runners.artifact_root(cfg, run.artifacts),
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(run.metadata)
        ),
        components=components,
        enable_cache=use_cache,
        beam_pipeline_args=runners.beam_args(cfg.runner),
    )


class _Wiring:
    """Makes the components in their order."""

    def __init__(
        self,
        cfg: config.Config,
        run: runs.Run,
        *,
        releases: bool,
        bases: Mapping[str, str] = types_lib.MappingProxyType({}),
    ) -> None:
        self._cfg, self._run, self._releases, self._bases = cfg, run, releases, bases
        length_only = dataclasses.replace(
            cfg,
            features=dataclasses.replace(
                config.Features(),
                **{name: getattr(cfg.features, name) for name in LENGTHS},
            ),
        )
        self._read = length_only  # by what reads the files
        self._made = _columns_only(length_only)  # by what reads the examples made of them
        self._components: list[Any] = []
        self._examples()

    def models(self) -> list[Any]:
        """All components up to the release."""
        is_ranked = self._cfg.ranking.enabled
        self._statistics = self._interaction_statistics() if is_ranked else None
        trainer = self._trainer(features.SPLIT_TRAIN, self._cfg.training)
        self._index = self._indexer(trainer, statistics_component.FINAL)
        self._recall = self._recall_evaluator()
        if is_ranked:
            self._ranking(trainer)
        else:
            self._pusher({})
        return self._components

    def tuner(self, tuning: Mapping[str, Any], vertex: Mapping[str, Any] | None) -> list[Any]:
        """The data's components, and a Tuner."""
        kind = tfx.components.Tuner
        if vertex is not None:
            kind = tfx.extensions.google_cloud_ai_platform.Tuner
        self._add(
            kind(
                tuner_fn=f"{RECALL_TUNER}.tuner_fn",
                examples=self._transform["transformed_examples"],
                transform_graph=self._transform["transform_graph"],
                train_args=tfx.proto.TrainArgs(
                    splits=[features.SPLIT_TRAIN, features.SPLIT_CATALOGUE]
                ),
                eval_args=tfx.proto.EvalArgs(splits=[features.SPLIT_VALID]),
                custom_config={
                    **self._custom_config(TRAINER, RECALL_TUNER),
                    **tuning,
                    **(vertex or {}),
                },
            )
        )
        return self._components

    def _add(self, component: Any) -> Any:
        self._components.append(component)
        return component

    def _examples(self) -> None:
        self._raw = self._add(
            example_gen.InteractionsExampleGen(
                config=_json(self._read, EXAMPLE_GEN),
                input_fingerprint=example_gen.input_fingerprint(self._cfg.data),
                source_digest=source_digest.of("pipeline.components.example_gen"),
            )
        ).outputs["examples"]
        statistics = self._add(
            tfx.components.StatisticsGen(
                examples=self._raw,
                exclude_splits=[
                    name
                    for name in self._splits()
                    if name not in (*features.SEQUENCE_SPLITS, features.SPLIT_CATALOGUE)
                ],
            )
        )
        schema = self._add(
            tfx.components.ImportSchemaGen(
                schema_file=str(schema_source.materialise(self._cfg, self._run.folder / "schema"))
            )
        ).outputs["schema"]
        validator = self._add(
            data_validator.DataValidator(
                statistics=statistics.outputs["statistics"],
                schema=schema,
                schema_name=schema_source.describe(self._cfg),
                source_digest=source_digest.of("pipeline.components.data_validator"),
            )
        )
        self._transform = self._add(
            tfx.components.Transform(
                examples=self._raw,
                schema=schema,
                preprocessing_fn=f"{PREPROCESSING}.preprocessing_fn",
                splits_config=tfx.proto.SplitsConfig(
                    analyze=[features.SPLIT_TRAIN, features.SPLIT_CATALOGUE],
                    transform=[name for name in self._splits() if not features.is_rank_split(name)],
                ),
                disable_statistics=True,
                disable_analyzer_cache=True,
                custom_config=self._custom_config(TRANSFORM, PREPROCESSING),
            )
        ).outputs
        self._components[-1].add_upstream_node(validator)

    def _splits(self) -> tuple[str, ...]:
        ranking = self._cfg.ranking
        return examples.splits(ranking.hold_out if ranking.enabled else None)

    def _trainer(self, split: str, training: config.Training, name: str = "Trainer") -> Any:
        """A recall model that learns from a split."""
        cfg = dataclasses.replace(self._cfg, training=training)
        return self._add(
            tfx.components.Trainer(
                run_fn=f"{RECALL_TRAINER}.run_fn",
                examples=self._transform["transformed_examples"],
                transform_graph=self._transform["transform_graph"],
                train_args=tfx.proto.TrainArgs(splits=[split, features.SPLIT_CATALOGUE]),
                eval_args=tfx.proto.EvalArgs(splits=[features.SPLIT_VALID]),
                custom_config={
                    **self._custom_config(TRAINER, RECALL_TRAINER, cfg),
                    "checkpoint_root": str(self._run.checkpoints),
                },
                base_model=self._base(name),
            ).with_id(name)
        )

    def _base(self, trainer: str) -> Any:
        """The model that a trainer goes on from; None for none."""
        uri = self._bases.get(trainer)
        if uri is None:
            return None
        found = tfx.dsl.Importer(source_uri=uri, artifact_type=standard_artifacts.Model)
        return self._add(found.with_id(f"{trainer}Base")).outputs["result"]

    def _interaction_statistics(self) -> Any:
        return self._add(
            statistics_component.InteractionStatistics(
                examples=self._raw,
                transform_graph=self._transform["transform_graph"],
                config=_json(self._made, STATISTICS),
                source_digest=source_digest.of("pipeline.components.statistics"),
            )
        ).outputs["statistics"]

    def _indexer(self, trainer: Any, counted: str, name: str = "Indexer") -> Any:
        """The index of a model that was trained on the events of a folder of the statistics."""
        more = {
            "statistics": self._statistics,
            "transform_graph": self._transform["transform_graph"],
            "counted": counted,
        }
        return self._add(
            indexer.Indexer(
                model=trainer.outputs["model"],
                examples=self._raw,
                config=_json(self._made, INDEXER),
                source_digest=source_digest.of("pipeline.components.indexer"),
                **(more if self._statistics is not None else {}),
            ).with_id(name)
        )

    def _last_blessed(self, name: str, producer: Any) -> dict[str, Any]:
        """The newest blessed model of a component, but for the one of this run; empty for none."""
        if not self._releases:
            return {}
        found = self._add(
            tfx.dsl.Resolver(
                strategy_class=resolver.LastOtherBlessedModel,
                config={"producer": resolver.node(self._cfg.name, producer.id)},
                model=types.Channel(type=standard_artifacts.Model),
                model_blessing=types.Channel(type=standard_artifacts.ModelBlessing),
            ).with_id(name)
        )
        found.add_upstream_node(producer)
        return {
            "baseline_model": found.outputs["model"],
            "baseline_blessing": found.outputs["model_blessing"],
        }

    def _recall_evaluator(self) -> Any:
        last_blessed = self._last_blessed("LastBlessedModel", self._index)
        last_blessed.pop("baseline_blessing", None)
        return self._add(
            evaluator.RecallEvaluator(
                examples=self._raw,
                model=self._index.outputs["model"],
                config=_json(self._made, EVALUATOR),
                source_digest=source_digest.of("pipeline.components.evaluator"),
                **last_blessed,
            )
        ).outputs

    def _ranking(self, trainer: Any) -> None:
        """The second stage, up to the release."""
        # Early stopping would fit the hold-out models to the requests that validate the ranker.
        training = dataclasses.replace(
            self._cfg.training,
            early_stopping=dataclasses.replace(self._cfg.training.early_stopping, enabled=False),
        )
        trainers = [
            self._trainer(features.hold_out_split(part), training, warm_start.hold_out(part))
            for part in range(self._cfg.ranking.hold_out.parts)
        ]
        indexers = [
            self._indexer(found, statistics_component.part_folder(part), f"HoldOutIndexer_{part}")
            for part, found in enumerate(trainers)
        ]
        candidates = self._add(
            candidates_component.Candidates(
                examples=self._raw,
                model=self._index.outputs["model"],
                hold_out_models=[found.outputs["model"] for found in indexers],
                config=_json(self._made, CANDIDATES),
                source_digest=source_digest.of("pipeline.components.candidates"),
            )
        ).outputs["candidates"]
        ranker = self._add(
            rank_trainer.RankTrainer(
                candidates=candidates,
                transform_graph=self._transform["transform_graph"],
                transformed_examples=self._transform["transformed_examples"],
                statistics=self._statistics,
                recall_model=(trainers or [trainer])[0].outputs["model"],
                config=rank_trainer_config(self._cfg),
                checkpoint_root=str(self._run.checkpoints),
                source_digest=source_digest.of("pipeline.components.rank_trainer"),
                base_model=self._base(RANK_TRAINER_ID),
            )
        )
        evaluation = self._add(
            two_stage_evaluator.TwoStageEvaluator(
                candidates=candidates,
                examples=self._raw,
                model=ranker.outputs["model"],
                recall_model=self._index.outputs["model"],
                config=_json(self._made, TWO_STAGE_EVALUATOR),
                source_digest=source_digest.of("pipeline.components.two_stage_evaluator"),
                **self._last_blessed("LastBlessedRankModel", ranker),
            )
        ).outputs
        self._pusher(
            {
                "rank_model": ranker.outputs["model"],
                "two_stage_blessing": evaluation["blessing"],
                "two_stage_evaluation": evaluation["evaluation"],
            }
        )

    def _catalogue(self) -> Any:
        about = {
            "name": self._cfg.name,
            "data": strict.to_plain(_columns_only(self._cfg).data),
            "max_history": self._cfg.features.max_history,
            "timezone": self._cfg.features.timezone,
            "k": self._cfg.index.k,
            "max_exclusions": self._cfg.index.max_exclusions,
            "repeat_history": self._cfg.features.repeat_history,
            "repeat_items": self._cfg.features.repeat_items,
        }
        return self._add(
            serving_catalogue.ServingCatalogue(
                examples=self._raw,
                transform_graph=self._transform["transform_graph"],
                config=json.dumps(about, sort_keys=True),
                source_digest=source_digest.of("pipeline.components.serving_catalogue"),
            )
        ).outputs["catalogue"]

    def _pusher(self, rank: dict[str, Any]) -> None:
        if not self._releases:
            return
        plain = _plain(_columns_only(self._cfg, crosses=True), dict.fromkeys(MODELS, ALL))
        ranker = ["pipeline.components.rank_trainer"] if rank else []
        self._add(
            release_pusher.ReleasePusher(
                recall_model=self._index.outputs["model"],
                recall_blessing=self._recall["blessing"],
                recall_evaluation=self._recall["evaluation"],
                **rank,
                catalogue=self._catalogue(),
                folder=str(self._run.serving),
                name=self._cfg.name,
                config_digest=hashlib.sha256(
                    json.dumps(plain, sort_keys=True).encode()
                ).hexdigest()[:16],
                source_digest=source_digest.of(
                    PREPROCESSING,
                    RECALL_TRAINER,
                    "pipeline.components.indexer",
                    *ranker,
                    "pipeline.components.serving_catalogue",
                    "pipeline.components.release_pusher",
                ),
            ).with_id("Pusher")
        )

    def _custom_config(
        self, sections: Sections, module: str, cfg: config.Config | None = None
    ) -> dict[str, Any]:
        """`cfg`: where the values come from, if not from the configuration as it is."""
        return {
            "config": _plain(_columns_only(cfg or self._cfg), sections),
            "source_digest": source_digest.of(module),
        }


def rank_trainer_config(cfg: config.Config) -> str:
    """What RankTrainer is told: JSON of its sections."""
    return _json(_columns_only(cfg, crosses=True), RANK_TRAINER)


def _columns_only(cfg: config.Config, crosses: bool = False) -> config.Config:
    """The configuration without what only ExampleGen or only ranking (crosses) reads."""

    def columns(table: config.Table | None, name: str) -> config.Table | None:
        return table and config.Table(path=name, columns=table.columns)

    data = config.Data(
        events=config.Table(path="events", columns=cfg.data.events.columns),
        users=columns(cfg.data.users, "users"),
        items=columns(cfg.data.items, "items"),
        repeats=cfg.data.repeats,
    )
    kept = cfg.features if crosses else dataclasses.replace(cfg.features, crosses=())
    return dataclasses.replace(cfg, data=data, features=kept)


def _json(cfg: config.Config, sections: Sections) -> str:
    """The sections as JSON, the same text for the same values."""
    return json.dumps(_plain(cfg, sections), sort_keys=True)


def _plain(cfg: config.Config, sections: Sections) -> dict[str, Any]:
    found = {}
    for name, fields in sections.items():
        plain = strict.to_plain(getattr(cfg, name))
        found[name] = {field: plain[field] for field in fields} if fields else plain
    return found
