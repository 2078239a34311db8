"""InteractionStatistics: counts on Beam what the ranker is told of items and of what follows what.

The artifact holds a folder `final`, counted in the split `train`, for validation and serving, and
for each part n of the hold-out `part_<n>`, counted in the split `recall_<n>`: nothing there comes
from the requests `rank_<n>` that the ranker trains on (but with hold_out.method: none, where it is
a copy of `final`). Each folder is read by `modules.ranking.statistics.Statistics.read`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar

import apache_beam as beam
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact, artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils

from modules import config as configuration
from modules import features, ranking_config, repeats, requests, strict
from modules.ranking import count_statistics
from modules.ranking import statistics as statistics_lib

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


class WriteStatistics(beam.PTransform):
    """Reads splits of raw examples, counts each and writes the folders."""

    def __init__(
        self,
        sections: Mapping[str, Any],
        patterns: Mapping[str, str],
        transform_folder: str,
        target: str,
    ) -> None:
        """Reads these raw examples and writes into one folder.

        Args:
          sections: data, and of ranking hold_out and statistics, as plain dictionaries.
          patterns: files of raw examples by split.
          transform_folder: of the transform graph.
          target: folder to write into.
        """
        super().__init__()
        self._data = repeats.resolve(
            strict.read(configuration.Data, sections["data"], "data"),
            patterns[features.SPLIT_TRAIN],
        )
        self._ranking = strict.read(configuration.Ranking, sections["ranking"], "ranking")
        self._patterns, self._transform, self._target = patterns, transform_folder, target

    def expand(self, begin: beam.pvalue.PBegin) -> beam.pvalue.PDone:
        catalogue = self._read(begin, features.SPLIT_CATALOGUE)
        categories = beam.pvalue.AsSingleton(
            catalogue | "Categories" >> count_statistics.ReadCategories(self._data, self._transform)
        )
        for split, names in folders_by_split(self._ranking.hold_out).items():
            count = count_statistics.CountStatistics(
                self._data, self._ranking.statistics, self._transform, categories
            )
            _ = (
                self._read(begin, split)
                | f"Count[{split}]" >> count
                | f"Write[{split}]"
                >> beam.Map(_write, [os.path.join(self._target, n) for n in names])
            )
        return beam.pvalue.PDone(begin.pipeline)

    def _read(self, begin: beam.pvalue.PBegin, split: str) -> beam.PCollection:
        return (
            begin
            | f"ReadFiles[{split}]" >> beam.io.ReadFromTFRecord(self._patterns[split])
            | f"Parse[{split}]" >> beam.Map(requests.read_raw_example)
        )


def _write(found: statistics_lib.Statistics, folders: list[str]) -> None:
    for folder in folders:
        found.write(folder)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs `WriteStatistics`."""

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
        write = WriteStatistics(
            json.loads(exec_properties[CONFIG]),
            patterns,
            artifact_utils.get_single_uri(input_dict[TRANSFORM_GRAPH]),
            artifact_utils.get_single_uri(output_dict[STATISTICS]),
        )
        with self._make_beam_pipeline() as pipeline:
            pipeline | "Statistics" >> write


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
