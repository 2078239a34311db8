"""InteractionStatistics: counts on Beam what the ranker is told of items and of what follows what.

The artifact holds a folder `final`, counted in the split `train`, for validation and serving, and
for each part n of the hold-out `part_<n>`, counted in the split `recall_<n>`: nothing there comes
from the requests `rank_<n>` that the ranker trains on (but with hold_out.method: none, where it is
a copy of `final`). Each folder is read by `modules.ranking.tabulate.read`.
"""

from __future__ import annotations

import json
import os
from typing import Any, ClassVar

import apache_beam as beam
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact, artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils

from modules import config as configuration
from modules import features, ranking_config, repeats, strict
from modules.ranking import count_statistics

EXAMPLES, TRANSFORM_GRAPH, STATISTICS = "examples", "transform_graph", "statistics"
CONFIG, SOURCE_DIGEST = "config", "source_digest"

FINAL = "final"


def part_folder(part: int) -> str:
    """The folder of the statistics for training requests of a part."""
    return f"part_{part}"


class InteractionStatisticsArtifact(artifact.Artifact):
    """The folders of the module's docstring."""

    TYPE_NAME = "InteractionStatistics"


def folders_by_split(hold_out: ranking_config.HoldOut) -> dict[str, list[str]]:
    """Which folders are counted in which split."""
    parts = {features.hold_out_split(part): [part_folder(part)] for part in range(hold_out.parts)}
    return {features.SPLIT_TRAIN: [FINAL] if parts else [FINAL, part_folder(0)], **parts}


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs `count_statistics.CountStatistics`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class."""
        examples = input_dict[EXAMPLES]
        splits = artifact_utils.decode_split_names(
            artifact_utils.get_single_instance(examples).split_names
        )
        patterns = {
            s: io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, s)) for s in splits
        }
        sections = json.loads(exec_properties[CONFIG])
        data = strict.read(configuration.Data, sections["data"], "data")
        ranking = strict.read(configuration.Ranking, sections["ranking"], "ranking")
        target = artifact_utils.get_single_uri(output_dict[STATISTICS])
        folders = {
            split: [os.path.join(target, name) for name in names]
            for split, names in folders_by_split(ranking.hold_out).items()
        }
        count = count_statistics.CountStatistics(
            repeats.resolve(data, patterns[features.SPLIT_TRAIN]),
            ranking.statistics,
            artifact_utils.get_single_uri(input_dict[TRANSFORM_GRAPH]),
            folders,
        )
        with self._make_beam_pipeline() as pipeline:
            {
                split: pipeline | f"Read[{split}]" >> beam.io.ReadFromTFRecord(patterns[split])
                for split in (*folders, features.SPLIT_CATALOGUE)
            } | "Statistics" >> count


class InteractionStatisticsSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of InteractionStatistics."""

    PARAMETERS: ClassVar = {
        CONFIG: component_spec.ExecutionParameter(type=str),
        SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        TRANSFORM_GRAPH: component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
    }
    OUTPUTS: ClassVar = {
        STATISTICS: component_spec.ChannelParameter(type=InteractionStatisticsArtifact)
    }


class InteractionStatistics(base_beam_component.BaseBeamComponent):
    """Counts popularity, co-occurrence, categories and feedback for each recall model.

    The counts are made in what that model learns from.
    """

    SPEC_CLASS = InteractionStatisticsSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        examples: channel.BaseChannel,
        transform_graph: channel.BaseChannel,
        config: str,
        source_digest: str,
    ) -> None:
        """Declares the inputs, parameters and output of the component.

        Args:
          examples: raw examples with the splits train, catalogue and those of the hold-out.
          transform_graph: its vocabularies number items and categories.
          config: JSON of the sections data, and ranking with `hold_out` and `statistics` alone.
          source_digest: of the code behind this component, for the cache.
        """
        super().__init__(
            InteractionStatisticsSpec(
                examples=examples,
                transform_graph=transform_graph,
                config=config,
                source_digest=source_digest,
                statistics=channel.Channel(type=InteractionStatisticsArtifact),
            )
        )
