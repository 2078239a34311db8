"""Schemas: made from columns, curated ones against configuration files, and a run's own file."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from modules import config, features, schemas, strict
from modules.strict import ConfigError
from pipeline import configuration, schema_source
from tests import examples

CURATED = ("movielens-100k", "amazon-beauty")


def by_name(schema: schema_pb2.Schema) -> dict[str, schema_pb2.Feature]:
    return {feature.name: feature for feature in schema.feature}


def shop(**data: str) -> config.Config:
    return config.Config(name="shop", data=dataclasses.replace(examples.data(), **data))


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch):
    """Reads a packaged configuration; where its data lie does not matter."""
    monkeypatch.setenv("AMAZON_BEAUTY_DIR", "/nowhere")
    return configuration.load


def test_every_feature_has_its_type_count_and_rows():
    made = by_name(schemas.from_config(examples.data()))
    shapes = {
        name: (
            schema_pb2.FeatureType.Name(f.type),
            f.value_count.min,
            f.value_count.max,
            f.presence.min_fraction == 1,
            list(f.not_in_environment),
        )
        for name, f in made.items()
    }
    sequence, catalogue = ["CATALOGUE"], ["SEQUENCE"]

    assert shapes == {
        "user_id": ("BYTES", 1, 1, True, sequence),
        "user_age": ("FLOAT", 1, 1, True, sequence),
        "user_gender": ("BYTES", 1, 1, True, sequence),
        "user_hobbies": ("BYTES", 0, 0, False, sequence),
        "user_taste": ("FLOAT", 2, 2, True, sequence),
        "event_item_id": ("BYTES", 1, 0, True, sequence),
        "event_timestamp": ("INT", 1, 0, True, sequence),
        "event_action_type": ("BYTES", 1, 0, True, sequence),
        "event_rating": ("FLOAT", 1, 0, True, sequence),
        "event_weight": ("FLOAT", 1, 0, True, sequence),
        "context_device": ("BYTES", 1, 0, True, sequence),
        "context_battery": ("FLOAT", 1, 0, True, sequence),
        "window_start": ("INT", 1, 1, True, sequence),
        "seen_item_id": ("BYTES", 0, 0, False, sequence),
        "repeats_allowed": ("INT", 1, 1, True, sequence),
        "target_item_id": ("BYTES", 0, 0, False, sequence),
        "earlier_item_id": ("BYTES", 0, 0, False, sequence),
        "earlier_count": ("INT", 0, 0, False, sequence),
        "earlier_first_timestamp": ("INT", 0, 0, False, sequence),
        "earlier_last_timestamp": ("INT", 0, 0, False, sequence),
        "item_id": ("BYTES", 1, 1, True, catalogue),
        "item_title": ("BYTES", 1, 1, True, catalogue),
        "item_price": ("FLOAT", 1, 1, True, catalogue),
        "item_brand": ("BYTES", 1, 1, True, catalogue),
        "item_tags": ("BYTES", 0, 0, False, catalogue),
        "item_image": ("FLOAT", 3, 3, True, catalogue),
    }
    assert (
        made["user_age"].float_domain.disallow_nan
        and not made["event_rating"].float_domain.disallow_nan
    )
    assert made["user_taste"].float_domain.disallow_inf
    assert (made["event_timestamp"].int_domain.min, made["event_timestamp"].int_domain.max) == (
        0,
        2**32,
    )


@pytest.mark.parametrize("name", CURATED)
def test_a_curated_schema_fits_its_configuration(declared, name):
    cfg = declared(name)
    curated = schema_source.load(schema_source.PACKAGED / name / schemas.FILE_NAME)
    schemas.complete(curated, cfg.data)

    assert schemas.differences(curated, cfg.data) == []


def test_a_curated_schema_gets_what_no_column_declares():
    data = examples.data()
    whole = schemas.from_config(data)
    curated = schemas.from_config(data)
    kept = [f for f in curated.feature if f.name not in ("repeats_allowed", "earlier_count")]
    del curated.feature[:]
    curated.feature.extend(kept)

    assert schemas.complete(curated, data)
    assert by_name(curated) == by_name(whole)
    assert not schemas.complete(curated, data)


@pytest.mark.parametrize("name", ["user_age", "event_weight", "item_title"])
def test_a_curated_schema_does_not_get_what_a_column_declares(name):
    data = examples.data()
    curated = schemas.from_config(data)
    kept = [f for f in curated.feature if f.name != name]
    del curated.feature[:]
    curated.feature.extend(kept)

    assert not schemas.complete(curated, data)
    assert name not in by_name(curated)


@pytest.mark.parametrize("name", CURATED)
def test_declared_defaults_lie_inside_the_curated_domains(declared, name):
    cfg = declared(name)
    curated = by_name(schema_source.load(schema_source.PACKAGED / name / schemas.FILE_NAME))
    for feature in features.all_features(cfg.data):
        domain = curated[feature.name].float_domain
        if (
            feature.kind == "numeric"
            and feature.spec.default is not None
            and domain.HasField("max")
        ):
            assert domain.min <= feature.spec.default <= domain.max, feature.name


def test_movielens_knows_its_data():
    known = by_name(
        schema_source.load(schema_source.PACKAGED / "movielens-100k" / schemas.FILE_NAME)
    )

    assert (known["event_rating"].float_domain.min, known["event_rating"].float_domain.max) == (
        1,
        5,
    )
    assert (known["user_age"].float_domain.min, known["user_age"].float_domain.max) == (1, 120)
    assert set(known["user_gender"].string_domain.value) == {"F", "M"}
    assert len(known["user_occupation"].string_domain.value) == 21
    assert len(known["item_class"].string_domain.value) == 19
    assert "Film-Noir" in known["item_class"].string_domain.value


def test_differences_name_the_feature_and_both_sides():
    data = examples.data()
    schema = schemas.from_config(data)
    curated = by_name(schema)
    curated["user_age"].type = schema_pb2.INT
    curated["user_taste"].value_count.max = 3
    curated["item_brand"].name = "item_make"
    schema.represent_variable_length_as_ragged = False

    assert schemas.differences(schema, data) == [
        "item_brand: declared by the columns, missing in the schema",
        "item_make: in the schema, declared by no column",
        "user_age: type is INT in the schema, FLOAT by the columns",
        "user_taste: value_count is (2, 3) in the schema, (2, 2) by the columns",
        "represent_variable_length_as_ragged: has to be true, Transform reads ragged features",
    ]


def test_a_curated_schema_that_lets_no_feedback_be_missing_is_refused_with_the_remedy():
    data = examples.data()
    schema = schemas.from_config(data)
    by_name(schema)["event_rating"].float_domain.disallow_nan = True
    by_name(schema)["user_age"].float_domain.disallow_nan = False  # stricter than need be it is not

    assert schemas.differences(schema, data) == [
        (
            "event_rating: disallow_nan is true in the schema, but feedback that is missing stays "
            "NaN; remove the line disallow_nan from its float_domain"
        )
    ]


def test_a_run_gets_one_file_for_one_schema_and_another_for_another(tmp_path):
    first = schema_source.materialise(shop(), tmp_path)
    again = schema_source.materialise(shop(), tmp_path)
    other = dataclasses.replace(examples.data(), users=None)
    changed = schema_source.materialise(config.Config(name="shop", data=other), tmp_path)

    assert first == again
    assert changed != first
    assert schema_source.load(first) == schemas.from_config(examples.data())
    assert sorted(tmp_path.iterdir()) == sorted([first, changed])


def test_a_curated_schema_comes_by_name_or_by_folder(declared, tmp_path):
    curated = schema_source.PACKAGED / "movielens-100k" / schemas.FILE_NAME
    run = schema_source.materialise(declared("movielens-100k"), tmp_path)

    made = by_name(schema_source.load(run))
    assert by_name(schema_source.load(curated)).items() <= made.items()
    assert made["repeats_allowed"].int_domain.max == 1
    assert (
        schema_source.describe(declared("movielens-100k")) == "schema/movielens-100k/schema.pbtxt"
    )
    assert schema_source.schema_folder(shop()) is None
    assert schema_source.schema_folder(shop(schema=str(tmp_path))) == tmp_path


def test_a_schema_that_does_not_fit_is_refused_with_what_differs(tmp_path):
    schema = schemas.from_config(examples.data())
    schema.feature.pop(0)
    (tmp_path / schemas.FILE_NAME).write_text(text_format.MessageToString(schema))

    with pytest.raises(
        ConfigError, match=r"(?s)does not fit.*data.schema.*context_battery: declared by"
    ):
        schema_source.materialise(shop(schema=str(tmp_path)), tmp_path / "run")


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot read"), ("feature {", "text format")]
)
def test_a_schema_that_cannot_be_read_is_refused(tmp_path: pathlib.Path, content, message):
    if content is not None:
        (tmp_path / schemas.FILE_NAME).write_text(content)

    with pytest.raises(strict.ConfigError, match=message):
        schema_source.materialise(shop(schema=str(tmp_path)), tmp_path / "run")
