"""The user code of TFX's Trainer for the recall model."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
from numpy import typing as npt
from tfx import v1 as tfx

from modules import config, features, lineage, repeats, strict, warm_start
from modules.recall import callbacks, export, initial_vectors, input_data, loop, training_events
from modules.recall import model as model_lib

SECTIONS = ("data", "features", "model", "training")
_VALIDATION_POSITIONS = 16_384  # of a batch
_VALIDATION_SCORES = 2**25  # of a batch: its sequences times the catalogue's items
_EPOCH_SCORES = 2**31  # of a whole validation, where the configuration does not say how many
_EPOCH_REQUESTS = 1_000, 50_000
_MOST_LOGITS = 2**29  # 2 GiB, several times a step: what scoring all items may take


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Trains on splits `train` and `catalogue`, validates on the rest and exports the best model.

    `fn_args.custom_config` holds `config` (the sections of SECTIONS), `checkpoint_root` (a folder)
    and `source_digest`; training goes on from a checkpoint of the same configuration, code and
    examples. The checkpoints go once the model is exported. With `fn_args.base_model` it begins
    with that model's weights, see modules/warm_start.py.
    """
    custom, base = fn_args.custom_config, fn_args.base_model
    settings = read_settings(custom["config"])
    if base:
        training = warm_start.settings(settings.training)
        settings = dataclasses.replace(settings, training=training)
    transform = tft.TFTransformOutput(fn_args.transform_output)
    train_files, catalogue_files = split(fn_args.train_files)
    settings = dataclasses.replace(settings, data=repeats.resolve(settings.data, train_files))
    digest = _digest(custom, train_files + catalogue_files + list(fn_args.eval_files), base)
    checkpoints = os.path.join(custom["checkpoint_root"], digest)
    model, history = train(
        settings=settings,
        transform=transform,
        train_files=train_files,
        catalogue_files=catalogue_files,
        valid_files=fn_args.eval_files,
        checkpoint_folder=checkpoints,
        watchers=[callbacks.TensorBoard(fn_args.model_run_dir)],
        base=base,
    )
    tf.io.gfile.makedirs(fn_args.model_run_dir)
    callbacks.write_history(os.path.join(fn_args.model_run_dir, "history.json"), history)
    callbacks.write_parameters(
        os.path.join(fn_args.model_run_dir, callbacks.PARAMETERS_FILE), model.trainable_variables
    )
    ids = vocabulary(transform, features.ITEM_VOCABULARY)
    made_of = lineage.describe(fn_args.transform_output, ids, digest)
    export.save(model, transform, ids, fn_args.serving_model_dir, made_of)
    tf.io.gfile.rmtree(checkpoints)


def read_settings(sections: str | Mapping[str, Any]) -> model_lib.Settings:
    """The configuration's sections, from JSON or plain dictionaries; other sections are ignored."""
    plain = json.loads(sections) if isinstance(sections, str) else sections
    return strict.read(
        model_lib.Settings, {name: plain[name] for name in SECTIONS if name in plain}
    )


def train(
    *,
    settings: model_lib.Settings,
    transform: tft.TFTransformOutput,
    train_files: Sequence[str],
    catalogue_files: Sequence[str],
    valid_files: Sequence[str],
    checkpoint_folder: str,
    watchers: Sequence[callbacks.Callback] = (),
    base: str | None = None,
) -> tuple[model_lib.RecallModel, list[callbacks.Epoch]]:
    """Trains on transformed examples; returns the model with weights to export, and its history.

    `base`: folder of the SavedModel with whose weights it begins; None for new ones.
    """
    training = settings.training
    tf.keras.utils.set_random_seed(training.seed)
    spec = transform.transformed_feature_spec()
    layout = input_data.Layout.of(settings.data, settings.features.max_history)
    ids = vocabulary(transform, features.ITEM_VOCABULARY)
    unknown = len(ids) + 1
    _check_size(training, len(ids))
    examples = input_data.sequences(
        train_files,
        spec,
        layout,
        unknown,
        only_last=False,
        event_weights=features.event_weight(settings.data) is not None,
        action_weights=action_weights(settings, transform),
        repeat_weight=training.repeat_weight if settings.data.allows_repeats else 1.0,
    )
    examples = examples.cache() if training.cache else examples
    most, remarks = validation_requests(training, len(ids)), []
    stride, found = input_data.every(valid_files, most)
    held_out = input_data.sequences(
        valid_files, spec, layout, unknown, only_last=True, stride=stride
    )
    if stride > 1:
        remarks.append(f"each epoch is validated on {-(-found // stride):,} of {found:,} requests")
    summary = input_data.summarise(examples, layout, training.batch_positions, len(ids) + 2)
    if not summary.counts.any():
        raise ValueError(
            "Training needs at least one event of a known item with a weight above 0, the split "
            "train has none; check the split's cut-off times, data.unknown_item and weights."
        )
    if training.shuffle_ties is None:
        ties = training_events.Ties.of(summary.events)
        training = dataclasses.replace(training, shuffle_ties=ties.say_nothing)
        remarks.append(f"{ties}: {'shuffled in each epoch' if ties.say_nothing else 'kept so'}")
    sizes = vocabulary_sizes(settings.data, transform)
    catalogue = input_data.read_catalogue(
        catalogue_files, spec, features.item_features(settings.data), sizes, ids, summary.counts
    )
    model = model_lib.RecallModel(settings, catalogue, sizes)
    batches: Callable[[int], tf.data.Dataset] = lambda epoch: input_data.training_batches(
        examples, layout, training, epoch
    )
    model.compute_loss(next(iter(batches(0))))  # builds it
    if base:
        values: warm_start.Values = functools.partial(vocabulary, transform)
        tables = warm_start.tables(settings.data, (), sizes, values)
        warm_start.start(model.trainable_variables, warm_start.Base(base), tables)
        remarks.append("goes on from the model of the release in force")
    elif initial_vectors.are_wanted(training.initial_vectors, summary.events):
        model.item_tower.start_from(
            initial_vectors.of(summary.events, len(ids), settings.model.dim)
        )
        remarks.append("item embeddings start from co-occurrence")
    monitor = training.early_stopping.monitor
    validation = input_data.batches(
        held_out, layout, _VALIDATION_POSITIONS, most=max(1, _VALIDATION_SCORES // len(ids))
    )
    validate = loop.Validation(model, validation, monitor)
    shown = "NDCG@10" if monitor == "loss" else monitor
    history = loop.fit(
        loop.Trainer(model, training, summary.steps),
        batches,
        validate,
        [callbacks.Progress(training.epochs, metrics=[shown], remarks=remarks), *watchers],
        checkpoint_folder,
    )
    return model, history


def validation_requests(training: config.Training, items: int) -> int:
    """How many requests an epoch is validated on, at most."""
    fewest, most = _EPOCH_REQUESTS
    return training.validation_requests or min(most, max(fewest, _EPOCH_SCORES // items))


def _check_size(training: config.Training, items: int) -> None:
    """Refuses a softmax over all items that no memory holds."""
    most = _MOST_LOGITS // training.batch_positions
    if training.candidates == "catalogue" and items > most:
        raise strict.ConfigError(
            f"training.candidates: found catalogue, which scores each of "
            f"{training.batch_positions:,} positions against {items:,} items; expected at most "
            f"{most:,} items. Use candidates: distinct, or a smaller training.batch_positions."
        )


def vocabulary(transform: tft.TFTransformOutput, name: str) -> list[bytes]:
    """The values of a vocabulary, in its order."""
    return list(transform.vocabulary_by_name(name))


def vocabulary_sizes(data: config.Data, transform: tft.TFTransformOutput) -> dict[str, int]:
    """For each categorical feature the number of its ids, one for unknown values included."""
    return {
        f.name: transform.vocabulary_size_by_name(f.vocabulary) + 1
        for f in features.all_features(data)
        if f.kind in ("categorical", "multi_categorical")
    }


def split(patterns: Sequence[str]) -> tuple[list[str], list[str]]:
    """(files of the sequences, files of the catalogue), told apart by the folder of their split."""
    folder = f"Split-{features.SPLIT_CATALOGUE}"
    catalogue = [p for p in patterns if os.path.basename(os.path.dirname(p)) == folder]
    return [p for p in patterns if p not in catalogue], catalogue


def action_weights(
    settings: model_lib.Settings, transform: tft.TFTransformOutput
) -> npt.NDArray[np.float32] | None:
    """Target weights by transformed action type, float [actions + 1]; 1 where none is declared."""
    declared = settings.training.action_weights
    if not declared:
        return None
    spec = next(
        f for f in features.event_features(settings.data) if f.name == features.EVENT_ACTION_TYPE
    )
    actions = [a.decode() for a in vocabulary(transform, spec.vocabulary)]
    for action in declared:
        if action not in actions:
            raise strict.ConfigError(
                f"training.action_weights.{action}: no event has this action type."
                + strict.nearest(action, actions)
            )
    return np.array([declared.get(a, 1.0) for a in actions] + [1.0], np.float32)


def _digest(custom: Mapping[str, Any], patterns: Sequence[str], base: str | None) -> str:
    """Digests what training depends on: configuration, code, input files by path, size and time."""
    known = [json.dumps(custom["config"], sort_keys=True), str(custom.get("source_digest", ""))]
    known += [base] if base else []
    for path in sorted(p for pattern in patterns for p in tf.io.gfile.glob(pattern)):
        stat = tf.io.gfile.stat(path)
        known.append(f"{path} {stat.length} {stat.mtime_nsec}")
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16]
