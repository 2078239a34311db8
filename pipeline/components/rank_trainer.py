"""RankTrainer: trains the rank model on the candidates of recall and exports it.

It takes the place of TFX's Trainer, which knows no statistics and one model to start from. Its
outputs are the same: a Model and a ModelRun with the history and TensorBoard's logs.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from typing import Any, ClassVar

import tensorflow as tf
import tensorflow_transform as tft
from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import path_utils

from modules import features, lineage
from modules.index import export as index_export
from modules.ranking import export, tabulate, trainer
from modules.ranking import statistics as statistics_lib
from modules.recall import callbacks
from pipeline.components import statistics as statistics_component

CANDIDATES, TRANSFORM_GRAPH, TRANSFORMED_EXAMPLES = (
    "candidates",
    "transform_graph",
    "transformed_examples",
)
STATISTICS, RECALL_MODEL, BASE_MODEL = "statistics", "recall_model", "base_model"
CONFIG, CHECKPOINT_ROOT, SOURCE_DIGEST = "config", "checkpoint_root", "source_digest"
MODEL, MODEL_RUN = "model", "model_run"


class Executor(base_executor.BaseExecutor):
    """Trains, calibrates and exports."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Training goes on from a checkpoint of the same configuration, code and inputs; the
        checkpoints go once the model is exported.

        Args:
          input_dict: see RankTrainer.
          output_dict: `model` and `model_run`.
          exec_properties: `config`, JSON of the sections of trainer.SECTIONS; `checkpoint_root`, a
              folder; `source_digest`.
        """
        given = {
            key: artifact_utils.get_single_instance(found)
            for key, found in input_dict.items()
            if found
        }
        base = given.get(BASE_MODEL)
        run = artifact_utils.get_single_uri(output_dict[MODEL_RUN])
        checkpoints = os.path.join(
            exec_properties[CHECKPOINT_ROOT], checkpoint_name(given, exec_properties)
        )
        recall = tf.saved_model.load(path_utils.serving_model_path(given[RECALL_MODEL].uri))
        ids, vectors = index_export.candidates(recall)
        trained = trainer.train(
            settings=trainer.read_settings(exec_properties[CONFIG]),
            transform=tft.TFTransformOutput(given[TRANSFORM_GRAPH].uri),
            train_files=[_files(given[CANDIDATES], features.SPLIT_TRAIN)],
            valid_files=[_files(given[CANDIDATES], features.SPLIT_VALID)],
            catalogue_files=[_files(given[TRANSFORMED_EXAMPLES], features.SPLIT_CATALOGUE)],
            vectors=dict(zip(ids, vectors)),
            statistics=_statistics(given[STATISTICS].uri),
            checkpoint_folder=checkpoints,
            watchers=[callbacks.TensorBoard(run)],
            base=path_utils.serving_model_path(base.uri) if base else None,
        )
        tf.io.gfile.makedirs(run)
        callbacks.write_history(os.path.join(run, "history.json"), trained.history)
        callbacks.write_parameters(
            os.path.join(run, callbacks.PARAMETERS_FILE), trained.model.trainable_variables
        )
        target = path_utils.serving_model_dir(artifact_utils.get_single_uri(output_dict[MODEL]))
        export.save(trained, target, lineage.read(given[CANDIDATES].uri))
        tf.io.gfile.rmtree(checkpoints)


def _files(examples: types.Artifact, split: str) -> str:
    return os.path.join(artifact_utils.get_split_uri([examples], split), "*")


def _statistics(uri: str) -> dict[int, statistics_lib.Statistics]:
    """By part, and trainer.FINAL."""
    found = {trainer.FINAL: tabulate.read(os.path.join(uri, statistics_component.FINAL))}
    for part in range(len(tf.io.gfile.listdir(uri))):
        folder = os.path.join(uri, statistics_component.part_folder(part))
        if tf.io.gfile.isdir(folder):
            found[part] = tabulate.read(folder)
    return found


def checkpoint_name(given: Mapping[str, types.Artifact], exec_properties: Mapping[str, Any]) -> str:
    """A digest of what a training depends on."""
    known = [
        exec_properties[CONFIG],
        exec_properties[SOURCE_DIGEST],
        *(f"{key} {artifact.uri}" for key, artifact in sorted(given.items())),
    ]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]


class RankTrainerSpec(component_spec.ComponentSpec):
    """What RankTrainer takes and gives."""

    PARAMETERS: ClassVar = {
        key: component_spec.ExecutionParameter(type=str)
        for key in (CONFIG, CHECKPOINT_ROOT, SOURCE_DIGEST)
    }
    INPUTS: ClassVar = {
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        TRANSFORM_GRAPH: component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
        TRANSFORMED_EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        STATISTICS: component_spec.ChannelParameter(
            type=statistics_component.InteractionStatisticsArtifact
        ),
        RECALL_MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        BASE_MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS: ClassVar = {
        MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
        MODEL_RUN: component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
    }


class RankTrainer(base_component.BaseComponent):
    """The component; see the module."""

    SPEC_CLASS = RankTrainerSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        candidates: channel.BaseChannel,
        transform_graph: channel.BaseChannel,
        transformed_examples: channel.BaseChannel,
        statistics: channel.BaseChannel,
        recall_model: channel.BaseChannel,
        config: str,
        checkpoint_root: str,
        source_digest: str,
        base_model: channel.BaseChannel | None = None,
    ) -> None:
        """Declares the inputs, parameters and outputs of the component.

        Args:
          candidates: of the Candidates component, with the splits `train` and `valid`; their
              lineage, that of the recall model to be released, becomes the rank model's.
          transform_graph: of Transform.
          transformed_examples: of Transform, with the split `catalogue`.
          statistics: of InteractionStatistics.
          recall_model: of a recall Trainer that has not seen the training requests; its item
              vectors are features.
          config: JSON of the sections of `modules.ranking.trainer.SECTIONS`.
          checkpoint_root: the folder of the checkpoints, from which a killed training goes on.
          source_digest: of the code that runs here; a change of it runs the component again.
          base_model: of a RankTrainer, with whose weights training begins; None for new ones.
        """
        super().__init__(
            RankTrainerSpec(
                candidates=candidates,
                transform_graph=transform_graph,
                transformed_examples=transformed_examples,
                statistics=statistics,
                recall_model=recall_model,
                config=config,
                checkpoint_root=checkpoint_root,
                source_digest=source_digest,
                base_model=base_model,
                model=channel.Channel(type=standard_artifacts.Model),
                model_run=channel.Channel(type=standard_artifacts.ModelRun),
            )
        )
