"""Data validation: an anomaly stops the run with an actionable message; clean data pass."""

from __future__ import annotations

import json
import math
import pathlib
from typing import Any

import pytest
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, statistics_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx_bsl.coders import example_coder

from modules import schemas
from pipeline.components import anomalies, data_validator
from pipeline.report import statistics
from tests import examples

SEQUENCES = [examples.sequence(["a", "b"], [1, 2], user_age=float(age)) for age in (20, 30, 40, 50)]
CATALOGUE = [examples.item("a"), examples.item("b")]


def measured(rows: list[dict[str, Any]]) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Statistics as StatisticsGen makes them, without Beam."""
    records = [examples.serialize(row) for row in rows]
    batch = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions())


class Run:
    """The component's executor on statistics and a schema in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.schema = schemas.from_config(examples.data())
        self.output = standard_artifacts.ExampleAnomalies()
        self.output.uri = str(folder / "anomalies")

    def __call__(self, **splits: list[dict[str, Any]]) -> None:
        for split, rows in splits.items():
            file = self.folder / "statistics" / f"Split-{split}" / statistics.FILE_NAME
            file.parent.mkdir(parents=True)
            file.write_bytes(measured(rows).SerializeToString())
        (self.folder / "schema").mkdir()
        (self.folder / "schema" / schemas.FILE_NAME).write_text(
            text_format.MessageToString(self.schema)
        )
        inputs = {
            "statistics": standard_artifacts.ExampleStatistics(),
            "schema": standard_artifacts.Schema(),
        }
        for name, artifact in inputs.items():
            artifact.uri = str(self.folder / name)
        inputs["statistics"].split_names = artifact_utils.encode_split_names(list(splits))
        data_validator.Executor().Do(
            {name: [artifact] for name, artifact in inputs.items()},
            {"anomalies": [self.output]},
            {"schema_name": "schema/shop/schema.pbtxt", "source_digest": ""},
        )

    def anomalies(self, split: str) -> anomalies_pb2.Anomalies:
        file = self.folder / "anomalies" / f"Split-{split}" / "SchemaDiff.pb"
        return anomalies_pb2.Anomalies.FromString(file.read_bytes())


@pytest.fixture
def run(tmp_path: pathlib.Path) -> Run:
    return Run(tmp_path)


def test_clean_data_pass_each_split_in_its_environment(run):
    run(train=SEQUENCES, catalogue=CATALOGUE)

    assert json.loads(run.output.split_names) == ["train", "catalogue"]
    assert run.output.get_json_value_custom_property("blessed") == {"train": 1, "catalogue": 1}
    assert not run.anomalies("train").anomaly_info


def test_an_anomaly_stops_the_run_and_says_split_feature_rule_count_and_remedy(run):
    with pytest.raises(anomalies.AnomaliesFound) as caught:
        run(
            train=[*SEQUENCES, examples.sequence(["a"], [3], user_gender=None)], catalogue=CATALOGUE
        )

    assert str(caught.value) == (
        "The data were not accepted: 1 rule of the schema is broken.\n"
        "  - split train, feature user_gender: Column dropped: The feature was present in fewer "
        "examples than expected: minimum fraction = 1.000000, actual = 0.800000 (1 of 5 "
        "examples).\n    To do: fill the column, or declare its default in the configuration."
    )
    assert run.output.get_json_value_custom_property("blessed") == {"train": 0, "catalogue": 1}
    assert list(run.anomalies("train").anomaly_info) == ["user_gender"]


def test_an_unknown_category_is_counted_in_values(run):
    gender = next(feature for feature in run.schema.feature if feature.name == "user_gender")
    gender.string_domain.value.extend(["F", "M"])
    strange = [examples.sequence(["a"], [3], user_gender=value) for value in ("X", "Y", "X")]

    with pytest.raises(
        anomalies.AnomaliesFound,
        match=(
            r"(?s)split valid, feature user_gender: .*\(3 of 7 values\)"
            r".*widen the rule in schema/shop/schema.pbtxt"
        ),
    ):
        run(train=SEQUENCES, valid=SEQUENCES + strange)


def test_a_time_in_milliseconds_is_out_of_range(run):
    with pytest.raises(
        anomalies.AnomaliesFound,
        match=r"event_timestamp: Out-of-range values: .* 1600000000000 "
        r"\((at least )?[12] of 10 values\)",
    ):
        run(train=[*SEQUENCES, examples.sequence(["a", "b"], [1_600_000_000_000] * 2)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"user_age": math.nan}, r"user_age: .*NaN.* \(1 of 5 values\)"),
        ({"user_age": math.inf}, r"user_age: .*Inf"),
        ({"user_taste": [1.0]}, r"user_taste: Missing values: .* \((at least )?1 of 5 examples\)"),
        (
            {"user_age": 200.0},
            r"user_age: Out-of-range values: .*200.* \((at least )?1 of 5 values\)",
        ),
        (
            {"shoe_size": 44.0},
            r"(?s)shoe_size: New column.* \(1 of 5 examples\).*take its column out",
        ),
    ],
)
def test_every_kind_of_rule_is_reported(run, change, message):
    next(f for f in run.schema.feature if f.name == "user_age").float_domain.max = 120
    with pytest.raises(anomalies.AnomaliesFound, match=message):
        run(train=[*SEQUENCES, examples.sequence(["a", "b"], [1, 2], **change)])


def test_rows_of_the_catalogue_do_not_belong_among_sequences(run):
    with pytest.raises(anomalies.AnomaliesFound, match="split test, feature item_id: "):
        run(train=SEQUENCES, test=CATALOGUE)


def test_an_empty_split_is_an_anomaly(run):
    with pytest.raises(anomalies.AnomaliesFound, match=r"split train, feature \(whole split\)"):
        run(train=[], catalogue=CATALOGUE)


def test_statistics_become_plain_numbers(run):
    run(train=[*SEQUENCES, examples.sequence(["a"], [9], user_age=60.0, user_hobbies=[])])
    train = statistics.tables(str(run.folder / "statistics"))["train"]
    age, items = train["features"]["user_age"], train["features"]["event_item_id"]

    assert train["examples"] == 5
    assert (age["type"], age["examples"], age["missing"], age["values"]) == ("FLOAT", 5, 0, 5)
    assert (age["min"], age["median"], age["max"], age["nan"]) == (20.0, 40.0, 60.0, 0)
    assert age["mean"] == pytest.approx(40.0)
    assert age["std"] == pytest.approx(math.sqrt(200))  # of 20, 30, 40, 50, 60
    assert sum(count for _, _, count in age["histogram"]) == 5
    assert items["top"] == [("a", 5), ("b", 4)]
    assert items["unique"] == 2
    assert items["values_per_example"] == pytest.approx((1, 9 / 5, 2))
    json.dumps(train)


@pytest.mark.parametrize(
    ("most", "count"),
    [
        (30.0, "2 of 10 values"),
        (25.0, "at least 2 of 10 values"),
        (5.0, "at least 5 of 10 values"),
        (35.0, "at least 1 of 10 values"),
    ],
)
def test_counts_are_exact_where_no_bucket_lies_on_the_bound(most, count):
    feature = statistics_pb2.FeatureNameStatistics(type=statistics_pb2.FeatureNameStatistics.FLOAT)
    feature.path.step.append("user_age")
    feature.num_stats.common_stats.tot_num_values = 10
    histogram = feature.num_stats.histograms.add()
    for low, high, number in ((0, 10, 5), (20, 30, 3), (30.5, 40, 2)):
        histogram.buckets.add(low_value=low, high_value=high, sample_count=number)
    measures = statistics_pb2.DatasetFeatureStatisticsList()
    measures.datasets.add(num_examples=10, features=[feature])
    schema = schemas.from_config(examples.data())
    next(rule for rule in schema.feature if rule.name == "user_age").float_domain.max = most
    found = anomalies_pb2.Anomalies()
    found.anomaly_info["user_age"].reason.add(type=anomalies_pb2.AnomalyInfo.FLOAT_TYPE_BIG_FLOAT)

    (finding,) = anomalies.findings("train", found, measures, schema, "the schema")

    assert finding.count == count
