"""TFDV schema of the raw examples: made from the columns or curated in schema/<name>/schema.pbtxt.

Every feature is read as ragged (`represent_variable_length_as_ragged`), for the rows of sequences
and of the catalogue share one schema and hold different features: each feature says in which
environment it is expected.
"""

from __future__ import annotations

from tensorflow_metadata.proto.v0 import schema_pb2

from modules import config, features

SEQUENCE = "SEQUENCE"  # environment of the splits train, valid and test
CATALOGUE = "CATALOGUE"  # environment of the split catalogue
ENVIRONMENTS = (SEQUENCE, CATALOGUE)
FILE_NAME = "schema.pbtxt"

LATEST_TIMESTAMP = 2**32  # Unix seconds, year 2106; what lies above is in milliseconds

_OF_COLUMNS = {features.ITEM_TITLE, features.EVENT_WEIGHT}  # by their roles
_TYPES = {"numeric": schema_pb2.FLOAT, "vector": schema_pb2.FLOAT}


def environment_of(split: str) -> str:
    """The environment that a split's examples are validated in."""
    return CATALOGUE if split == features.SPLIT_CATALOGUE else SEQUENCE


def from_config(data: config.Data) -> schema_pb2.Schema:
    """What columns alone say of raw examples: types, counts, finite numbers, plausible times."""
    found = [_single(features.USER_ID, SEQUENCE), _single(features.ITEM_ID, CATALOGUE)]
    found += [_integer(_single(features.WINDOW_START, SEQUENCE), 0, None)]
    found += [_many(features.EVENT_ITEM_ID, SEQUENCE, least=1)]
    for name in (features.SEEN_ITEM_ID, features.TARGET_ITEM_ID, features.EARLIER_ITEM_ID):
        found.append(_many(name, SEQUENCE, least=0))
    found += [_integer(_single(features.REPEATS_ALLOWED, SEQUENCE), 0, 1)]
    for name in features.EARLIER_NUMBERS:
        found.append(_integer(_many(name, SEQUENCE, least=0), None, None))
    found += [_integer(_many(features.EVENT_TIMESTAMP, SEQUENCE, least=1), 0, LATEST_TIMESTAMP)]
    if data.items and data.items.column_with("title"):
        found.append(_single(features.ITEM_TITLE, CATALOGUE))
    found += [_of(feature) for feature in features.all_features(data)]
    if weight := features.event_weight(data):
        found.append(_of(weight))
        found[-1].float_domain.min = 0
    return schema_pb2.Schema(
        feature=sorted(found, key=lambda feature: feature.name),
        dataset_constraints=schema_pb2.DatasetConstraints(min_examples_count=1),
        default_environment=ENVIRONMENTS,
        represent_variable_length_as_ragged=True,
    )


def complete(schema: schema_pb2.Schema, data: config.Data) -> bool:
    """Adds what examples hold of themselves and no column declares, where a curated one lacks it.

    Returns:
      Whether something was added.
    """
    declared = {feature.name for feature in features.all_features(data)}
    known = _by_name(schema)
    missing = [
        feature
        for feature in from_config(data).feature
        if feature.name not in known and feature.name not in declared | _OF_COLUMNS
    ]
    schema.feature.extend(missing)
    return bool(missing)


def differences(schema: schema_pb2.Schema, data: config.Data) -> list[str]:
    """Where a curated schema differs from the columns: features, types, counts, environments."""
    declared, curated = _by_name(from_config(data)), _by_name(schema)
    lines = [
        f"{name}: declared by the columns, missing in the schema"
        for name in sorted(declared.keys() - curated)
    ]
    lines += [
        f"{name}: in the schema, declared by no column"
        for name in sorted(curated.keys() - declared)
    ]
    for name in sorted(declared.keys() & curated):
        ours, theirs = _shape(declared[name]), _shape(curated[name])
        lines += [
            f"{name}: {key} is {theirs[key]} in the schema, {ours[key]} by the columns"
            for key in ours
            if ours[key] != theirs[key]
        ]
    lines += [
        f"{feature.name}: disallow_nan is true in the schema, but feedback that is missing stays "
        "NaN; remove the line disallow_nan from its float_domain"
        for feature in filled_feedback(schema, data)
    ]
    if not schema.represent_variable_length_as_ragged:
        lines.append(
            "represent_variable_length_as_ragged: has to be true, Transform reads ragged features"
        )
    return lines


def filled_feedback(schema: schema_pb2.Schema, data: config.Data) -> list[features.Feature]:
    """Feedback without gaps by the schema, as in earlier raw examples, which had the default there.

    Only numbers: a schema does not tell whether missing texts were filled.
    """
    found = _by_name(schema)
    return [
        feature
        for feature in features.event_features(data)
        if feature.stays_unknown
        and feature.name in found
        and found[feature.name].float_domain.disallow_nan
    ]


def _of(feature: features.Feature) -> schema_pb2.Feature:
    """The schema of a declared feature."""
    rows = CATALOGUE if feature.table == "item" else SEQUENCE
    if feature.is_sequence:
        result = _many(feature.name, rows, least=1)
    elif feature.kind == "multi_categorical":
        result = _many(feature.name, rows, least=0)
    else:
        result = _single(feature.name, rows, feature.spec.dimension or 1)
    result.type = _TYPES.get(feature.kind, schema_pb2.BYTES)
    if result.type == schema_pb2.FLOAT:
        result.float_domain.disallow_inf = True
        result.float_domain.disallow_nan = not feature.stays_unknown
    return result


def _single(name: str, rows: str, count: int = 1) -> schema_pb2.Feature:
    """A feature with exactly `count` values in every row of its environment."""
    result = _many(name, rows, least=count)
    result.value_count.max = count
    return result


def _many(name: str, rows: str, least: int) -> schema_pb2.Feature:
    """A feature with `least` or more values per row of its environment; with 0 it may be absent."""
    others = [environment for environment in ENVIRONMENTS if environment != rows]
    result = schema_pb2.Feature(name=name, type=schema_pb2.BYTES, not_in_environment=others)
    result.value_count.min = least
    if least:
        result.presence.min_fraction = 1.0
        result.presence.min_count = 1
    return result


def _integer(
    feature: schema_pb2.Feature, least: int | None, most: int | None
) -> schema_pb2.Feature:
    feature.type = schema_pb2.INT
    if least is not None:
        feature.int_domain.min = least
    if most is not None:
        feature.int_domain.max = most
    return feature


def _by_name(schema: schema_pb2.Schema) -> dict[str, schema_pb2.Feature]:
    return {feature.name: feature for feature in schema.feature}


def _shape(feature: schema_pb2.Feature) -> dict[str, object]:
    return {
        "type": schema_pb2.FeatureType.Name(feature.type),
        "value_count": (feature.value_count.min, feature.value_count.max or "any"),
        "required": feature.presence.min_fraction == 1.0,
        "environment": [e for e in ENVIRONMENTS if e not in feature.not_in_environment],
    }
