"""The Transform graph: expected values by hand, and the same values in serving as in training."""

from __future__ import annotations

import datetime
import itertools
import math
import zoneinfo
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from apache_beam.runners.portability.fn_api_runner import fn_runner
from tensorflow_transform import beam as tft_beam
from tfx_bsl.coders import example_coder
from tfx_bsl.public import tfxio

from modules import config, features, preprocessing, request_arrays, requests, schemas, strict
from modules.beam import values
from tests import close, examples

DATA = examples.data()
ZONE = "Europe/Berlin"
CONFIG = {
    "config": {
        "data": strict.to_plain(DATA),
        "features": strict.to_plain(config.Features(timezone=ZONE)),
    }
}
KNOWN = 3  # items of the catalogue


def unix(*when: int) -> int:
    return int(datetime.datetime(*when, tzinfo=datetime.timezone.utc).timestamp())


SPRING, AUTUMN = unix(2021, 3, 28, 1), unix(2021, 10, 31, 1)  # Berlin's clocks change
# Berlin is an hour ahead of UTC in winter, two in summer.
TIMES = {
    "midnight": [unix(2021, 6, 7, 21, 59, 59), unix(2021, 6, 7, 22)],
    "week": [unix(2021, 6, 6, 21, 59, 59), unix(2021, 6, 6, 22), unix(2021, 6, 13, 22)],
    "year": [unix(2020, 12, 31, 22, 59, 59), unix(2020, 12, 31, 23), unix(2021, 12, 31, 23)],
    "summer time begins": [SPRING - 1, SPRING, SPRING + 3600],
    "summer time ends": [AUTUMN - 1, AUTUMN, AUTUMN + 3600],
    "before 1970": [-90000, -1, 0],
    "request before the last event": [100, 160, 130],
    "huge delta": [5, 2**40],
    "equal times": [7, 7, 7],
    "empty history": [unix(2000, 1, 1)],
}
OTHERS = [
    examples.sequence(["nowhere", "b", "a"], [1, 2, 3], seen_item_id=["b", "nowhere"]),
    examples.sequence(
        ["a", "b"],
        [1, 2],
        user_gender="X",
        user_hobbies=["golf", "chess"],
        event_action_type=["wave", "click"],
        context_device=["radio", "app"],
    ),
    examples.sequence(
        ["a", "b"], [1, 2], user_age=None, user_gender=None, user_hobbies=[], user_taste=None
    ),
    examples.sequence(
        ["a", "b"],
        [1, 2],
        user_age=math.nan,
        user_gender="",
        user_hobbies=["", "chess"],
        event_rating=[math.nan, 4.0],
        context_battery=[math.nan, 90.0],
        context_device=["NA", "app"],
    ),
    examples.sequence(["a", "b"], [1, 2], event_rating=[1.0, 4.0], user_age=50.0),
]
TRAIN = [
    examples.sequence(["a", "b"], [1, 2], user_age=20.0, context_battery=[40.0, 60.0]),
    examples.sequence(
        ["b", "a"],
        [1, 2],
        user_age=40.0,
        user_gender="M",
        context_device=["web", "app"],
        context_battery=[40.0, 60.0],
    ),
    # The same user's second window: a profile counts once. Its gender would come first if it did
    # not.
    examples.sequence(
        ["c", "a"],
        [3, 4],
        user_age=40.0,
        user_gender="M",
        context_battery=[40.0, 60.0],
        window_start=2,
    ),
    examples.sequence(["b"], [1], user_age=30.0, context_battery=[50.0]),
]
CATALOGUE = [
    examples.item("a", item_price=1.0),
    examples.item("b", item_price=3.0, item_tags=["old", "new"]),
    examples.item("c", item_price=2.0, item_tags=[], item_brand="", item_image=None),
]
CASES = [
    examples.sequence((["a", "b", "c"] * 2)[: len(times)], times) for times in TIMES.values()
] + OTHERS


@pytest.fixture(scope="module")
def graph(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[list[dict[str, Any]], tft.TFTransformOutput]:
    """What the graph of TRAIN and CATALOGUE makes of CASES and CATALOGUE, and the graph.

    Parsed from materialised records, in the order of the input (`window_start` numbers them).
    """
    folder = str(tmp_path_factory.mktemp("transform"))
    rows = [{**row, "window_start": n} for n, row in enumerate(CASES + CATALOGUE)]
    source = tfxio.TFExampleBeamRecord(
        physical_format="inline", telemetry_descriptors=["test"], schema=schemas.from_config(DATA)
    )
    runner = fn_runner.FnApiRunner()
    with beam.Pipeline(runner=runner) as pipeline, tft_beam.Context(temp_dir=f"{folder}/temporary"):

        def raw(name: str, values: list[dict[str, Any]]) -> Any:
            records = pipeline | f"Make{name}" >> beam.Create(
                [examples.serialize(row) for row in values]
            )
            return records | f"Read{name}" >> source.BeamSource(), source.TensorAdapterConfig()

        function = raw("Train", TRAIN + CATALOGUE) | tft_beam.AnalyzeDataset(
            lambda inputs: preprocessing.preprocessing_fn(inputs, CONFIG)
        )
        _ = function | tft_beam.WriteTransformFn(f"{folder}/graph")
        transform = tft_beam.TransformDataset(output_record_batches=True)
        batches, metadata = (raw("Cases", rows), function) | transform
        schema = metadata.schema
        _ = (
            batches
            | beam.FlatMap(
                lambda pair: example_coder.RecordBatchToExamplesEncoder(schema).encode(pair[0])
            )
            | beam.io.WriteToTFRecord(f"{folder}/rows", file_name_suffix=".gz")
        )
    output = tft.TFTransformOutput(f"{folder}/graph")
    records = tf.data.TFRecordDataset(tf.io.gfile.glob(f"{folder}/rows*"), "GZIP")
    parsed = [
        listed(tf.io.parse_example([record], output.transformed_feature_spec()))
        for record in records
    ]
    return sorted(parsed, key=lambda row: row["window_start"]), output


def listed(batch: dict[str, Any]) -> dict[str, Any]:
    """Values of the batch's first row by raw name."""
    return {name.removesuffix("_xf"): tensor[0].numpy().tolist() for name, tensor in batch.items()}


def serve(output: tft.TFTransformOutput, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same rows by the serving graph: requests in one padded batch, sequence features only."""
    layer = output.transform_features_layer()

    @tf.function(input_signature=[requests.input_specs(DATA, exclusions=True)])
    def serving(inputs: dict[str, tf.Tensor]) -> dict[str, Any]:
        return layer(requests.to_raw_features(inputs, DATA))

    parsed = [requests.read_raw_example(examples.serialize(row)) for row in rows]
    arrays = request_arrays.from_examples(parsed, DATA, max_history=10)
    specs = requests.input_specs(DATA, exclusions=True)
    batch = serving({name: tf.constant(value, specs[name].dtype) for name, value in arrays.items()})
    return [
        listed({name: tensor[n : n + 1] for name, tensor in batch.items()})
        for n in range(len(rows))
    ]


def assert_alike(found: list[Any], expected: list[Any]) -> None:
    """Ids are equal; z-scores, differences of numbers of up to ten deviations, are close."""
    if any(isinstance(value, float) for value in expected):
        close.assert_close(found, expected, roundings=close.FUNCTIONS, scale=10)
    else:
        assert found == expected


def case(graph: Any, number: int) -> dict[str, Any]:
    return graph[0][len(TIMES) + number]


@pytest.mark.parametrize(("number", "name"), list(enumerate(TIMES)))
def test_times_equal_the_calendar(graph, number, name):
    row, times = graph[0][number], TIMES[name]
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    # datetime ends before the year 10000
    local = [
        (epoch + datetime.timedelta(seconds=t)).astimezone(zoneinfo.ZoneInfo(ZONE))
        for t in times
        if t < 2**37
    ]

    assert row[features.TIME_OF_DAY][: len(local)] == [when.hour for when in local]
    assert row[features.DAY_OF_WEEK][: len(local)] == [when.weekday() for when in local]
    assert row[features.TIME_DELTA] == [0] + [max(0, b - a) for a, b in itertools.pairwise(times)]


def test_serving_equals_training(graph):
    rows, output = graph

    for row, trained, served in zip(CASES, rows, serve(output, CASES)):
        number = len(row["event_timestamp"])
        assert served[features.EVENT_ITEM_ID] == [*trained[features.EVENT_ITEM_ID][:-1], KNOWN + 1]
        # with the request's
        for name in (*features.TIME_FEATURES, "context_device", "context_battery"):
            assert len(served[name]) == number
            assert_alike(served[name], trained[name])
        for name in ("event_action_type", "event_rating"):  # not known of the request
            assert len(served[name]) == number
            assert_alike(served[name][:-1], trained[name][:-1])
        for name in ("user_age", "user_gender", "user_hobbies", "user_taste"):
            assert_alike(served[name], trained[name])
        assert not any(name.startswith("item_") for name in served)
        assert features.EVENT_WEIGHT not in served


def test_items_have_one_vocabulary_that_of_the_catalogue(graph):
    rows, output = graph
    vocabulary = output.vocabulary_by_name(features.ITEM_VOCABULARY)
    place = {item.decode(): n for n, item in enumerate(vocabulary, start=1)}

    assert sorted(place) == ["a", "b", "c"]
    assert case(graph, 0)[features.EVENT_ITEM_ID] == [KNOWN + 1, place["b"], place["a"]]
    assert case(graph, 0)[features.SEEN_ITEM_ID] == [place["b"], KNOWN + 1]
    assert [row[features.ITEM_ID] for row in rows[-3:]] == [
        [place["a"]],
        [place["b"]],
        [place["c"]],
    ]


def test_unknown_categories_share_the_bucket_behind_the_vocabulary(graph):
    _, output = graph
    row = case(graph, 1)

    # two users against one, not two windows
    assert output.vocabulary_by_name("user_gender") == [b"F", b"M"]
    assert row["user_gender"] == [2]
    assert row["user_hobbies"] == [1, 0]  # chess is the only known one
    assert row["event_action_type"] == [1, 0]
    assert row["context_device"] == [output.vocabulary_size_by_name("context_device"), 0]


def test_a_missing_value_is_the_default_be_it_absent_empty_or_declared_so(graph):
    absent, empty = case(graph, 2), case(graph, 3)
    web = graph[1].vocabulary_by_name("context_device").index(b"web")

    for row in (absent, empty):
        assert_alike(row["user_age"], [0.0])  # default 30, which is the mean
    assert absent["user_gender"] == empty["user_gender"] == [2]
    assert absent["user_hobbies"] == []
    assert empty["user_hobbies"] == [0]
    assert absent["user_taste"] == [0.0, 0.0]
    assert empty["context_device"] == [web, 0]
    # default 0, pulled in to 20
    assert empty["context_battery"][0] == pytest.approx(-30 / math.sqrt(600 / 7), rel=1e-5)


@pytest.mark.parametrize(
    ("default", "filled"),
    [
        ("x|y", ["x", "y"]),
        ("none yet", ["none yet"]),
        (None, []),
        ("x|NA", ["x"]),
        ("NA", ["NA"]),
        ("|", []),
    ],
)
def test_a_list_has_the_same_default_of_training_and_of_a_request(default, filled):
    spec = config.Column(kind="multi_categorical", separator="|", default=default, missing=("NA",))
    hobbies = features.Feature("user_hobbies", "user", "hobbies", "multi_categorical", spec)
    convert, cells = values.converter(spec), ["golf", "", "golf|chess", "NA", "NA|golf", "|", ""]

    def transformed(rows: list[list[str]]) -> list[list[str]]:
        ragged = tf.ragged.constant(rows, tf.string, ragged_rank=1)
        found = tf.function(lambda: preprocessing._filled(ragged, hobbies))().to_list()
        return [[text.decode() for text in row] for row in found]

    trained = transformed([list(convert(cell)) for cell in cells])
    # as a client sends
    served = transformed([[text for text in cell.split("|") if text] for cell in cells])

    assert trained == served
    assert trained == [["golf"], filled, ["golf", "chess"], filled, ["golf"], filled, filled]


def test_numbers_are_z_scores_of_what_was_analysed_and_a_profile_counts_once(graph):
    # Ages 20, 40 and 30 of three users: mean 30, variance 200 / 3. Battery 40, 60 three times and
    # 50: 90 lies outside of the fences, 20 and 80.
    assert case(graph, 4)["user_age"] == pytest.approx([20 / math.sqrt(200 / 3)], rel=1e-5)
    assert case(graph, 3)["context_battery"][1] == pytest.approx(30 / math.sqrt(600 / 7), rel=1e-5)
    assert [row["item_price"][0] for row in graph[0][-3:]] == pytest.approx(
        [-math.sqrt(1.5), math.sqrt(1.5), 0.0], rel=1e-5, abs=1e-6
    )


def test_a_column_that_was_constant_is_0_whatever_comes(graph):
    assert case(graph, 4)["event_rating"] == [0.0, 0.0]  # always 4 in training


def test_features_of_items(graph):
    a, b, c = graph[0][-3:]
    tags = [tag.decode() for tag in graph[1].vocabulary_by_name("item_tags")]

    assert [[tags[n] for n in row["item_tags"]] for row in (a, b, c)] == [
        ["new"],
        ["old", "new"],
        ["none"],
    ]
    assert [row["item_brand"] for row in (a, b, c)] == [[0], [0], [1]]
    assert [row["item_image"] for row in (a, c)] == [[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]
    assert all(row[features.EVENT_ITEM_ID] == row[features.TIME_DELTA] == [] for row in (a, b, c))


def test_the_layer_takes_the_catalogue_alone(graph):
    rows, output = graph
    raw = {
        name: tf.ragged.constant(values, dtype, ragged_rank=1)
        for name, values, dtype in (
            ("item_id", [[b"a"], [b"b"]], tf.string),
            ("item_price", [[1.0], [3.0]], tf.float32),
            ("item_brand", [[b"acme"], [b"acme"]], tf.string),
            ("item_tags", [[b"new"], [b"old", b"new"]], tf.string),
            ("item_image", [[1.0, 2.0, 3.0]] * 2, tf.float32),
        )
    }

    found = output.transform_features_layer()(raw)

    assert set(found) == {f"{name}_xf" for name in raw}
    for n in range(2):
        served = listed({name: tensor[n : n + 1] for name, tensor in found.items()})
        for name in raw:
            assert_alike(served[name], rows[len(CASES) + n][name])


def test_the_spec_of_the_transformed_records_has_the_declared_shapes(graph):
    spec = graph[1].transformed_feature_spec()
    ragged = {name for name, kind in spec.items() if isinstance(kind, tf.io.RaggedFeature)}

    assert ragged == {
        f"{name}_xf"
        for name in (
            *features.TIME_FEATURES,
            "event_item_id",
            "seen_item_id",
            "target_item_id",
            "earlier_item_id",
            "event_action_type",
            "event_rating",
            "event_weight",
            "context_device",
            "context_battery",
            "user_hobbies",
            "item_tags",
        )
    }
    assert {name: list(spec[name].shape) for name in spec if name not in ragged} == {
        "user_age_xf": [1],
        "user_gender_xf": [1],
        "user_taste_xf": [2],
        "window_start_xf": [1],
        "repeats_allowed_xf": [1],
        "item_id_xf": [1],
        "item_price_xf": [1],
        "item_brand_xf": [1],
        "item_image_xf": [3],
    }
    assert np.all([np.isfinite(value).all() for row in graph[0] for value in row.values()])
