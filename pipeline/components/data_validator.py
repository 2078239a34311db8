"""The component that holds the examples against the schema and stops the run when they break it.

TFX's ExampleValidator knows no environments, so it cannot tell the rows of sequences from those of
the catalogue, and it only records what it finds. This one validates each split in its environment,
writes the anomalies in the same layout (SchemaDiff.pb in Split-<name>) and raises
`anomalies.AnomaliesFound`.
"""

from __future__ import annotations

import os
from typing import Any, ClassVar

import tensorflow_data_validation as tfdv
from tfx import types
from tfx.components.example_validator import executor as example_validator
from tfx.components.statistics_gen import stats_artifact_utils
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import io_utils, writer_utils

from modules import schemas
from pipeline.components import anomalies

STATISTICS, SCHEMA, ANOMALIES = "statistics", "schema", "anomalies"
SCHEMA_NAME, SOURCE_DIGEST = "schema_name", "source_digest"


class Executor(base_executor.BaseExecutor):
    """Validates every split, writes all anomalies, then raises if there were any."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class.

        Raises:
          anomalies.AnomaliesFound: with one line for each broken rule of each split.
        """
        measured = artifact_utils.get_single_instance(input_dict[STATISTICS])
        schema_uri = artifact_utils.get_single_uri(input_dict[SCHEMA])
        schema = io_utils.SchemaReader().read(io_utils.get_only_uri_in_dir(schema_uri))
        output = artifact_utils.get_single_instance(output_dict[ANOMALIES])
        output.split_names, output.span = measured.split_names, measured.span
        name = exec_properties[SCHEMA_NAME]
        blessed, findings = {}, []
        for split in artifact_utils.decode_split_names(measured.split_names):
            statistics = stats_artifact_utils.load_statistics(measured, split).proto()
            found = tfdv.validate_statistics(
                statistics, schema, environment=schemas.environment_of(split)
            )
            folder = artifact_utils.get_split_uri([output], split)
            writer_utils.write_anomalies(
                os.path.join(folder, example_validator.DEFAULT_FILE_NAME), found
            )
            split_findings = list(anomalies.findings(split, found, statistics, schema, name))
            blessed[split] = int(not split_findings)
            findings += split_findings
        output.set_json_value_custom_property(
            example_validator.ARTIFACT_PROPERTY_BLESSED_KEY, blessed
        )
        if findings:
            raise anomalies.AnomaliesFound(anomalies.message(findings))


class DataValidatorSpec(component_spec.ComponentSpec):
    """Inputs, outputs and parameters of DataValidator."""

    PARAMETERS: ClassVar = {
        SCHEMA_NAME: component_spec.ExecutionParameter(type=str),
        SOURCE_DIGEST: component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        STATISTICS: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics),
        SCHEMA: component_spec.ChannelParameter(type=standard_artifacts.Schema),
    }
    OUTPUTS: ClassVar = {
        ANOMALIES: component_spec.ChannelParameter(type=standard_artifacts.ExampleAnomalies)
    }


class DataValidator(base_component.BaseComponent):
    """Stops the run when a split breaks the schema."""

    SPEC_CLASS = DataValidatorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self,
        *,
        statistics: channel.BaseChannel,
        schema: channel.BaseChannel,
        schema_name: str,
        source_digest: str,
    ) -> None:
        """Makes the component.

        Args:
          statistics: of all splits, from StatisticsGen.
          schema: to hold them against.
          schema_name: what messages call the schema, such as the path of the curated file.
          source_digest: of the package's sources, so that an edit of the code runs it again.
        """
        super().__init__(
            DataValidatorSpec(
                statistics=statistics,
                schema=schema,
                schema_name=schema_name,
                source_digest=source_digest,
                anomalies=channel.Channel(type=standard_artifacts.ExampleAnomalies),
            )
        )
