"""Makes the models of a release for a new catalogue: other tables, the same graphs and weights."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt

from modules import config, features, item_tables, lineage
from modules.index import export
from pipeline.refresh import sources, tables


@dataclasses.dataclass(frozen=True)
class Made:
    """What was made, without an index.

    Attributes:
      trained: folder of the recall model, as the Trainer exports it.
      rank: folder of the rank model, if there is one.
      known: the items.
      vocabulary: ids of training, which number the statistics.
    """

    trained: pathlib.Path
    rank: pathlib.Path | None
    known: tables.Known
    vocabulary: Sequence[bytes]


def make(
    work: pathlib.Path,
    given: sources.Sources,
    rows: Sequence[Mapping[str, Any]],
    data: config.Data,
) -> Made:
    """Makes both models in the folder `work`.

    Args:
      work: to write into.
      given: what the release was made of.
      rows: of the catalogue, as ExampleGen makes them.
      data: the declared columns.

    Raises:
      item_tables.TablesError: models of an earlier version.
    """
    graph = work / "transform_graph"
    shutil.copytree(given.transform_graph, graph)
    trained_with = list(
        tft.TFTransformOutput(str(given.transform_graph)).vocabulary_by_name(
            features.ITEM_VOCABULARY
        )
    )
    ids = {row[features.ITEM_ID][0].encode() for row in rows}
    new = sorted(ids - set(trained_with))
    vocabulary = [*trained_with, *new]
    item_tables.write_vocabulary(graph / "transform_fn", vocabulary)
    transform = tft.TFTransformOutput(str(graph))
    known = tables.known(rows, transform, data, len(new))
    base = lineage.read(str(given.trained))
    made_of = dataclasses.replace(lineage.describe(str(graph), vocabulary, ""), recall=base.recall)
    trained = _grown_recall(given.trained, work / "trained", known, vocabulary)
    lineage.write(str(trained), made_of)
    rank = None
    if given.rank is not None:
        rank = work / "rank"
        vectors = _vectors(given, work, known, vocabulary, trained)
        shutil.copytree(given.rank, rank)
        model = item_tables.Tables(rank)
        values = known.of_rank(model, str(given.rank), vectors)
        item_tables.write_vocabulary(rank, vocabulary)
        model.grow(known.new, values)
        lineage.write(str(rank), made_of)
    return Made(trained, rank, known, trained_with)


def _grown_recall(
    source: pathlib.Path,
    target: pathlib.Path,
    known: tables.Known,
    vocabulary: Sequence[bytes],
) -> pathlib.Path:
    shutil.copytree(source, target)
    model = item_tables.Tables(target)
    values = known.of_recall(model)
    item_tables.write_vocabulary(target, vocabulary)
    model.grow(known.new, values)
    return target


def _vectors(
    given: sources.Sources,
    work: pathlib.Path,
    known: tables.Known,
    vocabulary: Sequence[bytes],
    trained: pathlib.Path,
) -> npt.NDArray[np.float32]:
    """float32 [n, any]: the items' vectors of the recall model that the rank model learnt with."""
    folder = trained
    if given.vectors_of is not None and given.vectors_of != given.trained:
        folder = _grown_recall(given.vectors_of, work / "hold_out", known, vocabulary)
    ids, vectors = export.candidates(tf.saved_model.load(str(folder)))
    assert ids == list(known.ids)
    return vectors
