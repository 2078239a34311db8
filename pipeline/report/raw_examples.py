"""The raw examples of a run as the sections show them: histories of requests, titles of items."""

from __future__ import annotations

import pathlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from modules import features
from pipeline.report import sources, text

RawExample = Mapping[str, Sequence[Any]]
Key = tuple[str, int, str]  # of a request: user, Unix seconds, held-out item


def histories(source: sources.Artifacts, wanted: Collection[Key]) -> dict[Key, RawExample]:
    """The examples of test requests."""
    found: dict[Key, RawExample] = {}
    for example in _examples(source, features.SPLIT_TEST):
        user, target = example[features.USER_ID][0], example[features.EVENT_ITEM_ID][-1]
        key = decoded(user), example[features.EVENT_TIMESTAMP][-1], decoded(target)
        if key in wanted:
            found[key] = example
        if len(found) == len(wanted):
            break
    return found


def titles(source: sources.Artifacts, items: Collection[str]) -> dict[str, str]:
    """Titles of the items, where the catalogue has titles."""
    found: dict[str, str] = {}
    for example in _examples(source, features.SPLIT_CATALOGUE):
        item = decoded(example[features.ITEM_ID][0])
        if item in items:
            found[item] = shown(example.get(features.ITEM_TITLE, []))
        if len(found) == len(items):
            break
    return found


def title(item: str, known: Mapping[str, str]) -> str:
    """`Fargo (1996) (100)`, or `item 100` without a title."""
    return f"{known[item]} ({item})" if known.get(item) else f"item {item}"


def shown(values: Sequence[Any]) -> str:
    """A feature's values as a text: `34`, `Comedy Drama`; a hyphen for none."""
    found = [
        decoded(v) if isinstance(v, (bytes, str)) else text.compact(v) for v in values if v == v
    ]
    return " ".join(v for v in found if v) or "-"


def decoded(value: bytes | str) -> str:
    """The value as text; bytes that are no UTF-8 are replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _examples(source: sources.Artifacts, split: str) -> Iterator[RawExample]:
    """The parsed examples of one split."""
    import tensorflow as tf  # takes seconds to import

    from modules import requests

    folder: pathlib.Path = source.artifact(sources.EXAMPLE_GEN, "examples").path / f"Split-{split}"
    files = sorted(str(f) for f in folder.glob("*.gz"))
    for serialized in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        yield requests.read_raw_example(serialized)
