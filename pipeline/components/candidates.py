"""Candidates: recall's list for every request the ranker learns from or is measured on, on Beam.

The requests of the splits valid and test are put to the final recall model, through the index that
serving uses. Those of `rank_<n>`, which become the split train, are put to hold-out model n, which
has not seen them; with hold_out.method: none to the final one, whose scores of its own training
events are inflated.

The artifact carries the lineage of the final recall model, beside which a ranker of these
candidates serves; `lineage.read(artifact.uri)` reads it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import apache_beam as beam
from tfx import types
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils, path_utils

from modules import config as configuration
from modules import features, lineage, ranking_config, repeats, strict
from modules.ranking import candidates

EXAMPLES, MODEL, CANDIDATES = "examples", "model", "candidates"
CONFIG, SOURCE_DIGEST = "config", "source_digest"

_FILE_PREFIX = "data_tfrecord"
_FILE_FORMAT = "tfrecords_gzip"
_SHARED_DIGESTS = ("transform", "catalogue")  # of all recall models; the settings may differ


def hold_out_model(part: int) -> str:
    """The input that is hold-out recall model number `part`."""
    return f"hold_out_model_{part}"


class WriteCandidates(beam.PTransform):
    """Reads raw examples, asks the recall models and writes the splits into their folders."""

    def __init__(
        self,
        sections: Mapping[str, Any],
        models: Mapping[int, str],
        sources: Mapping[str, str],
        folders: Mapping[str, str],
    ) -> None:
        """Reads and writes these files, with these recall models.

        Args:
          sections: data, features and index as plain dictionaries.
          models: folder of the SavedModel by part; FINAL_PART is the final one.
          sources: files of raw examples by split.
          folders: to write into, by split.
        """
        super().__init__()
        self._data = repeats.resolve(
            strict.read(configuration.Data, sections["data"], "data"),
            sources[features.SPLIT_VALID],
        )
        self._max_history = strict.read(
            configuration.Features, sections["features"], "features"
        ).max_history
        self._k = strict.read(configuration.Index, sections["index"], "index").k
        self._models, self._sources, self._folders = models, sources, folders

    def expand(self, begin: beam.pvalue.PBegin) -> beam.pvalue.PDone:
        for split in (features.SPLIT_VALID, features.SPLIT_TEST):
            self._write(begin, split, features.FINAL_PART, self._models[features.FINAL_PART], split)
        held_out = {
            part: path for part, path in self._models.items() if part != features.FINAL_PART
        }
        for part, path in (held_out or {0: self._models[features.FINAL_PART]}).items():
            self._write(begin, features.rank_split(part), part, path, features.SPLIT_TRAIN)
        return beam.pvalue.PDone(begin.pipeline)

    def _write(
        self, begin: beam.pvalue.PBegin, source: str, part: int, path: str, target: str
    ) -> None:
        """Each part of a split has files of its own, so that no file mixes them."""
        find = candidates.FindCandidates(
            self._data,
            self._max_history,
            candidates.Recall(path, part, self._k),
            add_missed=target == features.SPLIT_TRAIN,
        )
        prefix = os.path.join(self._folders[target], f"{_FILE_PREFIX}-{source}")
        _ = (
            begin
            | f"Read[{source}]" >> beam.io.ReadFromTFRecord(self._sources[source])
            | f"FindCandidates[{source}]" >> find
            | f"Write[{source}]" >> beam.io.WriteToTFRecord(prefix, file_name_suffix=".gz")
        )


class Executor(base_beam_executor.BaseBeamExecutor):
    """Checks the inputs, runs `WriteCandidates` and describes the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Runs the component.

        Args:
          input_dict: `examples`, raw; `model`, the final recall model, indexed;
              `hold_out_model_<n>`.
          output_dict: `candidates`.
          exec_properties: `config`, JSON of the sections data, features, index and ranking;
              `source_digest`.

        Raises:
          ValueError: models or splits do not fit the declared hold-out.
          lineage.LineageError: a hold-out model was made with another transform graph or catalogue.
        """
        sections = json.loads(exec_properties[CONFIG])
        hold_out = strict.read(configuration.Ranking, sections["ranking"], "ranking").hold_out
        models = read_models(input_dict, hold_out)
        found = artifact_utils.get_single_instance(output_dict[CANDIDATES])
        write = WriteCandidates(
            sections, models, read_sources(input_dict[EXAMPLES], hold_out), describe(found)
        )
        with self._make_beam_pipeline() as pipeline:
            pipeline | "Candidates" >> write
        lineage.write(found.uri, lineage.read(models[features.FINAL_PART]))


def read_models(
    input_dict: Mapping[str, Sequence[types.Artifact]], hold_out: ranking_config.HoldOut
) -> dict[int, str]:
    """Folder of the SavedModel by part, the final one first; all were made of the same data."""
    expected = [hold_out_model(part) for part in range(hold_out.parts)]
    given = sorted(name for name in input_dict if name not in (EXAMPLES, MODEL))
    if given != sorted(expected):
        raise ValueError(
            f"ranking.hold_out with method {hold_out.method} asks for the models "
            f"{expected or 'none'}, found {given or 'none'}. Wire one hold-out model for each "
            "part."
        )
    named = {features.FINAL_PART: MODEL, **dict(enumerate(expected))}
    models = {
        part: path_utils.serving_model_path(
            artifact_utils.get_single_instance(input_dict[name]).uri
        )
        for part, name in named.items()
    }
    final = models[features.FINAL_PART]
    for part, path in models.items():
        lineage.check_same(
            lineage.read(final),
            lineage.read(path),
            f"{path}: hold-out recall model {part} was trained on other data than {final}",
            _SHARED_DIGESTS,
        )
    return models


def read_sources(
    examples: Sequence[types.Artifact], hold_out: ranking_config.HoldOut
) -> dict[str, str]:
    """Patterns of the files of each split of requests."""
    known = artifact_utils.decode_split_names(
        artifact_utils.get_single_instance(examples).split_names
    )
    parts = range(max(hold_out.parts, 1))
    needed = [
        features.SPLIT_VALID,
        features.SPLIT_TEST,
        *(features.rank_split(part) for part in parts),
    ]
    if missing := [split for split in needed if split not in known]:
        raise ValueError(
            f"ranking.hold_out with method {hold_out.method} asks for the splits {needed}, the "
            f"examples do not have {missing}. Run ExampleGen with the same ranking.hold_out."
        )
    return {
        split: io_utils.all_files_pattern(artifact_utils.get_split_uri(examples, split))
        for split in needed
    }


def describe(artifact: types.Artifact) -> dict[str, str]:
    """Says what the artifact holds; returns the folder of each split."""
    artifact.split_names = artifact_utils.encode_split_names(list(features.SEQUENCE_SPLITS))
    examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(artifact, _FILE_FORMAT)
    return {
        split: artifact_utils.get_split_uri([artifact], split) for split in features.SEQUENCE_SPLITS
    }


class CandidatesSpec(component_spec.ComponentSpec):
    """What Candidates takes and gives, hold-out models aside."""

    PARAMETERS: ClassVar = {
        CONFIG: component_spec.ExecutionParameter(type=str),
        SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples),
        MODEL: component_spec.ChannelParameter(type=standard_artifacts.Model),
    }
    OUTPUTS: ClassVar = {
        CANDIDATES: component_spec.ChannelParameter(type=standard_artifacts.Examples)
    }


def _spec_class(parts: int) -> type[CandidatesSpec]:
    """The spec with `parts` hold-out models, each its own input: a channel union has no order."""
    models = {
        hold_out_model(part): component_spec.ChannelParameter(type=standard_artifacts.Model)
        for part in range(parts)
    }
    return type(
        "CandidatesSpec", (CandidatesSpec,), {"INPUTS": {**CandidatesSpec.INPUTS, **models}}
    )


class Candidates(base_beam_component.BaseBeamComponent):
    """The component; see the module."""

    SPEC_CLASS = CandidatesSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(
        self,
        *,
        examples: channel.BaseChannel,
        model: channel.BaseChannel,
        hold_out_models: Sequence[channel.BaseChannel],
        config: str,
        source_digest: str,
    ) -> None:
        """Declares the inputs, parameters and output of the component.

        Args:
          examples: raw examples with the splits valid, test and `rank_<n>`.
          model: the final recall model, indexed.
          hold_out_models: the hold-out recall models, indexed, in the order of their parts; maybe
              none.
          config: JSON of the sections data, features, index (`k` alone) and ranking (`hold_out`
              alone).
          source_digest: of the code that runs here; a change of it runs the component again.
        """
        spec = _spec_class(len(hold_out_models))
        super().__init__(
            spec(
                examples=examples,
                model=model,
                config=config,
                source_digest=source_digest,
                candidates=channel.Channel(type=standard_artifacts.Examples),
                **{hold_out_model(part): found for part, found in enumerate(hold_out_models)},
            )
        )
