"""Both stages' training loop: compiled steps, validation each epoch, early stopping, checkpoints.

`Validation` is recall's; the ranker has its own.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from numpy import typing as npt

from modules import features, graphs
from modules.recall import callbacks, evaluation, input_data, schedule
from modules.recall import model as model_lib

DEPTHS = (10, 50, 200)
_HISTORY_FILE = "history.json"

Batch = Mapping[str, tf.Tensor]


class Validation:
    """Ranks the whole catalogue for the targets of each validation sequence.

    Where repeats are excluded, what the user has seen is left out; where they are allowed, nothing
    is, as in the lists that are served: own items that are in them by right stand behind the best.
    The loss is that of the last event, which is the first target.
    """

    def __init__(self, model: model_lib.RecallModel, batches: tf.data.Dataset, monitor: str):
        self._model, self._batches = model, list(batches)
        self._names = evaluation.names(DEPTHS, *([monitor] if monitor != "loss" else []))
        self._vectors = graphs.function(lambda: model.candidates(model.all_items()))
        self._scored = graphs.function(
            self._score,
            input_signature=[
                batches.element_spec,
                tf.TensorSpec([model.items, model.settings.model.dim]),
            ],
        )

    def _score(self, batch: input_data.Batch, vectors: tf.Tensor) -> tuple[tf.Tensor, ...]:
        """`vectors`: float [items, dim]; returns what `__call__` needs of each sequence."""
        items = batch[input_data.ITEMS]
        last = tf.reduce_sum(tf.cast(items != features.PADDING_ID, tf.int32), axis=1) - 1
        queries = self._model.last_queries(batch)
        scores = tf.matmul(queries, vectors, transpose_b=True)
        excluded = (
            tf.zeros_like(scores, tf.bool)
            if self._model.settings.data.allows_repeats
            else self._model.seen(batch, self._model.all_items())
        )
        targets = batch[input_data.TARGETS]
        known = (targets != features.PADDING_ID) & (targets <= self._model.items)
        return (
            scores,
            tf.where(known, targets - 1, -1),
            excluded,
            tf.gather(batch[input_data.TARGET_WEIGHT], last, batch_dims=1),
            self._model.target_losses(
                queries,
                tf.gather(items, last, batch_dims=1),
                tf.stack([tf.range(tf.shape(items)[0]), last], axis=1),
                batch,
            ),
        )

    def __call__(self) -> tuple[float, dict[str, float]]:
        """(mean loss, metrics), over the sequences with a target that is in the catalogue."""
        places, values, vectors = [], [], self._vectors()
        for batch in self._batches:
            scores, targets, excluded, weights, loss = (
                t.numpy() for t in self._scored(batch, vectors)
            )
            known = (targets >= 0).any(axis=1)
            places.append(evaluation.ranks(scores[known], targets[known], excluded[known]))
            values.append(loss[weights > 0])
        if not sum(map(len, places)):
            return float("nan"), {name: float("nan") for name in self._names}
        found = _joined(places)
        metrics = {name: evaluation.metric(name, found) for name in self._names}
        return float(np.mean(np.concatenate(values))), metrics


def _joined(places: Sequence[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Rows of arrays [any, targets], padded with NaN to the widest."""
    widest = max(array.shape[1] for array in places)
    return np.concatenate(
        [
            np.pad(array, [(0, 0), (0, widest - array.shape[1])], constant_values=np.nan)
            for array in places
        ]
    )


class Trainer:
    """What a training consists of, so that a checkpoint can hold all of it.

    Attributes:
      model: the model, which gives the loss of a batch as `tfrs.Model` does.
      settings: how it is trained.
      optimizer: AdamW, or Adam without weight decay.
      stopping: early stopping with the best weights.
      epoch: epochs done.
    """

    # for a loss that is not finite
    remedy = "Lower training.learning_rate, or raise training.temperature."

    def __init__(self, model: Any, settings: schedule.Settings, steps_per_epoch: int):
        self.model, self.settings, self.steps_per_epoch = model, settings, steps_per_epoch
        self.variables = model.trainable_variables
        self.optimizer = schedule.optimizer(
            settings, settings.epochs * steps_per_epoch, self.tables
        )
        self.optimizer.build(self.variables)
        self.stopping = callbacks.EarlyStopping(settings.early_stopping, self.variables)
        self.epoch = tf.Variable(0, trainable=False, dtype=tf.int64)

    def step(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
        """Learns one batch.

        Returns:
          Its loss, the learning rate used, the global norm of the gradients (rows of a table that
          it looks up several times count apart), and the number of targets.
        """
        learning_rate = tf.identity(self.optimizer.learning_rate)
        for table, rows in zip(self.tables, self.rows(batch), strict=True):
            self.optimizer.catch_up(table, rows)
        with tf.GradientTape() as tape:
            loss = self.model.compute_loss(batch, training=True)
        gradients = tape.gradient(loss, self.variables)
        self.optimizer.apply_gradients(zip(gradients, self.variables))
        return loss, learning_rate, tf.linalg.global_norm(gradients), self.targets(batch)

    @property
    def tables(self) -> Sequence[tf.Variable]:
        """The embeddings that may have many rows, of which a batch reads few."""
        return [self.model.item_tower.embedding.embeddings]

    def rows(self, batch: Batch) -> Sequence[tf.Tensor]:
        """Of each table those that the batch reads, int64 [any]; but for random negatives."""
        return [self.model.item_tower.id_rows(tf.reshape(batch[input_data.ITEMS], [-1]))]

    def targets(self, batch: Batch) -> tf.Tensor:
        """How many targets the batch's loss is the mean of; int32."""
        return tf.math.count_nonzero(batch[input_data.TARGET_WEIGHT], dtype=tf.int32)


def fit(
    trainer: Trainer,
    batches: Callable[[int], tf.data.Dataset],
    validate: Callable[[], tuple[float, dict[str, float]]],
    watchers: Sequence[callbacks.Callback],
    checkpoint_folder: str,
) -> list[callbacks.Epoch]:
    """Trains to the last epoch or the early stop, then leaves the model with the weights to export.

    Args:
      trainer: what is trained.
      batches: from the 0-based epoch to its batches.
      validate: called after each epoch; gives the loss and the metrics.
      watchers: told of each batch and epoch.
      checkpoint_folder: holds the state after each epoch; a training that finds one goes on from
          there.

    Returns:
      All epochs, those before a resumption included.
    """
    tf.io.gfile.makedirs(checkpoint_folder)
    history_path = os.path.join(checkpoint_folder, _HISTORY_FILE)
    manager = tf.train.CheckpointManager(_checkpoint(trainer), checkpoint_folder, max_to_keep=1)
    manager.restore_or_initialize()
    history = callbacks.read_history(history_path)[: int(trainer.epoch)]
    step = graphs.function(trainer.step, input_signature=[batches(0).element_spec])
    for watcher in watchers:
        watcher.on_start(int(trainer.epoch), trainer.steps_per_epoch)
    while int(trainer.epoch) < trainer.settings.epochs and not trainer.stopping.stops:
        history.append(_run_epoch(trainer, step, batches(int(trainer.epoch)), validate, watchers))
        callbacks.write_history(history_path, history)
        manager.save()
        for watcher in watchers:
            watcher.on_epoch(history[-1])
    for watcher in watchers:
        watcher.on_end()
    trainer.stopping.restore_best()
    return history


def _run_epoch(
    trainer: Trainer,
    step: Callable[[Batch], tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]],
    batches: tf.data.Dataset,
    validate: Callable[[], tuple[float, dict[str, float]]],
    watchers: Sequence[callbacks.Callback],
) -> callbacks.Epoch:
    started, total, positions, rate = time.monotonic(), 0.0, 0, tf.constant(0.0)
    norms = []
    for batch in batches:
        loss, rate, norm, count = step(batch)
        norms.append(float(norm))
        total += float(loss) * int(count)
        positions += int(count)
        for watcher in watchers:
            watcher.on_batch(float(loss), float(rate), int(count))
    seconds = time.monotonic() - started
    if not np.isfinite(total):
        raise FloatingPointError(
            f"The loss has to be finite, found {total} in epoch "
            f"{int(trainer.epoch) + 1}. {trainer.remedy}"
        )
    trainer.optimizer.catch_up_all()
    validation_loss, metrics = validate()
    trainer.epoch.assign_add(1)
    epoch = callbacks.Epoch(
        epoch=int(trainer.epoch),
        loss=total / max(positions, 1),
        val_loss=validation_loss,
        metrics=metrics,
        learning_rate=float(rate),
        seconds=seconds,
        positions_per_second=positions / seconds,
        gradient_norm=float(np.mean(norms)),
    )
    trainer.stopping.update(epoch)
    return epoch


def _checkpoint(trainer: Trainer) -> tf.train.Checkpoint:
    return tf.train.Checkpoint(
        variables=trainer.variables,
        optimizer=trainer.optimizer,
        stopping=trainer.stopping,
        epoch=trainer.epoch,
    )
