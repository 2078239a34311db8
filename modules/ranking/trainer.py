"""Training of the rank model, from the examples of `Candidates` to a calibrated model."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt

from modules import features, graphs, repeats, strict, warm_start
from modules.ranking import calibration, input_data, request_graph, statistic_features, validation
from modules.ranking import examples as candidate_examples
from modules.ranking import lists as lists_lib
from modules.ranking import model as model_lib
from modules.ranking import statistics as statistics_lib
from modules.recall import callbacks, item_tower, loop
from modules.recall import input_data as recall_data
from modules.recall import trainer as recall_trainer

SECTIONS = ("data", "features", "index", "ranking")
FINAL = -1  # the part of requests asked of the final recall model
_VALIDATION_REQUESTS = 64  # of a batch
_CENTRE_REQUESTS = 2048  # whose mean is an average request


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What training reads before it starts."""

    settings: model_lib.Settings
    train: lists_lib.Lists
    valid: lists_lib.Lists
    known: model_lib.Known
    graph: request_graph.RequestGraph
    statistics: statistic_features.StatisticFeatures  # of serving


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training gives, and export takes."""

    model: model_lib.RankModel
    centres: Mapping[str, npt.NDArray[np.float32]]  # mean of each group's part, float32 [width]
    graph: request_graph.RequestGraph
    statistics: statistic_features.StatisticFeatures
    calibration: calibration.Calibration
    history: Sequence[callbacks.Epoch]
    sample: lists_lib.Inputs
    places: npt.NDArray[np.float64]  # of the validation requests' targets, see Validation.places


class Trainer(loop.Trainer):
    """As of recall, on lists of candidates."""

    remedy = "Lower ranking.training.learning_rate."

    @property
    def tables(self) -> Sequence[tf.Variable]:
        return []  # its item vectors are not learnt

    def rows(self, batch: loop.Batch) -> Sequence[tf.Tensor]:
        del batch
        return []

    def targets(self, batch: loop.Batch) -> tf.Tensor:
        return tf.size(batch[model_lib.TARGETS])


def read_settings(config: str | Mapping[str, Any]) -> model_lib.Settings:
    """The configuration's sections, from JSON or plain dictionaries; other sections are ignored."""
    plain = json.loads(config) if isinstance(config, str) else config
    return strict.read(
        model_lib.Settings, {name: plain[name] for name in SECTIONS if name in plain}
    )


def train(
    *,
    settings: model_lib.Settings,
    transform: tft.TFTransformOutput,
    train_files: Sequence[str],
    valid_files: Sequence[str],
    catalogue_files: Sequence[str],
    vectors: Mapping[bytes, npt.NDArray[np.float32]],
    statistics: Mapping[int, statistics_lib.Statistics],
    checkpoint_folder: str,
    watchers: Sequence[callbacks.Callback] = (),
    base: str | None = None,
) -> Trained:
    """Trains a model, ending with its best weights, and calibrates it on the validation requests.

    Args:
      settings: the configuration.
      transform: the graph that serving uses.
      train_files: patterns of the examples of `Candidates` to learn from.
      valid_files: patterns of those to validate on.
      catalogue_files: patterns of the transformed catalogue.
      vectors: of the items by id, of a recall model that has not seen the training requests.
      statistics: by part of the training requests; and FINAL, for validation and serving.
      checkpoint_folder: holds the state after each epoch; a training that finds one goes on from
          there.
      watchers: told of each batch and epoch.
      base: folder of the SavedModel with whose weights it begins, see modules/warm_start.py; None
          for new ones.
    """
    training = settings.ranking.training
    if base:
        training = warm_start.settings(training)
    settings = dataclasses.replace(settings, data=repeats.resolve(settings.data, valid_files))
    tf.keras.utils.set_random_seed(training.seed)
    data = prepare(
        settings=settings,
        transform=transform,
        train_files=train_files,
        valid_files=valid_files,
        catalogue_files=catalogue_files,
        vectors=vectors,
        statistics=statistics,
    )
    model = model_lib.RankModel(settings, data.known)
    model.adapt(data.train.spread(input_data.SPREAD))
    batches: Callable[[int], tf.data.Dataset] = lambda epoch: training_batches(
        data.train, training, epoch
    )
    model.compute_loss(next(iter(batches(0))))  # builds it
    if base:
        tables = warm_start.tables(
            settings.data,
            settings.features.crosses,
            model.crossed_sizes,
            functools.partial(recall_trainer.vocabulary, transform),
        )
        warm_start.start(model.trainable_variables, warm_start.Base(base), tables)
    monitor = training.early_stopping.monitor
    validate = validation.Validation(model, data.valid.batches(_VALIDATION_REQUESTS), monitor)
    shown = "NDCG@10" if monitor == "loss" else monitor
    progress = callbacks.Progress(training.epochs, metrics=[shown], stage="rank", unit="requests")
    history = loop.fit(
        Trainer(model, training, -(-data.train.size // training.batch_requests)),
        batches,
        validate,
        [progress, *watchers],
        checkpoint_folder,
    )
    return Trained(
        model,
        centres(model, data.train),
        data.graph,
        data.statistics,
        validate.calibration(),
        history,
        data.valid.sample,
        validate.places(),
    )


def prepare(
    *,
    settings: model_lib.Settings,
    transform: tft.TFTransformOutput,
    train_files: Sequence[str],
    valid_files: Sequence[str],
    catalogue_files: Sequence[str],
    vectors: Mapping[bytes, npt.NDArray[np.float32]],
    statistics: Mapping[int, statistics_lib.Statistics],
) -> Prepared:
    """Reads all that a model learns from; the arguments are those of `train`."""
    sizes = recall_trainer.vocabulary_sizes(settings.data, transform)
    graph = request_graph.RequestGraph(
        settings.data,
        graphs.TransformGraph(transform),
        max_history=settings.features.max_history,
        history=settings.ranking.model.history,
        longest_list=settings.index.places,
        sizes=sizes,
    )
    made = {
        part: statistic_features.StatisticFeatures(
            found,
            settings.ranking.statistics,
            has_times=not settings.data.events.is_timeless,
        )
        for part, found in statistics.items()
    }
    lists, held_out = _read(settings, graph, made, train_files, valid_files)
    catalogue = _catalogue(settings, transform, catalogue_files, sizes)
    names = made[FINAL].names if settings.ranking.model.statistics else ()
    known = model_lib.Known(
        catalogue,
        rows_of(vectors, catalogue.ids),
        sizes,
        input_data.boundaries(lists, settings, catalogue),
        names,
    )
    return Prepared(settings, lists, held_out, known, graph, made[FINAL])


def training_batches(lists: lists_lib.Lists, settings: Any, epoch: int) -> tf.data.Dataset:
    """One epoch, its order from (seed, epoch) alone, so that a resumed training keeps to it."""
    order = np.random.default_rng([settings.seed, epoch]).permutation(lists.size)
    return lists.batches(settings.batch_requests, order)


def centres(
    model: model_lib.RankModel, lists: lists_lib.Lists
) -> dict[str, npt.NDArray[np.float32]]:
    """The mean of each group's part over candidates of training requests, float32 [width]."""
    totals: dict[str, Any] = dict.fromkeys(model.groups, 0.0)
    summed, number = graphs.function(model.summed_parts), 0.0
    for batch in lists.batches(_VALIDATION_REQUESTS, np.arange(min(lists.size, _CENTRE_REQUESTS))):
        sums, candidates = summed(batch)
        number += float(candidates)
        totals = {group: total + sums[group].numpy() for group, total in totals.items()}
    return {group: (total / number).astype(np.float32) for group, total in totals.items()}


def rows_of(
    vectors: Mapping[bytes, npt.NDArray[np.float32]], ids: Sequence[bytes]
) -> npt.NDArray[np.float32]:
    """Vectors by row of the catalogue, float32 [N+2, dim]; zeros for padding and unknown items."""
    missing = [i for i in ids if i not in vectors]
    if missing:
        raise ValueError(
            f"The recall model has to know the catalogue's items, {len(missing)} are missing, "
            f"first {missing[0]!r}. Train recall and rank in one run."
        )
    found = np.stack([vectors[i] for i in ids]).astype(np.float32)
    return np.pad(found, [(1, 1), (0, 0)])


def _read(
    settings: model_lib.Settings,
    graph: request_graph.RequestGraph,
    made: Mapping[int, statistic_features.StatisticFeatures],
    train_files: Sequence[str],
    valid_files: Sequence[str],
) -> tuple[lists_lib.Lists, lists_lib.Lists]:
    """(training lists, validation lists)."""
    request = graphs.function(graph, input_signature=[request_graph.input_specs(settings.data)])
    add: dict[int, Callable[[Mapping[str, tf.Tensor]], Mapping[str, tf.Tensor]]] = {}
    for part, found in made.items():
        used = found if settings.ranking.model.statistics else None
        add[part] = graphs.function(
            lambda batch, used=used: request_graph.with_statistics(batch, used),
            reduce_retracing=True,
        )
    train = (e for e in candidate_examples.read(train_files) if input_data.learnable(e, settings))
    lists = input_data.read(
        train, features.SPLIT_TRAIN, settings, lambda part, inputs: add[part](request(inputs))
    )
    held_out = input_data.read(
        candidate_examples.read(valid_files),
        features.SPLIT_VALID,
        settings,
        lambda _, inputs: add[FINAL](request(inputs)),
    )
    return lists, held_out


def _catalogue(
    settings: model_lib.Settings,
    transform: tft.TFTransformOutput,
    files: Sequence[str],
    sizes: Mapping[str, int],
) -> item_tower.Catalogue:
    ids = recall_trainer.vocabulary(transform, features.ITEM_VOCABULARY)
    return recall_data.read_catalogue(
        files,
        transform.transformed_feature_spec(),
        features.item_features(settings.data),
        sizes,
        ids,
        np.zeros(len(ids) + 2, np.int64),
    )
