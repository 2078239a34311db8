"""Digests of what a model was made of, carried in its folder to tell models of one origin.

Recall and rank answer together only if both were made with the same transform graph, the same
catalogue and the same recall model. This module imports TensorFlow only when it is used: commands
that list releases need none.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Iterable
from typing import Any

from modules import strict

FILE = "assets.extra/lineage.json"
_LENGTH = 16  # hexadecimal digits of SHA-256


class LineageError(ValueError):
    """A model without usable lineage. The message says which file, what is wrong and the remedy."""


@dataclasses.dataclass(frozen=True)
class Lineage:
    """Digests; equal ones mean equal contents.

    Attributes:
      transform: of the files of the transform graph.
      catalogue: of the item vocabulary, in its order.
      recall: of what the recall model was trained with: settings, code and examples.
    """

    transform: str
    catalogue: str
    recall: str


def describe(transform_folder: str, item_ids: Iterable[bytes], training: str) -> Lineage:
    """The lineage of a recall model.

    Args:
      transform_folder: a TransformGraph artifact's folder.
      item_ids: the catalogue, in the vocabulary's order.
      training: a digest of all that the recall model's training depends on.
    """
    return Lineage(
        transform=_digest_of_files(transform_folder),
        catalogue=_digest(item_id + b"\n" for item_id in item_ids),
        recall=_digest([training.encode()]),
    )


def write(model_folder: str, lineage: Lineage) -> None:
    """Puts `assets.extra/lineage.json` into the folder of a SavedModel."""
    gfile = _gfile()
    path = os.path.join(model_folder, FILE)
    gfile.makedirs(os.path.dirname(path))
    with gfile.GFile(path, "w") as file:
        file.write(json.dumps(dataclasses.asdict(lineage), indent=1))


def read(model_folder: str) -> Lineage:
    """Reads what `write` wrote.

    Raises:
      LineageError: the file is missing or cannot be read.
    """
    path = os.path.join(model_folder, FILE)
    content = _content(path)
    if content is None:
        raise LineageError(
            f"{path}: is missing, expected what the model was made of. Train the models again "
            "with `recsys run`."
        )
    try:
        return strict.read(Lineage, json.loads(content))
    except ValueError as error:  # strict.ConfigError is one
        raise LineageError(
            f"{path}: cannot be read as lineage ({error}). Train the models again with "
            "`recsys run`."
        ) from None


def check_same(ours: Lineage, theirs: Lineage, subject: str, names: Iterable[str]) -> None:
    """Refuses two lineages that differ.

    Args:
      ours: what is expected.
      theirs: what was found.
      subject: begins the message: which model was found, and beside which.
      names: the digests that must agree.

    Raises:
      LineageError: names the digests that differ.
    """
    wrong = [
        f"{name} {getattr(theirs, name)} instead of {getattr(ours, name)}"
        for name in names
        if getattr(theirs, name) != getattr(ours, name)
    ]
    if wrong:
        raise LineageError(
            f"{subject}: its lineage has {', '.join(wrong)}. Run `recsys run`, which trains both."
        )


def _digest_of_files(folder: str) -> str:
    """Of all files below a folder, by path and content."""
    gfile, parts = _gfile(), []
    paths = [
        os.path.join(parent, name) for parent, _, names in gfile.walk(folder) for name in names
    ]
    for path in sorted(paths):
        with gfile.GFile(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        parts.append(f"{os.path.relpath(path, folder)} {content}\n".encode())
    return _digest(parts)


def _digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(part)
    return found.hexdigest()[:_LENGTH]


def _content(path: str) -> bytes | None:
    """Of a file, None if there is none. A local one is read without TensorFlow."""
    if "://" not in path:
        local = pathlib.Path(path)
        return local.read_bytes() if local.is_file() else None
    gfile = _gfile()
    if not gfile.exists(path):
        return None
    with gfile.GFile(path, "rb") as file:
        return bytes(file.read())


def _gfile() -> Any:
    import tensorflow as tf

    return tf.io.gfile
