"""The component that releases the recall model and the rank model together, or neither.

It takes the place of TFX's Pusher, which knows one model. Its output is the same, a PushedModel
with the properties `pushed`, `pushed_destination` and `pushed_version`; the files are in the
serving folder, and the artifact holds the manifest.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, ClassVar

from absl import logging
from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils, path_utils

from modules import release
from pipeline import release_writer
from pipeline.components import serving_catalogue

RECALL_MODEL, RANK_MODEL = "recall_model", "rank_model"
RECALL_BLESSING, TWO_STAGE_BLESSING = "recall_blessing", "two_stage_blessing"
RECALL_EVALUATION, TWO_STAGE_EVALUATION = "recall_evaluation", "two_stage_evaluation"
FOLDER, NAME, CONFIG_DIGEST, SOURCE_DIGEST = "folder", "name", "config_digest", "source_digest"
CATALOGUE = "catalogue"
PUSHED_MODEL = "pushed_model"
MANIFEST_FILE = "release.json"
# as TFX's Pusher sets them
PUSHED, DESTINATION, VERSION = "pushed", "pushed_destination", "pushed_version"

_MODELS = {release.RECALL: RECALL_MODEL, release.RANK: RANK_MODEL}
_BLESSINGS = (RECALL_BLESSING, TWO_STAGE_BLESSING)
_LIBRARIES = ("tfx", "tensorflow", "tensorflow-recommenders", "scann")
# Where each system's metrics are: (input, file in the artifact, key among the metrics).
_METRICS = {
    "recall": (RECALL_EVALUATION, "evaluation.json", "recall"),
    "two_stage": (TWO_STAGE_EVALUATION, "two_stage.json", "two_stage"),
}


class Executor(base_executor.BaseExecutor):
    """Pushes what has been blessed."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class.

        Raises:
          modules.release.ReleaseError: the models do not belong together; what is in force stays
              so.
        """
        given = {
            key: artifact_utils.get_single_instance(found)
            for key, found in input_dict.items()
            if found
        }
        pushed = artifact_utils.get_single_instance(output_dict[PUSHED_MODEL])
        refused = [
            key
            for key in _BLESSINGS
            if key in given and not model_utils.is_model_blessed(given[key])
        ]
        if refused:
            logging.info("Nothing is pushed, for want of: %s", ", ".join(refused))
            pushed.set_int_custom_property(PUSHED, 0)
            return
        serving = pathlib.Path(exec_properties[FOLDER])
        models = {name: _model_path(given[key]) for name, key in _MODELS.items() if key in given}
        made = release_writer.push(
            serving,
            models,
            _facts(given, exec_properties),
            catalogue=given[CATALOGUE].uri,
            copy=io_utils.copy_dir,
        )
        io_utils.write_string_file(os.path.join(pushed.uri, MANIFEST_FILE), made.to_text())
        pushed.set_int_custom_property(PUSHED, 1)
        pushed.set_string_custom_property(
            DESTINATION, str(serving / release.RECALL / str(made.release))
        )
        pushed.set_string_custom_property(VERSION, str(made.release))
        logging.info("Release %d is in force: %s", made.release, ", ".join(models))


def _facts(
    given: Mapping[str, types.Artifact], exec_properties: Mapping[str, Any]
) -> release_writer.Facts:
    return release_writer.Facts(
        name=exec_properties[NAME],
        versions={name: importlib.metadata.version(name) for name in _LIBRARIES},
        metrics=_metrics(given),
        artifacts={
            key: release.Made(artifact.uri, artifact.id) for key, artifact in sorted(given.items())
        },
        config_digest=exec_properties[CONFIG_DIGEST],
        source_digest=exec_properties[SOURCE_DIGEST],
    )


def _metrics(
    given: Mapping[str, types.Artifact],
) -> dict[str, dict[str, dict[str, release.Estimate]]]:
    """By split, system and metric; splits without requests have none."""
    found: dict[str, dict[str, dict[str, release.Estimate]]] = {}
    for system, (key, file_name, name) in _METRICS.items():
        if key not in given:
            continue
        with fileio.open(os.path.join(given[key].uri, file_name)) as file:
            splits = json.loads(file.read())["splits"]
        for split, result in splits.items():
            estimates = result.get("metrics", {}).get(name) or {}
            found.setdefault(split, {})[system] = {
                metric: release.Estimate(e["value"], e["se"]) for metric, e in estimates.items()
            }
    return found


def _model_path(model: types.Artifact) -> str:
    path: str = path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model))
    return path


class ReleasePusherSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of ReleasePusher."""

    PARAMETERS: ClassVar = {
        key: component_spec.ExecutionParameter(type=str)
        for key in (FOLDER, NAME, CONFIG_DIGEST, SOURCE_DIGEST)
    }
    INPUTS: ClassVar = {
        key: component_spec.ChannelParameter(type=kind, optional=optional)
        for key, kind, optional in (
            (CATALOGUE, serving_catalogue.ServingCatalogueArtifact, False),
            (RECALL_MODEL, standard_artifacts.Model, False),
            (RECALL_BLESSING, standard_artifacts.ModelBlessing, False),
            (RECALL_EVALUATION, standard_artifacts.ModelEvaluation, True),
            (RANK_MODEL, standard_artifacts.Model, True),
            (TWO_STAGE_BLESSING, standard_artifacts.ModelBlessing, True),
            (TWO_STAGE_EVALUATION, standard_artifacts.ModelEvaluation, True),
        )
    }
    OUTPUTS: ClassVar = {
        PUSHED_MODEL: component_spec.ChannelParameter(type=standard_artifacts.PushedModel)
    }


class ReleasePusher(base_component.BaseComponent):
    """Makes one release of the models, if every blessing given is one, and puts it in force.

    Output: `pushed_model`, with the manifest in `release.json`.
    """

    SPEC_CLASS = ReleasePusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        recall_model: channel.BaseChannel,
        recall_blessing: channel.BaseChannel,
        catalogue: channel.BaseChannel,
        folder: str,
        name: str,
        config_digest: str,
        source_digest: str,
        recall_evaluation: channel.BaseChannel | None = None,
        rank_model: channel.BaseChannel | None = None,
        two_stage_blessing: channel.BaseChannel | None = None,
        two_stage_evaluation: channel.BaseChannel | None = None,
    ) -> None:
        """Declares the inputs, parameters and output of the component.

        Args:
          recall_model: the Indexer's model.
          recall_blessing: of the recall model.
          catalogue: what the release says about its items and columns.
          folder: the serving folder.
          name: of the configuration.
          config_digest: of the whole configuration, for the manifest; a change of it makes a new
              release.
          source_digest: of the code that made the models and that runs here, as the last.
          recall_evaluation: with `evaluation.json`, whose metrics go into the manifest.
          rank_model: trained on the recall model's candidates; without it, recall is released
              alone.
          two_stage_blessing: of both models together; needed with a rank model.
          two_stage_evaluation: with `two_stage.json`, whose metrics go into the manifest.
        """
        if (rank_model is None) != (two_stage_blessing is None):
            raise ValueError(
                "ReleasePusher takes rank_model and two_stage_blessing together, found one of "
                "them. A rank model is released only if the two stages have been blessed."
            )
        super().__init__(
            ReleasePusherSpec(
                recall_model=recall_model,
                recall_blessing=recall_blessing,
                recall_evaluation=recall_evaluation,
                rank_model=rank_model,
                two_stage_blessing=two_stage_blessing,
                two_stage_evaluation=two_stage_evaluation,
                catalogue=catalogue,
                folder=folder,
                name=name,
                config_digest=config_digest,
                source_digest=source_digest,
                pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
            )
        )
