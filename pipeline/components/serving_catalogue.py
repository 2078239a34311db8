"""ServingCatalogue: what a release says of its items and columns, for servers without TensorFlow.

The artifact holds the files of modules/catalogue.py; the Pusher puts them beside the recall model.
"""

from __future__ import annotations

import json
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, ClassVar

import apache_beam as beam
import tensorflow_transform as tft
from tfx import types
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.types import artifact, artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils

from modules import catalogue as catalogue_lib
from modules import config as configuration
from modules import features, repeats, requests, strict
from modules.beam import counting

EXAMPLES, TRANSFORM_GRAPH, CATALOGUE = "examples", "transform_graph", "catalogue"
CONFIG, SOURCE_DIGEST = "config", "source_digest"


class ServingCatalogueArtifact(artifact.Artifact):
    """The files of modules/catalogue.py."""

    TYPE_NAME = "ServingCatalogue"


class WriteCatalogue(beam.PTransform):
    """Counts the events of each item in training and writes the catalogue."""

    def __init__(
        self, about: catalogue_lib.About, patterns: Mapping[str, str], target: str
    ) -> None:
        """Reads these raw examples and writes into one folder.

        Args:
          about: what a request depends on.
          patterns: files of raw examples of the splits `train` and `catalogue`.
          target: folder to write into.
        """
        super().__init__()
        self._about, self._patterns, self._target = about, patterns, target

    def expand(self, begin: beam.pvalue.PBegin) -> beam.pvalue.PDone:
        counts = (
            self._read(begin, features.SPLIT_TRAIN)
            | "Targets" >> beam.FlatMap(_targets)
            | "Count" >> beam.combiners.Count.PerElement()
        )
        items = self._read(begin, features.SPLIT_CATALOGUE) | "KeyById" >> beam.Map(
            lambda example: (example[features.ITEM_ID][0], example)
        )
        _ = (
            {"counts": counts, "items": items}
            | "Join" >> beam.CoGroupByKey()
            | "Rows" >> beam.FlatMap(_rows, self._about.data)
            | "Collect" >> beam.CombineGlobally(counting.Collect(list))
            | "Write" >> beam.Map(_write, self._about, self._target)
        )
        return beam.pvalue.PDone(begin.pipeline)

    def _read(self, begin: beam.pvalue.PBegin, split: str) -> beam.PCollection:
        return (
            begin
            | f"ReadFiles[{split}]" >> beam.io.ReadFromTFRecord(self._patterns[split])
            | f"Parse[{split}]" >> beam.Map(requests.read_raw_example)
        )


def _targets(example: requests.RawExample) -> list[bytes]:
    return [example[features.EVENT_ITEM_ID][place] for place in counting.target_places(example)]


def _rows(
    joined: tuple[bytes, Mapping[str, list[Any]]], data: configuration.Data
) -> list[catalogue_lib.Item]:
    """The item with its count; none for an id of no catalogue."""
    _, found = joined
    return [
        catalogue_lib.item_of(example, sum(found["counts"]), data) for example in found["items"]
    ]


def _write(items: list[catalogue_lib.Item], about: catalogue_lib.About, target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:  # the target may be a URL
        catalogue_lib.write(pathlib.Path(folder), about, items)
        io_utils.copy_dir(folder, target)


def choices(
    data: configuration.Data, transform: tft.TFTransformOutput
) -> dict[str, tuple[str, ...]]:
    """The most frequent values of each categorical feature of users, events and context."""
    wanted = (
        *features.user_features(data),
        *features.event_features(data),
        *features.context_features(data),
    )
    return {
        f.name: tuple(
            v.decode()
            for v in transform.vocabulary_by_name(f.vocabulary)[: catalogue_lib.MAX_CHOICES]
        )
        for f in wanted
        if f.kind in ("categorical", "multi_categorical")
    }


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs `WriteCatalogue`."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class."""
        examples = input_dict[EXAMPLES]
        patterns = {
            split: io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, split))
            for split in (features.SPLIT_TRAIN, features.SPLIT_CATALOGUE)
        }
        transform = tft.TFTransformOutput(
            artifact_utils.get_single_uri(input_dict[TRANSFORM_GRAPH])
        )
        sections = json.loads(exec_properties[CONFIG])
        data = repeats.resolve(
            strict.read(configuration.Data, sections.pop("data"), "data"),
            patterns[features.SPLIT_TRAIN],
        )
        about = catalogue_lib.About(data=data, choices=choices(data, transform), **sections)
        with self._make_beam_pipeline() as pipeline:
            pipeline | "Catalogue" >> WriteCatalogue(
                about, patterns, artifact_utils.get_single_uri(output_dict[CATALOGUE])
            )


class ServingCatalogueSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of ServingCatalogue."""

    PARAMETERS: ClassVar = {
        CONFIG: component_spec.ExecutionParameter(type=str),
        SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        TRANSFORM_GRAPH: component_spec.ChannelParameter(type=standard_artifacts.TransformGraph),
    }
    OUTPUTS: ClassVar = {CATALOGUE: component_spec.ChannelParameter(type=ServingCatalogueArtifact)}


class ServingCatalogue(base_beam_component.BaseBeamComponent):
    """Writes the catalogue of a release."""

    SPEC_CLASS = ServingCatalogueSpec
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
          examples: raw examples with the splits train and catalogue.
          transform_graph: its vocabularies say which values occur.
          config: JSON of catalogue.About, without `choices`.
          source_digest: of the code behind this component, for the cache.
        """
        super().__init__(
            ServingCatalogueSpec(
                examples=examples,
                transform_graph=transform_graph,
                config=config,
                source_digest=source_digest,
                catalogue=channel.Channel(type=ServingCatalogueArtifact),
            )
        )
