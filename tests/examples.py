"""Raw examples made by hand, for tests of what comes after ExampleGen."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from modules import config, features, strict
from modules.beam import summary

Row = Mapping[str, Any]


def data() -> config.Data:
    """A data set with every kind of feature in every table that may have it."""
    return strict.read(
        config.Data,
        {
            "events": {
                "path": "events.csv",
                "format": "csv",
                "columns": {
                    "user_id": "user_id",
                    "item_id": "item_id",
                    "timestamp": "timestamp",
                    "action": "action_type",
                    "worth": "weight",
                    "rating": {"kind": "numeric", "default": 3},
                    "device": {
                        "role": "context",
                        "kind": "categorical",
                        "default": "web",
                        "missing": ["NA"],
                    },
                    "battery": {"role": "context", "kind": "numeric"},
                },
            },
            "users": {
                "path": "users.csv",
                "format": "csv",
                "columns": {
                    "user_id": "user_id",
                    "age": {"kind": "numeric", "default": 30},
                    "gender": "categorical",
                    "hobbies": "multi_categorical",
                    "taste": {"kind": "vector", "dimension": 2},
                },
            },
            "items": {
                "path": "items.csv",
                "format": "csv",
                "columns": {
                    "item_id": "item_id",
                    "name": "title",
                    "price": "numeric",
                    "brand": "categorical",
                    "tags": {"kind": "multi_categorical", "default": "none"},
                    "image": {"kind": "vector", "dimension": 3},
                },
            },
        },
    )


def timeless() -> config.Data:
    """The same without times."""
    plain = strict.to_plain(data())
    plain["events"]["columns"]["timestamp"] = {"from": "file_order"}
    return strict.read(config.Data, plain)


def sequence(items: Sequence[str], timestamps: Sequence[int], **others: Any) -> dict[str, Any]:
    """A window of one user; `others` replaces or adds features by name."""
    number = len(items)
    row = {
        "user_id": "u",
        "user_age": 20.0,
        "user_gender": "F",
        "user_hobbies": ["chess"],
        "user_taste": [0.5, -0.5],
        "event_item_id": list(items),
        "event_timestamp": list(timestamps),
        "event_action_type": ["click"] * number,
        "event_rating": [4.0] * number,
        "event_weight": [1.0] * number,
        "context_device": ["app"] * number,
        "context_battery": [50.0] * number,
        "window_start": 0,
        "seen_item_id": sorted(set(items)),
        "repeats_allowed": 0,
    }
    return {**row, **others}


def item(item_id: str, **others: Any) -> dict[str, Any]:
    """A row of the catalogue; `others` replaces or adds features by name."""
    row = {
        "item_id": item_id,
        "item_title": f"Item {item_id}",
        "item_price": 1.0,
        "item_brand": "acme",
        "item_tags": ["new"],
        "item_image": [1.0, 2.0, 3.0],
    }
    return {**row, **others}


def serialize(row: Row) -> bytes:
    """A tf.Example of the row: text as bytes, integers as int64, others as float, None left out."""
    example = tf.train.Example()
    for name, value in row.items():
        if value is None:
            continue
        listed = value if isinstance(value, list) else [value]
        values = [v.encode() if isinstance(v, str) else v for v in listed]
        feature = example.features.feature[name]
        if not values:
            feature.SetInParent()
        elif isinstance(values[0], bytes):
            feature.bytes_list.value.extend(values)
        elif isinstance(values[0], int):
            feature.int64_list.value.extend(values)
        else:
            feature.float_list.value.extend(values)
    return example.SerializeToString()


def write(folder: str | pathlib.Path, splits: Mapping[str, Iterable[Row]]) -> None:
    """Writes an Examples artifact's files, one compressed TFRecord a split."""
    for split, rows in splits.items():
        target = pathlib.Path(folder) / f"Split-{split}" / "data_tfrecord-00000-of-00001.gz"
        target.parent.mkdir(parents=True)
        with tf.io.TFRecordWriter(str(target), options="GZIP") as writer:
            for row in rows:
                writer.write(serialize(row))


def write_counted(folder: str | pathlib.Path, splits: Mapping[str, Sequence[Row]]) -> None:
    """The same, and beside them how many items there are."""
    write(folder, splits)
    counts = {"items": len(splits.get(features.SPLIT_CATALOGUE, ()))}
    (pathlib.Path(folder) / summary.FILE_NAME).write_text(json.dumps(counts))
