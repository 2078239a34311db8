"""InteractionsExampleGen: tables of events, users and items to tf.Examples, sequences made on Beam.

The artifact holds `Split-train`, `Split-valid`, `Split-test` and `Split-catalogue`, with ranking
also `Split-recall_<n>` and `Split-rank_<n>` (modules/features.py tells the features;
modules/beam/sequences.py, which events are where), `summary.json` (see modules/beam/summary.py),
and `profile.json` (see modules/beam/profile.py). Bad data end the execution with one
`errors.DataError`; TFX then removes the outputs and publishes none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, ClassVar

import apache_beam as beam
from apache_beam.io import filesystems
from tfx.components.util import examples_utils
from tfx.dsl.components.base import base_beam_component, base_beam_executor, executor_spec
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts

from modules import config as configuration
from modules import ranking_config, strict
from modules.beam import causes, encode, errors, examples, files, problems, profile, summary

EXAMPLES = "examples"
CONFIG = "config"
_JSON_FILES = {
    examples.SUMMARY: summary.FILE_NAME,
    profile.TAG: profile.FILE_NAME,
    problems.TAG: problems.FILE_NAME,
}
_FILE_PREFIX = "data_tfrecord"
_FILE_FORMAT = "tfrecords_gzip"


def input_fingerprint(data: configuration.Data) -> str:
    """A digest of input files' content: changed data run again, equal data come from the cache."""
    return files.fingerprint(data)


def hold_out(sections: Mapping[str, Any]) -> ranking_config.HoldOut | None:
    """What section `ranking` says of the hold-out; None if it is missing or ranking is disabled."""
    ranking = strict.read(
        configuration.Ranking, sections.get("ranking", {"enabled": False}), "ranking"
    )
    return ranking.hold_out if ranking.enabled else None


class WriteSplits(beam.PTransform):
    """Reads the tables; writes the splits' folders, and what was found as JSON.

    Args:
      sections: of the configuration.
      folders: for each split.
      paths: files for the outputs `examples.SUMMARY`, `profile.TAG` and `problems.TAG`.
    """

    def __init__(
        self, sections: Mapping[str, Any], folders: Mapping[str, str], paths: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._data = strict.read(configuration.Data, sections["data"], "data")
        self._split = strict.read(configuration.Split, sections["split"], "split")
        self._features = strict.read(configuration.Features, sections["features"], "features")
        self._hold_out = hold_out(sections)
        self._folders, self._paths = folders, paths

    def expand(self, begin: beam.pvalue.PBegin) -> beam.pvalue.PDone:
        listings = files.list_tables(self._data)
        make = examples.MakeExamples(
            self._data, self._split, self._features, listings, self._hold_out
        )
        made = begin | "Make" >> make
        types = encode.value_types(self._data)
        for split, folder in self._folders.items():
            prefix = os.path.join(folder, _FILE_PREFIX)
            (
                made[split]
                | f"Encode[{split}]" >> beam.ParDo(encode.Encode(types))
                | f"Write[{split}]" >> beam.io.WriteToTFRecord(prefix, file_name_suffix=".gz")
            )
        for name, path in self._paths.items():
            (
                made[name]
                | f"ToJson[{name}]" >> beam.Map(json.dumps, indent=1).with_output_types(str)
                | f"WriteJson[{name}]" >> beam.io.WriteToText(path, shard_name_template="")
            )
        return beam.pvalue.PDone(begin.pipeline)


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs `WriteSplits` and describes the artifact."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        del input_dict  # the data come from files, not from artifacts
        artifact = artifact_utils.get_single_instance(output_dict[EXAMPLES])
        sections = json.loads(exec_properties[CONFIG])
        splits = examples.splits(hold_out(sections))
        artifact.split_names = artifact_utils.encode_split_names(list(splits))
        folders = {split: artifact_utils.get_split_uri([artifact], split) for split in splits}
        paths = {
            name: os.path.join(artifact.uri, file_name) for name, file_name in _JSON_FILES.items()
        }
        write = WriteSplits(sections, folders, paths)
        try:
            with self._make_beam_pipeline() as pipeline:
                pipeline | "Interactions" >> write
        except Exception as error:
            message = errors.unwrap(error)
            if message is None:
                raise
            raise errors.DataError(message) from None
        _refuse(sections, paths[problems.TAG])
        examples_utils.set_payload_format(artifact, example_gen_pb2.FORMAT_TF_EXAMPLE)
        examples_utils.set_file_format(artifact, _FILE_FORMAT)


def _refuse(sections: Mapping[str, Any], path: str) -> None:
    """Removes the file of problems where it holds none.

    Raises:
      errors.DataError: it holds some.
    """
    with filesystems.FileSystems.open(path) as stream:
        found = json.load(stream)
    if found["groups"]:
        data = strict.read(configuration.Data, sections["data"], "data")
        causes.refuse(found, files.list_tables(data))
    filesystems.FileSystems.delete([path])


class InteractionsExampleGenSpec(component_spec.ComponentSpec):
    """See `InteractionsExampleGen`."""

    PARAMETERS: ClassVar = {
        CONFIG: component_spec.ExecutionParameter(type=str),
        "input_fingerprint": component_spec.ExecutionParameter(type=str),
        "source_digest": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, component_spec.ChannelParameter]] = {}
    OUTPUTS: ClassVar = {
        EXAMPLES: component_spec.ChannelParameter(type=standard_artifacts.Examples)
    }


class InteractionsExampleGen(base_beam_component.BaseBeamComponent):
    """Makes the examples of all splits from the declared tables.

    Args:
      config: JSON of the configuration's sections data, split and features; and of ranking its
          `enabled` and `hold_out`, without which there are no splits of ranking.
      input_fingerprint: `input_fingerprint(data)`; a change of the files runs the component again.
      source_digest: digest of the code; a change of it runs the component again.
    """

    SPEC_CLASS = InteractionsExampleGenSpec
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(Executor)

    def __init__(self, *, config: str, input_fingerprint: str, source_digest: str) -> None:
        super().__init__(
            spec=InteractionsExampleGenSpec(
                config=config,
                input_fingerprint=input_fingerprint,
                source_digest=source_digest,
                examples=channel.Channel(type=standard_artifacts.Examples),
            )
        )
